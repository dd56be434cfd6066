//! What a guest can reach: one draft, through the verbs of the WIT and nothing else.
//!
//! Everything the guest makes is noted with what it was before, so that `tracking` can tell what a
//! later run no longer makes.

mod guest;
mod objects;
mod pools;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use branch::{BranchError, Claim, Draft, RunInput, Violation};
use graphql::{Dialect, Request};
use model::{Digest, ObjectId};
use sandbox::api::{Code, Field, FieldValue, GuestError, LogLevel, RunInfo, Scalar};
use serde_json::Value as Json;

use crate::definition::Definition;
use crate::limits::{LOG_LINE_BYTES_MAX, LOG_LINES_MAX};
use crate::report::LogLine;

/// Between kind and key in the name of an object within its instance.
const KEY_MARK: char = '\u{1f}';

/// The name of an object within its instance.
fn full_key(kind: &str, key: &str) -> String {
    let mut full = String::with_capacity(kind.len() + KEY_MARK.len_utf8() + key.len());
    full.push_str(kind);
    full.push(KEY_MARK);
    full.push_str(key);
    full
}

/// One run's world.
#[derive(Debug)]
pub(crate) struct RunContext {
    pub(crate) draft: Draft,
    pub(crate) definition: Arc<Definition>,
    pub(crate) instance: ObjectId,
    pub(crate) target: ObjectId,
    pub(crate) info: RunInfo,
    pub(crate) variables: serde_json::Map<String, Json>,
    dialect: Arc<Dialect>,
    /// What the instance held before this run.
    pub(crate) before: BTreeMap<ObjectId, Claim>,
    /// What it holds now.
    pub(crate) now: BTreeMap<ObjectId, Claim>,
    /// Keys used in this run, with their objects.
    keys: BTreeMap<String, ObjectId>,
    /// Keys of earlier runs.
    old_keys: BTreeMap<String, ObjectId>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) log_dropped: u64,
    /// What was looked at before the guest began.
    input: RunInput,
    /// A failure of ours that the guest saw as `internal`; it decides the run's outcome.
    pub(crate) fault: Option<BranchError>,
}

/// What a context is made of.
pub(crate) struct Start {
    pub(crate) draft: Draft,
    pub(crate) definition: Arc<Definition>,
    pub(crate) instance: ObjectId,
    pub(crate) info: RunInfo,
    pub(crate) target: ObjectId,
    pub(crate) variables: serde_json::Map<String, Json>,
    pub(crate) dialect: Arc<Dialect>,
    pub(crate) input: RunInput,
}

impl RunContext {
    pub(crate) fn new(start: Start) -> Result<Self, BranchError> {
        let before = start.draft.claims_of(start.instance)?;
        let mut old_keys = BTreeMap::new();
        for (id, claim) in before.iter().filter(|(_, claim)| !claim.key.is_empty()) {
            // The kind may be called otherwise by now; the rest of the key stays.
            let key = match (start.draft.kind_of(*id)?, claim.key.split_once(KEY_MARK)) {
                (Some(kind), Some((was, rest))) if !was.is_empty() => full_key(&kind.name, rest),
                _ => claim.key.clone(),
            };
            old_keys.insert(key, *id);
        }
        Ok(Self {
            draft: start.draft,
            definition: start.definition,
            instance: start.instance,
            target: start.target,
            info: start.info,
            variables: start.variables,
            dialect: start.dialect,
            before,
            now: BTreeMap::new(),
            keys: BTreeMap::new(),
            old_keys,
            log: Vec::new(),
            log_dropped: 0,
            input: start.input,
            fault: None,
        })
    }

    /// Does something whole or not at all: a guest may live with an error, and then nothing of
    /// what failed may be left in the draft.
    pub(crate) fn whole<T, E>(
        &mut self,
        verb: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let attempt = self.draft.begin();
        let done = verb(self);
        self.draft.end(attempt, branch::Succeeded::from(&done));
        if done.is_err() {
            let draft = &self.draft;
            let there = |id: &ObjectId| draft.kind_of(*id).is_ok_and(|kind| kind.is_some());
            self.keys.retain(|_, id| there(id));
            self.now.retain(|id, _| there(id));
        }
        done
    }

