//! What an object brings along when it is made one of another kind: the fields of both that mean the same.

use crate::schema::{Attribute, Cardinality, Kind, Relationship, RelationshipKind};

/// A field of the kind that an object is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equivalent {
    /// The attribute or relationship.
    pub name: String,
    /// The field of the other kind that means the same, which has the same name.
    pub source: Option<String>,
    /// Whether an object cannot be without it.
    pub is_mandatory: bool,
    /// Of a relationship.
    pub cardinality: Option<Cardinality>,
}

/// Every field of `target` with the field of `source` that means the same, if there is one: an attribute of
/// the same name and kind, a relationship of the same name, peer and cardinality. Profiles and templates are
/// of one kind, and mean nothing for another.
pub fn equivalents(source: &Kind, target: &Kind) -> Vec<Equivalent> {
    let attribute = |wanted: &Attribute| {
        source.attribute(&wanted.name).is_some_and(|theirs| theirs.kind == wanted.kind)
    };
    let relationship = |wanted: &Relationship| {
        let own = matches!(wanted.kind, RelationshipKind::Profile | RelationshipKind::Template);
        source.relationship(&wanted.name).is_some_and(|theirs| {
            !own && theirs.peer == wanted.peer && theirs.cardinality == wanted.cardinality
        })
    };
    let attributes = target.attributes.iter().map(|wanted| Equivalent {
        name: wanted.name.clone(),
        source: attribute(wanted).then(|| wanted.name.clone()),
        is_mandatory: !wanted.optional,
        cardinality: None,
    });
    let relationships = target.relationships.iter().map(|wanted| Equivalent {
        name: wanted.name.clone(),
        source: relationship(wanted).then(|| wanted.name.clone()),
        is_mandatory: !wanted.optional,
        cardinality: Some(wanted.cardinality),
    });
    attributes.chain(relationships).collect()
}
