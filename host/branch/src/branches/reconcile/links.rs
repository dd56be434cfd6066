//! Links: an element each where there may be many, one place where there may be one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::ObjectId;
use model::schema::{BranchMode, Cardinality, Direction, Kind, Relationship};
use serde_json::{Value as Json, json};
use store::key::EdgeKey;
use store::{Space, key};

use super::{Between, Reconciler};
use crate::branches::conflict::{ConflictKind, Keep};
use crate::branches::derived::is_hung_of_ip;
use crate::change::Op;
use crate::draft::far_end;
use crate::error::BranchError;
use crate::object::{Edge, is_through};
use crate::view::View;

/// A place for one peer: the object and its relationship.
type Slot = (ObjectId, String);

/// The properties of a link, without when it was made.
pub(super) fn plain(edge: &Edge) -> (bool, Option<ObjectId>, Option<ObjectId>) {
    (edge.is_protected, edge.source, edge.owner)
}

fn same(a: Option<&Edge>, b: Option<&Edge>) -> bool {
    let all = |edge: &Edge| (edge.peer, plain(edge));
    a.map(all) == b.map(all)
}

fn told(edge: Option<&Edge>) -> Json {
    edge.map_or(Json::Null, |edge| {
        let id = |id: Option<ObjectId>| id.map(|id| id.to_string());
        json!({
            "peer": edge.peer.to_string(), "is_protected": edge.is_protected,
            "source": id(edge.source), "owner": id(edge.owner),
        })
    })
}

fn op(base: Option<&Edge>, now: Option<&Edge>) -> Op {
    match (base, now) {
        (None, _) => Op::Created,
        (Some(_), None) => Op::Deleted,
        (Some(_), Some(_)) => Op::Updated,
    }
}

/// A link of the branch's own, seen from the end that is walked.
struct Link {
    at: EdgeKey,
    near: Option<Relationship>,
    far: Option<Relationship>,
}

