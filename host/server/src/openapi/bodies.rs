//! Bodies and parameters in the OpenAPI document: bodies from the very types that read them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::wire;

/// Collects the types that bodies are made of.
pub(super) fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    settings.into_generator()
}

/// The types that were collected, and the one of every error.
pub(super) fn components(mut generator: SchemaGenerator) -> Map<String, Value> {
    let mut all = generator.take_definitions(true);
    let error = json!({
        "type": "object", "required": ["message", "extensions"],
        "properties": {
            "message": {"type": "string"},
            "extensions": {
                "type": "object", "required": ["code", "http_status"],
                "properties": {
                    "code": {"type": "string"}, "http_status": {"type": "integer"},
                    "details": {"type": "array", "items": {"type": "string"}},
                    "data": {"type": "object"},
                },
            },
        },
    });
    let problem = json!({
        "type": "object", "required": ["data", "errors"],
        "properties": {"data": {"type": "null"}, "errors": {"type": "array", "items": error}},
    });
    all.insert("Problem".to_owned(), problem);
    all
}

/// The schema of the body of an operation.
pub(super) fn schema(
    path: &str,
    method: &str,
    media: &str,
    generator: &mut SchemaGenerator,
) -> Value {
    fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
        generator.subschema_for::<T>().to_value()
    }
    match (path, method) {
        _ if media == "application/wasm" => json!({"type": "string", "format": "binary"}),
        _ if media == "multipart/form-data" => json!({
            "type": "object", "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
        }),
        ("/api/objects/load", _) => of::<wire::Files>(generator),
        ("/api/objects/convert", _) => of::<wire::Convert>(generator),
        ("/api/schema/load" | "/api/schema/check", _) => of::<wire::SchemaDocuments>(generator),
        ("/api/repositories/push", _) => of::<wire::Folder>(generator),
        ("/api/generators", _) => of::<wire::Definition>(generator),
        ("/api/generators/{name}/run", _) => of::<wire::Run>(generator),
        ("/api/checks", _) => of::<wire::Check>(generator),
        ("/api/checks/{name}/run", _) => of::<wire::CheckRun>(generator),
        ("/api/auth/login", _) => of::<wire::Login>(generator),
        ("/api/tokens", _) => of::<wire::Token>(generator),
        ("/api/pools/{name}/release", _) => of::<wire::Release>(generator),
        ("/api/pools/{name}/forecast", _) => of::<wire::Forecast>(generator),
        ("/api/pools/{name}/allocate" | "/api/pools/{name}/peek", _) => of::<wire::Draw>(generator),
        ("/api/pools/{name}/explain", _) => of::<wire::Draw>(generator),
        ("/api/query/{name}", _) => of::<wire::StoredQuery>(generator),
        ("/api/branches" | "/api/branches/{name}", _) => of::<wire::Branch>(generator),
        ("/api/conflicts/{id}", _) => of::<wire::Resolve>(generator),
        ("/api/revert", _) => of::<wire::Revert>(generator),
        ("/api/artifact/generate/{definition}", _) => of::<wire::Generate>(generator),
        ("/api/changes", _) => of::<wire::Change>(generator),
        ("/api/changes/{name}/{verb}", _) => of::<wire::ChangeAct>(generator),
        ("/api/storage/upload/content", _) => of::<wire::Content>(generator),
        ("/graphql" | "/graphql/{branch}", _) => of::<wire::GraphqlBody>(generator),
        // Attributes of an object, or what a signed caller says.
        _ => json!({"type": "object"}),
    }
}

/// Parameters of an operation beside the branch and the moment: name, whether there may be several,
/// what it says.
pub(super) fn parameters(path: &str, method: &str) -> Vec<(&'static str, bool, &'static str)> {
    match (path, method) {
        ("/api/schema", _) => vec![("namespaces", true, "Only kinds of these namespaces")],
        ("/api/objects/{kind}" | "/api/runs", "get") => vec![("limit", false, "How many at most")],
        ("/api/query/{name}", _) => vec![
            ("update_group", false, "`true` keeps a group of the objects in the answer"),
            ("subscribers", true, "Objects that want to know of changes to them"),
        ],
        ("/api/storage/files/by-hfid/{kind}", _) => {
            vec![("hfid", true, "The human-friendly id, part by part")]
        }
        ("/api/generators/{name}/try", _) => vec![("target", false, "One target; all without it")],
        _ => Vec::new(),
    }
}
