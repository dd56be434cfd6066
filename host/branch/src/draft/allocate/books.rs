//! The books of all pools, over all drafts and branches.
//!
//! One book serves every branch that sees a pool set up alike. A branch that widened a range, or has a
//! parent prefix that others do not see, has one of its own; what drafts hold is held in all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{BranchId, ObjectId, Seq, Symbol};

use crate::draft::allocate::book::{Book, SetUp};
use crate::draft::allocate::lines::{Lines, Part};
use crate::draft::allocate::shelf::Stretch;
use crate::error::BranchError;

/// All books of a database, by pool, or division of one.
#[derive(Debug, Default)]
pub(crate) struct Books {
    desks: Mutex<BTreeMap<ObjectId, Known>>,
}

/// A desk of which something is known.
#[derive(Debug, Default)]
struct Known {
    books: SharedDesk,
    /// The kinds whose objects take part, on whatever branch it was looked at.
    kinds: BTreeSet<Symbol>,
}

pub(super) type SharedDesk = Arc<Mutex<DeskBooks>>;

impl Books {
    /// What is known of a desk; nothing yet when it is new.
    pub(super) fn of(&self, desk: ObjectId) -> SharedDesk {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&desks.entry(desk).or_default().books)
    }

    /// Objects of these kinds take part at a desk.
    pub(super) fn concern(&self, desk: ObjectId, kinds: &BTreeSet<Symbol>) {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        desks.entry(desk).or_default().kinds.extend(kinds);
    }

    /// The desks at which objects of one of these kinds take part, as far as anything is known of them.
    pub(crate) fn concerned(&self, kinds: &BTreeSet<Symbol>) -> Vec<ObjectId> {
        if kinds.is_empty() {
            return Vec::new();
        }
        let desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        let concerned = desks.iter().filter(|(_, known)| !known.kinds.is_disjoint(kinds));
        concerned.map(|(desk, _)| *desk).collect()
    }
}

/// Locks the books of a desk.
pub(super) fn open(desk: &Mutex<DeskBooks>) -> MutexGuard<'_, DeskBooks> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The books of one desk.
#[derive(Debug, Default)]
pub(super) struct DeskBooks {
    /// Stretches that drafts in flight hold, with how often.
    leases: BTreeMap<Stretch, u32>,
    books: BTreeMap<u32, Book>,
    next: u32,
    /// Which book shows the desk as a branch sees it, and whether that is still sure.
    of: BTreeMap<BranchId, (u32, bool)>,
    /// The kinds whose objects take part.
    kinds: BTreeSet<Symbol>,
}

impl DeskBooks {
    /// The book of a branch, if it shows all up to a commit.
    pub(super) fn ready(&self, branch: BranchId, seq: Seq) -> Option<u32> {
        let (at, sure) = self.of.get(&branch)?;
        self.books.get(at).filter(|book| *sure && book.shows(branch, seq)).map(|_| *at)
    }

    pub(super) fn book(&mut self, at: u32) -> &mut Book {
        self.books.entry(at).or_default()
    }

    /// The kinds whose objects take part, on the branches that were looked at.
    pub(super) fn kinds(&self) -> &BTreeSet<Symbol> {
        &self.kinds
    }

    /// The book of the branch that is drawn on, brought up to date.
    pub(super) fn bring(&mut self, lines: &mut Lines<'_>) -> Result<u32, BranchError> {
        let branch = lines.here.branch;
        let mut found = None;
        if let Some((at, sure)) = self.of.get(&branch).copied()
            && self.advance(at, lines)?
            && sure
        {
            found = Some(at);
        }
        let at = match found {
            Some(at) => at,
            None => self.choose(lines)?,
        };
        if let Some(book) = self.books.get_mut(&at) {
            book.look_back(lines)?;
        }
        Ok(at)
    }

    /// Brings a book forward; `false` where a branch may see the pool set up in another way since: a
    /// resource is touched by everything that comes to lie below it.
    fn advance(&mut self, at: u32, lines: &mut Lines<'_>) -> Result<bool, BranchError> {
        let Some(book) = self.books.get_mut(&at) else { return Ok(false) };
        if book.advance(lines, &self.leases)? {
            return Ok(true);
        }
        self.of.values_mut().for_each(|(_, sure)| *sure = false);
        Ok(false)
    }

    /// Finds or makes the book that shows the desk as it is set up for a branch now.
    fn choose(&mut self, lines: &mut Lines<'_>) -> Result<u32, BranchError> {
        let branch = lines.here.branch;
        let set_up = SetUp::of(lines.here, lines.desk)?;
        let part = Part::of(lines.here, &lines.desk.pool);
        self.kinds.extend(part.kinds(lines.here).iter().map(|kind| kind.symbol));
        let same = self.books.iter().find(|(_, book)| book.is_over(&set_up)).map(|(at, _)| *at);
        let at = match same {
            Some(at) => {
                // Its set-up is looked at already: that it may be another one since says nothing.
                self.advance(at, lines)?;
                at
            }
            None => {
                let mut book = Book::over(set_up);
                book.advance(lines, &self.leases)?;
                self.next = self.next.wrapping_add(1);
                self.books.insert(self.next, book);
                self.next
            }
        };
        self.of.insert(branch, (at, true));
        self.forget_unused(lines)?;
        Ok(at)
    }

    /// Drops books that no branch uses any more.
    fn forget_unused(&mut self, lines: &mut Lines<'_>) -> Result<(), BranchError> {
        if self.books.len() < 2 {
            return Ok(());
        }
        let mut gone = Vec::new();
        for branch in self.of.keys() {
            if *branch != lines.here.branch && lines.line(*branch)?.is_none() {
                gone.push(*branch);
            }
        }
        gone.iter().for_each(|branch| {
            self.of.remove(branch);
        });
        let of = &self.of;
        self.books.retain(|at, _| of.values().any(|(used, _)| used == at));
        Ok(())
    }

    /// Holds a stretch for a draft, free or not.
    pub(super) fn lease(&mut self, stretch: Stretch) {
        *self.leases.entry(stretch).or_insert(0) += 1;
        self.books.values_mut().for_each(|book| book.add(stretch));
    }

    /// A draft no longer holds a stretch.
    pub(super) fn end_lease(&mut self, stretch: Stretch) {
        if let Some(count) = self.leases.get_mut(&stretch) {
            *count -= 1;
            if *count == 0 {
                self.leases.remove(&stretch);
            }
            self.books.values_mut().for_each(|book| book.leave(stretch));
        }
    }
}
