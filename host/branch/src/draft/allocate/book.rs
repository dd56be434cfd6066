//! What of a pool is free, kept in memory over all drafts: built once from a snapshot, brought forward
//! by the commit log, and rebuilt whenever that is not enough. Nothing here is the truth: the rows are,
//! and the row of a chosen value guards the choice at the commit.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use model::ip::{self, Family};
use model::schema::{Attribute, Kind};
use model::{BranchId, ObjectId, Seq, Symbol, Value};
use pools::FreeSet;
use store::{Space, key};

use crate::commit::LogEntry;
use crate::draft::allocate::number::NumberRange;
use crate::draft::allocate::reserve::place;
use crate::draft::allocate::space::{Resource, ends};
use crate::error::BranchError;
use crate::object::Object;
use crate::view::View;

/// Commits that a book is brought over one by one; beyond it is rebuilt.
const COMMITS_MAX: u64 = 10_000;

/// First and last number of something, inclusive.
pub(super) type Ends = (u128, u128);

/// The book of each pool, by the branch it is seen from.
type ByPool = BTreeMap<(BranchId, ObjectId), Arc<Mutex<Book>>>;

/// All books of a database, by branch and pool.
#[derive(Debug, Default)]
pub(crate) struct Books {
    books: Mutex<ByPool>,
}

impl Books {
    /// The book of a pool; empty and of no commit when it is new.
    pub(super) fn of(&self, branch: BranchId, pool: ObjectId) -> Arc<Mutex<Book>> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(books.entry((branch, pool)).or_default())
    }
}

/// Locks a book.
pub(super) fn open(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a pool draws from.
#[derive(Debug)]
enum Source {
    Numbers(NumberRange),
    Net(Resource, Option<ObjectId>),
}

/// One resource with what of it is free.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) id: ObjectId,
    source: Source,
    /// What it could hand out at all.
    bounds: Option<Ends>,
    pub(super) free: FreeSet,
}

impl Shelf {
    pub(super) fn net(&self) -> Option<&Resource> {
        match &self.source {
            Source::Net(resource, _) => Some(resource),
            Source::Numbers(_) => None,
        }
    }

    pub(super) fn range(&self) -> Option<&NumberRange> {
        match &self.source {
            Source::Numbers(range) => Some(range),
            Source::Net(..) => None,
        }
    }

    fn clip(&self, (low, high): Ends) -> Option<Ends> {
        let (first, last) = self.bounds?;
        let (low, high) = (low.max(first), high.min(last));
        (low <= high).then_some((low, high))
    }

    fn take(&mut self, taken: Ends) {
        if let Some((low, high)) = self.clip(taken) {
            self.free.take(low, high);
        }
    }
}

/// What is known of one pool.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// The commit it shows; nothing before it is built.
    seq: Option<Seq>,
    schema: Seq,
    /// In the order in which they are drawn from.
    pub(super) shelves: Vec<Shelf>,
    /// Stretches that the attribute does not accept.
    excluded: Vec<Ends>,
    /// What each object takes.
    carried: HashMap<ObjectId, Ends>,
    /// Stretches that are taken, with how often.
    takers: BTreeMap<Ends, u32>,
    /// Stretches that drafts in flight hold.
    leases: BTreeMap<u128, u128>,
}

/// The way an object takes part in a pool.
enum Part {
    Numbers(Vec<(Arc<Kind>, Attribute)>),
    Prefixes,
    Addresses,
}

impl Part {
    fn of(view: &View, pool: &Object) -> Self {
        match pool.kind().name.as_str() {
            "CoreNumberPool" => Self::Numbers(view.numbered(pool)),
            "CoreIPPrefixPool" => Self::Prefixes,
            // A prefix serves as a pool of addresses.
            _ => Self::Addresses,
        }
    }

    /// Whether objects of a kind can take part.
    fn concerns(&self, view: &View, symbol: Symbol) -> bool {
        match self {
            Self::Numbers(kinds) => kinds.iter().any(|(kind, _)| kind.symbol == symbol),
            Self::Prefixes | Self::Addresses => {
                let generic = self.generic();
                let schema = view.schema();
                schema.by_symbol.get(&symbol).is_some_and(|kind| schema.is_a(kind, generic))
            }
        }
    }

