//! The checks of a proposed change: what its branch concerns runs there, checks of users look at the
//! outcome, and the merge is tried.

use std::collections::{BTreeMap, BTreeSet};

use branch::{BranchError, Conflict, ConflictKind, View};
use engine::{
    CheckDefinition, CheckResult, Definition, Impact, Instance, Mode, RunOutcome, Verdict,
};
use model::{ObjectId, Seq, Value};
use sandbox::Cancel;
use serde_json::{Value as Json, json};

use crate::changes::queue::Begun;
use crate::changes::record::{CheckRecord, Progress, ValidatorRecord};
use crate::changes::verbs::is_failed;
use crate::changes::{Proposed, Standing, peers, refused};
use crate::checks::severity;
use crate::history::label;
use crate::limits::GENERATOR_ROUNDS_MAX;
use crate::{Service, ServiceError};

/// Labels of what the merge, tried, says.
const DATA: &str = "Data Integrity";
const SCHEMA: &str = "Schema Integrity";
/// After how many runs it is told how far a pass is.
const TOLD_EVERY: usize = 25;
/// Sorts of checks that are made together, in the order in which they run.
const TOGETHER: [&[CheckKind]; 3] =
    [&[CheckKind::Generator], &[CheckKind::User], &[CheckKind::Data, CheckKind::Schema]];

/// A sort of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckKind {
    /// Conflicts, and rules that main's objects would break.
    Data,
    /// Conflicts of schemas.
    Schema,
    /// Generators that the branch concerns.
    Generator,
    /// Components that users registered as checks.
    User,
}

impl CheckKind {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Generator, Self::User, Self::Data, Self::Schema];

    /// The kind of the validators that tell of them.
    pub(super) fn validator(self) -> &'static str {
        match self {
            Self::Data => "CoreDataValidator",
            Self::Schema => "CoreSchemaValidator",
            Self::Generator => "CoreGeneratorValidator",
            Self::User => "CoreUserValidator",
        }
    }

    /// Reads the public words; of what this host has nothing to check (`ARTIFACT`, `REPOSITORY`,
    /// `TEST`), none.
    pub fn parse(word: &str) -> Option<Vec<Self>> {
        Some(match word.to_uppercase().as_str() {
            "ALL" => Self::ALL.to_vec(),
            "DATA" => vec![Self::Data],
            "SCHEMA" => vec![Self::Schema],
            "GENERATOR" => vec![Self::Generator],
            "USER" => vec![Self::User],
            "ARTIFACT" | "REPOSITORY" | "TEST" => Vec::new(),
            _ => return None,
        })
    }
}

/// What became of one instance in this pass.
struct Ran {
    target: ObjectId,
    check: CheckRecord,
    failed: bool,
}

/// A pass over the generators of a branch.
#[derive(Default)]
struct Pass {
    /// What instances saw when they ran, in this pass or an earlier one.
    known: BTreeMap<ObjectId, Seq>,
    /// The targets of instances that have a check from an earlier pass.
    targets: BTreeMap<ObjectId, ObjectId>,
    ran: BTreeMap<(ObjectId, ObjectId), Ran>,
    /// The last round still found something to run.
    unsettled: bool,
    standing: Option<Standing>,
}

/// An instance that has to run.
struct Due {
    definition: Definition,
    target: ObjectId,
    why: String,
}

