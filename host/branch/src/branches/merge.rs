//! Merging a branch into main: prepared beside everyone else, committed at once or not at all.
//!
//! The draft notes what it read of main and of the branch; a change of either in the meantime is a
//! conflict of commits, and the merge is prepared again.

use std::collections::BTreeSet;

use model::{BranchId, ObjectId, Seq};
use store::{Space, key};

use crate::branches::conflict::{Conflict, ConflictId, ConflictKind, Keep, Resolution};
use crate::branches::reconcile::{Purpose, Reconciled, claims_together, conflicts_of, reconcile};
use crate::branches::record::BranchState;
use crate::branches::verbs::named;
use crate::branches::{BranchFault, BranchRecord, Moment};
use crate::change::ChangeSet;
use crate::commit::{Author, Cause};
use crate::database::Database;
use crate::draft::{Claim, Draft};
use crate::error::{BranchError, CommitFailure, Violation};
use crate::object::{TOMBSTONE, stamp};
use crate::rows::Track;
use crate::view::View;

/// What a merge did.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The commit.
    pub seq: Option<Seq>,
    /// What main got.
    pub changes: ChangeSet,
}

/// What a merge would meet and do; nothing is changed by asking.
#[derive(Debug, Clone)]
pub struct MergeCheck {
    /// All conflicts, decided ones too.
    pub conflicts: Vec<Conflict>,
    /// Rules that the result would break, the first hundred.
    pub violations: Vec<Violation>,
    /// What main would get; of an undecided conflict main's side.
    pub changes: ChangeSet,
}

impl MergeCheck {
    /// Whether nothing stands in the way.
    pub fn is_clear(&self) -> bool {
        self.violations.is_empty() && !self.conflicts.iter().any(Conflict::is_open)
    }
}

/// A branch with what it is brought to.
pub(crate) struct Under {
    pub(crate) id: BranchId,
    pub(crate) record: BranchRecord,
    pub(crate) ours: View,
    pub(crate) base: View,
}

impl Database {
    /// Where a branch and main changed the same to something else. Linear in what the branch changed.
    pub fn branch_conflicts(&self, name: &str) -> Result<Vec<Conflict>, BranchError> {
        Ok(self.branch_validate(name)?.conflicts)
    }

    /// Whether a branch can be merged, and what main would get. Nothing is kept of it.
    pub fn branch_validate(&self, name: &str) -> Result<MergeCheck, BranchError> {
        let (draft, _, found) = self.merge_draft(name, Author(ObjectId::SYSTEM))?;
        let changes = ChangeSet::of(&draft)?;
        Ok(MergeCheck { conflicts: found.conflicts, violations: found.violations, changes })
    }

    /// Whether a branch can be merged, as [`branch_validate`](Self::branch_validate) tells, and main as it
    /// would be then: a draft to go on from, which is never committed; none where something is in the way.
    pub fn branch_merge_ahead(
        &self,
        name: &str,
        author: Author,
    ) -> Result<(MergeCheck, Option<Draft>), BranchError> {
        let (mut draft, under, found) = self.merge_draft(name, author)?;
        drop(under);
        let changes = ChangeSet::of(&draft)?;
        let check =
            MergeCheck { conflicts: found.conflicts, violations: found.violations, changes };
        if !check.is_clear() {
            return Ok((check, None));
        }
        draft.hold_written()?;
        draft.go_ahead();
        Ok((check, Some(draft)))
    }

    /// Brings everything a branch changed to main, in one commit, and freezes the branch.
    ///
    /// Linear in what the branch changed; a change of a schema in the objects of its kinds.
    pub fn branch_merge(&self, name: &str, author: Author) -> Result<Merged, CommitFailure> {
        self.branch_merge_as_of(name, author, None)
    }

    /// The same; with a commit, only if nothing of the branch was changed after it.
    pub fn branch_merge_as_of(
        &self,
        name: &str,
        author: Author,
        as_of: Option<Seq>,
    ) -> Result<Merged, CommitFailure> {
        let mut changes = ChangeSet::default();
        let seq = self.repeat(|| {
            let (mut draft, mut under, found) = self.merge_draft(name, author)?;
            if let Some(as_of) = as_of
                && touched_last(&under.ours)? > as_of
            {
                let name = name.to_owned();
                return Err(BranchError::from(BranchFault::Moved { name }).into());
            }
            refuse(name, found.conflicts, found.violations)?;
            draft.hold_written()?;
            changes = ChangeSet::of(&draft)?;
            under.record.state = BranchState::Merged;
            let row = under.record.encode();
            draft.put_row(Space::Branches, key::branch(under.id), row)?;
            let branch = under.id.0;
            drop(under);
            let schema = draft.rows.pending(Space::Schemas).next().is_some();
            self.commit_finished(draft, Cause::BranchMerge { branch, schema })
        })?;
        Ok(Merged { seq, changes })
    }

