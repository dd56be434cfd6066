//! What of a pool's space is taken and by how many, and which object takes what: kept small, as a pool may
//! have handed out millions.
//!
//! A block is 18 bytes, a block with its takers 22, an object with its block 34; the trees that hold them
//! are built full, from what is sorted. Names of identifiers are not kept: the store has them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use model::{BranchId, ObjectId};

use crate::draft::allocate::shelf::{Realm, Stretch};

/// Which object, on which line of the store.
pub(super) type Carrier = (BranchId, ObjectId);

/// A block: `2^height` numbers that begin at a multiple of that. All that is ever taken is one; in order
/// of its beginning, the smaller first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed)]
pub(super) struct Spot {
    realm: u8,
    low: u128,
    height: u8,
}

const REALMS: [Realm; 3] = [Realm::Numbers, Realm::V4, Realm::V6];

impl Spot {
    pub(super) fn of(stretch: Stretch) -> Self {
        let height = u8::try_from(stretch.height()).unwrap_or(128);
        debug_assert_eq!(stretch.low.checked_add(reach(height)), Some(stretch.high));
        Self { realm: byte(stretch.realm), low: stretch.low, height }
    }

    pub(super) fn stretch(self) -> Stretch {
        let realm = REALMS.get(usize::from(self.realm)).copied().unwrap_or(Realm::V6);
        let (low, height) = (self.low, self.height);
        Stretch { realm, low, high: low.saturating_add(reach(height)) }
    }
}

fn byte(realm: Realm) -> u8 {
    match realm {
        Realm::Numbers => 0,
        Realm::V4 => 1,
        Realm::V6 => 2,
    }
}

/// What lies between the first and the last number of a block.
fn reach(height: u8) -> u128 {
    1u128.checked_shl(u32::from(height)).map_or(u128::MAX, |size| size - 1)
}

/// All blocks that begin between two numbers.
fn beginning(realm: Realm, from: u128, to: u128) -> RangeInclusive<Spot> {
    let realm = byte(realm);
    Spot { realm, low: from, height: 0 }..=Spot { realm, low: to, height: u8::MAX }
}

/// How many take a block, and whether one of them is a reservation of main without an end: what most
/// blocks have is told by a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taken(u32);

impl Taken {
    const KEPT: u32 = 1 << 31;

    /// Something takes it.
    pub(super) const ONE: Self = Self(1);
    /// A reservation of main without an end takes it.
    pub(super) const RESERVED: Self = Self(Self::KEPT | 1);

    /// So many of one sort.
    pub(super) fn times(count: u32) -> Self {
        Self(count & !Self::KEPT)
    }

    fn count(self) -> u32 {
        self.0 & !Self::KEPT
    }

    fn is_kept(self) -> bool {
        self.0 & Self::KEPT != 0
    }

    fn and(self, other: Self) -> Self {
        Self((self.count() + other.count()) | ((self.0 | other.0) & Self::KEPT))
    }
}

/// Something that is looked past for a moment.
#[derive(Debug)]
pub(super) struct Lifted {
    pub(super) stretch: Stretch,
    kept: bool,
}

/// Blocks that are taken.
#[derive(Debug, Default)]
pub(super) struct Takers {
    of: BTreeMap<Spot, Taken>,
    /// How many of these have which height: where to look for one around another.
    heights: BTreeMap<u8, usize>,
}

impl Takers {
    /// Of all that is taken, in any order; what comes twice is counted twice.
    pub(super) fn new(mut all: Vec<(Spot, Taken)>) -> Self {
        all.sort_unstable_by_key(|(spot, _)| *spot);
        all.dedup_by(|(spot, more), (kept, taken)| {
            let same = spot == kept;
            if same {
                *taken = taken.and(*more);
            }
            same
        });
        let mut heights = BTreeMap::new();
        for (spot, _) in &all {
            *heights.entry(spot.height).or_insert(0) += 1;
        }
        Self { of: all.into_iter().collect(), heights }
    }

    /// One taker more; whether it is the first.
    pub(super) fn add(&mut self, stretch: Stretch, taken: Taken) -> bool {
        let spot = Spot::of(stretch);
        let now = self.of.entry(spot).or_default();
        *now = now.and(taken);
        let is_first = now.count() == taken.count();
        if is_first {
            *self.heights.entry(spot.height).or_insert(0) += 1;
        }
        is_first
    }

