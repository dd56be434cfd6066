//! What an object has of pools goes to the one that takes its place: the same value, the same reservation,
//! the same identifier where somebody gave it one.

use std::collections::BTreeSet;

use model::{BranchId, ObjectId, Value};
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::reserve::{Kept, place};
use crate::draft::allocate::scope::{Desk, scope_of};
use crate::error::BranchError;
use crate::object::Object;
use crate::view::View;

/// A reservation that an object has.
#[derive(Debug)]
pub(in crate::draft) struct Holding {
    desk: Desk,
    identifier: String,
    value: Value,
}

impl Holding {
    /// Whether it is the one behind a value with this source.
    pub(in crate::draft) fn is_of(&self, source: Option<ObjectId>, value: &Value) -> bool {
        source == Some(self.desk.pool.id()) && *value == self.value
    }
}

/// The name under which another object has something: its own where it was made of the old one.
fn renamed(identifier: &str, old: ObjectId, new: ObjectId, field: &str) -> String {
    match identifier.strip_prefix(&old.to_string()).and_then(|rest| rest.strip_prefix('.')) {
        Some(_) => format!("{new}.{field}"),
        None => identifier.to_owned(),
    }
}

impl Draft {
    /// The reservation behind a value that an object carries; nothing where it was not drawn.
    pub(in crate::draft) fn holding(
        &mut self,
        pool: &Object,
        object: &Object,
        value: &Value,
    ) -> Result<Option<Holding>, BranchError> {
        let Some(at) = place(value) else { return Ok(None) };
        for desk in self.desks_of(pool, Some(object))? {
            let Some((identifier, _)) = self.view.named_at(desk.id, at)? else { continue };
            // Noted: who gives it back meanwhile is in the way.
            let Some(kept) = self.view.kept_as(desk.id, &identifier)? else { continue };
            if kept.gone.is_none() && kept.object.is_none_or(|made| made == object.id()) {
                return Ok(Some(Holding { desk, identifier, value: value.clone() }));
            }
        }
        Ok(None)
    }

    /// Makes a reservation the new object's, in the division that one is in. One of another branch, or one
    /// that another branch uses as well, stays what it is: the new object carries the value all the same.
    pub(in crate::draft) fn hand_over(
        &mut self,
        old: &Object,
        holding: Holding,
        new: ObjectId,
        attribute: &str,
    ) -> Result<(), BranchError> {
        let Holding { desk, identifier, value } = holding;
        let Some(kept) = self.view.kept_as(desk.id, &identifier)? else { return Ok(()) };
        let object = self.must_exist(new)?;
        let name = renamed(&identifier, old.id(), new, attribute);
        if !desk.is_whole() && self.view.division(&desk.pool, &object)? != desk.division {
            self.give_back(&desk, &identifier, None)?;
            let scope = self.scope_for(&desk.pool, &object)?;
            let there = self.desk(desk.pool.copied(), &scope)?;
            return self.take_over(&there, new, &name, &value);
        }
        if kept.branch != self.view.branch || !kept.also.is_empty() {
            return Ok(());
        }
        let object = kept.object.map(|_| new);
        self.rename_kept(desk.id, &identifier, &name, &Kept { object, ..kept })
    }

    /// Makes what an object drew into a relationship the new object's, by name: peers are what they are.
    pub(in crate::draft) fn hand_over_peers(
        &mut self,
        pool: ObjectId,
        (old, from): (ObjectId, &str),
        (new, to): (ObjectId, &str),
    ) -> Result<(), BranchError> {
        let Some(pool) = self.view.object(pool)? else { return Ok(()) };
        let plain = format!("{old}.{from}");
        for desk in self.view.desks(&pool)? {
            for (identifier, kept) in self.view.named_from(desk.id, &plain)? {
                let Some(rest) = identifier.strip_prefix(&plain) else { continue };
                let is_it = rest.is_empty() || rest.starts_with('.');
                if is_it && kept.branch == self.view.branch && kept.also.is_empty() {
                    let name = format!("{new}.{to}{rest}");
                    self.rename_kept(desk.id, &identifier, &name, &kept)?;
                }
            }
        }
        Ok(())
    }

