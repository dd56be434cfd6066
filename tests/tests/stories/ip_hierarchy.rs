//! The hierarchy of prefixes and addresses, over the peer's data set. Named after its scenarios;
//! `pool_scenarios.rs` has the table.

use serde_json::{Map, Value as Json, json};
use service::Service;

use crate::addresses::{self, below, parent_of, prefixes};
use crate::support::{load, query, sound};

/// The peer's data set, in one namespace.
fn d1() -> Service {
    let service = addresses::ready();
    prefixes(
        &service,
        &[
            "2001:db8::/48",
            "2001:db8::/64",
            "10.0.0.0/8",
            "10.10.0.0/16",
            "10.10.1.0/24",
            "10.10.1.0/27",
            "10.10.2.0/24",
            "10.10.3.0/27",
        ],
    );
    address(&service, "10.10.0.0/32");
    address(&service, "10.10.1.1/32");
    service
}

fn address(service: &Service, address: &str) {
    load(service, "IpamIPAddress", &json!([{"address": address}]));
}

/// What lies directly in a prefix: prefixes, then addresses.
fn inside(service: &Service, prefix: &str) -> (Vec<String>, Vec<String>) {
    let text = format!(
        "{{IpamPrefix(prefix__value: \"{prefix}\") {{edges {{node {{children {{edges {{node \
           {{display_label}}}}}} ip_addresses {{edges {{node {{display_label}}}}}}}}}}}}}}"
    );
    let answer = query(service, &text);
    let node = &answer["data"]["IpamPrefix"]["edges"][0]["node"];
    let labels = |name: &str| {
        let edges = node[name]["edges"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
        let label = |edge: &Json| edge["node"]["display_label"].as_str().unwrap().to_owned();
        let mut labels: Vec<String> = edges.iter().map(label).collect();
        labels.sort();
        labels
    };
    (labels("children"), labels("ip_addresses"))
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|&one| one.to_owned()).collect()
}

fn change(service: &Service, prefix: &str, attribute: &str, value: Json) {
    let values: Map<String, Json> = [(attribute.to_owned(), value)].into_iter().collect();
    service.object_update("IpamPrefix", &format!("{prefix}/default"), &values).unwrap();
}

fn address_parent(service: &Service, address: &str) -> Json {
    let text = format!(
        "{{IpamIPAddress(address__value: \"{address}\") {{edges {{node {{ip_prefix {{node \
           {{display_label}}}}}}}}}}}}"
    );
    let answer = query(service, &text);
    answer["data"]["IpamIPAddress"]["edges"][0]["node"]["ip_prefix"]["node"]["display_label"]
        .clone()
}

#[test]
fn scenario_82_a_prefix_between_takes_what_lies_in_it() {
    let service = d1();
    prefixes(&service, &["10.10.0.0/22"]);
    assert_eq!(parent_of(&service, "10.10.0.0/22"), below("10.10.0.0/16"));
    let wanted = texts(&["10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/27"]);
    assert_eq!(inside(&service, "10.10.0.0/22"), (wanted, texts(&["10.10.0.0/32"])));
    assert_eq!(inside(&service, "10.10.0.0/16"), (texts(&["10.10.0.0/22"]), Vec::new()));
    sound(&service);
}

#[test]
fn scenario_83_a_wrong_parent_is_overwritten() {
    let service = d1();
    let wrong = json!(["10.10.3.0/27", "default"]);
    let row = json!([{"prefix": "10.10.0.0/18", "parent": wrong}]);
    // A parent may not be given at all, or is put right: never believed.
    if service.object_load(&[crate::support::rows("IpamPrefix", &row)]).is_err() {
        prefixes(&service, &["10.10.0.0/18"]);
    }
    assert_eq!(parent_of(&service, "10.10.0.0/18"), below("10.10.0.0/16"));
    let (children, held) = inside(&service, "10.10.0.0/18");
    assert_eq!((children.len(), held.len()), (3, 1));
    assert_eq!(inside(&service, "10.10.0.0/16").0, texts(&["10.10.0.0/18"]));
    sound(&service);
}

