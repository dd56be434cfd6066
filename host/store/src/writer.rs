//! The one writer: takes what waits, validates each proposal in order, writes them as one durable
//! transaction, answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use model::Seq;
use redb::Database;

use crate::error::CommitError;
use crate::layout::Space;
use crate::proposal::{Proposal, Write};
use crate::recent::{Place, Recent, Rows, Written, within_group};
use crate::snapshot::definition;
use crate::store::{Durability, Options};
use crate::yardstick::{Tap, TappedRow};

/// A proposal with the place its answer goes.
pub(crate) struct Job {
    pub(crate) proposal: Proposal,
    pub(crate) answer: SyncSender<Result<Seq, CommitError>>,
}

/// A commit that is accepted and not yet written.
struct Accepted {
    seq: Seq,
    log: Vec<u8>,
    answer: SyncSender<Result<Seq, CommitError>>,
    /// What a tap keeps of it.
    tapped: Vec<TappedRow>,
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
        let mut accepted = Vec::with_capacity(group.len());
        let mut rows = Rows::new();
        let mut seq = Seq(self.last.load(Ordering::Acquire));
        for Job { proposal, answer } in group {
            let conflict = self.recent.conflict(&proposal);
            if let Some(conflict) = conflict.or_else(|| within_group(&rows, &proposal)) {
                let _gone = answer.send(Err(conflict));
                continue;
            }
            seq = Seq(seq.0 + 1);
            let tapped = match &self.tap {
                Some(_) => tapped(seq, &proposal),
                None => Vec::new(),
            };
            // In order: the last write of a key wins.
            rows.extend(proposal.writes.into_iter().map(|write| row(seq, write)));
            accepted.push(Accepted { seq, log: proposal.log, answer, tapped });
        }
        if accepted.is_empty() {
            return;
        }
        match self.write(&rows, &accepted) {
            Ok(()) => {
                self.last.store(seq.0, Ordering::Release);
                for Accepted { seq, answer, tapped, .. } in accepted {
                    if let Some(tap) = &self.tap {
                        tap.keep(tapped);
                    }
                    let _gone = answer.send(Ok(seq));
                }
                self.recent.remember(rows, seq);
            }
            // Nothing was written, and so nothing of it is remembered.
            Err(bad) => {
                for Accepted { answer, .. } in accepted {
                    let _gone = answer.send(Err(not_written(&bad)));
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

/// The rows of a proposal as they will be in the tables.
fn tapped(seq: Seq, proposal: &Proposal) -> Vec<TappedRow> {
    let rows = proposal.writes.iter().map(|write| {
        let ((space, key), written) = row(seq, write.clone());
        (space, key, written.value)
    });
    let log = (Space::Log, crate::key::log(seq).to_vec(), Some(proposal.log.clone()));
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
