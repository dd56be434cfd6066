//! Rebasing a branch: from now on it reads main as of a later commit, with its own changes brought to
//! that.
//!
//! Two commits. The first one pins a moment of main: whatever a branch can see as of it is kept from
//! then on, so that the rest can be prepared while main goes on. The second one writes the branch's
//! rows anew and moves the fork; until then nobody sees anything of it. A row of which nothing of the
//! branch is left stays as one that lets main's through, so that its past can still be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{BranchId, Seq};
use store::{Key, Space, Write, key};

use crate::branches::merge::{note_line, refuse};
use crate::branches::overlay::{Locals, Overlay, kind_row};
use crate::branches::reconcile::{Purpose, reconcile};
use crate::branches::record::{Fork, Together};
use crate::branches::sweep::SWEPT;
use crate::branches::verbs::together;
use crate::branches::{BranchFault, BranchInfo, kind_in};
use crate::commit::{Author, Cause, past};
use crate::database::Database;
use crate::draft::Draft;
use crate::error::{BranchError, CommitFailure};
use crate::object::{Edge, PAYLOAD_AT, THROUGH, TOMBSTONE, is_there, is_through, stamp, stamped};
use crate::record::Record;

/// Tables of a branch's own rows that are written anew.
const WRITTEN_ANEW: [Space; 5] =
    [Space::Schemas, Space::Heads, Space::Kinds, Space::Edges, Space::Index];

/// Rows of a branch by place.
pub(crate) type OwnRows = BTreeMap<(Space, Key), Vec<u8>>;

impl Database {
    /// Brings a branch to main as it is now. Refused while there are undecided conflicts; decided ones
    /// are applied, and the decisions go. What is local stays as it is.
    ///
    /// Linear in what the branch changed; a change of a schema in the objects of its kinds.
    pub fn branch_rebase(&self, name: &str, author: Author) -> Result<BranchInfo, CommitFailure> {
        self.repeat(|| {
            let (id, fork) = self.pin(name, author)?;
            let ours = self.view(id)?;
            let locals = Arc::clone(&ours.compiled.locals);
            drop(ours);
            let mut draft = self.draft_anew(id, fork, locals, author)?;
            let mut under = self.under(&draft, name)?;
            note_line(&draft, id);
            draft.rows.note_point(Space::Meta, SWEPT);
            let found = reconcile(&mut draft, &under.base, &under.ours, Purpose::Rebase)?;
            refuse(name, found.conflicts, found.violations)?;
            draft.drop_dangling(&under.ours.compiled.locals)?;
            draft.release_regained(id)?;
            draft.hold_written()?;
            let decided = draft.resolutions(id)?;
            for conflict in decided.keys() {
                draft.put_resolution(*conflict, None)?;
            }
            // Somebody who deleted a branch may have forgotten the pin.
            if together(&draft)?.newest_fork < Some(fork) {
                return Err(CommitFailure::Conflict { seq: fork });
            }
            under.record.forks.push(Fork { since: Seq(0), at: fork });
            draft.put_row(Space::Branches, key::branch(id), under.record.encode())?;
            drop(under);
            self.commit_finished(draft, Cause::BranchRebase { branch: id.0 })
        })?;
        self.sweep_past(author)?;
        Ok(self.branch_info(name)?)
    }

    /// Sees to it that what main has now is kept for a branch that will read it.
    fn pin(&self, name: &str, author: Author) -> Result<(BranchId, Seq), CommitFailure> {
        let mut draft = self.draft(BranchId::MAIN, author)?;
        draft.make_bare();
        let id = self.under(&draft, name)?.id;
        let row = Together::encode(Some(Seq(0)), together(&draft)?.next);
        draft.put_row(Space::Branches, key::branches(), row)?;
        match self.commit_finished(draft, Cause::BranchRebase { branch: id.0 })? {
            Some(seq) => Ok((id, seq)),
            None => Err(BranchError::from(BranchFault::NotFound { name: name.to_owned() }).into()),
        }
    }
}

