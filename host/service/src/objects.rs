//! Objects: files, listings, changes by hand, and what follows for generators.

use std::collections::BTreeSet;

use branch::{
    Author, BranchError, Cause, ChangeSet, CommitFailure, Committed, Draft, Input, Moment, Object,
    Op, Touched, View, Violation,
};
use engine::Definition;
use model::object_file;
use model::permission::Action;
use model::schema::Attribute;
use model::{BranchId, ObjectId};
use serde_json::{Map, Value as Json};

use crate::limits::NAME_PARTS_MAX;
use crate::object_load::{self, ObjectLoad};
use crate::{Service, ServiceError};

/// An instance that has to end, and by which policy.
pub(crate) type Ending = (ObjectId, Definition);

/// What went with instances that ended.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// As people read it.
    pub(crate) changes: ChangeSet,
    /// In the terms of what runs look at.
    pub(crate) touched: Touched,
}

/// A file as it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// An object as people and programs see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectView {
    /// Identity.
    pub id: ObjectId,
    /// Kind.
    pub kind: String,
    /// Human-friendly id, if the kind has one.
    pub hfid: Option<Vec<String>>,
    /// How it is shown.
    pub display_label: String,
    /// Values by attribute name; what is not set, and secrets, are left out.
    pub attributes: Map<String, Json>,
    /// Labels of peers by relationship name; what has none is left out.
    pub relationships: Map<String, Json>,
}

impl ObjectView {
    /// Without what objects of the hidden kinds hold.
    pub(crate) fn of(view: &View, object: &Object) -> Result<Self, BranchError> {
        let mut attributes = Map::new();
        let readable = |attribute: &&Attribute| !attribute.kind.is_secret();
        for attribute in object.kind().attributes.iter().filter(readable) {
            let made = view.made(object, attribute)?;
            let made = made.map(|made| made.value);
            let value = made.unwrap_or_else(|| object.value(&attribute.name));
            if !value.is_null() {
                attributes.insert(attribute.name.clone(), value.to_json());
            }
        }
        let mut relationships = Map::new();
        for rel in &object.kind().relationships {
            let mut peers = Vec::new();
            for edge in view.peers(object.id(), rel)? {
                if let Some(peer) = view.object(edge.peer)?
                    && view.sees(peer.kind())
                {
                    peers.push(Json::String(view.display_label(&peer)?));
                }
            }
            if !peers.is_empty() {
                relationships.insert(rel.name.clone(), Json::Array(peers));
            }
        }
        Ok(Self {
            id: object.id(),
            kind: object.kind().name.clone(),
            hfid: view.hfid_told(object)?,
            display_label: view.display_label(object)?,
            attributes,
            relationships,
        })
    }

    /// As JSON.
    pub fn to_json(&self) -> Json {
        serde_json::json!({
            "id": self.id.to_string(),
            "kind": self.kind,
            "hfid": self.hfid,
            "display_label": self.display_label,
            "attributes": self.attributes,
            "relationships": self.relationships,
        })
    }
}

/// What came of the end of a change.
pub(crate) enum Settled {
    /// It is kept.
    Done(Committed),
    /// What it read has changed: it is to be made again.
    Again(CommitFailure),
}

impl Service {
    /// Loads object files: all of them in one commit, or none.
    pub fn object_load(&self, files: &[SourceFile]) -> Result<ObjectLoad, ServiceError> {
        let mut parsed = Vec::new();
        let mut errors = Vec::new();
        for file in files {
            match object_file::parse(&file.name, &file.text) {
                Ok(file) => parsed.push(file),
                Err(bad) => errors.push(bad),
            }
        }
        if !errors.is_empty() {
            return Err(ServiceError::Files(errors));
        }
        let mut load = ObjectLoad::default();
        self.change_and_sweep(|draft| {
            load = ObjectLoad::default();
            for file in &parsed {
                let more = object_load::load(draft, file)?;
                load.created += more.created;
                load.updated += more.updated;
                load.unchanged += more.unchanged;
                load.skipped.extend(more.skipped);
                load.objects.extend(more.objects);
            }
            Ok(())
        })?;
        Ok(load)
    }

    /// One object, by kind (a generic will do) and id or human-friendly id (parts joined by `/`).
    pub fn object(&self, kind: &str, name: &str) -> Result<ObjectView, ServiceError> {
        let view = self.view()?;
        let object = find(&view, kind, name)?;
        self.may(object.kind(), Action::View)?;
        Ok(ObjectView::of(&view, &object)?)
    }

