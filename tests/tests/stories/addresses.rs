//! Pools of prefixes and addresses, and the hierarchy below them. Named after the scenarios of the peer
//! that they satisfy.

use serde_json::{Map, Value as Json, json};
use service::{Drawing, Service, SourceFile};

use crate::support::{dump, load, query, rows, service, sound};

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - name: Prefix
    namespace: Ipam
    inherit_from: [BuiltinIPPrefix, CoreWeightedPoolResource]
    human_friendly_id: [prefix__value, ip_namespace__name__value]
    uniqueness_constraints: [[prefix__value, ip_namespace]]
    display_label: prefix__value
  - name: IPAddress
    namespace: Ipam
    inherit_from: [BuiltinIPAddress]
    human_friendly_id: [address__value, ip_namespace__name__value]
    uniqueness_constraints: [[address__value, ip_namespace]]
    display_label: address__value
  - name: Site
    namespace: Test
    human_friendly_id: [name__value]
    attributes: [{name: name, kind: Text, unique: true}]
    relationships:
      - {name: prefix, peer: IpamPrefix, cardinality: one, optional: true, kind: Attribute}
      - {name: address, peer: IpamIPAddress, cardinality: one, optional: true, kind: Attribute, identifier: site__address}
"#;

pub(crate) fn ready() -> Service {
    let service = service();
    load_schema(&service);
    service
}

