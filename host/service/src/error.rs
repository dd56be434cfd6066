//! The one error of the verbs: a stable code, a class, a message.

use std::path::PathBuf;

use branch::{
    BranchError, BranchFault, CommitFailure, FaultSort, RevertError, SchemaLoadError, Violation,
};
use engine::{ComponentError, RunError};
use graphql::GraphqlError;
use model::schema::SchemaError;
use sandbox::SandboxError;
use serde_json::{Value as Json, json};
use store::{CommitError, OpenError};

use crate::object_load::ObjectLoadError;
use crate::render::RenderError;

/// Whose business an error is; an interface maps it to its own status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The request is wrong.
    Invalid,
    /// It names something the public API refuses as a bad request: a branch, a moment.
    BadRequest,
    /// What it names is not there.
    NotFound,
    /// It does not fit what is there.
    Conflict,
    /// It may not be done.
    Denied,
    /// The host takes on no more for now.
    Busy,
    /// Who asks must say who they are.
    Unauthenticated,
    /// There is no room on the disk.
    Full,
    /// The host failed.
    Internal,
}

impl ErrorClass {
    /// The status of HTTP that says so.
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::BadRequest => 400,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Denied => 403,
            Self::Busy => 503,
            Self::Unauthenticated => 401,
            Self::Full => 507,
            Self::Internal => 500,
        }
    }
}

/// Why a verb was not carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The data folder cannot be used.
    #[error("the folder {} cannot be used: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The sandbox did not start.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A schema was refused.
    #[error(transparent)]
    Schema(#[from] SchemaLoadError),
    /// Files do not read.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Files(Vec<SchemaError>),
    /// A row of an object file was refused.
    #[error(transparent)]
    ObjectLoad(#[from] ObjectLoadError),
    /// Objects were refused, or reading failed.
    #[error(transparent)]
    Branch(#[from] BranchError),
    /// A commit failed.
    #[error(transparent)]
    Commit(#[from] CommitFailure),
    /// A component was refused.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// There was no run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// GraphQL.
    #[error(transparent)]
    Graphql(GraphqlError),
    /// A commit was not taken back.
    #[error(transparent)]
    Revert(#[from] RevertError),
    /// A proposed change is not in a state for what is asked.
    #[error("{message}")]
    Change {
        /// Stable code.
        code: &'static str,
        /// What stands in the way and what helps.
        message: String,
        /// What stands in the way, one by one.
        details: Vec<String>,
    },
    /// A document was not made.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A trigger was refused.
    #[error("{message}")]
    Trigger {
        /// Stable code.
        code: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A request asks for what cannot be.
    #[error("{message}")]
    Request {
        /// Stable code.
        code: &'static str,
        /// What is wrong.
        message: String,
    },
    /// Credentials are missing or worth nothing.
    #[error("{message}")]
    Unauthenticated {
        /// Stable code.
        code: &'static str,
        /// What is wrong and what helps.
        message: String,
    },
    /// The account may not do it.
    #[error(
        "`{account}` may not do this: it needs the permission `{missing}`; ask an administrator for a role that has it"
    )]
    Denied {
        /// Name of the account.
        account: String,
        /// The permission.
        missing: String,
    },
    /// What is named is not there.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// The name or id asked for.
        name: String,
    },
}

impl ServiceError {
    /// The refusal of a request that asks for what cannot be.
    pub(crate) fn request(code: &'static str, message: String) -> Self {
        Self::Request { code, message }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "bad-folder",
            Self::Open(OpenError::InUse { .. }) => "store-in-use",
            Self::Open(OpenError::NotAStore { .. }) => "not-a-store",
            Self::Open(OpenError::Format { .. }) => "store-format",
            Self::Open(_) => "store-failed",
            Self::Sandbox(_) => "sandbox-failed",
            Self::Schema(SchemaLoadError::Invalid(_)) => "schema-invalid",
            Self::Schema(SchemaLoadError::Data(_)) => "schema-data",
            Self::Schema(SchemaLoadError::Branch(error)) => error.code(),
            Self::Files(errors) => errors.first().map_or("bad-file", |error| error.code),
            Self::ObjectLoad(error) => error.source.code(),
            Self::Branch(error) => error.code(),
            Self::Commit(failure) => failure.code(),
            Self::Component(error) => error.code(),
            Self::Run(error) => error.code(),
            Self::Graphql(error) => error.code,
            Self::Revert(error) => error.code(),
            Self::Render(error) => error.code(),
            Self::Trigger { code, .. }
            | Self::Request { code, .. }
            | Self::Change { code, .. }
            | Self::Unauthenticated { code, .. } => code,
            Self::Denied { .. } => "PERMISSION_DENIED",
            Self::NotFound { .. } => "not-found",
        }
    }

    /// Whose business it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Schema(SchemaLoadError::Data(_)) => ErrorClass::Conflict,
            Self::Schema(SchemaLoadError::Invalid(_)) | Self::Files(_) | Self::Graphql(_) => {
                ErrorClass::Invalid
            }
            Self::ObjectLoad(error) => of_branch(&error.source),
            Self::Schema(SchemaLoadError::Branch(error)) | Self::Branch(error) => of_branch(error),
            Self::Commit(failure) => of_commit(failure),
            Self::Component(error) => of_component(error),
            Self::Run(error) => match error {
                RunError::Definition(_) | RunError::NoTarget { .. } => ErrorClass::NotFound,
                RunError::NotInGroup { .. } => ErrorClass::Invalid,
                RunError::Component(error) => of_component(error),
                RunError::Branch(error) => of_branch(error),
                RunError::Contended { .. } => ErrorClass::Conflict,
                RunError::Busy { .. } => ErrorClass::Busy,
                RunError::Commit(failure) => of_commit(failure),
            },
            Self::Revert(error) => match error {
                RevertError::Unknown(_) => ErrorClass::NotFound,
                RevertError::NotRevertible { .. } => ErrorClass::Invalid,
                RevertError::Blocked { .. } => ErrorClass::Conflict,
                RevertError::Branch(error) => of_branch(error),
            },
            // What does not read is told to who has signed it alone.
            Self::Trigger { code: "bad-body" | "ambiguous-target", .. } => ErrorClass::Invalid,
            Self::Trigger { .. } | Self::Denied { .. } => ErrorClass::Denied,
            Self::Unauthenticated { .. } => ErrorClass::Unauthenticated,
            Self::Change { .. } => ErrorClass::Conflict,
            Self::Render(RenderError::Process(_)) => ErrorClass::Internal,
            Self::Render(_) | Self::Request { .. } => ErrorClass::Invalid,
            Self::NotFound { .. } => ErrorClass::NotFound,
            Self::Folder { .. } | Self::Open(_) | Self::Sandbox(_) => ErrorClass::Internal,
        }
    }

    /// Facts of the public form: the branch that it is about, the permission that is missing; else null.
    pub fn data(&self) -> Json {
        match self {
            Self::Branch(BranchError::Branch(fault))
            | Self::Commit(CommitFailure::Refused(BranchError::Branch(fault))) => {
                fault.branch().map_or(Json::Null, |name| json!({"branch_name": name}))
            }
            Self::Denied { missing, .. } => json!({"permission": missing}),
            Self::Graphql(error) => error.data.clone(),
            _ => Json::Null,
        }
    }

    /// Further facts, one a line: the broken rules of a schema, the offenders of a change.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Schema(SchemaLoadError::Invalid(errors)) | Self::Files(errors) => {
                errors.iter().map(ToString::to_string).collect()
            }
            Self::Schema(SchemaLoadError::Data(offences)) => offences.clone(),
            Self::Change { details, .. } => details.clone(),
            Self::Revert(RevertError::Blocked { blockers, .. }) => {
                blockers.iter().map(ToString::to_string).collect()
            }
            Self::Branch(BranchError::Branch(BranchFault::Conflicts { conflicts, .. }))
            | Self::Commit(CommitFailure::Refused(BranchError::Branch(BranchFault::Conflicts {
                conflicts,
                ..
            }))) => conflicts.iter().map(|one| format!("{}: {one}", one.id)).collect(),
            _ => Vec::new(),
        }
    }
}

