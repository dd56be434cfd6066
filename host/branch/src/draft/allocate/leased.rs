//! What one draft holds of pools, and how it looks at what is known of them: with what it gives up lifted
//! out of the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{BranchId, ObjectId, Symbol};
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::book::Book;
use crate::draft::allocate::books::{self, DeskBooks, SharedDesk};
use crate::draft::allocate::lines::{Lines, Part};
use crate::draft::allocate::scope::Desk;
use crate::draft::allocate::shelf::Stretch;
use crate::error::BranchError;

/// What is free for one request although somebody has it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Also {
    /// What is reserved at this place.
    pub(super) place: Option<u128>,
    /// What this object has on main: on a branch it is the same object.
    pub(super) object: Option<ObjectId>,
    /// What main gave up since the fork, and the branch still sees.
    pub(super) given_up: bool,
}

/// What a draft holds at one desk.
#[derive(Debug, Default)]
struct AtDesk {
    books: SharedDesk,
    /// What was drawn.
    drawn: Vec<Stretch>,
    /// Objects that take something else than is committed, with what they take now.
    moved: BTreeMap<ObjectId, (Symbol, Option<Stretch>)>,
    /// How many of the written objects were looked at.
    seen: usize,
    /// Places whose reservations were given up or changed.
    released: BTreeSet<u128>,
}

impl AtDesk {
    fn end(&mut self, drawn_from: usize) {
        let mut open = books::open(&self.books);
        for stretch in self.drawn.drain(drawn_from.min(self.drawn.len())..) {
            open.end_lease(stretch);
        }
        for (_, stretch) in std::mem::take(&mut self.moved).into_values() {
            if let Some(stretch) = stretch {
                open.end_lease(stretch);
            }
        }
        self.seen = 0;
    }
}

/// What one draft holds of pools; given back when it goes, committed or not. Once committed, the
/// reservation itself keeps others away.
#[derive(Debug, Default)]
pub(crate) struct Leased {
    desks: BTreeMap<ObjectId, AtDesk>,
    /// Objects the draft wrote that may take part in a pool.
    written: Vec<(ObjectId, Symbol)>,
    /// The draft changes pools themselves: what is known to all does not hold in it.
    changes_pools: bool,
    /// What was held before it did.
    past: Vec<AtDesk>,
}

/// How much a draft held at a moment.
#[derive(Debug)]
pub(in crate::draft) struct LeaseMark(BTreeMap<ObjectId, usize>);

impl Leased {
    /// An object is written that a pool may have to know of.
    pub(in crate::draft) fn note_written(&mut self, id: ObjectId, kind: Symbol) {
        self.written.push((id, kind));
    }

    /// The objects written so far that may take part in a pool; some more than once.
    pub(super) fn written(&self) -> impl Iterator<Item = ObjectId> {
        self.written.iter().map(|(id, _)| *id)
    }

    /// A pool, or what it draws from, is changed by this draft: from here on it keeps books of its own.
    /// What it has drawn so far stays held for all.
    pub(in crate::draft) fn note_pool_changed(&mut self) {
        self.changes_pools = true;
        for desk in self.desks.values_mut() {
            let own = AtDesk { released: desk.released.clone(), ..AtDesk::default() };
            self.past.push(std::mem::replace(desk, own));
        }
    }

    /// The reservation of a place was given up or changed.
    pub(super) fn note_released(&mut self, desk: ObjectId, place: u128) {
        self.desks.entry(desk).or_default().released.insert(place);
    }

    /// Whether anything was given up or changed.
    pub(super) fn has_released(&self) -> bool {
        self.desks.values().any(|desk| !desk.released.is_empty())
    }

    /// Whether the reservation of a place was given up or changed.
    pub(super) fn was_released(&self, desk: ObjectId, place: u128) -> bool {
        self.desks.get(&desk).is_some_and(|desk| desk.released.contains(&place))
    }

    /// A place to go back to.
    pub(in crate::draft) fn mark(&self) -> LeaseMark {
        LeaseMark(self.desks.iter().map(|(id, desk)| (*id, desk.drawn.len())).collect())
    }

    /// Gives back what was drawn since a mark. What written objects take is looked at anew.
    pub(in crate::draft) fn back_to(&mut self, mark: &LeaseMark) {
        for (id, desk) in &mut self.desks {
            desk.end(mark.0.get(id).copied().unwrap_or(0));
        }
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        self.desks.values_mut().chain(&mut self.past).for_each(|desk| desk.end(0));
    }
}

