//! The fuzz target for documents, with what the stable compiler offers: its own pass counts edges, as
//! cargo-fuzz has it, and no sanitizer is needed where nothing is unsafe.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// Counters and comparisons, as libFuzzer reads them.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// How long it goes on, where nobody says.
const SECONDS: &str = "60";
/// What inputs that were found are called, by what is wrong with them.
const FOUND: [&str; 4] = ["crash-", "timeout-", "oom-", "leak-"];

/// Builds the target and lets it run for some seconds, or on one input that was found. What it finds is
/// kept below `target/fuzz`.
pub(crate) fn documents(what: Option<&str>) -> Result<(), String> {
    let what = what.unwrap_or(SECONDS);
    let input = Path::new(what);
    let is_time = what.parse::<u32>().is_ok();
    if !is_time && !input.is_file() {
        return Err(format!("`{what}` is neither a number of seconds nor a file with an input"));
    }
    // It is run from the root.
    let input = std::path::absolute(input).map_err(|bad| format!("{what}: {bad}"))?;
    let program = build()?;
    if !is_time {
        return run::program(&program, &[&input.display().to_string()]);
    }
    let folder = run::root().join("target/fuzz");
    let corpus = folder.join("corpus");
    std::fs::create_dir_all(&corpus).map_err(|bad| format!("{}: {bad}", corpus.display()))?;
    let before = found(&folder);
    run::say(&format!("{what} seconds of documents; inputs that lead anywhere new are kept ..."));
    let ended = run::program(
        &program,
        &[
            &format!("-max_total_time={what}"),
            "-timeout=25",
            "-dict=host/graphql/fuzz/document.dict",
            "-print_final_stats=1",
            "-verbosity=0",
            &format!("-artifact_prefix={}/", folder.display()),
            &corpus.display().to_string(),
            "host/graphql/fuzz/corpus/document",
        ],
    );
    for path in found(&folder).difference(&before) {
        run::say(&format!("an input that breaks it: {}", path.display()));
        run::say(&format!("`cargo xtask fuzz {}` runs it again", path.display()));
    }
    ended
}

fn build() -> Result<PathBuf, String> {
    let triple = host_triple()?;
    let target = run::root().join("target/fuzz");
    run::say("building the fuzz target, all of it with counters; minutes at the first time ...");
    let mut build = Command::new(run::cargo_path());
    build
        // Named, so that what runs at build time is not instrumented.
        .args(["build", "--release", "--target", &triple, "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", COVERAGE)
        .current_dir(run::root().join("host/graphql/fuzz"));
    run::finish(build, "cargo build of the fuzz target")?;
    Ok(target.join(triple).join("release/document"))
}

/// Inputs that broke it, of this run and of those before.
fn found(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_found = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        FOUND.iter().any(|start| name.starts_with(start))
    };
    entries.map(|entry| entry.path()).filter(is_found).collect()
}

fn host_triple() -> Result<String, String> {
    let told = Command::new("rustc").arg("-vV").output();
    let told = told.map_err(|bad| format!("`rustc -vV` could not be started: {bad}"))?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned);
    host.ok_or_else(|| "`rustc -vV` does not say what it builds for".to_owned())
}
