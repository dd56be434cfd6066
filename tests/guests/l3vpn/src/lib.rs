//! A port of the public L3VPN generator: a customer's autonomous system, its route target and VRF, and for
//! each site the link between provider and customer, a VLAN with the gateway of its LAN, and the two ends
//! of a BGP session. Ports, devices and customer prefixes are others' and only taken for the service.

use kiln::prelude::*;
use kiln::{Allocation, Draw};
use serde_json::json;

/// The answer of the public query.
#[derive(Deserialize)]
pub struct Input {
    #[serde(rename = "ServiceL3Vpn")]
    services: Edges<Service>,
    #[serde(rename = "TopologyMplsBackbone")]
    backbones: Edges<Backbone>,
}

#[derive(Deserialize)]
struct Service {
    id: String,
    name: Value<String>,
    vpn_id: Value<i64>,
    tenant: Node<Named>,
    vlan_pool: Maybe<Named>,
    sites: Edges<Site>,
}

#[derive(Deserialize)]
struct Backbone {
    asn: Node<System>,
}

#[derive(Deserialize)]
struct System {
    id: String,
    asn: Value<i64>,
}

#[derive(Deserialize)]
struct Site {
    id: String,
    name: Value<String>,
    routing_protocol: Value<String>,
    bgp_peer_asn: Value<Option<i64>>,
    pe_device: Node<Named>,
    ce_device: Maybe<Named>,
    ce_interface: Maybe<Named>,
    ce_private_interface: Maybe<Named>,
    customer_subnet: Node<Subnet>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    name: Value<String>,
}

#[derive(Deserialize)]
struct Subnet {
    id: String,
    prefix: Value<String>,
    ip_namespace: Node<Named>,
}

/// The answer of a question for ports.
#[derive(Deserialize)]
struct Ports {
    #[serde(rename = "InterfacePhysical")]
    ports: Edges<Named>,
}

/// The answer of the question for a system.
#[derive(Deserialize)]
struct Systems {
    #[serde(rename = "RoutingAutonomousSystem")]
    systems: Edges<Id>,
}

const DRAWN_PORT: &str = "query Drawn($device: ID!, $description: String!) { InterfacePhysical(device__ids: \
    [$device], description__value: $description) { edges { node { id name { value } } } } }";
const FREE_PORTS: &str = "query Free($device: ID!) { InterfacePhysical(device__ids: [$device], \
    status__value: \"free\", role__value: \"cust\") { edges { node { id name { value } } } } }";
const SYSTEM: &str = "query System($asn: BigInt!) { RoutingAutonomousSystem(asn__value: $asn) { edges { node \
    { id } } } }";

/// What all sites of a service share.
struct Shared<'a> {
    service: &'a Service,
    backbone: &'a System,
    customer: Object,
    vrf: Object,
}

/// One end of the link between provider and customer.
struct End<'a> {
    device: &'a Named,
    system: Target,
    address: Object,
}

/// Makes one VPN with all its sites.
pub fn generate(ctx: &Ctx, input: Input) -> Result<()> {
    let service = input.services.only()?;
    let backbone = &input.backbones.only()?.asn.node;
    let customer = ctx
        .create("RoutingAutonomousSystem")
        .key("customer")
        .set("name", format!("customer-as-{}", service.name))
        .set("description", format!("Customer AS for L3VPN {} (PE-CE eBGP).", service.name))
        .draw("asn", Draw::from("customer_asn_pool"))
        .link("organization", &service.tenant.id)
        .save()?;
    let distinguisher = format!("{}:{}", backbone.asn, service.vpn_id);
    let target = ctx.create("IpamRouteTarget").set("name", &distinguisher).save()?;
    let vrf = ctx
        .create("IpamVRF")
        .set("name", service.name.as_str())
        .set("vrf_rd", distinguisher)
        .link("namespace", namespace(service)?)
        .link("import_rt", &target)
        .link("export_rt", &target)
        .save()?;
    let shared = Shared { service, backbone, customer, vrf };
    for site in service.sites.iter() {
        connect(ctx, &shared, site)?;
    }
    ctx.object(&service.id)
        .set("status", "active")
        .link("customer_asn", &shared.customer)
        .link("vrf", &shared.vrf)
        .save()?;
    Ok(())
}

