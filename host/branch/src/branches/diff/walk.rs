//! The walk behind a diff: the branch's own rows, each beside what is under the same key on the
//! other sides.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use model::schema::{
    Attribute, BranchMode, Kind, Relationship, RelationshipKind, SchemaChange, changes, renames,
};
use model::{ObjectId, Seq, Symbol};
use serde_json::{Value as Json, json};
use store::{Space, key};

use crate::branches::derived::is_derived_of_ip;
use crate::branches::diff::{FieldDiff, LinkDiff, ObjectDiff, ParentOf, Side};
use crate::change::Op;
use crate::error::BranchError;
use crate::history::Origin;
use crate::object::{Edge, Object, is_through, stamp};
use crate::record::AttrRef;
use crate::rows::Bytes;
use crate::view::View;

/// The states that are compared.
pub(super) struct Sides {
    /// What the branch is compared with.
    base: View,
    ours: View,
    /// Main as it is now.
    theirs: View,
    /// Main as of the fork, where the branch is compared with something else.
    then: Option<View>,
    /// What the branch is compared with is main as of this commit, with the schema that main has now: what
    /// main did not touch since needs no second look.
    untouched_since: Option<Seq>,
}

/// One object in all states.
struct States<'a> {
    before: Option<&'a Object>,
    after: Option<&'a Object>,
    main: Option<&'a Object>,
    /// At the fork.
    then: Option<&'a Object>,
}

impl Sides {
    pub(super) fn new(base: View, ours: View, theirs: View, then: Option<View>) -> Self {
        let same = base.branch() == theirs.branch() && base.schema().hash == theirs.schema().hash;
        let untouched_since = (same && then.is_none()).then(|| base.seq());
        Self { base, ours, theirs, then, untouched_since }
    }

    /// What is different in the schema.
    pub(super) fn schema(&self) -> Vec<SchemaChange> {
        let (old, new) = (self.base.schema(), self.ours.schema());
        if old.hash == new.hash {
            return Vec::new();
        }
        changes(old, new, &renames(self.base.declared(), self.ours.declared()))
    }

    /// What is different of objects.
    pub(super) fn objects(&self) -> Result<Vec<ObjectDiff>, BranchError> {
        let origins = Origins { view: &self.ours, known: RefCell::default() };
        let mut objects = BTreeMap::new();
        self.heads(&origins, &mut objects)?;
        self.edges(&origins, &mut objects)?;
        let mut objects: Vec<ObjectDiff> = objects.into_values().collect();
        objects
            .retain(|one| one.op != Op::Updated || !one.fields.is_empty() || !one.links.is_empty());
        objects.sort_by(|a, b| (&a.kind, &a.label, a.id).cmp(&(&b.kind, &b.label, b.id)));
        Ok(objects)
    }

    fn heads(
        &self,
        origins: &Origins<'_>,
        objects: &mut BTreeMap<ObjectId, ObjectDiff>,
    ) -> Result<(), BranchError> {
        let line = key::branch(self.ours.branch);
        let rows = &self.ours.rows.snapshot;
        let is_now = !self.ours.is_past();
        for row in rows.range(Space::Heads, &line, &key::prefix_end(&line))? {
            let (key, row) = row?;
            if is_now && is_through(&row) {
                continue;
            }
            let row = match is_now {
                true => Bytes::Stored(row),
                // As of the moment asked for; an object that came later is not there.
                false => match self.ours.rows.peek(Space::Heads, &key)? {
                    Some(row) => row,
                    None => continue,
                },
            };
            if let Some((_, symbol, id)) = key::parse_head(&key)
                && let Some(diff) = self.head(origins, (symbol, id), row)?
            {
                objects.insert(id, diff);
            }
        }
        Ok(())
    }

