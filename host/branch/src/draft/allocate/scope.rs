//! Divisions: a number pool with an `allocation_scope` has a number space for each value of some
//! attributes or single peers of the objects it fills, as VLAN ids are counted site by site.
//!
//! A division is a desk of its own, with an id made of the pool and the values; its rows and its book
//! lie under that id.

use std::collections::BTreeMap;

use model::schema::Cardinality;
use model::{BranchId, Digest, ObjectId, Symbol, Value};
use store::{Key, Space};

use crate::draft::Draft;
use crate::draft::allocate::refused;
use crate::error::BranchError;
use crate::object::Object;
use crate::rows::encoded;
use crate::view::View;

pub(in crate::draft) use crate::limits::SCOPE_MAX;

/// Where something is drawn: a pool, or one division of it.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) id: ObjectId,
    pub(super) pool: Object,
    /// The values of the scope, in its order: attribute values as text, peers by id.
    pub(super) division: Vec<String>,
}

impl Desk {
    /// Whether the pool has one space.
    pub(super) fn is_whole(&self) -> bool {
        self.division.is_empty()
    }
}

/// The row that tells that a division is there.
fn division_key(pool: ObjectId, desk: ObjectId) -> Key {
    [&b"division/"[..], &pool.0.to_be_bytes(), &desk.0.to_be_bytes()].concat().into()
}

fn divisions_prefix(pool: ObjectId) -> Key {
    [&b"division/"[..], &pool.0.to_be_bytes()].concat().into()
}

/// The row that tells of which pool a division is.
fn pool_key(desk: ObjectId) -> Key {
    [&b"division-of/"[..], &desk.0.to_be_bytes()].concat().into()
}

/// The row with the last value a desk has given.
fn last_key(desk: ObjectId) -> Key {
    [&b"last-drawn/"[..], &desk.0.to_be_bytes()].concat().into()
}

