//! Merging, rebasing, conflicts and what was decided of them.

use serde_json::{Map, Value as Json, json};
use service::{Service, ServiceError, SourceFile};

use crate::support::{changes, dump, labels, load, query, rows, run, sound};
use crate::tracking::{create, ready, tell, value};

fn branch(service: &Service, name: &str) -> Service {
    service.branch_create(name, "").unwrap_or_else(|bad| panic!("{bad}"));
    on(service, name)
}

fn on(service: &Service, name: &str) -> Service {
    service.on(Some(name), None).unwrap_or_else(|bad| panic!("{bad}"))
}

fn values(attribute: &str, value: Json) -> Map<String, Json> {
    [(attribute.to_owned(), value)].into_iter().collect()
}

fn set(service: &Service, name: &str, attribute: &str, value: Json) {
    let values = values(attribute, value);
    service.object_update("TestThing", name, &values).unwrap_or_else(|bad| panic!("{bad}"));
}

fn code<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> &'static str {
    result.map_err(|bad| bad.code()).unwrap_err()
}

fn merge(main: &Service, name: &str) -> Json {
    main.branch_merge(name).unwrap_or_else(|bad| panic!("{bad}\n{:#?}", bad.details()))
}

fn rebase(main: &Service, name: &str) -> Json {
    main.branch_rebase(name).unwrap_or_else(|bad| panic!("{bad}\n{:#?}", bad.details()))
}

fn friends(service: &Service, of: &str) -> Json {
    let object = service.object("TestThing", of).unwrap();
    object.relationships.get("friends").cloned().unwrap_or(Json::Null)
}

/// `type kind label path main branch`, a conflict a line.
fn told(main: &Service, name: &str) -> Vec<String> {
    let told = main.branch_conflicts(name).unwrap();
    let conflicts = told["conflicts"].as_array().unwrap();
    let text = |one: &Json| one.as_str().map_or_else(|| one.to_string(), str::to_owned);
    conflicts
        .iter()
        .map(|one| {
            format!(
                "{} {} {} {} {}",
                text(&one["type"]),
                text(&one["label"]),
                text(&one["path"]),
                one["main"]["value"],
                one["branch"]["value"]
            )
        })
        .collect()
}

fn decide(main: &Service, name: &str, keep: &str) {
    let told = main.branch_conflicts(name).unwrap();
    for one in told["conflicts"].as_array().unwrap() {
        main.branch_resolve(one["id"].as_str().unwrap(), Some(keep)).unwrap();
    }
}

/// What is in the store but for the log and what only times commits.
fn objects(service: &Service) -> Vec<String> {
    let mut all = Vec::new();
    for kind in ["TestThing", "TestTarget", "CoreStandardGroup"] {
        for object in service.objects(kind, 10_000).unwrap() {
            all.push(format!(
                "{kind} {} {} {}",
                object.display_label,
                Json::Object(object.attributes),
                Json::Object(object.relationships)
            ));
        }
    }
    all.sort();
    all
}