#[test]
fn scenario_84_the_most_specific_contains() {
    let service = d1();
    prefixes(&service, &["10.10.1.8/30", "10.8.0.0/14", "10.10.0.0/30"]);
    assert_eq!(parent_of(&service, "10.10.1.8/30"), below("10.10.1.0/27"));
    assert_eq!(parent_of(&service, "10.8.0.0/14"), below("10.0.0.0/8"));
    assert_eq!(inside(&service, "10.8.0.0/14").0, texts(&["10.10.0.0/16"]));
    assert_eq!(inside(&service, "10.10.0.0/30"), (Vec::new(), texts(&["10.10.0.0/32"])));
}

#[test]
fn scenarios_85_and_86_addresses_and_ipv6() {
    let service = d1();
    for (new, parent) in [
        ("10.10.3.0/32", "10.10.3.0/27"),
        ("10.10.3.1/32", "10.10.3.0/27"),
        ("10.8.0.0/32", "10.0.0.0/8"),
        ("2001:db8::/128", "2001:db8::/64"),
    ] {
        address(&service, new);
        assert_eq!(address_parent(&service, new), parent, "{new}");
    }
    prefixes(&service, &["2001:db8::/50"]);
    assert_eq!(parent_of(&service, "2001:db8::/50"), below("2001:db8::/48"));
    assert_eq!(inside(&service, "2001:db8::/50").0, texts(&["2001:db8::/64"]));
    sound(&service);
}

#[test]
fn scenarios_87_and_88_what_lay_in_a_prefix_that_goes_moves_up() {
    let service = d1();
    addresses::remove(&service, "10.10.0.0/16");
    let (children, held) = inside(&service, "10.0.0.0/8");
    assert_eq!(children, texts(&["10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/27"]));
    assert_eq!(held, texts(&["10.10.0.0/32"]));
    assert_eq!(parent_of(&service, "10.10.1.0/24"), below("10.0.0.0/8"));
    service.object_delete("IpamIPAddress", "10.10.0.0/32/default").unwrap();
    assert_eq!(inside(&service, "10.0.0.0/8"), (children, Vec::new()));
    sound(&service);
}

#[test]
fn scenario_89_a_prefix_that_shrinks_lets_go_and_takes() {
    let service = d1();
    change(&service, "10.0.0.0/8", "prefix", json!("10.10.0.0/18"));
    assert_eq!(parent_of(&service, "10.10.0.0/16"), (None, true));
    assert_eq!(parent_of(&service, "10.10.0.0/18"), below("10.10.0.0/16"));
    let (children, held) = inside(&service, "10.10.0.0/18");
    assert_eq!(children, texts(&["10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/27"]));
    assert_eq!(held, texts(&["10.10.0.0/32"]));
    sound(&service);
}

#[test]
fn scenario_90_a_new_description_keeps_the_namespace() {
    let service = addresses::ready();
    load(&service, "IpamNamespace", &json!([{"name": "vrf"}]));
    load(&service, "IpamPrefix", &json!([{"prefix": "10.0.0.0/8", "ip_namespace": "vrf"}]));
    let values: Map<String, Json> =
        [("description".to_owned(), json!("the ten"))].into_iter().collect();
    service.object_update("IpamPrefix", "10.0.0.0/8/vrf", &values).unwrap();
    let object = service.object("IpamPrefix", "10.0.0.0/8/vrf").unwrap();
    assert_eq!(object.relationships["ip_namespace"], json!(["vrf"]));
}

