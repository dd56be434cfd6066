//! A generator definition, read from its object.

use std::collections::BTreeMap;

use branch::{BranchError, Object, View};
use model::{Digest, ObjectId, Value};
use serde_json::Value as Json;

/// What happens to the objects of an instance that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRelease {
    /// They go.
    Prune,
    /// They stay, and belong to nobody.
    Retain,
}

/// What happens when a protected object would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnProtected {
    /// The run fails with the list.
    Fail,
    /// It stays, and belongs to nobody.
    Retain,
}

/// A definition, complete and ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its object.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// The component, if one was uploaded.
    pub component: Option<Digest>,
    /// Text of the query.
    pub query: String,
    /// The object of the query.
    pub query_id: ObjectId,
    /// Whether it runs for proposed changes.
    pub in_proposed_change: bool,
    /// Whether it runs on main after a merge.
    pub after_merge: bool,
    /// Variable of the query → path on the target.
    pub parameters: BTreeMap<String, String>,
    /// The target group.
    pub group: ObjectId,
    /// Whether existing objects may be taken over.
    pub adoption: bool,
    /// Policy at the end of an instance.
    pub on_release: OnRelease,
    /// Policy for protected objects.
    pub on_protected: OnProtected,
}

/// Why a definition cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// No definition of this name.
    #[error("there is no generator definition `{0}`; `kiln generator list` shows those there are")]
    Unknown(String),
    /// No check definition of this name.
    #[error("there is no check definition `{0}`; `kiln checks list` shows those there are")]
    UnknownCheck(String),
    /// A part is missing or wrong.
    #[error("generator definition `{name}`: {what}")]
    Incomplete {
        /// The definition.
        name: String,
        /// What is missing and what helps.
        what: String,
    },
    /// The target has no value where a parameter looks.
    #[error("parameter `{parameter}` of `{definition}`: {what}")]
    Parameter {
        /// The definition.
        definition: String,
        /// The variable.
        parameter: String,
        /// What stands in the way and what helps.
        what: String,
    },
    /// Reading failed.
    #[error(transparent)]
    Branch(#[from] BranchError),
}

impl Definition {
    /// The kind of the objects that define generators.
    pub const KIND: &str = "CoreGeneratorDefinition";

    /// The definition with this name or id.
    pub fn find(view: &View, name: &str) -> Result<Self, DefinitionError> {
        Self::read(view, &Self::object(view, name)?)
    }

    /// The same, where it is most likely this one: names are unique, so that one look tells.
    pub(crate) fn find_at(
        view: &View,
        name: &str,
        likely: ObjectId,
    ) -> Result<Self, DefinitionError> {
        let object = view.object(likely)?.filter(|object| {
            object.kind().name == Self::KIND && object.value("name").as_text() == Some(name)
        });
        match object {
            Some(object) => Self::read(view, &object),
            None => Self::find(view, name),
        }
    }

    /// The object of the definition with this name or id.
    pub(crate) fn object(view: &View, name: &str) -> Result<Object, DefinitionError> {
        let unknown = || DefinitionError::Unknown(name.to_owned());
        let kind = view.schema().kind(Self::KIND).ok_or_else(unknown)?;
        let object = match name.parse::<ObjectId>() {
            Ok(id) => view.object(id)?.filter(|object| object.kind().name == kind.name),
            Err(_not_an_id) => view.by_hfid(kind, &[name.to_owned()])?,
        };
        object.ok_or_else(unknown)
    }

    /// All definitions of the branch, by name. Incomplete ones are told with their reason.
    pub fn all(view: &View) -> Result<Vec<Result<Self, DefinitionError>>, BranchError> {
        let Some(kind) = view.schema().kind(Self::KIND) else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for object in view.objects(kind)? {
            all.push(Self::read(view, &object?));
        }
        Ok(all)
    }

