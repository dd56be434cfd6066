//! Checks: components that say what is wrong with what a branch would change.
//!
//! A check reads one state of a branch, through its query and documents of its own, and makes nothing.
//! One that traps, loops or returns an error has failed, with the same report as a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use branch::{BranchError, Object, View};
use graphql::{Dialect, Request};
use model::{BranchId, Digest, ObjectId, Seq, Value};
use sandbox::api::{
    Code, Draft, Field, Finding, Grant, GuestError, Link, LogLevel, PoolRequest, RunInfo, Saved,
    Scalar, Severity, Target, World,
};
use sandbox::{Cancel, GuestHost};
use serde_json::{Map, Value as Json};

use crate::context::{error, fields_of};
use crate::definition::{DefinitionError, follow_all, parameters};
use crate::limits::{CHECK_LOG_LINES_MAX, LOG_LINE_BYTES_MAX};
use crate::report::{Level, LogLine, RunOutcome};
use crate::run::{Engine, RunError, bad_query, failed};

/// A check definition, complete and ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckDefinition {
    /// Its object.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// The component, if one was uploaded.
    pub component: Option<Digest>,
    /// Text of the query.
    pub query: String,
    /// Variable of the query → path on the target; without targets the value itself.
    pub parameters: BTreeMap<String, String>,
    /// Each member is checked by itself; without a group there is one check of the branch.
    pub group: Option<ObjectId>,
    /// Whether a failure stands in the way of merging.
    pub required: bool,
}

/// An object that defines a check, and what it says, or what is missing.
pub type Defined = (Object, Result<CheckDefinition, DefinitionError>);

impl CheckDefinition {
    /// The kind of the objects that define checks.
    pub const KIND: &str = "CoreCheckDefinition";

    /// All check definitions of the branch, by name; incomplete ones with what is missing.
    pub fn all(view: &View) -> Result<Vec<Defined>, BranchError> {
        let Some(kind) = view.schema().kind(Self::KIND) else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for object in view.objects(kind)? {
            let object = object?;
            let read = Self::read(view, &object);
            all.push((object, read));
        }
        all.sort_by_key(|(object, _)| object.value("name").to_string());
        Ok(all)
    }

    /// The check definition with this name or id.
    pub fn find(view: &View, name: &str) -> Result<Self, DefinitionError> {
        let unknown = || DefinitionError::UnknownCheck(name.to_owned());
        let kind = view.schema().kind(Self::KIND).ok_or_else(unknown)?;
        let object = match name.parse::<ObjectId>() {
            Ok(id) => view.object(id)?.filter(|object| object.kind().name == kind.name),
            Err(_not_an_id) => view.by_hfid(kind, &[name.to_owned()])?,
        };
        Self::read(view, &object.ok_or_else(unknown)?)
    }

    /// Reads a definition from its object.
    pub fn read(view: &View, object: &Object) -> Result<Self, DefinitionError> {
        let name = object.value("name").to_string();
        let incomplete =
            |what: &str| DefinitionError::Incomplete { name: name.clone(), what: what.to_owned() };
        let query = view
            .one(object, "query")?
            .and_then(|query| query.value("query").as_text().map(str::to_owned))
            .ok_or_else(|| incomplete("it has no query; set `query`"))?;
        let component = match object.value("component").as_text() {
            Some(digest) => Some(digest.parse().map_err(|_bad| {
                incomplete("`component` is not the digest of an uploaded component")
            })?),
            None => None,
        };
        Ok(Self {
            id: object.id(),
            component,
            query,
            parameters: parameters(&object.value("parameters"))
                .ok_or_else(|| incomplete("`parameters` must map variables to texts"))?,
            group: view.one(object, "targets")?.map(|group| group.id()),
            required: object.value("required") != Value::Bool(false),
            name,
        })
    }

    /// What is checked: each member of the group, in the order of their ids, or once for all.
    pub fn targets(&self, view: &View) -> Result<Vec<Option<ObjectId>>, BranchError> {
        let Some(group) = self.group else { return Ok(vec![None]) };
        let Some(group) = view.object(group)? else { return Ok(Vec::new()) };
        let Some(rel) = group.kind().relationship("members") else { return Ok(Vec::new()) };
        Ok(view.peers(group.id(), rel)?.into_iter().map(|edge| Some(edge.peer)).collect())
    }
}

/// What came of one check.
#[derive(Debug, Clone)]
pub struct CheckResult {
    /// The target; none where the branch as a whole was checked.
    pub target: Option<ObjectId>,
    /// What was found, by weight as the guest gave it.
    pub findings: Vec<Finding>,
    /// Why the check could not be made, if it could not.
    pub failure: Option<RunOutcome>,
    /// The newest commit of the state that was checked.
    pub as_of: Seq,
    /// Log lines.
    pub log: Vec<LogLine>,
}

impl CheckResult {
    /// Whether the check failed: it could not be made, or found an error.
    pub fn failed(&self) -> bool {
        self.failure.is_some() || self.worst().is_some_and(Severity::fails)
    }

