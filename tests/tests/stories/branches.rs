//! Branches: what is seen where, runs on a branch, moments of the past, and the end of a branch.

use serde_json::{Map, Value as Json, json};
use service::{Service, ServiceError, SourceFile};

use crate::support::{changes, dump, failure, labels, load, query, run, sound};
use crate::tracking::{create, ready, tell, value};

fn branch(service: &Service, name: &str) -> Service {
    service.branch_create(name, "").unwrap_or_else(|bad| panic!("{bad}"));
    on(service, name)
}

fn on(service: &Service, name: &str) -> Service {
    service.on(Some(name), None).unwrap_or_else(|bad| panic!("{bad}"))
}

fn set(service: &Service, name: &str, attribute: &str, value: Json) {
    let values: Map<String, Json> = [(attribute.to_owned(), value)].into_iter().collect();
    service.object_update("TestThing", name, &values).unwrap_or_else(|bad| panic!("{bad}"));
}

fn code<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> &'static str {
    result.map_err(|bad| bad.code()).unwrap_err()
}

fn status(service: &Service, name: &str) -> String {
    service.branch(name).unwrap()["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_branch_sees_main_as_at_its_fork_and_main_sees_nothing_of_it() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}]));
    let b = branch(&main, "b");
    set(&main, "a", "color", json!("blue"));
    main.object_delete("TestThing", "b").unwrap();
    load(&main, "TestThing", &json!([{"name": "later"}]));
    assert_eq!(labels(&b, "TestThing"), ["a", "b", "c"]);
    assert_eq!(value(&b, "a", "color"), "red");

    set(&b, "a", "color", json!("green"));
    b.object_delete("TestThing", "c").unwrap();
    load(&b, "TestThing", &json!([{"name": "mine"}]));
    assert_eq!(labels(&b, "TestThing"), ["a", "b", "mine"]);
    assert_eq!(labels(&main, "TestThing"), ["a", "c", "later"]);
    assert_eq!(value(&main, "a", "color"), "blue");
    assert_eq!(value(&b, "a", "color"), "green");
    // Found by index too, on both sides, and no longer under what it was.
    for (service, name, there) in [
        (&b, "b", true),
        (&main, "b", false),
        (&b, "c", false),
        (&main, "c", true),
        (&b, "later", false),
        (&main, "later", true),
        (&b, "mine", true),
        (&main, "mine", false),
    ] {
        assert_eq!(service.object("TestThing", name).is_ok(), there, "{name}");
    }
    sound(&main);
}

#[test]
fn a_second_branch_sees_nothing_of_the_first() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}]));
    let (b, c) = (branch(&main, "b"), branch(&main, "team/c"));
    set(&b, "a", "color", json!("red"));
    load(&b, "TestThing", &json!([{"name": "of b"}]));
    assert_eq!(value(&c, "a", "color"), Json::Null);
    load(&c, "TestThing", &json!([{"name": "of b"}, {"name": "of c"}]));
    assert_eq!(labels(&b, "TestThing"), ["a", "of b"]);
    assert_eq!(labels(&c, "TestThing"), ["a", "of b", "of c"]);
    sound(&main);
}

#[test]
fn links_fork_like_values() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]));
    load(&main, "TestThing", &json!([{"name": "a", "friends": ["b"]}]));
    let b = branch(&main, "b");
    load(&main, "TestThing", &json!([{"name": "a", "friends": ["c"]}]));
    let friends = |service: &Service, of: &str| {
        let object = service.object("TestThing", of).unwrap();
        object.relationships.get("friends").cloned().unwrap_or(Json::Null)
    };
    assert_eq!(friends(&b, "a"), json!(["b"]));
    load(
        &b,
        "TestThing",
        &json!([{"name": "a", "friends": ["b", "c"]}, {"name": "b", "friends": ["c"]}]),
    );
    assert_eq!(friends(&b, "a"), json!(["b", "c"]));
    assert_eq!(friends(&main, "a"), json!(["c"]));
    assert_eq!(friends(&main, "b"), Json::Null);
    b.object_delete("TestThing", "c").unwrap();
    assert_eq!(friends(&b, "a"), json!(["b"]));
    assert_eq!(friends(&main, "a"), json!(["c"]));
    sound(&main);
}

