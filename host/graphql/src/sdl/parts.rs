//! The parts that types are made of, each made once and shared by all types that have it: names,
//! arguments of filters, fields.

use std::collections::HashMap;

use apollo_compiler::ast::Type;
use apollo_compiler::schema::{
    Component, ExtendedType, FieldDefinition, InputObjectType, InputValueDefinition, ObjectType,
};
use apollo_compiler::{Name, Node};
use model::schema::{Attribute, Cardinality, Kind, Relationship, Schema};

use crate::sdl::{Scope, attribute_type, value_type};

/// A field of a type, as types hold it.
pub(super) type Field = Component<FieldDefinition>;
/// An argument, or a field of an input.
pub(super) type Argument = Node<InputValueDefinition>;
/// Arguments that come together.
type Set = Vec<Argument>;

/// Arguments of every list.
const ALWAYS: [(&str, &str); 24] = [
    ("offset", "Int"),
    ("limit", "Int"),
    ("order", "OrderInput"),
    ("ids", "[ID]"),
    ("hfid", "[String]"),
    ("partial_match", "Boolean"),
    ("display_label__value", "String"),
    ("display_label__values", "[String]"),
    ("display_label__isnull", "Boolean"),
    ("any__value", "GenericScalar"),
    ("any__values", "[GenericScalar]"),
    ("any__source__id", "ID"),
    ("any__owner__id", "ID"),
    ("any__is_protected", "Boolean"),
    ("node_metadata__created_at", "DateTime"),
    ("node_metadata__created_at__before", "DateTime"),
    ("node_metadata__created_at__after", "DateTime"),
    ("node_metadata__created_by__id", "ID"),
    ("node_metadata__created_by__ids", "[ID]"),
    ("node_metadata__updated_at", "DateTime"),
    ("node_metadata__updated_at__before", "DateTime"),
    ("node_metadata__updated_at__after", "DateTime"),
    ("node_metadata__updated_by__id", "ID"),
    ("node_metadata__updated_by__ids", "[ID]"),
];

/// Filters by the properties of a value.
const PROPERTIES: [(&str, &str); 3] =
    [("source__id", "ID"), ("owner__id", "ID"), ("is_protected", "Boolean")];

/// Filters by a relationship, beside those by the attributes of its peers.
const LINKS: [(&str, &str); 5] = [
    ("ids", "[ID]"),
    ("isnull", "Boolean"),
    ("display_label__value", "String"),
    ("display_label__values", "[String]"),
    ("display_label__isnull", "Boolean"),
];

/// What makes the same arguments of an attribute: its name, its value, whether it is a secret.
type Filtered<'s> = (&'s str, &'static str, bool);

/// What makes the same field of a relationship: its name, its peer, whether it leads to many, whether it can
/// tell those of everything below.
type Linked<'s> = (&'s str, &'s str, bool, bool);

/// A type as it is written, such as `[ID!]!`.
pub(super) fn written(text: &'static str) -> Type {
    let (inner, required) = match text.strip_suffix('!') {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let of = match inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(item) => written(item).list(),
        None => Type::Named(Name::new_static_unchecked(inner)),
    };
    if required { of.non_null() } else { of }
}

/// A field without arguments.
pub(super) fn field(name: Name, ty: Type) -> Field {
    field_with(name, Vec::new(), ty)
}

/// A field.
pub(super) fn field_with(name: Name, arguments: Set, ty: Type) -> Field {
    let (description, directives) = (None, Default::default());
    Component::new(FieldDefinition { description, name, arguments, ty, directives })
}

/// A field whose name and type are fixed.
pub(super) fn fixed(name: &'static str, ty: &'static str) -> Field {
    field(Name::new_static_unchecked(name), written(ty))
}

/// A name that was checked when the schema was loaded.
pub(super) fn name(text: &str) -> Name {
    Name::new_unchecked(text)
}

