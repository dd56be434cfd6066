//! Errors in the public shape.

use apollo_compiler::diagnostic::Diagnostic;
use apollo_compiler::executable::{Field, OperationType};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::DiagnosticData;
use apollo_compiler::{ExecutableDocument, Schema as Types};
use branch::{BranchError, CommitFailure, FaultSort, Violation};
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
    /// Where in the answer; empty when there is none.
    pub path: Vec<String>,
    /// Facts by code.
    pub data: Json,
}

impl GraphqlError {
    fn new(message: String, code: &'static str, http_status: u16) -> Self {
        let (locations, path) = (Vec::new(), Vec::new());
        Self { message, code, http_status, locations, path, data: Json::Null }
    }

    /// An error of the host: a code of its own, and the matching status.
    pub fn of_host(message: String, code: &'static str, http_status: u16) -> Self {
        Self::new(message, code, http_status)
    }

    /// What was asked for is wrong.
    pub fn bad_request(message: String) -> Self {
        Self::new(message, "BAD_REQUEST", 400)
    }

    pub(crate) fn limit(message: String) -> Self {
        Self::new(message, "LIMIT_EXCEEDED", 400)
    }

    pub(crate) fn internal(message: String) -> Self {
        Self::new(message, "UNDEFINED_ERROR", 500)
    }

    /// There is no such object.
    pub fn not_found(kind: &str, identifier: &str) -> Self {
        let (kind, identifier) = (kind.to_owned(), identifier.to_owned());
        BranchError::from(Violation::NotFound { kind, identifier }).into()
    }

    /// The same, of the field that answers under `key`.
    #[must_use]
    pub(crate) fn under(mut self, key: &str) -> Self {
        self.path.insert(0, key.to_owned());
        self
    }

    /// The same, with the place of a field.
    #[must_use]
    pub(crate) fn at(mut self, document: &ExecutableDocument, field: Option<&&Field>) -> Self {
        let span = field.and_then(|field| field.name.location());
        let range = span.and_then(|span| span.line_column_range(&document.sources));
        if let Some(range) = range.filter(|_| self.locations.is_empty()) {
            self.locations.push(Location { line: range.start.line, column: range.start.column });
        }
        self
    }

    /// The public shape.
    pub fn to_json(&self) -> Json {
        let locations: Vec<Json> =
            self.locations.iter().map(|at| json!({"line": at.line, "column": at.column})).collect();
        let mut told = json!({
            "message": self.message,
            "locations": locations,
            "extensions": {
                "code": self.code, "http_status": self.http_status, "data": self.data,
            },
        });
        if !self.path.is_empty() {
            told["path"] = json!(self.path);
        }
        told
    }
}

impl From<BranchError> for GraphqlError {
    fn from(error: BranchError) -> Self {
        match &error {
            BranchError::Violation(violation) => of_violation(violation, error.to_string()),
            BranchError::Branch(fault) => {
                let data = fault.branch().map_or(Json::Null, |name| json!({"branch_name": name}));
                let status = match fault.sort() {
                    FaultSort::Conflict => 409,
                    FaultSort::NotFound => 404,
                    FaultSort::Denied => 403,
                    FaultSort::Bad => 400,
                };
                Self { data, ..Self::new(error.to_string(), fault.code(), status) }
            }
            _ => Self::internal(error.to_string()),
        }
    }
}

/// The public code where there is one; else the code that every interface of ours has.
fn of_violation(violation: &Violation, message: String) -> GraphqlError {
    let told = |code, http_status, data| GraphqlError {
        data,
        ..GraphqlError::new(message.clone(), code, http_status)
    };
    let constraint = |kind: &str, field: &str, constraint: &str| {
        let data = json!({
            "node_kind": kind, "field_name": field, "constraint": constraint, "detail": message,
        });
        told("ATTRIBUTE_CONSTRAINT_VIOLATION", 422, data)
    };
    match violation {
        Violation::NotFound { kind, identifier } => {
            told("NODE_NOT_FOUND", 404, json!({"node_kind": kind, "identifier": identifier}))
        }
        Violation::UnknownKind { .. } => told("SCHEMA_NOT_FOUND", 422, Json::Null),
        Violation::Required { kind, field, .. } => {
            told("ATTRIBUTE_REQUIRED", 422, json!({"node_kind": kind, "field_name": field}))
        }
        Violation::BadValue { kind, field, .. } => constraint(kind, field, "value"),
        Violation::WrongType { kind, field, wanted, found, .. } => {
            let data = json!({
                "node_kind": kind, "field_name": field, "expected_type": wanted,
                "received_type": found,
            });
            told("ATTRIBUTE_INVALID_TYPE", 422, data)
        }
        Violation::NotUnique { kind, constraint: fields, .. } => constraint(kind, fields, "unique"),
        Violation::Protected { .. } => told("PERMISSION_DENIED", 403, Json::Null),
        Violation::Pool { code, .. } => told(code, 409, Json::Null),
        Violation::StillNeeded { .. } | Violation::Exists { .. } => {
            told(violation.code(), 409, Json::Null)
        }
        other => told(other.code(), 422, Json::Null),
    }
}

impl From<CommitFailure> for GraphqlError {
    fn from(failure: CommitFailure) -> Self {
        match failure {
            CommitFailure::Refused(error) => error.into(),
            // Nothing was changed; the same request may well succeed.
            CommitFailure::Conflict { .. } => Self::new(failure.to_string(), "conflict", 409),
            CommitFailure::Store(_) => Self::internal(failure.to_string()),
        }
    }
}

/// What the published clients send against the letter of the types, and mean well: variables that are
/// declared `String!` whatever they stand for, variables and fragments that nothing uses, and keys of
/// an object that was read and is sent back.
pub(crate) fn is_forgiven(diagnostic: &Diagnostic<'_, DiagnosticData>) -> bool {
    match diagnostic.error.unstable_error_name() {
        Some("DisallowedVariableUsage" | "UnusedVariable" | "UnusedFragment") => true,
        Some("UnsupportedValueType") => {
            // The type of a variable against that of its place, once more.
            diagnostic.error.to_string().ends_with("found a variable")
        }
        Some("UndefinedInputValue") => {
            let message = diagnostic.error.to_string();
            message.split('`').nth(1).is_some_and(crate::input::is_shown)
        }
        _ => false,
    }
}

pub(crate) fn from_diagnostic(
    diagnostic: &Diagnostic<'_, DiagnosticData>,
    schema: &Schema,
    types: &Types,
) -> GraphqlError {
    let mut message = diagnostic.error.to_string();
    let field = message.contains("does not have a field").then(|| message.split('`').rev().nth(1));
    let field = field.flatten().map(str::to_owned);
    if let Some(near) = nearest(&message, schema, types) {
        message = format!("{message}; did you mean `{near}`?");
    }
    if let Some(field) = field {
        // Published clients tell an older server by these words.
        message = format!("Cannot query field `{field}`: {message}");
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
        let near = model::schema::nearest(last, names.iter().map(String::as_str));
        near.filter(|near| near != last)
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
