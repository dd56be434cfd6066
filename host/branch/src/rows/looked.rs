//! What a draft remembers of the snapshot.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use model::{ObjectId, Symbol};
use store::{Key, Space};

use super::RowBytes;
use crate::limits::ROWS_KNOWN_MAX;

/// Stored rows by key, absences included.
type Known = HashMap<Key, Option<RowBytes>, RandomState>;

/// What the rows of kinds say of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is an object of the kind with this symbol.
    Here(Symbol),
    /// There was one.
    Gone,
    /// No row says anything of it.
    Never,
}

/// What a draft knows of the snapshot: each row is read and noted once, however often it is asked for.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// By the place of their table among those that are remembered.
    rows: [Known; REMEMBERED.len()],
    /// What nothing is stored below, each with its table in front.
    empty: HashSet<Key, RandomState>,
    /// What ids are, pending rows of kinds included: asked for at every step.
    found: HashMap<ObjectId, Found, RandomState>,
    /// How much is in here.
    count: usize,
}

impl Looked {
    /// One more, where there is room.
    fn counts(&mut self) -> bool {
        let room = self.count < ROWS_KNOWN_MAX;
        self.count += usize::from(room);
        room
    }

    /// A row, or that there is none.
    pub(super) fn row(&self, space: Space, key: &[u8]) -> Option<&Option<RowBytes>> {
        self.rows.get(remembered(space)?)?.get(key)
    }

    /// Remembers a row.
    pub(super) fn note_row(&mut self, space: Space, key: &[u8], row: Option<RowBytes>) {
        if let Some(place) = remembered(space)
            && self.counts()
            && let Some(known) = self.rows.get_mut(place)
        {
            known.insert(Key::from(key), row);
        }
    }

    /// What an id is.
    pub(super) fn found(&self, id: ObjectId) -> Option<Found> {
        self.found.get(&id).copied()
    }

    /// Remembers what an id is.
    pub(super) fn note_found(&mut self, id: ObjectId, found: Found) {
        if self.counts() {
            self.found.insert(id, found);
        }
    }

    /// A row of a kind is written or taken back.
    pub(super) fn forget_found(&mut self, id: ObjectId) {
        self.count -= usize::from(self.found.remove(&id).is_some());
    }

    /// Whether nothing is stored below a prefix, as far as that is known.
    pub(super) fn is_empty(&self, place: &Key) -> bool {
        self.empty.contains(place)
    }

    /// Remembers that nothing is stored below a prefix.
    pub(super) fn note_empty(&mut self, place: Key) {
        if self.counts() {
            self.empty.insert(place);
        }
    }
}

/// Tables whose rows are small and asked for again and again. What those of `Kinds` say is remembered by id.
const REMEMBERED: [Space; 2] = [Space::Heads, Space::Edges];

/// The place of a table among those that are remembered.
pub(super) fn remembered(space: Space) -> Option<usize> {
    REMEMBERED.iter().position(|one| *one == space)
}

/// A prefix with its table in front.
pub(super) fn within(space: Space, prefix: &[u8]) -> Key {
    let mut key = Key::from(&[space.byte()][..]);
    key.extend(prefix);
    key
}
