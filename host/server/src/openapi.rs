//! The OpenAPI document, from one table of routes.

mod bodies;

use axum::http::Method;
use serde_json::{Map, Value, json};

use crate::door::{Needs, needs};

/// Path, method, what it does, content type of its body.
const ROUTES: &[(&str, &str, &str, Option<&str>)] = &[
    ("/api/health", "get", "Whether the host lives, and its newest commit", None),
    ("/api/openapi.json", "get", "This document", None),
    ("/api/schema/check", "post", "What loading schema files would do", JSON),
    ("/api/schema/load", "post", "Load schema files: all of them, or none", JSON),
    ("/api/schema", "get", "The schema with all inheritance resolved", None),
    ("/api/schema/summary", "get", "Hashes of the schema and of its kinds", None),
    ("/api/schema/{kind}", "get", "One kind", None),
    ("/api/schema/json_schema/{kind}", "get", "One kind as JSON Schema", None),
    ("/api/schema/declared", "get", "What was declared, with the ids to rename by", None),
    ("/api/objects/load", "post", "Load object files: all of them, or none", JSON),
    ("/api/objects/convert", "post", "Make an object one of another kind", JSON),
    ("/api/objects/{kind}", "get", "Objects of a kind", None),
    ("/api/objects/{kind}/{name}", "get", "One object, by id or human-friendly id", None),
    ("/api/objects/{kind}/{name}", "patch", "Set attributes of an object", JSON),
    ("/api/objects/{kind}/{name}", "delete", "Delete an object and what goes with it", None),
    ("/api/repositories/push", "post", "Take a repository folder: all of it, or nothing", JSON),
    ("/api/components", "get", "Stored components", None),
    ("/api/components/upload", "put", "Check and store a component", WASM),
    ("/api/generators", "get", "Generator definitions", None),
    ("/api/generators", "put", "Register or change a generator definition", JSON),
    ("/api/generators/{name}/run", "post", "Run one target or all; or plan", JSON),
    ("/api/generators/{name}/try", "post", "Plan with a component that is not stored", WASM),
    ("/api/generators/{name}/trigger", "post", "Run by a signed call", JSON),
    ("/api/changes", "get", "Proposed changes, the newest first", None),
    ("/api/changes", "post", "Open a proposed change; its checks run soon", JSON),
    (
        "/api/changes/{name}",
        "get",
        "One change: checks, reviews, comments, what is in the way; `wait` for its checks",
        None,
    ),
    (
        "/api/changes/{name}/{verb}",
        "post",
        "Check, preview, review, comment, merge, close, cancel, open",
        JSON,
    ),
    ("/api/checks", "get", "Check definitions", None),
    ("/api/checks", "put", "Register or change a check", JSON),
    ("/api/checks/{name}/run", "post", "Run a check; nothing is recorded", JSON),
    ("/api/runs", "get", "The newest runs", None),
    ("/api/runs/under-way", "get", "Runs under way", None),
    ("/api/runs/{id}", "get", "One run: how it ended, with its report", None),
    ("/api/runs/{id}/cancel", "post", "End a run under way; it keeps nothing", None),
    ("/api/runs/{id}/why", "get", "Why a run ran, and which commits it met", None),
    ("/api/blame/{kind}/{name}", "get", "Which commits and runs set a value", None),
    ("/api/revert", "post", "Take a commit or a run back; or plan it", JSON),
    ("/api/instances", "get", "Generator instances", None),
    ("/api/instances/{name}", "get", "One instance with what it holds", None),
    ("/api/auth/login", "post", "Begin a session with a password", JSON),
    ("/api/auth/refresh", "post", "A new access token, by the refresh token as bearer", None),
    ("/api/auth/logout", "post", "End a session", None),
    ("/api/tokens", "get", "API tokens, never their texts", None),
    ("/api/tokens", "post", "Make an API token; its text is told this once", JSON),
    ("/api/tokens/{id}", "delete", "Take an API token back", None),
    ("/api/pools", "get", "Pools with how full they are", None),
    ("/api/pools/{name}", "get", "One pool: resources, free stretches, what is held", None),
    ("/api/pools/{name}/allocate", "post", "Draw: all that is asked for, or nothing", JSON),
    ("/api/pools/{name}/peek", "post", "What a draw would give; nothing is taken", JSON),
    ("/api/pools/{name}/explain", "post", "Why the next value is what it is, or who has one", JSON),
    ("/api/pools/{name}/release", "post", "Give back what an identifier holds", JSON),
    ("/api/query/{name}", "get", "Execute a stored query", None),
    ("/api/query/{name}", "post", "Execute a stored query, with variables", JSON),
    ("/api/storage/upload/content", "post", "Store a text", JSON),
    ("/api/storage/upload/file", "post", "Store a file", FORM),
    ("/api/storage/object/{id}", "get", "What is stored under an id", None),
    ("/api/storage/files/by-storage-id/{id}", "get", "The same", None),
    ("/api/storage/files/by-hfid/{kind}", "get", "The file of an object, by `hfid`", None),
    ("/api/storage/files/{id}", "get", "The file of an object", None),
    ("/api/artifact/{id}", "get", "The content of an artifact", None),
    ("/api/artifact/generate/{definition}", "post", "Make artifacts: all, or those named", JSON),
    ("/api/transform/jinja2/{name}", "get", "What a template makes now; nothing is kept", None),
    ("/api/transform/python/{name}", "get", "Refused: Python does not run here", None),
    ("/api/info", "get", "Version and identity", None),
    ("/api/config", "get", "Settings for clients", None),
    ("/api/diff", "get", "What a branch changed since its fork", None),
    ("/api/diff/files", "get", "Files of repositories that a branch changed: none", None),
    ("/api/branches", "get", "Branches", None),
    ("/api/branches", "post", "Make a branch from main", JSON),
    ("/api/branches/{name}", "get", "One branch", None),
    ("/api/branches/{name}", "patch", "Rename or describe a branch", JSON),
    ("/api/branches/{name}", "delete", "Delete a branch with what is on it", None),
    ("/api/branches/{name}/merge", "post", "Bring what a branch changed to main", None),
    ("/api/branches/{name}/rebase", "post", "Bring a branch to main as it is now", None),
    ("/api/branches/{name}/validate", "post", "Whether a branch can be merged, and the plan", None),
    ("/api/conflicts", "get", "What a branch and main changed to different things", None),
    ("/api/conflicts/{id}", "post", "Decide which side of a conflict stands", JSON),
    (
        "/api/pools/{name}/forecast",
        "post",
        "How many more there is room for; nothing is kept",
        JSON,
    ),
    ("/api/pools/{name}/picture", "get", "The space as rows of cells", None),
    ("/api/pool-alerts", "get", "Pools that crossed their mark", None),
    ("/graphql", "get", "A page to ask with, for browsers", None),
    ("/graphql", "post", "GraphQL, on the default branch", JSON),
    ("/graphql/{branch}", "post", "GraphQL on a branch", JSON),
    ("/schema.graphql", "get", "The GraphQL types", None),
];

