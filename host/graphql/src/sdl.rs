//! A schema as GraphQL types, in the public names.

mod mutation;
mod questions;
mod root;

use std::fmt::Write as _;

use model::schema::{Attribute, AttributeKind, Cardinality, Category, Kind, Relationship, Schema};

/// Types that do not depend on the schema.
const BASE: &str = r#"
scalar BigInt
scalar GenericScalar
scalar DateTime
"Adds the values of a node to what is selected of it"
directive @expand("Names that are left out" exclude: [String]) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
enum OrderDirection { ASC DESC }
input OrderByItem { field: String! direction: OrderDirection = ASC }
input InfrahubNodeMetadataOrder { created_at: OrderDirection updated_at: OrderDirection }
input OrderInput { disable: Boolean by: [OrderByItem!] node_metadata: InfrahubNodeMetadataOrder }
type InfrahubNodeMetadata { created_at: DateTime created_by: CoreGenericAccount updated_at: DateTime updated_by: CoreGenericAccount }
type RelationshipProperty { is_protected: Boolean updated_at: DateTime updated_by: CoreGenericAccount source: LineageSource owner: LineageOwner }
enum BranchRelativePermissionDecision { DENY ALLOW ALLOW_DEFAULT ALLOW_OTHER }
type PermissionType { update_value: BranchRelativePermissionDecision }
type ObjectPermissionNode { kind: String! view: BranchRelativePermissionDecision! create: BranchRelativePermissionDecision! update: BranchRelativePermissionDecision! delete: BranchRelativePermissionDecision! }
type ObjectPermissionEdge { node: ObjectPermissionNode! }
type PaginatedObjectPermission { count: Int! edges: [ObjectPermissionEdge!]! }
interface AttributeInterface { id: String is_default: Boolean is_protected: Boolean is_from_profile: Boolean updated_at: DateTime updated_by: CoreGenericAccount source: LineageSource owner: LineageOwner }
"#;

const COMMON: &str = "id: String is_default: Boolean is_protected: Boolean is_from_profile: Boolean \
    updated_at: DateTime updated_by: CoreGenericAccount source: LineageSource owner: LineageOwner \
    permissions: PermissionType";

/// GraphQL type, value type, further fields.
const ATTRIBUTE_TYPES: [(&str, &str, &str); 10] = [
    ("TextAttribute", "String", ""),
    ("NumberAttribute", "BigInt", ""),
    ("CheckboxAttribute", "Boolean", ""),
    ("JSONAttribute", "GenericScalar", ""),
    ("ListAttribute", "GenericScalar", ""),
    ("AnyAttribute", "GenericScalar", ""),
    ("Dropdown", "String", "label: String color: String description: String"),
    (
        "IPHost",
        "String",
        "ip: String hostmask: String netmask: String prefixlen: Int version: Int \
         with_hostmask: String with_netmask: String",
    ),
    (
        "IPNetwork",
        "String",
        "broadcast_address: String hostmask: String netmask: String prefixlen: Int \
         num_addresses: BigInt version: Int with_hostmask: String with_netmask: String",
    ),
    (
        "MacAddress",
        "String",
        "oui: String ei: String version: Int binary: String eui48: String eui64: String \
         bare: String dot_notation: String semicolon_notation: String split_notation: String",
    ),
];

/// Which text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// What documents are held against: an interface has every field of its generic, although a kind
    /// may narrow one, which the letter of GraphQL does not allow.
    Accepted,
    /// What clients read and generate code from: to the letter. An interface is without the fields that
    /// its kinds disagree on.
    Told,
}

/// The whole text.
pub(crate) fn text(schema: &Schema, form: Form) -> String {
    let mut out = String::with_capacity(schema.kinds.len() * 8_000);
    out.push_str(BASE);
    for (name, value, more) in ATTRIBUTE_TYPES {
        write(
            &mut out,
            format_args!(
                "type {name} implements AttributeInterface {{ value: {value} {COMMON} {more} }}\n"
            ),
        );
    }
    out.push_str(mutation::BASE);
    out.push_str(root::TYPES);
    out.push_str(questions::TYPES);
    mutation::attribute_inputs(&mut out);
    let mut roots = [root::QUERIES, questions::QUERIES].concat();
    let mut mutations = [mutation::ROOTS, root::MUTATIONS, questions::MUTATIONS].concat();
    for kind in schema.kinds.values() {
        kind_types(schema, kind, form, &mut out);
        mutation::kind_mutations(schema, kind, &mut mutations, &mut out);
        write(
            &mut roots,
            format_args!(
                "  {}({}): Paginated{}\n",
                kind.name,
                arguments(schema, kind, Scope::Root),
                kind.name
            ),
        );
    }
    write(&mut out, format_args!("type Query {{\n{roots}}}\n"));
    write(&mut out, format_args!("type Mutation {{\n{mutations}}}\n"));
    out
}

/// Writing into a string cannot fail.
fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _infallible = out.write_fmt(text);
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

/// Relationships that the generics of a kind have and the kind itself has not, each once: groups and
/// profiles are members of no groups.
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

