//! A disk in memory that fills up, fails, and forgets what was not synced: for tests of a crash at any
//! moment of a commit, here and in the crates that stand on the store.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use crate::error::OpenError;
use crate::store::{Options, Store};

/// What a disk holds. Copies are the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// As it is read.
    bytes: Vec<u8>,
    /// As it is after a crash that takes all that was not synced.
    synced: Vec<u8>,
    /// What was done since the last sync, in order.
    since: Vec<Done>,
    /// How large it may become; 0 for as large as it likes.
    room: usize,
    /// How many writes and syncs it still does.
    left: Option<usize>,
}

#[derive(Debug)]
enum Done {
    Length(usize),
    Write(usize, Vec<u8>),
}

impl Done {
    fn on(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(at, data) => {
                let end = at + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(place) = bytes.get_mut(*at..end) {
                    place.copy_from_slice(data);
                }
            }
        }
    }
}

impl Disk {
    /// An empty disk without an end.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store on it: the one that is there, or a new one.
    pub fn open(&self, options: Options) -> Result<Store, OpenError> {
        Store::on_backend(Backend(self.clone()), options)
    }

    /// Has room for this many bytes from now on; 0 for as many as come.
    pub fn limit(&self, bytes: usize) {
        self.lock().room = bytes;
    }

    /// Fails for good after this many writes and syncs.
    pub fn fail_after(&self, operations: usize) {
        self.lock().left = Some(operations);
    }

    /// Loses power and comes back: of what was written since the last sync, only what `keeps` says (by its
    /// place in order) is there. Works again from then on. Nothing may be open on it.
    pub fn crash(&self, mut keeps: impl FnMut(usize) -> bool) {
        let mut state = self.lock();
        let mut bytes = std::mem::take(&mut state.synced);
        for (place, done) in std::mem::take(&mut state.since).into_iter().enumerate() {
            if keeps(place) {
                done.on(&mut bytes);
            }
        }
        state.synced.clone_from(&bytes);
        state.bytes = bytes;
        state.left = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// One operation more, if it still does any.
    fn operate(&mut self) -> Result<(), Error> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(Error::other("the disk is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn perform(&mut self, done: Done) -> Result<(), Error> {
        self.operate()?;
        done.on(&mut self.bytes);
        self.since.push(done);
        Ok(())
    }
}

/// The disk as the engine takes it.
#[derive(Debug)]
struct Backend(Disk);

fn place(offset: u64) -> Result<usize, Error> {
    usize::try_from(offset).map_err(|_bad| Error::from(ErrorKind::InvalidInput))
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.0.lock().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let at = place(offset)?;
        let state = self.0.lock();
        let bytes = state.bytes.get(at..at.saturating_add(out.len()));
        out.copy_from_slice(bytes.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let length = place(len)?;
        let mut state = self.0.lock();
        if state.room > 0 && length > state.room {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        state.perform(Done::Length(length))
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.0.lock();
        state.operate()?;
        let mut synced = std::mem::take(&mut state.synced);
        for done in std::mem::take(&mut state.since) {
            done.on(&mut synced);
        }
        state.synced = synced;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let at = place(offset)?;
        self.0.lock().perform(Done::Write(at, data.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::CommitError;
    use crate::layout::Space;
    use crate::proposal::{Proposal, Writes};

    fn row(number: u64, size: usize) -> Proposal {
        let mut writes = Writes::default();
        writes.put(Space::Meta, &number.to_be_bytes(), &vec![7; size]);
        Proposal { writes, ..Proposal::default() }
    }

    /// Rows that are there, from the first on; none may be missing in between.
    fn rows(store: &Store) -> u64 {
        let snapshot = store.snapshot().unwrap();
        let there =
            |number: u64| snapshot.get(Space::Meta, &number.to_be_bytes()).unwrap().is_some();
        let count = (0..).take_while(|number| there(*number)).count() as u64;
        assert!((count..count + 4).all(|number| !there(number)));
        count
    }

    #[test]
    fn a_full_disk_is_told_and_what_was_acknowledged_is_there_once_there_is_room() {
        let disk = Disk::new();
        disk.limit(4 << 20);
        let store = disk.open(Options::default()).unwrap();
        let mut acknowledged = 0;
        let refused = loop {
            match store.commit(row(acknowledged, 4096)) {
                Ok(_) => acknowledged += 1,
                Err(refused) => break refused,
            }
            assert!(acknowledged < 10_000, "the disk never fills");
        };
        assert!(matches!(refused, CommitError::Full), "{refused}");
        assert!(refused.to_string().contains("Make room, then start again"), "{refused}");
        // Nothing more is written, and reading goes on.
        assert!(matches!(store.commit(row(acknowledged, 4096)), Err(CommitError::Full)));
        assert!(acknowledged > 10);
        drop(store);

        disk.limit(64 << 20);
        let store = disk.open(Options::default()).unwrap();
        assert_eq!(rows(&store), acknowledged, "what was acknowledged is lost, or more is there");
        assert!(store.check().unwrap().findings.is_empty());
        store.commit(row(acknowledged, 4096)).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_crash_at_any_write_of_a_commit_leaves_it_whole_or_absent(
            operations in 0usize..120,
            kept in any::<u64>(),
            size in 1usize..20_000,
        ) {
            let disk = Disk::new();
            let mut acknowledged = 0;
            for _round in 0..3 {
                let store = disk.open(Options::default()).unwrap();
                disk.fail_after(operations);
                let mut tried = acknowledged;
                while store.commit(row(tried, size)).is_ok() {
                    tried += 1;
                }
                drop(store);
                disk.crash(|place| kept >> (place % 64) & 1 == 1);
                let store = disk.open(Options::default()).unwrap();
                let there = rows(&store);
                prop_assert!(there == tried || there == tried + 1, "{there} of {tried}");
                prop_assert_eq!(store.check().unwrap().findings, Vec::new());
                acknowledged = there;
            }
        }
    }
}
