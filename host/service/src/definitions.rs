//! Generator definitions: register, change, list.

use std::collections::BTreeMap;

use branch::{AttrInput, Input, PeerInput};
use engine::{ComponentInfo, Definition};
use model::permission::Action;
use model::{ObjectId, Value};
use serde_json::{Value as Json, json};

use crate::{Service, ServiceError};

/// A definition as it is registered. Registering the name again changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefinitionInput {
    /// Name, unique.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Text of the query.
    pub query: String,
    /// Variable of the query → path on the target.
    pub parameters: BTreeMap<String, String>,
    /// Name of the target group.
    pub targets: String,
    /// Digest of the component.
    pub component: Option<String>,
    /// Whether existing objects may be taken over.
    pub adoption: bool,
    /// `prune` or `retain`; nothing leaves it.
    pub on_release: Option<String>,
    /// `fail` or `retain`; nothing leaves it.
    pub on_protected: Option<String>,
    /// Shared secret of the HTTP trigger.
    pub trigger_secret: Option<String>,
    /// Whether it runs for proposed changes; nothing leaves it.
    pub execute_in_proposed_change: Option<bool>,
    /// Whether it runs on main after a merge; nothing leaves it.
    pub execute_after_merge: Option<bool>,
}

/// A definition as listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionView {
    /// Its object.
    pub id: ObjectId,
    /// Name.
    pub name: String,
    /// Component, if it is complete.
    pub component: Option<String>,
    /// Members of its group.
    pub targets: usize,
    /// What is missing; nothing when it can run.
    pub problem: Option<String>,
}

impl DefinitionView {
    /// As JSON.
    pub fn to_json(&self) -> Json {
        json!({
            "id": self.id.to_string(), "name": self.name, "component": self.component,
            "targets": self.targets, "problem": self.problem,
        })
    }
}

impl Service {
    /// Checks and stores a component; the same bytes again change nothing.
    pub fn component_upload(&self, bytes: &[u8]) -> Result<ComponentInfo, ServiceError> {
        let kind = self.view()?.kind("CoreGeneratorDefinition")?.clone();
        self.may(&kind, Action::Update)?;
        Ok(self.engine.upload(bytes, self.caller.author())?)
    }

    /// All stored components.
    pub fn components(&self) -> Result<Vec<ComponentInfo>, ServiceError> {
        Ok(self.engine.components()?)
    }

    /// Whether a query fits the schema of the branch.
    pub(crate) fn check_query(&self, name: &str, query: &str) -> Result<(), ServiceError> {
        let view = self.view()?;
        self.dialect.check(view.schema(), query).map_err(|mut errors| match errors.pop() {
            Some(error) => ServiceError::Graphql(error),
            None => ServiceError::NotFound { what: "query", name: name.to_owned() },
        })
    }

    /// Registers a definition, or changes it. Its query is checked against the schema.
    pub fn definition_put(&self, definition: &DefinitionInput) -> Result<ObjectId, ServiceError> {
        self.check_query(&definition.name, &definition.query)?;
        let mut id = ObjectId::MIN;
        self.change(|draft| {
            let name = Json::String(definition.name.clone());
            let query = Input::default()
                .json("name", name.clone())
                .json("query", Json::String(definition.query.clone()));
            let (query, _) = draft.upsert("CoreGraphQLQuery", None, query)?;
            let parameters = Json::Object(
                definition.parameters.iter().map(|(k, v)| (k.clone(), json!(v))).collect(),
            );
            let mut input = Input::default()
                .json("name", name)
                .attr("parameters", AttrInput::value(Value::Json(parameters)))
                .json("adoption", Json::Bool(definition.adoption))
                .rel("query", vec![PeerInput::id(query)])
                .rel("targets", vec![PeerInput::hfid(vec![definition.targets.clone()])]);
            for (name, value) in [
                ("description", &definition.description),
                ("component", &definition.component),
                ("on_release", &definition.on_release),
                ("on_protected", &definition.on_protected),
                ("trigger_secret", &definition.trigger_secret),
            ] {
                if let Some(value) = value {
                    input = input.json(name, Json::String(value.clone()));
                }
            }
            for (name, value) in [
                ("execute_in_proposed_change", definition.execute_in_proposed_change),
                ("execute_after_merge", definition.execute_after_merge),
            ] {
                if let Some(value) = value {
                    input = input.json(name, Json::Bool(value));
                }
            }
            (id, _) = draft.upsert("CoreGeneratorDefinition", None, input)?;
            Ok(())
        })?;
        Ok(id)
    }

    /// All definitions, by name.
    pub fn definitions(&self) -> Result<Vec<DefinitionView>, ServiceError> {
        let view = self.view()?;
        let mut all = Vec::new();
        for object in view.objects(view.kind("CoreGeneratorDefinition")?)? {
            let object = object?;
            let name = object.value("name").to_string();
            let component = object.value("component").as_text().map(str::to_owned);
            let (targets, problem) = match Definition::read(&view, &object) {
                Ok(definition) => (definition.targets(&view)?.len(), None),
                Err(problem) => (0, Some(problem.to_string())),
            };
            let problem = problem.or_else(|| {
                component.is_none().then(|| "it has no component; upload one".to_owned())
            });
            all.push(DefinitionView { id: object.id(), name, component, targets, problem });
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}
