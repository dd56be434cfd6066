//! Objects that become ones of another kind: what comes along, what is left, what is refused, and above all
//! what they had of pools.

use serde_json::{Map, Value as Json, json};
use service::{Conversion, Drawing, Service, ServiceError};

use crate::mutations::done;
use crate::numbers::{number, schema};
use crate::support::{dump, load, query, service, sound};

const SCHEMA: &str = r#"
version: "1.0"
generics:
  - name: Port
    namespace: Test
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: vid, kind: Number, optional: true, unique: true}
    relationships:
      - {name: device, peer: TestDevice, cardinality: one, kind: Parent, optional: false, identifier: device__ports}
nodes:
  - name: Device
    namespace: Test
    human_friendly_id: [name__value]
    display_label: name__value
    attributes: [{name: name, kind: Text, unique: true}]
    relationships:
      - {name: ports, peer: TestPort, cardinality: many, kind: Component, optional: true, identifier: device__ports}
      - {name: uplink, peer: TestPort, cardinality: one, optional: true, kind: Attribute, identifier: device__uplink, direction: outbound}
      - {name: first, peer: TestAccess, cardinality: one, optional: true, kind: Attribute, identifier: device__first, direction: outbound}
  - name: Monitor
    namespace: Test
    human_friendly_id: [name__value]
    display_label: name__value
    attributes: [{name: name, kind: Text, unique: true}]
    relationships:
      - {name: port, peer: TestAccess, cardinality: one, optional: false, kind: Attribute, identifier: monitor__port, direction: outbound}
  - name: Access
    namespace: Test
    inherit_from: [TestPort]
    display_label: name__value
    attributes:
      - {name: note, kind: Text, optional: true}
      - {name: remark, kind: Text, optional: true}
      - {name: speed, kind: Number, optional: true}
      - {name: duplex, kind: Text, default_value: full}
      - {name: word, kind: Password, optional: true}
      - {name: code, kind: NumberPool, read_only: true, parameters: {start_range: 1, end_range: 9}}
    relationships:
      - {name: tags, peer: BuiltinTag, cardinality: many, kind: Attribute, optional: true}
      - {name: address, peer: IpamIPAddress, cardinality: one, kind: Attribute, optional: true, identifier: access__address}
  - name: Trunk
    namespace: Test
    inherit_from: [TestPort]
    display_label: name__value
    attributes:
      - {name: note, kind: TextArea, optional: true}
      - {name: speed, kind: Number, optional: true}
      - {name: duplex, kind: Text, default_value: full}
      - {name: word, kind: Password, optional: true}
      - {name: mtu, kind: Number, parameters: {min_value: 576}}
      - {name: code, kind: NumberPool, read_only: true, parameters: {start_range: 1, end_range: 6}}
    relationships:
      - {name: tags, peer: BuiltinTag, cardinality: many, kind: Attribute, optional: true}
      - {name: tag, peer: BuiltinTag, cardinality: one, kind: Attribute, optional: true, identifier: trunk__tag}
      - {name: loopback, peer: IpamIPAddress, cardinality: one, kind: Attribute, optional: true, identifier: trunk__loopback}
  - name: Plain
    namespace: Test
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: vid, kind: Number, optional: true}
  - name: Shared
    namespace: Test
    branch: agnostic
    human_friendly_id: [name__value]
    attributes: [{name: name, kind: Text, unique: true}]
  - name: Prefix
    namespace: Ipam
    inherit_from: [BuiltinIPPrefix]
    human_friendly_id: [prefix__value]
    display_label: prefix__value
  - name: Transfer
    namespace: Ipam
    inherit_from: [BuiltinIPPrefix]
    human_friendly_id: [prefix__value]
    display_label: prefix__value
  - name: IPAddress
    namespace: Ipam
    inherit_from: [BuiltinIPAddress]
    human_friendly_id: [address__value]
    display_label: address__value
  - name: Anycast
    namespace: Ipam
    inherit_from: [BuiltinIPAddress]
    human_friendly_id: [address__value]
    display_label: address__value
"#;

/// Two devices, and a pool of the numbers of all ports.
fn ready() -> Service {
    let service = service();
    schema(&service, SCHEMA).unwrap();
    load(&service, "TestDevice", &json!([{"name": "d1"}, {"name": "d2"}]));
    let pool = json!([{
        "name": "vids", "node": "TestPort", "node_attribute": "vid", "start_range": 1, "end_range": 9,
    }]);
    load(&service, "CoreNumberPool", &pool);
    service
}

/// A port of `d1` that draws its number.
fn port(service: &Service, name: &str) {
    let row = json!([{"name": name, "device": "d1", "vid": {"from_pool": {"id": "vids"}}}]);
    load(service, "TestAccess", &row);
}

