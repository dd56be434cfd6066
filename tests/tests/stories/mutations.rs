//! Objects changed through GraphQL: every form of input that clients send, and what they are told.

use serde_json::{Value as Json, json};
use service::{Service, SourceFile};

use crate::support::{labels, load, query, service, sound};

const SCHEMA: &str = r#"
version: "1.0"
generics:
  - name: Device
    namespace: Demo
    human_friendly_id: [name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: note, kind: Text, optional: true}
nodes:
  - name: Site
    namespace: Demo
    human_friendly_id: [name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text, unique: true}
    relationships:
      - {name: servers, peer: DemoServer, cardinality: many}
  - name: Server
    namespace: Demo
    inherit_from: [DemoDevice]
    attributes:
      - {name: vlan, kind: Number, optional: true}
      - {name: cores, kind: Number, default_value: 4, parameters: {min_value: 1, max_value: 256}}
      - {name: asn, kind: Number, optional: true}
      - {name: alive, kind: Boolean, optional: true}
      - {name: since, kind: DateTime, optional: true}
      - {name: facts, kind: JSON, optional: true}
      - {name: words, kind: List, optional: true}
      - {name: state, kind: Dropdown, optional: true, choices: [{name: active, label: Active}, {name: spare}]}
    relationships:
      - {name: site, peer: DemoSite, cardinality: one, kind: Attribute}
      - {name: address, peer: IpamIPAddress, cardinality: one, kind: Attribute}
      - {name: nets, peer: IpamPrefix, cardinality: many, kind: Attribute, optional: true, identifier: server__nets}
      - {name: tags, peer: BuiltinTag, cardinality: many, kind: Attribute}
      - {name: nics, peer: DemoNic, cardinality: many, kind: Component}
      - {name: uplink, peer: DemoDevice, cardinality: one, identifier: uplink__server, direction: outbound}
  - name: Nic
    namespace: Demo
    human_friendly_id: [server__name__value, name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text}
    relationships:
      - {name: server, peer: DemoServer, cardinality: one, kind: Parent, optional: false}
  - name: IPAddress
    namespace: Ipam
    inherit_from: [BuiltinIPAddress]
    human_friendly_id: [address__value, ip_namespace__name__value]
  - name: Prefix
    namespace: Ipam
    inherit_from: [BuiltinIPPrefix]
    human_friendly_id: [prefix__value, ip_namespace__name__value]
"#;

