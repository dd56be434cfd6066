//! Which commit wrote a key last, for what was written lately: what proposals are validated against.
//!
//! The rows of each group of commits are kept as one sorted run. A proposal made a moment ago meets a few
//! of them; for one made long ago they are merged, eight at a time, so that it meets few large ones.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use model::Seq;

use crate::error::CommitError;
use crate::layout::Space;
use crate::proposal::Proposal;

/// Keys remembered. A proposal based on a state from before the oldest of them must be made again:
/// at 80 rows a run that is 12,000 runs ago. About 100 MiB at most.
const KEYS_MAX: usize = 1_000_000;

/// Runs of one level that become one of the next; as many newer ones are left as they are.
const MERGED: usize = 8;

/// Levels of runs: one group, 8, 64, 512 groups.
const LEVELS: usize = 4;

/// A key of a table.
pub(crate) type Place = (Space, Vec<u8>);

/// A row that a group of commits writes.
#[derive(Debug)]
pub(crate) struct Written {
    /// The last commit of the group that writes it.
    pub(crate) seq: Seq,
    /// Its value; nothing takes the row away.
    pub(crate) value: Option<Vec<u8>>,
}

/// The rows of a group, table by table in key order.
pub(crate) type Rows = BTreeMap<Place, Written>;

/// A key that the proposal read and that an earlier proposal of its own group writes.
pub(crate) fn within_group(rows: &Rows, proposal: &Proposal) -> Option<CommitError> {
    if rows.is_empty() {
        return None;
    }
    for point in &proposal.reads.points {
        if let Some(written) = rows.get(point) {
            return Some(conflict(point.0, &point.1, written.seq));
        }
    }
    for (space, low, high) in proposal.reads.ranges.iter().filter(|(_, low, high)| low < high) {
        let from = Bound::Included((*space, low.clone()));
        let to = Bound::Excluded((*space, high.clone()));
        if let Some(((_, key), written)) = rows.range((from, to)).next() {
            return Some(conflict(*space, key, written.seq));
        }
    }
    None
}

fn conflict(space: Space, key: &[u8], seq: Seq) -> CommitError {
    CommitError::Conflict { space, key: key.to_vec(), seq }
}

/// The keys of some groups in a row, sorted, each with the last commit that wrote it.
#[derive(Debug)]
struct Run {
    keys: Vec<(Space, Vec<u8>, Seq)>,
    newest: Seq,
    level: usize,
}

impl Run {
    /// Where a key is, or would be.
    fn place(&self, space: Space, key: &[u8]) -> usize {
        self.keys.partition_point(|(at, known, _)| (*at, known.as_slice()) < (space, key))
    }

    /// A key that the proposal read and that was written since.
    fn conflict(&self, proposal: &Proposal) -> Option<CommitError> {
        for (space, key) in &proposal.reads.points {
            if let Some((at, known, seq)) = self.keys.get(self.place(*space, key))
                && *seq > proposal.base
                && (at, known) == (space, key)
            {
                return Some(conflict(*space, key, *seq));
            }
        }
        for (space, low, high) in proposal.reads.ranges.iter().filter(|(_, low, high)| low < high) {
            let keys = self.keys.get(self.place(*space, low)..).unwrap_or_default();
            let within = keys.iter().take_while(|(at, key, _)| at == space && key < high);
            if let Some((_, key, seq)) = within.into_iter().find(|(.., seq)| *seq > proposal.base) {
                return Some(conflict(*space, key, *seq));
            }
        }
        None
    }

