//! The commands, each a call or two of the API.

use clap::CommandFactory as _;
use serde_json::{Map, Value, json};

use crate::args::{Arguments, Command, Generator, Object, Schema, Store};
use crate::client::{Client, part};
use crate::exit::{Exit, Failure};
use crate::limits::DIFFERENCES_SHOWN_MAX;
use crate::output::Output;
use crate::{
    artifacts, author, branches, changes, checks, demo, history, limits, local, manifest, pools,
    push,
};
use crate::{runs, scaffold, tokens};

/// Runs the command of the arguments.
pub(crate) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let client = Client::new(&arguments.server)
        .scoped(arguments.branch.as_deref(), arguments.at.as_deref())
        .by(arguments.token.clone());
    match &arguments.command {
        Command::Serve(serve) => {
            local::serve(serve, *output)?;
            Ok(Exit::Done)
        }
        Command::Demo(demo) => demo::run(demo, *output),
        Command::Schema(schema) => self::schema(&client, schema, *output),
        Command::Object(object) => self::object(&client, object, *output),
        Command::Branch(branch) => branches::run(&client, branch, *output),
        Command::Change(change) => changes::run(&client, change, *output),
        Command::Checks(checks) => checks::run(&client, checks, *output),
        Command::Blame { kind, name, field, limit } => {
            history::blame(&client, (kind, name, field), *limit, *output)
        }
        Command::Why { run } => history::why(&client, run, *output),
        Command::Revert(revert) => history::revert(&client, revert, *output),
        Command::Token(token) => tokens::run(&client, token, *output),
        Command::Pool(pool) => pools::run(&client, pool, *output),
        Command::Push(push) => push::run(&client, push, *output),
        Command::Artifact(artifact) => artifacts::run(&client, artifact, *output),
        Command::Generator(generator) => self::generator(&client, generator, *output),
        Command::New { folder } => {
            scaffold::new(folder)?;
            if output.json {
                output.value(&json!({"made": folder}));
            }
            output.line(&format!("made {}; its README says what comes next", folder.display()));
            Ok(Exit::Done)
        }
        Command::Build(build) => author::build(build, *output),
        Command::Run(run) => author::run(&client, run, *output),
        Command::Check { component } => check(component, *output),
        Command::Store(store) => self::store(store, *output),
        Command::Limits => {
            if output.json {
                output.value(&server::limits_json(&limits::TABLES));
            }
            output.line(&server::limits_table(&limits::TABLES));
            Ok(Exit::Done)
        }
        Command::Compile { seconds, memory_bytes } => {
            server::compile_child(*seconds, *memory_bytes).map_err(|bad| Failure::File {
                path: "standard input".to_owned(),
                what: bad.to_string(),
            })?;
            Ok(Exit::Done)
        }
        Command::Render { seconds, memory_bytes } => {
            server::render_child(*seconds, *memory_bytes).map_err(|bad| Failure::File {
                path: "standard input".to_owned(),
                what: bad.to_string(),
            })?;
            Ok(Exit::Done)
        }
        Command::Completion { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(*shell, &mut command, "kiln", &mut std::io::stdout());
            Ok(Exit::Done)
        }
    }
}

fn check(component: &std::path::Path, output: Output) -> Result<Exit, Failure> {
    let bytes = manifest::bytes(component)?;
    match server::check_component(&bytes) {
        Ok(report) => {
            output.value(&report);
            Ok(Exit::Done)
        }
        Err((code, message, details)) => Err(Failure::Refused { code, message, details }),
    }
}

fn store(store: &Store, output: Output) -> Result<Exit, Failure> {
    let (Store::Check { data } | Store::Dump { data }) = store;
    if !data.join("kiln.redb").is_file() {
        let path = data.display().to_string();
        return Err(Failure::File { path, what: "there is no store here".to_owned() });
    }
    let service = local::open(Some(data), 1)?;
    if let Store::Dump { .. } = store {
        service.dump(&mut std::io::stdout()).map_err(server::ServeError::from)?;
        return Ok(Exit::Done);
    }
    let findings = service.check().map_err(server::ServeError::from)?;
    if output.json {
        output.value(&json!({"findings": findings}));
    }
    for finding in &findings {
        output.line(finding);
    }
    output.line(&format!("{} findings", findings.len()));
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Refused })
}

