//! Counts that are kept, against what a listing of everything finds.

use serde_json::json;
use service::{Service, SourceFile};

use crate::schema::id_of;
use crate::support::{changes, load, query, rows, run, service, sound};
use crate::tracking::{ready, tell};

/// What is counted without looking, and what is found by looking, which must be the same.
fn count(service: &Service, kind: &str) -> usize {
    let told = query(service, &format!("{{ {kind} {{ count }} }}"));
    let told = told["data"][kind]["count"].as_u64().unwrap_or_else(|| panic!("{told}"));
    let page =
        query(service, &format!("{{ {kind}(limit: 1) {{ count edges {{ node {{ id }} }} }} }}"));
    assert_eq!(page["data"][kind]["count"], told);
    let all = query(service, &format!("{{ {kind} {{ edges {{ node {{ id }} }} }} }}"));
    let all = all["data"][kind]["edges"].as_array().unwrap().len();
    assert_eq!(usize::try_from(told).unwrap(), all, "{kind}");
    all
}

fn add(service: &Service, kind: &str, names: std::ops::Range<usize>) {
    let rows: Vec<_> = names.map(|number| json!({"name": format!("n{number}")})).collect();
    load(service, kind, &json!(rows));
}

#[test]
fn a_count_follows_every_change_wherever_it_is_asked_for() {
    let service = service();
    assert_eq!(count(&service, "BuiltinTag"), 0);
    // Asked for after each commit, and after several.
    add(&service, "BuiltinTag", 0..3);
    assert_eq!(count(&service, "BuiltinTag"), 3);
    add(&service, "BuiltinTag", 0..5);
    add(&service, "BuiltinTag", 5..6);
    service.object_delete("BuiltinTag", "n1").unwrap();
    add(&service, "BuiltinTag", 1..2);
    service.object_delete("BuiltinTag", "n2").unwrap();
    assert_eq!(count(&service, "BuiltinTag"), 5);
    // A generic counts all of its kinds.
    let nodes = count(&service, "CoreNode");
    add(&service, "CoreStandardGroup", 0..2);
    assert_eq!(count(&service, "CoreNode"), nodes + 2);
    // What is refused changes nothing.
    let bad = json!([{"name": "fine"}, {"name": ["a", "list"]}]);
    service.object_load(&[rows("BuiltinTag", &bad)]).unwrap_err();
    assert_eq!(count(&service, "BuiltinTag"), 5);
    sound(&service);
}

#[test]
fn a_branch_counts_for_itself_and_what_all_share_counts_everywhere() {
    let service = service();
    add(&service, "BuiltinTag", 0..3);
    assert_eq!(count(&service, "BuiltinTag"), 3);
    service.branch_create("b", "").unwrap();
    let b = service.on(Some("b"), None).unwrap();
    add(&b, "BuiltinTag", 3..5);
    b.object_delete("BuiltinTag", "n0").unwrap();
    add(&service, "BuiltinTag", 10..12);
    assert_eq!((count(&service, "BuiltinTag"), count(&b, "BuiltinTag")), (5, 4));
    // Accounts are agnostic: made on the branch, there on main.
    let before = count(&service, "CoreAccount");
    let account = json!([{"name": "ann", "password": "a long password"}]);
    load(&b, "CoreAccount", &account);
    assert_eq!(count(&service, "CoreAccount"), before + 1);
    assert_eq!(count(&b, "CoreAccount"), before + 1);
    // In the past it is what it was.
    let commit = service.last_commit().to_string();
    add(&service, "BuiltinTag", 20..22);
    assert_eq!(count(&service, "BuiltinTag"), 7);
    let then = service.on(None, Some(&commit)).unwrap();
    assert_eq!(count(&then, "BuiltinTag"), 5);
}

#[test]
fn a_kind_that_is_renamed_keeps_its_count() {
    let service = service();
    let schema = |name: &str, id: &str| {
        let text = format!(
            "version: '1.0'\nnodes:\n  - name: {name}\n    namespace: Test\n{id}    attributes:\n      \
             - {{name: name, kind: Text, unique: true}}\n"
        );
        service
            .schema_load(&[SourceFile { name: "schema".to_owned(), text }])
            .unwrap_or_else(|bad| panic!("{:#?}", bad.details()));
    };
    schema("Rack", "");
    add(&service, "TestRack", 0..4);
    assert_eq!(count(&service, "TestRack"), 4);
    schema("Cabinet", &format!("    id: {}\n", id_of(&service, "Rack", None)));
    assert_eq!(count(&service, "TestCabinet"), 4);
    add(&service, "TestCabinet", 4..5);
    assert_eq!(count(&service, "TestCabinet"), 5);
}

#[test]
fn a_run_counts_what_it_has_made_itself() {
    let service = ready();
    let ask = json!({"do": "ask", "document": "{ TestThing { count } }"});
    let make = |name: &str| json!({"do": "create", "kind": "TestThing", "set": {"name": name}});
    tell(&service, "one", &json!([ask, make("a"), make("b"), ask]));
    let result = run(&service, "probe", "one");
    assert_eq!(changes(&result).len(), 2);
    let told: Vec<_> = result.record.log.iter().map(|line| line.message.as_str()).collect();
    assert!(told[0].contains("\"count\":0") && told[1].contains("\"count\":2"), "{told:?}");
    assert_eq!(count(&service, "TestThing"), 2);
}
