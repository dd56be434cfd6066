//! Reservations: which identifier holds which value of a pool, who had it before, and until when it
//! rests.
//!
//! Two rows each: by identifier what it holds, by value which identifier. A value that was given back
//! may keep its rows: while it rests nobody else gets it, and whoever had it gets it again.

use std::net::IpAddr;

use model::{BranchId, ObjectId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::book::HeldPlace;
use crate::draft::allocate::scope::Desk;
use crate::draft::allocate::shelf::Stretch;
use crate::draft::allocate::{Granted, IdentifiedBy, PoolRequest, refused};
use crate::error::BranchError;
use crate::object::Object;
use crate::rows::encoded;
use crate::view::View;

pub use crate::limits::IDENTIFIER_BYTES_MAX;
pub use crate::limits::REASON_BYTES_MAX;

/// A value on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum StoredValue {
    Number(i64),
    Host(String),
    Net(String),
}

/// The layout of a reservation row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ReservationRow {
    value: StoredValue,
    object: Option<u128>,
    /// The request in words; none where the value was set aside before anyone asked.
    asked: Option<String>,
    /// How many in a row; the others have rows of their own.
    count: u32,
    branch: u32,
    at: i64,
    by: u128,
    until: Option<i64>,
    gone: Option<GoneRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct GoneRow {
    at: i64,
    by: u128,
    why: String,
}

/// That a value was given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: ObjectId,
    /// Why, in their words; empty where it went with its object.
    pub why: String,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Number, address or prefix; of several in a row the first.
    pub value: Value,
    /// The object that was made for it.
    pub object: Option<ObjectId>,
    /// The request in words; none where the value was set aside before anyone asked.
    pub asked: Option<String>,
    /// How many in a row.
    pub count: u32,
    /// The branch that took it.
    pub branch: BranchId,
    /// When it was taken.
    pub at: Timestamp,
    /// By whom.
    pub by: ObjectId,
    /// When it ends by itself. Of a value that was given back: until when it rests.
    pub until: Option<Timestamp>,
    /// It was given back.
    pub gone: Option<Gone>,
    /// Other branches that asked for the same and use it as well, main first.
    pub also: Vec<BranchId>,
}

impl Kept {
    /// Whether it keeps others away at a moment.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Who has it or had it, for people.
    pub(super) fn told(&self, identifier: &str) -> String {
        match (&self.gone, self.until) {
            (Some(gone), Some(until)) => format!(
                "it was given back by `{identifier}` at {} and rests until {until}",
                gone.at
            ),
            (None, Some(until)) => format!("`{identifier}` has it until {until}"),
            _ if self.asked.is_none() => format!("it is set aside for `{identifier}`"),
            _ => format!("`{identifier}` has it"),
        }
    }

    pub(super) fn row(&self) -> Option<Vec<u8>> {
        let value = match &self.value {
            Value::Int(number) => StoredValue::Number(*number),
            Value::Host(_) | Value::Address(_) => StoredValue::Host(self.value.to_string()),
            Value::Net(net) => StoredValue::Net(net.to_string()),
            _ => return None,
        };
        let row = ReservationRow {
            value,
            object: self.object.map(|object| object.0),
            asked: self.asked.clone(),
            count: self.count,
            branch: self.branch.0,
            at: self.at.0,
            by: self.by.0,
            until: self.until.map(|until| until.0),
            gone: self.gone.as_ref().map(|gone| GoneRow {
                at: gone.at.0,
                by: gone.by.0,
                why: gone.why.clone(),
            }),
        };
        let mut bytes = encoded(&row);
        if !self.also.is_empty() {
            // Most have none, and rows are no longer for it.
            let also: Vec<u32> = self.also.iter().map(|branch| branch.0).collect();
            bytes.extend(encoded(&also));
        }
        Some(bytes)
    }

