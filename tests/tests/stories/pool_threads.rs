//! What users of other systems hit with pools, one test a thread of theirs that can apply here: duplicates
//! and wrong occupancy, leaks, rest and strategy. Which thread is which test:
//!
//! | thread | where |
//! |---|---|
//! | netbox 2519, 3475, 3726, 66, 1246; pynetbox 396; ansible_modules 133; terraform-provider-netbox 59, 487, 970; nautobot 8297; phpipam 2960; terraform-provider-phpipam 7; infrahub 7254, 7025; whereabouts 110; gravity 1030 | `sixteen_at_once_get_sixteen_addresses` |
//! | infrahub 5236 | `two_generators_at_once_get_two_addresses` |
//! | netbox 10282 | `an_address_is_once_in_its_namespace` |
//! | infrahub 9299, sdk 981 | `addresses.rs`, scenario 21 |
//! | kubernetes 29058, calico 6244 | `two_pools_over_one_parent_give_nothing_twice` |
//! | azure-container-networking 885, cilium 32531 | `a_late_release_frees_nothing_of_the_new_owner` |
//! | libnetwork 2106 | `the_last_of_a_space_is_given_once` |
//! | kubernetes 96416 | `nothing_is_counted_twice_after_a_restart` |
//! | infrahub 5315; cilium 47910; headscale 3244 | `what_was_given_back_can_be_had_again_to_the_last` |
//! | infrahub 6865, 6866, 5463 | `pool_branches.rs`, scenarios 41, 42, 50, 51; `a_pool_whose_parents_branch_is_gone_is_told_of` |
//! | fulcrum 221; netbox 7686; NIPAP 512; cloudstack 7369, 7378; nvidia-k8s-ipam 280; amazon-vpc-cni 1700 | `a_value_that_rests_counts_as_used_and_tells_who_had_it` |
//! | ip-address-manager 1359; metal3-docs 679 | `random_is_by_seed_and_gives_all` |
//! | nvidia-k8s-ipam 154; terraform-provider-infoblox 87; kubermatic 11260; cluster-api 180 | `pool_scenarios.rs`, scenario 67; `an_address_set_aside_is_passed_over` |
//! | infrahub 7276 | `numbers.rs`, scenario 69 |
//! | netbox 9763, 9761 | `a_prefix_that_is_there_takes_its_whole_range` |
//! | metallb 2656 | `addresses.rs`, the heavier parent; `the_next_parent_serves_what_the_heavier_cannot` |
//! | netbox 15362 | `pool_scenarios.rs`, scenario 39 |
//! | netbox 21547 | `the_router_anycast_address_of_ipv6_is_passed_over` |
//!
//! Without counterpart: repair loops and garbage collectors (kubernetes 37488, calico 2713, 5044, 7839, 3940,
//! cilium 37746, 40350, Meridio 580: a reservation goes with its owner in one commit), last instead of first
//! (netbox 5616), a reserve in each new prefix (NIPAP 734), opt-in pools and quotas (metallb 4,
//! xen-orchestra 1565).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use service::{Drawing, Place, Service};

use crate::addresses::{self, draw, next, one, prefixes};
use crate::support::{ByHand, dump, load, service_at, service_in, sound};

fn address_pool(service: &Service, name: &str, resources: &[&str]) {
    let settings = json!({"default_address_type": "IpamIPAddress", "name": name});
    addresses::pool(service, "CoreIPAddressPool", &settings, resources);
}

fn with_addresses(parents: &[&str]) -> Service {
    let service = addresses::ready();
    prefixes(&service, parents);
    address_pool(&service, "pool", parents);
    service
}

fn named(identifier: &str) -> Drawing {
    Drawing { identifier: Some(identifier.to_owned()), ..Drawing::default() }
}

#[test]
fn sixteen_at_once_get_sixteen_addresses() {
    let service = with_addresses(&["10.0.0.0/24"]);
    let given: BTreeSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| next(&service).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(given.len(), 16);
    // The first sixteen, as nothing failed; and none is left out.
    assert_eq!(next(&service).unwrap(), "10.0.0.17/24");
    sound(&service);
}

