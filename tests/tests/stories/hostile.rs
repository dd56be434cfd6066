//! Every hostile guest of `tests/hostile` through the whole host, over a real store: what it did before
//! it was stopped is nowhere afterwards, and the next guest runs.

#[path = "../../../host/sandbox/tests/support/guests.rs"]
mod guests;

use std::collections::BTreeMap;

use engine::{EngineOptions, Mode, RunOutcome};
use sandbox::Limits;
use serde_json::json;
use service::{DefinitionInput, Place, Service, ServiceError, SourceFile};

use crate::support::{Counting, Still, dump, labels, load, service_of, sound};

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - name: Target
    namespace: Test
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
  - name: Server
    namespace: Infra
    attributes:
      - {name: note, kind: Text, optional: true}
      - {name: vlan, kind: Number, optional: true}
"#;

const QUERY: &str = "query Hostile($name: String!) { TestTarget(name__value: $name) \
                     { edges { node { id } } } }";

/// Ends loops in milliseconds; the limits themselves have tests of their own.
fn limits() -> Limits {
    Limits { fuel: 20_000_000, ..Limits::default() }
}

fn ready(folder: &std::path::Path) -> Service {
    let environment = branch::Environment {
        clock: std::sync::Arc::new(Still),
        ids: std::sync::Arc::new(Counting::default()),
    };
    let engine = EngineOptions { limits: limits(), ..EngineOptions::default() };
    let service = service_of(Place::Folder(folder.to_owned()), environment, engine);
    let file = SourceFile { name: "schema".to_owned(), text: SCHEMA.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{:#?}", bad.details()));
    load(&service, "CoreStandardGroup", &json!([{"name": "targets"}]));
    load(&service, "TestTarget", &json!([{"name": "one", "member_of_groups": ["targets"]}]));
    let pool = json!([{
        "name": "vlans", "node": "InfraServer", "node_attribute": "vlan",
        "start_range": 1, "end_range": 4000,
    }]);
    load(&service, "CoreNumberPool", &pool);
    service
}

/// Uploads a component and makes it the one of the definition.
fn register(service: &Service, bytes: &[u8]) -> Result<(), ServiceError> {
    let info = service.component_upload(bytes)?;
    service.definition_put(&DefinitionInput {
        name: "hostile".to_owned(),
        query: QUERY.to_owned(),
        parameters: [("name".to_owned(), "name__value".to_owned())].into(),
        targets: "targets".to_owned(),
        component: Some(info.digest),
        ..DefinitionInput::default()
    })?;
    Ok(())
}

/// How a run ends: `ok`, or its code.
fn ended(service: &Service) -> String {
    let result = service.run("hostile", "one", Mode::Apply, "test").unwrap();
    match result.record.outcome {
        RunOutcome::Failed { code, .. } => code,
        _ => "ok".to_owned(),
    }
}

/// The store without the records of runs and the log, to which every run adds its own.
fn kept(service: &Service) -> Vec<String> {
    let records = ["runs ", "runs-by ", "run-logs ", "log "];
    let all = dump(service);
    let lines = all.lines().filter(|line| !records.iter().any(|space| line.starts_with(space)));
    lines.map(str::to_owned).collect()
}

#[test]
fn no_hostile_guest_leaves_anything_in_the_store() {
    let scratch = tempfile::tempdir().unwrap();
    let service = ready(scratch.path());
    let mut files: Vec<_> = std::fs::read_dir(guests::root().join("tests/hostile"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "wat"))
        .collect();
    files.sort();
    assert!(files.len() > 50, "{} guests", files.len());
    let mut ends: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let bytes = guests::component(&std::fs::read_to_string(&path).unwrap());
        let before = dump(&service);
        if let Err(refused) = register(&service, &bytes) {
            assert_eq!(dump(&service), before, "{name}");
            ends.entry(format!("upload: {}", refused.code())).or_default().push(name);
            continue;
        }
        let first = ended(&service);
        // The first run makes the instance and its state, the second only its record.
        let before = kept(&service);
        assert_eq!(ended(&service), first, "{name}");
        let after = kept(&service);
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert!(before == after, "{name}: {new:#?}");
        ends.entry(first).or_default().push(name);
    }
    // Those that only try: what they asked for was refused to them, and they went on.
    let harmless =
        ["grow_to_4_gib_and_go_on", "leaves_a_secret", "numbers_that_are_odd", "table_that_grows"];
    assert_eq!(ends["ok"], harmless, "{ends:#?}");
    assert!(ends.keys().filter(|how| how.starts_with("upload: ")).count() >= 4, "{ends:#?}");
    assert!(labels(&service, "InfraServer").is_empty());
    sound(&service);
    // A guest that behaves runs in the same sandbox, and then owns what it made.
    register(&service, &guests::component(guests::GOOD)).unwrap();
    assert_eq!(ended(&service), "ok");
    assert_eq!(labels(&service, "InfraServer").len(), 10);
}
