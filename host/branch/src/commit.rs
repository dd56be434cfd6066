//! The one way anything becomes part of the store.

use std::collections::BTreeSet;

use model::{BranchId, ObjectId, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use store::{CommitError, Proposal, Space, Write, Writes, key};

use crate::branches::BranchFault;
use crate::change::{ChangeSet, Op, summary};
use crate::database::Database;
use crate::draft::{Draft, Leased};
use crate::error::{BranchError, CommitFailure};
use crate::object::{TOMBSTONE, stamp, stamped};
use crate::rows::encoded;

/// Who a change is attributed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author(pub ObjectId);

/// Why a commit was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The store was made.
    Init,
    /// A schema was loaded.
    Schema,
    /// Objects were changed by hand or from files.
    Objects,
    /// A component was uploaded.
    Component,
    /// A generator ran.
    Run {
        /// The run.
        run: u128,
        /// The instance.
        instance: u128,
        /// Name of the definition.
        definition: String,
    },
    /// The outcome of a run that changed no object.
    Outcome {
        /// The run.
        run: u128,
    },
    /// A branch was made.
    BranchCreate {
        /// The branch.
        branch: u32,
    },
    /// A branch got another name or description.
    BranchUpdate {
        /// The branch.
        branch: u32,
    },
    /// A branch was taken away.
    BranchDelete {
        /// The branch.
        branch: u32,
    },
    /// A commit was taken back.
    Revert {
        /// The commit.
        commit: u64,
    },
    /// What a branch changed came to main.
    BranchMerge {
        /// The branch.
        branch: u32,
        /// Its schema came along.
        schema: bool,
    },
    /// A branch reads main as of a later commit.
    BranchRebase {
        /// The branch.
        branch: u32,
    },
    /// What checks of a proposed change said was noted, or its state.
    Checks {
        /// The change.
        change: u128,
    },
    /// What no branch can see any more was taken away.
    Swept,
}

/// What a commit made other than it was, beyond the objects it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Upset {
    /// Nothing.
    Nothing,
    /// What a branch has of its own.
    Line(BranchId),
    /// What things mean on main, and so everywhere.
    Everything,
}

/// One row of the commit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The branch.
    pub branch: BranchId,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub author: ObjectId,
    /// Why.
    pub cause: Cause,
    /// What was changed: object, symbol of its kind, how.
    pub changed: Vec<(ObjectId, u32, Op)>,
    /// What pools handed out or took back: pool, place of the value, whether it is taken now.
    pub drawn: Vec<(ObjectId, u128, bool)>,
}

/// The layout of a log row. A type of its own: renaming a field above changes no file.
#[derive(Serialize, Deserialize)]
struct LogRow {
    // These two come first: who asks for the moment reads no further.
    branch: u32,
    at: i64,
    author: u128,
    cause: Cause,
    changed: Vec<(u128, u32, u8)>,
    drawn: Vec<(u128, u128, bool)>,
}

impl LogEntry {
    /// What has to be read anew after this, for those who follow the log.
    pub(crate) fn upset(&self) -> Upset {
        match &self.cause {
            Cause::Init => Upset::Everything,
            Cause::Schema if self.branch == BranchId::MAIN => Upset::Everything,
            Cause::Schema => Upset::Line(self.branch),
            Cause::BranchMerge { schema: true, .. } => Upset::Everything,
            Cause::BranchDelete { branch }
            | Cause::BranchMerge { branch, .. }
            | Cause::BranchRebase { branch } => Upset::Line(BranchId(*branch)),
            Cause::Objects
            | Cause::Component
            | Cause::Run { .. }
            | Cause::Outcome { .. }
            | Cause::BranchCreate { .. }
            | Cause::BranchUpdate { .. }
            | Cause::Checks { .. }
            | Cause::Revert { .. }
            | Cause::Swept => Upset::Nothing,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let row = LogRow {
            branch: self.branch.0,
            at: self.at.0,
            author: self.author.0,
            cause: self.cause.clone(),
            changed: self.changed.iter().map(|(id, kind, op)| (id.0, *kind, op.byte())).collect(),
            drawn: self.drawn.iter().map(|(pool, place, taken)| (pool.0, *place, *taken)).collect(),
        };
        encoded(&row)
    }

    /// When, without the rest.
    pub(crate) fn moment(row: &[u8]) -> Option<Timestamp> {
        let ((_branch, at), _rest): ((u32, i64), _) = postcard::take_from_bytes(row).ok()?;
        Some(Timestamp(at))
    }

    pub(crate) fn decode(row: &[u8]) -> Option<Self> {
        let row: LogRow = postcard::from_bytes(row).ok()?;
        let changed: Option<Vec<_>> = row
            .changed
            .into_iter()
            .map(|(id, kind, op)| Some((ObjectId(id), kind, Op::from_byte(op)?)))
            .collect();
        Some(Self {
            branch: BranchId(row.branch),
            at: Timestamp(row.at),
            author: ObjectId(row.author),
            cause: row.cause,
            changed: changed?,
            drawn: row
                .drawn
                .into_iter()
                .map(|(pool, place, taken)| (ObjectId(pool), place, taken))
                .collect(),
        })
    }
}

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The commit; `None` when the draft changed nothing and nothing was written.
    pub seq: Option<Seq>,
    /// What was changed.
    pub changes: ChangeSet,
}