/// What every route takes.
const SCOPE: [(&str, &str); 2] = [
    ("branch", "The branch; main without it"),
    ("at", "A moment of the past: a commit number, an ISO time, or one such as `-1h`"),
];

const JSON: Option<&str> = Some("application/json");
const FORM: Option<&str> = Some("multipart/form-data");
const WASM: Option<&str> = Some("application/wasm");

/// Statuses of refusals and failures, and why there is one. Those of who asks are told by `access`.
const REFUSALS: [(&str, &str); 10] = [
    ("400", "The request does not read, or names a branch or a moment that is not there"),
    ("404", "What it names is not there"),
    ("408", "The body did not come in time"),
    ("409", "It does not fit what is there"),
    ("413", "The body is too large"),
    ("415", "The body is of another type"),
    ("422", "What it says breaks a rule"),
    ("500", "The host failed; nothing was changed"),
    ("503", "The host takes on no more for now"),
    ("507", "There is no room on the disk; nothing was changed"),
];

/// What an operation asks of who calls.
struct Access {
    /// The ways of saying who calls, any of which will do.
    security: Value,
    /// Why it answers 401, if it does.
    unknown: Option<&'static str>,
    /// Why it answers 403, if it does.
    denied: Option<&'static str>,
}

/// What the door asks, and what an operation that proves itself does.
fn access(path: &str, method: &str) -> Access {
    // One name of the router may hold slashes.
    let routed = if path == "/graphql/{branch}" { "/graphql/{*branch}" } else { path };
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap_or_default();
    let denied = Some("The account may not do it, or nobody may");
    match needs(&method, Some(routed)) {
        Needs::Known => Access {
            security: json!([{"token": []}, {"session": []}]),
            unknown: Some("Credentials are missing, over or wrong"),
            denied,
        },
        Needs::Look => Access {
            security: json!([{}, {"token": []}, {"session": []}]),
            unknown: Some(
                "Credentials are over or wrong, or missing where the server shows nothing to who has \
                 none, or for what was asked",
            ),
            denied,
        },
        Needs::Nothing => match path {
            "/api/auth/login" => Access {
                security: json!([]),
                unknown: Some("The name or the password is wrong"),
                denied: None,
            },
            "/api/auth/refresh" | "/api/auth/logout" => Access {
                security: json!([{"session": []}]),
                unknown: Some("The token of the session is missing, over or wrong"),
                denied: None,
            },
            "/api/generators/{name}/trigger" => Access {
                security: json!([{"signature": []}]),
                unknown: None,
                denied: Some(
                    "The signature is missing, stale or wrong, or nothing is triggered here",
                ),
            },
            _ => Access { security: json!([]), unknown: None, denied: None },
        },
    }
}

