//! The mutations of a schema and their inputs, in the public names.

use model::schema::{Attribute, Category, Kind, Relationship, Schema};

use crate::sdl::{attribute_type, write};

/// Inputs that do not depend on the schema.
pub(super) const BASE: &str = "
scalar Upload
input ContextAccountInput { id: String! }
input ContextInput { account: ContextAccountInput }
input DeleteInput { id: String hfid: [String] }
input GenericPoolInput { id: String! identifier: String data: GenericScalar }
input IPAddressPoolInput { id: String! identifier: String data: GenericScalar prefixlen: Int }
input IPPrefixPoolInput { id: String! identifier: String data: GenericScalar size: Int member_type: String prefix_type: String }
input RelatedNodeInput { id: String hfid: [String] kind: String from_pool: GenericPoolInput _relation__is_protected: Boolean _relation__owner: String _relation__source: String }
input RelatedIPAddressNodeInput { id: String hfid: [String] kind: String from_pool: IPAddressPoolInput _relation__is_protected: Boolean _relation__owner: String _relation__source: String }
input RelatedIPPrefixNodeInput { id: String hfid: [String] kind: String from_pool: IPPrefixPoolInput allocation_weight: Int _relation__is_protected: Boolean _relation__owner: String _relation__source: String }
input RelationshipNodesInput { id: String! name: String! nodes: [RelatedNodeInput] }
type RelationshipAdd { ok: Boolean }
type RelationshipRemove { ok: Boolean }
";

/// Input name of attributes, their value.
const ATTRIBUTE_INPUTS: [(&str, &str); 6] = [
    ("TextAttribute", "String"),
    ("NumberAttribute", "BigInt"),
    ("CheckboxAttribute", "Boolean"),
    ("JSONAttribute", "GenericScalar"),
    ("ListAttribute", "GenericScalar"),
    ("AnyAttribute", "GenericScalar"),
];

/// Root fields that do not depend on the schema.
pub(super) const ROOTS: &str = "
  RelationshipAdd(context: ContextInput data: RelationshipNodesInput!): RelationshipAdd
  RelationshipRemove(context: ContextInput data: RelationshipNodesInput!): RelationshipRemove
";

/// The inputs of attributes.
pub(super) fn attribute_inputs(out: &mut String) {
    for (name, value) in ATTRIBUTE_INPUTS {
        let pool = if name == "NumberAttribute" { "from_pool: GenericPoolInput " } else { "" };
        let common = "is_protected: Boolean source: String owner: String";
        write(
            out,
            format_args!(
                "input {name}Create {{ value: {value} {pool}{common} }}\n\
                 input {name}Update {{ value: {value} is_default: Boolean {pool}{common} }}\n"
            ),
        );
    }
}

/// The mutations of a kind: root fields into `roots`, types into `out`.
pub(super) fn kind_mutations(schema: &Schema, kind: &Kind, roots: &mut String, out: &mut String) {
    let name = &kind.name;
    let verbs: &[&str] = match kind.category {
        Category::Generic => &["Update"],
        _ => &["Create", "Update", "Upsert"],
    };
    for verb in verbs {
        write(
            roots,
            format_args!(
                "  {name}{verb}(context: ContextInput data: {name}{verb}Input! file: Upload): {name}{verb}\n"
            ),
        );
        write(out, format_args!("type {name}{verb} {{ ok: Boolean object: {name} }}\n"));
        data_input(schema, kind, verb, out);
    }
    write(
        roots,
        format_args!("  {name}Delete(context: ContextInput data: DeleteInput!): {name}Delete\n"),
    );
    write(out, format_args!("type {name}Delete {{ ok: Boolean }}\n"));
}

fn data_input(schema: &Schema, kind: &Kind, verb: &str, out: &mut String) {
    write(out, format_args!("input {}{verb}Input {{ id: String hfid: [String]", kind.name));
    let form = if verb == "Create" { "Create" } else { "Update" };
    for attribute in kind.attributes.iter().filter(|attribute| is_input(attribute)) {
        write(out, format_args!(" {}: {}{form}", attribute.name, input_type(attribute)));
    }
    for rel in kind.relationships.iter().filter(|rel| !rel.read_only) {
        let Some(peer) = schema.kind(&rel.peer) else { continue };
        write(out, format_args!(" {}: {}", rel.name, related(schema, rel, peer)));
    }
    out.push_str(" }\n");
}

/// Whether callers may set the attribute.
fn is_input(attribute: &Attribute) -> bool {
    !attribute.read_only
}

fn input_type(attribute: &Attribute) -> &'static str {
    match attribute_type(attribute) {
        name @ ("NumberAttribute" | "CheckboxAttribute" | "JSONAttribute" | "ListAttribute"
        | "AnyAttribute") => name,
        _ => "TextAttribute",
    }
}

fn related(schema: &Schema, rel: &Relationship, peer: &Kind) -> String {
    let is = |generic: &str| schema.is_a(peer, generic);
    let input = if is("BuiltinIPAddress") {
        "RelatedIPAddressNodeInput"
    } else if is("BuiltinIPPrefix") {
        "RelatedIPPrefixNodeInput"
    } else {
        "RelatedNodeInput"
    };
    match rel.cardinality {
        model::schema::Cardinality::One => input.to_owned(),
        model::schema::Cardinality::Many => format!("[{input}]"),
    }
}
