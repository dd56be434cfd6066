//! The one writer: takes what waits, validates each proposal in order, writes them as one durable
//! transaction, answers. A thread of its own does that, or a caller who finds nobody writing.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::Seq;
use redb::Database;

use crate::error::CommitError;
use crate::layout::Space;
use crate::proposal::{Proposal, Write};
use crate::recent::{Place, Recent, Rows, Written, within_group};
use crate::snapshot::definition;
use crate::store::{Durability, Options};
use crate::yardstick::{Tap, Tapped};

/// How long a group waits for the next of those that are being made: some times what one takes.
const PATIENCE: Duration = Duration::from_millis(1);

/// What is called with the answer, on the thread that wrote: it passes it on and does nothing else.
pub type Answer = Box<dyn FnOnce(Result<Seq, CommitError>) + Send>;

/// A proposal with the place its answer goes.
pub(crate) struct Job {
    pub(crate) proposal: Proposal,
    pub(crate) answer: Answer,
}

/// A commit that is accepted and not yet written.
struct Accepted {
    seq: Seq,
    log: Vec<u8>,
    answer: Answer,
}

pub(crate) struct Writer {
    database: Arc<Database>,
    last: Arc<AtomicU64>,
    recent: Recent,
    group_max: usize,
    durability: Durability,
    tap: Option<Arc<Tap>>,
    /// A write failed for want of room.
    is_full: bool,
}

impl Writer {
    pub(crate) fn new(database: Arc<Database>, last: Arc<AtomicU64>, options: &Options) -> Self {
        let oldest = Seq(last.load(Ordering::Acquire));
        Self {
            database,
            last,
            recent: Recent::new(oldest),
            group_max: options.group_max.max(1),
            durability: options.durability,
            tap: options.tap.clone(),
            is_full: false,
        }
    }

    /// Until the queue is closed and empty. What comes while others write is in the next group; and while
    /// more are being made than wait, a group waits for them: half of all in one transaction, the other
    /// half computing meanwhile, is the most that both can do.
    pub(crate) fn work(writer: &Mutex<Self>, queue: &Receiver<Job>, coming: &AtomicUsize) {
        while let Ok(first) = queue.recv() {
            let Ok(mut writer) = writer.lock() else { return };
            let mut group = vec![first];
            while group.len() < writer.group_max
                && let Ok(job) = queue.try_recv()
            {
                group.push(job);
            }
            while group.len() < writer.group_max.min(coming.load(Ordering::Acquire))
                && let Ok(job) = queue.recv_timeout(PATIENCE)
            {
                group.push(job);
            }
            writer.commit(group);
        }
    }

    pub(crate) fn commit(&mut self, group: Vec<Job>) {
        let mut accepted = Vec::with_capacity(group.len());
        let mut rows = Rows::new();
        let mut seq = Seq(self.last.load(Ordering::Acquire));
        for Job { proposal, answer } in group {
            let conflict = self.recent.conflict(&proposal);
            if let Some(conflict) = conflict.or_else(|| within_group(&rows, &proposal)) {
                answer(Err(conflict));
                continue;
            }
            seq = Seq(seq.0 + 1);
            // In order: the last write of a key wins.
            rows.extend(proposal.writes.into_iter().map(|write| row(seq, write)));
            accepted.push(Accepted { seq, log: proposal.log, answer });
        }
        if accepted.is_empty() {
            return;
        }
        match self.write(&rows, &accepted) {
            Ok(()) => {
                self.last.store(seq.0, Ordering::Release);
                if let Some(tap) = &self.tap {
                    tap.keep(tapped(&mut rows, &accepted));
                }
                for Accepted { seq, answer, .. } in accepted {
                    answer(Ok(seq));
                }
                self.recent.remember(rows, seq);
            }
            // Nothing was written, and so nothing of it is remembered. The engine writes nothing more
            // until it is opened again: who comes later is told why.
            Err(bad) => {
                self.is_full |= is_full(&bad);
                for Accepted { answer, .. } in accepted {
                    let told = match self.is_full {
                        true => CommitError::Full,
                        false => CommitError::Store(bad.to_string()),
                    };
                    answer(Err(told));
                }
            }
        }
    }

    fn write(&self, rows: &Rows, accepted: &[Accepted]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        match self.durability {
            Durability::Durable => transaction.set_quick_repair(true),
            Durability::Relaxed => transaction.set_durability(redb::Durability::None)?,
        }
        for space in Space::ALL {
            let mut rows = of_space(rows, space).peekable();
            if rows.peek().is_none() {
                continue;
            }
            let mut table = transaction.open_table(definition(space))?;
            for (key, value) in rows {
                match value {
                    Some(value) => table.insert(key, value)?,
                    None => table.remove(key)?,
                };
            }
        }
        {
            let mut log = transaction.open_table(definition(Space::Log))?;
            for commit in accepted {
                log.insert(&crate::key::log(commit.seq)[..], &commit.log[..])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// A write as a row of its commit; stamped rows get the commit's number in front.
fn row(seq: Seq, write: Write) -> (Place, Written) {
    let (space, key, value) = match write {
        Write::Put { space, key, value } => (space, key, Some(value)),
        Write::PutStamped { space, key, mut value } => {
            if let Some(stamp) = value.first_chunk_mut::<8>() {
                *stamp = seq.0.to_be_bytes();
            }
            (space, key, Some(value))
        }
        Write::Delete { space, key } => (space, key, None),
    };
    ((space, key), Written { seq, value })
}

/// The rows of one table, in key order.
fn of_space(rows: &Rows, space: Space) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    rows.range((space, Vec::new())..)
        .take_while(move |((of, _), _)| *of == space)
        .map(|((_, key), written)| (key.as_slice(), written.value.as_deref()))
}

/// The rows of a group as they are in the tables, for a tap: values are taken, as nobody looks at them
/// any more.
fn tapped(rows: &mut Rows, accepted: &[Accepted]) -> Tapped {
    let written =
        rows.iter_mut().map(|((space, key), row)| (*space, key.clone(), row.value.take()));
    let log = accepted
        .iter()
        .map(|commit| (Space::Log, crate::key::log(commit.seq).to_vec(), Some(commit.log.clone())));
    Tapped { commits: accepted.len(), rows: written.chain(log).collect() }
}

/// Whether there was no room: on the disk, within a quota, or for a file of this size.
fn is_full(bad: &redb::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(bad, redb::Error::Io(io) if matches!(io.kind(), StorageFull | QuotaExceeded | FileTooLarge))
}