#[test]
fn two_generators_at_once_get_two_addresses() {
    let service = crate::tracking::ready();
    crate::support::register(&service, "second", "probe", PROBE, "targets");
    let step = |name: &str| {
        json!([{
            "do": "draw", "kind": "TestThing", "name": name, "field": "vlan", "pool": "vlans",
        }])
    };
    crate::tracking::tell(&service, "one", &step("a"));
    crate::tracking::tell(&service, "two", &step("b"));
    std::thread::scope(|scope| {
        scope.spawn(|| crate::support::run(&service, "probe", "one"));
        scope.spawn(|| crate::support::run(&service, "second", "two"));
    });
    let vlan = |name: &str| crate::tracking::value(&service, name, "vlan").as_i64().unwrap();
    let given = BTreeSet::from([vlan("a"), vlan("b")]);
    assert_eq!(given, BTreeSet::from([10, 11]));
    sound(&service);
}

const PROBE: &str = "query Probe($name: String!) { TestTarget(name__value: $name) \
                     { edges { node { id steps { value } } } } }";

#[test]
fn an_address_is_once_in_its_namespace() {
    let service = with_addresses(&["10.0.0.0/24"]);
    let answer = crate::support::query(
        &service,
        "mutation {one: IpamIPAddressCreate(data: {address: {value: \"10.0.0.9/24\"}}) {ok} \
           two: IpamIPAddressCreate(data: {address: {value: \"10.0.0.9/24\"}}) {ok}}",
    );
    let message = answer["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{answer:#}"));
    assert!(message.contains("Violates uniqueness constraint"), "{message}");
    sound(&service);
}

#[test]
fn two_pools_over_one_parent_give_nothing_twice() {
    let service = with_addresses(&["10.0.0.0/29"]);
    address_pool(&service, "second", &["10.0.0.0/29"]);
    let of = |pool: &str| {
        let answer = service.pool_allocate(pool, &Drawing::default()).map_err(|bad| bad.code());
        answer.map(|answer| answer["allocated"][0]["value"].as_str().unwrap().to_owned())
    };
    let drawn: Vec<String> =
        ["pool", "second", "pool", "second", "pool", "second"].map(|pool| of(pool).unwrap()).into();
    let wanted: Vec<String> = (1..=6).map(|host| format!("10.0.0.{host}/29")).collect();
    assert_eq!(drawn, wanted);
    assert_eq!((of("pool"), of("second")), (Err("pool-exhausted"), Err("pool-exhausted")));
    sound(&service);
}

#[test]
fn a_late_release_frees_nothing_of_the_new_owner() {
    let service = with_addresses(&["10.0.0.0/30"]);
    assert_eq!(draw(&service, &named("old")).unwrap(), ["10.0.0.1/30"]);
    service.pool_release("pool", "old", "moved").unwrap();
    assert_eq!(draw(&service, &named("new")).unwrap(), ["10.0.0.1/30"]);
    let before = dump(&service);
    let late = service.pool_release("pool", "old", "moved, again").unwrap_err();
    assert_eq!(late.code(), "unknown-identifier");
    assert_eq!(dump(&service), before);
    assert_eq!(next(&service).unwrap(), "10.0.0.2/30");
}

#[test]
fn the_last_of_a_space_is_given_once() {
    for parent in ["255.255.255.252/30", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc/126"] {
        let service = with_addresses(&[parent]);
        let mut given = BTreeSet::new();
        while let Ok(address) = next(&service) {
            assert!(given.insert(address), "{given:?}");
        }
        assert_eq!(given.len(), if parent.contains(':') { 3 } else { 2 });
        assert_eq!(service.pool("pool").unwrap()["utilization"], 100.0);
    }
}

