//! What follows a merge on main: instances whose targets went end, and those that the merge concerns run,
//! round by round, as some may look at what others made. Done after a merge, and looked ahead to before
//! one: the same steps over a draft that is never committed.

use std::collections::{BTreeMap, BTreeSet};

use branch::{ChangeSet, Draft, Touched, View};
use engine::{
    Ahead, Definition, Impact, Mode, Retired, RunError, RunOutcome, RunResult, Tells, Verdict,
};
use model::{ObjectId, Seq};
use serde_json::{Value as Json, json};

use crate::history::label;
use crate::limits::{GENERATOR_ROUNDS_MAX, PREVIEW_RUNS_MAX};
use crate::{Service, ServiceError};

/// Where the steps are made.
enum Line {
    /// On main.
    Main,
    /// In a draft of main as it would be.
    Ahead(Box<Draft>),
}

/// The steps that follow a merge.
pub(super) struct Aftermath<'s> {
    /// On main.
    service: &'s Service,
    line: Line,
    /// What the runs are told to be for.
    cause: String,
    /// What was changed so far.
    touched: Touched,
    /// The number of the newest step.
    newest: Seq,
    /// What steps are called.
    names: BTreeMap<Seq, String>,
    /// After which step an instance ran.
    ran: BTreeMap<(ObjectId, ObjectId), Seq>,
    failed: BTreeSet<(ObjectId, ObjectId)>,
    /// Runs that may still be made.
    left: usize,
    told: Vec<Json>,
}

/// What followed.
pub(super) struct Followed {
    /// Each run, in order.
    pub(super) runs: Vec<Json>,
    /// Nothing was left to run.
    pub(super) complete: bool,
}

/// An instance that has to run.
struct Due {
    definition: Definition,
    target: ObjectId,
    why: String,
}

impl<'s> Aftermath<'s> {
    /// Of a merge that was made, by what it changed.
    pub(super) fn of_merge(service: &'s Service, cause: String, touched: Touched) -> Self {
        let newest = touched.newest().max(service.database.last_seq());
        Self {
            service,
            line: Line::Main,
            cause,
            touched,
            newest,
            names: BTreeMap::new(),
            ran: BTreeMap::new(),
            failed: BTreeSet::new(),
            left: usize::MAX,
            told: Vec::new(),
        }
    }

    /// Of a merge that is in a draft.
    fn ahead(service: &'s Service, cause: String, touched: Touched, draft: Draft) -> Self {
        let made = Self::of_merge(service, cause, touched);
        Self { line: Line::Ahead(Box::new(draft)), left: PREVIEW_RUNS_MAX, ..made }
    }

    /// Runs what has to run until nothing is left.
    pub(super) fn follow(mut self) -> Result<Followed, ServiceError> {
        let mut complete = false;
        'rounds: for _round in 0..=GENERATOR_ROUNDS_MAX {
            let due = self.due()?;
            complete = due.is_empty();
            if complete {
                break;
            }
            for one in due {
                let Some(left) = self.left.checked_sub(1) else { break 'rounds };
                self.left = left;
                self.run(one)?;
            }
        }
        Ok(Followed { runs: self.told, complete })
    }

    /// Takes in what the end of instances changed.
    pub(super) fn ended(&mut self, touched: &Touched) {
        let seq = self.step("the end of what a target left behind".to_owned());
        self.touched.extend(touched, seq);
    }

    fn step(&mut self, name: String) -> Seq {
        self.newest = Seq(self.newest.0 + 1);
        self.names.insert(self.newest, name);
        self.newest
    }

    fn view<T>(
        &self,
        look: impl FnOnce(&View) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        match &self.line {
            Line::Main => look(&self.service.view()?),
            Line::Ahead(draft) => draft.looking(|| look(draft.view())),
        }
    }

    /// The instances that have to run now, with why: of definitions that ask for it.
    fn due(&self) -> Result<Vec<Due>, ServiceError> {
        self.view(|view| {
            let impact = Impact::new(&self.service.engine, view, &self.touched)?
                .asking(self.ran.keys().copied())
                .calling(self.names.clone());
            let mut due = Vec::new();
            for definition in Definition::all(view)?.into_iter().flatten() {
                if !definition.after_merge || definition.component.is_none() {
                    continue;
                }
                for target in impact.targets(&definition)? {
                    let place = (definition.id, target);
                    if self.failed.contains(&place) {
                        continue;
                    }
                    let since = self.ran.get(&place).copied().unwrap_or_default();
                    if let Verdict::Run(why) = impact.decide(&definition, target, since)? {
                        due.push(Due { definition: definition.clone(), target, why });
                    }
                }
            }
            Ok(due)
        })
    }

