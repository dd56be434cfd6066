//! What a branch changed since its fork, and where main changed the same in the meantime.
//!
//! Walks the branch's own rows: the cost follows what was changed, not what there is. What the host
//! derives (computed values, values of profiles, the IP hierarchy) is no change of anybody's.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use model::schema::{Attribute, BranchMode, Kind, Relationship};
use model::{BranchId, ObjectId, Seq, Timestamp};
use serde_json::{Value as Json, json};
use store::{Space, key};

use crate::branches::{BranchFault, Moment};
use crate::change::Op;
use crate::commit::{Cause, LogEntry};
use crate::database::Database;
use crate::error::BranchError;
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

/// What a branch changed.
#[derive(Debug, Clone)]
pub struct BranchDiff {
    /// The branch.
    pub branch: String,
    /// The commit as of which it reads main.
    pub fork: Seq,
    /// By kind, then label, then id.
    pub objects: Vec<ObjectDiff>,
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
    /// What main did to the object that does not go together with this.
    pub conflict: Option<&'static str>,
    /// Who changed it last on the branch.
    pub by: ObjectId,
    /// When.
    pub at: Timestamp,
    /// Why: by hand, or which run.
    pub cause: Cause,
}

/// A property of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDiff {
    /// Attribute.
    pub name: String,
    /// `value`, `is_protected`, `source` or `owner`.
    pub property: &'static str,
    /// At the fork.
    pub before: Json,
    /// On the branch.
    pub after: Json,
    /// On main now, where main has changed it too, to something else.
    pub main: Option<Json>,
}

/// One element of a relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkDiff {
    /// Relationship.
    pub name: String,
    /// The object at the other end.
    pub peer: ObjectId,
    /// How it is shown.
    pub peer_label: String,
    /// Added, changed in its properties, or removed.
    pub op: Op,
}

/// The three states that are compared.
struct Sides {
    base: View,
    ours: View,
    theirs: View,
}

impl Database {
    /// What a branch changed since its fork. Linear in the branch's own rows.
    pub fn branch_diff(&self, name: &str) -> Result<BranchDiff, BranchError> {
        let branch = self.branch(name)?;
        let ours = self.view(branch)?;
        let Some(fork) = ours.fork() else {
            return Err(BranchFault::Main { verb: "compared with itself" }.into());
        };
        let base = self.view_at(BranchId::MAIN, Moment::Commit(fork))?;
        let sides = Sides { base, ours, theirs: self.view(BranchId::MAIN)? };
        let mut objects = BTreeMap::new();
        sides.heads(&mut objects)?;
        sides.edges(&mut objects)?;
        let mut objects: Vec<ObjectDiff> = objects.into_values().collect();
        objects
            .retain(|one| one.op != Op::Updated || !one.fields.is_empty() || !one.links.is_empty());
        objects.sort_by(|a, b| (&a.kind, &a.label, a.id).cmp(&(&b.kind, &b.label, b.id)));
        Ok(BranchDiff { branch: name.to_owned(), fork, objects })
    }
}