#[test]
fn what_a_branch_changed_comes_to_main_beside_what_main_changed() {
    let main = ready();
    let things = json!([
        {"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}, {"name": "d"}, {"name": "e"},
    ]);
    load(&main, "TestThing", &things);
    load(&main, "TestThing", &json!([{"name": "d", "friends": ["e"]}]));
    let b = branch(&main, "b");
    set(&b, "a", "color", json!("blue"));
    b.object_delete("TestThing", "b").unwrap();
    load(&b, "TestThing", &json!([{"name": "new", "friends": ["c"]}]));
    load(&b, "TestThing", &json!([{"name": "d", "friends": ["a"]}]));
    set(&main, "a", "size", json!(7));
    set(&main, "c", "color", json!("green"));
    load(&main, "TestThing", &json!([{"name": "d", "friends": ["e", "c"]}]));
    load(&main, "TestThing", &json!([{"name": "later"}]));

    let check = main.branch_validate("b").unwrap();
    assert_eq!((&check["ok"], &check["conflicts"]), (&json!(true), &json!([])));
    let before = dump(&main);
    let merged = merge(&main, "b");
    assert_ne!(before, dump(&main));
    assert_eq!(merged["changes"], check["changes"], "the plan is what main got");
    assert_eq!(labels(&main, "TestThing"), ["a", "c", "d", "e", "later", "new"]);
    assert_eq!((value(&main, "a", "color"), value(&main, "a", "size")), (json!("blue"), json!(7)));
    assert_eq!(value(&main, "c", "color"), "green");
    assert_eq!(friends(&main, "new"), json!(["c"]));
    assert_eq!(friends(&main, "d"), json!(["a", "c"]));
    for (name, there) in [("new", true), ("b", false), ("later", true)] {
        assert_eq!(main.object("TestThing", name).is_ok(), there, "{name}");
    }
    assert_eq!(merged["branch"]["status"], "MERGED");
    sound(&main);
}

#[test]
fn a_merged_branch_is_frozen_and_an_untouched_one_changes_nothing() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}]));
    let b = branch(&main, "b");
    let before = objects(&main);
    let merged = merge(&main, "b");
    assert_eq!(merged["changes"]["changes"], json!([]));
    assert_eq!(objects(&main), before);
    let last = main.last_commit();
    let color = values("color", json!("blue"));
    assert_eq!(code(b.object_update("TestThing", "a", &color)), "BRANCH_ALREADY_MERGED");
    assert_eq!(code(b.object_delete("TestThing", "a")), "BRANCH_ALREADY_MERGED");
    let more = "version: '1.0'\nextensions:\n  nodes:\n    - kind: TestThing\n      attributes:\n        - \
                {name: rack, kind: Text, optional: true}\n";
    let more = SourceFile { name: "more".to_owned(), text: more.to_owned() };
    assert_eq!(code(b.schema_load(&[more])), "BRANCH_ALREADY_MERGED");
    for verb in [Service::branch_merge, Service::branch_rebase, Service::branch_validate] {
        assert_eq!(code(verb(&main, "b")), "BRANCH_ALREADY_MERGED");
        assert_eq!(code(verb(&main, "main")), "branch-is-default");
        assert_eq!(code(verb(&main, "none")), "BRANCH_NOT_FOUND");
    }
    assert_eq!(code(main.branch_conflicts("none")), "BRANCH_NOT_FOUND");
    assert_eq!(main.last_commit(), last);
    main.branch_delete("b").unwrap();
    sound(&main);
}

#[test]
fn conflicts_are_told_with_both_sides_and_refuse_merge_and_rebase_until_they_are_decided() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}]));
    load(&main, "TestThing", &json!([{"name": "d"}, {"name": "e"}]));
    let b = branch(&main, "b");
    set(&b, "a", "color", json!("blue"));
    set(&b, "a", "size", json!(3));
    b.object_delete("TestThing", "b").unwrap();
    set(&b, "c", "color", json!("green"));
    load(&b, "TestThing", &json!([{"name": "d", "friends": ["e"]}]));
    load(&b, "TestThing", &json!([{"name": "twin"}]));
    set(&main, "a", "color", json!("black"));
    set(&main, "a", "size", json!(3));
    set(&main, "b", "color", json!("white"));
    main.object_delete("TestThing", "c").unwrap();
    main.object_delete("TestThing", "e").unwrap();
    load(&main, "TestThing", &json!([{"name": "twin"}]));

    assert_eq!(
        told(&main, "b"),
        [
            "object b  {\"color\":\"white\"} null",
            "object c  null {\"color\":\"green\"}",
            "object e  null {\"linked\":true}",
            "attribute a color.value \"black\" \"blue\"",
            &format!(
                "uniqueness twin name {} \"twin\"",
                json!(main.object("TestThing", "twin").unwrap().id.to_string())
            ),
        ]
    );
    let last = main.last_commit();
    let (before, on_b) = (objects(&main), objects(&b));
    for verb in [Service::branch_merge, Service::branch_rebase] {
        let refused = verb(&main, "b").unwrap_err();
        assert_eq!((refused.code(), refused.details().len()), ("branch-conflicts", 5));
    }
    assert_eq!((objects(&main), objects(&b)), (before, on_b));
    // A rebase has pinned a moment of main, and nothing else.
    assert!(main.last_commit() <= last + 1);

    let conflicts = main.branch_conflicts("b").unwrap()["conflicts"].clone();
    let twin = conflicts[4]["id"].as_str().unwrap();
    assert_eq!(code(main.branch_resolve(twin, Some("branch"))), "conflict-not-resolvable");
    let color = conflicts[3]["id"].as_str().unwrap();
    assert_eq!(code(main.branch_resolve(color, Some("both"))), "bad-side");
    assert_eq!(code(main.branch_resolve("nonsense", Some("main"))), "no-such-conflict");
    let other = "00000002-0000-8000-8000-000000000000";
    assert_eq!(code(main.branch_resolve(other, Some("main"))), "no-such-conflict");
    set(&b, "twin", "name", json!("only here"));
    decide(&main, "b", "branch");
    let kept = main.branch_conflicts("b").unwrap();
    assert_eq!(kept["open"], 0);
    // A decision is on what was there: another value on main is another question.
    set(&main, "a", "color", json!("grey"));
    assert_eq!(main.branch_conflicts("b").unwrap()["open"], 1);
    let again = main.branch_conflicts("b").unwrap()["conflicts"][3]["id"].clone();
    assert_eq!(again, conflicts[3]["id"], "the conflict keeps its id");
    main.branch_resolve(color, Some("branch")).unwrap();
    merge(&main, "b");
    assert_eq!(labels(&main, "TestThing"), ["a", "c", "d", "e", "only here", "twin"]);
    assert_eq!(value(&main, "a", "color"), "blue");
    assert_eq!(value(&main, "c", "color"), "green");
    assert_eq!(friends(&main, "d"), json!(["e"]));
    sound(&main);
}

