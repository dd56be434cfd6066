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
use crate::mark::Mark;
use crate::proposal::{Proposal, Writes};
use crate::recent::{Group, Recent};
use crate::snapshot::definition;
use crate::store::{Durability, Options};
use crate::yardstick::Tap;

/// How long a group waits for the next of those that are being made: some times what one takes.
const PATIENCE: Duration = Duration::from_millis(1);

/// What is called with the answer, on the thread that wrote: it passes it on and does nothing else.
pub type Answer = Box<dyn FnOnce(Result<Seq, CommitError>) + Send>;

/// A proposal with the place its answer goes, and with all that can be made ready for the writer.
pub(crate) struct Job {
    proposal: Proposal,
    /// Of what it writes.
    marks: Vec<Mark>,
    pub(crate) answer: Answer,
}

impl Job {
    pub(crate) fn new(mut proposal: Proposal, answer: Answer) -> Self {
        proposal.writes.put_in_order();
        let marks = proposal.writes.marks();
        Self { proposal, marks, answer }
    }
}

/// A commit that is accepted and not yet written.
struct Accepted {
    seq: Seq,
    writes: Writes,
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
    /// Marks of the last group.
    marks: usize,
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
            marks: 0,
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

    pub(crate) fn commit(&mut self, jobs: Vec<Job>) {
        let mut accepted: Vec<Accepted> = Vec::with_capacity(jobs.len());
        let mut group = Group::with_room(self.marks);
        let mut seq = Seq(self.last.load(Ordering::Acquire));
        for Job { mut proposal, marks, answer } in jobs {
            let conflict = self.recent.conflict(&proposal).or_else(|| {
                let accepted = accepted.iter().map(|commit| (commit.seq, &commit.writes));
                group.conflict(&proposal.reads, accepted)
            });
            if let Some(conflict) = conflict {
                answer(Err(conflict));
                continue;
            }
            seq = Seq(seq.0 + 1);
            group.add(marks, seq);
            proposal.writes.stamp(seq);
            let (writes, log) = (proposal.writes, proposal.log);
            accepted.push(Accepted { seq, writes, log, answer });
        }
        if accepted.is_empty() {
            return;
        }
        match self.write(&accepted) {
            Ok(()) => {
                self.last.store(seq.0, Ordering::Release);
                if let Some(tap) = &self.tap {
                    let kept = |one: &Accepted| (one.seq, one.writes.clone(), one.log.clone());
                    tap.keep(accepted.iter().map(kept).collect());
                }
                let mut written = Vec::with_capacity(accepted.len());
                for Accepted { seq, writes, answer, .. } in accepted {
                    answer(Ok(seq));
                    written.push((seq, writes));
                }
                self.marks = group.len();
                self.recent.remember(group, written.into_iter());
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

    /// Table by table, in each the rows of one commit after another: the last one of a key wins.
    fn write(&self, accepted: &[Accepted]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        match self.durability {
            Durability::Durable => transaction.set_quick_repair(true),
            Durability::Relaxed => transaction.set_durability(redb::Durability::None)?,
        }
        let mut places = vec![0; accepted.len()];
        for space in Space::ALL {
            let mut table = None;
            for (commit, place) in accepted.iter().zip(&mut places) {
                let rows = commit.writes.from(*place).take_while(|(of, ..)| *of == space);
                for (_, key, value) in rows {
                    let table = match &mut table {
                        Some(open) => open,
                        None => table.insert(transaction.open_table(definition(space))?),
                    };
                    match value {
                        Some(value) => table.insert(key, value)?,
                        None => table.remove(key)?,
                    };
                    *place += 1;
                }
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

/// Whether there was no room: on the disk, within a quota, or for a file of this size.
fn is_full(bad: &redb::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(bad, redb::Error::Io(io) if matches!(io.kind(), StorageFull | QuotaExceeded | FileTooLarge))
}
