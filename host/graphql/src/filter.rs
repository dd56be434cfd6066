//! Filters of a list: all of them must hold; a list of values holds if one does.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use branch::{Object, View};
use model::schema::{Attribute, Cardinality, Kind, Relationship};
use model::{ObjectId, Symbol, Timestamp, Value};
use serde_json::Value as Json;

use crate::error::GraphqlError;
use crate::made::Made;

use crate::limits::{VALUES_MAX, VISITED_MAX};

#[derive(Debug)]
enum Filter {
    Ids(BTreeSet<ObjectId>),
    Hfid(Vec<String>),
    Label(Vec<String>),
    /// Every object has a label.
    LabelIsNull(bool),
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
    /// A peer passes a filter of its own.
    Peer {
        relationship: String,
        passes: Box<Filter>,
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
    /// Peers that were looked at so far.
    looked: Cell<u64>,
    /// Kinds that the caller may not look at: their objects pass no filter as peers.
    hidden: BTreeSet<Symbol>,
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
        hidden: &BTreeSet<Symbol>,
    ) -> Result<Self, GraphqlError> {
        let mut read = Self { hidden: hidden.clone(), ..Self::default() };
        for (name, value) in arguments {
            match name.as_str() {
                "offset" | "limit" | "order" | "include_descendants" => {}
                "partial_match" => read.partial = value.as_bool().unwrap_or(false),
                "ids" => read.filters.push(Filter::Ids(ids(name, value)?)),
                "hfid" => {
                    let text =
                        |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
                    read.filters.push(Filter::Hfid(list(value).iter().map(text).collect()));
                }
                _ => {
                    read.filters.push(field_filter(view, kind, name, value)?);
                }
            }
        }
        Ok(read)
    }