impl Service {
    /// Takes a change for checking or merging it; refused while its checks are under way.
    pub(super) fn begin(&self, change: &Proposed) -> Result<Begun<'_>, ServiceError> {
        let source = self.database.branch(&change.source).ok();
        self.dirty.begin(change.id, source).ok_or_else(|| {
            let message = format!(
                "checks of `{}` are under way; wait until they are done: `kiln change show --wait`",
                change.name
            );
            refused("checks-pending", message)
        })
    }

    /// Notes on a change which of its validators wait for their turn.
    pub(super) fn plan_checks(
        &self,
        change: &Proposed,
        kinds: &[CheckKind],
    ) -> Result<(), ServiceError> {
        let planned = self.on(Some(&change.source), None)?.planned(kinds, Progress::Queued)?;
        self.record(change.id, kinds, &planned)
    }

    /// The validators that a branch will have, by what is declared on it.
    fn planned(
        &self,
        kinds: &[CheckKind],
        progress: Progress,
    ) -> Result<Vec<ValidatorRecord>, ServiceError> {
        let view = self.view()?;
        let standing = Standing { newest: Seq(0), fork: Seq(0) };
        let mut planned = Vec::new();
        let mut plan = |kind: CheckKind, label: String, required: bool| {
            let record = ValidatorRecord::new(kind.validator(), label, required, standing);
            planned.push(ValidatorRecord { progress, ..record });
        };
        for kind in kinds {
            match kind {
                CheckKind::Data => plan(*kind, DATA.to_owned(), true),
                CheckKind::Schema => plan(*kind, SCHEMA.to_owned(), true),
                CheckKind::Generator => {
                    for definition in Definition::all(&view)?.into_iter().flatten() {
                        if definition.in_proposed_change && definition.component.is_some() {
                            plan(*kind, generator_label(&definition.name), true);
                        }
                    }
                }
                CheckKind::User => {
                    for (object, read) in CheckDefinition::all(&view)? {
                        if read.is_ok_and(|check| check.component.is_none()) {
                            continue;
                        }
                        let required = object.value("required") != Value::Bool(false);
                        plan(*kind, user_label(&object.value("name").to_string()), required);
                    }
                }
            }
        }
        Ok(planned)
    }

    /// Runs checks of a change and records what they say, one sort after the other.
    pub(super) fn run_checks(
        &self,
        change: ObjectId,
        kinds: &[CheckKind],
    ) -> Result<(), ServiceError> {
        let change = self.proposed(&self.view()?, &change.to_string())?;
        if !change.is_open() {
            let message = format!("`{}` is {}; open it again first", change.name, change.state);
            return Err(refused("change-not-open", message));
        }
        let branch = self.on(Some(&change.source), None)?;
        for together in TOGETHER {
            let wanted: Vec<CheckKind> =
                together.iter().copied().filter(|kind| kinds.contains(kind)).collect();
            let Some(first) = wanted.first() else { continue };
            self.record(change.id, &wanted, &branch.planned(&wanted, Progress::Running)?)?;
            let mut records = match first {
                CheckKind::Generator => branch.generator_checks(&change)?,
                CheckKind::User => branch.user_checks()?,
                CheckKind::Data | CheckKind::Schema => self.merge_checks(&change)?,
            };
            records.retain(|record| wanted.iter().any(|kind| kind.validator() == record.kind));
            self.record(change.id, &wanted, &records)?;
        }
        Ok(())
    }

    /// Runs the instances that the branch concerns, round by round until nothing is left to run, and
    /// tells it by definition.
    fn generator_checks(&self, change: &Proposed) -> Result<Vec<ValidatorRecord>, ServiceError> {
        let mut pass = Pass::default();
        self.known(change, &mut pass)?;
        for _round in 0..=GENERATOR_ROUNDS_MAX {
            let due = self.due(&mut pass)?;
            pass.unsettled = !due.is_empty();
            if due.is_empty() {
                break;
            }
            let all = due.len();
            for (done, one) in due.into_iter().enumerate() {
                if done % TOLD_EVERY == TOLD_EVERY - 1 {
                    let label = generator_label(&one.definition.name);
                    let told = format!("{done} of {all} instances of this round ran");
                    self.on_main().note_progress(change.id, &label, &told)?;
                }
                self.run_due(change, one, &mut pass)?;
            }
        }
        let Some(standing) = pass.standing else { return Ok(Vec::new()) };
        let view = self.view()?;
        let mut records = Vec::new();
        for definition in Definition::all(&view)?.into_iter().flatten() {
            if definition.in_proposed_change && definition.component.is_some() {
                records.push(told(&view, &definition, &pass, standing)?);
            }
        }
        Ok(records)
    }

    /// What instances saw when they ran for this change before.
    fn known(&self, change: &Proposed, pass: &mut Pass) -> Result<(), ServiceError> {
        let main = self.on_main().view()?;
        let fork = self.view()?.fork().unwrap_or_default();
        for validator in peers(&main, change.id, "validations")? {
            for check in peers(&main, validator.id(), "checks")? {
                let number = |name: &str| match check.value(name) {
                    Value::Int(number) => u64::try_from(number).ok().map(Seq),
                    _ => None,
                };
                let id = |name: &str| check.value(name).as_text().and_then(|id| id.parse().ok());
                let Some(instance) = id("instance") else { continue };
                pass.targets.extend(id("object").map(|target| (instance, target)));
                if let Some(as_of) = number("as_of")
                    && number("fork") == Some(fork)
                {
                    pass.known.insert(instance, as_of);
                }
            }
        }
        Ok(())
    }

    /// The instances that have to run now, with why.
    fn due(&self, pass: &mut Pass) -> Result<Vec<Due>, ServiceError> {
        let view = self.view()?;
        let touched = view.touched()?;
        let fork = view.fork().unwrap_or_default();
        pass.standing = Some(Standing { newest: touched.newest(), fork });
        let impact = Impact::new(&self.engine, &view, &touched)?;
        let mut due = Vec::new();
        for definition in Definition::all(&view)?.into_iter().flatten() {
            if !definition.in_proposed_change || definition.component.is_none() {
                continue;
            }
            for target in impact.targets(&definition)? {
                let ran = pass.ran.get(&(definition.id, target));
                if ran.is_some_and(|ran| ran.failed) {
                    continue;
                }
                let instance = engine::instance_id(definition.id, target);
                let verdict = match since(&view, instance, pass.known.get(&instance), fork)? {
                    Some(since) => impact.decide(&definition, target, since)?,
                    None => Verdict::Run("what it looked at on this branch is not known".into()),
                };
                match verdict {
                    Verdict::Run(why) => {
                        due.push(Due { definition: definition.clone(), target, why });
                    }
                    Verdict::Skip(_) => {}
                }
            }
        }
        Ok(due)
    }

    fn run_due(&self, change: &Proposed, due: Due, pass: &mut Pass) -> Result<(), ServiceError> {
        let Due { definition, target, why } = due;
        let standing = pass.standing.unwrap_or(Standing { newest: Seq(0), fork: Seq(0) });
        let cause = format!("proposed change {}: {why}", change.name);
        let request = self.request(&definition.name, target, Mode::Apply, &cause);
        let (outcome, run, seq) = match self.engine.run(&request) {
            Ok(result) => {
                let id = result.record.id().to_string();
                (result.record.outcome.clone(), Some(id), result.seq)
            }
            Err(error) => {
                let failed = RunOutcome::Failed {
                    code: error.code().to_owned(),
                    message: error.to_string(),
                    hint: None,
                    frames: Vec::new(),
                    report: None,
                };
                (failed, None, None)
            }
        };
        let instance = engine::instance_id(definition.id, target);
        // What it wrote itself is no reason to run again.
        let as_of = seq.unwrap_or(standing.newest);
        pass.known.insert(instance, as_of);
        let failed = is_failed(&outcome);
        let name = label(&self.view()?, target)?;
        let (message, severity) = match &outcome {
            RunOutcome::Failed { .. } => {
                (format!("Failed to execute generator: {}", failure_text(&outcome)), "critical")
            }
            RunOutcome::Unchanged => {
                ("Instance successfully generated: nothing was different".to_owned(), "success")
            }
            RunOutcome::Changed { created, updated, deleted } => (
                format!(
                    "Instance successfully generated: {created} created, {updated} updated, \
                     {deleted} deleted"
                ),
                "success",
            ),
        };
        let check = CheckRecord {
            kind: "CoreGeneratorCheck",
            name: name.clone(),
            label: name,
            check_kind: "GeneratorDefinition",
            message,
            success: !failed,
            severity,
            path: None,
            object: Some(target.to_string()),
            more: vec![
                ("instance", json!(instance.to_string())),
                ("run", json!(run)),
                ("reason", json!(why)),
                ("as_of", json!(as_of.0)),
                ("fork", json!(standing.fork.0)),
            ],
        };
        pass.ran.insert((definition.id, target), Ran { target, check, failed });
        Ok(())
    }

    /// The checks that users registered, on the branch as it is.
    fn user_checks(&self) -> Result<Vec<ValidatorRecord>, ServiceError> {
        let view = self.view()?;
        let standing =
            Standing { newest: view.touched()?.newest(), fork: view.fork().unwrap_or_default() };
        let mut records = Vec::new();
        for (object, read) in CheckDefinition::all(&view)? {
            let name = object.value("name").to_string();
            let required = object.value("required") != Value::Bool(false);
            let kind = CheckKind::User.validator();
            let mut record = ValidatorRecord::new(kind, user_label(&name), required, standing);
            record.definition = Some(("check_definition", object.id()));
            match read {
                // Recorded for another host: there is nothing here that could run.
                Ok(check) if check.component.is_none() => continue,
                Ok(check) => {
                    for target in check.targets(&view)? {
                        let shown = target.map(|id| label(&view, id)).transpose()?;
                        let shown = shown.unwrap_or_else(|| name.clone());
                        let done = self.engine.check(self.branch, &name, target, &Cancel::new());
                        record.checks.extend(match done {
                            Ok(result) => found(&shown, &result),
                            Err(error) => vec![not_made(&shown, &error.to_string())],
                        });
                    }
                }
                Err(problem) => record.checks.push(not_made(&name, &problem.to_string())),
            }
            record.conclude();
            records.push(record);
        }
        Ok(records)
    }

    /// The merge, tried: conflicts and broken rules of data, and of the schema.
    fn merge_checks(&self, change: &Proposed) -> Result<Vec<ValidatorRecord>, ServiceError> {
        let view = self.database.view(self.database.branch(&change.source)?)?;
        let newest = view.touched()?.newest();
        drop(view);
        let standing = Standing { newest, fork: self.database.last_seq() };
        let of = |kind, label: &str| ValidatorRecord::new(kind, label.to_owned(), true, standing);
        let mut data = of(CheckKind::Data.validator(), DATA);
        let mut schema = of(CheckKind::Schema.validator(), SCHEMA);
        match self.database.branch_validate(&change.source) {
            Ok(check) => {
                for conflict in &check.conflicts {
                    match conflict.kind {
                        ConflictKind::Schema => {
                            schema.checks.push(of_conflict("CoreSchemaCheck", conflict));
                        }
                        _ => data.checks.push(of_conflict("CoreDataCheck", conflict)),
                    }
                }
                for broken in &check.violations {
                    let mut check = not_made(broken.code(), &broken.to_string());
                    (check.kind, check.check_kind) = ("CoreDataCheck", "DataIntegrity");
                    data.checks.push(check);
                }
            }
            Err(error @ (BranchError::Violation(_) | BranchError::Branch(_))) => {
                let mut check = not_made(error.code(), &error.to_string());
                (check.kind, check.check_kind) = ("CoreSchemaCheck", "SchemaIntegrity");
                schema.checks.push(check);
            }
            Err(other) => return Err(other.into()),
        }
        data.conclude();
        schema.conclude();
        Ok(vec![data, schema])
    }
}