pub(crate) fn load_schema(service: &Service) {
    let file = SourceFile { name: "schema".to_owned(), text: SCHEMA.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{:#?}", bad.details()));
}

pub(crate) fn prefixes(service: &Service, all: &[&str]) {
    let rows: Vec<Json> = all.iter().map(|prefix| json!({"prefix": prefix})).collect();
    load(service, "IpamPrefix", &Json::Array(rows));
}

/// The peer's data set of IPv4 prefixes, but for what it has on a branch.
pub(crate) fn d2() -> Service {
    let service = ready();
    let all = [
        "10.0.0.0/8",
        "10.10.0.0/16",
        "10.11.0.0/16",
        "10.10.1.0/24",
        "10.10.1.0/27",
        "10.10.2.0/24",
        "10.10.3.0/27",
        "10.200.0.0/30",
    ];
    prefixes(&service, &all);
    let addresses = json!([{"address": "10.10.3.1/27"}, {"address": "10.200.0.1/30"}]);
    load(&service, "IpamIPAddress", &addresses);
    service
}

/// A pool over these prefixes.
pub(crate) fn pool(service: &Service, kind: &str, more: &Json, resources: &[&str]) {
    let resources: Vec<Json> = resources.iter().map(|prefix| json!([prefix, "default"])).collect();
    let mut row = json!({"name": "pool", "ip_namespace": "default", "resources": resources});
    for (name, value) in more.as_object().unwrap() {
        row[name.as_str()] = value.clone();
    }
    load(service, kind, &json!([row]));
}

fn prefix_pool(service: &Service, resources: &[&str]) {
    prefixes(service, resources);
    pool(service, "CoreIPPrefixPool", &json!({"default_prefix_type": "IpamPrefix"}), resources);
}

fn address_pool(service: &Service, resources: &[&str]) {
    prefixes(service, resources);
    pool(
        service,
        "CoreIPAddressPool",
        &json!({"default_address_type": "IpamIPAddress"}),
        resources,
    );
}

pub(crate) fn draw(service: &Service, drawing: &Drawing) -> Result<Vec<String>, String> {
    let answer = service.pool_allocate("pool", drawing).map_err(|bad| bad.to_string())?;
    let all = answer["allocated"].as_array().unwrap();
    Ok(all.iter().map(|granted| granted["value"].as_str().unwrap().to_owned()).collect())
}

pub(crate) fn long(length: u8) -> Drawing {
    Drawing { length: Some(length), ..Drawing::default() }
}

pub(crate) fn one(service: &Service, length: u8) -> Result<String, String> {
    Ok(draw(service, &long(length))?.remove(0))
}

pub(crate) fn next(service: &Service) -> Result<String, String> {
    Ok(draw(service, &Drawing::default())?.remove(0))
}

pub(crate) fn many(service: &Service, length: u8, count: usize) -> Vec<String> {
    draw(service, &Drawing { count, ..long(length) }).unwrap()
}

pub(crate) fn remove(service: &Service, prefix: &str) {
    service.object_delete("IpamPrefix", &format!("{prefix}/default")).unwrap();
}

#[test]
fn scenario_14_prefixes_of_mixed_lengths_fill_the_lowest_holes() {
    let service = ready();
    prefix_pool(&service, &["192.168.0.0/16"]);
    let drawn: Vec<String> =
        [24, 25, 17, 24, 25].iter().map(|length| one(&service, *length).unwrap()).collect();
    let wanted = [
        "192.168.0.0/24",
        "192.168.1.0/25",
        "192.168.128.0/17",
        "192.168.2.0/24",
        "192.168.1.128/25",
    ];
    assert_eq!(drawn, wanted);
    assert!(one(&service, 17).unwrap_err().contains("No more resources available"));
    sound(&service);
}

#[test]
fn scenario_18_the_end_of_the_ipv6_space() {
    let service = ready();
    let end = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124";
    prefix_pool(&service, &[end]);
    assert_eq!(
        many(&service, 127, 8).last().unwrap(),
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"
    );
    assert!(one(&service, 127).is_err());
    assert!(one(&service, 128).is_err());
}

#[test]
fn scenarios_19_and_20_what_was_deleted_is_drawn_again_lowest_first() {
    for (parent, length, wanted) in [
        ("10.0.0.0/16", 31, ["10.0.0.20/31", "10.0.0.100/31", "10.0.0.180/31", "10.0.0.200/31"]),
        (
            "2001:db8:abcd::/48",
            127,
            [
                "2001:db8:abcd::14/127",
                "2001:db8:abcd::64/127",
                "2001:db8:abcd::b4/127",
                "2001:db8:abcd::c8/127",
            ],
        ),
    ] {
        let service = ready();
        prefix_pool(&service, &[parent]);
        let drawn = many(&service, length, 100);
        for index in [10, 50, 90] {
            remove(&service, &drawn[index]);
        }
        assert_eq!(many(&service, length, 4), wanted);
        sound(&service);
    }
}

#[test]
fn scenario_21_the_parents_own_length_is_handed_out_once() {
    let service = ready();
    prefix_pool(&service, &["10.0.0.0/24"]);
    let whole = Drawing { identifier: Some("whole".to_owned()), ..long(24) };
    assert_eq!(draw(&service, &whole).unwrap(), ["10.0.0.0/24"]);
    assert_eq!(draw(&service, &whole).unwrap(), ["10.0.0.0/24"]);
    assert!(one(&service, 24).unwrap_err().contains("No more resources available"));
    assert!(one(&service, 25).is_err());
    assert_eq!(service.objects("IpamPrefix", 9).unwrap().len(), 1);
    assert_eq!(service.pool("pool").unwrap()["utilization"], 100.0);
    sound(&service);
    // Given back, it is still there, and smaller ones come out of it.
    service.pool_release("pool", "whole", "").unwrap();
    assert_eq!(service.objects("IpamPrefix", 9).unwrap().len(), 1);
    assert_eq!(one(&service, 25).unwrap(), "10.0.0.0/25");
    assert!(one(&service, 24).is_err());
    sound(&service);
}

#[test]
fn scenario_22_a_parent_that_is_longer_than_the_request_is_passed_over() {
    let service = ready();
    prefix_pool(&service, &["10.0.0.0/16", "11.0.0.0/8"]);
    assert_eq!(one(&service, 15).unwrap(), "11.0.0.0/15");
    let told = one(&service, 7).unwrap_err();
    assert!(told.contains("no free /7"), "{told}");
}

#[test]
fn the_heavier_parent_is_drawn_from_first_and_by_address_among_equals() {
    let service = ready();
    prefix_pool(&service, &["10.2.0.0/30", "10.1.0.0/30", "10.3.0.0/30"]);
    let values: Map<String, Json> =
        [("allocation_weight".to_owned(), json!(5))].into_iter().collect();
    service.object_update("IpamPrefix", "10.3.0.0/30/default", &values).unwrap();
    let drawn: Vec<String> = (0..6).map(|_| one(&service, 31).unwrap()).collect();
    let wanted =
        ["10.3.0.0/31", "10.3.0.2/31", "10.1.0.0/31", "10.1.0.2/31", "10.2.0.0/31", "10.2.0.2/31"];
    assert_eq!(drawn, wanted);
}

#[test]
fn scenarios_27_to_29_a_relationship_draws_once_and_keeps_what_it_has() {
    let service = ready();
    prefix_pool(&service, &["10.10.0.0/16"]);
    let row = json!([{"name": "paris", "prefix": {"from_pool": {"id": "pool", "prefixlen": 24}}}]);
    for _time in 0..3 {
        load(&service, "TestSite", &row);
    }
    let answer = query(
        &service,
        "{ TestSite { edges { node { prefix { properties { source { display_label } } node { prefix { value } } } } } } }",
    );
    let edge = &answer["data"]["TestSite"]["edges"][0]["node"]["prefix"];
    assert_eq!(edge["node"]["prefix"]["value"], "10.10.0.0/24");
    assert_eq!(edge["properties"]["source"]["display_label"], "pool");
    assert_eq!(service.objects("IpamPrefix", 10).unwrap().len(), 2);
    sound(&service);
}

#[test]
fn scenario_30_an_identifier_asks_for_the_same_again_or_conflicts() {
    let service = ready();
    prefix_pool(&service, &["10.10.0.0/16"]);
    let named = |length| Drawing { identifier: Some("uplink".to_owned()), ..long(length) };
    assert_eq!(draw(&service, &named(24)), draw(&service, &named(24)));
    let before = dump(&service);
    let told = draw(&service, &named(25)).unwrap_err();
    assert!(told.contains("identifier `uplink` already holds 10.10.0.0/24"), "{told}");
    assert_eq!(dump(&service), before);
    // Its prefix gone, the identifier allocates anew.
    remove(&service, "10.10.0.0/24");
    assert_eq!(draw(&service, &named(25)).unwrap(), ["10.10.0.0/25"]);
    sound(&service);
}

#[test]
fn scenarios_31_and_32_the_length_of_an_address_is_chosen_defaulted_and_checked() {
    let service = ready();
    address_pool(&service, &["10.10.3.0/27"]);
    assert_eq!(next(&service).unwrap(), "10.10.3.1/27");
    assert_eq!(one(&service, 30).unwrap(), "10.10.3.2/30");
    assert_eq!(one(&service, 32).unwrap(), "10.10.3.3/32");
    let told = one(&service, 24).unwrap_err();
    assert!(told.contains("Invalid prefix length for current selected prefix"), "{told}");
}

#[test]
fn scenarios_34_and_35_small_prefixes_and_pools_of_every_address() {
    for (parent, is_pool, wanted) in [
        ("10.16.18.0/30", false, vec!["10.16.18.2/30"]),
        ("10.16.18.0/30", true, vec!["10.16.18.0/30", "10.16.18.2/30", "10.16.18.3/30"]),
        ("10.16.18.0/31", false, vec!["10.16.18.0/31"]),
        ("2001:db8::/127", false, vec!["2001:db8::/127"]),
        ("2001:db8::/126", false, vec!["2001:db8::2/126", "2001:db8::3/126"]),
    ] {
        let service = ready();
        load(&service, "IpamPrefix", &json!([{"prefix": parent, "is_pool": is_pool}]));
        let more = json!({"default_address_type": "IpamIPAddress"});
        pool(&service, "CoreIPAddressPool", &more, &[parent]);
        let (network, length) = parent.split_once('/').unwrap();
        let first = if network.contains(':') {
            format!("{network}1/{length}")
        } else {
            format!("{}1/{length}", network.trim_end_matches('0'))
        };
        load(&service, "IpamIPAddress", &json!([{"address": first}]));
        let mut drawn = Vec::new();
        while let Ok(address) = next(&service) {
            drawn.push(address);
        }
        assert_eq!(drawn, wanted, "{parent} {is_pool}");
        let told = next(&service).unwrap_err();
        assert!(told.contains("There are no more addresses available in this pool"), "{told}");
        // Allocation and utilisation agree on what there is.
        let used = service.pool("pool").unwrap();
        assert_eq!(used["used"], used["total"], "{used}");
        sound(&service);
    }
}

#[test]
fn scenario_40_an_address_made_by_hand_is_skipped() {
    let service = ready();
    address_pool(&service, &["10.0.0.0/24"]);
    load(
        &service,
        "IpamIPAddress",
        &json!([{"address": "10.0.0.1/32"}, {"address": "10.0.0.2/24"}]),
    );
    assert_eq!(next(&service).unwrap(), "10.0.0.3/24");
}

#[test]
fn a_value_on_request_is_given_or_told_who_has_it() {
    let service = ready();
    address_pool(&service, &["10.0.0.0/24"]);
    let ask = |value: &str| Drawing { value: Some(value.to_owned()), ..Drawing::default() };
    assert_eq!(draw(&service, &ask("10.0.0.9")).unwrap(), ["10.0.0.9/24"]);
    let before = dump(&service);
    let told = draw(&service, &ask("10.0.0.9")).unwrap_err();
    assert!(told.contains("10.0.0.9 is taken: IpamIPAddress 10.0.0.9/24"), "{told}");
    let told = draw(&service, &ask("10.0.0.255")).unwrap_err();
    assert!(told.contains("it is not for hosts"), "{told}");
    let told = draw(&service, &ask("10.0.1.1")).unwrap_err();
    assert!(told.contains("is not in the pool, which has 10.0.0.0/24"), "{told}");
    let told = draw(&service, &ask("ten")).unwrap_err();
    assert!(told.contains("`ten` is not a value of a `CoreIPAddressPool`"), "{told}");
    assert_eq!(dump(&service), before);

    let prefixes = ready();
    prefix_pool(&prefixes, &["10.0.0.0/16"]);
    assert_eq!(draw(&prefixes, &ask("10.0.7.0/24")).unwrap(), ["10.0.7.0/24"]);
    let told = draw(&prefixes, &ask("10.0.0.0/20")).unwrap_err();
    assert!(told.contains("is taken: IpamPrefix 10.0.7.0/24"), "{told}");
}

#[test]
fn a_batch_is_drawn_whole_or_not_at_all() {
    let service = ready();
    address_pool(&service, &["10.0.0.0/29"]);
    let batch = |count| Drawing { count, identifier: Some("b".to_owned()), ..Drawing::default() };
    let before = dump(&service);
    assert!(draw(&service, &batch(7)).is_err());
    assert_eq!(dump(&service), before);
    assert_eq!(draw(&service, &batch(6)).unwrap().len(), 6);
    assert_eq!(draw(&service, &batch(6)).unwrap().len(), 6);
    let told = draw(&service, &batch(100_000)).unwrap_err();
    assert!(told.contains("at most 1000"), "{told}");
}

#[test]
fn a_peek_shows_what_comes_next_and_takes_nothing() {
    let service = ready();
    prefix_pool(&service, &["10.0.0.0/16"]);
    one(&service, 24).unwrap();
    let before = dump(&service);
    for _time in 0..2 {
        let told = service.pool_peek("pool", &Drawing { count: 2, ..long(24) }).unwrap();
        assert_eq!(told["next"], json!(["10.0.1.0/24", "10.0.2.0/24"]));
    }
    assert_eq!(dump(&service), before);
    assert_eq!(one(&service, 24).unwrap(), "10.0.1.0/24");
}

#[test]
fn what_an_identifier_holds_is_given_back() {
    let service = ready();
    address_pool(&service, &["10.0.0.0/29"]);
    let named = Drawing { identifier: Some("vip".to_owned()), ..Drawing::default() };
    draw(&service, &named).unwrap();
    assert_eq!(service.pool_release("pool", "vip", "").unwrap()["released"], "10.0.0.1/29");
    assert_eq!(service.objects("IpamIPAddress", 9).unwrap().len(), 0);
    let refused = service.pool_release("pool", "vip", "").unwrap_err();
    assert_eq!(refused.code(), "unknown-identifier");
    sound(&service);
}

#[test]
fn an_explanation_names_every_parent_and_who_holds_a_value() {
    let service = ready();
    prefix_pool(&service, &["10.0.0.0/24", "10.1.0.0/16"]);
    one(&service, 25).unwrap();
    one(&service, 26).unwrap();
    let told = service.pool_explain("pool", &long(25)).unwrap();
    assert_eq!(told["next"], "10.1.0.0/25");
    assert_eq!(told["resources"][0]["skipped"], "its largest free block is a /26");
    assert_eq!(told["resources"][1]["chosen"], true);
    let who = Drawing { value: Some("10.0.0.0/25".to_owned()), ..Drawing::default() };
    let told = service.pool_explain("pool", &who).unwrap();
    assert_eq!(
        (&told["state"], &told["label"]),
        (&json!("allocated"), &json!("IpamPrefix 10.0.0.0/25/default"))
    );
    let free = Drawing { value: Some("10.1.9.0/25".to_owned()), ..Drawing::default() };
    assert_eq!(service.pool_explain("pool", &free).unwrap()["state"], "free");
    let nothing = service.pool_explain("pool", &long(8)).unwrap();
    assert_eq!((&nothing["next"], &nothing["code"]), (&Json::Null, &json!("pool-exhausted")));
}

#[test]
fn scenario_71_utilisation_counts_what_is_taken_by_whatever_hand() {
    let service = ready();
    prefix_pool(&service, &["192.0.2.0/24"]);
    load(&service, "IpamPrefix", &json!([{"prefix": "192.0.2.0/28"}, {"prefix": "192.0.2.16/28"}]));
    let told = service.pool("pool").unwrap();
    assert_eq!(
        (&told["used"], &told["total"], &told["utilization"]),
        (&json!("32"), &json!("256"), &json!(12.5))
    );
    // A prefix within a prefix counts once.
    load(&service, "IpamPrefix", &json!([{"prefix": "192.0.2.0/30"}]));
    assert_eq!(service.pool("pool").unwrap()["used"], "32");
    assert_eq!(service.pool("pool").unwrap()["resources"][0]["free"][0]["first"], "192.0.2.32");
}

#[test]
fn the_largest_spaces_cost_and_count_like_the_smallest() {
    let service = ready();
    prefix_pool(&service, &["2001:db8::/32"]);
    assert_eq!(many(&service, 64, 3).last().unwrap(), "2001:db8:0:2::/64");
    let told = service.pool("pool").unwrap();
    assert_eq!(told["total"], (1u128 << 96).to_string());
    assert_eq!(told["used"], (3u128 << 64).to_string());
}

pub(crate) fn parent_of(service: &Service, prefix: &str) -> (Option<String>, bool) {
    let text = format!(
        "{{ IpamPrefix(prefix__value: \"{prefix}\") {{ edges {{ node {{ is_top_level {{ value }} \
           parent {{ node {{ display_label }} }} }} }} }} }}"
    );
    let answer = query(service, &text);
    let node = &answer["data"]["IpamPrefix"]["edges"][0]["node"];
    let parent = node["parent"]["node"]["display_label"].as_str().map(str::to_owned);
    (parent, node["is_top_level"]["value"] == true)
}

pub(crate) fn below(parent: &str) -> (Option<String>, bool) {
    (Some(parent.to_owned()), false)
}

#[test]
fn scenarios_79_to_81_a_prefix_finds_its_parent_and_its_children_find_it() {
    let service = ready();
    prefixes(&service, &["2001:db8::/48"]);
    assert_eq!(parent_of(&service, "2001:db8::/48"), (None, true));
    prefixes(&service, &["2001:db8::/32"]);
    assert_eq!(parent_of(&service, "2001:db8::/48"), below("2001:db8::/32"));
    let children: Vec<String> = (0..16).map(|n| format!("2001:db8:{n:x}000::/36")).collect();
    prefixes(&service, &children.iter().map(String::as_str).collect::<Vec<_>>());
    for child in ["2001:db8::/36", "2001:db8:f000::/36"] {
        assert_eq!(parent_of(&service, child), below("2001:db8::/32"), "{child}");
    }
    // The most specific one wins.
    assert_eq!(parent_of(&service, "2001:db8::/48"), below("2001:db8::/36"));
    sound(&service);
}

#[test]
fn scenario_87_children_of_a_prefix_that_goes_move_up() {
    let service = ready();
    prefixes(&service, &["2001:db8::/32", "2001:db8::/48", "2001:db8::/56", "2001:db8::/64"]);
    remove(&service, "2001:db8::/56");
    assert_eq!(parent_of(&service, "2001:db8::/64"), below("2001:db8::/48"));
    remove(&service, "2001:db8::/32");
    assert_eq!(parent_of(&service, "2001:db8::/48"), (None, true));
    sound(&service);
}

#[test]
fn scenario_89_a_prefix_that_changes_moves_with_everything_around_it() {
    let service = ready();
    prefixes(&service, &["10.0.0.0/8", "10.10.0.0/16", "10.10.1.0/24"]);
    let values: Map<String, Json> =
        [("prefix".to_owned(), json!("10.10.0.0/18"))].into_iter().collect();
    service.object_update("IpamPrefix", "10.0.0.0/8/default", &values).unwrap();
    assert_eq!(parent_of(&service, "10.10.0.0/16"), (None, true));
    assert_eq!(parent_of(&service, "10.10.0.0/18"), below("10.10.0.0/16"));
    assert_eq!(parent_of(&service, "10.10.1.0/24"), below("10.10.0.0/18"));
    sound(&service);
}

#[test]
fn scenarios_91_and_92_a_nested_chain_down_to_a_host_and_the_whole_space() {
    let service = ready();
    let chain = [
        "0.0.0.0/0",
        "136.0.0.0/8",
        "136.128.0.0/12",
        "136.136.0.0/16",
        "136.136.128.0/20",
        "136.136.136.0/24",
        "136.136.136.128/28",
        "136.136.136.136/32",
    ];
    prefixes(&service, &chain);
    for pair in chain.windows(2) {
        assert_eq!(parent_of(&service, pair[1]), below(pair[0]));
    }
    assert_eq!(parent_of(&service, "0.0.0.0/0"), (None, true));
    let addresses = json!([{"address": "136.136.136.136/30"}, {"address": "172.20.20.0/24"}]);
    load(&service, "IpamIPAddress", &addresses);
    prefixes(&service, &["172.20.20.0/27"]);
    let answer = query(
        &service,
        "{ IpamIPAddress { edges { node { address { value } ip_prefix { node { display_label } } } } } }",
    );
    let edges = answer["data"]["IpamIPAddress"]["edges"].as_array().unwrap();
    let of = |address: &str| {
        let edge = edges.iter().find(|edge| edge["node"]["address"]["value"] == address).unwrap();
        edge["node"]["ip_prefix"]["node"]["display_label"].clone()
    };
    assert_eq!(of("136.136.136.136/30"), "136.136.136.136/32");
    assert_eq!(of("172.20.20.0/24"), "172.20.20.0/27");
    sound(&service);
}

#[test]
fn scenario_94_namespaces_do_not_see_each_other() {
    let service = ready();
    load(&service, "IpamNamespace", &json!([{"name": "vrf"}]));
    let row = |prefix: &str, namespace: &str| json!({"prefix": prefix, "ip_namespace": namespace});
    load(
        &service,
        "IpamPrefix",
        &json!(
            [row("10.0.0.0/8", "default"), row("10.0.0.0/8", "vrf"), row("10.1.0.0/16", "vrf"),]
        ),
    );
    let twice = json!([{"prefix": "10.0.0.0/8", "ip_namespace": "vrf", "description": "same"}]);
    load(&service, "IpamPrefix", &twice);
    assert_eq!(service.objects("IpamPrefix", 10).unwrap().len(), 3);
    let resources = json!([["10.0.0.0/8", "vrf"]]);
    load(
        &service,
        "CoreIPPrefixPool",
        &json!([{
            "name": "pool", "default_prefix_type": "IpamPrefix", "ip_namespace": "vrf",
            "resources": resources,
        }]),
    );
    assert_eq!(one(&service, 16).unwrap(), "10.0.0.0/16");
    assert_eq!(one(&service, 16).unwrap(), "10.2.0.0/16");
    sound(&service);
}

#[test]
fn scenario_99_the_default_namespace_stays() {
    let service = ready();
    let before = dump(&service);
    let refused = service.object_delete("IpamNamespace", "default").unwrap_err();
    assert_eq!(refused.to_string(), "Cannot delete default IPAM namespace");
    assert_eq!(dump(&service), before);
    load(&service, "IpamNamespace", &json!([{"name": "vrf"}]));
    load(&service, "IpamPrefix", &json!([{"prefix": "10.0.0.0/8", "ip_namespace": "vrf"}]));
    service.object_delete("IpamNamespace", "vrf").unwrap();
    assert_eq!(service.objects("IpamPrefix", 10).unwrap().len(), 0);
    let gone = rows("IpamPrefix", &json!([{"prefix": "10.0.0.0/8", "ip_namespace": "vrf"}]));
    assert_eq!(service.object_load(&[gone]).unwrap_err().code(), "not-found");
    sound(&service);
}

#[test]
fn a_parent_that_a_generator_was_given_whole_outlives_it() {
    let service = crate::tracking::ready();
    let kinds = "version: '1.0'\nnodes: [{name: Prefix, namespace: Ipam, inherit_from: [BuiltinIPPrefix], \
        human_friendly_id: [prefix__value, ip_namespace__name__value], display_label: prefix__value, \
        uniqueness_constraints: [[prefix__value, ip_namespace]]}]";
    let file = SourceFile { name: "ipam".to_owned(), text: kinds.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{:#?}", bad.details()));
    prefix_pool(&service, &["10.0.0.0/24"]);
    let step = |length: u8| json!([{"do": "prefix", "pool": "pool", "identifier": "whole", "length": length}]);
    crate::tracking::tell(&service, "one", &step(24));
    crate::support::changes(&crate::support::run(&service, "probe", "one"));
    assert_eq!(service.pool("pool").unwrap()["utilization"], 100.0);
    assert!(one(&service, 28).is_err());
    crate::tracking::tell(&service, "one", &json!([]));
    crate::support::changes(&crate::support::run(&service, "probe", "one"));
    assert_eq!(crate::support::labels(&service, "IpamPrefix"), ["10.0.0.0/24"]);
    assert_eq!(one(&service, 28).unwrap(), "10.0.0.0/28");
    sound(&service);
}
