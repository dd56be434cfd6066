//! The GraphQL dialect: a schema's types, documents parsed and validated against them, and answers
//! written straight to bytes from a view.
//!
//! Must not know HTTP, redb or WebAssembly. A mutation is a change of a draft; who commits it, and what
//! is not about objects of a kind, is the caller's [`Host`].

mod error;
mod execute;
mod filter;
mod fragments;
mod host;
mod input;
mod introspect;
pub mod limits;
mod made;
mod mutate;
mod node;
mod order;
mod permissions;
mod project;
mod report;
mod sdl;
mod select;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use apollo_compiler::executable::OperationType;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema as Types};
use branch::View;
use model::schema::Schema;
use model::{Digest, ObjectId};

pub use error::{GraphqlError, Location};
pub use fragments::Fragments;
pub use host::{Answer, Host, Make, ReadOnly};
pub use mutate::account;

pub use limits::ALIASES_MAX;
pub use limits::BRACKETS_MAX;
pub use limits::DEPTH_MAX;
pub use limits::DOCUMENT_BYTES_MAX;
pub use limits::FIELDS_MAX;
use limits::{DOCUMENTS_KEPT_MAX, ERRORS_MAX, SCHEMAS_KEPT_MAX};

/// One request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The document.
    pub query: String,
    /// Which of its operations; may be left out when there is one.
    pub operation_name: Option<String>,
    /// Values of its variables. A file that came with the request is the name of its part.
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// An answer: the whole response as JSON, and the status it goes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// `{"data": .., "errors": [..]}`; without the second key where there are none.
    pub body: Vec<u8>,
    /// 200, unless nothing was done because the caller may not: 401 or 403.
    pub status: u16,
}

/// The types of one schema.
#[derive(Debug)]
pub struct Typed {
    /// What documents are held against.
    types: Valid<Types>,
    /// What clients read; made when one asks.
    told: OnceLock<Valid<Types>>,
}

type Document = Arc<Valid<ExecutableDocument>>;

/// The dialect, with its caches: types by schema, documents by schema and text.
#[derive(Debug, Default)]
pub struct Dialect {
    typed: Mutex<BTreeMap<Digest, Arc<Typed>>>,
    documents: Mutex<BTreeMap<(Digest, Digest), Document>>,
}

impl Dialect {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// The types of a schema; built once, in about 40 ms for 500 kinds.
    pub fn typed(&self, schema: &Schema) -> Arc<Typed> {
        let mut known = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(typed) = known.get(&schema.hash) {
            return Arc::clone(typed);
        }
        // Nothing of it is validated here: tests validate what is made of the stock kinds and of the
        // public schemas. Generics and their kinds may disagree on a field's type, and clients are used
        // to that.
        let types = Valid::assume_valid(sdl::accepted(schema));
        let typed = Arc::new(Typed { types, told: OnceLock::new() });
        if known.len() >= SCHEMAS_KEPT_MAX {
            known.clear();
        }
        known.insert(schema.hash, Arc::clone(&typed));
        typed
    }

    /// The types as text, to the letter of the language; written anew each time, in about 100 ms for
    /// 500 kinds.
    pub fn sdl(&self, schema: &Schema) -> String {
        self.typed(schema).told(schema).serialize().no_indent().to_string()
    }

    /// Executes a query of objects; the answer is the value of `data`.
    pub fn data(&self, view: &View, request: &Request) -> Result<Vec<u8>, Vec<GraphqlError>> {
        let (data, errors) = self.execute(view, request, &ReadOnly, None)?;
        if errors.is_empty() { Ok(data) } else { Err(errors) }
    }

    /// Executes a query, and tells which objects its answer shows.
    pub fn data_and_members(
        &self,
        view: &View,
        request: &Request,
        host: &dyn Host,
    ) -> Result<(Vec<u8>, BTreeSet<ObjectId>), Vec<GraphqlError>> {
        let mut members = BTreeSet::new();
        let (data, errors) = self.execute(view, request, host, Some(&mut members))?;
        if errors.is_empty() { Ok((data, members)) } else { Err(errors) }
    }