#[test]
fn values_are_unique_within_a_branch_and_free_of_what_others_have() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}, {"name": "b"}]));
    let b = branch(&main, "b");
    // Taken at the fork, though main has renamed it since.
    set(&main, "a", "name", json!("other"));
    assert_eq!(
        code(b.object_update(
            "TestThing",
            "b",
            &[("name".to_owned(), json!("a"))].into_iter().collect(),
        )),
        "not-unique"
    );
    // Taken on main since: free on the branch.
    set(&b, "b", "name", json!("other"));
    set(&b, "a", "name", json!("b"));
    assert_eq!(labels(&b, "TestThing"), ["b", "other"]);
    assert_eq!(labels(&main, "TestThing"), ["b", "other"]);
    let id = |service: &Service, name: &str| service.object("TestThing", name).unwrap().id;
    assert_eq!(id(&main, "other"), id(&b, "b"));
    assert_eq!(id(&main, "b"), id(&b, "other"));
    sound(&main);
}

#[test]
fn agnostic_kinds_are_shared_at_once_in_both_directions() {
    let main = ready();
    let b = branch(&main, "b");
    let pool = |name: &str| {
        json!([{
            "name": name, "node": "TestThing", "node_attribute": "size", "start_range": 1, "end_range": 9,
        }])
    };
    load(&main, "CoreNumberPool", &pool("from main"));
    load(&b, "CoreNumberPool", &pool("from b"));
    for service in [&main, &b] {
        assert_eq!(labels(service, "CoreNumberPool"), ["from b", "from main", "vlans"]);
    }
    sound(&main);
}

#[test]
fn a_schema_on_a_branch_is_the_branchs_alone() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}]));
    let (b, c) = (branch(&main, "b"), branch(&main, "c"));
    let schema = |attribute: &str| SourceFile {
        name: "more".to_owned(),
        text: format!(
            "version: '1.0'\nextensions:\n  nodes:\n    - kind: TestThing\n      attributes:\n        \
             - {{name: {attribute}, kind: Text, optional: true, unique: true}}\n"
        ),
    };
    b.schema_load(&[schema("rack")]).unwrap_or_else(|bad| panic!("{bad}: {:?}", bad.details()));
    set(&b, "a", "rack", json!("r1"));
    let bad = main.object_update(
        "TestThing",
        "a",
        &[("rack".to_owned(), json!("r1"))].into_iter().collect(),
    );
    assert_eq!(code(bad), "unknown-field");
    // Names are interned once for all: two branches that add some do not take each other's numbers.
    c.schema_load(&[schema("shelf")]).unwrap();
    main.schema_load(&[schema("row")]).unwrap();
    set(&c, "a", "shelf", json!("s1"));
    set(&main, "a", "row", json!("w1"));
    assert_eq!(value(&b, "a", "rack"), "r1");
    assert_eq!(value(&c, "a", "shelf"), "s1");
    assert_eq!(value(&main, "a", "row"), "w1");
    assert_eq!(status(&main, "b"), "NEED_REBASE");
    assert_eq!(main.branch("b").unwrap()["has_schema_changes"], true);
    sound(&main);
}

#[test]
fn a_run_on_a_branch_keeps_to_the_branch() {
    let main = ready();
    tell(&main, "one", &json!([create("a", &json!({"color": "red"})), create("b", &json!({}))]));
    run(&main, "probe", "one");
    let b = branch(&main, "b");
    // Main's run made these; the branch's run knows, and prunes on the branch alone.
    assert!(changes(&run(&b, "probe", "one")).is_empty());
    tell(&b, "one", &json!([create("a", &json!({"color": "green"})), create("c", &json!({}))]));
    let told = changes(&run(&b, "probe", "one"));
    assert_eq!(told, ["updated TestThing a", "deleted TestThing b", "created TestThing c"]);
    assert_eq!(labels(&b, "TestThing"), ["a", "c"]);
    assert_eq!(labels(&main, "TestThing"), ["a", "b"]);
    assert_eq!(value(&main, "a", "color"), "red");
    assert!(changes(&run(&main, "probe", "one")).is_empty());
    assert!(changes(&run(&b, "probe", "one")).is_empty());
    sound(&main);
}