    fn generic(&self) -> &'static str {
        if matches!(self, Self::Prefixes) { "BuiltinIPPrefix" } else { "BuiltinIPAddress" }
    }
}

impl Book {
    /// Brings the book to a view's state; an older view leaves it as it is.
    pub(super) fn advance(&mut self, view: &View, pool: &Object) -> Result<(), BranchError> {
        let (Some(seq), true) = (self.seq, self.schema == view.compiled.seq) else {
            return self.build(view, pool);
        };
        if view.seq() <= seq {
            return Ok(());
        }
        if view.seq().0 - seq.0 > COMMITS_MAX {
            return self.build(view, pool);
        }
        let part = Part::of(view, pool);
        let mut changed = Vec::new();
        let from = key::log(Seq(seq.0 + 1));
        let to = key::log(Seq(view.seq().0 + 1));
        for row in view.rows.snapshot.range(Space::Log, &from, &to)? {
            let (_, row) = row?;
            let entry = LogEntry::decode(&row).ok_or_else(|| BranchError::Damaged {
                what: "a row of the commit log".to_owned(),
            })?;
            if !self.follow(view, pool, &part, &entry, &mut changed) {
                return self.build(view, pool);
            }
        }
        for id in changed {
            if !self.settle(view, &part, id)? {
                return self.build(view, pool);
            }
        }
        self.seq = Some(view.seq());
        Ok(())
    }

    /// Takes over what one commit says of reservations and collects the objects it changed. `false`
    /// where only building anew will do.
    fn follow(
        &mut self,
        view: &View,
        pool: &Object,
        part: &Part,
        entry: &LogEntry,
        changed: &mut Vec<ObjectId>,
    ) -> bool {
        for (id, symbol, _) in &entry.changed {
            let known = self.shelves.iter().any(|shelf| shelf.id == *id);
            let range = view.schema().kind("CoreNumberPoolRange").map(|kind| kind.symbol);
            if *id == pool.id() || known || range == Some(Symbol(*symbol)) {
                return false;
            }
            if part.concerns(view, Symbol(*symbol)) {
                changed.push(*id);
            }
        }
        for (of, place, taken) in &entry.drawn {
            if *of != pool.id() {
                continue;
            }
            match part {
                Part::Numbers(_) if *taken => self.add((*place, *place)),
                Part::Numbers(_) => self.leave((*place, *place)),
                // A parent that is handed out whole, or given back, has no object of its own.
                Part::Prefixes if self.is_parent(*place) => return false,
                Part::Prefixes | Part::Addresses => {}
            }
        }
        true
    }

    fn is_parent(&self, place_of: u128) -> bool {
        let nets = self.shelves.iter().filter_map(Shelf::net);
        nets.into_iter().any(|resource| place(&Value::Net(resource.net)) == Some(place_of))
    }

    /// What an object takes now instead of what it took. `false` where only building anew will do.
    fn settle(&mut self, view: &View, part: &Part, id: ObjectId) -> Result<bool, BranchError> {
        let now = match view.object(id)? {
            Some(object) => self.taken_by(view, part, &object)?,
            None => None,
        };
        let before = self.carried.get(&id).copied();
        if before == now {
            return Ok(true);
        }
        if before.is_some() && matches!(part, Part::Prefixes) {
            // What lies below or above it may cover the same stretch.
            return Ok(false);
        }
        if let Some(before) = before {
            self.carried.remove(&id);
            self.leave(before);
        }
        if let Some(now) = now {
            self.carried.insert(id, now);
            self.add(now);
        }
        Ok(true)
    }