    /// The weight of the heaviest finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

impl Engine {
    /// Runs a check on the newest state of a branch, for one target or for the branch as a whole.
    pub fn check(
        &self,
        branch: BranchId,
        definition: &str,
        target: Option<ObjectId>,
        cancel: &Cancel,
    ) -> Result<CheckResult, RunError> {
        let view = self.shared.database.view(branch)?;
        let definition = CheckDefinition::find(&view, definition)?;
        let variables = match target {
            None => {
                let fixed = definition.parameters.clone().into_iter();
                fixed.map(|(name, value)| (name, Json::String(value))).collect()
            }
            Some(id) => {
                let object = view.object(id)?.ok_or(RunError::NoTarget { target: id })?;
                follow_all(&view, &object, &definition.name, &definition.parameters)?
            }
        };
        let component =
            self.component_of(&view, &definition.name, definition.component, World::Check)?;
        let request = Request {
            query: definition.query.clone(),
            operation_name: None,
            variables: variables.clone(),
        };
        let as_of = view.seq();
        let answer = match self.shared.dialect.data(&view, &request) {
            Ok(answer) => String::from_utf8(answer).unwrap_or_default(),
            Err(errors) => {
                let failure = Some(bad_query(&errors));
                let (findings, log) = (Vec::new(), Vec::new());
                return Ok(CheckResult { target, findings, failure, as_of, log });
            }
        };
        let info = self.check_info(&view, &definition, target)?;
        let dialect = Arc::clone(&self.shared.dialect);
        let host = CheckHost { view, info, variables, dialect, log: Vec::new() };
        let limits = &self.shared.options.limits;
        let (host, report, findings) = component.check(host, &answer, limits, cancel);
        let (failure, log) = (failed(&report), host.log);
        Ok(CheckResult { target, findings, failure, as_of, log })
    }

    fn check_info(
        &self,
        view: &View,
        definition: &CheckDefinition,
        target: Option<ObjectId>,
    ) -> Result<RunInfo, RunError> {
        let environment = self.shared.database.environment();
        let kind = match target {
            Some(id) => view.kind_of(id)?.map(|kind| kind.name.clone()),
            None => None,
        };
        let about = target.unwrap_or(definition.id);
        Ok(RunInfo {
            run_id: environment.ids.next_id(environment.clock.now()).to_string(),
            instance_id: crate::identity::instance_id(definition.id, about).to_string(),
            definition: definition.name.clone(),
            branch: view.branch_name().to_owned(),
            target: target.map(|id| id.to_string()).unwrap_or_default(),
            target_kind: kind.unwrap_or_default(),
            as_of: view.committed_at(view.seq())?.to_string(),
            seed: crate::identity::seed(definition.id, about),
            dry_run: true,
        })
    }
}

/// What a check can reach: one state, and nothing to change it with.
struct CheckHost {
    view: View,
    info: RunInfo,
    variables: Map<String, Json>,
    dialect: Arc<Dialect>,
    log: Vec<LogLine>,
}

/// The world of checks imports no verb that makes anything: the upload check sees to it.
fn denied<T>() -> Result<T, GuestError> {
    Err(error(Code::Denied, "read-only", "a check looks, and makes nothing"))
}

impl GuestHost for CheckHost {
    fn current(&mut self) -> RunInfo {
        self.info.clone()
    }

    fn parameters(&mut self) -> Vec<Field> {
        fields_of(&self.variables)
    }

    fn log(&mut self, level: LogLevel, message: &str, fields: Vec<(String, String)>) {
        if self.log.len() < CHECK_LOG_LINES_MAX {
            let cut = message.floor_char_boundary(LOG_LINE_BYTES_MAX);
            let message = message.get(..cut).unwrap_or_default().to_owned();
            self.log.push(LogLine { level: Level::from(level), message, fields });
        }
    }

    fn panicked(&mut self, message: &str, location: &str) {
        let message = format!("panicked at {location}: {message}");
        GuestHost::log(self, LogLevel::Error, &message, Vec::new());
    }

    fn document(&mut self, text: &str, variables: &str) -> Result<String, GuestError> {
        let variables = if variables.trim().is_empty() { "{}" } else { variables };
        let variables = serde_json::from_str(variables).map_err(|bad| {
            let message = format!("the variables must be a JSON object: {bad}");
            error(Code::InvalidArgument, "bad-json", message)
        })?;
        let request = Request { query: text.to_owned(), operation_name: None, variables };
        match self.dialect.data(&self.view, &request) {
            Ok(data) => String::from_utf8(data)
                .map_err(|_bad| error(Code::Internal, "internal", "the answer is not UTF-8")),
            Err(errors) => {
                let messages: Vec<String> =
                    errors.iter().map(|error| error.message.clone()).collect();
                Err(error(Code::InvalidArgument, "bad-query", messages.join("; ")))
            }
        }
    }

    fn create(&mut self, _draft: Draft) -> Result<Saved, GuestError> {
        denied()
    }

    fn create_many(&mut self, _drafts: Vec<Draft>) -> Result<Vec<Saved>, (u32, GuestError)> {
        denied().map_err(|error| (0, error))
    }

    fn set(&mut self, _: Target, _: Vec<Field>, _: Vec<Link>) -> Result<Saved, GuestError> {
        denied()
    }

    fn keep(&mut self, _key: &str) -> Result<String, GuestError> {
        denied()
    }

    fn find(&mut self, _what: Target) -> Result<String, GuestError> {
        denied()
    }

    fn read(&mut self, _what: Target, _names: Vec<String>) -> Result<Vec<Field>, GuestError> {
        denied()
    }

    fn peers(&mut self, _what: Target, _relationship: &str) -> Result<Vec<String>, GuestError> {
        denied()
    }

    fn allocate(&mut self, _request: PoolRequest) -> Result<Grant, GuestError> {
        denied()
    }

    fn peek(&mut self, _request: PoolRequest) -> Result<Scalar, GuestError> {
        denied()
    }
}
