//! What a pool has handed out and what else lies in it, on whatever branch, with who has it.

use std::collections::{BTreeMap, BTreeSet};

use model::{BranchId, ObjectId, Timestamp, Value};

use crate::draft::Draft;
use crate::draft::allocate::leased::Also;
use crate::draft::allocate::lines::Lines;
use crate::draft::allocate::reserve::{Gone, Kept};
use crate::draft::allocate::scope::{Desk, scope_of};
use crate::draft::allocate::shelf::Stretch;
use crate::error::BranchError;
use crate::object::Object;

/// Something a pool has handed out, or that lies in it by another hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Number, address or prefix.
    pub value: Value,
    /// The name of its reservation; none for what was made by hand.
    pub identifier: Option<String>,
    /// The object that carries it.
    pub object: Option<ObjectId>,
    /// The kind of that object.
    pub kind: Option<String>,
    /// That object, for people.
    pub label: Option<String>,
    /// The division it was drawn for, by element; empty where the pool has one space.
    pub scope: Vec<(String, String)>,
    /// The branch that took it, or on which it was made by hand.
    pub branch: String,
    /// When the reservation ends by itself, or how long the value rests.
    pub until: Option<Timestamp>,
    /// It was given back, and rests or is remembered.
    pub gone: Option<Gone>,
}

/// What is known of one place of a desk.
#[derive(Default)]
struct Place {
    kept: Option<(String, Kept)>,
    /// The object that carries it, with its branch.
    carrier: Option<(BranchId, ObjectId)>,
}

/// Which part of what a desk holds is asked for.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// The lowest, so many.
    First(usize),
    /// What begins where this does.
    At(Stretch),
    /// What begins before this, so many of the highest.
    Before(Stretch, usize),
}

impl Draft {
    /// What a pool has handed out and what else lies in it, on all branches, by value, at most `limit`.
    /// Linear in the objects that lie in it; reservations and objects are read for what is listed alone.
    pub fn pool_held(&mut self, pool: &Object, limit: usize) -> Result<Vec<Held>, BranchError> {
        self.held_of(pool, Asked::First(limit))
    }

    /// What of that begins where a value does.
    pub fn pool_held_at(&mut self, pool: &Object, value: &Value) -> Result<Vec<Held>, BranchError> {
        match Stretch::of(value) {
            Some(at) => self.held_of(pool, Asked::At(at)),
            None => Ok(Vec::new()),
        }
    }

    /// What of that begins before a value, the last `limit` of each division.
    pub fn pool_held_before(
        &mut self,
        pool: &Object,
        value: &Value,
        limit: usize,
    ) -> Result<Vec<Held>, BranchError> {
        match Stretch::of(value) {
            Some(at) => self.held_of(pool, Asked::Before(at, limit)),
            None => Ok(Vec::new()),
        }
    }

    fn held_of(&mut self, pool: &Object, asked: Asked) -> Result<Vec<Held>, BranchError> {
        let names = scope_of(pool);
        let mut held = Vec::new();
        for desk in self.view.desks(pool)? {
            let scope: Vec<_> = names.iter().cloned().zip(desk.division.clone()).collect();
            let asked = match asked {
                Asked::First(limit) => Asked::First(limit.saturating_sub(held.len())),
                other => other,
            };
            let places = self.places(&desk, asked)?;
            let mut lines = Lines::new(&self.database, &desk, &self.view);
            for place in places.into_values() {
                held.extend(self.listed(&mut lines, place, &scope)?);
            }
        }
        Ok(held)
    }

    /// Reservations that hold, and objects, by place.
    fn places(&mut self, desk: &Desk, asked: Asked) -> Result<BTreeMap<u128, Place>, BranchError> {
        let branch = self.view.branch;
        let mut places = self.at_desk(desk, Also::default(), |book| {
            let here: BTreeSet<u128> = match asked {
                Asked::First(limit) => book.places(None).take(limit).collect(),
                Asked::At(at) => [at.place()].into(),
                Asked::Before(at, limit) => book.places(Some(at)).rev().take(limit).collect(),
            };
            let here = here.into_iter().map(|place| (place, Place::default()));
            let mut places: BTreeMap<u128, Place> = here.collect();
            let still = book.still_carried(branch).map(|(id, it)| ((branch, id), it));
            for (carrier, it) in book.carried.all().chain(still) {
                // Where several branches have it, main, or else the oldest.
                if let Some(place) = places.get_mut(&it.place()) {
                    place.carrier = place.carrier.into_iter().chain([carrier]).min();
                }
            }
            Ok((places, Vec::new()))
        })?;
        let now = self.view.now();
        for (place, known) in &mut places {
            known.kept =
                self.view.named_at(desk.id, *place)?.filter(|(_, kept)| kept.holds_at(now));
        }
        Ok(places)
    }

    fn listed(
        &self,
        lines: &mut Lines<'_>,
        place: Place,
        scope: &[(String, String)],
    ) -> Result<Option<Held>, BranchError> {
        // A parent that was handed out whole is no carrier: it was there before.
        let made = |kept: &(String, Kept)| kept.1.object.map(|object| (kept.1.branch, object));
        let carrier = place.carrier.or_else(|| place.kept.as_ref().and_then(made));
        let mut object = None;
        if let Some((branch, id)) = carrier {
            let branch = if branch == BranchId::GLOBAL { BranchId::MAIN } else { branch };
            if let Some(line) = lines.line(branch)? {
                object = line.object(id)?.map(|object| (line, object));
            }
        }
        let told = match &object {
            Some((line, object)) => Some(format!("{} {}", object.kind().name, line.label(object)?)),
            None => None,
        };
        let carried = object.as_ref().and_then(|(line, object)| line.part.value(object));
        let (identifier, kept) = match place.kept {
            Some((name, kept)) => (Some(name), Some(kept)),
            None => (None, None),
        };
        let branch = match (&kept, carrier) {
            (Some(kept), _) => kept.branch,
            (None, Some((BranchId::GLOBAL, _)) | None) => BranchId::MAIN,
            (None, Some((branch, _))) => branch,
        };
        let Some(value) = carried.clone().or_else(|| kept.as_ref().map(|kept| kept.value.clone()))
        else {
            return Ok(None);
        };
        let is_carried = carried.is_some();
        Ok(Some(Held {
            value,
            identifier,
            object: object.as_ref().map(|(_, object)| object.id()),
            kind: object.as_ref().map(|(_, object)| object.kind().name.clone()),
            label: told,
            scope: scope.to_vec(),
            branch: self.view.name_of(branch)?,
            until: kept.as_ref().and_then(|kept| kept.until),
            gone: kept.and_then(|kept| kept.gone).filter(|_| !is_carried),
        }))
    }
}
