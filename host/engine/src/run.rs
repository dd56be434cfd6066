//! A run, step by step: view, variables, query, guest, tracking, one commit; repeated when what it
//! read has changed in the meantime.

mod ahead;
mod component;
mod crew;
mod gate;
mod request;
mod under_way;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use branch::{
    Author, BranchError, Cause, ChangeSet, CommitFailure, Database, Draft, Prepared, RunInput,
    Unsettled,
};
use graphql::{Dialect, Request};
use model::{BranchId, Digest, ObjectId, Timestamp};
use sandbox::api::{RunInfo, World};
use sandbox::{Limits, RunReport, Sandbox};
use serde_json::Value as Json;

use crate::context::{RunContext, Start};
use crate::definition::Definition;
use crate::identity::{instance_id, seed};
use crate::impact::ReadIndex;
use crate::instance::{self, InstanceState};
use crate::report::{FailureReport, RunOutcome, RunRecord};
use crate::tracking::{self, Refusal};

pub use ahead::Ahead;
pub use component::{ComponentError, ComponentInfo};
use crew::Crew;
use gate::{Gate, Joins, Place};
pub use request::{Mode, Retired, RunError, RunRequest, RunResult, Tells};
pub use under_way::RunUnderWay;
use under_way::UnderWay;

use crate::limits::{GUESSES_MAX, REPEATS_ALONE_MAX, REPEATS_MAX};

/// Settings of an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Limits of every run.
    pub limits: Limits,
    /// Runs that compute at the same time; others wait for a core or for the disk.
    pub computing_max: usize,
    /// Runs under way at the same time, those that wait included; more are refused.
    pub under_way_max: usize,
}

impl Default for EngineOptions {
    /// As many runs compute as there are cores; 1,024 are under way, each a waiting thread of its
    /// caller and a few kilobytes.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            limits: Limits::default(),
            computing_max: cores,
            under_way_max: crate::limits::UNDER_WAY_MAX,
        }
    }
}

/// Runs generators over a database. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) dialect: Arc<Dialect>,
    pub(crate) sandbox: Sandbox,
    pub(crate) options: EngineOptions,
    gate: Gate,
    under_way: UnderWay,
    crew: Crew,
    /// Definitions by branch and the name they were last found under: a guess whose turn to take, which the
    /// run's own view confirms.
    guesses: Mutex<BTreeMap<(BranchId, String), ObjectId>>,
    /// What instances on main looked at.
    pub(crate) reads: ReadIndex,
}

/// How one attempt ended.
enum Attempt {
    Done(Box<RunResult>),
    Conflict,
    /// The name means another definition by now: the turn of another instance is needed.
    Renamed,
}

/// What a run begins with: everything that is read before the guest.
pub(crate) struct Begun {
    definition: Arc<Definition>,
    variables: serde_json::Map<String, Json>,
    component: Arc<sandbox::Component>,
    answer: Result<Vec<u8>, Vec<graphql::GraphqlError>>,
    input: RunInput,
    info: RunInfo,
}

/// What a guest came to, with what it no longer makes gone, before anything is kept of it.
enum Ended {
    Made(RunContext, Option<RunReport>),
    Failed(RunContext, Option<RunReport>, RunOutcome),
}

/// What an attempt computed.
enum Computed {
    /// There is nothing to commit.
    Ended(Attempt),
    /// The result once this is committed.
    Ready(Box<RunResult>, Box<Prepared>),
}

/// What the crew tells of an attempt.
enum Told {
    /// It ended without a commit, or there was no run.
    Ended(Result<Attempt, RunError>),
    /// Its commit is written, or is not.
    Committed(Box<RunResult>, Result<model::Seq, CommitFailure>, Unsettled),
    /// A fault of ours, to go on where the run was asked for.
    Panicked(Box<dyn Any + Send>),
}

/// What stays the same over the attempts of one run.
#[derive(Clone)]
struct Job {
    request: RunRequest,
    run: ObjectId,
    began: Timestamp,
    repeats: u32,
    /// The definition whose turn was taken.
    definition: ObjectId,
}