#[test]
fn instances_and_run_records_belong_to_the_branch_where_they_ran() {
    let main = ready();
    tell(&main, "one", &json!([create("a", &json!({}))]));
    run(&main, "probe", "one");
    let b = branch(&main, "b");
    assert!(b.instances().unwrap().is_empty());
    assert!(b.runs(10).unwrap().is_empty());
    tell(&b, "two", &json!([create("b", &json!({}))]));
    run(&b, "probe", "two");
    let names = |service: &Service| -> Vec<String> {
        service.instances().unwrap().into_iter().map(|instance| instance.name).collect()
    };
    assert_eq!(names(&b), ["probe: two"]);
    assert_eq!(names(&main), ["probe: one"]);
    assert_eq!(b.runs(10).unwrap().len(), 1);
    assert_eq!(main.runs(10).unwrap().len(), 1);
    // The guest is told where it runs.
    tell(&b, "two", &json!([{"do": "fail", "message": "no"}]));
    assert_eq!(failure(&run(&b, "probe", "two")).0, "guest_error");
    sound(&main);
}

#[test]
fn a_target_that_goes_on_a_branch_takes_along_what_mains_run_made_there() {
    let main = ready();
    tell(&main, "one", &json!([create("a", &json!({}))]));
    run(&main, "probe", "one");
    let b = branch(&main, "b");
    b.object_delete("TestTarget", "one").unwrap();
    assert!(labels(&b, "TestThing").is_empty());
    assert_eq!(labels(&main, "TestThing"), ["a"]);
    sound(&main);
}

#[test]
fn numbers_are_one_space_over_all_branches_and_a_deleted_branch_gives_back_its_own() {
    let main = ready();
    let draw = |name: &str| {
        json!([{
            "do": "draw", "kind": "TestThing", "name": name, "field": "vlan", "pool": "vlans",
        }])
    };
    tell(&main, "one", &draw("m"));
    run(&main, "probe", "one");
    let b = branch(&main, "b");
    tell(&b, "two", &draw("n"));
    run(&b, "probe", "two");
    assert_eq!(value(&main, "m", "vlan"), 10);
    assert_eq!(value(&b, "n", "vlan"), 11);
    // Deleting main's object on the branch frees nothing for others.
    b.object_delete("TestThing", "m").unwrap();
    let peek = |service: &Service| {
        service.pool_peek("vlans", &service::Drawing { count: 1, ..service::Drawing::default() })
    };
    assert_eq!(peek(&main).unwrap()["next"], json!([12]));
    main.branch_delete("b").unwrap();
    assert_eq!(peek(&main).unwrap()["next"], json!([11]));
    assert_eq!(value(&main, "m", "vlan"), 10);
    assert!(!dump(&main).contains("reserved-by "));
    sound(&main);
}

#[test]
fn a_number_set_by_hand_on_main_stays_taken_there_whoever_draws_in_between() {
    let main = ready();
    let draw = |names: &[&str]| {
        let one = |name: &&str| {
            json!({
                "do": "draw", "kind": "TestThing", "name": name, "field": "vlan", "pool": "vlans",
            })
        };
        json!(names.iter().map(one).collect::<Vec<_>>())
    };
    let b = branch(&main, "b");
    tell(&b, "two", &draw(&["n"]));
    run(&b, "probe", "two");
    assert_eq!(value(&b, "n", "vlan"), 10);
    load(&main, "TestThing", &json!([{"name": "h", "vlan": 12}]));
    // The branch does not see it, and draws another one.
    tell(&b, "two", &draw(&["n", "o"]));
    run(&b, "probe", "two");
    assert_eq!(value(&b, "o", "vlan"), 11);
    tell(&main, "one", &draw(&["m"]));
    let last = run(&main, "probe", "one");
    // 10 and 11 are the branch's, 12 was set by hand: nothing is left of 10-12.
    assert!(format!("{:?}", last.record.outcome).contains("pool-exhausted"));
    sound(&main);
}

