//! The public dedicated-internet case, whole: templates that draw from pools, three services on both
//! picks of a switch, ports that are claimed and given back.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use service::Service;

use crate::compare::{as_expected, expected};
use crate::support::{case, changes, load, load_case, query, run, service, sound};

const SERVICES: [(&str, &str, &str, &str); 3] = [
    ("test-12345", "bru01", "203.0.113.0/29", "Ethernet4"),
    ("test-20000", "bru01", "203.0.113.32/27", "Ethernet5"),
    ("test-30000", "par01", "203.0.113.16/28", "Ethernet4"),
];

/// The case loaded, its services ordered, the generator registered for a pick.
pub(crate) fn ready(pick: u8) -> Option<(Service, PathBuf, String)> {
    let case = case("2-dedicated-internet")?;
    let service = service();
    load_case(&service, &case);
    let targets = std::fs::read_to_string(case.join("targets.json")).unwrap();
    let targets: Vec<Json> = serde_json::from_str(&targets).unwrap();
    for target in targets {
        let mut row = target.clone();
        row.as_object_mut().unwrap().remove("kind");
        row["location"] = target["location"][0].clone();
        load(&service, "ServiceDedicatedInternet", &json!([row]));
    }
    let text =
        std::fs::read_to_string(case.join("files/generators/dedicated_internet.gql")).unwrap();
    let definition = format!("dedicated-internet-{pick}");
    let info = service.component_upload(&crate::support::component("dedicated_internet")).unwrap();
    service
        .definition_put(&service::DefinitionInput {
            name: definition.clone(),
            query: text,
            parameters: [("service_identifier".to_owned(), "service_identifier__value".to_owned())]
                .into(),
            targets: "automated_dedicated_internet".to_owned(),
            component: Some(info.digest),
            ..Default::default()
        })
        .unwrap_or_else(|bad| panic!("{bad}"));
    Some((service, case, definition))
}

#[test]
fn devices_come_out_of_their_templates_with_addresses_from_the_pool() {
    let Some((service, ..)) = ready(1) else { return };
    let answer = query(
        &service,
        "{ DcimDevice { edges { node { primary_address { node { address { value } } } } } } }",
    );
    let edges = answer["data"]["DcimDevice"]["edges"].as_array().unwrap();
    let mut addresses: Vec<u8> = edges
        .iter()
        .filter_map(|edge| edge["node"]["primary_address"]["node"]["address"]["value"].as_str())
        .filter_map(|address| address.strip_prefix("172.16.1.")?.strip_suffix("/24")?.parse().ok())
        .collect();
    addresses.sort_unstable();
    assert_eq!(addresses, (1..=16).collect::<Vec<u8>>());
}

#[test]
fn both_picks_make_what_the_original_made_and_a_second_run_nothing() {
    for pick in [1, 2] {
        let Some((service, case, definition)) = ready(pick) else { return };
        for (target, ..) in SERVICES {
            let result = run(&service, &definition, target);
            as_expected(&service, &result, &expected(&case, &format!("pick{pick}.{target}.run1")));
        }
        let before = service.last_commit();
        for (target, ..) in SERVICES {
            assert_eq!(changes(&run(&service, &definition, target)), Vec::<String>::new());
        }
        assert_eq!(service.last_commit(), before);
        sound(&service);
    }
}

fn port(service: &Service, name: &str) -> (Json, Json, Json) {
    let port = service.object("DcimInterfaceL2", name).unwrap();
    let value = |name: &str| port.attributes.get(name).cloned().unwrap_or(Json::Null);
    (value("status"), value("speed"), value("description"))
}

#[test]
fn a_service_that_goes_gives_its_port_back_and_what_was_drawn_for_it() {
    let Some((service, _, definition)) = ready(1) else { return };
    for (target, ..) in SERVICES {
        run(&service, &definition, target);
    }
    let taken = port(&service, "sw01-bru01/Ethernet4");
    assert_eq!(taken, (json!("active"), json!(100), json!("Port allocated to service test-12345")));
    service.object_delete("ServiceDedicatedInternet", "test-12345").unwrap();
    assert_eq!(port(&service, "sw01-bru01/Ethernet4"), (json!("free"), json!(1000), Json::Null));
    assert!(service.object("IpamVLAN", "vlan__test-12345").is_err());
    assert!(service.object("IpamPrefix", "203.0.113.0/29/default").is_err());
    assert!(service.object("IpamIPAddress", "203.0.113.1/29/default").is_err());
    // What it had is drawn again by the next.
    let peek = service.pool_peek("Customer vlan pool", &service::Drawing::default()).unwrap();
    assert_eq!(peek["next"], json!([1000]));
    sound(&service);
}
