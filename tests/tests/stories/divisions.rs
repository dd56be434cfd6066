//! Number spaces for each value of something (`allocation_scope`), and what guests ask of pools beyond
//! the next value.

use serde_json::{Value as Json, json};
use service::{Service, SourceFile};

use crate::support::{dump, failure, load, rows, run, service, sound};
use crate::tracking::tell;

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - {name: Site, namespace: Test, human_friendly_id: [name__value], display_label: name__value, attributes: [{name: name, kind: Text, unique: true}]}
  - name: Vlan
    namespace: Test
    human_friendly_id: [name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: role, kind: Text, default_value: access}
      - {name: note, kind: Text, optional: true}
      - {name: number, kind: Number, optional: true}
    relationships:
      - {name: site, peer: TestSite, cardinality: one, optional: false, kind: Attribute}
"#;

fn schema(service: &Service) {
    let file = SourceFile { name: "schema".to_owned(), text: SCHEMA.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{bad} {:?}", bad.details()));
    load(service, "TestSite", &json!([{"name": "A"}, {"name": "B"}]));
}

fn ready(scope: &Json) -> Service {
    let service = service();
    schema(&service);
    pool(&service, scope, 10).unwrap();
    service
}

fn pool(service: &Service, scope: &Json, last: i64) -> Result<(), String> {
    let row = json!([{
        "name": "vlans", "node": "TestVlan", "node_attribute": "number", "start_range": 1,
        "end_range": last, "allocation_scope": scope,
    }]);
    let done = service.object_load(&[rows("CoreNumberPool", &row)]);
    done.map(|_| ()).map_err(|bad| bad.to_string())
}

fn vlan(service: &Service, name: &str, site: &str, more: &Json) -> Result<Json, String> {
    let mut row = json!({"name": name, "site": site, "number": {"from_pool": {"id": "vlans"}}});
    for (field, value) in more.as_object().into_iter().flatten() {
        row[field] = value.clone();
    }
    let done = service.object_load(&[rows("TestVlan", &json!([row]))]);
    done.map_err(|bad| bad.to_string())?;
    Ok(number(service, name))
}

fn number(service: &Service, name: &str) -> Json {
    service.object("TestVlan", name).unwrap().attributes["number"].clone()
}

#[test]
fn scenario_70_each_site_counts_for_itself() {
    let service = ready(&json!(["site"]));
    let draw = |name: &str, site: &str| vlan(&service, name, site, &json!({}));
    assert_eq!(draw("a", "A"), Ok(json!(1)));
    assert_eq!(draw("b", "A"), Ok(json!(2)));
    assert_eq!(draw("c", "B"), Ok(json!(1)));
    // Saved again, nothing is renumbered; what goes comes again where it was.
    assert_eq!(draw("b", "A"), Ok(json!(2)));
    service.object_delete("TestVlan", "a").unwrap();
    assert_eq!(draw("d", "B"), Ok(json!(2)));
    assert_eq!(draw("e", "A"), Ok(json!(1)));
    // A number provided conflicts within its division only.
    let given = json!({"number": {"value": 2, "from_pool": {"id": "vlans"}}});
    let told = vlan(&service, "x", "A", &given).unwrap_err();
    assert!(told.contains("2 is taken: `TestVlan b` has it"), "{told}");
    let given = json!({"number": {"value": 3, "from_pool": {"id": "vlans"}}});
    assert_eq!(vlan(&service, "x", "B", &given), Ok(json!(3)));
    sound(&service);
}

#[test]
fn scenario_70_a_scope_of_several_elements_and_an_exhausted_division_by_name() {
    let service = service();
    schema(&service);
    pool(&service, &json!(["role", "site"]), 2).unwrap();
    let draw =
        |name: &str, role: &str, site: &str| vlan(&service, name, site, &json!({"role": role}));
    assert_eq!(draw("a", "leaf", "A"), Ok(json!(1)));
    assert_eq!(draw("b", "spine", "A"), Ok(json!(1)));
    assert_eq!(draw("c", "leaf", "A"), Ok(json!(2)));
    let before = dump(&service);
    let told = draw("d", "leaf", "A").unwrap_err();
    assert!(told.contains("`vlans` for role `leaf`, site `A` has no free number left"), "{told}");
    assert_eq!(dump(&service), before);
    assert_eq!(draw("d", "leaf", "B"), Ok(json!(1)));
}

#[test]
fn each_division_is_told_of_when_it_is_nearly_full() {
    let service = service();
    schema(&service);
    pool(&service, &json!(["site"]), 4).unwrap();
    for name in ["a1", "a2", "a3", "a4"] {
        vlan(&service, name, "A", &json!({})).unwrap();
    }
    vlan(&service, "b1", "B", &json!({})).unwrap();
    let alerts = service.pool_alerts().unwrap()["alerts"].clone();
    let told: Vec<&Json> = alerts.as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 1, "{alerts:#}");
    let site = service.object("TestSite", "A").unwrap().id.to_string();
    assert_eq!(told[0]["scope"], json!({"site": site}));
    assert_eq!((&told[0]["used"], &told[0]["total"]), (&json!("4"), &json!("4")));
    service.object_delete("TestVlan", "a1").unwrap();
    let alerts = service.pool_alerts().unwrap()["alerts"].clone();
    assert_eq!(alerts[1]["event"], "pool-has-room", "{alerts:#}");
    sound(&service);
}

