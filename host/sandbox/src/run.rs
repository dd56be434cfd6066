//! One run: a fresh store and instance, all limits set before the guest's first instruction, and a
//! report of what happened. The store is dropped afterwards, whatever came of it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Digest;
use wasmtime::component::InstancePre;
use wasmtime::{Store, UpdateDeadline};

use crate::adapt::list;
use crate::api::{Finding, Severity, World};
use crate::bindings::GeneratorPre;
use crate::bindings::check::CheckPre;
use crate::bindings::kiln::generator::types;
use crate::cancel::{Cancel, CancelReason};
use crate::failure::{failure, returned, trapped};
use crate::host::GuestHost;
use crate::limits::{Limits, bytes, count, size};
use crate::report::{FailureCode, RunEnd, RunFailure, RunReport, text_cut};
use crate::sandbox::Shared;
use crate::state::{RunState, Stop};

/// A component that is compiled, linked and ready to run, as often as wanted and on several threads.
pub struct Component {
    digest: Digest,
    pre: Pre,
    shared: Arc<Shared>,
}

/// What is called of a component.
enum Pre {
    Generator(GeneratorPre<RunState>),
    Check(CheckPre<RunState>),
}

/// How a call ended: what the guest returned, or why it did not.
type Ended<T> = wasmtime::Result<Result<T, types::Error>>;

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Component {
    pub(crate) fn new(
        digest: Digest,
        pre: InstancePre<RunState>,
        shared: Arc<Shared>,
    ) -> wasmtime::Result<Self> {
        let pre = match GeneratorPre::new(pre.clone()) {
            Ok(generator) => Pre::Generator(generator),
            Err(_no_generator) => Pre::Check(CheckPre::new(pre)?),
        };
        Ok(Self { digest, pre, shared })
    }

    /// Which world it is of.
    pub fn world(&self) -> World {
        match self.pre {
            Pre::Generator(_) => World::Generator,
            Pre::Check(_) => World::Check,
        }
    }

    /// Its content address.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Runs a generator on the calling thread, which needs a stack of 1 MiB beside the guest's. The host
    /// comes back whatever happens; only after [`RunEnd::Ok`] may what it staged be kept.
    pub fn run<H: GuestHost>(
        &self,
        host: H,
        input: &str,
        limits: &Limits,
        cancel: &Cancel,
    ) -> (H, RunReport) {
        let Pre::Generator(pre) = &self.pre else {
            return (host, unstarted(wrong_world(World::Check)));
        };
        let call = |store: &mut Store<RunState>| {
            pre.instantiate(&mut *store)?.call_generate(&mut *store, input)
        };
        let (host, report, _) = self.start(host, input, limits, cancel, call);
        (host, report)
    }

    /// Runs a check in the same way, and hands out what it found: the first
    /// [`findings`](Limits::findings), with texts cut to the limits. It found nothing unless it came to
    /// an end.
    pub fn check<H: GuestHost>(
        &self,
        host: H,
        input: &str,
        limits: &Limits,
        cancel: &Cancel,
    ) -> (H, RunReport, Vec<Finding>) {
        let Pre::Check(pre) = &self.pre else {
            return (host, unstarted(wrong_world(World::Generator)), Vec::new());
        };
        let call = |store: &mut Store<RunState>| {
            pre.instantiate(&mut *store)?.call_check(&mut *store, input)
        };
        let (host, report, found) = self.start(host, input, limits, cancel, call);
        let found: Vec<Finding> = list(found.unwrap_or_default());
        (host, report, within(found, limits))
    }

    fn start<H: GuestHost, T>(
        &self,
        host: H,
        input: &str,
        limits: &Limits,
        cancel: &Cancel,
        call: impl FnOnce(&mut Store<RunState>) -> Ended<T>,
    ) -> (H, RunReport, Option<T>) {
        if count(input.len()) > limits.input_bytes {
            return (host, unstarted(input_too_large(input, limits)), None);
        }
        let slot = match self.shared.slots.take(cancel) {
            Ok(slot) => slot,
            Err(reason) => return (host, unstarted(cancelled(reason)), None),
        };
        let ticking = self.shared.ticker.during();
        let state = RunState::new(Box::new(host), limits, cancel);
        let mut store = Store::new(&self.shared.engine, state);
        let ended = set_limits(&mut store, limits)
            .and_then(|()| store.data().must_stop().map_or(Ok(()), |stop: Stop| Err(stop.into())))
            .and_then(|()| call(&mut store));
        let (report, returned) = report(&store, ended);
        let state = store.into_data();
        drop(ticking);
        drop(slot);
        let host = state.host.into_any().downcast::<H>();
        (*host.expect("the host was boxed above as an `H`"), report, returned)
    }
}