impl Draft {
    /// Looks at what is known of a desk, up to date, as this draft sees it: what it wrote is taken, what
    /// it gave up, and what is free `also`, is free. What `pick` returns is held for the draft.
    ///
    /// Nothing is written meanwhile, and nobody else looks: choosing and holding are one step.
    pub(super) fn at_desk<T>(
        &mut self,
        desk: &Desk,
        also: Also,
        pick: impl FnOnce(&mut Book) -> Result<(T, Vec<Stretch>), BranchError>,
    ) -> Result<T, BranchError> {
        let mut held = self.leases.desks.remove(&desk.id).unwrap_or_default();
        if !self.leases.changes_pools {
            held.books = self.database.books().of(desk.id);
        }
        let shared = Arc::clone(&held.books);
        let done = {
            let mut open = books::open(&shared);
            self.at_open_desk(desk, &mut held, &mut open, also, pick)
        };
        self.leases.desks.insert(desk.id, held);
        done
    }

    fn at_open_desk<T>(
        &self,
        desk: &Desk,
        held: &mut AtDesk,
        open: &mut DeskBooks,
        also: Also,
        pick: impl FnOnce(&mut Book) -> Result<(T, Vec<Stretch>), BranchError>,
    ) -> Result<T, BranchError> {
        let at = self.brought(desk, open)?;
        open.book(at).wake(self.view.now());
        self.settle_written(desk, held, open, at)?;
        let book = open.book(at);
        let lifted = self.lifted(desk, held, book, also)?;
        let written: BTreeSet<ObjectId> = match self.view.branch {
            BranchId::MAIN => BTreeSet::new(),
            _ => self.leases.written().chain(also.object).collect(),
        };
        let still = book.still_carried(self.view.branch);
        let still = still.filter(|(id, _)| !written.contains(id)).map(|(_, taken)| taken);
        let still: Vec<Stretch> = still.filter(|_| !also.given_up).collect();
        still.iter().for_each(|stretch| book.add(*stretch));
        let lifted: Vec<_> = lifted.into_iter().map(|stretch| book.lift(stretch)).collect();
        let picked = pick(book);
        lifted.iter().rev().for_each(|lifted| book.put_back(lifted));
        still.iter().for_each(|stretch| book.leave(*stretch));
        let (found, stretches) = picked?;
        for stretch in stretches {
            open.lease(stretch);
            held.drawn.push(stretch);
        }
        Ok(found)
    }

    /// The book of this draft's branch, up to date.
    fn brought(&self, desk: &Desk, open: &mut DeskBooks) -> Result<u32, BranchError> {
        let branch = self.view.branch;
        if self.leases.changes_pools {
            if let Some(at) = open.ready(branch, self.view.seq()) {
                return Ok(at);
            }
            // Nobody else knows of this book: what it is made of must not change meanwhile.
            self.view.note_all_of(desk)?;
            return open.bring(&mut Lines::new(&self.database, desk, &self.view));
        }
        if let Some(at) = open.ready(branch, self.database.last_seq()) {
            return Ok(at);
        }
        // The newest state: what others have committed since this draft began is taken.
        let newest = self.database.view(branch)?;
        let known = open.kinds().len();
        let at = open.bring(&mut Lines::new(&self.database, desk, &newest))?;
        if open.kinds().len() != known {
            self.database.books().concern(desk.id, open.kinds());
        }
        Ok(at)
    }

    /// Looks at the objects written since the last time, and holds what they take.
    fn settle_written(
        &self,
        desk: &Desk,
        held: &mut AtDesk,
        open: &mut DeskBooks,
        at: u32,
    ) -> Result<(), BranchError> {
        let part = Part::of(&self.view, &desk.pool);
        let written = self.leases.written.get(held.seen..).unwrap_or_default();
        for (id, kind) in written {
            if !part.concerns(&self.view, *kind) {
                continue;
            }
            let book = open.book(at);
            let now = match self.view.object(*id)? {
                Some(object) => book.taken_by(&self.view, desk, &part, &object)?,
                None => None,
            };
            let committed = book.carried.get(self.view.carrier(*kind, *id));
            let before = match now == committed {
                true => held.moved.remove(id),
                false => held.moved.insert(*id, (*kind, now)),
            };
            if let Some(now) = now.filter(|_| now != committed) {
                open.lease(now);
            }
            if let Some((_, Some(before))) = before {
                open.end_lease(before);
            }
        }
        held.seen = self.leases.written.len();
        Ok(())
    }

