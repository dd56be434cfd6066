//! Deleting: one computed set, cascades included. Order never matters and nothing goes twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{BranchMode, Kind, OnDelete, Relationship};
use model::{BranchId, ObjectId, Symbol};
use store::{Key, Space, key};

use crate::branches::kind_in;
use crate::draft::Draft;
use crate::error::{BranchError, Violation};
use crate::object::Edge;
use crate::view::View;

/// An edge of an object that goes, with the relationship as either end declares it.
struct Loose {
    near: Option<Relationship>,
    far: Option<Relationship>,
    key: Key,
    back: Key,
    peer: ObjectId,
    peer_kind: Arc<Kind>,
}

/// The edges of what goes, by object.
type LooseEdges = BTreeMap<ObjectId, Vec<Loose>>;

impl Draft {
    /// Deletes objects with everything that goes with them. Ids that are gone already are ignored.
    /// Refused as a whole when an object that stays needs one that goes.
    ///
    /// Returns the ids that went, sorted. Linear in their edges.
    pub fn delete(&mut self, ids: &[ObjectId]) -> Result<Vec<ObjectId>, BranchError> {
        let (doomed, loose) = self.closure(ids)?;
        self.check_needs(&doomed, &loose)?;
        self.take_away(&doomed, &loose)?;
        Ok(doomed.into_iter().collect())
    }

    /// Deletes objects, and nothing else, whoever needs them: for what goes together with its kind.
    pub(crate) fn delete_with_kind(&mut self, ids: &BTreeSet<ObjectId>) -> Result<(), BranchError> {
        let mut loose = BTreeMap::new();
        for id in ids {
            if let Some(kind) = self.view.kind_of(*id)? {
                loose.insert(*id, edges_of(&self.view, &kind, *id)?);
            }
        }
        self.take_away(ids, &loose)
    }

    /// The ids with everything that cascades from them. Linear in their edges.
    pub fn cascade(&self, ids: &[ObjectId]) -> Result<BTreeSet<ObjectId>, BranchError> {
        Ok(self.closure(ids)?.0)
    }

    fn take_away(
        &mut self,
        doomed: &BTreeSet<ObjectId>,
        loose: &LooseEdges,
    ) -> Result<(), BranchError> {
        // While every link is there: which division of a pool a value belongs to may hang on one.
        for id in doomed {
            if let Some(object) = self.view.object(*id)? {
                self.release_all(&object)?;
            }
        }
        self.bury_all(doomed, loose)
    }

    /// Takes one object away, whoever needs it, and gives back nothing of what it has of pools: for one that
    /// comes back as another.
    pub(super) fn take_out(&mut self, object: &crate::Object) -> Result<(), BranchError> {
        let id = object.id();
        let loose = edges_of(&self.view, object.kind(), id)?;
        self.bury_all(&BTreeSet::from([id]), &BTreeMap::from([(id, loose)]))
    }

    fn bury_all(
        &mut self,
        doomed: &BTreeSet<ObjectId>,
        loose: &LooseEdges,
    ) -> Result<(), BranchError> {
        let mut pools = Vec::new();
        for id in doomed {
            let Some(object) = self.view.object(*id)? else { continue };
            self.check_deletable(&object)?;
            let is_pool = self.view.schema().is_a(object.kind(), "CoreResourcePool");
            let label = if is_pool { Some(self.label_of(&object)?) } else { None };
            let kind = Arc::clone(object.kind());
            let had = self.constraint_keys(&kind, *id)?;
            let stays = self.stays_elsewhere(&kind, *id)?;
            for edge in loose.get(id).into_iter().flatten() {
                // A link that all branches share is not one branch's to take away.
                if !(stays && key::line_of(&edge.key) == Some(BranchId::GLOBAL)) {
                    self.drop_edge(edge)?;
                }
            }
            self.bury(&object)?;
            let line = self.view.line(kind.branch);
            for (symbol, value) in had {
                let key = key::index(line, kind.symbol, symbol, &value, *id);
                self.view.rows.write(Space::Index, key, None)?;
            }
            pools.extend(label.map(|label| (object, label)));
        }
        for (pool, label) in pools {
            if let Some(identifier) = self.first_reservation(&pool)? {
                let message = format!(
                    "pool `{label}` is in use, by `{identifier}` for one; release what it has handed \
                     out first"
                );
                return Err(Violation::Pool { code: "pool-in-use", message }.into());
            }
            self.release_pool(&pool)?;
        }
        Ok(())
    }

