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