fn argument_of(name: Name, ty: Node<Type>) -> Argument {
    let (description, default_value, directives) = (None, None, Default::default());
    Node::new(InputValueDefinition { description, name, ty, default_value, directives })
}

/// An object type that implements nothing.
pub(super) fn object(name: &Name, fields: impl IntoIterator<Item = Field>) -> ExtendedType {
    let object = ObjectType {
        description: None,
        name: name.clone(),
        implements_interfaces: Default::default(),
        directives: Default::default(),
        fields: by_name(fields),
    };
    ExtendedType::Object(Node::new(object))
}

/// Fields under their names.
pub(super) fn by_name<C: FromIterator<(Name, Field)>>(
    fields: impl IntoIterator<Item = Field>,
) -> C {
    fields.into_iter().map(|field| (field.name.clone(), field)).collect()
}

/// An input.
pub(super) fn input(name: &Name, fields: impl IntoIterator<Item = Argument>) -> ExtendedType {
    let fields = fields.into_iter().map(|field| (field.name.clone(), Component::from(field)));
    let input = InputObjectType {
        description: None,
        name: name.clone(),
        directives: Default::default(),
        fields: fields.collect(),
    };
    ExtendedType::InputObject(Node::new(input))
}

/// What was made for one schema.
pub(super) struct Parts<'s> {
    pub(super) schema: &'s Schema,
    types: HashMap<&'static str, Node<Type>>,
    always: Set,
    below: Argument,
    values: HashMap<Filtered<'s>, Set>,
    hops: HashMap<(&'s str, &'s str), Set>,
    links: HashMap<&'s str, Set>,
    attributes: HashMap<(&'s str, &'static str), Field>,
    relationships: HashMap<Linked<'s>, Field>,
    inputs: HashMap<(&'s str, &'static str), Argument>,
}

impl<'s> Parts<'s> {
    pub(super) fn new(schema: &'s Schema) -> Self {
        let mut parts = Self {
            schema,
            types: HashMap::new(),
            always: Vec::new(),
            below: argument_of(
                Name::new_static_unchecked("include_descendants"),
                Node::new(written("Boolean")),
            ),
            values: HashMap::new(),
            hops: HashMap::new(),
            links: HashMap::new(),
            attributes: HashMap::new(),
            relationships: HashMap::new(),
            inputs: HashMap::new(),
        };
        parts.always = ALWAYS
            .iter()
            .map(|(name, ty)| parts.argument(Name::new_static_unchecked(name), ty))
            .collect();
        parts
    }

    /// An argument of a type that is written often.
    pub(super) fn argument(&mut self, name: Name, ty: &'static str) -> Argument {
        let ty = self.types.entry(ty).or_insert_with(|| Node::new(written(ty)));
        argument_of(name, Node::clone(ty))
    }

    /// An argument of a type that one kind has.
    pub(super) fn argument_of_kind(name: &'static str, ty: Type) -> Argument {
        argument_of(Name::new_static_unchecked(name), Node::new(ty))
    }

    /// A field of an input.
    pub(super) fn input(&mut self, field: &'s str, ty: &'static str) -> Argument {
        if let Some(known) = self.inputs.get(&(field, ty)) {
            return Node::clone(known);
        }
        let made = self.argument(name(field), ty);
        self.inputs.insert((field, ty), Node::clone(&made));
        made
    }

    /// The field of an attribute.
    pub(super) fn attribute(&mut self, attribute: &'s Attribute) -> Field {
        let ty = attribute_type(attribute);
        let made = self
            .attributes
            .entry((&attribute.name, ty))
            .or_insert_with(|| field(name(&attribute.name), written(ty)));
        made.clone()
    }