/// The label of what a generator's instances did.
fn generator_label(definition: &str) -> String {
    format!("Generator Validator: {definition}")
}

/// The label of what a check of users found.
fn user_label(check: &str) -> String {
    format!("User Validator: {check}")
}

/// From which commit on changes concern an instance; nothing where what it saw is not known.
fn since(
    view: &View,
    instance: ObjectId,
    known: Option<&Seq>,
    fork: Seq,
) -> Result<Option<Seq>, ServiceError> {
    let own = view.run_input(instance)?.map(|(seq, _)| seq).filter(|seq| *seq > fork);
    if known.is_some() || own.is_some() {
        return Ok(known.copied().max(own));
    }
    // Main's run before the fork saw nothing of the branch. One on the branch that left no note, or
    // one from before a rebase, is not known.
    let ran_here = Instance::get(view, instance)?.is_some();
    Ok((!ran_here).then_some(Seq(0)))
}

/// What a definition's instances did in a pass.
fn told(
    view: &View,
    definition: &Definition,
    pass: &Pass,
    standing: Standing,
) -> Result<ValidatorRecord, ServiceError> {
    let name = generator_label(&definition.name);
    let kind = CheckKind::Generator.validator();
    let mut record = ValidatorRecord::new(kind, name, true, standing);
    record.definition = Some(("definition", definition.id));
    let ran: Vec<&Ran> =
        pass.ran.iter().filter(|((id, _), _)| *id == definition.id).map(|(_, ran)| ran).collect();
    let done = ran.iter().filter(|ran| view.object(ran.target).is_ok_and(|one| one.is_some()));
    let done = done.count();
    record.message = match done {
        0 => "no instance looks at anything that was changed".to_owned(),
        1 => "one instance ran; the others look at nothing that was changed".to_owned(),
        _ => format!("{done} instances ran; the others look at nothing that was changed"),
    };
    let mut kept: BTreeSet<String> = BTreeSet::new();
    for Ran { target, .. } in &ran {
        kept.insert(engine::instance_id(definition.id, *target).to_string());
    }
    // Of earlier passes, where the target is still in the group.
    for (instance, target) in &pass.targets {
        if engine::instance_id(definition.id, *target) == *instance
            && definition.has_target(view, *target)?
        {
            kept.insert(instance.to_string());
        }
    }
    record.checks = ran.into_iter().map(|ran| ran.check.clone()).collect();
    record.keep_checks_of = Some(kept);
    if pass.unsettled {
        let name = definition.name.as_str();
        let why = format!(
            "generators still changed what others look at after {GENERATOR_ROUNDS_MAX} rounds; two may be \
             setting one thing by turns"
        );
        record.checks.push(not_made(name, &why));
    }
    Ok(record)
}

