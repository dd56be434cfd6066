//! What of a pool is free, kept in memory over all drafts: built once from a snapshot and brought
//! forward by the commit log. Nothing here is the truth: the rows are, and the row of a chosen value
//! guards the choice at the commit.
//!
//! Whoever takes something is counted: an object that carries it, a reservation, a draft in flight. A
//! stretch is free when nobody is left. So an end can be taken back without asking who else there is,
//! and a draft can look at the space as if what it gives up were free, and put it back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::schema::{Attribute, Kind};
use model::{BranchId, ObjectId, Seq, Symbol, Timestamp, Value};
use store::{Space, key};

use crate::commit::{Cause, LogEntry};
use crate::draft::allocate::reserve::Kept;
use crate::draft::allocate::scope::Desk;
use crate::draft::allocate::shelf::{Realm, Shelf, Source, Stretch};
use crate::error::BranchError;
use crate::object::Object;
use crate::view::View;

/// Commits that a book is brought over one by one; beyond it is rebuilt.
const COMMITS_MAX: u64 = 10_000;

/// A branch, and a desk as it sees it.
type Place = (BranchId, ObjectId);

/// All books of a database, by branch and pool, or division of one.
#[derive(Debug, Default)]
pub(crate) struct Books {
    books: Mutex<BTreeMap<Place, Arc<Mutex<Book>>>>,
}

impl Books {
    /// The book of a desk as one branch sees it; empty and of no commit when it is new. A branch sees
    /// objects of its own and reservations of all: a book that several branches brought forward would
    /// miss what one of them does not see.
    pub(super) fn of(&self, branch: BranchId, desk: ObjectId) -> Arc<Mutex<Book>> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(books.entry((branch, desk)).or_default())
    }

    /// The desks of which something is known on a branch.
    pub(super) fn known(&self, branch: BranchId) -> Vec<ObjectId> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.keys().filter(|(of, _)| *of == branch).map(|(_, desk)| *desk).collect()
    }
}

/// Locks a book.
pub(super) fn open(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a reservation takes, until when, and the branch that took it.
type HeldPlace = (Stretch, Option<Timestamp>, BranchId);

/// Which object, on which line of the store.
pub(super) type Carrier = (BranchId, ObjectId);

/// What is known of one pool.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// The commit it shows; nothing before it is built.
    seq: Option<Seq>,
    schema: Seq,
    /// The latest moment at which it was looked at.
    now: Timestamp,
    /// In the order in which they are drawn from.
    pub(super) shelves: Vec<Shelf>,
    /// Stretches that the attribute does not accept.
    excluded: Vec<Stretch>,
    /// What each object takes.
    pub(super) carried: HashMap<Carrier, Stretch>,
    /// What reservations take, by place, and until when.
    held: HashMap<u128, HeldPlace>,
    /// Reservations that end by themselves, soonest first.
    ends: BTreeSet<(Timestamp, u128)>,
    /// Stretches that are taken, with how often: objects, reservations and leases.
    takers: BTreeMap<Stretch, u32>,
    /// How many of these have which size, as a power of two: where to look for one around another.
    sizes: BTreeMap<u32, usize>,
    /// Stretches that drafts in flight hold, with how often.
    leases: BTreeMap<Stretch, u32>,
    /// The last one drawn, for pools that go on from there.
    pub(super) last: Option<u128>,
}

/// The way an object takes part in a pool.
pub(super) enum Part {
    Numbers(Vec<(Arc<Kind>, Attribute)>),
    Prefixes,
    Addresses,
}

impl Part {
    pub(super) fn of(view: &View, pool: &Object) -> Self {
        match pool.kind().name.as_str() {
            "CoreNumberPool" => Self::Numbers(view.numbered(pool)),
            "CoreIPPrefixPool" => Self::Prefixes,
            // A prefix serves as a pool of addresses.
            _ => Self::Addresses,
        }
    }

    /// Whether objects of a kind can take part.
    pub(super) fn concerns(&self, view: &View, symbol: Symbol) -> bool {
        match self {
            Self::Numbers(kinds) => kinds.iter().any(|(kind, _)| kind.symbol == symbol),
            Self::Prefixes => is_a(view, symbol, "BuiltinIPPrefix"),
            Self::Addresses => is_a(view, symbol, "BuiltinIPAddress"),
        }
    }
}

fn is_a(view: &View, symbol: Symbol, generic: &str) -> bool {
    let schema = view.schema();
    schema.by_symbol.get(&symbol).is_some_and(|kind| schema.is_a(kind, generic))
}

impl Book {
    /// Whether there are commits, or a schema, that it does not show.
    pub(super) fn is_behind(&self, seq: Seq, schema: Seq) -> bool {
        self.seq.is_none_or(|shown| shown < seq) || self.schema != schema
    }