    /// What this draft gives up, with what it drew there itself.
    fn lifted(
        &self,
        desk: &Desk,
        held: &AtDesk,
        book: &Book,
        also: Also,
    ) -> Result<Vec<Stretch>, BranchError> {
        let mut lifted = Vec::new();
        if let Some(object) = also.object.filter(|_| self.view.branch != BranchId::MAIN) {
            lifted.extend(book.carried.get((BranchId::MAIN, object)));
            if also.given_up && !held.moved.contains_key(&object) {
                lifted.extend(book.carried.get((self.view.branch, object)));
            }
        }
        let also = also.place;
        for (id, (kind, _)) in &held.moved {
            lifted.extend(book.carried.get(self.view.carrier(*kind, *id)));
        }
        let now = self.view.now();
        for place in held.released.iter().copied() {
            // What was given up may have been drawn again, or the giving up taken back.
            let kept = self.view.kept_at(desk.id, place)?;
            if kept.as_ref().is_some_and(|kept| kept.holds_at(now) && Some(place) != also) {
                continue;
            }
            lifted.extend(book.held_at(place));
            lifted.extend(held.drawn.iter().filter(|drawn| drawn.place() == place));
        }
        if let Some(place) = also.filter(|place| !held.released.contains(place)) {
            lifted.extend(book.held_at(place));
            lifted.extend(held.drawn.iter().filter(|drawn| drawn.place() == place));
        }
        Ok(lifted)
    }

    /// Holds what the draft has written by hand where somebody draws such things, so that nobody draws it
    /// before it is committed. Where only main is and the attribute has an index, who draws has looked
    /// there, and the commit decides; an index of one branch says nothing of the others.
    pub(crate) fn hold_written(&mut self) -> Result<(), BranchError> {
        let kinds = self.written_kinds();
        if kinds.is_empty() || self.leases.changes_pools {
            return Ok(());
        }
        let concerned = self.database.books().concerned(&kinds);
        if concerned.is_empty() {
            return Ok(());
        }
        let is_alone = crate::branches::is_alone(&self.view.rows.snapshot)?;
        for id in concerned {
            let Some(desk) = self.view.quietly(|| self.view.desk_by_id(id))? else { continue };
            let pool = &desk.pool;
            let part = Part::of(&self.view, pool);
            let held = match &part {
                Part::Numbers(numbered) => numbered.iter().any(|(kind, attribute)| {
                    kinds.contains(&kind.symbol)
                        && !(is_alone && self.view.is_indexed(kind, attribute))
                }),
                // Places of prefixes and addresses are always in an index.
                _ => !is_alone && kinds.iter().any(|kind| part.concerns(&self.view, *kind)),
            };
            if held {
                self.at_desk(&desk, Also::default(), |_| Ok(((), Vec::new())))?;
            }
        }
        Ok(())
    }

    /// The kinds of the objects written that may take part in a pool.
    pub(crate) fn written_kinds(&self) -> BTreeSet<Symbol> {
        self.leases.written.iter().map(|(_, kind)| *kind).collect()
    }
}

impl crate::view::View {
    /// Notes everything that decides what is free at a desk: any change of it is a conflict.
    fn note_all_of(&self, desk: &Desk) -> Result<(), BranchError> {
        let prefix = key::pool_value_prefix(desk.id);
        self.rows.prefix(Space::PoolValues, &prefix)?;
        let part = Part::of(self, &desk.pool);
        if let Part::Numbers(kinds) = &part {
            for (kind, _) in kinds {
                self.objects(kind)?;
            }
        } else {
            for resource in self.pool_resources(&desk.pool)? {
                self.note_ip_objects_within(resource.net)?;
            }
        }
        for line in crate::branches::open_branches(&self.rows.snapshot)? {
            for kind in part.kinds(self).into_iter().filter(|_| line != self.branch) {
                let prefix = key::head_kind_prefix(line, kind.symbol);
                self.rows.note_range(Space::Heads, &prefix, &key::prefix_end(&prefix));
            }
        }
        Ok(())
    }
}