fn id(service: &Service, kind: &str, name: &str) -> String {
    service.object(kind, name).unwrap().id.to_string()
}

/// What a trunk needs beyond what a port has.
fn mtu() -> Json {
    json!({"mtu": {"data": {"attribute_value": 1500}}})
}

fn convert(
    service: &Service,
    kind: &str,
    name: &str,
    target: &str,
    mapping: &Json,
) -> Result<Conversion, ServiceError> {
    service.object_convert(kind, name, target, mapping.as_object().unwrap())
}

/// A port that becomes a trunk.
fn trunk(service: &Service, name: &str, mapping: &Json) -> Result<Conversion, ServiceError> {
    let mut all = mtu();
    all.as_object_mut().unwrap().extend(mapping.as_object().unwrap().clone());
    convert(service, "TestAccess", name, "TestTrunk", &all)
}

/// What a pool says of a value.
fn about(service: &Service, pool: &str, value: &str) -> Json {
    let drawing = Drawing { value: Some(value.to_owned()), ..Drawing::default() };
    service.pool_explain(pool, &drawing).unwrap()
}

fn next(service: &Service, pool: &str) -> Json {
    service.pool_peek(pool, &Drawing::default()).unwrap()["next"][0].clone()
}

#[test]
fn scenario_59_an_object_that_becomes_one_of_another_kind_keeps_its_number() {
    let service = ready();
    port(&service, "a");
    port(&service, "b");
    let old = id(&service, "TestAccess", "a");
    assert_eq!(about(&service, "vids", "1")["identifier"], format!("{old}.vid"));
    let done = trunk(&service, "a", &json!({})).unwrap();
    let new = done.converted.id.to_string();
    assert_ne!(new, old);
    assert_eq!(done.changes.counts(), (1, 1, 1), "{:?}", done.changes);
    assert!(service.object("TestAccess", "a").is_err());
    assert_eq!(number(&service, "TestTrunk", "a", "vid"), 1);
    let told = about(&service, "vids", "1");
    let held = ["state", "identifier", "object"].map(|name| told[name].clone());
    assert_eq!(held, [json!("allocated"), json!(format!("{new}.vid")), json!(new)]);
    assert_eq!(service.pool("vids").unwrap()["used"], "2");
    port(&service, "c");
    assert_eq!(number(&service, "TestAccess", "c", "vid"), 3);
    // Asked for again by the new object, it is what it was; with the object it comes free.
    let again = json!([{"name": "a", "device": "d1", "vid": {"from_pool": {"id": "vids"}}}]);
    load(&service, "TestTrunk", &again);
    assert_eq!(number(&service, "TestTrunk", "a", "vid"), 1);
    service.object_delete("TestTrunk", "a").unwrap();
    assert_eq!(about(&service, "vids", "1")["state"], "free");
    sound(&service);
}

#[test]
fn a_number_under_an_identifier_stays_under_it() {
    let service = ready();
    let row = json!([{
        "name": "a", "device": "d1", "vid": {"from_pool": {"id": "vids", "identifier": "circuit-7"}},
    }]);
    load(&service, "TestAccess", &row);
    trunk(&service, "a", &json!({})).unwrap();
    let told = about(&service, "vids", "1");
    assert_eq!(told["identifier"], "circuit-7");
    assert_eq!(told["object"], id(&service, "TestTrunk", "a"));
    sound(&service);
}

#[test]
fn a_pool_does_not_follow_to_a_kind_it_does_not_serve() {
    let service = ready();
    port(&service, "a");
    let done = convert(&service, "TestAccess", "a", "TestPlain", &json!({})).unwrap();
    assert_eq!(number(&service, "TestPlain", "a", "vid"), 1);
    let left = ["TestAccess a: code", "TestAccess a: device"];
    assert_eq!(done.converted.left, left);
    let answer = query(&service, "{TestPlain {edges {node {vid {source {id}}}}}}");
    assert_eq!(answer["data"]["TestPlain"]["edges"][0]["node"]["vid"]["source"], Json::Null);
    assert_eq!(about(&service, "vids", "1")["state"], "free");
    assert_eq!(service.pool("vids").unwrap()["used"], "0");
    sound(&service);
}