    /// Decides which side of a conflict stands; nothing takes the decision back. It holds as long as
    /// both sides say what they say now, for a merge and for a rebase.
    ///
    /// Linear in the branch's own rows of the object, where the conflict was listed since the start, and of
    /// objects that were decided to stand again; else in what the branch changed.
    pub fn branch_resolve(
        &self,
        id: ConflictId,
        keep: Option<Keep>,
        author: Author,
    ) -> Result<Conflict, CommitFailure> {
        let missing = || BranchError::from(BranchFault::NoConflict { id: id.to_string() });
        let mut found = None;
        self.repeat(|| {
            let mut draft = self.draft(BranchId::MAIN, author)?;
            draft.make_bare();
            let row = draft.rows.get(Space::Branches, &key::branch(id.branch()));
            let row = row.map_err(BranchError::from)?.ok_or_else(missing)?;
            let name = BranchRecord::decode(&row)?.name;
            drop(row);
            let under = self.under(&draft, &name)?;
            note_line(&draft, under.id);
            drop(under);
            // What was decided is kept with all that both sides say, whoever decides.
            let mut conflict = self.seen_by(None).conflict(&name, id)?.ok_or_else(missing)?;
            let of_what = conflict.of_what().0;
            let kind = draft.schema().kind(&conflict.object_kind);
            if kind.is_some_and(|kind| !draft.sees(kind)) {
                conflict.hide();
            }
            if !conflict.is_resolvable {
                let fault = BranchFault::NotResolvable { conflict: conflict.to_string() };
                return Err(BranchError::from(fault).into());
            }
            let (by, at) = (author.0.0, draft.now().0);
            let resolution = keep.map(|keep| Resolution { keep, of_what, by, at });
            draft.put_resolution(id, resolution.as_ref())?;
            found = Some(Conflict { keep, ..conflict });
            self.commit_finished(draft, Cause::BranchUpdate { branch: id.branch().0 })
        })?;
        found.ok_or_else(|| missing().into())
    }

    /// One conflict of a branch, by itself where it is known what it is about.
    fn conflict(&self, name: &str, id: ConflictId) -> Result<Option<Conflict>, BranchError> {
        if let Some((Some(object), kind)) = self.conflicts().of(id)
            && kind != ConflictKind::Uniqueness
            && let Some(found) = self.conflict_alone(name, id, object)?
        {
            return Ok(Some(found));
        }
        Ok(self.branch_conflicts(name)?.into_iter().find(|one| one.id == id))
    }

