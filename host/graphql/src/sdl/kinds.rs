//! The types of one kind: itself, its edges and its pages.

use apollo_compiler::ast::Type;
use apollo_compiler::schema::{ComponentName, ExtendedType, InterfaceType, ObjectType};
use apollo_compiler::{Name, Node};
use model::schema::{Attribute, Category, Kind, Relationship, Schema};

use crate::sdl::attribute_type;
use crate::sdl::parts::{Field, Parts, by_name, field, fixed, name, object};

/// Fields that types of every kind share.
pub(super) struct Common {
    own: [Field; 4],
    count: Field,
    permissions: Field,
    properties: Field,
    node_metadata: Field,
    relationship_metadata: Field,
}

impl Common {
    pub(super) fn new() -> Self {
        Self {
            own: [
                fixed("id", "String!"),
                fixed("hfid", "[String!]"),
                fixed("display_label", "String"),
                fixed("_updated_at", "DateTime"),
            ],
            count: fixed("count", "Int!"),
            permissions: fixed("permissions", "PaginatedObjectPermission!"),
            properties: fixed("properties", "RelationshipProperty"),
            node_metadata: fixed("node_metadata", "InfrahubNodeMetadata"),
            relationship_metadata: fixed("relationship_metadata", "InfrahubRelationshipMetadata"),
        }
    }
}

/// The types of a kind, in the order in which they are told.
pub(super) fn types<'s>(
    parts: &mut Parts<'s>,
    common: &Common,
    kind: &'s Kind,
) -> [ExtendedType; 5] {
    let of = |prefix: &str| name(&format!("{prefix}{}", kind.name));
    let own = name(&kind.name);
    let node = field(Name::new_static_unchecked("node"), Type::Named(own.clone()));
    let edges = |edge: &Name| {
        let edge = Type::Named(edge.clone()).non_null().list().non_null();
        field(Name::new_static_unchecked("edges"), edge)
    };
    let page = |edge: &Name| [common.count.clone(), edges(edge), common.permissions.clone()];
    let (edged, nested) = (of("Edged"), of("NestedEdged"));
    [
        itself(parts, common, kind, own),
        object(&edged, [node.clone(), common.node_metadata.clone()]),
        object(&of("Paginated"), page(&edged)),
        object(
            &nested,
            [
                node,
                common.own[3].clone(),
                common.properties.clone(),
                common.node_metadata.clone(),
                common.relationship_metadata.clone(),
            ],
        ),
        object(&of("NestedPaginated"), page(&nested)),
    ]
}

fn itself<'s>(parts: &mut Parts<'s>, common: &Common, kind: &'s Kind, own: Name) -> ExtendedType {
    let schema = parts.schema;
    let is_generic = kind.category == Category::Generic;
    let below = kind.hierarchy.is_some();
    let mut fields: Vec<Field> = common.own.to_vec();
    fields.extend(kind.attributes.iter().map(|attribute| parts.attribute(attribute)));
    fields.extend(kind.relationships.iter().filter_map(|rel| parts.relationship(rel, below)));
    if !is_generic {
        let inherited = only_of_generics(schema, kind);
        fields.extend(inherited.into_iter().filter_map(|rel| parts.relationship(rel, below)));
    }
    let generic = kind.hierarchy.as_ref().and_then(|hierarchy| schema.kind(&hierarchy.generic));
    if let Some(generic) = generic {
        for end in ["ancestors", "descendants"] {
            fields.push(parts.nested(Name::new_static_unchecked(end), generic, false));
        }
    }
    let (description, directives) = (None, Default::default());
    if is_generic {
        let implements_interfaces = Default::default();
        let fields = by_name(fields);
        let of =
            InterfaceType { description, name: own, implements_interfaces, directives, fields };
        return ExtendedType::Interface(Node::new(of));
    }
    let generics = kind.generics.iter().filter(|generic| schema.kind(generic).is_some());
    let implements_interfaces =
        generics.map(|generic| ComponentName::from(name(generic))).collect();
    let fields = by_name(fields);
    let of = ObjectType { description, name: own, implements_interfaces, directives, fields };
    ExtendedType::Object(Node::new(of))
}

/// Relationships that the generics of a kind have and the kind itself has not, each once: groups and
/// templates are members of no groups.
fn only_of_generics<'s>(schema: &'s Schema, kind: &Kind) -> Vec<&'s Relationship> {
    let generics = kind.generics.iter().filter_map(|generic| schema.kind(generic));
    let mut found: Vec<&Relationship> = Vec::new();
    for rel in generics.flat_map(|generic| &generic.relationships) {
        let known = kind.relationship(&rel.name).is_some() || kind.attribute(&rel.name).is_some();
        if !known && found.iter().all(|other| other.name != rel.name) {
            found.push(rel);
        }
    }
    found
}

/// Takes away what kinds of a generic disagree on: the letter of the language has an interface without
/// it.
pub(super) fn agreed(schema: &Schema, generic: &Kind, told: &mut InterfaceType) {
    told.fields.retain(|field, _definition| {
        if let Some(attribute) = generic.attribute(field) {
            return agree_on_attribute(schema, generic, attribute);
        }
        let rel = generic.relationship(field);
        rel.is_none_or(|rel| agree_on_relationship(schema, generic, rel))
    });
}

/// Whether all kinds of a generic show an attribute as the generic does.
fn agree_on_attribute(schema: &Schema, generic: &Kind, attribute: &Attribute) -> bool {
    schema.concrete(generic).all(|kind| {
        let own = kind.attribute(&attribute.name);
        own.is_some_and(|own| attribute_type(own) == attribute_type(attribute))
    })
}

/// Whether all kinds of a generic show a relationship as the generic does, or have none: they then show
/// an empty one.
fn agree_on_relationship(schema: &Schema, generic: &Kind, rel: &Relationship) -> bool {
    schema.concrete(generic).all(|kind| {
        let own = kind.relationship(&rel.name);
        kind.attribute(&rel.name).is_none()
            && own.is_none_or(|own| own.peer == rel.peer && own.cardinality == rel.cardinality)
    })
}
