//! Rows as a draft sees them: the snapshot's, with the draft's own writes laid over them, and a
//! note of everything that was looked at.
//!
//! Everything above reads through here, so that a run sees its own writes in every query and the
//! read set is complete without anyone thinking of it.

mod below;
mod beside;
mod bytes;
mod looked;
mod merged;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use foldhash::fast::RandomState;
use model::ObjectId;

use store::{BySpace, Key, KeyGuard, ReadSet, Row, Scan, Snapshot, Space, StoreError, key};

use crate::branches::Overlay;
use crate::object::{is_there, is_through};
use crate::seen::Seen;

pub(crate) use below::Wanted;
use beside::Beside;
pub(crate) use bytes::{RowBytes, encoded};
pub(crate) use looked::Found;
use looked::{Looked, remembered};
pub(crate) use merged::{Ends, KeyRow, Merged};
use merged::{StoredRange, laid_over};

/// A row's bytes: stored, or pending in a draft.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// Of a draft that is not committed, or put together.
    Pending(RowBytes),
    /// Of the snapshot.
    Stored(Row),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Pending(bytes) => bytes,
            Self::Stored(row) => row,
        }
    }
}

/// A pending row.
#[derive(Debug, Clone)]
struct Slot {
    /// Its value; nothing takes the row away.
    value: Option<RowBytes>,
    /// Whether the snapshot has a row under its key.
    stored: bool,
}

type Pending = BTreeMap<Key, Slot>;

/// The key of a pending row, its value, and the row that it replaces.
type Replacing<'a> = (&'a [u8], Option<&'a [u8]>, Option<Bytes>);

/// A pending row as it was: not pending, or pending with a value or an absence.
type Undo = (Space, Key, Option<Slot>);

/// A place to go back to.
#[derive(Debug)]
pub(crate) struct Mark(usize);

/// A snapshot with pending writes over it.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) snapshot: Snapshot,
    /// What lies below a branch, and of which moment things are. Main as it is now has none, and
    /// pays one test for it.
    pub(crate) overlay: Option<Overlay>,
    pending: Box<BySpace<Pending>>,
    /// What was pending and counts as stored: of a draft that looks ahead, and is never committed.
    ahead: Option<Box<BySpace<Pending>>>,
    /// `None` where nobody will ask: plain queries do not pay for it.
    reads: Option<RefCell<ReadSet>>,
    /// What rows were before each write since the outermost mark.
    journal: Vec<Undo>,
    marks: u32,
    /// How often something was written or taken back.
    writes: u64,
    /// The pending writes are looked past: for telling how something was before them.
    past: Cell<bool>,
    /// Nothing is noted: what is looked at decides nothing.
    quiet: Cell<bool>,
    /// Objects of which the snapshot has no row at all: their rows need no look.
    fresh: HashSet<ObjectId, RandomState>,
    /// What was looked at and noted.
    looked: RefCell<Box<Looked>>,
    beside: Beside,
    /// What is looked at is the input of a run.
    observing: Cell<bool>,
    seen: RefCell<Seen>,
}

impl Rows {
    pub(crate) fn new(snapshot: Snapshot, overlay: Option<Overlay>, track: Track) -> Self {
        let reads = match track {
            Track::Reads => Some(RefCell::new(ReadSet::default())),
            Track::Nothing => None,
        };
        Self {
            snapshot,
            overlay,
            pending: Box::default(),
            ahead: None,
            reads,
            journal: Vec::new(),
            marks: 0,
            writes: 0,
            past: Cell::new(false),
            quiet: Cell::new(false),
            fresh: HashSet::default(),
            looked: RefCell::default(),
            beside: Beside::default(),
            observing: Cell::new(false),
            seen: RefCell::default(),
        }
    }

