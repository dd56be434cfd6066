//! Bringing what a branch changed to a later state of main: by property of each attribute and by
//! element of each relationship, as the fork, the branch and main have it.
//!
//! The draft shows main; what the branch changed is written into it, on main's line for a merge, on
//! the branch's own for a rebase. Walks the branch's own rows: the cost follows what was changed. What
//! the host derives (computed values, values of profiles, the IP hierarchy) is never compared; the
//! draft settles it anew.

mod links;
mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{
    Attribute, BranchMode, Declared, Kind, Prefer, Renames, SchemaConflict, kind_before,
};
use model::{BranchId, ObjectId, Seq, Symbol};
use serde_json::Value as Json;
use store::{Space, key};

pub(crate) use links::claims_together;

use crate::branches::conflict::{
    Conflict, ConflictId, ConflictKind, ConflictSide, Keep, Resolutions,
};
use crate::branches::derived::is_set_of_ip;
use crate::change::Op;
use crate::commit::LogEntry;
use crate::draft::Draft;
use crate::error::{BranchError, Violation};
use crate::limits::VIOLATIONS_MAX;
use crate::object::{is_through, stamp};
use crate::schema::{Fit, SchemaLoadError};
use crate::view::View;

/// What the changes of a branch are brought to main's state for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// They become main's.
    Merge,
    /// They stay the branch's, which reads main as of later.
    Rebase,
}

/// What stands in the way, and what was decided.
#[derive(Debug, Default)]
pub(crate) struct Reconciled {
    /// All conflicts, decided or not, by kind and place.
    pub(crate) conflicts: Vec<Conflict>,
    /// Rules that the result breaks.
    pub(crate) violations: Vec<Violation>,
}

/// One reconciliation under way.
struct Reconciler<'a> {
    draft: &'a mut Draft,
    /// Main as of the fork.
    base: &'a View,
    /// The branch.
    ours: &'a View,
    purpose: Purpose,
    /// What the fork called otherwise than the draft's schema does.
    of_base: Renames,
    /// What the branch calls otherwise.
    of_ours: Renames,
    resolutions: Resolutions,
    conflicts: BTreeMap<ConflictId, Conflict>,
    violations: Vec<Violation>,
    /// Objects that main has lost and that stand again.
    restored: BTreeSet<ObjectId>,
    /// The branch's own rows of these objects alone are looked at; all without.
    only: Option<BTreeSet<ObjectId>>,
    /// Main has the schema that it had at the fork.
    same_schema: bool,
}

/// Objects of which the branch has a version of its own, with the symbol it has them under.
type OwnObjects = BTreeMap<ObjectId, Symbol>;

/// Brings the branch's changes into a draft that shows main, and checks the whole. A conflict that is
/// not decided leaves main's side standing.
pub(crate) fn reconcile(
    draft: &mut Draft,
    base: &View,
    ours: &View,
    purpose: Purpose,
) -> Result<Reconciled, BranchError> {
    let mut reconciler = Reconciler::new(draft, base, ours, purpose)?;
    reconciler.all()?;
    let mut conflicts: Vec<Conflict> = reconciler.conflicts.into_values().collect();
    conflicts.sort_by(|a, b| {
        let place = |one: &Conflict| (one.kind, one.object_kind.clone(), one.label.clone());
        place(a).cmp(&place(b)).then_with(|| (&a.path, a.id).cmp(&(&b.path, b.id)))
    });
    Ok(Reconciled { conflicts, violations: reconciler.violations })
}

/// The conflicts about some objects alone, as a merge would find them: linear in their own rows. Nothing
/// where schemas have to be brought together first, which takes the whole.
pub(crate) fn conflicts_of(
    draft: &mut Draft,
    base: &View,
    ours: &View,
    objects: BTreeSet<ObjectId>,
) -> Result<Option<BTreeMap<ConflictId, Conflict>>, BranchError> {
    let hash = ours.schema().hash;
    if hash != base.schema().hash || hash != draft.schema().hash {
        return Ok(None);
    }
    let mut reconciler = Reconciler::new(draft, base, ours, Purpose::Merge)?;
    reconciler.only = Some(objects);
    let changed = reconciler.changed()?;
    reconciler.deletions(&changed)?;
    for (id, symbol) in &changed {
        let done = reconciler.object(*id, *symbol);
        reconciler.told(done)?;
    }
    reconciler.links()?;
    Ok(Some(reconciler.conflicts))
}

fn renames(view: &View, now: &Declared) -> Renames {
    model::schema::renames(view.declared(), now)
}

