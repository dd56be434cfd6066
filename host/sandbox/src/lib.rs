//! Untrusted guests: checked, compiled, and run within limits.
//!
//! The only crate that names wasmtime. It knows one world (`wit/`) and a trait for what is behind it,
//! [`GuestHost`]; it does not know what an object, a branch or a store is. Nothing is linked but the
//! imports of the world: no clock, no randomness, no files, no network.
//!
//! Reading order: `api` and `host` are the boundary, `limits` the table of limits, `check` and
//! `compile` what happens at upload, `run` a run, `failure` what a user is told.

pub mod api;
pub mod limits;

mod adapt;
mod bindings;
mod cache;
mod cancel;
mod check;
mod compile;
mod config;
mod failure;
mod host;
mod link;
mod report;
mod run;
mod sandbox;
mod slots;
mod state;
mod ticker;
mod weight;

pub use cache::CacheKey;
pub use cancel::{Cancel, CancelReason};
pub use check::{CheckCode, CheckError, CheckReport, Manifest, WorldProblems, check};
pub use compile::{
    ChildError, Compile, CompileError, CompileLimits, InChild, InThread, compile_in_this_process,
    limit_this_process,
};
pub use host::GuestHost;
pub use limits::Limits;
pub use report::{
    FailureClass, FailureCode, Frame, HostCall, PanicText, RunEnd, RunFailure, RunReport,
};
pub use run::Component;
pub use sandbox::{LoadError, Sandbox, SandboxError, SandboxOptions, SandboxStats};
