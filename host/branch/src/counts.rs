//! How many objects of a kind are stored on main, kept in memory: counted once from a snapshot and
//! brought forward, or back, by the commit log. Nothing here is the truth: the rows are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{BranchId, Seq, Symbol};
use store::{Snapshot, Space, key};

use crate::change::Op;
use crate::commit::{Cause, LogEntry};
use crate::error::BranchError;
use crate::limits::COUNTED_COMMITS_MAX;
use crate::object::{is_there, stamp};

/// A kind on a line of the store.
type Place = (BranchId, Symbol);

/// What is known of one kind.
#[derive(Debug, Default)]
struct Counted {
    /// The commit it is as of, the schema that main had there, and how many there were.
    known: Option<(Seq, Seq, u64)>,
}

/// All counts of a database.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    kinds: Mutex<BTreeMap<Place, Arc<Mutex<Counted>>>>,
}

impl Counts {
    /// How many objects of a kind a snapshot has on main, or on the line that all branches share.
    /// Linear in the objects the first time, then in the commits since it was last asked for.
    pub(crate) fn stored(
        &self,
        snapshot: &Snapshot,
        line: BranchId,
        kind: Symbol,
    ) -> Result<u64, BranchError> {
        let counted = {
            let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(kinds.entry((line, kind)).or_default())
        };
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        let schema = schema(snapshot)?;
        let moved = match counted.known {
            Some((from, was, count)) if was == schema => {
                moved(snapshot, line, kind, from)?.and_then(|by| count.checked_add_signed(by))
            }
            _ => None,
        };
        let count = match moved {
            Some(count) => count,
            None => scanned(snapshot, line, kind)?,
        };
        // A snapshot from before is answered, and forgotten: the next one is most likely newer.
        if counted.known.is_none_or(|(seq, ..)| seq <= snapshot.seq()) {
            counted.known = Some((snapshot.seq(), schema, count));
        }
        Ok(count)
    }
}

/// The commit that loaded main's schema. Loading one may rename kinds, and then the log does not tell
/// what became of which.
fn schema(snapshot: &Snapshot) -> Result<Seq, BranchError> {
    let row = snapshot.get(Space::Schemas, &key::schema(BranchId::MAIN))?;
    Ok(row.and_then(|row| stamp(&row)).map_or(Seq(0), |(seq, _)| seq))
}

/// By how much a count changes from a commit to that of a snapshot; nothing where it must be counted
/// anew. A snapshot from before the commit cannot tell: the log it shows ends earlier.
fn moved(
    snapshot: &Snapshot,
    line: BranchId,
    kind: Symbol,
    from: Seq,
) -> Result<Option<i64>, BranchError> {
    let to = snapshot.seq();
    if to < from || to.0 - from.0 > COUNTED_COMMITS_MAX {
        return Ok(None);
    }
    let mut by = 0;
    let (low, high) = (key::log(Seq(from.0 + 1)), key::log(Seq(to.0 + 1)));
    for row in snapshot.range(Space::Log, &low, &high)? {
        let (_, row) = row?;
        let entry = LogEntry::decode(&row)
            .ok_or_else(|| BranchError::Damaged { what: "a row of the commit log".to_owned() })?;
        if entry.cause == Cause::Schema {
            return Ok(None);
        }
        // On the line that all share, whoever commits changes it.
        if entry.branch != line && line != BranchId::GLOBAL {
            continue;
        }
        for (_, symbol, op) in &entry.changed {
            by += match op {
                Op::Created if *symbol == kind.0 => 1,
                Op::Deleted if *symbol == kind.0 => -1,
                _ => 0,
            };
        }
    }
    Ok(Some(by))
}

fn scanned(snapshot: &Snapshot, line: BranchId, kind: Symbol) -> Result<u64, BranchError> {
    let prefix = key::head_kind_prefix(line, kind);
    let mut count = 0;
    for row in snapshot.range(Space::Heads, &prefix, &key::prefix_end(&prefix))? {
        let (_, row) = row?;
        count += u64::from(is_there(&row));
    }
    Ok(count)
}
