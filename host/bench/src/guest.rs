//! The sandbox alone: a fresh instance with ten host calls and nothing behind them; compiling against
//! starting from the cache.

use std::path::Path;

use model::Digest;
use sandbox::api::{
    Draft, Field, Grant, GuestError, Link, LogLevel, Outcome, PoolRequest, RunInfo, Saved, Scalar,
    Target as GuestTarget,
};
use sandbox::{Cancel, GuestHost, Limits, RunEnd, Sandbox, SandboxOptions};

use crate::Scale;
use crate::figure::{Figure, Target, micros, quantile, timed};
use crate::world::{Failed, component};

/// A host that says yes.
#[derive(Debug, Default)]
struct Nothing {
    calls: usize,
}

fn none() -> GuestError {
    GuestError {
        code: sandbox::api::Code::NotFound,
        name: "nothing".to_owned(),
        message: "there is nothing here".to_owned(),
        path: None,
        details: Vec::new(),
    }
}

impl GuestHost for Nothing {
    fn current(&mut self) -> RunInfo {
        RunInfo {
            run_id: String::new(),
            instance_id: String::new(),
            definition: String::new(),
            branch: String::new(),
            target: String::new(),
            target_kind: String::new(),
            as_of: String::new(),
            seed: String::new(),
            dry_run: false,
        }
    }

    fn parameters(&mut self) -> Vec<Field> {
        Vec::new()
    }

    fn log(&mut self, _level: LogLevel, _message: &str, _fields: Vec<(String, String)>) {}

    fn panicked(&mut self, _message: &str, _location: &str) {}

    fn create(&mut self, _draft: Draft) -> Result<Saved, GuestError> {
        self.calls += 1;
        Ok(Saved { id: String::new(), outcome: Outcome::Created })
    }

    fn create_many(&mut self, _drafts: Vec<Draft>) -> Result<Vec<Saved>, (u32, GuestError)> {
        Err((0, none()))
    }

    fn set(
        &mut self,
        _of: GuestTarget,
        _fields: Vec<Field>,
        _links: Vec<Link>,
    ) -> Result<Saved, GuestError> {
        Err(none())
    }

    fn keep(&mut self, _key: &str) -> Result<String, GuestError> {
        Err(none())
    }

    fn find(&mut self, _what: GuestTarget) -> Result<String, GuestError> {
        Err(none())
    }

    fn read(&mut self, _what: GuestTarget, _names: Vec<String>) -> Result<Vec<Field>, GuestError> {
        Err(none())
    }

    fn peers(
        &mut self,
        _what: GuestTarget,
        _relationship: &str,
    ) -> Result<Vec<String>, GuestError> {
        Err(none())
    }

    fn document(&mut self, _text: &str, _variables: &str) -> Result<String, GuestError> {
        Err(none())
    }

    fn allocate(&mut self, _request: PoolRequest) -> Result<Grant, GuestError> {
        Ok(Grant { value: Scalar::Integer(1), object: None, reused: false })
    }

    fn peek(&mut self, _request: PoolRequest) -> Result<Scalar, GuestError> {
        Ok(Scalar::Integer(1))
    }
}

const INPUT: &str = r#"{"BenchService":{"edges":[{"node":{"id":"s","name":{"value":"service"},
    "count":{"value":10},"round":{"value":1},"touched":{"value":null}}}]}}"#;

fn sandbox(folder: &Path) -> Result<Sandbox, Failed> {
    Ok(Sandbox::new(SandboxOptions {
        slots: 2,
        cache_dir: Some(folder.join("compiled")),
        key: sandbox::CacheKey::new(server::installation_secret(folder, "installation.key")?),
        limits: Limits::default(),
    })?)
}

/// The section.
pub(crate) fn guest(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let bytes = component("bench")?;
    let digest = Digest::of(&bytes);
    let first = sandbox(folder)?;
    let (compiling, loaded) = timed(|| first.load(digest, &bytes));
    drop((loaded?, first));
    // What a second process does: a sandbox of its own over the same folder.
    let mut starts = Vec::new();
    for _start in 0..scale.of(50).max(5) {
        let second = sandbox(folder)?;
        let (time, loaded) = timed(|| second.load(digest, &bytes));
        loaded?;
        starts.push(time);
    }
    let cached = quantile(&mut starts, 50);
    let ready = sandbox(folder)?;
    let guest = ready.load(digest, &bytes)?;
    let limits = Limits::default();
    let mut runs = Vec::new();
    for _run in 0..scale.of(20_000) {
        let (time, (host, report)) =
            timed(|| guest.run(Nothing::default(), INPUT, &limits, &Cancel::new()));
        if report.outcome != RunEnd::Ok || host.calls != 10 {
            return Err(format!("the guest ended with {:?}", report.outcome).into());
        }
        runs.push(time);
    }
    Ok(vec![
        Figure::new("fresh instance, 10 host calls: p50", micros(quantile(&mut runs, 50)), "us")
            .target(Target::AtMost(50.0)),
        Figure::new("fresh instance, 10 host calls: p99", micros(quantile(&mut runs, 99)), "us"),
        Figure::new("compile", micros(compiling), "us")
            .against("start from the cache", micros(cached))
            .target(Target::RatioAtLeast(100.0)),
    ])
}
