//! Routing of a fabric: an underlay of OSPF or of external BGP, and over it route reflectors on the spines.

use kiln::prelude::*;

use crate::cables::fabric_ports;
use crate::data_centre::{Fabric, Member};
use crate::topology::Topology;

/// The pool that numbers of systems are drawn from.
const SYSTEMS: &str = "PRIVATE-ASN4";

/// What all of it needs.
struct Work<'a, 'h> {
    ctx: &'a Ctx<'h>,
    topology: &'a Topology,
    building: &'a Object,
}

/// A way from one member to another, for one session.
struct Way<'a> {
    near: &'a Member<'a>,
    far: &'a Member<'a>,
    systems: [&'a Object; 2],
    group: &'a Object,
}

/// Makes the routing of a data centre.
pub fn generate(ctx: &Ctx, topology: &Topology, building: &Object, fabric: &Fabric) -> Result<()> {
    let work = Work { ctx, topology, building };
    let underlay = match topology.strategy() {
        "ospf-ibgp" => {
            work.ospf(fabric)?;
            "OSPF"
        }
        "ebgp-ibgp" => {
            work.external(fabric)?;
            "eBGP"
        }
        other => bail!("there is no way to route `{}` by `{other}`", topology.name),
    };
    work.overlay(fabric, underlay)
}

impl Work<'_, '_> {
    /// One process on each member, over its loopback and the ports of the fabric.
    fn ospf(&self, fabric: &Fabric) -> Result<()> {
        let name = &self.topology.name;
        let area = self
            .ctx
            .create("RoutingOSPFArea")
            .set("name", format!("{name}-UNDERLAY"))
            .set("description", format!("{name} OSPF UNDERLAY service"))
            .set("area", 0)
            .save()?;
        let sides = [(&fabric.spines, fabric.leafs.len()), (&fabric.leafs, fabric.spines.len())];
        for (members, others) in sides {
            for member in members {
                let device = member.device;
                let loopback = Target::Hfid(
                    "InterfaceVirtual".to_owned(),
                    vec![device.name.clone(), "loopback0".to_owned()],
                );
                self.ctx
                    .create("ServiceOSPF")
                    .set("name", format!("{}-UNDERLAY", device.name.to_uppercase()))
                    .set("version", "ospfv3")
                    .set("router_type", "internal")
                    .set("status", "active")
                    .link("owner", self.topology.provider()?)
                    .link("device", &device.object)
                    .link("area", &area)
                    .link("router_id", member.router_id.clone())
                    .link("interfaces", loopback)
                    .links("interfaces", fabric_ports(device, others).map(|port| &port.object))
                    .save()?;
            }
        }
        Ok(())
    }

    /// A system for the spines and one for each leaf, and a session each way between any two.
    fn external(&self, fabric: &Fabric) -> Result<()> {
        let name = &self.topology.name;
        let spines = self.system("spines", format!("{name} SPINES ASN for eBGP UNDERLAY"))?;
        let mut leafs = Vec::new();
        for leaf in &fabric.leafs {
            let device = &leaf.device.name;
            leafs.push(self.system(device, format!("{name} {device} ASN for eBGP UNDERLAY"))?);
        }
        let group = |way: &str, side: &str| {
            self.group(way, "UNDERLAY", 0, false)
                .set("name", format!("{name}-{way}-UNDERLAY"))
                .set("description", format!("{name} UNDERLAY from {side} perspective"))
                .set("peer_group_type", way.replace('-', "_"))
                .save()
        };
        let down = group("SPINE-TO-LEAF", "spine")?;
        let up = group("LEAF-TO-SPINE", "leaf")?;
        for spine in &fabric.spines {
            for (leaf, system) in fabric.leafs.iter().zip(&leafs) {
                let ways = [
                    (
                        Way { near: spine, far: leaf, systems: [&spines, system], group: &down },
                        fabric.leafs.len(),
                    ),
                    (
                        Way { near: leaf, far: spine, systems: [system, &spines], group: &up },
                        fabric.spines.len(),
                    ),
                ];
                for (way, others) in ways {
                    self.session(&way, "", "EXTERNAL")?
                        .link("local_ip", way.near.router_id.clone())
                        .link("remote_ip", way.far.router_id.clone())
                        .links(
                            "interfaces",
                            fabric_ports(way.near.device, others).map(|port| &port.object),
                        )
                        .save()?;
                }
            }
        }
        Ok(())
    }

    /// One system for all, the spines reflecting routes to the leafs.
    fn overlay(&self, fabric: &Fabric, underlay: &str) -> Result<()> {
        let name = &self.topology.name;
        let told = format!("{name} OVERLAY ASN for iBGP EVPN over {underlay} UNDERLAY");
        let system = self.system("overlay", told)?;
        let group = |side: &str, is_server: bool| {
            let type_ = if is_server { "EVPN_RR_SERVER" } else { "EVPN_RR_CLIENT" };
            self.group(side, "OVERLAY", 3, true)
                .set("name", format!("{name}-RR-{side}-OVERLAY"))
                .set(
                    "description",
                    format!("{name} OVERLAY route reflector {}", side.to_lowercase()),
                )
                .set("route_reflector_client", is_server)
                .set("peer_group_type", type_)
                .save()
        };
        let clients = group("CLIENTS", false)?;
        let servers = group("SERVERS", true)?;
        for spine in &fabric.spines {
            for leaf in &fabric.leafs {
                let systems = [&system, &system];
                for way in [
                    Way { near: spine, far: leaf, systems, group: &servers },
                    Way { near: leaf, far: spine, systems, group: &clients },
                ] {
                    self.session(&way, "-EVPN", "INTERNAL")?
                        .link("local_ip", way.near.endpoint.clone())
                        .link("remote_ip", way.far.endpoint.clone())
                        .save()?;
                }
            }
        }
        Ok(())
    }

    /// A system with a number of its own: the same as long as its purpose is there.
    fn system(&self, purpose: &str, description: String) -> Result<Object> {
        self.ctx
            .create("RoutingAutonomousSystem")
            .key(purpose)
            .set("description", description)
            .draw("asn", kiln::Draw::from(SYSTEMS))
            .link("location", self.building)
            .save()
    }

    fn group(&self, key: &str, layer: &str, hops: i64, extended: bool) -> kiln::Builder<'_> {
        self.ctx
            .create("RoutingBGPPeerGroup")
            .key(key)
            .set("send_community", true)
            .set("send_community_extended", extended)
            .set("bfd_enabled", true)
            .set("ebgp_multihop", hops)
            .set("password", format!("{layer}-secret"))
    }

    fn session(&self, way: &Way, suffix: &str, type_: &str) -> Result<kiln::Builder<'_>> {
        let name = format!("{}-{}{suffix}", way.near.device.name, way.far.device.name);
        let session = self
            .ctx
            .create("ServiceBGP")
            .set("name", name.to_uppercase())
            .set("session_type", type_)
            .set("status", "active")
            .link("owner", self.topology.provider()?)
            .link("device", &way.near.device.object)
            .link("router_id", way.near.router_id.clone())
            .link("local_as", way.systems[0])
            .link("remote_as", way.systems[1])
            .link("peer_group", way.group);
        Ok(session)
    }
}