#[test]
fn mains_side_is_kept_where_that_was_decided() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}]));
    let b = branch(&main, "b");
    set(&b, "a", "color", json!("blue"));
    b.object_delete("TestThing", "b").unwrap();
    set(&b, "c", "color", json!("green"));
    set(&main, "a", "color", json!("black"));
    set(&main, "b", "color", json!("white"));
    main.object_delete("TestThing", "c").unwrap();
    decide(&main, "b", "main");
    rebase(&main, "b");
    assert_eq!(labels(&b, "TestThing"), ["a", "b"]);
    assert_eq!(value(&b, "a", "color"), "black");
    assert!(!dump(&main).contains("resolutions "), "what was decided went with its conflicts");
    let before = objects(&main);
    assert_eq!(merge(&main, "b")["changes"]["changes"], json!([]));
    assert_eq!(objects(&main), before);
    sound(&main);
}

#[test]
fn a_rebased_branch_reads_main_as_it_is_now_with_its_own_changes_on_top() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}]));
    let b = branch(&main, "b");
    set(&b, "a", "color", json!("blue"));
    set(&b, "b", "color", json!("same"));
    load(&b, "TestThing", &json!([{"name": "mine", "friends": ["c"]}]));
    b.object_delete("TestThing", "c").unwrap();
    load(&b, "TestThing", &json!([{"name": "mine", "friends": ["a"]}]));
    let then = main.last_commit();
    let before = objects(&b);
    set(&main, "a", "size", json!(7));
    set(&main, "b", "color", json!("same"));
    load(&main, "TestThing", &json!([{"name": "later", "friends": ["a"]}]));
    rebase(&main, "b");
    assert_eq!(labels(&b, "TestThing"), ["a", "b", "later", "mine"]);
    assert_eq!((value(&b, "a", "color"), value(&b, "a", "size")), (json!("blue"), json!(7)));
    assert_eq!(friends(&b, "mine"), json!(["a"]));
    assert_eq!(friends(&b, "later"), json!(["a"]));
    sound(&main);
    // What it was before can still be read.
    let past = main.on(Some("b"), Some(&then.to_string())).unwrap();
    assert_eq!(objects(&past), before);
    // What main has by now too is no change of the branch's any more.
    let diff = main.branch_diff("b", &service::DiffRequest::default()).unwrap();
    let told: Vec<&str> = diff["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["label"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["a", "c", "mine"]);
    set(&main, "b", "color", json!("other"));
    assert_eq!(value(&b, "b", "color"), "same");
    rebase(&main, "b");
    assert_eq!(value(&b, "b", "color"), "other");
    set(&b, "b", "color", json!("own"));
    assert_eq!(value(&b, "b", "color"), "own");
    merge(&main, "b");
    assert_eq!(objects(&main), objects(&b));
    sound(&main);
}

