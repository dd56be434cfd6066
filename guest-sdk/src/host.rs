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
#[allow(missing_docs, reason = "the usual words")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// The imports of the world, as a trait.
#[allow(missing_docs, reason = "each is the import of that name; see the WIT")]
pub trait Host {
    fn info(&self) -> Info;
    fn parameters(&self) -> Vec<Field>;
    fn log(&self, level: Level, message: &str, fields: &[(&str, String)]);
    fn create(&self, draft: Drafted) -> Result<Saved>;
    fn create_many(&self, drafts: Vec<Drafted>) -> Result<Vec<Saved>>;
    fn set(&self, of: &Target, fields: Vec<Field>, links: Vec<Linked>) -> Result<Saved>;
    fn keep(&self, key: &str) -> Result<String>;
    fn find(&self, what: &Target) -> Result<String>;
    fn read(&self, what: &Target, names: &[&str]) -> Result<Vec<Field>>;
    fn peers(&self, what: &Target, relationship: &str) -> Result<Vec<String>>;
    fn document(&self, text: &str, variables: &str) -> Result<String>;
    fn allocate(&self, request: Request) -> Result<Granted>;
    fn peek(&self, request: Request) -> Result<Given>;
}
