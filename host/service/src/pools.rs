//! Pools: how full, what next and why, drawing by hand, giving back.

mod space;

use std::collections::BTreeMap;

use branch::{Draft, Granted, Held, IdentifiedBy, Object, PoolRequest, PoolUse, Succeeded, Want};
use model::{Interface, Value};
use serde_json::{Value as Json, json};

use crate::{Service, ServiceError};

pub use crate::limits::BATCH_MAX;
use crate::limits::HELD_MAX;
use crate::limits::PASSED_MAX;

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
    /// The division, for a pool with a scope: by element, a value or a peer.
    pub scope: BTreeMap<String, String>,
    /// Numbers in a row.
    pub block: Option<u32>,
    /// The number, or the first in a row, is a multiple of this.
    pub align: Option<u32>,
    /// When the reservation ends by itself (RFC 3339).
    pub until: Option<String>,
    /// Only set aside for the identifier: no object is made, and its next request gets the value.
    pub set_aside: bool,
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
        let held: Vec<Json> =
            draft.pool_held(&pool, HELD_MAX)?.into_iter().map(|held| held_json(&held)).collect();
        let mut json = summary(&told);
        json["resources"] = resources(&told);
        json["held"] = Json::Array(held);
        Ok(json)
    }

    /// Draws from a pool: all that is asked for, or nothing.
    pub fn pool_allocate(&self, name: &str, drawing: &Drawing) -> Result<Json, ServiceError> {
        let mut granted = Vec::new();
        self.change(|draft| {
            let drawn = draw(draft, name, drawing)?;
            let told = drawn.iter().map(|one| granted_json(draft, one));
            granted = told.collect::<Result<Vec<_>, _>>()?;
            Ok(())
        })?;
        Ok(json!({"allocated": granted}))
    }

    /// What a draw would give; nothing is taken.
    pub fn pool_peek(&self, name: &str, drawing: &Drawing) -> Result<Json, ServiceError> {
        let mut draft = self.draft()?;
        let drawing = Drawing { identifier: None, ..drawing.clone() };
        let granted = draw(&mut draft, name, &drawing)?;
        let values: Vec<Json> = granted.iter().map(|granted| granted.value.to_json()).collect();
        Ok(json!({"next": values}))
    }

    /// Gives back what an identifier holds. Who did it and why is remembered with the value.
    pub fn pool_release(
        &self,
        name: &str,
        identifier: &str,
        why: &str,
    ) -> Result<Json, ServiceError> {
        let mut released = Value::Null;
        self.change(|draft| {
            let pool = draft.find_pool(name)?;
            released = draft.release_identifier(&pool, identifier, why)?;
            Ok(())
        })?;
        Ok(json!({"released": released.to_json(), "identifier": identifier}))
    }

    /// Why the next value is what it is, resource by resource; or who has a value.
    pub fn pool_explain(&self, name: &str, drawing: &Drawing) -> Result<Json, ServiceError> {
        let mut draft = self.draft()?;
        let pool = draft.find_pool(name)?;
        if let Some(asked) = &drawing.value {
            return explain_value(&mut draft, name, &pool, asked, drawing);
        }
        let told = draft.pool_use(&pool)?;
        let next = attempt(&mut draft, name, drawing);
        let passed = match &next {
            Ok(value) => passed_over(&mut draft, &pool, value, drawing)?,
            Err(_) => Vec::new(),
        };
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
                "pool": told.name, "order": order(&pool), "resources": steps,
                "next": value.to_json(), "passed_over": passed,
            }),
            Err(refused) => json!({
                "pool": told.name, "order": order(&pool), "resources": steps,
                "next": null, "code": refused.code(), "message": refused.to_string(),
            }),
        })
    }
}

/// In which order a pool gives, in words.
fn order(pool: &Object) -> String {
    let within = match pool.value("strategy").as_text() {
        Some("sequential") => "the next after the last one given",
        Some("random") => "by seed and identifier",
        Some("sparse") => "the middle of the largest gap",
        _ => "lowest first",
    };
    match within {
        "lowest first" => "heaviest first, then lowest".to_owned(),
        other => format!("heaviest first, then {other}"),
    }
}