#[test]
fn conflict_free_merges_of_two_branches_commute() {
    let made = |first: &str, second: &str| {
        let main = ready();
        load(&main, "TestThing", &json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]));
        let (x, y) = (branch(&main, "x"), branch(&main, "y"));
        set(&x, "a", "color", json!("red"));
        load(&x, "TestThing", &json!([{"name": "of x", "friends": ["a", "b"]}]));
        set(&y, "a", "size", json!(4));
        load(&y, "TestThing", &json!([{"name": "of y", "friends": ["a"]}]));
        y.object_delete("TestThing", "c").unwrap();
        merge(&main, first);
        merge(&main, second);
        sound(&main);
        objects(&main)
    };
    assert_eq!(made("x", "y"), made("y", "x"));
}

#[test]
fn the_public_dialect_merges_rebases_validates_and_decides() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}]));
    let b = branch(&main, "b");
    set(&b, "a", "color", json!("blue"));
    set(&main, "a", "color", json!("black"));
    let ask = |text: &str| query(&main, text);
    let told =
        ask("mutation { BranchValidate(data: {name: \"b\"}) { ok messages object { name } } }");
    assert_eq!(told["data"]["BranchValidate"]["ok"], false, "{told}");
    assert_eq!(told["data"]["BranchValidate"]["messages"].as_array().map(Vec::len), Some(1));
    let told = ask("mutation { BranchMerge(data: {name: \"b\"}) { ok } }");
    assert_eq!(told["errors"][0]["extensions"]["code"], "branch-conflicts", "{told}");
    assert_eq!(told["errors"][0]["extensions"]["http_status"], 409, "{told}");
    let id = main.branch_conflicts("b").unwrap()["conflicts"][0]["id"].clone();
    let told = ask(&format!(
        "mutation {{ ResolveDiffConflict(data: {{conflict_id: {id}, selected_branch: DIFF_BRANCH}}) \
         {{ ok }} }}"
    ));
    assert_eq!(told["data"]["ResolveDiffConflict"]["ok"], true, "{told}");
    let told = ask("mutation { BranchRebase(data: {name: \"b\"}) { ok object { status } } }");
    assert_eq!(told["data"]["BranchRebase"]["object"]["status"], "OPEN", "{told}");
    let told =
        ask("mutation { BranchMerge(data: {name: \"b\"}) { ok object { status } task { id } } }");
    assert_eq!(told["data"]["BranchMerge"]["object"]["status"], "MERGED", "{told}");
    assert_eq!(value(&main, "a", "color"), "blue");
}

#[test]
fn a_run_on_main_adopts_what_the_branchs_run_made() {
    let main = ready();
    tell(&main, "one", &json!([create("a", &json!({"color": "red"}))]));
    let b = branch(&main, "b");
    tell(&b, "one", &json!([create("a", &json!({"color": "red"})), create("b", &json!({}))]));
    run(&b, "probe", "one");
    let ids = |service: &Service| -> Vec<_> {
        service.objects("TestThing", 10).unwrap().into_iter().map(|one| one.id).collect()
    };
    let made = ids(&b);
    merge(&main, "b");
    assert_eq!(ids(&main), made);
    assert!(main.instances().unwrap().is_empty(), "instances stay where they ran");
    assert!(main.runs(10).unwrap().is_empty(), "and so do records of runs");
    assert!(changes(&run(&main, "probe", "one")).is_empty());
    assert_eq!(ids(&main), made);
    // What a later run does not make goes, though main never ran when it was made.
    tell(&main, "one", &json!([create("a", &json!({"color": "red"}))]));
    assert_eq!(changes(&run(&main, "probe", "one")), ["deleted TestThing b"]);
    sound(&main);
}

const SITES: &str = r#"
version: "1.0"
nodes:
  - name: Site
    namespace: Test
    human_friendly_id: [name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text, unique: true}
    relationships:
      - {name: racks, peer: TestRack, kind: Component, cardinality: many, optional: true}
  - name: Rack
    namespace: Test
    human_friendly_id: [name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: height, kind: Number, optional: true}
    relationships:
      - {name: site, peer: TestSite, kind: Parent, cardinality: one, optional: false}
  - {name: Prefix, namespace: Ipam, inherit_from: [BuiltinIPPrefix]}
  - {name: IPAddress, namespace: Ipam, inherit_from: [BuiltinIPAddress]}
"#;