#[test]
fn nothing_is_counted_twice_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let place = || Place::Folder(folder.path().to_owned());
    let told = |service: &Service| {
        let pool = service.pool("pool").unwrap();
        (pool["used"].clone(), pool["total"].clone(), pool["held"].clone())
    };
    let before = {
        let service = service_in(place());
        addresses::load_schema(&service);
        prefixes(&service, &["10.0.0.0/28"]);
        address_pool(&service, "pool", &["10.0.0.0/28"]);
        load(&service, "IpamIPAddress", &json!([{"address": "10.0.0.3/28"}]));
        draw(&service, &named("a")).unwrap();
        draw(&service, &Drawing { count: 3, ..Drawing::default() }).unwrap();
        told(&service)
    };
    assert_eq!(before.0, "5");
    let service = service_in(place());
    assert_eq!(told(&service), before);
    let pool = service.pool("pool").unwrap();
    assert_eq!(pool["resources"][0]["free"][0]["first"], "10.0.0.6");
    sound(&service);
}

#[test]
fn what_was_given_back_can_be_had_again_to_the_last() {
    let service = addresses::ready();
    prefixes(&service, &["10.0.0.0/24"]);
    let settings = json!({"default_prefix_type": "IpamPrefix"});
    addresses::pool(&service, "CoreIPPrefixPool", &settings, &["10.0.0.0/24"]);
    for _round in 0..3 {
        let drawn = addresses::many(&service, 27, 8);
        assert!(one(&service, 27).is_err());
        drawn.iter().for_each(|prefix| addresses::remove(&service, prefix));
    }
    // Free in pieces and free in one: what was split comes together.
    assert_eq!(one(&service, 25).unwrap(), "10.0.0.0/25");
    assert_eq!(one(&service, 25).unwrap(), "10.0.0.128/25");
    sound(&service);
}

#[test]
fn a_pool_whose_parents_branch_is_gone_is_told_of() {
    let main = addresses::ready();
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    prefixes(&b, &["10.0.0.0/24"]);
    address_pool(&b, "pool", &["10.0.0.0/24"]);
    assert_eq!(next(&b).unwrap(), "10.0.0.1/24");
    assert_eq!(main.pool("pool").unwrap()["total"], "0", "main does not see the parent");
    main.branch_delete("b").unwrap();
    let pools = main.pools().unwrap();
    assert_eq!(pools["pools"][0]["total"], "0");
    assert!(next(&main).unwrap_err().contains("There are no more addresses available"));
    sound(&main);
    prefixes(&main, &["10.1.0.0/24"]);
    let resources = json!([{
        "name": "pool", "default_address_type": "IpamIPAddress", "ip_namespace": "default",
        "resources": [["10.1.0.0/24", "default"]],
    }]);
    load(&main, "CoreIPAddressPool", &resources);
    assert_eq!(next(&main).unwrap(), "10.1.0.1/24");
}

#[test]
fn a_value_that_rests_counts_as_used_and_tells_who_had_it() {
    let clock = Arc::new(ByHand::default());
    let service = service_at(Place::Memory, clock.clone());
    addresses::load_schema(&service);
    prefixes(&service, &["10.0.0.0/30"]);
    let settings = json!({"default_address_type": "IpamIPAddress", "quarantine": 60});
    addresses::pool(&service, "CoreIPAddressPool", &settings, &["10.0.0.0/30"]);
    draw(&service, &named("a")).unwrap();
    draw(&service, &named("b")).unwrap();
    service.pool_release("pool", "a", "decommissioned").unwrap();
    assert_eq!(service.pool("pool").unwrap()["used"], "2", "what rests is not free");
    assert!(draw(&service, &named("c")).is_err());
    let asked = Drawing { value: Some("10.0.0.1".to_owned()), ..Drawing::default() };
    let told = service.pool_explain("pool", &asked).unwrap();
    assert_eq!((&told["state"], &told["identifier"]), (&json!("resting"), &json!("a")));
    assert_eq!(told["released"]["why"], "decommissioned");
    // Who had it gets it at once; another when it has rested.
    assert_eq!(draw(&service, &named("a")).unwrap(), ["10.0.0.1/30"]);
    service.pool_release("pool", "a", "again").unwrap();
    clock.forward(60);
    assert_eq!(service.pool("pool").unwrap()["used"], "1");
    assert_eq!(draw(&service, &named("c")).unwrap(), ["10.0.0.1/30"]);
    sound(&service);
}

