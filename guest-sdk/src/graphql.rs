//! The shapes of an answer, so that a generator's own structs stay short.

use std::fmt;
use std::ops::Deref;

use serde::Deserialize;

use crate::{Error, Result};

/// `{ value }`: reads through to the value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Value<T> {
    /// The value.
    pub value: T,
}

impl<T> Deref for Value<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// `{ node }`: the peer of a single relationship that is always there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Node<T> {
    /// The peer.
    pub node: T,
}

impl<T> Deref for Node<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.node
    }
}

/// `{ node }`: the peer of a single relationship that may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Maybe<T> {
    /// The peer.
    pub node: Option<T>,
}

/// `{ edges { node } }`: a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Edges<T> {
    /// The edges.
    pub edges: Vec<Node<T>>,
}

impl<T> Edges<T> {
    /// The nodes.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.edges.iter().map(|edge| &edge.node)
    }

    /// The one node of a list that has one: the target.
    pub fn only(&self) -> Result<&T> {
        match self.edges.as_slice() {
            [only] => Ok(&only.node),
            several => Err(Error::message(format!(
                "the query should find one, it finds {}",
                several.len()
            ))),
        }
    }
}
