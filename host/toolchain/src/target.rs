//! The wasm target's standard library: found, or set up as `wasm-target.sh` does it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{BuildError, TARGET};

/// Part of the program: whoever has it can set up the target.
const SCRIPT: &str = include_str!("../wasm-target.sh");

/// What builds for the target need in their environment.
pub(crate) fn environment(tell: &dyn Fn(&str)) -> Result<Vec<(String, String)>, BuildError> {
    if installed() {
        return Ok(Vec::new());
    }
    tell("setting up the wasm target (once) ...");
    let output = Command::new("bash")
        .args(["-c", SCRIPT])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| BuildError::Program { program: "bash".to_owned(), source })?;
    if !output.status.success() {
        return Err(BuildError::NoTarget);
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(export).collect())
}

fn installed() -> bool {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let Ok(sysroot) = sysroot else { return false };
    let sysroot = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
    let library = Path::new(&sysroot).join(format!("lib/rustlib/{TARGET}/lib"));
    std::fs::read_dir(library).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
        })
    })
}

/// `export NAME='value'`.
fn export(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
    Some((name.to_owned(), value.trim_matches('\'').to_owned()))
}