    /// Reads a definition from its object.
    pub fn read(view: &View, object: &Object) -> Result<Self, DefinitionError> {
        let text = |name: &str| object.value(name).as_text().map(str::to_owned);
        let name = text("name").unwrap_or_default();
        let incomplete =
            |what: &str| DefinitionError::Incomplete { name: name.clone(), what: what.to_owned() };
        let (query_id, query) = view
            .one(object, "query")?
            .and_then(|query| Some((query.id(), query.value("query").as_text()?.to_owned())))
            .ok_or_else(|| incomplete("it has no query; set `query`"))?;
        let group = view
            .one(object, "targets")?
            .ok_or_else(|| incomplete("it has no target group; set `targets`"))?;
        let component = match text("component") {
            Some(digest) => Some(digest.parse().map_err(|_bad| {
                incomplete("`component` is not the digest of an uploaded component")
            })?),
            None => None,
        };
        Ok(Self {
            id: object.id(),
            component,
            query,
            query_id,
            in_proposed_change: object.value("execute_in_proposed_change") != Value::Bool(false),
            after_merge: object.value("execute_after_merge") != Value::Bool(false),
            parameters: parameters(&object.value("parameters"))
                .ok_or_else(|| incomplete("`parameters` must map variables to paths"))?,
            group: group.id(),
            adoption: object.value("adoption") == Value::Bool(true),
            on_release: match text("on_release").as_deref() {
                Some("retain") => OnRelease::Retain,
                _ => OnRelease::Prune,
            },
            on_protected: match text("on_protected").as_deref() {
                Some("retain") => OnProtected::Retain,
                _ => OnProtected::Fail,
            },
            name,
        })
    }

    /// The members of the target group, in the order of their ids.
    pub fn targets(&self, view: &View) -> Result<Vec<ObjectId>, BranchError> {
        let Some(group) = view.object(self.group)? else { return Ok(Vec::new()) };
        let Some(rel) = group.kind().relationship("members") else { return Ok(Vec::new()) };
        Ok(view.peers(self.group, rel)?.into_iter().map(|edge| edge.peer).collect())
    }

    /// Whether an object is in the target group.
    pub fn has_target(&self, view: &View, target: ObjectId) -> Result<bool, BranchError> {
        let Some(group) = view.object(self.group)? else { return Ok(false) };
        let Some(rel) = group.kind().relationship("members") else { return Ok(false) };
        Ok(view.peer(self.group, rel, target)?.is_some())
    }

    /// The query's variables for a target.
    pub fn variables(
        &self,
        view: &View,
        target: &Object,
    ) -> Result<serde_json::Map<String, Json>, DefinitionError> {
        follow_all(view, target, &self.name, &self.parameters)
    }
}

/// The values of paths on a target, by variable: what a query is asked with for it.
pub fn follow_all(
    view: &View,
    target: &Object,
    definition: &str,
    paths: &BTreeMap<String, String>,
) -> Result<serde_json::Map<String, Json>, DefinitionError> {
    let mut variables = serde_json::Map::new();
    for (variable, path) in paths {
        let value = follow(view, target, path).map_err(|what| match what {
            Ok(what) => DefinitionError::Parameter {
                definition: definition.to_owned(),
                parameter: variable.clone(),
                what,
            },
            Err(error) => DefinitionError::Branch(error),
        })?;
        variables.insert(variable.clone(), value);
    }
    Ok(variables)
}

/// The variables that a definition fills, each with its path on the target; nothing where the value is
/// no such map.
pub fn parameters(value: &Value) -> Option<BTreeMap<String, String>> {
    match value {
        Value::Null => Some(BTreeMap::new()),
        Value::Json(Json::Object(map)) => {
            map.iter().map(|(name, path)| Some((name.clone(), path.as_str()?.to_owned()))).collect()
        }
        _ => None,
    }
}

/// Follows `attr__value` or `rel__rel__attr__value` over relationships of cardinality one.
/// `Err(Ok(why))` is the user's, `Err(Err(..))` the store's.
fn follow(view: &View, target: &Object, path: &str) -> Result<Json, Result<String, BranchError>> {
    let mut parts = path.split("__");
    let Some(first) = parts.next() else { return Ok(Json::Null) };
    let kind = target.kind();
    if first == "id" {
        return Ok(Json::String(target.id().to_string()));
    }
    if kind.attribute(first).is_some() {
        return Ok(target.value(first).to_json());
    }
    let Some(rel) = kind.relationship(first) else {
        return Err(Ok(format!("`{path}`: `{}` has no `{first}`", kind.name)));
    };
    if rel.cardinality == model::schema::Cardinality::Many {
        return Err(Ok(format!(
            "`{path}`: `{first}` has many peers; a parameter follows single ones only"
        )));
    }
    let peer = view.one(target, first).map_err(Err)?;
    let Some(peer) = peer else {
        return Err(Ok(format!("`{path}`: `{first}` is not set on the target")));
    };
    let rest: Vec<&str> = parts.collect();
    follow(view, &peer, &rest.join("__"))
}
