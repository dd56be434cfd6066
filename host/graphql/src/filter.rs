//! Filters of a list: all of them must hold; a list of values holds if one does.

use std::collections::BTreeSet;
use std::sync::Arc;

use branch::{Object, View};
use model::schema::{Attribute, Cardinality, Kind};
use model::{ObjectId, Timestamp, Value};
use serde_json::Value as Json;

use crate::error::GraphqlError;

/// Values in one list argument.
const VALUES_MAX: usize = 10_000;

#[derive(Debug)]
enum Filter {
    Ids(BTreeSet<ObjectId>),
    Hfid(Vec<String>),
    Label(Vec<String>),
    /// An attribute has one of these values.
    Values {
        attribute: String,
        values: Vec<Json>,
    },
    IsNull {
        attribute: String,
        null: bool,
    },
    Source {
        attribute: Option<String>,
        id: ObjectId,
    },
    Owner {
        attribute: Option<String>,
        id: ObjectId,
    },
    Protected {
        attribute: Option<String>,
        protected: bool,
    },
    Any(Vec<Json>),
    Peers {
        relationship: String,
        ids: BTreeSet<ObjectId>,
    },
    PeersNull {
        relationship: String,
        null: bool,
    },
    PeerValues {
        relationship: String,
        attribute: String,
        values: Vec<Json>,
    },
    Made {
        created: bool,
        after: Option<Timestamp>,
        before: Option<Timestamp>,
    },
    By {
        created: bool,
        ids: BTreeSet<ObjectId>,
    },
}

/// The filters of one list.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    filters: Vec<Filter>,
    partial: bool,
}

fn bad(name: &str, what: &str) -> GraphqlError {
    GraphqlError::bad_request(format!("`{name}`: {what}"))
}

fn list(value: &Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items.clone(),
        Json::Null => Vec::new(),
        other => vec![other.clone()],
    }
}

fn ids(name: &str, value: &Json) -> Result<BTreeSet<ObjectId>, GraphqlError> {
    let items = list(value);
    if items.len() > VALUES_MAX {
        return Err(bad(name, &format!("more than {VALUES_MAX} ids")));
    }
    // What is no id names no object.
    Ok(items.iter().filter_map(|item| item.as_str()?.parse().ok()).collect())
}

fn moment(name: &str, value: &Json) -> Result<Timestamp, GraphqlError> {
    let text = value.as_str().unwrap_or_default();
    text.parse().map_err(|wrong: model::time::NotATime| bad(name, &wrong.to_string()))
}

impl Filters {
    pub(crate) fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Reads the arguments of a list.
    pub(crate) fn read(
        view: &View,
        kind: &Arc<Kind>,
        arguments: &[(String, Json)],
    ) -> Result<Self, GraphqlError> {
        let mut read = Self::default();
        for (name, value) in arguments {
            match name.as_str() {
                "offset" | "limit" | "order" | "include_descendants" | "isnull" => {}
                "partial_match" => read.partial = value.as_bool().unwrap_or(false),
                "ids" => read.filters.push(Filter::Ids(ids(name, value)?)),
                "hfid" => {
                    let text =
                        |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
                    read.filters.push(Filter::Hfid(list(value).iter().map(text).collect()));
                }
                _ => {
                    if let Some(filter) = field_filter(view, kind, name, value)? {
                        read.filters.push(filter);
                    }
                }
            }
        }
        Ok(read)
    }

