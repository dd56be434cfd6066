//! A data centre: a building with a row of racks, devices in them, and what connects them.

use kiln::prelude::*;

use crate::plant::{Device, Place, Plant};
use crate::topology::{Topology, place};
use crate::{cables, routing};

/// Makes one data centre.
pub fn generate(ctx: &Ctx, topology: &Topology) -> Result<()> {
    let building = topology.building(ctx)?;
    let racks = racks(ctx, topology, &building)?;
    let plant = Plant::new(ctx, topology);
    plant.pool("Management", topology.management()?)?;
    let [underlay, overlay] = halves(ctx, topology)?;
    plant.pool_over("Loopback", &underlay)?;
    plant.pool_over("Loopback-VTEP", &overlay)?;
    plant.vlans()?;
    let devices = plant.devices(|role, number| {
        Ok(match slot(role, number, racks.len())? {
            Some((rack, height)) => Place::Rack(racks[rack].clone(), height),
            None => Place::Building(building.clone()),
        })
    })?;
    cables::connect(ctx, &devices)?;
    let fabric = Fabric::over(&plant, &devices)?;
    routing::generate(ctx, topology, &building, &fabric)
}

/// One rack for each leaf, all in one row.
fn racks(ctx: &Ctx, topology: &Topology, building: &Object) -> Result<Vec<Object>> {
    let pod = place(ctx, "LocationPod", "Pod-1", building)?;
    let row = place(ctx, "LocationRow", "Row-1", &pod)?;
    let mut racks = Vec::new();
    for number in 1..=topology.quantity("leaf")? {
        let rack = place(ctx, "LocationRack", &format!("{}-Rack-{number}", topology.name), &row)?;
        ctx.object(Target::named("CoreStandardGroup", "racks")).link("members", &rack).save()?;
        racks.push(rack);
    }
    Ok(racks)
}

/// The rack of a device, counted from 0, and its height there; nothing for what stands beside the racks.
/// Leafs go one by one, what serves all racks into the two before the middle of the row.
fn slot(role: &str, number: u32, racks: usize) -> Result<Option<(usize, u8)>> {
    let number = number as usize;
    let (rack, height) = match role {
        "leaf" => (number.checked_sub(1), 42),
        "spine" => ((racks / 2 + number).checked_sub(3), 41),
        "console" => ((racks / 2 + number).checked_sub(3), 40),
        "oob" => ((racks / 2 + number).checked_sub(3), 39),
        "border_leaf" => bail!(
            "{role} {number} needs a rack of its own, and the {racks} racks are for the leafs"
        ),
        _ => return Ok(None),
    };
    match rack.filter(|rack| *rack < racks) {
        Some(rack) => Ok(Some((rack, height))),
        None => bail!("there is no rack for {role} {number}: {racks} racks"),
    }
}

/// The technical prefix in two: loopbacks of the underlay, and those of tunnels.
fn halves(ctx: &Ctx, topology: &Topology) -> Result<[Object; 2]> {
    let [first, second] = split(&topology.technical()?.prefix)?;
    let make = |prefix: &str, role: &str, purpose: &str| {
        ctx.create("IpamPrefix")
            .set("prefix", prefix)
            .set("description", format!("{} {purpose} Loopback Subnet", topology.name))
            .set("status", "active")
            .set("role", role)
            .set("member_type", "address")
            .save()
    };
    Ok([make(&first, "loopback", "Underlay")?, make(&second, "loopback-vtep", "VTEP")?])
}

/// `10.0.0.0/24` -> `10.0.0.0/25`, `10.0.0.128/25`.
fn split(prefix: &str) -> Result<[String; 2]> {
    let bad = || Error::message(format!("`{prefix}` is no IPv4 prefix that can be cut in two"));
    let (network, length) = prefix.split_once('/').ok_or_else(bad)?;
    let network = u32::from(network.parse::<std::net::Ipv4Addr>().map_err(|_bad| bad())?);
    let length: u32 = length.parse().map_err(|_bad| bad())?;
    let longer = length + 1;
    let step = 32_u32.checked_sub(longer).map(|bits| 1_u32 << bits).ok_or_else(bad)?;
    let second = std::net::Ipv4Addr::from(network | step);
    Ok([format!("{}/{longer}", std::net::Ipv4Addr::from(network)), format!("{second}/{longer}")])
}

/// A spine or a leaf with its two addresses.
pub struct Member<'a> {
    pub device: &'a Device,
    /// Of the underlay; also who it is.
    pub router_id: Target,
    /// Of tunnels.
    pub endpoint: Target,
}

/// Spines and leafs.
pub struct Fabric<'a> {
    pub spines: Vec<Member<'a>>,
    pub leafs: Vec<Member<'a>>,
}

impl<'a> Fabric<'a> {
    fn over(plant: &Plant, devices: &'a [Device]) -> Result<Self> {
        let of = |role: &'static str| devices.iter().filter(move |device| device.role == role);
        let members: Vec<&Device> = of("spine").chain(of("leaf")).collect();
        let mut made = Vec::new();
        for device in &members {
            made.push(plant.loopback(device, 0, "Loopback", "Underlay")?);
        }
        let mut all = Vec::new();
        for (device, router_id) in members.into_iter().zip(made) {
            let endpoint = plant.loopback(device, 1, "Loopback-VTEP", "VTEP")?;
            all.push(Member { device, router_id, endpoint });
        }
        let (spines, leafs) = all.into_iter().partition(|member| member.device.role == "spine");
        Ok(Self { spines, leafs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_cut_in_two() {
        assert_eq!(split("10.10.1.0/24").unwrap(), ["10.10.1.0/25", "10.10.1.128/25"]);
        assert_eq!(split("0.0.0.0/0").unwrap(), ["0.0.0.0/1", "128.0.0.0/1"]);
        assert_eq!(split("10.0.0.0/31").unwrap(), ["10.0.0.0/32", "10.0.0.1/32"]);
        for bad in ["10.0.0.0/32", "10.0.0.0/99", "10.0.0.0", "2001:db8::/32", "10.0.0.0/x"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_serves_all_racks_stands_before_the_middle_of_the_row() {
        assert_eq!(slot("leaf", 8, 8).unwrap(), Some((7, 42)));
        assert_eq!(slot("spine", 1, 8).unwrap(), Some((2, 41)));
        assert_eq!(slot("console", 2, 4).unwrap(), Some((1, 40)));
        assert_eq!(slot("oob", 1, 4).unwrap(), Some((0, 39)));
        assert_eq!(slot("dc_firewall", 1, 4).unwrap(), None);
        assert!(slot("spine", 1, 2).is_err());
        assert!(slot("border_leaf", 1, 4).is_err());
    }
}
