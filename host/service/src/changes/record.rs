//! What checks said, as objects of the change.

use std::collections::{BTreeMap, BTreeSet};

use branch::{AttrInput, Author, Cause, CommitFailure, Draft, Input, PeerInput};
use model::{ObjectId, Value};
use serde_json::{Value as Json, json};

use crate::changes::{CheckKind, Standing, peers};
use crate::limits::CHECKS_MAX;
use crate::{Service, ServiceError};

/// How often a record is written again when somebody wrote to the change in the meantime.
const ATTEMPTS: usize = 16;

/// How far a validator is, in the public words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its turn has not come.
    Queued,
    /// It runs.
    Running,
    /// What it says holds.
    Completed,
}

impl Progress {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "in_progress",
            Self::Completed => "completed",
        }
    }
}

/// What one validator says.
#[derive(Debug, Clone)]
pub(super) struct ValidatorRecord {
    pub(super) kind: &'static str,
    pub(super) progress: Progress,
    pub(super) label: String,
    pub(super) required: bool,
    pub(super) message: String,
    pub(super) standing: Standing,
    /// The relationship to what it is about, and that.
    pub(super) definition: Option<(&'static str, ObjectId)>,
    pub(super) checks: Vec<CheckRecord>,
    /// Checks of earlier passes stay, of these instances; without it they are replaced.
    pub(super) keep_checks_of: Option<BTreeSet<String>>,
}

/// What one check says.
#[derive(Debug, Clone)]
pub(super) struct CheckRecord {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) check_kind: &'static str,
    pub(super) message: String,
    pub(super) success: bool,
    pub(super) severity: &'static str,
    pub(super) path: Option<String>,
    pub(super) object: Option<String>,
    /// Attributes of its own kind.
    pub(super) more: Vec<(&'static str, Json)>,
}

impl ValidatorRecord {
    pub(super) fn new(
        kind: &'static str,
        label: String,
        required: bool,
        standing: Standing,
    ) -> Self {
        Self {
            kind,
            progress: Progress::Completed,
            label,
            required,
            message: String::new(),
            standing,
            definition: None,
            checks: Vec::new(),
            keep_checks_of: None,
        }
    }

    /// Says in words what came of it.
    pub(super) fn conclude(&mut self) {
        let failed: Vec<&CheckRecord> = self.checks.iter().filter(|one| !one.success).collect();
        self.message = match failed.as_slice() {
            [] => "nothing stands in the way".to_owned(),
            [only] => only.message.clone(),
            [first, rest @ ..] => format!("{}; and {} more", first.message, rest.len()),
        };
    }
}

impl CheckRecord {
    fn input(&self, now: model::Timestamp) -> Input {
        let conclusion = if self.success { "success" } else { "failure" };
        let mut input = Input::default()
            .json("name", json!(self.name))
            .json("label", json!(self.label))
            .json("origin", json!("kiln"))
            .json("kind", json!(self.check_kind))
            .json("message", json!(self.message))
            .json("conclusion", json!(conclusion))
            .json("severity", json!(self.severity))
            .json("path", json!(self.path))
            .json("object", json!(self.object))
            .attr("created_at", AttrInput::by_host(Value::Time(now)));
        for (name, value) in &self.more {
            input = input.json(name, value.clone());
        }
        input
    }

    fn instance(&self) -> Option<&str> {
        let (_, id) = self.more.iter().find(|(name, _)| *name == "instance")?;
        id.as_str()
    }
}

impl Service {
    /// Writes what validators of some sorts say, or how far they are, to the objects of a change, in one
    /// commit; validators of these sorts that are no more go. It is the host's doing: whoever may ask for
    /// checks need not have the right to write their outcome.
    pub(super) fn record(
        &self,
        change: ObjectId,
        kinds: &[CheckKind],
        records: &[ValidatorRecord],
    ) -> Result<(), ServiceError> {
        self.by_host(change, |draft| {
            let mut known = BTreeMap::new();
            for validator in peers(draft, change, "validations")? {
                let label = validator.value("label").to_string();
                known.insert((validator.kind().name.clone(), label), validator.id());
            }
            for record in records {
                let there = known.remove(&(record.kind.to_owned(), record.label.clone()));
                match record.progress {
                    Progress::Completed => write(draft, change, record, there)?,
                    _ => write_progress(draft, change, record, there)?,
                }
            }
            known.retain(|(kind, _), _| kinds.iter().any(|of| of.validator() == kind));
            let gone: Vec<ObjectId> = known.into_values().collect();
            Ok(draft.delete(&gone).map(|_gone| ())?)
        })
    }

    /// Says how far a validator is that runs.
    pub(super) fn note_progress(
        &self,
        change: ObjectId,
        label: &str,
        message: &str,
    ) -> Result<(), ServiceError> {
        self.by_host(change, |draft| {
            for validator in peers(draft, change, "validations")? {
                if validator.value("label").as_text() == Some(label) {
                    draft
                        .update(validator.id(), Input::default().json("message", json!(message)))?;
                }
            }
            Ok(())
        })
    }

