//! Object templates: an object made from a pattern takes its values, draws its own resources from
//! the pattern's pools, and gets its own copies of the pattern's components.

use std::sync::Arc;

use model::ObjectId;
use model::schema::{Kind, Relationship, RelationshipKind};

use crate::draft::{AttrInput, Draft, FromPool, Input, PeerInput, RelInput};
use crate::error::BranchError;
use crate::object::Object;

/// The relationship that names the pattern.
pub(super) const TEMPLATE: &str = "object_template";
/// Suffix of a pattern's relationship to the pool that a copy draws from.
const FROM_POOL: &str = "_from_resource_pool";

impl Draft {
    /// The pattern an input names.
    pub(super) fn template_of(
        &self,
        kind: &Arc<Kind>,
        input: &Input,
    ) -> Result<Option<Object>, BranchError> {
        let (Some(rel), Some(RelInput::Replace(peers))) =
            (kind.relationship(TEMPLATE), input.rels.get(TEMPLATE))
        else {
            return Ok(None);
        };
        match peers.first() {
            Some(peer) => {
                let id = self.resolve(kind, rel, &peer.peer)?;
                self.must_exist(id).map(Some)
            }
            None => Ok(None),
        }
    }

    /// The input with the pattern's values where it says nothing itself.
    pub(super) fn filled_from(
        &self,
        kind: &Arc<Kind>,
        pattern: &Object,
        mut input: Input,
    ) -> Result<Input, BranchError> {
        for attribute in &kind.attributes {
            let Some(theirs) = pattern.kind().attribute(&attribute.name) else { continue };
            let theirs = pattern.attr(theirs);
            let value = theirs.value;
            let taken = attribute.read_only
                || theirs.is_default
                || input.attrs.contains_key(&attribute.name);
            if !taken
                && !value.is_null()
                && let Some(value) = value.to_value()
            {
                let given =
                    AttrInput { source: Some(Some(pattern.id())), ..AttrInput::value(value) };
                input.attrs.insert(attribute.name.clone(), given);
            }
        }
        for rel in kind.relationships.iter().filter(|rel| copied(rel)) {
            if input.rels.contains_key(&rel.name) {
                continue;
            }
            if let Some(theirs) = pattern.kind().relationship(&rel.name) {
                let peers = self.view.peers(pattern.id(), theirs)?;
                if !peers.is_empty() {
                    let peers = peers.into_iter().map(|edge| PeerInput::id(edge.peer)).collect();
                    input.rels.insert(rel.name.clone(), RelInput::Replace(peers));
                    continue;
                }
            }
            if let Some(pool) = pattern.kind().relationship(&format!("{}{FROM_POOL}", rel.name))
                && let Some(edge) = self.view.peers(pattern.id(), pool)?.first()
            {
                let pool = FromPool { pool: edge.peer.to_string(), ..FromPool::default() };
                input.rels.insert(rel.name.clone(), RelInput::FromPool(pool));
            }
        }
        Ok(input)
    }

    /// Makes a copy of each component of the pattern, below the new object.
    pub(super) fn components_from(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        pattern: &Object,
    ) -> Result<(), BranchError> {
        let components: Vec<Relationship> = kind
            .relationships
            .iter()
            .filter(|rel| rel.kind == RelationshipKind::Component)
            .cloned()
            .collect();
        for rel in components {
            let Some(theirs) = pattern.kind().relationship(&rel.name).cloned() else { continue };
            for edge in self.view.peers(pattern.id(), &theirs)? {
                let Some(part) = self.view.object(edge.peer)? else { continue };
                let Some(served) = part.kind().serves.clone() else { continue };
                self.component_from(&served, id, &rel, &part)?;
            }
        }
        Ok(())
    }

    fn component_from(
        &mut self,
        served: &str,
        owner: ObjectId,
        rel: &Relationship,
        part: &Object,
    ) -> Result<(), BranchError> {
        let kind = self.concrete(served)?;
        let back = rel.direction.reverse();
        let up = kind
            .relationships
            .iter()
            .find(|up| up.symbol == rel.symbol && up.direction == back)
            .map(|up| up.name.clone());
        let mut input = Input::default();
        if let Some(up) = up {
            input = input.rel(&up, vec![PeerInput::id(owner)]);
        }
        if kind.relationship(TEMPLATE).is_some() {
            input = input.rel(TEMPLATE, vec![PeerInput::id(part.id())]);
            self.create(served, None, input)?;
            return Ok(());
        }
        let input = self.filled_from(&kind, part, input)?;
        let made = self.create(served, None, input)?;
        self.components_from(&kind, made, part)
    }
}

/// Whether a copy shares the pattern's peers of this relationship.
fn copied(rel: &Relationship) -> bool {
    let own = matches!(
        rel.kind,
        RelationshipKind::Component
            | RelationshipKind::Parent
            | RelationshipKind::Group
            | RelationshipKind::Template
            | RelationshipKind::Hierarchy
    );
    !own && rel.name != TEMPLATE && !rel.read_only
}
