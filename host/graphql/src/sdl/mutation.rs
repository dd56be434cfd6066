//! The mutations of a schema and their inputs, in the public names.

use std::fmt::Write as _;

use apollo_compiler::ast::Type;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node};
use model::schema::{Attribute, Cardinality, Category, Kind, Relationship, Schema};

use crate::sdl::attribute_type;
use crate::sdl::parts::{Argument, Field, Parts, field, field_with, fixed, input, name, object};

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
        let _infallible = write!(
            out,
            "input {name}Create {{ value: {value} {pool}{common} }}\n\
             input {name}Update {{ value: {value} is_default: Boolean {pool}{common} }}\n"
        );
    }
}

/// What the mutations of every kind share.
pub(super) struct Common {
    ok: Field,
    context: Argument,
    file: Argument,
    named: [Argument; 2],
    delete: Argument,
}

impl Common {
    pub(super) fn new(parts: &mut Parts<'_>) -> Self {
        let fixed_argument = |parts: &mut Parts<'_>, name: &'static str, ty: &'static str| {
            parts.argument(Name::new_static_unchecked(name), ty)
        };
        Self {
            ok: fixed("ok", "Boolean"),
            context: fixed_argument(parts, "context", "ContextInput"),
            file: fixed_argument(parts, "file", "Upload"),
            named: [
                fixed_argument(parts, "id", "String"),
                fixed_argument(parts, "hfid", "[String]"),
            ],
            delete: fixed_argument(parts, "data", "DeleteInput!"),
        }
    }
}

/// The mutations of a kind: root fields into `roots`, types into `types`.
pub(super) fn kind_mutations<'s>(
    parts: &mut Parts<'s>,
    common: &Common,
    kind: &'s Kind,
    roots: &mut Vec<Field>,
    types: &mut Vec<ExtendedType>,
) {
    let of = |end: &str| name(&format!("{}{end}", kind.name));
    let verbs: &[&str] = match kind.category {
        Category::Generic => &["Update"],
        _ => &["Create", "Update", "Upsert"],
    };
    let own = Type::Named(name(&kind.name));
    let object_field = field(Name::new_static_unchecked("object"), own);
    let updated = data(parts, common, kind, false);
    for verb in verbs {
        let (answer, input_name) = (of(verb), of(&format!("{verb}Input")));
        let given = Type::NonNullNamed(input_name.clone());
        let arguments = vec![
            Node::clone(&common.context),
            Parts::argument_of_kind("data", given),
            Node::clone(&common.file),
        ];
        roots.push(field_with(answer.clone(), arguments, Type::Named(answer.clone())));
        types.push(object(&answer, [common.ok.clone(), object_field.clone()]));
        types.push(match *verb {
            "Create" => input(&input_name, data(parts, common, kind, true)),
            _ => input(&input_name, updated.iter().cloned()),
        });
    }
    let answer = of("Delete");
    let arguments = vec![Node::clone(&common.context), Node::clone(&common.delete)];
    roots.push(field_with(answer.clone(), arguments, Type::Named(answer.clone())));
    types.push(object(&answer, [common.ok.clone()]));
}

/// What a mutation of a kind takes.
fn data<'s>(parts: &mut Parts<'s>, common: &Common, kind: &'s Kind, create: bool) -> Vec<Argument> {
    let schema = parts.schema;
    let mut fields = common.named.to_vec();
    for attribute in kind.attributes.iter().filter(|attribute| is_input(attribute)) {
        fields.push(parts.input(&attribute.name, input_type(attribute, create)));
    }
    for rel in kind.relationships.iter().filter(|rel| !rel.read_only) {
        let Some(peer) = schema.kind(&rel.peer) else { continue };
        fields.push(parts.input(&rel.name, related(schema, rel, peer)));
    }
    fields
}

/// Whether callers may set the attribute.
fn is_input(attribute: &Attribute) -> bool {
    !attribute.read_only
}

fn input_type(attribute: &Attribute, create: bool) -> &'static str {
    let (created, updated) = match attribute_type(attribute) {
        "NumberAttribute" => ("NumberAttributeCreate", "NumberAttributeUpdate"),
        "CheckboxAttribute" => ("CheckboxAttributeCreate", "CheckboxAttributeUpdate"),
        "JSONAttribute" => ("JSONAttributeCreate", "JSONAttributeUpdate"),
        "ListAttribute" => ("ListAttributeCreate", "ListAttributeUpdate"),
        "AnyAttribute" => ("AnyAttributeCreate", "AnyAttributeUpdate"),
        _ => ("TextAttributeCreate", "TextAttributeUpdate"),
    };
    if create { created } else { updated }
}

fn related(schema: &Schema, rel: &Relationship, peer: &Kind) -> &'static str {
    let is = |generic: &str| schema.is_a(peer, generic);
    let (one, many) = if is("BuiltinIPAddress") {
        ("RelatedIPAddressNodeInput", "[RelatedIPAddressNodeInput]")
    } else if is("BuiltinIPPrefix") {
        ("RelatedIPPrefixNodeInput", "[RelatedIPPrefixNodeInput]")
    } else {
        ("RelatedNodeInput", "[RelatedNodeInput]")
    };
    match rel.cardinality {
        Cardinality::One => one,
        Cardinality::Many => many,
    }
}
