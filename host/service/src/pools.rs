//! Pools: how full, what next and why, drawing by hand, giving back.

use std::collections::BTreeMap;

use branch::{Draft, Granted, IdentifiedBy, Object, PoolRequest, PoolUse, Succeeded, Want};
use model::{Interface, Value};
use serde_json::{Value as Json, json};

use crate::{Service, ServiceError};

/// Values drawn in one request at most: a pool is not emptied by a slip.
pub const BATCH_MAX: usize = 1_000;
/// Held values that are listed.
const HELD_MAX: usize = 10_000;

/// What is drawn by hand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawing {
    /// Same identifier, same resource; with several, a running number is added.
    pub identifier: Option<String>,
    /// This value and no other.
    pub value: Option<String>,
    /// Prefix length.
    pub length: Option<u8>,
    /// Kind of the object that is made.
    pub kind: Option<String>,
    /// `prefix` or `address`.
    pub member_type: Option<String>,
    /// Values of the object that is made.
    pub data: BTreeMap<String, Json>,
    /// How many; all or none.
    pub count: usize,
}

impl Service {
    /// All pools with how full they are.
    pub fn pools(&self) -> Result<Json, ServiceError> {
        let mut draft = self.draft()?;
        let mut pools = Vec::new();
        for pool in draft.view().pools()? {
            let told = draft.pool_use(&pool)?;
            pools.push(summary(&told));
        }
        Ok(json!({"pools": pools}))
    }

    /// One pool: its resources with their free stretches, and what is held.
    pub fn pool(&self, name: &str) -> Result<Json, ServiceError> {
        let mut draft = self.draft()?;
        let pool = draft.find_pool(name)?;
        let told = draft.pool_use(&pool)?;
        let held: Vec<Json> = draft
            .pool_held(&pool, HELD_MAX)?
            .into_iter()
            .map(|held| {
                json!({
                    "value": held.value.to_json(), "identifier": held.identifier,
                    "object": held.object.map(|id| id.to_string()), "label": held.label,
                })
            })
            .collect();
        let mut json = summary(&told);
        json["resources"] = resources(&told);
        json["held"] = Json::Array(held);
        Ok(json)
    }

    /// Draws from a pool: all that is asked for, or nothing.
    pub fn pool_allocate(&self, name: &str, drawing: &Drawing) -> Result<Json, ServiceError> {
        let mut granted = Vec::new();
        self.change(|draft| {
            granted = draw(draft, name, drawing)?;
            Ok(())
        })?;
        Ok(json!({"allocated": granted.iter().map(granted_json).collect::<Vec<_>>()}))
    }

    /// What a draw would give; nothing is taken.
    pub fn pool_peek(&self, name: &str, drawing: &Drawing) -> Result<Json, ServiceError> {
        let mut draft = self.draft()?;
        let drawing = Drawing { identifier: None, ..drawing.clone() };
        let granted = draw(&mut draft, name, &drawing)?;
        let values: Vec<Json> = granted.iter().map(|granted| granted.value.to_json()).collect();
        Ok(json!({"next": values}))
    }

    /// Gives back what an identifier holds.
    pub fn pool_release(&self, name: &str, identifier: &str) -> Result<Json, ServiceError> {
        let mut released = Value::Null;
        self.change(|draft| {
            let pool = draft.find_pool(name)?;
            released = draft.release_identifier(&pool, identifier, "")?;
            Ok(())
        })?;
        Ok(json!({"released": released.to_json(), "identifier": identifier}))
    }

