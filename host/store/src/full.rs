//! Tests only: a disk that fills up in the middle of commits.

use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::StorageBackend;

use crate::error::CommitError;
use crate::layout::Space;
use crate::proposal::{Proposal, Writes};
use crate::store::{Options, Store};

/// What is on the disk, and how large it may become.
#[derive(Debug, Clone)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: Arc<AtomicUsize>,
}

impl Disk {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        work(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(u64::try_from(self.with(|bytes| bytes.len())).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let at = place(offset);
        self.with(|bytes| out.copy_from_slice(&bytes[at..at + out.len()]));
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        if place(len) > self.room.load(Ordering::Relaxed) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.with(|bytes| bytes.resize(place(len), 0));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let at = place(offset);
        self.with(|bytes| bytes[at..at + data.len()].copy_from_slice(data));
        Ok(())
    }
}

fn row(number: u64) -> Proposal {
    let mut writes = Writes::default();
    writes.put(Space::Meta, &number.to_be_bytes(), &[7; 4096]);
    Proposal { writes, ..Proposal::default() }
}

#[test]
fn a_full_disk_is_told_and_what_was_acknowledged_is_there_once_there_is_room() {
    let room = Arc::new(AtomicUsize::new(4 << 20));
    let disk = Disk { bytes: Arc::default(), room: Arc::clone(&room) };
    let store = Store::on_backend(disk.clone(), Options::default()).unwrap();
    let mut acknowledged = 0;
    let refused = loop {
        match store.commit(row(acknowledged)) {
            Ok(_) => acknowledged += 1,
            Err(refused) => break refused,
        }
        assert!(acknowledged < 10_000, "the disk never fills");
    };
    assert!(matches!(refused, CommitError::Full), "{refused}");
    assert!(refused.to_string().contains("Make room, then start again"), "{refused}");
    // Nothing more is written, and reading goes on.
    assert!(matches!(store.commit(row(acknowledged)), Err(CommitError::Full)));
    assert!(acknowledged > 10);
    drop(store);

    room.store(64 << 20, Ordering::Relaxed);
    let store = Store::on_backend(disk, Options::default()).unwrap();
    let snapshot = store.snapshot().unwrap();
    for number in 0..acknowledged {
        let row = snapshot.get(Space::Meta, &number.to_be_bytes()).unwrap();
        assert!(row.is_some(), "{number} was acknowledged and is lost");
    }
    assert!(snapshot.get(Space::Meta, &acknowledged.to_be_bytes()).unwrap().is_none());
    assert!(store.check().unwrap().findings.is_empty());
    store.commit(row(acknowledged)).unwrap();
}
