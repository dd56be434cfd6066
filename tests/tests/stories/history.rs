//! Where things come from: blame, why a run ran, and taking commits and runs back.

use serde_json::{Map, Value as Json, json};
use service::{Service, ServiceError, Undone};

use crate::support::{changes, component, dump, labels, load, run, sound};
use crate::tracking::{create, ready, tell, value};

fn set(service: &Service, name: &str, attribute: &str, value: Json) {
    let values: Map<String, Json> = [(attribute.to_owned(), value)].into_iter().collect();
    service.object_update("TestThing", name, &values).unwrap_or_else(|bad| panic!("{bad}"));
}

fn blame(service: &Service, name: &str, field: &str) -> Json {
    service.blame("TestThing", name, field, None).unwrap_or_else(|bad| panic!("{bad}"))
}

fn told(blame: &Json) -> Vec<String> {
    let values = blame["values"].as_array().unwrap();
    values.iter().map(|one| format!("{} {}", one["value"], one["how"].as_str().unwrap())).collect()
}

/// Takes a commit back; a plan before it shows the same and leaves no trace.
fn revert(service: &Service, what: &Undone) -> Vec<String> {
    let before = dump(service);
    let plan =
        service.revert(what, true).unwrap_or_else(|bad| panic!("{bad}: {:?}", bad.details()));
    assert_eq!((dump(service), plan.commit), (before, None));
    let done = service.revert(what, false).unwrap_or_else(|bad| panic!("{bad}"));
    assert_eq!(plan.changes.digest(), done.changes.digest());
    sound(service);
    let line = |one: &branch::Change| format!("{} {} {}", one.op.word(), one.kind, one.label);
    done.changes.changes.iter().map(line).collect()
}

fn refused(service: &Service, what: &Undone) -> ServiceError {
    let before = dump(service);
    let bad = service.revert(what, false).unwrap_err();
    assert_eq!(dump(service), before, "something was changed");
    bad
}

fn last(service: &Service) -> Undone {
    Undone::Commit(service.last_commit())
}

#[test]
fn blame_names_the_commit_and_the_run_behind_a_value() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "h", "color": "red"}]));
    set(&main, "h", "color", json!("blue"));
    set(&main, "h", "size", json!(5));
    tell(&main, "one", &json!([create("a", &json!({"color": "green"}))]));
    let made = run(&main, "probe", "one");
    let color = blame(&main, "h", "color");
    assert_eq!(told(&color), ["\"blue\" by hand or from files", "\"red\" by hand or from files"]);
    let commit = |number: usize| color["values"][number]["commit"].as_u64().unwrap();
    assert_eq!(commit(0), commit(1) + 1);
    assert_eq!(color["values"][0]["run"], Json::Null);

    let by_run = blame(&main, "a", "color");
    assert_eq!(told(&by_run), ["\"green\" a run of probe"]);
    let behind = &by_run["values"][0]["run"];
    assert_eq!(behind["id"], made.record.id().to_string());
    let digest = model::Digest::of(&component("probe")).to_string();
    assert_eq!(behind["component"], digest);
    assert_eq!(behind["input"].as_str().map(str::len), Some(64));
    assert_eq!(behind["target"], main.object("TestTarget", "one").unwrap().id.to_string());

    // On a branch: its own values over those of main as of the fork; and as of a moment.
    main.branch_create("b", "").unwrap();
    set(&main, "h", "color", json!("later"));
    let b = main.on(Some("b"), None).unwrap();
    set(&b, "h", "color", json!("black"));
    let values = |service: &Service| -> Vec<Json> {
        let all = blame(service, "h", "color");
        all["values"].as_array().unwrap().iter().map(|one| one["value"].clone()).collect()
    };
    assert_eq!(values(&b), ["black", "blue", "red"]);
    assert_eq!(values(&main), ["later", "blue", "red"]);
    let then = main.on(None, Some(&commit(1).to_string())).unwrap();
    assert_eq!(values(&then), ["red"]);
    let one = main.blame("TestThing", "h", "color", Some(1)).unwrap();
    assert_eq!(one["values"].as_array().unwrap().len(), 1);

    load(&main, "TestThing", &json!([{"name": "h", "friends": ["a"]}]));
    let peers = &blame(&main, "h", "friends")["peers"];
    assert_eq!(
        (&peers[0]["label"], &peers[0]["commit"]),
        (&json!("a"), &json!(main.last_commit()))
    );
    let unknown = main.blame("TestThing", "h", "colour", None).unwrap_err();
    assert_eq!(unknown.code(), "unknown-field");
    assert!(unknown.to_string().contains("did you mean `color`?"), "{unknown}");
    assert_eq!(main.blame("TestThing", "none", "color", None).unwrap_err().code(), "not-found");
}

