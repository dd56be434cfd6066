//! Numbers: the ranges of a pool, what of them is taken, and choosing the next.

use std::sync::Arc;

use model::schema::{Attribute, Kind};
use model::{ObjectId, Value};
use pools::FreeSet;
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::reserve::place;
use crate::draft::allocate::{Granted, PoolRequest, refused};
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
        pool: &Object,
        request: &PoolRequest,
    ) -> Result<Granted, BranchError> {
        let ranges = self.view.number_ranges(pool)?;
        for range in &ranges {
            if !self.leases.spaces.spaces.contains_key(&(pool.id(), range.id)) {
                let free = self.free_numbers(pool, range)?;
                self.leases.spaces.spaces.insert((pool.id(), range.id), free);
            }
        }
        let number = match &request.value {
            Some(asked) => self.take_number(pool, &ranges, asked)?,
            None => self.next_number(pool, &ranges)?,
        };
        let value = Value::Int(number);
        self.reserve(pool.id(), request, &value, None)?;
        Ok(Granted { pool: pool.id(), value, object: None, is_parent: false, reused: false })
    }

    fn next_number(&mut self, pool: &Object, ranges: &[NumberRange]) -> Result<i64, BranchError> {
        for range in ranges {
            while let Some(place) = self.space(pool.id(), range.id).and_then(|free| {
                let lowest = free.lowest(0)?;
                free.take(lowest, lowest);
                Some(lowest)
            }) {
                if self.leases.take(pool.id(), place) {
                    return Ok(number_at(place));
                }
            }
        }
        let told: Vec<String> =
            ranges.iter().map(|range| format!("{}-{}", range.first, range.last)).collect();
        Err(refused(
            "pool-exhausted",
            format!(
                "There are no more values available in this pool. `{}` has no free number left in \
                 {}; widen its range or release numbers",
                self.label_of(pool)?,
                told.join(", ")
            ),
        ))
    }

    /// One number and no other.
    fn take_number(
        &mut self,
        pool: &Object,
        ranges: &[NumberRange],
        asked: &Value,
    ) -> Result<i64, BranchError> {
        let label = self.label_of(pool)?;
        let number = asked.as_int().unwrap_or(i64::MIN);
        let range = ranges.iter().find(|range| (range.first..=range.last).contains(&number));
        let Some(range) = range else {
            let told: Vec<String> =
                ranges.iter().map(|range| format!("{}-{}", range.first, range.last)).collect();
            let message = format!(
                "`{label}` | {asked} is not in the pool, which has {}; ask for one of these",
                told.join(", ")
            );
            return Err(refused("outside-pool", message));
        };
        let free = self.space(pool.id(), range.id).is_some_and(|free| {
            let free_now = free.is_free(at(number));
            free.take(at(number), at(number));
            free_now
        });
        if free && self.leases.take(pool.id(), at(number)) {
            return Ok(number);
        }
        let holder = match self.view.number_holder(pool, number)? {
            Some(holder) => format!("`{holder}` has it"),
            None => "it is excluded, or a run in flight has it".to_owned(),
        };
        let message = format!("`{label}` | {number} is taken: {holder}; ask for another");
        Err(refused("value-taken", message))
    }

    /// Every number of a range that no reservation, no object and no exclusion has.
    fn free_numbers(&self, pool: &Object, range: &NumberRange) -> Result<FreeSet, BranchError> {
        let mut free = FreeSet::new([(at(range.first), at(range.last))]);
        self.view.take_unavailable(pool, &mut free)?;
        Ok(free)
    }
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

    /// Takes out what reservations hold, what objects carry by whatever hand, and what the
    /// attribute excludes.
    pub(crate) fn take_unavailable(
        &self,
        pool: &Object,
        free: &mut FreeSet,
    ) -> Result<(), BranchError> {
        let prefix = key::pool_value_prefix(pool.id());
        let end = key::prefix_end(&prefix);
        for row in self.rows.range_unnoted(Space::PoolValues, &prefix, &end)? {
            let place = crate::view::object_at_end(&row?.0)?.0;
            free.take(place, place);
        }
        for (kind, attribute) in self.numbered(pool) {
            self.take_excluded(&attribute, free);
            for row in self.heads_unnoted(&kind)? {
                let (_, object) = row?;
                if let Some(value) = object.attr(&attribute).value.to_value()
                    && let Some(place) = place(&value)
                {
                    free.take(place, place);
                }
            }
        }
        Ok(())
    }

    /// What the attribute does not accept.
    pub(crate) fn take_excluded(&self, attribute: &Attribute, free: &mut FreeSet) {
        let limits = &attribute.parameters;
        for (low, high) in &limits.excluded {
            free.take(at(*low), at(*high));
        }
        if let Some(least) = limits.min_value.filter(|least| *least > i64::MIN) {
            free.take(at(i64::MIN), at(least - 1));
        }
        if let Some(most) = limits.max_value.filter(|most| *most < i64::MAX) {
            free.take(at(most + 1), at(i64::MAX));
        }
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

    /// Who has a number of a pool, for people: an object, else the identifier of a reservation.
    pub(crate) fn number_holder(
        &self,
        pool: &Object,
        number: i64,
    ) -> Result<Option<String>, BranchError> {
        for (kind, attribute) in self.numbered(pool) {
            for id in self.candidates(&kind, &attribute, &Value::Int(number))? {
                if let Some(object) = self.object_of(&kind, id)? {
                    return Ok(Some(format!("{} {}", kind.name, self.display_label(&object)?)));
                }
            }
        }
        let row = self.rows.get(Space::PoolValues, &key::pool_value(pool.id(), at(number)))?;
        Ok(row.map(|row| String::from_utf8_lossy(&row).into_owned()))
    }
}
