//! Merging, rebasing, conflicts and what was decided of them.

use serde_json::{Map, Value as Json, json};
use service::{Service, ServiceError, SourceFile};

use crate::support::{changes, dump, labels, load, query, run, sound};
use crate::tracking::{create, ready, tell, value};

pub(crate) fn branch(service: &Service, name: &str) -> Service {
    service.branch_create(name, "").unwrap_or_else(|bad| panic!("{bad}"));
    on(service, name)
}

fn on(service: &Service, name: &str) -> Service {
    service.on(Some(name), None).unwrap_or_else(|bad| panic!("{bad}"))
}

pub(crate) fn values(attribute: &str, value: Json) -> Map<String, Json> {
    [(attribute.to_owned(), value)].into_iter().collect()
}

pub(crate) fn set(service: &Service, name: &str, attribute: &str, value: Json) {
    let values = values(attribute, value);
    service.object_update("TestThing", name, &values).unwrap_or_else(|bad| panic!("{bad}"));
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> &'static str {
    result.map_err(|bad| bad.code()).unwrap_err()
}

pub(crate) fn merge(main: &Service, name: &str) -> Json {
    main.branch_merge(name).unwrap_or_else(|bad| panic!("{bad}\n{:#?}", bad.details()))
}

pub(crate) fn rebase(main: &Service, name: &str) -> Json {
    main.branch_rebase(name).unwrap_or_else(|bad| panic!("{bad}\n{:#?}", bad.details()))
}

fn friends(service: &Service, of: &str) -> Json {
    let object = service.object("TestThing", of).unwrap();
    object.relationships.get("friends").cloned().unwrap_or(Json::Null)
}

/// `type kind label path main branch`, a conflict a line.
pub(crate) fn told(main: &Service, name: &str) -> Vec<String> {
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

pub(crate) fn decide(main: &Service, name: &str, keep: &str) {
    let told = main.branch_conflicts(name).unwrap();
    for one in told["conflicts"].as_array().unwrap() {
        main.branch_resolve(one["id"].as_str().unwrap(), Some(keep)).unwrap();
    }
}

/// What is in the store but for the log and what only times commits.
pub(crate) fn objects(service: &Service) -> Vec<String> {
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
fn after_a_merge_nothing_of_the_branch_is_missing_on_main() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}]));
    let b = branch(&main, "b");
    set(&b, "a", "color", json!("blue"));
    b.object_delete("TestThing", "b").unwrap();
    load(&b, "TestThing", &json!([{"name": "new", "friends": ["c"]}]));
    let against = service::DiffRequest { against: Some("main".to_owned()), ..Default::default() };
    assert_eq!(main.branch_diff("b", &against).unwrap()["num_updated"], 2);
    set(&main, "a", "size", json!(7));
    merge(&main, "b");
    assert_eq!(main.branch_diff("b", &against).unwrap()["objects"], json!([]));
    set(&main, "a", "color", json!("green"));
    assert_eq!(main.branch_diff("b", &against).unwrap()["objects"], json!([]));
    // What the branch changed can still be told.
    let told = main.branch_diff("b", &service::DiffRequest::default()).unwrap();
    assert_eq!(told["num_added"], 1, "{told}");
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
