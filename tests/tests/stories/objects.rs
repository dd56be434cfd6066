//! Objects as people write them: files in the public format, profiles, what goes with what, hierarchies.

use serde_json::{Value as Json, json};
use service::{Service, SourceFile};

use crate::support::{dump, labels, load, query, rows, service, sound};

const SCHEMA: &str = r#"
generics:
  - name: Place
    namespace: Demo
    hierarchical: true
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
nodes:
  - name: Region
    namespace: Demo
    inherit_from: [DemoPlace]
    parent: ""
    children: DemoSite
  - name: Site
    namespace: Demo
    inherit_from: [DemoPlace]
    parent: DemoRegion
    children: ""
  - name: Device
    namespace: Demo
    human_friendly_id: [site__name__value, name__value]
    display_label: name__value
    order_by: [name__value]
    uniqueness_constraints: [[site, name__value]]
    attributes:
      - {name: name, kind: Text}
      - {name: mtu, kind: Number, default_value: 1500}
      - {name: role, kind: Text, optional: true}
    relationships:
      - {name: site, peer: DemoSite, cardinality: one, optional: false, identifier: site__device}
      - {name: ports, peer: DemoPort, kind: Component, cardinality: many, identifier: device__port}
      - {name: notes, peer: DemoNote, cardinality: many, identifier: device__note, on_delete: cascade}
      - {name: labels, peer: BuiltinTag, cardinality: many, identifier: device__tag}
      - {name: spares, peer: DemoPort, kind: Component, cardinality: many, identifier: device__spare, on_delete: no-action}
  - name: Port
    namespace: Demo
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
    relationships:
      - {name: device, peer: DemoDevice, kind: Parent, cardinality: one, optional: false, identifier: device__port}
      - {name: spare_of, peer: DemoDevice, cardinality: one, identifier: device__spare}
  - name: Note
    namespace: Demo
    human_friendly_id: [text__value]
    attributes:
      - {name: text, kind: Text, unique: true}
    relationships:
      - {name: device, peer: DemoDevice, cardinality: one, optional: false, identifier: device__note}
"#;

/// Two regions with sites, a device with ports.
const DATA: &str = r#"---
apiVersion: infrahub.app/v1
kind: Object
spec:
  kind: DemoRegion
  data:
    - name: europe
      children:
        kind: DemoSite
        data:
          - name: paris
          - name: lyon
---
apiVersion: infrahub.app/v1
kind: Object
spec:
  kind: BuiltinTag
  parameters: {expand_range: true}
  data:
    - {name: "tag[1-3]", description: "number [1-3]"}
---
apiVersion: infrahub.app/v1
kind: Object
spec:
  kind: DemoDevice
  data:
    - name: sw1
      site: paris
      labels: [tag1, tag3]
      ports:
        parameters: {expand_range: true}
        data:
          - name: "sw1-eth[0-2]"
      notes:
        data:
          - {text: "first"}
"#;

fn file(text: &str) -> Vec<SourceFile> {
    vec![SourceFile { name: "file".to_owned(), text: text.to_owned() }]
}

fn stocked() -> Service {
    let service = service();
    service.schema_load(&file(SCHEMA)).unwrap_or_else(|bad| panic!("{:#?}", bad.details()));
    service.object_load(&file(DATA)).unwrap_or_else(|bad| panic!("{bad} {:?}", bad.details()));
    service
}

fn ask(service: &Service, text: &str) -> Json {
    let answer = query(service, text);
    assert!(answer["errors"].is_null(), "{answer}");
    answer["data"].clone()
}