    /// Whether an object passes.
    pub(crate) fn accept(&self, view: &View, object: &Object) -> Result<bool, GraphqlError> {
        for filter in &self.filters {
            if !self.holds(view, object, filter)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds(&self, view: &View, object: &Object, filter: &Filter) -> Result<bool, GraphqlError> {
        let kind = object.kind();
        Ok(match filter {
            Filter::Ids(ids) => ids.contains(&object.id()),
            Filter::Hfid(parts) => view.hfid(object)?.as_ref() == Some(parts),
            Filter::Label(labels) => {
                let label = view.display_label(object)?;
                labels.iter().any(|wanted| self.alike(&label, wanted))
            }
            Filter::Values { attribute, values } => match kind.attribute(attribute) {
                Some(attribute) => self.has_value(object, attribute, values),
                None => false,
            },
            Filter::IsNull { attribute, null } => kind
                .attribute(attribute)
                .is_none_or(|attribute| object.attr(attribute).value.is_null() == *null),
            Filter::Source { attribute, id } => {
                some_attribute(object, attribute, |attr| attr.source == Some(*id))
            }
            Filter::Owner { attribute, id } => {
                some_attribute(object, attribute, |attr| attr.owner == Some(*id))
            }
            Filter::Protected { attribute, protected } => {
                some_attribute(object, attribute, |attr| attr.is_protected == *protected)
            }
            Filter::Any(values) => {
                kind.attributes.iter().any(|attribute| self.has_value(object, attribute, values))
            }
            Filter::Peers { relationship, ids } => match kind.relationship(relationship) {
                Some(rel) => {
                    view.peers(object.id(), rel)?.iter().any(|edge| ids.contains(&edge.peer))
                }
                None => false,
            },
            Filter::PeersNull { relationship, null } => match kind.relationship(relationship) {
                Some(rel) => view.peers(object.id(), rel)?.is_empty() == *null,
                None => *null,
            },
            Filter::PeerValues { relationship, attribute, values } => {
                self.peer_has_value(view, object, relationship, attribute, values)?
            }
            Filter::Made { created, after, before } => {
                let seq = if *created { object.created() } else { object.updated() };
                let at = view.committed_at(seq)?;
                after.is_none_or(|after| at > after) && before.is_none_or(|before| at < before)
            }
            Filter::By { created, ids } => {
                let by = if *created { object.created_by() } else { object.updated_by() };
                ids.contains(&by)
            }
        })
    }

    fn peer_has_value(
        &self,
        view: &View,
        object: &Object,
        relationship: &str,
        attribute: &str,
        values: &[Json],
    ) -> Result<bool, GraphqlError> {
        let Some(rel) = object.kind().relationship(relationship) else { return Ok(false) };
        for edge in view.peers(object.id(), rel)? {
            if let Some(peer) = view.object(edge.peer)?
                && let Some(attribute) = peer.kind().attribute(attribute)
                && self.has_value(&peer, attribute, values)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_value(&self, object: &Object, attribute: &Attribute, values: &[Json]) -> bool {
        let held = object.attr(attribute).value.to_value().unwrap_or(Value::Null);
        values.iter().any(|wanted| {
            if self.partial {
                let wanted = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
                return !held.is_null() && self.alike(&held.to_string(), &wanted);
            }
            held.to_json() == *wanted || attribute.parse(wanted).is_ok_and(|wanted| wanted == held)
        })
    }

    fn alike(&self, held: &str, wanted: &str) -> bool {
        if self.partial {
            held.to_lowercase().contains(&wanted.to_lowercase())
        } else {
            held == wanted
        }
    }
}

fn some_attribute(
    object: &Object,
    name: &Option<String>,
    holds: impl Fn(branch::AttrRef<'_>) -> bool,
) -> bool {
    let wanted = |attribute: &&Attribute| name.as_ref().is_none_or(|name| attribute.name == *name);
    let kind = object.kind();
    kind.attributes.iter().filter(wanted).any(|attribute| holds(object.attr(attribute)))
}

fn field_filter(
    view: &View,
    kind: &Arc<Kind>,
    name: &str,
    value: &Json,
) -> Result<Option<Filter>, GraphqlError> {
    let parts: Vec<&str> = name.split("__").collect();
    let one_id = |value: &Json| {
        value.as_str().and_then(|id| id.parse::<ObjectId>().ok()).unwrap_or(ObjectId::MIN)
    };
    let flag = value.as_bool().unwrap_or(false);
    let filter = match parts.as_slice() {
        ["any", "value" | "values"] => Filter::Any(list(value)),
        ["display_label", "value" | "values"] => Filter::Label(
            list(value).iter().filter_map(|text| text.as_str().map(str::to_owned)).collect(),
        ),
        ["display_label", "isnull"] => return Ok(None),
        ["node_metadata", end @ ("created_at" | "updated_at"), rest @ ..] => {
            let created = *end == "created_at";
            let at = moment(name, value)?;
            match rest {
                ["before"] => Filter::Made { created, after: None, before: Some(at) },
                ["after"] => Filter::Made { created, after: Some(at), before: None },
                _ => Filter::Made {
                    created,
                    after: Some(Timestamp(at.0.saturating_sub(1))),
                    before: Some(Timestamp(at.0.saturating_add(1))),
                },
            }
        }
        ["node_metadata", end @ ("created_by" | "updated_by"), "id" | "ids"] => {
            Filter::By { created: *end == "created_by", ids: ids(name, value)? }
        }
        [attribute, rest @ ..] if *attribute == "any" || kind.attribute(attribute).is_some() => {
            let named = (*attribute != "any").then(|| (*attribute).to_owned());
            match rest {
                ["value" | "values"] => {
                    let values = list(value);
                    if values.len() > VALUES_MAX {
                        return Err(bad(name, &format!("more than {VALUES_MAX} values")));
                    }
                    Filter::Values { attribute: (*attribute).to_owned(), values }
                }
                ["isnull"] => Filter::IsNull { attribute: (*attribute).to_owned(), null: flag },
                ["source", "id"] => Filter::Source { attribute: named, id: one_id(value) },
                ["owner", "id"] => Filter::Owner { attribute: named, id: one_id(value) },
                ["is_protected"] => Filter::Protected { attribute: named, protected: flag },
                _ => return Err(bad(name, "there is no such filter")),
            }
        }
        [relationship, rest @ ..] if kind.relationship(relationship).is_some() => {
            let relationship = (*relationship).to_owned();
            match rest {
                ["ids"] => Filter::Peers { relationship, ids: ids(name, value)? },
                ["isnull"] => Filter::PeersNull { relationship, null: flag },
                [attribute, "value" | "values"] => Filter::PeerValues {
                    relationship,
                    attribute: (*attribute).to_owned(),
                    values: list(value),
                },
                _ => return Err(bad(name, "there is no such filter")),
            }
        }
        _ => {
            let names = kind.attributes.iter().map(|attribute| attribute.name.as_str());
            let first = parts.first().copied().unwrap_or_default();
            let near = model::schema::nearest(first, names);
            let near = near.map(|near| format!("did you mean `{near}__value`?"));
            let _same = view;
            return Err(bad(name, &near.unwrap_or_else(|| "there is no such filter".to_owned())));
        }
    };
    Ok(Some(filter))
}

/// The ids that can pass, where a filter finds them without looking at every object.
pub(crate) fn candidates(
    view: &View,
    kind: &Arc<Kind>,
    filters: &Filters,
) -> Result<Option<BTreeSet<ObjectId>>, GraphqlError> {
    let mut best: Option<BTreeSet<ObjectId>> = None;
    for filter in &filters.filters {
        let found = match filter {
            Filter::Ids(ids) => Some(ids.clone()),
            Filter::Hfid(parts) => {
                let object = view.by_hfid(kind, parts)?;
                Some(object.into_iter().map(|object| object.id()).collect())
            }
            Filter::Values { attribute, values } if !filters.partial => {
                by_values(view, kind, attribute, values)?
            }
            Filter::Peers { relationship, ids } => by_peers(view, kind, relationship, ids)?,
            Filter::PeerValues { relationship, attribute, values } if !filters.partial => {
                by_peer_values(view, kind, relationship, attribute, values)?
            }
            _ => None,
        };
        if let Some(found) = found
            && best.as_ref().is_none_or(|best| found.len() < best.len())
        {
            best = Some(found);
        }
    }
    Ok(best)
}

fn by_values(
    view: &View,
    kind: &Arc<Kind>,
    attribute: &str,
    values: &[Json],
) -> Result<Option<BTreeSet<ObjectId>>, GraphqlError> {
    let Some(attribute) = kind.attribute(attribute) else { return Ok(None) };
    if !view.is_indexed(kind, attribute) {
        return Ok(None);
    }
    let mut found = BTreeSet::new();
    for value in values {
        match attribute.parse(value) {
            Ok(value) if !value.is_null() => {
                found.extend(view.candidates(kind, attribute, &value)?);
            }
            Ok(_) => return Ok(None),
            Err(_nothing_has_it) => {}
        }
    }
    Ok(Some(found))
}

fn by_peers(
    view: &View,
    kind: &Arc<Kind>,
    relationship: &str,
    ids: &BTreeSet<ObjectId>,
) -> Result<Option<BTreeSet<ObjectId>>, GraphqlError> {
    let Some(rel) = kind.relationship(relationship) else { return Ok(None) };
    let mut found = BTreeSet::new();
    for id in ids {
        found.extend(view.linked_to(rel, *id)?);
    }
    Ok(Some(found))
}

/// The peers with these values first, where every kind of peer has them indexed.
fn by_peer_values(
    view: &View,
    kind: &Arc<Kind>,
    relationship: &str,
    attribute: &str,
    values: &[Json],
) -> Result<Option<BTreeSet<ObjectId>>, GraphqlError> {
    let Some(rel) = kind.relationship(relationship) else { return Ok(None) };
    let schema = Arc::clone(view.schema());
    let Some(peer) = schema.kind(&rel.peer) else { return Ok(None) };
    let mut peers = BTreeSet::new();
    for concrete in schema.concrete(peer) {
        if concrete.attribute(attribute).is_none() {
            continue;
        }
        match by_values(view, concrete, attribute, values)? {
            Some(found) => peers.extend(found),
            None => return Ok(None),
        }
    }
    // Many peers of a many-relationship may cost more than looking at the objects themselves.
    if rel.cardinality == Cardinality::Many && peers.len() > VALUES_MAX {
        return Ok(None);
    }
    by_peers(view, kind, relationship, &peers)
}
