//! What of a pool is free, kept in memory over all drafts: built once from a snapshot and brought
//! forward by the commit log. Nothing here is the truth: the rows are, and the row of a chosen value
//! guards the choice at the commit.
//!
//! Whoever takes something is counted: an object that carries it on whatever line of the store, a
//! reservation, a draft in flight. A stretch is free when nobody is left. So an end can be taken back
//! without asking who else there is, and a draft can look at the space as if what it gives up were
//! free, and put it back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{BranchId, ObjectId, Seq, Symbol, Timestamp};

use crate::commit::Upset;
use crate::draft::allocate::lines::{Line, Lines, Part};
use crate::draft::allocate::reserve::Kept;
use crate::draft::allocate::scope::Desk;
use crate::draft::allocate::shelf::{Realm, Shelf, Source, Stretch};
use crate::error::BranchError;
use crate::object::Object;
use crate::view::View;

/// Commits that a book is brought over one by one; beyond it is rebuilt.
const COMMITS_MAX: u64 = 10_000;

/// What a reservation takes, until when, and the branch that took it.
type HeldPlace = (Stretch, Option<Timestamp>, BranchId);

/// Which object, on which line of the store.
pub(super) type Carrier = (BranchId, ObjectId);

/// What a branch still sees at its fork that main has in another way or no more: taken for whoever draws
/// on the branch, and for nobody else.
#[derive(Debug, Default)]
struct Still {
    fork: Seq,
    /// The commit up to which was looked.
    seq: Seq,
    taken: BTreeMap<ObjectId, Stretch>,
}

/// What a pool draws from, as one branch sees it.
#[derive(Debug)]
pub(super) struct SetUp {
    /// In the order in which they are drawn from; nothing is taken.
    shelves: Vec<Shelf>,
    /// Stretches that the attribute does not accept.
    excluded: Vec<Stretch>,
}

/// What is known of one pool, set up in one way.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// The commit it shows; nothing before it is built.
    seq: Option<Seq>,
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
    /// What branches still see.
    still: BTreeMap<BranchId, Still>,
    /// The last one drawn, for pools that go on from there.
    pub(super) last: Option<u128>,
}

impl Book {
    /// Over what a pool draws from; built when it is brought forward.
    pub(super) fn over(set_up: SetUp) -> Self {
        Self { shelves: set_up.shelves, excluded: set_up.excluded, ..Self::default() }
    }

    /// Whether it is over just that.
    pub(super) fn is_over(&self, set_up: &SetUp) -> bool {
        let same = |(old, new): (&Shelf, &Shelf)| old.id == new.id && old.source == new.source;
        set_up.excluded == self.excluded
            && set_up.shelves.len() == self.shelves.len()
            && self.shelves.iter().zip(&set_up.shelves).all(same)
    }

    /// Whether it shows everything up to a commit, as a branch sees it.
    pub(super) fn shows(&self, branch: BranchId, seq: Seq) -> bool {
        self.seq.is_some_and(|shown| shown >= seq)
            && (branch == BranchId::MAIN
                || self.still.get(&branch).is_some_and(|still| still.seq >= seq))
    }

    /// Brings the book to a state of the store; an older one leaves it as it is. `false` where what
    /// pools draw from may have changed on the way.
    pub(super) fn advance(
        &mut self,
        lines: &mut Lines<'_>,
        leases: &BTreeMap<Stretch, u32>,
    ) -> Result<bool, BranchError> {
        let Some(seq) = self.seq else {
            self.build(lines, leases)?;
            return Ok(true);
        };
        if lines.seq() <= seq {
            return Ok(true);
        }
        if lines.seq().0 - seq.0 > COMMITS_MAX {
            self.build(lines, leases)?;
            return Ok(false);
        }
        let (mut changed, mut drawn) = (BTreeSet::new(), BTreeSet::new());
        let mut upset = Upset::Nothing;
        let mut again = BTreeSet::new();
        let desk = lines.desk;
        let range = lines.here.schema().kind("CoreNumberPoolRange").map(|kind| kind.symbol);
        lines.each_commit(seq, |lines, entry| {
            match entry.upset() {
                Upset::Nothing => {}
                Upset::Line(line) => {
                    again.insert(line);
                    upset = upset.max(Upset::Line(line));
                }
                Upset::Everything => upset = Upset::Everything,
            }
            let here = entry.drawn.iter().filter(|(pool, _, _)| *pool == desk.id);
            drawn.extend(here.map(|(_, place, _)| *place));
            if entry.changed.is_empty() {
                return Ok(());
            }
            // What all branches share is seen from main as well when the branch is gone.
            let line = match lines.line(entry.branch)? {
                Some(line) => Some(line),
                None => lines.line(BranchId::MAIN)?,
            };
            let Some(line) = line else { return Ok(()) };
            for (id, symbol, _) in &entry.changed {
                if *id == desk.pool.id()
                    || range == Some(Symbol(*symbol))
                    || self.shelves.iter().any(|shelf| shelf.id == *id)
                {
                    upset = upset.max(Upset::Line(entry.branch));
                }
                if line.part.concerns(&line, Symbol(*symbol)) {
                    changed.insert((line.branch, *id, Symbol(*symbol)));
                }
            }
            Ok(())
        })?;
        if upset == Upset::Everything {
            self.build(lines, leases)?;
            return Ok(false);
        }
        for (branch, id, symbol) in changed {
            if let Some(line) = lines.line(branch)?.filter(|_| !again.contains(&branch)) {
                self.settle(&line, desk, symbol, id)?;
            }
        }
        for branch in again {
            self.forget_line(branch);
            self.load(lines, branch)?;
        }
        for place in drawn {
            self.settle_held(lines.here, desk, place)?;
        }
        self.seq = Some(lines.seq());
        Ok(upset == Upset::Nothing)
    }

