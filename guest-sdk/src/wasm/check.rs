//! The world of checks: its imports behind [`Source`], and the way in.

/// Made from the WIT.
#[allow(missing_docs, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit/v0.1.0",
        world: "check",
        with: {
            "kiln:generator/types@0.1.0": crate::wasm::bindings::kiln::generator::types,
            "kiln:generator/run@0.1.0": crate::wasm::bindings::kiln::generator::run,
            "kiln:generator/log@0.1.0": crate::wasm::bindings::kiln::generator::log,
            "kiln:generator/query@0.1.0": crate::wasm::bindings::kiln::generator::query,
        },
        pub_export_macro: true,
        default_bindings_module: "kiln::wasm::check::bindings",
        export_macro_name: "export",
    });
}

use bindings::kiln::generator::checking;
use serde::de::DeserializeOwned;

use crate::check::{Finding, Inspection, Severity, Source};
use crate::wasm::bindings::kiln::generator::{log, query, types};
use crate::wasm::{Imports, inward, outward, read, tell_panics};
use crate::{Field, Host, Info, Level, Result};

/// Runs a check on the host's input.
pub fn enter<T: DeserializeOwned>(
    input: &str,
    check: impl Fn(&Inspection<'_>, T) -> Result<()>,
) -> std::result::Result<Vec<checking::Finding>, types::Error> {
    tell_panics(log::panicked);
    let inspection = Inspection::new(&Imports);
    let done = read(input).and_then(|input| check(&inspection, input));
    done.map_err(outward)?;
    Ok(inspection.into_findings().into_iter().map(told).collect())
}

fn told(finding: Finding) -> checking::Finding {
    let severity = match finding.severity {
        Severity::Info => checking::Severity::Info,
        Severity::Warning => checking::Severity::Warning,
        Severity::Error => checking::Severity::Error,
        Severity::Critical => checking::Severity::Critical,
    };
    let Finding { message, path, object, .. } = finding;
    checking::Finding { severity, message, path, object }
}

// Only what the world of checks has: the rest of the other trait stays out of the component.
impl Source for Imports {
    fn info(&self) -> Info {
        Host::info(self)
    }

    fn parameters(&self) -> Vec<Field> {
        Host::parameters(self)
    }

    fn log(&self, level: Level, message: &str) {
        Host::log(self, level, message, &[]);
    }

    fn document(&self, text: &str, variables: &str) -> Result<String> {
        query::document(text, variables).map_err(inward)
    }
}