    /// Executes a request: the value of `data`, and the errors of mutations that failed.
    fn execute(
        &self,
        view: &View,
        request: &Request,
        host: &dyn Host,
        members: Option<&mut BTreeSet<ObjectId>>,
    ) -> Result<(Vec<u8>, Vec<GraphqlError>), Vec<GraphqlError>> {
        let typed = self.typed(view.schema());
        let document = self.document(view.schema(), &typed, &request.query)?;
        let operation = document
            .operations
            .get(request.operation_name.as_deref())
            .map_err(|bad| vec![GraphqlError::bad_request(bad.message().to_string())])?;
        let variables = variables(&request.variables);
        let variables =
            coerce_variable_values(&typed.types, operation, &variables).map_err(|bad| {
                let mut error = GraphqlError::bad_request(bad.message().to_string());
                error.locations.extend(
                    bad.to_graphql_error(&document.sources)
                        .locations
                        .iter()
                        .map(|at| Location { line: at.line, column: at.column }),
                );
                vec![error]
            })?;
        if operation.is_introspection(&document) {
            let types = typed.told(view.schema());
            let data = introspect::introspect(types, &document, operation, &variables)?;
            return Ok((data, Vec::new()));
        }
        match operation.operation_type {
            OperationType::Query => {
                let data = execute::query(host, view, &document, operation, &variables, members);
                data.map(|data| (data, Vec::new())).map_err(|error| vec![error])
            }
            OperationType::Mutation => {
                Ok(mutate::mutation(host, view, &document, operation, &variables))
            }
            OperationType::Subscription => {
                let message = "subscriptions are not available here; ask again by a query";
                Err(vec![GraphqlError::bad_request(message.to_owned())])
            }
        }
    }

    /// Whether a document fits a schema.
    pub fn check(&self, schema: &Schema, text: &str) -> Result<(), Vec<GraphqlError>> {
        let typed = self.typed(schema);
        self.document(schema, &typed, text).map(|_document| ())
    }

    /// Whether each root field of a document can answer with one object alone, whatever the values of
    /// its variables: it is asked for by its id, its human-friendly id, or all of something that is
    /// unique. A document that does not fit the schema is refused.
    pub fn targets_unique(&self, schema: &Schema, text: &str) -> Result<bool, Vec<GraphqlError>> {
        let typed = self.typed(schema);
        Ok(report::targets_unique(schema, &*self.document(schema, &typed, text)?))
    }

    /// Executes a request; the answer is the whole response, errors included.
    pub fn respond(&self, view: &View, request: &Request, host: &dyn Host) -> Response {
        let done = self.execute(view, request, host, None);
        let answer = done.unwrap_or_else(|errors| (b"null".to_vec(), errors));
        Self::response(answer)
    }

    fn response((data, errors): (Vec<u8>, Vec<GraphqlError>)) -> Response {
        let first = errors.first().map_or(200, |error| error.http_status);
        let refused = matches!(first, 401 | 403)
            && errors.iter().all(|error| error.http_status == first)
            && is_nothing(&data, errors.len());
        let mut out = [b"{\"data\":".as_slice(), &data].concat();
        if !errors.is_empty() {
            // Clients take the key alone for a failure: it is there only where there is one.
            let errors: Vec<_> = errors.iter().map(GraphqlError::to_json).collect();
            out.extend_from_slice(b",\"errors\":");
            out.extend_from_slice(serde_json::Value::Array(errors).to_string().as_bytes());
        }
        out.push(b'}');
        Response { body: out, status: if refused { first } else { 200 } }
    }

