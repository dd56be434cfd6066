//! Stored queries by name, and the groups that remember what their answers were about.

use std::collections::BTreeSet;

use branch::{AttrInput, Input, PeerInput, PeerRef};
use graphql::Request;
use model::{Digest, ObjectId, Value};
use serde_json::{Map, Value as Json, json};

use crate::dialect::DialectHost;
use crate::objects::find;
use crate::{Service, ServiceError};

/// A stored query to execute.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredQuery {
    /// Name or id of the query.
    pub name: String,
    /// Values of variables.
    pub variables: Map<String, Json>,
    /// Values of variables as text, in the order of an address: each is read as its variable is
    /// declared, several of one name are a list. They give way to `variables`.
    pub texts: Vec<(String, String)>,
    /// Keep a group of the objects in the answer, one for each query and set of variables.
    pub update_group: bool,
    /// Objects that want to know of changes to them.
    pub subscribers: Vec<String>,
}

impl Service {
    /// Executes a stored query; the answer is the value of `data`.
    pub fn stored_query(&self, query: &StoredQuery) -> Result<Vec<u8>, ServiceError> {
        let view = self.view()?;
        let object = find(&view, "CoreGraphQLQuery", &query.name)?;
        let text = object.value("query").to_string();
        let mut variables = graphql::variables_from_texts(&text, &query.texts);
        variables.extend(query.variables.clone());
        let request = Request { query: text, operation_name: None, variables };
        let host = DialectHost::reading(self);
        let answer = self.dialect.data_and_members(&view, &request, &host);
        let (data, members) = answer.map_err(|errors| match errors.into_iter().next() {
            Some(error) => ServiceError::Graphql(error),
            None => ServiceError::NotFound { what: "query", name: query.name.clone() },
        })?;
        if query.update_group {
            let name = object.value("name").to_string();
            let of = (object.id(), name.as_str());
            self.remember(of, &request.variables, members, &query.subscribers)?;
        }
        Ok(data)
    }

    /// Brings the group of a query and its variables up to date; writes nothing where it is so already.
    fn remember(
        &self,
        (query, name): (ObjectId, &str),
        variables: &Map<String, Json>,
        members: BTreeSet<ObjectId>,
        subscribers: &[String],
    ) -> Result<(), ServiceError> {
        // Equal variables make an equal name, in whatever order they came.
        let sorted: std::collections::BTreeMap<_, _> = variables.iter().collect();
        let digest = Digest::of(json!(sorted).to_string().as_bytes()).to_string();
        let digest = digest.get(..16).unwrap_or_default();
        let subscriber = |name: &String| match name.parse::<ObjectId>() {
            Ok(id) => PeerRef::Id(id),
            Err(_name) => PeerRef::Hfid { kind: None, parts: vec![name.clone()] },
        };
        let peer = PeerInput::to;
        let subscribers: Vec<PeerInput> = subscribers.iter().map(subscriber).map(peer).collect();
        let members: Vec<PeerInput> = members.into_iter().map(PeerInput::id).collect();
        let input = Input::default()
            .attr("name", AttrInput::value(format!("{name}__{digest}")))
            .attr("label", AttrInput::value(format!("Query {name}")))
            .attr("group_type", AttrInput::value("internal"))
            .attr("parameters", AttrInput::value(Value::Json(Json::Object(variables.clone()))))
            .rel("query", vec![PeerInput::id(query)])
            .rel("members", members)
            .add("subscribers", subscribers);
        self.change(|draft| {
            draft.upsert("CoreGraphQLQueryGroup", None, input.clone())?;
            Ok(())
        })?;
        Ok(())
    }
}