impl Reconciler<'_> {
    /// All links that the branch has a version of.
    pub(super) fn links(&mut self) -> Result<(), BranchError> {
        let mut slots: BTreeSet<Slot> = BTreeSet::new();
        let mut elements = Vec::new();
        for at in self.own_links()? {
            let Some(link) = self.link(at)? else { continue };
            let one = |rel: &Option<Relationship>| {
                rel.as_ref().filter(|rel| rel.cardinality == Cardinality::One).cloned()
            };
            let (near, far) = (one(&link.near), one(&link.far));
            if near.is_none() && far.is_none() {
                elements.push(link);
                continue;
            }
            slots.extend(near.map(|rel| (at.object, rel.name)));
            slots.extend(far.map(|rel| (at.peer, rel.name)));
        }
        for (object, name) in slots {
            let done = self.slot(object, &name);
            self.told(done)?;
        }
        for link in elements {
            let done = self.element(&link);
            self.told(done)?;
        }
        Ok(())
    }

    /// The links that the branch has a version of, each once, seen from the same end.
    fn own_links(&self) -> Result<Vec<EdgeKey>, BranchError> {
        let line = self.ours.branch;
        let prefixes = match &self.only {
            None => vec![key::branch(line)],
            Some(only) => only.iter().map(|id| key::edge_prefix(line, *id)).collect(),
        };
        let mut own = Vec::new();
        for prefix in prefixes {
            let end = key::prefix_end(&prefix);
            for row in self.ours.rows.snapshot.range(Space::Edges, &prefix, &end)? {
                let (key, row) = row?;
                let Some(at) = key::parse_edge(&key) else { continue };
                // Each link has two rows.
                let other = match at.direction {
                    Direction::Bidirectional => at.object > at.peer,
                    Direction::Outbound => false,
                    Direction::Inbound => true,
                };
                if is_through(&row) || (other && self.only.is_none()) {
                    continue;
                }
                own.push(match other {
                    false => at,
                    true => EdgeKey {
                        object: at.peer,
                        peer: at.object,
                        direction: at.direction.reverse(),
                        ..at
                    },
                });
            }
        }
        Ok(own)
    }

    /// A link as the draft's schema has it; nothing where it is local, derived, or goes with an end
    /// that the branch deleted.
    fn link(&self, at: EdgeKey) -> Result<Option<Link>, BranchError> {
        let (Some(object), Some(peer)) =
            (self.ours.kind_of(at.object)?, self.ours.kind_of(at.peer)?)
        else {
            return Ok(None);
        };
        let local = |kind: &Kind| kind.branch == BranchMode::Local;
        if local(&object) || local(&peer) {
            return Ok(None);
        }
        let find = |kind: &Kind, direction: Direction| {
            let fits =
                |rel: &&Relationship| rel.symbol == at.relationship && rel.direction == direction;
            kind.relationships.iter().find(fits).cloned()
        };
        let hung = |kind: &Arc<Kind>, rel: &Option<Relationship>| {
            let name = rel.as_ref().map(|rel| rel.name.as_str());
            name.is_some_and(|name| is_hung_of_ip(self.ours, kind, name))
        };
        let back = at.direction.reverse();
        let (near, far) = (find(&object, at.direction), find(&peer, back));
        if hung(&object, &near) || hung(&peer, &far) {
            return Ok(None);
        }
        let now = |id: ObjectId, kind: &Kind, direction| -> Result<_, BranchError> {
            let kind = match self.draft.kind_of(id)? {
                Some(kind) => Some(kind),
                None => self.kind_now(kind),
            };
            let rel = kind.and_then(|kind| find(&kind, direction));
            Ok(rel.filter(|rel| rel.branch == BranchMode::Aware))
        };
        let near = now(at.object, &object, at.direction)?;
        let far = now(at.peer, &peer, back)?;
        if near.is_none() && far.is_none() {
            return Ok(None);
        }
        Ok(Some(Link { at, near, far }))
    }

    /// The relationship of an object that has one peer.
    fn slot(&mut self, id: ObjectId, name: &str) -> Result<(), BranchError> {
        let kind = match self.draft.kind_of(id)? {
            Some(kind) => Some(kind),
            None => self.ours.kind_of(id)?.and_then(|kind| self.kind_now(&kind)),
        };
        let Some(kind) = kind else { return Ok(()) };
        let Some(rel) = kind.relationship(name).cloned() else { return Ok(()) };
        let one = |view: &View| -> Result<Option<Edge>, BranchError> {
            Ok(view.peers(id, &rel)?.into_iter().next())
        };
        let (base, ours, theirs) = (one(self.base)?, one(self.ours)?, one(&self.draft.view)?);
        let [base, mine, main] = [base.as_ref(), ours.as_ref(), theirs.as_ref()];
        if same(mine, base) || same(mine, main) {
            return Ok(());
        }
        if let Some(ours) = mine
            && !(self.stands(id, ours)? && self.stands(ours.peer, ours)?)
        {
            return Ok(());
        }
        if self.draft.kind_of(id)?.is_none() {
            return Ok(());
        }
        if !same(main, base) {
            let peer = |edge: Option<&Edge>| {
                edge.map_or(Json::Null, |edge| Json::from(edge.peer.to_string()))
            };
            // Where both took the same peer, its properties differ.
            let alike = peer(mine) == peer(main);
            let told = |edge| if alike { told(edge) } else { peer(edge) };
            let sides = [told(base), told(mine), told(main)];
            if self.decided(id, &rel.name, [base, mine, main], ConflictKind::Peer, sides)?
                != Some(Keep::Branch)
            {
                return Ok(());
            }
        }
        if let Some(main) = main.filter(|main| mine.is_none_or(|ours| ours.peer != main.peer)) {
            self.draft.put_edge(id, &rel, main.peer, None)?;
        }
        if let Some(ours) = mine {
            self.make_room(id, &rel, ours.peer)?;
            self.draft.put_edge(id, &rel, ours.peer, Some(ours))?;
        }
        Ok(())
    }

    /// Where the far end has one peer too, the one there gives way.
    fn make_room(
        &mut self,
        id: ObjectId,
        rel: &Relationship,
        peer: ObjectId,
    ) -> Result<(), BranchError> {
        let Some(kind) = self.draft.kind_of(peer)? else { return Ok(()) };
        let Some(far) = far_end(&kind, rel).cloned() else { return Ok(()) };
        if far.cardinality == Cardinality::One {
            for other in self.draft.peers(peer, &far)? {
                if other.peer != id {
                    self.draft.put_edge(peer, &far, other.peer, None)?;
                }
            }
        }
        Ok(())
    }

    /// One element where there may be many at both ends.
    fn element(&mut self, link: &Link) -> Result<(), BranchError> {
        let at = link.at;
        let (id, rel, peer) = match (&link.near, &link.far) {
            (Some(near), _) => (at.object, near, at.peer),
            (None, Some(far)) => (at.peer, far, at.object),
            (None, None) => return Ok(()),
        };
        let base = self.base.peer(id, rel, peer)?;
        let ours = self.ours.peer(id, rel, peer)?;
        let theirs = self.draft.peer(id, rel, peer)?;
        let [base, mine, main] = [base.as_ref(), ours.as_ref(), theirs.as_ref()];
        if same(mine, base) || same(mine, main) {
            return Ok(());
        }
        if let Some(ours) = mine
            && !(self.stands(id, ours)? && self.stands(peer, ours)?)
        {
            return Ok(());
        }
        // Main may have stood again by now, links and all.
        let main_now = self.draft.peer(id, rel, peer)?;
        if !same(main, base) && main_now.is_some() == main.is_some() {
            let path = format!("{}/{peer}", rel.name);
            let sides = [told(base), told(mine), told(main)];
            if self.decided(id, &path, [base, mine, main], ConflictKind::Element, sides)?
                != Some(Keep::Branch)
            {
                return Ok(());
            }
        }
        self.draft.put_edge(id, rel, peer, mine)
    }

    /// Whether an end of a link of the branch is there; where main lost it, that is a conflict.
    fn stands(&mut self, id: ObjectId, link: &Edge) -> Result<bool, BranchError> {
        if self.draft.kind_of(id)?.is_some() {
            return Ok(true);
        }
        if self.base.kind_of(id)?.is_none() {
            return Ok(false);
        }
        let lost = |one: &&crate::branches::Conflict| {
            one.kind == ConflictKind::Object && one.object == Some(id)
        };
        if self.conflicts.values().any(|one| lost(&one)) {
            return Ok(false);
        }
        self.lost_on_main(id, json!({"linked": true}), link.updated)
    }

    fn decided(
        &mut self,
        id: ObjectId,
        path: &str,
        [base, ours, theirs]: [Option<&Edge>; 3],
        kind: ConflictKind,
        [told_base, told_ours, told_theirs]: [Json; 3],
    ) -> Result<Option<Keep>, BranchError> {
        let seq = |edge: Option<&Edge>| edge.map(|edge| edge.updated).unwrap_or_default();
        let object_kind = self.kind_then(id)?.map(|kind| kind.name.clone()).unwrap_or_default();
        let between = Between {
            kind,
            object: Some(id),
            object_kind,
            label: self.label(id)?,
            path: path.to_owned(),
            base: told_base,
            main: self.side(op(base, theirs), told_theirs, seq(theirs))?,
            branch: self.side(op(base, ours), told_ours, seq(ours))?,
            is_resolvable: true,
        };
        Ok(self.conflict(between))
    }
}

/// What an instance holds of an object, from two sides that both changed it.
pub(crate) fn claims_together(
    main: crate::draft::Claim,
    branch: crate::draft::Claim,
) -> crate::draft::Claim {
    let mut both = main;
    both.owned |= branch.owned;
    let values: BTreeMap<_, _> = branch.values.into_iter().chain(both.values).collect();
    both.values = values;
    for peer in branch.peers {
        if !both.peers.contains(&peer) {
            both.peers.push(peer);
        }
    }
    for peer in branch.displaced {
        if !both.displaced.contains(&peer) {
            both.displaced.push(peer);
        }
    }
    both
}
