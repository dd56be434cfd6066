//! What a pool looks like: how full it is, what it would give next and why, who has a value.

use model::ip::Family;
use model::{ObjectId, Value};
use pools::FreeSet;

use crate::draft::Draft;
use crate::draft::allocate::leased::Also;
use crate::draft::allocate::number::number_at;
use crate::draft::allocate::reserve::{Gone, REASON_BYTES_MAX};
use crate::draft::allocate::scope::Desk;
use crate::draft::allocate::shelf::{Shelf, Stretch};
use crate::draft::allocate::{IdentifiedBy, PoolRequest, refused};
use crate::error::BranchError;
use crate::limits::GAPS_MAX;
use crate::object::Object;
use crate::view::View;

/// One resource of a pool: a parent prefix, or a range of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceUse {
    /// The prefix or range; the pool itself where it has just one range.
    pub id: ObjectId,
    /// As people know it.
    pub label: String,
    /// Heavier ones are drawn from first.
    pub weight: i64,
    /// What it could hand out when empty, exclusions left out.
    pub total: u128,
    /// What of it is taken, by whatever hand.
    pub used: u128,
    /// What of that the default branch takes by itself; the rest is other branches'.
    pub used_default: u128,
    /// Free stretches in order, inclusive; the first of them.
    pub gaps: Vec<(String, String)>,
    /// Length of the shortest free prefix; none for numbers, and where nothing is free.
    pub largest: Option<u8>,
}

/// How full a pool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolUse {
    /// The pool.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its resources, in the order in which they are drawn from.
    pub resources: Vec<ResourceUse>,
}

impl PoolUse {
    /// What it could hand out when empty.
    pub fn total(&self) -> u128 {
        self.resources.iter().fold(0, |sum, one| sum.saturating_add(one.total))
    }

    /// What the default branch takes by itself.
    pub fn used_default(&self) -> u128 {
        self.resources.iter().fold(0, |sum, one| sum.saturating_add(one.used_default))
    }

    /// What is taken.
    pub fn used(&self) -> u128 {
        self.resources.iter().fold(0, |sum, one| sum.saturating_add(one.used))
    }
}

impl View {
    /// All pools, by name.
    pub fn pools(&self) -> Result<Vec<Object>, BranchError> {
        let Some(generic) = self.schema().kind("CoreResourcePool").cloned() else {
            return Ok(Vec::new());
        };
        let schema = self.schema().clone();
        let mut pools = Vec::new();
        for kind in schema.concrete(&generic) {
            for object in self.objects(kind)? {
                pools.push(object?);
            }
        }
        pools.sort_by_key(|pool| pool.value("name").to_string());
        Ok(pools)
    }
}

impl Draft {
    /// The pool with this id or name.
    pub fn find_pool(&self, name: &str) -> Result<Object, BranchError> {
        self.pool(name)
    }

    /// How full a pool is; of a pool with a scope, its divisions together. Exact whole numbers. Linear in
    /// the gaps that are told.
    pub fn pool_use(&mut self, pool: &Object) -> Result<PoolUse, BranchError> {
        let mut resources = Vec::new();
        for desk in self.view.desks(pool)? {
            let told = self.at_desk(&desk, Also::default(), |book| {
                let own = book.used_by_default();
                let told = book.shelves.iter().zip(own);
                let told = told.map(|(shelf, own)| shelf_use(pool, shelf, own));
                Ok((told.collect::<Vec<_>>(), Vec::new()))
            })?;
            resources.extend(told);
        }
        Ok(PoolUse {
            id: pool.id(),
            name: pool.value("name").to_string(),
            kind: pool.kind().name.clone(),
            resources,
        })
    }

    /// What lies before a value in its resource and is never handed out: the first and the last of each
    /// stretch, in order, with the reason. Of numbers what the attribute does not take; of addresses those
    /// that are not for hosts.
    pub fn pool_barred_before(
        &mut self,
        pool: &Object,
        value: &Value,
    ) -> Result<Vec<(String, String, String)>, BranchError> {
        let Some(next) = Stretch::of(value) else { return Ok(Vec::new()) };
        let numbered = self.view.numbered(pool);
        let attribute = numbered.first().map_or("", |(_, attribute)| attribute.name.as_str());
        let mut barred = Vec::new();
        // All divisions have the same space.
        let Some(desk) = self.view.desks(pool)?.into_iter().next() else { return Ok(barred) };
        self.at_desk(&desk, Also::default(), |book| {
            let within = |shelf: &&Shelf| shelf.bounds.is_some_and(|bounds| bounds.contains(next));
            let Some(shelf) = book.shelves.iter().find(within) else { return Ok(((), Vec::new())) };
            let Some(bounds) = shelf.bounds else { return Ok(((), Vec::new())) };
            match shelf.net() {
                Some(one) if matches!(value, Value::Host(_) | Value::Address(_)) => {
                    let whole = Stretch::net(one.net);
                    if whole.low < bounds.low {
                        let family = Family::of(one.net.addr());
                        let told = |at| family.address(at).map(|at| at.to_string());
                        let ends = (told(whole.low), told(bounds.low - 1));
                        if let (Some(first), Some(last)) = ends {
                            barred.push((first, last, "it is not for hosts".to_owned()));
                        }
                    }
                }
                Some(_) => {}
                None => {
                    let excluded = book.excluded().iter().filter_map(|one| shelf.clip(*one));
                    for one in excluded.filter(|one| one.high < next.low) {
                        let ends =
                            (number_at(one.low).to_string(), number_at(one.high).to_string());
                        barred.push((ends.0, ends.1, format!("`{attribute}` does not take it")));
                    }
                }
            }
            Ok(((), Vec::new()))
        })?;
        Ok(barred)
    }