/// Why something failed, for people.
fn failure_text(failure: &RunOutcome) -> String {
    match failure {
        RunOutcome::Failed { code, message, hint, frames, .. } => {
            let hint = hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let frames: String = frames.iter().map(|frame| format!("\n    {frame}")).collect();
            format!("{code}: {message}{hint}{frames}")
        }
        _ => String::new(),
    }
}

/// The checks of one result: one for each finding, or one that says that all is well.
fn found(target: &str, result: &CheckResult) -> Vec<CheckRecord> {
    if let Some(failure) = &result.failure {
        return vec![not_made(target, &failure_text(failure))];
    }
    let one = |message: String, severity: &'static str, success: bool| CheckRecord {
        kind: "CoreStandardCheck",
        name: target.to_owned(),
        label: target.to_owned(),
        check_kind: "CheckDefinition",
        message,
        success,
        severity,
        path: None,
        object: result.target.map(|id| id.to_string()),
        more: Vec::new(),
    };
    if result.findings.is_empty() {
        return vec![one("nothing was found".to_owned(), severity(result), true)];
    }
    result
        .findings
        .iter()
        .map(|finding| {
            let success = !finding.severity.fails();
            let mut check = one(finding.message.clone(), finding.severity.word(), success);
            check.path.clone_from(&finding.path);
            check.object = finding.object.clone().or(check.object);
            check
        })
        .collect()
}

