//! Diffs: against the fork and against main now, with who and which run, the schema's part, and the
//! shapes of the public dialect.

use serde_json::{Map, Value as Json, json};
use service::{DiffRequest, Service, SourceFile};

use crate::support::{load, query, run};
use crate::tracking::{create, ready, tell};

fn on(service: &Service, name: &str) -> Service {
    service.on(Some(name), None).unwrap_or_else(|bad| panic!("{bad}"))
}

fn set(service: &Service, name: &str, attribute: &str, value: Json) {
    let values: Map<String, Json> = [(attribute.to_owned(), value)].into_iter().collect();
    service.object_update("TestThing", name, &values).unwrap_or_else(|bad| panic!("{bad}"));
}

/// Main with things, and a branch that changes, makes, links and deletes some.
fn changed() -> (Service, Service) {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}]));
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    set(&b, "a", "color", json!("blue"));
    set(&b, "a", "size", json!(3));
    b.object_delete("TestThing", "c").unwrap();
    load(&b, "TestThing", &json!([{"name": "new", "friends": ["a"]}]));
    (main, b)
}

fn diff(service: &Service, request: &DiffRequest) -> Json {
    service.branch_diff("b", request).unwrap_or_else(|bad| panic!("{bad}"))
}

fn labels(diff: &Json) -> Vec<String> {
    let objects = diff["objects"].as_array().unwrap();
    let text = |one: &Json, name: &str| one[name].as_str().unwrap().to_owned();
    objects.iter().map(|one| format!("{} {}", text(one, "status"), text(one, "label"))).collect()
}

