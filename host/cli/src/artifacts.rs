//! Artifacts on the command line.

use serde_json::{Value, json};

use crate::args::Artifact;
use crate::client::{Client, part};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Runs a command on artifacts.
pub(crate) fn run(client: &Client, artifact: &Artifact, output: Output) -> Result<Exit, Failure> {
    match artifact {
        Artifact::Generate { definition, nodes } => {
            let path = format!("/api/artifact/generate/{}", part(definition));
            let done = client.post(&path, &json!({"nodes": nodes}))?;
            if output.json {
                output.value(&done);
            }
            for one in done["artifacts"].as_array().into_iter().flatten() {
                output.line(&line(one));
            }
            Ok(if done["ok"] == json!(true) { Exit::Done } else { Exit::Refused })
        }
        Artifact::Show { id } => shown(client, &format!("/api/artifact/{}", part(id)), output),
        Artifact::Render { transform, variables } => {
            let given = variables.iter().map(|variable| {
                let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                format!("{}={}", part(name), part(value))
            });
            let given: Vec<String> = given.collect();
            let path = format!("/api/transform/jinja2/{}?{}", part(transform), given.join("&"));
            shown(client, &path, output)
        }
    }
}

fn shown(client: &Client, path: &str, output: Output) -> Result<Exit, Failure> {
    let text = client.get_text(path)?;
    if output.json {
        output.value(&json!({"content": text}));
    }
    output.line(text.trim_end_matches('\n'));
    Ok(Exit::Done)
}

/// One artifact, with what is wrong with it.
fn line(one: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = one["name"].as_str().or_else(|| one["object"].as_str()).unwrap_or("no member");
    let error = match one["error"]["message"].as_str() {
        Some(message) => format!(": {} ({message})", text(&one["error"]["code"])),
        None => String::new(),
    };
    format!("{name}  {}  {}{error}", text(&one["outcome"]), text(&one["id"]))
}