#[test]
fn a_deleted_branch_leaves_no_row_and_its_name_can_be_used_again() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}, {"name": "b"}]));
    let before = main.branch_create("b", "first").unwrap();
    let b = on(&main, "b");
    set(&b, "a", "color", json!("red"));
    b.object_delete("TestThing", "b").unwrap();
    tell(&b, "one", &json!([create("c", &json!({}))]));
    run(&b, "probe", "one");
    main.branch_delete("b").unwrap();
    assert_eq!(code(main.on(Some("b"), None)), "BRANCH_NOT_FOUND");
    assert_eq!(code(b.objects("TestThing", 10)), "BRANCH_NOT_FOUND");
    let line = "\\00\\00\\00\\02";
    let left: Vec<String> = dump(&main)
        .lines()
        .filter(|row| !row.starts_with("symbols "))
        .filter(|row| row.split(' ').nth(1).is_some_and(|key| key.starts_with(line)))
        .map(str::to_owned)
        .collect();
    assert!(left.is_empty(), "{left:#?}");
    let again = main.branch_create("b", "second").unwrap();
    assert_ne!(before["id"], again["id"]);
    assert_eq!(labels(&on(&main, "b"), "TestThing"), ["a", "b"]);
    assert_eq!(value(&on(&main, "b"), "a", "color"), Json::Null);
    sound(&main);
}

#[test]
fn what_main_lost_before_a_fork_does_not_come_back_on_a_later_branch() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}]));
    let _first = branch(&main, "first");
    set(&main, "a", "name", json!("b"));
    main.branch_delete("first").unwrap();
    set(&main, "b", "name", json!("a"));
    set(&main, "a", "name", json!("c"));
    let second = branch(&main, "second");
    set(&main, "c", "name", json!("a"));
    set(&main, "a", "name", json!("d"));
    assert_eq!(labels(&second, "TestThing"), ["c"]);
    for (name, there) in [("a", false), ("b", false), ("c", true), ("d", false)] {
        assert_eq!(second.object("TestThing", name).is_ok(), there, "{name}");
    }
    sound(&main);
}

#[test]
fn any_past_moment_can_be_read_on_any_branch() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "gone"}]));
    load(&main, "TestThing", &json!([{"name": "a", "friends": ["gone"]}]));
    let first = main.last_commit();
    set(&main, "a", "color", json!("blue"));
    main.object_delete("TestThing", "gone").unwrap();
    let b = branch(&main, "b");
    let second = main.last_commit();
    set(&b, "a", "color", json!("green"));
    set(&b, "a", "name", json!("z"));
    load(&b, "TestThing", &json!([{"name": "new"}]));
    let at = |name: &str, moment: u64| {
        main.on(Some(name), Some(&moment.to_string())).unwrap_or_else(|bad| panic!("{bad}"))
    };
    for name in ["main", "b"] {
        let then = at(name, first);
        assert_eq!(labels(&then, "TestThing"), ["a", "gone"]);
        assert_eq!(value(&then, "a", "color"), "red");
        let a = then.object("TestThing", "a").unwrap();
        assert_eq!(a.relationships["friends"], json!(["gone"]));
        assert_eq!(labels(&at(name, second), "TestThing"), ["a"]);
    }
    let second_b = at("b", second);
    assert_eq!(value(&second_b, "a", "color"), "blue");
    let answer = query(&second_b, "{ TestThing(name__value: \"a\") { count } }");
    assert_eq!(answer["data"]["TestThing"]["count"], 1, "{answer}");
    assert_eq!(labels(&b, "TestThing"), ["new", "z"]);

    let past = at("b", first);
    let values: Map<String, Json> = [("color".to_owned(), json!("x"))].into_iter().collect();
    assert_eq!(code(past.object_update("TestThing", "a", &values)), "past-is-read-only");
    for bad in ["999999", "0", "yesterday", "1999-01-01T00:00:00Z"] {
        let asked = main.on(None, Some(bad)).and_then(|then| then.objects("TestThing", 10));
        assert_eq!(code(asked), "no-such-moment", "{bad}");
    }
    assert_eq!(labels(&main.on(None, Some("-0s")).unwrap(), "TestThing"), ["a"]);
    sound(&main);
}

