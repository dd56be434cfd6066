//! Starting other programs, from the root of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// A line for people.
#[expect(clippy::print_stderr, reason = "the one place that speaks")]
pub(crate) fn say(text: &str) {
    eprintln!("[xtask] {text}");
}

/// Cargo in the root.
pub(crate) fn cargo(arguments: &[&str]) -> Result<(), String> {
    cargo_in(".", arguments)
}

/// Cargo in a folder.
pub(crate) fn cargo_in(folder: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(cargo_path());
    command.args(arguments).current_dir(root().join(folder));
    finish(command, &format!("cargo {}", arguments.join(" ")))
}

pub(crate) fn cargo_path() -> String {
    std::env::var("CARGO").unwrap_or_else(|_unset| "cargo".to_owned())
}

/// A program of ours.
pub(crate) fn program(path: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(path);
    command.args(arguments).current_dir(root());
    finish(command, &format!("{} {}", path.display(), arguments.join(" ")))
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command, what: &str) -> Result<(), String> {
    let status = command.status().map_err(|bad| format!("`{what}` could not be started: {bad}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{what}` failed: {status}")) }
}
