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

    /// The height of the largest free aligned block.
    pub fn largest(&self) -> Option<u8> {
        self.classes.last_key_value().map(|(height, _)| *height)
    }

    /// How many numbers are free; all 2^128 count as one less.
    pub fn count(&self) -> u128 {
        self.gaps
            .iter()
            .fold(0, |sum: u128, (start, end)| sum.saturating_add((end - start).saturating_add(1)))
    }

    /// The gaps in order, inclusive at both ends.
    pub fn gaps(&self) -> impl Iterator<Item = (u128, u128)> + '_ {
        self.gaps.iter().map(|(start, end)| (*start, *end))
    }

    fn insert(&mut self, start: u128, end: u128) {
        self.gaps.insert(start, end);
        self.classes.entry(class(start, end)).or_default().insert(start);
    }

    fn remove(&mut self, start: u128, end: u128) {
        self.gaps.remove(&start);
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

/// The height of the largest aligned block in a gap.
fn class(start: u128, end: u128) -> u8 {
    let fits = |height: u8| {
        aligned(start, height).is_some_and(|block| {
            let reach = match 1u128.checked_shl(u32::from(height)) {
                Some(size) => size - 1,
                None => u128::MAX,
            };
            block.checked_add(reach).is_some_and(|last| last <= end)
        })
    };
    (0..=128).rev().find(|height| fits(*height)).unwrap_or(0)
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
                }
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
