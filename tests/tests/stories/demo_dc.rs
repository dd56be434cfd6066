//! The public data-centre case: three data centres of two ways of routing, a point of presence, and a
//! customer's segment; and a design that does not fit.

use std::path::PathBuf;

use engine::{Mode, RunOutcome};
use serde_json::json;
use service::{DefinitionInput, Service};

use crate::compare::{answered_in_any_order, as_expected, everything, expected, public_query};
use crate::support::{
    case, changes, component, dump, failure, file, labels, load_case, run, service, sound,
};

/// By its human-friendly id.
const SEGMENT: &str = "dc-arista/OpsMill/production/OpsMill";
/// Definition, public query, targets.
const DEFINITIONS: [(&str, &str, &str); 3] = [
    ("create_dc", "topology/dc.gql", "topologies_dc"),
    ("create_pop", "topology/pop.gql", "topologies_pop"),
    ("create_segment", "segment/segment.gql", "network_segments"),
];

/// The case with some of its topologies, the generators registered.
pub(crate) fn ready(topologies: &[&str]) -> Option<(Service, PathBuf)> {
    let case = case("5-demo-dc")?;
    let service = service();
    load_case(&service, &case);
    let info = service.component_upload(&component("demo_dc")).unwrap();
    for (name, query, targets) in DEFINITIONS {
        let input = DefinitionInput {
            name: name.to_owned(),
            query: public_query(&case, query),
            parameters: [("name".to_owned(), "name__value".to_owned())].into(),
            targets: targets.to_owned(),
            component: Some(info.digest.clone()),
            ..Default::default()
        };
        service.definition_put(&input).unwrap_or_else(|bad| panic!("{bad}"));
    }
    for topology in topologies {
        order(&service, &case, topology);
    }
    Some((service, case))
}

/// Loads one of the topologies.
pub(crate) fn order(service: &Service, case: &std::path::Path, topology: &str) {
    let mut file = file(&case.join("files/objects").join(topology));
    // The public file puts the segment into no group, its definition goes by one.
    if topology.starts_with("segments/") {
        let text = file.text.trim_end().to_owned();
        file.text = format!("{text}\n      member_of_groups: [network_segments]\n");
    }
    service.object_load(&[file]).unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
}

/// A data centre is made as the original made it. Where the original then takes new numbers for its systems
/// on every run, this changes nothing.
fn as_the_original(topology: &str, target: &str, numbers: &[i64]) {
    let Some((service, case)) = ready(&[&format!("dc/{topology}.yml")]) else { return };
    let expected = expected(&case, &format!("{topology}.run1"));
    answered_in_any_order(&service, &public_query(&case, "topology/dc.gql"), &expected);
    let result = run(&service, "create_dc", target);
    as_expected(&service, &result, &expected);
    let before = service.last_commit();
    assert_eq!(changes(&run(&service, "create_dc", target)), Vec::<String>::new());
    assert_eq!(service.last_commit(), before);
    let systems = service.objects("RoutingAutonomousSystem", 1_000).unwrap();
    let mut found: Vec<i64> =
        systems.iter().filter_map(|system| system.attributes["asn"].as_i64()).collect();
    found.retain(|number| (64_512..=65_534).contains(number));
    found.sort_unstable();
    assert_eq!(found, numbers);
    sound(&service);
}

#[test]
fn a_data_centre_over_ospf_is_made_as_the_original_made_it_and_keeps_its_number() {
    as_the_original("dc-arista-s", "dc-arista", &[64_512]);
}

#[test]
fn another_over_ospf_whose_devices_have_no_consoles() {
    as_the_original("dc-juniper-s", "dc-juniper", &[64_512]);
}

#[test]
fn a_data_centre_over_external_bgp_has_ten_systems_and_keeps_their_numbers() {
    let numbers: Vec<i64> = (64_512..64_522).collect();
    as_the_original("dc-cisco-s", "dc-cisco", &numbers);
}

