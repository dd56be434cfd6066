//! The `data` of a mutation as an input of a draft: attributes as objects with properties,
//! relationships as references, pools, lists or nothing.

use branch::{AttrInput, FromPool, Input, PeerInput, RelInput, Violation};
use model::ObjectId;
use model::schema::{Attribute, Cardinality, Kind, Relationship};
use serde_json::{Map, Value as Json};

use crate::error::GraphqlError;

use crate::limits::PEERS_MAX;
/// What attributes show but do not take. Clients that have read an object send it back.
const SHOWN: [&str; 8] = [
    "updated_at",
    "updated_by",
    "is_from_profile",
    "is_inherited",
    "is_visible",
    "id",
    "permissions",
    "__typename",
];

/// Whether an input may carry a key that its type does not have: it was read and is sent back.
pub(crate) fn is_shown(key: &str) -> bool {
    key.starts_with("_relation__") || (key != "id" && SHOWN.contains(&key))
}

/// A field of `data` as text.
pub(crate) fn text_of(data: &Map<String, Json>, name: &str) -> Option<String> {
    data.get(name).and_then(Json::as_str).map(str::to_owned)
}

/// The human-friendly id that `data` names.
pub(crate) fn hfid(data: &Map<String, Json>) -> Option<Vec<String>> {
    let text = |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
    match data.get("hfid")? {
        Json::Array(parts) if !parts.is_empty() => Some(parts.iter().map(text).collect()),
        Json::String(only) => Some(vec![only.clone()]),
        _ => None,
    }
}

/// The id that a new object is to have.
pub(crate) fn id(data: &Map<String, Json>) -> Result<Option<ObjectId>, GraphqlError> {
    let wrong = |bad: model::id::NotAnId| GraphqlError::bad_request(format!("`data.id`: {bad}"));
    text_of(data, "id").map(|text| text.parse().map_err(wrong)).transpose()
}

/// The whole input.
pub(crate) fn read(kind: &Kind, data: &Map<String, Json>) -> Result<Input, GraphqlError> {
    let mut input = Input::default();
    for (name, json) in data {
        if matches!(name.as_str(), "id" | "hfid" | "__typename") {
            continue;
        }
        match (kind.attribute(name), kind.relationship(name)) {
            (Some(attribute), _) => {
                if let Some(given) = attribute_input(kind, attribute, json)? {
                    input = input.attr(name, given);
                }
            }
            (None, Some(rel)) => {
                input.rels.insert(name.clone(), relationship(kind, rel, json)?);
            }
            // The draft says that there is no such field, and what is near.
            (None, None) => input = input.json(name, json.clone()),
        }
    }
    Ok(input)
}

fn bad(kind: &Kind, field: &str, message: String) -> GraphqlError {
    let (kind, field) = (kind.name.clone(), field.to_owned());
    branch::BranchError::from(Violation::BadValue { kind, field, message }).into()
}

/// `{value, is_default, is_protected, source, owner, from_pool}`; what is only shown is passed over.
fn attribute_input(
    kind: &Kind,
    attribute: &Attribute,
    json: &Json,
) -> Result<Option<AttrInput>, GraphqlError> {
    let map = match json {
        Json::Object(map) => map,
        Json::Null => return Ok(None),
        _ => {
            let message = format!("`{}` takes an object such as `{{ value: .. }}`", attribute.name);
            return Err(bad(kind, &attribute.name, message));
        }
    };
    let given: Map<String, Json> = map
        .iter()
        .filter(|(key, _)| !SHOWN.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if given.is_empty() {
        return Ok(None);
    }
    if let Some(pool) = given.get("from_pool").filter(|pool| !pool.is_null()) {
        check_pool(kind, &attribute.name, pool)?;
    }
    AttrInput::from_json(attribute.kind, &Json::Object(given))
        .map(Some)
        .map_err(|message| bad(kind, &attribute.name, message))
}

fn check_pool(kind: &Kind, field: &str, pool: &Json) -> Result<(), GraphqlError> {
    let named = pool.get("id").and_then(Json::as_str).is_some_and(|id| !id.is_empty());
    if named {
        return Ok(());
    }
    Err(bad(kind, field, format!("`{field}`: `from_pool` needs the `id` of a pool, or its name")))
}

fn relationship(kind: &Kind, rel: &Relationship, json: &Json) -> Result<RelInput, GraphqlError> {
    let pool = |json: &Json| -> Result<Option<FromPool>, GraphqlError> {
        match json.get("from_pool") {
            None | Some(Json::Null) => Ok(None),
            Some(pool) => {
                check_pool(kind, &rel.name, pool)?;
                Ok(Some(FromPool::from_json(pool)))
            }
        }
    };
    if let Some(pool) = pool(json)? {
        return Ok(RelInput::FromPool(pool));
    }
    let items = match (rel.cardinality, json) {
        (_, Json::Null) => return Ok(RelInput::Replace(Vec::new())),
        (Cardinality::Many, Json::Array(items)) => items.as_slice(),
        (Cardinality::One, Json::Array(_)) => {
            let message = format!("`{}` takes one object, not a list", rel.name);
            return Err(bad(kind, &rel.name, message));
        }
        (_, single) => std::slice::from_ref(single),
    };
    if items.len() > PEERS_MAX {
        let message = format!("`{}` takes at most {PEERS_MAX} peers at a time", rel.name);
        return Err(bad(kind, &rel.name, message));
    }
    let pooled = items.iter().filter(|item| item.get("from_pool").is_some_and(|p| !p.is_null()));
    let pooled = pooled.count();
    if pooled > 0 && pooled == items.len() {
        let mut pools = Vec::with_capacity(pooled);
        for item in items {
            pools.extend(pool(item)?);
        }
        return Ok(RelInput::FromPools(pools));
    }
    if pooled > 0 {
        let message = format!("`{}` takes peers or pools to draw from, not both at once", rel.name);
        return Err(bad(kind, &rel.name, message));
    }
    let peers: Result<Vec<PeerInput>, GraphqlError> =
        items.iter().map(|item| peer(kind, rel, item)).collect();
    peers.map(RelInput::Replace)
}

/// One peer: `{id}` or `{hfid, kind}` with the properties of the link.
pub(crate) fn peer(
    kind: &Kind,
    rel: &Relationship,
    json: &Json,
) -> Result<PeerInput, GraphqlError> {
    if !json.is_object() {
        let message = format!("`{}` takes an object such as `{{ id: .. }}`", rel.name);
        return Err(bad(kind, &rel.name, message));
    }
    PeerInput::from_json(json).map_err(|message| bad(kind, &rel.name, message))
}