#[test]
fn a_run_tells_why_it_ran_and_which_commit_it_met() {
    let main = ready();
    tell(&main, "one", &json!([create("a", &json!({}))]));
    let first = run(&main, "probe", "one");
    let why = |id: model::ObjectId| main.why(&id.to_string()).unwrap();
    let words = why(first.record.id())["words"].to_string();
    assert!(words.contains("first run"), "{words}");
    load(&main, "TestThing", &json!([{"name": "aside"}]));
    tell(&main, "two", &json!([]));
    tell(&main, "one", &json!([create("b", &json!({}))]));
    let commit = main.last_commit();
    let second = run(&main, "probe", "one");
    let told = why(second.record.id());
    assert!(told["words"].to_string().contains("answer is another one"), "{told:#}");
    assert_eq!(told["before"], first.record.id().to_string());
    let commits = told["commits"].as_array().unwrap();
    let met = commits.iter().find(|one| one["commit"] == commit).unwrap();
    assert_eq!(met["objects"][0]["label"], "one");
    // What other targets and other objects went through is no reason.
    assert!(commits.iter().all(|one| !one.to_string().contains("aside")), "{told:#}");
    assert_eq!(main.why("none").unwrap_err().code(), "not-found");
}

#[test]
fn a_commit_is_taken_back_value_by_value_and_link_by_link() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}]));
    load(&main, "TestThing", &json!([{"name": "a", "friends": ["b"]}]));
    load(&main, "TestThing", &json!([{"name": "a", "color": "blue", "size": 4, "friends": ["c"]}]));
    let change = last(&main);
    // Something else of the same object does not stand in the way.
    set(&main, "a", "vlan", json!(77));
    assert_eq!(
        revert(&main, &change),
        ["updated TestThing a", "updated TestThing b", "updated TestThing c"]
    );
    let a = main.object("TestThing", "a").unwrap();
    assert_eq!(a.relationships["friends"], json!(["b"]));
    assert_eq!(
        ["color", "size", "vlan"].map(|name| value(&main, "a", name)),
        [json!("red"), json!(1), json!(77)]
    );
    assert_eq!(told(&blame(&main, "a", "color"))[0], {
        let Undone::Commit(number) = change else { panic!() };
        format!("\"red\" commit {number} was taken back")
    });
    // Taking that back brings the change again; nothing is left to do when it is so already.
    revert(&main, &last(&main));
    assert_eq!(value(&main, "a", "color"), "blue");
}

#[test]
fn what_a_commit_made_goes_and_what_it_deleted_comes_back() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}, {"name": "b", "color": "red", "size": 9}]));
    load(&main, "TestThing", &json!([{"name": "a", "friends": ["b"]}, {"name": "c"}]));
    let made = last(&main);
    let id = main.object("TestThing", "b").unwrap().id;
    main.object_delete("TestThing", "b").unwrap();
    assert_eq!(revert(&main, &last(&main)), ["updated TestThing a", "created TestThing b"]);
    let b = main.object("TestThing", "b").unwrap();
    assert_eq!(
        (b.id, &b.attributes["color"], &b.attributes["size"]),
        (id, &json!("red"), &json!(9))
    );
    assert_eq!(main.object("TestThing", "a").unwrap().relationships["friends"], json!(["b"]));
    // The link is as the commit made it, but by a later one.
    let bad = refused(&main, &made);
    assert_eq!(
        bad.details(),
        [format!("TestThing a, friends: changed by commit {}", main.last_commit())]
    );
}

