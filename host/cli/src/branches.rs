//! Branches on the command line.

use serde_json::{Value, json};

use crate::args::Branch;
use crate::client::{Client, part};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Runs a command on branches.
pub(crate) fn run(client: &Client, branch: &Branch, output: Output) -> Result<Exit, Failure> {
    match branch {
        Branch::List => {
            let list = client.get("/api/branches")?;
            if output.json {
                output.value(&list);
            }
            for one in list["branches"].as_array().into_iter().flatten() {
                line(one, output);
            }
        }
        Branch::Create { name, description } => {
            let body = json!({"name": name, "description": description});
            told(&client.post("/api/branches", &body)?, output);
        }
        Branch::Diff { name, against, kind, limit } => {
            let mut path = format!("/api/diff?branch={}&against={}", part(name), part(against));
            if let Some(kind) = kind {
                path = format!("{path}&kind={}", part(kind));
            }
            if let Some(limit) = limit {
                path = format!("{path}&limit={limit}");
            }
            let diff = client.get(&path)?;
            if output.json {
                output.value(&diff);
            }
            changes(&diff, output);
        }
        Branch::Show { name } => {
            output.value(&client.get(&format!("/api/branches/{}", part(name)))?);
        }
        Branch::Update { name, name_to, description } => {
            let mut body = json!({});
            for (field, value) in [("name", name_to), ("description", description)] {
                if let Some(value) = value {
                    body[field] = json!(value);
                }
            }
            told(&client.patch(&format!("/api/branches/{}", part(name)), &body)?, output);
        }
        Branch::Merge { .. }
        | Branch::Validate { .. }
        | Branch::Rebase { .. }
        | Branch::Conflicts { .. }
        | Branch::Resolve { .. } => return to_main(client, branch, output),
        Branch::Delete { name } => {
            let answer = client.delete(&format!("/api/branches/{}", part(name)))?;
            if output.json {
                output.value(&answer);
            }
            output.line(&format!("deleted {name}"));
        }
    }
    Ok(Exit::Done)
}

fn changes(diff: &Value, output: Output) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for object in list(&diff["objects"]) {
        let (status, kind, label) =
            (text(&object["status"]), text(&object["kind"]), text(&object["label"]));
        output.line(&format!("{status:<8} {kind} {label}"));
        if let Some(conflict) = object["conflict"].as_str() {
            output.line(&format!("    conflict: {conflict}"));
        }
        for field in list(&object["attributes"]) {
            let mut name = text(&field["name"]);
            if field["property"] != "value" {
                name = format!("{name}.{}", text(&field["property"]));
            }
            let main = match &field["main"] {
                Value::Null => String::new(),
                main => format!("  conflict: {main} on main"),
            };
            output.line(&format!("    {name}: {} -> {}{main}", field["before"], field["after"]));
        }
        for link in list(&object["relationships"]) {
            let (status, name) = (text(&link["status"]), text(&link["name"]));
            output.line(&format!("    {name}: {} {status}", text(&link["label"])));
        }
    }
    for change in list(&diff["schema"]["changes"]) {
        output.line(&format!("schema   {}", text(&change)));
    }
    output.line(&format!(
        "{} added, {} updated, {} removed, {} conflicts",
        diff["num_added"], diff["num_updated"], diff["num_removed"], diff["num_conflicts"]
    ));
}

