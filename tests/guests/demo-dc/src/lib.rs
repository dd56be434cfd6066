//! Ports of the three public data-centre generators, in one component: a data centre with its racks, devices,
//! cables and routing; a point of presence; a customer's segment on the ports of a data centre. Which of them
//! is meant says the root of the query's answer.

mod cables;
mod data_centre;
mod plant;
mod routing;
mod topology;

use kiln::prelude::*;
use serde_json::json;

use crate::plant::Plant;
use crate::topology::Topology;

/// The answer of one of the three public queries.
#[derive(Deserialize)]
pub enum Input {
    /// Of `topology_dc`.
    #[serde(rename = "TopologyDataCenter")]
    DataCentre(Edges<Topology>),
    /// Of `topology_pop`.
    #[serde(rename = "TopologyColocationCenter")]
    Pop(Edges<Topology>),
    /// Of `segment`.
    #[serde(rename = "ServiceNetworkSegment")]
    Segment(Edges<Segment>),
}

/// A customer's network on all customer ports of the leafs of a place.
#[derive(Deserialize)]
pub struct Segment {
    id: String,
    deployment: Node<Deployment>,
}

#[derive(Deserialize)]
struct Deployment {
    devices: Edges<Deployed>,
}

#[derive(Deserialize)]
struct Deployed {
    id: String,
    role: Option<Value<Option<String>>>,
}

/// The answer of the question for ports.
#[derive(Deserialize)]
struct Ports {
    #[serde(rename = "InterfacePhysical")]
    ports: Edges<Id>,
}

const CUSTOMER_PORTS: &str = "query Ports($device: ID!) { InterfacePhysical(device__ids: [$device], \
    role__value: \"customer\") { edges { node { id } } } }";

/// Makes what the answer is about.
pub fn generate(ctx: &Ctx, input: Input) -> Result<()> {
    match input {
        Input::DataCentre(list) => data_centre::generate(ctx, list.only()?),
        Input::Pop(list) => pop(ctx, list.only()?),
        Input::Segment(list) => segment(ctx, list.only()?),
    }
}

/// A point of presence: a building with virtual devices, the routers among them with a loopback.
fn pop(ctx: &Ctx, topology: &Topology) -> Result<()> {
    let building = topology.building(ctx)?;
    let plant = Plant::new(ctx, topology);
    plant.pool("Management", topology.management()?)?;
    plant.pool("Loopback", topology.technical()?)?;
    plant.vlans()?;
    let devices = plant.devices(|_role, _number| Ok(plant::Place::Building(building.clone())))?;
    for device in devices.iter().filter(|device| device.role == "edge") {
        plant.loopback(device, 0, "Loopback", "Loopback")?;
    }
    Ok(())
}

/// Puts the segment on the ports.
fn segment(ctx: &Ctx, segment: &Segment) -> Result<()> {
    let is_leaf = |device: &&Deployed| {
        device.role.as_ref().and_then(|role| role.value.as_deref()) == Some("leaf")
    };
    let mut service = ctx.object(&segment.id);
    for leaf in segment.deployment.devices.iter().filter(is_leaf) {
        let found: Ports = ctx.query(CUSTOMER_PORTS, &json!({"device": leaf.id}))?;
        for port in found.ports.iter() {
            service = service.link("interfaces", port);
        }
    }
    service.save()?;
    Ok(())
}

kiln::generator!(generate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_takes_the_customer_ports_of_leafs_and_no_others() {
        let device = |id: &str, role: Option<&str>| match role {
            Some(role) => json!({"node": {"id": id, "role": {"value": role}}}),
            None => json!({"node": {"id": id}}),
        };
        let devices =
            [device("leaf", Some("leaf")), device("spine", Some("spine")), device("fw", None)];
        let answer = json!({"ServiceNetworkSegment": {"edges": [{"node": {
            "id": "segment", "deployment": {"node": {"devices": {"edges": devices}}},
        }}]}});
        let ports =
            json!({"InterfacePhysical": {"edges": [{"node": {"id": "1"}}, {"node": {"id": "2"}}]}});
        let host = kiln::test::Host::new().answer(CUSTOMER_PORTS, ports);
        let done = host.run(generate, answer).unwrap();
        let [(target, fields, links)] = done.set.as_slice() else { panic!("{:?}", done.set) };
        assert_eq!((target, fields.len()), (&Target::id("segment"), 0));
        let peers: Vec<&Target> = links.iter().flat_map(|link| &link.to).collect();
        assert_eq!(peers, [&Target::id("1"), &Target::id("2")]);
    }
}