fn kind_types(schema: &Schema, kind: &Kind, form: Form, out: &mut String) {
    let name = &kind.name;
    let keyword = if kind.category == Category::Generic { "interface" } else { "type" };
    let mut implements: Vec<&str> = kind
        .generics
        .iter()
        .filter(|generic| schema.kind(generic).is_some())
        .map(String::as_str)
        .collect();
    if kind.category == Category::Generic {
        implements.clear();
    }
    let implements = if implements.is_empty() {
        String::new()
    } else {
        format!(" implements {}", implements.join(" & "))
    };
    write(out, format_args!("{keyword} {name}{implements} {{\n  id: String!\n  hfid: [String!]\n"));
    out.push_str("  display_label: String\n  _updated_at: DateTime\n");
    let is_loose = form == Form::Accepted || kind.category != Category::Generic;
    for attribute in &kind.attributes {
        if is_loose || agree_on_attribute(schema, kind, attribute) {
            write(out, format_args!("  {}: {}\n", attribute.name, attribute_type(attribute)));
        }
    }
    for rel in kind.relationships.iter().filter(|rel| schema.kind(&rel.peer).is_some()) {
        if is_loose || agree_on_relationship(schema, kind, rel) {
            relationship_field(schema, rel, out);
        }
    }
    if kind.category != Category::Generic {
        for rel in only_of_generics(schema, kind) {
            relationship_field(schema, rel, out);
        }
    }
    if let Some(hierarchy) = &kind.hierarchy {
        for end in ["ancestors", "descendants"] {
            if let Some(generic) = schema.kind(&hierarchy.generic) {
                write(
                    out,
                    format_args!(
                        "  {end}({}): NestedPaginated{}\n",
                        arguments(schema, generic, Scope::Nested),
                        generic.name
                    ),
                );
            }
        }
    }
    out.push_str("}\n");
    write(
        out,
        format_args!(
            "type Edged{name} {{ node: {name} node_metadata: InfrahubNodeMetadata }}\n\
         type Paginated{name} {{ count: Int! edges: [Edged{name}!]! permissions: PaginatedObjectPermission! }}\n\
         type NestedEdged{name} {{ node: {name} properties: RelationshipProperty \
         node_metadata: InfrahubNodeMetadata relationship_metadata: RelationshipProperty }}\n\
         type NestedPaginated{name} {{ count: Int! edges: [NestedEdged{name}!]! permissions: PaginatedObjectPermission! }}\n"
        ),
    );
}

fn relationship_field(schema: &Schema, rel: &Relationship, out: &mut String) {
    match rel.cardinality {
        Cardinality::One => {
            write(out, format_args!("  {}: NestedEdged{}\n", rel.name, rel.peer));
        }
        Cardinality::Many => {
            let Some(peer) = schema.kind(&rel.peer) else { return };
            write(
                out,
                format_args!(
                    "  {}({}): NestedPaginated{}\n",
                    rel.name,
                    arguments(schema, peer, Scope::Nested),
                    rel.peer
                ),
            );
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Root,
    Nested,
}

fn arguments(schema: &Schema, kind: &Kind, scope: Scope) -> String {
    let mut out = String::from(
        "offset: Int limit: Int order: OrderInput ids: [ID] hfid: [String] \
         partial_match: Boolean display_label__value: String display_label__values: [String] \
         display_label__isnull: Boolean ",
    );
    if kind.hierarchy.is_some() {
        out.push_str("include_descendants: Boolean ");
    }
    out.push_str(
        "any__value: GenericScalar any__values: [GenericScalar] any__source__id: ID \
         any__owner__id: ID any__is_protected: Boolean ",
    );
    for end in ["created", "updated"] {
        write(
            &mut out,
            format_args!(
                "node_metadata__{end}_at: DateTime node_metadata__{end}_at__before: DateTime \
             node_metadata__{end}_at__after: DateTime node_metadata__{end}_by__id: ID \
             node_metadata__{end}_by__ids: [ID] "
            ),
        );
    }
    for attribute in &kind.attributes {
        value_arguments(&attribute.name, attribute, &mut out);
        write(&mut out, format_args!("{}__isnull: Boolean ", attribute.name));
    }
    for rel in &kind.relationships {
        let Some(peer) = schema.kind(&rel.peer) else { continue };
        let name = &rel.name;
        write(
            &mut out,
            format_args!(
                "{name}__ids: [ID] {name}__isnull: Boolean {name}__display_label__value: String \
             {name}__display_label__values: [String] {name}__display_label__isnull: Boolean "
            ),
        );
        if scope == Scope::Root {
            for attribute in &peer.attributes {
                value_arguments(&format!("{name}__{}", attribute.name), attribute, &mut out);
            }
        }
    }
    out
}

/// Filters by an attribute and its properties. Secrets are not found by guessing.
fn value_arguments(name: &str, attribute: &Attribute, out: &mut String) {
    if !attribute.kind.is_secret() {
        let value = value_type(attribute);
        write(out, format_args!("{name}__value: {value} {name}__values: [{value}] "));
    }
    write(
        out,
        format_args!("{name}__source__id: ID {name}__owner__id: ID {name}__is_protected: Boolean "),
    );
}

/// The type that shows an attribute.
pub(crate) fn attribute_type(attribute: &Attribute) -> &'static str {
    match attribute.kind {
        AttributeKind::Number | AttributeKind::NumberPool | AttributeKind::Bandwidth => {
            "NumberAttribute"
        }
        AttributeKind::Boolean | AttributeKind::Checkbox => "CheckboxAttribute",
        AttributeKind::Json => "JSONAttribute",
        AttributeKind::Any => "AnyAttribute",
        AttributeKind::List => "ListAttribute",
        AttributeKind::Dropdown => "Dropdown",
        AttributeKind::IpHost => "IPHost",
        AttributeKind::IpNetwork => "IPNetwork",
        AttributeKind::MacAddress => "MacAddress",
        _ => "TextAttribute",
    }
}

fn value_type(attribute: &Attribute) -> &'static str {
    match attribute_type(attribute) {
        "NumberAttribute" => "BigInt",
        "CheckboxAttribute" => "Boolean",
        "JSONAttribute" | "ListAttribute" | "AnyAttribute" => "GenericScalar",
        _ => "String",
    }
}