#[test]
fn an_object_that_moves_takes_its_number_along_or_is_told_who_has_it() {
    let service = ready(&json!(["site"]));
    for (name, site) in [("a", "A"), ("b", "A"), ("c", "B")] {
        vlan(&service, name, site, &json!({})).unwrap();
    }
    let move_to = |name: &str, site: &str| {
        let row = json!([{"name": name, "site": site}]);
        let done = service.object_load(&[rows("TestVlan", &row)]);
        done.map(|_| ()).map_err(|bad| bad.to_string())
    };
    let before = dump(&service);
    let told = move_to("a", "B").unwrap_err();
    assert!(told.contains("1 is taken for site `B`: `TestVlan c` has it"), "{told}");
    assert_eq!(dump(&service), before);
    move_to("b", "B").unwrap();
    assert_eq!(number(&service, "b"), json!(2));
    assert_eq!(vlan(&service, "d", "B", &json!({})), Ok(json!(3)));
    assert_eq!(vlan(&service, "e", "A", &json!({})), Ok(json!(2)), "free where it was");
    sound(&service);
}

#[test]
fn a_scope_takes_what_every_object_has_and_stays_while_it_is_in_use() {
    let service = service();
    schema(&service);
    for (scope, wanted) in [
        (json!(["note"]), "`note` of `TestVlan` cannot divide the pool"),
        (json!(["name"]), "`name` of `TestVlan` cannot divide the pool"),
        (json!(["nothing"]), "`nothing` of `TestVlan` cannot divide the pool"),
        (json!(["role", "site", "role", "site", "role"]), "at most 4 elements, not 5"),
    ] {
        let before = dump(&service);
        let told = pool(&service, &scope, 10).unwrap_err();
        assert!(told.contains(wanted), "{told}");
        assert_eq!(dump(&service), before);
    }
    pool(&service, &json!(["site"]), 10).unwrap();
    vlan(&service, "a", "A", &json!({})).unwrap();
    let told = pool(&service, &json!(["role"]), 10).unwrap_err();
    assert!(told.contains("the scope cannot change while the pool is in use"), "{told}");
}

fn log(result: &engine::RunResult) -> Vec<String> {
    result.record.log.iter().map(|line| line.message.clone()).collect()
}

