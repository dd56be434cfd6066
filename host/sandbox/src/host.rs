//! What a guest's host must offer: one method an import. Limits, counting and the guest's memory are
//! settled before a method is called; the implementer sees checked, owned values.

use crate::api::{
    Draft, Field, Grant, GuestError, Link, LogLevel, PoolRequest, RunInfo, Saved, Scalar, Target,
};

/// The powers of one run. Every method may be called any number of times, in any order, within the
/// limits of the run. A panic in a method ends the run as the host's failure, and nothing else.
pub trait GuestHost: Send + 'static {
    /// Facts about the run.
    fn current(&mut self) -> RunInfo;

    /// The query's variables.
    fn parameters(&mut self) -> Vec<Field>;

    /// A line for the log, cut to the limits and otherwise as the guest wrote it: whoever prints it
    /// escapes it.
    fn log(&mut self, level: LogLevel, message: &str, fields: Vec<(String, String)>);

    /// The text of a panic. The run ends right after, with this text in its report.
    fn panicked(&mut self, message: &str, location: &str);

    /// Ensures an object.
    fn create(&mut self, draft: Draft) -> Result<Saved, GuestError>;

    /// Ensures several, all or none; the number is the place of the culprit.
    fn create_many(&mut self, drafts: Vec<Draft>) -> Result<Vec<Saved>, (u32, GuestError)>;

    /// Sets attributes and relationships of an object the instance did not make.
    fn set(
        &mut self,
        of: Target,
        fields: Vec<Field>,
        links: Vec<Link>,
    ) -> Result<Saved, GuestError>;

    /// Keeps what an earlier run made under a key.
    fn keep(&mut self, key: &str) -> Result<String, GuestError>;

    /// The id behind a target.
    fn find(&mut self, what: Target) -> Result<String, GuestError>;

    /// Attribute values; all of them when `names` is empty.
    fn read(&mut self, what: Target, names: Vec<String>) -> Result<Vec<Field>, GuestError>;

    /// Ids of the peers of a relationship.
    fn peers(&mut self, what: Target, relationship: &str) -> Result<Vec<String>, GuestError>;

    /// Answers a GraphQL document; `variables` is JSON text, not yet parsed.
    fn document(&mut self, text: &str, variables: &str) -> Result<String, GuestError>;

    /// Draws from a pool.
    fn allocate(&mut self, request: PoolRequest) -> Result<Grant, GuestError>;

    /// What a draw would give; nothing is taken.
    fn peek(&mut self, request: PoolRequest) -> Result<Scalar, GuestError>;
}
