//! The shapes of an answer, so that a generator's own structs stay short.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value as Json;

use crate::{Error, Result, Target};

/// The target of a query, read plainly: the one node of an answer with one list, where a value is
/// its value, a peer is its node, and a list is its nodes.
///
/// ```
/// # use kiln::prelude::*;
/// #[derive(Deserialize)]
/// struct Service {
///     name: String,
///     replicas: u32,
///     site: Id,
/// }
///
/// fn generate(ctx: &Ctx, service: The<Service>) -> Result<()> {
///     for number in 0..service.replicas {
///         let name = format!("{}-{number}", service.name);
///         make!(ctx, InfraServer { name, site: &service.site })?;
///     }
///     Ok(())
/// }
/// # kiln::test::Host::new().run(generate, serde_json::json!({"AppService": {"edges": [{"node": {
/// #     "name": {"value": "shop"}, "replicas": {"value": 1}, "site": {"node": {"id": "paris"}}}}]}}))
/// #     .unwrap();
/// ```
///
/// What is read plainly: `{ value }` with nothing beside it is the value; `{ node }` with nothing
/// beside it is the node, or nothing; `{ edges }` is the list of its nodes. Where more is asked for
/// (`{ value is_protected }`), it stays a structure of that. A node of which nothing but an attribute
/// called `value` or `node` is asked for cannot be told from those: read it with [`Only`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct The<T>(pub T);

/// A whole answer, read as plainly as [`The`] reads its target: `Plain<Input>` with `struct Input {
/// services: Vec<Service> }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain<T>(pub T);

impl<T> Deref for The<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for Plain<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for The<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let Only(node) = Only::<Json>::deserialize(deserializer)?;
        serde_json::from_value(plain(node)).map(Self).map_err(D::Error::custom)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Plain<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let answer = Json::deserialize(deserializer)?;
        serde_json::from_value(plain(answer)).map(Self).map_err(D::Error::custom)
    }
}

/// An answer without the wrappers of the dialect. What is within a value stays as it is.
fn plain(answer: Json) -> Json {
    match answer {
        Json::Object(mut fields) => {
            if let Some(Json::Array(edges)) = fields.remove("edges") {
                return Json::Array(edges.into_iter().map(plain).collect());
            }
            if fields.len() == 1 {
                if let Some(value) = fields.remove("value") {
                    return value;
                }
                if let Some(node) = fields.remove("node") {
                    return plain(node);
                }
            }
            Json::Object(fields.into_iter().map(|(name, field)| (name, plain(field))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(plain).collect()),
        other => other,
    }
}

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

/// The id of an object, to link it or to ask for it: `id`, or `{ id }` of a peer of which nothing else
/// is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// As the host gives it.
    pub id: String,
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

/// Reads an id in both of its forms.
struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id, or an object with an `id`")
    }

    fn visit_str<E: serde::de::Error>(self, id: &str) -> std::result::Result<Id, E> {
        Ok(Id { id: id.to_owned() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Id, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "id" => found = Some(map.next_value()?),
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        found.map(|id| Id { id }).ok_or_else(|| A::Error::missing_field("id"))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.id
    }
}

impl From<&Id> for String {
    fn from(object: &Id) -> Self {
        object.id.clone()
    }
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
    use serde_json::{from_value, json};

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

    #[derive(Debug, PartialEq, Deserialize)]
    struct Service {
        id: Id,
        name: String,
        note: Option<String>,
        steps: Json,
        tier: Value<String>,
        site: Site,
        twin: Option<Id>,
        ports: Vec<Id>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Site {
        region: Id,
    }

    #[test]
    fn the_target_is_read_without_the_wrappers_of_the_dialect() {
        let answer = json!({"AppService": {"edges": [{"node": {
            "id": "s",
            "name": {"value": "shop"},
            "note": {"value": null},
            "steps": {"value": {"value": 1, "edges": []}},
            "tier": {"value": "gold", "is_protected": true},
            "site": {"node": {"region": {"node": {"id": "eu", "name": {"value": "x"}}}}},
            "twin": {"node": null},
            "ports": {"count": 1, "edges": [{"node": {"id": "p"}}]},
        }}]}});
        let id = |id: &str| Id { id: id.to_owned() };
        let The(service) = from_value::<The<Service>>(answer.clone()).unwrap();
        assert_eq!((service.id, service.name.as_str()), (id("s"), "shop"));
        assert_eq!((service.note, service.twin), (None, None));
        // What is within a value is the user's own.
        assert_eq!(service.steps, json!({"value": 1, "edges": []}));
        assert_eq!(service.tier.value, "gold");
        assert_eq!((service.site.region, service.ports), (id("eu"), vec![id("p")]));

        #[derive(Deserialize)]
        struct Input {
            #[serde(rename = "AppService")]
            services: Vec<Service>,
        }
        let whole = from_value::<Plain<Input>>(answer).unwrap();
        assert_eq!(whole.services[0].name, "shop");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let refused = |node: Json| {
            let answer = json!({"AppService": {"edges": [{"node": node}]}});
            from_value::<The<Site>>(answer).unwrap_err().to_string()
        };
        assert_eq!(refused(json!({})), "missing field `region`");
        assert_eq!(refused(json!({"region": {"node": {"name": 1}}})), "missing field `id`");
        let told = refused(json!({"region": {"value": 5}}));
        assert!(told.contains("expected an id, or an object with an `id`"), "{told}");
    }

    #[test]
    fn an_object_of_an_answer_is_a_target() {
        assert_eq!(Target::from(&Id { id: "x".to_owned() }), Target::Id("x".to_owned()));
    }
}
