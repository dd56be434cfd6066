//! How many bytes a value of the boundary holds, for limits and fuel.

use crate::api::{
    Draft, Field, FieldValue, FromPool, GuestError, Link, PoolRequest, Scalar, Target,
};
use crate::limits::count;

/// What an item costs besides its text, so that a million empty ones are not free: 16 bytes, about
/// what the smallest of them takes in memory.
const ITEM_BYTES: u64 = 16;

/// Bytes held.
pub(crate) trait Weight {
    /// Text, plus a constant for each item.
    fn weight(&self) -> u64;
}

impl Weight for str {
    fn weight(&self) -> u64 {
        count(self.len())
    }
}

impl Weight for String {
    fn weight(&self) -> u64 {
        count(self.len())
    }
}

impl<T: Weight> Weight for [T] {
    fn weight(&self) -> u64 {
        self.iter().map(|item| item.weight().saturating_add(ITEM_BYTES)).sum()
    }
}

impl<T: Weight> Weight for Vec<T> {
    fn weight(&self) -> u64 {
        self.as_slice().weight()
    }
}

impl<T: Weight> Weight for Option<T> {
    fn weight(&self) -> u64 {
        self.as_ref().map_or(0, Weight::weight)
    }
}

impl<A: Weight, B: Weight> Weight for (A, B) {
    fn weight(&self) -> u64 {
        self.0.weight().saturating_add(self.1.weight())
    }
}

impl Weight for Scalar {
    fn weight(&self) -> u64 {
        match self {
            Self::Null | Self::Boolean(_) | Self::Integer(_) | Self::Number(_) => 8,
            Self::Text(text) | Self::Json(text) => text.weight(),
        }
    }
}

impl Weight for Field {
    fn weight(&self) -> u64 {
        let value = match &self.value {
            FieldValue::One(scalar) => scalar.weight(),
            FieldValue::Many(scalars) => scalars.weight(),
        };
        self.name.weight().saturating_add(value)
    }
}

impl Weight for Target {
    fn weight(&self) -> u64 {
        match self {
            Self::Id(text) | Self::Key(text) => text.weight(),
            Self::Hfid(kind, parts) => kind.weight().saturating_add(parts.weight()),
        }
    }
}

impl Weight for Link {
    fn weight(&self) -> u64 {
        self.relationship.weight().saturating_add(self.to.weight())
    }
}

impl Weight for FromPool {
    fn weight(&self) -> u64 {
        self.name.weight() + self.pool.weight() + self.identifier.weight()
    }
}

impl Weight for Draft {
    fn weight(&self) -> u64 {
        self.kind.weight()
            + self.key.weight()
            + self.fields.weight()
            + self.links.weight()
            + self.allocations.weight()
    }
}

impl Weight for PoolRequest {
    fn weight(&self) -> u64 {
        let scope = self.terms.scope.iter();
        let scope: u64 = scope.map(|(name, value)| name.weight() + value.weight()).sum();
        let value = self.terms.value.as_ref().map_or(0, Weight::weight);
        self.pool.weight() + self.identifier.weight() + self.data.weight() + scope + value
    }
}

impl Weight for GuestError {
    fn weight(&self) -> u64 {
        self.name.weight() + self.message.weight() + self.path.weight() + self.details.weight()
    }
}