    pub(super) fn decode(row: &[u8]) -> Option<Self> {
        let (row, rest): (ReservationRow, &[u8]) = postcard::take_from_bytes(row).ok()?;
        let also: Vec<u32> = match rest {
            [] => Vec::new(),
            rest => postcard::from_bytes(rest).ok()?,
        };
        let value = match row.value {
            StoredValue::Number(number) => Value::Int(number),
            StoredValue::Host(text) => match text.parse() {
                Ok(host) => Value::Host(host),
                Err(_) => Value::Address(text.parse().ok()?),
            },
            StoredValue::Net(text) => Value::Net(text.parse().ok()?),
        };
        Some(Self {
            value,
            object: row.object.map(ObjectId),
            asked: row.asked,
            count: row.count,
            branch: BranchId(row.branch),
            at: Timestamp(row.at),
            by: ObjectId(row.by),
            until: row.until.map(Timestamp),
            gone: row.gone.map(|gone| Gone {
                at: Timestamp(gone.at),
                by: ObjectId(gone.by),
                why: gone.why,
            }),
            also: also.into_iter().map(BranchId).collect(),
        })
    }
}

/// The beginning of a reservation row, as far as a book has to know it; texts stay where they are.
#[derive(Deserialize)]
struct HeldRow<'a> {
    #[serde(borrow)]
    value: HeldValue<'a>,
    _object: Option<u128>,
    _asked: Option<&'a str>,
    _count: u32,
    branch: u32,
    _at: i64,
    _by: u128,
    until: Option<i64>,
}