#[test]
fn scenario_93_neighbours_of_every_length() {
    let service = addresses::ready();
    let chain = ["192.0.2.0/29", "192.0.2.0/30", "192.0.2.0/31", "192.0.2.0/32"];
    prefixes(&service, &chain);
    for pair in chain.windows(2) {
        assert_eq!(parent_of(&service, pair[1]), below(pair[0]));
    }
    for (host, parent) in [(0, 32), (1, 31), (2, 30), (3, 30), (4, 29), (7, 29)] {
        let new = format!("192.0.2.{host}/32");
        address(&service, &new);
        assert_eq!(address_parent(&service, &new), format!("192.0.2.0/{parent}"));
    }
    sound(&service);
}

#[test]
fn scenario_99_a_namespace_goes_with_what_it_holds() {
    let service = addresses::ready();
    load(&service, "IpamNamespace", &json!([{"name": "vrf"}]));
    load(&service, "IpamPrefix", &json!([{"prefix": "10.0.0.0/8", "ip_namespace": "vrf"}]));
    prefixes(&service, &["10.0.0.0/8"]);
    service.object_delete("IpamNamespace", "vrf").unwrap();
    assert_eq!(service.objects("IpamPrefix", 9).unwrap().len(), 1);
    sound(&service);
}

#[test]
fn scenario_101_a_branch_has_a_hierarchy_of_its_own() {
    let main = d1();
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    addresses::remove(&b, "10.10.0.0/16");
    prefixes(&main, &["10.10.0.0/17"]);
    assert_eq!(parent_of(&b, "10.10.1.0/24"), below("10.0.0.0/8"));
    assert_eq!(parent_of(&main, "10.10.1.0/24"), below("10.10.0.0/17"));
    assert_eq!(parent_of(&main, "10.10.0.0/17"), below("10.10.0.0/16"));
    sound(&main);
}

#[test]
fn a_prefix_and_an_address_are_once_in_a_namespace_whatever_their_kind() {
    let service = crate::support::service();
    let text = r#"
version: "1.0"
nodes:
  - {name: Prefix, namespace: Ipam, inherit_from: [BuiltinIPPrefix]}
  - {name: Transfer, namespace: Ipam, inherit_from: [BuiltinIPPrefix]}
  - {name: IPAddress, namespace: Ipam, inherit_from: [BuiltinIPAddress]}
"#;
    crate::numbers::schema(&service, text).unwrap();
    load(&service, "IpamNamespace", &json!([{"name": "vrf"}]));
    let add = |kind: &str, row: Json| {
        let done = service.object_load(&[crate::support::rows(kind, &json!([row]))]);
        done.map(|_| ()).map_err(|bad| bad.code())
    };
    add("IpamPrefix", json!({"prefix": "10.0.0.0/8"})).unwrap();
    add("IpamPrefix", json!({"prefix": "10.0.0.0/8", "ip_namespace": "vrf"})).unwrap();
    add("IpamIPAddress", json!({"address": "10.0.0.1/8"})).unwrap();
    let before = crate::support::dump(&service);
    assert_eq!(add("IpamTransfer", json!({"prefix": "10.0.0.0/8"})), Err("not-unique"));
    let moved: Map<String, Json> =
        [("ip_namespace".to_owned(), json!("vrf"))].into_iter().collect();
    let first = service.objects("IpamPrefix", 9).unwrap();
    let id = first.iter().find(|one| one.relationships["ip_namespace"] == json!(["default"]));
    let id = id.unwrap().id.to_string();
    let refused = service.object_update("IpamPrefix", &id, &moved).unwrap_err();
    assert_eq!(refused.code(), "not-unique");
    assert_eq!(crate::support::dump(&service), before, "nothing changed");
    sound(&service);
}

fn branch(main: &Service) -> Service {
    main.branch_create("b", "").unwrap();
    main.on(Some("b"), None).unwrap()
}