fn schema(service: &Service, text: &str) {
    let file = SourceFile { name: "more".to_owned(), text: text.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{bad}: {:?}", bad.details()));
}

fn extended(attribute: &str) -> String {
    format!(
        "version: '1.0'\nextensions:\n  nodes:\n    - kind: TestThing\n      attributes:\n        - \
         {attribute}\n"
    )
}

fn with_sites() -> Service {
    let main = ready();
    schema(&main, SITES);
    load(&main, "TestSite", &json!([{"name": "s1"}, {"name": "s2"}]));
    load(&main, "TestRack", &json!([{"name": "r1", "site": "s1"}, {"name": "r2", "site": "s1"}]));
    main
}

fn peer(service: &Service, kind: &str, name: &str, relationship: &str) -> Json {
    let object = service.object(kind, name).unwrap_or_else(|bad| panic!("{bad}"));
    object.relationships.get(relationship).cloned().unwrap_or(Json::Null)
}

#[test]
fn schemas_come_together_with_the_objects_that_need_them() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}, {"name": "b"}]));
    let b = branch(&main, "b");
    schema(&b, &extended("{name: rack, kind: Text, optional: true, unique: true}"));
    set(&b, "a", "rack", json!("r1"));
    set(&b, "b", "rack", json!("r2"));
    // Mandatory once every object has one: so it is for main in the same commit.
    schema(&b, &extended("{name: rack, kind: Text, unique: true}"));
    schema(&main, &extended("{name: row, kind: Text, optional: true}"));
    set(&main, "a", "row", json!("w1"));
    assert_eq!(main.branch("b").unwrap()["status"], "NEED_REBASE");
    rebase(&main, "b");
    assert_eq!(main.branch("b").unwrap()["status"], "OPEN");
    assert_eq!((value(&b, "a", "rack"), value(&b, "a", "row")), (json!("r1"), json!("w1")));
    sound(&main);
    merge(&main, "b");
    assert_eq!((value(&main, "b", "rack"), value(&main, "a", "row")), (json!("r2"), json!("w1")));
    let twice = main.object_update("TestThing", "a", &values("rack", json!("r2")));
    assert_eq!(code(twice), "not-unique");
    sound(&main);
}

#[test]
fn a_schema_that_mains_objects_do_not_fit_is_refused_with_the_offenders() {
    let main = ready();
    let b = branch(&main, "b");
    schema(&b, &extended("{name: rack, kind: Text}"));
    load(&main, "TestThing", &json!([{"name": "a"}]));
    let last = main.last_commit();
    let refused = main.branch_merge("b").unwrap_err();
    assert_eq!(refused.code(), "branch-conflicts");
    assert!(refused.details()[0].contains("rack"), "{:?}", refused.details());
    assert_eq!(main.last_commit(), last);
    assert!(main.object_update("TestThing", "a", &values("rack", json!("r"))).is_err());
    // Both declare the same attribute otherwise.
    let c = branch(&main, "c");
    schema(&c, &extended("{name: depth, kind: Number, optional: true}"));
    schema(&main, &extended("{name: depth, kind: Text, optional: true}"));
    assert_eq!(told(&main, "c"), ["schema TestThing depth/kind \"Text\" \"Number\""]);
    decide(&main, "c", "main");
    merge(&main, "c");
    set(&main, "a", "depth", json!("deep"));
    sound(&main);
}

#[test]
fn renamed_kinds_and_attributes_keep_what_the_other_side_changed() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}]));
    let b = branch(&main, "b");
    let declared = b.schema_declared().unwrap();
    let nodes = declared["nodes"].as_array().unwrap();
    let thing = nodes.iter().find(|one| one["name"] == "Thing").unwrap();
    let mut attributes = thing["attributes"].as_array().unwrap().iter();
    let attribute = attributes.find(|one| one["name"] == "color").unwrap();
    schema(
        &b,
        &extended(&format!("{{id: {}, name: paint, kind: Text, optional: true}}", attribute["id"])),
    );
    set(&b, "b", "paint", json!("green"));
    set(&main, "a", "color", json!("blue"));
    load(&main, "TestThing", &json!([{"name": "later", "color": "black"}]));
    merge(&main, "b");
    for (name, paint) in [("a", "blue"), ("b", "green"), ("later", "black")] {
        assert_eq!(value(&main, name, "paint"), paint, "{name}");
    }
    sound(&main);
}

