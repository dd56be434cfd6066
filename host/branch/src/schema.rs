//! What the store needs to know of a schema: which attributes have an index, which constraints
//! hold; and loading a new schema over what is there.

mod fit;
mod load;
mod migrate;
mod named_pools;
mod own_pools;

use std::collections::{BTreeMap, BTreeSet};

use model::Symbol;
use model::schema::{AttributeKind, BranchMode, Computed, Direction, Kind, OrderKey, Path, Schema};

pub(crate) use load::Fit;
pub use load::{SchemaLoad, SchemaLoadError};

/// Symbols from here on name constraints, not attributes: the interned numbers never get so high.
const CONSTRAINT_BIT: u32 = 0x8000_0000;

/// An element of a uniqueness constraint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    /// The value of an attribute.
    Attribute(String),
    /// The peer of a relationship of cardinality one.
    Relationship(String),
}

/// A uniqueness constraint of a concrete kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Constraint {
    /// Names its index.
    pub(crate) symbol: Symbol,
    pub(crate) elements: Vec<Element>,
    /// As users see it: `device-name`.
    pub(crate) text: String,
    /// The generic it is declared on; then it holds over all kinds of the generic together.
    pub(crate) over: Option<String>,
}

impl Constraint {
    /// Whether it has an index of its own; a single attribute is found by its values.
    pub(crate) fn has_index(&self) -> bool {
        !matches!(self.elements.as_slice(), [Element::Attribute(_)])
    }
}

/// What is indexed of one concrete kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KindIndex {
    pub(crate) attributes: BTreeSet<Symbol>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) facts: Facts,
}

/// What is asked of a kind for every object of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Its objects are pools.
    pub(crate) is_pool: bool,
    /// They are prefixes.
    pub(crate) is_prefix: bool,
    /// They are prefixes or addresses.
    pub(crate) is_ip: bool,
    /// They can take something of a pool.
    pub(crate) takes: bool,
    /// Some of their values are computed.
    pub(crate) computes: bool,
}

impl Facts {
    fn of(schema: &Schema, kind: &Kind) -> Self {
        let numbers = [AttributeKind::Number, AttributeKind::NumberPool, AttributeKind::Bandwidth];
        let is_prefix = schema.is_a(kind, "BuiltinIPPrefix");
        let is_ip = is_prefix || schema.is_a(kind, "BuiltinIPAddress");
        let mut attributes = kind.attributes.iter();
        Self {
            is_pool: schema.is_a(kind, "CoreResourcePool"),
            is_prefix,
            is_ip,
            takes: is_ip || attributes.any(|attribute| numbers.contains(&attribute.kind)),
            computes: kind
                .attributes
                .iter()
                .any(|attribute| matches!(attribute.computed, Some(Computed::Template(_)))),
        }
    }
}

/// What is indexed, by kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Indexes {
    kinds: BTreeMap<Symbol, KindIndex>,
    nothing: KindIndex,
    /// Relationships that computed attributes look through.
    looked_through: BTreeSet<LookedThrough>,
    /// Relationships that lead to the namespace of something.
    namespaces: BTreeSet<Symbol>,
}

/// A relationship, the end that looks, and the line its edges are on.
pub(crate) type LookedThrough = (Symbol, Direction, Line);

/// Branch mode of a relationship, ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Line {
    Own,
    Global,
}

impl Indexes {
    pub(crate) fn new(schema: &Schema) -> Self {
        let kinds =
            schema.by_symbol.iter().map(|(symbol, kind)| (*symbol, index(schema, kind))).collect();
        let all = schema.by_symbol.values().filter_map(|kind| kind.relationship("ip_namespace"));
        let namespaces = all.map(|rel| rel.symbol).collect();
        let (nothing, looked_through) = (KindIndex::default(), looked_through(schema));
        Self { kinds, nothing, looked_through, namespaces }
    }

    /// Whether a relationship leads to the namespace of something.
    pub(crate) fn is_namespace(&self, relationship: Symbol) -> bool {
        self.namespaces.contains(&relationship)
    }

    pub(crate) fn looked_through(&self) -> &BTreeSet<LookedThrough> {
        &self.looked_through
    }

    pub(crate) fn of(&self, kind: Symbol) -> &KindIndex {
        self.kinds.get(&kind).unwrap_or(&self.nothing)
    }
}

