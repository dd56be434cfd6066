//! The one writer: takes what waits, validates each proposal in order, writes them as one durable
//! transaction, answers.

use std::collections::{BTreeMap, VecDeque};
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
use crate::yardstick::{Tap, TappedRow};

/// Keys of one generation of the recently written: small enough that its tree stays in the
/// processor's caches.
const GENERATION_MAX: usize = 50_000;

/// Generations remembered. A proposal based on a state from before the oldest of them must be made
/// again: at 80 rows a run that is 12,000 runs ago.
const GENERATIONS_MAX: usize = 20;

/// The last write of each key of a table, with its commit.
type Last<'a> = BTreeMap<&'a [u8], (Seq, &'a Write)>;

/// A proposal with the place its answer goes.
pub(crate) struct Job {
    pub(crate) proposal: Proposal,
    pub(crate) answer: SyncSender<Result<Seq, CommitError>>,
}

/// The keys written by some commits in a row, each with the last that wrote it.
#[derive(Debug, Default)]
struct Generation {
    keys: BTreeMap<(Space, Vec<u8>), Seq>,
    newest: Seq,
}

impl Generation {
    /// A key that the proposal read and that was written since.
    fn conflict(&self, proposal: &Proposal) -> Option<CommitError> {
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
}

/// Which commit wrote a key last, for keys written lately; the newest generation first.
#[derive(Debug)]
struct Recent {
    generations: VecDeque<Generation>,
    /// Bases older than this cannot be validated.
    oldest: Seq,
}

impl Recent {
    fn new(oldest: Seq) -> Self {
        Self { generations: VecDeque::from([Generation::default()]), oldest }
    }

    fn conflict(&self, proposal: &Proposal) -> Option<CommitError> {
        if proposal.reads.is_empty() {
            return None;
        }
        if proposal.base < self.oldest {
            let (base, oldest) = (proposal.base, self.oldest);
            return Some(CommitError::TooOld { base, oldest });
        }
        let since = self.generations.iter().take_while(|kept| kept.newest > proposal.base);
        since.into_iter().find_map(|generation| generation.conflict(proposal))
    }

    fn remember(&mut self, written: impl Iterator<Item = (Space, Vec<u8>)>, seq: Seq) {
        if let Some(generation) = self.generations.front_mut() {
            generation.keys.extend(written.map(|place| (place, seq)));
            generation.newest = seq;
        }
    }

    /// Begins a new generation when the newest is full, and forgets the oldest of too many.
    fn trim(&mut self) {
        if self.generations.front().is_none_or(|newest| newest.keys.len() > GENERATION_MAX) {
            self.generations.push_front(Generation::default());
        }
        if self.generations.len() > GENERATIONS_MAX
            && let Some(forgotten) = self.generations.pop_back()
        {
            self.oldest = forgotten.newest;
        }
    }

    /// Forgets what was not written after all.
    fn back_to(&mut self, seq: Seq) {
        for generation in &mut self.generations {
            generation.keys.retain(|_, written| *written <= seq);
            generation.newest = generation.newest.min(seq);
        }
    }
}

pub(crate) struct Writer {
    database: Arc<Database>,
    last: Arc<AtomicU64>,
    recent: Recent,
    group_max: usize,
    durability: Durability,
    tap: Option<Arc<Tap>>,
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
            self.recent.remember(places, seq);
            accepted.push((seq, job));
        }
        if accepted.is_empty() {
            return;
        }
        match self.write(&accepted) {
            Ok(()) => {
                self.last.store(seq.0, Ordering::Release);
                self.recent.trim();
                for (seq, job) in accepted {
                    if let Some(tap) = &self.tap {
                        tap.keep(written(seq, job.proposal));
                    }
                    let _gone = job.answer.send(Ok(seq));
                }
            }
            Err(bad) => {
                // Nothing was written, so nothing newer than `before` may be remembered.
                self.recent.back_to(before);
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

/// The rows of a proposal as they are in the tables.
fn written(seq: Seq, proposal: Proposal) -> Vec<TappedRow> {
    let rows = proposal.writes.into_iter().map(|write| match write {
        Write::Put { space, key, value } => (space, key, Some(value)),
        Write::PutStamped { space, key, mut value } => {
            if let Some(stamp) = value.first_chunk_mut::<8>() {
                *stamp = seq.0.to_be_bytes();
            }
            (space, key, Some(value))
        }
        Write::Delete { space, key } => (space, key, None),
    });
    let log = (Space::Log, crate::key::log(seq).to_vec(), Some(proposal.log));
    rows.chain([log]).collect()
}

fn not_written(bad: &redb::Error) -> CommitError {
    if let redb::Error::Io(io) = bad
        && io.kind() == std::io::ErrorKind::StorageFull
    {
        return CommitError::Full;
    }
    CommitError::Store(bad.to_string())
}