/// The labels of the nodes of a list.
fn names(list: &Json) -> Vec<&str> {
    let mut names: Vec<&str> = list["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| edge["node"]["display_label"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn a_file_of_several_documents_ranges_and_nested_rows_loads_whole_and_again_without_a_change() {
    let service = stocked();
    assert_eq!(labels(&service, "BuiltinTag"), ["tag1", "tag2", "tag3"]);
    assert_eq!(labels(&service, "DemoPort"), ["sw1-eth0", "sw1-eth1", "sw1-eth2"]);
    let told = ask(
        &service,
        "{ DemoDevice { edges { node { hfid site { node { display_label } } labels { edges { node { \
           display_label description { value } } } } ports { count } notes { count } } } } }",
    );
    let device = &told["DemoDevice"]["edges"][0]["node"];
    assert_eq!(device["hfid"], json!(["paris", "sw1"]));
    assert_eq!(names(&device["labels"]), ["tag1", "tag3"]);
    assert_eq!((&device["ports"]["count"], &device["notes"]["count"]), (&json!(3), &json!(1)));
    let before = dump(&service);
    let again = service.object_load(&file(DATA)).unwrap();
    assert_eq!((again.created, again.updated), (0, 0), "{again:?}");
    assert_eq!(dump(&service), before);
    // An object is named by all parts of its human-friendly id.
    let port = json!([{"name": "sw1-eth3", "device": ["paris", "sw1"]}]);
    load(&service, "DemoPort", &port);
    assert_eq!(
        service.object("DemoDevice", "paris/sw1").unwrap().relationships["ports"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    sound(&service);
}

#[test]
fn a_file_with_a_mistake_leaves_nothing_and_says_where_it_is() {
    let service = stocked();
    let document = |kind: &str, data: &str| {
        format!(
            "---\napiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: {kind}\n  data: {data}\n"
        )
    };
    let good = document("BuiltinTag", "[{name: new}]");
    for (text, code, part) in [
        (
            format!("{good}{}", document("DemoDevce", "[{name: x}]")),
            "unknown-kind",
            "did you mean `DemoDevice`?",
        ),
        (
            format!("{good}{}", document("DemoDevice", "[{name: x, sit: paris}]")),
            "unknown-field",
            "`site`",
        ),
        (
            format!("{good}{}", document("DemoDevice", "[{name: x, site: rome}]")),
            "not-found",
            "rome",
        ),
        (
            format!("{good}{}", document("DemoDevice", "[{name: x}]")),
            "required",
            "site is mandatory",
        ),
        (
            format!("{good}{}", document("DemoDevice", "[{name: x, site: paris, mtu: wide}]")),
            "bad-value",
            "mtu",
        ),
        (format!("{good}{}", document("DemoDevice", "[5]")), "bad-files", "a row is a map"),
        (
            format!("{good}{}", document("DemoDevice", "name")),
            "bad-files",
            "must be a list of rows",
        ),
        (good.replace("infrahub.app/v1", "infrahub.app/v9"), "bad-files", "`apiVersion` must be"),
        (good.replace("  kind: BuiltinTag\n", ""), "bad-files", "`spec.kind` is missing"),
        (good.replace("spec:", "specs:"), "bad-files", "`spec` is missing"),
        ("a: [".to_owned(), "bad-files", "not valid YAML"),
    ] {
        let before = dump(&service);
        let told = service.object_load(&file(&text)).unwrap_err();
        let all = format!("{told} {:?}", told.details());
        assert!(all.contains(part), "{code}: {}: {all}", told.code());
        if code != "bad-files" {
            assert_eq!(told.code(), code, "{all}");
        }
        assert_eq!(dump(&service), before, "{code}");
    }
    // Documents of other sorts are passed over, and said so.
    let other = good.replace("kind: Object", "kind: Dashboard");
    let load = service.object_load(&file(&other)).unwrap();
    assert_eq!((load.created, load.skipped), (0, vec!["Dashboard".to_owned()]));
}

#[test]
fn what_is_deleted_takes_along_what_the_schema_says_and_nothing_else() {
    let service = stocked();
    load(&service, "DemoDevice", &json!([{"name": "sw2", "site": "lyon", "spares": ["sw1-eth2"]}]));
    // A component that stays: `on_delete` says so.
    service.object_delete("DemoDevice", "lyon/sw2").unwrap();
    assert_eq!(labels(&service, "DemoPort").len(), 3);
    // What is mandatory for others stays where it is, and says for whom.
    let before = dump(&service);
    let told = service.object_delete("DemoSite", "paris").unwrap_err();
    assert_eq!(told.code(), "still-needed");
    assert!(told.to_string().contains("mandatory relationship site on node DemoDevice"), "{told}");
    assert_eq!(dump(&service), before);
    // Ports (a component) and notes (`cascade`) go along, although they need the device; tags stay.
    let changes = service.object_delete("DemoDevice", "paris/sw1").unwrap().to_json();
    assert_eq!(changes["deleted"], 5, "{changes}");
    assert!(labels(&service, "DemoPort").is_empty() && labels(&service, "DemoNote").is_empty());
    assert_eq!(labels(&service, "BuiltinTag").len(), 3);
    service.object_delete("DemoSite", "paris").unwrap();
    sound(&service);
}

#[test]
fn a_profile_gives_what_nobody_set_and_takes_it_back() {
    let service = stocked();
    let profile = |name: &str, priority: u32, mtu: u32| json!([{"profile_name": name, "profile_priority": priority, "mtu": mtu, "role": name}]);
    load(&service, "ProfileDemoDevice", &profile("wide", 500, 9_000));
    load(&service, "ProfileDemoDevice", &profile("narrow", 100, 1_280));
    let mtu = || {
        let told = ask(
            &service,
            "{ DemoDevice(name__value: \"sw1\") { edges { node { mtu { value is_from_profile is_default \
               source { display_label } } role { value } } } } }",
        );
        told["DemoDevice"]["edges"][0]["node"].clone()
    };
    let with = |profiles: Json| {
        load(
            &service,
            "DemoDevice",
            &json!([{"name": "sw1", "site": "paris", "profiles": profiles}]),
        );
    };
    with(json!(["wide"]));
    let told = mtu();
    assert_eq!(
        (&told["mtu"]["value"], &told["mtu"]["is_from_profile"]),
        (&json!(9_000), &json!(true))
    );
    assert_eq!(
        (&told["mtu"]["source"]["display_label"], &told["role"]["value"]),
        (&json!("wide"), &json!("wide"))
    );
    // The smaller priority wins, and a profile that changes changes its members.
    with(json!(["wide", "narrow"]));
    assert_eq!(mtu()["mtu"]["value"], 1_280);
    load(&service, "ProfileDemoDevice", &profile("narrow", 100, 1_400));
    assert_eq!(mtu()["mtu"]["value"], 1_400);
    // What somebody sets stands above all profiles; the rest still follows them.
    let set = json!({"mtu": 2_000}).as_object().cloned().unwrap();
    service.object_update("DemoDevice", "paris/sw1", &set).unwrap();
    let told = mtu();
    assert_eq!(
        (&told["mtu"]["value"], &told["mtu"]["is_from_profile"]),
        (&json!(2_000), &json!(false))
    );
    assert_eq!(told["role"]["value"], "narrow");
    // Without profiles the rest is as before.
    with(json!([]));
    let told = mtu();
    assert_eq!((&told["mtu"]["value"], &told["role"]["value"]), (&json!(2_000), &Json::Null));
    sound(&service);
}

#[test]
fn a_hierarchy_is_asked_from_both_ends() {
    let service = stocked();
    let told = ask(
        &service,
        "{ DemoRegion { edges { node { children { edges { node { display_label } } } descendants { edges { node \
           { display_label __typename } } } } } } DemoSite(name__value: \"lyon\") { edges { node { parent { node { \
           display_label } } ancestors { edges { node { display_label } } } } } } }",
    );
    let region = &told["DemoRegion"]["edges"][0]["node"];
    assert_eq!(names(&region["children"]), ["lyon", "paris"]);
    assert_eq!(names(&region["descendants"]), ["lyon", "paris"]);
    let site = &told["DemoSite"]["edges"][0]["node"];
    assert_eq!(site["parent"]["node"]["display_label"], "europe");
    assert_eq!(names(&site["ancestors"]), ["europe"]);
    // A parent of a kind that the schema does not put above is refused.
    let before = dump(&service);
    let told = service
        .object_load(&[rows("DemoSite", &json!([{"name": "rome", "parent": "paris"}]))])
        .unwrap_err();
    assert_eq!(dump(&service), before, "{told}");
    sound(&service);
}
