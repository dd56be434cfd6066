//! The public L3VPN case, whole: two VPNs of two sites each, ports and devices taken and given back, numbers
//! and prefixes drawn, a site that goes and comes again.

use std::path::PathBuf;

use serde_json::json;
use service::Service;

use crate::compare::{answered, as_expected, everything, expected, public_query};
use crate::support::{case, changes, labels, load_case, register, run, service, sound};

pub(crate) const DEFINITION: &str = "generate_l3vpn";
pub(crate) const TARGETS: [&str; 2] = ["trading-floor-vpn", "ib-advisory-vpn"];

/// The case loaded, the generator registered.
pub(crate) fn ready() -> Option<(Service, PathBuf)> {
    let case = case("4-l3vpn")?;
    let service = service();
    load_case(&service, &case);
    register(&service, DEFINITION, "l3vpn", &public_query(&case, "service/l3vpn.gql"), "l3vpns");
    Some((service, case))
}

#[test]
fn both_vpns_are_made_as_the_original_made_them_and_a_second_run_changes_nothing() {
    let Some((service, case)) = ready() else { return };
    let text = public_query(&case, "service/l3vpn.gql");
    for target in TARGETS {
        let expected = expected(&case, &format!("{target}.run1"));
        answered(&service, &text, &expected);
        let result = run(&service, DEFINITION, target);
        as_expected(&service, &result, &expected);
        sound(&service);
    }
    let before = service.last_commit();
    for target in TARGETS {
        let expected = expected(&case, &format!("{target}.run2"));
        answered(&service, &text, &expected);
        assert_eq!(changes(&run(&service, DEFINITION, target)), Vec::<String>::new());
    }
    assert_eq!(service.last_commit(), before);
}

#[test]
fn a_site_that_goes_takes_its_own_along_and_nothing_that_was_only_taken() {
    let Some((service, case)) = ready() else { return };
    for target in TARGETS {
        run(&service, DEFINITION, target);
    }
    let peek = |service: &Service| {
        let drawing = service::Drawing::default();
        service.pool_peek("vlan_pool_markets_trading", &drawing).unwrap()["next"].clone()
    };
    assert_eq!(peek(&service), json!([102]));
    service.object_delete("ServiceL3VpnSite", "trading-zurich").unwrap();
    let text = public_query(&case, "service/l3vpn.gql");
    answered(&service, &text, &expected(&case, "site-removed"));
    let mut gone = changes(&run(&service, DEFINITION, TARGETS[0]));
    gone.retain(|line| line.starts_with("deleted"));
    gone.sort();
    assert_eq!(
        gone,
        [
            "deleted InterfaceVirtual ce-trading-zrh/Ethernet2.101",
            "deleted IpamIPAddress 10.100.0.5/30/default",
            "deleted IpamIPAddress 10.100.0.6/30/default",
            "deleted IpamIPAddress 10.200.20.1/24/vrf-trading-floor-vpn",
            "deleted IpamPrefix 10.100.0.4/30/default",
            "deleted RoutingBGPSession ce-trading-zrh/L3VPN CE-PE trading-floor-vpn trading-zurich",
            "deleted RoutingBGPSession pe-08/L3VPN PE-CE trading-floor-vpn trading-zurich",
        ]
    );
    // What the sites only used is there as it was, and what was drawn is free.
    for kept in ["pe-08/Ethernet3", "ce-trading-zrh/Ethernet1", "ce-trading-zrh/Ethernet2"] {
        let port = service.object("InterfacePhysical", kept).unwrap();
        assert_eq!(port.attributes["status"], json!("active"), "{kept}");
        assert_eq!(port.relationships.get("ip_addresses"), None, "{kept}");
    }
    assert!(service.object("InterfaceVirtual", "ce-trading-zrh/Loopback0").is_ok());
    let device = service.object("DcimDevice", "ce-trading-zrh").unwrap();
    assert_eq!(device.relationships.get("asn"), None);
    assert_eq!(peek(&service), json!([101]));
    sound(&service);
    // Nothing is left to do.
    assert_eq!(changes(&run(&service, DEFINITION, TARGETS[0])), Vec::<String>::new());
}

#[test]
fn vpns_that_go_leave_all_as_it_was_before_they_were_made() {
    let Some((service, _)) = ready() else { return };
    let without = |service: &Service| {
        let mut all = everything(service);
        all.retain(|object| !object.contains("\"kind\":\"ServiceL3Vpn"));
        all
    };
    let before = everything(&service);
    for target in TARGETS {
        run(&service, DEFINITION, target);
    }
    assert!(everything(&service).len() > before.len());
    for target in TARGETS {
        service.object_delete("ServiceL3Vpn", target).unwrap();
    }
    // Each VPN was linked from its group, its tenant and its pool of VLANs.
    let blind = |all: &std::collections::BTreeSet<String>| -> Vec<String> {
        all.iter()
            .filter(|object| !object.contains("\"kind\":\"ServiceL3Vpn"))
            .map(|object| TARGETS.iter().fold(object.clone(), |text, vpn| text.replace(vpn, "")))
            .map(|object| object.replace(r#""members":["",""]"#, ""))
            .collect()
    };
    let (after, before) = (without(&service), before);
    let (after, before) = (blind(&after), blind(&before));
    let missing: Vec<_> = before.iter().filter(|object| !after.contains(object)).collect();
    let more: Vec<_> = after.iter().filter(|object| !before.contains(object)).collect();
    assert!(missing.is_empty() && more.is_empty(), "{missing:#?} {more:#?}");
    assert!(service.instances().unwrap().is_empty());
    sound(&service);
}

#[test]
fn three_runs_at_once_make_one_system_one_vrf_and_two_links() {
    let Some((service, _)) = ready() else { return };
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let service = service.clone();
            std::thread::spawn(move || changes(&run(&service, DEFINITION, TARGETS[0])).len())
        })
        .collect();
    let mut counts: Vec<usize> = runs.into_iter().map(|run| run.join().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!((counts[0], counts[1]), (0, 0));
    assert_eq!(labels(&service, "RoutingAutonomousSystem").len(), 2);
    assert_eq!(labels(&service, "IpamVRF"), [TARGETS[0]]);
    let links = labels(&service, "IpamPrefix");
    assert_eq!(links.iter().filter(|prefix| prefix.starts_with("10.100.0.")).count(), 3);
    sound(&service);
}