    /// The field of a relationship, where its peer is a kind. Objects of a hierarchy can tell the peers of
    /// everything below them.
    pub(super) fn relationship(&mut self, rel: &'s Relationship, below: bool) -> Option<Field> {
        let peer = self.schema.kind(&rel.peer)?;
        let many = rel.cardinality == Cardinality::Many;
        let key = (rel.name.as_str(), rel.peer.as_str(), many, below && many);
        if let Some(known) = self.relationships.get(&key) {
            return Some(known.clone());
        }
        let made = if many {
            self.nested(name(&rel.name), peer, below)
        } else {
            field(name(&rel.name), Type::Named(name(&format!("NestedEdged{}", rel.peer))))
        };
        self.relationships.insert(key, made.clone());
        Some(made)
    }

    /// A field that lists objects of a kind within another object.
    pub(super) fn nested(&mut self, field: Name, kind: &'s Kind, below: bool) -> Field {
        let ty = Type::Named(name(&format!("NestedPaginated{}", kind.name)));
        let mut arguments = self.arguments(kind, Scope::Nested);
        if below && kind.hierarchy.is_none() {
            arguments.push(Node::clone(&self.below));
        }
        field_with(field, arguments, ty)
    }

    /// The arguments of a list of a kind. At a root, peers are filtered by their attributes too.
    pub(super) fn arguments(&mut self, kind: &'s Kind, scope: Scope) -> Set {
        let schema = self.schema;
        let mut all = self.always.clone();
        if kind.hierarchy.is_some() {
            all.push(Node::clone(&self.below));
        }
        for attribute in &kind.attributes {
            all.extend_from_slice(self.values(attribute));
        }
        for rel in &kind.relationships {
            let Some(peer) = schema.kind(&rel.peer) else { continue };
            match scope {
                Scope::Root => all.extend_from_slice(self.hops(&rel.name, peer)),
                Scope::Nested => all.extend_from_slice(self.links(&rel.name)),
            }
        }
        all.shrink_to_fit();
        all
    }

    /// Filters by an attribute and its properties.
    fn values(&mut self, attribute: &'s Attribute) -> &[Argument] {
        let key = (attribute.name.as_str(), value_type(attribute), attribute.kind.is_secret());
        if !self.values.contains_key(&key) {
            let mut made = self.by_value(&attribute.name, attribute);
            made.push(self.argument(name(&format!("{}__isnull", attribute.name)), "Boolean"));
            self.values.insert(key, made);
        }
        self.values.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Filters by a relationship, and by the attributes of its peers.
    fn hops(&mut self, rel: &'s str, peer: &'s Kind) -> &[Argument] {
        let key = (rel, peer.name.as_str());
        if !self.hops.contains_key(&key) {
            let mut made = self.links(rel).to_vec();
            for attribute in &peer.attributes {
                made.extend(self.by_value(&format!("{rel}__{}", attribute.name), attribute));
            }
            self.hops.insert(key, made);
        }
        self.hops.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Filters by a relationship.
    fn links(&mut self, rel: &'s str) -> &[Argument] {
        if !self.links.contains_key(rel) {
            let made = LINKS.map(|(end, ty)| self.argument(name(&format!("{rel}__{end}")), ty));
            self.links.insert(rel, made.to_vec());
        }
        self.links.get(rel).map(Vec::as_slice).unwrap_or_default()
    }

    /// Filters by a value and its properties, under a name. Secrets are not found by guessing.
    fn by_value(&mut self, under: &str, attribute: &Attribute) -> Set {
        let mut made = Vec::with_capacity(6);
        if !attribute.kind.is_secret() {
            let (one, many) = match value_type(attribute) {
                "BigInt" => ("BigInt", "[BigInt]"),
                "Boolean" => ("Boolean", "[Boolean]"),
                "GenericScalar" => ("GenericScalar", "[GenericScalar]"),
                _ => ("String", "[String]"),
            };
            made.push(self.argument(name(&format!("{under}__value")), one));
            made.push(self.argument(name(&format!("{under}__values")), many));
        }
        for (end, ty) in PROPERTIES {
            made.push(self.argument(name(&format!("{under}__{end}")), ty));
        }
        made
    }
}