impl Database {
    /// Checks a draft and commits it durably. A draft that changes nothing writes nothing.
    ///
    /// Cost: one group commit of the store, shared with whoever commits at the same time.
    pub fn commit(&self, mut draft: Draft, cause: Cause) -> Result<Committed, CommitFailure> {
        draft.finish()?;
        let changes = ChangeSet::of(&draft)?;
        let seq = self.commit_finished(draft, cause)?;
        Ok(Committed { seq, changes })
    }

    /// Commits a draft that [`Draft::finish`] has checked; no commit for one that changes nothing.
    pub fn commit_finished(
        &self,
        draft: Draft,
        cause: Cause,
    ) -> Result<Option<Seq>, CommitFailure> {
        let Some(prepared) = self.prepare(draft, cause)? else { return Ok(None) };
        let Prepared { proposal, held } = prepared;
        let seq = self.store().commit(proposal).map_err(CommitFailure::from)?;
        self.settled(held);
        Ok(Some(seq))
    }

    /// As [`commit_finished`](Self::commit_finished), on the calling thread where nobody else commits.
    pub fn commit_here(&self, prepared: Prepared) -> Result<Seq, CommitFailure> {
        let Prepared { proposal, held } = prepared;
        let seq = self.store().commit_here(proposal).map_err(CommitFailure::from)?;
        self.settled(held);
        Ok(seq)
    }

    /// Says that a commit is being made, until what this gives is dropped: see [`store::Store::coming`].
    pub fn coming(&self) -> store::Coming {
        self.store().coming()
    }

    /// Hands a prepared draft to the writer, and returns. Once it is on disk, or will not be, `answer`
    /// is called on the writer's thread: it passes on what it gets, for whoever waits to have it
    /// [`settled`](Self::settled).
    pub fn submit(
        &self,
        prepared: Prepared,
        answer: impl FnOnce(Result<Seq, CommitFailure>, Unsettled) + Send + 'static,
    ) {
        let Prepared { proposal, held } = prepared;
        let answer = move |result: Result<Seq, CommitError>| {
            answer(result.map_err(CommitFailure::from), held);
        };
        self.store().submit(proposal, Box::new(answer));
    }

    /// After a commit: what the draft held is committed and keeps others away by itself; pools it drew
    /// from, or put something into by hand, are looked at.
    pub fn settled(&self, held: Unsettled) {
        let Unsettled { drawn, leases } = held;
        drop(leases);
        // The change is made: that telling of a full pool fails does not undo it.
        if let Err(_unreadable) = self.watch(&drawn) {}
    }

    /// What the commit of a draft that [`Draft::finish`] has checked writes; nothing where it changes
    /// nothing. The draft and its snapshot are gone, what it drew from pools is still held.
    pub fn prepare(
        &self,
        mut draft: Draft,
        cause: Cause,
    ) -> Result<Option<Prepared>, CommitFailure> {
        if draft.view.rows.is_clean() {
            return Ok(None);
        }
        if draft.view.rows.is_ahead() {
            let what = "a draft that only looks ahead was to be committed".to_owned();
            return Err(BranchError::Damaged { what }.into());
        }
        if !draft.view.is_open {
            let name = draft.branch_name().to_owned();
            return Err(BranchError::from(BranchFault::Merged { name }).into());
        }
        let entry = LogEntry {
            branch: draft.branch(),
            at: draft.now(),
            author: draft.author().0,
            cause,
            changed: if draft.is_bare() { Vec::new() } else { summary(&draft)? },
            drawn: crate::draft::drawn(&draft)?,
        };
        let mut drawn: BTreeSet<ObjectId> = entry.drawn.iter().map(|(pool, _, _)| *pool).collect();
        drawn.extend(self.books().concerned(&draft.written_kinds()));
        let proposal = Proposal {
            base: draft.seq(),
            writes: writes(&mut draft)?,
            reads: draft.view.rows.reads(),
            log: entry.encode(),
        };
        let held = Unsettled { drawn, leases: draft.into_leases() };
        Ok(Some(Prepared { proposal, held }))
    }
}

/// A draft as what its commit writes.
#[derive(Debug)]
pub struct Prepared {
    proposal: Proposal,
    held: Unsettled,
}