#[test]
fn on_a_branch_main_keeps_its_object_and_number_until_it_is_merged() {
    let main = ready();
    port(&main, "a");
    port(&main, "gone");
    let old = id(&main, "TestAccess", "a");
    for (merged, name) in [(false, "x"), (true, "y")] {
        main.branch_create(name, "").unwrap();
        let b = main.on(Some(name), None).unwrap();
        trunk(&b, "a", &json!({})).unwrap();
        assert_eq!(number(&b, "TestTrunk", "a", "vid"), 1);
        assert_eq!(number(&main, "TestAccess", "a", "vid"), 1);
        assert_eq!(about(&main, "vids", "1")["identifier"], format!("{old}.vid"));
        assert_eq!((next(&main, "vids"), next(&b, "vids")), (json!(3), json!(3)));
        if merged {
            main.branch_merge(name).unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
        } else {
            main.branch_delete(name).unwrap();
            assert_eq!(about(&main, "vids", "1")["identifier"], format!("{old}.vid"));
        }
    }
    assert!(main.object("TestAccess", "a").is_err());
    let new = id(&main, "TestTrunk", "a");
    let told = about(&main, "vids", "1");
    let held = ["state", "identifier", "object"].map(|name| told[name].clone());
    assert_eq!(held, [json!("allocated"), json!(format!("{new}.vid")), json!(new)]);
    assert_eq!(next(&main, "vids"), 3);
    main.object_delete("TestTrunk", "a").unwrap();
    assert_eq!(next(&main, "vids"), 1);
    sound(&main);
}

#[test]
fn a_conversion_on_a_branch_comes_through_a_rebase_and_mains_deletion() {
    let main = ready();
    port(&main, "a");
    port(&main, "b");
    main.branch_create("x", "").unwrap();
    let b = main.on(Some("x"), None).unwrap();
    trunk(&b, "a", &json!({})).unwrap();
    trunk(&b, "b", &json!({})).unwrap();
    port(&main, "c");
    main.branch_rebase("x").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    assert_eq!(number(&b, "TestTrunk", "a", "vid"), 1);
    // Main has its own no more: the branch's has the number still, and nobody else gets it.
    main.object_delete("TestAccess", "b").unwrap();
    assert_eq!((next(&main, "vids"), next(&b, "vids")), (json!(4), json!(4)));
    main.branch_merge("x").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    let vids = ["a", "b"].map(|name| number(&main, "TestTrunk", name, "vid"));
    assert_eq!((vids, next(&main, "vids")), ([json!(1), json!(2)], json!(4)));
    for name in ["a", "b"] {
        main.object_delete("TestTrunk", name).unwrap();
    }
    assert_eq!(next(&main, "vids"), 1);
    assert_eq!(main.pool("vids").unwrap()["used"], "1");
    sound(&main);
}