#[test]
fn random_is_by_seed_and_gives_all() {
    let given = |seed: &str| {
        let service = addresses::ready();
        prefixes(&service, &["10.0.0.0/28"]);
        let settings = json!({
            "default_address_type": "IpamIPAddress", "strategy": "random", "seed": seed,
        });
        addresses::pool(&service, "CoreIPAddressPool", &settings, &["10.0.0.0/28"]);
        let all = (0..14).map(|n| draw(&service, &named(&format!("n{n}"))).unwrap().remove(0));
        let all: Vec<String> = all.collect();
        assert!(draw(&service, &named("more")).is_err());
        all
    };
    let first = given("x");
    assert_eq!(given("x"), first, "the same seed, the same order");
    assert_ne!(given("y"), first);
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 14);
}

#[test]
fn an_address_set_aside_is_passed_over() {
    let service = with_addresses(&["10.0.0.0/29"]);
    let aside = |address: &str, who: &str| {
        let drawing = Drawing { value: Some(address.to_owned()), set_aside: true, ..named(who) };
        draw(&service, &drawing).unwrap();
    };
    aside("10.0.0.1", "gateway");
    aside("10.0.0.2", "spare");
    assert_eq!(next(&service).unwrap(), "10.0.0.3/29");
    assert_eq!(draw(&service, &named("gateway")).unwrap(), ["10.0.0.1/29"]);
    assert_eq!(next(&service).unwrap(), "10.0.0.4/29");
}

#[test]
fn a_prefix_that_is_there_takes_its_whole_range() {
    let service = addresses::ready();
    prefixes(&service, &["10.0.0.0/16", "10.0.0.0/20"]);
    let settings = json!({"default_prefix_type": "IpamPrefix"});
    addresses::pool(&service, "CoreIPPrefixPool", &settings, &["10.0.0.0/16"]);
    assert_eq!(one(&service, 24).unwrap(), "10.0.16.0/24");
    assert_eq!(one(&service, 20).unwrap(), "10.0.32.0/20");
}

#[test]
fn the_next_parent_serves_what_the_heavier_cannot() {
    let service = addresses::ready();
    let rows = json!([
        {"prefix": "10.0.0.0/28", "allocation_weight": 10}, {"prefix": "10.1.0.0/24"},
    ]);
    load(&service, "IpamPrefix", &rows);
    let settings = json!({"default_prefix_type": "IpamPrefix"});
    addresses::pool(&service, "CoreIPPrefixPool", &settings, &["10.0.0.0/28", "10.1.0.0/24"]);
    assert_eq!(one(&service, 26).unwrap(), "10.1.0.0/26");
    assert_eq!(one(&service, 29).unwrap(), "10.0.0.0/29");
    assert_eq!(one(&service, 29).unwrap(), "10.0.0.8/29");
    assert_eq!(one(&service, 29).unwrap(), "10.1.0.64/29");
}

#[test]
fn the_router_anycast_address_of_ipv6_is_passed_over() {
    let service = with_addresses(&["2001:db8::/64"]);
    assert_eq!(next(&service).unwrap(), "2001:db8::1/64");
    let asked = Drawing { value: Some("2001:db8::".to_owned()), ..Drawing::default() };
    let refused = service.pool_allocate("pool", &asked).unwrap_err();
    assert_eq!(refused.code(), "value-taken");
    assert!(refused.to_string().contains("it is not for hosts"), "{refused}");
    // Both ends of a point-to-point link are hosts (RFC 6164).
    let service = with_addresses(&["2001:db8::/127"]);
    assert_eq!(next(&service).unwrap(), "2001:db8::/127");
    assert_eq!(next(&service).unwrap(), "2001:db8::1/127");
}