    /// The row under `key`; its absence is noted as well.
    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if self.observing.get() {
            self.seen.borrow_mut().row(space, key);
        }
        if let Some(pending) = self.shown(space).and_then(|rows| rows.get(key)) {
            // The draft's own row: no commit of others changes what is seen here.
            return Ok(pending.value.clone().map(Bytes::Pending));
        }
        if self.reads.is_none() {
            return self.beneath(space, key);
        }
        if self.is_fresh(space, key) {
            return Ok(None);
        }
        if remembered(space).is_none() {
            self.note_point(space, key);
            let is_plain = self.overlay.is_none() && self.ahead.is_none();
            if space == Space::Kinds
                && is_plain
                && let Some(known) = self.beside.get(&self.snapshot, key)?
            {
                return Ok(known.map(Bytes::Pending));
            }
            return self.beneath(space, key);
        }
        if let Some(known) = self.looked.borrow().row(space, key) {
            return Ok(known.clone().map(Bytes::Pending));
        }
        self.note_point(space, key);
        let row = self.beneath(space, key)?.map(|row| RowBytes::from(&*row));
        // What was read quietly was not noted, and must be when it counts.
        if !self.quiet.get() {
            self.looked.borrow_mut().note_row(space, key, row.clone());
        }
        Ok(row.map(Bytes::Pending))
    }

    /// What an id is, where it was asked for and noted, and nothing was written since that says otherwise.
    pub(crate) fn found(&self, id: ObjectId) -> Option<Found> {
        if self.past.get() {
            return None;
        }
        let found = self.looked.borrow().found(id)?;
        if self.observing.get() {
            self.seen.borrow_mut().existence.insert(id.0);
        }
        Some(found)
    }

    /// Remembers what an id is. What was read quietly was not noted, and must be when it counts.
    pub(crate) fn note_found(&self, id: ObjectId, found: Found) {
        if self.reads.is_some() && !self.past.get() && !self.quiet.get() {
            self.looked.borrow_mut().note_found(id, found);
        }
    }

    /// A row of a kind is written or taken back.
    fn forget_found(&self, space: Space, key: &[u8]) {
        if space == Space::Kinds
            && let Some(id) = key::object_at_end(key)
        {
            self.looked.borrow_mut().forget_found(id);
        }
    }

    /// As `get`, without a note: for rows whose change does not matter to the reader.
    pub(crate) fn peek(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let pending = self.shown(space).and_then(|rows| rows.get(key));
        if let Some(pending) = pending {
            return Ok(pending.value.clone().map(Bytes::Pending));
        }
        self.stored(space, key)
    }

    /// The row below the pending ones, without a note.
    fn stored(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if self.is_fresh(space, key) {
            return Ok(None);
        }
        if let Some(known) = self.looked.borrow().row(space, key) {
            return Ok(known.clone().map(Bytes::Pending));
        }
        self.beneath(space, key)
    }

    /// The row of the snapshot, or of what lies below a branch; of what counts as stored first.
    fn beneath(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if let Some(ahead) = self.ahead(space).and_then(|rows| rows.get(key)) {
            return Ok(ahead.value.clone().map(Bytes::Pending));
        }
        match &self.overlay {
            None => Ok(self.snapshot.get(space, key)?.map(Bytes::Stored)),
            Some(overlay) => overlay.get(&self.snapshot, space, key),
        }
    }

    /// Remembers that the snapshot has no row of an object, not even a tombstone. That its kind is not
    /// there has been noted, and nobody writes a row of an object without its kind: so its own rows
    /// need neither a look nor a note.
    pub(crate) fn note_fresh(&mut self, id: ObjectId) {
        self.fresh.insert(id);
    }

    /// Whether the snapshot has no row of an object, as far as that was noted.
    pub(crate) fn is_new(&self, id: ObjectId) -> bool {
        self.fresh.contains(&id)
    }

    /// Whether a row belongs to an object that the snapshot does not know.
    fn is_fresh(&self, space: Space, key: &[u8]) -> bool {
        if self.fresh.is_empty() {
            return false;
        }
        let at = |at: usize| {
            let id = key.get(at..).and_then(<[u8]>::first_chunk::<16>);
            id.is_some_and(|id| self.fresh.contains(&ObjectId(u128::from_be_bytes(*id))))
        };
        let last = || key.len().checked_sub(16).is_some_and(at);
        match space {
            Space::Heads | Space::Kinds | Space::Index | Space::Claims => last(),
            Space::ClaimedBy => at(4),
            Space::Edges => at(4) || last(),
            _ => false,
        }
    }

    /// Whether a range that begins here lies within the rows of an object that the snapshot does not
    /// know: then nothing of it is stored. Prefixes name the object they are about in full.
    fn is_of_fresh(&self, space: Space, low: &[u8]) -> bool {
        if self.fresh.is_empty() || !matches!(space, Space::Edges | Space::ClaimedBy) {
            return false;
        }
        let id = low.get(4..).and_then(<[u8]>::first_chunk::<16>);
        id.is_some_and(|id| self.fresh.contains(&ObjectId(u128::from_be_bytes(*id))))
    }

    /// All rows under `prefix` in key order, lazily.
    pub(crate) fn prefix(&self, space: Space, prefix: &[u8]) -> Result<Merged<'_>, StoreError> {
        self.range(space, prefix, &key::prefix_end(prefix))
    }

    /// All rows with `low <= key < high` in key order, lazily from either end.
    pub(crate) fn range(
        &self,
        space: Space,
        low: &[u8],
        high: &[u8],
    ) -> Result<Merged<'_>, StoreError> {
        if self.observing.get() {
            self.seen.borrow_mut().range(space, low, high);
        }
        let Some(reads) = self.reads.as_ref().filter(|_| !self.quiet.get()) else {
            return self.range_unnoted(space, low, high);
        };
        if !self.is_of_fresh(space, low) {
            reads.borrow_mut().add_range(space, low.to_vec(), high.to_vec());
        }
        self.range_unnoted(space, low, high)
    }

    pub(crate) fn note_range(&self, space: Space, low: &[u8], high: &[u8]) {
        if let Some(reads) = self.reads.as_ref().filter(|_| !self.quiet.get()) {
            reads.borrow_mut().add_range(space, low.to_vec(), high.to_vec());
        }
    }

    /// As `range`, without a note.
    pub(crate) fn range_unnoted(
        &self,
        space: Space,
        low: &[u8],
        high: &[u8],
    ) -> Result<Merged<'_>, StoreError> {
        let stored = match &self.overlay {
            _ if self.is_of_fresh(space, low) => StoredRange::Plain(Scan::empty()),
            None => StoredRange::Plain(self.snapshot.range(space, low, high)?),
            Some(overlay) => {
                let rows = overlay.range(&self.snapshot, space, low, high)?;
                StoredRange::Layered(Box::new(rows))
            }
        };
        let stored = match self.ahead(space) {
            Some(ahead) => StoredRange::Ahead(Box::new(laid_over(stored, Some(ahead), low, high))),
            None => stored,
        };
        Ok(self.merged(stored, space, low, high))
    }

    /// Stored rows with the pending ones of the same range.
    fn merged<'a>(
        &'a self,
        stored: StoredRange<'a>,
        space: Space,
        low: &[u8],
        high: &[u8],
    ) -> Merged<'a> {
        laid_over(stored, self.shown(space), low, high)
    }

    /// The pending rows of a space, unless they are looked past.
    fn shown(&self, space: Space) -> Option<&Pending> {
        (!self.past.get()).then(|| self.pending.of(space))
    }

    /// What counts as stored and is not, of a space.
    fn ahead(&self, space: Space) -> Option<&Pending> {
        self.ahead.as_ref().map(|rows| rows.of(space))
    }

    /// What something reads as without the pending writes.
    pub(crate) fn before<T>(&self, read: impl FnOnce() -> T) -> T {
        self.past.set(true);
        let was = read();
        self.past.set(false);
        was
    }

    /// Looks at things without a note: for what is only told, and decides nothing.
    pub(crate) fn quietly<T>(&self, read: impl FnOnce() -> T) -> T {
        let was = self.quiet.replace(true);
        let told = read();
        self.quiet.set(was);
        told
    }

    /// What is looked at within is the input of a run.
    pub(crate) fn observing<T>(&self, read: impl FnOnce() -> T) -> T {
        let was = self.observing.replace(true);
        let told = read();
        self.observing.set(was);
        told
    }

    /// What was looked at as input since this was asked last.
    pub(crate) fn take_seen(&self) -> Seen {
        self.seen.take()
    }

    pub(crate) fn note_point(&self, space: Space, key: &[u8]) {
        if let Some(reads) = self.reads.as_ref().filter(|_| !self.quiet.get()) {
            reads.borrow_mut().add_point(space, key);
        }
    }

    /// Writes a row, or takes it away; one that is as stored again is no longer pending.
    pub(crate) fn write(
        &mut self,
        space: Space,
        key: Key,
        value: Option<RowBytes>,
    ) -> Result<(), StoreError> {
        let stored = self.stored(space, &key)?;
        self.writes += 1;
        self.forget_found(space, &key);
        let pending = self.pending.of_mut(space);
        let unchanged = match (&stored, &value) {
            (None, None) => true,
            (Some(stored), Some(value)) => same_row(space, stored, value),
            _ => false,
        };
        let kept = (self.marks > 0).then(|| key.clone());
        let was = if unchanged {
            pending.remove(&key)
        } else {
            pending.insert(key, Slot { value, stored: stored.is_some() })
        };
        self.journal.extend(kept.map(|key| (space, key, was)));
        Ok(())
    }

    /// Writes a row under a key that was drawn for it, so that nothing is stored there: no look is needed.
    /// For rows without a stamp, which have no history.
    pub(crate) fn write_new(&mut self, space: Space, key: Key, value: RowBytes) {
        debug_assert!(!space.is_stamped(), "{space:?}");
        debug_assert!(matches!(self.stored(space, &key), Ok(None)), "{space:?} {key:02x?}");
        self.writes += 1;
        let slot = Slot { value: Some(value), stored: false };
        let was = self.pending.of_mut(space).insert(key.clone(), slot);
        if self.marks > 0 {
            self.journal.push((space, key, was));
        }
    }

    /// A place to go back to. Marks nest; each must be ended.
    pub(crate) fn mark(&mut self) -> Mark {
        self.marks += 1;
        Mark(self.journal.len())
    }

    /// Keeps the writes since a mark.
    pub(crate) fn keep(&mut self, _mark: Mark) {
        self.marks = self.marks.saturating_sub(1);
        if self.marks == 0 {
            self.journal.clear();
        }
    }

    /// Takes the writes since a mark back.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        while self.journal.len() > mark.0 {
            let Some((space, key, was)) = self.journal.pop() else { break };
            self.writes += 1;
            self.forget_found(space, &key);
            let pending = self.pending.of_mut(space);
            match was {
                Some(was) => pending.insert(key, was),
                None => pending.remove(&key),
            };
        }
        self.keep(mark);
    }

    /// The pending rows of one space in key order; `None` takes a row away.
    pub(crate) fn pending(&self, space: Space) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.pending.of(space).iter().map(|(key, slot)| (&**key, slot.value.as_deref()))
    }

    /// The pending rows of one space in key order, each with the row that it replaces.
    pub(crate) fn replacing(
        &self,
        space: Space,
    ) -> impl Iterator<Item = Result<Replacing<'_>, StoreError>> {
        self.pending.of(space).iter().map(move |(key, slot)| {
            let old = if slot.stored { self.stored(space, key)? } else { None };
            Ok((&**key, slot.value.as_deref(), old))
        })
    }

    /// A number that is another one after each write: what was worked out of the pending rows holds as long
    /// as it stays.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    /// How many rows are pending.
    pub(crate) fn pending_count(&self) -> usize {
        self.pending.iter().map(|(_, rows)| rows.len()).sum()
    }

    /// By how much the pending rows, and what counts as stored, change the number of objects whose heads
    /// are in a range.
    pub(crate) fn pending_growth(&self, low: &[u8], high: &[u8]) -> Result<i64, StoreError> {
        let mut by = 0;
        let bounds = || (Bound::Included(low), Bound::Excluded(high));
        for (key, slot) in
            self.ahead(Space::Heads).into_iter().flat_map(|rows| rows.range::<[u8], _>(bounds()))
        {
            let is = slot.value.as_deref().is_some_and(is_there);
            let was = self.snapshot.get(Space::Heads, key)?.is_some_and(|row| is_there(&row));
            by += i64::from(is) - i64::from(was);
        }
        let Some(rows) = self.shown(Space::Heads) else { return Ok(by) };
        for (key, slot) in rows.range::<[u8], _>(bounds()) {
            let is = slot.value.as_deref().is_some_and(is_there);
            let was =
                slot.stored && self.stored(Space::Heads, key)?.is_some_and(|row| is_there(&row));
            by += i64::from(is) - i64::from(was);
        }
        Ok(by)
    }

    /// Whether the draft has a row of its own under a key, if only one that hides.
    pub(crate) fn is_pending(&self, space: Space, key: &[u8]) -> bool {
        self.pending.of(space).contains_key(key)
    }

    /// From here on what is pending counts as stored, so that what is written next is told apart from it.
    /// A draft that does so is never committed.
    pub(crate) fn go_ahead(&mut self) {
        let ahead = self.ahead.get_or_insert_default();
        for (space, rows) in *std::mem::take(&mut self.pending) {
            ahead.of_mut(space).extend(rows);
        }
        self.writes += 1;
        // The snapshot is no longer all that is known of an object.
        self.fresh.clear();
        **self.looked.get_mut() = Looked::default();
    }

    /// Whether something that is not stored counts so.
    pub(crate) fn is_ahead(&self) -> bool {
        self.ahead.as_ref().is_some_and(|all| all.iter().any(|(_, rows)| !rows.is_empty()))
    }

    /// The row that the pending one under a key replaces: on a branch, main's where it has none.
    pub(crate) fn replaced(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let slot = self.pending.of(space).get(key);
        if slot.is_some_and(|slot| !slot.stored) {
            return Ok(None);
        }
        self.stored(space, key)
    }

    /// Whether main has something under a key of the branch, that only a row of the branch can hide.
    pub(crate) fn has_below(&self, space: Space, key: &[u8]) -> Result<bool, StoreError> {
        match &self.overlay {
            Some(overlay) if space.has_past() => {
                Ok(overlay.below(&self.snapshot, space, key)?.is_some())
            }
            _ => Ok(false),
        }
    }

    /// Whether a line has a row of its own under a key, if only one that hides.
    pub(crate) fn has_own(&self, space: Space, key: &[u8]) -> Result<bool, StoreError> {
        match self.shown(space).and_then(|rows| rows.get(key)) {
            Some(pending) => Ok(pending.value.is_some()),
            None => Ok(self.snapshot.get(space, key)?.is_some_and(|row| !is_through(&row))),
        }
    }

    /// The keys of the rows that a line has of its own under a prefix, tombstones included; some come
    /// twice. Without a note.
    pub(crate) fn own_keys(
        &self,
        space: Space,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<Key, StoreError>> + use<'_>, StoreError> {
        let end = key::prefix_end(prefix);
        let bounds = (Bound::Included(Key::from(prefix)), Bound::Excluded(end.clone()));
        let pending =
            self.shown(space).into_iter().flat_map(move |rows| rows.range(bounds.clone()));
        let pending = pending.map(|(key, _)| Ok(key.clone()));
        let stored = self.snapshot.range(space, prefix, &end)?;
        let through = |row: &Result<(KeyGuard, Row), StoreError>| {
            row.as_ref().is_ok_and(|(_, row)| is_through(row))
        };
        let stored = stored.filter(move |row| !through(row));
        Ok(stored.map(|row| Ok(Key::from(&*row?.0))).chain(pending))
    }

    /// Takes all pending rows, table by table, each with whether it replaces a stored one.
    pub(crate) fn take_pending(
        &mut self,
    ) -> impl Iterator<Item = (Space, Key, Option<RowBytes>, bool)> + use<> {
        std::mem::take(&mut self.pending).into_iter().flat_map(|(space, rows)| {
            rows.into_iter().map(move |(key, slot)| (space, key, slot.value, slot.stored))
        })
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.pending.iter().all(|(_, rows)| rows.is_empty())
    }

    /// What was read so far; the notes are taken, so it is asked once.
    pub(crate) fn reads(&self) -> ReadSet {
        let mut reads = self.reads.as_ref().map(RefCell::take).unwrap_or_default();
        reads.normalise();
        reads
    }
}

/// Whether reads are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Track {
    /// Everything looked at is noted, for validation and re-runs.
    Reads,
    /// A plain query.
    Nothing,
}

/// Stamped rows differ in their first eight bytes only by the commit that wrote them.
fn same_row(space: Space, stored: &[u8], value: &[u8]) -> bool {
    // A record of a branch says "this commit" with a zero, which is another one each time.
    let stamped = space.is_stamped() && space != Space::Branches;
    if stamped { stored.get(8..) == value.get(8..) } else { stored == value }
}

#[cfg(test)]
mod tests;
