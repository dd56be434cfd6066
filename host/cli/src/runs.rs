//! Runs as people read them: how they ended, and what is known of a failure.

use serde_json::{Value, json};

use crate::client::{Client, part};
use crate::exit::{Exit, Failure};
use crate::output::Output;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list_of(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The newest runs, a line each.
pub(crate) fn list(client: &Client, limit: usize, output: Output) -> Result<Exit, Failure> {
    let answer = client.get(&format!("/api/runs?limit={limit}"))?;
    if output.json {
        output.value(&answer);
    }
    for run in list_of(&answer["runs"]) {
        let outcome = &run["outcome"];
        let ended = if let Some(failed) = outcome.get("Failed") {
            format!("failed [{}]", text(&failed["code"]))
        } else if let Some(changed) = outcome.get("Changed") {
            let count = |name: &str| changed[name].as_u64().unwrap_or(0);
            format!("+{} ~{} -{}", count("created"), count("updated"), count("deleted"))
        } else {
            "unchanged".to_owned()
        };
        output.line(&format!(
            "{}  {}  {}  {ended}  ({})",
            text(&run["run"]),
            text(&run["began"]),
            text(&run["definition"]),
            text(&run["cause"])
        ));
    }
    Ok(Exit::Done)
}

/// Runs that have not ended, a line each.
pub(crate) fn under_way(client: &Client, output: Output) -> Result<Exit, Failure> {
    let answer = client.get("/api/runs/under-way")?;
    if output.json {
        output.value(&answer);
    }
    for run in list_of(&answer["runs"]) {
        output.line(&format!(
            "{}  since {}  {}  target {}  ({})",
            text(&run["run"]),
            text(&run["began"]),
            text(&run["definition"]),
            text(&run["target"]),
            text(&run["cause"])
        ));
    }
    Ok(Exit::Done)
}

/// Ends one.
pub(crate) fn cancel(client: &Client, run: &str, output: Output) -> Result<Exit, Failure> {
    let answer = client.post(&format!("/api/runs/{}/cancel", part(run)), &json!({}))?;
    if output.json {
        output.value(&answer);
    }
    output.line(&format!("{} of {} ends", text(&answer["run"]), text(&answer["definition"])));
    Ok(Exit::Done)
}

/// All that is known of one.
pub(crate) fn report(client: &Client, run: &str, output: Output) -> Result<Exit, Failure> {
    let run = client.get(&format!("/api/runs/{}", part(run)))?;
    if output.json {
        output.value(&run);
    }
    output.line(&format!(
        "{}  {}  {}  ({})",
        text(&run["run"]),
        text(&run["began"]),
        text(&run["definition"]),
        text(&run["cause"])
    ));
    if let Some(changed) = run["outcome"].get("Changed") {
        output.line(&format!(
            "  {} created, {} updated, {} deleted",
            changed["created"], changed["updated"], changed["deleted"]
        ));
    }
    one(&run, output);
    Ok(Exit::Done)
}

/// Runs with what they changed; tells whether all succeeded.
pub(crate) fn show(answer: &Value, output: Output) -> Exit {
    if output.json {
        output.value(answer);
    }
    for run in list_of(&answer["runs"]) {
        if run["outcome"].get("Failed").is_none() {
            output.changes(&run["changes"]);
        }
        one(run, output);
    }
    if answer["ok"] == json!(true) { Exit::Done } else { Exit::Refused }
}

fn one(run: &Value, output: Output) {
    if let Some(failed) = run["outcome"].get("Failed") {
        failure(failed, output);
    }
    for line in list_of(&run["log"]) {
        output.line(&format!("  log: {}", text(&line["message"])));
    }
    if run.get("calls").is_some() {
        output.line(&format!(
            "  {} host calls, {} fuel, {} KiB",
            run["calls"],
            run["fuel"],
            run["memory"].as_u64().unwrap_or(0) >> 10
        ));
    }
}

fn failure(failed: &Value, output: Output) {
    output.line(&format!("failed [{}]: {}", text(&failed["code"]), text(&failed["message"])));
    for frame in list_of(&failed["frames"]) {
        output.line(&format!("    {}", text(frame)));
    }
    let report = &failed["report"];
    if let Some(location) = report["panic"][1].as_str() {
        output.line(&format!("  panicked at {location}"));
    }
    for detail in list_of(&report["error"]["details"]) {
        output.line(&format!("  {}: {}", text(&detail[0]), text(&detail[1])));
    }
    let calls: Vec<&str> = list_of(&report["last_calls"]).map(text).collect();
    if !calls.is_empty() {
        output.line(&format!("  last host calls: {}", calls.join(", ")));
    }
    if let Some(hint) = failed["hint"].as_str() {
        output.line(&format!("  hint: {hint}"));
    }
}