    /// Answers a document over the draft, this run's own writes included.
    pub(crate) fn answer(
        &mut self,
        text: &str,
        variables: serde_json::Map<String, Json>,
    ) -> Result<String, GuestError> {
        let request = Request { query: text.to_owned(), operation_name: None, variables };
        let view = self.draft.view();
        match view.observing(|| self.dialect.data(view, &request)) {
            Ok(data) => String::from_utf8(data)
                .map_err(|_bad| error(Code::Internal, "internal", "the answer is not UTF-8")),
            Err(errors) => {
                let messages: Vec<String> =
                    errors.iter().map(|error| error.message.clone()).collect();
                Err(error(Code::InvalidArgument, "bad-query", messages.join("; ")))
            }
        }
    }

    pub(crate) fn note(&mut self, level: LogLevel, message: &str, fields: Vec<(String, String)>) {
        if self.log.len() >= LOG_LINES_MAX {
            self.log_dropped += 1;
            return;
        }
        let cut = message.floor_char_boundary(LOG_LINE_BYTES_MAX);
        let message = message.get(..cut).unwrap_or_default().to_owned();
        self.log.push(LogLine { level: crate::report::Level::from(level), message, fields });
    }

    /// Digest of the query's answer and the parameters.
    pub(crate) fn input_digest(&self) -> Option<Digest> {
        (self.input.answer != [0; 32]).then_some(Digest(self.input.answer))
    }

    /// Asks the definition's query once more, now that the output is there; digest of the answer.
    pub(crate) fn answer_again(&mut self) -> Option<Digest> {
        let (query, variables) = (self.definition.query.clone(), self.variables.clone());
        let request = Request { query, operation_name: None, variables };
        let view = self.draft.view();
        self.input.guest.extend(view.take_seen());
        let answer = view.observing(|| self.dialect.data(view, &request));
        self.input.query.extend(view.take_seen());
        Some(crate::run::input_digest(&answer.ok()?, &self.variables))
    }

    /// What the run took as its input, once it is done: nothing of what it makes itself.
    pub(crate) fn run_input(&mut self) -> RunInput {
        self.input.guest.extend(self.draft.take_seen());
        let own = |id: ObjectId| {
            let owns = |claims: &BTreeMap<ObjectId, Claim>| {
                claims.get(&id).is_some_and(|claim| claim.owned)
            };
            owns(&self.now) || owns(&self.before)
        };
        let mut input = self.input.clone();
        // A changed definition or query concerns all its instances.
        input.query.objects.extend([self.definition.id.0, self.definition.query_id.0]);
        input.query.without(own);
        input.guest.without(own);
        input
    }

    /// The other instances that hold something of an object.
    fn others(&self, object: ObjectId) -> Result<BTreeSet<ObjectId>, BranchError> {
        let mut others: BTreeSet<ObjectId> = self.draft.claimants(object)?.into_iter().collect();
        others.remove(&self.instance);
        Ok(others)
    }

    /// A violation goes to the guest; a failure of ours is kept and shown as internal.
    pub(crate) fn told(&mut self, failure: BranchError) -> GuestError {
        match failure {
            BranchError::Violation(violation) => from_violation(&violation),
            other => {
                let shown = error(Code::Internal, "internal", other.to_string());
                self.fault = Some(other);
                shown
            }
        }
    }
}

/// Variables as a guest sees them.
pub(crate) fn fields_of(variables: &serde_json::Map<String, Json>) -> Vec<Field> {
    let scalar = |value: &Json| match value {
        Json::Null => Scalar::Null,
        Json::Bool(yes) => Scalar::Boolean(*yes),
        Json::String(text) => Scalar::Text(text.clone()),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Scalar::Integer(integer),
            None => Scalar::Number(number.as_f64().unwrap_or(0.0)),
        },
        other => Scalar::Json(other.to_string()),
    };
    let field = |(name, value): (&String, &Json)| Field {
        name: name.clone(),
        value: FieldValue::One(scalar(value)),
    };
    variables.iter().map(field).collect()
}

