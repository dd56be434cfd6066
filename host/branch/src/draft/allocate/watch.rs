//! Pools that become nearly full, and stop being so: one event each time the share crosses what the pool
//! says (`alert_at`).

use std::collections::BTreeSet;

use model::{BranchId, ObjectId};
use serde::{Deserialize, Serialize};
use store::{Key, Space, key};

use crate::commit::{Author, Cause};
use crate::database::Database;
use crate::draft::allocate::leased::Also;
use crate::error::{BranchError, CommitFailure};
use crate::limits::ALERTS_LISTED_MAX;
use crate::object::Object;
use crate::rows::encoded;
use crate::view::View;

/// Attempts to tell it: another commit may tell it first, and then there is nothing to tell.
const ATTEMPTS: usize = 4;

/// That a pool has crossed its mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolAlert {
    /// The pool.
    pub pool: u128,
    /// Its name.
    pub name: String,
    /// The division, by element; empty where the pool has one space.
    pub scope: Vec<(String, String)>,
    /// It is nearly full now; else it no longer is.
    pub is_full: bool,
    /// What is taken.
    pub used: u128,
    /// What there is.
    pub total: u128,
    /// The mark, in per cent.
    pub alert_at: u8,
    /// When, in microseconds since 1970.
    pub at: i64,
}

/// The row that says that a desk is above its mark.
fn alert_key(desk: ObjectId) -> Key {
    [&b"alert/"[..], &desk.0.to_be_bytes()].concat().into()
}

/// Whether a share is at the mark or above; exact.
fn is_above(used: u128, total: u128, alert_at: u8) -> bool {
    // used / total >= alert_at / 100, without overflow: a hundredth first where there are many.
    match (used.checked_mul(100), total.checked_mul(u128::from(alert_at))) {
        (Some(used), Some(mark)) => total > 0 && used >= mark,
        _ => used / u128::from(alert_at.max(1)) >= total / 100,
    }
}

impl Database {
    /// Looks at desks that a commit drew from or gave back to, or where what it wrote takes part, and tells
    /// of those that crossed their mark. A few microseconds a desk where none did.
    pub(crate) fn watch(&self, desks: &BTreeSet<ObjectId>) -> Result<(), BranchError> {
        for desk in desks {
            for _attempt in 0..ATTEMPTS {
                if self.watch_one(*desk)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// `false` where another commit came in between.
    fn watch_one(&self, id: ObjectId) -> Result<bool, BranchError> {
        let mut draft = self.draft(BranchId::MAIN, Author(ObjectId::SYSTEM))?;
        let Some(desk) = draft.view.desk_by_id(id)? else { return Ok(true) };
        let pool = &desk.pool;
        let Some(alert_at) = mark_of(pool) else { return Ok(true) };
        let (used, total) =
            draft.at_desk(&desk, Also::default(), |book| Ok((book.fill(), Vec::new())))?;
        let is_full = is_above(used, total, alert_at);
        let known = draft.view.rows.get(Space::Meta, &alert_key(id))?.is_some();
        if is_full == known {
            return Ok(true);
        }
        let (name, at) = (pool.value("name").to_string(), draft.now().0);
        let scope = super::scope_of(pool).into_iter().zip(desk.division.clone()).collect();
        let pool = pool.id().0;
        let alert = PoolAlert { pool, name, scope, is_full, used, total, alert_at, at };
        let row = encoded(&alert);
        let state = is_full.then(|| Vec::new().into());
        draft.view.rows.write(Space::Meta, alert_key(id), state)?;
        let number = draft.view.next_event()?;
        draft.put_row(Space::Outbox, number.to_be_bytes().to_vec(), row)?;
        match self.commit_finished(draft, Cause::Objects) {
            Ok(_) => Ok(true),
            Err(CommitFailure::Conflict { .. }) => Ok(false),
            Err(CommitFailure::Refused(error)) => Err(error),
            // The disk: whoever commits next is told.
            Err(CommitFailure::Store(_)) => Ok(true),
        }
    }
}

/// The mark of a pool; nothing where it is not to be told of.
fn mark_of(pool: &Object) -> Option<u8> {
    let mark = pool.value("alert_at").as_int()?;
    u8::try_from(mark).ok().filter(|mark| (1..=100).contains(mark))
}

impl View {
    fn next_event(&self) -> Result<u64, BranchError> {
        let all = key::prefix_end(&[]);
        let end = if all.is_empty() { Key::from(vec![0xff; 9]) } else { all };
        let last = self.rows.range(Space::Outbox, &[], &end)?.next_back();
        let Some(last) = last else { return Ok(0) };
        let number = <[u8; 8]>::try_from(&*last?.0).map(u64::from_be_bytes);
        Ok(number.map_or(0, |number| number.saturating_add(1)))
    }

    /// The newest events of pools, oldest first.
    pub fn pool_alerts(&self) -> Result<Vec<PoolAlert>, BranchError> {
        let mut alerts = Vec::new();
        let rows = self.rows.range_unnoted(Space::Outbox, &[], &[0xff; 9])?;
        for row in rows.rev().take(ALERTS_LISTED_MAX) {
            alerts.extend(postcard::from_bytes::<PoolAlert>(&row?.1).ok());
        }
        alerts.reverse();
        Ok(alerts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_exact_at_every_size() {
        assert!(is_above(80, 100, 80) && !is_above(79, 100, 80));
        assert!(is_above(u128::MAX, u128::MAX, 100) && !is_above(u128::MAX / 2, u128::MAX, 80));
        assert!(!is_above(0, 0, 80));
    }
}
