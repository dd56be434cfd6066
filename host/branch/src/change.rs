//! What a draft changes, as people and programs read it: the answer of a plan, the summary of a
//! commit. Canonical: sorted by kind and id, so that equal changes have equal digests.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;
use model::schema::{Direction, Kind, Relationship};
use model::{Digest, ObjectId, Symbol};
use serde_json::{Value as Json, json};
use store::{Space, key};

use crate::draft::Draft;
use crate::error::BranchError;
use crate::object::{Edge, Object, is_there};
use crate::rows::Bytes;

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// It is made.
    Created,
    /// Values or links change.
    Updated,
    /// It goes.
    Deleted,
}

impl Op {
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Created => 1,
            Self::Updated => 2,
            Self::Deleted => 3,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Created),
            2 => Some(Self::Updated),
            3 => Some(Self::Deleted),
            _ => None,
        }
    }

    /// The word in answers: `created`, `updated`, `deleted`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// A value before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Attribute.
    pub name: String,
    /// Value before; null when there was none.
    pub before: Json,
    /// Value after; null when there is none.
    pub after: Json,
}

/// Peers that come and go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkChange {
    /// Labels of peers that come, sorted.
    pub added: Vec<String>,
    /// Labels of peers that go, sorted.
    pub removed: Vec<String>,
    /// All of them.
    pub peers: BTreeSet<ObjectId>,
}

/// What happens to one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How.
    pub op: Op,
    /// The object.
    pub id: ObjectId,
    /// Name of its kind.
    pub kind: String,
    /// Symbol of its kind.
    pub symbol: Symbol,
    /// Human-friendly id or display label.
    pub label: String,
    /// Values, by attribute name.
    pub fields: Vec<FieldChange>,
    /// Peers, by relationship name; for an update by one end, both ends are listed.
    pub links: BTreeMap<String, LinkChange>,
}

/// Everything a draft changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// Changes, sorted by kind, then label, then id.
    pub changes: Vec<Change>,
}

impl ChangeSet {
    /// Compares a draft with the snapshot below it. Linear in what changes; what is looked at only to
    /// be told does not join the read set.
    pub fn of(draft: &Draft) -> Result<Self, BranchError> {
        draft.view.rows.quietly(|| Self::compare(draft))
    }

    /// How many objects a draft makes, changes and deletes: the [`counts`](Self::counts) of its change
    /// set, without making one.
    pub fn counts_of(draft: &Draft) -> Result<(usize, usize, usize), BranchError> {
        let ops = draft.view.rows.quietly(|| ops(draft))?;
        let count = |wanted| ops.values().filter(|op| **op == Some(wanted)).count();
        Ok((count(Op::Created), count(Op::Updated), count(Op::Deleted)))
    }

    fn compare(draft: &Draft) -> Result<Self, BranchError> {
        let mut changes: BTreeMap<ObjectId, Change> = BTreeMap::new();
        let mut labels = Labels { draft, known: BTreeMap::new() };
        for (key, row) in draft.view.rows.pending(Space::Heads) {
            head_change(&mut labels, key, row, &mut changes)?;
        }
        for (key, row) in draft.view.rows.pending(Space::Edges) {
            edge_change(&mut labels, key, row, &mut changes)?;
        }
        let mut changes: Vec<Change> = changes
            .into_values()
            .filter(|change| {
                change.op != Op::Updated || !change.fields.is_empty() || !change.links.is_empty()
            })
            .collect();
        for change in &mut changes {
            for link in change.links.values_mut() {
                link.added.sort();
                link.removed.sort();
            }
        }
        changes.sort_by(|a, b| (&a.kind, &a.label, a.id).cmp(&(&b.kind, &b.label, b.id)));
        Ok(Self { changes })
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many objects are made, changed, and go.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |op| self.changes.iter().filter(|change| change.op == op).count();
        (count(Op::Created), count(Op::Updated), count(Op::Deleted))
    }

    /// The canonical document.
    pub fn to_json(&self) -> Json {
        let changes: Vec<Json> = self.changes.iter().map(Change::to_json).collect();
        let (created, updated, deleted) = self.counts();
        json!({
            "created": created, "updated": updated, "deleted": deleted, "changes": changes,
        })
    }

