//! Checks on the command line.

use serde_json::{Value, json};

use crate::args::{Checks, PutCheck};
use crate::client::{Client, part};
use crate::exit::{Exit, Failure};
use crate::manifest;
use crate::output::Output;

/// Runs a command on checks.
pub(crate) fn run(client: &Client, checks: &Checks, output: Output) -> Result<Exit, Failure> {
    match checks {
        Checks::List => {
            let list = client.get("/api/checks")?;
            if output.json {
                output.value(&list);
            }
            for one in list["checks"].as_array().into_iter().flatten() {
                let problem = one["problem"].as_str().unwrap_or("ready");
                let name = one["name"].as_str().unwrap_or_default();
                let weight = if one["required"] == json!(true) { "required" } else { "advisory" };
                output.line(&format!("{name}  {weight}  {} targets  {problem}", one["targets"]));
            }
            Ok(Exit::Done)
        }
        Checks::Put(put) => {
            self::put(client, put)?;
            output.line(&format!("registered {}", put.name));
            Ok(Exit::Done)
        }
        Checks::Run { name, target } => {
            let mut body = json!({});
            if let Some(target) = target {
                body["target"] = json!(target);
            }
            let done = client.post(&format!("/api/checks/{}/run", part(name)), &body)?;
            if output.json {
                output.value(&done);
            }
            for result in done["results"].as_array().into_iter().flatten() {
                self::result(result, output);
            }
            Ok(if done["ok"] == json!(true) { Exit::Done } else { Exit::Refused })
        }
    }
}

fn put(client: &Client, put: &PutCheck) -> Result<(), Failure> {
    let info = client.upload("/api/components/upload", &manifest::bytes(&put.component)?)?;
    let mut body = json!({
        "name": put.name, "query": manifest::read(&put.query)?, "component": info["digest"],
        "advisory": put.advisory, "parameters": {},
    });
    if let Some(targets) = &put.targets {
        body["targets"] = json!(targets);
    }
    for parameter in &put.parameters {
        let (name, path) = parameter.split_once('=').unwrap_or((parameter, ""));
        body["parameters"][name] = json!(path);
    }
    client.put("/api/checks", &body).map(|_id| ())
}

fn result(result: &Value, output: Output) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let target = result["target"].as_str().unwrap_or("the branch");
    output.line(&format!("{target}: {}", text(&result["conclusion"])));
    if let Some(message) = result["failure"]["Failed"]["message"].as_str() {
        output.line(&format!("  {}: {message}", text(&result["failure"]["Failed"]["code"])));
    }
    for finding in result["findings"].as_array().into_iter().flatten() {
        let path = finding["path"].as_str().map(|path| format!(" ({path})")).unwrap_or_default();
        let (severity, message) = (text(&finding["severity"]), text(&finding["message"]));
        output.line(&format!("  {severity}: {message}{path}"));
    }
}
