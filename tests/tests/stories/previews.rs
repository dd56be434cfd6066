//! Previews of a merge: what main's generators would do after it is told before it, and is what they do.

use serde_json::{Value as Json, json};

use crate::changes::{on, open};
use crate::support::{dump, load, query, run, sound};
use crate::tracking::{create, ready, tell, value};

/// Runs as `definition target: outcome`.
fn runs(after: &Json) -> Vec<String> {
    let told = |one: &Json| {
        let outcome = match &one["outcome"] {
            Json::String(word) => word.clone(),
            Json::Object(map) => map.keys().next().cloned().unwrap_or_default(),
            other => other.to_string(),
        };
        format!(
            "{} {}: {outcome}",
            one["definition"].as_str().unwrap(),
            one["target"].as_str().unwrap()
        )
    };
    after.as_array().unwrap().iter().map(told).collect()
}

fn not_in_changes(main: &service::Service) {
    let off = json!({"execute_in_proposed_change": false}).as_object().unwrap().clone();
    main.object_update("CoreGeneratorDefinition", "probe", &off).unwrap();
}

fn draw(name: &str) -> Json {
    json!({"do": "draw", "kind": "TestThing", "name": name, "field": "vlan", "pool": "vlans"})
}

fn next(main: &service::Service) -> Json {
    main.pool_peek("vlans", &service::Drawing::default()).unwrap()
}

#[test]
fn a_preview_is_what_merging_then_does_and_keeps_nothing() {
    let main = ready();
    // `two` lists what `one` makes, and so runs again after it.
    let ask = "query { TestThing(name__value: \"a\") { edges { node { color { value } } } } }";
    tell(&main, "one", &json!([create("a", &json!({"color": "pink"})), draw("numbered")]));
    run(&main, "probe", "one");
    tell(&main, "two", &json!([{"do": "ask", "document": ask}, create("b", &json!({}))]));
    run(&main, "probe", "two");
    load(&main, "TestTarget", &json!([{"name": "three", "member_of_groups": ["targets"]}]));
    tell(&main, "three", &json!([create("c", &json!({}))]));
    run(&main, "probe", "three");
    not_in_changes(&main);

    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    let steps = json!([create("a", &json!({"color": "blue"})), draw("numbered"), draw("another")]);
    tell(&b, "one", &steps);
    b.object_delete("TestTarget", "three").unwrap();
    load(&b, "TestTarget", &json!([{"name": "four", "member_of_groups": ["targets"]}]));
    tell(&b, "four", &json!([{"do": "fail", "message": "not like this"}]));
    open(&main, "b");
    let (before, free) = (dump(&main), next(&main));
    let preview = main.change_preview("change of b").unwrap();
    assert_eq!(dump(&main), before);
    assert_eq!(next(&main), free);
    assert_eq!(
        (&preview["ok"], &preview["complete"], &preview["blockers"]),
        (&json!(true), &json!(true), &json!([])),
        "{preview:#}"
    );
    assert_eq!(
        runs(&preview["after"]),
        ["probe one: Changed", "probe four: Failed", "probe two: Unchanged"]
    );
    let made = preview["after"][0]["changes"].to_string();
    assert!(made.contains("another") && made.contains("blue"), "{made}");
    let why = preview["after"][2]["reason"].as_str().unwrap();
    assert!(why.starts_with("the run of probe for one changed"), "{why}");
    assert_eq!(value(&main, "a", "color"), "pink");
    // Asked of the branch by itself it is the same.
    let same = main.branch_preview("b").unwrap();
    assert_eq!((&same["after"], &same["changes"]), (&preview["after"], &preview["changes"]));

    let merged = main.change_merge("change of b").unwrap();
    assert_eq!(merged["after"], preview["after"]);
    assert_eq!(merged["complete"], true);
    let of = |json: &Json| json["changes"].as_array().unwrap().clone();
    let told = [of(&preview["changes"]), of(&preview["ended"])].concat();
    assert_eq!(of(&merged["merge"]["changes"]), told);
    assert_eq!(value(&main, "a", "color"), "blue");
    for target in ["one", "two"] {
        assert!(crate::support::changes(&run(&main, "probe", target)).is_empty(), "{target}");
    }
    sound(&main);
}

#[test]
fn what_a_target_leaves_behind_goes_in_a_preview_too() {
    let main = ready();
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    tell(&b, "one", &json!([create("a", &json!({}))]));
    run(&b, "probe", "one");
    main.object_delete("TestTarget", "one").unwrap();
    let conflict = &main.branch_conflicts("b").unwrap()["conflicts"];
    for one in conflict.as_array().unwrap() {
        main.branch_resolve(one["id"].as_str().unwrap(), Some("main")).unwrap();
    }
    let before = dump(&main);
    let preview = main.branch_preview("b").unwrap();
    assert_eq!(dump(&main), before);
    assert_eq!(preview["ended"]["deleted"], 1, "{preview:#}");
    let merged = main.branch_merge("b").unwrap();
    let of = |json: &Json| json["changes"].as_array().unwrap().clone();
    assert_eq!(of(&merged["changes"]), [of(&preview["changes"]), of(&preview["ended"])].concat());
    assert!(crate::support::labels(&main, "TestThing").is_empty());
    sound(&main);
}

#[test]
fn what_cannot_be_merged_has_no_preview_beyond_what_is_in_the_way() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "pink"}]));
    main.branch_create("b", "").unwrap();
    let set = |service: &service::Service, color: &str| {
        let color = json!({"color": color}).as_object().unwrap().clone();
        service.object_update("TestThing", "a", &color).unwrap();
    };
    set(&on(&main, "b"), "blue");
    set(&main, "black");
    let before = dump(&main);
    let preview = main.branch_preview("b").unwrap();
    assert_eq!((&preview["ok"], &preview["after"]), (&json!(false), &Json::Null), "{preview:#}");
    assert_eq!(preview["conflicts"].as_array().unwrap().len(), 1);
    let code = |name: &str| main.branch_preview(name).unwrap_err().code();
    assert_eq!((code("none"), code("main")), ("BRANCH_NOT_FOUND", "branch-is-default"));
    assert_eq!(main.change_preview("none").unwrap_err().code(), "not-found");
    assert_eq!(dump(&main), before);
    set(&main, "pink");
    main.branch_merge("b").unwrap();
    assert_eq!(code("b"), "BRANCH_ALREADY_MERGED");
}

#[test]
fn a_query_over_a_draft_that_looks_ahead_counts_what_is_in_it() {
    let main = ready();
    not_in_changes(&main);
    load(&main, "TestThing", &json!([{"name": "x"}, {"name": "y"}]));
    assert_eq!(query(&main, "{ TestThing { count } }")["data"]["TestThing"]["count"], 2);
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    load(&b, "TestThing", &json!([{"name": "z"}]));
    b.object_delete("TestThing", "x").unwrap();
    let ask =
        json!({"do": "ask", "document": "query { TestThing { count edges { node { id } } } }"});
    tell(&b, "one", &json!([create("w", &json!({})), ask]));
    open(&main, "b");
    let preview = main.branch_preview("b").unwrap();
    let merged = main.change_merge("change of b").unwrap();
    assert_eq!(merged["after"], preview["after"]);
    assert_eq!(query(&main, "{ TestThing { count } }")["data"]["TestThing"]["count"], 3);
}
