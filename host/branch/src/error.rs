//! Why something could not be read or changed.

use model::schema::ValueError;
use model::{ObjectId, Seq};
use store::{CommitError, StoreError};

use crate::branches::BranchFault;

/// Reading failed, or a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// The disk, or what is on it.
    #[error("the store failed while {doing}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// The store's own words.
        #[source]
        source: StoreError,
    },
    /// A row that does not read: disks lie.
    #[error("the store is damaged: {what}; run `kiln store check`")]
    Damaged {
        /// Which row.
        what: String,
    },
    /// A change breaks a rule.
    #[error(transparent)]
    Violation(Box<Violation>),
    /// A branch, or a moment of it, is not what the verb needs.
    #[error(transparent)]
    Branch(#[from] BranchFault),
}

impl BranchError {
    /// The stable code users decide on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store { .. } => "store-failed",
            Self::Damaged { .. } => "store-damaged",
            Self::Violation(violation) => violation.code(),
            Self::Branch(fault) => fault.code(),
        }
    }
}

impl From<Violation> for BranchError {
    fn from(violation: Violation) -> Self {
        Self::Violation(Box::new(violation))
    }
}

impl From<StoreError> for BranchError {
    fn from(source: StoreError) -> Self {
        Self::Store { doing: "reading", source }
    }
}

/// A rule of the schema, or of the objects there are, that a change would break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// No kind of this name.
    #[error("`{kind}` is not a kind of this schema{}", did_you_mean(.nearest))]
    UnknownKind {
        /// The name asked for.
        kind: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// A generic, where only a concrete kind can be made.
    #[error("`{kind}` is a generic; make an object of one of its kinds: {}", .kinds.join(", "))]
    NotConcrete {
        /// The generic.
        kind: String,
        /// Kinds that inherit from it.
        kinds: Vec<String>,
    },
    /// No attribute or relationship of this name.
    #[error("`{kind}` has no attribute or relationship `{field}`{}", did_you_mean(.nearest))]
    UnknownField {
        /// The kind.
        kind: String,
        /// The name asked for.
        field: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// No object of this identity.
    #[error("Unable to find the node {identifier} / {kind} in the database.")]
    NotFound {
        /// The kind asked for.
        kind: String,
        /// The id or human-friendly id asked for.
        identifier: String,
    },
    /// A human-friendly id that fits several objects.
    #[error("`{identifier}` names {count} objects of `{kind}`; name one by its id")]
    Ambiguous {
        /// The kind.
        kind: String,
        /// The human-friendly id.
        identifier: String,
        /// How many fit.
        count: usize,
    },
    /// A mandatory attribute or relationship is missing.
    #[error("{field} is mandatory for {kind} at {field}")]
    Required {
        /// The kind.
        kind: String,
        /// The attribute or relationship.
        field: String,
        /// Which object, for people.
        object: String,
    },
    /// A value its attribute does not take.
    #[error("{message}")]
    BadValue {
        /// The kind.
        kind: String,
        /// The attribute.
        field: String,
        /// What is wrong and what would do.
        message: String,
    },
    /// A value of a type its attribute does not take.
    #[error("{message}")]
    WrongType {
        /// The kind.
        kind: String,
        /// The attribute.
        field: String,
        /// The type it takes, as JSON has them.
        wanted: &'static str,
        /// The type of the value.
        found: &'static str,
        /// What is wrong and what would do.
        message: String,
    },
    /// A value for something only the host sets.
    #[error("`{field}` of `{kind}` is read-only; leave it out")]
    ReadOnly {
        /// The kind.
        kind: String,
        /// The attribute or relationship.
        field: String,
    },
    /// A peer of a kind the relationship does not take.
    #[error("`{field}` of `{kind}` takes `{wanted}`, but {peer} is a `{found}`")]
    WrongPeer {
        /// The kind.
        kind: String,
        /// The relationship.
        field: String,
        /// The kind it takes.
        wanted: String,
        /// The kind of the peer.
        found: String,
        /// The peer, for people.
        peer: String,
    },
    /// Too few or too many peers.
    #[error("`{field}` of {kind} `{object}` must have {wanted} peers, it would have {found}")]
    PeerCount {
        /// The kind.
        kind: String,
        /// The relationship.
        field: String,
        /// The object, for people.
        object: String,
        /// What the schema asks for.
        wanted: String,
        /// What there would be.
        found: usize,
    },
    /// Peers that do not have in common what the schema asks for.
    #[error(
        "`{field}` of {kind} `{object}`: `{peer}` must have the same `{common}` as {than}; it has {found}, not {wanted}"
    )]
    NotCommon {
        /// The kind.
        kind: String,
        /// The relationship.
        field: String,
        /// The object, for people.
        object: String,
        /// The peer, for people.
        peer: String,
        /// The relationship of the peer that must agree.
        common: String,
        /// What it must agree with.
        than: &'static str,
        /// What it has.
        found: String,
        /// What it must have.
        wanted: String,
    },
    /// Two objects with one value.
    #[error(
        "Violates uniqueness constraint '{constraint}': {kind} `{object}` and {other} are alike"
    )]
    NotUnique {
        /// The kind.
        kind: String,
        /// The fields, joined by a dash.
        constraint: String,
        /// The object being changed, for people.
        object: String,
        /// The one that was there.
        other: ObjectId,
    },
    /// Others need the object.
    #[error(
        "Cannot delete {kind} '{object}'. It is linked to mandatory relationship {field} on node {by_kind} '{by}'"
    )]
    StillNeeded {
        /// The kind.
        kind: String,
        /// The object.
        object: ObjectId,
        /// The mandatory relationship.
        field: String,
        /// Kind of the object that needs it.
        by_kind: String,
        /// The object that needs it.
        by: ObjectId,
    },
    /// An attribute its owner protected.
    #[error("`{field}` of {kind} {object} is protected; only its owner {owner} may change it")]
    Protected {
        /// The kind.
        kind: String,
        /// The attribute.
        field: String,
        /// The object.
        object: ObjectId,
        /// Who may.
        owner: String,
    },
    /// The same id twice.
    #[error("object {object} exists already, as a `{kind}`")]
    Exists {
        /// The id.
        object: ObjectId,
        /// Its kind.
        kind: String,
    },
    /// An object that cannot become one of another kind, or not so.
    #[error("{kind} `{object}` cannot become a `{target}`: {message}")]
    NotConvertible {
        /// The kind.
        kind: String,
        /// The object, for people.
        object: String,
        /// The kind it was to become.
        target: String,
        /// What stands in the way and what helps.
        message: String,
    },
    /// The default namespace stays.
    #[error("Cannot delete default IPAM namespace")]
    DefaultNamespace,
    /// A pool could not give what was asked.
    #[error("{message}")]
    Pool {
        /// The fine code: `pool-exhausted`, `identifier-conflict`, ...
        code: &'static str,
        /// What was asked, what stands in the way, what helps.
        message: String,
    },
}

