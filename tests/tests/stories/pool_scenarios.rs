//! Pools, scenario by scenario of the peer. Which one is which test:
//!
//! | scenarios | where |
//! |---|---|
//! | 1–4, 7–13, 15–17, 26 | here |
//! | 5, 6, 23–25 | `pool_branches.rs` |
//! | 14, 18–22, 27–30 | `addresses.rs` |
//! | 31, 32, 34, 35, 40 | `addresses.rs`; 34 over branches in `pool_branches.rs` |
//! | 33, 36–39, 43 | here |
//! | 41, 42 | `pool_branches.rs` |
//! | 44–47, 49, 52–54, 56, 58, 60–62, 66, 68, 69 | `numbers.rs` |
//! | 48, 50, 51, 63 | `pool_branches.rs` |
//! | 55, 57, 64, 65, 67 | here |
//! | 59 | `conversions.rs` |
//! | 70 | `divisions.rs`; a branch without it in `pool_forms.rs` |
//! | 71 | here (the attribute) and `addresses.rs` (the pool) |
//! | 72–77 | `pool_branches.rs`; the attribute on a branch (74) here |
//! | 78 | here |
//! | 79–99 | `ip_hierarchy.rs` and `addresses.rs` |
//! | 100 | inside the host: an unknown place is no input |
//! | 101 | `ip_hierarchy.rs` |

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};
use service::{Drawing, Service};

use crate::addresses::{self, d2, long, many, next, one, prefixes};
use crate::numbers;
use crate::support::{dump, load, query, rows, service, sound};

/// The answer to a query that must have one.
fn ask(service: &Service, text: &str) -> Json {
    let answer = query(service, text);
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"].clone()
}

/// What a query that is refused is told.
fn told(service: &Service, text: &str) -> String {
    let answer = query(service, text);
    answer["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{answer:#}")).to_owned()
}

fn id(service: &Service, kind: &str, name: &str) -> String {
    service.object(kind, name).unwrap().id.to_string()
}

