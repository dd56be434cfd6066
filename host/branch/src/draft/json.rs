//! Inputs as files and requests write them: a value, or a value with its properties; a reference, a
//! list of them, or a pool to draw from.

use model::ObjectId;
use model::schema::{AttributeKind, Cardinality, Kind, Relationship};
use serde_json::{Map, Value as Json};

use crate::draft::{AttrInput, FromPool, Input, PeerInput, PeerRef, RelInput};
use crate::error::{BranchError, Violation};

/// Keys that make a map an attribute with properties, and not a value that is a map.
const PROPERTIES: [&str; 7] =
    ["value", "is_default", "is_protected", "is_visible", "source", "owner", "from_pool"];

impl Input {
    /// An input from the fields of a request. Unknown fields are told when the input is used.
    pub fn from_json(kind: &Kind, fields: &Map<String, Json>) -> Result<Self, BranchError> {
        let mut input = Self::default();
        for (name, json) in fields {
            match (kind.attribute(name), kind.relationship(name)) {
                (Some(attribute), _) => {
                    let given = AttrInput::from_json(attribute.kind, json);
                    let given = given.map_err(|message| bad(kind, name, message))?;
                    input = input.attr(name, given);
                }
                (None, Some(rel)) => {
                    let given = RelInput::from_json(rel, json);
                    let given = given.map_err(|message| bad(kind, name, message))?;
                    input.rels.insert(name.clone(), given);
                }
                (None, None) => input = input.json(name, json.clone()),
            }
        }
        Ok(input)
    }
}

fn bad(kind: &Kind, field: &str, message: String) -> BranchError {
    Violation::BadValue { kind: kind.name.clone(), field: field.to_owned(), message }.into()
}

impl AttrInput {
    /// `5`, `{"value": 5, "is_protected": true, "owner": ID}`, `{"is_default": true}` or
    /// `{"from_pool": {...}}`; `{"from_pool": null}` leaves the value and takes it from its pool. What is
    /// wrong comes back as text.
    pub fn from_json(kind: AttributeKind, json: &Json) -> Result<Self, String> {
        let Json::Object(map) = json else { return Ok(Self::json(json.clone())) };
        let structured = matches!(kind, AttributeKind::Json | AttributeKind::Any);
        let properties = map.keys().all(|key| PROPERTIES.contains(&key.as_str()));
        if structured && (map.is_empty() || !properties) {
            return Ok(Self::json(json.clone()));
        }
        if let Some(unknown) = map.keys().find(|key| !PROPERTIES.contains(&key.as_str())) {
            let known = PROPERTIES.join("`, `");
            return Err(format!("a value has no `{unknown}`; it may have `{known}`"));
        }
        let mut input = match map.get("from_pool") {
            Some(Json::Null) => Self { detach: true, ..Self::default() },
            Some(pool) => Self::from_pool(FromPool::from_json(pool)),
            None => Self::default(),
        };
        input.value = map.get("value").cloned().map(super::Given::Json);
        input.is_default = map.get("is_default").and_then(Json::as_bool);
        input.is_protected = map.get("is_protected").and_then(Json::as_bool);
        input.source = reference(map, "source")?;
        input.owner = reference(map, "owner")?;
        Ok(input)
    }
}

/// An object that a property names by id; null takes it away.
fn reference(map: &Map<String, Json>, name: &str) -> Result<Option<Option<ObjectId>>, String> {
    match map.get(name) {
        None => Ok(None),
        Some(Json::Null) => Ok(Some(None)),
        Some(json) => {
            let text = json.as_str().or_else(|| json.get("id").and_then(Json::as_str));
            let id = text.and_then(|text| text.parse().ok());
            id.map(|id| Some(Some(id)))
                .ok_or_else(|| format!("`{name}` must be the id of an object"))
        }
    }
}

impl FromPool {
    /// A pool's id or name, or a map with `id`, `identifier`, `prefix_length`, `member_type`,
    /// `prefix_type`, `data`.
    pub fn from_json(json: &Json) -> Self {
        let text = |name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
        let length = ["prefixlen", "size", "prefix_length"]
            .iter()
            .find_map(|name| json.get(*name).and_then(Json::as_u64))
            .and_then(|length| u8::try_from(length).ok());
        let data = json.get("data").and_then(Json::as_object);
        let mut data: std::collections::BTreeMap<_, _> =
            data.map(|data| data.clone().into_iter().collect()).unwrap_or_default();
        if let Some(member_type) = json.get("member_type").filter(|word| word.is_string()) {
            data.insert("member_type".to_owned(), member_type.clone());
        }
        Self {
            pool: text("id").or_else(|| json.as_str().map(str::to_owned)).unwrap_or_default(),
            identifier: text("identifier"),
            length,
            kind: text("prefix_type").or_else(|| text("address_type")),
            data,
        }
    }
}

impl RelInput {
    /// An id or human-friendly id, a list of them, a map with `id` or `hfid` and the link's
    /// properties, or `{"from_pool": {...}}`.
    pub fn from_json(rel: &Relationship, json: &Json) -> Result<Self, String> {
        if let Some(pool) = json.get("from_pool") {
            return Ok(Self::FromPool(FromPool::from_json(pool)));
        }
        let peers = match (rel.cardinality, json) {
            (_, Json::Null) => Ok(Vec::new()),
            (Cardinality::Many, Json::Array(items)) => {
                items.iter().map(PeerInput::from_json).collect()
            }
            (Cardinality::Many | Cardinality::One, single) => {
                PeerInput::from_json(single).map(|peer| vec![peer])
            }
        };
        peers.map(Self::Replace)
    }
}

impl PeerInput {
    /// An id, a human-friendly id, or a map with one of them and `_relation__` properties; of a resource
    /// of a pool its `allocation_weight` too.
    pub fn from_json(json: &Json) -> Result<Self, String> {
        let Json::Object(map) = json else { return Ok(Self::hfid(parts(json))) };
        let kind = map.get("kind").and_then(Json::as_str).map(str::to_owned);
        let id = map.get("id").and_then(Json::as_str).and_then(|id| id.parse().ok());
        let peer = match id {
            Some(id) => PeerRef::Id(id),
            None => {
                let named = map.get("hfid").or_else(|| map.get("id")).map(parts);
                let parts = named.ok_or("a reference needs `id` or `hfid`")?;
                PeerRef::Hfid { kind, parts }
            }
        };
        Ok(Self {
            peer,
            is_protected: map.get("_relation__is_protected").and_then(Json::as_bool),
            source: reference(map, "_relation__source")?.flatten(),
            owner: reference(map, "_relation__owner")?.flatten(),
            weight: match map.get("allocation_weight") {
                None | Some(Json::Null) => None,
                Some(json) => {
                    let weight = json.as_i64();
                    Some(weight.ok_or("`allocation_weight` must be a whole number")?)
                }
            },
        })
    }
}

fn parts(json: &Json) -> Vec<String> {
    let text = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    match json {
        Json::Array(items) => items.iter().map(text).collect(),
        other => vec![text(other)],
    }
}
