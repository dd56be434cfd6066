//! Taking a commit back: the inverse of what it changed, where nothing has touched that since.
//!
//! The inverse is an ordinary change of a draft: every rule holds for it as for any other. What the
//! host derives follows by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{Attribute, BranchMode, Direction, Kind, Relationship};
use model::{ObjectId, Seq, Symbol};
use store::{Space, key};

use crate::branches::is_derived_of_ip;
use crate::change::Op;
use crate::commit::{Cause, LogEntry};
use crate::draft::{AttrInput, Claim, Draft, Input, PeerInput};
use crate::error::{BranchError, Violation};
use crate::history::Version;
use crate::limits::BLOCKERS_MAX;
use crate::object::{Edge, Object, stamp};
use crate::record::AttrRef;
use crate::rows::Bytes;

/// Something that a later commit touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blocker {
    /// Kind of the object.
    pub kind: String,
    /// How it is shown.
    pub label: String,
    /// The object.
    pub object: ObjectId,
    /// The attribute or relationship; nothing where it is about the object as a whole.
    pub field: Option<String>,
    /// The later commit.
    pub commit: Seq,
}

impl std::fmt::Display for Blocker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.label)?;
        if let Some(field) = &self.field {
            write!(f, ", {field}")?;
        }
        write!(f, ": changed by commit {}", self.commit)
    }
}

/// Why a commit was not taken back. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RevertError {
    /// There is no such commit.
    #[error("there is no commit {0}")]
    Unknown(Seq),
    /// The commit is not one of objects, or of another branch.
    #[error("commit {commit} cannot be reverted: {why}")]
    NotRevertible {
        /// The commit.
        commit: Seq,
        /// What stands in the way and what helps.
        why: &'static str,
    },
    /// Later commits touched what it changed.
    #[error(
        "commit {commit} cannot be reverted: {} of what it changed was changed since; revert the later commits first, or set the values by hand",
        .blockers.len()
    )]
    Blocked {
        /// The commit.
        commit: Seq,
        /// What was changed since, and by which commit.
        blockers: Vec<Blocker>,
    },
    /// A rule would be broken, or reading failed.
    #[error(transparent)]
    Branch(#[from] BranchError),
}

impl From<Violation> for RevertError {
    fn from(violation: Violation) -> Self {
        Self::Branch(violation.into())
    }
}

impl RevertError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown-commit",
            Self::NotRevertible { .. } => "not-revertible",
            Self::Blocked { .. } => "revert-blocked",
            Self::Branch(error) => error.code(),
        }
    }
}

/// One edge that a commit changed, from the end that declares it.
struct ChangedEdge {
    object: ObjectId,
    rel: Relationship,
    peer: ObjectId,
    before: Option<Edge>,
}

/// The versions of an object around a commit.
struct Around {
    before: Option<Object>,
    /// The one the commit wrote; nothing where it changed only links.
    by: Option<Version>,
    /// The newest, where it is later.
    newest: Option<Version>,
}

/// What taking a commit back does.
#[derive(Default)]
struct Inverse {
    doomed: Vec<ObjectId>,
    made: Vec<(ObjectId, Arc<Kind>, Input)>,
    updated: Vec<(ObjectId, Input)>,
    edges: Vec<ChangedEdge>,
    blockers: BTreeSet<Blocker>,
}

impl Draft {
    /// Makes this draft the inverse of a commit of its branch. The draft must be clean.
    ///
    /// Linear in what the commit changed, and in the versions since.
    pub fn revert(&mut self, commit: Seq) -> Result<(), RevertError> {
        let entry = self.view.log_entry(commit)?.ok_or(RevertError::Unknown(commit))?;
        let refused = |why| RevertError::NotRevertible { commit, why };
        if entry.branch != self.view.branch {
            return Err(refused("it was made on another branch; ask for it there"));
        }
        if entry.changed.is_empty() || matches!(entry.cause, Cause::Init | Cause::Schema) {
            return Err(refused("it changed no objects"));
        }
        let inverse = self.inverse(commit, &entry)?;
        if !inverse.blockers.is_empty() {
            let blockers = inverse.blockers.into_iter().take(BLOCKERS_MAX).collect();
            return Err(RevertError::Blocked { commit, blockers });
        }
        self.take_back(inverse, &entry)
    }

