//! Checking a component without a server: for whoever builds one.

use serde_json::{Value, json};

/// What the upload check says of a component.
///
/// `Err` holds the code, the message, and what helps.
pub fn check_component(bytes: &[u8]) -> Result<Value, (String, String, Vec<String>)> {
    match sandbox::check(bytes, &sandbox::Limits::default()) {
        Ok(report) => Ok(json!({
            "digest": report.digest.to_string(),
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

/// The limits of runs and uploads, as a table in Markdown.
pub fn limits_table() -> String {
    sandbox::limits::table_markdown()
}