    /// Objects of a kind (a generic will do), in their default order, at most `limit`.
    pub fn objects(&self, kind: &str, limit: usize) -> Result<Vec<ObjectView>, ServiceError> {
        let view = self.view()?;
        let schema = view.schema().clone();
        let kind = view.kind(kind)?.clone();
        let mut all = Vec::new();
        for concrete in schema.concrete(&kind) {
            self.may(concrete, Action::View)?;
            for object in view.objects(concrete)? {
                all.push(ObjectView::of(&view, &object?)?);
                if all.len() >= limit {
                    return Ok(all);
                }
            }
        }
        all.sort_by(|a, b| (&a.kind, &a.display_label).cmp(&(&b.kind, &b.display_label)));
        Ok(all)
    }

    /// Sets attributes and relationships of an object; a map gives a value with its properties.
    pub fn object_update(
        &self,
        kind: &str,
        name: &str,
        values: &Map<String, Json>,
    ) -> Result<ChangeSet, ServiceError> {
        let committed = self.change_and_sweep(|draft| {
            let object = find(draft.view(), kind, name)?;
            let input = Input::from_json(object.kind(), values)?;
            draft.update(object.id(), input)?;
            Ok(())
        })?;
        Ok(committed.changes)
    }

    /// Deletes an object with everything that goes with it: its components, and, where it is a
    /// target or a definition, what generators made for it.
    pub fn object_delete(&self, kind: &str, name: &str) -> Result<ChangeSet, ServiceError> {
        let committed = self.change_and_sweep(|draft| {
            let object = find(draft.view(), kind, name)?;
            self.delete_in(draft, &object)
        })?;
        Ok(committed.changes)
    }

    /// A change made by hand: repeated when what it read has changed, then what follows for
    /// generators.
    pub(crate) fn change(
        &self,
        make: impl FnMut(&mut Draft) -> Result<(), ServiceError>,
    ) -> Result<Committed, ServiceError> {
        self.change_because(&Cause::Objects, make)
    }

    /// As [`Self::change`]; then instances end whose target is gone or has left its group.
    fn change_and_sweep(
        &self,
        make: impl FnMut(&mut Draft) -> Result<(), ServiceError>,
    ) -> Result<Committed, ServiceError> {
        let mut committed = self.change(make)?;
        let more = self.sweep(&committed.changes)?.changes;
        committed.changes.changes.extend(more.changes);
        Ok(committed)
    }

    /// As [`Self::change`], with another cause.
    pub(crate) fn change_because(
        &self,
        cause: &Cause,
        make: impl FnMut(&mut Draft) -> Result<(), ServiceError>,
    ) -> Result<Committed, ServiceError> {
        self.change_by(self.caller.author(), cause, make)
    }

    /// The same, attributed to somebody.
    pub(crate) fn change_by(
        &self,
        author: Author,
        cause: &Cause,
        mut make: impl FnMut(&mut Draft) -> Result<(), ServiceError>,
    ) -> Result<Committed, ServiceError> {
        /// Hand-made changes are small: losing this often means something is wrong.
        const ATTEMPTS: usize = 16;
        let mut last = None;
        for _attempt in 0..ATTEMPTS {
            let mut draft = self.draft_by(author)?;
            make(&mut draft)?;
            draft.finish()?;
            match self.settle(draft, cause.clone())? {
                Settled::Done(committed) => return Ok(committed),
                Settled::Again(conflict) => last = Some(conflict),
            }
        }
        match last {
            Some(conflict) => Err(conflict.into()),
            None => Err(ServiceError::NotFound { what: "attempt", name: ATTEMPTS.to_string() }),
        }
    }

    /// The end of every change that was made by hand, whichever way it came in: it is checked and
    /// signed, committed, and open changes of the branch are to be checked again.
    /// The draft is finished.
    pub(crate) fn settle(&self, mut draft: Draft, cause: Cause) -> Result<Settled, ServiceError> {
        let changes = ChangeSet::of(&draft)?;
        self.may_change(draft.view(), &changes)?;
        self.sign(&mut draft, &changes)?;
        if let Some(change) = Self::asks_to_merge(&changes) {
            drop(draft);
            self.change_merge(&change.to_string())?;
            return Ok(Settled::Done(Committed { seq: None, changes }));
        }
        match self.database.commit_finished(draft, cause) {
            Ok(seq) => {
                self.follow(&changes)?;
                Ok(Settled::Done(Committed { seq, changes }))
            }
            Err(conflict @ CommitFailure::Conflict { .. }) => Ok(Settled::Again(conflict)),
            Err(other) => Err(other.into()),
        }
    }

