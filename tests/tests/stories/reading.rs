//! What a query can ask of objects: every filter, order, page and field of the public dialect, each
//! with the objects it must find.

use serde_json::{Value as Json, json};
use service::Service;

use crate::mutations::{done, refused, stocked};
use crate::support::{load, query};

/// Three servers, a router on no site, and where things came from.
fn park() -> Service {
    let service = stocked();
    load(&service, "CoreAccount", &json!([{"name": "import"}, {"name": "team"}]));
    load(
        &service,
        "DemoServer",
        &json!([
            {"name": "alpha", "note": "First rack", "cores": 8, "site": "ams", "state": "active",
             "words": ["a"], "tags": ["red", "blue"], "alive": true},
            {"name": "beta", "cores": 16, "site": "lon", "tags": ["blue"], "alive": false},
            {"name": "gamma", "note": "first floor", "uplink": "alpha"},
        ]),
    );
    let import = id(&service, "CoreAccount", "import");
    let team = id(&service, "CoreAccount", "team");
    let beta = id(&service, "DemoServer", "beta");
    done(
        &service,
        &format!(
            "mutation {{ DemoServerUpdate(data: {{ id: \"{beta}\" note: {{ value: \"moved\" source: \"{import}\" \
             owner: \"{team}\" is_protected: true }} }}) {{ ok }} }}"
        ),
    );
    service
}

fn id(service: &Service, kind: &str, name: &str) -> String {
    let text = format!("{{ {kind}(name__value: \"{name}\") {{ edges {{ node {{ id }} }} }} }}");
    done(service, &text)[kind]["edges"][0]["node"]["id"].as_str().unwrap().to_owned()
}

/// Names of the servers that a filter finds, in their order; the count must be the same.
fn found(service: &Service, arguments: &str) -> Vec<String> {
    let text = format!(
        "{{ DemoServer({arguments}) {{ count edges {{ node {{ name {{ value }} }} }} }} }}"
    );
    let data = done(service, &text);
    let edges = data["DemoServer"]["edges"].as_array().unwrap().clone();
    let name = |edge: &Json| edge["node"]["name"]["value"].as_str().unwrap().to_owned();
    let names: Vec<String> = edges.iter().map(name).collect();
    if !arguments.contains("limit") && !arguments.contains("offset") {
        assert_eq!(data["DemoServer"]["count"], json!(names.len()), "{arguments}");
    }
    names
}