/// The one namespace that the LANs of a service lie in.
fn namespace(service: &Service) -> Result<&str> {
    let mut spaces = service.sites.iter().map(|site| &site.customer_subnet.ip_namespace.node);
    let first = spaces.next();
    let first =
        first.ok_or_else(|| Error::message(format!("`{}` has no site", service.name.value)))?;
    if let Some(other) = spaces.find(|other| other.id != first.id) {
        bail!("sites of `{}` lie in both `{}` and `{}`", service.name, first.name, other.name);
    }
    Ok(&first.id)
}

/// Makes what one site needs.
fn connect(ctx: &Ctx, shared: &Shared, site: &Site) -> Result<()> {
    let service = shared.service;
    let link = ctx.pool("pe_ce_pool").prefix_with(
        format!("pe-ce {}", site.id),
        30,
        [("status", "active")],
    )?;
    ctx.object(&link).link("vrf", &shared.vrf).save()?;
    let port = port(ctx, service, site)?;
    let pe_address = address(ctx, shared, host(prefix(&link)?, 1)?, &port)?;
    let ce_port = site.ce_interface.node.as_ref();
    let ce_address = match ce_port {
        Some(port) => address(ctx, shared, host(prefix(&link)?, 2)?, &port.id)?,
        None => ctx
            .create("IpamIPAddress")
            .set("address", host(prefix(&link)?, 2)?)
            .link("vrf", &shared.vrf)
            .save()?,
    };
    let system = customer_system(ctx, shared, site)?;
    let provider = Target::id(&shared.backbone.id);
    let pe = End { device: &site.pe_device, system: provider.clone(), address: pe_address };
    if let Some(device) = &site.ce_device.node {
        ctx.object(&device.id).link("asn", system.clone()).save()?;
        let ce = End { device, system: system.clone(), address: ce_address.clone() };
        lan(ctx, shared, site, device)?;
        if site.routing_protocol.value == "ebgp" {
            session(ctx, shared, site, "CE-PE", (&ce, &pe))?;
        }
    }
    if site.routing_protocol.value == "ebgp" {
        let far = End { device: &site.pe_device, system, address: ce_address.clone() };
        session(ctx, shared, site, "PE-CE", (&pe, &far))?;
    }
    ctx.object(&site.customer_subnet.id).link("vrf", &shared.vrf).save()?;
    ctx.object(&site.id)
        .set("status", "active")
        .link("pe_interface", port)
        .link("pe_address", &pe.address)
        .link("ce_address", &ce_address)
        .save()?;
    Ok(())
}

/// The port of the provider's router that is drawn for the service, else the first free one, taken.
fn port(ctx: &Ctx, service: &Service, site: &Site) -> Result<String> {
    let description = format!("L3VPN {}", service.name);
    let device = &site.pe_device.id;
    let drawn: Ports =
        ctx.query(DRAWN_PORT, &json!({"device": device, "description": description}))?;
    if let Some(port) = first(drawn) {
        return Ok(port.id);
    }
    let free: Ports = ctx.query(FREE_PORTS, &json!({"device": device}))?;
    let port = first(free).ok_or_else(|| {
        Error::message(format!("{} has no free customer port", site.pe_device.name.value))
    })?;
    ctx.object(&port.id).set("status", "active").set("description", description).save()?;
    Ok(port.id)
}

fn first(ports: Ports) -> Option<Named> {
    let ports = ports.ports.edges.into_iter().map(|edge| edge.node);
    ports.min_by(|a, b| a.name.value.cmp(&b.name.value))
}

