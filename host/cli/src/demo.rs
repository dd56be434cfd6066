//! The main job, shown: intent in, objects out, twice; then less, then nothing.

use serde_json::{Value, json};

use crate::args::Demo;
use crate::exit::{Exit, Failure};
use crate::local;
use crate::manifest;
use crate::output::Output;

const DEFINITION: &str = "web-service";

/// One step for programs.
fn step(steps: &mut Vec<Value>, name: &str, answer: &Value) {
    steps.push(json!({"step": name, "answer": answer}));
}

/// Runs the demo.
pub(crate) fn run(demo: &Demo, output: Output) -> Result<Exit, Failure> {
    let example = demo.examples.join(DEFINITION);
    let mut steps = Vec::new();
    output.progress("opening a store ...");
    if let Some(folder) = &demo.dir {
        manifest::must_be_empty(folder)?;
    }
    let local = local::start(demo.dir.as_deref())?;
    let client = &local.client;
    let file = |name: &str| manifest::files(&[example.join(name)]);

    output.heading("1. A schema: what people ask for, and what implements it");
    let report = client.post("/api/schema/load", &file("schema.yml")?)?;
    let own = report["changes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let kinds: Vec<&str> = own
        .filter_map(|change| change.strip_prefix("+ "))
        .filter(|name| !name.contains('.') && !name.starts_with("Profile"))
        .collect();
    output.line(&format!("  {}", kinds.join(", ")));
    step(&mut steps, "schema", &report);

    output.heading("2. Objects: two services, their sites, pools of addresses and VLANs");
    let load = client.post("/api/objects/load", &file("data.yml")?)?;
    output.line(&format!("  {} objects", load["created"]));
    step(&mut steps, "objects", &load);

    output.heading("3. A generator: a WebAssembly component, checked and compiled");
    output.progress("compiling the component ...");
    let names = manifest::push(client, &example, &demo.components)?;
    output.line(&format!("  {}", names.join(", ")));

    let run_all = |body: &Value| client.post(&format!("/api/generators/{DEFINITION}/run"), body);
    output.heading("4. A run over the target group");
    let first = run_all(&json!({}))?;
    step(&mut steps, "run", &first);
    show_instances(client, output)?;

    output.heading("5. The same run again");
    let again = run_all(&json!({}))?;
    show_changes(&again, output);
    step(&mut steps, "run again", &again);

    output.heading("6. The intent grows: shop wants 5 instances");
    set_instances(client, 5)?;
    let grown = run_all(&json!({"target": "shop"}))?;
    show_changes(&grown, output);
    step(&mut steps, "grown", &grown);

    output.heading("7. It shrinks: shop wants 1; first as a plan, then for good");
    set_instances(client, 1)?;
    let plan = run_all(&json!({"target": "shop", "plan": true}))?;
    let shrunk = run_all(&json!({"target": "shop"}))?;
    let same = plan["runs"][0]["digest"] == shrunk["runs"][0]["digest"];
    output.line(&format!("  the plan's digest is that of the run: {same}"));
    show_changes(&shrunk, output);
    step(&mut steps, "shrunk", &shrunk);

    output.heading("8. The service is deleted");
    let deleted = client.delete("/api/objects/AppWebService/shop")?;
    output.changes(&deleted);
    step(&mut steps, "deleted", &deleted);

    output.heading("What is left");
    show_instances(client, output)?;
    if output.json {
        output.value(&json!({"steps": steps}));
    }
    let all = [&first, &again, &grown, &shrunk];
    let ok = same && all.iter().all(|answer| answer["ok"] == json!(true));
    Ok(if ok { Exit::Done } else { Exit::Refused })
}

fn set_instances(client: &crate::client::Client, count: u32) -> Result<(), Failure> {
    client.patch("/api/objects/AppWebService/shop", &json!({"instances": count}))?;
    Ok(())
}

fn show_changes(answer: &Value, output: Output) {
    for run in answer["runs"].as_array().into_iter().flatten() {
        output.changes(&run["changes"]);
    }
}

fn show_instances(client: &crate::client::Client, output: Output) -> Result<(), Failure> {
    let instances = client.get("/api/instances")?;
    for instance in instances["instances"].as_array().into_iter().flatten() {
        let id = instance["id"].as_str().unwrap_or_default();
        output.tree(&client.get(&format!("/api/instances/{id}"))?);
    }
    Ok(())
}
