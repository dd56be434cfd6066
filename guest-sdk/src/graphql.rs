//! The shapes of an answer, so that a generator's own structs stay short.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::{Error, Result, Target};

/// The one node of an answer with one list: the target of a query such as
/// `{ AppService(name__value: $name) { edges { node { ... } } } }`.
///
/// As the parameter of a generator it is taken apart at once:
///
/// ```
/// # use kiln::prelude::*;
/// #[derive(Deserialize)]
/// struct Service {
///     name: Value<String>,
/// }
///
/// fn generate(ctx: &Ctx, Only(service): Only<Service>) -> Result<()> {
///     ctx.create("InfraServer").set("name", format!("{}-0", service.name)).save()?;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Only<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut lists = BTreeMap::<String, Edges<T>>::deserialize(deserializer)?;
        let number = lists.len();
        let Some((name, list)) = lists.pop_first().filter(|_| number == 1) else {
            return Err(D::Error::custom(format!(
                "the query should ask for one list, it asks for {number}"
            )));
        };
        let mut edges = list.edges;
        match (edges.pop(), edges.len()) {
            (Some(only), 0) => Ok(Self(only.node)),
            (None, _) => {
                Err(D::Error::custom(format!("the query should find one `{name}`, it finds none")))
            }
            (Some(_), more) => {
                let found = more + 1;
                Err(D::Error::custom(format!(
                    "the query should find one `{name}`, it finds {found}"
                )))
            }
        }
    }
}

/// `{ id }`: an object to link, of which nothing else is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Id {
    /// Its id.
    pub id: String,
}

impl From<&Id> for Target {
    fn from(object: &Id) -> Self {
        Self::Id(object.id.clone())
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, from_value, json};

    fn only(answer: Json) -> std::result::Result<String, String> {
        from_value::<Only<Id>>(answer).map(|only| only.0.id).map_err(|bad| bad.to_string())
    }

    #[test]
    fn the_one_node_of_the_one_list_is_taken_out() {
        let node = |id: &str| json!({"node": {"id": id}});
        assert_eq!(only(json!({"A": {"edges": [node("x")]}})).unwrap(), "x");
        let refused = [
            (json!({"A": {"edges": []}}), "the query should find one `A`, it finds none"),
            (
                json!({"A": {"edges": [node("x"), node("y")]}}),
                "the query should find one `A`, it finds 2",
            ),
            (json!({}), "the query should ask for one list, it asks for 0"),
            (
                json!({"A": {"edges": [node("x")]}, "B": {"edges": [node("x")]}}),
                "the query should ask for one list, it asks for 2",
            ),
        ];
        for (answer, told) in refused {
            assert_eq!(only(answer).unwrap_err(), told);
        }
    }

    #[test]
    fn an_object_of_an_answer_is_a_target() {
        assert_eq!(Target::from(&Id { id: "x".to_owned() }), Target::Id("x".to_owned()));
    }
}