/// A check that could not be made.
fn not_made(name: &str, why: &str) -> CheckRecord {
    CheckRecord {
        kind: "CoreStandardCheck",
        name: name.to_owned(),
        label: name.to_owned(),
        check_kind: "CheckDefinition",
        message: why.to_owned(),
        success: false,
        severity: "critical",
        path: None,
        object: None,
        more: Vec::new(),
    }
}

fn of_conflict(kind: &'static str, conflict: &Conflict) -> CheckRecord {
    let keep = conflict.keep.map(|keep| match keep {
        branch::Keep::Main => "main",
        branch::Keep::Branch => "source",
    });
    let mut more = vec![
        ("conflicts", json!([conflict.to_string()])),
        ("enriched_conflict_id", json!(conflict.id.to_string())),
    ];
    if kind == "CoreDataCheck" {
        more.push(("keep_branch", keep.map_or(Json::Null, |keep| json!(keep))));
    }
    CheckRecord {
        kind,
        name: conflict.id.to_string(),
        label: conflict.label.clone(),
        check_kind: if kind == "CoreDataCheck" { "DataIntegrity" } else { "SchemaIntegrity" },
        message: conflict.to_string(),
        success: !conflict.is_open(),
        severity: if conflict.is_open() { "error" } else { "info" },
        path: Some(conflict.path.clone()),
        object: conflict.object.map(|id| id.to_string()),
        more,
    }
}
