//! Errors in the public shape.

use apollo_compiler::Schema as Types;
use apollo_compiler::diagnostic::Diagnostic;
use apollo_compiler::executable::OperationType;
use apollo_compiler::schema::ExtendedType;
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
    let is_field = message.contains("does not have a field");
    let wrong = if is_field { quoted.last()? } else { quoted.first()? };
    let near = |names: Vec<String>| {
        let last = wrong.rsplit('.').next().unwrap_or(wrong);
        model::schema::nearest(last, names.iter().map(String::as_str))
    };
    if is_field {
        let fields = quoted.iter().find_map(|name| fields_of(types, name))?;
        return near(fields);
    }
    if message.contains("argument") {
        let arguments = quoted
            .iter()
            .flat_map(|part| part.split('.'))
            .filter_map(|name| types.root_operation(OperationType::Query).map(|root| (root, name)))
            .find_map(|(root, name)| arguments_of(types, root, name))?;
        return near(arguments);
    }
    near(schema.kinds.keys().cloned().collect())
}

fn fields_of(types: &Types, name: &str) -> Option<Vec<String>> {
    match types.types.get(name)? {
        ExtendedType::Object(object) => {
            Some(object.fields.keys().map(ToString::to_string).collect())
        }
        ExtendedType::Interface(interface) => {
            Some(interface.fields.keys().map(ToString::to_string).collect())
        }
        _ => None,
    }
}

fn arguments_of(types: &Types, of: &str, field: &str) -> Option<Vec<String>> {
    let ExtendedType::Object(object) = types.types.get(of)? else { return None };
    let field = object.fields.get(field)?;
    Some(field.arguments.iter().map(|argument| argument.name.to_string()).collect())
}
