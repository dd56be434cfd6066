//! The free numbers of a space: gaps, and for each height of aligned block the gaps that hold one.

use std::collections::{BTreeMap, BTreeSet};

/// Free intervals of `u128`, inclusive at both ends. No range is ever enumerated; every operation
/// is logarithmic in the number of gaps.
///
/// No maintained crate indexes gaps by the size of block they hold; without that, asking for a
/// block in a fragmented space is linear in the gaps.
#[derive(Debug, Clone, Default)]
pub struct FreeSet {
    /// Start → end. Invariant: gaps lie apart, never touching.
    gaps: BTreeMap<u128, u128>,
    /// By height `h`: starts of the gaps whose largest aligned block has `2^h` numbers.
    classes: BTreeMap<u8, BTreeSet<u128>>,
    /// How many numbers are free, kept with every change; all 2^128 count as one less.
    count: u128,
}

/// A row of numbers that are wanted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// How many.
    pub count: u128,
    /// The first is a multiple of this, counted from `origin`; 1 where any will do.
    pub align: u128,
    /// What counts as zero.
    pub origin: u128,
}

impl FreeSet {
    /// The numbers of these inclusive ranges.
    pub fn new(ranges: impl IntoIterator<Item = (u128, u128)>) -> Self {
        let mut set = Self::default();
        for (first, last) in ranges {
            set.give(first, last);
        }
        set
    }

    /// The numbers of these inclusive ranges, which are in order and lie apart, never touching. Linear,
    /// where [`FreeSet::new`] looks for the place of each.
    pub fn sorted(ranges: Vec<(u128, u128)>) -> Self {
        debug_assert!(ranges.windows(2).all(|pair| match pair {
            [(_, end), (start, _)] => end.checked_add(1).is_some_and(|next| next < *start),
            _ => true,
        }));
        let mut classes: BTreeMap<u8, Vec<u128>> = BTreeMap::new();
        let mut count = 0u128;
        for (start, end) in &ranges {
            classes.entry(class(*start, *end)).or_default().push(*start);
            count = count.saturating_add((end - start).saturating_add(1));
        }
        Self {
            gaps: ranges.into_iter().collect(),
            classes: classes
                .into_iter()
                .map(|(class, starts)| (class, starts.into_iter().collect()))
                .collect(),
            count,
        }
    }

    /// Whether a number is free.
    pub fn is_free(&self, number: u128) -> bool {
        self.gaps.range(..=number).next_back().is_some_and(|(_, end)| *end >= number)
    }

    /// Whether a whole range is free.
    pub fn is_free_range(&self, first: u128, last: u128) -> bool {
        first <= last && self.gaps.range(..=first).next_back().is_some_and(|(_, end)| *end >= last)
    }

    /// Takes a range out; what of it was taken already stays so.
    pub fn take(&mut self, first: u128, last: u128) {
        if first > last {
            return;
        }
        let start = self
            .gaps
            .range(..=first)
            .next_back()
            .filter(|(_, end)| **end >= first)
            .map_or(first, |(start, _)| *start);
        let touched: Vec<(u128, u128)> =
            self.gaps.range(start..=last).map(|(start, end)| (*start, *end)).collect();
        for (start, end) in touched {
            self.remove(start, end);
            if start < first {
                self.insert(start, first - 1);
            }
            if end > last {
                self.insert(last + 1, end);
            }
        }
    }

    /// Puts a range back; neighbouring gaps become one.
    pub fn give(&mut self, first: u128, last: u128) {
        if first > last {
            return;
        }
        let (mut first, mut last) = (first, last);
        let reach = last.saturating_add(1);
        let before = self
            .gaps
            .range(..=first)
            .next_back()
            .filter(|(_, end)| end.saturating_add(1) >= first)
            .map(|(start, end)| (*start, *end));
        let after: Vec<(u128, u128)> =
            self.gaps.range(first..=reach).map(|(start, end)| (*start, *end)).collect();
        for (start, end) in before.into_iter().chain(after) {
            if self.gaps.contains_key(&start) {
                self.remove(start, end);
            }
            first = first.min(start);
            last = last.max(end);
        }
        self.insert(first, last);
    }

    /// The lowest start of a free block of `2^height` numbers that begins at a multiple of its size.
    pub fn lowest(&self, height: u8) -> Option<u128> {
        self.classes
            .range(height..)
            .filter_map(|(_, starts)| starts.first())
            .min()
            .and_then(|start| aligned(*start, height))
    }

    /// As [`FreeSet::lowest`], but beginning at `from` or above it.
    pub fn lowest_from(&self, height: u8, from: u128) -> Option<u128> {
        let here = self.gaps.range(..=from).next_back().and_then(|(_, end)| {
            let start = aligned(from, height)?;
            let last = start.checked_add(reach(height))?;
            (last <= *end).then_some(start)
        });
        here.or_else(|| {
            self.classes
                .range(height..)
                .filter_map(|(_, starts)| starts.range(from..).next())
                .min()
                .and_then(|start| aligned(*start, height))
        })
    }

