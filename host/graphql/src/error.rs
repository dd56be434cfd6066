//! Errors in the public shape.

use apollo_compiler::Schema as Types;
use apollo_compiler::diagnostic::Diagnostic;
use apollo_compiler::validation::DiagnosticData;
use branch::{BranchError, Violation};
use model::schema::Schema;
use serde_json::{Value as Json, json};

/// A place in a document, both counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One error of an answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct GraphqlError {
    /// For people.
    pub message: String,
    /// Stable code.
    pub code: &'static str,
    /// Matching HTTP status.
    pub http_status: u16,
    /// Where in the document.
    pub locations: Vec<Location>,
    /// Facts by code.
    pub data: Json,
}

impl GraphqlError {
    fn new(message: String, code: &'static str, http_status: u16) -> Self {
        Self { message, code, http_status, locations: Vec::new(), data: Json::Null }
    }

    pub(crate) fn bad_request(message: String) -> Self {
        Self::new(message, "BAD_REQUEST", 400)
    }

    pub(crate) fn limit(message: String) -> Self {
        Self::new(message, "LIMIT_EXCEEDED", 400)
    }

    pub(crate) fn internal(message: String) -> Self {
        Self::new(message, "UNDEFINED_ERROR", 500)
    }

    /// The public shape.
    pub fn to_json(&self) -> Json {
        let locations: Vec<Json> =
            self.locations.iter().map(|at| json!({"line": at.line, "column": at.column})).collect();
        json!({
            "message": self.message,
            "locations": locations,
            "extensions": {
                "code": self.code, "http_status": self.http_status, "data": self.data,
            },
        })
    }
}

impl From<BranchError> for GraphqlError {
    fn from(error: BranchError) -> Self {
        let message = error.to_string();
        match &error {
            BranchError::Violation(violation) => match violation.as_ref() {
                Violation::NotFound { kind, identifier } => Self {
                    data: json!({"node_kind": kind, "identifier": identifier}),
                    ..Self::new(message, "NODE_NOT_FOUND", 404)
                },
                Violation::UnknownKind { .. } => Self::new(message, "SCHEMA_NOT_FOUND", 422),
                _ => Self::bad_request(message),
            },
            _ => Self::internal(message),
        }
    }
}

/// A variable of type `String` where an `ID` is asked for, or the other way round: both are text,
/// and public queries mix them.
pub(crate) fn is_id_for_text(diagnostic: &Diagnostic<'_, DiagnosticData>) -> bool {
    let message = diagnostic.error.to_string();
    diagnostic.error.unstable_error_name() == Some("DisallowedVariableUsage")
        && message.contains("String")
        && message.contains("ID")
}

pub(crate) fn from_diagnostic(
    diagnostic: &Diagnostic<'_, DiagnosticData>,
    schema: &Schema,
    types: &Types,
) -> GraphqlError {
    let mut message = diagnostic.error.to_string();
    if let Some(near) = nearest(&message, schema, types) {
        message = format!("{message}; did you mean `{near}`?");
    }
    let mut error = GraphqlError::bad_request(message);
    if let Some(range) = diagnostic.line_column_range() {
        error.locations.push(Location { line: range.start.line, column: range.start.column });
    }
    error
}

/// The nearest valid name, from what the parser says: it quotes the type and the wrong name.
fn nearest(message: &str, schema: &Schema, types: &Types) -> Option<String> {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let wrong = quoted.first()?;
    let near = |names: Vec<String>| {
        let last = wrong.rsplit('.').next().unwrap_or(wrong);
        model::schema::nearest(last, names.iter().map(String::as_str))
    };
    if message.contains("does not have a field") || message.contains("argument") {
        for name in quoted.iter().flat_map(|part| part.split('.')) {
            let Some(kind) = types.types.get(name) else { continue };
            let fields: Vec<String> = match kind {
                apollo_compiler::schema::ExtendedType::Object(object) => {
                    object.fields.keys().map(ToString::to_string).collect()
                }
                apollo_compiler::schema::ExtendedType::Interface(interface) => {
                    interface.fields.keys().map(ToString::to_string).collect()
                }
                _ => continue,
            };
            if let Some(found) = near(fields) {
                return Some(found);
            }
        }
    }
    near(schema.kinds.keys().cloned().collect())
}