/// The names of the attributes and relationships that divide a pool; none for most.
pub(in crate::draft) fn scope_of(pool: &Object) -> Vec<String> {
    match pool.value("allocation_scope") {
        Value::Json(serde_json::Value::Array(names)) => {
            names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

impl View {
    /// The line of the store an object of a kind lies on, with its id.
    pub(super) fn carrier(&self, kind: Symbol, id: ObjectId) -> (BranchId, ObjectId) {
        let kind = self.schema().by_symbol.get(&kind);
        (kind.map_or(self.branch, |kind| self.line(kind.branch)), id)
    }

    /// The division of a pool that an object belongs to; empty where the pool has one space, or the
    /// object lacks a value of the scope.
    pub(super) fn division(
        &self,
        pool: &Object,
        object: &Object,
    ) -> Result<Vec<String>, BranchError> {
        let mut values = Vec::new();
        for name in scope_of(pool) {
            let value = match object.kind().relationship(&name) {
                Some(rel) if rel.cardinality == Cardinality::One => {
                    self.peers(object.id(), rel)?.first().map(|edge| edge.peer.to_string())
                }
                Some(_) => None,
                None => Some(object.value(&name))
                    .filter(|value| !value.is_null())
                    .map(|value| value.to_string()),
            };
            let Some(value) = value else { return Ok(Vec::new()) };
            values.push(value);
        }
        Ok(values)
    }

    /// The last value a desk has given, for pools that go on from there.
    pub(super) fn last_drawn(&self, desk: ObjectId) -> Result<Option<u128>, BranchError> {
        let row = self.rows.peek(Space::Meta, &last_key(desk))?;
        let row = row.and_then(|row| <[u8; 16]>::try_from(&*row).ok());
        Ok(row.map(u128::from_be_bytes))
    }

    /// A desk by its id, which is a pool's or that of a division; nothing where the pool is gone.
    pub(super) fn desk_by_id(&self, id: ObjectId) -> Result<Option<Desk>, BranchError> {
        if let Some(pool) = self.object(id)? {
            let whole = scope_of(&pool).is_empty();
            return Ok(whole.then(|| Desk { id, pool, division: Vec::new() }));
        }
        let Some(row) = self.rows.peek(Space::Meta, &pool_key(id))? else { return Ok(None) };
        let pool = <[u8; 16]>::try_from(&*row).ok().map(u128::from_be_bytes);
        let Some(pool) = pool else { return Ok(None) };
        let Some(pool) = self.object(ObjectId(pool))? else { return Ok(None) };
        let row = self.rows.peek(Space::Meta, &division_key(pool.id(), id))?;
        let division = row.and_then(|row| postcard::from_bytes(&row).ok());
        Ok(division.map(|division| Desk { id, pool, division }))
    }

    /// The desks of a pool: itself, or each division from which something was drawn.
    pub(super) fn desks(&self, pool: &Object) -> Result<Vec<Desk>, BranchError> {
        if scope_of(pool).is_empty() {
            return Ok(vec![Desk { id: pool.id(), pool: pool.copied(), division: Vec::new() }]);
        }
        let mut desks = Vec::new();
        for row in self.rows.prefix(Space::Meta, &divisions_prefix(pool.id()))? {
            let (key, row) = row?;
            let id = crate::view::object_at_end(&key)?;
            let division = postcard::from_bytes(&row).map_err(|_bad| BranchError::Damaged {
                what: format!("a division of pool {}", pool.id()),
            })?;
            desks.push(Desk { id, pool: pool.copied(), division });
        }
        Ok(desks)
    }
}

impl Draft {
    /// The desk at which a request is served. A pool with a scope needs every value of it.
    pub(super) fn desk(
        &mut self,
        pool: Object,
        scope: &BTreeMap<String, String>,
    ) -> Result<Desk, BranchError> {
        let names = scope_of(&pool);
        if let Some(odd) = scope.keys().find(|name| !names.contains(name)) {
            let message = format!(
                "`{}` | `{odd}` is not in the scope of the pool, which {}",
                self.label_of(&pool)?,
                if names.is_empty() {
                    "has none".to_owned()
                } else {
                    format!("is {}", names.join(", "))
                }
            );
            return Err(refused("bad-scope", message));
        }
        let mut division = Vec::new();
        for name in &names {
            let Some(value) = scope.get(name) else {
                let message = format!(
                    "`{}` | the pool counts by {}: give a value of `{name}`, or set it on the object",
                    self.label_of(&pool)?,
                    names.join(", ")
                );
                return Err(refused("scope-missing", message));
            };
            division.push(self.scope_value(&pool, name, value)?);
        }
        self.desk_of(pool, division)
    }

    /// The desk of a division; its row is written when it is new.
    pub(super) fn desk_of(
        &mut self,
        pool: Object,
        division: Vec<String>,
    ) -> Result<Desk, BranchError> {
        let id = division_id(pool.id(), &division);
        if !division.is_empty() {
            let key = division_key(pool.id(), id);
            if self.view.rows.get(Space::Meta, &key)?.is_none() {
                let row = encoded(&division);
                self.put_row(Space::Meta, key, row)?;
                let of = pool.id().0.to_be_bytes().to_vec();
                self.put_row(Space::Meta, pool_key(id), of)?;
            }
        }
        Ok(Desk { id, pool, division })
    }

    /// A value of a scope as divisions know it: a peer may be given by its human-friendly id.
    fn scope_value(&self, pool: &Object, name: &str, value: &str) -> Result<String, BranchError> {
        for (kind, _) in self.view.numbered(pool) {
            if let Some(rel) = kind.relationship(name) {
                let parts: Vec<String> = value.split('/').map(str::to_owned).collect();
                return Ok(self.find(&rel.peer, &parts)?.id().to_string());
            }
        }
        Ok(value.to_owned())
    }

    /// The scope of an object, by name, for a request about it.
    pub(super) fn scope_for(
        &self,
        pool: &Object,
        object: &Object,
    ) -> Result<BTreeMap<String, String>, BranchError> {
        let names = scope_of(pool);
        let values = self.view.division(pool, object)?;
        Ok(names.into_iter().zip(values).collect())
    }

    /// Remembers the last value of a desk. Written, never read: two that draw at once do not stand in
    /// each other's way, and the later commit is the last.
    pub(super) fn note_last(&mut self, desk: ObjectId, place: u128) -> Result<(), BranchError> {
        self.put_row(Space::Meta, last_key(desk), place.to_be_bytes().to_vec())
    }

    /// Forgets what divisions a pool has had.
    pub(super) fn forget_desks(&mut self, pool: &Object) -> Result<(), BranchError> {
        for desk in self.view.desks(pool)? {
            self.view.rows.write(Space::Meta, last_key(desk.id), None)?;
            if !desk.is_whole() {
                self.view.rows.write(Space::Meta, division_key(pool.id(), desk.id), None)?;
                self.view.rows.write(Space::Meta, pool_key(desk.id), None)?;
            }
        }
        Ok(())
    }
}

/// The id of a division; the pool's own where it has one space.
fn division_id(pool: ObjectId, division: &[String]) -> ObjectId {
    if division.is_empty() {
        return pool;
    }
    let text = serde_json::to_vec(&(pool.0.to_string(), division)).expect("text serialises");
    let digest = Digest::of(&text);
    let half = digest.0.first_chunk::<16>().copied().unwrap_or_default();
    ObjectId(u128::from_be_bytes(half))
}