#[test]
fn what_a_branch_drew_and_converted_itself_comes_to_main() {
    let main = ready();
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    port(&b, "a");
    trunk(&b, "a", &json!({})).unwrap();
    let new = id(&b, "TestTrunk", "a");
    assert_eq!(about(&main, "vids", "1")["identifier"], format!("{new}.vid"));
    main.branch_merge("b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    assert_eq!(number(&main, "TestTrunk", "a", "vid"), 1);
    assert_eq!(about(&main, "vids", "1")["identifier"], format!("{new}.vid"));
    port(&main, "b");
    assert_eq!(number(&main, "TestAccess", "b", "vid"), 2);
    sound(&main);
}

#[test]
fn where_another_pool_fills_the_target_it_gives_the_same_value_or_refuses() {
    let service = ready();
    for name in ["a", "b"] {
        port(&service, name);
    }
    assert_eq!(number(&service, "TestAccess", "b", "code"), 2);
    trunk(&service, "b", &json!({})).unwrap();
    assert_eq!(number(&service, "TestTrunk", "b", "code"), 2);
    let pools = service.objects("CoreNumberPool", 9).unwrap();
    let of = |kind: &str| {
        let pool = pools.iter().find(|pool| pool.attributes["node"] == kind).unwrap();
        service.pool(&pool.id.to_string()).unwrap()["used"].clone()
    };
    assert_eq!((of("TestAccess"), of("TestTrunk")), (json!("1"), json!("1")));
    // Number 2 is free for ports again, and taken for trunks.
    port(&service, "c");
    assert_eq!(number(&service, "TestAccess", "c", "code"), 2);
    let before = dump(&service);
    let refused = trunk(&service, "c", &json!({})).unwrap_err();
    assert_eq!(refused.code(), "value-taken", "{refused}");
    assert_eq!(dump(&service), before);
    trunk(&service, "c", &json!({"code": {"use_default_value": true}})).unwrap();
    assert_eq!(number(&service, "TestTrunk", "c", "code"), 1);
    sound(&service);
}

#[test]
fn a_number_moves_with_its_object_into_another_division_or_is_refused() {
    let service = service();
    let text = r#"
version: "1.0"
generics:
  - name: Vlan
    namespace: Test
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: vid, kind: Number, optional: true}
    relationships:
      - {name: site, peer: TestSite, cardinality: one, optional: false, kind: Attribute, identifier: vlan__site}
nodes:
  - {name: Site, namespace: Test, human_friendly_id: [name__value], attributes: [{name: name, kind: Text, unique: true}]}
  - {name: Bridged, namespace: Test, inherit_from: [TestVlan], human_friendly_id: [name__value], display_label: name__value}
  - {name: Routed, namespace: Test, inherit_from: [TestVlan], human_friendly_id: [name__value], display_label: name__value}
"#;
    schema(&service, text).unwrap();
    load(&service, "TestSite", &json!([{"name": "A"}, {"name": "B"}, {"name": "C"}]));
    let pool = json!([{
        "name": "vids", "node": "TestVlan", "node_attribute": "vid", "start_range": 1, "end_range": 9,
        "allocation_scope": ["site"],
    }]);
    load(&service, "CoreNumberPool", &pool);
    for (name, site) in [("a", "A"), ("b", "B")] {
        let row = json!([{"name": name, "site": site, "vid": {"from_pool": {"id": "vids"}}}]);
        load(&service, "TestBridged", &row);
        assert_eq!(number(&service, "TestBridged", name, "vid"), 1);
    }
    let to = |site: &str| json!({"site": {"data": {"peer_id": site}}});
    let before = dump(&service);
    let taken = convert(&service, "TestBridged", "a", "TestRouted", &to("B")).unwrap_err();
    assert_eq!(taken.code(), "value-taken", "{taken}");
    // Without a site it counts nowhere.
    let nowhere = json!({"site": {"use_default_value": true}});
    let missing = convert(&service, "TestBridged", "a", "TestRouted", &nowhere).unwrap_err();
    assert_eq!(missing.code(), "scope-missing", "{missing}");
    assert_eq!(dump(&service), before);
    convert(&service, "TestBridged", "a", "TestRouted", &to("C")).unwrap();
    convert(&service, "TestBridged", "b", "TestRouted", &json!({})).unwrap();
    for (name, site, wanted) in [("c", "A", 1), ("d", "B", 2), ("e", "C", 2)] {
        let row = json!([{"name": name, "site": site, "vid": {"from_pool": {"id": "vids"}}}]);
        load(&service, "TestBridged", &row);
        assert_eq!(number(&service, "TestBridged", name, "vid"), wanted, "{name}");
    }
    sound(&service);
}

#[test]
fn what_a_pool_made_keeps_its_reservation_as_another_kind() {
    let service = ready();
    load(&service, "IpamPrefix", &json!([{"prefix": "10.0.0.0/24"}, {"prefix": "10.1.0.0/16"}]));
    let pools = json!([{
        "name": "hosts", "ip_namespace": "default", "default_address_type": "IpamIPAddress",
        "resources": ["10.0.0.0/24"],
    }]);
    load(&service, "CoreIPAddressPool", &pools);
    let pools = json!([{
        "name": "nets", "ip_namespace": "default", "default_prefix_type": "IpamPrefix",
        "default_prefix_length": 24, "resources": ["10.1.0.0/16"],
    }]);
    load(&service, "CoreIPPrefixPool", &pools);
    let draw = |pool: &str| {
        let drawing = Drawing { identifier: Some("x".to_owned()), ..Drawing::default() };
        service.pool_allocate(pool, &drawing).unwrap()["allocated"][0].clone()
    };
    let (host, net) = (draw("hosts"), draw("nets"));
    load(&service, "IpamIPAddress", &json!([{"address": "10.1.0.5/24"}]));
    let host_is = convert(&service, "IpamIPAddress", "10.0.0.1/24", "IpamAnycast", &json!({}));
    let net_is = convert(&service, "IpamPrefix", "10.1.0.0/24", "IpamTransfer", &json!({}));
    for (pool, before, done) in [("hosts", host, host_is), ("nets", net, net_is)] {
        let again = draw(pool);
        assert_eq!((&again["value"], &again["reused"]), (&before["value"], &json!(true)));
        assert_eq!(again["object"], done.unwrap().converted.id.to_string());
    }
    // It stands where it stood.
    let net = service.object("IpamTransfer", "10.1.0.0/24").unwrap();
    assert_eq!(net.relationships["parent"], json!(["10.1.0.0/16"]));
    assert_eq!(net.relationships["ip_addresses"], json!(["10.1.0.5/24"]));
    assert_eq!(service.pool("nets").unwrap()["used"], "256");
    // So does a parent that a pool draws from.
    convert(&service, "IpamPrefix", "10.1.0.0/16", "IpamTransfer", &json!({})).unwrap();
    let more = service.pool_allocate("nets", &Drawing::default()).unwrap();
    assert_eq!(more["allocated"][0]["value"], "10.1.1.0/24");
    sound(&service);
}