impl Engine {
    /// An engine over a database.
    pub fn new(
        database: Database,
        dialect: Arc<Dialect>,
        sandbox: Sandbox,
        options: EngineOptions,
    ) -> Self {
        let gate = Gate::new(options.under_way_max);
        let crew = Crew::new(options.computing_max, options.under_way_max);
        let guesses = Mutex::default();
        let under_way = UnderWay::default();
        let reads = ReadIndex::default();
        let shared =
            Shared { database, dialect, sandbox, options, gate, under_way, crew, guesses, reads };
        Self { shared: Arc::new(shared) }
    }

    /// Runs a definition for one target; returns once it is committed. A run that waits for another of its
    /// instance is joined by those that come later: they get its result.
    pub fn run(&self, request: &RunRequest) -> Result<RunResult, RunError> {
        let busy = RunError::Busy { most: self.shared.options.under_way_max };
        let _under_way = self.shared.gate.admit().ok_or(busy)?;
        let apply = request.mode == Mode::Apply;
        // Who has to know what the run reaches cannot do with what another one was asked to tell.
        let joins = if apply && request.tells != Tells::Reach { Joins::Yes } else { Joins::No };
        for _again in 0..=REPEATS_MAX {
            let definition = self.guess(request)?;
            let instance = instance_id(definition, request.target);
            match self.shared.gate.enter((request.branch, instance), joins) {
                Place::Turn(turn) => {
                    if let Some(result) = self.in_turn(request, definition)? {
                        turn.tell(&result);
                        return Ok(result);
                    }
                }
                Place::Joined(ticket) => {
                    if let Some(result) = ticket.wait() {
                        return Ok(result);
                    }
                }
            }
        }
        Err(RunError::Contended { repeats: REPEATS_MAX })
    }

    /// The run of an instance whose turn it is; nothing where its name means another definition.
    fn in_turn(
        &self,
        request: &RunRequest,
        definition: ObjectId,
    ) -> Result<Option<RunResult>, RunError> {
        let environment = self.shared.database.environment();
        let began = environment.clock.now();
        let run = environment.ids.next_id(began);
        let _listed = self.shared.under_way.list(run, request, began);
        let mut job = Job { request: request.clone(), run, began, repeats: 0, definition };
        loop {
            let attempt = if job.repeats < REPEATS_MAX {
                let _beside_others = self.shared.gate.shared();
                self.attempt(&job)?
            } else {
                let _alone = self.shared.gate.alone();
                self.attempt(&job)?
            };
            match attempt {
                Attempt::Done(result) => return Ok(Some(*result)),
                Attempt::Conflict => job.repeats += 1,
                Attempt::Renamed => return Ok(None),
            }
            if job.repeats > REPEATS_MAX + REPEATS_ALONE_MAX {
                return Err(RunError::Contended { repeats: job.repeats });
            }
        }
    }

    /// The definition that a request most likely means.
    fn guess(&self, request: &RunRequest) -> Result<ObjectId, RunError> {
        {
            let guesses = self.shared.guesses.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = guesses.get(&(request.branch, request.definition.clone())) {
                return Ok(*known);
            }
        }
        let view = self.shared.database.view(request.branch)?;
        let found = Definition::object(&view, &request.definition)?.id();
        self.remember(request, found);
        Ok(found)
    }

    fn remember(&self, request: &RunRequest, definition: ObjectId) {
        let mut guesses = self.shared.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if guesses.len() >= GUESSES_MAX {
            guesses.clear();
        }
        guesses.insert((request.branch, request.definition.clone()), definition);
    }

    /// Who is alone computes and commits on the calling thread: threads would only be waited for.
    /// Among others the crew computes and the writer commits, while this one waits.
    fn attempt(&self, job: &Job) -> Result<Attempt, RunError> {
        let database = &self.shared.database;
        if self.shared.gate.is_alone() {
            return match self.compute(job)? {
                Computed::Ended(attempt) => Ok(attempt),
                Computed::Ready(result, prepared) => {
                    committed(result, database.commit_here(*prepared))
                }
            };
        }
        let (tell, told) = sync_channel(1);
        let (engine, own) = (self.clone(), job.clone());
        let coming = database.coming();
        self.shared.crew.give(Box::new(move || {
            let computed = catch_unwind(AssertUnwindSafe(|| engine.compute(&own)));
            drop(coming);
            engine.hand_over(computed, tell);
        }));
        match told.recv() {
            Ok(Told::Ended(attempt)) => attempt,
            Ok(Told::Committed(result, written, held)) => {
                if written.is_ok() {
                    database.settled(held);
                }
                committed(result, written)
            }
            Ok(Told::Panicked(panic)) => resume_unwind(panic),
            // The store was closed with the commit in its queue.
            Err(_gone) => Err(CommitFailure::closed().into()),
        }
    }

