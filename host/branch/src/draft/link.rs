//! Edges: both ends written together, peers checked against the relationship.

use std::sync::Arc;

use model::ObjectId;
use model::schema::{Cardinality, Kind, Relationship};
use store::{Space, key};

use crate::draft::{Draft, Input, PeerInput, PeerRef, RelInput};
use crate::error::{BranchError, Violation};
use crate::object::{Edge, TOMBSTONE, stamped};
use crate::schema::Element;

/// Identifiers of the relationships between pools and what they draw from.
const POOL_RELATIONSHIPS: [&str; 5] = [
    "ippool__resource",
    "prefixpool__resource",
    "ipaddresspool__resource",
    "numberpool__range",
    "ippool__ipnamespace",
];

impl Draft {
    /// Applies the relationships of an input. Tells whether anything changed.
    pub(super) fn link_input(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        input: &Input,
    ) -> Result<bool, BranchError> {
        let mut changed = false;
        for (name, given) in &input.rels {
            let Some(rel) = kind.relationship(name) else { continue };
            changed |= match given {
                RelInput::Replace(peers) => self.replace_peers(kind, id, rel, peers)?,
                RelInput::Add(peers) => self.add_peers(kind, id, rel, peers)?,
                RelInput::Remove(peers) => {
                    let mut removed = false;
                    for peer in peers {
                        let peer = self.resolve(kind, rel, &peer.peer)?;
                        removed |= self.unlink(id, rel, peer)?;
                    }
                    removed
                }
                RelInput::FromPool(from_pool) => self.link_pooled(kind, id, rel, from_pool)?,
                RelInput::FromPools(pools) => self.link_each_pooled(kind, id, rel, pools)?,
            };
        }
        Ok(changed)
    }

    fn replace_peers(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        rel: &Relationship,
        peers: &[PeerInput],
    ) -> Result<bool, BranchError> {
        let mut wanted = Vec::with_capacity(peers.len());
        for peer in peers {
            wanted.push((self.resolve(kind, rel, &peer.peer)?, peer));
        }
        let mut changed = false;
        for edge in self.view.peers(id, rel)? {
            if wanted.iter().all(|(peer, _)| *peer != edge.peer) {
                changed |= self.unlink(id, rel, edge.peer)?;
            }
        }
        for (peer, given) in wanted {
            changed |= self.link(id, rel, peer, given)?;
        }
        Ok(changed)
    }

    fn add_peers(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        rel: &Relationship,
        peers: &[PeerInput],
    ) -> Result<bool, BranchError> {
        let mut changed = false;
        for given in peers {
            let peer = self.resolve(kind, rel, &given.peer)?;
            if rel.cardinality == Cardinality::One {
                for edge in self.view.peers(id, rel)? {
                    if edge.peer != peer {
                        changed |= self.unlink(id, rel, edge.peer)?;
                    }
                }
            }
            changed |= self.link(id, rel, peer, given)?;
        }
        Ok(changed)
    }

    /// The object a reference means, as the relationship takes it.
    pub fn resolve(
        &self,
        kind: &Kind,
        rel: &Relationship,
        peer: &PeerRef,
    ) -> Result<ObjectId, BranchError> {
        let is_a =
            |found: &Kind| rel.peer == "CoreNode" || self.view.schema().is_a(found, &rel.peer);
        let wrong = |id: ObjectId, found: &Kind| -> BranchError {
            Violation::WrongPeer {
                kind: kind.name.clone(),
                field: rel.name.clone(),
                wanted: rel.peer.clone(),
                found: found.name.clone(),
                peer: id.to_string(),
            }
            .into()
        };
        match peer {
            PeerRef::Id(id) => match self.view.kind_at(*id)? {
                Some(found) if is_a(found) => Ok(*id),
                Some(found) => Err(wrong(*id, found)),
                None => {
                    let (kind, identifier) = (rel.peer.clone(), id.to_string());
                    Err(Violation::NotFound { kind, identifier }.into())
                }
            },
            PeerRef::Hfid { kind: narrower, parts } => {
                let wanted = narrower.as_deref().unwrap_or(&rel.peer);
                let object = self.find(wanted, parts)?;
                match is_a(object.kind()) {
                    true => Ok(object.id()),
                    false => Err(wrong(object.id(), object.kind())),
                }
            }
        }
    }

    /// The object of `kind` (a generic will do) with this human-friendly id, or the error that says
    /// there is none. A single part that is an id is taken as one.
    pub fn find(&self, kind: &str, parts: &[String]) -> Result<crate::Object, BranchError> {
        let wanted = self.view.kind(kind)?;
        if let Some(object) = self.view.by_hfid(wanted, parts)? {
            return Ok(object);
        }
        if let [only] = parts
            && let Ok(id) = only.parse()
            && let Some(object) = self.view.object(id)?
            && self.view.schema().is_a(object.kind(), kind)
        {
            return Ok(object);
        }
        let (kind, identifier) = (kind.to_owned(), parts.join("/"));
        Err(Violation::NotFound { kind, identifier }.into())
    }

