//! Files and folders that are pushed: schemas, objects, and `generator.yml` in the form of the public
//! repository manifest.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Client;
use crate::exit::Failure;

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|bad| failed(path, &bad.to_string()))
}

/// The bytes of a file.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|bad| failed(path, &bad.to_string()))
}

fn failed(path: &Path, what: &str) -> Failure {
    Failure::File { path: path.display().to_string(), what: what.to_owned() }
}

/// A folder that is not there yet, or has nothing in it.
pub(crate) fn must_be_empty(folder: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        true => Err(failed(folder, "the folder is not empty; name another")),
        false => Ok(()),
    }
}

/// Files of a list of files and folders, folders in the order of their names.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Value, Failure> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, &mut found)?;
    }
    if found.is_empty() {
        return Err(Failure::Argument {
            argument: "files".to_owned(),
            what: "name at least one file or folder".to_owned(),
        });
    }
    Ok(json!({"files": found}))
}

fn collect(path: &Path, found: &mut Vec<Value>) -> Result<(), Failure> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|bad| failed(path, &bad.to_string()))?;
        let mut paths: Vec<PathBuf> =
            entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let ends = path.extension().and_then(|end| end.to_str());
            if path.is_dir() || matches!(ends, Some("yml" | "yaml" | "json")) {
                collect(&path, found)?;
            }
        }
        return Ok(());
    }
    found.push(json!({"name": path.display().to_string(), "text": read(path)?}));
    Ok(())
}

/// Uploads the components of a folder's definitions and registers them; their names.
pub(crate) fn push(
    client: &Client,
    folder: &Path,
    components: &Path,
) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for definition in definitions(folder)? {
        let text = |name: &str| definition[name].as_str().unwrap_or_default().to_owned();
        let bytes = bytes(&components.join(text("component")))?;
        let info = client.upload("/api/components/upload", &bytes)?;
        let mut body = json!({
            "name": text("name"),
            "query": read(&folder.join(text("query")))?,
            "targets": text("targets"),
            "parameters": definition.get("parameters").cloned().unwrap_or(json!({})),
            "component": info["digest"],
        });
        for name in ["description", "adoption", "on_release", "on_protected", "trigger_secret"] {
            if let Some(value) = definition.get(name) {
                body[name] = value.clone();
            }
        }
        client.put("/api/generators", &body)?;
        names.push(text("name"));
    }
    Ok(names)
}

/// The definitions of `generator.yml`.
pub(crate) fn definitions(folder: &Path) -> Result<Vec<Value>, Failure> {
    let path = folder.join("generator.yml");
    let documents = model::schema::yaml_documents(&path.display().to_string(), &read(&path)?)
        .map_err(|bad| failed(&path, &bad.to_string()))?;
    let list = documents.first().and_then(|document| document["generator_definitions"].as_array());
    list.cloned().ok_or_else(|| failed(&path, "`generator_definitions` is missing"))
}