/// An error as the guest sees it.
pub(crate) fn error(code: Code, name: &str, message: impl Into<String>) -> GuestError {
    GuestError {
        code,
        name: name.to_owned(),
        message: message.into(),
        path: None,
        details: Vec::new(),
    }
}

fn from_violation(violation: &Violation) -> GuestError {
    let code = match violation {
        Violation::UnknownKind { .. }
        | Violation::UnknownField { .. }
        | Violation::NotConcrete { .. } => Code::SchemaMismatch,
        Violation::NotFound { .. } => Code::NotFound,
        Violation::NotUnique { .. }
        | Violation::Exists { .. }
        | Violation::StillNeeded { .. }
        | Violation::Ambiguous { .. } => Code::Conflict,
        Violation::Protected { .. } | Violation::ReadOnly { .. } | Violation::DefaultNamespace => {
            Code::Denied
        }
        Violation::Pool { code: "pool-exhausted", .. } => Code::Exhausted,
        Violation::Pool { code: "identifier-conflict", .. } => Code::Conflict,
        Violation::Pool { code: "unknown-pool", .. } => Code::NotFound,
        Violation::Pool { .. }
        | Violation::Required { .. }
        | Violation::BadValue { .. }
        | Violation::WrongType { .. }
        | Violation::WrongPeer { .. }
        | Violation::PeerCount { .. }
        | Violation::NotConvertible { .. }
        | Violation::NotCommon { .. } => Code::InvalidArgument,
    };
    let mut shown = error(code, violation.code(), violation.to_string());
    shown.path = match violation {
        Violation::UnknownField { field, .. }
        | Violation::BadValue { field, .. }
        | Violation::WrongType { field, .. }
        | Violation::Required { field, .. }
        | Violation::ReadOnly { field, .. }
        | Violation::WrongPeer { field, .. } => Some(format!("fields.{field}")),
        _ => None,
    };
    shown
}

/// A guest's scalar as JSON, for the attribute to read.
pub(crate) fn scalar_json(scalar: Scalar) -> Result<Json, GuestError> {
    Ok(match scalar {
        Scalar::Null => Json::Null,
        Scalar::Boolean(yes) => Json::Bool(yes),
        Scalar::Integer(number) => Json::from(number),
        Scalar::Number(number) => serde_json::Number::from_f64(number)
            .map(Json::Number)
            .ok_or_else(|| error(Code::InvalidArgument, "bad-number", "a number must be finite"))?,
        Scalar::Text(text) => Json::String(text),
        Scalar::Json(text) => serde_json::from_str(&text).map_err(|bad| {
            error(Code::InvalidArgument, "bad-json", format!("not valid JSON: {bad}"))
        })?,
    })
}

pub(crate) fn value_json(value: FieldValue) -> Result<Json, GuestError> {
    match value {
        FieldValue::One(scalar) => scalar_json(scalar),
        FieldValue::Many(scalars) => {
            scalars.into_iter().map(scalar_json).collect::<Result<Vec<Json>, _>>().map(Json::Array)
        }
    }
}

/// A stored value as the guest sees it.
pub(crate) fn json_scalar(value: &model::Value) -> Scalar {
    match value {
        model::Value::Null => Scalar::Null,
        model::Value::Bool(yes) => Scalar::Boolean(*yes),
        model::Value::Int(number) => Scalar::Integer(*number),
        model::Value::Json(json) => Scalar::Json(json.to_string()),
        other => Scalar::Text(other.to_string()),
    }
}

pub(crate) fn field(name: &str, value: &model::Value) -> Field {
    Field { name: name.to_owned(), value: FieldValue::One(json_scalar(value)) }
}