    /// A free block of `2^height` numbers as far from what is taken as halving allows: the middle of
    /// the largest gap, the lowest of equals.
    pub fn sparse(&self, height: u8) -> Option<u128> {
        let (largest, starts) = self.classes.last_key_value()?;
        if *largest < height {
            return None;
        }
        aligned(*starts.first()?, *largest)
    }

    /// The first number of the lowest free block of any length. Gaps that are surely long enough are
    /// found by their class; those that may be are looked at one by one, and so are all where the
    /// first number must be a multiple of something.
    pub fn block(&self, block: Block) -> Option<u128> {
        let fits = |start: u128, end: u128| {
            let start = match block.align {
                0 | 1 => start,
                align => match start.checked_sub(block.origin)? % align {
                    0 => start,
                    rest => start.checked_add(align - rest)?,
                },
            };
            let last = start.checked_add(block.count.checked_sub(1)?)?;
            (last <= end).then_some(start)
        };
        if block.align > 1 {
            return self.gaps().find_map(|(start, end)| fits(start, end));
        }
        // A gap of `n` numbers holds an aligned block of at least a quarter of the power above `n`.
        let log = u8::try_from(block.count.checked_ilog2()?).ok()?;
        let mut found: Option<u128> = None;
        for (_, starts) in self.classes.range(log.saturating_sub(1)..) {
            for start in starts {
                if found.is_some_and(|found| found <= *start) {
                    break;
                }
                let end = self.gaps.get(start).copied()?;
                if let Some(first) = fits(*start, end) {
                    found = Some(first);
                    break;
                }
            }
        }
        found
    }

    /// The length of the longest free row of numbers. Linear in the gaps.
    pub fn longest(&self) -> u128 {
        self.gaps().map(|(start, end)| (end - start).saturating_add(1)).max().unwrap_or(0)
    }

    /// The height of the largest free aligned block.
    pub fn largest(&self) -> Option<u8> {
        self.classes.last_key_value().map(|(height, _)| *height)
    }

    /// How many numbers are free; all 2^128 count as one less. Kept, not counted.
    pub fn count(&self) -> u128 {
        self.count
    }

    /// The free numbers within a range, inclusive. Linear in the gaps there.
    pub fn count_within(&self, first: u128, last: u128) -> u128 {
        let from = self.gaps.range(..=first).next_back().map_or(first, |(start, _)| *start);
        self.gaps
            .range(from..=last)
            .filter_map(|(start, end)| {
                let (start, end) = (*start.max(&first), *end.min(&last));
                (start <= end).then(|| (end - start).saturating_add(1))
            })
            .fold(0, u128::saturating_add)
    }

    /// The gaps in order, inclusive at both ends.
    pub fn gaps(&self) -> impl Iterator<Item = (u128, u128)> + '_ {
        self.gaps.iter().map(|(start, end)| (*start, *end))
    }

    fn insert(&mut self, start: u128, end: u128) {
        self.gaps.insert(start, end);
        self.count = self.count.saturating_add((end - start).saturating_add(1));
        self.classes.entry(class(start, end)).or_default().insert(start);
    }

    fn remove(&mut self, start: u128, end: u128) {
        self.gaps.remove(&start);
        self.count = match (start, end) {
            (0, u128::MAX) => 0,
            _ => self.count - ((end - start) + 1),
        };
        let class = class(start, end);
        if let Some(starts) = self.classes.get_mut(&class) {
            starts.remove(&start);
            if starts.is_empty() {
                self.classes.remove(&class);
            }
        }
    }
}

/// The first multiple of `2^height` at or after `start`.
fn aligned(start: u128, height: u8) -> Option<u128> {
    let Some(size) = 1u128.checked_shl(u32::from(height)) else {
        return (start == 0).then_some(0);
    };
    match start % size {
        0 => Some(start),
        rest => start.checked_add(size - rest),
    }
}

/// What lies between the first and the last number of a block.
fn reach(height: u8) -> u128 {
    1u128.checked_shl(u32::from(height)).map_or(u128::MAX, |size| size - 1)
}