#[test]
fn what_was_touched_since_stands_in_the_way_and_is_listed() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}]));
    let made = last(&main);
    set(&main, "a", "color", json!("blue"));
    let changed = last(&main);
    set(&main, "a", "color", json!("green"));
    let later = main.last_commit();
    let blocked = |what: &Undone| -> Vec<String> {
        let bad = refused(&main, what);
        assert_eq!(bad.code(), "revert-blocked");
        bad.details()
    };
    let lines = [format!("TestThing a, color: changed by commit {later}")];
    assert_eq!(blocked(&changed), lines);
    assert_eq!(blocked(&made), lines);
    // A value that is back where it was is no blocker.
    set(&main, "a", "color", json!("red"));
    assert!(revert(&main, &changed).is_empty());

    load(&main, "TestThing", &json!([{"name": "x"}]));
    let x = last(&main);
    load(&main, "TestThing", &json!([{"name": "b", "friends": ["x"]}]));
    let linked = main.last_commit();
    assert_eq!(blocked(&x), [format!("TestThing x, friend_of: changed by commit {linked}")]);
    main.object_delete("TestThing", "b").unwrap();
    let gone = last(&main);
    load(&main, "TestThing", &json!([{"name": "b"}]));
    // Another object has its name now.
    assert_eq!(refused(&main, &gone).code(), "not-unique");
}

#[test]
fn what_cannot_be_taken_back_is_refused() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a"}]));
    let on_main = last(&main);
    main.branch_create("b", "").unwrap();
    assert_eq!(refused(&main, &last(&main)).code(), "not-revertible");
    assert_eq!(refused(&main, &Undone::Commit(1)).code(), "not-revertible");
    assert_eq!(refused(&main, &Undone::Commit(99_999)).code(), "unknown-commit");
    assert_eq!(refused(&main, &Undone::Run("none".to_owned())).code(), "not-found");
    let b = main.on(Some("b"), None).unwrap();
    assert_eq!(refused(&b, &on_main).code(), "not-revertible");
    set(&b, "a", "color", json!("red"));
    assert_eq!(refused(&main, &last(&main)).code(), "not-revertible");
    assert_eq!(revert(&b, &last(&main)), ["updated TestThing a"]);
    assert_eq!(value(&b, "a", "color"), Json::Null);
}

#[test]
fn a_run_is_taken_back_and_the_next_one_does_it_again() {
    let main = ready();
    let draw = json!({
        "do": "draw", "kind": "TestThing", "name": "n", "field": "vlan", "pool": "vlans",
    });
    tell(&main, "one", &json!([create("a", &json!({})), draw]));
    run(&main, "probe", "one");
    tell(&main, "one", &json!([create("a", &json!({"color": "red"})), create("c", &json!({}))]));
    let second = run(&main, "probe", "one");
    let what = Undone::Run(second.record.id().to_string());
    assert_eq!(
        revert(&main, &what),
        ["updated TestThing a", "deleted TestThing c", "created TestThing n"]
    );
    assert_eq!(value(&main, "n", "vlan"), 10);
    assert_eq!(value(&main, "a", "color"), Json::Null);
    let again = changes(&run(&main, "probe", "one"));
    assert_eq!(again, ["updated TestThing a", "created TestThing c", "deleted TestThing n"]);
    assert_eq!(labels(&main, "TestThing"), ["a", "c"]);
    sound(&main);
    tell(&main, "one", &json!([{"do": "fail", "message": "no"}]));
    let failed = run(&main, "probe", "one");
    let what = Undone::Run(failed.record.id().to_string());
    assert_eq!(refused(&main, &what).code(), "not-revertible");
}