pub(crate) fn stocked() -> Service {
    let service = service();
    let file = SourceFile { name: "demo.yml".to_owned(), text: SCHEMA.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    load(&service, "DemoSite", &json!([{"name": "ams"}, {"name": "lon"}]));
    load(&service, "BuiltinTag", &json!([{"name": "red"}, {"name": "green"}, {"name": "blue"}]));
    load(&service, "IpamPrefix", &json!([{"prefix": "10.0.0.0/29"}, {"prefix": "10.1.0.0/16"}]));
    service
}

/// The data of a request that succeeds.
pub(crate) fn done(service: &Service, text: &str) -> Json {
    let answer = query(service, text);
    assert!(answer.get("errors").is_none(), "{text}\n{answer:#}");
    answer["data"].clone()
}

/// Code and message of a request that fails.
pub(crate) fn refused(service: &Service, text: &str) -> (String, String) {
    let answer = query(service, text);
    let error = &answer["errors"][0];
    assert!(error.is_object(), "{text}\n{answer:#}");
    let word = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    (word(&error["extensions"]["code"]), word(&error["message"]))
}

pub(crate) fn with(service: &Service, text: &str, variables: Json) -> Json {
    let Json::Object(variables) = variables else { panic!("variables are an object") };
    let request = graphql::Request { query: text.to_owned(), variables, ..Default::default() };
    let answer = service.graphql(&request).unwrap_or_else(|bad| panic!("{bad}"));
    serde_json::from_slice(&answer).unwrap()
}

pub(crate) fn id(service: &Service, kind: &str, name: &str) -> String {
    let text = format!("{{ {kind}(name__value: \"{name}\") {{ edges {{ node {{ id }} }} }} }}");
    let data = done(service, &text);
    data[kind]["edges"][0]["node"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_object_is_made_with_every_form_of_value_and_told_as_it_is_afterwards() {
    let service = stocked();
    let data = done(
        &service,
        r#"mutation {
            DemoServerCreate(data: {
                name: { value: "s\ud83d\ude001" is_protected: false }
                asn: { value: 4200000000 }
                alive: { value: true }
                since: { value: "2026-01-02T03:04:05+01:00" }
                facts: { value: { a: [1, { b: null }], c: "x" } }
                words: { value: ["a", "b",] }
                state: { value: "active" }
                site: { hfid: ["ams"] }
                tags: [ { hfid: ["red"] } { hfid: "blue" } ]
            }) {
                ok
                object {
                    name { value } asn { value } alive { value } since { value } facts { value }
                    words { value } state { value label } cores { value is_default }
                    display_label hfid __typename
                    site { node { display_label } }
                    tags { count edges { node { name { value } } } }
                }
            }
        }"#,
    );
    assert_eq!(
        data["DemoServerCreate"],
        json!({"ok": true, "object": {
            "name": {"value": "s😀1"}, "asn": {"value": 4_200_000_000_i64}, "alive": {"value": true},
            "since": {"value": "2026-01-02T02:04:05.000000Z"}, "facts": {"value": {"a": [1, {"b": null}], "c": "x"}},
            "words": {"value": ["a", "b"]}, "state": {"value": "active", "label": "Active"},
            "cores": {"value": 4, "is_default": true},
            "display_label": "s😀1", "hfid": ["s😀1"], "__typename": "DemoServer",
            "site": {"node": {"display_label": "ams"}},
            "tags": {"count": 2, "edges": [{"node": {"name": {"value": "blue"}}}, {"node": {"name": {"value": "red"}}}]},
        }})
    );
    sound(&service);
}

#[test]
fn an_upsert_finds_its_object_by_id_by_hfid_and_by_its_data() {
    let service = stocked();
    let upsert = |data: &str| {
        let text =
            format!("mutation {{ DemoServerUpsert(data: {{ {data} }}) {{ ok object {{ id }} }} }}");
        done(&service, &text)["DemoServerUpsert"]["object"]["id"].as_str().unwrap().to_owned()
    };
    let made = upsert(r#"name: { value: "s1" } note: { value: "first" }"#);
    assert_eq!(upsert(r#"name: { value: "s1" } cores: { value: 8 }"#), made);
    assert_eq!(upsert(r#"hfid: ["s1"] cores: { value: 9 }"#), made);
    assert_eq!(upsert(&format!(r#"id: "{made}" name: {{ value: "s2" }}"#)), made);
    // What an upsert leaves out stays.
    let data = done(
        &service,
        "{ DemoServer { count edges { node { name { value } note { value } cores { value } } } } }",
    );
    assert_eq!(
        data["DemoServer"],
        json!({"count": 1, "edges": [{"node": {
            "name": {"value": "s2"}, "note": {"value": "first"}, "cores": {"value": 9},
        }}]})
    );
    // An id that is not there yet becomes the new object's.
    let new = "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
    assert_eq!(upsert(&format!(r#"id: "{new}" name: {{ value: "s3" }}"#)), new);
    // A human-friendly id through a relationship.
    let nic = |_: ()| {
        done(
            &service,
            r#"mutation { DemoNicUpsert(data: { name: { value: "eth0" } server: { hfid: ["s3"] } }) { object { id hfid } } }"#,
        )
    };
    let (one, two) = (nic(()), nic(()));
    assert_eq!(one, two);
    assert_eq!(one["DemoNicUpsert"]["object"]["hfid"], json!(["s3", "eth0"]));
}

#[test]
fn an_update_changes_what_it_mentions_and_null_takes_away() {
    let service = stocked();
    done(
        &service,
        r#"mutation { DemoServerCreate(data: { name: { value: "s1" } note: { value: "n" } cores: { value: 7 }
        site: { hfid: ["ams"] } tags: [{ hfid: ["red"] }, { hfid: ["blue"] }] }) { ok } }"#,
    );
    let server = id(&service, "DemoServer", "s1");
    let update = |data: &str| {
        let text = format!("mutation {{ DemoServerUpdate(data: {{ id: \"{server}\" {data} }}) {{ ok object {{
            note {{ value }} cores {{ value is_default }} site {{ node {{ id }} }} tags {{ count }} }} }} }}");
        done(&service, &text)["DemoServerUpdate"]["object"].clone()
    };
    let site = id(&service, "DemoSite", "ams");
    let all = json!({"note": {"value": "n"}, "cores": {"value": 7, "is_default": false}, "site": {"node": {"id": site}}, "tags": {"count": 2}});
    // Only an id; keys of an object that was read and is sent back.
    assert_eq!(update(""), all);
    assert_eq!(
        update(&format!(
            r#"note: {{ value: "n" updated_at: "2026-01-01T00:00:00Z" }} site: {{ id: "{site}" _relation__updated_at: "2026-01-01T00:00:00Z" }}"#
        )),
        all
    );
    let gone = update("note: { value: null } cores: { is_default: true } site: null tags: []");
    assert_eq!(
        gone,
        json!({"note": {"value": null}, "cores": {"value": 4, "is_default": true}, "site": {"node": null}, "tags": {"count": 0}})
    );
    // A generic names the object as well.
    let text = format!(
        r#"mutation {{ DemoDeviceUpdate(data: {{ id: "{server}" note: {{ value: "g" }} }}) {{ object {{ __typename note {{ value }} }} }} }}"#
    );
    assert_eq!(
        done(&service, &text)["DemoDeviceUpdate"]["object"],
        json!({"__typename": "DemoServer", "note": {"value": "g"}})
    );
    let (code, _) = refused(
        &service,
        r#"mutation { DemoServerUpdate(data: { note: { value: "x" } }) { ok } }"#,
    );
    assert_eq!(code, "BAD_REQUEST");
}

#[test]
fn relationships_are_added_to_and_taken_from_by_name() {
    let service = stocked();
    done(
        &service,
        r#"mutation { DemoServerCreate(data: { name: { value: "s1" } tags: [{ hfid: ["red"] }] }) { ok } }"#,
    );
    let (server, green) = (id(&service, "DemoServer", "s1"), id(&service, "BuiltinTag", "green"));
    let tags = |service: &Service| {
        let data = done(
            service,
            "{ DemoServer { edges { node { tags { edges { node { display_label } } } } } } }",
        );
        data["DemoServer"]["edges"][0]["node"]["tags"]["edges"].as_array().unwrap().len()
    };
    let change = |verb: &str| {
        let text = format!(
            r#"mutation {{ {verb}(data: {{ id: "{server}" name: "tags" nodes: [{{ id: "{green}" }}, {{ id: "{green}" }}] }}) {{ ok }} }}"#
        );
        assert_eq!(done(&service, &text)[verb], json!({"ok": true}));
    };
    change("RelationshipAdd");
    assert_eq!(tags(&service), 2);
    change("RelationshipAdd");
    assert_eq!(tags(&service), 2);
    change("RelationshipRemove");
    assert_eq!(tags(&service), 1);
    let text = format!(
        r#"mutation {{ RelationshipAdd(data: {{ id: "{server}" name: "tag" nodes: [] }}) {{ ok }} }}"#
    );
    assert!(refused(&service, &text).1.contains("did you mean `tags`?"));
}

#[test]
fn deleting_takes_components_along_and_says_what_is_not_there() {
    let service = stocked();
    done(
        &service,
        r#"mutation { a: DemoServerCreate(data: { name: { value: "s1" } }) { ok }
        b: DemoNicCreate(data: { name: { value: "eth0" } server: { hfid: ["s1"] } }) { ok } }"#,
    );
    let (server, nic) = (id(&service, "DemoServer", "s1"), id(&service, "DemoNic", "eth0"));
    let delete = |kind: &str, id: &str| {
        format!("mutation {{ {kind}Delete(data: {{ id: \"{id}\" }}) {{ ok }} }}")
    };
    let (code, message) = refused(&service, &delete("DemoSite", &server));
    assert_eq!(code, "BAD_REQUEST", "{message}");
    done(&service, &delete("DemoServer", &server));
    assert_eq!(labels(&service, "DemoNic"), Vec::<String>::new());
    let answer = query(&service, &delete("DemoNic", &nic));
    assert_eq!(answer["data"], json!({"DemoNicDelete": null}));
    let error = &answer["errors"][0];
    assert_eq!(
        error["message"],
        json!(format!("Unable to find the node {nic} / DemoNic in the database."))
    );
    assert_eq!(error["path"], json!(["DemoNicDelete"]));
    assert_eq!(
        error["extensions"],
        json!({"code": "NODE_NOT_FOUND", "http_status": 404, "data": {"node_kind": "DemoNic", "identifier": nic}})
    );
    done(&service, r#"mutation { DemoSiteDelete(data: { hfid: ["lon"] }) { ok } }"#);
    assert_eq!(labels(&service, "DemoSite"), ["ams"]);
}

#[test]
fn what_is_wrong_has_the_public_code_and_leaves_nothing() {
    let service = stocked();
    let create = |data: &str| {
        format!("mutation {{ DemoServerCreate(data: {{ {data} }}) {{ ok object {{ id }} }} }}")
    };
    for (data, code, part) in [
        (
            r#"note: { value: "x" }"#,
            "ATTRIBUTE_REQUIRED",
            "name is mandatory for DemoServer at name",
        ),
        (
            r#"name: { value: "s" } cores: { value: 999 }"#,
            "ATTRIBUTE_CONSTRAINT_VIOLATION",
            "at most 256",
        ),
        (
            r#"name: { value: "s" } asn: { value: 99999999999999999999 }"#,
            "ATTRIBUTE_CONSTRAINT_VIOLATION",
            "64 bits",
        ),
        (
            r#"name: { value: "s" } state: { value: "none" }"#,
            "ATTRIBUTE_CONSTRAINT_VIOLATION",
            "must be one of",
        ),
        (
            r#"name: { value: "s" } site: { hfid: ["none"] }"#,
            "NODE_NOT_FOUND",
            "Unable to find the node none / DemoSite",
        ),
        (
            r#"name: { value: "s" } site: { kind: "DemoSite" }"#,
            "ATTRIBUTE_CONSTRAINT_VIOLATION",
            "needs `id` or `hfid`",
        ),
        (
            r#"name: { value: "s" } vlan: { from_pool: { id: "none" } }"#,
            "unknown-pool",
            "there is no pool `none`",
        ),
        (r#"name: { value: "s" } colour: { value: 1 }"#, "BAD_REQUEST", "colour"),
        (r#"name: { valeu: "s" }"#, "BAD_REQUEST", "valeu"),
    ] {
        let (got, message) = refused(&service, &create(data));
        assert_eq!(got, code, "{data}: {message}");
        assert!(message.contains(part), "{data}: {message}");
    }
    done(&service, &create(r#"name: { value: "s" }"#));
    let (code, message) = refused(&service, &create(r#"name: { value: "s" }"#));
    assert_eq!(code, "ATTRIBUTE_CONSTRAINT_VIOLATION");
    assert!(message.contains("Violates uniqueness constraint 'name'"), "{message}");
    assert_eq!(labels(&service, "DemoServer"), ["s"]);
    sound(&service);
}

#[test]
fn fields_of_one_mutation_are_commits_of_their_own_in_order() {
    let service = stocked();
    let before = service.last_commit();
    let answer = query(
        &service,
        r#"mutation {
            one: DemoSiteCreate(data: { name: { value: "a" } }) { ok }
            two: DemoSiteCreate(data: { name: { value: "a" } }) { ok }
            three: DemoServerCreate(data: { name: { value: "s" } site: { hfid: ["a"] } }) { ok object { site { node { display_label } } } }
        }"#,
    );
    assert_eq!(
        answer["data"],
        json!({"one": {"ok": true}, "two": null, "three": {"ok": true, "object": {"site": {"node": {"display_label": "a"}}}}})
    );
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0]["path"], json!(["two"]));
    assert_eq!(errors[0]["locations"][0]["line"], json!(3));
    assert_eq!(service.last_commit(), before + 2);
}

#[test]
fn variables_are_taken_whatever_type_they_are_declared_with() {
    let service = stocked();
    let text = r#"mutation ($value_1: String!, $value_2: String!, $n: String!, $unused: Int) {
        DemoServerCreate(data: { name: { value: $value_1 } since: { value: $value_2 } asn: { value: $n } note: { value: $missing } }) {
            object { name { value } since { value } asn { value } note { value } } } }"#;
    let text = text.replace("note: { value: $missing } ", "");
    let variables = json!({"value_1": "a \"b\"", "value_2": "2026-01-01T00:00:00+00:00", "n": "65000", "undeclared": 1});
    let answer = with(&service, &text, variables);
    assert_eq!(
        answer["data"]["DemoServerCreate"]["object"],
        json!({"name": {"value": "a \"b\""}, "since": {"value": "2026-01-01T00:00:00.000000Z"}, "asn": {"value": 65000}, "note": {"value": null}}),
        "{answer}"
    );
    // Typed clients send the whole input.
    let text = "mutation M($data: DemoSiteUpsertInput!) { DemoSiteUpsert(data: $data) { ok object { display_label } } }";
    let answer = with(&service, text, json!({"data": {"name": {"value": "par"}}}));
    assert_eq!(
        answer["data"]["DemoSiteUpsert"]["object"]["display_label"],
        json!("par"),
        "{answer}"
    );
    // Numbers keep their 64 bits.
    let text = "mutation($n: BigInt) { DemoServerUpsert(data: { name: { value: \"big\" } asn: { value: $n } }) { object { asn { value } } } }";
    let answer = with(&service, text, json!({"n": i64::MAX}));
    assert_eq!(
        answer["data"]["DemoServerUpsert"]["object"]["asn"]["value"],
        json!(i64::MAX),
        "{answer}"
    );
}

#[test]
fn values_and_addresses_come_from_pools_and_stay_on_repeated_upserts() {
    let service = stocked();
    done(
        &service,
        r#"mutation {
        CoreNumberPoolCreate(data: { name: { value: "vlans" } node: { value: "DemoServer" } node_attribute: { value: "vlan" }
            start_range: { value: 100 } end_range: { value: 9223372036854775807 } }) { ok }
        CoreIPAddressPoolCreate(data: { name: { value: "addresses" } default_address_type: { value: "IpamIPAddress" }
            default_prefix_length: { value: 32 } ip_namespace: { id: "default" } resources: [{ hfid: ["10.0.0.0/29"] }] }) { ok }
    }"#,
    );
    let upsert = |name: &str| {
        let text = format!(
            r#"mutation {{ DemoServerUpsert(data: {{ name: {{ value: "{name}" }}
                vlan: {{ from_pool: {{ id: "vlans" }} }} address: {{ from_pool: {{ id: "addresses" }} }} }}) {{
                object {{ vlan {{ value source {{ id display_label }} }}
                    address {{ node {{ id display_label __typename }} properties {{ source {{ display_label }} }} }} }} }} }}"#
        );
        done(&service, &text)["DemoServerUpsert"]["object"].clone()
    };
    let one = upsert("s1");
    assert_eq!(one["vlan"]["value"], json!(100));
    assert_eq!(one["vlan"]["source"]["display_label"], json!("vlans"));
    assert_eq!(one["address"]["node"]["display_label"], json!("10.0.0.1/32"));
    assert_eq!(one["address"]["node"]["__typename"], json!("IpamIPAddress"));
    assert_eq!(one["address"]["properties"]["source"]["display_label"], json!("addresses"));
    assert_eq!(upsert("s1"), one);
    let two = upsert("s2");
    assert_eq!(two["vlan"]["value"], json!(101));
    assert_eq!(two["address"]["node"]["display_label"], json!("10.0.0.2/32"));
    // Exhaustion leaves nothing of the half-made object.
    for number in 3..=6 {
        upsert(&format!("s{number}"));
    }
    let (code, message) = refused(
        &service,
        r#"mutation { DemoServerUpsert(data: { name: { value: "s7" } address: { from_pool: { id: "addresses" } } }) { ok } }"#,
    );
    assert_eq!(code, "pool-exhausted", "{message}");
    assert_eq!(labels(&service, "DemoServer").len(), 6);
    sound(&service);
}

#[test]
fn a_change_is_attributed_to_the_account_of_its_context() {
    let service = stocked();
    load(&service, "CoreAccount", &json!([{"name": "robot"}]));
    let account = id(&service, "CoreAccount", "robot");
    let create = |account: &str| {
        format!(
            r#"mutation {{ DemoSiteUpsert(context: {{ account: {{ id: "{account}" }} }} data: {{ name: {{ value: "x" }} }}) {{ ok }} }}"#
        )
    };
    let (code, _) = refused(&service, &create("0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"));
    assert_eq!(code, "NODE_NOT_FOUND");
    done(&service, &create(&account));
    let data = done(
        &service,
        r#"{ DemoSite(name__value: "x") { edges { node_metadata { created_by { id display_label } } } } }"#,
    );
    assert_eq!(
        data["DemoSite"]["edges"][0]["node_metadata"]["created_by"],
        json!({"id": account, "display_label": "robot"})
    );
}

#[test]
fn every_element_of_a_list_draws_a_resource_of_its_own_and_keeps_it() {
    let service = stocked();
    done(
        &service,
        r#"mutation { CoreIPPrefixPoolCreate(data: { name: { value: "nets" } default_prefix_length: { value: 24 }
            default_prefix_type: { value: "IpamPrefix" } ip_namespace: { id: "default" }
            resources: [{ hfid: ["10.1.0.0/16"] }] }) { ok } }"#,
    );
    let upsert = |nets: &str| {
        let text = format!(
            r#"mutation {{ DemoServerUpsert(data: {{ name: {{ value: "s1" }} nets: [{nets}] }}) {{ object {{
                nets {{ edges {{ node {{ display_label ... on IpamPrefix {{ member_type {{ value }} }} }}
                    properties {{ source {{ display_label }} }} }} }} }} }} }}"#
        );
        let data = done(&service, &text);
        let edges = data["DemoServerUpsert"]["object"]["nets"]["edges"].as_array().unwrap().clone();
        for edge in &edges {
            assert_eq!(edge["properties"]["source"]["display_label"], json!("nets"));
        }
        let told = |edge: &Json| {
            let word = |json: &Json| json.as_str().unwrap().to_owned();
            (word(&edge["node"]["display_label"]), word(&edge["node"]["member_type"]["value"]))
        };
        let mut told: Vec<_> = edges.iter().map(told).collect();
        told.sort();
        told
    };
    let one = r#"{ from_pool: { id: "nets" size: 28 member_type: "address" prefix_type: "IpamPrefix" } }"#;
    let two = r#"{ from_pool: { id: "nets" member_type: "prefix" } }"#;
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let both = vec![pair("10.1.0.0/28", "address"), pair("10.1.1.0/24", "prefix")];
    assert_eq!(upsert(&format!("{one} {two}")), both);
    assert_eq!(upsert(&format!("{one} {two}")), both);
    assert_eq!(upsert(one), both[..1]);
    let (code, message) = refused(
        &service,
        &format!(
            r#"mutation {{ DemoServerUpsert(data: {{ name: {{ value: "s1" }} nets: [{one} {{ hfid: ["10.1.0.0/16"] }}] }}) {{ ok }} }}"#
        ),
    );
    assert_eq!(code, "ATTRIBUTE_CONSTRAINT_VIOLATION");
    assert!(message.contains("not both at once"), "{message}");
    sound(&service);
}
