//! Whether a caller may make a change: asked once, of the finished draft, wherever the change came
//! from. What a caller may not do is refused before anything is written.

use std::collections::BTreeSet;

use branch::{Change, ChangeSet, Op, Sight as _, View};
use engine::Mode;
use model::Symbol;
use model::permission::{Action, Decision, GlobalAction, Place};
use model::schema::{BranchMode, Category, Kind, Schema};

use crate::accounts::{Caller, place_of};
use crate::{Service, ServiceError};

/// Kinds that only who manages accounts may touch.
const ACCOUNT_KINDS: [&str; 2] = ["CoreAccount", "CoreAccountGroup"];
/// Kinds that only who manages permissions may touch.
const PERMISSION_KINDS: [&str; 3] =
    ["CoreAccountRole", "CoreGlobalPermission", "CoreObjectPermission"];

impl Service {
    /// The default branch, or another one.
    pub(crate) fn place(&self) -> Place {
        place_of(self.branch)
    }

    /// Whether the caller may do something to the system.
    pub(crate) fn may_globally(&self, action: GlobalAction) -> Result<(), ServiceError> {
        self.caller.check_global(action, self.place())
    }

    /// Whether the caller may do something to objects of a kind.
    pub(crate) fn may(&self, kind: &Kind, action: Action) -> Result<(), ServiceError> {
        self.caller.check(kind, action, self.place())
    }

    /// Whether the caller may look at anything at all.
    pub(crate) fn may_look(&self) -> Result<(), ServiceError> {
        let permissions = &self.caller.permissions;
        let views = permissions.objects.iter().any(|one| {
            one.action.is_none_or(|action| action == Action::View) && one.decision != Decision::Deny
        });
        if views || permissions.is_super_admin() {
            return Ok(());
        }
        self.may(self.view()?.kind("CoreNode")?, Action::View)
    }

    /// The concrete kinds whose objects the caller may not look at; empty for most callers.
    pub(crate) fn hidden(&self, schema: &Schema) -> BTreeSet<Symbol> {
        if self.caller.permissions.is_super_admin() {
            return BTreeSet::new();
        }
        let concrete = schema.kinds.values().filter(|kind| kind.category != Category::Generic);
        concrete.filter(|kind| !self.sees(kind)).map(|kind| kind.symbol).collect()
    }

    /// Whether the caller may look at objects of a concrete kind.
    pub(crate) fn sees(&self, kind: &Kind) -> bool {
        self.caller.sees(kind, self.branch)
    }

    /// Why the caller is not shown objects of a kind.
    pub(crate) fn unseen(&self, kind: &Kind) -> ServiceError {
        let missing = format!("object:{}:{}:view:allow_all", kind.namespace, kind.short_name);
        self.caller.denied(missing)
    }

    /// What the caller may do with objects of a kind and where, in the public words: view, create,
    /// update, delete.
    pub(crate) fn decisions(&self, kind: &Kind) -> [&'static str; 4] {
        Action::ALL.map(|action| {
            let may = |place| may_do(&self.caller, kind, action, place).is_ok();
            match (may(Place::Default), may(Place::Other)) {
                (true, true) => "ALLOW",
                (true, false) => "ALLOW_DEFAULT",
                (false, true) => "ALLOW_OTHER",
                (false, false) => "DENY",
            }
        })
    }

    /// Whether the caller may make, change and delete branches: who may do so with objects on them.
    pub(crate) fn may_branch(&self, action: Action) -> Result<(), ServiceError> {
        self.caller.check(self.view()?.kind("CoreNode")?, action, Place::Other)
    }

    /// Whether the caller may load schemas.
    pub(crate) fn may_load_schemas(&self) -> Result<(), ServiceError> {
        self.may_globally(GlobalAction::ManageSchema)?;
        self.may_edit_branch()
    }

    /// Whether the caller may start a generator, which then acts with the rights of the host: it takes
    /// the right to change instances; a plan that of looking at definitions.
    pub(crate) fn may_run(&self, view: &View, mode: Mode) -> Result<(), ServiceError> {
        if mode == Mode::Plan {
            return self.may(view.kind("CoreGeneratorDefinition")?, Action::View);
        }
        self.may(view.kind("CoreGeneratorInstance")?, Action::Update)?;
        self.may_edit_branch()
    }

    fn may_edit_branch(&self) -> Result<(), ServiceError> {
        if self.place() == Place::Default {
            self.caller.check_global(GlobalAction::EditDefaultBranch, Place::Default)?;
        }
        Ok(())
    }

    /// Whether the caller may make a change. Linear in it.
    pub(crate) fn may_change(&self, view: &View, changes: &ChangeSet) -> Result<(), ServiceError> {
        self.may_propose(view, changes)?;
        if self.caller.permissions.is_super_admin() {
            return Ok(());
        }
        if self.caller.is_anonymous() {
            // What is drawn from a pool without an object is no change of an object.
            self.may(view.kind("CoreNode")?, Action::Update)?;
        }
        let place = self.place();
        let mut allowed: Vec<&Change> = Vec::new();
        let mut mirrors: Vec<(&Change, ServiceError)> = Vec::new();
        for change in &changes.changes {
            let kind = view.kind(&change.kind)?;
            match may_one(&self.caller, kind, change, place) {
                Ok(()) => allowed.push(change),
                // The far end of a link that another object's change made.
                Err(refused) if change.op == Op::Updated && change.fields.is_empty() => {
                    mirrors.push((change, refused));
                }
                Err(refused) => return Err(refused),
            }
        }
        for (mirror, refused) in mirrors {
            let linked = |change: &&Change| {
                change.links.values().any(|link| link.peers.contains(&mirror.id))
            };
            if !allowed.iter().any(linked) {
                return Err(refused);
            }
        }
        Ok(())
    }
}

fn may_one(
    caller: &Caller,
    kind: &Kind,
    change: &Change,
    place: Place,
) -> Result<(), ServiceError> {
    let action = match change.op {
        Op::Created => Action::Create,
        Op::Updated => Action::Update,
        Op::Deleted => Action::Delete,
    };
    may_do(caller, kind, action, place)
}

fn may_do(caller: &Caller, kind: &Kind, action: Action, place: Place) -> Result<(), ServiceError> {
    if action == Action::View {
        return caller.check(kind, action, place);
    }
    if kind.branch != BranchMode::Agnostic && place == Place::Default {
        caller.check_global(GlobalAction::EditDefaultBranch, place)?;
    }
    if ACCOUNT_KINDS.contains(&kind.name.as_str()) {
        return caller.check_global(GlobalAction::ManageAccounts, place);
    }
    if PERMISSION_KINDS.contains(&kind.name.as_str()) {
        return caller.check_global(GlobalAction::ManagePermissions, place);
    }
    caller.check(kind, action, place)
}