    /// Why the next value is what it is, resource by resource; or who has a value.
    pub fn pool_explain(&self, name: &str, drawing: &Drawing) -> Result<Json, ServiceError> {
        let mut draft = self.draft()?;
        let pool = draft.find_pool(name)?;
        if let Some(asked) = &drawing.value {
            return explain_value(&mut draft, name, &pool, asked);
        }
        let told = draft.pool_use(&pool)?;
        let next = attempt(&mut draft, name, drawing);
        let mut chosen = false;
        let steps: Vec<Json> = told
            .resources
            .iter()
            .map(|one| {
                let length = drawing.length.or_else(|| default_length(&pool));
                let skipped = skipped(one, length, pool.kind().name == "CoreIPPrefixPool");
                let taken = !chosen && skipped.is_none() && next.is_ok();
                chosen |= taken;
                json!({
                    "resource": one.label, "weight": one.weight, "used": one.used.to_string(),
                    "total": one.total.to_string(), "largest_free": one.largest,
                    "first_free": one.gaps.first().map(|(first, _)| first),
                    "skipped": skipped, "chosen": taken,
                })
            })
            .collect();
        Ok(match next {
            Ok(value) => json!({
                "pool": told.name, "order": "heaviest first, then lowest", "resources": steps,
                "next": value.to_json(),
            }),
            Err(refused) => json!({
                "pool": told.name, "order": "heaviest first, then lowest", "resources": steps,
                "next": null, "code": refused.code(), "message": refused.to_string(),
            }),
        })
    }
}

fn attempt(draft: &mut Draft, name: &str, drawing: &Drawing) -> Result<Value, ServiceError> {
    let begun = draft.begin();
    let one = Drawing { identifier: None, count: 1, ..drawing.clone() };
    let drawn = draw(draft, name, &one);
    draft.end(begun, Succeeded::No);
    let first = drawn?.into_iter().next();
    Ok(first.map_or(Value::Null, |granted| granted.value))
}

/// Why a resource gives nothing; nothing where it does.
fn skipped(one: &branch::ResourceUse, length: Option<u8>, prefixes: bool) -> Option<String> {
    if one.used >= one.total {
        return Some("nothing is free in it".to_owned());
    }
    let (Some(length), Some(largest)) = (length.filter(|_| prefixes), one.largest) else {
        return None;
    };
    (largest > length).then(|| format!("its largest free block is a /{largest}"))
}

fn default_length(pool: &Object) -> Option<u8> {
    let length = pool.value("default_prefix_length").as_int()?;
    u8::try_from(length).ok()
}

fn explain_value(
    draft: &mut Draft,
    name: &str,
    pool: &Object,
    asked: &str,
) -> Result<Json, ServiceError> {
    let value = read_value(pool, asked)?;
    let held = draft.pool_held(pool, usize::MAX)?;
    if let Some(held) = held.into_iter().find(|held| same(&held.value, &value)) {
        let state = if held.identifier.is_some() { "allocated" } else { "taken-by-hand" };
        return Ok(json!({
            "value": asked, "state": state, "identifier": held.identifier,
            "object": held.object.map(|id| id.to_string()), "label": held.label,
        }));
    }
    let drawing = Drawing { value: Some(asked.to_owned()), count: 1, ..Drawing::default() };
    Ok(match attempt(draft, name, &drawing) {
        Ok(_) => json!({"value": asked, "state": "free"}),
        Err(refused) => json!({
            "value": asked, "state": "unavailable", "code": refused.code(),
            "message": refused.to_string(),
        }),
    })
}

/// Addresses are the same whatever length is written on them.
fn same(held: &Value, asked: &Value) -> bool {
    let address = |value: &Value| match value {
        Value::Host(host) => Some(host.address),
        Value::Address(address) => Some(*address),
        _ => None,
    };
    held == asked || (address(held).is_some() && address(held) == address(asked))
}

