//! The one writer: takes what waits, validates each proposal in order, writes them as one durable
//! transaction, answers.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use model::Seq;
use redb::{Database, WriteTransaction};

use crate::error::CommitError;
use crate::layout::Space;
use crate::proposal::{Proposal, Write};
use crate::snapshot::definition;
use crate::store::{Durability, Options};

/// Recently written keys that are remembered for validation. A proposal based on a state from
/// before the oldest of them must be made again: at 40 rows a run that is 25,000 runs ago.
const REMEMBERED_MAX: usize = 1_000_000;

/// The last write of each key of a table, with its commit.
type Last<'a> = BTreeMap<&'a [u8], (Seq, &'a Write)>;

/// A proposal with the place its answer goes.
pub(crate) struct Job {
    pub(crate) proposal: Proposal,
    pub(crate) answer: SyncSender<Result<Seq, CommitError>>,
}

/// Which commit wrote a key last, for keys written lately.
#[derive(Debug, Default)]
struct Recent {
    keys: BTreeMap<(Space, Vec<u8>), Seq>,
    /// Bases older than this cannot be validated.
    oldest: Seq,
}

impl Recent {
    fn conflict(&self, proposal: &Proposal) -> Option<CommitError> {
        if proposal.reads.is_empty() {
            return None;
        }
        if proposal.base < self.oldest {
            let (base, oldest) = (proposal.base, self.oldest);
            return Some(CommitError::TooOld { base, oldest });
        }
        let found = |space: Space, key: &[u8], seq: Seq| {
            Some(CommitError::Conflict { space, key: key.to_vec(), seq })
        };
        for point in &proposal.reads.points {
            if let Some(seq) = self.keys.get(point).filter(|seq| **seq > proposal.base) {
                return found(point.0, &point.1, *seq);
            }
        }
        for (space, low, high) in &proposal.reads.ranges {
            let from = Bound::Included((*space, low.clone()));
            let to = Bound::Excluded((*space, high.clone()));
            if high <= low {
                continue;
            }
            for ((_, key), seq) in self.keys.range((from, to)) {
                if *seq > proposal.base {
                    return found(*space, key, *seq);
                }
            }
        }
        None
    }

    fn remember(&mut self, written: Vec<(Space, Vec<u8>)>, seq: Seq) {
        for place in written {
            self.keys.insert(place, seq);
        }
    }

    /// Forgets the older half when there is too much.
    fn trim(&mut self, last: Seq) {
        if self.keys.len() <= REMEMBERED_MAX {
            return;
        }
        let middle = Seq(self.oldest.0 + (last.0 - self.oldest.0) / 2 + 1);
        self.keys.retain(|_, seq| *seq > middle);
        self.oldest = middle;
    }
}

pub(crate) struct Writer {
    database: Arc<Database>,
    last: Arc<AtomicU64>,
    recent: Recent,
    group_max: usize,
    durability: Durability,
}

impl Writer {
    pub(crate) fn new(database: Arc<Database>, last: Arc<AtomicU64>, options: &Options) -> Self {
        let oldest = Seq(last.load(Ordering::Acquire));
        Self {
            database,
            last,
            recent: Recent { keys: BTreeMap::new(), oldest },
            group_max: options.group_max.max(1),
            durability: options.durability,
        }
    }

    /// Until the queue is closed and empty.
    pub(crate) fn work(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            while group.len() < self.group_max
                && let Ok(job) = queue.try_recv()
            {
                group.push(job);
            }
            self.commit(group);
        }
    }

    fn commit(&mut self, group: Vec<Job>) {
        let before = Seq(self.last.load(Ordering::Acquire));
        let mut accepted = Vec::with_capacity(group.len());
        let mut seq = before;
        for job in group {
            if let Some(conflict) = self.recent.conflict(&job.proposal) {
                let _gone = job.answer.send(Err(conflict));
                continue;
            }
            seq = Seq(seq.0 + 1);
            // Noted at once: later proposals of this group are validated against it.
            let places = job.proposal.writes.iter().map(|write| {
                let (space, key) = write.place();
                (space, key.to_vec())
            });
            self.recent.remember(places.collect(), seq);
            accepted.push((seq, job));
        }
        if accepted.is_empty() {
            return;
        }
        match self.write(&accepted) {
            Ok(()) => {
                self.last.store(seq.0, Ordering::Release);
                self.recent.trim(seq);
                for (seq, job) in accepted {
                    let _gone = job.answer.send(Ok(seq));
                }
            }
            Err(bad) => {
                // Nothing was written, so nothing newer than `before` may be remembered.
                self.recent.keys.retain(|_, seq| *seq <= before);
                for (_, job) in accepted {
                    let _gone = job.answer.send(Err(not_written(&bad)));
                }
            }
        }
    }

    fn write(&self, accepted: &[(Seq, Job)]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        match self.durability {
            Durability::Durable => transaction.set_quick_repair(true),
            Durability::Relaxed => transaction.set_durability(redb::Durability::None)?,
        }
        let mut rows: BTreeMap<Space, Last<'_>> = BTreeMap::new();
        for (seq, job) in accepted {
            for write in &job.proposal.writes {
                let (space, key) = write.place();
                // In order: the last write of a key wins.
                rows.entry(space).or_default().insert(key, (*seq, write));
            }
        }
        for (space, rows) in rows {
            apply(&transaction, space, &rows)?;
        }
        {
            let mut log = transaction.open_table(definition(Space::Log))?;
            for (seq, job) in accepted {
                log.insert(&crate::key::log(*seq)[..], &job.proposal.log[..])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

fn apply(transaction: &WriteTransaction, space: Space, rows: &Last<'_>) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(definition(space))?;
    let mut stamped = Vec::new();
    for (key, row) in rows {
        match row {
            (_, Write::Put { value, .. }) => {
                table.insert(*key, &value[..])?;
            }
            (seq, Write::PutStamped { value, .. }) => {
                stamped.clear();
                stamped.extend_from_slice(&seq.0.to_be_bytes());
                stamped.extend_from_slice(value.get(8..).unwrap_or_default());
                table.insert(*key, &stamped[..])?;
            }
            (_, Write::Delete { .. }) => {
                table.remove(*key)?;
            }
        }
    }
    Ok(())
}

fn not_written(bad: &redb::Error) -> CommitError {
    if let redb::Error::Io(io) = bad
        && io.kind() == std::io::ErrorKind::StorageFull
    {
        return CommitError::Full;
    }
    CommitError::Store(bad.to_string())
}