#[derive(Deserialize)]
enum HeldValue<'a> {
    Number(i64),
    Host(&'a str),
    Net(&'a str),
}

/// What a reservation row takes: where, until when, and the branch that took it.
fn held_place(row: &[u8]) -> Option<(u128, HeldPlace)> {
    let (row, _): (HeldRow<'_>, &[u8]) = postcard::take_from_bytes(row).ok()?;
    let value = match row.value {
        HeldValue::Number(number) => Value::Int(number),
        HeldValue::Host(text) => match text.parse() {
            Ok(host) => Value::Host(host),
            Err(_) => Value::Address(text.parse().ok()?),
        },
        HeldValue::Net(text) => Value::Net(text.parse().ok()?),
    };
    let held = (Stretch::of(&value)?, row.until.map(Timestamp), BranchId(row.branch));
    Some((place(&value)?, held))
}

/// The number under which a pool knows a value: a number moved up to be unsigned, an address or the
/// first address of a prefix, IPv4 in the mapped range so that both families fit one space.
pub(super) fn place(value: &Value) -> Option<u128> {
    let address = match value {
        Value::Int(number) => {
            return u128::try_from(i128::from(*number) - i128::from(i64::MIN)).ok();
        }
        Value::Host(host) => host.address,
        Value::Address(address) => *address,
        Value::Net(net) => net.addr(),
        _ => return None,
    };
    Some(match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    })
}

/// The name of one number of several in a row; the first has the plain name.
pub(super) fn name_of(identifier: &str, nth: u32) -> String {
    if nth == 0 { identifier.to_owned() } else { format!("{identifier}[{nth}]") }
}

/// What an identifier has to say about a request.
pub(super) enum Standing {
    /// It holds what is asked for.
    Held(Kept, Granted),
    /// It holds what is asked for, as an object that this branch does not have.
    Elsewhere(Kept),
    /// It had this value, or it was set aside for it: it gets it if it can.
    Before(Kept),
    /// Nothing.
    New,
}

impl View {
    /// The reservation under an identifier.
    pub(super) fn kept_as(
        &self,
        desk: ObjectId,
        identifier: &str,
    ) -> Result<Option<Kept>, BranchError> {
        let row = self.rows.get(Space::Reservations, &key::reservation(desk, identifier))?;
        row.map(|row| Kept::decode(&row).ok_or_else(|| damaged(desk))).transpose()
    }

    /// The reservation of a place; looked at without a note.
    pub(super) fn kept_at(&self, desk: ObjectId, place: u128) -> Result<Option<Kept>, BranchError> {
        Ok(self.named_at(desk, place)?.map(|(_, kept)| kept))
    }

    /// The identifier and the reservation of a place; looked at without a note.
    pub(super) fn named_at(
        &self,
        desk: ObjectId,
        place: u128,
    ) -> Result<Option<(String, Kept)>, BranchError> {
        let Some(identifier) = self.rows.peek(Space::PoolValues, &key::pool_value(desk, place))?
        else {
            return Ok(None);
        };
        let identifier = String::from_utf8_lossy(&identifier).into_owned();
        let row = self.rows.peek(Space::Reservations, &key::reservation(desk, &identifier))?;
        let Some(row) = row else { return Ok(None) };
        let kept = Kept::decode(&row).ok_or_else(|| damaged(desk))?;
        Ok(Some((identifier, kept)))
    }

    /// The reservations of a desk whose identifiers begin so.
    pub(super) fn named_from(
        &self,
        desk: ObjectId,
        begins: &str,
    ) -> Result<Vec<(String, Kept)>, BranchError> {
        let prefix = key::reservation(desk, begins);
        let mut found = Vec::new();
        for row in self.rows.prefix(Space::Reservations, &prefix)? {
            let (key, row) = row?;
            let name = key.get(16..).unwrap_or_default();
            let kept = Kept::decode(&row).ok_or_else(|| damaged(desk))?;
            found.push((String::from_utf8_lossy(name).into_owned(), kept));
        }
        Ok(found)
    }

    /// What a book has to know of all reservations of a desk, in no order, looked at without a note. One
    /// walk over the desk's rows, of which no text is copied.
    pub(super) fn each_held_place(
        &self,
        desk: ObjectId,
        mut each: impl FnMut(u128, HeldPlace),
    ) -> Result<(), BranchError> {
        let prefix = key::pool_value_prefix(desk);
        let end = key::prefix_end(&prefix);
        for row in self.rows.range_unnoted(Space::Reservations, &prefix, &end)? {
            let (place, held) = held_place(&row?.1).ok_or_else(|| damaged(desk))?;
            each(place, held);
        }
        Ok(())
    }

    /// What a book has to know of the reservation of a place; looked at without a note.
    pub(super) fn held_place_at(
        &self,
        desk: ObjectId,
        place: u128,
    ) -> Result<Option<(u128, HeldPlace)>, BranchError> {
        let identifier = self.rows.peek(Space::PoolValues, &key::pool_value(desk, place))?;
        let Some(identifier) = identifier else { return Ok(None) };
        let identifier = String::from_utf8_lossy(&identifier);
        let row = self.rows.peek(Space::Reservations, &key::reservation(desk, &identifier))?;
        row.map(|row| held_place(&row).ok_or_else(|| damaged(desk))).transpose()
    }

    /// All reservations of a desk, in the order of their places, each cut down to what `of` makes of it;
    /// looked at without a note. One walk over the desk's rows.
    pub(super) fn all_kept<T>(
        &self,
        desk: ObjectId,
        mut of: impl FnMut(&str, Kept) -> Option<T>,
    ) -> Result<Vec<(u128, T)>, BranchError> {
        let prefix = key::pool_value_prefix(desk);
        let end = key::prefix_end(&prefix);
        let mut all = Vec::new();
        for row in self.rows.range_unnoted(Space::Reservations, &prefix, &end)? {
            let (key, row) = row?;
            let name = String::from_utf8_lossy(key.get(16..).unwrap_or_default());
            let kept = Kept::decode(&row).ok_or_else(|| damaged(desk))?;
            if let Some(place) = place(&kept.value) {
                all.extend(of(&name, kept).map(|one| (place, one)));
            }
        }
        // Rows come by identifier; what is built of them is built faster in order.
        all.sort_unstable_by_key(|(place, _)| *place);
        Ok(all)
    }
}

/// What a draft takes from pools and gives back: desk, place, whether somebody has it now. What a book
/// is brought forward by.
pub(crate) fn drawn(draft: &Draft) -> Result<Vec<(ObjectId, u128, bool)>, BranchError> {
    let rows = &draft.view.rows;
    let mut drawn = std::collections::BTreeMap::new();
    for (key, row) in rows.pending(Space::Reservations) {
        let Some((desk, _)) = key.split_first_chunk::<16>() else { continue };
        let desk = ObjectId(u128::from_be_bytes(*desk));
        let place_in = |row: &[u8]| {
            let kept = Kept::decode(row)?;
            Some((place(&kept.value)?, kept.gone.is_none()))
        };
        if let Some(before) = rows.replaced(Space::Reservations, key)?
            && let Some((place, _)) = place_in(&before)
        {
            drawn.entry((desk, place)).or_insert(false);
        }
        if let Some((place, held)) = row.and_then(place_in) {
            drawn.insert((desk, place), held);
        }
    }
    Ok(drawn.into_iter().map(|((desk, place), held)| (desk, place, held)).collect())
}

fn damaged(desk: ObjectId) -> BranchError {
    BranchError::Damaged { what: format!("a reservation of pool {desk}") }
}

impl Draft {
    /// What an identifier holds already. Another request under the same identifier is a conflict.
    pub(super) fn standing(
        &self,
        desk: &Desk,
        identifier: &str,
        request: &PoolRequest,
    ) -> Result<Standing, BranchError> {
        let Some(mut kept) = self.view.kept_as(desk.id, identifier)? else {
            return Ok(Standing::New);
        };
        if kept.gone.is_some() || !kept.holds_at(self.view.now()) || kept.asked.is_none() {
            return Ok(Standing::Before(kept));
        }
        if let Some(id) = kept.object
            && self.view.kind_of(id)?.is_none()
            && let Some(other) = self.view.in_place_of(&desk.pool, &kept.value)?
        {
            kept.object = Some(other);
        }
        let mut is_here = true;
        let held = match kept.object {
            Some(id) => match self.view.object(id)? {
                Some(object) => carried(&object),
                // Its object is gone: the identifier allocates anew.
                None if kept.branch == self.view.branch && kept.also.is_empty() => {
                    return Ok(Standing::New);
                }
                None => {
                    is_here = false;
                    kept.value.clone()
                }
            },
            None => kept.value.clone(),
        };
        self.check_same(desk, identifier, request, (&kept, &held))?;
        if !is_here {
            return Ok(Standing::Elsewhere(kept));
        }
        let granted = self.granted_again(desk, &kept, held)?;
        Ok(Standing::Held(kept, granted))
    }

    /// What is handed out once more, with the value that its object has now.
    pub(super) fn granted_again(
        &self,
        desk: &Desk,
        kept: &Kept,
        held: Value,
    ) -> Result<Granted, BranchError> {
        let parents = desk.pool.kind().relationship("resources");
        let is_parent = match (parents, kept.object) {
            (Some(rel), Some(object)) => self.view.peer(desk.pool.id(), rel, object)?.is_some(),
            _ => false,
        };
        Ok(Granted {
            count: kept.count,
            object: kept.object,
            is_parent,
            reused: true,
            ..Granted::new(desk, held, kept.branch)
        })
    }

    /// The same identifier asks for the same, or is told what it holds.
    fn check_same(
        &self,
        desk: &Desk,
        identifier: &str,
        request: &PoolRequest,
        (kept, held): (&Kept, &Value),
    ) -> Result<(), BranchError> {
        let asked = kept.asked.clone().unwrap_or_default();
        let other = request.value.as_ref().filter(|asked| !same(asked, held));
        let wanted = match other {
            Some(asked) => asked.to_string(),
            None if asked != request.want.text() => request.want.text(),
            None => return Ok(()),
        };
        Err(refused(
            "identifier-conflict",
            format!(
                "`{}` | identifier `{identifier}` already holds {held}, asked for as `{}`{}; ask for \
                 the same again, or use another identifier than for `{}`",
                self.label_of(&desk.pool)?,
                asked.trim(),
                self.told_elsewhere(kept.branch)?,
                wanted.trim(),
            ),
        ))
    }

    /// Writes the rows of a reservation, one pair for each value in a row.
    pub(super) fn reserve(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        value: &Value,
        object: Option<ObjectId>,
    ) -> Result<(), BranchError> {
        let identifier = match &request.identifier {
            IdentifiedBy::Identifier(identifier) => identifier.clone(),
            // Without a name the resource itself is the name: nobody can ask for it again.
            IdentifiedBy::Nothing => format!("={value}"),
        };
        let count = request.want.count();
        let here = self.view.branch;
        // What was set aside on another branch stays that branch's.
        let aside = self.view.kept_as(desk.id, &identifier)?.filter(|kept| {
            kept.branch != here
                && kept.asked.is_none()
                && kept.gone.is_none()
                && kept.holds_at(self.view.now())
        });
        let (branch, also) = match aside {
            Some(kept) => (kept.branch, super::shared::with(kept.also, here)),
            None => (here, Vec::new()),
        };
        for nth in 0..count {
            let value = match value {
                Value::Int(first) => Value::Int(first.saturating_add(i64::from(nth))),
                other => other.clone(),
            };
            let kept = Kept {
                value,
                object,
                asked: (!request.set_aside).then(|| request.want.text()),
                count: if nth == 0 { count } else { 1 },
                branch,
                at: self.view.now(),
                by: self.author.0,
                until: request.until,
                gone: None,
                also: also.clone(),
            };
            self.put_kept(desk.id, &name_of(&identifier, nth), &kept)?;
        }
        Ok(())
    }

    /// Writes both rows, and takes away what stood in their places: the value this identifier had
    /// before, and whoever had this value.
    fn put_kept(
        &mut self,
        desk: ObjectId,
        identifier: &str,
        kept: &Kept,
    ) -> Result<(), BranchError> {
        let (Some(place), Some(row)) = (place(&kept.value), kept.row()) else { return Ok(()) };
        // Guards the choice: whoever takes the same value first wins, the other draws again.
        let by_value = key::pool_value(desk, place);
        self.view.rows.note_point(Space::PoolValues, &by_value);
        if let Some(before) = self.view.kept_as(desk, identifier)?
            && let Some(old) = self::place(&before.value)
            && old != place
        {
            self.leases.note_released(desk, old);
            let by_old = key::pool_value(desk, old);
            if before.gone.is_some()
                && before.holds_at(self.view.now())
                && let Some(row) = before.row()
            {
                // What was given back rests, although whoever had it has something else now.
                let name = format!("{identifier}~{}", before.value);
                self.put_row(Space::Reservations, key::reservation(desk, &name), row)?;
                self.put_hints(desk, &name, &before, true)?;
                self.put_row(Space::PoolValues, by_old, name.into_bytes())?;
            } else {
                self.view.rows.write(Space::PoolValues, by_old, None)?;
            }
        }
        if let Some(other) = self.view.rows.peek(Space::PoolValues, &by_value)?
            && *other != *identifier.as_bytes()
        {
            let other = String::from_utf8_lossy(&other).into_owned();
            self.view.rows.write(Space::Reservations, key::reservation(desk, &other), None)?;
        }
        self.put_row(Space::Reservations, key::reservation(desk, identifier), row)?;
        self.put_hints(desk, identifier, kept, true)?;
        self.put_row(Space::PoolValues, by_value, identifier.as_bytes().to_vec())
    }

    /// Takes both rows of a reservation away.
    pub(super) fn drop_kept(
        &mut self,
        desk: ObjectId,
        identifier: &str,
        place: u128,
    ) -> Result<(), BranchError> {
        self.view.rows.write(Space::PoolValues, key::pool_value(desk, place), None)?;
        self.view.rows.write(Space::Reservations, key::reservation(desk, identifier), None)?;
        Ok(())
    }

    /// Gives back a value that came from a pool, as the object that carries it has it.
    pub(crate) fn release_value(
        &mut self,
        source: Option<ObjectId>,
        value: &Value,
        carrier: Option<&Object>,
    ) -> Result<(), BranchError> {
        let (Some(pool), Some(place)) = (source, place(value)) else { return Ok(()) };
        let Some(pool) = self.view.object(pool)? else { return Ok(()) };
        for desk in self.desks_of(&pool, carrier)? {
            if let Some((identifier, kept)) = self.view.named_at(desk.id, place)?
                && kept.gone.is_none()
                // What was made for it gives it back, and no other object that has come to be there.
                && carrier.is_none_or(|one| kept.object.is_none_or(|made| made == one.id()))
            {
                return self.give_back(&desk, &identifier, None);
            }
        }
        Ok(())
    }

    /// The desks at which an object's value may be reserved: of its division now, and before this draft.
    pub(super) fn desks_of(
        &mut self,
        pool: &Object,
        carrier: Option<&Object>,
    ) -> Result<Vec<Desk>, BranchError> {
        let scope = super::scope::scope_of(pool);
        let Some(carrier) = carrier.filter(|_| !scope.is_empty()) else {
            return self.view.desks(pool);
        };
        let now = self.view.division(pool, carrier)?;
        let was = self.view.rows.before(|| self.view.division(pool, carrier))?;
        let mut desks = Vec::new();
        for division in [now, was] {
            if division.len() == scope.len() {
                desks.push(self.desk_of(pool.copied(), division)?);
            }
        }
        Ok(desks)
    }

    /// Gives back what an identifier holds at a desk: at once, or to rest for as long as the pool says.
    /// By hand it is remembered who did it and why.
    pub(super) fn give_back(
        &mut self,
        desk: &Desk,
        identifier: &str,
        by_hand: Option<&str>,
    ) -> Result<(), BranchError> {
        let Some(kept) = self.view.kept_as(desk.id, identifier)? else { return Ok(()) };
        for nth in 0..kept.count.max(1) {
            self.give_back_one(desk, &name_of(identifier, nth), by_hand)?;
        }
        Ok(())
    }

    pub(super) fn give_back_one(
        &mut self,
        desk: &Desk,
        identifier: &str,
        by_hand: Option<&str>,
    ) -> Result<(), BranchError> {
        let Some(kept) = self.view.kept_as(desk.id, identifier)? else { return Ok(()) };
        let Some(place) = place(&kept.value) else { return Ok(()) };
        if self.is_others(desk.id, identifier, &kept)? {
            return Ok(());
        }
        self.leases.note_released(desk.id, place);
        let now = self.view.now();
        let rest = desk.pool.value("quarantine").as_int().filter(|seconds| *seconds > 0);
        if rest.is_none() && by_hand.is_none() {
            return self.drop_kept(desk.id, identifier, place);
        }
        let until = now.0.saturating_add(rest.unwrap_or(0).saturating_mul(1_000_000));
        let why = by_hand.unwrap_or_default().to_owned();
        let gone = Gone { at: now, by: self.author.0, why };
        let kept = Kept { gone: Some(gone), until: Some(Timestamp(until)), ..kept };
        let Some(row) = kept.row() else { return Ok(()) };
        self.put_row(Space::Reservations, key::reservation(desk.id, identifier), row)?;
        Ok(())
    }

    /// Gives back everything an object drew from pools.
    pub(in crate::draft) fn release_all(&mut self, object: &Object) -> Result<(), BranchError> {
        for attr in object.record()?.attrs.into_values() {
            if attr.source.is_some() {
                self.release_value(attr.source, &attr.value, Some(object))?;
            }
        }
        Ok(())
    }

    /// Whether a pool has handed out anything that is still held; the identifier.
    pub(in crate::draft) fn first_reservation(
        &self,
        pool: &Object,
    ) -> Result<Option<String>, BranchError> {
        for desk in self.view.desks(pool)? {
            let prefix = key::pool_value_prefix(desk.id);
            for row in self.view.rows.prefix(Space::PoolValues, &prefix)? {
                let place = crate::view::object_at_end(&row?.0)?.0;
                if let Some((identifier, kept)) = self.view.named_at(desk.id, place)?
                    && kept.gone.is_none()
                    && kept.holds_at(self.view.now())
                {
                    return Ok(Some(identifier));
                }
            }
        }
        Ok(None)
    }

    /// The numbers of a pool that somebody holds now.
    pub(in crate::draft) fn numbers_held(&self, pool: &Object) -> Result<Vec<i64>, BranchError> {
        let mut numbers = Vec::new();
        for desk in self.view.desks(pool)? {
            let now = self.view.now();
            let held = self.view.all_kept(desk.id, |_, kept| {
                let holds = kept.gone.is_none() && kept.holds_at(now);
                kept.value.as_int().filter(|_| holds)
            })?;
            numbers.extend(held.into_iter().map(|(_, number)| number));
        }
        Ok(numbers)
    }

    /// Forgets everything a pool has handed out: for a pool that goes.
    pub(crate) fn release_pool(&mut self, pool: &Object) -> Result<(), BranchError> {
        for desk in self.view.desks(pool)? {
            let prefix = key::pool_value_prefix(desk.id);
            let rows: Result<Vec<_>, _> =
                self.view.rows.prefix(Space::PoolValues, &prefix)?.collect();
            for (by_value, identifier) in rows? {
                let identifier = String::from_utf8_lossy(&identifier).into_owned();
                self.view.rows.write(Space::PoolValues, by_value, None)?;
                let key = key::reservation(desk.id, &identifier);
                self.view.rows.write(Space::Reservations, key, None)?;
            }
        }
        self.forget_desks(pool)
    }

    /// Gives back what an identifier holds of a pool without an object; nothing where it holds nothing.
    pub fn release_named(&mut self, pool: ObjectId, identifier: &str) -> Result<(), BranchError> {
        let Some(pool) = self.view.object(pool)? else { return Ok(()) };
        for desk in self.view.desks(&pool)? {
            let kept = self.view.kept_as(desk.id, identifier)?;
            if kept.is_some_and(|kept| kept.gone.is_none()) {
                self.give_back(&desk, identifier, None)?;
            }
        }
        Ok(())
    }

    /// Refuses names that do not read as names.
    pub(super) fn check_identifier(
        &self,
        pool: &Object,
        identifier: &str,
    ) -> Result<(), BranchError> {
        let fine = !identifier.is_empty()
            && identifier.len() <= IDENTIFIER_BYTES_MAX
            && !identifier.chars().any(char::is_control);
        if fine {
            return Ok(());
        }
        let message = format!(
            "`{}` | an identifier has 1 to {IDENTIFIER_BYTES_MAX} bytes and no control characters",
            self.label_of(pool)?
        );
        Err(refused("bad-identifier", message))
    }
}

/// The value of an object that a pool of prefixes or addresses made.
pub(super) fn carried(object: &Object) -> Value {
    match object.value("prefix") {
        Value::Null => object.value("address"),
        prefix => prefix,
    }
}

/// Whether a value is the one asked for: an address is the same whatever length is written on it.
pub(super) fn same(asked: &Value, held: &Value) -> bool {
    Stretch::of(asked) == Stretch::of(held)
}