fn schema(client: &Client, schema: &Schema, output: Output) -> Result<Exit, Failure> {
    let (path, paths) = match schema {
        Schema::Show => {
            output.value(&client.get("/api/schema/declared")?);
            return Ok(Exit::Done);
        }
        Schema::Check { paths } => ("/api/schema/check", paths),
        Schema::Load { paths } => ("/api/schema/load", paths),
    };
    let report = client.post(path, &manifest::files(paths)?)?;
    if output.json {
        output.value(&report);
    }
    let changes = report["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    output.line(&format!("{} differences, schema {}", changes.len(), report["hash"]));
    for change in changes.iter().take(DIFFERENCES_SHOWN_MAX).filter_map(Value::as_str) {
        output.line(&format!("  {change}"));
    }
    Ok(Exit::Done)
}

fn object(client: &Client, object: &Object, output: Output) -> Result<Exit, Failure> {
    match object {
        Object::Load { paths } => {
            let load = client.post("/api/objects/load", &manifest::files(paths)?)?;
            if output.json {
                output.value(&load);
            }
            output.line(&format!(
                "{} created, {} updated, {} unchanged",
                load["created"], load["updated"], load["unchanged"]
            ));
        }
        Object::Get { kind, name } => {
            output.value(&client.get(&format!("/api/objects/{kind}/{}", part(name)))?);
        }
        Object::List { kind } => {
            let list = client.get(&format!("/api/objects/{kind}"))?;
            if output.json {
                output.value(&list);
            }
            for object in list["objects"].as_array().into_iter().flatten() {
                let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
                output.line(&format!(
                    "{}  {}  {}",
                    text("id"),
                    text("kind"),
                    text("display_label")
                ));
            }
        }
        Object::Set { kind, name, values } => {
            let path = format!("/api/objects/{kind}/{}", part(name));
            let changes = client.patch(&path, &Value::Object(assignments(values)?))?;
            show_changes(&changes, output);
        }
        Object::Convert { kind, name, target, from, set, peer, peers, default } => {
            let mut fields = Map::new();
            let texts = |all: &[String]| assignments_as(all, |text| json!(text));
            let form = |name: &'static str| move |json: Value| json!({"data": {name: json}});
            let many = |text: &str| json!(text.split(',').collect::<Vec<_>>());
            let put = |fields: &mut Map<String, Value>,
                       all: Map<String, Value>,
                       form: &dyn Fn(Value) -> Value| {
                fields.extend(all.into_iter().map(|(name, json)| (name, form(json))));
            };
            put(&mut fields, texts(from)?, &|json| json!({"source_field": json}));
            put(&mut fields, assignments(set)?, &form("attribute_value"));
            put(&mut fields, texts(peer)?, &form("peer_id"));
            put(&mut fields, assignments_as(peers, many)?, &form("peers_ids"));
            for field in default {
                fields.insert(field.clone(), json!({"use_default_value": true}));
            }
            let body = json!({"kind": kind, "name": name, "target": target, "fields": fields});
            let done = client.post("/api/objects/convert", &body)?;
            if output.json {
                output.value(&done);
            }
            output.line(done["id"].as_str().unwrap_or_default());
            for left in done["left"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                output.line(&format!("left: {left}"));
            }
        }
        Object::Delete { kind, name } => {
            let changes = client.delete(&format!("/api/objects/{kind}/{}", part(name)))?;
            show_changes(&changes, output);
        }
    }
    Ok(Exit::Done)
}

fn show_changes(changes: &Value, output: Output) {
    if output.json {
        output.value(changes);
    }
    output.changes(changes);
}

fn assignments(values: &[String]) -> Result<Map<String, Value>, Failure> {
    assignments_as(values, |text| serde_json::from_str(text).unwrap_or_else(|_text| json!(text)))
}

fn assignments_as(
    values: &[String],
    read: impl Fn(&str) -> Value,
) -> Result<Map<String, Value>, Failure> {
    let mut map = Map::new();
    for value in values {
        let (name, text) = value.split_once('=').ok_or_else(|| Failure::Argument {
            argument: value.clone(),
            what: "write `attribute=value`".to_owned(),
        })?;
        map.insert(name.to_owned(), read(text));
    }
    Ok(map)
}

fn generator(client: &Client, generator: &Generator, output: Output) -> Result<Exit, Failure> {
    match generator {
        Generator::Push { folder, components } => {
            let components = components.as_ref().unwrap_or(folder);
            let names = manifest::push(client, folder, components)?;
            if output.json {
                output.value(&json!({"registered": names}));
            }
            for name in names {
                output.line(&format!("registered {name}"));
            }
            Ok(Exit::Done)
        }
        Generator::List => {
            let list = client.get("/api/generators")?;
            if output.json {
                output.value(&list);
            }
            for one in list["generators"].as_array().into_iter().flatten() {
                let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
                let state =
                    if one["problem"].is_null() { "ready".to_owned() } else { text("problem") };
                output.line(&format!("{}  {} targets  {state}", text("name"), one["targets"]));
            }
            Ok(Exit::Done)
        }
        Generator::Run { name, target, plan } => {
            let body = json!({"target": target, "plan": plan});
            let answer = client.post(&format!("/api/generators/{}/run", part(name)), &body)?;
            Ok(runs::show(&answer, output))
        }
        Generator::Runs { under_way: true, .. } => runs::under_way(client, output),
        Generator::Runs { limit, .. } => runs::list(client, *limit, output),
        Generator::Report { run } => runs::report(client, run, output),
        Generator::Cancel { run } => runs::cancel(client, run, output),
        Generator::Show { instance: None } => {
            let list = client.get("/api/instances")?;
            if output.json {
                output.value(&list);
            }
            for one in list["instances"].as_array().into_iter().flatten() {
                let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
                output.line(&format!(
                    "{}  {}  owns {}, sets {}",
                    text("name"),
                    text("status"),
                    one["owns"],
                    one["sets"]
                ));
            }
            Ok(Exit::Done)
        }
        Generator::Show { instance: Some(name) } => {
            let instance = client.get(&format!("/api/instances/{}", part(name)))?;
            if output.json {
                output.value(&instance);
            }
            output.tree(&instance);
            Ok(Exit::Done)
        }
    }
}
