//! Marks of keys: what was looked at and what is written, as numbers that are compared instead of keys.
//!
//! Two keys of one mark would only make a proposal be made again. By arithmetic, not by measure: 150 looks
//! against 5,000 rows written meanwhile meet in 56 bits by chance once in some 10^11 proposals.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use foldhash::quality::RandomState;
use model::Seq;

use crate::layout::Space;

/// Bytes of the id of an object, which keys of some tables end with.
const ID: usize = 16;

/// A key of a table, or all that lies right below one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark(u64);

/// What a mark stands for.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Of {
    /// The row under a key.
    Row,
    /// The rows whose keys are this one and the id of an object.
    Below,
}

/// Where the table is in a mark: neither in the bits that choose a place in a map nor in those that
/// tell its entries apart.
const SPACE_AT: u32 = 40;
const SPACE_BITS: u64 = 0xff << SPACE_AT;

/// Drawn once a process, so that nobody can prepare keys of one mark.
static HASHED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl Mark {
    fn new(of: Of, space: Space, key: &[u8]) -> Self {
        let mut hasher = HASHED.build_hasher();
        hasher.write_u8(of as u8);
        hasher.write(key);
        Self(hasher.finish() & !SPACE_BITS | u64::from(space.byte()) << SPACE_AT)
    }

    /// The row under a key.
    pub(crate) fn row(space: Space, key: &[u8]) -> Self {
        Self::new(Of::Row, space, key)
    }

    /// The rows whose keys are this one and the id of an object.
    pub(crate) fn below(space: Space, key: &[u8]) -> Self {
        Self::new(Of::Below, space, key)
    }

    /// What a row lies right below of.
    pub(crate) fn above(space: Space, key: &[u8]) -> Option<Self> {
        let at = key.len().checked_sub(ID).filter(|_| space.ends_with_object())?;
        Some(Self::below(space, key.get(..at)?))
    }

    /// The table.
    pub(crate) fn space(self) -> Option<Space> {
        let byte = (self.0 & SPACE_BITS) >> SPACE_AT;
        Space::ALL.get(usize::try_from(byte).ok()?).copied()
    }
}

/// The last commit that wrote something of each mark.
pub(crate) type Marks = HashMap<Mark, Seq, BuildHasherDefault<AsItIs>>;

/// Marks are hashes already.
#[derive(Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_mark_of_what_it_lies_right_below_and_of_nothing_else() {
        let above = [1, 2, 3];
        let key = [&above[..], &[9; 16]].concat();
        let deeper = [&above[..], &[9; 17]].concat();
        let below = Mark::below(Space::Index, &above);
        assert_eq!(Mark::above(Space::Index, &key), Some(below));
        assert_ne!(Mark::above(Space::Index, &deeper), Some(below));
        assert_ne!(Mark::above(Space::Edges, &key), Some(below));
        assert_ne!(Mark::row(Space::Index, &above), below);
        assert_eq!(Mark::above(Space::Index, &key[..15]), None);
        // Keys of other tables end with what they like.
        assert_eq!(Mark::above(Space::Runs, &key), None);
        for space in Space::ALL {
            assert_eq!(Mark::row(space, &key).space(), Some(space));
        }
    }
}