fn draw(draft: &mut Draft, name: &str, drawing: &Drawing) -> Result<Vec<Granted>, ServiceError> {
    let pool = draft.find_pool(name)?;
    let count = drawing.count.max(1);
    if count > BATCH_MAX || (count > 1 && drawing.value.is_some()) {
        let what = if count > BATCH_MAX { "values in one request" } else { "of one value" };
        return Err(ServiceError::Request {
            code: "bad-count",
            message: format!("{count} {what} cannot be drawn; ask for at most {BATCH_MAX}"),
        });
    }
    let value = drawing.value.as_ref().map(|value| read_value(&pool, value)).transpose()?;
    let length = match &value {
        Some(Value::Host(host)) => Some(host.length),
        _ => drawing.length,
    };
    let want = match Want::of(&pool, length) {
        want @ (Want::Number | Want::Block { .. }) => want,
        Want::Prefix { length, .. } => Want::Prefix {
            length,
            kind: drawing.kind.clone(),
            member_type: drawing.member_type.clone(),
        },
        Want::Address { length, .. } => Want::Address { length, kind: drawing.kind.clone() },
    };
    let mut granted = Vec::new();
    for number in 0..count {
        let identifier = match &drawing.identifier {
            None => IdentifiedBy::Nothing,
            Some(name) if count == 1 => IdentifiedBy::Identifier(name.clone()),
            Some(name) => IdentifiedBy::Identifier(format!("{name}-{number}")),
        };
        granted.push(draft.allocate(&PoolRequest {
            data: drawing.data.clone(),
            value: value.clone(),
            ..PoolRequest::new(pool.id().to_string(), identifier, want.clone())
        })?);
    }
    Ok(granted)
}

/// A value in the form of the pool's.
fn read_value(pool: &Object, text: &str) -> Result<Value, ServiceError> {
    let read = match pool.kind().name.as_str() {
        "CoreNumberPool" => text.parse().ok().map(Value::Int),
        "CoreIPPrefixPool" => text.parse().ok().map(Value::Net),
        _ => address(text),
    };
    read.ok_or_else(|| ServiceError::Request {
        code: "bad-value",
        message: format!("`{text}` is not a value of a `{}`", pool.kind().name),
    })
}

/// With a length it is written so; without one the pool decides.
fn address(text: &str) -> Option<Value> {
    match text.split_once('/') {
        None => text.parse().ok().map(Value::Address),
        Some((address, length)) => {
            let host = Interface::new(address.parse().ok()?, length.parse().ok()?)?;
            Some(Value::Host(host))
        }
    }
}

fn granted_json(granted: &Granted) -> Json {
    json!({
        "value": granted.value.to_json(), "object": granted.object.map(|id| id.to_string()),
        "reused": granted.reused,
    })
}

fn summary(told: &PoolUse) -> Json {
    let (used, total) = (told.used(), told.total());
    json!({
        "id": told.id.to_string(), "name": told.name, "kind": told.kind,
        // Exact: they may be larger than what JSON numbers carry.
        "used": used.to_string(), "total": total.to_string(), "utilization": share(used, total),
    })
}

fn resources(told: &PoolUse) -> Json {
    let one = |one: &branch::ResourceUse| {
        let gaps: Vec<Json> =
            one.gaps.iter().map(|(first, last)| json!({"first": first, "last": last})).collect();
        json!({
            "id": one.id.to_string(), "label": one.label, "weight": one.weight,
            "used": one.used.to_string(), "total": one.total.to_string(),
            "utilization": share(one.used, one.total), "largest_free": one.largest, "free": gaps,
        })
    };
    told.resources.iter().map(one).collect()
}

/// Per cent, two digits after the point; the division comes last.
pub(crate) fn share(used: u128, total: u128) -> f64 {
    if total == 0 {
        return 0.0;
    }
    // Both fit after the same shift, which takes nothing that two digits show.
    let shift = 128u32.saturating_sub(total.leading_zeros()).saturating_sub(64);
    let (used, total) = (used >> shift, (total >> shift).max(1));
    let hundredths = used.saturating_mul(10_000) / total;
    f64::from(u32::try_from(hundredths).unwrap_or(u32::MAX)) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_to_two_digits_at_every_size() {
        assert!((share(1, 3) - 33.33).abs() < 1e-9);
        assert!((share(u128::MAX, u128::MAX) - 100.0).abs() < 1e-9);
        assert!((share(1, u128::MAX)).abs() < 1e-9);
        assert!((share(1 << 126, 1 << 127) - 50.0).abs() < 1e-9);
        assert!((share(0, 0)).abs() < 1e-9);
    }
}