/// What a conflict is about, and what both sides say.
struct Between {
    kind: ConflictKind,
    object: Option<ObjectId>,
    object_kind: String,
    label: String,
    path: String,
    base: Json,
    main: ConflictSide,
    branch: ConflictSide,
    is_resolvable: bool,
}

impl<'a> Reconciler<'a> {
    fn new(
        draft: &'a mut Draft,
        base: &'a View,
        ours: &'a View,
        purpose: Purpose,
    ) -> Result<Self, BranchError> {
        let resolutions = draft.resolutions(ours.branch)?;
        let of_base = renames(base, draft.declared());
        let of_ours = renames(ours, draft.declared());
        let same_schema = base.schema().hash == draft.schema().hash;
        Ok(Self {
            draft,
            base,
            ours,
            purpose,
            of_base,
            of_ours,
            resolutions,
            conflicts: BTreeMap::new(),
            violations: Vec::new(),
            restored: BTreeSet::new(),
            only: None,
            same_schema,
        })
    }
}

impl Reconciler<'_> {
    fn all(&mut self) -> Result<(), BranchError> {
        let changed = self.changed()?;
        let deleted = self.deletions(&changed)?;
        let old = Arc::clone(&self.draft.view.compiled);
        let Some(with_kind) = self.schema(&deleted)? else { return Ok(()) };
        let declared = self.draft.declared().clone();
        self.of_base = renames(self.base, &declared);
        self.of_ours = renames(self.ours, &declared);
        for (id, symbol) in &changed {
            let done = self.object(*id, *symbol);
            self.told(done)?;
        }
        self.links()?;
        let rest: Vec<ObjectId> = deleted.difference(&with_kind).copied().collect();
        let gone = self.draft.delete(&rest);
        match gone {
            Ok(gone) => self.forget_claims(&gone)?,
            Err(error) => self.told(Err(error))?,
        }
        self.fit(&old)?;
        let settled = self.draft.settle();
        self.told(settled)?;
        self.check()
    }

    /// Keeps a broken rule for the report; other failures end it.
    fn told(&mut self, done: Result<(), BranchError>) -> Result<(), BranchError> {
        match done {
            Err(BranchError::Violation(violation)) => {
                if self.violations.len() < VIOLATIONS_MAX {
                    self.violations.push(*violation);
                }
                Ok(())
            }
            other => other,
        }
    }

    /// Objects of which the branch has a version of its own.
    fn changed(&self) -> Result<OwnObjects, BranchError> {
        let mut own = BTreeMap::new();
        let mut take = |key: &[u8], row: &[u8]| {
            let Some((_, symbol, id)) = key::parse_head(key) else { return };
            let of = |view: &View| view.schema().by_symbol.get(&symbol).cloned();
            let kind = of(self.ours).or_else(|| of(self.base));
            let aware = kind.is_some_and(|kind| kind.branch == BranchMode::Aware);
            if aware && !is_through(row) {
                own.insert(id, symbol);
            }
        };
        let line = self.ours.branch;
        let rows = &self.ours.rows.snapshot;
        if let Some(only) = &self.only {
            for id in only {
                let Some(kind) = self.kind_then(*id)? else { continue };
                let key = key::head(line, kind.symbol, *id);
                if let Some(row) = rows.get(Space::Heads, &key)? {
                    take(&key, &row);
                }
            }
            return Ok(own);
        }
        let line = key::branch(line);
        for row in rows.range(Space::Heads, &line, &key::prefix_end(&line))? {
            let (key, row) = row?;
            take(&key, &row);
        }
        Ok(own)
    }

    /// Brings both schemas together. Objects that go with their kinds are taken away before, and
    /// returned; nothing where the result is no schema.
    fn schema(
        &mut self,
        deleted: &BTreeSet<ObjectId>,
    ) -> Result<Option<BTreeSet<ObjectId>>, BranchError> {
        let mut gone = BTreeSet::new();
        if self.ours.schema().hash == self.base.schema().hash {
            return Ok(Some(gone));
        }
        let (branch, decided) = (self.ours.branch, &self.resolutions);
        let decide = |conflict: &SchemaConflict| {
            let made = schema_conflict(branch, conflict, decided);
            made.keep.map(|keep| match keep {
                Keep::Main => Prefer::Main,
                Keep::Branch => Prefer::Branch,
            })
        };
        let (base, main) = (self.base.declared(), self.draft.declared());
        let (merged, conflicts) =
            model::schema::reconcile(base, main, self.ours.declared(), &decide);
        for conflict in &conflicts {
            let made = schema_conflict(branch, conflict, &self.resolutions);
            self.conflicts.insert(made.id, made);
        }
        if merged == *self.draft.declared() {
            return Ok(Some(gone));
        }
        for id in deleted {
            let Some(kind) = self.draft.kind_of(*id)? else { continue };
            let stays = merged.kinds.contains_key(&kind.name)
                || model::schema::renames(self.draft.declared(), &merged)
                    .kinds
                    .values()
                    .any(|was| *was == kind.name);
            if !stays && self.draft.declared().kinds.contains_key(&kind.name) {
                gone.insert(*id);
            }
        }
        let taken = self.draft.delete_with_kind(&gone);
        self.told(taken)?;
        self.forget_claims(&gone.iter().copied().collect::<Vec<_>>())?;
        match self.draft.set_schema(merged, Fit::Later) {
            Ok(_) => Ok(Some(gone)),
            Err(SchemaLoadError::Branch(error)) => Err(error),
            Err(SchemaLoadError::Invalid(errors)) => {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                self.no_schema("", &errors);
                Ok(None)
            }
            Err(SchemaLoadError::Data(offences)) => {
                self.no_schema("", &offences);
                Ok(None)
            }
        }
    }

    /// Holds the objects against the schema that came with them.
    fn fit(&mut self, old: &Arc<crate::database::Compiled>) -> Result<(), BranchError> {
        if Arc::ptr_eq(old, &self.draft.view.compiled) {
            return Ok(());
        }
        let fits = self.draft.check_fit(old).and_then(|()| {
            let (previous_hash, hash) = (old.schema.hash, self.draft.schema().hash);
            let load = crate::SchemaLoad { previous_hash, hash, changes: Vec::new() };
            self.draft.settle_own_pools(&old.schema, &load)
        });
        match fits {
            Ok(()) => Ok(()),
            Err(SchemaLoadError::Branch(error)) => self.told(Err(error)),
            Err(SchemaLoadError::Invalid(errors)) => {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                self.no_schema("", &errors);
                Ok(())
            }
            Err(SchemaLoadError::Data(offences)) => {
                self.no_schema("objects", &offences);
                Ok(())
            }
        }
    }

    /// That both schemas together are none, or do not fit the objects.
    fn no_schema(&mut self, path: &str, why: &[String]) {
        let side =
            |value: Json| ConflictSide { op: Op::Updated, value, by: None, at: None, cause: None };
        let between = Between {
            kind: ConflictKind::Schema,
            object: None,
            object_kind: "schema".to_owned(),
            label: "schema".to_owned(),
            path: path.to_owned(),
            base: Json::Null,
            main: side(Json::Null),
            branch: side(Json::from(why)),
            is_resolvable: false,
        };
        self.conflict(between);
    }

    /// Checks the whole; objects that must not be alike are conflicts.
    fn check(&mut self) -> Result<(), BranchError> {
        let mut broken = Vec::new();
        self.draft.check(&mut |error| {
            broken.push(error);
            Ok(())
        })?;
        for error in broken {
            match error {
                BranchError::Violation(violation) => match *violation {
                    Violation::NotUnique { kind, constraint, object, other } => {
                        self.not_unique(kind, constraint, object, other)?;
                    }
                    violation => self.told(Err(violation.into()))?,
                },
                other => return Err(other),
            }
        }
        Ok(())
    }

    fn not_unique(
        &mut self,
        object_kind: String,
        path: String,
        object: String,
        other: ObjectId,
    ) -> Result<(), BranchError> {
        let label = self.label(other)?;
        let seq = |view: &View| -> Result<Seq, BranchError> {
            Ok(view.object(other)?.map(|object| object.updated()).unwrap_or_default())
        };
        let main = self.side(Op::Updated, Json::from(other.to_string()), seq(self.draft)?)?;
        let branch = self.side(Op::Updated, Json::from(object), Seq(0))?;
        self.conflict(Between {
            kind: ConflictKind::Uniqueness,
            object: Some(other),
            object_kind,
            label,
            path,
            base: Json::Null,
            main,
            branch,
            is_resolvable: false,
        });
        Ok(())
    }

    /// Tells of a conflict; which side is kept of it, if that was decided.
    fn conflict(&mut self, between: Between) -> Option<Keep> {
        let id = ConflictId::new(self.ours.branch, between.object, &between.path);
        let mut conflict = Conflict {
            id,
            kind: between.kind,
            object: between.object,
            object_kind: between.object_kind,
            label: between.label,
            path: between.path,
            base: between.base,
            main: between.main,
            branch: between.branch,
            is_resolvable: between.is_resolvable,
            keep: None,
        };
        decide(&mut conflict, &self.resolutions);
        let keep = conflict.keep;
        let kind = self.draft.schema().kind(&conflict.object_kind);
        if kind.is_some_and(|kind| !self.draft.sees(kind)) {
            conflict.hide();
        }
        self.conflicts.insert(id, conflict);
        keep
    }

    /// A side with who wrote a commit, when and why.
    fn side(&self, op: Op, value: Json, seq: Seq) -> Result<ConflictSide, BranchError> {
        let row = match seq {
            Seq(0) => None,
            seq => self.ours.rows.peek(Space::Log, &key::log(seq))?,
        };
        let entry = row.and_then(|row| LogEntry::decode(&row));
        Ok(ConflictSide {
            op,
            value,
            by: entry.as_ref().map(|entry| entry.author),
            at: entry.as_ref().map(|entry| entry.at),
            cause: entry.map(|entry| entry.cause),
        })
    }

    /// The commit that made or took away an object, as a view has it.
    fn kind_seq(view: &View, id: ObjectId) -> Result<Seq, BranchError> {
        for line in [view.branch, BranchId::GLOBAL] {
            if let Some(row) = view.rows.peek(Space::Kinds, &key::kind_of(line, id))? {
                return Ok(stamp(&row).map(|(seq, _)| seq).unwrap_or_default());
            }
        }
        Ok(Seq(0))
    }

    fn label(&self, id: ObjectId) -> Result<String, BranchError> {
        for view in [self.ours, &self.draft.view, self.base] {
            if let Some(object) = view.object(id)? {
                return view.label(&object);
            }
        }
        Ok(id.to_string())
    }

    /// The kind of an object on the branch, or at the fork.
    fn kind_then(&self, id: ObjectId) -> Result<Option<Arc<Kind>>, BranchError> {
        match self.ours.kind_of(id)? {
            Some(kind) => Ok(Some(kind)),
            None => self.base.kind_of(id),
        }
    }

    /// A kind of the branch as the draft's schema has it.
    fn kind_now(&self, was: &Kind) -> Option<Arc<Kind>> {
        let now = self.draft.schema();
        if self.of_ours.is_empty() {
            return now.kind(&was.name).cloned();
        }
        let is = |kind: &&Arc<Kind>| {
            kind_before(self.ours.schema(), kind, &self.of_ours)
                .is_some_and(|before| before.name == was.name)
        };
        now.by_symbol.values().find(is).cloned()
    }

    fn is_derived(&self, kind: &Kind, attribute: &Attribute) -> bool {
        attribute.computed.is_some() || is_set_of_ip(&self.draft.view, kind, &attribute.name)
    }

    /// Nobody holds anything of what is gone.
    fn forget_claims(&mut self, gone: &[ObjectId]) -> Result<(), BranchError> {
        for id in gone {
            for holder in self.draft.claimants(*id)? {
                self.draft.set_claim(holder, *id, None)?;
            }
        }
        Ok(())
    }
}