#[test]
fn every_filter_finds_what_it_says() {
    let service = park();
    let (alpha, beta) = (id(&service, "DemoServer", "alpha"), id(&service, "DemoServer", "beta"));
    let (import, team) =
        (id(&service, "CoreAccount", "import"), id(&service, "CoreAccount", "team"));
    let ams = id(&service, "DemoSite", "ams");
    let red = id(&service, "BuiltinTag", "red");
    let nobody = "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
    let system = "00000000-0000-0000-0000-000000000001";
    let table: Vec<(String, &[&str])> = vec![
        // Identity.
        (format!("ids: [\"{alpha}\", \"{beta}\"]"), &["alpha", "beta"]),
        (format!("ids: [\"{nobody}\", \"no id\"]"), &[]),
        ("hfid: [\"gamma\"]".into(), &["gamma"]),
        ("display_label__value: \"beta\"".into(), &["beta"]),
        ("display_label__values: [\"beta\", \"gamma\"]".into(), &["beta", "gamma"]),
        ("display_label__isnull: true".into(), &[]),
        ("display_label__isnull: false".into(), &["alpha", "beta", "gamma"]),
        // An attribute.
        ("name__value: \"alpha\"".into(), &["alpha"]),
        ("cores__value: 8".into(), &["alpha"]),
        ("cores__values: [4, 16]".into(), &["beta", "gamma"]),
        ("alive__value: false".into(), &["beta"]),
        ("state__value: \"active\"".into(), &["alpha"]),
        ("words__value: [\"a\"]".into(), &["alpha"]),
        ("note__isnull: true".into(), &[]),
        ("asn__isnull: true".into(), &["alpha", "beta", "gamma"]),
        ("note__isnull: false".into(), &["alpha", "beta", "gamma"]),
        ("state__isnull: true".into(), &["beta", "gamma"]),
        (format!("note__source__id: \"{import}\""), &["beta"]),
        (format!("note__owner__id: \"{team}\""), &["beta"]),
        (format!("note__owner__id: \"{import}\""), &[]),
        ("note__is_protected: true".into(), &["beta"]),
        // Any attribute.
        ("any__value: \"moved\"".into(), &["beta"]),
        ("any__value: 16".into(), &["beta"]),
        ("any__values: [\"alpha\", \"moved\"]".into(), &["alpha", "beta"]),
        (format!("any__source__id: \"{import}\""), &["beta"]),
        (format!("any__owner__id: \"{team}\""), &["beta"]),
        ("any__is_protected: true".into(), &["beta"]),
        // Relationships, one hop.
        (format!("site__ids: [\"{ams}\"]"), &["alpha"]),
        ("site__isnull: true".into(), &["gamma"]),
        ("tags__isnull: false".into(), &["alpha", "beta"]),
        (format!("tags__ids: [\"{red}\"]"), &["alpha"]),
        ("site__name__value: \"lon\"".into(), &["beta"]),
        ("site__name__values: [\"ams\", \"lon\"]".into(), &["alpha", "beta"]),
        ("tags__name__value: \"blue\"".into(), &["alpha", "beta"]),
        ("site__display_label__value: \"ams\"".into(), &["alpha"]),
        ("site__display_label__values: [\"ams\", \"lon\"]".into(), &["alpha", "beta"]),
        ("site__display_label__isnull: false".into(), &["alpha", "beta"]),
        ("uplink__name__value: \"alpha\"".into(), &["gamma"]),
        ("uplink__note__is_protected: false".into(), &["gamma"]),
        (format!("uplink__note__source__id: \"{import}\""), &[]),
        (format!("uplink__note__owner__id: \"{team}\""), &[]),
        // How they came about.
        (format!("node_metadata__created_by__id: \"{system}\""), &["alpha", "beta", "gamma"]),
        (format!("node_metadata__updated_by__ids: [\"{nobody}\"]"), &[]),
        ("node_metadata__created_at: \"2026-01-01T00:00:00Z\"".into(), &["alpha", "beta", "gamma"]),
        ("node_metadata__created_at__before: \"2026-01-01T00:00:00Z\"".into(), &[]),
        (
            "node_metadata__updated_at__after: \"2025-12-31T00:00:00Z\"".into(),
            &["alpha", "beta", "gamma"],
        ),
        // Part of a text, whatever its case.
        ("note__value: \"FIRST\", partial_match: true".into(), &["alpha", "gamma"]),
        ("any__value: \"RACK\", partial_match: true".into(), &["alpha"]),
        ("site__name__value: \"O\", partial_match: true".into(), &["beta"]),
        ("display_label__value: \"A\", partial_match: true".into(), &["alpha", "beta", "gamma"]),
        ("note__value: \"first\"".into(), &[]),
        // All of them must hold.
        ("tags__name__value: \"blue\", cores__value: 16".into(), &["beta"]),
        ("tags__name__value: \"red\", cores__value: 16".into(), &[]),
    ];
    for (arguments, names) in table {
        let mut names_found = found(&service, &arguments);
        names_found.sort();
        assert_eq!(names_found, names, "{arguments}");
    }
}

