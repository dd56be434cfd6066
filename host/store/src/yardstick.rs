//! What a commit costs without anything of ours: the rows that commits wrote, kept by a [`Tap`], and
//! a [`Bare`] engine that writes them again. For benchmarks: every figure of ours is told next to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use model::Seq;
use redb::{Builder, Database, ReadableDatabase};

use crate::error::StoreError;
use crate::layout::Space;
use crate::proposal::Writes;
use crate::snapshot::definition;

/// A row as it was written; without a value it was taken away.
pub type TappedRow = (Space, Vec<u8>, Option<Vec<u8>>);

/// What one transaction wrote.
#[derive(Debug, Clone, Default)]
pub struct Tapped {
    /// How many commits it was.
    pub commits: usize,
    /// The rows of all of them.
    pub rows: Vec<TappedRow>,
}

/// Keeps what commits write. Costs a copy of it: for benchmarks only.
#[derive(Debug, Default)]
pub struct Tap {
    groups: Mutex<Vec<Vec<Kept>>>,
}

/// What one commit wrote, in as few pieces as it came: taking it apart can wait.
pub(crate) type Kept = (Seq, Writes, Vec<u8>);

impl Tap {
    /// The rows of every transaction since the last call, in order.
    pub fn take(&self) -> Vec<Tapped> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *groups).into_iter().map(tapped).collect()
    }

    pub(crate) fn keep(&self, group: Vec<Kept>) {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).push(group);
    }
}

/// The rows of a group, one by one.
fn tapped(group: Vec<Kept>) -> Tapped {
    let commits = group.len();
    let mut rows = Vec::new();
    for (seq, writes, log) in group {
        rows.extend(
            writes
                .from(0)
                .map(|(space, key, value)| (space, key.to_vec(), value.map(<[u8]>::to_vec))),
        );
        rows.push((Space::Log, crate::key::log(seq).to_vec(), Some(log)));
    }
    Tapped { commits, rows }
}

/// The engine with the store's tables and settings, and nothing else: no validation, no history, no
/// queue, no other thread.
#[derive(Debug)]
pub struct Bare {
    database: Database,
}

fn engine(bad: impl Into<redb::Error>) -> StoreError {
    StoreError::engine("the yardstick")(bad.into())
}

impl Bare {
    /// Opens a store's file, or makes an empty one.
    pub fn open(path: &Path, cache_bytes: usize) -> Result<Self, StoreError> {
        let database = Builder::new().set_cache_size(cache_bytes).create(path).map_err(engine)?;
        Ok(Self { database })
    }

    /// Writes the rows of some commits as one durable transaction, table by table in key order.
    pub fn commit(&self, commits: &[Vec<TappedRow>]) -> Result<(), StoreError> {
        let mut tables: BTreeMap<Space, BTreeMap<&[u8], Option<&[u8]>>> = BTreeMap::new();
        for (space, key, value) in commits.iter().flatten() {
            tables.entry(*space).or_default().insert(key, value.as_deref());
        }
        let mut transaction = self.database.begin_write().map_err(engine)?;
        transaction.set_quick_repair(true);
        for (space, rows) in tables {
            let mut table = transaction.open_table(definition(space)).map_err(engine)?;
            for (key, value) in rows {
                match value {
                    Some(value) => table.insert(key, value).map_err(engine)?,
                    None => table.remove(key).map_err(engine)?,
                };
            }
        }
        transaction.commit().map_err(engine)
    }

    /// Calls `each` with the value of every row of a table, in key order.
    pub fn scan(&self, space: Space, mut each: impl FnMut(&[u8])) -> Result<(), StoreError> {
        let transaction = self.database.begin_read().map_err(engine)?;
        let table = transaction.open_table(definition(space)).map_err(engine)?;
        for row in table.range::<&[u8]>(..).map_err(engine)? {
            let (_, value) = row.map_err(engine)?;
            each(value.value());
        }
        Ok(())
    }
}