    /// Deletes an object with all that goes with it. What generators made for it and what then needs a
    /// part of it (a pool over a prefix of the target, say) goes in the same change: it would go anyway
    /// once its target is gone.
    pub(crate) fn delete_in(&self, draft: &mut Draft, object: &Object) -> Result<(), ServiceError> {
        if object.kind().name == "CoreGeneratorDefinition" {
            self.end_definition(draft, object)?;
        }
        loop {
            let refused = match draft.delete(&[object.id()]) {
                Ok(_gone) => return Ok(()),
                Err(refused) => refused,
            };
            // Each time round another instance ends.
            if !self.end_maker(draft, object.id(), &refused)? {
                return Err(refused.into());
            }
        }
    }

    /// Ends the instance that made what stands in the way of a deletion, if its target goes with it.
    fn end_maker(
        &self,
        draft: &mut Draft,
        gone: ObjectId,
        refused: &BranchError,
    ) -> Result<bool, ServiceError> {
        let BranchError::Violation(violation) = refused else { return Ok(false) };
        let Violation::StillNeeded { by, .. } = **violation else { return Ok(false) };
        let mut makers = Vec::new();
        for instance in draft.claimants(by)? {
            if draft.claim(instance, by)?.is_some_and(|claim| claim.owned) {
                makers.push(instance);
            }
        }
        let Some(kind) = draft.view().schema().kind("CoreGeneratorDefinition").cloned() else {
            return Ok(false);
        };
        let targets = draft.cascade(&[gone])?;
        let mut ended = None;
        for definition in draft.view().objects(&kind)? {
            let Ok(definition) = Definition::read(draft.view(), &definition?) else { continue };
            let of = |target: &ObjectId| engine::instance_id(definition.id, *target);
            if let Some(instance) = targets.iter().map(of).find(|one| makers.contains(one)) {
                ended = Some((instance, definition));
                break;
            }
        }
        let Some((instance, definition)) = ended else { return Ok(false) };
        self.engine.let_go(draft, instance, &definition)?;
        draft.delete(&[instance])?;
        Ok(true)
    }

    /// Ends the instances of a definition that goes, by its own policy.
    pub(crate) fn end_definition(
        &self,
        draft: &mut Draft,
        object: &Object,
    ) -> Result<(), ServiceError> {
        let Ok(definition) = Definition::read(draft.view(), object) else { return Ok(()) };
        let of_it = |instance: &engine::Instance| instance.definition == Some(object.id());
        let all = self.all_instances(draft.view())?;
        let mut ended: BTreeSet<ObjectId> =
            all.iter().filter(|one| of_it(one)).map(|one| one.id).collect();
        // What came with a merge is held by instances that never ran here.
        for member in definition.targets(draft.view())? {
            ended.insert(engine::instance_id(definition.id, member));
        }
        for instance in ended {
            self.engine.let_go(draft, instance, &definition)?;
        }
        Ok(())
    }

    /// Ends the instances whose target is gone or has left its group. Does nothing unless a change
    /// can have done that.
    pub(crate) fn sweep(&self, changes: &ChangeSet) -> Result<Swept, ServiceError> {
        let ended = self.ended_in(&self.view()?, changes)?;
        self.retire_all(ended)
    }

    /// The instances that a sweep after a change would end, in a state that has the change.
    pub(crate) fn ended_in(
        &self,
        view: &View,
        changes: &ChangeSet,
    ) -> Result<Vec<Ending>, ServiceError> {
        let left = |change: &branch::Change| {
            change.op == Op::Deleted
                || change.links.get("member_of_groups").is_some_and(|link| !link.removed.is_empty())
                || change.links.get("members").is_some_and(|link| !link.removed.is_empty())
        };
        let left: BTreeSet<ObjectId> =
            changes.changes.iter().filter(|change| left(change)).map(|change| change.id).collect();
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let mut ended = self.ended(view)?;
        ended.extend(self.held_for(view, &left)?);
        Ok(ended)
    }

