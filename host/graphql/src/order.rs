//! The order of listings: what the query asks for, else the schema's, then by id.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use branch::{Object, ValueRef, View};
use model::schema::{Attribute, Kind, OrderKey, Path};
use model::{Seq, Symbol, Value};
use serde_json::Value as Json;

use crate::error::GraphqlError;
use crate::made::Made;

/// One criterion.
#[derive(Debug, Clone)]
pub(crate) struct By {
    key: OrderKey,
    pub(crate) descending: bool,
}

impl By {
    /// The attribute, where it is one of the object's own.
    pub(crate) fn attribute<'k>(&self, kind: &'k Kind) -> Option<&'k Attribute> {
        match &self.key {
            OrderKey::Path(Path::Attribute { attribute, .. }) => kind.attribute(attribute),
            _ => None,
        }
    }
}

/// The criteria of a list: `by`, then `node_metadata`; the schema's own where there are none.
pub(crate) fn read(
    view: &View,
    kind: &Kind,
    arguments: &[(String, Json)],
    hidden: &BTreeSet<Symbol>,
) -> Result<Vec<By>, GraphqlError> {
    let order = arguments.iter().find(|(name, _)| name == "order").map(|(_, value)| value);
    if order.and_then(|order| order.get("disable")).and_then(Json::as_bool) == Some(true) {
        return Ok(Vec::new());
    }
    let by = order.and_then(|order| order.get("by")).and_then(Json::as_array);
    let mut asked = Vec::new();
    for one in by.into_iter().flatten() {
        let field = one.get("field").and_then(Json::as_str).unwrap_or_default();
        let key = key_of(view, kind, field, hidden)?;
        asked.push(By { key, descending: is_descending(one.get("direction")) });
    }
    let metadata = order.and_then(|order| order.get("node_metadata"));
    for (name, key) in [("created_at", OrderKey::CreatedAt), ("updated_at", OrderKey::UpdatedAt)] {
        let direction = metadata.and_then(|metadata| metadata.get(name));
        if let Some(direction) = direction.filter(|direction| !direction.is_null()) {
            asked.push(By { key, descending: is_descending(Some(direction)) });
        }
    }
    if asked.is_empty() {
        let own = kind.order_by.iter();
        asked.extend(own.map(|own| By { key: own.by.clone(), descending: own.descending }));
    }
    Ok(asked)
}

fn is_descending(direction: Option<&Json>) -> bool {
    direction.and_then(Json::as_str) == Some("DESC")
}

/// What a field orders by. Secrets have no order, and what the caller may not look at orders nothing.
fn key_of(
    view: &View,
    kind: &Kind,
    field: &str,
    hidden: &BTreeSet<Symbol>,
) -> Result<OrderKey, GraphqlError> {
    let path = match field {
        "node_metadata__created_at" => return Ok(OrderKey::CreatedAt),
        "node_metadata__updated_at" => return Ok(OrderKey::UpdatedAt),
        _ => branch::path_of(kind, field),
    };
    let schema = view.schema();
    let of = match &path {
        Some(Path::Attribute { attribute, .. }) => kind.attribute(attribute),
        Some(Path::Peer { relationship, attribute, .. }) => kind
            .relationship(relationship)
            .and_then(|rel| schema.kind(&rel.peer))
            .filter(|peer| !hidden.contains(&peer.symbol))
            .and_then(|peer| peer.attribute(attribute)),
        _ => None,
    };
    let is_open = of.is_some_and(|attribute| !attribute.kind.is_secret());
    if let Some(path) = path.filter(|_| is_open) {
        return Ok(OrderKey::Path(path));
    }
    let names = kind.attributes.iter().map(|attribute| attribute.name.as_str());
    let near = model::schema::nearest(field.split("__").next().unwrap_or(field), names);
    let near = near.map(|near| format!("; did you mean `{near}__value`?")).unwrap_or_default();
    let message = format!("cannot order `{}` by `{field}`{near}", kind.name);
    Err(GraphqlError::bad_request(message))
}

enum Rank {
    Value(Value),
    Seq(Seq),
}

/// Sorts objects that are in the order of their ids.
///
/// What peers hold that the caller may not look at puts nothing in order.
pub(crate) fn sort(
    view: &View,
    made: &Made,
    order: &[By],
    hidden: &BTreeSet<Symbol>,
    objects: &mut Vec<Object>,
) -> Result<(), GraphqlError> {
    if order.is_empty() || objects.len() < 2 {
        return Ok(());
    }
    let mut ranked = Vec::with_capacity(objects.len());
    for object in objects.drain(..) {
        let mut ranks = Vec::with_capacity(order.len());
        for by in order {
            ranks.push(match &by.key {
                OrderKey::CreatedAt => Rank::Seq(object.created()),
                OrderKey::UpdatedAt => Rank::Seq(object.updated()),
                OrderKey::Path(path) => Rank::Value(made.follow(view, &object, path, hidden)?),
            });
        }
        ranked.push((ranks, object));
    }
    ranked.sort_by(|(a, one), (b, other)| {
        let by_rank = order.iter().zip(a.iter().zip(b)).map(|(by, (a, b))| {
            let ordering = match (a, b) {
                (Rank::Value(a), Rank::Value(b)) => ValueRef::from(a).order(ValueRef::from(b)),
                (Rank::Seq(a), Rank::Seq(b)) => a.cmp(b),
                _ => Ordering::Equal,
            };
            if by.descending { ordering.reverse() } else { ordering }
        });
        let first = by_rank.into_iter().find(|ordering| ordering.is_ne());
        first.unwrap_or_else(|| one.id().cmp(&other.id()))
    });
    objects.extend(ranked.into_iter().map(|(_, object)| object));
    Ok(())
}
