//! Proposed changes on the command line.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::args::Change;
use crate::client::{Client, part};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Seconds of one request for a change whose checks are under way.
const WAIT_SECONDS: u32 = 2;

/// Runs a command on proposed changes.
pub(crate) fn run(client: &Client, change: &Change, output: Output) -> Result<Exit, Failure> {
    let act = |name: &str, verb: &str, body: Value| {
        client.post(&format!("/api/changes/{}/{verb}", part(name)), &body)
    };
    let answer = match change {
        Change::List { state } => {
            let state = state.as_ref().map(|state| format!("?state={}", part(state)));
            let list = client.get(&format!("/api/changes{}", state.unwrap_or_default()))?;
            if output.json {
                output.value(&list);
            }
            for one in list["changes"].as_array().into_iter().flatten() {
                head(one, output);
            }
            return Ok(Exit::Done);
        }
        Change::Open { source, name, description, draft, reviewers, no_wait } => {
            let mut body = json!({
                "name": name.as_ref().unwrap_or(source), "source_branch": source,
                "is_draft": draft, "reviewers": reviewers,
            });
            if let Some(description) = description {
                body["description"] = json!(description);
            }
            let opened = client.post("/api/changes", &body)?;
            waited(client, opened, *no_wait, output)?
        }
        Change::Show { name, wait, preview } => {
            let change = client.get(&format!("/api/changes/{}", part(name)))?;
            let mut change = waited(client, change, !wait, output)?;
            if *preview {
                change["preview"] = act(name, "preview", json!({}))?;
            }
            change
        }
        Change::Preview { name } => {
            return Ok(crate::branches::previewed(&act(name, "preview", json!({}))?, output));
        }
        Change::Check { name, kind, no_wait } => {
            let asked = act(name, "check", json!({"check_type": kind}))?;
            waited(client, asked, *no_wait, output)?
        }
        Change::Review { name, decision } => act(name, "review", json!({"decision": decision}))?,
        Change::Comment { name, text, about } => {
            let mut body = json!({"text": text});
            if let Some(about) = about {
                body["object_path"] = json!(about);
            }
            act(name, "comment", body)?
        }
        Change::Merge { name, no_wait } => {
            if !no_wait {
                let change = client.get(&format!("/api/changes/{}", part(name)))?;
                waited(client, change, false, output)?;
            }
            act(name, "merge", json!({}))?
        }
        Change::Close { name, cancel } => {
            act(name, if *cancel { "cancel" } else { "close" }, json!({}))?
        }
        Change::Reopen { name } => act(name, "open", json!({}))?,
    };
    Ok(told(&answer, matches!(change, Change::Open { .. } | Change::Check { .. }), output))
}

/// A change as it is shown; whoever asks whether it can be merged is told by the exit code too.
fn told(answer: &Value, asks: bool, output: Output) -> Exit {
    if output.json {
        output.value(answer);
    }
    show(answer, output);
    if answer["preview"].is_object() {
        output.heading("what main would get");
        crate::branches::preview(&answer["preview"], output);
    }
    let stands = answer["mergeable"] == json!(false)
        && answer["is_draft"] != json!(true)
        && answer["checks_pending"] != json!(true);
    if asks && stands { Exit::Refused } else { Exit::Done }
}

/// The change once its checks are done; on the way, what is done so far.
fn waited(
    client: &Client,
    mut change: Value,
    no_wait: bool,
    output: Output,
) -> Result<Value, Failure> {
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    while !no_wait && change["checks_pending"] == json!(true) {
        for validator in change["validators"].as_array().into_iter().flatten() {
            let label = text(&validator["label"]);
            let state = match text(&validator["state"]).as_str() {
                "completed" => text(&validator["conclusion"]),
                _ => text(&validator["message"]),
            };
            if told.get(&label) != Some(&state) {
                output.progress(&format!("{label}: {state}"));
                told.insert(label, state);
            }
        }
        let path = format!("/api/changes/{}?wait={WAIT_SECONDS}", part(&text(&change["id"])));
        change = client.get(&path)?;
    }
    Ok(change)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn head(change: &Value, output: Output) {
    let draft = if change["is_draft"] == json!(true) { " (draft)" } else { "" };
    output.line(&format!(
        "{}  {}  {}{draft}  {} -> {}",
        text(&change["id"]),
        text(&change["name"]),
        text(&change["state"]),
        text(&change["source_branch"]),
        text(&change["destination_branch"])
    ));
}

fn show(change: &Value, output: Output) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    head(change, output);
    if let Some(description) = change["description"].as_str() {
        output.line(&format!("  {description}"));
    }
    for (name, what) in [("approved_by", "approved by"), ("rejected_by", "rejected by")] {
        for account in list(&change[name]) {
            output.line(&format!("  {what} {}", text(&account)));
        }
    }
    for validator in list(&change["validators"]) {
        let stale = if validator["stale"] == json!(true) { ", out of date" } else { "" };
        let weight = if validator["required"] == json!(false) { ", advisory" } else { "" };
        let state = match text(&validator["state"]).as_str() {
            "completed" => text(&validator["conclusion"]),
            other => other.to_owned(),
        };
        output.line(&format!("  {}: {state}{weight}{stale}", text(&validator["label"])));
        output.line(&format!("    {}", text(&validator["message"])));
        for check in list(&validator["checks"]) {
            let reason =
                check["reason"].as_str().map(|why| format!(" ({why})")).unwrap_or_default();
            output.line(&format!(
                "    {} {}: {}{reason}",
                text(&check["severity"]),
                text(&check["label"]),
                text(&check["message"])
            ));
        }
    }
    for comment in list(&change["comments"]) {
        output.line(&format!("  {}: {}", text(&comment["by"]), text(&comment["text"])));
    }
    crate::branches::after(&change["after"], "ran on main", output);
    if change["state"] == json!("open") {
        for blocker in list(&change["blockers"]) {
            output.line(&format!("  in the way: {}", text(&blocker)));
        }
        if change["mergeable"] == json!(true) {
            output.line("  it can be merged");
        }
    }
}