    /// Brings the book to a view's state; an older view leaves it as it is.
    pub(super) fn advance(&mut self, view: &View, desk: &Desk) -> Result<(), BranchError> {
        let (Some(seq), true) = (self.seq, self.schema == view.compiled.seq) else {
            return self.build(view, desk);
        };
        if view.seq() <= seq {
            return Ok(());
        }
        if view.seq().0 - seq.0 > COMMITS_MAX {
            return self.build(view, desk);
        }
        let part = Part::of(view, &desk.pool);
        let mut changed = BTreeMap::new();
        let mut drawn = BTreeSet::new();
        let mut is_other = false;
        let range = view.schema().kind("CoreNumberPoolRange").map(|kind| kind.symbol);
        let from = key::log(Seq(seq.0 + 1));
        let to = key::log(Seq(view.seq().0 + 1));
        for row in view.rows.snapshot.range(Space::Log, &from, &to)? {
            let (_, row) = row?;
            let entry = LogEntry::decode(&row).ok_or_else(|| BranchError::Damaged {
                what: "a row of the commit log".to_owned(),
            })?;
            if let Cause::BranchDelete { branch } = entry.cause {
                self.forget_line(BranchId(branch));
            }
            for (id, symbol, _) in &entry.changed {
                is_other |= *id == desk.pool.id()
                    || range == Some(Symbol(*symbol))
                    || self.shelves.iter().any(|shelf| shelf.id == *id);
                if part.concerns(view, Symbol(*symbol)) {
                    changed.insert(*id, Symbol(*symbol));
                }
            }
            let here = entry.drawn.iter().filter(|(pool, _, _)| *pool == desk.id);
            drawn.extend(here.map(|(_, place, _)| *place));
        }
        // A resource is touched by everything that comes to lie below it; it is another one only when
        // what it gives has changed.
        if is_other && !self.is_set_up(view, desk, &part)? {
            return self.build(view, desk);
        }
        for (id, symbol) in changed {
            let now = match view.object(id)? {
                Some(object) => self.taken_by(view, desk, &part, &object)?,
                None => None,
            };
            self.carry(view.carrier(symbol, id), now);
        }
        for place in drawn {
            self.settle_held(view, desk, place)?;
        }
        self.seq = Some(view.seq());
        Ok(())
    }

    /// Whether the resources are still the ones it was built over.
    fn is_set_up(&self, view: &View, desk: &Desk, part: &Part) -> Result<bool, BranchError> {
        let (shelves, excluded) = set_up(view, desk, part)?;
        let same = |(old, new): (&Shelf, &Shelf)| old.id == new.id && old.source == new.source;
        Ok(excluded == self.excluded
            && shelves.len() == self.shelves.len()
            && self.shelves.iter().zip(&shelves).all(same))
    }

    /// What lay on a branch that is gone takes nothing any more.
    fn forget_line(&mut self, line: BranchId) {
        let gone = |(carrier, _): &(&Carrier, &Stretch)| carrier.0 == line;
        let gone: Vec<Carrier> =
            self.carried.iter().filter(gone).map(|(carrier, _)| *carrier).collect();
        for carrier in gone {
            self.carry(carrier, None);
        }
    }

    /// What an object takes now instead of what it took.
    fn carry(&mut self, carrier: Carrier, now: Option<Stretch>) {
        let before = match now {
            Some(now) => self.carried.insert(carrier, now),
            None => self.carried.remove(&carrier),
        };
        if before == now {
            return;
        }
        if let Some(now) = now {
            self.add(now);
        }
        if let Some(before) = before {
            self.leave(before);
        }
    }

    /// What the reservation of a place takes now instead of what it took.
    fn settle_held(&mut self, view: &View, desk: &Desk, place: u128) -> Result<(), BranchError> {
        if let Some((before, until, _)) = self.held.remove(&place) {
            self.leave(before);
            if let Some(until) = until {
                self.ends.remove(&(until, place));
            }
        }
        if let Some(kept) = view.kept_at(desk.id, place)? {
            self.hold(place, &kept);
        }
        Ok(())
    }

    fn hold(&mut self, place: u128, kept: &Kept) {
        let Some(stretch) = Stretch::of(&kept.value) else { return };
        let until = kept.until;
        if until.is_some_and(|until| until <= self.now) {
            return;
        }
        self.add(stretch);
        self.held.insert(place, (stretch, until, kept.branch));
        if let Some(until) = until {
            self.ends.insert((until, place));
        }
    }

    /// Lets go of what has ended by itself. An earlier moment than one seen before changes nothing.
    pub(super) fn wake(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some((until, place)) = self.ends.first().copied() {
            if until > self.now {
                return;
            }
            self.ends.remove(&(until, place));
            if let Some((stretch, ..)) = self.held.remove(&place) {
                self.leave(stretch);
            }
        }
    }