#[test]
fn lists_come_in_the_order_asked_for_and_in_pages() {
    let service = park();
    let by = |field: &str, direction: &str| {
        let order = format!("order: {{ by: [{{ field: \"{field}\"{direction} }}] }}");
        found(&service, &order)
    };
    assert_eq!(by("name__value", ""), ["alpha", "beta", "gamma"]);
    assert_eq!(by("name__value", ", direction: DESC"), ["gamma", "beta", "alpha"]);
    assert_eq!(by("cores__value", ", direction: ASC"), ["gamma", "alpha", "beta"]);
    // What has no value comes first.
    assert_eq!(by("site__name__value", ", direction: DESC"), ["beta", "alpha", "gamma"]);
    assert_eq!(by("node_metadata__updated_at", ", direction: DESC")[0], "beta");
    assert_eq!(found(&service, "order: { node_metadata: { updated_at: DESC } }")[0], "beta");
    assert_eq!(found(&service, "order: { node_metadata: { created_at: ASC } }").len(), 3);
    assert_eq!(found(&service, "order: { disable: true }, limit: 0").len(), 3);
    assert_eq!(
        found(&service, "limit: 1, offset: 1, order: { by: [{ field: \"name__value\" }] }"),
        ["beta"]
    );
    for field in ["nothing__value", "site__nothing__value", "site", "__"] {
        let text = format!(
            "{{ DemoServer(order: {{ by: [{{ field: \"{field}\" }}] }}) {{ count edges {{ node {{ id }} }} }} }}"
        );
        let (code, message) = refused(&service, &text);
        assert_eq!(code, "BAD_REQUEST", "{field}");
        assert!(message.contains("cannot order `DemoServer`"), "{message}");
    }
}

#[test]
fn peers_are_filtered_ordered_and_counted_like_a_list() {
    let service = park();
    let data = done(
        &service,
        r#"{ DemoServer(name__value: "alpha") { edges { node {
            all: tags { count }
            some: tags(name__value: "red") { count edges { node { display_label } } }
            back: tags(order: { by: [{ field: "name__value", direction: DESC }] }, limit: 1) { count edges { node { display_label } } }
        } } } }"#,
    );
    let node = &data["DemoServer"]["edges"][0]["node"];
    assert_eq!(node["all"]["count"], 2);
    assert_eq!(node["some"], json!({"count": 1, "edges": [{"node": {"display_label": "red"}}]}));
    assert_eq!(node["back"], json!({"count": 2, "edges": [{"node": {"display_label": "red"}}]}));
}

#[test]
fn filters_that_there_are_not_are_refused_by_name() {
    let service = park();
    for (arguments, part) in [
        ("nam__value: \"x\"", "nam__value"),
        ("name__valu: \"x\"", "name__valu"),
        ("site__nothing__value: \"x\"", "site__nothing__value"),
        ("site__servers__name__value: \"x\"", "site__servers__name__value"),
        ("node_metadata__created_at: \"yesterday\"", "not a time"),
        ("order: { sideways: true }", "sideways"),
    ] {
        let (code, message) = refused(
            &service,
            &format!("{{ DemoServer({arguments}) {{ count edges {{ node {{ id }} }} }} }}"),
        );
        assert_eq!(code, "BAD_REQUEST", "{arguments}");
        assert!(message.contains(part), "{arguments}: {message}");
    }
}

#[test]
fn expand_adds_the_values_of_a_node_to_what_is_selected() {
    let service = park();
    let node = |expand: &str, fields: &str| {
        let text = format!(
            "{{ BuiltinTag(name__value: \"red\") {{ edges {{ node {expand} {{ {fields} }} }} }} }}"
        );
        done(&service, &text)["BuiltinTag"]["edges"][0]["node"].clone()
    };
    let of = |value: &str, is_default: bool| json!({"value": if value.is_empty() { Json::Null } else { json!(value) }, "is_default": is_default, "is_from_profile": false});
    assert_eq!(
        node("@expand", "label: display_label"),
        json!({"label": "red", "name": of("red", false), "description": of("", true), "__typename": "BuiltinTag"})
    );
    assert_eq!(
        node("@expand(exclude: [\"description\", \"__typename\"])", "name { kind: __typename }"),
        json!({"name": {"kind": "TextAttribute", "value": "red", "is_default": false, "is_from_profile": false}})
    );
    // At fragments too, and only for the kind that they are about.
    let text = r#"{ CoreNode(any__value: "alpha") { edges { node {
        ... on DemoServer @expand(exclude: ["facts", "words", "since"]) { id }
        ... on BuiltinTag @expand { id }
    } } } }"#;
    let expanded = done(&service, text)["CoreNode"]["edges"][0]["node"].clone();
    assert_eq!(expanded["cores"]["value"], 8);
    assert_eq!(expanded["state"]["value"], "active");
    assert!(expanded.get("facts").is_none());
    let text = "{ BuiltinTag(name__value: \"red\") { edges { node { ...F @expand } } } } fragment F on BuiltinTag { id }";
    assert_eq!(done(&service, text)["BuiltinTag"]["edges"][0]["node"]["name"]["value"], "red");
}