impl Violation {
    /// A value that an attribute of a kind does not take.
    pub fn of_value(kind: &str, bad: &ValueError) -> Self {
        let (kind, field, message) = (kind.to_owned(), bad.attribute.clone(), bad.to_string());
        match bad.types {
            Some((wanted, found)) => Self::WrongType { kind, field, wanted, found, message },
            None => Self::BadValue { kind, field, message },
        }
    }

    /// The stable code users decide on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownKind { .. } => "unknown-kind",
            Self::NotConcrete { .. } => "not-concrete",
            Self::UnknownField { .. } => "unknown-field",
            Self::NotFound { .. } => "not-found",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Required { .. } => "required",
            Self::BadValue { .. } | Self::WrongType { .. } => "bad-value",
            Self::ReadOnly { .. } => "read-only",
            Self::WrongPeer { .. } => "wrong-peer",
            Self::PeerCount { .. } => "peer-count",
            Self::NotCommon { .. } => "not-common",
            Self::NotUnique { .. } => "not-unique",
            Self::StillNeeded { .. } => "still-needed",
            Self::Protected { .. } => "protected",
            Self::Exists { .. } => "exists",
            Self::NotConvertible { .. } => "not-convertible",
            Self::DefaultNamespace => "default-namespace",
            Self::Pool { code, .. } => code,
        }
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Why a draft was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitFailure {
    /// Something the draft read has changed since; make the draft again on a fresh view.
    #[error("what this change looked at was changed by commit {seq} in the meantime")]
    Conflict {
        /// The commit that changed it.
        seq: Seq,
    },
    /// A rule is broken.
    #[error(transparent)]
    Refused(#[from] BranchError),
    /// The disk did not take it; nothing was changed.
    #[error("the change was not stored: {0}")]
    Store(CommitError),
}

impl CommitFailure {
    /// Of a commit whose answer never came: the store was closed meanwhile.
    pub fn closed() -> Self {
        Self::Store(CommitError::Closed)
    }

    /// The stable code users decide on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "conflict",
            Self::Refused(error) => error.code(),
            Self::Store(CommitError::Full) => "disk-full",
            Self::Store(_) => "store-failed",
        }
    }
}