    /// Ends every instance whose target is gone or has left its group.
    pub(crate) fn sweep_all(&self) -> Result<Swept, ServiceError> {
        self.retire_all(self.ended(&self.view()?)?)
    }

    /// Ends what is held for targets that are gone or have left their group, by instances that never
    /// ran here: what they made came with a merge.
    pub(crate) fn end_targets(&self, targets: &BTreeSet<ObjectId>) -> Result<Swept, ServiceError> {
        let held = self.held_for(&self.view()?, targets)?;
        self.retire_all(held)
    }

    /// The instances that hold something for these targets although they are gone or have left their group.
    pub(crate) fn held_for(
        &self,
        view: &View,
        targets: &BTreeSet<ObjectId>,
    ) -> Result<Vec<Ending>, ServiceError> {
        let mut ended = Vec::new();
        let Some(kind) = view.schema().kind(Definition::KIND) else { return Ok(ended) };
        for object in view.objects(kind)? {
            let Ok(definition) = Definition::read(view, &object?) else { continue };
            for target in targets {
                let instance = engine::instance_id(definition.id, *target);
                if !view.claims_of(instance)?.is_empty() && !definition.has_target(view, *target)? {
                    ended.push((instance, definition.clone()));
                }
            }
        }
        Ok(ended)
    }

    fn retire_all(&self, ended: Vec<Ending>) -> Result<Swept, ServiceError> {
        let mut all = Swept::default();
        for (instance, definition) in ended {
            let author = self.caller.author();
            let retired = self.engine.retire(self.branch, instance, &definition, author)?;
            all.changes.changes.extend(retired.changes.changes);
            all.touched.extend(&retired.touched, model::Seq(0));
        }
        Ok(all)
    }

    /// The instances of a branch, and those of main as of the fork that hold something on the branch:
    /// instances are local, what they hold is not.
    fn all_instances(&self, view: &View) -> Result<Vec<engine::Instance>, ServiceError> {
        let mut all = engine::Instance::all(view)?;
        let Some(fork) = view.fork() else { return Ok(all) };
        let own: BTreeSet<ObjectId> = all.iter().map(|instance| instance.id).collect();
        let main = self.database.view_at(BranchId::MAIN, Moment::Commit(fork))?;
        for instance in engine::Instance::all(&main)? {
            if !own.contains(&instance.id) && !view.claims_of(instance.id)?.is_empty() {
                all.push(instance);
            }
        }
        Ok(all)
    }

    fn ended(&self, view: &View) -> Result<Vec<Ending>, ServiceError> {
        let mut ended = Vec::new();
        for instance in self.all_instances(view)? {
            let Some(definition) = instance.definition else { continue };
            let Some(object) = view.object(definition)? else { continue };
            let Ok(definition) = Definition::read(view, &object) else { continue };
            let stays = match instance.target {
                Some(target) => definition.has_target(view, target)?,
                None => false,
            };
            if !stays {
                ended.push((instance.id, definition));
            }
        }
        Ok(ended)
    }
}

/// An object by kind and id or human-friendly id.
pub(crate) fn find(view: &View, kind: &str, name: &str) -> Result<Object, BranchError> {
    let wanted = view.kind(kind)?;
    if let Ok(id) = name.parse::<ObjectId>()
        && let Some(object) = view.object(id)?
    {
        return Ok(object);
    }
    for parts in splits(&name.split('/').collect::<Vec<_>>()) {
        if let Some(object) = view.by_hfid(wanted, &parts)? {
            return Ok(object);
        }
    }
    let (kind, identifier) = (kind.to_owned(), name.to_owned());
    Err(Violation::NotFound { kind, identifier }.into())
}

/// Every way to read a name as parts: a part may itself contain a slash, as prefixes do.
fn splits(pieces: &[&str]) -> Vec<Vec<String>> {
    if pieces.len() > NAME_PARTS_MAX {
        return vec![pieces.iter().map(|piece| (*piece).to_owned()).collect()];
    }
    let Some((first, rest)) = pieces.split_first() else { return vec![Vec::new()] };
    if rest.is_empty() {
        return vec![vec![(*first).to_owned()]];
    }
    let mut all = Vec::new();
    for tail in splits(rest) {
        let mut apart = vec![(*first).to_owned()];
        apart.extend(tail.iter().cloned());
        all.push(apart);
        let mut joined = tail;
        if let Some(head) = joined.first_mut() {
            *head = format!("{first}/{head}");
        }
        all.push(joined);
    }
    all
}