fn of_branch(error: &BranchError) -> ErrorClass {
    match error {
        BranchError::Violation(violation) => match violation.as_ref() {
            Violation::NotFound { .. } => ErrorClass::NotFound,
            Violation::NotUnique { .. }
            | Violation::StillNeeded { .. }
            | Violation::Exists { .. }
            | Violation::Pool { .. } => ErrorClass::Conflict,
            Violation::Protected { .. } | Violation::DefaultNamespace => ErrorClass::Denied,
            _ => ErrorClass::Invalid,
        },
        BranchError::Branch(fault) => match fault.sort() {
            FaultSort::Conflict => ErrorClass::Conflict,
            FaultSort::NotFound => ErrorClass::NotFound,
            FaultSort::Denied => ErrorClass::Denied,
            FaultSort::Bad => ErrorClass::BadRequest,
        },
        BranchError::Store { .. } | BranchError::Damaged { .. } => ErrorClass::Internal,
    }
}

fn of_commit(failure: &CommitFailure) -> ErrorClass {
    match failure {
        CommitFailure::Refused(error) => of_branch(error),
        CommitFailure::Conflict { .. } => ErrorClass::Conflict,
        CommitFailure::Store(CommitError::Full) => ErrorClass::Full,
        CommitFailure::Store(_) => ErrorClass::Internal,
    }
}

fn of_component(error: &ComponentError) -> ErrorClass {
    match error {
        ComponentError::None(_)
        | ComponentError::World { .. }
        | ComponentError::Check(_)
        | ComponentError::Load(_) => ErrorClass::Invalid,
        ComponentError::Unknown(_) => ErrorClass::NotFound,
        ComponentError::Branch(error) => of_branch(error),
        ComponentError::Commit(failure) => of_commit(failure),
    }
}