    /// What the reservation of a place takes.
    pub(super) fn held_at(&self, place: u128) -> Option<Stretch> {
        self.held.get(&place).map(|(stretch, ..)| *stretch)
    }

    /// The stretch an object takes of the pool.
    pub(super) fn taken_by(
        &self,
        view: &View,
        desk: &Desk,
        part: &Part,
        object: &Object,
    ) -> Result<Option<Stretch>, BranchError> {
        let value = match part {
            Part::Numbers(kinds) => {
                let mut kinds = kinds.iter();
                match kinds.find(|(kind, _)| kind.symbol == object.kind().symbol) {
                    Some((_, attribute)) => object.value(&attribute.name),
                    None => Value::Null,
                }
            }
            Part::Prefixes => object.value("prefix"),
            Part::Addresses => object.value("address"),
        };
        let Some(taken) = Stretch::of(&value) else { return Ok(None) };
        if taken.realm == Realm::Numbers {
            let here = desk.is_whole() || view.division(&desk.pool, object)? == desk.division;
            return Ok(here.then_some(taken));
        }
        let mut nets = self.shelves.iter().filter(|shelf| shelf.id != object.id());
        let within = nets.find_map(|shelf| match &shelf.source {
            Source::Net(resource, namespace) => {
                Stretch::net(resource.net).contains(taken).then_some(*namespace)
            }
            Source::Numbers(_) => None,
        });
        let Some(namespace) = within else { return Ok(None) };
        Ok((view.namespace_of(object)? == namespace).then_some(taken))
    }

    fn build(&mut self, view: &View, desk: &Desk) -> Result<(), BranchError> {
        self.carried.clear();
        self.held.clear();
        self.ends.clear();
        self.takers.clear();
        self.sizes.clear();
        let part = Part::of(view, &desk.pool);
        (self.shelves, self.excluded) = set_up(view, desk, &part)?;
        match &part {
            Part::Numbers(kinds) => {
                for (kind, _) in kinds {
                    for row in view.heads_unnoted(kind)? {
                        let (id, object) = row?;
                        let taken = self.taken_by(view, desk, &part, &object)?;
                        self.carry(view.carrier(kind.symbol, id), taken);
                    }
                }
            }
            Part::Prefixes | Part::Addresses => {
                let nets: Vec<_> =
                    self.shelves.iter().filter_map(|shelf| Some(shelf.net()?.net)).collect();
                for net in nets {
                    for (id, kind) in view.ip_objects_within(net)? {
                        if !part.concerns(view, kind.symbol) {
                            continue;
                        }
                        let Some(object) = view.object_of(&kind, id)? else { continue };
                        let taken = self.taken_by(view, desk, &part, &object)?;
                        self.carry(view.carrier(kind.symbol, id), taken);
                    }
                }
            }
        }
        for (place, kept) in view.all_kept(desk.id)? {
            self.hold(place, &kept);
        }
        for (stretch, count) in self.leases.clone() {
            (0..count).for_each(|_| self.add(stretch));
        }
        self.last = view.last_drawn(desk.id)?;
        self.seq = Some(view.seq());
        self.schema = view.compiled.seq;
        Ok(())
    }

    /// One taker more.
    pub(super) fn add(&mut self, taken: Stretch) {
        let count = self.takers.entry(taken).or_insert(0);
        *count += 1;
        if *count == 1 {
            *self.sizes.entry(taken.height()).or_insert(0) += 1;
            self.shelves.iter_mut().for_each(|shelf| shelf.take(taken));
        }
    }