/// The answers of an operation: every error has the same form, with a stable code.
fn responses(path: &str, method: &str) -> Map<String, Value> {
    let success = if path == "/api/schema/check" { "202" } else { "200" };
    let mut all = Map::new();
    all.insert(success.to_owned(), json!({"description": "Done"}));
    if (path, method) == ("/graphql", "get") {
        all.insert("405".to_owned(), json!({"description": "Programs ask by POST"}));
    }
    let access = access(path, method);
    let who = [("401", access.unknown), ("403", access.denied)];
    let who = who.into_iter().filter_map(|(status, why)| Some((status, why?)));
    for (status, why) in REFUSALS.into_iter().chain(who) {
        let body = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
        let told = json!({"description": why, "content": {"application/json": body}});
        all.insert(status.to_owned(), told);
    }
    all
}

/// The document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    let mut generator = bodies::generator();
    for (path, method, summary, body) in ROUTES.iter().copied() {
        let mut parameters: Vec<Value> = path
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next())
            .map(|name| {
                json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
            })
            .collect();
        for (name, what) in SCOPE {
            parameters.push(json!({
                "name": name, "in": "query", "required": false, "description": what,
                "schema": {"type": "string"},
            }));
        }
        for (name, list, what) in bodies::parameters(path, method) {
            let text = json!({"type": "string"});
            let schema = if list { json!({"type": "array", "items": text}) } else { text };
            parameters.push(json!({
                "name": name, "in": "query", "required": false, "description": what,
                "schema": schema,
            }));
        }
        let mut operation = json!({
            "summary": summary, "parameters": parameters, "responses": responses(path, method),
            "security": access(path, method).security,
        });
        if let Some(media) = body {
            let schema = bodies::schema(path, method, media, &mut generator);
            operation["requestBody"] = json!({"content": {media: {"schema": schema}}});
        }
        let entry = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
        entry[method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Kiln", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
        "components": {
            "schemas": bodies::components(generator),
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-INFRAHUB-KEY"},
                "session": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "signature": {
                    "type": "apiKey", "in": "header", "name": "x-kiln-signature",
                    "description": "HMAC-SHA256 by the definition's trigger secret, in hexadecimal, of the \
                        seconds in `x-kiln-timestamp`, a point, and the body",
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The files in which routes are declared.
    const SOURCES: [&str; 5] = [
        include_str!("api.rs"),
        include_str!("artifacts.rs"),
        include_str!("branches.rs"),
        include_str!("explorer.rs"),
        include_str!("storage.rs"),
    ];
    /// What is no operation of the API: parts of the page, and another form of a path.
    const UNTOLD: [&str; 5] = [
        "get /explorer/page.css",
        "get /explorer/page.js",
        "get /favicon.ico",
        "get /graphql/",
        "post /graphql/",
    ];

    /// The routes as they are declared: `method path`.
    fn declared() -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for source in SOURCES {
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            for route in source.split(".route(").skip(1) {
                let path = route.split('"').nth(1).unwrap();
                // Up to the next route, or the end of the expression.
                let handlers = route.split("\n    }").next().unwrap().split(".with_state").next();
                for method in ["get", "post", "put", "patch", "delete"] {
                    let call = format!("{method}(");
                    let after = |word: &&str| {
                        !word.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                    };
                    let handlers = handlers.unwrap().split(".merge(").next().unwrap();
                    let handlers = handlers.split(".layer(from_fn").next().unwrap();
                    let mut parts: Vec<&str> = handlers.split(&call).collect();
                    parts.pop();
                    if parts.iter().any(after) {
                        all.insert(format!("{method} {}", path.replace("{*", "{")));
                    }
                }
            }
        }
        all
    }

    #[test]
    fn the_document_has_every_route_and_no_other() {
        let told: BTreeSet<String> =
            ROUTES.iter().map(|(path, method, ..)| format!("{method} {path}")).collect();
        let mut declared = declared();
        // One route of the router is three of the document: a branch's name may hold slashes.
        assert!(declared.remove("post /api/branches/{name}"));
        for verb in ["merge", "rebase", "validate"] {
            declared.insert(format!("post /api/branches/{{name}}/{verb}"));
        }
        // A page for a branch is the page.
        assert!(declared.remove("get /graphql/{branch}"));
        declared.retain(|route| !UNTOLD.contains(&route.as_str()));
        let missing: Vec<&String> = declared.difference(&told).collect();
        let invented: Vec<&String> = told.difference(&declared).collect();
        assert!(missing.is_empty() && invented.is_empty(), "{missing:?} {invented:?}");
        assert!(told.len() > 80, "{}", told.len());
    }

    #[test]
    fn every_body_has_a_form_of_its_own() {
        let document = document();
        for (path, method, _, body) in ROUTES {
            if *body != JSON {
                continue;
            }
            let schema = &document["paths"][path][method]["requestBody"]["content"]["application/json"]
                ["schema"];
            // Attributes of any kind, and what a signed caller says, are whatever they are.
            let free = ["/api/objects/{kind}/{name}", "/api/generators/{name}/trigger"];
            assert!(
                schema.get("$ref").is_some() || free.contains(path),
                "{method} {path}: {schema}"
            );
        }
    }
}
