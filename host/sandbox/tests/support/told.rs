//! Runs hostile guests and writes down what a user reads.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::sync::Arc;

use model::Digest;
use sandbox::{Cancel, Component, Limits, RunEnd, RunReport, Sandbox};

use crate::guests::{GOOD, component, root, sandbox};
use crate::recording::Recording;

/// Enough for a thousand host calls, and over in milliseconds.
pub(crate) fn little_fuel() -> Limits {
    Limits { fuel: 20_000_000, ..Limits::default() }
}

/// The component of a file in `tests/hostile/`.
pub(crate) fn text(file: &str) -> Vec<u8> {
    let path = root().join("tests/hostile").join(file).with_extension("wat");
    component(&std::fs::read_to_string(&path).expect("the guest is in the project"))
}

pub(crate) fn load(sandbox: &Sandbox, bytes: &[u8]) -> Arc<Component> {
    sandbox.load(Digest::of(bytes), bytes).expect("the check lets it pass")
}

/// Runs a file's guest, then a good one.
pub(crate) fn run(file: &str, limits: &Limits) -> (Recording, RunReport) {
    let sandbox = sandbox();
    let hostile = load(&sandbox, &text(file));
    let ended = hostile.run(Recording::default(), "{}", limits, &Cancel::new());
    unharmed(&sandbox);
    ended
}

/// A normal run succeeds, and no slot is lost.
pub(crate) fn unharmed(sandbox: &Sandbox) {
    let good = load(sandbox, &component(GOOD));
    let (host, report) = good.run(Recording::default(), "{}", &Limits::default(), &Cancel::new());
    assert_eq!(report.outcome, RunEnd::Ok);
    assert_eq!(host.made.len(), 10);
    assert_eq!(sandbox.stats().slots_free, 2);
}

/// What the user reads: code, message, hint, innermost frames.
pub(crate) fn told(report: &RunReport) -> String {
    let Some(failure) = report.failure() else { return "ok".to_owned() };
    let mut lines = vec![format!("{}: {}", failure.code, failure.message)];
    lines.extend(failure.hint.iter().map(|hint| format!("help: {hint}")));
    // The offsets would change with every edit of the text.
    lines.extend(failure.frames.iter().take(3).map(|frame| format!("in {}", frame.function)));
    lines.join("\n")
}

pub(crate) fn check(file: &str, limits: &Limits, expect: &str) {
    let (_, report) = run(file, limits);
    assert_eq!(told(&report), expect, "{report:#?}");
    assert!(report.fuel_used <= limits.fuel);
}

pub(crate) fn refuse(bytes: &[u8], expect: &str) {
    let sandbox = sandbox();
    let error = sandbox::check(bytes, &Limits::default()).expect_err("it is refused");
    let mut told = format!("{}: {error}", error.code.name());
    if let Some(hint) = &error.hint {
        told.push_str(&format!("\nhelp: {hint}"));
    }
    assert_eq!(told, expect);
    let loaded = sandbox.load(Digest::of(bytes), bytes).expect_err("it is not loaded either");
    assert_eq!(loaded.code(), error.code.name());
    assert_eq!(sandbox.stats().compiled, 0, "it never reached the compiler");
    unharmed(&sandbox);
}