#[test]
fn what_main_made_and_a_branch_converts_is_the_same_under_its_identifier_there_and_after_the_merge()
{
    let main = ready();
    load(&main, "IpamPrefix", &json!([{"prefix": "10.0.0.0/24"}, {"prefix": "10.1.0.0/16"}]));
    let pools = json!([{
        "name": "hosts", "ip_namespace": "default", "default_address_type": "IpamIPAddress",
        "resources": ["10.0.0.0/24"],
    }]);
    load(&main, "CoreIPAddressPool", &pools);
    let pools = json!([{
        "name": "nets", "ip_namespace": "default", "default_prefix_type": "IpamPrefix",
        "default_prefix_length": 24, "resources": ["10.1.0.0/16"],
    }]);
    load(&main, "CoreIPPrefixPool", &pools);
    let draw = |service: &Service, pool: &str| {
        let drawing = Drawing { identifier: Some("x".to_owned()), ..Drawing::default() };
        let told = service.pool_allocate(pool, &drawing).unwrap()["allocated"][0].clone();
        (told["value"].clone(), told["object"].clone())
    };
    let before = ["hosts", "nets"].map(|pool| draw(&main, pool));
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    let host = convert(&b, "IpamIPAddress", "10.0.0.1/24", "IpamAnycast", &json!({})).unwrap();
    let net = convert(&b, "IpamPrefix", "10.1.0.0/24", "IpamTransfer", &json!({})).unwrap();
    let here = [host, net].map(|done| json!(done.converted.id.to_string()));
    let wanted = [0, 1].map(|nth| (before[nth].0.clone(), here[nth].clone()));
    assert_eq!(["hosts", "nets"].map(|pool| draw(&b, pool)), wanted);
    assert_eq!(["hosts", "nets"].map(|pool| draw(&main, pool)), before, "main has its own");
    main.branch_merge("b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    assert_eq!(["hosts", "nets"].map(|pool| draw(&main, pool)), wanted);
    assert_eq!(main.pool("nets").unwrap()["used"], "256");
    sound(&main);
}

#[test]
fn a_repository_that_is_read_becomes_one_that_is_written() {
    let service = ready();
    let row = json!([{"name": "site", "location": "https://git.example/site.git", "ref": "v2"}]);
    load(&service, "CoreReadOnlyRepository", &row);
    let query = json!([{
        "name": "q", "query": "{ BuiltinTag { count } }", "repository": "site",
    }]);
    load(&service, "CoreGraphQLQuery", &query);
    let mapping = json!({"default_branch": {"source_field": "ref"}});
    let done = convert(&service, "CoreReadOnlyRepository", "site", "CoreRepository", &mapping);
    assert_eq!(done.unwrap().converted.left, Vec::<String>::new());
    let repository = service.object("CoreRepository", "site").unwrap();
    let told = ["location", "default_branch"].map(|name| repository.attributes[name].clone());
    assert_eq!(told, [json!("https://git.example/site.git"), json!("v2")]);
    let query = service.object("CoreGraphQLQuery", "q").unwrap();
    assert_eq!(query.relationships["repository"], json!(["site"]));
    sound(&service);
}

#[test]
fn what_was_drawn_into_a_relationship_is_asked_for_by_the_new_object() {
    let service = ready();
    load(&service, "IpamPrefix", &json!([{"prefix": "10.0.0.0/24"}]));
    let pool = json!([{
        "name": "hosts", "ip_namespace": "default", "default_address_type": "IpamIPAddress",
        "resources": ["10.0.0.0/24"],
    }]);
    load(&service, "CoreIPAddressPool", &pool);
    let row = json!([{"name": "a", "device": "d1", "address": {"from_pool": {"id": "hosts"}}}]);
    load(&service, "TestAccess", &row);
    trunk(&service, "a", &json!({"loopback": {"source_field": "address"}})).unwrap();
    let new = id(&service, "TestTrunk", "a");
    assert_eq!(about(&service, "hosts", "10.0.0.1")["identifier"], format!("{new}.loopback"));
    // Even where the link is gone, the name leads to the same.
    let empty: Map<String, Json> = [("loopback".to_owned(), Json::Null)].into_iter().collect();
    service.object_update("TestTrunk", "a", &empty).unwrap();
    let again = json!([{"name": "a", "device": "d1", "loopback": {"from_pool": {"id": "hosts"}}}]);
    load(&service, "TestTrunk", &again);
    let linked = service.object("TestTrunk", "a").unwrap().relationships["loopback"].clone();
    assert_eq!(linked, json!(["10.0.0.1/24"]));
    sound(&service);
}

#[test]
fn what_both_kinds_call_and_mean_the_same_comes_along_and_the_rest_is_said_or_left() {
    let service = ready();
    load(&service, "BuiltinTag", &json!([{"name": "red"}, {"name": "blue"}]));
    let admin = id(&service, "BuiltinTag", "red");
    let row = json!([{
        "name": "a", "device": "d1", "note": "old", "remark": "kept", "tags": ["red", "blue"],
        "speed": {"value": 10, "is_protected": true, "owner": admin}, "word": "secret",
    }]);
    load(&service, "TestAccess", &row);
    load(&service, "CoreStandardGroup", &json!([{"name": "all", "members": []}]));
    let old = id(&service, "TestAccess", "a");
    let group = id(&service, "CoreStandardGroup", "all");
    done(
        &service,
        &format!(
            "mutation {{RelationshipAdd(data: {{id: \"{group}\" name: \"members\" nodes: [{{id: \"{old}\"}}]}}) {{ok}}}}"
        ),
    );
    let device = json!([{"name": "d1", "uplink": "a", "first": "a"}]);
    load(&service, "TestDevice", &device);
    let mapping = json!({"note": {"source_field": "remark"}, "tag": {"data": {"peer_id": "blue"}}});
    let converted = trunk(&service, "a", &mapping).unwrap().converted;
    let left = ["TestAccess a: note", "TestDevice d1: first"];
    assert_eq!(converted.left, left);
    let new = service.object("TestTrunk", "a").unwrap();
    let values = ["note", "speed", "duplex", "mtu"].map(|name| new.attributes[name].clone());
    assert_eq!(values, [json!("kept"), json!(10), json!("full"), json!(1500)]);
    let peers = ["tags", "tag", "device", "member_of_groups"];
    let peers = peers.map(|name| new.relationships.get(name).cloned().unwrap_or_default());
    assert_eq!(peers, [json!(["red", "blue"]), json!(["blue"]), json!(["d1"]), json!(["all"])]);
    // A link that only the device knows leads to it, where the device takes it.
    let device = service.object("TestDevice", "d1").unwrap();
    assert_eq!(device.relationships["uplink"], json!(["a"]));
    assert!(!device.relationships.contains_key("first"));
    let answer = done(
        &service,
        "{TestTrunk {edges {node {speed {is_protected owner {id}} duplex {is_default} \
                                  word {is_default}}}}}",
    );
    let node = &answer["TestTrunk"]["edges"][0]["node"];
    assert_eq!(node["speed"], json!({"is_protected": true, "owner": {"id": admin}}));
    assert_eq!(node["duplex"], json!({"is_default": true}));
    assert_eq!(node["word"], json!({"is_default": false}));
    sound(&service);
}

#[test]
fn what_cannot_become_another_kind_is_told_so_and_nothing_changes() {
    let service = ready();
    load(&service, "BuiltinTag", &json!([{"name": "red"}, {"name": "blue"}]));
    let row = json!([{"name": "a", "device": "d1", "tags": ["red", "blue"], "word": "secret"}]);
    load(&service, "TestAccess", &row);
    let row = json!([{"name": "watched", "device": "d1"}, {"name": "usual", "device": "d1"}]);
    load(&service, "TestAccess", &row);
    load(&service, "TestMonitor", &json!([{"name": "m", "port": "watched"}]));
    load(&service, "ProfileTestAccess", &json!([{"profile_name": "slow", "speed": 10}]));
    load(&service, "TestAccess", &json!([{"name": "usual", "device": "d1", "profiles": ["slow"]}]));
    load(&service, "TestPlain", &json!([{"name": "p"}]));
    let before = dump(&service);
    let refused = |name: &str, target: &str, mapping: Json, code: &str, words: &str| {
        let told = convert(&service, "TestPort", name, target, &mapping).unwrap_err();
        assert_eq!(told.code(), code, "{told}");
        assert!(told.to_string().contains(words), "{told}");
        assert_eq!(dump(&service), before, "{told}");
    };
    let with = |field: &str, fill: Json| {
        let mut mapping = mtu();
        mapping[field] = fill;
        mapping
    };
    let data = |name: &str, value: Json| json!({"data": {name: value}});
    refused("a", "TestTrunk", json!({}), "required", "mtu is mandatory for TestTrunk");
    refused("a", "TestTrunk", with("mtu", data("attribute_value", json!(1))), "bad-value", "576");
    refused("a", "TestNone", json!({}), "unknown-kind", "`TestNone`");
    refused("a", "TestPort", json!({}), "not-concrete", "`TestPort` is a generic");
    refused("none", "TestTrunk", mtu(), "not-found", "none");
    refused(
        "a",
        "TestTrunk",
        with("mtuu", json!({"use_default_value": true})),
        "unknown-field",
        "`mtu`",
    );
    refused(
        "a",
        "TestTrunk",
        with("note", json!({"source_field": "noted"})),
        "unknown-field",
        "`note`",
    );
    refused(
        "a",
        "TestTrunk",
        with("tag", json!({"source_field": "tagz"})),
        "unknown-field",
        "`tags`",
    );
    let not = "not-convertible";
    refused("a", "TestAccess", json!({}), not, "it is one already");
    refused("a", "ProfileTestTrunk", json!({}), not, "is a profile or a template");
    refused("usual", "TestTrunk", mtu(), not, "`speed` comes from a profile");
    refused(
        "watched",
        "TestTrunk",
        mtu(),
        not,
        "TestMonitor `m` cannot be without it as its `port`",
    );
    refused(
        "a",
        "TestTrunk",
        with("tag", json!({"source_field": "tags"})),
        not,
        "`tags` has 2 peers",
    );
    refused(
        "a",
        "TestTrunk",
        with("tag", json!({"source_field": "note"})),
        not,
        "`note` is an attribute",
    );
    refused(
        "a",
        "TestTrunk",
        with("note", json!({"source_field": "tags"})),
        not,
        "`tags` is a relationship",
    );
    refused(
        "a",
        "TestTrunk",
        with("note", json!({"source_field": "word"})),
        not,
        "`word` is never told",
    );
    refused(
        "a",
        "TestTrunk",
        with("note", data("peer_id", json!("red"))),
        not,
        "`attribute_value`",
    );
    refused("a", "TestTrunk", with("tag", data("peers_ids", json!(["red"]))), not, "a `peer_id`");
    refused("a", "TestTrunk", with("tags", data("peer_id", json!("red"))), not, "`peers_ids`");
    refused("a", "TestTrunk", with("tags", data("attribute_value", json!(1))), not, "`peers_ids`");
    refused("a", "TestTrunk", with("tag", data("peer_id", json!("green"))), "not-found", "green");
    let device = id(&service, "TestDevice", "d1");
    refused(
        "a",
        "TestTrunk",
        with("tag", data("peer_id", json!(device))),
        "wrong-peer",
        "`BuiltinTag`",
    );
    refused(
        "a",
        "TestTrunk",
        with("code", data("attribute_value", json!("x"))),
        "bad-value",
        "code",
    );
    for (fill, words) in [
        (json!({}), "one of `source_field`, `data` and `use_default_value`"),
        (json!({"source_field": "note", "use_default_value": true}), "one of `source_field`"),
        (json!({"source_field": 7}), "a text is needed"),
        (data("attribute", json!(1)), "one of `attribute_value`"),
        (json!({"data": {"attribute_value": 1, "peer_id": "x"}}), "one of `attribute_value`"),
        (data("peers_ids", json!("red")), "the list `peers_ids`"),
        (data("peers_ids", json!([1])), "a text is needed"),
    ] {
        refused("a", "TestTrunk", with("note", fill), "bad-value", words);
    }
    // What others are alike in stays a rule.
    load(&service, "TestPlain", &json!([{"name": "a"}]));
    let alike = convert(&service, "TestAccess", "a", "TestPlain", &json!({})).unwrap_err();
    assert_eq!(alike.code(), "not-unique", "{alike}");
    sound(&service);
}

#[test]
fn kinds_of_other_branch_modes_are_converted_while_main_is_alone() {
    let main = ready();
    load(&main, "TestPlain", &json!([{"name": "p"}, {"name": "q"}]));
    convert(&main, "TestPlain", "p", "TestShared", &json!({})).unwrap();
    assert!(main.object("TestShared", "p").is_ok());
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    let before = dump(&main);
    for service in [&main, &b] {
        for (from, name, to) in [("TestPlain", "q", "TestShared"), ("TestShared", "p", "TestPlain")]
        {
            let refused = convert(service, from, name, to, &json!({})).unwrap_err();
            assert_eq!(refused.code(), "not-convertible");
            assert!(refused.to_string().contains("while there is no branch"), "{refused}");
        }
    }
    assert_eq!(dump(&main), before);
    sound(&main);
}

#[test]
fn the_default_namespace_and_a_pool_in_use_stay_what_they_are() {
    let service = ready();
    schema(&service, "nodes: [{name: Space, namespace: Ipam, inherit_from: [BuiltinIPNamespace]}]")
        .unwrap();
    port(&service, "a");
    let before = dump(&service);
    let refused = |kind: &str, name: &str, target: &str, mapping: Json| {
        let told = convert(&service, kind, name, target, &mapping).unwrap_err();
        assert_eq!(dump(&service), before, "{told}");
        told.code()
    };
    assert_eq!(refused("IpamNamespace", "default", "IpamSpace", json!({})), "default-namespace");
    let mapping = json!({"name": {"data": {"attribute_value": "n"}}});
    assert_eq!(refused("CoreNumberPool", "vids", "BuiltinTag", mapping), "pool-in-use");
}

#[test]
fn the_public_mutation_and_what_it_asks_for_first() {
    let service = ready();
    port(&service, "a");
    let mapping = |source: &str, target: &str| {
        let text = format!(
            "{{FieldsMappingTypeConversion(source_kind: \"{source}\" target_kind: \"{target}\") {{mapping}}}}"
        );
        query(&service, &text)
    };
    let told = mapping("TestAccess", "TestTrunk")["data"]["FieldsMappingTypeConversion"]["mapping"]
        .clone();
    let of = |mandatory: bool, source: Json, cardinality: Json| {
        json!({
            "is_mandatory": mandatory, "source_field_name": source,
            "relationship_cardinality": cardinality,
        })
    };
    for (field, wanted) in [
        ("name", of(true, json!("name"), Json::Null)),
        ("mtu", of(true, Json::Null, Json::Null)),
        ("note", of(false, Json::Null, Json::Null)),
        ("vid", of(false, json!("vid"), Json::Null)),
        ("device", of(true, json!("device"), json!("one"))),
        ("tags", of(false, json!("tags"), json!("many"))),
        ("tag", of(false, Json::Null, json!("one"))),
    ] {
        assert_eq!(told[field], wanted, "{field}");
    }
    let code = |answer: &Json| answer["errors"][0]["extensions"]["code"].clone();
    assert_eq!(code(&mapping("TestAccess", "TestNone")), "SCHEMA_NOT_FOUND");
    assert_eq!(code(&mapping("TestPort", "TestTrunk")), "not-concrete");
    let old = id(&service, "TestAccess", "a");
    // As the published client sends it, unused forms and all.
    let send = |id: &str, mapping: Json| {
        let request = graphql::Request {
            query: "mutation($node_id: String!, $target_kind: String!, $fields_mapping: GenericScalar!) { \
                    ConvertObjectType(data: {node_id: $node_id, target_kind: $target_kind, \
                    fields_mapping: $fields_mapping}) {ok node} }"
                .to_owned(),
            variables: json!({"node_id": id, "target_kind": "TestTrunk", "fields_mapping": mapping})
                .as_object()
                .unwrap()
                .clone(),
            ..graphql::Request::default()
        };
        serde_json::from_slice::<Json>(&service.graphql(&request).unwrap()).unwrap()
    };
    let before = dump(&service);
    assert_eq!(code(&send(&old, json!([]))), "BAD_REQUEST");
    assert_eq!(code(&send(&old, json!({}))), "ATTRIBUTE_REQUIRED");
    assert_eq!(code(&send(&old, json!({"mtu": 5}))), "ATTRIBUTE_CONSTRAINT_VIOLATION");
    assert_eq!(code(&send("0", json!({}))), "NODE_NOT_FOUND");
    assert_eq!(dump(&service), before);
    let value = json!({"attribute_value": 1500, "peer_id": null, "peers_ids": null});
    let fill = json!({"source_field": null, "data": value, "use_default_value": false});
    let answer = send(&old, json!({"mtu": fill}));
    let told = &answer["data"]["ConvertObjectType"];
    assert_eq!(told["ok"], true, "{answer:#}");
    let node = &told["node"];
    assert_eq!(node["__typename"], "TestTrunk");
    assert_eq!(node["id"], id(&service, "TestTrunk", "a"));
    assert_eq!((&node["vid"]["value"], &node["hfid"]), (&json!(1), &json!(["a"])));
    let again = send(&old, json!({}));
    assert_eq!(code(&again), "NODE_NOT_FOUND");
    sound(&service);
}

#[test]
fn who_may_not_make_or_delete_such_objects_converts_none() {
    let service = ready();
    port(&service, "a");
    let before = dump(&service);
    let stranger = service.called_by(service::Caller::anonymous(true));
    let refused = convert(&stranger, "TestAccess", "a", "TestTrunk", &mtu()).unwrap_err();
    assert!(matches!(refused, ServiceError::Unauthenticated { .. }), "{refused}");
    assert_eq!(dump(&service), before);
}