    /// What an object takes on a line.
    fn settle(
        &mut self,
        line: &Line<'_>,
        desk: &Desk,
        kind: Symbol,
        id: ObjectId,
    ) -> Result<(), BranchError> {
        let object = match line.has_own(desk, kind, id)? {
            true => line.object(id)?,
            false => None,
        };
        let now = match object {
            Some(object) => self.taken_by(line, desk, &line.part, &object)?,
            None => None,
        };
        self.carry(line.carrier(kind, id), now);
        Ok(())
    }

    /// What lay on a branch that is gone takes nothing any more.
    fn forget_line(&mut self, line: BranchId) {
        let gone = |(carrier, _): &(&Carrier, &Stretch)| carrier.0 == line;
        let gone: Vec<Carrier> =
            self.carried.iter().filter(gone).map(|(carrier, _)| *carrier).collect();
        for carrier in gone {
            self.carry(carrier, None);
        }
        self.still.remove(&line);
    }

    /// Counts what a line carries.
    fn load(&mut self, lines: &mut Lines<'_>, branch: BranchId) -> Result<(), BranchError> {
        let Some(line) = lines.line(branch)? else { return Ok(()) };
        let desk = lines.desk;
        if branch == BranchId::MAIN {
            return self.each_seen(&line, &line.part, desk, |book, kind, id, taken| {
                book.carry(line.carrier(kind, id), taken);
                Ok(())
            });
        }
        let Some(main) = lines.line(BranchId::MAIN)? else { return Ok(()) };
        for (kind, id) in line.own(desk, &main)? {
            self.settle(&line, desk, kind, id)?;
        }
        Ok(())
    }

    /// Goes through everything in the pool's space that a view sees, with what it takes.
    fn each_seen(
        &mut self,
        view: &View,
        part: &Part,
        desk: &Desk,
        mut each: impl FnMut(&mut Self, Symbol, ObjectId, Option<Stretch>) -> Result<(), BranchError>,
    ) -> Result<(), BranchError> {
        if let Part::Numbers(kinds) = part {
            for (kind, _) in kinds {
                for row in view.heads_unnoted(kind)? {
                    let (id, object) = row?;
                    let taken = self.taken_by(view, desk, part, &object)?;
                    each(self, kind.symbol, id, taken)?;
                }
            }
            return Ok(());
        }
        let nets: Vec<_> = self.shelves.iter().filter_map(|shelf| Some(shelf.net()?.net)).collect();
        for net in nets {
            for (id, kind) in view.ip_objects_within(net)? {
                if !part.concerns(view, kind.symbol) {
                    continue;
                }
                let Some(object) = view.object_of(&kind, id)? else { continue };
                let taken = self.taken_by(view, desk, part, &object)?;
                each(self, kind.symbol, id, taken)?;
            }
        }
        Ok(())
    }