    /// One taker less; whether it was the last.
    pub(super) fn leave(&mut self, stretch: Stretch) -> bool {
        let spot = Spot::of(stretch);
        match self.of.get_mut(&spot) {
            Some(taken) if taken.count() > 1 => {
                taken.0 -= 1;
                false
            }
            Some(_) => {
                self.of.remove(&spot);
                if let Some(count) = self.heights.get_mut(&spot.height) {
                    *count -= 1;
                }
                true
            }
            None => false,
        }
    }

    /// What is lifted is put back as it was, in the opposite order.
    pub(super) fn lift(&mut self, stretch: Stretch) -> (Lifted, bool) {
        let kept = self.of.get(&Spot::of(stretch)).is_some_and(|taken| taken.is_kept());
        let is_last = self.leave(stretch);
        (Lifted { stretch, kept: kept && is_last }, is_last)
    }

    /// The opposite of [`Takers::lift`]; whether it is the first again.
    pub(super) fn put_back(&mut self, lifted: &Lifted) -> bool {
        let taken = if lifted.kept { Taken::RESERVED } else { Taken::ONE };
        self.add(lifted.stretch, taken)
    }

    /// The reservation of main at a place goes; what it took.
    pub(super) fn forget_reserved(&mut self, stretch: Stretch) {
        if let Some(taken) = self.of.get_mut(&Spot::of(stretch)) {
            taken.0 &= !Taken::KEPT;
        }
    }

    /// What a reservation of main without an end takes that is known by a place.
    pub(super) fn reserved_at(&self, place: u128) -> Option<Stretch> {
        let v4 = u32::try_from(place.wrapping_sub(0xffff_0000_0000)).ok().map(u128::from);
        let here = [(Realm::Numbers, Some(place)), (Realm::V4, v4), (Realm::V6, Some(place))];
        here.into_iter().find_map(|(realm, low)| {
            let low = low?;
            let mut there = self.of.range(beginning(realm, low, low));
            there.find(|(_, taken)| taken.is_kept()).map(|(spot, _)| spot.stretch())
        })
    }

    /// How many take exactly this.
    pub(super) fn count(&self, stretch: Stretch) -> u32 {
        self.of.get(&Spot::of(stretch)).map_or(0, |taken| taken.count())
    }

    /// The widest that begins where the first within these bounds does.
    pub(super) fn first_within(&self, within: Stretch) -> Option<Stretch> {
        let range = beginning(within.realm, within.low, within.high);
        let low = self.of.range(range).next()?.0.low;
        let widest = self.of.range(beginning(within.realm, low, low)).next_back()?;
        Some(widest.0.stretch())
    }

    /// Whether something that is taken contains this: a prefix around it, found by its length.
    pub(super) fn is_within_another(&self, inner: Stretch) -> bool {
        let inner = Spot::of(inner);
        let above = self.heights.range(inner.height..).filter(|(_, count)| **count > 0);
        above.into_iter().any(|(height, _)| {
            let outer = Spot { low: inner.low & !reach(*height), height: *height, ..inner };
            outer != inner && self.of.contains_key(&outer)
        })
    }

    /// What begins before a stretch of its realm, in order; everything where there is none.
    pub(super) fn before(
        &self,
        before: Option<Stretch>,
    ) -> impl DoubleEndedIterator<Item = Stretch> + '_ {
        let range = match before {
            Some(it) if it.low == 0 => None,
            Some(it) => Some(beginning(it.realm, 0, it.low - 1)),
            None => {
                let (first, last) = (u8::MIN, u8::MAX);
                let all = |realm, low, height| Spot { realm, low, height };
                Some(all(first, 0, 0)..=all(last, u128::MAX, u8::MAX))
            }
        };
        range.into_iter().flat_map(|range| self.of.range(range)).map(|(spot, _)| spot.stretch())
    }

    /// Everything that is taken, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = Stretch> + '_ {
        self.of.keys().map(|spot| spot.stretch())
    }

    /// What reservations of main without an end take, in order.
    pub(super) fn reserved(&self) -> impl Iterator<Item = Stretch> + '_ {
        self.of.iter().filter(|(_, taken)| taken.is_kept()).map(|(spot, _)| spot.stretch())
    }
}

/// Blocks in order as rows of numbers that lie apart.
pub(super) fn rows(blocks: impl Iterator<Item = Stretch>) -> Vec<Stretch> {
    let mut rows: Vec<Stretch> = Vec::new();
    for block in blocks {
        match rows.last_mut() {
            Some(row) if row.realm == block.realm && block.low <= row.high.saturating_add(1) => {
                row.high = row.high.max(block.high);
            }
            _ => rows.push(block),
        }
    }
    rows
}