#[test]
fn places_for_one_peer_and_mandatory_ones_are_kept() {
    let main = with_sites();
    let b = branch(&main, "b");
    load(&b, "TestRack", &json!([{"name": "r1", "site": "s2"}]));
    load(&main, "TestSite", &json!([{"name": "s3"}]));
    load(&main, "TestRack", &json!([{"name": "r1", "site": "s3"}]));
    assert_eq!(told(&main, "b").len(), 1);
    decide(&main, "b", "branch");
    merge(&main, "b");
    assert_eq!(peer(&main, "TestRack", "r1", "site"), json!(["s2"]));
    assert_eq!(peer(&main, "TestSite", "s1", "racks"), json!(["r2"]));
    // A site that goes on the branch takes its racks along, and not those that moved away.
    let c = branch(&main, "c");
    load(&c, "TestRack", &json!([{"name": "r2", "site": "s2"}]));
    c.object_delete("TestSite", "s1").unwrap();
    merge(&main, "c");
    assert_eq!(labels(&main, "TestSite"), ["s2", "s3"]);
    assert_eq!(labels(&main, "TestRack"), ["r1", "r2"]);
    // One that main gave a rack in the meantime is a conflict; kept, it keeps everything.
    let d = branch(&main, "d");
    d.object_delete("TestSite", "s2").unwrap();
    assert!(labels(&d, "TestRack").is_empty());
    load(&main, "TestRack", &json!([{"name": "r3", "site": "s2"}]));
    assert_eq!(told(&main, "d").len(), 1);
    decide(&main, "d", "main");
    merge(&main, "d");
    assert_eq!(labels(&main, "TestRack"), ["r1", "r2", "r3"]);
    let e = branch(&main, "e");
    e.object_delete("TestSite", "s2").unwrap();
    load(&main, "TestRack", &json!([{"name": "r4", "site": "s2"}]));
    decide(&main, "e", "branch");
    merge(&main, "e");
    assert!(labels(&main, "TestRack").is_empty());
    sound(&main);
}

#[test]
fn a_rule_that_only_both_sides_together_break_refuses_the_merge_and_leaves_no_trace() {
    let main = with_sites();
    let b = branch(&main, "b");
    // The branch makes a rack in a site that main deletes, racks and all.
    load(&b, "TestRack", &json!([{"name": "new", "site": "s1"}]));
    main.object_delete("TestSite", "s1").unwrap();
    decide(&main, "b", "main");
    let check = main.branch_validate("b").unwrap();
    assert_eq!(check["violations"][0]["code"], "required", "{check}");
    let before = dump(&main);
    for verb in [Service::branch_merge, Service::branch_validate] {
        let _told = verb(&main, "b");
        assert_eq!(dump(&main), before);
    }
    assert_eq!(code(main.branch_merge("b")), "required");
    decide(&main, "b", "branch");
    merge(&main, "b");
    assert_eq!(labels(&main, "TestRack"), ["new", "r1", "r2"]);
    assert_eq!(peer(&main, "TestRack", "new", "site"), json!(["s1"]));
    sound(&main);
}

#[test]
fn prefixes_and_addresses_hang_anew_and_are_no_conflict() {
    let main = with_sites();
    load(&main, "IpamPrefix", &json!([{"prefix": "10.0.0.0/8", "member_type": "prefix"}]));
    load(&main, "IpamIPAddress", &json!([{"address": "10.1.2.3/24"}]));
    let b = branch(&main, "b");
    load(&b, "IpamPrefix", &json!([{"prefix": "10.1.2.0/24", "member_type": "address"}]));
    load(&main, "IpamPrefix", &json!([{"prefix": "10.1.0.0/16", "member_type": "prefix"}]));
    assert_eq!(told(&main, "b"), Vec::<String>::new());
    let parent = |service: &Service, of: &str| {
        let answer = query(
            service,
            &format!(
                "{{ IpamPrefix(prefix__value: \"{of}\") {{ edges {{ node {{ parent {{ node {{ \
                 display_label }} }} }} }} }} }}"
            ),
        );
        answer["data"]["IpamPrefix"]["edges"][0]["node"]["parent"]["node"]["display_label"].clone()
    };
    rebase(&main, "b");
    assert_eq!(parent(&b, "10.1.2.0/24"), "10.1.0.0/16");
    sound(&main);
    load(&main, "IpamPrefix", &json!([{"prefix": "10.1.2.0/23", "member_type": "prefix"}]));
    merge(&main, "b");
    assert_eq!(parent(&main, "10.1.2.0/24"), "10.1.2.0/23");
    let answer = query(
        &main,
        "{ IpamIPAddress { edges { node { ip_prefix { node { display_label } } } } } }",
    );
    let hangs = &answer["data"]["IpamIPAddress"]["edges"][0]["node"]["ip_prefix"]["node"];
    assert_eq!(hangs["display_label"], "10.1.2.0/24", "{answer}");
    sound(&main);
}

