//! Why a verb on branches was refused.

use crate::branches::Conflict;
use crate::limits::CONFLICTS_TOLD_MAX;

/// What stands in the way of a verb on a branch. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BranchFault {
    /// No branch of this name.
    #[error("Branch: {name} not found.")]
    NotFound {
        /// The name asked for.
        name: String,
    },
    /// The branch was merged and is frozen.
    #[error("branch `{name}` was merged and takes no more changes; create another one")]
    Merged {
        /// The branch.
        name: String,
    },
    /// The branch was changed since what was decided of it.
    #[error("branch `{name}` was changed in the meantime; check it again")]
    Moved {
        /// The branch.
        name: String,
    },
    /// The name is taken.
    #[error("The branch {name} already exists")]
    Exists {
        /// The name.
        name: String,
    },
    /// The name cannot be one.
    #[error("`{name}` cannot be the name of a branch: {why}")]
    BadName {
        /// The name asked for.
        name: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// What is asked cannot be done to main.
    #[error("main is the default branch and cannot be {verb}")]
    Main {
        /// What was asked: `deleted`, `renamed`, ...
        verb: &'static str,
    },
    /// The branch and main changed the same to something else.
    #[error(
        "branch `{name}` and main both changed {}, and it is not decided which stands: {}; decide each \
         with `kiln branch resolve`, or change one side", things(.conflicts.len()), first(.conflicts)
    )]
    Conflicts {
        /// The branch.
        name: String,
        /// What is not decided.
        conflicts: Vec<Conflict>,
    },
    /// No such conflict.
    #[error("there is no conflict `{id}`; `kiln branch conflicts` shows those there are")]
    NoConflict {
        /// The id asked for.
        id: String,
    },
    /// Neither side can simply be kept.
    #[error("{conflict}: neither side can be kept as it is; change one of them")]
    NotResolvable {
        /// The conflict, for people.
        conflict: String,
    },
    /// There is no such moment.
    #[error("there is no moment `{asked}`: {why}")]
    NoSuchMoment {
        /// What was asked for.
        asked: String,
        /// What would do.
        why: &'static str,
    },
}

/// Sorts of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultSort {
    /// The request makes no sense.
    Bad,
    /// It is forbidden whoever asks.
    Denied,
    /// What it names is not there.
    NotFound,
    /// Something that is there stands in the way.
    Conflict,
}

impl BranchFault {
    /// The branch that it is about, where it is about one.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::NotFound { name }
            | Self::Merged { name }
            | Self::Exists { name }
            | Self::BadName { name, .. }
            | Self::Conflicts { name, .. } => Some(name),
            _ => None,
        }
    }

    /// What sort of refusal it is, the same at every interface.
    pub fn sort(&self) -> FaultSort {
        match self {
            Self::Exists { .. }
            | Self::Conflicts { .. }
            | Self::Moved { .. }
            | Self::NotResolvable { .. } => FaultSort::Conflict,
            Self::NoConflict { .. } => FaultSort::NotFound,
            Self::Main { .. } => FaultSort::Denied,
            // Published clients take a branch that is not there for a bad request.
            Self::NotFound { .. }
            | Self::Merged { .. }
            | Self::BadName { .. }
            | Self::NoSuchMoment { .. } => FaultSort::Bad,
        }
    }

    /// The stable code users decide on; in capitals where the public API has one.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "BRANCH_NOT_FOUND",
            Self::Merged { .. } => "BRANCH_ALREADY_MERGED",
            Self::Moved { .. } => "branch-moved",
            Self::Exists { .. } => "branch-exists",
            Self::BadName { .. } => "bad-branch-name",
            Self::Main { .. } => "branch-is-default",
            Self::Conflicts { .. } => "branch-conflicts",
            Self::NoConflict { .. } => "no-such-conflict",
            Self::NotResolvable { .. } => "conflict-not-resolvable",
            Self::NoSuchMoment { .. } => "no-such-moment",
        }
    }
}

fn things(count: usize) -> String {
    if count == 1 { "one thing".to_owned() } else { format!("{count} things") }
}

/// The first conflicts, for people.
fn first(conflicts: &[Conflict]) -> String {
    let told = conflicts.iter().take(CONFLICTS_TOLD_MAX).map(ToString::to_string);
    let more = conflicts.len().saturating_sub(CONFLICTS_TOLD_MAX);
    let more = (more > 0).then(|| format!("{more} more"));
    told.chain(more).collect::<Vec<_>>().join("; ")
}