/// An object with what it takes.
#[derive(Debug, Clone, Copy)]
#[repr(Rust, packed)]
pub(super) struct Carries {
    pub(super) id: ObjectId,
    pub(super) spot: Spot,
}

/// What objects of each line take, in any order.
pub(super) type ByLine = BTreeMap<BranchId, Vec<Carries>>;

/// What objects take, by line.
#[derive(Debug, Default)]
pub(super) struct Carried {
    lines: BTreeMap<BranchId, BTreeMap<ObjectId, Spot>>,
}

impl Carried {
    /// Of all at once; what comes twice counts once.
    pub(super) fn new(all: ByLine) -> Self {
        let sorted = |mut line: Vec<Carries>| {
            line.sort_unstable_by_key(|one| one.id);
            line.into_iter().map(|one| (one.id, one.spot)).collect()
        };
        Self { lines: all.into_iter().map(|(line, all)| (line, sorted(all))).collect() }
    }

    pub(super) fn get(&self, (line, id): Carrier) -> Option<Stretch> {
        self.lines.get(&line)?.get(&id).map(|spot| spot.stretch())
    }

    /// What an object takes from now on; gives what it took.
    pub(super) fn set(&mut self, (line, id): Carrier, now: Option<Stretch>) -> Option<Stretch> {
        let line = self.lines.entry(line).or_default();
        let before = match now {
            Some(now) => line.insert(id, Spot::of(now)),
            None => line.remove(&id),
        };
        before.map(Spot::stretch)
    }

    /// What lay on a line, which is forgotten.
    pub(super) fn forget(&mut self, line: BranchId) -> Vec<Stretch> {
        let line = self.lines.remove(&line).unwrap_or_default();
        line.into_values().map(Spot::stretch).collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Carrier, Stretch)> + '_ {
        self.lines.iter().flat_map(|(line, all)| {
            all.iter().map(move |(id, spot)| ((*line, *id), spot.stretch()))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(low: u128, height: u8) -> Stretch {
        let low = low & !reach(height);
        Stretch { realm: Realm::V4, low, high: low + reach(height) }
    }

    #[test]
    fn what_is_kept_is_small() {
        assert_eq!((size_of::<Spot>(), size_of::<Taken>(), size_of::<Carries>()), (18, 4, 34));
    }

    #[test]
    fn a_spot_is_the_stretch_it_was_made_of_up_to_the_ends_of_all_spaces() {
        for stretch in [
            Stretch { realm: Realm::V6, low: 0, high: u128::MAX },
            Stretch { realm: Realm::V6, low: u128::MAX, high: u128::MAX },
            Stretch { realm: Realm::V6, low: 1 << 127, high: u128::MAX },
            Stretch { realm: Realm::Numbers, low: 7, high: 7 },
            block(0xffff_ffff, 8),
        ] {
            assert_eq!(Spot::of(stretch).stretch(), stretch);
        }
    }

    proptest! {
        #[test]
        fn built_at_once_or_one_by_one_it_is_the_same(
            all in proptest::collection::vec((0u128..64, 0u8..5, any::<bool>()), 0..60),
        ) {
            let taken = |kept: bool| if kept { Taken::RESERVED } else { Taken::ONE };
            let each = all.iter().map(|(low, height, kept)| (block(*low, *height), taken(*kept)));
            let mut one_by_one = Takers::default();
            for (stretch, taken) in each.clone() {
                one_by_one.add(stretch, taken);
            }
            let mut at_once = Takers::new(each.clone().map(|(it, taken)| (Spot::of(it), taken)).collect());
            prop_assert_eq!(&at_once.of, &one_by_one.of);
            prop_assert_eq!(&at_once.heights, &one_by_one.heights);
            for inner in (0..64).map(|low| block(low, 0)) {
                let outer = each.clone().any(|(it, _)| it != inner && it.contains(inner));
                prop_assert_eq!(at_once.is_within_another(inner), outer);
            }
            // Lifted and put back it is as it was.
            let lifted: Vec<Lifted> = each.clone().map(|(it, _)| at_once.lift(it).0).collect();
            prop_assert!(at_once.of.is_empty());
            for lifted in lifted.iter().rev() {
                at_once.put_back(lifted);
            }
            prop_assert_eq!(&at_once.of, &one_by_one.of);
            let of_rows: Vec<u128> =
                rows(at_once.all()).into_iter().flat_map(|row| row.low..=row.high).collect();
            let wanted: Vec<u128> = (0..64)
                .filter(|at| each.clone().any(|(it, _)| it.contains(block(*at, 0))))
                .collect();
            prop_assert_eq!(of_rows, wanted);
        }
    }
}