    fn run(&mut self, due: Due) -> Result<(), ServiceError> {
        let Due { definition, target, why } = due;
        let shown = self.view(|view| Ok(label(view, target)?))?;
        let done = self.made(&definition, target, &why)?;
        let place = (definition.id, target);
        let (outcome, changes) = match done {
            Ok(run) => {
                if run.failed() {
                    self.failed.insert(place);
                }
                if let Some(touched) = &run.touched
                    && !run.changes.is_empty()
                {
                    let name = format!("the run of {} for {shown}", definition.name);
                    let seq = self.step(name);
                    self.touched.extend(touched, seq);
                }
                (told(&run.record.outcome), run.changes.to_json())
            }
            Err(error) => {
                self.failed.insert(place);
                let failed = json!({"code": error.code(), "message": error.to_string()});
                (json!({"Failed": failed}), Json::Null)
            }
        };
        // What it wrote itself is no reason to run again.
        self.ran.insert(place, self.newest);
        self.told.push(json!({
            "definition": definition.name, "target": shown, "reason": why, "outcome": outcome,
            "changes": changes,
        }));
        Ok(())
    }

    fn made(
        &mut self,
        definition: &Definition,
        target: ObjectId,
        why: &str,
    ) -> Result<Result<RunResult, RunError>, ServiceError> {
        let cause = format!("{}: {why}", self.cause);
        let mode = match &self.line {
            Line::Main => Mode::Apply,
            Line::Ahead(_) => Mode::Plan,
        };
        let mut request = self.service.request(&definition.name, target, mode, &cause);
        request.tells = Tells::Reach;
        match std::mem::replace(&mut self.line, Line::Main) {
            Line::Main => Ok(self.service.engine.run(&request)),
            Line::Ahead(draft) => {
                let Ahead { draft, done } = self.service.engine.run_ahead(*draft, &request)?;
                self.line = Line::Ahead(Box::new(draft));
                Ok(done)
            }
        }
    }
}

/// How a run ended; the report of one that failed is in its record.
fn told(outcome: &RunOutcome) -> Json {
    let mut told = json!(outcome);
    if let Some(failed) = told.get_mut("Failed").and_then(Json::as_object_mut) {
        failed.remove("report");
    }
    told
}

impl Service {
    /// What main would get by merging a branch now: the merge itself, what ends with it, and what
    /// generators on main would make of it; with what stands in the way. Nothing is kept of it.
    ///
    /// Costs what the merge and those runs do.
    pub fn branch_preview(&self, name: &str) -> Result<Json, ServiceError> {
        self.may_look()?;
        // What the runs read does not depend on who asks.
        let main = self.on_main().whole();
        main.may_run(&main.view()?, Mode::Plan)?;
        let author = main.caller.author();
        let branch = main.database.view(main.database.branch(name)?)?;
        let (touched, targets) = (branch.touched()?, crate::merge::targets_of(&branch)?);
        drop(branch);
        let (check, draft) = main.database.branch_merge_ahead(name, author)?;
        let mut answer = self.on_main().validated(name, &check)?;
        let Some(draft) = draft else {
            answer["ended"] = Json::Null;
            answer["after"] = Json::Null;
            answer["complete"] = json!(false);
            return Ok(answer);
        };
        let mut ended = main.ended_in(draft.view(), &check.changes)?;
        ended.extend(main.held_for(draft.view(), &targets)?);
        let cause = format!("preview of the merge of {name}");
        let mut aftermath = Aftermath::ahead(&main, cause, touched, draft);
        let mut gone = ChangeSet::default();
        for (instance, definition) in ended {
            let Line::Ahead(draft) = std::mem::replace(&mut aftermath.line, Line::Main) else {
                break;
            };
            let Ahead { draft, done } = main.engine.retire_ahead(*draft, instance, &definition);
            aftermath.line = Line::Ahead(Box::new(draft));
            let Retired { changes, touched, .. } = done?;
            aftermath.ended(&touched);
            gone.changes.extend(changes.changes);
        }
        let followed = aftermath.follow()?;
        answer["ended"] = gone.to_json();
        answer["after"] = Json::Array(followed.runs);
        answer["complete"] = json!(followed.complete);
        Ok(answer)
    }

    /// The same of the branch of a proposed change, with what its checks say of merging it.
    pub fn change_preview(&self, name: &str) -> Result<Json, ServiceError> {
        let main = self.on_main();
        let change = main.must_be_open(name)?;
        let mut answer = main.branch_preview(&change.source)?;
        answer["change"] = json!(change.id.to_string());
        answer["blockers"] = json!(main.blockers(&main.view()?, &change)?);
        Ok(answer)
    }
}
