//! Schemas that change under stored objects: renamed, removed, made stricter, with indexes that come
//! and go.

use serde_json::{Value as Json, json};
use service::{Service, SourceFile};

use crate::support::{changes, dump, labels, load, query, run, service, sound};
use crate::tracking::{create, ready, tell};

const SCHEMA: &str = r#"
version: "1.0"
generics:
  - name: Device
    namespace: Test
    attributes:
      - {name: serial, kind: Text, optional: true}
nodes:
  - name: Router
    namespace: Test
    inherit_from: [TestDevice]
    human_friendly_id: [name__value]
    display_label: name__value
    order_by: [name__value]
    uniqueness_constraints: [[name__value, slot__value]]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: slot, kind: Number, default_value: 1}
      - {name: color, kind: Text, optional: true}
    relationships:
      - {name: ports, peer: TestPort, kind: Component, cardinality: many}
  - name: Port
    namespace: Test
    human_friendly_id: [name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text, unique: true}
    relationships:
      - {name: router, peer: TestRouter, kind: Parent, cardinality: one, optional: false}
      - {name: cables, peer: TestPort, cardinality: many, optional: true, identifier: port__cable, common_relatives: [router], direction: outbound}
"#;

fn stocked() -> Service {
    let service = service();
    schema(&service, SCHEMA).unwrap();
    load(
        &service,
        "TestRouter",
        &json!([
            {"name": "r1", "color": "red", "serial": "s1", "slot": 4},
            {"name": "r2", "serial": "s2"},
        ]),
    );
    load(
        &service,
        "TestPort",
        &json!([
            {"name": "p1", "router": "r1"}, {"name": "p2", "router": "r1"}, {"name": "p3", "router": "r2"},
        ]),
    );
    service
}

fn schema(service: &Service, text: &str) -> Result<Vec<String>, String> {
    let file = SourceFile { name: "schema".to_owned(), text: text.to_owned() };
    let report = service.schema_load(&[file]);
    report.map(|report| report.changes).map_err(|bad| format!("{bad} {:?}", bad.details()))
}

/// The id of a kind, or of one of its attributes.
/// The id that a kind, or an attribute of it, was declared with.
pub(crate) fn id_of(service: &Service, name: &str, attribute: Option<&str>) -> String {
    let declared = service.schema_declared().unwrap();
    let kinds =
        ["generics", "nodes"].into_iter().flat_map(|list| declared[list].as_array().unwrap());
    let kind = kinds.into_iter().find(|kind| kind["name"] == name).unwrap();
    let found = match attribute {
        None => kind,
        Some(attribute) => {
            let mut attributes = kind["attributes"].as_array().unwrap().iter();
            attributes.find(|known| known["name"] == attribute).unwrap()
        }
    };
    found["id"].as_str().unwrap().to_owned()
}

fn ask(service: &Service, text: &str) -> Json {
    let answer = query(service, text);
    assert!(answer["errors"].is_null(), "{answer}");
    answer["data"].clone()
}

#[test]
fn an_attribute_is_renamed_by_its_id_and_everything_follows() {
    let service = stocked();
    let id = id_of(&service, "Router", Some("name"));
    let text = format!(
        "nodes: [{{name: Router, namespace: Test, attributes: [{{id: {id}, name: hostname, kind: Text, \
         unique: true}}]}}]"
    );
    let told = schema(&service, &text).unwrap();
    assert!(told.contains(&"> TestRouter.name is now hostname".to_owned()), "{told:?}");
    let answer = ask(
        &service,
        "{ TestRouter(hostname__value: \"r1\") { edges { node { hfid display_label hostname { value } \
           slot { value } ports { count } } } } }",
    );
    let node = &answer["TestRouter"]["edges"][0]["node"];
    assert_eq!(node["hostname"]["value"], "r1");
    assert_eq!((&node["hfid"][0], &node["display_label"]), (&json!("r1"), &json!("r1")));
    assert_eq!((&node["slot"]["value"], &node["ports"]["count"]), (&json!(4), &json!(2)));
    assert_eq!(id_of(&service, "Router", Some("hostname")), id);
    sound(&service);
    // Unique as before.
    let row = json!([{"hostname": "r1"}]);
    load(&service, "TestRouter", &row);
    assert_eq!(labels(&service, "TestRouter"), ["r1", "r2"]);
}

#[test]
fn an_attribute_of_a_generic_is_renamed_in_every_kind() {
    let service = stocked();
    let id = id_of(&service, "Device", Some("serial"));
    let text = format!(
        "generics: [{{name: Device, namespace: Test, attributes: [{{id: {id}, name: serial_number, \
         kind: Text, optional: true}}]}}]"
    );
    schema(&service, &text).unwrap();
    let answer = ask(&service, "{ TestDevice { edges { node { serial_number { value } } } } }");
    let edges = answer["TestDevice"]["edges"].as_array().unwrap();
    let serials: Vec<&Json> =
        edges.iter().map(|edge| &edge["node"]["serial_number"]["value"]).collect();
    assert_eq!(serials, [&json!("s1"), &json!("s2")]);
    sound(&service);
}

