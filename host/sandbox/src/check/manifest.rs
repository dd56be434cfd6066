//! The custom section in which a generator's SDK writes what it is. Displayed, never trusted.

use serde::Deserialize;
use wasmparser::CustomSectionReader;

use crate::check::{CheckCode, CheckError, refused};
use crate::limits::{Limits, bytes, count};
use crate::report::text_shown;

/// Name of the section.
pub(super) const SECTION: &str = "kiln:manifest";

/// What a generator's author says about it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SDK it was built with.
    #[serde(default)]
    pub sdk: Option<String>,
}

pub(super) fn read(
    manifest: &mut Option<Manifest>,
    section: &CustomSectionReader<'_>,
    limits: &Limits,
) -> Result<(), CheckError> {
    let bad = |why: &str| {
        let message =
            format!("the manifest (section `{SECTION}` at {:#x}) {why}", section.data_offset());
        refused(CheckCode::BadManifest, message, "the SDK writes it; do not write one by hand")
    };
    if manifest.is_some() {
        return Err(bad("is there twice"));
    }
    let len = count(section.data().len());
    if len > limits.manifest_bytes {
        return Err(bad(&format!(
            "has {}, the limit is {}",
            bytes(len),
            bytes(limits.manifest_bytes)
        )));
    }
    let read = serde_json::from_slice(section.data()).map_err(|error| {
        bad(&format!("cannot be read: {}", text_shown(&error.to_string(), 200)))
    })?;
    *manifest = Some(read);
    Ok(())
}
