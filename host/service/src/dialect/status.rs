//! Questions about the whole installation in the public dialect: version, status, search, links.

use std::collections::BTreeSet;
use std::sync::Arc;

use branch::{Object, View};
use graphql::GraphqlError;
use model::schema::{Category, Direction, Kind, Relationship};
use model::{ObjectId, Value};
use serde_json::{Value as Json, json};

use crate::dialect::{Arguments, DialectHost, page, told};
use crate::limits::SEARCHED_MAX;
use crate::{Service, ServiceError};

impl Service {
    /// The identity of this installation: that of the namespace its store began with.
    pub fn deployment_id(&self) -> Result<String, ServiceError> {
        let view = self.view()?;
        let first = view.objects(view.kind("IpamNamespace")?)?.next().transpose()?;
        Ok(first.map_or(ObjectId::SYSTEM, |first| first.id()).to_string())
    }
}

impl DialectHost<'_> {
    /// Version and identity.
    pub(super) fn info(&self) -> Result<Json, GraphqlError> {
        let id = self.service.deployment_id().map_err(told)?;
        Ok(json!({"version": env!("CARGO_PKG_VERSION"), "deployment_id": id}))
    }

    /// One process, always in step with its own schema.
    pub(super) fn status(&self, view: &View) -> Json {
        let worker = json!({
            "id": "kiln", "active": true, "schema_hash": view.schema().hash.to_string(),
        });
        json!({
            "summary": {"schema_hash_synced": true, "active_workers": 1},
            "workers": {"count": 1, "edges": [{"node": worker}]},
        })
    }

    /// `InfrahubGraphQLQueryReport`: whether a query is about one object at a time.
    pub(super) fn query_report(
        &self,
        view: &View,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let unique = self.service.dialect.targets_unique(view.schema(), arguments.must("query")?);
        let first = |errors: Vec<GraphqlError>| {
            let none = || GraphqlError::bad_request("`query` is no document".to_owned());
            errors.into_iter().next().unwrap_or_else(none)
        };
        Ok(json!({"targets_unique_nodes": unique.map_err(first)?}))
    }

    /// Objects with a value that is, or holds, a text; an id finds its object.
    pub(super) fn search(
        &self,
        view: &View,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let wanted = arguments.must("q")?;
        let partial = arguments.get("partial_match").and_then(Json::as_bool).unwrap_or(true);
        let lower = wanted.to_lowercase();
        let limit = arguments.number("limit").filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let found = |object: &Object| json!({"node": {"id": object.id().to_string(), "kind": object.kind().name}});
        let mut edges = Vec::new();
        if let Ok(id) = wanted.parse::<ObjectId>()
            && let Some(object) = view.object(id)?
            && self.service.sees(object.kind())
        {
            edges.push(found(&object));
        }
        let exact_case = arguments.get("case_sensitive").and_then(Json::as_bool).unwrap_or(false);
        let fits = |held: &str| match (partial, exact_case) {
            (true, true) => held.contains(wanted),
            (true, false) => held.to_lowercase().contains(&lower),
            (false, true) => held == wanted,
            (false, false) => held.to_lowercase() == lower,
        };
        let mut visited = 0;
        let hidden = self.service.hidden(view.schema());
        let wanted_kind =
            |kind: &&Arc<Kind>| kind.category == Category::Node && !hidden.contains(&kind.symbol);
        for kind in view.schema().kinds.values().filter(wanted_kind) {
            if edges.len() >= limit {
                break;
            }
            for object in view.objects(kind)? {
                let object = object?;
                visited += 1;
                if visited > SEARCHED_MAX {
                    let message = format!("the search looks at more than {SEARCHED_MAX} objects");
                    return Err(GraphqlError::bad_request(message));
                }
                if matches(kind, &object, &fits) {
                    edges.push(found(&object));
                    if edges.len() >= limit {
                        break;
                    }
                }
            }
        }
        Ok(json!({"count": edges.len(), "edges": edges}))
    }

    /// All links of some identifiers, each once.
    pub(super) fn relationships(
        &self,
        view: &View,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let identifiers: BTreeSet<String> = arguments.texts("ids").into_iter().collect();
        let without = arguments.texts("excluded_namespaces");
        let mut seen = BTreeSet::new();
        let mut edges = Vec::new();
        for kind in view.schema().kinds.values().filter(|kind| kind.category == Category::Node) {
            if without.contains(&kind.namespace) || !self.service.sees(kind) {
                continue;
            }
            // The far end tells the same links once more.
            let told = |rel: &&Relationship| {
                identifiers.contains(&rel.identifier) && rel.direction != Direction::Inbound
            };
            for rel in kind.relationships.iter().filter(told) {
                for object in view.objects(kind)? {
                    links(view, &object?, rel, &mut seen, &mut edges)?;
                }
            }
        }
        Ok(json!({"count": edges.len(), "edges": page(edges, arguments)}))
    }
}

fn matches(kind: &Kind, object: &Object, fits: &dyn Fn(&str) -> bool) -> bool {
    // Secrets are not found by guessing.
    kind.attributes.iter().filter(|attribute| !attribute.kind.is_secret()).any(|attribute| {
        let held = object.attr(attribute).value.to_value().unwrap_or(Value::Null);
        !matches!(held, Value::Null | Value::Bool(_)) && fits(&held.to_string())
    })
}

fn links(
    view: &View,
    object: &Object,
    rel: &Relationship,
    seen: &mut BTreeSet<(ObjectId, ObjectId, String)>,
    edges: &mut Vec<Json>,
) -> Result<(), GraphqlError> {
    for edge in view.peers(object.id(), rel)? {
        let (low, high) = (object.id().min(edge.peer), object.id().max(edge.peer));
        if !seen.insert((low, high, rel.identifier.clone())) {
            continue;
        }
        if seen.len() > SEARCHED_MAX {
            let message = format!("more than {SEARCHED_MAX} links; ask for fewer identifiers");
            return Err(GraphqlError::bad_request(message));
        }
        let kind = view.kind_of(edge.peer)?.map(|kind| kind.name.clone());
        edges.push(json!({"node": {
            "identifier": rel.identifier,
            "peers": [
                {"id": object.id().to_string(), "kind": object.kind().name},
                {"id": edge.peer.to_string(), "kind": kind},
            ],
        }}));
    }
    Ok(())
}