    /// Hands the commit of what a thread of the crew computed to the writer, whose answer goes straight to
    /// who waits.
    fn hand_over(
        &self,
        computed: std::thread::Result<Result<Computed, RunError>>,
        tell: SyncSender<Told>,
    ) {
        let told = match computed {
            Ok(Ok(Computed::Ready(result, prepared))) => {
                let answer = move |written, held| {
                    let _gone = tell.send(Told::Committed(result, written, held));
                };
                return self.shared.database.submit(*prepared, answer);
            }
            Ok(Ok(Computed::Ended(attempt))) => Told::Ended(Ok(attempt)),
            Ok(Err(error)) => Told::Ended(Err(error)),
            Err(panic) => Told::Panicked(panic),
        };
        let _gone = tell.send(told);
    }

    fn compute(&self, job: &Job) -> Result<Computed, RunError> {
        let draft = self.shared.database.draft(job.request.branch, job.request.author)?;
        let Some(begun) = self.begin(job, &draft)? else {
            return Ok(Computed::Ended(Attempt::Renamed));
        };
        match self.guest(job, draft, begun)? {
            Ended::Made(context, report) => self.prepare(job, context, report),
            Ended::Failed(context, report, outcome) => {
                self.conclude_failed(job, context, report, outcome)
            }
        }
    }

    /// Reads what a run begins with; nothing where its name means another definition by now.
    fn begin(&self, job: &Job, draft: &Draft) -> Result<Option<Begun>, RunError> {
        let request = &job.request;
        let mut definition = Definition::find_at(draft, &request.definition, job.definition)?;
        if definition.id != job.definition {
            self.remember(request, definition.id);
            return Ok(None);
        }
        if request.mode == Mode::Plan && request.component.is_some() {
            definition.component = request.component;
        }
        let definition = Arc::new(definition);
        let target =
            draft.object(request.target)?.ok_or(RunError::NoTarget { target: request.target })?;
        if !definition.has_target(draft, request.target)? {
            let (target, group) = (request.target, definition.group);
            return Err(RunError::NotInGroup { target, group });
        }
        let view = draft.view();
        let variables = view.observing(|| definition.variables(view, &target))?;
        let query = Request {
            query: definition.query.clone(),
            operation_name: None,
            variables: variables.clone(),
        };
        let component =
            self.component_of(draft, &definition.name, definition.component, World::Generator)?;
        let answer = view.observing(|| self.shared.dialect.data(view, &query));
        let mut seen = view.take_seen();
        // The target was found before its parameters were followed.
        seen.objects.insert(request.target.0);
        let input = RunInput {
            query: seen,
            answer: answer.as_ref().map_or([0; 32], |answer| input_digest(answer, &variables).0),
            component: definition.component.map_or([0; 32], |digest| digest.0),
            ..RunInput::default()
        };
        let info = RunInfo {
            run_id: job.run.to_string(),
            instance_id: instance_id(definition.id, request.target).to_string(),
            definition: definition.name.clone(),
            branch: draft.branch_name().to_owned(),
            target: request.target.to_string(),
            target_kind: target.kind().name.clone(),
            as_of: draft.committed_at(draft.seq())?.to_string(),
            seed: seed(definition.id, request.target),
            dry_run: request.mode == Mode::Plan,
        };
        Ok(Some(Begun { definition, variables, component, answer, input, info }))
    }