    fn check_deletable(&self, object: &crate::Object) -> Result<(), BranchError> {
        let default = object.kind().name == "IpamNamespace"
            && object.value("default") == model::Value::Bool(true);
        if default { Err(Violation::DefaultNamespace.into()) } else { Ok(()) }
    }

    /// The ids with everything that cascades from them, and their edges.
    fn closure(&self, ids: &[ObjectId]) -> Result<(BTreeSet<ObjectId>, LooseEdges), BranchError> {
        let mut doomed = BTreeSet::new();
        let mut loose = BTreeMap::new();
        let mut next: Vec<ObjectId> = ids.to_vec();
        while let Some(id) = next.pop() {
            if doomed.contains(&id) {
                continue;
            }
            let Some(kind) = self.view.kind_of(id)? else { continue };
            doomed.insert(id);
            let edges = edges_of(&self.view, &kind, id)?;
            for edge in &edges {
                if edge.near.as_ref().is_some_and(|rel| rel.on_delete == OnDelete::Cascade) {
                    next.push(edge.peer);
                }
            }
            loose.insert(id, edges);
        }
        Ok((doomed, loose))
    }

    /// Every peer that stays must keep its mandatory links.
    fn check_needs(
        &self,
        doomed: &BTreeSet<ObjectId>,
        loose: &LooseEdges,
    ) -> Result<(), BranchError> {
        for (id, edges) in loose {
            for edge in edges.iter().filter(|edge| !doomed.contains(&edge.peer)) {
                let Some(far) = edge.far.as_ref().filter(|far| !far.optional) else { continue };
                let stays = self.view.peers(edge.peer, far)?;
                if stays.iter().any(|left| !doomed.contains(&left.peer)) {
                    continue;
                }
                let kind = self.view.kind_of(*id)?;
                return Err(Violation::StillNeeded {
                    kind: kind.map(|kind| kind.name.clone()).unwrap_or_default(),
                    object: *id,
                    field: far.name.clone(),
                    by_kind: edge.peer_kind.name.clone(),
                    by: edge.peer,
                }
                .into());
            }
        }
        Ok(())
    }