/// The system the customer's end speaks for.
fn customer_system(ctx: &Ctx, shared: &Shared, site: &Site) -> Result<Target> {
    let Some(asn) = site.bgp_peer_asn.value else { return Ok(Target::from(&shared.customer)) };
    let found: Systems = ctx.query(SYSTEM, &json!({"asn": asn}))?;
    match found.systems.iter().next() {
        Some(system) => Ok(Target::from(system)),
        None => bail!("site `{}` asks for AS {asn}, which there is not", site.name),
    }
}

/// An address of the link, on a port.
fn address(ctx: &Ctx, shared: &Shared, address: String, port: &str) -> Result<Object> {
    ctx.create("IpamIPAddress")
        .set("address", address)
        .link("interface", port)
        .link("vrf", &shared.vrf)
        .save()
}

/// The customer's side: a VLAN on the private port, with the gateway of the LAN.
fn lan(ctx: &Ctx, shared: &Shared, site: &Site, device: &Named) -> Result<()> {
    let service = shared.service;
    let Some(private) = &site.ce_private_interface.node else { return Ok(()) };
    let Some(pool) = &service.vlan_pool.node else {
        bail!("`{}` has no pool of VLANs for site `{}`", service.name, site.name);
    };
    let vlan = ctx.pool(&pool.name.value).number(format!("vlan {}", site.id))?;
    let interface = ctx
        .create("InterfaceVirtual")
        .key(format!("vlan {}", site.id))
        .set("name", format!("{}.{vlan}", private.name))
        .set("description", format!("L3VPN {} {} customer VLAN", service.name, site.name))
        .set("mtu", 1500)
        .set("status", "active")
        .set("role", "access")
        .set("dot1q_id", vlan)
        .link("parent_interface", &private.id)
        .link("device", &device.id)
        .save()?;
    let subnet = &site.customer_subnet;
    ctx.create("IpamIPAddress")
        .set("address", host(&subnet.prefix.value, 1)?)
        .set("description", format!("{} customer LAN gateway", device.name))
        .link("ip_namespace", &subnet.ip_namespace.id)
        .link("interface", &interface)
        .link("vrf", &shared.vrf)
        .save()?;
    Ok(())
}

/// One end of a session; only the provider's router has it in the VRF.
fn session(
    ctx: &Ctx,
    shared: &Shared,
    site: &Site,
    way: &str,
    (near, far): (&End, &End),
) -> Result<()> {
    let name = format!("L3VPN {way} {} {}", shared.service.name, site.name);
    let mut session = ctx
        .create("RoutingBGPSession")
        .set("description", name)
        .set("session_type", "EXTERNAL")
        .set("role", "peering")
        .set("status", "active")
        .link("device", &near.device.id)
        .link("local_as", near.system.clone())
        .link("remote_as", far.system.clone())
        .link("local_ip", &near.address)
        .link("remote_ip", &far.address);
    if way == "PE-CE" {
        session = session.link("vrf", &shared.vrf);
    }
    session.save()?;
    Ok(())
}

fn prefix(link: &Allocation) -> Result<&str> {
    link.value.as_text().ok_or_else(|| Error::message("the pool gave no prefix"))
}

/// The n-th address of a prefix, with its length: `10.0.0.0/30`, 2 -> `10.0.0.2/30`.
fn host(prefix: &str, number: u32) -> Result<String> {
    let (network, length) = prefix
        .split_once('/')
        .ok_or_else(|| Error::message(format!("`{prefix}` is not a prefix")))?;
    let network: std::net::Ipv4Addr =
        network.parse().map_err(|_bad| Error::message(format!("`{prefix}` is not IPv4")))?;
    Ok(format!("{}/{length}", std::net::Ipv4Addr::from(u32::from(network) + number)))
}

kiln::generator!(generate);

#[cfg(test)]
mod tests {
    use super::*;
    use kiln::test::{Host, Outcomes};
    use serde_json::Value as Json;

    fn named(name: &str) -> Json {
        json!({"node": {"id": name, "name": {"value": name}}})
    }

