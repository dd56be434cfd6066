//! Why a verb on branches was refused.

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
    /// Main's schema changed since the fork.
    #[error("the schema of main changed since branch `{name}` forked; rebase the branch first")]
    NeedsRebase {
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
    /// There is no such moment.
    #[error("there is no moment `{asked}`: {why}")]
    NoSuchMoment {
        /// What was asked for.
        asked: String,
        /// What would do.
        why: &'static str,
    },
}

impl BranchFault {
    /// The branch that it is about, where it is about one.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::NotFound { name }
            | Self::Merged { name }
            | Self::NeedsRebase { name }
            | Self::Exists { name }
            | Self::BadName { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The stable code users decide on; in capitals where the public API has one.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "BRANCH_NOT_FOUND",
            Self::Merged { .. } => "BRANCH_ALREADY_MERGED",
            Self::NeedsRebase { .. } => "BRANCH_NEEDS_REBASE",
            Self::Exists { .. } => "branch-exists",
            Self::BadName { .. } => "bad-branch-name",
            Self::Main { .. } => "branch-is-default",
            Self::NoSuchMoment { .. } => "no-such-moment",
        }
    }
}
