//! Relationships whose peers must have something in common: the object's parent, or each other's
//! relatives. Checked where the relationship's own object is touched, as the public rule is.

use std::collections::BTreeSet;

use model::ObjectId;
use model::schema::{Relationship, RelationshipKind};

use crate::draft::Draft;
use crate::error::{BranchError, Violation};
use crate::object::Object;

/// What the peers must agree on.
struct Agreement<'a> {
    common: &'a str,
    than: &'static str,
    wanted: BTreeSet<ObjectId>,
}

impl Draft {
    /// Checks one relationship of an object.
    pub(crate) fn check_common(
        &self,
        object: &Object,
        rel: &Relationship,
    ) -> Result<(), BranchError> {
        if rel.common_parent.is_none() && rel.common_relatives.is_empty() {
            return Ok(());
        }
        let mut agreements = Vec::new();
        if let Some(common) = &rel.common_parent {
            let mut relationships = object.kind().relationships.iter();
            let parent = relationships.find(|up| up.kind == RelationshipKind::Parent);
            let wanted = match parent {
                Some(parent) => self.relatives(object, &parent.name)?,
                None => BTreeSet::new(),
            };
            agreements.push(Agreement { common, than: "the object itself", wanted });
        }
        let mut peers = Vec::new();
        for edge in self.view.peers(object.id(), rel)? {
            peers.extend(self.view.object(edge.peer)?);
        }
        if let Some(first) = peers.first() {
            for common in &rel.common_relatives {
                let wanted = self.relatives(first, common)?;
                agreements.push(Agreement { common, than: "the other peers", wanted });
            }
        }
        for agreement in &agreements {
            for peer in &peers {
                self.agrees(object, rel, peer, agreement)?;
            }
        }
        Ok(())
    }

    fn relatives(&self, object: &Object, name: &str) -> Result<BTreeSet<ObjectId>, BranchError> {
        match object.kind().relationship(name) {
            Some(rel) => {
                let peers = self.view.peers(object.id(), rel)?;
                Ok(peers.into_iter().map(|edge| edge.peer).collect())
            }
            None => Ok(BTreeSet::new()),
        }
    }

    fn agrees(
        &self,
        object: &Object,
        rel: &Relationship,
        peer: &Object,
        agreement: &Agreement<'_>,
    ) -> Result<(), BranchError> {
        let found = self.relatives(peer, agreement.common)?;
        if found == agreement.wanted {
            return Ok(());
        }
        let told = |ids: &BTreeSet<ObjectId>| -> Result<String, BranchError> {
            let labels: Result<Vec<String>, BranchError> =
                ids.iter().map(|id| self.label_then_or_now(*id)).collect();
            let labels = labels?;
            Ok(if labels.is_empty() { "none".to_owned() } else { labels.join(", ") })
        };
        Err(Violation::NotCommon {
            kind: object.kind().name.clone(),
            field: rel.name.clone(),
            object: self.label_of(object)?,
            peer: self.label_of(peer)?,
            common: agreement.common.to_owned(),
            than: agreement.than,
            found: told(&found)?,
            wanted: told(&agreement.wanted)?,
        }
        .into())
    }
}