    /// Whether an object passes.
    pub(crate) fn accept(
        &self,
        view: &View,
        made: &Made,
        object: &Object,
    ) -> Result<bool, GraphqlError> {
        for filter in &self.filters {
            if !self.holds((view, made), object, filter)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds(
        &self,
        (view, made): (&View, &Made),
        object: &Object,
        filter: &Filter,
    ) -> Result<bool, GraphqlError> {
        let kind = object.kind();
        Ok(match filter {
            Filter::Ids(ids) => ids.contains(&object.id()),
            Filter::Hfid(parts) => view.hfid_told(object)?.as_ref() == Some(parts),
            Filter::Label(labels) => {
                let label = view.display_label(object)?;
                labels.iter().any(|wanted| self.alike(&label, wanted))
            }
            Filter::Values { attribute, values } => match kind.attribute(attribute) {
                Some(attribute) => {
                    self.has_value(&made.value(view, object, attribute)?, attribute, values)
                }
                None => false,
            },
            Filter::IsNull { attribute, null } => match kind.attribute(attribute) {
                Some(attribute) => made.value(view, object, attribute)?.is_null() == *null,
                None => true,
            },
            Filter::Source { attribute, id } => {
                some_attribute(object, attribute, |attr| attr.source == Some(*id))
            }
            Filter::Owner { attribute, id } => {
                some_attribute(object, attribute, |attr| attr.owner == Some(*id))
            }
            Filter::Protected { attribute, protected } => {
                some_attribute(object, attribute, |attr| attr.is_protected == *protected)
            }
            Filter::LabelIsNull(null) => !null,
            Filter::Any(values) => {
                kind.attributes.iter().filter(|attribute| !attribute.kind.is_secret()).any(
                    |attribute| {
                        let stored = object.attr(attribute).value.to_value();
                        self.has_value(&stored.unwrap_or(Value::Null), attribute, values)
                    },
                )
            }
            Filter::Peers { relationship, ids } => match kind.relationship(relationship) {
                Some(rel) => self.seen(view, object, rel)?.iter().any(|peer| ids.contains(peer)),
                None => false,
            },
            Filter::PeersNull { relationship, null } => match kind.relationship(relationship) {
                Some(rel) => self.seen(view, object, rel)?.is_empty() == *null,
                None => *null,
            },
            Filter::Peer { relationship, passes } => {
                self.a_peer_passes((view, made), object, relationship, passes)?
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

    /// One more peer is looked at.
    fn look(&self) -> Result<(), GraphqlError> {
        self.looked.set(self.looked.get() + 1);
        if self.looked.get() > VISITED_MAX {
            return Err(GraphqlError::limit(format!(
                "the filters look at more than {VISITED_MAX} peers; filter on an indexed attribute"
            )));
        }
        Ok(())
    }

    /// The peers that the caller may look at.
    fn seen(
        &self,
        view: &View,
        object: &Object,
        rel: &Relationship,
    ) -> Result<Vec<ObjectId>, GraphqlError> {
        let mut seen = Vec::new();
        for edge in view.peers(object.id(), rel)? {
            self.look()?;
            if self.hidden.is_empty()
                || view.kind_of(edge.peer)?.is_none_or(|kind| !self.hidden.contains(&kind.symbol))
            {
                seen.push(edge.peer);
            }
        }
        Ok(seen)
    }

    fn a_peer_passes(
        &self,
        (view, made): (&View, &Made),
        object: &Object,
        relationship: &str,
        passes: &Filter,
    ) -> Result<bool, GraphqlError> {
        let Some(rel) = object.kind().relationship(relationship) else { return Ok(false) };
        for edge in view.peers(object.id(), rel)? {
            self.look()?;
            if let Some(peer) = view.object(edge.peer)?
                && !self.hidden.contains(&peer.kind().symbol)
                && self.holds((view, made), &peer, passes)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_value(&self, held: &Value, attribute: &Attribute, values: &[Json]) -> bool {
        values.iter().any(|wanted| {
            if self.partial {
                let wanted = wanted.as_str().map_or_else(|| wanted.to_string(), str::to_owned);
                return !held.is_null() && self.alike(&held.to_string(), &wanted);
            }
            held.to_json() == *wanted || attribute.parse(wanted).is_ok_and(|wanted| wanted == *held)
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

/// What an argument filters by: the object itself, how it came about, or its peers.
fn field_filter(
    view: &View,
    kind: &Kind,
    name: &str,
    value: &Json,
) -> Result<Filter, GraphqlError> {
    let parts: Vec<&str> = name.split("__").collect();
    match parts.as_slice() {
        ["node_metadata", end @ ("created_at" | "updated_at"), rest @ ..] => {
            let created = *end == "created_at";
            let at = moment(name, value)?;
            Ok(match rest {
                ["before"] => Filter::Made { created, after: None, before: Some(at) },
                ["after"] => Filter::Made { created, after: Some(at), before: None },
                _ => Filter::Made {
                    created,
                    after: Some(Timestamp(at.0.saturating_sub(1))),
                    before: Some(Timestamp(at.0.saturating_add(1))),
                },
            })
        }
        ["node_metadata", end @ ("created_by" | "updated_by"), "id" | "ids"] => {
            Ok(Filter::By { created: *end == "created_by", ids: ids(name, value)? })
        }
        [relationship, rest @ ..] if kind.relationship(relationship).is_some() => {
            let peer =
                kind.relationship(relationship).and_then(|rel| view.schema().kind(&rel.peer));
            let relationship = (*relationship).to_owned();
            match (rest, peer) {
                (["ids"], _) => Ok(Filter::Peers { relationship, ids: ids(name, value)? }),
                (["isnull"], _) => {
                    let null = value.as_bool().unwrap_or(false);
                    Ok(Filter::PeersNull { relationship, null })
                }
                (rest, Some(peer)) => {
                    let passes = Box::new(own_filter(peer, name, rest, value)?);
                    Ok(Filter::Peer { relationship, passes })
                }
                _ => Err(bad(name, "there is no such filter")),
            }
        }
        parts => own_filter(kind, name, parts, value),
    }
}

/// A filter by what an object itself holds.
fn own_filter(
    kind: &Kind,
    name: &str,
    parts: &[&str],
    value: &Json,
) -> Result<Filter, GraphqlError> {
    let one_id = || value.as_str().and_then(|id| id.parse().ok()).unwrap_or(ObjectId::MIN);
    let flag = value.as_bool().unwrap_or(false);
    // The value of a list or a structure is one value.
    let values = || {
        let values = match parts.last() {
            Some(&"value") => vec![value.clone()],
            _ => list(value),
        };
        let many = || bad(name, &format!("more than {VALUES_MAX} values"));
        if values.len() > VALUES_MAX { Err(many()) } else { Ok(values) }
    };
    let (first, rest) = parts.split_first().unwrap_or((&"", &[]));
    match (*first, rest) {
        ("display_label", ["value" | "values"]) => {
            let labels = values()?;
            let text = |label: &Json| label.as_str().map(str::to_owned);
            return Ok(Filter::Label(labels.iter().filter_map(text).collect()));
        }
        ("display_label", ["isnull"]) => return Ok(Filter::LabelIsNull(flag)),
        ("any", ["value" | "values"]) => return Ok(Filter::Any(values()?)),
        _ => {}
    }
    if *first != "any" && kind.attribute(first).is_none() {
        let names = kind.attributes.iter().map(|attribute| attribute.name.as_str());
        let near = model::schema::nearest(first, names);
        let near = near.map(|near| format!("did you mean `{near}__value`?"));
        return Err(bad(name, near.as_deref().unwrap_or("there is no such filter")));
    }
    let attribute = (*first != "any").then(|| (*first).to_owned());
    match (rest, &attribute) {
        (["value" | "values"], Some(attribute)) => {
            Ok(Filter::Values { attribute: attribute.clone(), values: values()? })
        }
        (["isnull"], Some(attribute)) => {
            Ok(Filter::IsNull { attribute: attribute.clone(), null: flag })
        }
        (["source", "id"], _) => Ok(Filter::Source { attribute, id: one_id() }),
        (["owner", "id"], _) => Ok(Filter::Owner { attribute, id: one_id() }),
        (["is_protected"], _) => Ok(Filter::Protected { attribute, protected: flag }),
        _ => Err(bad(name, "there is no such filter")),
    }
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
            Filter::Peer { relationship, passes } if !filters.partial => match passes.as_ref() {
                Filter::Values { attribute, values } => {
                    by_peer_values(view, kind, relationship, attribute, values)?
                }
                _ => None,
            },
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
