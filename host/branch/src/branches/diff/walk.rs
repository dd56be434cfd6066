//! The walk behind a diff: the branch's own rows, each beside what is under the same key on the
//! other sides.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use model::schema::{
    Attribute, BranchMode, Kind, Relationship, RelationshipKind, SchemaChange, changes, renames,
};
use model::{ObjectId, Seq};
use serde_json::{Value as Json, json};
use store::{Space, key};

use crate::branches::diff::{FieldDiff, LinkDiff, ObjectDiff, ParentOf};
use crate::change::Op;
use crate::error::BranchError;
use crate::history::Origin;
use crate::object::{Edge, Object, stamp};
use crate::record::AttrRef;
use crate::rows::Bytes;
use crate::view::View;

/// What the host sets of prefixes and addresses, and how they hang.
const DERIVED_OF_IP: [&str; 11] = [
    "is_top_level",
    "netmask",
    "hostmask",
    "network_address",
    "broadcast_address",
    "utilization",
    "parent",
    "children",
    "ip_prefix",
    "ip_addresses",
    "member_of_pools",
];

/// Whether the host itself sets a field of prefixes and addresses.
pub(crate) fn is_derived_of_ip(view: &View, kind: &Kind, field: &str) -> bool {
    let schema = view.schema();
    let is_ip = schema.is_a(kind, "BuiltinIPPrefix") || schema.is_a(kind, "BuiltinIPAddress");
    is_ip && DERIVED_OF_IP.contains(&field)
}

/// The three states that are compared.
pub(super) struct Sides {
    /// What the branch is compared with.
    pub(super) base: View,
    pub(super) ours: View,
    /// Main as it is now.
    pub(super) theirs: View,
}

impl Sides {
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
        for row in rows.range(Space::Heads, &line, &key::prefix_end(&line))? {
            let (key, _) = row?;
            // As of the moment asked for; an object that came later is not there.
            let Some(row) = self.ours.rows.peek(Space::Heads, &key)? else { continue };
            let Some((_, symbol, id)) = key::parse_head(&key) else { continue };
            let of = |view: &View| view.schema().by_symbol.get(&symbol).cloned();
            let Some(kind) = of(&self.ours).or_else(|| of(&self.base)) else { continue };
            if kind.branch != BranchMode::Aware {
                continue;
            }
            let (seq, _) = stamp(&row).unwrap_or_default();
            let before = match of(&self.base) {
                Some(kind) => self.base.object_of(&kind, id)?,
                None => None,
            };
            let after = Object::read(id, &kind, row)?;
            let op = match (&before, &after) {
                (None, None) => continue,
                (None, Some(_)) => Op::Created,
                (Some(_), Some(_)) => Op::Updated,
                (Some(_), None) => Op::Deleted,
            };
            let main = match of(&self.theirs) {
                Some(kind) => self.theirs.object_of(&kind, id)?,
                None => None,
            };
            let mut diff = self.diff(id, &kind, op, origins.of(seq)?)?;
            diff.conflict = self.conflict(op, main.as_ref());
            for attribute in kind.attributes.iter().filter(|one| !self.is_derived(&kind, one)) {
                let states = [before.as_ref(), after.as_ref(), main.as_ref()];
                fields(origins, attribute, states, (seq, &mut diff.fields))?;
            }
            objects.insert(id, diff);
        }
        Ok(())
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
            let (key, _) = row?;
            let Some(row) = self.ours.rows.peek(Space::Edges, &key)? else { continue };
            self.edge(origins, &key, &row, objects)?;
        }
        Ok(())
    }

    fn edge(
        &self,
        origins: &Origins<'_>,
        key: &[u8],
        row: &Bytes,
        objects: &mut BTreeMap<ObjectId, ObjectDiff>,
    ) -> Result<(), BranchError> {
        let Some(edge) = key::parse_edge(key) else { return Ok(()) };
        let on_base = key::on_line(key, self.base.branch);
        let before = match self.base.rows.peek(Space::Edges, &on_base)? {
            Some(row) => Edge::decode(edge.peer, &row)?,
            None => None,
        };
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
        let properties = properties(rel, before.as_ref(), after.as_ref(), &origin);
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
            origin: origin.clone(),
        };
        if let Entry::Vacant(place) = objects.entry(edge.object) {
            place.insert(self.diff(edge.object, &kind, Op::Updated, origin)?);
        }
        if let Some(diff) = objects.get_mut(&edge.object) {
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
        origin: Origin,
    ) -> Result<ObjectDiff, BranchError> {
        Ok(ObjectDiff {
            id,
            kind: kind.name.clone(),
            label: self.label(id)?,
            op,
            fields: Vec::new(),
            links: Vec::new(),
            parent: self.parent(id, kind)?,
            conflict: None,
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
                return match view.hfid(&object)? {
                    Some(parts) => Ok(parts.join("/")),
                    None => view.display_label(&object),
                };
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

/// The properties of one attribute that are different; `seq` is the commit of the version.
fn fields(
    origins: &Origins<'_>,
    attribute: &Attribute,
    states: [Option<&Object>; 3],
    (seq, found): (Seq, &mut Vec<FieldDiff>),
) -> Result<(), BranchError> {
    let [before, after, main] = states.map(|object| object.map(|object| object.attr(attribute)));
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
        let [before, after, main] = [&before, &after, &main].map(|attr| nothing(of(attr)));
        if before != after {
            let told =
                |value: Json| if property == "value" { attribute.told(value) } else { value };
            let differs = there && main != before && main != after;
            let main = differs.then_some(main).map(told);
            let (before, after) = (told(before), told(after));
            let (name, origin) = (attribute.name.clone(), origins.of(seq)?);
            found.push(FieldDiff { name, property, before, after, main, origin });
        }
    }
    Ok(())
}

/// The properties of a link that are different.
fn properties(
    rel: &Relationship,
    before: Option<&Edge>,
    after: Option<&Edge>,
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
        let [before, after] = [before, after].map(|edge| edge.map_or(Json::Null, read));
        if before != after {
            let (name, origin) = (rel.name.clone(), origin.clone());
            found.push(FieldDiff { name, property, before, after, main: None, origin });
        }
    }
    found
}
