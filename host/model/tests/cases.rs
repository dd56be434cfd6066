//! The public schemas and object files of the cases compile and parse, and name everything that
//! their stores hold.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "a test ends by panicking, and says what it skips"
)]

use std::path::{Path, PathBuf};

use model::Symbols;
use model::schema::{Declared, Document, Schema, compile, merge};

fn cases() -> Option<PathBuf> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases");
    if cases.is_dir() {
        return Some(cases);
    }
    println!("skipped: the public cases are not beside this checkout");
    None
}

fn files(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, ends, found);
        } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
            found.push(path);
        }
    }
}

fn schema(case: &Path) -> Schema {
    let mut paths = Vec::new();
    files(&case.join("files/schemas"), &[".yml"], &mut paths);
    let mut documents = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        match Document::parse(&path.display().to_string(), &text) {
            Ok(read) => documents.extend(read),
            Err(bad) => panic!("{}", bad.iter().map(|b| format!("{b}\n")).collect::<String>()),
        }
    }
    let declared = merge(&Declared::default(), &documents).unwrap();
    match compile(&declared, &mut Symbols::default()) {
        Ok(schema) => schema,
        Err(bad) => panic!("{}", bad.iter().map(|bad| format!("{bad}\n")).collect::<String>()),
    }
}

fn check(name: &str) {
    let Some(cases) = cases() else { return };
    let case = cases.join(name);
    let schema = schema(&case);
    let seed = std::fs::read_to_string(case.join("seed.json")).unwrap();
    let seed: Vec<serde_json::Value> = serde_json::from_str(&seed).unwrap();
    let mut missing = std::collections::BTreeSet::new();
    for node in &seed {
        let name = node["kind"].as_str().unwrap();
        let Some(kind) = schema.kind(name) else {
            missing.insert(name.to_owned());
            continue;
        };
        for field in node["attributes"].as_object().unwrap().keys() {
            if kind.attribute(field).is_none() {
                missing.insert(format!("{name}.{field}"));
            }
        }
        for field in node["relationships"].as_object().unwrap().keys() {
            if kind.relationship(field).is_none() {
                missing.insert(format!("{name}.{field}"));
            }
        }
    }
    assert!(missing.is_empty(), "not in the schema: {missing:#?}");
    let mut paths = Vec::new();
    files(&case.join("files"), &[".yml"], &mut paths);
    let mut rows = 0;
    for path in paths.iter().filter(|path| !path.to_string_lossy().contains("/schemas/")) {
        let text = std::fs::read_to_string(path).unwrap();
        if text.contains("infrahub.app/v1") {
            let file = model::object_file::parse(&path.display().to_string(), &text).unwrap();
            rows += file.documents.iter().map(|document| document.rows.len()).sum::<usize>();
        }
    }
    assert!(rows > 30, "{rows}");
}

#[test]
fn the_sdwan_case_compiles_and_parses() {
    check("1-sdwan");
}

#[test]
fn the_dedicated_internet_case_compiles_and_parses() {
    check("2-dedicated-internet");
}

#[test]
fn the_l3vpn_case_compiles_and_parses() {
    check("4-l3vpn");
}

#[test]
fn the_data_centre_case_compiles_and_parses() {
    check("5-demo-dc");
}
