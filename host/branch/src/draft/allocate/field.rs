//! Drawing straight into a field of an object: a number into an attribute, a prefix or an address into a
//! relationship.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{Attribute, Kind, Relationship};
use model::{ObjectId, Value};
use serde_json::Value as Json;

use crate::draft::allocate::{IdentifiedBy, PoolRequest, Want};
use crate::draft::{
    AttrInput, Draft, FromPool, Given, Input, Outcome, PeerInput, PeerRef, RelInput,
};
use crate::error::{BranchError, Violation};
use crate::object::Object;

impl Draft {
    /// An attribute drawn from a pool. Tells whether it changed.
    pub(crate) fn set_pooled(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        attribute: &Attribute,
        given: &AttrInput,
    ) -> Result<bool, BranchError> {
        let Some(from_pool) = &given.from_pool else { return Ok(false) };
        let object = self.must_exist(id)?;
        let desk = self.pool(&from_pool.pool)?;
        let scope = self.scope_for(&desk, &object)?;
        let pool = desk.id();
        let now = object.attr(attribute);
        let asked = match &given.value {
            None => None,
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Json(json)) => {
                let read = attribute.parse(json);
                Some(read.map_err(|bad| Violation::of_value(&kind.name, &bad))?)
            }
        };
        let asked = asked.filter(|asked| !asked.is_null());
        let held = now.value.to_value().unwrap_or(Value::Null);
        let holds = now.source == Some(pool) && !held.is_null();
        let as_asked = asked.as_ref().is_none_or(|asked| *asked == held);
        if holds && from_pool.identifier.is_none() && as_asked {
            return Ok(false);
        }
        if !held.is_null() && (now.source != Some(pool) || !as_asked) {
            // What it has goes first: another pool's number, or one that is being exchanged.
            let source = now.source;
            self.release_value(source, &held, Some(&object))?;
            let empty = AttrInput { source: Some(None), ..AttrInput::by_host(Value::Null) };
            self.update(id, Input::default().attr(&attribute.name, empty))?;
        }
        let identifier = match &from_pool.identifier {
            Some(identifier) => identifier.clone(),
            None => self.identifier_of(&desk, &scope, &object, attribute, asked.as_ref())?,
        };
        let identifier = IdentifiedBy::Identifier(identifier);
        let granted = self.allocate(&PoolRequest {
            value: asked,
            holder: Some(id),
            scope,
            ..PoolRequest::new(pool.to_string(), identifier, Want::Number)
        })?;
        let set =
            AttrInput { source: Some(Some(granted.pool)), ..AttrInput::by_host(granted.value) };
        let outcome = self.update(id, Input::default().attr(&attribute.name, set))?;
        debug_assert!(kind.attribute(&attribute.name).is_some());
        Ok(outcome == Outcome::Updated)
    }

    /// The name of what an attribute draws when nobody gives one: its object and itself. Where another
    /// branch has a value under it, and this one asks for another, it has one of its own beside that.
    fn identifier_of(
        &mut self,
        pool: &Object,
        scope: &BTreeMap<String, String>,
        object: &Object,
        attribute: &Attribute,
        asked: Option<&Value>,
    ) -> Result<String, BranchError> {
        let plain = format!("{}.{}", object.id(), attribute.name);
        let Some(asked) = asked else { return Ok(plain) };
        let desk = self.desk(pool.copied(), scope)?;
        let (here, now) = (self.view.branch, self.view.now());
        let is_elsewhere = self.view.kept_as(desk.id, &plain)?.is_some_and(|kept| {
            let holds = kept.gone.is_none() && kept.asked.is_some() && kept.holds_at(now);
            holds && kept.branch != here && !super::reserve::same(asked, &kept.value)
        });
        Ok(if is_elsewhere { super::shared::own_name(&plain, here) } else { plain })
    }

    /// The scope of a request for an object that is about to be made, or changed, with this input.
    pub fn scope_in(
        &self,
        pool: &str,
        id: ObjectId,
        input: &Input,
    ) -> Result<BTreeMap<String, String>, BranchError> {
        let pool = self.pool(pool)?;
        let mut scope = match self.view.object(id)? {
            Some(object) => self.scope_for(&pool, &object)?,
            None => BTreeMap::new(),
        };
        for name in super::scope_of(&pool) {
            let given = match (input.attrs.get(&name), input.rels.get(&name)) {
                (Some(attr), _) => match &attr.value {
                    Some(Given::Value(value)) => Some(value.to_string()),
                    Some(Given::Json(Json::String(text))) => Some(text.clone()),
                    Some(Given::Json(json)) => Some(json.to_string()),
                    None => None,
                },
                (None, Some(RelInput::Replace(peers) | RelInput::Add(peers))) => {
                    peers.first().map(|peer| match &peer.peer {
                        PeerRef::Id(id) => id.to_string(),
                        PeerRef::Hfid { parts, .. } => parts.join("/"),
                    })
                }
                _ => None,
            };
            scope.extend(given.map(|given| (name, given)));
        }
        Ok(scope)
    }

    /// Moves the reservations of objects that have come to count in another division, number and all.
    /// Refused where somebody has the number there.
    pub(in crate::draft) fn follow_divisions(&mut self) -> Result<(), BranchError> {
        let written: BTreeSet<ObjectId> = self.leases.written().collect();
        for id in written {
            if self.view.rows.is_new(id) {
                continue;
            }
            let (Some(object), Some(before)) =
                (self.view.object(id)?, self.view.rows.before(|| self.view.object(id))?)
            else {
                continue;
            };
            let kind = Arc::clone(object.kind());
            for attribute in &kind.attributes {
                let (now, was) = (object.attr(attribute), before.attr(attribute));
                let value = now.value.to_value().unwrap_or(Value::Null);
                let same =
                    now.source == was.source && was.value.to_value().as_ref() == Some(&value);
                let (Some(source), Value::Int(_), true) = (now.source, &value, same) else {
                    continue;
                };
                let Some(pool) = self.view.object(source)? else { continue };
                if super::scope_of(&pool).is_empty() {
                    continue;
                }
                let is = self.view.division(&pool, &object)?;
                let was = self.view.rows.before(|| self.view.division(&pool, &before))?;
                if is != was && !was.is_empty() {
                    self.move_number(&pool, was, &object, &value)?;
                }
            }
        }
        Ok(())
    }

    fn move_number(
        &mut self,
        pool: &Object,
        was: Vec<String>,
        object: &Object,
        value: &Value,
    ) -> Result<(), BranchError> {
        let old = self.desk_of(pool.copied(), was)?;
        let Some(place) = super::reserve::place(value) else { return Ok(()) };
        let Some((identifier, _)) = self.view.named_at(old.id, place)? else { return Ok(()) };
        self.give_back(&old, &identifier, None)?;
        let scope = self.scope_for(pool, object)?;
        // Its own value is in the new division already, as the draft has it: asked for by name it is
        // taken, so the reservation is written beside it if nobody else has it.
        let desk = self.desk(pool.copied(), &scope)?;
        self.take_over(&desk, object.id(), &identifier, value)
    }

    /// A relationship drawn from a pool. Tells whether it changed.
    pub(in crate::draft) fn link_pooled(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        rel: &Relationship,
        from_pool: &FromPool,
    ) -> Result<bool, BranchError> {
        let pool = self.pool(&from_pool.pool)?;
        let held = self.view.peers(id, rel)?;
        if from_pool.identifier.is_none() && held.iter().any(|edge| edge.source == Some(pool.id()))
        {
            return Ok(false);
        }
        let (pool, object) = self.draw_peer(kind, id, rel, from_pool, &rel.name)?;
        for edge in held {
            self.unlink(id, rel, edge.peer)?;
        }
        let peer = PeerInput { source: Some(pool), ..PeerInput::id(object) };
        self.link(id, rel, object, &peer)
    }

    /// A relationship of which every peer is drawn from a pool; those drawn before stay the same, peers
    /// beyond them go. Tells whether it changed.
    pub(in crate::draft) fn link_each_pooled(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        rel: &Relationship,
        pools: &[FromPool],
    ) -> Result<bool, BranchError> {
        let mut peers = Vec::with_capacity(pools.len());
        for (number, from_pool) in pools.iter().enumerate() {
            let place = format!("{}.{number}", rel.name);
            peers.push(self.draw_peer(kind, id, rel, from_pool, &place)?);
        }
        let mut changed = false;
        for edge in self.view.peers(id, rel)? {
            if peers.iter().all(|(_, object)| *object != edge.peer) {
                changed |= self.unlink(id, rel, edge.peer)?;
            }
        }
        for (pool, object) in peers {
            let peer = PeerInput { source: Some(pool), ..PeerInput::id(object) };
            changed |= self.link(id, rel, object, &peer)?;
        }
        Ok(changed)
    }

    /// The pool and the object that a place of a relationship has of it: drawn now, or before.
    fn draw_peer(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        rel: &Relationship,
        from_pool: &FromPool,
        place: &str,
    ) -> Result<(ObjectId, ObjectId), BranchError> {
        let pool = self.pool(&from_pool.pool)?;
        let (length, made) = (from_pool.length, from_pool.kind.clone());
        let want = match pool.kind().name.as_str() {
            "CoreIPPrefixPool" => {
                let member_type = from_pool.data.get("member_type");
                let member_type = member_type.and_then(Json::as_str).map(str::to_owned);
                Want::Prefix { length, kind: made, member_type }
            }
            _ => Want::Address { length, kind: made },
        };
        let identifier = from_pool.identifier.clone().unwrap_or_else(|| format!("{id}.{place}"));
        let identifier = IdentifiedBy::Identifier(identifier);
        let granted = self.allocate(&PoolRequest {
            data: from_pool.data.clone(),
            ..PoolRequest::new(pool.id().to_string(), identifier, want)
        })?;
        let made = match granted.object {
            Some(object) => self.view.kind_of(object)?.map(|kind| (object, kind)),
            None => None,
        };
        let schema = self.view.schema();
        match made {
            Some((object, made)) if schema.is_a(&made, &rel.peer) => Ok((granted.pool, object)),
            other => Err(Violation::WrongPeer {
                kind: kind.name.clone(),
                field: rel.name.clone(),
                wanted: rel.peer.clone(),
                found: other.map_or_else(|| "number".to_owned(), |(_, made)| made.name.clone()),
                peer: granted.value.to_string(),
            }
            .into()),
        }
    }
}
