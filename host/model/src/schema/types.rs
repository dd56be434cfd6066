//! The compiled schema: every kind with its own and inherited attributes and relationships.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Digest, Symbol, Value};

/// A complete, immutable schema of one branch at one moment.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Digest of the canonical declared documents; equal schemas have equal hashes.
    pub hash: Digest,
    /// Every kind by its name: nodes, generics, profiles, templates, user-made and built in.
    pub kinds: BTreeMap<String, Arc<Kind>>,
    /// The concrete kinds by symbol, as heads in the store name them.
    pub by_symbol: BTreeMap<Symbol, Arc<Kind>>,
}

impl Schema {
    /// The kind called `name`, generic or not.
    pub fn kind(&self, name: &str) -> Option<&Arc<Kind>> {
        self.kinds.get(name)
    }

    /// The concrete kinds that objects of `kind` can have: itself, or those that inherit from it.
    pub fn concrete<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = &'a Arc<Kind>> + 'a {
        let own = (kind.category != Category::Generic).then_some(kind.name.as_str());
        own.into_iter()
            .chain(kind.used_by.iter().map(String::as_str))
            .filter_map(|name| self.kinds.get(name))
    }

    /// Whether an object of the concrete kind `kind` may stand where `wanted` is asked for.
    pub fn is_a(&self, kind: &Kind, wanted: &str) -> bool {
        kind.name == wanted || kind.generics.iter().any(|generic| generic == wanted)
    }
}

/// One kind of object.
#[derive(Debug, Clone)]
pub struct Kind {
    /// `namespace` + `short_name`, such as `InfraServer`.
    pub name: String,
    /// The namespace, such as `Infra`.
    pub namespace: String,
    /// The name within the namespace, such as `Server`.
    pub short_name: String,
    /// The number that stands for the kind in the store.
    pub symbol: Symbol,
    /// Node, generic, profile or template.
    pub category: Category,
    /// For people; derived from the name when not given.
    pub label: String,
    /// For people.
    pub description: String,
    /// Icon name of the public icon set, if any.
    pub icon: Option<String>,
    /// How objects of this kind live on branches.
    pub branch: BranchMode,
    /// All generics this kind inherits from, nearest first, `CoreNode` last.
    pub generics: Vec<String>,
    /// For a generic: the concrete kinds that inherit from it, sorted.
    pub used_by: Vec<String>,
    /// Own and inherited attributes, in order of weight.
    pub attributes: Vec<Attribute>,
    /// Own, inherited and derived relationships, in order of weight.
    pub relationships: Vec<Relationship>,
    /// Paths that make the human-friendly id; empty when the kind has none.
    pub human_friendly_id: Vec<Path>,
    /// How an object is shown to people; `None` falls back to the hfid, then to the id.
    pub display_label: Option<DisplayLabel>,
    /// Default order of listings; then by id.
    pub order_by: Vec<Order>,
    /// Sets of paths that together are unique, those of unique attributes included.
    pub uniqueness: Vec<Vec<Path>>,
    /// The hierarchical generic this kind belongs to, if any.
    pub hierarchy: Option<Hierarchy>,
    /// Whether the declaration asked for `Profile<Kind>` / `Template<Kind>`.
    pub derived: Derived,
    /// For a profile or template kind: the kind it serves.
    pub serves: Option<String>,
    /// Whether the kind is built in and closed to users' own extensions.
    pub built_in: bool,
}

impl Kind {
    /// The attribute called `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The relationship called `name`.
    pub fn relationship(&self, name: &str) -> Option<&Relationship> {
        self.relationships.iter().find(|relationship| relationship.name == name)
    }
}

/// What a kind is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Objects can be made of it.
    Node,
    /// An interface that nodes inherit from; has no objects of its own.
    Generic,
    /// `Profile<Kind>`: values that objects of the kind take where they set none.
    Profile,
    /// `Template<Kind>`: a pattern from which objects of the kind are made.
    Template,
}

/// Which derived kinds a declaration asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derived {
    /// `generate_profile`, default true.
    pub profile: bool,
    /// `generate_template`, default false.
    pub template: bool,
}

/// How something lives on branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchMode {
    /// Changed on a branch, seen elsewhere after the merge.
    Aware,
    /// One state for all branches.
    Agnostic,
    /// Belongs to the branch, never merged.
    Local,
}

