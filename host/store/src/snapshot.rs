//! One consistent state for reading. Never waits for the writer; pins its pages while it lives, so
//! it should not live long.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use model::Seq;
use redb::{
    OwnedAccessGuard, OwnedRange, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition,
};

use crate::error::StoreError;
use crate::layout::Space;

pub(crate) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

pub(crate) fn definition(space: Space) -> Definition {
    TableDefinition::new(space.name())
}

/// A stored value, in place. It keeps the state it is of alive, as a snapshot does.
pub struct Row(OwnedAccessGuard<&'static [u8]>);

/// A stored key, in place.
pub struct KeyGuard(OwnedAccessGuard<&'static [u8]>);

impl Deref for Row {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.value()
    }
}

impl Deref for KeyGuard {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.value()
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Row({} bytes)", self.len())
    }
}

impl std::fmt::Debug for KeyGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:02x?})", &**self)
    }
}

/// One consistent state. Clones are the same state and cost nothing.
#[derive(Clone)]
pub struct Snapshot {
    seq: Seq,
    open: Arc<Open>,
}

/// What is open of a state.
struct Open {
    transaction: ReadTransaction,
    tables: [OnceLock<Table>; Space::ALL.len()],
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({})", self.seq)
    }
}

impl Snapshot {
    pub(crate) fn new(transaction: ReadTransaction) -> Result<Self, StoreError> {
        let tables = std::array::from_fn(|_| OnceLock::new());
        let mut snapshot = Self { seq: Seq(0), open: Arc::new(Open { transaction, tables }) };
        let last = {
            let log = snapshot.table(Space::Log)?;
            let row =
                log.last().map_err(|bad| StoreError::engine("reading the log")(bad.into()))?;
            row.and_then(|(key, _)| <[u8; 8]>::try_from(key.value()).ok())
        };
        snapshot.seq = Seq(last.map_or(0, u64::from_be_bytes));
        Ok(snapshot)
    }

    /// The newest commit in it.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    fn table(&self, space: Space) -> Result<&Table, StoreError> {
        let slot = self.open.tables.get(space.place()).ok_or_else(|| StoreError::Engine {
            doing: "opening a table",
            source: Box::new(redb::Error::TableDoesNotExist(space.name().to_owned())),
        })?;
        if let Some(table) = slot.get() {
            return Ok(table);
        }
        let table = self
            .open
            .transaction
            .open_table(definition(space))
            .map_err(|bad| StoreError::engine("opening a table")(bad.into()))?;
        Ok(slot.get_or_init(|| table))
    }

    /// The row under a key. 1-3 us.
    pub fn get(&self, space: Space, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let row = self.table(space)?.get_owned(key);
        let row = row.map_err(|bad| StoreError::engine("reading a row")(bad.into()))?;
        Ok(row.map(Row))
    }

    /// The rows with `low <= key < high`, lazily from either end. Nothing where `high <= low`.
    pub fn range(&self, space: Space, low: &[u8], high: &[u8]) -> Result<Scan, StoreError> {
        if high <= low {
            return Ok(Scan::empty());
        }
        let rows = self.table(space)?.range_owned::<&[u8]>(low..high);
        let rows = rows.map_err(|bad| StoreError::engine("reading a range")(bad.into()))?;
        Ok(Scan { rows: Some(rows) })
    }
}

/// Rows in key order, lazily from either end.
pub struct Scan {
    rows: Option<OwnedRange<&'static [u8], &'static [u8]>>,
}

impl Scan {
    /// A range with nothing in it.
    pub fn empty() -> Self {
        Self { rows: None }
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scan")
    }
}

type RawRow =
    Result<(OwnedAccessGuard<&'static [u8]>, OwnedAccessGuard<&'static [u8]>), redb::StorageError>;

fn row(row: RawRow) -> Result<(KeyGuard, Row), StoreError> {
    row.map(|(key, value)| (KeyGuard(key), Row(value)))
        .map_err(|bad| StoreError::engine("reading a range")(bad.into()))
}

impl Iterator for Scan {
    type Item = Result<(KeyGuard, Row), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.as_mut()?.next().map(row)
    }
}

impl DoubleEndedIterator for Scan {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.rows.as_mut()?.next_back().map(row)
    }
}
