//! What is asked of a run and what it answers; the words, not the work.

use branch::{Author, BranchError, ChangeSet, CommitFailure, Touched};
use model::{BranchId, Digest, ObjectId};
use sandbox::{Cancel, RunReport};

use super::ComponentError;
use crate::definition::DefinitionError;
use crate::report::{RunOutcome, RunRecord};

/// Whether the outcome is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Committed.
    Apply,
    /// Shown; no trace is left.
    Plan,
}

/// What a result tells of what a run changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tells {
    /// Each change, with labels and values before and after.
    #[default]
    Changes,
    /// How many objects were made, changed and deleted, in the record: for runs that nobody looks at.
    /// Plans tell their changes always.
    Counts,
    /// Each change, and what was touched in the terms of what runs look at: whom it concerns is asked next.
    Reach,
}

/// What to run.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The branch.
    pub branch: BranchId,
    /// The definition, by name or id.
    pub definition: String,
    /// The target.
    pub target: ObjectId,
    /// Kept or shown.
    pub mode: Mode,
    /// What the result tells.
    pub tells: Tells,
    /// Why, for the record.
    pub cause: String,
    /// Who.
    pub author: Author,
    /// Ends the run from outside.
    pub cancel: Cancel,
    /// A component to try instead of the definition's, as [`Engine::try_out`](super::Engine::try_out) names it. Plans only.
    pub component: Option<Digest>,
}

/// What a run did, or would do.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// The record; of a plan or a run without change it is not stored.
    pub record: RunRecord,
    /// The changes; nothing where only counts were asked for.
    pub changes: ChangeSet,
    /// The commit, if there was one.
    pub seq: Option<model::Seq>,
    /// What the sandbox measured; none for an empty run.
    pub report: Option<RunReport>,
    /// What was touched, where that was asked for.
    pub touched: Option<Touched>,
}

impl RunResult {
    /// Whether the run failed.
    pub fn failed(&self) -> bool {
        matches!(self.record.outcome, RunOutcome::Failed { .. })
    }
}

/// What the end of an instance did, or would do.
#[derive(Debug, Clone)]
pub struct Retired {
    /// The commit; none where nothing was there to end.
    pub seq: Option<model::Seq>,
    /// What went.
    pub changes: ChangeSet,
    /// The same in the terms of what runs look at.
    pub touched: Touched,
}

/// Why there is no run at all. A guest's failure is not one: it is recorded as a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The definition is missing or incomplete.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The target is not there.
    #[error("target {target} does not exist; name a member of the target group")]
    NoTarget {
        /// The id asked for.
        target: ObjectId,
    },
    /// The target is not in the group.
    #[error("Target {target} is not part of the group {group}; add it to the group first")]
    NotInGroup {
        /// The target.
        target: ObjectId,
        /// The group.
        group: ObjectId,
    },
    /// The component is missing or unusable.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// Reading or writing failed.
    #[error(transparent)]
    Branch(#[from] BranchError),
    /// The commit failed for good.
    #[error(transparent)]
    Commit(#[from] CommitFailure),
    /// As many runs are under way as the host takes on.
    #[error(
        "{most} runs are under way or waiting, and no more are taken on; try again in a moment"
    )]
    Busy {
        /// The limit.
        most: usize,
    },
    /// Others changed what the run read, again and again.
    #[error("what the run reads was changed {repeats} times while it ran; try again later")]
    Contended {
        /// How often it was repeated.
        repeats: u32,
    },
}

impl RunError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Definition(DefinitionError::Unknown(_) | DefinitionError::UnknownCheck(_)) => {
                "unknown-definition"
            }
            Self::Definition(_) => "bad-definition",
            Self::NoTarget { .. } => "unknown-target",
            Self::NotInGroup { .. } => "not-in-group",
            Self::Component(error) => error.code(),
            Self::Branch(error) => error.code(),
            Self::Commit(failure) => failure.code(),
            Self::Busy { .. } => "busy",
            Self::Contended { .. } => "contended",
        }
    }
}