    /// An object that the branch has a version of; nothing where it is on neither side.
    fn head(
        &self,
        origins: &Origins<'_>,
        (symbol, id): (Symbol, ObjectId),
        row: Bytes,
    ) -> Result<Option<ObjectDiff>, BranchError> {
        let of = |view: &View| view.schema().by_symbol.get(&symbol).cloned();
        let in_view = |view: &View| match of(view) {
            Some(kind) => view.object_of(&kind, id),
            None => Ok(None),
        };
        let Some(kind) = of(&self.ours).or_else(|| of(&self.base)) else { return Ok(None) };
        if kind.branch != BranchMode::Aware {
            return Ok(None);
        }
        let (seq, _) = stamp(&row).unwrap_or_default();
        let main = in_view(&self.theirs)?;
        let untouched =
            |main: &&Object| self.untouched_since.is_some_and(|moment| main.updated() <= moment);
        let was = match main.as_ref().filter(untouched) {
            Some(_) => None,
            None => in_view(&self.base)?,
        };
        let before = main.as_ref().filter(untouched).or(was.as_ref());
        let after = Object::read(id, &kind, row)?;
        let at_fork = match &self.then {
            Some(then) => in_view(then)?,
            None => None,
        };
        let then = if self.then.is_some() { at_fork.as_ref() } else { before };
        let op = match (before, &after) {
            (None, None) => return Ok(None),
            (None, Some(_)) => Op::Created,
            (Some(_), Some(_)) => Op::Updated,
            (Some(_), None) => Op::Deleted,
        };
        let label = match after.as_ref().or(before) {
            Some(object) if after.is_some() => self.ours.label(object)?,
            Some(object) => self.base.label(object)?,
            None => id.to_string(),
        };
        let mut diff = self.diff(id, &kind, op, (label, origins.of(seq)?))?;
        diff.conflict = self.conflict(op, main.as_ref());
        let states = States { before, after: after.as_ref(), main: main.as_ref(), then };
        for attribute in kind.attributes.iter().filter(|one| !self.is_derived(&kind, one)) {
            fields(origins, attribute, &states, (seq, &mut diff.fields))?;
        }
        diff.side = self.side(op, &states, &diff);
        Ok(Some(diff))
    }

    /// Who made an object otherwise than it is on the other side.
    fn side(&self, op: Op, states: &States<'_>, diff: &ObjectDiff) -> Side {
        if self.then.is_none() {
            let both = diff.conflict.is_some() || diff.fields.iter().any(|one| one.main.is_some());
            return Side::of(true, both);
        }
        let fork = self.ours.fork().unwrap_or_default();
        let moved_on_main = states.main.is_some_and(|main| main.updated() > fork);
        match op {
            // Main deleted what the branch has.
            Op::Created if states.then.is_some() => {
                Side::of(diff.fields.iter().any(|field| field.side != Side::Main), true)
            }
            Op::Created => Side::Branch,
            Op::Deleted => Side::of(true, moved_on_main),
            Op::Updated => {
                let sides = diff.fields.iter().map(|field| field.side);
                sides.reduce(Side::and).unwrap_or(Side::Branch)
            }
        }
    }

