//! Which commit wrote a key last, for what was written lately: what proposals are validated against.
//!
//! What each group of commits wrote is kept as one run. A proposal made a moment ago meets a few of them;
//! for one made long ago they are merged, eight at a time, so that it meets few large ones.

use std::collections::VecDeque;

use model::Seq;

use crate::error::CommitError;
use crate::layout::Space;
use crate::limits::KEYS_REMEMBERED_MAX;
use crate::mark::{Mark, Marks};
use crate::proposal::{Proposal, ReadSet, Writes};

/// Runs of one level that become one of the next; as many newer ones are left as they are.
const MERGED: usize = 8;

/// Levels of runs: one group, 8, 64, 512 groups.
const LEVELS: usize = 4;

/// A key that was looked at, and the commit that wrote it.
fn conflict(space: Space, seq: Seq) -> CommitError {
    CommitError::Conflict { space, seq }
}

/// What a group of commits writes, while it is put together.
#[derive(Debug, Default)]
pub(crate) struct Group {
    marks: Marks,
    newest: Seq,
}

impl Group {
    /// Room for as much as the last one had.
    pub(crate) fn with_room(marks: usize) -> Self {
        Self { marks: Marks::with_capacity_and_hasher(marks, Default::default()), newest: Seq(0) }
    }

    /// Something that was looked at and that an earlier proposal of the group writes. The proposals
    /// accepted so far are asked for stretches of keys.
    pub(crate) fn conflict<'a>(
        &self,
        reads: &ReadSet,
        accepted: impl Iterator<Item = (Seq, &'a Writes)> + Clone,
    ) -> Option<CommitError> {
        if self.marks.is_empty() {
            return None;
        }
        if let Some((space, seq)) = written(&self.marks, &reads.marks, Seq(0)) {
            return Some(conflict(space, seq));
        }
        reads.ranges.iter().filter(|(_, low, high)| low < high).find_map(|(space, low, high)| {
            let mut accepted = accepted.clone();
            let (seq, _) = accepted.find(|(_, writes)| writes.within(*space, low, high))?;
            Some(conflict(*space, seq))
        })
    }

    /// Adds what an accepted proposal writes.
    pub(crate) fn add(&mut self, marks: Vec<Mark>, seq: Seq) {
        self.marks.extend(marks.into_iter().map(|mark| (mark, seq)));
        self.newest = seq;
    }

    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }
}

/// The first of some marks that was written after a commit, with its table.
fn written(marks: &Marks, looked_at: &[Mark], after: Seq) -> Option<(Space, Seq)> {
    looked_at.iter().find_map(|mark| {
        let seq = marks.get(mark).filter(|seq| **seq > after)?;
        Some((mark.space()?, *seq))
    })
}

/// Sorted keys with the commit that wrote each: those of one proposal, or those of many runs.
#[derive(Debug, Default)]
struct Keys {
    bytes: Vec<u8>,
    /// Table, where the key is, and its commit.
    at: Vec<(Space, usize, usize, Seq)>,
}

impl Keys {
    fn of(writes: Writes, seq: Seq) -> Self {
        let (bytes, at) = writes.into_keys();
        Self { bytes, at: at.into_iter().map(|(space, from, to)| (space, from, to, seq)).collect() }
    }

    fn key(&self, at: &(Space, usize, usize, Seq)) -> &[u8] {
        self.bytes.get(at.1..at.2).unwrap_or_default()
    }

    /// The commit of a key within a stretch that was written after `base`.
    fn within(&self, space: Space, low: &[u8], high: &[u8], base: Seq) -> Option<Seq> {
        let from = self.at.partition_point(|at| (at.0, self.key(at)) < (space, low));
        let keys = self.at.get(from..).unwrap_or_default();
        let mut within = keys.iter().take_while(|at| at.0 == space && self.key(at) < high);
        within.find(|at| at.3 > base).map(|at| at.3)
    }

    /// All of them as one; of a key that is there more than once the newest is kept.
    fn merged(all: impl Iterator<Item = Self>) -> Self {
        let mut merged = Self::default();
        for keys in all {
            let from = merged.bytes.len();
            merged.bytes.extend_from_slice(&keys.bytes);
            let moved = keys.at.iter().map(|at| (at.0, at.1 + from, at.2 + from, at.3));
            merged.at.extend(moved);
        }
        let bytes = &merged.bytes;
        let key = |at: &(Space, usize, usize, Seq)| (at.0, bytes.get(at.1..at.2));
        merged.at.sort_by(|a, b| (key(a), b.3).cmp(&(key(b), a.3)));
        merged.at.dedup_by(|later, first| key(later) == key(first));
        merged
    }
}