    /// One site as the query answers it.
    fn site(name: &str, protocol: &str, asn: Option<i64>, ce: bool, space: &str) -> Json {
        let one = |name: &str| if ce { named(name) } else { json!({"node": null}) };
        json!({"node": {
            "id": name, "name": {"value": name}, "routing_protocol": {"value": protocol},
            "bgp_peer_asn": {"value": asn}, "pe_device": named("pe"), "ce_device": one("ce"),
            "ce_interface": one("uplink"), "ce_private_interface": one("Ethernet2"),
            "customer_subnet": {"node": {
                "id": "lan", "prefix": {"value": "10.9.0.0/24"}, "ip_namespace": named(space),
            }},
        }})
    }

    fn made(sites: &[Json], pool: Json, drawn: &[&str]) -> Result<Outcomes> {
        let ports = |names: &[&str]| {
            let edges: Vec<Json> = names.iter().map(|name| named(name)).collect();
            json!({"InterfacePhysical": {"edges": edges}})
        };
        let system =
            json!({"RoutingAutonomousSystem": {"edges": [{"node": {"id": "own system"}}]}});
        let host = Host::new()
            .numbers("customer_asn_pool", 65_100, 65_110)
            .numbers("vlans", 100, 110)
            .texts("pe_ce_pool", "10.100.{}.0/30")
            .answer(DRAWN_PORT, ports(drawn))
            .answer(FREE_PORTS, ports(&["Ethernet7", "Ethernet6"]))
            .answer(SYSTEM, system);
        let service = json!({"node": {
            "id": "vpn", "name": {"value": "vpn"}, "vpn_id": {"value": 7}, "tenant": named("tenant"),
            "vlan_pool": pool, "sites": {"edges": sites},
        }});
        let asn = json!({"node": {"id": "backbone", "asn": {"value": 65_000}}});
        host.run(
            generate,
            json!({
                "ServiceL3Vpn": {"edges": [service]},
                "TopologyMplsBackbone": {"edges": [{"node": {"asn": asn}}]},
            }),
        )
    }

    #[test]
    fn a_site_without_a_router_of_the_customer_has_one_end() {
        let site = site("far", "ebgp", None, false, "space");
        let made = made(&[site], json!({"node": null}), &["Ethernet3"]).unwrap();
        assert_eq!(made.of("RoutingBGPSession").len(), 1);
        assert!(made.of("InterfaceVirtual").is_empty());
    }

    #[test]
    fn a_static_site_has_no_session_and_a_port_that_is_not_drawn_is_taken() {
        let site = site("far", "static", None, true, "space");
        let made = made(&[site], named("vlans"), &[]).unwrap();
        assert!(made.of("RoutingBGPSession").is_empty());
        assert_eq!(made.names("InterfaceVirtual"), ["Ethernet2.100"]);
        let taken = made.set.iter().find(|(target, ..)| *target == Target::id("Ethernet6"));
        assert_eq!(taken.unwrap().1["description"], json!("L3VPN vpn"));
    }

    #[test]
    fn a_site_may_bring_its_own_system() {
        let site = site("far", "ebgp", Some(64_999), true, "space");
        let made = made(&[site], named("vlans"), &["Ethernet3"]).unwrap();
        let sessions = made.of("RoutingBGPSession");
        assert!(sessions.iter().all(|session| {
            let ends = [&session.links["local_as"], &session.links["remote_as"]];
            ends.contains(&&vec![Target::id("own system")])
        }));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let told =
            |sites: &[Json], pool| made(sites, pool, &["Ethernet3"]).unwrap_err().to_string();
        let one = |space| site(space, "ebgp", None, true, space);
        assert!(told(&[], named("vlans")).contains("has no site"));
        assert!(told(&[one("a"), one("b")], named("vlans")).contains("lie in both `a` and `b`"));
        assert!(told(&[one("a")], json!({"node": null})).contains("no pool of VLANs"));
    }

    #[test]
    fn addresses_are_counted_from_the_prefix() {
        assert_eq!(host("10.100.0.4/30", 2).unwrap(), "10.100.0.6/30");
        assert!(host("10.100.0.4", 1).is_err());
        assert!(host("2001:db8::/64", 1).is_err());
    }
}
