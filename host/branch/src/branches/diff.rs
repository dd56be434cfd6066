//! What a branch changed since its fork, and where main changed the same in the meantime.
//!
//! Walks the branch's own rows: the cost follows what was changed, not what there is. What the host
//! derives (computed values, values of profiles, the IP hierarchy) is no change of anybody's.

mod walk;

use model::schema::{Cardinality, SchemaChange};
use model::{BranchId, ObjectId, Seq, Timestamp};
use serde_json::Value as Json;

use crate::branches::{BranchFault, Moment};
use crate::change::Op;
use crate::database::Database;
use crate::error::BranchError;
use crate::history::Origin;

use walk::Sides;

/// What a branch is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Against {
    /// Main as the branch reads it: what the branch changed.
    #[default]
    Fork,
    /// Main as it is now: what of that main does not have yet.
    Main,
}

/// Who changed something that a branch and what it is compared with have otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The branch alone.
    Branch,
    /// Main alone, after the fork.
    Main,
    /// Both, to different things.
    Both,
}

impl Side {
    /// `branch`, `main`, `both`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Main => "main",
            Self::Both => "both",
        }
    }

    /// By whether each side has something otherwise than it was at the fork.
    fn of(branch: bool, main: bool) -> Self {
        match (branch, main) {
            (true, true) => Self::Both,
            (false, true) => Self::Main,
            (_, false) => Self::Branch,
        }
    }

    /// Of the whole of which this and another side changed something.
    fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Both }
    }
}

/// Which changes of a branch are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiffScope {
    /// What it is compared with, where no moment is given.
    pub against: Against,
    /// Only what was changed on the branch after this moment.
    pub from: Option<Moment>,
    /// The branch as of this moment; as it is now without one.
    pub to: Option<Moment>,
}

/// What a branch changed.
#[derive(Debug, Clone)]
pub struct BranchDiff {
    /// The branch.
    pub branch: String,
    /// The commit as of which it reads main.
    pub fork: Seq,
    /// When it begins: the fork, or the moment asked for.
    pub from: Timestamp,
    /// When it ends: now, or the moment asked for.
    pub to: Timestamp,
    /// By kind, then label, then id.
    pub objects: Vec<ObjectDiff>,
    /// What is different in the schema, sorted.
    pub schema: Vec<SchemaChange>,
}

/// The object that another one is a component of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentOf {
    /// The parent.
    pub id: ObjectId,
    /// Its kind.
    pub kind: String,
    /// How it is shown.
    pub label: String,
    /// The relationship that leads to it.
    pub relationship: String,
}

/// What a branch changed of one object.
#[derive(Debug, Clone)]
pub struct ObjectDiff {
    /// The object.
    pub id: ObjectId,
    /// Its kind.
    pub kind: String,
    /// Human-friendly id, or else display label.
    pub label: String,
    /// Made, changed or gone.
    pub op: Op,
    /// Values and their properties.
    pub fields: Vec<FieldDiff>,
    /// Links by relationship and peer; both ends are listed.
    pub links: Vec<LinkDiff>,
    /// What it is a component of, on the branch or else before.
    pub parent: Option<ParentOf>,
    /// What main did to the object that does not go together with this.
    pub conflict: Option<&'static str>,
    /// Who changed it.
    pub side: Side,
    /// The newest commit that changed any of it on the branch.
    pub origin: Origin,
}

/// A property of an attribute, or of a link.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDiff {
    /// Attribute or relationship.
    pub name: String,
    /// `value`, `is_protected`, `source` or `owner`.
    pub property: &'static str,
    /// At the fork.
    pub before: Json,
    /// On the branch.
    pub after: Json,
    /// On main now, where main has changed it too, to something else.
    pub main: Option<Json>,
    /// Who changed it.
    pub side: Side,
    /// The commit that changed it.
    pub origin: Origin,
}

/// One element of a relationship.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkDiff {
    /// Relationship.
    pub name: String,
    /// How many peers it takes.
    pub cardinality: Cardinality,
    /// The object at the other end.
    pub peer: ObjectId,
    /// How it is shown.
    pub peer_label: String,
    /// Added, changed in its properties, or removed.
    pub op: Op,
    /// Properties that are different.
    pub properties: Vec<FieldDiff>,
    /// Who changed it.
    pub side: Side,
    /// The commit that changed it.
    pub origin: Origin,
}

impl Database {
    /// What a branch changed, compared as the scope says. Linear in the branch's own rows.
    pub fn branch_diff(&self, name: &str, scope: DiffScope) -> Result<BranchDiff, BranchError> {
        let branch = self.branch(name)?;
        let ours = match scope.to {
            Some(moment) => self.view_at(branch, moment)?,
            None => self.view(branch)?,
        };
        let Some(fork) = ours.fork() else {
            return Err(BranchFault::Main { verb: "compared with itself" }.into());
        };
        let theirs = self.view(BranchId::MAIN)?;
        let at_fork = || self.view_at(BranchId::MAIN, Moment::Commit(fork));
        let (base, then) = match (scope.from, scope.against) {
            (Some(moment), _) => (self.view_at(branch, moment)?, None),
            (None, Against::Fork) => (at_fork()?, None),
            (None, Against::Main) => (self.view(BranchId::MAIN)?, Some(at_fork()?)),
        };
        let (from, to) = (base.committed_at(base.seq())?, ours.committed_at(ours.seq())?);
        // Of what was merged, main has everything, whatever became of it there since.
        let is_all_there = !ours.is_open && scope.against == Against::Main;
        let is_now = scope.from.is_none() && scope.to.is_none();
        let sides = Sides::new(base, ours, theirs, then);
        let (schema, objects) = match is_all_there && is_now {
            true => (Vec::new(), Vec::new()),
            false => (sides.schema(), sides.objects()?),
        };
        Ok(BranchDiff { branch: name.to_owned(), fork, from, to, objects, schema })
    }
}
