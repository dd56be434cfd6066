//! What a change brings to the store.

use model::Seq;

use crate::key::Key;
use crate::layout::Space;
use crate::mark::Mark;

/// A change: what it is based on, what it looked at, what it writes.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// The newest commit its snapshot showed.
    pub base: Seq,
    /// What it looked at.
    pub reads: ReadSet,
    /// What it writes, in order.
    pub writes: Writes,
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
        key: Key,
        /// Value.
        value: Vec<u8>,
    },
    /// Puts a row whose first eight bytes become the commit's number.
    PutStamped {
        /// Table.
        space: Space,
        /// Key.
        key: Key,
        /// Value; its first eight bytes are overwritten.
        value: Vec<u8>,
    },
    /// Takes a row away.
    Delete {
        /// Table.
        space: Space,
        /// Key.
        key: Key,
    },
}

/// Rows to write, in order: the last one of a key wins. All keys are one piece of memory and all values
/// another, as they are made by one thread and let go of by another.
#[derive(Debug, Clone, Default)]
pub struct Writes {
    keys: Vec<u8>,
    values: Vec<u8>,
    rows: Vec<RowAt>,
}

/// Where a row is in its proposal.
#[derive(Debug, Clone, Copy)]
struct RowAt {
    space: Space,
    /// From, and up to but not including.
    key: (usize, usize),
    value: ValueAt,
}

#[derive(Debug, Clone, Copy)]
enum ValueAt {
    /// The row goes.
    Gone,
    Plain(usize, usize),
    /// It begins with the number of its commit.
    Stamped(usize, usize),
}

fn append(to: &mut Vec<u8>, bytes: &[u8]) -> (usize, usize) {
    let from = to.len();
    to.extend_from_slice(bytes);
    (from, to.len())
}

impl Writes {
    /// Puts a row.
    pub fn put(&mut self, space: Space, key: &[u8], value: &[u8]) {
        let (from, to) = append(&mut self.values, value);
        self.add(space, key, ValueAt::Plain(from, to));
    }

    /// Puts a row whose first eight bytes become the commit's number.
    pub fn put_stamped(&mut self, space: Space, key: &[u8], value: &[u8]) {
        let (from, to) = append(&mut self.values, value);
        self.add(space, key, ValueAt::Stamped(from, to));
    }

    /// Takes a row away.
    pub fn delete(&mut self, space: Space, key: &[u8]) {
        self.add(space, key, ValueAt::Gone);
    }

    fn add(&mut self, space: Space, key: &[u8], value: ValueAt) {
        let key = append(&mut self.keys, key);
        self.rows.push(RowAt { space, key, value });
    }

    /// Makes room for so many more rows.
    pub fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
        self.keys.reserve(rows * 48);
        self.values.reserve(rows * 64);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn key(&self, row: &RowAt) -> &[u8] {
        self.keys.get(row.key.0..row.key.1).unwrap_or_default()
    }

    /// Puts the rows in the order of their tables and keys; of each key the last one stays.
    pub(crate) fn put_in_order(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        let place = |row: &RowAt| (row.space, self.keys.get(row.key.0..row.key.1));
        if !rows.is_sorted_by(|a, b| place(a) < place(b)) {
            rows.sort_by(|a, b| place(a).cmp(&place(b)));
            // The later of two is kept, in the place of the earlier.
            rows.dedup_by(|later, earlier| {
                let same = place(later) == place(earlier);
                if same {
                    *earlier = *later;
                }
                same
            });
        }
        self.rows = rows;
    }

