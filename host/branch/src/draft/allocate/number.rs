//! Numbers: the ranges of a pool, what of them is taken, and choosing the next.

use std::sync::Arc;

use model::schema::{Attribute, Kind};
use model::{ObjectId, Value};
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::leased::Also;
use crate::draft::allocate::pick::Strategy;
use crate::draft::allocate::reserve::place;
use crate::draft::allocate::scope::{Desk, scope_of};
use crate::draft::allocate::shelf::{Realm, Shelf, Stretch};
use crate::draft::allocate::{Granted, IdentifiedBy, PoolRequest, Want, refused};
use crate::error::BranchError;
use crate::object::Object;

/// A range of a number pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberRange {
    /// Its object; the pool itself where it has just one.
    pub(crate) id: ObjectId,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) weight: i64,
}

/// A number under which a pool knows it: moved up to be unsigned.
pub(crate) fn at(number: i64) -> u128 {
    place(&Value::Int(number)).unwrap_or(0)
}

/// The number behind a place.
pub(crate) fn number_at(place: u128) -> i64 {
    let number = i128::try_from(place).unwrap_or(i128::MAX) + i128::from(i64::MIN);
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Draft {
    pub(super) fn allocate_number(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        also: Also,
    ) -> Result<Granted, BranchError> {
        let count = request.want.count();
        let found = match (&request.value, &request.want) {
            (Some(asked), _) => Some(self.take_number(desk, also, asked, count)?),
            (None, Want::Block { align, .. }) => {
                let align = *align;
                self.at_desk(desk, also, |book| {
                    let first = book.choose_block(count, align);
                    let leases = first.map(|first| row(first, count)).unwrap_or_default();
                    Ok((first, leases))
                })?
            }
            (None, _) => {
                let strategy = Strategy::of(&desk.pool, request);
                self.at_desk(desk, also, |book| {
                    let chosen = book.choose(strategy, |_| Some(0)).map(|(_, stretch)| stretch);
                    Ok((chosen.map(|one| one.low), chosen.into_iter().collect()))
                })?
            }
        };
        let Some(place) = found else { return Err(self.no_number_left(desk, request)?) };
        let value = Value::Int(number_at(place));
        self.view.note_numbers(&desk.pool, place, count)?;
        self.reserve(desk, request, &value, None)?;
        if self.goes_on(desk) {
            self.note_last(desk.id, place)?;
        }
        Ok(Granted { count, ..Granted::new(desk, value, self.view.branch) })
    }

    /// Whether the pool gives on from the last one.
    pub(super) fn goes_on(&self, desk: &Desk) -> bool {
        desk.pool.value("strategy").as_text() == Some("sequential")
    }

    fn no_number_left(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
    ) -> Result<BranchError, BranchError> {
        let (ranges, free, longest) = self.at_desk(desk, Also::default(), |book| {
            let free = book.shelves.iter().map(|shelf| shelf.free.count()).sum::<u128>();
            let longest = book.shelves.iter().map(|shelf| shelf.free.longest()).max();
            Ok(((told(&book.shelves), free, longest.unwrap_or(0)), Vec::new()))
        })?;
        let label = self.label_of(&desk.pool)?;
        let division = self.told_division(desk)?;
        Ok(refused(
            "pool-exhausted",
            match request.want {
                Want::Block { count, align } => format!(
                    "There are no more values available in this pool. `{label}`{division} has no \
                     {count} numbers in a row at a multiple of {align} in {ranges}: {free} are free, \
                     the longest row is {longest}; ask for fewer, widen its range or release numbers"
                ),
                _ => format!(
                    "There are no more values available in this pool. `{label}`{division} has no free \
                     number left in {ranges}; widen its range or release numbers"
                ),
            },
        ))
    }

    /// The division of a desk, for people: ` for site 0f9a...`.
    fn told_division(&self, desk: &Desk) -> Result<String, BranchError> {
        let mut told = Vec::new();
        for (name, value) in scope_of(&desk.pool).into_iter().zip(&desk.division) {
            let peer = match value.parse::<ObjectId>() {
                Ok(id) => self.view.object(id)?,
                Err(_) => None,
            };
            let value = match peer {
                Some(peer) => self.label_of(&peer)?,
                None => value.clone(),
            };
            told.push(format!("{name} `{value}`"));
        }
        Ok(if told.is_empty() { String::new() } else { format!(" for {}", told.join(", ")) })
    }

    /// One number and no other, with those that follow it.
    fn take_number(
        &mut self,
        desk: &Desk,
        also: Also,
        asked: &Value,
        count: u32,
    ) -> Result<u128, BranchError> {
        let label = self.label_of(&desk.pool)?;
        let Some(number) = asked.as_int() else {
            let message = format!("`{label}` | {asked} is not a number");
            return Err(refused("bad-value", message));
        };
        let last = number.saturating_add(i64::from(count) - 1);
        let (taken, ranges) = self.at_desk(desk, also, |book| {
            let wanted = row(at(number), count);
            let within = |one: &Stretch| {
                let mut ranges = book.shelves.iter().filter_map(Shelf::range);
                let number = number_at(one.low);
                ranges.any(|range| (range.first..=range.last).contains(&number))
            };
            let taken = match wanted.iter().all(within) {
                true => {
                    let free = |one: &Stretch| book.shelves.iter().any(|shelf| shelf.is_free(*one));
                    Some(wanted.iter().find(|one| !free(one)).map(|one| number_at(one.low)))
                }
                false => None,
            };
            let leases = if taken == Some(None) { wanted } else { Vec::new() };
            Ok(((taken, told(&book.shelves)), leases))
        })?;
        match taken {
            Some(None) => Ok(at(number)),
            None => {
                let what = if count == 1 { number.to_string() } else { format!("{number}-{last}") };
                let message = format!(
                    "`{label}` | {what} is not in the pool, which has {ranges}; ask for one of these"
                );
                Err(refused("outside-pool", message))
            }
            Some(Some(number)) => {
                let holder = match self.number_holder(desk, number)? {
                    Some(holder) => holder,
                    None => "it is excluded, or a run in flight has it".to_owned(),
                };
                let message = format!("`{label}` | {number} is taken: {holder}; ask for another");
                Err(refused("value-taken", message))
            }
        }
    }

    /// Reserves the number that an object carries already, in the division it has come to.
    pub(super) fn take_over(
        &mut self,
        desk: &Desk,
        object: ObjectId,
        identifier: &str,
        value: &Value,
    ) -> Result<(), BranchError> {
        let Some(wanted) = Stretch::of(value) else { return Ok(()) };
        let kept = self.view.kept_as(desk.id, identifier)?;
        if kept.is_some_and(|kept| kept.gone.is_none() && kept.value == *value) {
            // It moved on a branch before, and has it there under its own name.
            return Ok(());
        }
        let others =
            self.at_desk(desk, Also::default(), |book| Ok((book.takers_of(wanted), Vec::new())))?;
        if others > 1 {
            let holder = self.other_holder(desk, object, value)?;
            let message = format!(
                "`{}` | {value} is taken{}: {holder}; give it another number as it moves",
                self.label_of(&desk.pool)?,
                self.told_division(desk)?,
            );
            return Err(refused("value-taken", message));
        }
        let identifier = IdentifiedBy::Identifier(identifier.to_owned());
        let request = PoolRequest::new(desk.pool.id().to_string(), identifier, Want::Number);
        self.reserve(desk, &request, value, None)
    }

    fn other_holder(
        &self,
        desk: &Desk,
        not: ObjectId,
        value: &Value,
    ) -> Result<String, BranchError> {
        for (kind, attribute) in self.view.numbered(&desk.pool) {
            for id in self.view.candidates(&kind, &attribute, value)? {
                let Some(object) = self.view.object_of(&kind, id)?.filter(|it| it.id() != not)
                else {
                    continue;
                };
                if self.view.division(&desk.pool, &object)? == desk.division {
                    return Ok(format!("`{} {}` has it", kind.name, self.label_of(&object)?));
                }
            }
        }
        Ok("a run in flight or a reservation has it".to_owned())
    }

    /// The object of this branch that carries a number of a pool.
    pub(super) fn number_carrier(
        &self,
        desk: &Desk,
        number: i64,
    ) -> Result<Option<Object>, BranchError> {
        for (kind, attribute) in self.view.numbered(&desk.pool) {
            for id in self.view.candidates(&kind, &attribute, &Value::Int(number))? {
                if let Some(object) = self.view.object_of(&kind, id)?
                    && (desk.is_whole()
                        || self.view.division(&desk.pool, &object)? == desk.division)
                {
                    return Ok(Some(object));
                }
            }
        }
        Ok(None)
    }

    /// Who has a number of a pool, for people: an object, else a reservation.
    fn number_holder(&self, desk: &Desk, number: i64) -> Result<Option<String>, BranchError> {
        if let Some(object) = self.number_carrier(desk, number)? {
            let label = self.label_of(&object)?;
            return Ok(Some(format!("`{} {label}` has it", object.kind().name)));
        }
        Ok(self.view.named_at(desk.id, at(number))?.map(|(name, kept)| kept.told(&name)))
    }
}

/// Numbers in a row, each for itself.
fn row(first: u128, count: u32) -> Vec<Stretch> {
    let numbers = (0..count).map(|nth| first.saturating_add(u128::from(nth)));
    numbers.map(|at| Stretch { realm: Realm::Numbers, low: at, high: at }).collect()
}

/// The ranges of a pool, for people.
fn told(shelves: &[Shelf]) -> String {
    let ranges = shelves.iter().filter_map(Shelf::range);
    ranges.map(|range| format!("{}-{}", range.first, range.last)).collect::<Vec<_>>().join(", ")
}

/// What an attribute does not accept.
pub(super) fn excluded_of(attribute: &Attribute) -> Vec<Stretch> {
    let limits = &attribute.parameters;
    let mut excluded: Vec<(i64, i64)> = limits.excluded.clone();
    if let Some(least) = limits.min_value.filter(|least| *least > i64::MIN) {
        excluded.push((i64::MIN, least - 1));
    }
    if let Some(most) = limits.max_value.filter(|most| *most < i64::MAX) {
        excluded.push((most + 1, i64::MAX));
    }
    let stretch = |(low, high)| Stretch { realm: Realm::Numbers, low: at(low), high: at(high) };
    excluded.into_iter().map(stretch).collect()
}

impl crate::view::View {
    /// The ranges of a number pool: heaviest first, then by start.
    pub(crate) fn number_ranges(&self, pool: &Object) -> Result<Vec<NumberRange>, BranchError> {
        let mut ranges = Vec::new();
        if let Some(rel) = pool.kind().relationship("ranges") {
            for edge in self.peers(pool.id(), rel)? {
                let Some(range) = self.object(edge.peer)? else { continue };
                ranges.push(NumberRange {
                    id: range.id(),
                    first: range.value("start").as_int().unwrap_or(1),
                    last: range.value("end").as_int().unwrap_or(i64::MAX),
                    weight: range.value("allocation_weight").as_int().unwrap_or(0),
                });
            }
        }
        if ranges.is_empty() {
            let first = pool.value("start_range").as_int().unwrap_or(1);
            let last = pool.value("end_range").as_int().unwrap_or(i64::MAX);
            ranges.push(NumberRange { id: pool.id(), first, last, weight: 0 });
        }
        ranges.sort_by_key(|range| (-i128::from(range.weight), range.first));
        Ok(ranges)
    }

    /// The kinds and the attribute that a number pool fills.
    pub(crate) fn numbered(&self, pool: &Object) -> Vec<(Arc<Kind>, Attribute)> {
        let (node, name) = (pool.value("node"), pool.value("node_attribute"));
        let schema = self.schema();
        let kind = node.as_text().and_then(|kind| schema.kind(kind));
        let (Some(kind), Some(name)) = (kind, name.as_text()) else { return Vec::new() };
        schema
            .concrete(kind)
            .filter_map(|kind| Some((Arc::clone(kind), kind.attribute(name)?.clone())))
            .collect()
    }

    /// Notes that no object may come to carry these numbers until this is committed, where an index
    /// tells.
    fn note_numbers(&self, pool: &Object, first: u128, count: u32) -> Result<(), BranchError> {
        for (kind, attribute) in self.numbered(pool) {
            if !self.is_indexed(&kind, &attribute) {
                continue;
            }
            for one in row(first, count) {
                let value = key::index_value(&Value::Int(number_at(one.low)));
                self.in_index(&kind, attribute.symbol, &value)?;
            }
        }
        Ok(())
    }

    /// Objects of a concrete kind, without a note: choosing a value does not depend on the others'.
    pub(crate) fn heads_unnoted(
        &self,
        kind: &Arc<Kind>,
    ) -> Result<impl Iterator<Item = Result<(ObjectId, Object), BranchError>> + '_, BranchError>
    {
        let prefix = key::head_kind_prefix(self.line(kind.branch), kind.symbol);
        let end = key::prefix_end(&prefix);
        let kind = Arc::clone(kind);
        let rows = self.rows.range_unnoted(Space::Heads, &prefix, &end)?;
        Ok(rows.filter_map(move |row| {
            let read = || -> Result<Option<(ObjectId, Object)>, BranchError> {
                let (key, row) = row?;
                let id = crate::view::object_at_end(&key)?;
                Ok(Object::read(id, &kind, row)?.map(|object| (id, object)))
            };
            read().transpose()
        }))
    }
}