#[test]
fn where_things_came_from_is_told_of_nodes_values_and_links() {
    let service = park();
    let data = done(
        &service,
        r#"{ DemoServer(name__value: "beta") { edges {
            __typename
            node_metadata { created_at updated_at created_by { id display_label } updated_by { id __typename } __typename }
            node {
                note { value is_default is_protected is_from_profile updated_at updated_by { id }
                       source { id display_label __typename ... on CoreAccount { name { value } } }
                       owner { display_label } permissions { update_value } __typename }
                cores { __typename source { id } }
                site { __typename node { id } properties { is_protected updated_at source { id } __typename } relationship_metadata { updated_at } node_metadata { created_at } }
                uplink { node { id } properties { is_protected updated_at } }
                tags { __typename permissions { count } edges { __typename properties { is_protected } } }
            }
        } permissions { count edges { node { kind view create update delete } } } __typename } }"#,
    );
    let list = &data["DemoServer"];
    let edge = &list["edges"][0];
    let node = &edge["node"];
    assert_eq!(list["__typename"], "PaginatedDemoServer");
    assert_eq!(edge["__typename"], "EdgedDemoServer");
    assert_eq!(edge["node_metadata"]["__typename"], "InfrahubNodeMetadata");
    assert_eq!(edge["node_metadata"]["created_by"]["display_label"], "system");
    assert_eq!(edge["node_metadata"]["created_at"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(
        list["permissions"],
        json!({"count": 1, "edges": [{"node": {"kind": "DemoServer", "view": "ALLOW", "create": "ALLOW", "update": "ALLOW", "delete": "ALLOW"}}]})
    );
    let note = &node["note"];
    assert_eq!(note["is_protected"], true);
    assert_eq!(note["source"]["display_label"], "import");
    assert_eq!(note["source"]["__typename"], "CoreAccount");
    assert_eq!(note["source"]["name"]["value"], "import");
    assert_eq!(note["owner"]["display_label"], "team");
    assert_eq!(note["permissions"]["update_value"], "ALLOW");
    assert_eq!(note["__typename"], "TextAttribute");
    assert_eq!(node["cores"], json!({"__typename": "NumberAttribute", "source": null}));
    assert_eq!(node["site"]["__typename"], "NestedEdgedDemoSite");
    assert_eq!(node["site"]["properties"]["is_protected"], false);
    assert_eq!(node["site"]["properties"]["__typename"], "RelationshipProperty");
    assert!(node["site"]["relationship_metadata"]["updated_at"].is_string());
    assert!(node["site"]["node_metadata"]["created_at"].is_string());
    // Clients look into the properties even where there is no peer.
    assert_eq!(
        node["uplink"],
        json!({"node": null, "properties": {"is_protected": null, "updated_at": null}})
    );
    assert_eq!(node["tags"]["__typename"], "NestedPaginatedBuiltinTag");
    assert_eq!(node["tags"]["edges"][0]["__typename"], "NestedEdgedBuiltinTag");
}

#[test]
fn values_of_each_type_have_the_fields_of_the_type() {
    let service = crate::support::service();
    let schema = r#"
version: "1.0"
nodes:
  - name: Thing
    namespace: Demo
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: mac, kind: MacAddress, optional: true}
      - {name: host, kind: IPHost, optional: true}
      - {name: net, kind: IPNetwork, optional: true}
      - {name: bare, kind: IPAddress, optional: true}
      - {name: state, kind: Dropdown, optional: true, choices: [{name: up, label: Up, color: '#00ff00', description: It runs}]}
      - {name: any_thing, kind: Any, optional: true}
"#;
    let file = service::SourceFile { name: "thing.yml".into(), text: schema.into() };
    service.schema_load(&[file]).unwrap();
    load(
        &service,
        "DemoThing",
        &json!([{"name": "t", "mac": "60:23:6c:d8:20:17", "host": "10.1.2.3/24", "net": "10.1.0.0/16",
                 "bare": "10.9.8.7", "state": "up", "any_thing": {"a": [1]}}, {"name": "empty"}]),
    );
    let fields = "mac { value oui ei version binary eui48 eui64 bare dot_notation semicolon_notation split_notation __typename } \
        host { value ip hostmask netmask prefixlen version with_hostmask with_netmask __typename } \
        net { value broadcast_address hostmask netmask prefixlen num_addresses version with_hostmask with_netmask } \
        bare { value __typename } state { value label color description __typename } any_thing { value __typename }";
    let node = |name: &str| {
        let text = format!(
            "{{ DemoThing(name__value: \"{name}\") {{ edges {{ node {{ {fields} }} }} }} }}"
        );
        done(&service, &text)["DemoThing"]["edges"][0]["node"].clone()
    };
    let full = node("t");
    assert_eq!(full["mac"]["oui"], "60-23-6C");
    assert_eq!(full["mac"]["ei"], "D8-20-17");
    assert_eq!(full["mac"]["bare"], "60236CD82017");
    assert_eq!(full["mac"]["dot_notation"], "6023.6cd8.2017");
    assert_eq!(full["mac"]["semicolon_notation"], "60:23:6c:d8:20:17");
    assert_eq!(full["mac"]["split_notation"], "60236C-D82017");
    assert_eq!(full["mac"]["eui64"], "60-23-6C-FF-FE-D8-20-17");
    assert_eq!(full["mac"]["__typename"], "MacAddress");
    assert_eq!(
        full["host"],
        json!({"value": "10.1.2.3/24", "ip": "10.1.2.3", "hostmask": "0.0.0.255", "netmask": "255.255.255.0",
               "prefixlen": 24, "version": 4, "with_hostmask": "10.1.2.3/0.0.0.255",
               "with_netmask": "10.1.2.3/255.255.255.0", "__typename": "IPHost"})
    );
    assert_eq!(
        full["net"],
        json!({"value": "10.1.0.0/16", "broadcast_address": "10.1.255.255", "hostmask": "0.0.255.255",
               "netmask": "255.255.0.0", "prefixlen": 16, "num_addresses": 65536, "version": 4,
               "with_hostmask": "10.1.0.0/0.0.255.255", "with_netmask": "10.1.0.0/255.255.0.0"})
    );
    assert_eq!(full["bare"], json!({"value": "10.9.8.7", "__typename": "TextAttribute"}));
    assert_eq!(
        full["state"],
        json!({"value": "up", "label": "Up", "color": "#00ff00", "description": "It runs", "__typename": "Dropdown"})
    );
    assert_eq!(full["any_thing"], json!({"value": {"a": [1]}, "__typename": "AnyAttribute"}));
    let empty = node("empty");
    for (field, part) in [("mac", "oui"), ("host", "ip"), ("net", "netmask"), ("state", "label")] {
        assert_eq!(
            (&empty[field]["value"], &empty[field][part]),
            (&Json::Null, &Json::Null),
            "{field}"
        );
    }
}

#[test]
fn generics_ask_for_all_their_kinds_at_once() {
    let service = park();
    let text = r#"{ DemoDevice(any__value: "alpha") { count edges { node { __typename id name { value } ... on DemoServer { cores { value } } } } }
        CoreNode(ids: []) { count } }"#;
    let data = done(&service, text);
    assert_eq!(data["DemoDevice"]["count"], 1);
    assert_eq!(data["DemoDevice"]["edges"][0]["node"]["cores"]["value"], 8);
    assert_eq!(data["CoreNode"]["count"], 0);
    assert!(
        query(&service, "{ CoreNode { count } }")["data"]["CoreNode"]["count"].as_u64().unwrap()
            > 5
    );
}
