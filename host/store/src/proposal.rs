//! What a change brings to the store.

use model::Seq;

use crate::layout::Space;

/// A change: what it is based on, what it looked at, what it writes.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// The newest commit its snapshot showed.
    pub base: Seq,
    /// What it looked at.
    pub reads: ReadSet,
    /// What it writes, in order.
    pub writes: Vec<Write>,
    /// Its row in the log.
    pub log: Vec<u8>,
}

/// One row to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Puts a row.
    Put {
        /// Table.
        space: Space,
        /// Key.
        key: Vec<u8>,
        /// Value.
        value: Vec<u8>,
    },
    /// Puts a row whose first eight bytes become the commit's number.
    PutStamped {
        /// Table.
        space: Space,
        /// Key.
        key: Vec<u8>,
        /// Value; its first eight bytes are overwritten.
        value: Vec<u8>,
    },
    /// Takes a row away.
    Delete {
        /// Table.
        space: Space,
        /// Key.
        key: Vec<u8>,
    },
}

/// Rows and ranges that were looked at, absences included. A collection of notes: the same one may
/// be there more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSet {
    /// Single keys.
    pub points: Vec<(Space, Vec<u8>)>,
    /// From, and up to but not including.
    pub ranges: Vec<(Space, Vec<u8>, Vec<u8>)>,
}

impl ReadSet {
    /// Adds a key.
    pub fn add_point(&mut self, space: Space, key: Vec<u8>) {
        self.points.push((space, key));
    }

    /// Adds a range; `high` is not in it.
    pub fn add_range(&mut self, space: Space, low: Vec<u8>, high: Vec<u8>) {
        self.ranges.push((space, low, high));
    }

    /// Sorts the notes and drops what is there twice.
    pub fn normalise(&mut self) {
        self.points.sort_unstable();
        self.points.dedup();
        self.ranges.sort_unstable();
        self.ranges.dedup();
    }

    /// Whether nothing was looked at.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty() && self.ranges.is_empty()
    }
}