#[test]
fn what_a_branch_drew_is_mains_after_the_merge() {
    let main = ready();
    let b = branch(&main, "b");
    let draw = json!([{
        "do": "draw", "kind": "TestThing", "name": "n", "field": "vlan", "pool": "vlans",
    }]);
    tell(&b, "one", &draw);
    run(&b, "probe", "one");
    let number = value(&b, "n", "vlan");
    merge(&main, "b");
    main.branch_delete("b").unwrap();
    assert_eq!(value(&main, "n", "vlan"), number);
    let peek =
        main.pool_peek("vlans", &service::Drawing { count: 1, ..service::Drawing::default() });
    assert_eq!(peek.unwrap()["next"], json!([11]));
    assert!(!dump(&main).contains("reserved-by "));
    assert!(changes(&run(&main, "probe", "one")).is_empty());
    main.object_delete("TestThing", "n").unwrap();
    let peek =
        main.pool_peek("vlans", &service::Drawing { count: 1, ..service::Drawing::default() });
    assert_eq!(peek.unwrap()["next"], json!([10]));
    sound(&main);
}

#[test]
fn runs_of_a_branch_survive_its_rebase() {
    let main = ready();
    tell(&main, "one", &json!([create("a", &json!({}))]));
    let b = branch(&main, "b");
    run(&b, "probe", "one");
    tell(&main, "two", &json!([create("m", &json!({}))]));
    run(&main, "probe", "two");
    rebase(&main, "b");
    assert_eq!(b.instances().unwrap().len(), 1);
    assert_eq!(b.runs(10).unwrap().len(), 1);
    assert_eq!(labels(&b, "TestThing"), ["a", "m"]);
    assert!(changes(&run(&b, "probe", "one")).is_empty());
    // A target that main has lost takes along what the branch's run made for it.
    main.object_delete("TestTarget", "one").unwrap();
    rebase(&main, "b");
    assert_eq!(labels(&b, "TestThing"), ["m"]);
    assert!(b.instances().unwrap().is_empty());
    sound(&main);
}

#[test]
fn a_merge_meets_writers_of_main_and_of_the_branch_and_loses_nothing() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}]));
    let b = branch(&main, "b");
    for number in 0..20 {
        load(&b, "TestThing", &json!([{"name": format!("b{number}")}]));
    }
    let merged = std::thread::scope(|scope| {
        let writes = |service: Service, prefix: &'static str| {
            move || {
                let mut done = 0;
                for number in 0..30 {
                    let row = json!([{"name": format!("{prefix}{number}")}]);
                    match service.object_load(&[rows("TestThing", &row)]) {
                        Ok(_) => done += 1,
                        Err(bad) => assert_eq!(bad.code(), "BRANCH_ALREADY_MERGED"),
                    }
                }
                done
            }
        };
        let on_main = scope.spawn(writes(main.clone(), "m"));
        let on_branch = scope.spawn(writes(b.clone(), "w"));
        let merger = main.clone();
        let merge = scope.spawn(move || {
            // Lost to a writer too often: it changed nothing, and is asked again.
            let mut tries = 0;
            while let Err(bad) = merger.branch_merge("b") {
                assert_eq!(bad.code(), "conflict");
                tries += 1;
                assert!(tries < 100, "it never gets through");
            }
        });
        merge.join().unwrap();
        (on_main.join().unwrap(), on_branch.join().unwrap())
    });
    assert_eq!(merged.0, 30, "nobody on main was refused");
    // What was acknowledged on the branch came along.
    assert_eq!(labels(&main, "TestThing").len(), 1 + 20 + 30 + merged.1);
    sound(&main);
}