#[test]
fn a_diff_against_main_now_says_who_changed_what() {
    let (main, b) = changed();
    load(&main, "TestThing", &json!([{"name": "d", "color": "red"}, {"name": "e"}, {"name": "f"}]));
    main.branch_rebase("b").unwrap();
    // `a` on both sides, in one thing alike; `d` in different things, and the links of `e` and `f`.
    set(&main, "a", "color", json!("black"));
    set(&b, "d", "color", json!("pink"));
    set(&main, "d", "size", json!(7));
    let link = |service: &Service, name: &str, peer: &str| {
        load(service, "TestThing", &json!([{"name": name, "friends": [peer]}]));
    };
    link(&b, "e", "f");
    set(&b, "f", "size", json!(3));
    main.object_delete("TestThing", "f").unwrap();
    let against = Some("main".to_owned());
    let now = diff(&main, &DiffRequest { against, ..DiffRequest::default() });
    let told: Vec<String> = now["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |json: &Json| json.as_str().unwrap().to_owned();
            let all = ["attributes", "relationships"].map(|of| one[of].as_array().unwrap().iter());
            let parts = all.into_iter().flatten();
            let parts: Vec<String> = parts
                .filter(|part| part["property"] != json!("is_protected"))
                .map(|part| format!("{} {}", text(&part["name"]), text(&part["changed_on"])))
                .collect();
            let (status, label) = (text(&one["status"]), text(&one["label"]));
            format!("{status} {label} {}: {}", text(&one["changed_on"]), parts.join(", "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "UPDATED a both: color both, size branch, friend_of branch",
            "REMOVED c branch: name branch, size branch",
            "UPDATED d both: color branch, size main",
            "UPDATED e branch: friends branch",
            "ADDED f both: name main, size both, friend_of branch",
            "ADDED new branch: name branch, size branch, friends branch",
        ],
        "{now:#}"
    );
    // Against the fork the branch is alone, but for conflicts.
    let fork = diff(&main, &DiffRequest::default());
    let sides = fork["objects"].as_array().unwrap().iter().map(|one| &one["changed_on"]);
    assert_eq!(sides.filter(|side| **side == json!("both")).count(), 2, "{fork:#}");
    assert_eq!(fork["num_conflicts"], 2);
}

#[test]
fn a_diff_against_main_now_leaves_out_what_main_has_as_well() {
    let (main, _) = changed();
    set(&main, "a", "color", json!("blue"));
    main.object_delete("TestThing", "c").unwrap();
    let fork = diff(&main, &DiffRequest::default());
    assert_eq!(labels(&fork), ["UPDATED a", "REMOVED c", "ADDED new"]);
    assert_eq!(fork["num_conflicts"], 0, "{fork:#}");
    let against = Some("main".to_owned());
    let now = diff(&main, &DiffRequest { against, ..DiffRequest::default() });
    assert_eq!(labels(&now), ["UPDATED a", "ADDED new"]);
    let names: Vec<&Json> = now["objects"][0]["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["size"]);
    let bad = DiffRequest { against: Some("moon".to_owned()), ..DiffRequest::default() };
    assert_eq!(main.branch_diff("b", &bad).unwrap_err().code(), "bad-diff");
}

#[test]
fn a_diff_tells_counts_pages_and_the_commit_behind_each_change() {
    let (main, b) = changed();
    let last = main.last_commit();
    tell(&b, "one", &json!([create("made", &json!({}))]));
    run(&b, "probe", "one");
    let all = diff(&main, &DiffRequest::default());
    assert_eq!(
        all["kinds"],
        json!([
            {"kind": "TestTarget", "num_added": 0, "num_updated": 1, "num_removed": 0},
            {"kind": "TestThing", "num_added": 2, "num_updated": 1, "num_removed": 1},
        ])
    );
    let a = &all["objects"][1];
    let commits: Vec<u64> = a["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["commit"].as_u64().unwrap())
        .collect();
    assert_eq!((commits[0] + 1, a["label"].as_str()), (commits[1], Some("a")), "{a:#}");
    // The newest of it is the link that another object made.
    assert_eq!(a["commit"], last);
    let made =
        all["objects"].as_array().unwrap().iter().find(|one| one["label"] == "made").unwrap();
    assert_eq!(made["run"]["definition"], "probe");
    assert_eq!(made["attributes"][0]["run"]["definition"], "probe");
    let page = DiffRequest {
        kind: Some("TestThing".to_owned()),
        offset: 1,
        limit: Some(1),
        ..DiffRequest::default()
    };
    let page = diff(&main, &page);
    assert_eq!(labels(&page), ["REMOVED c"]);
    assert_eq!(page["num_added"], all["num_added"]);
}

#[test]
fn a_diff_of_a_part_of_a_branchs_life() {
    let (main, b) = changed();
    let moment = main.last_commit();
    set(&b, "a", "color", json!("green"));
    set(&b, "b", "color", json!("black"));
    let later = DiffRequest { from: Some(moment.to_string()), ..DiffRequest::default() };
    let later = diff(&main, &later);
    assert_eq!(labels(&later), ["UPDATED a", "UPDATED b"]);
    assert_eq!(later["objects"][0]["attributes"][0]["before"], "blue");
    let earlier = DiffRequest { to: Some(moment.to_string()), ..DiffRequest::default() };
    let earlier = diff(&main, &earlier);
    assert_eq!(labels(&earlier), ["UPDATED a", "REMOVED c", "ADDED new"]);
    assert_eq!(earlier["objects"][0]["attributes"][0]["after"], "blue");
}

#[test]
fn the_schemas_part_of_a_diff() {
    let (main, b) = changed();
    assert_eq!(diff(&main, &DiffRequest::default())["schema"]["changes"], json!([]));
    let schema = SourceFile {
        name: "more".to_owned(),
        text: "version: '1.0'\nnodes:\n  - {name: Rack, namespace: Test, attributes: [{name: name, \
               kind: Text}]}\nextensions:\n  nodes:\n    - kind: TestThing\n      attributes:\n        \
               - {name: shelf, kind: Text, optional: true}\n"
            .to_owned(),
    };
    b.schema_load(&[schema]).unwrap_or_else(|bad| panic!("{bad}: {:?}", bad.details()));
    let told = diff(&main, &DiffRequest::default());
    let changes = told["schema"]["changes"].as_array().unwrap();
    assert!(changes.contains(&json!("+ TestRack")), "{changes:?}");
    assert!(changes.contains(&json!("+ TestThing.shelf")), "{changes:?}");
    assert!(told["schema"]["diff"]["added"].get("TestRack").is_some());
    assert!(told["schema"]["diff"]["changed"]["TestThing"]["added"].get("shelf").is_some());
}

#[test]
fn the_diff_tree_of_the_public_dialect() {
    let (main, _) = changed();
    set(&main, "a", "color", json!("black"));
    let answer = query(
        &main,
        "{ DiffTree(branch: \"b\") { name base_branch diff_branch num_added num_updated num_removed \
         num_conflicts nodes { kind label status contains_conflict num_added num_updated num_removed \
         attributes { name status num_updated contains_conflict properties { property_type status \
         previous_value new_value conflict { base_branch_value diff_branch_value resolvable \
         selected_branch } } } \
         relationships { name status cardinality num_added elements { status peer_label \
         properties { property_type new_label } } } } } }",
    );
    let value = |before: Json, after: Json, status: &str, conflict: Json| {
        json!([{
            "property_type": "HAS_VALUE", "status": status, "previous_value": before,
            "new_value": after, "conflict": conflict,
        }])
    };
    let attribute = |name: &str, status: &str, updated: u32, conflict: bool, properties: Json| {
        json!({
            "name": name, "status": status, "num_updated": updated, "contains_conflict": conflict,
            "properties": properties,
        })
    };
    let friends = |peer: &str| {
        json!([{
            "name": "friend_of", "status": "UPDATED", "cardinality": "MANY", "num_added": 1,
            "elements": [{
                "status": "ADDED", "peer_label": peer,
                "properties": [{"property_type": "IS_RELATED", "new_label": peer}],
            }],
        }])
    };
    let tree = &answer["data"]["DiffTree"];
    let counts = ["base_branch", "diff_branch", "num_added", "num_updated", "num_removed"];
    let told: Vec<&Json> = counts.iter().map(|name| &tree[name]).collect();
    assert_eq!(json!(told), json!(["main", "b", 1, 1, 1]), "{answer:#}");
    assert_eq!(tree["num_conflicts"], 1);
    let node = &tree["nodes"][0];
    let clash = json!({
        "base_branch_value": "black", "diff_branch_value": "blue", "resolvable": true,
        "selected_branch": null,
    });
    assert_eq!(
        node["attributes"],
        json!([
            attribute(
                "color",
                "UPDATED",
                1,
                true,
                value(json!("red"), json!("blue"), "UPDATED", clash)
            ),
            attribute(
                "size",
                "UPDATED",
                1,
                false,
                value(json!("1"), json!("3"), "UPDATED", Json::Null)
            ),
        ])
    );
    assert_eq!(node["relationships"], friends("new"));
    assert_eq!((&node["status"], &node["contains_conflict"]), (&json!("UPDATED"), &json!(true)));
    assert_eq!(tree["nodes"][1]["status"], "REMOVED");
    let new = &tree["nodes"][2];
    assert_eq!((&new["status"], &new["label"]), (&json!("ADDED"), &json!("new")));
    assert_eq!(new["relationships"][0]["elements"][0]["peer_label"], "a");
}

#[test]
fn filters_pages_and_names_of_the_diff_tree() {
    let (main, b) = changed();
    let shown = |arguments: &str| -> Vec<String> {
        let text = format!("{{ DiffTree(branch: \"b\" {arguments}) {{ nodes {{ label }} }} }}");
        let answer = query(&main, &text);
        let nodes = answer["data"]["DiffTree"]["nodes"].as_array();
        let nodes = nodes.unwrap_or_else(|| panic!("{answer}"));
        nodes.iter().map(|node| node["label"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(shown(""), ["a", "c", "new"]);
    assert_eq!(shown("limit: 1 offset: 1"), ["c"]);
    assert_eq!(shown("filters: {status: {includes: [ADDED]}}"), ["new"]);
    assert_eq!(shown("filters: {status: {excludes: [ADDED]}}"), ["a", "c"]);
    assert_eq!(shown("filters: {kind: {includes: [\"TestThing\"]}}"), ["a", "c", "new"]);
    assert!(shown("filters: {namespace: {excludes: [\"Test\"]}}").is_empty());
    let id = b.object("TestThing", "a").unwrap().id;
    assert_eq!(shown(&format!("filters: {{ids: [\"{id}\"]}}")), ["a"]);

    let named = "{ DiffTree(branch: \"b\", name: \"first\") { name num_added } }";
    assert_eq!(query(&main, named)["data"]["DiffTree"], Json::Null);
    let moment = main.last_commit();
    let update = format!(
        "mutation {{ DiffUpdate(wait_until_completion: true, data: {{name: \"first\", branch: \"b\", \
         to_time: \"{moment}\"}}) {{ ok }} }}"
    );
    assert_eq!(query(&main, &update)["data"]["DiffUpdate"]["ok"], true);
    load(&b, "TestThing", &json!([{"name": "later"}]));
    assert_eq!(query(&main, named)["data"]["DiffTree"], json!({"name": "first", "num_added": 1}));
    let summary = "{ DiffTreeSummary(branch: \"b\") { num_added num_removed diff_branch } }";
    let told = &query(&main, summary)["data"]["DiffTreeSummary"];
    assert_eq!(*told, json!({"num_added": 2, "num_removed": 1, "diff_branch": "b"}));
    // Main has nothing to be compared with; on a branch its name may be left out.
    assert_eq!(query(&main, "{ DiffTree { num_added } }")["data"]["DiffTree"], Json::Null);
    assert_eq!(query(&b, "{ DiffTree { num_added } }")["data"]["DiffTree"]["num_added"], 2);
    let unknown = query(&main, "{ DiffTree(branch: \"none\") { num_added } }");
    assert_eq!(unknown["errors"][0]["extensions"]["code"], "BRANCH_NOT_FOUND", "{unknown}");
}

#[test]
fn a_conflict_of_the_diff_tree_is_decided_by_its_id() {
    let (main, _) = changed();
    set(&main, "a", "color", json!("black"));
    let tree = "{ DiffTree(branch: \"b\") { num_conflicts nodes { label attributes { conflict { uuid \
                selected_branch } } } } }";
    let told = query(&main, tree);
    let conflict =
        |told: &Json| told["data"]["DiffTree"]["nodes"][0]["attributes"][0]["conflict"].clone();
    let id = conflict(&told)["uuid"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
    let resolve = format!(
        "mutation {{ ResolveDiffConflict(data: {{conflict_id: \"{id}\", selected_branch: DIFF_BRANCH}}) \
         {{ ok }} }}"
    );
    assert_eq!(query(&main, &resolve)["data"]["ResolveDiffConflict"]["ok"], true);
    assert_eq!(conflict(&query(&main, tree))["selected_branch"], "DIFF_BRANCH");
}
