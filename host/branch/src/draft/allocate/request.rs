//! What is asked of a pool, and what it gives.

use std::collections::BTreeMap;

use model::{BranchId, ObjectId, Timestamp, Value};
use serde_json::Value as Json;

use crate::draft::allocate::scope::Desk;
use crate::object::Object;

pub use crate::limits::BLOCK_MAX;

/// What is asked of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// A number.
    Number,
    /// Numbers in a row, all or none.
    Block {
        /// How many, 1 to [`BLOCK_MAX`].
        count: u32,
        /// The first is a multiple of this; 1 where any will do.
        align: u32,
    },
    /// A prefix.
    Prefix {
        /// Length; else the pool's default.
        length: Option<u8>,
        /// Kind of the object; else the pool's default.
        kind: Option<String>,
        /// `prefix` or `address`; else the pool's default.
        member_type: Option<String>,
    },
    /// An address.
    Address {
        /// Length written on the address; else the pool's default, else the parent's.
        length: Option<u8>,
        /// Kind of the object; else the pool's default.
        kind: Option<String>,
    },
}

impl Want {
    /// As the reservation keeps it: the same identifier must ask for the same again.
    pub(super) fn text(&self) -> String {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let bits = |length: &Option<u8>| length.map(|l| l.to_string()).unwrap_or_default();
        match self {
            Self::Number => "number".to_owned(),
            Self::Block { count, align: 1 } => format!("number block of {count}"),
            Self::Block { count, align } => format!("number block of {count} at {align}"),
            Self::Prefix { length, kind, member_type } => {
                format!("prefix /{} {} {}", bits(length), part(kind), part(member_type))
            }
            Self::Address { length, kind } => format!("address /{} {}", bits(length), part(kind)),
        }
    }

    /// Reads what [`Want::text`] writes.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let part = |word: Option<&str>| word.filter(|word| !word.is_empty()).map(str::to_owned);
        let bits = |word: Option<&str>| -> Option<u8> { word?.strip_prefix('/')?.parse().ok() };
        match (words.next()?, words.next()) {
            ("number", None) => Some(Self::Number),
            ("number", Some("block")) => {
                let mut rest = words.skip(1);
                let count = rest.next()?.parse().ok()?;
                let align = rest.nth(1).map_or(Some(1), |align| align.parse().ok())?;
                Some(Self::Block { count, align })
            }
            ("prefix", length) => {
                let (length, kind) = (bits(length), part(words.next()));
                Some(Self::Prefix { length, kind, member_type: part(words.next()) })
            }
            ("address", length) => {
                Some(Self::Address { length: bits(length), kind: part(words.next()) })
            }
            _ => None,
        }
    }

    /// How many values it takes.
    pub(super) fn count(&self) -> u32 {
        if let Self::Block { count, .. } = self { *count } else { 1 }
    }

    /// One more of what a pool gives; a length where it takes one.
    pub fn of(pool: &Object, length: Option<u8>) -> Self {
        match pool.kind().name.as_str() {
            "CoreNumberPool" => Self::Number,
            "CoreIPPrefixPool" => Self::Prefix { length, kind: None, member_type: None },
            _ => Self::Address { length, kind: None },
        }
    }
}

/// How an allocation is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentifiedBy {
    /// Idempotent within the pool.
    Identifier(String),
    /// A new resource every time.
    Nothing,
}

/// One allocation.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolRequest {
    /// Id or name of the pool; for an address also the id of a prefix.
    pub pool: String,
    /// Identity.
    pub identifier: IdentifiedBy,
    /// What.
    pub want: Want,
    /// Values for the object that is made.
    pub data: BTreeMap<String, Json>,
    /// Id for the object that is made; else a new one.
    pub object: Option<ObjectId>,
    /// The object that is to carry it, where it is there already: what it has on main is the same
    /// thing on a branch.
    pub holder: Option<ObjectId>,
    /// This value and no other; of several in a row the first.
    pub value: Option<Value>,
    /// The division, for a pool that has a scope: by its element, a value or a peer.
    pub scope: BTreeMap<String, String>,
    /// Ends by itself at this moment. Only what makes no object can.
    pub until: Option<Timestamp>,
    /// Only set aside for the identifier: no object is made, and its next request gets the value.
    pub set_aside: bool,
}

impl PoolRequest {
    /// A plain request.
    pub fn new(pool: impl Into<String>, identifier: IdentifiedBy, want: Want) -> Self {
        Self {
            pool: pool.into(),
            identifier,
            want,
            data: BTreeMap::new(),
            object: None,
            holder: None,
            value: None,
            scope: BTreeMap::new(),
            until: None,
            set_aside: false,
        }
    }
}

/// What was allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The pool.
    pub pool: ObjectId,
    /// Number, address or prefix; of several in a row the first.
    pub value: Value,
    /// How many in a row.
    pub count: u32,
    /// The object of a prefix or address.
    pub object: Option<ObjectId>,
    /// The object is a parent of the pool, handed out whole: it was there before and stays.
    pub is_parent: bool,
    /// The identifier had it already.
    pub reused: bool,
    /// The branch that took it.
    pub branch: BranchId,
}

impl Granted {
    /// Something new, without an object.
    pub(super) fn new(desk: &Desk, value: Value, branch: BranchId) -> Self {
        let pool = desk.pool.id();
        Self { pool, value, count: 1, object: None, is_parent: false, reused: false, branch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_reads_back() {
        let text = |text: &str| Some(text.to_owned());
        for want in [
            Want::Number,
            Want::Block { count: 4, align: 1 },
            Want::Block { count: 4, align: 10 },
            Want::Prefix { length: Some(24), kind: None, member_type: None },
            Want::Prefix { length: None, kind: text("IpamPrefix"), member_type: text("address") },
            Want::Prefix { length: None, kind: None, member_type: text("address") },
            Want::Address { length: None, kind: None },
            Want::Address { length: Some(32), kind: text("IpamIPAddress") },
        ] {
            assert_eq!(Want::read(&want.text()), Some(want));
        }
    }
}