    /// Digest of the canonical document: equal plans have equal digests.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_json().to_string().as_bytes())
    }
}

impl Change {
    fn to_json(&self) -> Json {
        let fields: serde_json::Map<String, Json> = self
            .fields
            .iter()
            .map(|field| {
                (field.name.clone(), json!({"before": field.before, "after": field.after}))
            })
            .collect();
        let links: serde_json::Map<String, Json> = self
            .links
            .iter()
            .map(|(name, link)| {
                (name.clone(), json!({"added": link.added, "removed": link.removed}))
            })
            .collect();
        json!({
            "op": self.op.word(), "kind": self.kind, "id": self.id.to_string(),
            "label": self.label, "fields": fields, "links": links,
        })
    }
}

/// What happens to each object that a draft writes; nothing to one that is as it was.
fn ops(draft: &Draft) -> Result<HashMap<ObjectId, Option<Op>, RandomState>, BranchError> {
    let rows = &draft.view.rows;
    let mut ops = HashMap::default();
    for row in rows.replacing(Space::Heads) {
        let (key, row, old) = row?;
        let Some((_, symbol, id)) = key::parse_head(key) else { continue };
        let Some(kind) = draft.schema().by_symbol.get(&symbol) else { continue };
        let before = old.filter(|row| is_there(row));
        let op = match (before, row.filter(|row| is_there(row))) {
            (None, None) => continue,
            (None, Some(_)) => Some(Op::Created),
            (Some(_), None) => Some(Op::Deleted),
            (Some(before), Some(row)) => {
                let before = Object::read(id, kind, before)?;
                let after = Object::read(id, kind, Bytes::Pending(row.into()))?;
                let differs = |attribute| {
                    let value = |object: &Option<Object>| {
                        object.as_ref().map(|object| object.value_of(attribute))
                    };
                    value(&before) != value(&after)
                };
                kind.attributes.iter().any(differs).then_some(Op::Updated)
            }
        };
        ops.insert(id, op);
    }
    for row in rows.replacing(Space::Edges) {
        let (key, row, old) = row?;
        let Some(edge) = key::parse_edge(key) else { continue };
        let had = old.is_some_and(|row| is_there(&row));
        if had == row.is_some_and(is_there) || matches!(ops.get(&edge.object), Some(Some(_))) {
            continue;
        }
        let kind = draft.kind_then_or_now(edge.object)?;
        if kind.is_some_and(|kind| {
            relationship_name(&kind, edge.relationship, edge.direction).is_some()
        }) {
            ops.insert(edge.object, Some(Op::Updated));
        }
    }
    Ok(ops)
}

/// What a draft changes, without labels and values: object, symbol of its kind, how.
pub(crate) fn summary(draft: &Draft) -> Result<Vec<(ObjectId, u32, Op)>, BranchError> {
    let mut changed = BTreeMap::new();
    let rows = &draft.view.rows;
    for row in rows.replacing(Space::Heads) {
        let (key, row, old) = row?;
        let Some((_, symbol, id)) = key::parse_head(key) else { continue };
        let had = old.is_some_and(|row| is_there(&row));
        let op = match (had, row.is_some_and(is_there)) {
            (false, false) => continue,
            (false, true) => Op::Created,
            (true, true) => Op::Updated,
            (true, false) => Op::Deleted,
        };
        changed.insert(id, (symbol.0, op));
    }
    for (key, _) in rows.pending(Space::Edges) {
        let Some(edge) = key::parse_edge(key) else { continue };
        if !changed.contains_key(&edge.object)
            && let Some(kind) = rows.quietly(|| draft.kind_then_or_now(edge.object))?
        {
            changed.insert(edge.object, (kind.symbol.0, Op::Updated));
        }
    }
    Ok(changed.into_iter().map(|(id, (symbol, op))| (id, symbol, op)).collect())
}

/// Labels, each made once: the parent of a thousand objects is named a thousand times.
struct Labels<'a> {
    draft: &'a Draft,
    known: BTreeMap<ObjectId, String>,
}

