//! Checks: register, list, run by hand. What they mean for a proposed change is said there.

use std::collections::BTreeMap;

use branch::{AttrInput, Input, PeerInput};
use engine::{CheckDefinition, CheckResult, Severity};
use model::{ObjectId, Value};
use sandbox::Cancel;
use serde_json::{Value as Json, json};

use crate::history::label;
use crate::{Service, ServiceError};

/// A check as it is registered. Registering the name again changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckInput {
    /// Name, unique.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Text of the query.
    pub query: String,
    /// Variable of the query → path on the target, or without targets the value.
    pub parameters: BTreeMap<String, String>,
    /// Name of the group whose members are checked one by one; without it the branch is checked once.
    pub targets: Option<String>,
    /// Digest of the component.
    pub component: Option<String>,
    /// A failure is told, and stands in nobody's way.
    pub advisory: bool,
}

impl Service {
    /// Registers a check, or changes it. Its query is checked against the schema.
    pub fn check_put(&self, check: &CheckInput) -> Result<ObjectId, ServiceError> {
        self.check_query(&check.name, &check.query)?;
        let mut id = ObjectId::MIN;
        self.change(|draft| {
            let name = Json::String(check.name.clone());
            let query = Input::default()
                .json("name", name.clone())
                .json("query", Json::String(check.query.clone()));
            let (query, _) = draft.upsert("CoreGraphQLQuery", None, query)?;
            let parameters = Value::Json(json!(check.parameters));
            let group = |name: &String| PeerInput::hfid(vec![name.clone()]);
            let mut input = Input::default()
                .json("name", name)
                .attr("parameters", AttrInput::value(parameters))
                .json("required", Json::Bool(!check.advisory))
                .rel("query", vec![PeerInput::id(query)])
                .rel("targets", check.targets.iter().map(group).collect());
            for (name, value) in
                [("description", &check.description), ("component", &check.component)]
            {
                if let Some(value) = value {
                    input = input.json(name, Json::String(value.clone()));
                }
            }
            (id, _) = draft.upsert(CheckDefinition::KIND, None, input)?;
            Ok(())
        })?;
        Ok(id)
    }

    /// All checks of the branch, by name, with what is missing.
    pub fn checks(&self) -> Result<Json, ServiceError> {
        let view = self.view()?;
        let mut all = Vec::new();
        for (object, read) in CheckDefinition::all(&view)? {
            let (targets, problem) = match &read {
                Ok(check) if check.component.is_none() => {
                    (0, Some("it has no component; upload one".to_owned()))
                }
                Ok(check) => (check.targets(&view)?.len(), None),
                Err(problem) => (0, Some(problem.to_string())),
            };
            all.push(json!({
                "id": object.id().to_string(), "name": object.value("name").to_json(),
                "component": object.value("component").to_json(), "targets": targets,
                "required": object.value("required") != Value::Bool(false), "problem": problem,
            }));
        }
        Ok(json!({"checks": all}))
    }

    /// Runs a check by hand, for one target or for all; nothing is recorded.
    pub fn check_run(&self, name: &str, target: Option<&str>) -> Result<Json, ServiceError> {
        let view = self.view()?;
        self.may_run(&view, engine::Mode::Plan)?;
        let check = CheckDefinition::find(&view, name).map_err(engine::RunError::from)?;
        let mut results = Vec::new();
        for id in check.targets(&view)? {
            let shown = id.map(|id| label(&view, id)).transpose()?;
            let named = |wanted: &str| {
                shown.as_deref() == Some(wanted) || id.is_some_and(|id| id.to_string() == wanted)
            };
            if target.is_none_or(named) {
                let result = self.engine.check(self.branch, name, id, &Cancel::new())?;
                results.push(check_told(&result, shown.as_deref()));
            }
        }
        if results.is_empty()
            && let Some(target) = target
        {
            return Err(ServiceError::NotFound { what: "target", name: target.to_owned() });
        }
        let ok = results.iter().all(|one| one["conclusion"] == "success");
        Ok(json!({"check": check.name, "required": check.required, "ok": ok, "results": results}))
    }
}

/// A result for people and programs.
pub(crate) fn check_told(result: &CheckResult, target: Option<&str>) -> Json {
    let findings: Vec<Json> = result
        .findings
        .iter()
        .map(|finding| {
            json!({
                "severity": finding.severity.word(), "message": finding.message,
                "path": finding.path, "object": finding.object,
            })
        })
        .collect();
    json!({
        "target": target, "as_of": result.as_of.0,
        "conclusion": if result.failed() { "failure" } else { "success" },
        "severity": severity(result), "findings": findings, "failure": result.failure,
        "log": result.log,
    })
}

/// The public word for the weight of a whole result.
pub(crate) fn severity(result: &CheckResult) -> &'static str {
    match (&result.failure, result.worst()) {
        (Some(_), _) => "critical",
        (None, None) => "success",
        (None, Some(worst)) => Severity::word(worst),
    }
}