/// What some groups in a row wrote.
#[derive(Debug)]
struct Run {
    marks: Marks,
    keys: Vec<Keys>,
    /// Keys in here.
    count: usize,
    newest: Seq,
    level: usize,
}

impl Run {
    /// Something that the proposal looked at and that was written since.
    fn conflict(&self, proposal: &Proposal) -> Option<CommitError> {
        let (reads, base) = (&proposal.reads, proposal.base);
        if let Some((space, seq)) = written(&self.marks, &reads.marks, base) {
            return Some(conflict(space, seq));
        }
        reads.ranges.iter().filter(|(_, low, high)| low < high).find_map(|(space, low, high)| {
            let mut all = self.keys.iter();
            let seq = all.find_map(|keys| keys.within(*space, low, high, base))?;
            Some(conflict(*space, seq))
        })
    }

    /// Some runs in a row, the oldest last, as one of the next level.
    fn merged(runs: impl DoubleEndedIterator<Item = Self>) -> Self {
        let mut marks = Marks::default();
        let (mut keys, mut newest, mut level) = (Vec::new(), Seq(0), 0);
        for run in runs.rev() {
            newest = newest.max(run.newest);
            level = level.max(run.level + 1);
            marks.extend(run.marks);
            keys.extend(run.keys);
        }
        let keys = Keys::merged(keys.into_iter());
        Self { marks, count: keys.at.len(), keys: vec![keys], newest, level }
    }
}

/// What was written lately; the newest run first.
#[derive(Debug)]
pub(crate) struct Recent {
    runs: VecDeque<Run>,
    keys: usize,
    /// Bases older than this cannot be validated.
    oldest: Seq,
}

impl Recent {
    /// Nothing is known of what was written up to `oldest`.
    pub(crate) fn new(oldest: Seq) -> Self {
        Self { runs: VecDeque::new(), keys: 0, oldest }
    }

    /// Why a proposal cannot be accepted: something it read was written after its base.
    pub(crate) fn conflict(&mut self, proposal: &Proposal) -> Option<CommitError> {
        if proposal.reads.is_empty() {
            return None;
        }
        if proposal.base < self.oldest {
            let (base, oldest) = (proposal.base, self.oldest);
            return Some(CommitError::TooOld { base, oldest });
        }
        if self.since(proposal.base).nth(2 * MERGED).is_some() {
            (0..LEVELS - 1).for_each(|level| while self.merge(level) {});
        }
        self.since(proposal.base).find_map(|run| run.conflict(proposal))
    }

    /// The runs with something written after a commit, newest first.
    fn since(&self, base: Seq) -> impl Iterator<Item = &Run> {
        self.runs.iter().take_while(move |run| run.newest > base)
    }

    /// Remembers a group with what each of its commits wrote.
    pub(crate) fn remember(&mut self, group: Group, writes: impl Iterator<Item = (Seq, Writes)>) {
        let keys: Vec<Keys> = writes.map(|(seq, writes)| Keys::of(writes, seq)).collect();
        let count = keys.iter().map(|keys| keys.at.len()).sum();
        self.keys += count;
        let Group { marks, newest } = group;
        self.runs.push_front(Run { marks, keys, count, newest, level: 0 });
        while self.keys > KEYS_REMEMBERED_MAX
            && self.runs.len() > 1
            && let Some(forgotten) = self.runs.pop_back()
        {
            self.keys -= forgotten.count;
            self.oldest = forgotten.newest;
        }
    }