/// What brings a branch and main together.
fn to_main(client: &Client, branch: &Branch, output: Output) -> Result<Exit, Failure> {
    match branch {
        Branch::Merge { name, plan: false } => {
            let answer = client.post(&verb(name, "merge"), &json!({}))?;
            if output.json {
                output.value(&answer);
            }
            plan(&answer["changes"], output);
            output.line(&format!("merged {name}"));
            for one in list(&answer["left"]) {
                let told = one["message"].as_str().unwrap_or_default();
                output.line(&format!("left as it is: {told}"));
            }
        }
        Branch::Merge { name, plan: true } => {
            return Ok(previewed(&client.post(&verb(name, "preview"), &json!({}))?, output));
        }
        Branch::Validate { name } => {
            let answer = client.post(&verb(name, "validate"), &json!({}))?;
            if output.json {
                output.value(&answer);
            }
            return Ok(validated(&answer, output));
        }
        Branch::Rebase { name } => {
            told(&client.post(&verb(name, "rebase"), &json!({}))?, output);
        }
        Branch::Conflicts { name } => {
            let answer = client.get(&format!("/api/conflicts?branch={}", part(name)))?;
            if output.json {
                output.value(&answer);
            }
            conflicts(&answer["conflicts"], output);
            output.line(&format!("{} to decide", answer["open"]));
        }
        Branch::Resolve { conflict, keep } => {
            let path = format!("/api/conflicts/{}", part(conflict));
            let answer = client.post(&path, &json!({"keep": keep}))?;
            if output.json {
                output.value(&answer);
            }
            conflicts(&json!([answer]), output);
        }
        _ => {}
    }
    Ok(Exit::Done)
}

/// The path of a verb of a branch.
fn verb(name: &str, verb: &str) -> String {
    format!("/api/branches/{}/{verb}", part(name))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn conflicts(all: &Value, output: Output) {
    for one in list(all) {
        let kept = match one["keep"].as_str() {
            Some(side) => format!("  keeps {side}"),
            None if one["resolvable"] == false => "  to be changed on either side".to_owned(),
            None => String::new(),
        };
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        output.line(&format!("{}  {}{kept}", text("id"), text("text")));
    }
}

/// What main gets, object by object.
fn plan(changes: &Value, output: Output) {
    for one in list(&changes["changes"]) {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        output.line(&format!("{:<8} {} {}", text("op"), text("kind"), text("label")));
    }
    output.line(&format!(
        "{} created, {} updated, {} deleted",
        changes["created"], changes["updated"], changes["deleted"]
    ));
}

/// A preview of a merge, and whether it can be made.
pub(crate) fn previewed(answer: &Value, output: Output) -> Exit {
    if output.json {
        output.value(answer);
    }
    preview(answer, output)
}

/// The same for people.
pub(crate) fn preview(answer: &Value, output: Output) -> Exit {
    plan(&answer["changes"], output);
    if list(&answer["ended"]["changes"]).next().is_some() {
        output.line("goes with targets that main no longer has:");
        plan(&answer["ended"], output);
    }
    after(&answer["after"], "would run on main", output);
    if answer["complete"] == false && answer["after"].is_array() {
        output.line("more would run; this is where looking ahead ends");
    }
    validated(answer, output)
}

/// What runs on main after a merge, with what each changes.
pub(crate) fn after(runs: &Value, how: &str, output: Output) {
    for run in list(runs) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        output.line(&format!(
            "  {how}: {} {} ({})",
            text(&run["definition"]),
            text(&run["target"]),
            text(&run["reason"])
        ));
        match run["outcome"]["Failed"]["message"].as_str() {
            Some(message) => output.line(&format!("    fails: {message}")),
            None => output.changes(&run["changes"]),
        }
    }
}

fn validated(answer: &Value, output: Output) -> Exit {
    conflicts(&answer["conflicts"], output);
    for one in list(&answer["violations"]) {
        output.line(one["message"].as_str().unwrap_or_default());
    }
    if answer["ok"] == true {
        output.line("can be merged");
        return Exit::Done;
    }
    output.line("cannot be merged as it is");
    Exit::Refused
}

fn told(branch: &Value, output: Output) {
    if output.json {
        output.value(branch);
    }
    line(branch, output);
}

fn line(branch: &Value, output: Output) {
    let text = |name: &str| branch[name].as_str().unwrap_or_default().to_owned();
    output.line(&format!(
        "{}  {}  from {}  {}",
        text("name"),
        text("status"),
        text("branched_from"),
        text("description")
    ));
}
