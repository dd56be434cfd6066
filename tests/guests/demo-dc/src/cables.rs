//! Cables: management ports to the switches out of band, consoles to the console servers, and every spine to
//! every leaf.

use std::collections::BTreeMap;

use kiln::prelude::*;

use crate::plant::{Device, Port};

/// Makes all cables.
pub fn connect(ctx: &Ctx, devices: &[Device]) -> Result<()> {
    star(ctx, devices, "oob", "management")?;
    star(ctx, devices, "console", "console")?;
    fabric(ctx, devices)
}

/// The first port of a role of each device to the next free one of a hub; odd devices to the first hub.
fn star(ctx: &Ctx, devices: &[Device], hub: &str, role: &str) -> Result<()> {
    let hubs: Vec<&Device> = devices.iter().filter(|device| device.role == hub).collect();
    if hubs.is_empty() {
        return Ok(());
    }
    let mut free: Vec<_> = hubs.iter().map(|hub| hub.of(role)).collect();
    // What stands beside the racks comes last.
    let (beside, racked): (Vec<&Device>, Vec<&Device>) = devices
        .iter()
        .filter(|device| device.role != hub)
        .partition(|device| device.role == "dc_firewall");
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    for device in racked.into_iter().chain(beside) {
        let number = met.entry(&device.role).or_default();
        let at = *number % hubs.len();
        *number += 1;
        let Some(port) = device.of(role).next() else { continue };
        let Some(socket) = free[at].next() else {
            bail!("{} has no free {role} port for {}", hubs[at].name, device.name);
        };
        cable(ctx, "cat6", "Connection", [(device, port), (hubs[at], socket)])?;
    }
    Ok(())
}

/// The n-th leaf on the n-th leaf port of each spine, the n-th spine on the n-th uplink of each leaf.
fn fabric(ctx: &Ctx, devices: &[Device]) -> Result<()> {
    let of = |role: &'static str| devices.iter().filter(move |device| device.role == role);
    for (s, spine) in of("spine").enumerate() {
        for (l, leaf) in of("leaf").enumerate() {
            let (Some(down), Some(up)) = (spine.of("leaf").nth(l), leaf.of("uplink").nth(s)) else {
                bail!("{} and {} have no ports left for each other", spine.name, leaf.name);
            };
            cable(ctx, "dac-passive", "Peering connection", [(spine, down), (leaf, up)])?;
            for port in [down, up] {
                ctx.object(&port.object.id).set("role", "unnumbered").save()?;
            }
        }
    }
    Ok(())
}

/// The ports of a device that lead to the other side of the fabric.
pub fn fabric_ports(device: &Device, others: usize) -> impl Iterator<Item = &Port> {
    let role = if device.role == "spine" { "leaf" } else { "uplink" };
    device.of(role).take(others)
}

fn cable(ctx: &Ctx, kind: &str, why: &str, ends: [(&Device, &Port); 2]) -> Result<()> {
    let [(a, near), (b, far)] = ends;
    ctx.create("DcimCable")
        .key(format!("{}/{} {}/{}", a.name, near.name, b.name, far.name))
        .set("cable_type", kind)
        .set("status", "connected")
        .links("connected_endpoints", [&near.object, &far.object])
        .save()?;
    for (port, device, peer) in [(near, b, far), (far, a, near)] {
        let description = format!("{why} to {} -> {}", device.name, peer.name);
        ctx.object(&port.object.id).set("description", description).save()?;
    }
    Ok(())
}