    /// The marks of what is written, some twice.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let mut marks = Vec::with_capacity(self.rows.len() * 2);
        let mut last = None;
        for row in &self.rows {
            let key = self.key(row);
            marks.push(Mark::row(row.space, key));
            let above = Mark::above(row.space, key);
            // Rows below one another come one after another.
            if above.is_some() && above != last {
                marks.extend(above);
                last = above;
            }
        }
        marks
    }

    /// Writes the commit's number into the rows that carry it.
    pub(crate) fn stamp(&mut self, seq: Seq) {
        for row in &self.rows {
            if let ValueAt::Stamped(from, to) = row.value
                && let Some(value) = self.values.get_mut(from..to)
                && let Some(stamp) = value.first_chunk_mut::<8>()
            {
                *stamp = seq.0.to_be_bytes();
            }
        }
    }

    /// Table, key and value of each row from a place on; without a value it goes.
    pub(crate) fn from(&self, place: usize) -> impl Iterator<Item = (Space, &[u8], Option<&[u8]>)> {
        self.rows.get(place..).unwrap_or_default().iter().map(|row| {
            let value = match row.value {
                ValueAt::Gone => None,
                ValueAt::Plain(from, to) | ValueAt::Stamped(from, to) => {
                    Some(self.values.get(from..to).unwrap_or_default())
                }
            };
            (row.space, self.key(row), value)
        })
    }

    /// The keys alone: all of them as one piece, and for each its table and where it is in there.
    pub(crate) fn into_keys(self) -> (Vec<u8>, Vec<(Space, usize, usize)>) {
        let at = self.rows.iter().map(|row| (row.space, row.key.0, row.key.1)).collect();
        (self.keys, at)
    }

    /// A key of a stretch of a table, once the rows are in order.
    pub(crate) fn within(&self, space: Space, low: &[u8], high: &[u8]) -> bool {
        let at = self.rows.partition_point(|row| (row.space, self.key(row)) < (space, low));
        self.rows.get(at).is_some_and(|row| row.space == space && self.key(row) < high)
    }
}

impl Extend<Write> for Writes {
    fn extend<T: IntoIterator<Item = Write>>(&mut self, writes: T) {
        for write in writes {
            match write {
                Write::Put { space, key, value } => self.put(space, &key, &value),
                Write::PutStamped { space, key, value } => self.put_stamped(space, &key, &value),
                Write::Delete { space, key } => self.delete(space, &key),
            }
        }
    }
}

impl FromIterator<Write> for Writes {
    fn from_iter<T: IntoIterator<Item = Write>>(writes: T) -> Self {
        let mut all = Self::default();
        all.extend(writes);
        all
    }
}

/// Rows and ranges that were looked at, absences included. A collection of notes: the same one may
/// be there more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSet {
    /// Single keys, and what lies right below some.
    pub(crate) marks: Vec<Mark>,
    /// From, and up to but not including.
    pub(crate) ranges: Vec<(Space, Vec<u8>, Vec<u8>)>,
}

impl ReadSet {
    /// Adds a key.
    pub fn add_point(&mut self, space: Space, key: &[u8]) {
        self.marks.push(Mark::row(space, key));
    }

    /// Adds the rows whose keys are `prefix` and the id of an object, and no others. Far cheaper to
    /// validate than a range; only for tables whose keys [end so](Space::ends_with_object).
    pub fn add_below(&mut self, space: Space, prefix: &[u8]) {
        self.marks.push(Mark::below(space, prefix));
    }

    /// Adds a range; `high` is not in it.
    pub fn add_range(&mut self, space: Space, low: Vec<u8>, high: Vec<u8>) {
        self.ranges.push((space, low, high));
    }

    /// Sorts the notes and drops what is there twice.
    pub fn normalise(&mut self) {
        self.marks.sort_unstable();
        self.marks.dedup();
        self.ranges.sort_unstable();
        self.ranges.dedup();
    }

    /// Whether nothing was looked at.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_with_the_last_of_each_key_and_its_commit_in_front() {
        let mut writes = Writes::default();
        writes.put(Space::Log, b"b", b"one");
        writes.put_stamped(Space::Heads, b"c", &[7; 10]);
        writes.put(Space::Log, b"a", b"two");
        writes.delete(Space::Log, b"b");
        writes.put(Space::Heads, b"b", b"three");
        writes.put(Space::Log, b"a", b"four");
        writes.put_in_order();
        writes.stamp(Seq(258));
        let rows: Vec<_> = writes.from(0).collect();
        let stamped = [0, 0, 0, 0, 0, 0, 1, 2, 7, 7];
        assert_eq!(
            rows,
            [
                (Space::Heads, &b"b"[..], Some(&b"three"[..])),
                (Space::Heads, b"c", Some(&stamped)),
                (Space::Log, b"a", Some(b"four")),
                (Space::Log, b"b", None),
            ]
        );
        assert!(writes.within(Space::Log, b"a", b"b") && writes.within(Space::Heads, b"bb", b"d"));
        assert!(!writes.within(Space::Log, b"c", b"d") && !writes.within(Space::Heads, b"d", b"e"));
        assert!(!writes.within(Space::Kinds, b"a", b"z"));
        assert_eq!(writes.from(3).count(), 1);
    }
}