    fn take_back(&mut self, inverse: Inverse, entry: &LogEntry) -> Result<(), RevertError> {
        let there: BTreeSet<ObjectId> = inverse.made.iter().map(|(id, ..)| *id).collect();
        for (id, kind, input) in inverse.made {
            self.create(&kind.name, Some(id), input)?;
            if let Cause::Run { instance, .. } = entry.cause {
                // The run let go of it: its instance has it again, until its next run says otherwise.
                let claim = Claim { owned: true, ..Claim::default() };
                self.set_claim(ObjectId(instance), id, Some(&claim))?;
            }
        }
        for (id, input) in inverse.updated {
            self.update(id, input)?;
        }
        let doomed: BTreeSet<ObjectId> = inverse.doomed.iter().copied().collect();
        for edge in inverse.edges {
            let ends = [edge.object, edge.peer];
            if ends.iter().any(|end| doomed.contains(end)) {
                continue;
            }
            let gone = |id: &ObjectId| self.view.kind_of(*id).map(|kind| kind.is_none());
            if ends.iter().any(|end| !there.contains(end) && gone(end).unwrap_or(true)) {
                continue;
            }
            match edge.before {
                None => {
                    self.unlink(edge.object, &edge.rel, edge.peer)?;
                }
                Some(was) => {
                    let given = PeerInput {
                        is_protected: Some(was.is_protected),
                        source: was.source,
                        owner: was.owner,
                        ..PeerInput::id(edge.peer)
                    };
                    self.link(edge.object, &edge.rel, edge.peer, &given)?;
                }
            }
        }
        for id in self.delete(&inverse.doomed)? {
            for holder in self.claimants(id)? {
                self.set_claim(holder, id, None)?;
            }
        }
        Ok(())
    }

    fn inverse(&self, commit: Seq, entry: &LogEntry) -> Result<Inverse, BranchError> {
        let mut inverse = Inverse::default();
        let mut own = BTreeMap::new();
        for (id, symbol, op) in &entry.changed {
            let Some(kind) = self.view.schema().by_symbol.get(&Symbol(*symbol)).cloned() else {
                continue;
            };
            // Instances are the host's own books; their next run brings them up to date.
            if kind.branch != BranchMode::Local {
                own.insert(*id, (kind, *op));
            }
        }
        for (id, (kind, op)) in &own {
            self.invert_object(*id, kind, *op, commit, &mut inverse)?;
            self.invert_edges(*id, kind, commit, &own, &mut inverse)?;
        }
        Ok(inverse)
    }

    /// The versions of an object before, by, and after a commit.
    fn around(&self, id: ObjectId, commit: Seq) -> Result<Around, BranchError> {
        let (mut newest, mut by) = (None, None);
        let mut before = None;
        self.view.each_version(id, |version| {
            if version.seq < commit {
                before = version.object;
                return Ok(false);
            }
            if version.seq == commit {
                by = Some(version);
            } else if newest.is_none() {
                newest = Some(version);
            }
            Ok(true)
        })?;
        Ok(Around { before, by, newest })
    }

