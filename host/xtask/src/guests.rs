//! The components of the project: examples, and guests of the tests.

use std::path::PathBuf;

use toolchain::{Build, build as build_guests};

use crate::run::{root, say};

/// Where components lie.
pub(crate) fn components() -> PathBuf {
    root().join("target/components")
}

/// Builds every guest; only what changed is built again.
pub(crate) fn build() -> Result<(), String> {
    for folder in ["examples", "tests/guests"] {
        say(&format!("building guests in {folder} ..."));
        let build = Build {
            folder: &root().join(folder),
            target_dir: Some(&root().join("target/guests")),
            out: &components(),
        };
        build_guests(&build, &say).map_err(|bad| bad.to_string())?;
    }
    Ok(())
}