    /// Runs the guest over a draft; what it no longer makes goes, and the whole is checked.
    fn guest(&self, job: &Job, draft: Draft, begun: Begun) -> Result<Ended, RunError> {
        let Begun { definition, variables, component, answer, input, info } = begun;
        let request = &job.request;
        let start = Start {
            draft,
            instance: instance_id(definition.id, request.target),
            definition,
            info,
            target: request.target,
            variables,
            dialect: Arc::clone(&self.shared.dialect),
            input,
        };
        let context = RunContext::new(start)?;
        let answer = match answer {
            Ok(answer) => String::from_utf8(answer).unwrap_or_default(),
            Err(errors) => return Ok(Ended::Failed(context, None, bad_query(&errors))),
        };
        let limits = &self.shared.options.limits;
        let (context, report) = component.run(context, &answer, limits, &request.cancel);
        settled(context, report)
    }

    /// What a run that made something comes to.
    fn result(
        job: &Job,
        context: &RunContext,
        report: Option<RunReport>,
        tells_all: bool,
    ) -> Result<RunResult, BranchError> {
        let (changes, counts) = if tells_all {
            let changes = ChangeSet::of(&context.draft)?;
            let counts = changes.counts();
            debug_assert_eq!(counts, ChangeSet::counts_of(&context.draft)?);
            (changes, counts)
        } else {
            (ChangeSet::default(), ChangeSet::counts_of(&context.draft)?)
        };
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let outcome = match counts {
            (0, 0, 0) => RunOutcome::Unchanged,
            (created, updated, deleted) => RunOutcome::Changed {
                created: count(created),
                updated: count(updated),
                deleted: count(deleted),
            },
        };
        let touched = match job.request.tells {
            Tells::Reach => Some(context.draft.reach()?),
            Tells::Changes | Tells::Counts => None,
        };
        let record = record(job, context, report.as_ref(), outcome);
        Ok(RunResult { record, changes, seq: None, report, touched })
    }

    fn prepare(
        &self,
        job: &Job,
        mut context: RunContext,
        report: Option<RunReport>,
    ) -> Result<Computed, RunError> {
        let request = &job.request;
        let tells_all = request.mode == Mode::Plan || request.tells != Tells::Counts;
        let result = Self::result(job, &context, report, tells_all)?;
        if request.mode == Mode::Plan {
            return Ok(ended(result));
        }
        let unchanged = context.draft.is_clean();
        let definition = Arc::clone(&context.definition);
        let state = InstanceState::Ready;
        instance::ensure(&mut context.draft, &definition, context.target, state)?;
        let news = remember(&mut context, unchanged)?;
        let unchanged = unchanged && !news;
        if unchanged && context.draft.is_clean() {
            return Ok(ended(result));
        }
        result.record.put(&mut context.draft)?;
        let cause = Cause::Run {
            run: job.run.0,
            instance: context.instance.0,
            definition: definition.name.clone(),
        };
        Ok(match self.shared.database.prepare(context.draft, cause)? {
            Some(prepared) => Computed::Ready(Box::new(result), Box::new(prepared)),
            None => ended(result),
        })
    }

    /// A failed run leaves its record and the state of its instance, and nothing else.
    fn conclude_failed(
        &self,
        job: &Job,
        context: RunContext,
        report: Option<RunReport>,
        outcome: RunOutcome,
    ) -> Result<Computed, RunError> {
        let result = failed_result(job, &context, report, outcome);
        let (definition, target) = (Arc::clone(&context.definition), context.target);
        drop(context);
        if job.request.mode == Mode::Plan {
            return Ok(ended(result));
        }
        let mut draft = self.shared.database.draft(job.request.branch, job.request.author)?;
        if draft.kind_of(target)?.is_some() && draft.kind_of(definition.id)?.is_some() {
            instance::ensure(&mut draft, &definition, target, InstanceState::Error)?;
        }
        result.record.put(&mut draft)?;
        draft.finish()?;
        let cause = Cause::Outcome { run: job.run.0 };
        Ok(match self.shared.database.prepare(draft, cause)? {
            Some(prepared) => Computed::Ready(Box::new(result), Box::new(prepared)),
            None => ended(result),
        })
    }

