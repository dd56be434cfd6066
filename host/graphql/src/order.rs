//! The order of listings: what the query asks for, else the schema's, then by id.

use std::cmp::Ordering;

use branch::{Object, ValueRef, View};
use model::schema::{Attribute, Kind, OrderKey, Path};
use model::{Seq, Value};
use serde_json::Value as Json;

use crate::error::GraphqlError;

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

/// The criteria of a list.
pub(crate) fn read(kind: &Kind, arguments: &[(String, Json)]) -> Result<Vec<By>, GraphqlError> {
    let order = arguments.iter().find(|(name, _)| name == "order").map(|(_, value)| value);
    if order.and_then(|order| order.get("disable")).and_then(Json::as_bool) == Some(true) {
        return Ok(Vec::new());
    }
    let asked = order.and_then(|order| order.get("by")).and_then(Json::as_array);
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        let own = kind.order_by.iter();
        return Ok(own
            .map(|order| By { key: order.by.clone(), descending: order.descending })
            .collect());
    };
    asked
        .iter()
        .map(|one| {
            let field = one.get("field").and_then(Json::as_str).unwrap_or_default();
            let descending = one.get("direction").and_then(Json::as_str) == Some("DESC");
            let key = match field {
                "node_metadata__created_at" => Some(OrderKey::CreatedAt),
                "node_metadata__updated_at" => Some(OrderKey::UpdatedAt),
                _ => branch::path_of(kind, field).map(OrderKey::Path),
            };
            key.map(|key| By { key, descending }).ok_or_else(|| {
                let names = kind.attributes.iter().map(|attribute| attribute.name.as_str());
                let near = model::schema::nearest(field.split("__").next().unwrap_or(field), names);
                let near = near.map(|near| format!("; did you mean `{near}__value`?"));
                GraphqlError::bad_request(format!(
                    "cannot order `{}` by `{field}`{}",
                    kind.name,
                    near.unwrap_or_default()
                ))
            })
        })
        .collect()
}

enum Rank {
    Value(Value),
    Seq(Seq),
}

/// Sorts objects that are in the order of their ids.
pub(crate) fn sort(
    view: &View,
    order: &[By],
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
                OrderKey::Path(path) => Rank::Value(view.follow(&object, path)?),
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