    fn invert_object(
        &self,
        id: ObjectId,
        kind: &Arc<Kind>,
        op: Op,
        commit: Seq,
        inverse: &mut Inverse,
    ) -> Result<(), BranchError> {
        let Around { before, by, newest } = self.around(id, commit)?;
        // Only links of it were changed.
        let Some(by) = by else { return Ok(()) };
        let attributes = kind.attributes.iter().filter(|one| self.is_own(kind, one));
        match (op, &newest) {
            (Op::Created, None) => inverse.doomed.push(id),
            (Op::Created, Some(Version { object: None, .. })) => {}
            (Op::Created, Some(Version { object: Some(now), .. })) => {
                let mut untouched = true;
                for attribute in attributes {
                    let later = now.attr(attribute).updated;
                    if later > commit {
                        untouched = false;
                        let field = Some(attribute.name.as_str());
                        inverse.blockers.insert(self.blocker(id, kind, field, later)?);
                    }
                }
                if untouched {
                    // Only what the host derives changed.
                    inverse.doomed.push(id);
                }
            }
            (Op::Deleted, None) => {
                if let Some(before) = before {
                    let input = restored(attributes, &before, None);
                    inverse.made.push((id, Arc::clone(kind), input));
                }
            }
            (Op::Deleted, Some(later)) => {
                inverse.blockers.insert(self.blocker(id, kind, None, later.seq)?);
            }
            (Op::Updated, Some(Version { seq, object: None })) => {
                inverse.blockers.insert(self.blocker(id, kind, None, *seq)?);
            }
            (Op::Updated, newest) => {
                let (Some(before), Some(after)) = (before, by.object.as_ref()) else {
                    return Ok(());
                };
                let now = newest.as_ref().and_then(|version| version.object.as_ref());
                let mut changed = Vec::new();
                for attribute in attributes {
                    let (was, set) = (before.attr(attribute), after.attr(attribute));
                    if same(&was, &set) {
                        continue;
                    }
                    match now.map(|now| now.attr(attribute)) {
                        Some(now) if same(&now, &was) => {}
                        Some(now) if now.updated > commit => {
                            let field = Some(attribute.name.as_str());
                            inverse.blockers.insert(self.blocker(id, kind, field, now.updated)?);
                        }
                        _ => changed.push(attribute),
                    }
                }
                if !changed.is_empty() {
                    let input = restored(changed.into_iter(), &before, Some(after));
                    inverse.updated.push((id, input));
                }
            }
        }
        Ok(())
    }

    /// Whether people and generators set an attribute, and not the host alone.
    fn is_own(&self, kind: &Kind, attribute: &Attribute) -> bool {
        let derived = attribute.computed.is_some()
            || attribute.read_only
            || is_derived_of_ip(&self.view, kind, &attribute.name);
        !derived || attribute.parameters.number_pool.is_some()
    }

    fn blocker(
        &self,
        object: ObjectId,
        kind: &Kind,
        field: Option<&str>,
        commit: Seq,
    ) -> Result<Blocker, BranchError> {
        let (kind, field) = (kind.name.clone(), field.map(str::to_owned));
        let label = match self.view.object(object)? {
            Some(object) => self.label_of(&object)?,
            None => object.to_string(),
        };
        Ok(Blocker { kind, label, object, field, commit })
    }

    fn invert_edges(
        &self,
        id: ObjectId,
        kind: &Arc<Kind>,
        commit: Seq,
        own: &BTreeMap<ObjectId, (Arc<Kind>, Op)>,
        inverse: &mut Inverse,
    ) -> Result<(), BranchError> {
        let made = own.get(&id).is_some_and(|(_, op)| *op == Op::Created);
        for line in [self.view.branch, model::BranchId::GLOBAL] {
            let prefix = key::edge_prefix(line, id);
            let rows = &self.view.rows.snapshot;
            for row in rows.range(Space::Edges, &prefix, &key::prefix_end(&prefix))? {
                let (key, row) = row?;
                let (Some(edge), Some((seq, _))) = (key::parse_edge(&key), stamp(&row)) else {
                    continue;
                };
                let peer_kind = match own.get(&edge.peer) {
                    Some((kind, _)) => Some(Arc::clone(kind)),
                    None => self.view.kind_of(edge.peer)?,
                };
                let local = peer_kind.as_ref().is_some_and(|one| one.branch == BranchMode::Local);
                let fits = |rel: &&Relationship| {
                    rel.symbol == edge.relationship && rel.direction == edge.direction
                };
                let Some(rel) = kind.relationships.iter().find(fits) else { continue };
                if local || rel.read_only || is_derived_of_ip(&self.view, kind, &rel.name) {
                    continue;
                }
                let now = Edge::decode(edge.peer, &row)?;
                if seq > commit && made && now.is_some() && !own.contains_key(&edge.peer) {
                    // Somebody linked to what is to go.
                    let field = Some(rel.name.as_str());
                    inverse.blockers.insert(self.blocker(id, kind, field, seq)?);
                    continue;
                }
                if !is_canonical(&edge, peer_kind.as_deref()) {
                    continue;
                }
                let Some(before) = self.edge_before(&key, &row, commit)? else { continue };
                if seq > commit {
                    if now.as_ref().map(plain) != before.as_ref().map(plain) {
                        let field = Some(rel.name.as_str());
                        inverse.blockers.insert(self.blocker(id, kind, field, seq)?);
                    }
                    continue;
                }
                let (object, peer, rel) = (id, edge.peer, rel.clone());
                inverse.edges.push(ChangedEdge { object, rel, peer, before });
            }
        }
        Ok(())
    }

