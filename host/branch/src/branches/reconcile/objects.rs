//! Objects: made, changed and deleted on the branch, against main.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{
    Attribute, BranchMode, Cardinality, Kind, OnDelete, Relationship, Renames, attribute_before,
};
use model::{ObjectId, Seq, Symbol, Value};
use serde_json::{Map, Value as Json};
use store::{Space, key};

use super::links::plain;
use super::{Between, OwnObjects, Purpose, Reconciler};
use crate::branches::conflict::{ConflictKind, Keep};
use crate::branches::derived::is_hung_of_ip;
use crate::branches::kind_row;
use crate::change::Op;
use crate::error::{BranchError, Violation};
use crate::object::{Edge, Object};
use crate::record::{Attr, AttrRef, Attrs, Record};
use crate::view::View;

/// Whether two say the same of a value. Nothing is nothing, chosen or not.
fn same_value(a: &Attr, b: &Attr) -> bool {
    a.value == b.value && (a.value.is_null() || a.is_default == b.is_default)
}

fn owned(attr: AttrRef<'_>) -> Attr {
    Attr {
        value: attr.value.to_value().unwrap_or(Value::Null),
        is_default: attr.is_default,
        is_protected: attr.is_protected,
        is_from_profile: attr.is_from_profile,
        source: attr.source,
        owner: attr.owner,
        changed: attr.updated,
    }
}

/// An attribute of the draft's schema as a state has it that may call it otherwise. What a profile
/// gives is nobody's choice.
fn attr_of(object: Option<&Object>, kind: &Kind, attribute: &Attribute, names: &Renames) -> Attr {
    let default = attribute.default.clone().unwrap_or(Value::Null);
    let unset = Attr { is_default: true, ..Attr::plain(default) };
    let was = object.and_then(|object| {
        let was = object.kind().attribute(attribute_before(kind, attribute, names))?;
        Some(owned(object.attr(was)))
    });
    match was {
        Some(attr) if attr.is_from_profile => Attr {
            is_protected: attr.is_protected,
            owner: attr.owner,
            changed: attr.changed,
            ..unset
        },
        Some(attr) => attr,
        None => unset,
    }
}

fn reference(id: Option<ObjectId>) -> Json {
    id.map_or(Json::Null, |id| Json::from(id.to_string()))
}

/// Three states of one object.
struct Three<'a> {
    base: Option<&'a Object>,
    ours: &'a Object,
    theirs: &'a Object,
}