    /// Links two objects, or changes the properties of their link.
    pub(crate) fn link(
        &mut self,
        id: ObjectId,
        rel: &Relationship,
        peer: ObjectId,
        given: &PeerInput,
    ) -> Result<bool, BranchError> {
        let weighed = match given.weight {
            Some(weight) => self.weigh(rel, peer, weight)?,
            None => false,
        };
        let old = self.view.peer(id, rel, peer)?;
        let base = old.clone().unwrap_or_else(|| Edge::to(peer));
        let edge = Edge {
            is_protected: given.is_protected.unwrap_or(base.is_protected),
            source: given.source.or(base.source),
            owner: given.owner.or(base.owner),
            ..base
        };
        if old.as_ref() == Some(&edge) {
            return Ok(weighed);
        }
        // The far end may take one peer only: the newest link wins, as it does from the near end.
        if old.is_none()
            && let Some(kind) = self.view.kind_at(peer)?
            && let Some(far) = far_end(kind, rel)
            && far.cardinality == Cardinality::One
        {
            let far = &far.clone();
            for other in self.view.peers(peer, far)? {
                self.unlink(peer, far, other.peer)?;
            }
        }
        self.put_edge(id, rel, peer, Some(&edge))?;
        Ok(true)
    }

    /// Gives a resource of a pool its weight, which it has in all pools that draw from it.
    fn weigh(
        &mut self,
        rel: &Relationship,
        resource: ObjectId,
        weight: i64,
    ) -> Result<bool, BranchError> {
        let refused = |what: String| Violation::Pool { code: "no-weight", message: what };
        if rel.name != "resources" || !POOL_RELATIONSHIPS.contains(&rel.identifier.as_str()) {
            let what = format!(
                "`{}` takes no `allocation_weight`: the `resources` of a pool have one",
                rel.name
            );
            return Err(refused(what).into());
        }
        let object = self.must_exist(resource)?;
        if object.kind().attribute("allocation_weight").is_none() {
            let what = format!(
                "`{}` has no `allocation_weight`; let it inherit from `CoreWeightedPoolResource`",
                object.kind().name
            );
            return Err(refused(what).into());
        }
        let input = Input::default().json("allocation_weight", weight.into());
        Ok(self.update(resource, input)? == super::Outcome::Updated)
    }

    /// Takes a link away.
    pub(crate) fn unlink(
        &mut self,
        id: ObjectId,
        rel: &Relationship,
        peer: ObjectId,
    ) -> Result<bool, BranchError> {
        if self.view.peer(id, rel, peer)?.is_none() {
            return Ok(false);
        }
        self.put_edge(id, rel, peer, None)?;
        Ok(true)
    }

    /// Writes or removes both rows of an edge; constraints of either end follow.
    pub(crate) fn put_edge(
        &mut self,
        id: ObjectId,
        rel: &Relationship,
        peer: ObjectId,
        edge: Option<&Edge>,
    ) -> Result<(), BranchError> {
        let ends = [(id, rel.direction), (peer, rel.direction.reverse())];
        let mut constrained = Vec::new();
        for (end, direction) in ends {
            if let Some(kind) = self.constrained_kind(end, rel, direction)?.cloned() {
                let had = self.constraint_keys(&kind, end)?;
                constrained.push((kind, end, had));
            }
        }
        if POOL_RELATIONSHIPS.contains(&rel.identifier.as_str()) {
            self.leases.note_pool_changed();
        }
        if rel.cardinality == Cardinality::One {
            // The division or the namespace that an object counts in may hang on this link.
            for (end, _) in ends {
                let kind = self.view.kind_at(end)?.filter(|kind| self.facts(kind).takes);
                if let Some(kind) = kind.map(|kind| kind.symbol) {
                    self.leases.note_written(end, kind);
                }
            }
        }
        let line = self.view.line(rel.branch);
        for ((end, direction), other) in ends.into_iter().zip([peer, id]) {
            let key = key::edge(line, end, rel.symbol, direction, other);
            let row = match edge {
                Some(edge) => Some(stamped(0, &edge.encode())),
                None => {
                    let stored = self.view.rows.replaced(Space::Edges, &key)?;
                    stored.is_some().then(|| stamped(TOMBSTONE, &[]))
                }
            };
            self.view.rows.write(Space::Edges, key, row)?;
        }
        for (kind, end, had) in constrained {
            self.index_constraints(&kind, end, &had)?;
        }
        Ok(())
    }

    /// The kind of an end, if one of its constraints looks through this relationship. The object
    /// being made waits: its constraints are indexed once it is whole.
    fn constrained_kind(
        &self,
        end: ObjectId,
        rel: &Relationship,
        direction: model::schema::Direction,
    ) -> Result<Option<&Arc<Kind>>, BranchError> {
        if self.making == Some(end) {
            return Ok(None);
        }
        let Some(kind) = self.view.kind_at(end)? else { return Ok(None) };
        let constraints = &self.view.compiled.indexes.of(kind.symbol).constraints;
        let mut constraints = constraints.iter().filter(|constraint| constraint.has_index());
        let looks = constraints.any(|constraint| {
            constraint.elements.iter().any(|element| match element {
                Element::Relationship(name) => kind.relationship(name).is_some_and(|looking| {
                    looking.symbol == rel.symbol && looking.direction == direction
                }),
                Element::Attribute(_) => false,
            })
        });
        Ok(looks.then_some(kind))
    }

    /// Adds peers to a relationship by name.
    pub fn add_links(
        &mut self,
        id: ObjectId,
        relationship: &str,
        peers: Vec<PeerInput>,
    ) -> Result<bool, BranchError> {
        let input = Input::default().add(relationship, peers);
        self.update(id, input).map(|outcome| outcome == super::Outcome::Updated)
    }
}

/// The relationship as the kind at its far end declares it, if it does.
pub(crate) fn far_end<'a>(kind: &'a Kind, rel: &Relationship) -> Option<&'a Relationship> {
    let back = rel.direction.reverse();
    kind.relationships.iter().find(|far| far.symbol == rel.symbol && far.direction == back)
}
