//! Runs: from a definition and a target to one transaction of objects that belong to an instance.
//!
//! Must not know redb, wasmtime, HTTP or status codes. `run` is the story; `context` is what a
//! guest can reach; `tracking` decides what goes.

mod check;
mod context;
mod definition;
mod fixture;
mod identity;
mod impact;
mod instance;
pub mod limits;
mod report;
mod run;
mod tracking;

pub use check::{CheckDefinition, CheckResult, Defined as DefinedCheck};
pub use definition::{Definition, DefinitionError, OnProtected, OnRelease, follow_all, parameters};
pub use fixture::{Fixture, FixtureObject};
pub use identity::{generated_id, instance_id};
pub use impact::{Impact, Verdict};
pub use instance::{Instance, InstanceState};
pub use report::{FailureReport, LogLine, ReturnedError, RunOutcome, RunRecord};
pub use run::{
    Ahead, ComponentError, ComponentInfo, Engine, EngineOptions, Mode, Retired, RunError,
    RunRequest, RunResult, RunUnderWay, Tells,
};
pub use sandbox::api::{Finding, Severity};