impl Labels<'_> {
    fn of(&mut self, id: ObjectId) -> Result<String, BranchError> {
        if let Some(label) = self.known.get(&id) {
            return Ok(label.clone());
        }
        let label = self.draft.label_then_or_now(id)?;
        self.known.insert(id, label.clone());
        Ok(label)
    }

    /// Of an object that is at hand.
    fn of_object(&mut self, object: &Object) -> Result<String, BranchError> {
        let label = self.draft.label_of(object)?;
        self.known.insert(object.id(), label.clone());
        Ok(label)
    }
}

fn head_change(
    labels: &mut Labels<'_>,
    key: &[u8],
    row: Option<&[u8]>,
    changes: &mut BTreeMap<ObjectId, Change>,
) -> Result<(), BranchError> {
    let draft = labels.draft;
    let Some((_, symbol, id)) = key::parse_head(key) else { return Ok(()) };
    let Some(kind) = draft.schema().by_symbol.get(&symbol).cloned() else { return Ok(()) };
    let before = match draft.view.rows.replaced(Space::Heads, key)? {
        Some(row) => Object::read(id, &kind, row)?,
        None => None,
    };
    let after = match row {
        Some(row) => Object::read(id, &kind, Bytes::Pending(row.into()))?,
        None => None,
    };
    let op = match (&before, &after) {
        (None, None) => return Ok(()),
        (None, Some(_)) => Op::Created,
        (Some(_), Some(_)) => Op::Updated,
        (Some(_), None) => Op::Deleted,
    };
    let label = match &after {
        Some(object) => labels.of_object(object)?,
        None => labels.of(id)?,
    };
    let mut fields = Vec::new();
    for attribute in &kind.attributes {
        let read = |object: &Option<Object>| {
            object.as_ref().map_or(Json::Null, |object| object.value_of(attribute).to_json())
        };
        let (old, new) = (read(&before), read(&after));
        if old != new {
            let (before, after) = (attribute.told(old), attribute.told(new));
            fields.push(FieldChange { name: attribute.name.clone(), before, after });
        }
    }
    changes.insert(
        id,
        Change { op, id, kind: kind.name.clone(), symbol, label, fields, links: BTreeMap::new() },
    );
    Ok(())
}

fn edge_change(
    labels: &mut Labels<'_>,
    key: &[u8],
    row: Option<&[u8]>,
    changes: &mut BTreeMap<ObjectId, Change>,
) -> Result<(), BranchError> {
    let draft = labels.draft;
    let Some(edge) = key::parse_edge(key) else { return Ok(()) };
    let had = match draft.view.rows.replaced(Space::Edges, key)? {
        Some(row) => Edge::decode(edge.peer, &row)?.is_some(),
        None => false,
    };
    let has = match row {
        Some(row) => Edge::decode(edge.peer, row)?.is_some(),
        None => false,
    };
    if had == has {
        return Ok(());
    }
    let Some(kind) = draft.kind_then_or_now(edge.object)? else { return Ok(()) };
    let Some(name) = relationship_name(&kind, edge.relationship, edge.direction) else {
        return Ok(());
    };
    if let std::collections::btree_map::Entry::Vacant(e) = changes.entry(edge.object) {
        let change = Change {
            op: Op::Updated,
            id: edge.object,
            kind: kind.name.clone(),
            symbol: kind.symbol,
            label: labels.of(edge.object)?,
            fields: Vec::new(),
            links: BTreeMap::new(),
        };
        e.insert(change);
    }
    let peer = labels.of(edge.peer)?;
    if let Some(change) = changes.get_mut(&edge.object) {
        let link = change.links.entry(name).or_default();
        link.peers.insert(edge.peer);
        if has { link.added.push(peer) } else { link.removed.push(peer) }
    }
    Ok(())
}

pub(crate) fn relationship_name(
    kind: &Kind,
    symbol: Symbol,
    direction: Direction,
) -> Option<String> {
    let fits = |rel: &&Relationship| rel.symbol == symbol && rel.direction == direction;
    kind.relationships.iter().find(fits).map(|rel| rel.name.clone())
}