    /// What an edge was before a commit that changed it; nothing where the commit did not.
    fn edge_before(
        &self,
        key: &[u8],
        row: &[u8],
        commit: Seq,
    ) -> Result<Option<Option<Edge>>, BranchError> {
        let Some(edge) = key::parse_edge(key) else { return Ok(None) };
        let snapshot = &self.view.rows.snapshot;
        let mut by_commit = stamp(row).is_some_and(|(seq, _)| seq == commit);
        let (low, high) = key::past_range(key, commit);
        for past in snapshot.range(Space::EdgeHistory, &low, &high)? {
            let (_, past) = past?;
            if stamp(&past).is_some_and(|(seq, _)| seq == commit) {
                by_commit = true;
                continue;
            }
            return Ok(if by_commit { Some(Edge::decode(edge.peer, &past)?) } else { None });
        }
        if !by_commit {
            return Ok(None);
        }
        // The branch's first row of it lies over main's, as of the fork.
        let below: Option<Bytes> = match &self.view.rows.overlay {
            Some(overlay) => overlay.below(snapshot, Space::Edges, key)?,
            None => None,
        };
        match below {
            Some(row) => Ok(Some(Edge::decode(edge.peer, &row)?)),
            None => Ok(Some(None)),
        }
    }
}

fn plain(edge: &Edge) -> (bool, Option<ObjectId>, Option<ObjectId>) {
    (edge.is_protected, edge.source, edge.owner)
}

fn same(a: &AttrRef<'_>, b: &AttrRef<'_>) -> bool {
    let parts = |attr: &AttrRef<'_>| (attr.is_protected, attr.source, attr.owner);
    a.value.to_value() == b.value.to_value() && parts(a) == parts(b)
}

/// Whether an edge is told from this end: from the outbound one, where its kind declares it.
fn is_canonical(edge: &key::EdgeKey, peer: Option<&Kind>) -> bool {
    let back = edge.direction.reverse();
    let far = peer.is_some_and(|kind| {
        kind.relationships
            .iter()
            .any(|rel| rel.symbol == edge.relationship && rel.direction == back && !rel.read_only)
    });
    match edge.direction {
        Direction::Outbound => true,
        Direction::Inbound => !far,
        Direction::Bidirectional => !far || edge.object <= edge.peer,
    }
}

/// Attributes as they were, with their properties.
fn restored<'a>(
    attributes: impl Iterator<Item = &'a Attribute>,
    before: &Object,
    after: Option<&Object>,
) -> Input {
    let mut input = Input::default();
    for attribute in attributes {
        let was = before.attr(attribute);
        if was.is_from_profile || (after.is_none() && was.value.is_null()) {
            continue;
        }
        let value = was.value.to_value().unwrap_or(model::Value::Null);
        let given = AttrInput {
            is_default: was.is_default.then_some(true),
            is_protected: Some(was.is_protected),
            source: Some(was.source),
            owner: Some(was.owner),
            ..AttrInput::by_host(value)
        };
        input = input.attr(&attribute.name, given);
    }
    input
}
