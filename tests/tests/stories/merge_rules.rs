//! Merges of schemas, of places and rules, of prefixes, of what pools gave, beside writers.

use serde_json::{Value as Json, json};
use service::{Service, SourceFile};

use crate::merge::{branch, code, decide, merge, rebase, set, told, values};
use crate::support::{changes, dump, labels, load, query, rows, run, sound};
use crate::tracking::{create, ready, tell, value};

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

#[test]
fn a_public_client_finds_the_conflicts_in_the_tree_and_decides_them() {
    let main = with_sites();
    load(&main, "TestThing", &json!([{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c"}]));
    let b = branch(&main, "b");
    set(&b, "a", "color", json!("blue"));
    b.object_delete("TestThing", "b").unwrap();
    load(&main, "TestSite", &json!([{"name": "s3"}]));
    load(&b, "TestRack", &json!([{"name": "r1", "site": "s2"}]));
    set(&main, "a", "color", json!("black"));
    set(&main, "b", "color", json!("white"));
    load(&main, "TestRack", &json!([{"name": "r1", "site": "s3"}]));
    let ask = "{ DiffTree(branch: \"b\") { num_conflicts nodes { label contains_conflict conflict { uuid \
               selected_branch resolvable } attributes { name contains_conflict properties { conflict { uuid \
               base_branch_value diff_branch_value selected_branch } } } relationships { name \
               contains_conflict elements { conflict { uuid base_branch_value } } } } } }";
    let tree = || query(&main, ask)["data"]["DiffTree"].clone();
    let of = |tree: &Json, label: &str| {
        let nodes = tree["nodes"].as_array().unwrap();
        nodes.iter().find(|one| one["label"] == label).unwrap_or_else(|| panic!("{tree}")).clone()
    };
    let told = tree();
    assert_eq!(told["num_conflicts"], 3, "{told}");
    let color = of(&told, "a")["attributes"][0]["properties"][0]["conflict"].clone();
    assert_eq!(
        (&color["base_branch_value"], &color["diff_branch_value"]),
        (&json!("black"), &json!("blue"))
    );
    let gone = of(&told, "b")["conflict"].clone();
    assert_eq!((&gone["resolvable"], &gone["selected_branch"]), (&json!(true), &Json::Null));
    let rack = of(&told, "r1");
    let site = rack["relationships"][0]["elements"][0]["conflict"].clone();
    assert!(site["uuid"].is_string(), "{rack}");
    for conflict in [&color, &gone, &site] {
        let told = query(
            &main,
            &format!(
                "mutation {{ ResolveDiffConflict(data: {{conflict_id: {}, selected_branch: BASE_BRANCH}}) \
                 {{ ok }} }}",
                conflict["uuid"]
            ),
        );
        assert_eq!(told["data"]["ResolveDiffConflict"]["ok"], true, "{told}");
    }
    assert_eq!(of(&tree(), "b")["conflict"]["selected_branch"], "BASE_BRANCH");
    merge(&main, "b");
    assert_eq!(value(&main, "a", "color"), "black");
    assert_eq!(peer(&main, "TestRack", "r1", "site"), json!(["s3"]));
    assert_eq!(query(&main, ask)["errors"], Json::Null);
    sound(&main);
}

#[test]
fn a_conflict_that_is_decided_by_itself_is_the_one_that_was_listed() {
    let folder = tempfile::tempdir().unwrap();
    let place = || service::Place::Folder(folder.path().to_owned());
    let main = crate::tracking::ready_in(crate::support::service_in(place()));
    let names = ["a", "b", "c", "d", "e", "f"].map(|name| json!({"name": name, "color": "red"}));
    load(&main, "TestThing", &json!(names));
    let x = branch(&main, "x");
    let set = |service: &Service, name: &str, values: Json| {
        service.object_update("TestThing", name, values.as_object().unwrap()).unwrap();
    };
    // A value, a deletion on either side, and a link to what is lost.
    set(&x, "a", json!({"color": "blue"}));
    set(&main, "a", json!({"color": "black"}));
    set(&x, "b", json!({"color": "blue"}));
    main.object_delete("TestThing", "b").unwrap();
    x.object_delete("TestThing", "c").unwrap();
    set(&main, "c", json!({"color": "black"}));
    load(&x, "TestThing", &json!([{"name": "d", "friends": ["e"]}]));
    main.object_delete("TestThing", "e").unwrap();
    let listed = |main: &Service| main.branch_conflicts("x").unwrap()["conflicts"].clone();
    let all = listed(&main);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 4, "{all:#?}");
    let decide = |main: &Service, keep: Option<&str>| {
        for one in all {
            let mut decided = main.branch_resolve(one["id"].as_str().unwrap(), keep).unwrap();
            assert_eq!(decided["keep"], json!(keep));
            decided["keep"] = Json::Null;
            assert_eq!(decided, *one);
        }
    };
    for keep in ["main", "branch"] {
        decide(&main, Some(keep));
        assert!(listed(&main).as_array().unwrap().iter().all(|one| one["keep"] == json!(keep)));
    }
    decide(&main, None);
    assert_eq!(listed(&main), json!(all));
    drop((x, main));
    // After a start nobody knows where they are, and the answers are the same.
    let main = crate::support::service_in(place());
    decide(&main, Some("branch"));
    main.branch_merge("x").unwrap();
    assert_eq!(labels(&main, "TestThing"), ["a", "b", "d", "e", "f"]);
    sound(&main);
}
