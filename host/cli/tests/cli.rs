//! The program as its users have it: a process, its exit code, what it prints.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends by panicking, and says by which seed it is had again"
)]

#[path = "cli/artifacts.rs"]
mod artifacts;
#[path = "cli/author.rs"]
mod author;
#[path = "cli/branches.rs"]
mod branches;
#[path = "cli/changes.rs"]
mod changes;
#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/compile.rs"]
mod compile;
#[path = "cli/crash.rs"]
mod crash;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/full.rs"]
mod full;
#[path = "cli/pools.rs"]
mod pools;
#[path = "cli/process.rs"]
#[allow(dead_code, reason = "shared with the tests of published clients")]
mod process;
#[path = "cli/push.rs"]
mod push;
#[path = "cli/readme.rs"]
mod readme;