/// What lies before the value that comes next, the nearest last, with who has it.
fn passed_over(
    draft: &mut Draft,
    pool: &Object,
    next: &Value,
    drawing: &Drawing,
) -> Result<Vec<Json>, ServiceError> {
    let before = |held: &Held| match (&held.value, next) {
        (Value::Int(held), Value::Int(next)) => held < next,
        (Value::Net(held), Value::Net(next)) => held.network() < next.network(),
        (Value::Host(held), Value::Host(next)) => held.address < next.address,
        _ => false,
    };
    let same_division =
        |held: &Held| drawing.scope.is_empty() || held.scope.len() == drawing.scope.len();
    let held = draft.pool_held_before(pool, next, PASSED_MAX)?;
    let held = held.iter().filter(|held| before(held) && same_division(held));
    let mut passed: Vec<(u128, Json)> = held
        .map(|held| {
            (at(&held.value), json!({"value": held.value.to_json(), "why": why_taken(held)}))
        })
        .collect();
    for (first, last, why) in draft.pool_barred_before(pool, next)? {
        let place = read_value(pool, &first).map_or(0, |first| at(&first));
        let what = if first == last { first } else { format!("{first}-{last}") };
        passed.push((place, json!({"value": what, "why": why})));
    }
    passed.sort_by_key(|(at, _)| *at);
    let skip = passed.len().saturating_sub(PASSED_MAX);
    Ok(passed.into_iter().skip(skip).map(|(_, told)| told).collect())
}

/// Where a value lies in the space of its pool, in order.
fn at(value: &Value) -> u128 {
    match value {
        Value::Int(number) => u128::from(number.abs_diff(i64::MIN)),
        Value::Net(net) => model::ip::number(net.network()),
        Value::Host(host) => model::ip::number(host.address),
        Value::Address(address) => model::ip::number(*address),
        _ => 0,
    }
}

/// Who has a value, for people.
fn why_taken(held: &Held) -> String {
    match (&held.gone, &held.label, &held.identifier, held.until) {
        (Some(gone), _, Some(name), Some(until)) => {
            format!("given back by `{name}` at {}, rests until {until}", gone.at)
        }
        (_, Some(label), Some(name), _) => format!("{label} has it, drawn as `{name}`"),
        (_, Some(label), None, _) => format!("{label} has it, made by hand"),
        (_, None, Some(name), Some(until)) => format!("`{name}` has it until {until}"),
        (_, None, Some(name), None) => format!("`{name}` has it"),
        _ => "taken".to_owned(),
    }
}

/// A value that somebody has, or had.
fn held_json(held: &Held) -> Json {
    let gone = held
        .gone
        .as_ref()
        .map(|gone| json!({"at": gone.at.to_string(), "by": gone.by.to_string(), "why": gone.why}));
    json!({
        "value": held.value.to_json(), "identifier": held.identifier,
        "object": held.object.map(|id| id.to_string()), "label": held.label,
        "scope": scope_json(&held.scope), "branch": held.branch,
        "until": held.until.map(|until| until.to_string()), "released": gone,
    })
}