    /// The stretch an object takes of the pool.
    fn taken_by(
        &self,
        view: &View,
        part: &Part,
        object: &Object,
    ) -> Result<Option<Ends>, BranchError> {
        if let Part::Numbers(kinds) = part {
            let attribute = kinds.iter().find(|(kind, _)| kind.symbol == object.kind().symbol);
            let value = attribute.map(|(_, attribute)| object.value(&attribute.name));
            return Ok(value.and_then(|value| place(&value)).map(|place| (place, place)));
        }
        let taken = match (part, object.value("prefix"), object.value("address")) {
            (Part::Prefixes, Value::Net(net), _) => (net, ends(net)),
            (Part::Addresses, _, Value::Host(host)) => single(host.address),
            (Part::Addresses, _, Value::Address(address)) => single(address),
            _ => return Ok(None),
        };
        let mut nets = self.shelves.iter().filter(|shelf| shelf.id != object.id());
        let within =
            nets.find(|shelf| shelf.net().is_some_and(|resource| resource.net.contains(&taken.0)));
        let Some(Shelf { source: Source::Net(_, namespace), .. }) = within else {
            return Ok(None);
        };
        let same = view.namespace_of(object)? == *namespace;
        Ok(same.then_some(taken.1))
    }

    fn build(&mut self, view: &View, pool: &Object) -> Result<(), BranchError> {
        self.shelves.clear();
        self.excluded.clear();
        self.carried.clear();
        self.takers.clear();
        let part = Part::of(view, pool);
        self.put_up(view, pool, &part)?;
        for shelf in &mut self.shelves {
            if let Some((first, last)) = shelf.bounds {
                shelf.free = FreeSet::new([(first, last)]);
            }
        }
        for excluded in self.excluded.clone() {
            self.shelves.iter_mut().for_each(|shelf| shelf.take(excluded));
        }
        match &part {
            Part::Numbers(kinds) => {
                for (kind, attribute) in kinds {
                    for row in view.heads_unnoted(kind)? {
                        let (id, object) = row?;
                        let value = object.attr(attribute).value.to_value();
                        if let Some(place) = value.as_ref().and_then(place) {
                            self.carried.insert(id, (place, place));
                            self.add((place, place));
                        }
                    }
                }
                for place in view.reserved_places(pool.id())? {
                    self.add((place, place));
                }
            }
            Part::Prefixes | Part::Addresses => self.build_nets(view, pool, &part)?,
        }
        for (low, high) in self.leases.clone() {
            self.shelves.iter_mut().for_each(|shelf| shelf.take((low, high)));
        }
        self.seq = Some(view.seq());
        self.schema = view.compiled.seq;
        Ok(())
    }

    /// The resources, empty.
    fn put_up(&mut self, view: &View, pool: &Object, part: &Part) -> Result<(), BranchError> {
        if let Part::Numbers(kinds) = part {
            for range in view.number_ranges(pool)? {
                let bounds = Some((super::number::at(range.first), super::number::at(range.last)));
                let source = Source::Numbers(range);
                self.shelves.push(Shelf { id: range.id, source, bounds, free: FreeSet::default() });
            }
            for (_, attribute) in kinds {
                self.excluded.extend(super::number::excluded_of(attribute));
            }
            return Ok(());
        }
        for resource in view.pool_resources(pool)? {
            let bounds = match part {
                Part::Prefixes => Some(ends(resource.net)),
                _ => pools::address::usable(resource.net, resource.is_pool),
            };
            let namespace = match view.object(resource.id)? {
                Some(parent) => view.namespace_of(&parent)?,
                None => None,
            };
            let (id, source) = (resource.id, Source::Net(resource, namespace));
            self.shelves.push(Shelf { id, source, bounds, free: FreeSet::default() });
        }
        Ok(())
    }

    fn build_nets(&mut self, view: &View, pool: &Object, part: &Part) -> Result<(), BranchError> {
        let nets: Vec<(ObjectId, IpNet)> =
            self.shelves.iter().filter_map(|shelf| Some((shelf.id, shelf.net()?.net))).collect();
        for (parent, net) in nets {
            for (id, kind) in view.ip_objects_within(net)? {
                let Some(object) = view.object_of(&kind, id)? else { continue };
                if id == parent || self.carried.contains_key(&id) {
                    continue;
                }
                if let Some(taken) = self.taken_by(view, part, &object)? {
                    self.carried.insert(id, taken);
                    self.add(taken);
                }
            }
            if view.holds_object(pool.id(), &Value::Net(net), parent)? {
                self.add(ends(net));
            }
        }
        Ok(())
    }

