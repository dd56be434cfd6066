//! What of a pool is free, kept in memory over all drafts: built once from a snapshot and brought
//! forward by the commit log. Nothing here is the truth: the rows are, and the row of a chosen value
//! guards the choice at the commit.
//!
//! Whoever takes something is counted: an object that carries it on whatever line of the store, a
//! reservation, a draft in flight. A stretch is free when nobody is left. So an end can be taken back
//! without asking who else there is, and a draft can look at the space as if what it gives up were
//! free, and put it back.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use model::{BranchId, ObjectId, Seq, Symbol, Timestamp};

use crate::commit::Upset;
use crate::draft::allocate::lines::{Line, Lines, Part};
use crate::draft::allocate::scope::Desk;
use crate::draft::allocate::shelf::{Realm, Shelf, Source, Stretch};
use crate::draft::allocate::takers::{
    ByLine, Carried, Carrier, Carries, Lifted, Spot, Taken, Takers, rows,
};
use crate::error::BranchError;
use crate::limits::BOOK_COMMITS_MAX;
use crate::object::Object;
use crate::view::View;

/// What a reservation takes, until when, and the branch that took it.
pub(super) type HeldPlace = (Stretch, Option<Timestamp>, BranchId);

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
    pub(super) carried: Carried,
    /// What reservations take that end by themselves or are another branch's, by place. Of all others
    /// the takers tell.
    held: BTreeMap<u128, HeldPlace>,
    /// Reservations that end by themselves, soonest first.
    ends: BTreeSet<(Timestamp, u128)>,
    /// What is taken, with how often: by objects, reservations and leases.
    takers: Takers,
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

    /// What the attribute does not accept.
    pub(super) fn excluded(&self) -> &[Stretch] {
        &self.excluded
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
        if lines.seq().0 - seq.0 > BOOK_COMMITS_MAX {
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
                let now = self.taken_on(&line, desk, symbol, id)?;
                self.carry(line.carrier(symbol, id), now);
            }
        }
        for branch in again {
            self.forget_line(branch);
            let all = self.on_line(lines, branch)?;
            self.carry_all(all);
        }
        for place in drawn {
            self.settle_held(lines.here, desk, place)?;
        }
        self.seq = Some(lines.seq());
        Ok(upset == Upset::Nothing)
    }

    /// What an object takes on a line.
    fn taken_on(
        &self,
        line: &Line<'_>,
        desk: &Desk,
        kind: Symbol,
        id: ObjectId,
    ) -> Result<Option<Stretch>, BranchError> {
        let object = match line.has_own(desk, kind, id)? {
            true => line.object(id)?,
            false => None,
        };
        match object {
            Some(object) => self.taken_by(line, desk, &line.part, &object),
            None => Ok(None),
        }
    }

    /// What lay on a branch that is gone takes nothing any more.
    fn forget_line(&mut self, line: BranchId) {
        for stretch in self.carried.forget(line) {
            self.leave(stretch);
        }
        self.still.remove(&line);
    }

    /// What a line carries.
    fn on_line(&self, lines: &mut Lines<'_>, branch: BranchId) -> Result<ByLine, BranchError> {
        let mut all = ByLine::new();
        let Some(line) = lines.line(branch)? else { return Ok(all) };
        let desk = lines.desk;
        let mut note = |kind: Symbol, id: ObjectId, taken: Option<Stretch>| {
            if let Some(taken) = taken {
                let (on, id) = line.carrier(kind, id);
                all.entry(on).or_default().push(Carries { id, spot: Spot::of(taken) });
            }
        };
        if branch == BranchId::MAIN {
            self.each_seen(&line, &line.part, desk, note)?;
            return Ok(all);
        }
        let Some(main) = lines.line(BranchId::MAIN)? else { return Ok(all) };
        for (kind, id) in line.own(desk, &main)? {
            note(kind, id, self.taken_on(&line, desk, kind, id)?);
        }
        Ok(all)
    }

    /// Goes through everything in the pool's space that a view sees, with what it takes.
    fn each_seen(
        &self,
        view: &View,
        part: &Part,
        desk: &Desk,
        mut each: impl FnMut(Symbol, ObjectId, Option<Stretch>),
    ) -> Result<(), BranchError> {
        if let Part::Numbers(kinds) = part {
            for (kind, _) in kinds {
                for row in view.heads_unnoted(kind)? {
                    let (id, object) = row?;
                    let taken = self.taken_by(view, desk, part, &object)?;
                    each(kind.symbol, id, taken);
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
                each(kind.symbol, id, taken);
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
        if lines.seq().0 - still.seq.0.min(lines.seq().0) > BOOK_COMMITS_MAX {
            still.taken.clear();
            self.each_seen(here, &part, desk, |_, id, taken| {
                let taken = taken.filter(|taken| !self.knows(here, id, *taken));
                still.taken.extend(taken.map(|taken| (id, taken)));
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
        lines.iter().any(|line| self.carried.get((*line, id)) == Some(taken))
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
        let before = self.carried.set(carrier, now);
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

    fn carry_all(&mut self, all: ByLine) {
        for (line, all) in all {
            all.into_iter().for_each(|one| self.carry((line, one.id), Some(one.spot.stretch())));
        }
    }

    /// What the reservation of a place takes now instead of what it took.
    fn settle_held(&mut self, view: &View, desk: &Desk, place: u128) -> Result<(), BranchError> {
        if let Some((before, until, _)) = self.held.remove(&place) {
            self.leave(before);
            if let Some(until) = until {
                self.ends.remove(&(until, place));
            }
        } else if let Some(before) = self.takers.reserved_at(place) {
            self.takers.forget_reserved(before);
            self.leave(before);
        }
        let Some((place, held)) = view.held_place_at(desk.id, place)? else { return Ok(()) };
        if held.1.is_none_or(|until| until > self.now) {
            let taken = self.note_held(place, held);
            self.take(held.0, taken);
        }
        Ok(())
    }

    /// Keeps a reservation that ends by itself or is another branch's; how it takes its block.
    fn note_held(&mut self, place: u128, held: HeldPlace) -> Taken {
        let (_, until, branch) = held;
        if until.is_none() && branch == BranchId::MAIN {
            return Taken::RESERVED;
        }
        self.held.insert(place, held);
        if let Some(until) = until {
            self.ends.insert((until, place));
        }
        Taken::ONE
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
        let odd = self.held.get(&place).map(|(stretch, ..)| *stretch);
        odd.or_else(|| self.takers.reserved_at(place))
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
        let shelves = self.shelves.iter().map(|shelf| shelf.emptied(&self.excluded)).collect();
        let excluded = std::mem::take(&mut self.excluded);
        *self = Self { now: self.now, ..Self::over(SetUp { shelves, excluded }) };
        let mut carried = ByLine::new();
        for branch in lines.all()? {
            for (line, all) in self.on_line(lines, branch)? {
                match carried.entry(line) {
                    Entry::Vacant(first) => {
                        first.insert(all);
                    }
                    Entry::Occupied(mut there) => there.get_mut().extend(all),
                }
            }
        }
        self.carried = Carried::new(carried);
        let mut all: Vec<(Spot, Taken)> = Vec::new();
        all.extend(self.carried.all().map(|(_, taken)| (Spot::of(taken), Taken::ONE)));
        lines.here.each_held_place(lines.desk.id, |place, held| {
            if held.1.is_none_or(|until| until > self.now) {
                all.push((Spot::of(held.0), self.note_held(place, held)));
            }
        })?;
        all.extend(leases.iter().map(|(it, count)| (Spot::of(*it), Taken::times(*count))));
        self.takers = Takers::new(all);
        let taken = rows(self.takers.all());
        self.shelves.iter_mut().for_each(|shelf| shelf.take_all(&taken));
        self.last = lines.here.last_drawn(lines.desk.id)?;
        self.seq = Some(lines.seq());
        Ok(())
    }

    /// One taker more.
    pub(super) fn add(&mut self, taken: Stretch) {
        self.take(taken, Taken::ONE);
    }

    fn take(&mut self, stretch: Stretch, taken: Taken) {
        if self.takers.add(stretch, taken) {
            self.shelves.iter_mut().for_each(|shelf| shelf.take(stretch));
        }
    }

    /// One taker less; what nobody takes any more is free.
    pub(super) fn leave(&mut self, taken: Stretch) {
        if self.takers.leave(taken) {
            self.give_back(taken);
        }
    }

    /// Looks past one that takes a stretch.
    pub(super) fn lift(&mut self, stretch: Stretch) -> Lifted {
        let (lifted, is_last) = self.takers.lift(stretch);
        if is_last {
            self.give_back(stretch);
        }
        lifted
    }

    /// What was lifted last is there again.
    pub(super) fn put_back(&mut self, lifted: &Lifted) {
        if self.takers.put_back(lifted) {
            self.shelves.iter_mut().for_each(|shelf| shelf.take(lifted.stretch));
        }
    }

    /// Makes a stretch free but for what others take of it. Logarithmic, and linear in the largest
    /// stretches that lie within.
    fn give_back(&mut self, left: Stretch) {
        if self.takers.is_within_another(left) {
            return;
        }
        self.shelves.iter_mut().for_each(|shelf| shelf.give(left));
        let mut rest = Some(left);
        while let Some(widest) = rest.and_then(|rest| self.takers.first_within(rest)) {
            self.shelves.iter_mut().for_each(|shelf| shelf.take(widest));
            let next = widest.high.checked_add(1).filter(|next| *next <= left.high);
            rest = next.map(|low| Stretch { low, ..left });
        }
        for excluded in &self.excluded {
            if left.clip(*excluded).is_some() {
                self.shelves.iter_mut().for_each(|shelf| shelf.take(*excluded));
            }
        }
    }

    /// How much of each shelf the default branch takes by itself, exclusions left out. Linear in what the
    /// pool has handed out.
    pub(super) fn used_by_default(&self) -> Vec<u128> {
        let carried = self.carried.all().filter(|((line, _), _)| is_default(*line));
        let held = self.held.values().filter(|(_, _, branch)| is_default(*branch));
        let mut taken: Vec<Spot> = carried
            .map(|(_, stretch)| stretch)
            .chain(held.map(|(stretch, ..)| *stretch))
            .chain(self.takers.reserved())
            .map(Spot::of)
            .collect();
        taken.sort_unstable();
        let taken = rows(taken.into_iter().map(Spot::stretch));
        let used = self.shelves.iter().map(|shelf| {
            let own = shelf.emptied(&self.excluded);
            own.total - own.count_beside(&taken).min(own.total)
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

    /// Where something that is taken begins, in order, some more than once; before a stretch of one
    /// realm, or everywhere.
    pub(super) fn places(
        &self,
        before: Option<Stretch>,
    ) -> impl DoubleEndedIterator<Item = u128> + '_ {
        self.takers.before(before).map(Stretch::place)
    }

    /// How many take exactly this stretch.
    pub(super) fn takers_of(&self, stretch: Stretch) -> u32 {
        self.takers.count(stretch)
    }

    /// What is free according to the takers alone, shelf by shelf: what the kept gaps must equal.
    #[cfg(test)]
    pub(super) fn recount(&self) -> Vec<Vec<(u128, u128)>> {
        let fresh = self.shelves.iter().map(|shelf| {
            let mut fresh = shelf.emptied(&self.excluded);
            self.takers.all().for_each(|taken| fresh.take(taken));
            fresh.free.gaps().collect()
        });
        fresh.collect()
    }
}

/// Whether a line is the default branch, or what all branches share.
fn is_default(line: BranchId) -> bool {
    line == BranchId::MAIN || line == BranchId::GLOBAL
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
