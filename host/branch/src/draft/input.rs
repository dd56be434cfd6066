//! What a caller wants an object to be.

use std::collections::BTreeMap;

use model::{ObjectId, Value};
use serde_json::Value as Json;

/// Attributes and relationships to set; what is not mentioned is left alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    /// By attribute name.
    pub attrs: BTreeMap<String, AttrInput>,
    /// By relationship name.
    pub rels: BTreeMap<String, RelInput>,
}

impl Input {
    /// Adds an attribute.
    #[must_use]
    pub fn attr(mut self, name: &str, input: AttrInput) -> Self {
        self.attrs.insert(name.to_owned(), input);
        self
    }

    /// Adds a plain value in the form files and requests have it.
    #[must_use]
    pub fn json(self, name: &str, value: Json) -> Self {
        self.attr(name, AttrInput::json(value))
    }

    /// Replaces the peers of a relationship.
    #[must_use]
    pub fn rel(mut self, name: &str, peers: Vec<PeerInput>) -> Self {
        self.rels.insert(name.to_owned(), RelInput::Replace(peers));
        self
    }

    /// Adds peers to a relationship: to those it is given here already, else to those it has.
    #[must_use]
    pub fn add(mut self, name: &str, peers: Vec<PeerInput>) -> Self {
        match self.rels.get_mut(name) {
            Some(RelInput::Replace(all) | RelInput::Add(all)) => all.extend(peers),
            _ => {
                self.rels.insert(name.to_owned(), RelInput::Add(peers));
            }
        }
        self
    }
}

/// A value as it comes in.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// As files and requests have it; the attribute reads it.
    Json(Json),
    /// Already of the attribute's type.
    Value(Value),
}

/// What an attribute should be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttrInput {
    /// The value.
    pub value: Option<Given>,
    /// Back to the schema's default.
    pub is_default: Option<bool>,
    /// Only the owner may change it from now on.
    pub is_protected: Option<bool>,
    /// Where the value comes from.
    pub source: Option<Option<ObjectId>>,
    /// Who answers for it.
    pub owner: Option<Option<ObjectId>>,
    /// Draw the value from a pool. Rare, and large: elsewhere, so that other inputs stay small.
    pub from_pool: Option<Box<FromPool>>,
    /// The value is no pool's any more: it stays, as if it had been set by hand.
    pub detach: bool,
    /// The host sets it: read-only does not hold.
    pub by_host: bool,
}

impl AttrInput {
    /// A value of the attribute's type.
    pub fn value(value: impl Into<Value>) -> Self {
        Self { value: Some(Given::Value(value.into())), ..Self::default() }
    }

    /// A value as files and requests have it.
    pub fn json(value: Json) -> Self {
        Self { value: Some(Given::Json(value)), ..Self::default() }
    }

    /// A value set by the host itself, read-only attributes included.
    pub fn by_host(value: impl Into<Value>) -> Self {
        Self { by_host: true, ..Self::value(value) }
    }

    /// A value drawn from a pool.
    pub fn from_pool(from_pool: FromPool) -> Self {
        Self { from_pool: Some(Box::new(from_pool)), ..Self::default() }
    }
}

/// A resource to draw from a pool, in field position.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FromPool {
    /// Id or name of the pool.
    pub pool: String,
    /// Makes the allocation idempotent; without one: owner and field.
    pub identifier: Option<String>,
    /// Prefix length.
    pub length: Option<u8>,
    /// Kind of the object that is made; else the pool's default.
    pub kind: Option<String>,
    /// Values for the object that is made.
    pub data: BTreeMap<String, Json>,
}

/// What a relationship should be.
#[derive(Debug, Clone, PartialEq)]
pub enum RelInput {
    /// Exactly these peers.
    Replace(Vec<PeerInput>),
    /// These too.
    Add(Vec<PeerInput>),
    /// Without these.
    Remove(Vec<PeerInput>),
    /// A new resource of a pool, once.
    FromPool(FromPool),
    /// Exactly these, one resource of a pool each, once.
    FromPools(Vec<FromPool>),
}

/// A peer with the properties of the link.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerInput {
    /// Which object.
    pub peer: PeerRef,
    /// Only the owner may take the link away.
    pub is_protected: Option<bool>,
    /// Where the link comes from.
    pub source: Option<ObjectId>,
    /// Who answers for it.
    pub owner: Option<ObjectId>,
    /// How a pool prefers this resource to its others: the resource gets it as its own.
    pub weight: Option<i64>,
}

impl PeerInput {
    /// A link to an object by id.
    pub fn id(id: ObjectId) -> Self {
        Self::to(PeerRef::Id(id))
    }

    /// A link to an object by human-friendly id.
    pub fn hfid(parts: Vec<String>) -> Self {
        Self::to(PeerRef::Hfid { kind: None, parts })
    }

    /// A plain link.
    pub fn to(peer: PeerRef) -> Self {
        Self { peer, is_protected: None, source: None, owner: None, weight: None }
    }
}

/// Which object is meant.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerRef {
    /// By id.
    Id(ObjectId),
    /// By human-friendly id; of the relationship's peer kind where no kind is given.
    Hfid {
        /// A kind narrower than the relationship's.
        kind: Option<String>,
        /// The parts.
        parts: Vec<String>,
    },
}