    fn document(
        &self,
        schema: &Schema,
        typed: &Typed,
        text: &str,
    ) -> Result<Document, Vec<GraphqlError>> {
        if text.len() > DOCUMENT_BYTES_MAX {
            let message = format!(
                "the document has {} bytes, {DOCUMENT_BYTES_MAX} are allowed; split it",
                text.len()
            );
            return Err(vec![GraphqlError::bad_request(message)]);
        }
        if select::brackets(text) > BRACKETS_MAX {
            let message = format!("brackets are nested deeper than {BRACKETS_MAX}");
            return Err(vec![GraphqlError::limit(message)]);
        }
        let key = (schema.hash, Digest::of(text.as_bytes()));
        {
            let known = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(document) = known.get(&key) {
                return Ok(Arc::clone(document));
            }
        }
        let document = Arc::new(parse(schema, typed, text)?);
        let mut known = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= DOCUMENTS_KEPT_MAX {
            known.clear();
        }
        known.insert(key, Arc::clone(&document));
        Ok(document)
    }
}

/// Whether the data is null, or every field of it, each with its error.
fn is_nothing(data: &[u8], errors: usize) -> bool {
    let read: Option<serde_json::Value> = serde_json::from_slice(data).ok();
    match read {
        Some(serde_json::Value::Object(fields)) => {
            fields.len() == errors && fields.values().all(serde_json::Value::is_null)
        }
        read => read.is_none_or(|data| data.is_null()),
    }
}

fn parse(
    schema: &Schema,
    typed: &Typed,
    text: &str,
) -> Result<Valid<ExecutableDocument>, Vec<GraphqlError>> {
    let parsed = match ExecutableDocument::parse_and_validate(&typed.types, text, "query.graphql") {
        Ok(document) => document,
        Err(bad) => {
            let errors: Vec<GraphqlError> = bad
                .errors
                .iter()
                .filter(|diagnostic| !error::is_forgiven(diagnostic))
                .take(ERRORS_MAX)
                .map(|diagnostic| error::from_diagnostic(&diagnostic, schema, typed.types()))
                .collect();
            let mut errors = errors;
            if errors.len() > 1 {
                // What only follows from another error comes last.
                errors.sort_by_key(|error| error.message.contains("must have a subselection set"));
            }
            if !errors.is_empty() {
                return Err(errors);
            }
            Valid::assume_valid(bad.partial)
        }
    };
    select::within_limits(&parsed).map_err(|error| vec![error])?;
    Ok(parsed)
}

impl Typed {
    pub(crate) fn types(&self) -> &Types {
        &self.types
    }

    /// The same to the letter of the language: what clients read and generate code from.
    fn told(&self, schema: &Schema) -> &Valid<Types> {
        self.told.get_or_init(|| Valid::assume_valid(sdl::told(schema, &self.types)))
    }
}

/// Values of variables that came as text, each read as the document declares its variable. Several
/// texts of one name are a list; what does not read stays text, and is refused where it is used.
pub fn variables_from_texts(
    document: &str,
    texts: &[(String, String)],
) -> serde_json::Map<String, serde_json::Value> {
    let mut read = serde_json::Map::new();
    let Ok(document) = apollo_compiler::ast::Document::parse(document, "query.graphql") else {
        return read;
    };
    let operations = document.definitions.iter().filter_map(|definition| match definition {
        apollo_compiler::ast::Definition::OperationDefinition(operation) => Some(operation),
        _ => None,
    });
    for variable in operations.flat_map(|operation| operation.variables.iter()) {
        let name = variable.name.as_str();
        let of = variable.ty.inner_named_type().as_str();
        let mut values: Vec<serde_json::Value> = texts
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, text)| match of {
                "Int" | "BigInt" => {
                    text.parse::<i64>().map_or_else(|_| text.as_str().into(), Into::into)
                }
                "Float" => text.parse::<f64>().map_or_else(|_| text.as_str().into(), Into::into),
                "Boolean" => text.parse::<bool>().map_or_else(|_| text.as_str().into(), Into::into),
                _ => text.as_str().into(),
            })
            .collect();
        let value = match (variable.ty.is_list(), values.len()) {
            (_, 0) => continue,
            (false, 1) => values.remove(0),
            _ => serde_json::Value::Array(values),
        };
        read.insert(name.to_owned(), value);
    }
    read
}

/// The variables in the parser's own JSON type.
fn variables(map: &serde_json::Map<String, serde_json::Value>) -> JsonMap {
    serde_json::to_vec(map)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}
