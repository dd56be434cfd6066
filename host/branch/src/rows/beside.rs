//! What ids that lie together are, read at once.
//!
//! The objects of a generator's instance have the leading half of their target's id: that of ten ids none is
//! taken is one look at the store instead of ten. What is noted is the same.

use std::cell::RefCell;

use model::ObjectId;
use store::{Key, Snapshot, Space, StoreError, key};

use super::RowBytes;
use crate::limits::BESIDE_ROWS_MAX;

/// Bytes of a key of kinds that ids which lie together have in common: the line, half the id.
const COMMON: usize = 4 + 8;

/// Groups that are remembered: a run asks for those of its definition, of its target, and of what it makes.
const GROUPS: usize = 8;

/// Rows of kinds that lie together, by the beginning of their keys.
#[derive(Debug, Default)]
pub(super) struct Beside(RefCell<Vec<Together>>);

#[derive(Debug)]
struct Together {
    common: Key,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    /// One of them was asked for: the next time all are read.
    Asked,
    /// All of them, in order.
    Known(Vec<(ObjectId, RowBytes)>),
    /// Too many to be read for one.
    Many,
}

impl Beside {
    /// The row under a key of kinds, where those beside it are known by now; nothing where it is to be
    /// looked for by itself.
    pub(super) fn get(
        &self,
        snapshot: &Snapshot,
        key: &[u8],
    ) -> Result<Option<Option<RowBytes>>, StoreError> {
        let (Some(common), Some(id)) = (key.get(..COMMON), key::object_at_end(key)) else {
            return Ok(None);
        };
        let mut all = self.0.borrow_mut();
        let Some(together) = all.iter_mut().rev().find(|known| *known.common == *common) else {
            if all.len() == GROUPS {
                all.remove(0);
            }
            all.push(Together { common: Key::from(common), rows: Rows::Asked });
            return Ok(None);
        };
        if matches!(together.rows, Rows::Asked) {
            together.rows = read(snapshot, common)?;
        }
        let Rows::Known(rows) = &together.rows else { return Ok(None) };
        let place = rows.binary_search_by_key(&id, |(known, _)| *known);
        Ok(Some(place.ok().and_then(|at| rows.get(at)).map(|(_, row)| row.clone())))
    }
}

fn read(snapshot: &Snapshot, common: &[u8]) -> Result<Rows, StoreError> {
    let mut rows = Vec::new();
    for row in snapshot.range(Space::Kinds, common, &key::prefix_end(common))? {
        let (key, row) = row?;
        if rows.len() == BESIDE_ROWS_MAX {
            return Ok(Rows::Many);
        }
        rows.extend(key::object_at_end(&key).map(|id| (id, RowBytes::from(&*row))));
    }
    Ok(Rows::Known(rows))
}