/// Findings within the limits: what is beyond them is said to be there.
fn within(mut found: Vec<Finding>, limits: &Limits) -> Vec<Finding> {
    let most = size(limits.findings);
    if found.len() > most {
        let fails = found.iter().skip(most).any(|one| one.severity.fails());
        let message = format!("{} more findings are not shown", found.len() - most);
        found.truncate(most);
        let severity = if fails { Severity::Error } else { Severity::Warning };
        found.push(Finding { severity, message, path: None, object: None });
    }
    let cut = |text: &str| text_cut(text, size(limits.finding_bytes));
    for one in &mut found {
        one.message = cut(&one.message);
        one.path = one.path.as_deref().map(cut);
        one.object = one.object.as_deref().map(cut);
    }
    found
}

fn set_limits(store: &mut Store<RunState>, limits: &Limits) -> wasmtime::Result<()> {
    store.limiter(|state| &mut state.memory);
    store.set_fuel(limits.fuel)?;
    store.set_hostcall_fuel(size(limits.call_bytes));
    store.set_max_component_handles(size(limits.handles));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|cx| match cx.data().must_stop() {
        Some(stop) => Err(stop.into()),
        None => Ok(UpdateDeadline::Continue(1)),
    });
    Ok(())
}

fn report<T>(store: &Store<RunState>, ended: Ended<T>) -> (RunReport, Option<T>) {
    let state = store.data();
    let (outcome, answer) = match ended {
        Ok(Ok(answer)) => (RunEnd::Ok, Some(answer)),
        Ok(Err(error)) => (RunEnd::Failed(Box::new(returned(error, &state.limits))), None),
        Err(error) => (RunEnd::Failed(Box::new(trapped(&error, state))), None),
    };
    let report = RunReport {
        outcome,
        fuel_used: state.limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0)),
        memory_peak: state.memory.peak,
        host_calls: state.used.host_calls,
        log_dropped: state.used.log_dropped,
        last_calls: state.last_calls.iter().cloned().collect(),
        wall: Instant::now().saturating_duration_since(state.began),
    };
    (report, answer)
}

/// The report of a run that never began.
fn unstarted(failed: RunFailure) -> RunReport {
    RunReport {
        outcome: RunEnd::Failed(Box::new(failed)),
        fuel_used: 0,
        memory_peak: 0,
        host_calls: 0,
        log_dropped: 0,
        last_calls: Vec::new(),
        wall: Duration::ZERO,
    }
}

fn wrong_world(found: World) -> RunFailure {
    let message = format!("the component is a {}, and is not called as that", found.name());
    failure(FailureCode::HostBug, message, None)
}

fn input_too_large(input: &str, limits: &Limits) -> RunFailure {
    let message = format!(
        "the answer of the definition's query has {}, the limit is {}",
        bytes(count(input.len())),
        bytes(limits.input_bytes)
    );
    let hint = "ask for fewer fields, or let the generator ask for the rest itself";
    failure(FailureCode::InputTooLarge, message, Some(hint))
}