impl Draft {
    /// Local links whose other end main has lost.
    fn drop_dangling(&mut self, locals: &Locals) -> Result<(), BranchError> {
        let line = key::branch(self.branch());
        let mut dangling = Vec::new();
        let rows = &self.rows.snapshot;
        for row in rows.range(Space::Edges, &line, &key::prefix_end(&line))? {
            let (key, row) = row?;
            let Some(edge) = key::parse_edge(&key) else { continue };
            let live = !is_through(&row) && Edge::decode(edge.peer, &row)?.is_some();
            if live
                && locals.keep(rows, Space::Edges, &key, &row)?
                && (self.kind_of(edge.object)?.is_none() || self.kind_of(edge.peer)?.is_none())
            {
                dangling.push(key.to_vec());
            }
        }
        for key in dangling {
            self.put_row(Space::Edges, key, stamped(TOMBSTONE, &[]))?;
        }
        Ok(())
    }

    /// The rows of the branch that this draft puts together anew; none of any other draft.
    pub(crate) fn own_rows(&self) -> Result<OwnRows, BranchError> {
        let mut own = BTreeMap::new();
        let Some(overlay) = self.rows.overlay.as_ref().filter(|overlay| overlay.is_anew()) else {
            return Ok(own);
        };
        let line = key::branch(self.branch());
        let rows = &self.rows.snapshot;
        for space in WRITTEN_ANEW {
            for row in rows.range(space, &line, &key::prefix_end(&line))? {
                let (key, row) = row?;
                let is_past = space == Space::Schemas && key.len() != line.len();
                if !is_past && !overlay.keeps(rows, space, &key, &row)? {
                    own.insert((space, Key::from(&*key)), row.to_vec());
                }
            }
        }
        self.claims_that_stand(&mut own)?;
        Ok(own)
    }

    /// What instances let go of as they deleted it on the branch, of objects that stand again: main's
    /// word on it shows.
    fn claims_that_stand(&self, own: &mut OwnRows) -> Result<(), BranchError> {
        let line = key::branch(self.branch());
        let rows = &self.rows.snapshot;
        for row in rows.range(Space::Claims, &line, &key::prefix_end(&line))? {
            let (key, row) = row?;
            let Some((branch, instance, object)) = key::parse_claim(&key) else { continue };
            let was = rows.get(Space::Kinds, &key::kind_of(branch, object))?;
            let deleted = was.is_some_and(|was| !is_there(&was));
            if !is_there(&row) && deleted && self.kind_of(object)?.is_some() {
                let back = key::claimed_by(branch, object, instance);
                own.insert((Space::ClaimedBy, back), row.to_vec());
                own.insert((Space::Claims, Key::from(&*key)), row.to_vec());
            }
        }
        Ok(())
    }
}

/// What becomes of a row of the branch that the draft wrote anew; nothing where it is the same.
pub(crate) fn rewritten(
    space: Space,
    key: Key,
    old: &[u8],
    value: &[u8],
) -> Result<Vec<Write>, BranchError> {
    if is_same(space, old, value) {
        return Ok(Vec::new());
    }
    let mut writes = Vec::new();
    if !space.has_past() {
        writes.extend(past(space, &key, old)?);
    }
    writes.push(Write::PutStamped { space, key, value: value.to_vec() });
    Ok(writes)
}

/// Whether two rows say the same, whichever commit wrote them.
fn is_same(space: Space, old: &[u8], new: &[u8]) -> bool {
    if old.get(8..) == new.get(8..) {
        return true;
    }
    let read = |row: &[u8]| {
        let (seq, flags) = stamp(row)?;
        let record = Record::decode(row.get(PAYLOAD_AT..)?, seq)?;
        (flags == 0).then_some(record)
    };
    space == Space::Heads && read(old).is_some() && read(old) == read(new)
}

/// What becomes of a row of the branch of which nothing is left.
pub(crate) fn let_through(space: Space, key: Key, old: &[u8]) -> Result<Vec<Write>, BranchError> {
    if is_through(old) {
        return Ok(Vec::new());
    }
    if space.has_past() {
        return Ok(vec![Write::Delete { space, key }]);
    }
    let value = match kind_in(old).filter(|_| space == Space::Kinds) {
        Some((kind, _)) => kind_row(kind, THROUGH),
        None => stamped(THROUGH, &[]),
    };
    let mut writes: Vec<Write> = past(space, &key, old)?.into_iter().collect();
    writes.push(Write::PutStamped { space, key, value: value.to_vec() });
    Ok(writes)
}

impl Overlay {
    fn keeps(
        &self,
        snapshot: &store::Snapshot,
        space: Space,
        key: &[u8],
        row: &[u8],
    ) -> Result<bool, BranchError> {
        match self.kept_locals() {
            Some(locals) => Ok(locals.keep(snapshot, space, key, row)?),
            None => Ok(true),
        }
    }
}
