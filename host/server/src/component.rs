//! Components without a server: checking one, and compiling one in a process of its own.

use std::ffi::OsString;
use std::path::PathBuf;

use sandbox::{CompileLimits, InChild};
use serde_json::{Value, json};

/// What the upload check says of a component.
///
/// `Err` holds the code, the message, and what helps.
pub fn check_component(bytes: &[u8]) -> Result<Value, (String, String, Vec<String>)> {
    match sandbox::check(bytes, &sandbox::Limits::default()) {
        Ok(report) => Ok(json!({
            "digest": report.digest.to_string(),
            "world": report.world.name(),
            "bytes": report.bytes,
            "core_modules": report.core_modules,
            "functions": report.functions,
            "memory_bytes": report.memory_bytes,
            "imports": report.imports,
            "exports": report.exports,
        })),
        Err(error) => {
            let code = error.code.name().to_owned();
            Err((code, error.message, error.hint.into_iter().collect()))
        }
    }
}

/// Runs a component against a fixture, the text of a JSON file. `Err` holds a code and a message.
pub fn run_fixture(bytes: &[u8], fixture: &str) -> Result<Value, (String, String)> {
    let fixture = serde_json::from_str(fixture)
        .map_err(|bad| ("bad-fixture".to_owned(), format!("the fixture does not read: {bad}")))?;
    let told = |bad: crate::ServeError| (bad.code().to_owned(), bad.to_string());
    let service = crate::open(None, 1, None, true).map_err(told)?;
    let refused = |bad: service::ServiceError| (bad.code().to_owned(), bad.to_string());
    service.run_fixture(bytes, fixture).map_err(refused)
}

/// Compiling in a child: `program word SECONDS BYTES`, where the word leads to [`compile_child`].
pub fn compiler(program: PathBuf, word: &str) -> InChild {
    InChild::new(program, vec![OsString::from(word)], CompileLimits::default())
}

/// The child's side of [`compiler`].
pub fn compile_child(seconds: u64, memory_bytes: u64) -> std::io::Result<()> {
    let limits = CompileLimits { seconds, memory_bytes };
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    sandbox::compile_in_this_process(limits, &mut input, &mut output)
}

/// What the same program does to make a document, started with another word: see `service::render`.
pub fn render_child(seconds: u64, memory_bytes: u64) -> std::io::Result<()> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    service::render_in_this_process(seconds, memory_bytes, &mut input, &mut output)
}