#[test]
fn kinds_that_go_or_are_renamed_take_their_objects_along() {
    let main = with_sites();
    let b = branch(&main, "b");
    let kind = |name: &str| {
        let declared = main.schema_declared().unwrap();
        let nodes = declared["nodes"].as_array().unwrap().clone();
        nodes.into_iter().find(|one| one["name"] == name).unwrap()
    };
    // A kind that is renamed: main goes on under the old name.
    let renamed = format!(
        "version: '1.0'\nnodes:\n  - {{id: {}, name: Item, namespace: Test}}\n",
        kind("Thing")["id"]
    );
    load(&main, "TestThing", &json!([{"name": "before"}]));
    let c = branch(&main, "c");
    schema(&c, &renamed);
    load(&c, "TestItem", &json!([{"name": "new", "color": "red"}]));
    load(&main, "TestThing", &json!([{"name": "later"}, {"name": "before", "color": "blue"}]));
    merge(&main, "c");
    assert_eq!(labels(&main, "TestItem"), ["before", "later", "new"]);
    assert_eq!(main.object("TestItem", "before").unwrap().attributes["color"], "blue");
    sound(&main);
    // Kinds that go with all their objects; one that main made in the meantime stands in the way.
    for name in labels(&b, "TestSite") {
        b.object_delete("TestSite", &name).unwrap();
    }
    schema(
        &b,
        "version: '1.0'\nnodes:\n  - {name: Site, namespace: Test, state: absent}\n  - {name: Rack, namespace: \
         Test, state: absent}\n",
    );
    let d = branch(&main, "d");
    load(&main, "TestSite", &json!([{"name": "late"}]));
    let refused = main.branch_merge("b").unwrap_err();
    assert_eq!(refused.code(), "branch-conflicts");
    assert!(refused.details()[0].contains("TestSite"), "{:?}", refused.details());
    main.object_delete("TestSite", "late").unwrap();
    merge(&main, "b");
    assert_eq!(code(main.objects("TestSite", 10)), "unknown-kind");
    assert_eq!(labels(&d, "TestSite"), ["s1", "s2"]);
    rebase(&main, "d");
    assert_eq!(code(d.objects("TestSite", 10)), "unknown-kind");
    sound(&main);
}

#[test]
fn what_no_branch_sees_any_more_is_not_kept() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}, {"name": "b"}]));
    let kept = |main: &Service| dump(main).lines().filter(|row| row.starts_with("past ")).count();
    let x = branch(&main, "x");
    set(&main, "a", "name", json!("a2"));
    let y = branch(&main, "y");
    set(&main, "b", "name", json!("b2"));
    assert!(kept(&main) >= 2);
    rebase(&main, "x");
    // `y` still sees what went after it forked, and nothing else is kept.
    assert_eq!(kept(&main), 1);
    assert_eq!(labels(&y, "TestThing"), ["a2", "b"]);
    assert!(y.object("TestThing", "b").is_ok());
    assert_eq!(labels(&x, "TestThing"), ["a2", "b2"]);
    main.branch_delete("y").unwrap();
    assert_eq!(kept(&main), 0);
    assert!(x.object("TestThing", "b2").is_ok());
    sound(&main);
}

#[test]
fn what_a_run_deleted_on_the_branch_and_main_keeps_stays_the_generators() {
    for rebased_first in [false, true] {
        let main = ready();
        tell(&main, "one", &json!([create("a", &json!({})), create("b", &json!({}))]));
        run(&main, "probe", "one");
        let b = branch(&main, "b");
        tell(&b, "one", &json!([create("a", &json!({}))]));
        run(&b, "probe", "one");
        assert_eq!(labels(&b, "TestThing"), ["a"]);
        set(&main, "b", "color", json!("red"));
        decide(&main, "b", "main");
        if rebased_first {
            rebase(&main, "b");
            assert_eq!(labels(&b, "TestThing"), ["a", "b"]);
            sound(&main);
        }
        merge(&main, "b");
        assert_eq!(labels(&main, "TestThing"), ["a", "b"]);
        // It is no orphan: the next run takes it away.
        assert_eq!(changes(&run(&main, "probe", "one")), ["deleted TestThing b"]);
        sound(&main);
    }
}