#[test]
fn bad_names_and_verbs_are_refused_and_nothing_changes() {
    let main = ready();
    branch(&main, "b");
    let before = main.last_commit();
    for name in
        ["", "-global-", "a b", "a..b", "/a", "a/", "a//b", ".a", "a.lock", "-a", "a~", "a:b"]
    {
        assert_eq!(code(main.branch_create(name, "")), "bad-branch-name", "{name}");
    }
    assert_eq!(code(main.branch_create(&"x".repeat(251), "")), "bad-branch-name");
    assert_eq!(code(main.branch_create("x", &"y".repeat(5000))), "bad-branch-name");
    assert_eq!(code(main.branch_create("b", "")), "branch-exists");
    assert_eq!(code(main.branch_create("main", "")), "branch-exists");
    assert_eq!(code(main.branch_update("b", Some("main"), None)), "branch-exists");
    assert_eq!(code(main.branch_update("main", Some("x"), None)), "branch-is-default");
    assert_eq!(code(main.branch_delete("main")), "branch-is-default");
    assert_eq!(code(main.branch_delete("none")), "BRANCH_NOT_FOUND");
    assert_eq!(code(main.branch("none")), "BRANCH_NOT_FOUND");
    assert_eq!(main.last_commit(), before);
    main.branch_update("b", Some("c"), Some("renamed")).unwrap();
    assert_eq!(main.branch("c").unwrap()["description"], "renamed");
    assert_eq!(code(main.branch("b")), "BRANCH_NOT_FOUND");
}

#[test]
fn a_diff_tells_what_the_branch_changed_and_nothing_else() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}]));
    load(&main, "TestThing", &json!([{"name": "d"}, {"name": "e"}]));
    let b = branch(&main, "b");
    let empty = main.branch_diff("b", &service::DiffRequest::default()).unwrap();
    assert_eq!(empty["objects"], json!([]));
    set(&b, "a", "color", json!("blue"));
    set(&b, "c", "color", json!("green"));
    b.object_delete("TestThing", "b").unwrap();
    b.object_delete("TestThing", "e").unwrap();
    load(&b, "TestThing", &json!([{"name": "d", "friends": ["a"]}]));
    tell(&b, "one", &json!([create("made", &json!({}))]));
    run(&b, "probe", "one");
    // On main: the same attribute, an attribute of its own, what the branch deleted, what it changed.
    set(&main, "a", "color", json!("black"));
    set(&main, "a", "size", json!(7));
    set(&main, "b", "color", json!("white"));
    main.object_delete("TestThing", "c").unwrap();

    let diff = main.branch_diff("b", &service::DiffRequest::default()).unwrap();
    let told: Vec<String> = diff["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", text("status"), text("kind"), text("label"), text("conflict"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "UPDATED TestTarget one -",
            "UPDATED TestThing a -",
            "REMOVED TestThing b changed-on-main",
            "UPDATED TestThing c deleted-on-main",
            "UPDATED TestThing d -",
            "REMOVED TestThing e -",
            "ADDED TestThing made -",
        ]
    );
    let objects = &diff["objects"];
    let color = &objects[1]["attributes"][0];
    let told = ["name", "property", "before", "after", "main"].map(|part| color[part].clone());
    assert_eq!(told, ["color", "value", "red", "blue", "black"]);
    assert_eq!(objects[4]["relationships"][0]["label"], "a");
    assert_eq!(objects[4]["relationships"][0]["status"], "ADDED");
    assert_eq!(objects[6]["run"]["definition"], "probe");
    assert_eq!(objects[1]["run"], Json::Null);
    assert_eq!(diff["num_conflicts"], 3);
    assert_eq!(
        code(main.branch_diff("main", &service::DiffRequest::default())),
        "branch-is-default"
    );
    assert_eq!(
        code(main.branch_diff("none", &service::DiffRequest::default())),
        "BRANCH_NOT_FOUND"
    );
}