/// Reads what was decided of a conflict: it holds as long as both sides say what they said then.
fn decide(conflict: &mut Conflict, resolutions: &Resolutions) {
    let of_what = conflict.of_what();
    let decided = resolutions.get(&conflict.id).filter(|decided| decided.of_what == of_what.0);
    conflict.keep = decided.filter(|_| conflict.is_resolvable).map(|decided| decided.keep);
}

fn schema_conflict(
    branch: BranchId,
    conflict: &SchemaConflict,
    resolutions: &Resolutions,
) -> Conflict {
    let op = |value: &Json| match (conflict.base.is_null(), value.is_null()) {
        (true, _) => Op::Created,
        (false, true) => Op::Deleted,
        (false, false) => Op::Updated,
    };
    let side = |value: &Json| {
        let (op, value) = (op(value), value.clone());
        ConflictSide { op, value, by: None, at: None, cause: None }
    };
    let (kind, path) = conflict.path.split_once('/').unwrap_or((&conflict.path, ""));
    let mut made = Conflict {
        id: ConflictId::new(branch, None, &conflict.path),
        kind: ConflictKind::Schema,
        object: None,
        object_kind: kind.to_owned(),
        label: kind.to_owned(),
        path: path.to_owned(),
        base: conflict.base.clone(),
        main: side(&conflict.main),
        branch: side(&conflict.branch),
        is_resolvable: true,
        keep: None,
    };
    decide(&mut made, resolutions);
    made
}
