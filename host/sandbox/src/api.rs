//! The types of the boundary between a guest and its host, in plain Rust. They follow the WIT one by
//! one, so that whoever implements [`crate::GuestHost`] need not know WebAssembly.

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// No value.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction; may be NaN or infinite.
    Number(f64),
    /// Text, and whatever the schema writes as text.
    Text(String),
    /// A structure as JSON text, not yet parsed.
    Json(String),
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// A single one.
    One(Scalar),
    /// A list.
    Many(Vec<Scalar>),
}

/// A named value.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The attribute.
    pub name: String,
    /// Its value.
    pub value: FieldValue,
}

/// Coarse kind of an error; closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The argument makes no sense.
    InvalidArgument,
    /// It is not there.
    NotFound,
    /// Something else has it, or is in the way.
    Conflict,
    /// Not allowed.
    Denied,
    /// A pool is empty.
    Exhausted,
    /// A limit of the run is reached.
    LimitExceeded,
    /// The schema knows no such thing.
    SchemaMismatch,
    /// The host's own failure.
    Internal,
}

impl Code {
    /// The name that WIT gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid-argument",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Exhausted => "exhausted",
            Self::LimitExceeded => "limit-exceeded",
            Self::SchemaMismatch => "schema-mismatch",
            Self::Internal => "internal",
        }
    }
}

/// An error that a guest can handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestError {
    /// Coarse and closed.
    pub code: Code,
    /// Fine and open: `pool-exhausted`.
    pub name: String,
    /// What was asked, what stands in the way, what helps.
    pub message: String,
    /// Where in the argument the trouble is: `fields.vlan_id`.
    pub path: Option<String>,
    /// Further facts.
    pub details: Vec<(String, String)>,
}

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By id.
    Id(String),
    /// By the key under which the instance makes it.
    Key(String),
    /// By kind and human-friendly id.
    Hfid(String, Vec<String>),
}

/// Peers of one relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The relationship.
    pub relationship: String,
    /// The peers.
    pub to: Vec<Target>,
}

/// A value drawn from a pool straight into an attribute or relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromPool {
    /// What to fill.
    pub name: String,
    /// Id or name of the pool.
    pub pool: String,
    /// Identity of the allocation; else it follows from instance, key and name.
    pub identifier: Option<String>,
    /// Prefix length.
    pub length: Option<u8>,
}

/// An object to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The kind.
    pub kind: String,
    /// Its name within the instance; empty: its human-friendly id.
    pub key: String,
    /// Attributes.
    pub fields: Vec<Field>,
    /// Relationships.
    pub links: Vec<Link>,
    /// What pools fill in.
    pub allocations: Vec<FromPool>,
}

/// What came of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// It changed.
    Updated,
    /// It was so already.
    Unchanged,
}

/// An object that was ensured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its id.
    pub id: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What is wanted of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// A number.
    Number,
    /// An address with this prefix length.
    Address(Option<u8>),
    /// A prefix of this length.
    Prefix(Option<u8>),
}

/// A question to a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolRequest {
    /// Id or name of the pool.
    pub pool: String,
    /// Same identifier, same resource.
    pub identifier: String,
    /// What is wanted.
    pub want: Want,
    /// Values of the object made for a prefix or address.
    pub data: Vec<Field>,
    /// What it asks beyond that.
    pub terms: Terms,
}

/// What a question to a pool asks beyond what it is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    /// This value and no other.
    pub value: Option<Scalar>,
    /// The division of a pool: element and value.
    pub scope: Vec<(String, String)>,
    /// Numbers in a row: how many, and what the first is a multiple of.
    pub block: Option<(u32, u32)>,
}

/// The answer of a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The number, address or prefix.
    pub value: Scalar,
    /// The object made for it.
    pub object: Option<String>,
    /// Whether an earlier run had it.
    pub reused: bool,
}

/// Facts about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInfo {
    /// The run.
    pub run_id: String,
    /// The instance: definition, target, branch.
    pub instance_id: String,
    /// Name of the definition.
    pub definition: String,
    /// Name of the branch.
    pub branch: String,
    /// Id of the target.
    pub target: String,
    /// Kind of the target.
    pub target_kind: String,
    /// The moment of the snapshot (RFC 3339).
    pub as_of: String,
    /// 32 hexadecimal digits, the same on every run of the instance.
    pub seed: String,
    /// Whether nothing will be kept.
    pub dry_run: bool,
}

/// Weight of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the author.
    Debug,
    /// For whoever follows.
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

/// Which world a component is of: what it exports says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// It makes objects.
    Generator,
    /// It says what is wrong.
    Check,
}

impl World {
    /// `generator`, `check`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Check => "check",
        }
    }
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For information.
    Info,
    /// Somebody should look.
    Warning,
    /// The check fails.
    Error,
    /// The check fails, and badly.
    Critical,
}

impl Severity {
    /// The public word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// Whether a finding of this weight makes its check fail.
    pub fn fails(self) -> bool {
        self >= Self::Error
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Which part of the object it is about.
    pub path: Option<String>,
    /// Id of the object, as the guest gave it.
    pub object: Option<String>,
}