fn rebase(main: &Service) {
    main.branch_rebase("b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
}

#[test]
fn scenario_95_after_a_rebase_everything_hangs_where_it_belongs() {
    let main = d1();
    let b = branch(&main);
    address(&b, "10.10.3.1/32");
    prefixes(&main, &["10.10.3.0/28"]);
    rebase(&main);
    assert_eq!(address_parent(&b, "10.10.3.1/32"), "10.10.3.0/28");
    addresses::remove(&b, "10.10.0.0/16");
    prefixes(&main, &["10.10.0.0/17"]);
    assert_eq!(parent_of(&main, "10.10.0.0/17"), below("10.10.0.0/16"));
    rebase(&main);
    assert_eq!(parent_of(&b, "10.10.0.0/17"), below("10.0.0.0/8"));
    let wanted = texts(&["10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/27"]);
    assert_eq!(inside(&b, "10.10.0.0/17"), (wanted, texts(&["10.10.0.0/32"])));
    sound(&main);
}

#[test]
fn scenario_96_after_a_merge_an_address_of_the_branch_hangs_in_what_main_added() {
    let main = d1();
    let b = branch(&main);
    address(&b, "10.10.9.1/32");
    assert_eq!(address_parent(&b, "10.10.9.1/32"), "10.10.0.0/16");
    prefixes(&main, &["10.10.0.0/17"]);
    main.branch_merge("b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    assert_eq!(address_parent(&main, "10.10.9.1/32"), "10.10.0.0/17");
    sound(&main);
}

#[test]
fn scenario_97_prefixes_of_both_sides_interlock() {
    let main = d1();
    let b = branch(&main);
    prefixes(&b, &["10.0.0.0/7", "10.0.0.0/15", "10.10.8.0/22"]);
    addresses::remove(&main, "10.10.1.0/27");
    rebase(&main);
    assert_eq!(parent_of(&b, "10.0.0.0/7"), (None, true));
    assert_eq!(parent_of(&b, "10.0.0.0/8"), below("10.0.0.0/7"));
    assert_eq!(parent_of(&b, "10.0.0.0/15"), below("10.0.0.0/8"));
    assert_eq!(parent_of(&b, "10.10.8.0/22"), below("10.10.0.0/16"));
    assert_eq!(address_parent(&b, "10.10.1.1/32"), "10.10.1.0/24");
    sound(&main);
}

#[test]
fn scenario_98_a_proposed_change_hangs_everything_where_it_belongs_too() {
    let main = d1();
    let b = branch(&main);
    address(&b, "10.10.0.2/32");
    assert_eq!(crate::changes::open(&b, "b")["blockers"], json!([]));
    main.change_merge("change of b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    assert_eq!(address_parent(&main, "10.10.0.2/32"), "10.10.0.0/16");
    // The branch takes away what lies around what main adds meanwhile; the change is open all along.
    main.branch_create("second", "").unwrap();
    let second = main.on(Some("second"), None).unwrap();
    crate::changes::open(&main, "second");
    prefixes(&main, &["10.10.0.0/17"]);
    addresses::remove(&second, "10.10.0.0/16");
    assert_eq!(parent_of(&second, "10.10.1.0/24"), below("10.0.0.0/8"));
    assert!(main.follow_changes().unwrap() > 0, "it is checked again");
    // As clients merge: the state of the change is set.
    let id = main.change_show("change of second").unwrap()["id"].as_str().unwrap().to_owned();
    let text = format!(
        "mutation {{CoreProposedChangeUpdate(data: {{id: \"{id}\" state: {{value: \"merged\"}}}}) {{ok}}}}"
    );
    let answer = query(&main, &text);
    assert!(answer.get("errors").is_none(), "{answer:#}");
    assert!(main.object("IpamPrefix", "10.10.0.0/16/default").is_err());
    assert_eq!(parent_of(&main, "10.10.0.0/17"), below("10.0.0.0/8"));
    let wanted = texts(&["10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/27"]);
    let held = texts(&["10.10.0.0/32", "10.10.0.2/32"]);
    assert_eq!(inside(&main, "10.10.0.0/17"), (wanted, held));
    sound(&main);
}