    fn add(&mut self, taken: Ends) {
        *self.takers.entry(taken).or_insert(0) += 1;
        self.shelves.iter_mut().for_each(|shelf| shelf.take(taken));
    }

    /// One taker less of a single number.
    fn leave(&mut self, taken: Ends) {
        match self.takers.get_mut(&taken) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                self.takers.remove(&taken);
                self.give_back(taken);
            }
        }
    }

    /// Makes a stretch free as far as nothing else takes it.
    fn give_back(&mut self, (low, high): Ends) {
        let leased = self.leases.range(low..=high).map(|(low, high)| (*low, *high));
        let within = self.takers.range((low, 0)..=(high, u128::MAX)).map(|(taken, _)| *taken);
        let mut others: Vec<Ends> = leased.chain(within).collect();
        others.extend(self.excluded.iter().copied());
        others.extend(self.around((low, high)));
        for shelf in &mut self.shelves {
            if let Some((low, high)) = shelf.clip((low, high)) {
                shelf.free.give(low, high);
                for other in &others {
                    shelf.take(*other);
                }
            }
        }
    }

    /// Taken stretches that contain this one: blocks, each at a multiple of its size.
    fn around(&self, (low, high): Ends) -> Vec<Ends> {
        let mut found = Vec::new();
        for height in 0..=128u32 {
            let size = 1u128.checked_shl(height);
            let start = size.map_or(0, |size| low - low % size);
            let end = size.map_or(u128::MAX, |size| start.saturating_add(size - 1));
            if start < low && end >= high && self.takers.contains_key(&(start, end)) {
                found.push((start, end));
            }
        }
        found
    }

    /// What a shelf could hand out when empty, exclusions left out.
    pub(super) fn total(&self, shelf: &Shelf) -> u128 {
        let Some((first, last)) = shelf.bounds else { return 0 };
        let mut all = FreeSet::new([(first, last)]);
        for (low, high) in &self.excluded {
            all.take(*low, *high);
        }
        all.count()
    }

    /// Whether there are commits, or a schema, that it does not show.
    pub(super) fn is_behind(&self, seq: Seq, schema: Seq) -> bool {
        self.seq.is_none_or(|shown| shown < seq) || self.schema != schema
    }

    /// Holds a free stretch for a draft; `false` where it is not free.
    pub(super) fn lease(&mut self, shelf: ObjectId, (low, high): Ends) -> bool {
        let Some(shelf) = self.shelves.iter_mut().find(|known| known.id == shelf) else {
            return false;
        };
        if !shelf.free.is_free_range(low, high) {
            return false;
        }
        shelf.free.take(low, high);
        self.leases.insert(low, high);
        true
    }

    /// A draft that held a stretch is gone, committed or not.
    pub(super) fn end_lease(&mut self, low: u128) {
        if let Some(high) = self.leases.remove(&low) {
            self.give_back((low, high));
        }
    }

    /// What an object of a draft takes, held for that draft, if it is free.
    pub(super) fn lease_written(
        &mut self,
        view: &View,
        pool: &Object,
        object: &Object,
    ) -> Result<Option<u128>, BranchError> {
        let part = Part::of(view, pool);
        if !part.concerns(view, object.kind().symbol) {
            return Ok(None);
        }
        let Some(taken) = self.taken_by(view, &part, object)? else { return Ok(None) };
        let ids: Vec<ObjectId> = self.shelves.iter().map(|shelf| shelf.id).collect();
        Ok(ids.into_iter().any(|id| self.lease(id, taken)).then_some(taken.0))
    }
}

fn single(address: std::net::IpAddr) -> (IpNet, Ends) {
    let number = ip::number(address);
    let host = IpNet::new(address, Family::of(address).bits());
    (host.expect("a full length fits"), (number, number))
}