    fn rename_kept(
        &mut self,
        desk: ObjectId,
        identifier: &str,
        name: &str,
        kept: &Kept,
    ) -> Result<(), BranchError> {
        let (Some(place), Some(row)) = (place(&kept.value), kept.row()) else { return Ok(()) };
        if name != identifier {
            self.drop_kept(desk, identifier, place)?;
        }
        self.put_row(Space::Reservations, key::reservation(desk, name), row)?;
        self.put_hints(desk, name, kept, true)?;
        self.put_row(Space::PoolValues, key::pool_value(desk, place), name.as_bytes().to_vec())
    }

    /// What one object gave back in this draft and a new one carries as the pool's goes on to that one, as
    /// where an object became one of another kind on a branch and both come to main. Costs nothing where
    /// nothing was given back.
    pub(in crate::draft) fn hand_on_what_was_given_back(&mut self) -> Result<(), BranchError> {
        if !self.leases.has_released() {
            return Ok(());
        }
        let written: BTreeSet<ObjectId> = self.leases.written().collect();
        for id in written {
            let Some(object) = self.view.object(id)? else { continue };
            if self.view.rows.before(|| self.view.object(id))?.is_some() {
                continue;
            }
            for attribute in &object.kind().attributes {
                let now = object.attr(attribute);
                let value = now.value.to_value().unwrap_or(Value::Null);
                let (Some(source), Some(at)) = (now.source, place(&value)) else { continue };
                let Some(pool) = self.view.object(source)? else { continue };
                let whole = scope_of(&pool).is_empty();
                for desk in self.desks_of(&pool, Some(&object))? {
                    let here = whole || self.view.division(&pool, &object)? == desk.division;
                    if here && self.leases.was_released(desk.id, at) {
                        self.hand_on(&desk, at, id, &attribute.name)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn hand_on(
        &mut self,
        desk: &Desk,
        place: u128,
        new: ObjectId,
        attribute: &str,
    ) -> Result<(), BranchError> {
        if self.view.kept_at(desk.id, place)?.is_some_and(|kept| kept.gone.is_none()) {
            return Ok(());
        }
        let before = self.view.rows.before(|| self.view.named_at(desk.id, place))?;
        let Some((identifier, kept)) = before.filter(|(_, kept)| kept.gone.is_none()) else {
            return Ok(());
        };
        let gone = kept.object.or_else(|| identifier.split_once('.')?.0.parse().ok());
        let name = gone
            .map_or_else(|| identifier.clone(), |old| renamed(&identifier, old, new, attribute));
        let object = kept.object.map(|_| new);
        let branch = match kept.branch {
            BranchId::MAIN => BranchId::MAIN,
            _ => self.view.branch,
        };
        let kept = Kept { object, branch, also: Vec::new(), ..kept };
        self.rename_kept(desk.id, &identifier, &name, &kept)
    }
}

impl View {
    /// The object that carries what a pool made, where the one it made is not here: it became one of another
    /// kind on this branch.
    pub(super) fn in_place_of(
        &self,
        pool: &Object,
        value: &Value,
    ) -> Result<Option<ObjectId>, BranchError> {
        let index = key::index_value(value);
        for (generic, name) in [("BuiltinIPPrefix", "prefix"), ("BuiltinIPAddress", "address")] {
            for kind in self.ip_kinds(generic) {
                let Some(attribute) = kind.attribute(name) else { continue };
                for id in self.in_index(&kind, attribute.symbol, &index)? {
                    let object = self.object_of(&kind, id)?;
                    if object.is_some_and(|it| it.attr(attribute).source == Some(pool.id())) {
                        return Ok(Some(id));
                    }
                }
            }
        }
        Ok(None)
    }
}