#[test]
fn a_kind_is_renamed_by_its_id_and_keeps_objects_links_and_ids() {
    let service = stocked();
    let before = service.object("TestRouter", "r1").unwrap().id;
    let id = id_of(&service, "Router", None);
    let told = schema(&service, &format!("nodes: [{{id: {id}, name: Gateway, namespace: Test}}]"))
        .unwrap();
    assert!(told.contains(&"> TestRouter is now TestGateway".to_owned()), "{told:?}");
    assert_eq!(service.object("TestGateway", "r1").unwrap().id, before);
    let answer = ask(
        &service,
        "{ TestPort(name__value: \"p1\") { edges { node { router { node { __typename color { value } \
           ports { count } } } } } } }",
    );
    let router = &answer["TestPort"]["edges"][0]["node"]["router"]["node"];
    assert_eq!(router["__typename"], "TestGateway");
    assert_eq!((&router["color"]["value"], &router["ports"]["count"]), (&json!("red"), &json!(2)));
    assert!(service.object("TestRouter", "r1").is_err());
    sound(&service);
}

#[test]
fn a_generator_goes_on_over_a_renamed_kind() {
    let service = ready();
    tell(&service, "one", &json!([create("a", &json!({"color": "red"}))]));
    run(&service, "probe", "one");
    let id = service.object("TestThing", "a").unwrap().id;
    let kind = id_of(&service, "Thing", None);
    schema(&service, &format!("nodes: [{{id: {kind}, name: Item, namespace: Test}}]")).unwrap();
    let step = json!([{"do": "create", "kind": "TestItem", "set": {"name": "a", "color": "red"}}]);
    tell(&service, "one", &step);
    assert_eq!(changes(&run(&service, "probe", "one")), Vec::<String>::new());
    assert_eq!(service.object("TestItem", "a").unwrap().id, id);
    sound(&service);
}

#[test]
fn an_attribute_that_was_removed_comes_back_empty() {
    let service = stocked();
    schema(
        &service,
        "nodes: [{name: Router, namespace: Test, attributes: [{name: color, kind: Text, state: absent}]}]",
    )
    .unwrap();
    sound(&service);
    schema(
        &service,
        "nodes: [{name: Router, namespace: Test, attributes: [{name: color, kind: Number, optional: true}]}]",
    )
    .unwrap();
    let color = service.object("TestRouter", "r1").unwrap().attributes.get("color").cloned();
    assert!(color.is_none_or(|color| color.is_null()));
    sound(&service);
}

#[test]
fn a_relationship_that_was_removed_comes_back_empty() {
    let service = stocked();
    load(&service, "TestPort", &json!([{"name": "p1", "router": "r1", "cables": ["p1", "p2"]}]));
    let cables = |how: &str| {
        format!(
            "nodes: [{{name: Port, namespace: Test, relationships: [{{name: cables, peer: TestPort, {how}}}]}}]"
        )
    };
    let peers = || service.object("TestPort", "p1").unwrap().relationships.get("cables").cloned();
    assert_eq!(peers().unwrap().as_array().unwrap().len(), 2);
    schema(&service, &cables("state: absent")).unwrap();
    assert!(peers().is_none());
    sound(&service);
    let again = "cardinality: many, identifier: port__cable, direction: outbound";
    schema(&service, &cables(again)).unwrap();
    assert!(
        peers().is_none_or(|peers| peers.as_array().is_none_or(Vec::is_empty)),
        "{:?}",
        peers()
    );
    // One end that goes leaves the links to the other.
    let ports = "nodes: [{name: Router, namespace: Test, relationships: [{name: ports, peer: TestPort, state: \
                 absent}]}]";
    schema(&service, ports).unwrap();
    assert_eq!(service.object("TestPort", "p1").unwrap().relationships["router"], json!(["r1"]));
    sound(&service);
}

#[test]
fn constraints_and_indexes_come_and_go_with_the_schema() {
    let service = stocked();
    for text in [
        "nodes: [{name: Router, namespace: Test, uniqueness_constraints: [[name__value, color__value]]}]",
        "nodes: [{name: Router, namespace: Test, uniqueness_constraints: [], order_by: [slot__value]}]",
        "nodes: [{name: Port, namespace: Test, uniqueness_constraints: [[router, name__value]]}]",
        SCHEMA,
    ] {
        schema(&service, text).unwrap();
        sound(&service);
    }
}

