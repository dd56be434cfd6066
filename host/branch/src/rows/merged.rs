//! Stored rows with the pending ones laid over them, as one sequence in order, from either end.

use std::collections::btree_map;
use std::iter::Peekable;
use std::ops::Bound;

use store::{Key, KeyGuard, Row, Scan, StoreError};

use super::{Bytes, Pending, Slot};
use crate::branches::Layered;

/// An iterator that can be looked into at both ends.
#[derive(Debug)]
pub(crate) struct Ends<I: Iterator> {
    rows: Peekable<I>,
    back: Option<Option<I::Item>>,
}

impl<I: DoubleEndedIterator> Ends<I> {
    pub(crate) fn new(rows: I) -> Self {
        Self { rows: rows.peekable(), back: None }
    }

    pub(crate) fn peek(&mut self) -> Option<&I::Item> {
        if self.rows.peek().is_some() {
            return self.rows.peek();
        }
        self.back.as_ref().and_then(Option::as_ref)
    }

    pub(crate) fn next(&mut self) -> Option<I::Item> {
        self.rows.next().or_else(|| self.back.take().flatten())
    }

    pub(crate) fn peek_back(&mut self) -> Option<&I::Item> {
        if !matches!(self.back, Some(Some(_))) {
            self.back = Some(self.rows.next_back());
        }
        self.back.as_ref().and_then(Option::as_ref)
    }

    pub(crate) fn next_back(&mut self) -> Option<I::Item> {
        match self.back.take() {
            Some(Some(row)) => Some(row),
            _ => self.rows.next_back(),
        }
    }
}

type PendingRange<'a> = btree_map::Range<'a, Key, Slot>;

/// A key: stored, or moved to another line.
#[derive(Debug)]
pub(super) enum StoredKey {
    InPlace(KeyGuard),
    Moved(Key),
}

impl std::ops::Deref for StoredKey {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::InPlace(key) => key,
            Self::Moved(key) => key,
        }
    }
}

/// The rows below the pending ones.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "main's ranges are not put on the heap")]
pub(super) enum StoredRange<'a> {
    Plain(Scan),
    Layered(Box<Layered<'a>>),
    Ahead(Box<Merged<'a>>),
}

pub(super) type StoredRow = Result<(StoredKey, Bytes), StoreError>;

fn in_place(row: Result<(KeyGuard, Row), StoreError>) -> StoredRow {
    row.map(|(key, row)| (StoredKey::InPlace(key), Bytes::Stored(row)))
}

fn moved(row: KeyRow) -> StoredRow {
    row.map(|(key, row)| (StoredKey::Moved(key), row))
}

impl Iterator for StoredRange<'_> {
    type Item = StoredRow;

    fn next(&mut self) -> Option<StoredRow> {
        match self {
            Self::Plain(rows) => rows.next().map(in_place),
            Self::Layered(rows) => rows.next().map(moved),
            Self::Ahead(rows) => rows.next().map(moved),
        }
    }
}

impl DoubleEndedIterator for StoredRange<'_> {
    fn next_back(&mut self) -> Option<StoredRow> {
        match self {
            Self::Plain(rows) => rows.next_back().map(in_place),
            Self::Layered(rows) => rows.next_back().map(moved),
            Self::Ahead(rows) => rows.next_back().map(moved),
        }
    }
}

/// Stored and pending rows as one ordered sequence.
#[derive(Debug)]
pub(crate) struct Merged<'a> {
    pub(super) stored: Ends<StoredRange<'a>>,
    pending: Ends<PendingRange<'a>>,
}

/// Stored rows with others of the same range over them.
pub(super) fn laid_over<'a>(
    stored: StoredRange<'a>,
    over: Option<&'a Pending>,
    low: &[u8],
    high: &[u8],
) -> Merged<'a> {
    let over = over
        .filter(|_| low < high)
        .map(|rows| rows.range::<[u8], _>((Bound::Included(low), Bound::Excluded(high))))
        .unwrap_or_default();
    Merged { stored: Ends::new(stored), pending: Ends::new(over) }
}

/// A key with its row.
pub(crate) type KeyRow = Result<(Key, Bytes), StoreError>;

/// Which side comes next.
enum Side {
    Stored,
    Pending,
    /// The same key: the pending row hides the stored one.
    Both,
}

impl Iterator for Merged<'_> {
    type Item = KeyRow;

    fn next(&mut self) -> Option<KeyRow> {
        loop {
            let side = match (self.stored.peek(), self.pending.peek()) {
                (None, None) => return None,
                (Some(Err(_)), _) | (Some(_), None) => Side::Stored,
                (None, Some(_)) => Side::Pending,
                (Some(Ok((stored, _))), Some((pending, _))) => match (**stored).cmp(pending) {
                    std::cmp::Ordering::Less => Side::Stored,
                    std::cmp::Ordering::Greater => Side::Pending,
                    std::cmp::Ordering::Equal => Side::Both,
                },
            };
            if matches!(side, Side::Stored) {
                return self.stored.next().map(stored_row);
            }
            if matches!(side, Side::Both) {
                let _hidden = self.stored.next();
            }
            let (key, slot) = self.pending.next()?;
            if let Some(value) = &slot.value {
                return Some(Ok((key.clone(), Bytes::Pending(value.clone()))));
            }
        }
    }
}

impl DoubleEndedIterator for Merged<'_> {
    fn next_back(&mut self) -> Option<KeyRow> {
        loop {
            let side = match (self.stored.peek_back(), self.pending.peek_back()) {
                (None, None) => return None,
                (Some(Err(_)), _) | (Some(_), None) => Side::Stored,
                (None, Some(_)) => Side::Pending,
                (Some(Ok((stored, _))), Some((pending, _))) => match (**stored).cmp(pending) {
                    std::cmp::Ordering::Greater => Side::Stored,
                    std::cmp::Ordering::Less => Side::Pending,
                    std::cmp::Ordering::Equal => Side::Both,
                },
            };
            if matches!(side, Side::Stored) {
                return self.stored.next_back().map(stored_row);
            }
            if matches!(side, Side::Both) {
                let _hidden = self.stored.next_back();
            }
            let (key, slot) = self.pending.next_back()?;
            if let Some(value) = &slot.value {
                return Some(Ok((key.clone(), Bytes::Pending(value.clone()))));
            }
        }
    }
}

fn stored_row(row: StoredRow) -> KeyRow {
    row.map(|(key, row)| match key {
        StoredKey::InPlace(key) => (Key::from(&*key), row),
        StoredKey::Moved(key) => (key, row),
    })
}
