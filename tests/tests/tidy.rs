//! The house rules that a machine can check: arrows between crates, names in their homes, sizes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["host", "guest-sdk", "examples", "tests"] {
        sources(&root().join(folder), &mut found);
    }
    assert!(found.len() > 100, "the walk finds too little: {}", found.len());
    found
}

/// Crates that a crate may depend on, of ours.
const ARROWS: [(&str, &[&str]); 12] = [
    ("model", &[]),
    ("pools", &["model"]),
    ("store", &["model"]),
    ("branch", &["model", "store", "pools"]),
    ("graphql", &["model", "branch"]),
    ("sandbox", &["model"]),
    ("engine", &["model", "branch", "graphql", "sandbox"]),
    ("service", &["model", "store", "branch", "graphql", "sandbox", "engine"]),
    ("server", &["model", "store", "branch", "graphql", "sandbox", "engine", "service"]),
    ("toolchain", &[]),
    ("xtask", &["toolchain"]),
    ("cli", &["model", "server", "toolchain"]),
];

#[test]
fn no_arrow_points_back() {
    for (name, allowed) in ARROWS {
        let manifest = root().join("host").join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(manifest).unwrap();
        let normal = text.split("[dependencies]").nth(1).unwrap();
        let normal = normal.split("[dev-dependencies]").next().unwrap();
        for (other, _) in ARROWS {
            let used = normal.lines().any(|line| line.starts_with(&format!("{other}.workspace")));
            assert!(!used || allowed.contains(&other), "`{name}` must not use `{other}`");
        }
    }
}

#[test]
fn heavy_crates_are_named_in_their_home_alone() {
    for (heavy, home) in [
        ("redb", "store"),
        ("wasmtime", "sandbox"),
        ("axum", "server"),
        ("wit-component", "toolchain"),
    ] {
        for (name, _) in ARROWS.iter().filter(|(name, _)| *name != home) {
            let folder = root().join("host").join(name);
            let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            let normal = manifest.split("[dev-dependencies]").next().unwrap_or_default();
            let depends = normal.lines().any(|line| line.starts_with(&format!("{heavy}.")));
            assert!(!depends, "`{name}` must not depend on `{heavy}`");
            let mut files = Vec::new();
            sources(&folder.join("src"), &mut files);
            for file in files {
                let text = std::fs::read_to_string(&file).unwrap();
                let named = text.contains(&format!("{heavy}::"));
                assert!(!named, "{} names `{heavy}`", file.display());
            }
        }
    }
}

#[test]
fn files_stay_readable_and_begin_with_what_they_hold() {
    for file in all_sources() {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        assert!(lines <= 800, "{} has {lines} lines", file.display());
        assert!(text.starts_with("//!"), "{} does not say what it holds", file.display());
        assert!(!file.ends_with("mod.rs"), "{}: write `foo.rs` beside `foo/`", file.display());
    }
}

/// Whether a line declares a constant that bounds something, and which.
fn bound(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub").map_or(line, |rest| {
        let rest =
            rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |at| at.1);
        rest.trim_start()
    });
    let (name, _) = line.strip_prefix("const ")?.split_once(':')?;
    let ends = ["_MAX", "_MIN", "_LIMIT", "_KEPT", "_MOST"];
    ends.iter().any(|end| name.ends_with(end)).then_some(name)
}

#[test]
fn every_limit_is_a_row_of_its_crates_table() {
    for (name, _) in ARROWS.iter().filter(|(name, _)| *name != "xtask" && *name != "toolchain") {
        let mut files = Vec::new();
        sources(&root().join("host").join(name).join("src"), &mut files);
        for file in files.iter().filter(|file| !file.ends_with("limits.rs")) {
            let text = std::fs::read_to_string(file).unwrap();
            let own = text.split("#[cfg(test)]").next().unwrap_or_default();
            let found: Vec<&str> = own.lines().filter_map(bound).collect();
            assert!(
                found.is_empty(),
                "{} declares {found:?}; make each a row of `limits.rs`",
                file.display()
            );
        }
    }
    assert_eq!(bound("    pub(crate) const ROWS_MAX: usize = 5;"), Some("ROWS_MAX"));
    assert_eq!(bound("pub const FORMAT: u32 = 7;"), None);
}