    /// Merges the oldest runs of a level where there are twice as many as are merged; whether it did.
    fn merge(&mut self, level: usize) -> bool {
        let newer = self.runs.iter().take_while(|run| run.level < level).count();
        let end = self.runs.iter().take_while(|run| run.level <= level).count();
        if end - newer < 2 * MERGED {
            return false;
        }
        let before: usize = self.runs.range(end - MERGED..end).map(|run| run.count).sum();
        let merged = Run::merged(self.runs.drain(end - MERGED..end));
        self.keys = self.keys - before + merged.count;
        self.runs.insert(end - MERGED, merged);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Keys of two bytes below one another: what lies right below a key is what begins with it and
    /// goes on with the id of an object.
    fn key(number: u8) -> Vec<u8> {
        [&[number / 16][..], &u128::from(number).to_be_bytes()].concat()
    }

    fn writes(keys: impl IntoIterator<Item = u8>) -> Writes {
        let mut writes = Writes::default();
        keys.into_iter().for_each(|number| writes.delete(Space::Index, &key(number)));
        writes.put_in_order();
        writes
    }

    /// Groups as the writer makes them.
    fn remember(recent: &mut Recent, commits: Vec<(Seq, Writes)>) {
        let mut group = Group::default();
        for (seq, writes) in &commits {
            group.add(writes.marks(), *seq);
        }
        recent.remember(group, commits.into_iter());
    }

    fn reads(base: u64, points: &[u8], below: &[u8], ranges: &[(u8, u8)]) -> Proposal {
        let mut reads = ReadSet::default();
        points.iter().for_each(|number| reads.add_point(Space::Index, &key(*number)));
        below.iter().for_each(|above| reads.add_below(Space::Index, &[*above]));
        ranges.iter().for_each(|(a, b)| reads.add_range(Space::Index, key(*a), key(*b)));
        Proposal { base: Seq(base), reads, ..Proposal::default() }
    }

    proptest! {
        #[test]
        fn a_proposal_conflicts_exactly_where_something_it_read_was_written_after_its_base(
            groups in proptest::collection::vec(proptest::collection::vec(
                proptest::collection::btree_set(any::<u8>(), 1..4), 1..4), 1..200),
            base in 0u64..400,
            asked_every in 1u64..100,
            points in proptest::collection::vec(any::<u8>(), 0..3),
            below in proptest::collection::vec(0u8..17, 0..2),
            ranges in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..2),
        ) {
            let mut recent = Recent::new(Seq(0));
            let mut last: BTreeMap<u8, u64> = BTreeMap::new();
            let (mut seq, mut groups_since) = (0, 0);
            for group in groups {
                let mut commits = Vec::new();
                for keys in group {
                    seq += 1;
                    last.extend(keys.iter().map(|key: &u8| (*key, seq)));
                    commits.push((Seq(seq), writes(keys)));
                }
                remember(&mut recent, commits);
                groups_since += 1;
                // Runs are merged for whoever asks from long ago.
                if groups_since % asked_every == 0 {
                    recent.conflict(&reads(0, &points, &below, &ranges));
                }
            }
            let looked_at = |number: &u8| {
                points.contains(number)
                    || below.contains(&(number / 16))
                    || ranges.iter().any(|(low, high)| {
                        let (low, high, key) = (key(*low), key(*high), key(*number));
                        low <= key && key < high
                    })
            };
            let expected: BTreeSet<u64> = last
                .iter()
                .filter(|(number, seq)| **seq > base && looked_at(number))
                .map(|(_, seq)| *seq)
                .collect();
            let found = recent.conflict(&reads(base, &points, &below, &ranges));
            prop_assert_eq!(found.is_some(), !expected.is_empty());
            if let Some(CommitError::Conflict { space, seq }) = found {
                prop_assert!(space == Space::Index && seq.0 > base);
            }
        }

        #[test]
        fn two_proposals_of_one_group_meet_in_what_the_first_writes(
            first in proptest::collection::btree_set(any::<u8>(), 0..4),
            points in proptest::collection::vec(any::<u8>(), 0..3),
            below in proptest::collection::vec(0u8..17, 0..2),
            ranges in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..2),
        ) {
            let written = writes(first.clone());
            let mut group = Group::default();
            group.add(written.marks(), Seq(9));
            let met = group.conflict(
                &reads(8, &points, &below, &ranges).reads,
                [(Seq(9), &written)].into_iter(),
            );
            let expected = first.iter().any(|number| {
                points.contains(number)
                    || below.contains(&(number / 16))
                    || ranges.iter().any(|(a, b)| key(*a) <= key(*number) && key(*number) < key(*b))
            });
            prop_assert_eq!(met.is_some(), expected);
        }
    }

    #[test]
    fn what_is_too_long_ago_to_know_is_told() {
        let mut recent = Recent::new(Seq(0));
        for seq in 1..=12u64 {
            let mut writes = Writes::default();
            for number in 0..KEYS_REMEMBERED_MAX / 10 {
                let number = u64::try_from(number).unwrap();
                writes.delete(Space::Heads, &(seq << 32 | number).to_be_bytes());
            }
            remember(&mut recent, vec![(Seq(seq), writes)]);
        }
        assert!(recent.keys <= KEYS_REMEMBERED_MAX, "{} keys are kept", recent.keys);
        let old = recent.conflict(&reads(1, &[1], &[], &[]));
        assert!(matches!(old, Some(CommitError::TooOld { oldest: Seq(2), .. })), "{old:?}");
        assert!(recent.conflict(&reads(2, &[1], &[], &[])).is_none());
        // What read nothing is always up to date.
        assert!(recent.conflict(&reads(0, &[], &[], &[])).is_none());
    }
}
