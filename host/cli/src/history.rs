//! Blame, why and revert on the command line.

use serde_json::{Value, json};

use crate::args::Revert;
use crate::client::{Client, part};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Which commits set a field.
pub(crate) fn blame(
    client: &Client,
    (kind, name, field): (&str, &str, &str),
    limit: usize,
    output: Output,
) -> Result<Exit, Failure> {
    let field = part(field);
    let path = format!("/api/blame/{kind}/{}?field={field}&limit={limit}", part(name));
    let blame = client.get(&path)?;
    if output.json {
        output.value(&blame);
    }
    let list = |name: &str| blame[name].as_array().cloned().unwrap_or_default();
    for one in list("values") {
        output.line(&format!("{}  {}", one["value"], origin(&one)));
    }
    for one in list("peers") {
        output.line(&format!("{}  {}", one["label"].as_str().unwrap_or_default(), origin(&one)));
    }
    Ok(Exit::Done)
}

fn origin(one: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let run = match one["run"]["id"].as_str() {
        Some(id) => {
            let short = |value: &Value| text(value).chars().take(12).collect::<String>();
            format!(
                "  run {id}, component {}, input {}",
                short(&one["run"]["component"]),
                short(&one["run"]["input"])
            )
        }
        None => String::new(),
    };
    // What came with a merge was set on the branch first.
    let merged = &one["merged_from"];
    let there = match merged.is_object() {
        true => format!("\n    on {}: {}", text(&merged["branch"]), origin(merged)),
        false => String::new(),
    };
    format!(
        "commit {}, {}, by {}: {}{run}{there}",
        one["commit"],
        text(&one["at"]),
        text(&one["by_name"]),
        text(&one["how"])
    )
}

/// Why a run ran.
pub(crate) fn why(client: &Client, run: &str, output: Output) -> Result<Exit, Failure> {
    let why = client.get(&format!("/api/runs/{}/why", part(run)))?;
    if output.json {
        output.value(&why);
    }
    for words in why["words"].as_array().into_iter().flatten() {
        output.line(words.as_str().unwrap_or_default());
    }
    for commit in why["commits"].as_array().into_iter().flatten() {
        output.line(&origin(commit));
        for object in commit["objects"].as_array().into_iter().flatten() {
            let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
            output.line(&format!("    {} {} {}", text("op"), text("kind"), text("label")));
        }
    }
    Ok(Exit::Done)
}

/// Takes a commit or a run back.
pub(crate) fn revert(client: &Client, revert: &Revert, output: Output) -> Result<Exit, Failure> {
    let mut body = json!({"plan": revert.plan});
    if let Some(commit) = revert.what.commit {
        body["commit"] = json!(commit);
    }
    if let Some(run) = &revert.what.run {
        body["run"] = json!(run);
    }
    let done = client.post("/api/revert", &body)?;
    if output.json {
        output.value(&done);
    }
    output.changes(&done["changes"]);
    match done["commit"].as_u64() {
        Some(commit) => output.line(&format!("commit {} taken back by {commit}", done["reverts"])),
        None if revert.plan => output.line("a plan; nothing was kept"),
        None => output.line("nothing was left to take back"),
    }
    Ok(Exit::Done)
}