fn prefix_pool(service: &Service, more: &Json, resources: &[&str]) {
    let mut settings = json!({"default_prefix_type": "IpamPrefix"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    addresses::pool(service, "CoreIPPrefixPool", &settings, resources);
}

fn address_pool(service: &Service, more: &Json, resources: &[&str]) {
    let mut settings = json!({"default_address_type": "IpamIPAddress"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    addresses::pool(service, "CoreIPAddressPool", &settings, resources);
}

fn get_prefix(service: &Service, input: &str) -> Json {
    let text = format!(
        "mutation {{InfrahubIPPrefixPoolGetResource(data: {{hfid: [\"pool\"] {input}}}) {{ok node {{id \
           kind display_label branch identifier}}}}}}"
    );
    ask(service, &text)["InfrahubIPPrefixPoolGetResource"]["node"].clone()
}

fn refused_prefix(service: &Service, input: &str) -> String {
    let text = format!(
        "mutation {{InfrahubIPPrefixPoolGetResource(data: {{hfid: [\"pool\"] {input}}}) {{ok}}}}"
    );
    told(service, &text)
}

fn utilization(service: &Service, prefix: &str) -> Json {
    let text = format!(
        "{{IpamPrefix(prefix__value: \"{prefix}\") {{edges {{node {{utilization {{value}}}}}}}}}}"
    );
    let answer = ask(service, &text);
    answer["IpamPrefix"]["edges"][0]["node"]["utilization"]["value"].clone()
}

#[test]
fn scenario_1_the_half_that_is_not_busy() {
    let service = d2();
    prefix_pool(&service, &json!({}), &["10.10.0.0/16", "10.11.0.0/16"]);
    assert_eq!(one(&service, 17).unwrap(), "10.10.128.0/17");
}

#[test]
fn scenario_2_the_heavier_parent() {
    let service = d2();
    for (prefix, weight) in [("10.10.0.0/16", 100), ("10.11.0.0/16", 200)] {
        let values: Map<String, Json> =
            [("allocation_weight".to_owned(), json!(weight))].into_iter().collect();
        service.object_update("IpamPrefix", &format!("{prefix}/default"), &values).unwrap();
    }
    prefix_pool(&service, &json!({}), &["10.10.0.0/16", "10.11.0.0/16"]);
    assert_eq!(one(&service, 17).unwrap(), "10.11.0.0/17");
}

#[test]
fn scenario_2_the_weight_of_a_resource_is_taken_where_the_pool_names_it() {
    let service = d2();
    prefix_pool(&service, &json!({}), &["10.10.0.0/16", "10.11.0.0/16"]);
    let pool = id(&service, "CoreIPPrefixPool", "pool");
    let [low, high] = ["10.10.0.0/16", "10.11.0.0/16"]
        .map(|one| id(&service, "IpamPrefix", &format!("{one}/default")));
    // As it is written everywhere: in the mutation of the pool, and in a file.
    let update = |weights: [&str; 2]| {
        format!(
            "mutation {{CoreIPPrefixPoolUpdate(data: {{id: \"{pool}\" resources: [\
               {{id: \"{low}\", allocation_weight: {}}}, {{id: \"{high}\", allocation_weight: {}}}]}}) \
               {{ok}}}}",
            weights[0], weights[1],
        )
    };
    ask(&service, &update(["50", "100"]));
    assert_eq!(service.object("IpamPrefix", &high).unwrap().attributes["allocation_weight"], 100);
    assert_eq!(one(&service, 17).unwrap(), "10.11.0.0/17");
    let row = |resources: Json| {
        json!([{
            "name": "pool", "ip_namespace": "default", "default_prefix_type": "IpamPrefix",
            "resources": resources,
        }])
    };
    let both = json!([
        {"hfid": ["10.10.0.0/16", "default"], "allocation_weight": 7},
        {"hfid": ["10.11.0.0/16", "default"], "allocation_weight": -1},
    ]);
    load(&service, "CoreIPPrefixPool", &row(both));
    assert_eq!(one(&service, 24).unwrap(), "10.10.0.0/24");
    // What is not said stays.
    load(&service, "CoreIPPrefixPool", &row(json!([["10.10.0.0/16", "default"], {"id": high}])));
    assert_eq!(service.object("IpamPrefix", &high).unwrap().attributes["allocation_weight"], -1);
    // No weight where none can be.
    let before = dump(&service);
    let text = format!(
        "mutation {{TestSiteCreate(data: {{name: {{value: \"x\"}} prefix: {{id: \"{low}\", \
           allocation_weight: 1}}}}) {{ok}}}}"
    );
    assert!(told(&service, &text).contains("`prefix` takes no `allocation_weight`"));
    let word = row(json!([{"id": low, "allocation_weight": "heavy"}]));
    let bad = service.object_load(&[rows("CoreIPPrefixPool", &word)]).unwrap_err();
    assert!(bad.to_string().contains("`allocation_weight` must be a whole number"), "{bad}");
    assert_eq!(dump(&service), before);
    let plain = "nodes: [{name: Plain, namespace: Ipam, inherit_from: [BuiltinIPPrefix], \
                 human_friendly_id: [prefix__value]}]";
    numbers::schema(&service, plain).unwrap();
    load(&service, "IpamPlain", &json!([{"prefix": "172.16.0.0/16"}]));
    let before = dump(&service);
    let other =
        row(json!([{"hfid": ["172.16.0.0/16"], "kind": "IpamPlain", "allocation_weight": 1}]));
    let bad = service.object_load(&[rows("CoreIPPrefixPool", &other)]).unwrap_err();
    assert_eq!(bad.code(), "no-weight");
    assert!(bad.to_string().contains("inherit from `CoreWeightedPoolResource`"), "{bad}");
    assert_eq!(dump(&service), before);
    sound(&service);
}

#[test]
fn scenarios_3_7_8_and_10_an_identifier_gets_the_same_and_nothing_gets_another() {
    let service = d2();
    prefix_pool(&service, &json!({"default_prefix_length": 24}), &["10.10.0.0/16"]);
    let first = get_prefix(&service, "");
    assert_eq!(first["kind"], "IpamPrefix");
    assert_eq!((&first["identifier"], &first["branch"]), (&Json::Null, &json!("main")));
    let prefix = service.object("IpamPrefix", "10.10.0.0/24/default").unwrap();
    assert_eq!(prefix.id.to_string(), first["id"].as_str().unwrap());
    assert_eq!(prefix.attributes["member_type"], "prefix");
    let named = get_prefix(&service, "identifier: \"leaf\" member_type: \"address\"");
    assert_eq!(named["identifier"], "leaf");
    assert_ne!(named["id"], first["id"]);
    let again = get_prefix(&service, "identifier: \"leaf\" member_type: \"address\"");
    assert_eq!(again["id"], named["id"]);
    let prefix = service.object("IpamPrefix", "10.10.4.0/24/default").unwrap();
    assert_eq!(prefix.attributes["member_type"], "address");
    sound(&service);
}

#[test]
fn scenarios_4_and_11_what_is_missing_or_wrong_is_told_and_nothing_changes() {
    let service = d2();
    addresses::pool(&service, "CoreIPPrefixPool", &json!({}), &["10.10.0.0/16"]);
    let before = dump(&service);
    let message = refused_prefix(&service, "");
    assert!(message.contains("A prefixlen or a default_value must be provided"), "{message}");
    let message = refused_prefix(&service, "prefix_length: 24 prefix_type: \"Wrong\"");
    assert!(message.contains("'Wrong' is not a valid kind"), "{message}");
    let message = refused_prefix(&service, "prefix_length: 24 member_type: \"foo\"");
    let wanted = "Invalid member_type value, allowed values are ['prefix', 'address']";
    assert!(message.contains(wanted), "{message}");
    // A kind that is no prefix cannot be made.
    let message = refused_prefix(&service, "prefix_length: 24 prefix_type: \"TestSite\"");
    assert!(message.contains("TestSite"), "{message}");
    assert_eq!(dump(&service), before);
}

#[test]
fn scenario_9_right_after_what_is_there() {
    let service = d2();
    prefixes(&service, &["10.10.3.0/24"]);
    prefix_pool(&service, &json!({}), &["10.10.3.0/24"]);
    assert_eq!(one(&service, 31).unwrap(), "10.10.3.32/31");
}

#[test]
fn scenarios_12_and_13_lengths_are_mixed_and_a_space_ends() {
    let service = addresses::ready();
    prefixes(&service, &["192.168.0.0/16"]);
    prefix_pool(&service, &json!({}), &["192.168.0.0/16"]);
    let drawn: Vec<String> =
        [24, 25, 17, 24, 25].map(|length| one(&service, length).unwrap()).into();
    let wanted = [
        "192.168.0.0/24",
        "192.168.1.0/25",
        "192.168.128.0/17",
        "192.168.2.0/24",
        "192.168.1.128/25",
    ];
    assert_eq!(drawn, wanted);
    let service = addresses::ready();
    prefixes(&service, &["192.0.0.0/22"]);
    prefix_pool(&service, &json!({}), &["192.0.0.0/22"]);
    let wanted = ["192.0.0.0/24", "192.0.1.0/24", "192.0.2.0/24", "192.0.3.0/24"];
    assert_eq!(many(&service, 24, 4), wanted);
    assert!(one(&service, 24).unwrap_err().contains("No more resources available"));
}

#[test]
fn scenarios_15_to_17_ipv6_and_the_last_addresses() {
    let service = addresses::ready();
    prefixes(&service, &["2620:135:6000:fffe::/64"]);
    prefix_pool(&service, &json!({}), &["2620:135:6000:fffe::/64"]);
    let owned = Drawing { identifier: Some("owner".to_owned()), ..long(127) };
    let first = addresses::draw(&service, &owned).unwrap();
    assert_eq!(first, ["2620:135:6000:fffe::/127"]);
    assert_eq!(addresses::draw(&service, &owned).unwrap(), first);
    let service = addresses::ready();
    prefixes(&service, &["255.255.255.240/28"]);
    prefix_pool(&service, &json!({}), &["255.255.255.240/28"]);
    assert_eq!(many(&service, 31, 8).last().unwrap(), "255.255.255.254/31");
    assert!(one(&service, 31).is_err());
}

#[test]
fn scenario_26_a_resource_of_another_pool_is_told_so() {
    let service = d2();
    prefix_pool(&service, &json!({}), &["10.10.0.0/16"]);
    let (pool, other) = (
        id(&service, "CoreIPPrefixPool", "pool"),
        id(&service, "IpamPrefix", "10.11.0.0/16/default"),
    );
    let message = told(
        &service,
        &format!(
            "{{InfrahubResourcePoolAllocated(pool_id: \"{pool}\", resource_id: \"{other}\") {{count}}}}"
        ),
    );
    let wanted =
        format!("The selected pool_id={pool} doesn't contain the requested resource_id={other}");
    assert!(message.contains(&wanted), "{message}");
}

#[test]
fn scenarios_33_and_43_an_address_under_an_identifier_with_values_and_variables() {
    let service = d2();
    address_pool(&service, &json!({}), &["10.10.3.0/27"]);
    let get = |text: &str| {
        let request = graphql::Request {
            query: format!(
                "mutation($note: String) {{InfrahubIPAddressPoolGetResource(data: {{hfid: [\"pool\"] \
                   {text}}}) {{ok node {{id display_label}}}}}}"
            ),
            variables: json!({"note": "from a variable"}).as_object().unwrap().clone(),
            ..graphql::Request::default()
        };
        let answer: Json = serde_json::from_slice(&service.graphql(&request).unwrap()).unwrap();
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"]["InfrahubIPAddressPoolGetResource"]["node"].clone()
    };
    let named = get("identifier: \"nic\" data: {description: \"x\"}");
    assert_eq!(get("identifier: \"nic\" data: {description: \"x\"}")["id"], named["id"]);
    get("data: {description: $note}");
    let note = |address: &str| {
        let object = service.object("IpamIPAddress", &format!("{address}/default")).unwrap();
        object.attributes["description"].clone()
    };
    assert_eq!(note("10.10.3.2/27"), "x");
    assert_eq!(note("10.10.3.3/27"), "from a variable");
}

#[test]
fn scenarios_36_and_37_addresses_into_a_relationship() {
    let service = addresses::ready();
    prefixes(&service, &["192.0.2.0/24", "192.168.0.0/24"]);
    address_pool(&service, &json!({"default_prefix_length": 32}), &["192.0.2.0/24"]);
    let more = json!({"name": "second", "default_prefix_length": 32});
    address_pool(&service, &more, &["192.168.0.0/24"]);
    let sites: Vec<Json> = (1..=4)
        .map(|n| json!({"name": format!("s{n}"), "address": {"from_pool": {"id": "pool"}}}))
        .collect();
    load(&service, "TestSite", &json!(sites));
    let of =
        |site: &str| service.object("TestSite", site).unwrap().relationships["address"].clone();
    for n in 1..=4 {
        assert_eq!(of(&format!("s{n}")), json!([format!("192.0.2.{n}/32")]));
    }
    let moved = json!([{"name": "s1", "address": {"from_pool": {"id": "second"}}}]);
    load(&service, "TestSite", &moved);
    assert_eq!(of("s1"), json!(["192.168.0.1/32"]));
    sound(&service);
}

#[test]
fn scenarios_38_and_39_what_is_available_next_takes_nothing() {
    let service = addresses::ready();
    prefixes(
        &service,
        &[
            "10.0.0.0/8",
            "10.10.0.0/16",
            "10.10.1.0/24",
            "10.10.1.0/27",
            "10.10.2.0/24",
            "10.10.3.0/27",
        ],
    );
    prefixes(&service, &["10.200.30.0/27"]);
    load(&service, "IpamIPAddress", &json!([{"address": "10.200.30.1/27"}]));
    let before = dump(&service);
    let next = |what: &str, prefix: &str, length: &str| {
        let prefix = id(&service, "IpamPrefix", &format!("{prefix}/default"));
        let text = format!(
            "{{InfrahubIP{what}GetNextAvailable(prefix_id: \"{prefix}\" {length}) {{{}}}}}",
            what.to_lowercase()
        );
        let answer = ask(&service, &text);
        answer[format!("InfrahubIP{what}GetNextAvailable")][what.to_lowercase()].clone()
    };
    assert_eq!(next("Address", "10.200.30.0/27", "prefix_length: 30"), "10.200.30.2/30");
    assert_eq!(next("Address", "10.200.30.0/27", ""), "10.200.30.2/27");
    for (prefix, length, wanted) in [
        ("10.0.0.0/8", 16, "10.0.0.0/16"),
        ("10.10.1.0/24", 26, "10.10.1.64/26"),
        ("10.10.1.0/24", 27, "10.10.1.32/27"),
    ] {
        assert_eq!(next("Prefix", prefix, &format!("prefix_length: {length}")), wanted);
    }
    assert_eq!(dump(&service), before);
}

#[test]
fn scenarios_55_and_65_the_numbers_of_a_pool_and_their_source() {
    let service = numbers::ready();
    numbers::pool(&service, "n", "number", 1, 10);
    numbers::draws(&service, "n", "number", &["a", "b"]);
    let pool = id(&service, "CoreNumberPool", "n");
    let answer = ask(
        &service,
        &format!(
            "{{used: InfrahubResourcePoolUtilization(pool_id: \"{pool}\") {{count utilization edges \
               {{node {{weight}}}}}} all: InfrahubResourcePoolAllocated(pool_id: \"{pool}\", \
               resource_id: \"{pool}\") {{count edges {{node {{display_label kind branch}}}}}} \
               TestTicket {{edges {{node {{number {{is_from_profile source {{id}}}}}}}}}}}}"
        ),
    );
    assert_eq!(
        (&answer["used"]["count"], &answer["used"]["utilization"]),
        (&json!(1), &json!(20.0))
    );
    assert_eq!(answer["used"]["edges"][0]["node"]["weight"], 1);
    assert_eq!(answer["all"]["count"], 2);
    let node = &answer["all"]["edges"][0]["node"];
    assert_eq!(node, &json!({"display_label": "1", "kind": "TestTicket", "branch": "main"}));
    let number = &answer["TestTicket"]["edges"][0]["node"]["number"];
    assert_eq!(number, &json!({"is_from_profile": false, "source": {"id": pool}}));
}

#[test]
fn scenario_57_at_once_each_gets_its_own_and_a_failure_leaves_no_gap() {
    let service = numbers::ready();
    numbers::pool(&service, "n", "number", 1, 40);
    let given = std::thread::scope(|scope| {
        let one = |nth: usize| {
            let service = service.clone();
            move || {
                // Every fourth fails after it has drawn.
                let note = if nth.is_multiple_of(4) { "NOT FINE" } else { "fine" };
                let name = format!("t{nth}");
                let row =
                    json!([{"name": name, "note": note, "number": {"from_pool": {"id": "n"}}}]);
                let done = service.object_load(&[rows("TestTicket", &row)]);
                assert_eq!(done.is_ok(), !nth.is_multiple_of(4), "{done:?}");
                done.is_ok().then(|| numbers::number(&service, "TestTicket", &name, "number"))
            }
        };
        let threads: Vec<_> = (0..16).map(|nth| scope.spawn(one(nth))).collect();
        let given = threads.into_iter().filter_map(|thread| thread.join().unwrap());
        given.map(|number| number.as_i64().unwrap()).collect::<Vec<_>>()
    });
    let apart: BTreeSet<i64> = given.iter().copied().collect();
    assert_eq!((given.len(), apart.len()), (12, 12), "{given:?}");
    // Whatever was free in between is drawn before anything new.
    let left: Vec<i64> = (1..=12).filter(|number| !apart.contains(number)).collect();
    for (nth, wanted) in left.iter().chain([&13]).enumerate() {
        let drawn = numbers::draw(&service, "n", "number", &format!("after{nth}")).unwrap();
        if nth < left.len() {
            assert_eq!(drawn, *wanted);
        }
    }
    sound(&service);
}

#[test]
fn scenario_64_a_template_gives_each_object_a_number_of_its_own() {
    let service = service();
    let text = r#"
version: "1.0"
nodes:
  - name: Incident
    namespace: Test
    generate_template: true
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: code, kind: NumberPool, read_only: true, parameters: {start_range: 10, end_range: 20}}
"#;
    numbers::schema(&service, text).unwrap();
    load(&service, "TemplateTestIncident", &json!([{"template_name": "usual"}]));
    for (name, wanted) in [("a", 10), ("b", 11)] {
        load(&service, "TestIncident", &json!([{"name": name, "object_template": "usual"}]));
        assert_eq!(numbers::number(&service, "TestIncident", name, "code"), wanted);
    }
    sound(&service);
}

#[test]
fn scenario_67_exclusions_cut_through_ranges() {
    let service = service();
    let text = |limits: &str| {
        format!(
            "nodes: [{{name: Vlan, namespace: Test, human_friendly_id: [name__value], attributes: \
             [{{name: name, kind: Text, unique: true}}, {{name: vid, kind: Number, optional: true, \
             parameters: {{{limits}}}}}]}}]"
        )
    };
    numbers::schema(&service, &text("excluded_values: \"102,105-107\"")).unwrap();
    let pool = json!([{
        "name": "vlans", "node": "TestVlan", "node_attribute": "vid", "start_range": 100,
        "end_range": 120,
    }]);
    load(&service, "CoreNumberPool", &pool);
    let draw = |count: usize| {
        let drawing = Drawing { count, ..Drawing::default() };
        let answer = service.pool_allocate("vlans", &drawing).map_err(|bad| bad.code())?;
        let all = answer["allocated"].as_array().unwrap().clone();
        Ok::<_, &str>(all.iter().map(|one| one["value"].as_i64().unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(draw(5).unwrap(), [100, 101, 103, 104, 108]);
    // The peer's thread on blocks: exclusions hold for numbers in a row too.
    let block = Drawing { block: Some(3), ..Drawing::default() };
    assert_eq!(service.pool_allocate("vlans", &block).unwrap()["allocated"][0]["value"], 109);
    assert_eq!(service.pool("vlans").unwrap()["total"], "17");
}

#[test]
fn scenarios_71_and_74_the_utilization_of_a_prefix_is_what_its_branch_sees() {
    let main = addresses::ready();
    let container = json!([
        {"prefix": "192.0.2.0/24", "member_type": "prefix"},
        {"prefix": "192.0.2.0/28", "member_type": "address"},
        {"prefix": "192.0.2.16/28", "member_type": "prefix"},
    ]);
    load(&main, "IpamPrefix", &container);
    let hosts = |range: std::ops::RangeInclusive<u8>| {
        json!(
            range.map(|host| json!({"address": format!("192.0.2.{host}/28")})).collect::<Vec<_>>()
        )
    };
    load(&main, "IpamIPAddress", &hosts(1..=7));
    let all = |service: &Service| {
        ["192.0.2.0/24", "192.0.2.0/28", "192.0.2.16/28"].map(|one| utilization(service, one))
    };
    assert_eq!(all(&main), [json!(12), json!(50), json!(0)]);
    let object = main.object("IpamPrefix", "192.0.2.0/28/default").unwrap();
    assert_eq!(object.attributes["utilization"], 50);
    main.branch_create("branch2", "").unwrap();
    let b = main.on(Some("branch2"), None).unwrap();
    prefixes(&b, &["192.0.2.32/28", "192.0.2.48/28"]);
    load(&b, "IpamIPAddress", &hosts(8..=14));
    assert_eq!(all(&b), [json!(25), json!(100), json!(0)]);
    assert_eq!(all(&main), [json!(12), json!(50), json!(0)]);
    b.object_delete("IpamIPAddress", "192.0.2.1/28/default").unwrap();
    assert_eq!((&all(&b)[1], &all(&main)[1]), (&json!(92), &json!(50)));
    let whole = json!([
        {"prefix": "::/0", "member_type": "prefix"},
        {"prefix": "8000::/1", "member_type": "prefix"},
        {"prefix": "0.0.0.0/0", "member_type": "prefix"},
    ]);
    load(&main, "IpamPrefix", &whole);
    assert_eq!(utilization(&main, "::/0"), 50);
    assert_eq!(utilization(&main, "0.0.0.0/0"), 0);
}

#[test]
fn prefixes_are_found_and_ordered_by_how_full_they_are() {
    let main = addresses::ready();
    prefixes(&main, &["10.0.0.0/30", "10.0.1.0/30", "10.0.2.0/29", "10.0.3.0/30"]);
    let hosts = ["10.0.0.1/30", "10.0.1.1/30", "10.0.1.2/30", "10.0.2.1/29", "10.0.2.2/29"];
    let hosts: Vec<Json> = hosts.iter().map(|host| json!({"address": host})).collect();
    load(&main, "IpamIPAddress", &json!(hosts));
    let found = |service: &Service, kind: &str, field: &str, arguments: &str| -> Vec<String> {
        let text =
            format!("{{{kind}({arguments}) {{count edges {{node {{{field} {{value}}}}}}}}}}");
        let answer = ask(service, &text);
        let edges = answer[kind]["edges"].as_array().unwrap();
        assert_eq!(answer[kind]["count"], edges.len());
        let text = |edge: &Json| edge["node"][field]["value"].as_str().unwrap().to_owned();
        edges.iter().map(text).collect()
    };
    let prefixes_by =
        |service: &Service, arguments: &str| found(service, "IpamPrefix", "prefix", arguments);
    assert_eq!(prefixes_by(&main, "utilization__value: 50"), ["10.0.0.0/30"]);
    let two = prefixes_by(
        &main,
        "utilization__values: [33, 100], order: {by: [{field: \"prefix__value\"}]}",
    );
    assert_eq!(two, ["10.0.1.0/30", "10.0.2.0/29"]);
    assert_eq!(prefixes_by(&main, "utilization__isnull: true"), Vec::<String>::new());
    assert_eq!(prefixes_by(&main, "utilization__isnull: false").len(), 4);
    let full_first = "order: {by: [{field: \"utilization__value\", direction: DESC}]}";
    let wanted = ["10.0.1.0/30", "10.0.0.0/30", "10.0.2.0/29", "10.0.3.0/30"];
    assert_eq!(prefixes_by(&main, full_first), wanted);
    assert_eq!(
        found(&main, "BuiltinIPPrefix", "prefix", full_first),
        wanted,
        "by the generic as well"
    );
    let page = "limit: 2, offset: 1, order: {by: [{field: \"utilization__value\"}]}";
    let text = format!("{{IpamPrefix({page}) {{edges {{node {{prefix {{value}}}}}}}}}}");
    let page = ask(&main, &text)["IpamPrefix"]["edges"].clone();
    assert_eq!(page[0]["node"]["prefix"]["value"], "10.0.2.0/29");
    assert_eq!(page[1]["node"]["prefix"]["value"], "10.0.0.0/30");
    // Through a relationship.
    let in_full = found(&main, "IpamIPAddress", "address", "ip_prefix__utilization__value: 100");
    assert_eq!(in_full.len(), 2, "{in_full:?}");
    let by_parent =
        "order: {by: [{field: \"ip_prefix__utilization__value\"}, {field: \"address__value\"}]}";
    let wanted = ["10.0.2.1/29", "10.0.2.2/29", "10.0.0.1/30", "10.0.1.1/30", "10.0.1.2/30"];
    assert_eq!(found(&main, "IpamIPAddress", "address", by_parent), wanted);
    // What a branch sees.
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    load(&b, "IpamIPAddress", &json!([{"address": "10.0.0.2/30"}]));
    assert_eq!(prefixes_by(&b, "utilization__value: 100").len(), 2);
    assert_eq!(prefixes_by(&main, "utilization__value: 100").len(), 1);
    // A kind that orders by it has no index of it, and is in order all the same.
    numbers::schema(
        &main,
        "nodes: [{name: Prefix, namespace: Ipam, order_by: [utilization__value], inherit_from: \
         [BuiltinIPPrefix, CoreWeightedPoolResource]}]",
    )
    .unwrap();
    let wanted = ["10.0.3.0/30", "10.0.2.0/29", "10.0.0.0/30", "10.0.1.0/30"];
    assert_eq!(prefixes_by(&main, "limit: 10"), wanted);
    sound(&main);
}

#[test]
fn scenario_78_a_prefix_that_is_no_pool_any_more_is_not_fuller_than_full() {
    let service = addresses::ready();
    load(&service, "IpamPrefix", &json!([{"prefix": "10.0.0.0/30", "is_pool": true}]));
    address_pool(&service, &json!({}), &["10.0.0.0/30"]);
    for host in 0..4 {
        assert_eq!(next(&service).unwrap(), format!("10.0.0.{host}/30"));
    }
    assert_eq!(service.pool("pool").unwrap()["utilization"], 100.0);
    let values: Map<String, Json> = [("is_pool".to_owned(), json!(false))].into_iter().collect();
    service.object_update("IpamPrefix", "10.0.0.0/30/default", &values).unwrap();
    let pool = service.pool("pool").unwrap();
    assert_eq!((&pool["utilization"], &pool["total"]), (&json!(100.0), &json!("2")));
    assert_eq!(utilization(&service, "10.0.0.0/30"), 100);
    sound(&service);
}
