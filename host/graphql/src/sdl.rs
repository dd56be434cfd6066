//! A schema as GraphQL types, in the public names.

mod kinds;
mod mutation;
mod parts;
mod questions;
mod root;

use std::fmt::Write as _;
use std::sync::OnceLock;

use apollo_compiler::Schema as Types;
use apollo_compiler::ast::Type;
use apollo_compiler::schema::ExtendedType;
use model::schema::{Attribute, AttributeKind, Category, Schema};

use crate::sdl::parts::{Parts, field_with, name};

/// Types that do not depend on the schema.
const BASE: &str = r#"
scalar BigInt
scalar GenericScalar
"The same, under the name that inputs of pools have for it"
scalar FixedGenericScalar
scalar DateTime
"Adds the values of a node to what is selected of it"
directive @expand("Names that are left out" exclude: [String]) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
enum OrderDirection { ASC DESC }
input OrderByItem { field: String! direction: OrderDirection = ASC }
input InfrahubNodeMetadataOrder { created_at: OrderDirection updated_at: OrderDirection }
input OrderInput { disable: Boolean by: [OrderByItem!] node_metadata: InfrahubNodeMetadataOrder }
type InfrahubNodeMetadata { created_at: DateTime created_by: CoreGenericAccount updated_at: DateTime updated_by: CoreGenericAccount }
type InfrahubRelationshipMetadata { created_at: DateTime created_by: CoreGenericAccount updated_at: DateTime updated_by: CoreGenericAccount }
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

/// Where a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Root,
    Nested,
}

/// What does not depend on the schema, as text.
fn base_text() -> String {
    let mut out = String::from(BASE);
    for (name, value, more) in ATTRIBUTE_TYPES {
        let _infallible = writeln!(
            out,
            "type {name} implements AttributeInterface {{ value: {value} {COMMON} {more} }}"
        );
    }
    out.push_str(mutation::BASE);
    out.push_str(root::TYPES);
    out.push_str(questions::TYPES);
    mutation::attribute_inputs(&mut out);
    let queries = [root::QUERIES, questions::QUERIES].concat();
    let mutations = [mutation::ROOTS, root::MUTATIONS, questions::MUTATIONS].concat();
    let _infallible = writeln!(out, "type Query {{\n{queries}}}\ntype Mutation {{\n{mutations}}}");
    out
}

/// What does not depend on the schema; parsed once in a process. That it parses is tested.
fn base() -> &'static Types {
    static BASE: OnceLock<Types> = OnceLock::new();
    BASE.get_or_init(|| Types::parse(base_text(), "base.graphql").unwrap_or_else(|bad| bad.partial))
}

/// Whether a type that does not depend on the schema has an interface.
pub(crate) fn implements(name: &str, interface: &str) -> bool {
    match base().types.get(name) {
        Some(ExtendedType::Object(of)) => of.implements_interfaces.contains(interface),
        _ => false,
    }
}

/// The types that documents are held against: an interface has every field of its generic, although a
/// kind may narrow one, which the letter of GraphQL does not allow.
///
/// Built from parts that types share, without text in between: 500 kinds and what belongs to them have
/// half a million arguments, of which some thousands are different.
pub(crate) fn accepted(schema: &Schema) -> Types {
    let mut types = base().clone();
    let mut parts = Parts::new(schema);
    let shown = kinds::Common::new();
    let changed = mutation::Common::new(&mut parts);
    let (mut queries, mut mutations, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for kind in schema.kinds.values() {
        made.extend(kinds::types(&mut parts, &shown, kind));
        mutation::kind_mutations(&mut parts, &changed, kind, &mut mutations, &mut made);
        let arguments = parts.arguments(kind, Scope::Root);
        let ty = Type::Named(name(&format!("Paginated{}", kind.name)));
        queries.push(field_with(name(&kind.name), arguments, ty));
    }
    types.types.reserve_exact(made.len());
    types.types.extend(made.into_iter().map(|made| (made.name().clone(), made)));
    for (root, fields) in [("Query", queries), ("Mutation", mutations)] {
        if let Some(ExtendedType::Object(root)) = types.types.get_mut(root) {
            root.make_mut().fields.extend(fields.into_iter().map(|own| (own.name.clone(), own)));
        }
    }
    types
}

/// The types that clients read and generate code from: to the letter. An interface is without the fields
/// that its kinds disagree on; all else is shared with those that documents are held against.
pub(crate) fn told(schema: &Schema, accepted: &Types) -> Types {
    let mut types = accepted.clone();
    for kind in schema.kinds.values().filter(|kind| kind.category == Category::Generic) {
        if let Some(ExtendedType::Interface(told)) = types.types.get_mut(kind.name.as_str()) {
            kinds::agreed(schema, kind, told.make_mut());
        }
    }
    types
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

#[cfg(test)]
mod tests;