impl Reconciler<'_> {
    /// What the branch deleted and what therefore goes; of what main changed in the meantime only what
    /// was decided so.
    pub(super) fn deletions(
        &mut self,
        changed: &OwnObjects,
    ) -> Result<BTreeSet<ObjectId>, BranchError> {
        let (mut deleted, mut kept) = (BTreeSet::new(), Vec::new());
        for (id, symbol) in changed {
            if known(self.ours, *symbol, *id)?.is_some() {
                continue;
            }
            let (Some(base), Some(theirs)) = (self.base.object(*id)?, self.draft.object(*id)?)
            else {
                continue;
            };
            let theirs = theirs.copied();
            let done = self.done_on_main(&base, &theirs)?;
            if done.is_empty() {
                deleted.insert(*id);
                continue;
            }
            let between = Between {
                kind: ConflictKind::Object,
                object: Some(*id),
                object_kind: theirs.kind().name.clone(),
                label: self.label(*id)?,
                path: String::new(),
                base: Json::Null,
                main: self.side(Op::Updated, Json::Object(done), theirs.updated())?,
                branch: self.side(Op::Deleted, Json::Null, Self::kind_seq(self.ours, *id)?)?,
                is_resolvable: true,
            };
            match self.conflict(between) {
                Some(Keep::Branch) => {
                    deleted.insert(*id);
                }
                Some(Keep::Main) | None => kept.push(*id),
            }
        }
        // What stays keeps what hangs on it.
        for stays in self.draft.cascade(&kept)? {
            deleted.remove(&stays);
        }
        Ok(deleted)
    }

    /// What main changed of an object since the fork: values, and links that were made.
    fn done_on_main(
        &self,
        base: &Object,
        theirs: &Object,
    ) -> Result<Map<String, Json>, BranchError> {
        let was = (base, &self.of_base);
        let mut done = self.values_changed(was, (theirs, &Renames::default()), theirs.kind());
        let fork = self.base.seq();
        let prefix = key::edge_prefix(self.draft.branch(), theirs.id());
        let mut made: BTreeMap<String, Vec<Json>> = BTreeMap::new();
        for row in self.draft.rows.prefix(Space::Edges, &prefix)? {
            let (key, row) = row?;
            let Some(parsed) = key::parse_edge(&key) else { continue };
            let Some(edge) = Edge::decode(parsed.peer, &row)? else { continue };
            let Some(peer) = self.draft.kind_of(edge.peer)? else { continue };
            let fits = |rel: &&Relationship| {
                rel.symbol == parsed.relationship && rel.direction == parsed.direction
            };
            let Some(rel) = theirs.kind().relationships.iter().find(fits) else { continue };
            let hung = is_hung_of_ip(&self.draft.view, theirs.kind(), &rel.name);
            if edge.updated <= fork || peer.branch == BranchMode::Local || hung {
                continue;
            }
            let was = self.base.peer(theirs.id(), rel, edge.peer)?;
            if was.is_none_or(|was| plain(&was) != plain(&edge)) {
                made.entry(rel.name.clone()).or_default().push(Json::from(edge.peer.to_string()));
            }
        }
        done.extend(made.into_iter().map(|(name, peers)| (name, Json::from(peers))));
        Ok(done)
    }

    /// Values that one state has otherwise than the fork.
    fn values_changed(
        &self,
        (base, of_base): (&Object, &Renames),
        (now, of_now): (&Object, &Renames),
        kind: &Kind,
    ) -> Map<String, Json> {
        let mut changed = Map::new();
        for attribute in kind.attributes.iter().filter(|one| !self.is_derived(kind, one)) {
            let was = attr_of(Some(base), kind, attribute, of_base);
            let is = attr_of(Some(now), kind, attribute, of_now);
            let alike = was.value == is.value
                && was.is_protected == is.is_protected
                && (was.source, was.owner) == (is.source, is.owner);
            if !alike {
                changed.insert(attribute.name.clone(), is.value.to_json());
            }
        }
        changed
    }

    /// One object that the branch has a version of.
    pub(super) fn object(&mut self, id: ObjectId, symbol: Symbol) -> Result<(), BranchError> {
        let Some(ours) = known(self.ours, symbol, id)? else { return Ok(()) };
        let theirs = known(&self.draft.view, symbol, id)?;
        if let Some(theirs) = &theirs
            && self.is_as_at_fork(theirs)
        {
            return self.values(&Three { base: Some(theirs), ours: &ours, theirs });
        }
        let base = known(self.base, symbol, id)?;
        match (base, theirs) {
            (None, None) => self.make(&ours),
            (base, Some(theirs)) => {
                let three = Three { base: base.as_ref(), ours: &ours, theirs: &theirs };
                self.values(&three)
            }
            (Some(base), None) => {
                let Some(kind) = self.kind_now(ours.kind()) else {
                    return Err(no_kind(ours.kind()));
                };
                let (was, is) = ((&base, &self.of_base), (&ours, &self.of_ours));
                let changed = self.values_changed(was, is, &kind);
                if !changed.is_empty() {
                    self.lost_on_main(id, Json::Object(changed), ours.updated())?;
                }
                Ok(())
            }
        }
    }

    /// Whether main has an object as it had it at the fork: then it needs no second look.
    fn is_as_at_fork(&self, theirs: &Object) -> bool {
        let since = theirs.updated();
        self.same_schema && since > Seq(0) && since <= self.base.seq()
    }

    /// That main deleted what the branch changed or linked; whether it stands again.
    pub(super) fn lost_on_main(
        &mut self,
        id: ObjectId,
        done: Json,
        seq: Seq,
    ) -> Result<bool, BranchError> {
        let Some(kind) = self.kind_then(id)? else { return Ok(false) };
        let between = Between {
            kind: ConflictKind::Object,
            object: Some(id),
            object_kind: kind.name.clone(),
            label: self.label(id)?,
            path: String::new(),
            base: Json::Null,
            main: self.side(Op::Deleted, Json::Null, Self::kind_seq(&self.draft.view, id)?)?,
            branch: self.side(Op::Updated, done, seq)?,
            is_resolvable: true,
        };
        if self.conflict(between) != Some(Keep::Branch) {
            return Ok(false);
        }
        self.restore(id)?;
        Ok(true)
    }

    /// An object that main has lost, as the branch has it, with its links and what hangs on it.
    fn restore(&mut self, id: ObjectId) -> Result<(), BranchError> {
        let Some(ours) = self.ours.object(id)? else { return Ok(()) };
        if !self.restored.insert(id) || self.draft.kind_of(id)?.is_some() {
            return Ok(());
        }
        self.make(&ours)?;
        let Some(kind) = self.draft.kind_of(id)? else { return Ok(()) };
        for rel in kind.relationships.clone() {
            let hung = is_hung_of_ip(self.ours, &kind, &rel.name);
            if hung || rel.branch != BranchMode::Aware {
                continue;
            }
            for edge in self.ours.peers(id, &rel)? {
                if self.draft.kind_of(edge.peer)?.is_none() && rel.on_delete == OnDelete::Cascade {
                    self.restore(edge.peer)?;
                }
                if self.is_free(id, &rel, edge.peer)? {
                    self.draft.put_edge(id, &rel, edge.peer, Some(&edge))?;
                }
            }
        }
        Ok(())
    }

    /// Makes an object as the branch has it, without its links.
    fn make(&mut self, ours: &Object) -> Result<(), BranchError> {
        let Some(kind) = self.kind_now(ours.kind()) else { return Err(no_kind(ours.kind())) };
        let (id, was) = (ours.id(), ours.record()?);
        let mut attrs = Attrs::with_room(kind.attributes.len());
        for attribute in &kind.attributes {
            let before = attribute_before(&kind, attribute, &self.of_ours);
            let before = ours.kind().attribute(before);
            let Some(attr) = before.and_then(|before| was.attrs.get(&before.symbol)) else {
                continue;
            };
            if !attr.is_default {
                check_value(&kind, attribute, &attr.value)?;
            }
            let changed = self.changed_at(attr.changed);
            attrs.insert(attribute.symbol, Attr { changed, ..attr.clone() });
        }
        let created = self.changed_at(was.created);
        let record = Record { created, attrs, ..was };
        let line = self.draft.line(kind.branch);
        let row = kind_row(kind.symbol, 0);
        self.draft.put_row(Space::Kinds, key::kind_of(line, id), row)?;
        self.draft.write_record(&kind, id, None, &record)?;
        self.draft.index_constraints(&kind, id, &BTreeMap::new())
    }

    /// The commit to write for what a commit of the branch changed: merged, it is changed now.
    fn changed_at(&self, seq: Seq) -> Seq {
        match self.purpose {
            Purpose::Merge => Seq(0),
            Purpose::Rebase => seq,
        }
    }

    /// Values of an object that the branch and main have.
    fn values(&mut self, three: &Three<'_>) -> Result<(), BranchError> {
        let kind: Arc<Kind> = Arc::clone(three.theirs.kind());
        let before = three.theirs.record()?;
        let mut record = before.clone();
        for attribute in &kind.attributes {
            if self.is_derived(&kind, attribute) {
                continue;
            }
            if let Some(new) = self.attribute(three, &kind, attribute)? {
                if !new.is_default {
                    check_value(&kind, attribute, &new.value)?;
                }
                record.attrs.insert(attribute.symbol, new);
            }
        }
        if record.attrs == before.attrs {
            return Ok(());
        }
        let id = three.theirs.id();
        record.updated_by = match self.purpose {
            Purpose::Merge => self.draft.author().0,
            Purpose::Rebase => three.ours.updated_by(),
        };
        let had = self.draft.constraint_keys(&kind, id)?;
        for (symbol, old) in before.attrs.iter() {
            let moved = record
                .attrs
                .get(symbol)
                .is_none_or(|new| old.value != new.value || old.source != new.source);
            if moved && !old.is_from_profile {
                self.draft.release_value(old.source, &old.value, Some(three.theirs))?;
            }
        }
        self.draft.write_record(&kind, id, Some(&before), &record)?;
        self.draft.index_constraints(&kind, id, &had)
    }

    /// One attribute; nothing where main's stands as it is.
    fn attribute(
        &mut self,
        three: &Three<'_>,
        kind: &Kind,
        attribute: &Attribute,
    ) -> Result<Option<Attr>, BranchError> {
        let base = attr_of(three.base, kind, attribute, &self.of_base);
        let ours = attr_of(Some(three.ours), kind, attribute, &self.of_ours);
        let theirs = attr_of(Some(three.theirs), kind, attribute, &Renames::default());
        let mut new = theirs.clone();
        let (moved_here, moved_there) = (!same_value(&ours, &base), !same_value(&theirs, &base));
        let of = |property, read: &dyn Fn(&Attr) -> Json| Property {
            property,
            base: read(&base),
            ours: read(&ours),
            theirs: read(&theirs),
            made: three.base.is_none(),
            seqs: (ours.changed, theirs.changed),
        };
        // To choose what was the default anyway gives way to another value.
        let clash = ours.value != base.value && theirs.value != base.value;
        let takes_ours = match (moved_here, moved_there) {
            (false, _) => false,
            (true, false) => true,
            (true, true) if ours.value == theirs.value => false,
            (true, true) if !clash => ours.value != base.value,
            (true, true) => {
                let value = of("value", &|attr| attr.value.to_json());
                self.property(three.theirs, attribute, value)? == Some(Keep::Branch)
            }
        };
        if takes_ours {
            new.value = ours.value.clone();
            new.is_default = ours.is_default;
            new.source = ours.source;
        } else if clash && ours.value != theirs.value {
            // What the branch drew for it is of no use.
            self.draft.release_value(ours.source, &ours.value, Some(three.theirs))?;
        }
        if ours.is_protected != base.is_protected {
            new.is_protected = ours.is_protected;
        }
        if ours.owner != base.owner && ours.owner != theirs.owner {
            let owner = of("owner", &|attr| reference(attr.owner));
            let free = theirs.owner == base.owner;
            if free || self.property(three.theirs, attribute, owner)? == Some(Keep::Branch) {
                new.owner = ours.owner;
            }
        }
        // Where a value came from goes with the value.
        let stays = !moved_here && !moved_there;
        if stays && ours.source != base.source && ours.source != theirs.source {
            let source = of("source", &|attr| reference(attr.source));
            let free = theirs.source == base.source;
            if free || self.property(three.theirs, attribute, source)? == Some(Keep::Branch) {
                new.source = ours.source;
            }
        }
        if new.same_as(&theirs) {
            return Ok(None);
        }
        new.is_from_profile = false;
        new.changed = self.changed_at(ours.changed);
        Ok(Some(new))
    }

    fn property(
        &mut self,
        object: &Object,
        attribute: &Attribute,
        told: Property,
    ) -> Result<Option<Keep>, BranchError> {
        let op = if told.made { Op::Created } else { Op::Updated };
        let between = Between {
            kind: ConflictKind::Attribute,
            object: Some(object.id()),
            object_kind: object.kind().name.clone(),
            label: self.label(object.id())?,
            path: format!("{}.{}", attribute.name, told.property),
            base: told.base,
            main: self.side(op, told.theirs, told.seqs.1)?,
            branch: self.side(op, told.ours, told.seqs.0)?,
            is_resolvable: true,
        };
        Ok(self.conflict(between))
    }

    /// Whether two objects can be linked in the draft: both are there, and nobody else is where one
    /// alone may be.
    fn is_free(
        &self,
        id: ObjectId,
        rel: &Relationship,
        peer: ObjectId,
    ) -> Result<bool, BranchError> {
        let Some(kind) = self.draft.kind_of(peer)? else { return Ok(false) };
        if rel.cardinality == Cardinality::One && !self.draft.peers(id, rel)?.is_empty() {
            return Ok(false);
        }
        match crate::draft::far_end(&kind, rel) {
            Some(far) if far.cardinality == Cardinality::One => {
                Ok(self.draft.peers(peer, far)?.is_empty())
            }
            _ => Ok(true),
        }
    }
}

/// An object as a view has it, looked for under the symbol that the branch has it under: it is another one
/// only where its kind was renamed.
fn known(view: &View, symbol: Symbol, id: ObjectId) -> Result<Option<Object>, BranchError> {
    if let Some(kind) = view.schema().by_symbol.get(&symbol)
        && let Some(object) = view.object_of(kind, id)?
    {
        return Ok(Some(object));
    }
    view.object(id)
}

/// A property in three states.
struct Property {
    property: &'static str,
    base: Json,
    ours: Json,
    theirs: Json,
    /// Both sides made the object.
    made: bool,
    /// The commits that last changed it, on the branch and on main.
    seqs: (Seq, Seq),
}

/// That the kind of an object is no more.
fn no_kind(kind: &Kind) -> BranchError {
    Violation::UnknownKind { kind: kind.name.clone(), nearest: None }.into()
}

/// A value under the schema that both sides have together.
fn check_value(kind: &Kind, attribute: &Attribute, value: &Value) -> Result<(), BranchError> {
    if value.is_null() {
        return Ok(());
    }
    attribute.validate(value).map_err(|bad| {
        let (kind, field) = (kind.name.clone(), attribute.name.clone());
        Violation::BadValue { kind, field, message: bad.to_string() }.into()
    })
}