    /// Ends an instance: an empty run. By the definition's policy its objects go or stay.
    ///
    /// For a target that left the group or is gone, and for a definition that is gone.
    pub fn retire(
        &self,
        branch: BranchId,
        instance: ObjectId,
        policy: &Definition,
        author: Author,
    ) -> Result<Retired, RunError> {
        let _one_at_a_time = self.shared.gate.instance((branch, instance));
        for _attempt in 0..=REPEATS_MAX {
            let mut draft = self.shared.database.draft(branch, author)?;
            let retired = self.retire_in(&mut draft, instance, policy)?;
            match self.shared.database.commit_finished(draft, Cause::Objects) {
                Ok(seq) => return Ok(Retired { seq, ..retired }),
                Err(CommitFailure::Conflict { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(RunError::Contended { repeats: REPEATS_MAX })
    }

    /// The same within a draft.
    fn retire_in(
        &self,
        draft: &mut Draft,
        instance: ObjectId,
        policy: &Definition,
    ) -> Result<Retired, RunError> {
        self.let_go(draft, instance, policy)?;
        draft.delete(&[instance])?;
        draft.finish()?;
        let (changes, touched) = (ChangeSet::of(draft)?, draft.reach()?);
        Ok(Retired { seq: None, changes, touched })
    }

    /// Lets go of everything an instance holds, within a draft.
    pub fn let_go(
        &self,
        draft: &mut Draft,
        instance: ObjectId,
        policy: &Definition,
    ) -> Result<(), RunError> {
        let before = draft.claims_of(instance)?;
        draft.set_run_input(instance, None)?;
        for (id, claim) in &before {
            for name in claim.values.keys().filter_map(|name| name.strip_prefix('=')) {
                draft.release_named(*id, &crate::identity::scoped(instance, name))?;
            }
        }
        if policy.on_release == crate::OnRelease::Retain {
            for id in before.keys() {
                draft.set_claim(instance, *id, None)?;
            }
            return Ok(());
        }
        let nothing = BTreeMap::new();
        match tracking::settle(draft, policy, instance, &before, &nothing) {
            Ok(()) => Ok(()),
            Err(Refusal::Branch(error)) => Err(error.into()),
            Err(Refusal::Protected(labels)) => Err(RunError::Branch(
                branch::Violation::Protected {
                    kind: "object".to_owned(),
                    field: labels.join(", "),
                    object: instance,
                    owner: policy.name.clone(),
                }
                .into(),
            )),
        }
    }

    /// Runs under way whose turn it is, the oldest first; those that wait for it are not among them.
    pub fn under_way(&self) -> Vec<RunUnderWay> {
        self.shared.under_way.all()
    }

    /// Ends a run under way: it fails as `cancelled` within some milliseconds, and keeps nothing. One that
    /// has computed already is committed all the same.
    pub fn cancel(&self, run: ObjectId) -> Option<RunUnderWay> {
        self.shared.under_way.cancel(run)
    }

    /// Cancels nothing new and waits for runs in flight.
    pub fn drain(&self) {
        drop(self.shared.gate.alone());
    }
}

/// After the guest: what it no longer makes goes, and the whole is checked.
fn settled(mut context: RunContext, report: RunReport) -> Result<Ended, RunError> {
    if let Some(fault) = context.fault.take() {
        return Err(RunError::Branch(fault));
    }
    if let Some(failed) = failed(&report) {
        return Ok(Ended::Failed(context, Some(report), failed));
    }
    for pool in context.before.keys().copied().collect::<Vec<_>>() {
        for identifier in context.dropped_numbers(pool) {
            context.draft.release_named(pool, &identifier)?;
        }
    }
    let settled = tracking::settle(
        &mut context.draft,
        &context.definition,
        context.instance,
        &context.before,
        &context.now,
    );
    let failed = match settled.and_then(|()| context.draft.finish().map_err(Refusal::from)) {
        Ok(()) => return Ok(Ended::Made(context, Some(report))),
        Err(Refusal::Protected(labels)) => {
            let message = format!("protected objects would go: {}", labels.join(", "));
            let hint = "take the protection away, or set `on_protected: retain`";
            failure("protected", message, Some(hint))
        }
        Err(Refusal::Branch(BranchError::Violation(violation))) => {
            failure(violation.code(), violation.to_string(), None)
        }
        Err(Refusal::Branch(other)) => return Err(other.into()),
    };
    Ok(Ended::Failed(context, Some(report), failed))
}

/// What a run that failed comes to.
fn failed_result(
    job: &Job,
    context: &RunContext,
    report: Option<RunReport>,
    outcome: RunOutcome,
) -> RunResult {
    let record = record(job, context, report.as_ref(), outcome);
    RunResult { record, changes: ChangeSet::default(), seq: None, report, touched: None }
}

fn ended(result: RunResult) -> Computed {
    Computed::Ended(Attempt::Done(Box::new(result)))
}

/// What an attempt comes to whose commit was written, or was not.
fn committed(
    mut result: Box<RunResult>,
    written: Result<model::Seq, CommitFailure>,
) -> Result<Attempt, RunError> {
    match written {
        Ok(seq) => {
            // The record of a failure is a commit, and none of the run's.
            result.seq = (!result.failed()).then_some(seq);
            Ok(Attempt::Done(result))
        }
        Err(CommitFailure::Conflict { .. }) => Ok(Attempt::Conflict),
        Err(other) => Err(other.into()),
    }
}

/// Digest of what a run begins with.
pub(crate) fn input_digest(answer: &[u8], variables: &serde_json::Map<String, Json>) -> Digest {
    let variables = serde_json::to_vec(variables).unwrap_or_default();
    Digest::of(&[answer, &[0], &variables].concat())
}

/// Keeps what a run took as its input; tells whether that is news. Where the run changed nothing, it
/// is so only if the run looked at more than what is known.
fn remember(context: &mut RunContext, unchanged: bool) -> Result<bool, BranchError> {
    let mut input = context.run_input();
    if !unchanged && context.draft.meets(&input.query) {
        // The run's own output is part of what its query asks for: the next answer is another one.
        let answer = context.answer_again();
        input = context.run_input();
        input.answer = answer.map_or([0; 32], |digest| digest.0);
    }
    if unchanged
        && let Some((_, known)) = context.draft.run_input(context.instance)?
        && input.component == known.component
        && input.query.is_within(&known.query)
        && input.guest.is_within(&known.guest)
    {
        return Ok(false);
    }
    context.draft.set_run_input(context.instance, Some(&input))?;
    Ok(true)
}

pub(crate) fn bad_query(errors: &[graphql::GraphqlError]) -> RunOutcome {
    let messages: Vec<String> = errors.iter().map(|error| error.message.clone()).collect();
    failure("bad-query", messages.join("; "), Some("fix the query of the definition"))
}

fn failure(code: &str, message: String, hint: Option<&str>) -> RunOutcome {
    RunOutcome::Failed {
        code: code.to_owned(),
        message,
        hint: hint.map(str::to_owned),
        frames: Vec::new(),
        report: None,
    }
}

pub(crate) fn failed(report: &RunReport) -> Option<RunOutcome> {
    let failure = report.failure()?;
    Some(RunOutcome::Failed {
        code: failure.code.to_string(),
        message: failure.message.clone(),
        hint: failure.hint.clone(),
        frames: failure.frames.iter().map(ToString::to_string).collect(),
        report: Some(Box::new(FailureReport::of(failure, report))),
    })
}

fn record(
    job: &Job,
    context: &RunContext,
    report: Option<&RunReport>,
    outcome: RunOutcome,
) -> RunRecord {
    RunRecord {
        run: job.run.0,
        branch: job.request.branch.0,
        instance: context.instance.0,
        definition: context.definition.name.clone(),
        target: context.target.0,
        component: context.definition.component.map(|digest| digest.to_string()),
        input: context.input_digest().map(|digest| digest.to_string()),
        base: context.draft.seq().0,
        at: job.began.0,
        cause: job.request.cause.clone(),
        outcome,
        fuel: report.map_or(0, |report| report.fuel_used),
        memory: report.map_or(0, |report| report.memory_peak),
        calls: report.map_or(0, |report| report.host_calls),
        repeats: job.repeats,
        log: context.log.clone(),
        // The sandbox drops what is beyond its own limits, before the context sees it.
        log_dropped: context.log_dropped + report.map_or(0, |report| report.log_dropped),
    }
}
