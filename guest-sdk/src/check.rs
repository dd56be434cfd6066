//! Writing a check: a function that says what is wrong with what it is shown.
//!
//! ```
//! use kiln::check::{Finding, Inspection};
//! use kiln::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Input {
//!     #[serde(rename = "InfraServer")]
//!     servers: Edges<Server>,
//! }
//!
//! #[derive(Deserialize)]
//! struct Server {
//!     id: String,
//!     name: Value<String>,
//!     memory_gb: Value<u32>,
//! }
//!
//! fn check(inspection: &Inspection, input: Input) -> Result<()> {
//!     for server in input.servers.iter().filter(|server| *server.memory_gb < 8) {
//!         let text = format!("{} has less than 8 GB of memory", server.name);
//!         inspection.report(Finding::error(text).at("memory_gb").about(&server.id));
//!     }
//!     Ok(())
//! }
//!
//! kiln::check!(check);
//!
//! // The same function runs natively:
//! let found = kiln::test::inspect(check, serde_json::json!({"InfraServer": {"edges": [
//!     {"node": {"id": "1", "name": {"value": "web-0"}, "memory_gb": {"value": 4}}}
//! ]}}))
//! .unwrap();
//! assert_eq!(found[0].path.as_deref(), Some("memory_gb"));
//! ```

use std::cell::RefCell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Field, Info, Level, Result};

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

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong, and what helps.
    pub message: String,
    /// Which part of the object it is about.
    pub path: Option<String>,
    /// Id of the object it is about.
    pub object: Option<String>,
}

impl Finding {
    /// A finding of some weight.
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self { severity, message: message.into(), path: None, object: None }
    }

    /// For information.
    pub fn info(message: impl Into<String>) -> Self {
        Self::new(Severity::Info, message)
    }

    /// Somebody should look.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    /// The check fails.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// The check fails, and badly.
    pub fn critical(message: impl Into<String>) -> Self {
        Self::new(Severity::Critical, message)
    }

    /// The same, said to be about a part of the object.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The same, said to be about an object.
    #[must_use]
    pub fn about(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }
}

/// What a check stands on: the imports of its world, as a trait.
pub trait Source {
    /// Facts about the check.
    fn info(&self) -> Info;
    /// The parameters of the definition.
    fn parameters(&self) -> Vec<Field>;
    /// A line of log.
    fn log(&self, level: Level, message: &str);
    /// The `data` of a GraphQL document, as JSON text; variables are a JSON object.
    fn document(&self, text: &str, variables: &str) -> Result<String>;
}

/// A check under way.
pub struct Inspection<'s> {
    source: &'s dyn Source,
    found: RefCell<Vec<Finding>>,
}

impl std::fmt::Debug for Inspection<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("found", &self.found).finish_non_exhaustive()
    }
}

impl<'s> Inspection<'s> {
    /// A check over a source.
    pub fn new(source: &'s dyn Source) -> Self {
        Self { source, found: RefCell::default() }
    }

    /// Facts about the check: the branch, the target if there is one.
    pub fn info(&self) -> Info {
        self.source.info()
    }

    /// The parameters of the definition.
    pub fn parameters(&self) -> Vec<Field> {
        self.source.parameters()
    }

    /// A line for the log.
    pub fn log(&self, message: impl AsRef<str>) {
        self.source.log(Level::Info, message.as_ref());
    }

    /// Asks a document beyond the definition's query.
    pub fn query<T: DeserializeOwned>(&self, text: &str, variables: &impl Serialize) -> Result<T> {
        let answer = self.source.document(text, &serde_json::to_string(variables)?)?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// Says that something was found.
    pub fn report(&self, finding: Finding) {
        self.found.borrow_mut().push(finding);
    }

    /// What was found, in order.
    pub fn into_findings(self) -> Vec<Finding> {
        self.found.into_inner()
    }
}
