//! What the author of a generator does before anything is pushed: build, and try.

use std::path::Path;

use serde_json::{Value, json};

use crate::args::{Build, LocalRun};
use crate::client::{Client, part};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::{local, manifest, runs};

/// Builds components and checks each as an upload would be.
pub(crate) fn build(build: &Build, output: Output) -> Result<Exit, Failure> {
    let wanted = toolchain::Build {
        folder: &build.folder,
        target_dir: build.target_dir.as_deref(),
        out: build.out.as_deref().unwrap_or(&build.folder),
    };
    output.progress(&format!("building {} ...", build.folder.display()));
    let built = toolchain::build(&wanted, &|step| output.progress(step)).map_err(|bad| {
        Failure::Refused {
            code: "not-built".to_owned(),
            message: bad.to_string(),
            details: Vec::new(),
        }
    })?;
    let mut reports = Vec::new();
    for path in built {
        let path = path.display().to_string();
        let report = server::check_component(&manifest::bytes(Path::new(&path))?)
            .map_err(|(code, message, details)| Failure::Refused { code, message, details })?;
        output.line(&format!("{path}  {} bytes  {}", report["bytes"], report["digest"]));
        reports.push(json!({"path": path, "report": report}));
    }
    if output.json {
        output.value(&json!({"components": reports}));
    }
    Ok(Exit::Done)
}

/// Tries a component.
pub(crate) fn run(client: &Client, run: &LocalRun, output: Output) -> Result<Exit, Failure> {
    let bytes = manifest::bytes(&run.component)?;
    match (&run.fixture, &run.definition, &run.data) {
        (Some(fixture), ..) => recorded(&bytes, &manifest::read(fixture)?, output),
        (None, Some(definition), Some(data)) => {
            let local = local::start(Some(data))?;
            tried(&local.client, definition, run.target.as_deref(), &bytes, output)
        }
        (None, Some(definition), None) => {
            tried(client, definition, run.target.as_deref(), &bytes, output)
        }
        (None, None, _) => in_folder(run, &bytes, output),
    }
}

/// A plan over the data of a server, with a component that is not stored.
fn tried(
    client: &Client,
    definition: &str,
    target: Option<&str>,
    bytes: &[u8],
    output: Output,
) -> Result<Exit, Failure> {
    let mut path = format!("/api/generators/{}/try", part(definition));
    if let Some(target) = target {
        path = format!("{path}?target={}", part(target));
    }
    Ok(runs::show(&client.post_bytes(&path, bytes)?, output))
}

/// A plan over the schema and data of a folder, in a store of its own.
fn in_folder(run: &LocalRun, bytes: &[u8], output: Output) -> Result<Exit, Failure> {
    let own = run.component.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = run.folder.as_deref().or(own).unwrap_or(Path::new("."));
    let local = local::start(None)?;
    let file = |name: &str| manifest::files(&[folder.join(name)]);
    local.client.post("/api/schema/load", &file("schema.yml")?)?;
    local.client.post("/api/objects/load", &file("data.yml")?)?;
    let info = local.client.upload("/api/components/upload", bytes)?;
    let mut last = Exit::Done;
    for definition in manifest::definitions(folder)? {
        let text = |name: &str| definition[name].as_str().unwrap_or_default().to_owned();
        let query = manifest::read(&folder.join(text("query")))?;
        let body = json!({
            "name": text("name"), "query": query, "targets": text("targets"),
            "parameters": definition.get("parameters").cloned().unwrap_or(json!({})),
            "component": info["digest"],
        });
        local.client.put("/api/generators", &body)?;
        let path = format!("/api/generators/{}/run", part(&text("name")));
        let answer = local.client.post(&path, &json!({"target": run.target, "plan": true}))?;
        last = runs::show(&answer, output);
    }
    Ok(last)
}

/// A run against recorded answers.
fn recorded(bytes: &[u8], fixture: &str, output: Output) -> Result<Exit, Failure> {
    let told = server::run_fixture(bytes, fixture).map_err(|(code, message)| Failure::Refused {
        code,
        message,
        details: Vec::new(),
    })?;
    if output.json {
        output.value(&told);
    }
    for call in told["calls"].as_array().into_iter().flatten() {
        output.line(&call_line(call));
    }
    for line in told["log"].as_array().into_iter().flatten() {
        output.line(&format!("  log: {}", line["message"].as_str().unwrap_or_default()));
    }
    let failure = &told["failure"];
    if let Some(message) = failure["message"].as_str() {
        output.line(&format!("failed [{}]: {message}", failure["code"].as_str().unwrap_or("")));
        for frame in failure["frames"].as_array().into_iter().flatten() {
            output.line(&format!("    {}", frame.as_str().unwrap_or_default()));
        }
    }
    output.line(&format!(
        "  {} host calls, {} fuel, {} KiB",
        told["host_calls"],
        told["fuel"],
        told["memory"].as_u64().unwrap_or(0) >> 10
    ));
    Ok(if told["ok"] == json!(true) { Exit::Done } else { Exit::Refused })
}

/// `create AppServer made-1 {"name":"shop-0"} {"service":["s"]}`
fn call_line(call: &Value) -> String {
    let text = |name: &str| call[name].as_str().unwrap_or_default();
    match text("call") {
        "allocate" => {
            format!("  allocate {} {} -> {}", text("pool"), text("identifier"), call["value"])
        }
        verb => {
            format!("  {verb} {} {} {} {}", text("kind"), text("id"), call["fields"], call["links"])
        }
    }
}