/// An attribute of a kind.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Name in queries and files.
    pub name: String,
    /// Number in records; the same for every attribute of this name in any kind.
    pub symbol: Symbol,
    /// Type of the value.
    pub kind: AttributeKind,
    /// For people; derived from the name when not given.
    pub label: String,
    /// For people.
    pub description: String,
    /// Whether an object can be without it. An attribute with a default is optional in mutations.
    pub optional: bool,
    /// The value of an object that sets none.
    pub default: Option<Value>,
    /// No two objects of the kind (of the generic, where it was declared there) share a value.
    pub unique: bool,
    /// Allowed values (`enum`); empty when free.
    pub allowed: Vec<Value>,
    /// The choices of a dropdown.
    pub choices: Vec<Choice>,
    /// Limits of the value.
    pub parameters: Parameters,
    /// Not writable through mutations.
    pub read_only: bool,
    /// Branch mode.
    pub branch: BranchMode,
    /// Set by the host from other values.
    pub computed: Option<Computed>,
    /// Position in forms.
    pub order_weight: i64,
    /// The generic it came from, if it was inherited.
    pub inherited_from: Option<String>,
    /// Whether an inheriting kind may declare it again.
    pub allow_override: bool,
}

impl Attribute {
    /// Whether a mutation must give it.
    pub fn is_mandatory_input(&self) -> bool {
        !self.optional && self.default.is_none() && !self.read_only && self.computed.is_none()
    }
}

/// The public list of attribute kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of the public schema language")]
pub enum AttributeKind {
    Id,
    Dropdown,
    Text,
    TextArea,
    DateTime,
    Email,
    Password,
    HashedPassword,
    Url,
    File,
    MacAddress,
    Color,
    Number,
    NumberPool,
    Bandwidth,
    IpHost,
    IpNetwork,
    IpAddress,
    Boolean,
    Checkbox,
    List,
    Json,
    Any,
}

impl AttributeKind {
    /// Whether values are written and never told: no query, filter, order or difference shows them.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Password | Self::HashedPassword)
    }

    /// The word in the schema language.
    pub fn word(self) -> &'static str {
        match self {
            Self::Id => "ID",
            Self::Dropdown => "Dropdown",
            Self::Text => "Text",
            Self::TextArea => "TextArea",
            Self::DateTime => "DateTime",
            Self::Email => "Email",
            Self::Password => "Password",
            Self::HashedPassword => "HashedPassword",
            Self::Url => "URL",
            Self::File => "File",
            Self::MacAddress => "MacAddress",
            Self::Color => "Color",
            Self::Number => "Number",
            Self::NumberPool => "NumberPool",
            Self::Bandwidth => "Bandwidth",
            Self::IpHost => "IPHost",
            Self::IpNetwork => "IPNetwork",
            Self::IpAddress => "IPAddress",
            Self::Boolean => "Boolean",
            Self::Checkbox => "Checkbox",
            Self::List => "List",
            Self::Json => "JSON",
            Self::Any => "Any",
        }
    }
}

/// One choice of a dropdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The stored value.
    pub name: String,
    /// For people.
    pub label: String,
    /// For people.
    pub description: Option<String>,
    /// `#rrggbb`.
    pub color: Option<String>,
}

/// Limits of a value, each only for the kinds the language allows it on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Pattern the text (or each element of a list) must match from its start, as Python's
    /// `re.match` has it.
    pub regex: Option<String>,
    /// Shortest text, in characters.
    pub min_length: Option<u32>,
    /// Longest text, in characters.
    pub max_length: Option<u32>,
    /// Smallest number.
    pub min_value: Option<i64>,
    /// Largest number.
    pub max_value: Option<i64>,
    /// Numbers and inclusive ranges that are not allowed, sorted, apart.
    pub excluded: Vec<(i64, i64)>,
    /// `NumberPool`: first number.
    pub start_range: Option<i64>,
    /// `NumberPool`: last number.
    pub end_range: Option<i64>,
    /// The pool that fills the attribute when an object is made without it, by id or name.
    pub number_pool: Option<String>,
    /// `NumberPool`: the pool belongs to the attribute, and comes and goes with it.
    pub own_pool: bool,
}

impl Parameters {
    /// How many of the numbers from `first` to `last` are accepted.
    pub fn room(&self, first: i64, last: i64) -> u128 {
        let (first, last) = (
            self.min_value.map_or(first, |least| least.max(first)),
            self.max_value.map_or(last, |most| most.min(last)),
        );
        let count = |low: i64, high: i64| match low <= high {
            true => u128::from(high.abs_diff(low)) + 1,
            false => 0,
        };
        let excluded = self.excluded.iter();
        let excluded: u128 =
            excluded.map(|(low, high)| count((*low).max(first), (*high).min(last))).sum();
        count(first, last) - excluded
    }
}