    fn conflict(&self, op: Op, main: Option<&Object>) -> Option<&'static str> {
        let fork = self.ours.fork().unwrap_or_default();
        match (op, main) {
            (Op::Updated, None) => Some("deleted-on-main"),
            (Op::Deleted, Some(main)) if main.updated() > fork => Some("changed-on-main"),
            _ => None,
        }
    }

    fn edges(
        &self,
        origins: &Origins<'_>,
        objects: &mut BTreeMap<ObjectId, ObjectDiff>,
    ) -> Result<(), BranchError> {
        let line = key::branch(self.ours.branch);
        let rows = &self.ours.rows.snapshot;
        for row in rows.range(Space::Edges, &line, &key::prefix_end(&line))? {
            let (key, row) = row?;
            if !self.ours.is_past() && is_through(&row) {
                continue;
            }
            let Some(row) = self.ours.rows.peek(Space::Edges, &key)? else { continue };
            self.edge(origins, &key, &row, objects)?;
        }
        Ok(())
    }

    /// A link as a state of main has it.
    fn edge_in(view: &View, key: &[u8], peer: ObjectId) -> Result<Option<Edge>, BranchError> {
        match view.rows.peek(Space::Edges, &key::on_line(key, view.branch))? {
            Some(row) => Edge::decode(peer, &row),
            None => Ok(None),
        }
    }

    fn edge(
        &self,
        origins: &Origins<'_>,
        key: &[u8],
        row: &Bytes,
        objects: &mut BTreeMap<ObjectId, ObjectDiff>,
    ) -> Result<(), BranchError> {
        let Some(edge) = key::parse_edge(key) else { return Ok(()) };
        let before = Self::edge_in(&self.base, key, edge.peer)?;
        let after = Edge::decode(edge.peer, row)?;
        let op = match (&before, &after) {
            (None, None) => return Ok(()),
            (None, Some(_)) => Op::Created,
            (Some(_), None) => Op::Deleted,
            (Some(_), Some(_)) => Op::Updated,
        };
        let (Some(kind), Some(peer)) = (self.kind_of(edge.object)?, self.kind_of(edge.peer)?)
        else {
            return Ok(());
        };
        let fits = |rel: &&Relationship| {
            rel.symbol == edge.relationship && rel.direction == edge.direction
        };
        let Some(rel) = kind.relationships.iter().find(fits) else { return Ok(()) };
        let local = [&kind, &peer].iter().any(|kind| kind.branch == BranchMode::Local);
        let derived = is_derived_of_ip(&self.ours, &kind, &rel.name);
        if local || derived || kind.branch == BranchMode::Agnostic {
            return Ok(());
        }
        let (seq, _) = stamp(row).unwrap_or_default();
        let origin = origins.of(seq)?;
        let side = match &self.then {
            None => Side::Branch,
            Some(then) => {
                let then = Self::edge_in(then, key, edge.peer)?;
                let other = |edge: &Option<Edge>| !alike(edge.as_ref(), then.as_ref());
                Side::of(other(&after), other(&before))
            }
        };
        let properties = properties(rel, [before.as_ref(), after.as_ref()], side, &origin);
        if op == Op::Updated && properties.is_empty() {
            return Ok(());
        }
        let link = LinkDiff {
            name: rel.name.clone(),
            cardinality: rel.cardinality,
            peer: edge.peer,
            peer_label: self.label(edge.peer)?,
            op,
            properties,
            side,
            origin: origin.clone(),
        };
        if let Entry::Vacant(place) = objects.entry(edge.object) {
            let label = self.label(edge.object)?;
            let diff = self.diff(edge.object, &kind, Op::Updated, (label, origin))?;
            place.insert(ObjectDiff { side, ..diff });
        }
        if let Some(diff) = objects.get_mut(&edge.object) {
            if diff.op == Op::Updated {
                let first = diff.fields.is_empty() && diff.links.is_empty();
                diff.side = if first { side } else { diff.side.and(side) };
            }
            if diff.origin.commit < link.origin.commit {
                diff.origin = link.origin.clone();
            }
            diff.links.push(link);
        }
        Ok(())
    }

    fn diff(
        &self,
        id: ObjectId,
        kind: &Arc<Kind>,
        op: Op,
        (label, origin): (String, Origin),
    ) -> Result<ObjectDiff, BranchError> {
        Ok(ObjectDiff {
            id,
            kind: kind.name.clone(),
            label,
            op,
            fields: Vec::new(),
            links: Vec::new(),
            parent: self.parent(id, kind)?,
            conflict: None,
            side: Side::Branch,
            origin,
        })
    }

    /// What an object is a component of.
    fn parent(&self, id: ObjectId, kind: &Kind) -> Result<Option<ParentOf>, BranchError> {
        let is_parent = |rel: &&Relationship| rel.kind == RelationshipKind::Parent;
        let Some(rel) = kind.relationships.iter().find(is_parent) else { return Ok(None) };
        for view in [&self.ours, &self.base] {
            if let Some(edge) = view.peers(id, rel)?.first() {
                let parent = view.kind_of(edge.peer)?;
                return Ok(Some(ParentOf {
                    id: edge.peer,
                    kind: parent.map_or_else(|| rel.peer.clone(), |kind| kind.name.clone()),
                    label: self.label(edge.peer)?,
                    relationship: rel.name.clone(),
                }));
            }
        }
        Ok(None)
    }

    /// The kind of an object that is on the branch, or was before.
    fn kind_of(&self, id: ObjectId) -> Result<Option<Arc<Kind>>, BranchError> {
        match self.ours.kind_of(id)? {
            Some(kind) => Ok(Some(kind)),
            None => self.base.kind_of(id),
        }
    }

    fn label(&self, id: ObjectId) -> Result<String, BranchError> {
        for view in [&self.ours, &self.base] {
            if let Some(object) = view.object(id)? {
                return view.label(&object);
            }
        }
        Ok(id.to_string())
    }

    fn is_derived(&self, kind: &Kind, attribute: &Attribute) -> bool {
        attribute.computed.is_some() || is_derived_of_ip(&self.ours, kind, &attribute.name)
    }
}