    /// Whether an object that goes on this branch is there on main, or on another branch.
    fn stays_elsewhere(&self, kind: &Kind, id: ObjectId) -> Result<bool, BranchError> {
        let snapshot = &self.view.rows.snapshot;
        if kind.branch == BranchMode::Agnostic || crate::branches::is_alone(snapshot)? {
            return Ok(false);
        }
        for line in crate::branches::open_branches(snapshot)? {
            if line != self.view.branch
                && let Some(row) = snapshot.get(Space::Kinds, &key::kind_of(line, id))?
                && kind_in(&row).is_some_and(|(_, there)| there)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes away the links that all branches share to what only this branch has: for a branch that
    /// goes. Linear in the objects that the branch made.
    pub(crate) fn drop_shared_links(&mut self) -> Result<(), BranchError> {
        let prefix = key::branch(self.view.branch);
        let keys: Result<BTreeSet<Key>, _> =
            self.view.rows.own_keys(Space::Kinds, &prefix)?.collect();
        for key in keys? {
            let Some((_, id)) = key::parse_kind_of(&key) else { continue };
            let shared = key::edge_prefix(BranchId::GLOBAL, id);
            if self.view.rows.own_keys(Space::Edges, &shared)?.next().is_none() {
                continue;
            }
            let Some(kind) = self.view.kind_of(id)? else { continue };
            if self.stays_elsewhere(&kind, id)? {
                continue;
            }
            for edge in edges_of(&self.view, &kind, id)? {
                if key::line_of(&edge.key) == Some(BranchId::GLOBAL) {
                    self.drop_edge(&edge)?;
                }
            }
        }
        Ok(())
    }

    /// Takes away the links of relationships that a kind declared once. Linear in its objects.
    pub(crate) fn drop_links_of(
        &mut self,
        kind: &Arc<Kind>,
        gone: &BTreeSet<Symbol>,
    ) -> Result<(), BranchError> {
        let ids: Result<Vec<ObjectId>, BranchError> =
            self.view.objects(kind)?.map(|object| object.map(|object| object.id())).collect();
        for id in ids? {
            for edge in edges_of(&self.view, kind, id)? {
                let parsed = key::parse_edge(&edge.key);
                if parsed.is_some_and(|parsed| gone.contains(&parsed.relationship)) {
                    self.drop_edge(&edge)?;
                }
            }
        }
        Ok(())
    }

    fn drop_edge(&mut self, edge: &Loose) -> Result<(), BranchError> {
        // The peer may have a constraint over this link.
        let had = self.constraint_keys(&edge.peer_kind, edge.peer)?;
        for key in [&edge.key, &edge.back] {
            let stored = self.view.rows.replaced(Space::Edges, key)?.is_some();
            let row = stored.then(|| crate::object::stamped(crate::object::TOMBSTONE, &[]));
            self.view.rows.write(Space::Edges, key.clone(), row)?;
        }
        self.index_constraints(&edge.peer_kind, edge.peer, &had)
    }
}

/// The links of an object that only the other end declares: the peer, and the relationship as it has it.
pub(super) fn one_way(
    view: &View,
    object: &crate::Object,
) -> Result<Vec<(ObjectId, Relationship)>, BranchError> {
    let edges = edges_of(view, object.kind(), object.id())?.into_iter();
    let alone = edges.filter(|edge| edge.near.is_none());
    Ok(alone.filter_map(|edge| Some((edge.peer, edge.far?))).collect())
}

/// The peers of an object that cannot be without one there: the peer, and the relationship as it has it.
pub(super) fn needing(
    view: &View,
    object: &crate::Object,
) -> Result<Vec<(ObjectId, Relationship)>, BranchError> {
    let edges = edges_of(view, object.kind(), object.id())?.into_iter();
    let far = edges.filter_map(|edge| Some((edge.peer, edge.far?)));
    Ok(far.filter(|(_, far)| !far.optional).collect())
}

/// All live edges of an object, whether its kind still declares them or not.
fn edges_of(view: &View, kind: &Kind, id: ObjectId) -> Result<Vec<Loose>, BranchError> {
    let mut edges = Vec::new();
    for line in [view.branch, BranchId::GLOBAL] {
        for row in view.rows.prefix(Space::Edges, &key::edge_prefix(line, id))? {
            let (key, row) = row?;
            let Some(parsed) = key::parse_edge(&key) else { continue };
            if Edge::decode(parsed.peer, &row)?.is_none() {
                continue;
            }
            let Some(peer_kind) = view.kind_of(parsed.peer)? else { continue };
            let back = parsed.direction.reverse();
            let fits = |kind: &Kind, direction| {
                kind.relationships
                    .iter()
                    .find(|rel| rel.symbol == parsed.relationship && rel.direction == direction)
                    .cloned()
            };
            edges.push(Loose {
                near: fits(kind, parsed.direction),
                far: fits(&peer_kind, back),
                back: key::edge(line, parsed.peer, parsed.relationship, back, id),
                peer: parsed.peer,
                peer_kind,
                key,
            });
        }
    }
    Ok(edges)
}
