//! Numbers: the ranges of a pool, what of them is taken, and choosing the next.

use std::sync::{Arc, Mutex};

use model::schema::{Attribute, Kind};
use model::{ObjectId, Value};
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::book::{self, Book, Shelf};
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
        let book = self.book(pool)?;
        let number = match &request.value {
            Some(asked) => self.take_number(pool, &book, asked)?,
            None => self.next_number(pool, &book)?,
        };
        let value = Value::Int(number);
        self.reserve(pool.id(), request, &value, None)?;
        Ok(Granted { pool: pool.id(), value, object: None, is_parent: false, reused: false })
    }

    fn next_number(&mut self, pool: &Object, book: &Arc<Mutex<Book>>) -> Result<i64, BranchError> {
        let found = {
            let mut open = book::open(book);
            let mut shelves = open.shelves.iter();
            let found = shelves.find_map(|shelf| Some((shelf.id, shelf.free.lowest(0)?)));
            found.filter(|(shelf, place)| open.lease(*shelf, (*place, *place)))
        };
        if let Some((_, place)) = found {
            self.leases.keep(book, place);
            return Ok(number_at(place));
        }
        Err(refused(
            "pool-exhausted",
            format!(
                "There are no more values available in this pool. `{}` has no free number left in \
                 {}; widen its range or release numbers",
                self.label_of(pool)?,
                told(book)
            ),
        ))
    }

    /// One number and no other.
    fn take_number(
        &mut self,
        pool: &Object,
        book: &Arc<Mutex<Book>>,
        asked: &Value,
    ) -> Result<i64, BranchError> {
        let label = self.label_of(pool)?;
        let number = asked.as_int().unwrap_or(i64::MIN);
        let place = at(number);
        let (within, leased) = {
            let mut open = book::open(book);
            let mut ranges = open.shelves.iter().filter_map(Shelf::range);
            let within =
                ranges.find(|range| (range.first..=range.last).contains(&number)).map(|one| one.id);
            (within, within.is_some_and(|shelf| open.lease(shelf, (place, place))))
        };
        if leased {
            self.leases.keep(book, place);
            return Ok(number);
        }
        if within.is_none() {
            let message = format!(
                "`{label}` | {asked} is not in the pool, which has {}; ask for one of these",
                told(book)
            );
            return Err(refused("outside-pool", message));
        }
        let holder = match self.view.number_holder(pool, number)? {
            Some(holder) => format!("`{holder}` has it"),
            None => "it is excluded, or a run in flight has it".to_owned(),
        };
        let message = format!("`{label}` | {number} is taken: {holder}; ask for another");
        Err(refused("value-taken", message))
    }
}

/// The ranges of a pool, for people.
fn told(book: &Mutex<Book>) -> String {
    let open = book::open(book);
    let ranges = open.shelves.iter().filter_map(Shelf::range);
    ranges.map(|range| format!("{}-{}", range.first, range.last)).collect::<Vec<_>>().join(", ")
}

/// What an attribute does not accept.
pub(super) fn excluded_of(attribute: &Attribute) -> Vec<(u128, u128)> {
    let limits = &attribute.parameters;
    let mut excluded: Vec<(u128, u128)> =
        limits.excluded.iter().map(|(low, high)| (at(*low), at(*high))).collect();
    if let Some(least) = limits.min_value.filter(|least| *least > i64::MIN) {
        excluded.push((at(i64::MIN), at(least - 1)));
    }
    if let Some(most) = limits.max_value.filter(|most| *most < i64::MAX) {
        excluded.push((at(most + 1), at(i64::MAX)));
    }
    excluded
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

    /// The places that reservations of a pool hold.
    pub(super) fn reserved_places(&self, pool: ObjectId) -> Result<Vec<u128>, BranchError> {
        let prefix = key::pool_value_prefix(pool);
        let end = key::prefix_end(&prefix);
        let rows = self.rows.range_unnoted(Space::PoolValues, &prefix, &end)?;
        rows.map(|row| Ok(crate::view::object_at_end(&row?.0)?.0)).collect()
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