#[test]
fn a_point_of_presence_is_made_as_the_original_made_it() {
    let Some((service, case)) = ready(&["pop/pop-1.yml"]) else { return };
    let expected = expected(&case, "pop-1.run1");
    answered_in_any_order(&service, &public_query(&case, "topology/pop.gql"), &expected);
    let result = run(&service, "create_pop", "POP-1");
    as_expected(&service, &result, &expected);
    let before = service.last_commit();
    assert_eq!(changes(&run(&service, "create_pop", "POP-1")), Vec::<String>::new());
    assert_eq!(service.last_commit(), before);
    sound(&service);
}

#[test]
fn a_segment_is_put_on_the_ports_of_leafs_and_taken_off_again() {
    let Some((service, case)) = ready(&["dc/dc-arista-s.yml"]) else { return };
    run(&service, "create_dc", "dc-arista");
    order(&service, &case, "segments/segment-opsmill.yml");
    let expected = expected(&case, "segment-opsmill.run1");
    answered_in_any_order(&service, &public_query(&case, "segment/segment.gql"), &expected);
    let result = run(&service, "create_segment", SEGMENT);
    as_expected(&service, &result, &expected);
    let before = service.last_commit();
    assert_eq!(changes(&run(&service, "create_segment", SEGMENT)), Vec::<String>::new());
    assert_eq!(service.last_commit(), before);
    // The ports are the data centre's: it does not give them up, nor does it mind who is on them.
    assert_eq!(changes(&run(&service, "create_dc", "dc-arista")), Vec::<String>::new());
    let ports = labels(&service, "InterfacePhysical").len();
    service.object_delete("ServiceNetworkSegment", SEGMENT).unwrap();
    assert_eq!(labels(&service, "InterfacePhysical").len(), ports);
    sound(&service);
}

#[test]
fn a_data_centre_and_a_point_of_presence_that_go_leave_all_as_it_was() {
    let Some((service, _)) = ready(&["dc/dc-cisco-s.yml", "pop/pop-1.yml"]) else { return };
    let before = everything(&service);
    run(&service, "create_dc", "dc-cisco");
    run(&service, "create_pop", "POP-1");
    assert!(everything(&service).len() > before.len() + 600);
    service.object_delete("TopologyDataCenter", "dc-cisco").unwrap();
    service.object_delete("TopologyColocationCenter", "POP-1").unwrap();
    let after = everything(&service);
    assert!(after.len() < before.len(), "the two themselves are gone, and nothing is left");
    let known = |name: &str| before.iter().any(|object| object.contains(name));
    assert!(known("dc-cisco"));
    for left in &after {
        assert!(!left.contains("dc-cisco-") && !left.contains("POP-1-"), "{left}");
    }
    assert!(service.instances().unwrap().is_empty());
    sound(&service);
}

#[test]
fn a_design_that_does_not_fit_fails_half_way_and_leaves_nothing() {
    let topology = "dc-sonic-border-leafs";
    let Some((service, case)) = ready(&[&format!("dc/{topology}.yml")]) else { return };
    let expected = expected(&case, &format!("{topology}.run1"));
    assert_eq!(expected["error"], json!("KeyError: 0"), "the original fails too");
    answered_in_any_order(&service, &public_query(&case, "topology/dc.gql"), &expected);
    let before = everything(&service);
    let (_, message) = failure(&run(&service, "create_dc", "dc-sonic"));
    assert!(message.contains("border_leaf 1 needs a rack of its own"), "{message}");
    assert_eq!(everything(&service), before);
    assert!(!dump(&service).lines().any(|row| row.starts_with("claims ")));
    sound(&service);
    // A plan fails in the same way.
    let plan = service.run("create_dc", "dc-sonic", Mode::Plan, "test").unwrap();
    assert!(matches!(plan.record.outcome, RunOutcome::Failed { .. }));
}