/// The height of the largest aligned block in a gap: the largest power that its length holds, or the
/// one below, which fits in any gap of that length.
fn class(start: u128, end: u128) -> u8 {
    let length = (end - start).checked_add(1);
    let log = length.and_then(u128::checked_ilog2).and_then(|log| u8::try_from(log).ok());
    let height = log.unwrap_or(128);
    let fits = aligned(start, height)
        .and_then(|block| block.checked_add(reach(height)))
        .is_some_and(|last| last <= end);
    if fits { height } else { height.saturating_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, one number at a time.
    fn model_lowest(free: &BTreeSet<u128>, height: u8) -> Option<u128> {
        let size = 1u128 << height;
        (0..256)
            .step_by(1 << height)
            .map(u128::from_u16)
            .find(|start| (*start..*start + size).all(|number| free.contains(&number)))
    }

    trait FromU16 {
        fn from_u16(number: u16) -> Self;
    }

    impl FromU16 for u128 {
        fn from_u16(number: u16) -> Self {
            Self::from(number)
        }
    }

    proptest! {
        #[test]
        fn it_answers_as_a_plain_set_does(
            steps in proptest::collection::vec((any::<bool>(), 0u128..256, 0u128..40), 1..60),
        ) {
            let mut set = FreeSet::default();
            let mut free = BTreeSet::new();
            for (give, first, length) in steps {
                let last = (first + length).min(255);
                if give {
                    set.give(first, last);
                    free.extend(first..=last);
                } else {
                    set.take(first, last);
                    free.retain(|number| !(first..=last).contains(number));
                }
                prop_assert_eq!(set.count(), u128::try_from(free.len()).unwrap());
                let whole = (first..=last).all(|number| free.contains(&number));
                prop_assert_eq!(set.is_free_range(first, last), whole && first <= last);
                for height in 0..=8 {
                    prop_assert_eq!(set.lowest(height), model_lowest(&free, height));
                    let above: BTreeSet<u128> =
                        free.iter().copied().filter(|number| *number >= first).collect();
                    prop_assert_eq!(set.lowest_from(height, first), model_lowest(&above, height));
                    let sparse = set.sparse(height);
                    prop_assert_eq!(sparse.is_some(), set.lowest(height).is_some());
                    let size = 1u128 << height;
                    prop_assert!(sparse.is_none_or(|at| set.is_free_range(at, at + size - 1)));
                }
                for (count, align) in [(1, 1), (3, 1), (length + 1, 1), (2, 5), (length + 1, 7)] {
                    let block = Block { count, align, origin: 0 };
                    let wanted = (0..256u128).find(|at| {
                        at % align == 0 && (*at..at + count).all(|one| free.contains(&one))
                    });
                    prop_assert_eq!(set.block(block), wanted);
                }
                let within = free.range(first..=last).count();
                prop_assert_eq!(set.count_within(first, last), u128::try_from(within).unwrap());
                let sorted = FreeSet::sorted(set.gaps().collect());
                prop_assert_eq!(&sorted.gaps, &set.gaps);
                prop_assert_eq!((&sorted.classes, sorted.count), (&set.classes, set.count));
                let mut before: Option<u128> = None;
                for (start, end) in set.gaps() {
                    prop_assert!(before.is_none_or(|before| before + 1 < start) && start <= end);
                    before = Some(end);
                }
            }
        }
    }

    #[test]
    fn the_whole_space_and_its_ends_work() {
        let mut set = FreeSet::new([(0, u128::MAX)]);
        assert_eq!(set.lowest(128), Some(0));
        set.take(u128::MAX, u128::MAX);
        assert_eq!((set.lowest(128), set.largest()), (None, Some(127)));
        set.take(0, 0);
        assert_eq!(set.lowest(0), Some(1));
        set.give(0, 0);
        set.give(u128::MAX, u128::MAX);
        assert_eq!(set.count(), u128::MAX);
        assert_eq!(set.gaps().collect::<Vec<_>>(), [(0, u128::MAX)]);
    }

    #[test]
    fn a_run_of_mixed_lengths_fills_the_lowest_holes() {
        // 192.168.0.0/16: /24, /25, /17, /24, /25.
        let base = 0xc0a8_0000_u128;
        let mut set = FreeSet::new([(base, base + 0xffff)]);
        let mut next = |height: u8| {
            let start = set.lowest(height).unwrap();
            set.take(start, start + (1 << height) - 1);
            start - base
        };
        assert_eq!([next(8), next(7), next(15), next(8), next(7)], [0, 256, 32768, 512, 384]);
    }

    #[test]
    fn sparse_blocks_halve_what_is_between_them() {
        let mut set = FreeSet::new([(0, 0xff)]);
        let mut next = || {
            let start = set.sparse(0).unwrap();
            set.take(start, start);
            start
        };
        assert_eq!([next(), next(), next(), next(), next()], [0, 128, 64, 192, 32]);
    }

    #[test]
    fn freed_blocks_are_handed_out_lowest_first() {
        let mut set = FreeSet::new([(0, 0xffff)]);
        for number in 0..100u128 {
            assert_eq!(set.lowest(1), Some(number * 2));
            set.take(number * 2, number * 2 + 1);
        }
        for gone in [90u128, 10, 50] {
            set.give(gone * 2, gone * 2 + 1);
        }
        let mut next = || {
            let start = set.lowest(1).unwrap();
            set.take(start, start + 1);
            start
        };
        assert_eq!([next(), next(), next(), next()], [20, 100, 180, 200]);
    }
}
