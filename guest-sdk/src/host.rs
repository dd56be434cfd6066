//! What a generator stands on: in the sandbox the imports of the world, natively a host in memory.

use crate::{Field, Given, Result};

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// By id.
    Id(String),
    /// By the key under which this instance makes it.
    Key(String),
    /// By kind and human-friendly id.
    Hfid(String, Vec<String>),
}

impl Target {
    /// An object by kind and human-friendly id of one part.
    pub fn named(kind: &str, name: impl Into<String>) -> Self {
        Self::Hfid(kind.to_owned(), vec![name.into()])
    }

    /// An object by id.
    pub fn id(id: impl Into<String>) -> Self {
        Self::Id(id.into())
    }
}

impl From<&str> for Target {
    fn from(id: &str) -> Self {
        Self::Id(id.to_owned())
    }
}

impl From<&String> for Target {
    fn from(id: &String) -> Self {
        Self::Id(id.clone())
    }
}

impl From<String> for Target {
    fn from(id: String) -> Self {
        Self::Id(id)
    }
}

/// Peers of one relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// The relationship.
    pub relationship: String,
    /// The peers.
    pub to: Vec<Target>,
}

/// A value drawn from a pool into a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Attribute or relationship.
    pub name: String,
    /// Id or name of the pool.
    pub pool: String,
    /// Identifier; else (instance, key, name).
    pub identifier: Option<String>,
    /// Prefix length.
    pub length: Option<u8>,
}

/// An object to ensure.
#[derive(Debug, Clone, PartialEq)]
pub struct Drafted {
    /// Kind.
    pub kind: String,
    /// Key; empty for the human-friendly id.
    pub key: String,
    /// Values.
    pub fields: Vec<Field>,
    /// Links.
    pub links: Vec<Linked>,
    /// Draws.
    pub allocations: Vec<Drawn>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// It changed.
    Updated,
    /// It was so already.
    Unchanged,
}

/// An object that was ensured or set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What is asked of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// A number.
    Number,
    /// An address of this prefix length.
    Address(Option<u8>),
    /// A prefix of this length.
    Prefix(Option<u8>),
}

/// One allocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Id or name of the pool.
    pub pool: String,
    /// Same identifier, same resource.
    pub identifier: String,
    /// What.
    pub want: Want,
    /// Values of the object that is made.
    pub data: Vec<Field>,
    /// What is asked beyond that.
    pub terms: Terms,
}

/// What a request asks beyond what it is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    /// This value and no other.
    pub value: Option<Given>,
    /// The division of a pool that counts by something: element and value.
    pub scope: Vec<(String, String)>,
    /// Numbers in a row: how many, and what the first is a multiple of.
    pub block: Option<(u32, u32)>,
}

/// What was allocated.
#[derive(Debug, Clone, PartialEq)]
pub struct Granted {
    /// The number, address or prefix.
    pub value: Given,
    /// The object of an address or prefix.
    pub object: Option<String>,
    /// An earlier run had it already.
    pub reused: bool,
}

/// Facts about the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The run.
    pub run_id: String,
    /// The instance; the same for every run.
    pub instance_id: String,
    /// Name of the definition.
    pub definition: String,
    /// The branch.
    pub branch: String,
    /// Id of the target.
    pub target: String,
    /// Kind of the target.
    pub target_kind: String,
    /// The moment of the state that is read; the only clock.
    pub as_of: String,
    /// The only randomness; the same on every run of the instance.
    pub seed: String,
    /// Nothing will be kept.
    pub dry_run: bool,
}

/// Weight of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For whoever looks for a mistake.
    Debug,
    /// What happened.
    Info,
    /// What somebody should look at.
    Warn,
    /// What went wrong, though the run goes on.
    Error,
}

/// The imports of the world, as a trait: what [`Ctx`](crate::Ctx) stands on. Each is the import of that name;
/// errors are the host's own.
pub trait Host {
    /// Facts about the run.
    fn info(&self) -> Info;
    /// The query's variables, as resolved from the target.
    fn parameters(&self) -> Vec<Field>;
    /// A line of log with fields for programs. Never fails; too much is cut, and said so.
    fn log(&self, level: Level, message: &str, fields: &[(&str, String)]);
    /// Ensures an object.
    fn create(&self, draft: Drafted) -> Result<Saved>;
    /// Ensures several, all or none; the error's path says which one is the culprit.
    fn create_many(&self, drafts: Vec<Drafted>) -> Result<Vec<Saved>>;
    /// Sets values and links of an object of others, for as long as runs say so.
    fn set(&self, of: &Target, fields: Vec<Field>, links: Vec<Linked>) -> Result<Saved>;
    /// Keeps what an earlier run made under a key; its id.
    fn keep(&self, key: &str) -> Result<String>;
    /// The id behind a target.
    fn find(&self, what: &Target) -> Result<String>;
    /// Values of an object, all of them where no names are given.
    fn read(&self, what: &Target, names: &[&str]) -> Result<Vec<Field>>;
    /// Ids of the peers of a relationship.
    fn peers(&self, what: &Target, relationship: &str) -> Result<Vec<String>>;
    /// The `data` of a GraphQL document, as JSON text; variables are a JSON object.
    fn document(&self, text: &str, variables: &str) -> Result<String>;
    /// Draws from a pool; the same identifier has the same resource on every run.
    fn allocate(&self, request: Request) -> Result<Granted>;
    /// What a draw would give to an identifier that has nothing yet. Nothing is taken.
    fn peek(&self, request: Request) -> Result<Given>;
}