#[test]
fn a_mandatory_attribute_needs_a_default_where_objects_are_stored() {
    let service = stocked();
    let before = dump(&service);
    let refused = schema(
        &service,
        "nodes: [{name: Router, namespace: Test, attributes: [{name: vendor, kind: Text}]}]",
    )
    .unwrap_err();
    assert!(
        refused.contains("2 objects with a value that does not fit") && refused.contains("r1"),
        "{refused}"
    );
    assert_eq!(dump(&service), before);
    schema(
        &service,
        "nodes: [{name: Router, namespace: Test, attributes: [{name: vendor, kind: Text, default_value: acme}]}]",
    )
    .unwrap();
    assert_eq!(service.object("TestRouter", "r1").unwrap().attributes["vendor"], "acme");
}

#[test]
fn peers_must_have_in_common_what_the_schema_asks_for() {
    let service = stocked();
    load(&service, "TestPort", &json!([{"name": "p1", "router": "r1", "cables": ["p1", "p2"]}]));
    let before = dump(&service);
    let rows = json!([{"name": "p1", "router": "r1", "cables": ["p2", "p3"]}]);
    let refused = service.object_load(&[crate::support::rows("TestPort", &rows)]).unwrap_err();
    assert_eq!(refused.code(), "not-common");
    let told = refused.to_string();
    assert!(told.contains("`p3` must have the same `router` as the other peers"), "{told}");
    assert!(told.contains("it has r2, not r1"), "{told}");
    assert_eq!(dump(&service), before);
}

/// A change that stored objects stand in the way of: it is refused with these words, and nothing is
/// changed.
fn refused(service: &Service, text: &str, words: &[&str]) {
    let before = dump(service);
    let told = schema(service, text).unwrap_err();
    assert!(told.contains("stored objects do not fit the new schema"), "{told}");
    for word in words {
        assert!(told.contains(word), "`{word}` is not in {told}");
    }
    assert_eq!(dump(service), before);
}

fn router(change: &str) -> String {
    format!("nodes: [{{name: Router, namespace: Test, {change}}}]")
}

#[test]
fn what_stored_values_do_not_fit_is_refused_with_the_offenders() {
    let service = stocked();
    load(&service, "TestRouter", &json!([{"name": "r2", "color": "blue"}]));
    let attribute = |how: &str| router(&format!("attributes: [{{name: color, {how}}}]"));
    for (change, words) in [
        (
            "kind: Text, optional: true, enum: [red, green]",
            ["1 object with a value that does not fit", "r2 (blue)"],
        ),
        ("kind: Text, optional: true, regex: '^[a-r]+$'", ["TestRouter.color", "r2 (blue)"]),
        (
            "kind: Text, optional: true, parameters: {max_length: 3}",
            ["TestRouter.color", "r2 (blue)"],
        ),
        (
            "kind: Text, optional: true, parameters: {min_length: 4}",
            ["TestRouter.color", "r1 (red)"],
        ),
        (
            "kind: Number, optional: true",
            ["2 objects with a value that does not fit", "r1 (red), r2 (blue)"],
        ),
        (
            "kind: Boolean, optional: true",
            ["2 objects with a value that does not fit", "r1 (red), r2 (blue)"],
        ),
        ("kind: Dropdown, optional: true, choices: [{name: red}]", ["1 object", "r2 (blue)"]),
    ] {
        refused(&service, &attribute(change), &words);
    }
    let slot = "attributes: [{name: slot, kind: Number, parameters: {max_value: 3}}]";
    refused(
        &service,
        &router(slot),
        &["TestRouter.slot", "1 object with a value that does not fit", "r1 (4)"],
    );
    let slot = "attributes: [{name: slot, kind: Number, parameters: {excluded_values: '1,4-5'}}]";
    refused(
        &service,
        &router(slot),
        &["2 objects with a value that does not fit", "r1 (4), r2 (1)"],
    );
    let serial = "generics: [{name: Device, namespace: Test, attributes: [{name: serial, kind: Text, \
                  optional: false}]}]";
    load(&service, "TestRouter", &json!([{"name": "r3"}]));
    refused(&service, serial, &["TestRouter.serial", "r3"]);
    // What fits is taken.
    schema(&service, &attribute("kind: Text, optional: true, enum: [red, blue]")).unwrap();
    sound(&service);
}