fn looked_through(schema: &Schema) -> BTreeSet<LookedThrough> {
    let mut all = BTreeSet::new();
    for kind in schema.by_symbol.values() {
        for attribute in &kind.attributes {
            let Some(Computed::Template(template)) = &attribute.computed else { continue };
            for name in model::template::references(template).unwrap_or_default() {
                if let Some(Path::Peer { relationship, .. }) = path_of(kind, &name)
                    && let Some(rel) = kind.relationship(&relationship)
                {
                    let line = match rel.branch {
                        BranchMode::Agnostic => Line::Global,
                        BranchMode::Aware | BranchMode::Local => Line::Own,
                    };
                    all.insert((rel.symbol, rel.direction, line));
                }
            }
        }
    }
    all
}

/// An attribute is indexed where the schema finds or orders by it: unique, in the human-friendly
/// id, in a constraint, in the default order.
fn index(schema: &Schema, kind: &Kind) -> KindIndex {
    let mut names = BTreeSet::new();
    let mut constraints = Vec::new();
    for attribute in kind.attributes.iter().filter(|attribute| attribute.unique) {
        names.insert(attribute.name.clone());
        constraints.push(constraint(
            vec![Element::Attribute(attribute.name.clone())],
            attribute.inherited_from.clone(),
        ));
    }
    for paths in &kind.uniqueness {
        let elements: Vec<Element> = paths
            .iter()
            .map(|path| match path {
                Path::Attribute { attribute, .. } => {
                    names.insert(attribute.clone());
                    Element::Attribute(attribute.clone())
                }
                Path::Relationship(relationship) | Path::Peer { relationship, .. } => {
                    Element::Relationship(relationship.clone())
                }
            })
            .collect();
        let over = kind
            .generics
            .iter()
            .find(|generic| {
                schema.kind(generic).is_some_and(|generic| generic.uniqueness.contains(paths))
            })
            .cloned();
        let new = constraint(elements, over);
        // One that says the same in another order needs no index of its own; that of the generic holds
        // over more.
        let same = |known: &&mut Constraint| known.is_over_the_same(&new);
        match constraints.iter_mut().find(same) {
            Some(known) if known.over.is_none() => *known = new,
            Some(_) => {}
            None => constraints.push(new),
        }
    }
    let order = kind.order_by.iter().filter_map(|order| match &order.by {
        OrderKey::Path(path) => Some(path),
        OrderKey::CreatedAt | OrderKey::UpdatedAt => None,
    });
    for path in kind.human_friendly_id.iter().chain(order) {
        if let Path::Attribute { attribute, .. } = path {
            names.insert(attribute.clone());
        }
    }
    // The IP hierarchy finds prefixes and addresses by their place.
    for (generic, name) in [("BuiltinIPPrefix", "prefix"), ("BuiltinIPAddress", "address")] {
        if schema.is_a(kind, generic) {
            names.insert(name.to_owned());
        }
    }
    // What is made as it is looked at is in no index.
    let stored =
        |attribute: &&model::schema::Attribute| !crate::derived::is_made(schema, kind, attribute);
    let attributes = names.iter().filter_map(|name| kind.attribute(name)).filter(stored);
    let attributes = attributes.map(|attribute| attribute.symbol).collect();
    KindIndex { attributes, constraints, facts: Facts::of(schema, kind) }
}

impl Constraint {
    fn is_over_the_same(&self, other: &Self) -> bool {
        let has = |element| other.elements.contains(element);
        self.elements.len() == other.elements.len() && self.elements.iter().all(has)
    }
}

fn constraint(elements: Vec<Element>, over: Option<String>) -> Constraint {
    let mut names: Vec<&str> = elements
        .iter()
        .map(|element| match element {
            Element::Attribute(name) | Element::Relationship(name) => name.as_str(),
        })
        .collect();
    names.sort_unstable();
    let text = names.join("-");
    let mut elements = elements;
    elements.sort();
    Constraint { symbol: constraint_symbol(&text), elements, text, over }
}

/// FNV-1a over the names: the same constraint has the same index whatever else the kind declares.
fn constraint_symbol(text: &str) -> Symbol {
    let hash = text
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    Symbol(hash | CONSTRAINT_BIT)
}

/// `name__value` or `site__name__value` or `site` as a path of a kind; without the property too.
pub fn path_of(kind: &Kind, text: &str) -> Option<Path> {
    let mut parts = text.split("__");
    let first = parts.next()?;
    let second = parts.next();
    let third = parts.next();
    if kind.attribute(first).is_some() {
        return Some(Path::Attribute {
            attribute: first.to_owned(),
            property: second.unwrap_or("value").to_owned(),
        });
    }
    kind.relationship(first)?;
    Some(match second {
        None => Path::Relationship(first.to_owned()),
        Some(attribute) => Path::Peer {
            relationship: first.to_owned(),
            attribute: attribute.to_owned(),
            property: third.unwrap_or("value").to_owned(),
        },
    })
}