#[test]
fn a_generator_makes_a_pool_draws_from_it_and_takes_it_away_again() {
    let service = crate::tracking::ready();
    let steps = json!([
        {"do": "create", "kind": "CoreNumberPool", "key": "pool", "set": {
            "name": "made", "node": "TestThing", "node_attribute": "vlan", "start_range": 5,
            "end_range": 9,
        }},
        {"do": "number", "pool": "made", "identifier": "one"},
        {"do": "draw", "kind": "TestThing", "name": "a", "field": "vlan", "pool": "made"},
    ]);
    tell(&service, "one", &steps);
    let before = dump(&service);
    service.run("probe", "one", engine::Mode::Plan, "test").unwrap();
    assert_eq!(dump(&service), before, "a plan leaves no trace");
    assert_eq!(log(&run(&service, "probe", "one")), ["number 5"]);
    assert_eq!(crate::tracking::value(&service, "a", "vlan"), 6);
    assert_eq!(service.pool("made").unwrap()["used"], "2");
    assert_eq!(log(&run(&service, "probe", "one")), ["number 5"], "the same again");
    tell(&service, "one", &json!([]));
    run(&service, "probe", "one");
    assert_eq!(service.pool("made").unwrap_err().code(), "unknown-pool");
    sound(&service);
}

#[test]
fn a_guest_draws_rows_values_and_divisions_and_looks_ahead() {
    let service = crate::tracking::ready();
    schema(&service);
    let sites = json!([{
        "name": "sites", "node": "TestVlan", "node_attribute": "number", "start_range": 1,
        "end_range": 10, "allocation_scope": ["site"],
    }]);
    load(&service, "CoreNumberPool", &sites);
    let all = json!([{
        "name": "all", "node": "TestVlan", "node_attribute": "number", "start_range": 1,
        "end_range": 100,
    }]);
    load(&service, "CoreNumberPool", &all);
    let steps = json!([
        {"do": "peek", "pool": "all"},
        {"do": "row", "pool": "all", "identifier": "row", "count": 4, "align": 10},
        {"do": "number", "pool": "all", "identifier": "one"},
        {"do": "exactly", "pool": "all", "identifier": "seven", "value": 7},
        {"do": "within", "pool": "sites", "identifier": "a", "element": "site", "value": "A"},
        {"do": "within", "pool": "sites", "identifier": "b", "element": "site", "value": "B"},
        {"do": "peek", "pool": "all"},
        {"do": "try", "steps": [
            {"do": "exactly", "pool": "all", "identifier": "eight", "value": 7},
            {"do": "number", "pool": "sites", "identifier": "c"},
            {"do": "row", "pool": "all", "identifier": "r", "count": 0, "align": 1},
        ]},
    ]);
    tell(&service, "one", &steps);
    let empty = dump(&service);
    let plan = service.run("probe", "one", engine::Mode::Plan, "test").unwrap();
    assert_eq!(log(&plan).first().map(String::as_str), Some("number 1"));
    assert_eq!(dump(&service), empty, "a plan leaves no trace");
    let first = run(&service, "probe", "one");
    let wanted =
        ["number 1", "number 10", "number 1", "number 7", "number 1", "number 1", "number 2"];
    assert_eq!(log(&first)[..7], wanted);
    let told = log(&first)[7..].join("\n");
    assert!(told.contains("7 is taken"), "{told}");
    assert!(told.contains("the pool counts by site: give a value of `site`"), "{told}");
    assert!(told.contains("a block has 1 to 1024 numbers"), "{told}");
    // The same again; and what it no longer asks for is free.
    assert_eq!(log(&run(&service, "probe", "one"))[1..6], wanted[1..6]);
    tell(
        &service,
        "one",
        &json!([{"do": "row", "pool": "all", "identifier": "other", "count": 13, "align": 1}]),
    );
    assert_eq!(log(&run(&service, "probe", "one")), ["number 14"]);
    tell(
        &service,
        "one",
        &json!([{"do": "row", "pool": "all", "identifier": "third", "count": 13, "align": 1}]),
    );
    assert_eq!(log(&run(&service, "probe", "one")), ["number 1"]);
    // A run that fails leaves nothing.
    let before = service.pool("all").unwrap();
    tell(
        &service,
        "one",
        &json!([
            {"do": "row", "pool": "all", "identifier": "fourth", "count": 3, "align": 1},
            {"do": "fail", "message": "enough"},
        ]),
    );
    failure(&run(&service, "probe", "one"));
    assert_eq!(service.pool("all").unwrap(), before);
    sound(&service);
}