    /// Learns what the branch that is drawn on still sees at its fork. Linear in what main changed since
    /// the last look.
    pub(super) fn look_back(&mut self, lines: &mut Lines<'_>) -> Result<(), BranchError> {
        let here = lines.here;
        let Some(fork) = here.fork() else { return Ok(()) };
        let mut still = self.still.remove(&here.branch).unwrap_or_default();
        if still.fork != fork {
            still = Still { fork, seq: fork, taken: BTreeMap::new() };
        }
        let part = Part::of(here, &lines.desk.pool);
        let desk = lines.desk;
        let mut looked = BTreeSet::new();
        if lines.seq().0 - still.seq.0.min(lines.seq().0) > COMMITS_MAX {
            still.taken.clear();
            self.each_seen(here, &part, desk, |book, _, id, taken| {
                still
                    .taken
                    .extend(taken.filter(|taken| !book.knows(here, id, *taken)).map(|t| (id, t)));
                Ok(())
            })?;
        } else {
            lines.each_commit(still.seq, |_, entry| {
                let seen = entry.branch == BranchId::MAIN || entry.branch == here.branch;
                let concerned = entry
                    .changed
                    .iter()
                    .filter(|(_, symbol, _)| seen && part.concerns(here, Symbol(*symbol)));
                looked.extend(concerned.map(|(id, _, _)| *id));
                Ok(())
            })?;
        }
        for id in looked {
            let taken = match here.object(id)? {
                Some(object) => self.taken_by(here, desk, &part, &object)?,
                None => None,
            };
            match taken.filter(|taken| !self.knows(here, id, *taken)) {
                Some(taken) => still.taken.insert(id, taken),
                None => still.taken.remove(&id),
            };
        }
        still.seq = still.seq.max(lines.seq());
        self.still.insert(here.branch, still);
        Ok(())
    }

    /// Whether it is counted already that an object takes this.
    fn knows(&self, view: &View, id: ObjectId, taken: Stretch) -> bool {
        let lines = [BranchId::MAIN, BranchId::GLOBAL, view.branch];
        lines.iter().any(|line| self.carried.get(&(*line, id)) == Some(&taken))
    }

    /// What objects carry that a branch still sees at its fork.
    pub(super) fn still_carried(
        &self,
        branch: BranchId,
    ) -> impl Iterator<Item = (ObjectId, Stretch)> + '_ {
        let still = self.still.get(&branch).into_iter().flat_map(|still| &still.taken);
        still.map(|(id, taken)| (*id, *taken))
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
        if let Some(held) = view.kept_at(desk.id, place)?.as_ref().and_then(held_place) {
            self.hold(place, held);
        }
        Ok(())
    }

    fn hold(&mut self, place: u128, held: HeldPlace) {
        let (stretch, until, _) = held;
        if until.is_some_and(|until| until <= self.now) {
            return;
        }
        self.add(stretch);
        self.held.insert(place, held);
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
        let Some(taken) = part.stretch(object) else { return Ok(None) };
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

    fn build(
        &mut self,
        lines: &mut Lines<'_>,
        leases: &BTreeMap<Stretch, u32>,
    ) -> Result<(), BranchError> {
        let fresh = |shelf: &Shelf| {
            Shelf::new(shelf.id, shelf.source.clone(), shelf.bounds, &self.excluded)
        };
        let shelves = self.shelves.iter().map(fresh).collect();
        let excluded = std::mem::take(&mut self.excluded);
        *self = Self { now: self.now, ..Self::over(SetUp { shelves, excluded }) };
        for branch in lines.all()? {
            self.load(lines, branch)?;
        }
        let kept = lines.here.all_kept(lines.desk.id, |_, kept| held_place(&kept))?;
        for (place, held) in kept {
            self.hold(place, held);
        }
        for (stretch, count) in leases {
            (0..*count).for_each(|_| self.add(*stretch));
        }
        self.last = lines.here.last_drawn(lines.desk.id)?;
        self.seq = Some(lines.seq());
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

/// What a book has to know of a reservation.
fn held_place(kept: &Kept) -> Option<HeldPlace> {
    Some((Stretch::of(&kept.value)?, kept.until, kept.branch))
}

impl SetUp {
    /// The resources, empty, and what is excluded.
    pub(super) fn of(view: &View, desk: &Desk) -> Result<Self, BranchError> {
        let part = Part::of(view, &desk.pool);
        let mut shelves = Vec::new();
        let mut excluded = Vec::new();
        if let Part::Numbers(kinds) = part {
            for (_, attribute) in &kinds {
                excluded.extend(super::number::excluded_of(attribute));
            }
            for range in view.number_ranges(&desk.pool)? {
                let (low, high) = (super::number::at(range.first), super::number::at(range.last));
                let bounds = (low <= high).then_some(Stretch { realm: Realm::Numbers, low, high });
                shelves.push(Shelf::new(range.id, Source::Numbers(range), bounds, &excluded));
            }
            return Ok(Self { shelves, excluded });
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
        Ok(Self { shelves, excluded })
    }
}