#[test]
fn values_that_are_not_unique_refuse_a_constraint() {
    let service = stocked();
    load(
        &service,
        "TestRouter",
        &json!([{"name": "r2", "color": "red"}, {"name": "r3", "color": "blue"}]),
    );
    let unique = router("attributes: [{name: color, kind: Text, optional: true, unique: true}]");
    refused(&service, &unique, &["2 objects with the same values", "'color'", "r1, r2"]);
    let constraint =
        router("uniqueness_constraints: [[color__value, serial__value], [color__value]]");
    refused(&service, &constraint, &["TestRouter", "'color'", "r1, r2"]);
    // Over all kinds of a generic.
    let switch = "nodes: [{name: Switch, namespace: Test, inherit_from: [TestDevice], human_friendly_id: \
                  [name__value], attributes: [{name: name, kind: Text, unique: true}]}]";
    schema(&service, switch).unwrap();
    load(&service, "TestSwitch", &json!([{"name": "s1", "serial": "s1"}]));
    let generic = "generics: [{name: Device, namespace: Test, attributes: [{name: serial, kind: Text, \
                   optional: true, unique: true}]}]";
    refused(&service, generic, &["`TestRouter`", "`TestSwitch`", "'serial'", "r1", "s1"]);
    service.object_delete("TestSwitch", "s1").unwrap();
    schema(&service, generic).unwrap();
    service.object_delete("TestRouter", "r2").unwrap();
    schema(&service, &unique).unwrap();
    sound(&service);
    let same = json!({"color": "blue"}).as_object().cloned().unwrap();
    let told = service.object_update("TestRouter", "r1", &same).unwrap_err();
    assert!(told.to_string().contains("Violates uniqueness constraint 'color'"), "{told}");
}

#[test]
fn links_that_are_too_many_too_few_or_of_another_kind_refuse_a_relationship() {
    let service = stocked();
    let ports = |how: &str| {
        router(&format!("relationships: [{{name: ports, peer: TestPort, kind: Component, {how}}}]"))
    };
    for (change, words) in [
        ("cardinality: one", ["TestRouter.ports` takes one peer at most", "r1 (2)"]),
        ("cardinality: many, min_count: 2", ["takes 2 to any number peers", "r2 (1)"]),
        ("cardinality: many, max_count: 2, min_count: 2", ["takes 2 to 2 peers", "r2 (1)"]),
    ] {
        refused(&service, &ports(change), &words);
    }
    // A peer of another kind, and a kind that is no peer any more.
    let slots = "nodes: [{name: Slot, namespace: Test, attributes: [{name: name, kind: Text, unique: true}]}, \
                 {name: Router, namespace: Test, relationships: [{name: held, peer: TestDevice, \
                 identifier: held, direction: outbound, cardinality: one}]}]";
    schema(&service, slots).unwrap();
    load(
        &service,
        "TestRouter",
        &json!([{"name": "r1", "held": {"kind": "TestRouter", "data": {"name": "r2"}}}]),
    );
    let needed = router(
        "relationships: [{name: held, peer: TestDevice, identifier: held, direction: outbound, cardinality: \
         one, optional: false}]",
    );
    refused(
        &service,
        &needed,
        &["TestRouter.held` becomes mandatory", "1 object without a peer", "r2"],
    );
    let narrower = router(
        "relationships: [{name: held, peer: TestSlot, identifier: held, direction: outbound, cardinality: one}]",
    );
    refused(&service, &narrower, &["takes `TestSlot`", "peer of another kind", "r1 (r2)"]);
    let orphan = router("inherit_from: []");
    refused(&service, &orphan, &["TestRouter.held` takes `TestDevice`", "r1 (r2)"]);
    sound(&service);
}

#[test]
fn peers_that_have_nothing_in_common_refuse_the_rule() {
    let service = stocked();
    let cables = |more: &str| {
        format!(
            "nodes: [{{name: Port, namespace: Test, relationships: [{{name: cables, peer: TestPort, \
             cardinality: many, identifier: port__cable, direction: outbound, common_relatives: [{more}]}}]}}]"
        )
    };
    schema(&service, &cables("")).unwrap();
    load(&service, "TestPort", &json!([{"name": "p1", "router": "r1", "cables": ["p2", "p3"]}]));
    refused(
        &service,
        &cables("router"),
        &["`TestPort`: 1 object against a rule", "p1", "same `router`"],
    );
}

#[test]
fn what_is_removed_or_can_never_change_is_refused() {
    let service = stocked();
    let gone = "nodes: [{name: Router, namespace: Test, state: absent}, {name: Port, namespace: Test, state: \
                absent}]";
    refused(
        &service,
        gone,
        &["`TestRouter` is removed, but 2 objects of it are stored", "`TestPort` is"],
    );
    refused(&service, &router("branch: agnostic"), &["TestRouter", "`branch` cannot be changed"]);
    let direction = "nodes: [{name: Port, namespace: Test, relationships: [{name: cables, peer: TestPort, \
                     identifier: port__cable, direction: inbound}]}]";
    refused(&service, direction, &["TestPort.cables", "`direction` cannot be changed"]);
    let identifier = "nodes: [{name: Port, namespace: Test, relationships: [{name: cables, peer: TestPort, \
                      identifier: wires, direction: outbound}]}]";
    refused(&service, identifier, &["TestPort.cables", "`identifier` cannot be changed"]);
}