/// What a draft holds of pools until its commit is settled; let go of, it is given back.
#[derive(Debug)]
pub struct Unsettled {
    /// Desks to be looked at.
    drawn: BTreeSet<ObjectId>,
    leases: Leased,
}

impl From<CommitError> for CommitFailure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { seq, .. } => Self::Conflict { seq },
            CommitError::TooOld { oldest, .. } => Self::Conflict { seq: oldest },
            other => Self::Store(other),
        }
    }
}

/// The draft's rows as writes, with the history of what they overwrite.
fn writes(draft: &mut Draft) -> Result<Writes, BranchError> {
    let bare = draft.is_bare();
    let mut own = draft.own_rows()?;
    let count = draft.view.rows.pending_count();
    let pending = draft.view.rows.take_pending();
    let mut newest_fork = None;
    let mut forks = None;
    let mut writes = Writes::default();
    writes.reserve(count);
    for (space, key, value, replaces) in pending {
        if !own.is_empty()
            && let Some(old) = own.remove(&(space, key.clone()))
        {
            let gone = stamped(TOMBSTONE, &[]);
            let value = match &value {
                Some(value) => Some(&**value),
                None if draft.view.rows.has_below(space, &key)? => Some(&*gone),
                None => None,
            };
            writes.extend(match value {
                Some(value) => crate::branches::rewritten(space, key, &old, value)?,
                None => crate::branches::let_through(space, key, &old)?,
            });
            continue;
        }
        let old = match replaces && space.is_stamped() && !bare {
            true => draft.view.rows.snapshot.get(space, &key)?,
            false => None,
        };
        if let Some(old) = old {
            if !space.has_past() {
                writes.extend(past(space, &key, &old)?);
            } else if key::line_of(&key) == Some(BranchId::MAIN) {
                let fork = match newest_fork {
                    Some(known) => known,
                    None => *newest_fork.insert(crate::branches::newest_fork(draft)?),
                };
                writes.extend(kept(space, &key, &old, fork));
            }
        } else if space == Space::Reservations && replaces {
            let forks = match &mut forks {
                Some(known) => known,
                None => forks.insert(crate::draft::Forks::of(draft)?),
            };
            writes.extend(forks.keep(draft, &key, value.as_deref())?);
        }
        match value {
            // A branch hides what main has.
            None if !bare && draft.view.rows.has_below(space, &key)? => {
                writes.put_stamped(space, &key, &stamped(TOMBSTONE, &[]));
            }
            None => writes.delete(space, &key),
            Some(value) if space.is_stamped() => writes.put_stamped(space, &key, &value),
            Some(value) => writes.put(space, &key, &value),
        }
    }
    for ((space, key), old) in own {
        writes.extend(crate::branches::let_through(space, key, &old)?);
    }
    Ok(writes)
}

/// A row of main that goes or is overwritten, kept where a branch can see it. Main itself never
/// looks there.
fn kept(space: Space, key: &[u8], old: &[u8], newest_fork: Option<Seq>) -> Option<Write> {
    let (since, _) = stamp(old)?;
    let seen = newest_fork.is_some_and(|fork| fork >= since);
    seen.then(|| Write::PutStamped {
        space: Space::Past,
        key: key::past(space, key, since),
        value: old.to_vec(),
    })
}

/// The row that keeps what a head or edge was before.
pub(crate) fn past(space: Space, key: &[u8], old: &[u8]) -> Result<Option<Write>, BranchError> {
    let damaged = || BranchError::Damaged { what: format!("a row of {space:?}") };
    let (seq, _) = stamp(old).ok_or_else(damaged)?;
    let (space, key) = match space {
        Space::Heads => (Space::History, key::history_of_head(key, seq).ok_or_else(damaged)?),
        Space::Edges => (Space::EdgeHistory, key::history_of_edge(key, seq).ok_or_else(damaged)?),
        Space::Schemas => (Space::Schemas, key::schema_history(key, seq).ok_or_else(damaged)?),
        _ => return Ok(None),
    };
    Ok(Some(Write::Put { space, key, value: old.to_vec() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_a_commit_is_read_without_the_rest_of_its_row() {
        for at in [0, -1, 1_767_225_600_000_000, i64::MAX] {
            let entry = LogEntry {
                branch: BranchId(u32::MAX),
                at: Timestamp(at),
                author: ObjectId(7),
                cause: Cause::Objects,
                changed: vec![(ObjectId(9), 3, Op::Created)],
                drawn: vec![(ObjectId(1), 2, true)],
            };
            let row = entry.encode();
            assert_eq!(LogEntry::moment(&row), Some(Timestamp(at)));
            assert_eq!(LogEntry::decode(&row), Some(entry));
        }
        assert_eq!(LogEntry::moment(&[]), None);
    }
}