    /// One taker less; what nobody takes any more is free.
    pub(super) fn leave(&mut self, taken: Stretch) {
        match self.takers.get_mut(&taken) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => {
                self.takers.remove(&taken);
                if let Some(count) = self.sizes.get_mut(&taken.height()) {
                    *count -= 1;
                }
                self.give_back(taken);
            }
            None => {}
        }
    }

    /// Makes a stretch free but for what others take of it. Logarithmic, and linear in the largest
    /// stretches that lie within.
    fn give_back(&mut self, left: Stretch) {
        if self.is_within_another(left) {
            return;
        }
        self.shelves.iter_mut().for_each(|shelf| shelf.give(left));
        let mut from = left.low;
        loop {
            let low = Stretch { low: from, high: 0, ..left };
            let high = Stretch { low: left.high, high: u128::MAX, ..left };
            let Some((first, _)) = self.takers.range(low..=high).next() else { break };
            let start = first.low;
            let widest = Stretch { low: start, high: u128::MAX, ..left };
            let Some((widest, _)) = self.takers.range(low..=widest).next_back() else { break };
            let widest = *widest;
            self.shelves.iter_mut().for_each(|shelf| shelf.take(widest));
            match widest.high.checked_add(1) {
                Some(next) if next <= left.high => from = next,
                _ => break,
            }
        }
        for excluded in &self.excluded {
            if left.clip(*excluded).is_some() {
                self.shelves.iter_mut().for_each(|shelf| shelf.take(*excluded));
            }
        }
    }

    /// Whether something that is taken contains this stretch: a prefix around it, found by its length.
    fn is_within_another(&self, inner: Stretch) -> bool {
        let above = self.sizes.range(inner.height()..).filter(|(_, count)| **count > 0);
        above.into_iter().any(|(height, _)| {
            let size = 1u128.checked_shl(*height);
            let low = size.map_or(0, |size| inner.low - inner.low % size);
            let high = size.map_or(u128::MAX, |size| low.saturating_add(size - 1));
            let outer = Stretch { low, high, ..inner };
            outer != inner && self.takers.contains_key(&outer)
        })
    }

    /// Holds a stretch for a draft, free or not.
    pub(super) fn lease(&mut self, stretch: Stretch) {
        *self.leases.entry(stretch).or_insert(0) += 1;
        self.add(stretch);
    }

    /// How much of each shelf the default branch takes by itself, exclusions left out. Linear in what the
    /// pool has handed out.
    pub(super) fn used_by_default(&self) -> Vec<u128> {
        let carried = self.carried.iter().filter(|((line, _), _)| is_default(*line));
        let held = self.held.values().filter(|(_, _, branch)| is_default(*branch));
        let taken: BTreeSet<Stretch> = carried
            .map(|(_, stretch)| *stretch)
            .chain(held.map(|(stretch, ..)| *stretch))
            .collect();
        let used = self.shelves.iter().map(|shelf| {
            let mut own = Shelf::new(shelf.id, shelf.source.clone(), shelf.bounds, &self.excluded);
            taken.iter().for_each(|stretch| own.take(*stretch));
            own.total - own.free.count().min(own.total)
        });
        used.collect()
    }

    /// How much is taken and how much there is, over all shelves.
    pub(super) fn fill(&self) -> (u128, u128) {
        self.shelves.iter().fold((0, 0), |(used, total): (u128, u128), shelf| {
            let taken = shelf.total - shelf.free.count().min(shelf.total);
            (used.saturating_add(taken), total.saturating_add(shelf.total))
        })
    }

    /// How many take exactly this stretch.
    pub(super) fn takers_of(&self, stretch: Stretch) -> u32 {
        self.takers.get(&stretch).copied().unwrap_or(0)
    }

    /// A draft no longer holds a stretch.
    pub(super) fn end_lease(&mut self, stretch: Stretch) {
        if let Some(count) = self.leases.get_mut(&stretch) {
            *count -= 1;
            if *count == 0 {
                self.leases.remove(&stretch);
            }
            self.leave(stretch);
        }
    }

    /// What is free according to the takers alone, shelf by shelf: what the kept gaps must equal.
    #[cfg(test)]
    pub(super) fn recount(&self) -> Vec<Vec<(u128, u128)>> {
        let fresh = self.shelves.iter().map(|shelf| {
            let mut fresh =
                Shelf::new(shelf.id, shelf.source.clone(), shelf.bounds, &self.excluded);
            self.takers.keys().for_each(|taken| fresh.take(*taken));
            fresh.free.gaps().collect()
        });
        fresh.collect()
    }
}

/// Whether a line is the default branch, or what all branches share.
fn is_default(line: BranchId) -> bool {
    line == BranchId::MAIN || line == BranchId::GLOBAL
}

/// The resources, empty, and what is excluded.
fn set_up(
    view: &View,
    desk: &Desk,
    part: &Part,
) -> Result<(Vec<Shelf>, Vec<Stretch>), BranchError> {
    let mut shelves = Vec::new();
    let mut excluded = Vec::new();
    if let Part::Numbers(kinds) = part {
        for (_, attribute) in kinds {
            excluded.extend(super::number::excluded_of(attribute));
        }
        for range in view.number_ranges(&desk.pool)? {
            let (low, high) = (super::number::at(range.first), super::number::at(range.last));
            let bounds = (low <= high).then_some(Stretch { realm: Realm::Numbers, low, high });
            shelves.push(Shelf::new(range.id, Source::Numbers(range), bounds, &excluded));
        }
        return Ok((shelves, excluded));
    }
    for resource in view.pool_resources(&desk.pool)? {
        let whole = Stretch::net(resource.net);
        let bounds = match part {
            Part::Prefixes => Some(whole),
            _ => pools::address::usable(resource.net, resource.is_pool)
                .map(|(low, high)| Stretch { low, high, ..whole }),
        };
        let namespace = match view.object(resource.id)? {
            Some(parent) => view.namespace_of(&parent)?,
            None => None,
        };
        let id = resource.id;
        shelves.push(Shelf::new(id, Source::Net(resource, namespace), bounds, &excluded));
    }
    Ok((shelves, excluded))
}