    /// Who gave a value back last, when and why, while nobody else has had it since.
    pub fn pool_gone(
        &self,
        pool: &Object,
        value: &Value,
    ) -> Result<Option<(String, Gone)>, BranchError> {
        let Some(place) = super::reserve::place(value) else { return Ok(None) };
        for desk in self.view.desks(pool)? {
            if let Some((identifier, kept)) = self.view.named_at(desk.id, place)?
                && let Some(gone) = kept.gone
            {
                return Ok(Some((identifier, gone)));
            }
        }
        Ok(None)
    }

    /// What a pool would give next for a request; the draft is as it was.
    pub fn peek(&mut self, request: &PoolRequest) -> Result<Value, BranchError> {
        let attempt = self.begin();
        let request = PoolRequest { identifier: IdentifiedBy::Nothing, ..request.clone() };
        let granted = self.allocate(&request);
        self.end(attempt, crate::draft::Succeeded::No);
        granted.map(|granted| granted.value)
    }

    /// Gives back what an identifier holds: its number, or the object of its prefix or address with
    /// what goes with it. A value that an object carries goes with the object. Who did it and `why` is
    /// remembered with the value.
    pub fn release_identifier(
        &mut self,
        pool: &Object,
        identifier: &str,
        why: &str,
    ) -> Result<Value, BranchError> {
        if why.len() > REASON_BYTES_MAX {
            let message = format!("a reason has at most {REASON_BYTES_MAX} bytes");
            return Err(refused("bad-reason", message));
        }
        let mut found = None;
        for desk in self.view.desks(pool)? {
            let kept = self.view.kept_as(desk.id, identifier)?;
            if let Some(kept) = kept.filter(|kept| kept.gone.is_none()) {
                found = Some((desk, kept));
                break;
            }
        }
        let Some((desk, kept)) = found else {
            let message =
                format!("`{}` | nothing is held under `{identifier}`", self.label_of(pool)?);
            return Err(refused("unknown-identifier", message));
        };
        if kept.branch != self.view.branch && !kept.also.contains(&self.view.branch) {
            let message = format!(
                "`{}` | {} was taken{}; release it there, or delete that branch",
                self.label_of(pool)?,
                kept.value,
                self.told_elsewhere(kept.branch)?,
            );
            return Err(refused("held-elsewhere", message));
        }
        let resources = self.view.pool_resources(pool)?;
        let made = kept.object.filter(|made| resources.iter().all(|one| one.id != *made));
        if let Some(carrier) = self.carrier_of(&desk, &kept.value)? {
            let message = format!(
                "`{}` | {} is carried by {carrier}; delete that object, or give it another number",
                self.label_of(pool)?,
                kept.value,
            );
            return Err(refused("held-by-object", message));
        }
        // First by hand, so that the reason stays; then the object, which has nothing left to give back.
        self.give_back(&desk, identifier, Some(why))?;
        if let Some(made) = made {
            self.delete(&[made])?;
        }
        Ok(kept.value)
    }

    /// The object that carries a number, for people.
    fn carrier_of(&self, desk: &Desk, value: &Value) -> Result<Option<String>, BranchError> {
        for (kind, attribute) in self.view.numbered(&desk.pool) {
            for id in self.view.candidates(&kind, &attribute, value)? {
                let Some(object) = self.view.object_of(&kind, id)? else { continue };
                if object.attr(&attribute).source == Some(desk.pool.id())
                    && self.view.division(&desk.pool, &object)? == desk.division
                {
                    return Ok(Some(format!("{} {}", kind.name, self.label_of(&object)?)));
                }
            }
        }
        Ok(None)
    }
}

fn shelf_use(pool: &Object, shelf: &Shelf, used_default: u128) -> ResourceUse {
    let total = shelf.total;
    let used = total - shelf.free.count().min(total);
    if let Some(range) = shelf.range() {
        return ResourceUse {
            id: shelf.id,
            label: format!("{}-{}", range.first, range.last),
            weight: range.weight,
            total,
            used,
            used_default,
            gaps: gaps(&shelf.free, |place| number_at(place).to_string()),
            largest: None,
        };
    }
    let net = shelf.net();
    let family = net.map_or(Family::V4, |resource| Family::of(resource.net.addr()));
    let prefixes = pool.kind().name == "CoreIPPrefixPool";
    let address =
        |number: u128| family.address(number).map_or_else(String::new, |found| found.to_string());
    ResourceUse {
        id: shelf.id,
        label: net.map_or_else(String::new, |resource| resource.net.to_string()),
        weight: net.map_or(0, |resource| resource.weight),
        total,
        used,
        used_default,
        gaps: gaps(&shelf.free, address),
        largest: shelf
            .free
            .largest()
            .filter(|_| prefixes)
            .and_then(|height| family.bits().checked_sub(height)),
    }
}

fn gaps(free: &FreeSet, told: impl Fn(u128) -> String) -> Vec<(String, String)> {
    free.gaps().take(GAPS_MAX).map(|(first, last)| (told(first), told(last))).collect()
}