/// How a computed attribute gets its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Computed {
    /// Set by users (`kind: User`): an ordinary attribute.
    User,
    /// A Jinja template over `attr__value` and `rel__attr__value`.
    Template(String),
    /// A registered transform; recorded, not run by the host.
    Transform(String),
}

/// A relationship as seen from one kind.
#[derive(Debug, Clone)]
pub struct Relationship {
    /// Name in queries and files.
    pub name: String,
    /// Links both ends; the same text on both kinds.
    pub identifier: String,
    /// Number of the identifier in edge rows.
    pub symbol: Symbol,
    /// Which end this is.
    pub direction: Direction,
    /// Kind (node or generic) at the other end.
    pub peer: String,
    /// Meaning.
    pub kind: RelationshipKind,
    /// One or many.
    pub cardinality: Cardinality,
    /// Least number of peers of a many; 0 for none.
    pub min_count: u32,
    /// Largest number of peers of a many; 0 for any.
    pub max_count: u32,
    /// Whether an object can be without a peer.
    pub optional: bool,
    /// What deleting this object does to its peers.
    pub on_delete: OnDelete,
    /// Branch mode.
    pub branch: BranchMode,
    /// Not writable through mutations.
    pub read_only: bool,
    /// For people.
    pub label: String,
    /// For people.
    pub description: String,
    /// Position in forms.
    pub order_weight: i64,
    /// The generic it came from, if it was inherited.
    pub inherited_from: Option<String>,
    /// Whether an inheriting kind may declare it again.
    pub allow_override: bool,
    /// The hierarchical generic, for `parent` and `children`.
    pub hierarchical: Option<String>,
    /// A relationship that object and peer must share.
    pub common_parent: Option<String>,
    /// Relationships whose sets object and peer must share.
    pub common_relatives: Vec<String>,
}

/// Which end of an edge a relationship is; equal to the byte in edge keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Direction {
    /// Both ends are alike.
    Bidirectional = 0,
    /// This object is the source.
    Outbound = 1,
    /// This object is the destination.
    Inbound = 2,
}

impl Direction {
    /// The same edge seen from the other end.
    pub fn reverse(self) -> Self {
        match self {
            Self::Bidirectional => Self::Bidirectional,
            Self::Outbound => Self::Inbound,
            Self::Inbound => Self::Outbound,
        }
    }
}

/// Meaning of a relationship.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the public schema language")]
pub enum RelationshipKind {
    Generic,
    Attribute,
    Component,
    Parent,
    Group,
    Hierarchy,
    Profile,
    Template,
}

/// How many peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// At most one.
    One,
    /// Any number within the counts.
    Many,
}

/// What deleting an object does to the peers of a relationship.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// The edge goes; the delete is refused where the peer needs it.
    NoAction,
    /// The peer goes too.
    Cascade,
}

/// A checked path: `name__value` or `site__name__value` or the bare relationship `site`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// An attribute of the object.
    Attribute {
        /// Name of the attribute.
        attribute: String,
        /// The property, usually `value`.
        property: String,
    },
    /// A relationship of cardinality one, itself.
    Relationship(String),
    /// An attribute of the peer of a relationship of cardinality one.
    Peer {
        /// Name of the relationship.
        relationship: String,
        /// Name of the peer's attribute.
        attribute: String,
        /// The property, usually `value`.
        property: String,
    },
}

/// One element of `order_by`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is compared.
    pub by: OrderKey,
    /// Largest first.
    pub descending: bool,
}

/// What an order compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderKey {
    /// A value.
    Path(Path),
    /// `node_metadata__created_at`.
    CreatedAt,
    /// `node_metadata__updated_at`.
    UpdatedAt,
}

/// How an object is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DisplayLabel {
    /// Values joined by a space; usually one.
    Paths(Vec<Path>),
    /// A Jinja template over `attr__value` and `rel__attr__value`.
    Template(String),
}

/// A kind's place in a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// The hierarchical generic.
    pub generic: String,
    /// Kind of the parent, when there is one.
    pub parent: Option<String>,
    /// Kind of the children, when there are any.
    pub children: Option<String>,
}