    /// Says of validators that were to run why they could not.
    pub(super) fn note_failed(
        &self,
        change: ObjectId,
        kinds: &[CheckKind],
        why: &ServiceError,
    ) -> Result<(), ServiceError> {
        let message = format!("the check could not be made: {}: {why}", why.code());
        self.by_host(change, |draft| {
            for validator in peers(draft, change, "validations")? {
                let asked = kinds.iter().any(|of| of.validator() == validator.kind().name);
                let state = validator.value("state");
                if !asked || state.as_text() == Some(Progress::Completed.word()) {
                    continue;
                }
                let input = Input::default()
                    .json("state", json!(Progress::Completed.word()))
                    .json("conclusion", json!("failure"))
                    .json("message", json!(message));
                draft.update(validator.id(), input)?;
            }
            Ok(())
        })
    }

    /// The state of a change, set by the host.
    pub(super) fn set_state(&self, change: ObjectId, state: &str) -> Result<(), ServiceError> {
        self.by_host(change, |draft| {
            draft.update(change, Input::default().json("state", json!(state)))?;
            Ok(())
        })
    }

    /// The source of a change, set by the host: its branch has another name by now.
    pub(super) fn set_source(&self, change: ObjectId, source: &str) -> Result<(), ServiceError> {
        self.by_host(change, |draft| {
            draft.update(change, Input::default().json("source_branch", json!(source)))?;
            Ok(())
        })
    }

    fn by_host(
        &self,
        change: ObjectId,
        mut make: impl FnMut(&mut Draft) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut draft = self.database.draft(self.branch, Author(ObjectId::SYSTEM))?;
            make(&mut draft)?;
            match self.database.commit(draft, Cause::Checks { change: change.0 }) {
                Ok(_) => return Ok(()),
                Err(CommitFailure::Conflict { .. }) if attempt < ATTEMPTS => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
}

/// Notes that a validator waits, or runs. The checks of its last pass stay until there are others.
fn write_progress(
    draft: &mut Draft,
    change: ObjectId,
    record: &ValidatorRecord,
    there: Option<ObjectId>,
) -> Result<(), ServiceError> {
    let message = match record.progress {
        Progress::Queued => "it waits for its turn",
        _ => "it runs",
    };
    let mut input = Input::default()
        .json("label", json!(record.label))
        .json("state", json!(record.progress.word()))
        .json("required", json!(record.required))
        .json("conclusion", json!("unknown"))
        .json("message", json!(message));
    if record.progress == Progress::Running {
        input = input.attr("started_at", AttrInput::by_host(Value::Time(draft.now())));
    }
    place(draft, change, record, there, input).map(|_validator| ())
}

/// The validator of a record with these values, made where there is none.
fn place(
    draft: &mut Draft,
    change: ObjectId,
    record: &ValidatorRecord,
    there: Option<ObjectId>,
    input: Input,
) -> Result<ObjectId, ServiceError> {
    match there {
        Some(id) => {
            draft.update(id, input)?;
            Ok(id)
        }
        None => {
            let input = input.rel("proposed_change", vec![PeerInput::id(change)]);
            Ok(draft.create(record.kind, None, input)?)
        }
    }
}

fn write(
    draft: &mut Draft,
    change: ObjectId,
    record: &ValidatorRecord,
    there: Option<ObjectId>,
) -> Result<(), ServiceError> {
    let mut input = Input::default()
        .json("label", json!(record.label))
        .json("state", json!(record.progress.word()))
        .json("required", json!(record.required))
        .json("branch_commit", json!(record.standing.newest.0))
        .json("main_commit", json!(record.standing.fork.0))
        .attr("completed_at", AttrInput::by_host(Value::Time(draft.now())));
    if let Some((relationship, definition)) = record.definition
        && draft.kind_of(definition)?.is_some()
    {
        // One that is on the branch alone cannot be linked to from here.
        input = input.rel(relationship, vec![PeerInput::id(definition)]);
    }
    let validator = place(draft, change, record, there, input)?;
    let failed = write_checks(draft, validator, record)?;
    let mut message = record.message.clone();
    if record.keep_checks_of.is_some() && failed > 0 {
        message = format!("{failed} failed; {message}");
    }
    let conclusion = if failed > 0 { "failure" } else { "success" };
    let input =
        Input::default().json("message", json!(message)).json("conclusion", json!(conclusion));
    draft.update(validator, input)?;
    Ok(())
}

/// Writes the checks of a validator; how many of all it has failed.
fn write_checks(
    draft: &mut Draft,
    validator: ObjectId,
    record: &ValidatorRecord,
) -> Result<usize, ServiceError> {
    let mut failed = record.checks.iter().filter(|check| !check.success).count();
    let written: BTreeSet<&str> = record.checks.iter().filter_map(CheckRecord::instance).collect();
    let mut gone = Vec::new();
    let mut known: BTreeMap<String, ObjectId> = BTreeMap::new();
    for check in peers(draft, validator, "checks")? {
        let instance = check.value("instance").as_text().map(str::to_owned);
        match (&record.keep_checks_of, instance) {
            (Some(members), Some(instance)) if members.contains(&instance) => {
                let stays = !written.contains(instance.as_str());
                failed +=
                    usize::from(stays && check.value("conclusion").as_text() == Some("failure"));
                known.insert(instance, check.id());
            }
            _ => gone.push(check.id()),
        }
    }
    draft.delete(&gone)?;
    for check in record.checks.iter().take(CHECKS_MAX) {
        let input = check.input(draft.now());
        match check.instance().and_then(|instance| known.get(instance)) {
            Some(id) => {
                draft.update(*id, input)?;
            }
            None => {
                let input = input.rel("validator", vec![PeerInput::id(validator)]);
                draft.create(check.kind, None, input)?;
            }
        }
    }
    Ok(failed)
}
