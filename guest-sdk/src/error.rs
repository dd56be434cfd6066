//! Errors of a generator.

use std::fmt;

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Coarse and closed: decide on this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// An argument is wrong.
    InvalidArgument,
    /// What is named is not there.
    NotFound,
    /// It does not fit what is there.
    Conflict,
    /// It may not be done.
    Denied,
    /// A pool is empty.
    Exhausted,
    /// A limit of the run is reached.
    LimitExceeded,
    /// The schema knows no such kind or field.
    SchemaMismatch,
    /// The host failed.
    Internal,
}

/// Why something was not done. Returned from the generator it ends the run, and nothing is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Decide on this.
    pub code: Code,
    /// Finer: `pool-exhausted`, `unknown-kind`, ...
    pub name: String,
    /// For people.
    pub message: String,
    /// Where in the argument or the input.
    pub path: Option<String>,
    /// Further facts.
    pub details: Vec<(String, String)>,
}

impl Error {
    /// An error of the generator's own.
    pub fn message(text: impl Into<String>) -> Self {
        Self {
            code: Code::InvalidArgument,
            name: "generator".to_owned(),
            message: text.into(),
            path: None,
            details: Vec::new(),
        }
    }

    /// The same error, said to be at a place of the input.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The same error, said to be about one of several drafts.
    pub(crate) fn of_draft(self, number: u32) -> Self {
        let path = match &self.path {
            Some(path) => format!("drafts[{number}].{path}"),
            None => format!("drafts[{number}]"),
        };
        self.at(path)
    }

    /// An error with a code and name, as a host gives it.
    pub fn new(code: Code, name: &str, message: impl Into<String>) -> Self {
        Self { code, name: name.to_owned(), ..Self::message(message) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.path {
            Some(path) => write!(f, " (at {path})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<serde_json::Error> for Error {
    fn from(bad: serde_json::Error) -> Self {
        Self::new(Code::InvalidArgument, "bad-json", bad.to_string())
    }
}
