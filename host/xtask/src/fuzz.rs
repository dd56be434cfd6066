//! The fuzz target for documents, with what the stable compiler offers: its own pass counts edges, as
//! cargo-fuzz has it, and no sanitizer is needed where nothing is unsafe.

use std::process::Command;

use crate::run;

/// Counters and comparisons, as libFuzzer reads them.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// How long it goes on, where nobody says.
const SECONDS: &str = "60";

/// Builds the target and lets it run. What it finds is kept below `target/fuzz`.
pub(crate) fn documents(seconds: Option<&str>) -> Result<(), String> {
    let triple = host_triple()?;
    let target = run::root().join("target/fuzz");
    let mut build = Command::new(run::cargo_path());
    build
        // Named, so that what runs at build time is not instrumented.
        .args(["build", "--release", "--target", &triple, "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", COVERAGE)
        .current_dir(run::root().join("host/graphql/fuzz"));
    run::finish(build, "cargo build of the fuzz target")?;
    let corpus = target.join("corpus");
    std::fs::create_dir_all(&corpus).map_err(|bad| format!("{}: {bad}", corpus.display()))?;
    let time = format!("-max_total_time={}", seconds.unwrap_or(SECONDS));
    let artifacts = format!("-artifact_prefix={}/", target.display());
    let corpus = corpus.display().to_string();
    let program = target.join(triple).join("release/document");
    run::program(
        &program,
        &[&time, "-timeout=25", &artifacts, &corpus, "host/graphql/fuzz/corpus/document"],
    )
}

fn host_triple() -> Result<String, String> {
    let told = Command::new("rustc").arg("-vV").output();
    let told = told.map_err(|bad| format!("`rustc -vV` could not be started: {bad}"))?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned);
    host.ok_or_else(|| "`rustc -vV` does not say what it builds for".to_owned())
}