fn scope_json(scope: &[(String, String)]) -> Json {
    scope.iter().map(|(name, value)| (name.clone(), Json::String(value.clone()))).collect()
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
    drawing: &Drawing,
) -> Result<Json, ServiceError> {
    let value = read_value(pool, asked)?;
    let held = draft.pool_held_at(pool, &value)?;
    if let Some(held) = held.into_iter().find(|held| same(&held.value, &value)) {
        let state = match (&held.gone, &held.identifier) {
            (Some(_), _) => "resting",
            (None, Some(_)) => "allocated",
            (None, None) => "taken-by-hand",
        };
        let mut told = held_json(&held);
        told["value"] = Json::from(asked);
        told["state"] = Json::from(state);
        told["why"] = Json::from(why_taken(&held));
        return Ok(told);
    }
    let drawing = Drawing {
        value: Some(asked.to_owned()),
        count: 1,
        scope: drawing.scope.clone(),
        ..Drawing::default()
    };
    Ok(match attempt(draft, name, &drawing) {
        Ok(_) => {
            let gone = draft.pool_gone(pool, &value)?.map(|(identifier, gone)| {
                json!({
                    "identifier": identifier, "at": gone.at.to_string(), "by": gone.by.to_string(),
                    "why": gone.why,
                })
            });
            json!({"value": asked, "state": "free", "released": gone})
        }
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
    let requests = requests(&pool, drawing)?;
    let granted: Result<Vec<_>, _> =
        requests.iter().map(|request| draft.allocate(request)).collect();
    Ok(granted?)
}

/// What is drawn, one by one.
fn requests(pool: &Object, drawing: &Drawing) -> Result<Vec<PoolRequest>, ServiceError> {
    let count = drawing.count.max(1);
    if count > BATCH_MAX || (count > 1 && drawing.value.is_some()) {
        let what = if count > BATCH_MAX { "values in one request" } else { "of one value" };
        return Err(ServiceError::Request {
            code: "bad-count",
            message: format!("{count} {what} cannot be drawn; ask for at most {BATCH_MAX}"),
        });
    }
    let value = drawing.value.as_ref().map(|value| read_value(pool, value)).transpose()?;
    let until = drawing.until.as_deref().map(str::parse::<model::Timestamp>).transpose();
    let until = until.map_err(|bad| ServiceError::Request {
        code: "bad-expiry",
        message: format!("`until`: {bad}"),
    })?;
    let length = match &value {
        Some(Value::Host(host)) => Some(host.length),
        _ => drawing.length,
    };
    let want = match (Want::of(pool, length), drawing.block, drawing.align) {
        (want @ (Want::Number | Want::Block { .. }), None, None) => want,
        (Want::Number | Want::Block { .. }, block, align) => {
            Want::Block { count: block.unwrap_or(1), align: align.unwrap_or(1) }
        }
        (_, Some(_), _) | (_, _, Some(_)) => {
            return Err(ServiceError::Request {
                code: "bad-block",
                message: "only numbers come in a row; ask for a shorter prefix".to_owned(),
            });
        }
        (Want::Prefix { length, .. }, ..) => Want::Prefix {
            length,
            kind: drawing.kind.clone(),
            member_type: drawing.member_type.clone(),
        },
        (Want::Address { length, .. }, ..) => Want::Address { length, kind: drawing.kind.clone() },
    };
    let one = |number: usize| {
        let identifier = match &drawing.identifier {
            None => IdentifiedBy::Nothing,
            Some(name) if count == 1 => IdentifiedBy::Identifier(name.clone()),
            Some(name) => IdentifiedBy::Identifier(format!("{name}-{number}")),
        };
        PoolRequest {
            data: drawing.data.clone(),
            value: value.clone(),
            scope: drawing.scope.clone(),
            until,
            set_aside: drawing.set_aside,
            ..PoolRequest::new(pool.id().to_string(), identifier, want.clone())
        }
    };
    Ok((0..count).map(one).collect())
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

fn granted_json(draft: &Draft, granted: &Granted) -> Result<Json, ServiceError> {
    Ok(json!({
        "value": granted.value.to_json(), "count": granted.count,
        "object": granted.object.map(|id| id.to_string()), "reused": granted.reused,
        "branch": draft.name_of(granted.branch)?,
    }))
}

fn summary(told: &PoolUse) -> Json {
    let (used, total) = (told.used(), told.total());
    json!({
        "id": told.id.to_string(), "name": told.name, "kind": told.kind,
        // Exact: they may be larger than what JSON numbers carry.
        "used": used.to_string(), "total": total.to_string(), "utilization": share(used, total),
        "utilization_default_branch": share(told.used_default(), total),
        "utilization_branches": share(used - told.used_default().min(used), total),
    })
}

fn resources(told: &PoolUse) -> Json {
    let one = |one: &branch::ResourceUse| {
        let gaps: Vec<Json> =
            one.gaps.iter().map(|(first, last)| json!({"first": first, "last": last})).collect();
        json!({
            "id": one.id.to_string(), "label": one.label, "weight": one.weight,
            "used": one.used.to_string(), "total": one.total.to_string(),
            "utilization": share(one.used, one.total),
            "utilization_default_branch": share(one.used_default, one.total),
            "utilization_branches": share(one.used - one.used_default.min(one.used), one.total),
            "largest_free": one.largest, "free": gaps,
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