/// Entries of the log, each read once: a run makes thousands of changes in one commit.
struct Origins<'a> {
    view: &'a View,
    known: RefCell<BTreeMap<Seq, Origin>>,
}

impl Origins<'_> {
    /// The origin of what a commit changed.
    fn of(&self, seq: Seq) -> Result<Origin, BranchError> {
        if let Some(known) = self.known.borrow().get(&seq) {
            return Ok(known.clone());
        }
        let origin = self.view.origin(seq)?;
        self.known.borrow_mut().insert(seq, origin.clone());
        Ok(origin)
    }
}

/// Whether two say the same of a link.
fn alike(one: Option<&Edge>, other: Option<&Edge>) -> bool {
    let all = |edge: &Edge| (edge.is_protected, edge.source, edge.owner);
    one.map(all) == other.map(all)
}

/// The properties of one attribute that are different; `seq` is the commit of the version.
fn fields(
    origins: &Origins<'_>,
    attribute: &Attribute,
    states: &States<'_>,
    (seq, found): (Seq, &mut Vec<FieldDiff>),
) -> Result<(), BranchError> {
    let States { before, after, main, then } = *states;
    let [before, after, main, then] =
        [before, after, main, then].map(|object| object.map(|object| object.attr(attribute)));
    let from_profile = |attr: &Option<AttrRef<'_>>| attr.is_none_or(|attr| attr.is_from_profile);
    if from_profile(&before) && from_profile(&after) {
        return Ok(());
    }
    let there = main.is_some();
    type Read = fn(&AttrRef<'_>) -> Json;
    let properties: [(&'static str, Read); 4] = [
        ("value", |attr| attr.value.to_value().map_or(Json::Null, |value| value.to_json())),
        ("is_protected", |attr| json!(attr.is_protected)),
        ("source", |attr| json!(attr.source.map(|id| id.to_string()))),
        ("owner", |attr| json!(attr.owner.map(|id| id.to_string()))),
    ];
    let seq = after.map_or(seq, |attr| if attr.updated > Seq(0) { attr.updated } else { seq });
    for (property, read) in properties {
        let of = |attr: &Option<AttrRef<'_>>| attr.as_ref().map_or(Json::Null, read);
        let nothing = |told: Json| {
            if told == json!(false) && property != "value" { Json::Null } else { told }
        };
        let [before, after, main, then] =
            [&before, &after, &main, &then].map(|attr| nothing(of(attr)));
        if before != after {
            let told =
                |value: Json| if property == "value" { attribute.told(value) } else { value };
            let differs = there && main != before && main != after;
            let side = Side::of(after != then, before != then || differs);
            let main = differs.then_some(main).map(told);
            let (before, after) = (told(before), told(after));
            let (name, origin) = (attribute.name.clone(), origins.of(seq)?);
            found.push(FieldDiff { name, property, before, after, main, side, origin });
        }
    }
    Ok(())
}

/// The properties of a link that are different.
fn properties(
    rel: &Relationship,
    states: [Option<&Edge>; 2],
    side: Side,
    origin: &Origin,
) -> Vec<FieldDiff> {
    type Read = fn(&Edge) -> Json;
    let properties: [(&'static str, Read); 3] = [
        ("is_protected", |edge| if edge.is_protected { json!(true) } else { Json::Null }),
        ("source", |edge| json!(edge.source.map(|id| id.to_string()))),
        ("owner", |edge| json!(edge.owner.map(|id| id.to_string()))),
    ];
    let mut found = Vec::new();
    for (property, read) in properties {
        let [before, after] = states.map(|edge| edge.map_or(Json::Null, read));
        if before != after {
            let (name, origin) = (rel.name.clone(), origin.clone());
            found.push(FieldDiff { name, property, before, after, main: None, side, origin });
        }
    }
    found
}