    /// Some runs in a row as one of the next level; of a key that is in several the newest is kept.
    fn merged(runs: impl Iterator<Item = Self>) -> Self {
        let mut all = Self { keys: Vec::new(), newest: Seq(0), level: 0 };
        for run in runs {
            all.newest = all.newest.max(run.newest);
            all.level = all.level.max(run.level + 1);
            all.keys.extend(run.keys);
        }
        all.keys.sort_by(|a, b| (a.0, &a.1, b.2).cmp(&(b.0, &b.1, a.2)));
        all.keys.dedup_by(|a, b| (a.0, &a.1) == (b.0, &b.1));
        all
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

    /// Remembers the rows of a group whose last commit is `newest`.
    pub(crate) fn remember(&mut self, rows: Rows, newest: Seq) {
        let keys: Vec<_> =
            rows.into_iter().map(|((space, key), row)| (space, key, row.seq)).collect();
        self.keys += keys.len();
        self.runs.push_front(Run { keys, newest, level: 0 });
        while self.keys > KEYS_MAX
            && self.runs.len() > 1
            && let Some(forgotten) = self.runs.pop_back()
        {
            self.keys -= forgotten.keys.len();
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
        let before: usize = self.runs.range(end - MERGED..end).map(|run| run.keys.len()).sum();
        let merged = Run::merged(self.runs.drain(end - MERGED..end));
        self.keys = self.keys - before + merged.keys.len();
        self.runs.insert(end - MERGED, merged);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposal::ReadSet;
    use proptest::prelude::*;

    fn rows(keys: &[u8], seq: Seq) -> Rows {
        let row = |key: &u8| ((Space::Heads, vec![*key]), Written { seq, value: None });
        keys.iter().map(row).collect()
    }

    fn reads(base: u64, points: &[u8], ranges: &[(u8, u8)]) -> Proposal {
        let mut reads = ReadSet::default();
        points.iter().for_each(|key| reads.add_point(Space::Heads, vec![*key]));
        ranges.iter().for_each(|(a, b)| reads.add_range(Space::Heads, vec![*a], vec![*b]));
        Proposal { base: Seq(base), reads, ..Proposal::default() }
    }

    proptest! {
        #[test]
        fn a_proposal_conflicts_exactly_where_something_it_read_was_written_after_its_base(
            commits in proptest::collection::vec(
                proptest::collection::btree_set(any::<u8>(), 1..4), 1..400),
            base in 0u64..400,
            asked_every in 1u64..100,
            points in proptest::collection::vec(any::<u8>(), 0..3),
            ranges in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..2),
        ) {
            let mut recent = Recent::new(Seq(0));
            let mut last = BTreeMap::new();
            for (keys, seq) in commits.iter().zip(1u64..) {
                let keys: Vec<u8> = keys.iter().copied().collect();
                recent.remember(rows(&keys, Seq(seq)), Seq(seq));
                // Runs are merged for whoever asks from long ago.
                if seq.is_multiple_of(asked_every) {
                    recent.conflict(&reads(0, &points, &ranges));
                }
                last.extend(keys.into_iter().map(|key| (key, seq)));
            }
            let looked_at = |key: &u8| {
                points.contains(key) || ranges.iter().any(|(low, high)| low <= key && key < high)
            };
            let expected = last.iter().any(|(key, seq)| *seq > base && looked_at(key));
            let found = recent.conflict(&reads(base, &points, &ranges));
            prop_assert_eq!(found.is_some(), expected);
            if let Some(CommitError::Conflict { key, seq, .. }) = found {
                prop_assert!(looked_at(&key[0]) && last[&key[0]] == seq.0 && seq.0 > base);
            }
        }
    }

    #[test]
    fn what_is_too_long_ago_to_know_is_told() {
        let mut recent = Recent::new(Seq(0));
        for seq in 1..=12u64 {
            let row = |key: u64| ((Space::Heads, key.to_be_bytes().to_vec()), seq);
            let rows = (0..100_000).map(|key| row(seq * 100_000 + key));
            let rows = rows.map(|(place, seq)| (place, Written { seq: Seq(seq), value: None }));
            recent.remember(rows.collect(), Seq(seq));
        }
        assert!(recent.keys <= KEYS_MAX, "{} keys are kept", recent.keys);
        let old = recent.conflict(&reads(1, &[1], &[]));
        assert!(matches!(old, Some(CommitError::TooOld { oldest: Seq(2), .. })), "{old:?}");
        assert!(recent.conflict(&reads(2, &[1], &[])).is_none());
        // What read nothing is always up to date.
        assert!(recent.conflict(&reads(0, &[], &[])).is_none());
    }

    #[test]
    fn two_proposals_of_one_group_meet_in_what_the_first_writes() {
        let group = rows(&[5], Seq(9));
        assert!(within_group(&group, &reads(8, &[5], &[])).is_some());
        assert!(within_group(&group, &reads(8, &[], &[(5, 6)])).is_some());
        assert!(within_group(&group, &reads(8, &[4], &[(0, 5), (6, 9), (7, 3)])).is_none());
    }
}