impl Sides {
    fn heads(&self, objects: &mut BTreeMap<ObjectId, ObjectDiff>) -> Result<(), BranchError> {
        let line = key::branch(self.ours.branch);
        let rows = &self.ours.rows.snapshot;
        for row in rows.range(Space::Heads, &line, &key::prefix_end(&line))? {
            let (key, row) = row?;
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
            let after = Object::read(id, &kind, Bytes::Stored(row))?;
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
            let mut diff = self.diff(id, &kind, op, seq)?;
            diff.conflict = self.conflict(op, main.as_ref());
            for attribute in kind.attributes.iter().filter(|one| !self.is_derived(&kind, one)) {
                let states = [before.as_ref(), after.as_ref(), main.as_ref()];
                fields(attribute, states, &mut diff.fields);
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

    fn edges(&self, objects: &mut BTreeMap<ObjectId, ObjectDiff>) -> Result<(), BranchError> {
        let line = key::branch(self.ours.branch);
        let rows = &self.ours.rows.snapshot;
        for row in rows.range(Space::Edges, &line, &key::prefix_end(&line))? {
            let (key, row) = row?;
            let Some(edge) = key::parse_edge(&key) else { continue };
            let main = key::on_line(&key, BranchId::MAIN);
            let before = match self.base.rows.peek(Space::Edges, &main)? {
                Some(row) => Edge::decode(edge.peer, &row)?,
                None => None,
            };
            let after = Edge::decode(edge.peer, &row)?;
            let plain = |edge: &Option<Edge>| {
                edge.as_ref().map(|edge| (edge.is_protected, edge.source, edge.owner))
            };
            let op = match (&before, &after) {
                (None, None) => continue,
                (None, Some(_)) => Op::Created,
                (Some(_), None) => Op::Deleted,
                _ if plain(&before) == plain(&after) => continue,
                _ => Op::Updated,
            };
            let (Some(kind), Some(peer)) = (self.kind_of(edge.object)?, self.kind_of(edge.peer)?)
            else {
                continue;
            };
            let fits = |rel: &&Relationship| {
                rel.symbol == edge.relationship && rel.direction == edge.direction
            };
            let Some(rel) = kind.relationships.iter().find(fits) else { continue };
            let local = [&kind, &peer].iter().any(|kind| kind.branch == BranchMode::Local);
            let derived = self.is_ip(&kind) && DERIVED_OF_IP.contains(&rel.name.as_str());
            if local || derived || kind.branch == BranchMode::Agnostic {
                continue;
            }
            let link = LinkDiff {
                name: rel.name.clone(),
                peer: edge.peer,
                peer_label: self.label(edge.peer)?,
                op,
            };
            if let Entry::Vacant(place) = objects.entry(edge.object) {
                let (seq, _) = stamp(&row).unwrap_or_default();
                let diff = self.diff(edge.object, &kind, Op::Updated, seq)?;
                place.insert(diff);
            }
            if let Some(diff) = objects.get_mut(&edge.object) {
                diff.links.push(link);
            }
        }
        Ok(())
    }

    fn diff(
        &self,
        id: ObjectId,
        kind: &Arc<Kind>,
        op: Op,
        seq: Seq,
    ) -> Result<ObjectDiff, BranchError> {
        let damaged = || BranchError::Damaged { what: format!("log entry {seq}") };
        let row = self.ours.rows.peek(Space::Log, &key::log(seq))?.ok_or_else(damaged)?;
        let entry = LogEntry::decode(&row).ok_or_else(damaged)?;
        Ok(ObjectDiff {
            id,
            kind: kind.name.clone(),
            label: self.label(id)?,
            op,
            fields: Vec::new(),
            links: Vec::new(),
            conflict: None,
            by: entry.author,
            at: entry.at,
            cause: entry.cause,
        })
    }

    /// The kind of an object that is on the branch, or was at the fork.
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

    fn is_ip(&self, kind: &Kind) -> bool {
        let schema = self.ours.schema();
        schema.is_a(kind, "BuiltinIPPrefix") || schema.is_a(kind, "BuiltinIPAddress")
    }

    fn is_derived(&self, kind: &Kind, attribute: &Attribute) -> bool {
        let of_ip = || self.is_ip(kind) && DERIVED_OF_IP.contains(&attribute.name.as_str());
        attribute.computed.is_some() || of_ip()
    }
}

/// The properties of one attribute that differ between fork and branch.
fn fields(attribute: &Attribute, states: [Option<&Object>; 3], found: &mut Vec<FieldDiff>) {
    let [before, after, main] = states.map(|object| object.map(|object| object.attr(attribute)));
    let from_profile = |attr: &Option<AttrRef<'_>>| attr.is_none_or(|attr| attr.is_from_profile);
    if from_profile(&before) && from_profile(&after) {
        return;
    }
    let there = main.is_some();
    type Read = fn(&AttrRef<'_>) -> Json;
    let properties: [(&'static str, Read); 4] = [
        ("value", |attr| attr.value.to_value().map_or(Json::Null, |value| value.to_json())),
        ("is_protected", |attr| json!(attr.is_protected)),
        ("source", |attr| json!(attr.source.map(|id| id.to_string()))),
        ("owner", |attr| json!(attr.owner.map(|id| id.to_string()))),
    ];
    for (property, read) in properties {
        let of = |attr: &Option<AttrRef<'_>>| attr.as_ref().map_or(Json::Null, read);
        let nothing = |told: Json| {
            if told == json!(false) && property != "value" { Json::Null } else { told }
        };
        let [before, after, main] = [&before, &after, &main].map(|attr| nothing(of(attr)));
        if before != after {
            let differs = there && main != before && main != after;
            let main = differs.then_some(main);
            found.push(FieldDiff { name: attribute.name.clone(), property, before, after, main });
        }
    }
}
