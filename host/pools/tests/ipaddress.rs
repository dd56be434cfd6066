//! Prefix arithmetic against an independent implementation: `tests/fixtures/ipaddress` is what Python's
//! `ipaddress` says, made by the script beside it.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use model::ip::{Family, number};
use pools::FreeSet;
use serde_json::Value as Json;

fn fixture() -> Json {
    let file = "../../tests/fixtures/ipaddress/prefixes.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap()
}

fn net(json: &Json, name: &str) -> IpNet {
    text(json, name).parse().unwrap()
}

fn at(json: &Json, name: &str) -> u128 {
    number(text(json, name).parse::<IpAddr>().unwrap())
}

#[test]
fn ends_masks_and_sizes_are_pythons() {
    for one in fixture()["facts"].as_array().unwrap() {
        let net = net(one, "prefix");
        // As addresses: the two write mapped ones differently.
        let address = |name: &str| text(one, name).parse::<IpAddr>().unwrap();
        assert_eq!(net.network(), address("network"));
        assert_eq!(net.broadcast(), address("broadcast"));
        assert_eq!(net.netmask(), address("netmask"));
        assert_eq!(net.hostmask(), address("hostmask"));
        let free = FreeSet::new([(number(net.network()), number(net.broadcast()))]);
        // 2^128 does not fit and counts as one less.
        let size: u128 = text(one, "size").parse().unwrap_or(u128::MAX);
        assert_eq!(free.count(), size, "{net}");
        let bits = Family::of(net.addr()).bits();
        assert_eq!(free.largest(), Some(bits - net.prefix_len()), "{net}");
    }
}

#[test]
fn the_first_and_last_host_are_pythons() {
    for one in fixture()["hosts"].as_array().unwrap() {
        let net = net(one, "prefix");
        let ends = pools::address::usable(net, false);
        assert_eq!(ends, Some((at(one, "first"), at(one, "last"))), "{net}");
    }
}

#[test]
fn what_lies_within_what_is_pythons() {
    for one in fixture()["contains"].as_array().unwrap() {
        let (outer, inner) = (net(one, "outer"), net(one, "inner"));
        assert_eq!(outer.contains(&inner), one["yes"].as_bool().unwrap(), "{outer} {inner}");
        let free = FreeSet::new([(number(outer.network()), number(outer.broadcast()))]);
        let within = free.is_free_range(number(inner.network()), number(inner.broadcast()));
        assert_eq!(within, outer.contains(&inner), "{outer} {inner}");
    }
}

#[test]
fn first_fit_draws_what_trying_every_subnet_in_order_finds() {
    for case in fixture()["allocations"].as_array().unwrap() {
        let parent = net(case, "parent");
        let family = Family::of(parent.addr());
        let mut free = FreeSet::new([(number(parent.network()), number(parent.broadcast()))]);
        let lengths = case["lengths"].as_array().unwrap();
        for (length, wanted) in lengths.iter().zip(case["got"].as_array().unwrap()) {
            let length = u8::try_from(length.as_u64().unwrap()).unwrap();
            let height = family.bits() - length;
            let got = free.lowest(height).map(|start| {
                let net = IpNet::new(family.address(start).unwrap(), length).unwrap();
                free.take(start, number(net.broadcast()));
                net.to_string()
            });
            assert_eq!(got.as_deref(), wanted.as_str(), "{parent} /{length}");
        }
    }
}