fn cancelled(reason: CancelReason) -> RunFailure {
    match reason {
        CancelReason::User => failure(
            FailureCode::Cancelled,
            "the run was cancelled before it began".to_owned(),
            None,
        ),
        CancelReason::Shutdown => {
            let message = "the host went down before the run began";
            failure(FailureCode::Shutdown, message.to_owned(), Some("run it again"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{
        Draft, Field, Grant, GuestError, Link, LogLevel, PoolRequest, RunInfo, Saved, Scalar,
        Target,
    };
    use crate::cache::CacheKey;
    use crate::sandbox::{Sandbox, SandboxOptions};

    /// A host whose guest never gets so far as to call it.
    struct Untouched;

    impl GuestHost for Untouched {
        fn current(&mut self) -> RunInfo {
            unreachable!("the guest never starts")
        }
        fn parameters(&mut self) -> Vec<Field> {
            unreachable!("the guest never starts")
        }
        fn log(&mut self, _: LogLevel, _: &str, _: Vec<(String, String)>) {}
        fn panicked(&mut self, _: &str, _: &str) {}
        fn create(&mut self, _: Draft) -> Result<Saved, GuestError> {
            unreachable!("the guest never starts")
        }
        fn create_many(&mut self, _: Vec<Draft>) -> Result<Vec<Saved>, (u32, GuestError)> {
            unreachable!("the guest never starts")
        }
        fn set(&mut self, _: Target, _: Vec<Field>, _: Vec<Link>) -> Result<Saved, GuestError> {
            unreachable!("the guest never starts")
        }
        fn keep(&mut self, _: &str) -> Result<String, GuestError> {
            unreachable!("the guest never starts")
        }
        fn find(&mut self, _: Target) -> Result<String, GuestError> {
            unreachable!("the guest never starts")
        }
        fn read(&mut self, _: Target, _: Vec<String>) -> Result<Vec<Field>, GuestError> {
            unreachable!("the guest never starts")
        }
        fn peers(&mut self, _: Target, _: &str) -> Result<Vec<String>, GuestError> {
            unreachable!("the guest never starts")
        }
        fn document(&mut self, _: &str, _: &str) -> Result<String, GuestError> {
            unreachable!("the guest never starts")
        }
        fn allocate(&mut self, _: PoolRequest) -> Result<Grant, GuestError> {
            unreachable!("the guest never starts")
        }
        fn peek(&mut self, _: PoolRequest) -> Result<Scalar, GuestError> {
            unreachable!("the guest never starts")
        }
    }

    #[test]
    fn findings_beyond_the_limits_are_counted_and_cut() {
        let one = |severity, message: &str| Finding {
            severity,
            message: message.to_owned(),
            path: None,
            object: Some("x".repeat(9)),
        };
        let limits = Limits { findings: 2, finding_bytes: 4, ..Limits::default() };
        let warnings = vec![one(Severity::Info, "a long text"); 2];
        assert_eq!(within(warnings.clone(), &limits).len(), 2);
        let mut found = warnings;
        found.extend([one(Severity::Warning, "b"), one(Severity::Error, "c")]);
        let shown = within(found.clone(), &Limits { finding_bytes: 100, ..limits.clone() });
        let last = shown.last().unwrap();
        assert_eq!((shown.len(), last.message.as_str()), (3, "2 more findings are not shown"));
        // What is not shown decides all the same.
        assert_eq!(last.severity, Severity::Error);
        let cut = within(found, &limits);
        assert!(cut.iter().all(|one| one.message.len() < 11), "{cut:?}");
        assert!(cut.iter().filter_map(|one| one.object.as_ref()).all(|object| object.len() < 9));
    }

    #[test]
    fn a_pool_that_is_full_all_the_same_is_the_hosts_trouble() {
        let text = include_str!("../../../tests/hostile/handles_without_end.wat");
        let bytes = wat::parse_str(text).unwrap();
        let limits = Limits::default();
        let sandbox = Sandbox::new(SandboxOptions {
            slots: 1,
            cache_dir: None,
            key: CacheKey::new([1; 32]),
            limits: limits.clone(),
        })
        .unwrap();
        let component = sandbox.load(Digest::of(&bytes), &bytes).unwrap();
        // Takes the only place without asking for a slot, as no code but this test does.
        let state = RunState::new(Box::new(Untouched), &limits, &Cancel::new());
        let mut store = Store::new(&component.shared.engine, state);
        set_limits(&mut store, &limits).unwrap();
        let Pre::Generator(pre) = &component.pre else { panic!("it is a generator") };
        let _holding = pre.instantiate(&mut store).unwrap();
        let (_, report) = component.run(Untouched, "{}", &limits, &Cancel::new());
        let failure = report.failure().unwrap();
        assert_eq!(failure.code, FailureCode::HostBusy);
        assert_eq!(
            failure.message,
            "the host has no free place to run a generator; it is tried again later"
        );
        assert!(failure.internal.is_some() && !failure.deterministic);
    }
}
