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
    assert!(refused.contains("2 objects do not fit") && refused.contains("r1"), "{refused}");
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