    /// A conflict about an object, found by looking at nothing else; nothing where that does not do.
    fn conflict_alone(
        &self,
        name: &str,
        id: ConflictId,
        object: ObjectId,
    ) -> Result<Option<Conflict>, BranchError> {
        let mut draft = self.draft(BranchId::MAIN, Author(ObjectId::SYSTEM))?;
        let under = self.under(&draft, name)?;
        let mut objects = BTreeSet::from([object]);
        // What stands again by a decision does so with its links, and those may be in conflict.
        for (decided, resolution) in draft.resolutions(under.id)? {
            match self.conflicts().of(decided) {
                Some((Some(object), ConflictKind::Object)) if resolution.keep == Keep::Branch => {
                    objects.insert(object);
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
        let found = conflicts_of(&mut draft, &under.base, &under.ours, objects)?;
        Ok(found.and_then(|mut found| found.remove(&id)))
    }

    /// A branch that takes changes, by name, noted in a draft.
    pub(crate) fn under(&self, draft: &Draft, name: &str) -> Result<Under, BranchError> {
        let (id, record) = named(draft, name)?;
        if id == BranchId::MAIN {
            return Err(BranchFault::Main { verb: "merged or rebased" }.into());
        }
        if record.state == BranchState::Merged {
            return Err(BranchFault::Merged { name: name.to_owned() }.into());
        }
        // All of one moment.
        let snapshot = draft.rows.snapshot.clone();
        let ours = self.view_over(snapshot.clone(), id, None, Track::Nothing)?;
        let fork = Moment::Commit(ours.fork().unwrap_or_default());
        let base = self.view_over(snapshot, BranchId::MAIN, Some(fork), Track::Nothing)?;
        Ok(Under { id, record, ours, base })
    }

    /// A draft on main with everything a branch changed in it.
    fn merge_draft(
        &self,
        name: &str,
        author: Author,
    ) -> Result<(Draft, Under, Reconciled), BranchError> {
        let mut draft = self.draft(BranchId::MAIN, author)?;
        let under = self.under(&draft, name)?;
        note_line(&draft, under.id);
        // First: what the branch drew is then main's to give back.
        let moved = draft.move_attribution(under.id)?;
        let found = reconcile(&mut draft, &under.base, &under.ours, Purpose::Merge)?;
        self.conflicts().note(&found.conflicts);
        draft.release_lost(under.id, &under.ours, &moved)?;
        draft.release_regained(under.id)?;
        draft.hand_over_claims(&under)?;
        Ok((draft, under, found))
    }
}

/// The newest commit that changed anything of a branch's own.
fn touched_last(ours: &View) -> Result<Seq, BranchError> {
    Ok(ours.touched()?.newest())
}

/// Why a branch cannot be merged or rebased as it is.
pub(crate) fn refuse(
    name: &str,
    mut conflicts: Vec<Conflict>,
    violations: Vec<Violation>,
) -> Result<(), BranchError> {
    conflicts.retain(Conflict::is_open);
    if !conflicts.is_empty() {
        return Err(BranchFault::Conflicts { name: name.to_owned(), conflicts }.into());
    }
    match violations.into_iter().next() {
        Some(violation) => Err(violation.into()),
        None => Ok(()),
    }
}

/// Any change of the branch is a conflict from here on.
pub(crate) fn note_line(draft: &Draft, line: BranchId) {
    let (low, high) = (key::branch(line), key::prefix_end(&key::branch(line)));
    for space in [
        Space::Schemas,
        Space::Heads,
        Space::Kinds,
        Space::Edges,
        Space::Claims,
        Space::Resolutions,
    ] {
        draft.rows.note_range(space, &low, &high);
    }
}

impl Draft {
    /// What instances hold of what the branch changed comes to main with it: who made an object is as
    /// much a fact of it as its values, and without it nobody would take it away again. Instances and
    /// records of runs stay where they ran.
    fn hand_over_claims(&mut self, under: &Under) -> Result<(), BranchError> {
        let line = key::branch(under.id);
        let rows = &under.ours.rows.snapshot;
        for row in rows.range(Space::Claims, &line, &key::prefix_end(&line))? {
            let (key, row) = row?;
            let Some((_, instance, object)) = key::parse_claim(&key) else { continue };
            let gone = stamp(&row).is_some_and(|(_, flags)| flags & TOMBSTONE != 0);
            let ours = if gone { None } else { Some(Claim::decode(&row)?) };
            let (base, main) = (under.base.claim(instance, object)?, self.claim(instance, object)?);
            if ours == base || ours == main {
                continue;
            }
            let there = self.kind_of(object)?.is_some();
            // What the branch let go of as it deleted it, and main keeps, main holds as before.
            let kept = ours.is_none() && there && under.ours.kind_of(object)?.is_none();
            let claim = match (ours, main) {
                (_, _) if !there => None,
                (_, main) if kept => main,
                (ours, main) if main == base => ours,
                (Some(ours), Some(main)) => Some(claims_together(main, ours)),
                (ours, main) => main.or(ours),
            };
            self.set_claim(instance, object, claim.as_ref())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use model::{Clock, IdSource, Timestamp};
    use store::Store;

    use super::*;
    use crate::database::Environment;
    use crate::draft::Input;

    #[derive(Debug, Default)]
    struct Outside(AtomicU64);

    impl Clock for Outside {
        fn now(&self) -> Timestamp {
            Timestamp(1)
        }
    }

    impl IdSource for Outside {
        fn next_id(&self, _now: Timestamp) -> ObjectId {
            ObjectId(u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1) << 64)
        }
    }

    #[test]
    fn a_branch_that_was_changed_since_is_not_merged_as_it_was() {
        let outside = Arc::new(Outside::default());
        let environment = Environment { clock: outside.clone(), ids: outside };
        let store = Store::in_memory(store::Options::default()).unwrap();
        let database = Database::open(store, environment).unwrap();
        let author = Author(ObjectId::SYSTEM);
        let id = database.branch_create("b", "", author).unwrap().id;
        let tag = |name: &str| {
            let mut draft = database.draft(id, author).unwrap();
            let input = Input::default().json("name", name.into());
            draft.create("BuiltinTag", None, input).unwrap();
            database.commit(draft, Cause::Objects).unwrap().seq
        };
        let checked = tag("checked");
        let later = tag("later");
        let before = database.last_seq();
        let refused = database.branch_merge_as_of("b", author, checked).unwrap_err();
        let CommitFailure::Refused(error) = refused else { panic!("{refused}") };
        assert_eq!(error.code(), "branch-moved");
        assert_eq!(database.last_seq(), before);
        assert!(database.branch_merge_as_of("b", author, later).unwrap().seq.is_some());
    }
}
