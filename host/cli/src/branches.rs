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
