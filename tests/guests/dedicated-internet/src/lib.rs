//! A port of the public dedicated-internet generator: a VLAN, a prefix and a gateway for each service, a
//! free port of a switch taken for it. Where the original throws dice for the switch, this one goes by
//! the end of its definition's name: `-2` takes the second switch and router.

use kiln::prelude::*;
use serde_json::json;

/// The answer of the public query.
#[derive(Deserialize)]
pub struct Input {
    #[serde(rename = "ServiceDedicatedInternet")]
    services: Edges<Service>,
}

#[derive(Deserialize)]
struct Service {
    id: String,
    service_identifier: Value<String>,
    ip_package: Value<String>,
    bandwidth: Value<String>,
    location: Node<Site>,
    dedicated_interfaces: Edges<Interface>,
}

#[derive(Deserialize)]
struct Site {
    id: String,
}

#[derive(Deserialize)]
struct Interface {
    id: String,
    #[serde(rename = "__typename")]
    kind: String,
}

/// The answer of the question for free ports.
#[derive(Deserialize)]
struct Ports {
    #[serde(rename = "DcimInterfaceL2")]
    ports: Edges<Port>,
}

#[derive(Deserialize)]
struct Port {
    id: String,
    name: Value<String>,
}

const FREE_PORTS: &str = "query Free($switch: String!) { DcimInterfaceL2(device__name__value: $switch, \
    status__value: \"free\", role__value: \"customer\") { edges { node { id name { value } } } } }";

/// Implements one service.
pub fn generate(ctx: &Ctx, input: Input) -> Result<()> {
    let service = input.services.only()?;
    let name = service.service_identifier.as_str();
    let length = match service.ip_package.as_str() {
        "small" => 29,
        "medium" => 28,
        "large" => 27,
        other => bail!("there is no IP package `{other}`"),
    };
    let pick = if ctx.info().definition.ends_with("-2") { 2 } else { 1 };
    let site = text(ctx, &service.location.id, "shortname")?;

    let vlan = ctx
        .create("IpamVLAN")
        .set("name", format!("vlan__{}", name.to_lowercase()))
        .set("description", format!("VLAN allocated to service {name}"))
        .set("status", "active")
        .set("role", "customer")
        .draw("vlan_id", kiln::Draw::from("Customer vlan pool"))
        .link("location", &service.location.id)
        .link("l2domain", Target::named("IpamL2Domain", "default"))
        .link("service", &service.id)
        .save()?;
    let prefix = ctx.pool("Customer prefixes pool").prefix_with(
        name,
        length,
        [
            ("status", "active"),
            ("role", "customer"),
            ("description", &format!("Prefix allocated to service {name}")),
        ],
    )?;
    ctx.object(&prefix).link("vlan", &vlan).link("service", &service.id).save()?;

    let port = taken_port(ctx, service, &format!("sw{pick:02}-{site}"))?;
    ctx.object(&port)
        .set("status", "active")
        .set("description", format!("Port allocated to service {name}"))
        .set("l2_mode", "Access")
        .set("enabled", true)
        .set(
            "speed",
            service.bandwidth.parse::<i64>().map_err(|bad| Error::message(bad.to_string()))?,
        )
        .link("untagged_vlan", &vlan)
        .link("service", &service.id)
        .save()?;

    let vlan_id = text(ctx, &vlan.id, "vlan_id")?;
    let gateway = ctx
        .create("DcimInterfaceL3")
        .key("gateway")
        .set("name", format!("vlan_{vlan_id}"))
        .set("description", format!("Gateway interface for service {name}"))
        .set("speed", 1000)
        .set("role", "customer")
        .set("status", "active")
        .link("device", Target::named("DcimDevice", format!("rb{pick:02}-{site}")))
        .link("service", &service.id)
        .save()?;
    let address = ctx
        .create("IpamIPAddress")
        .key("gateway")
        .set("address", first_host(prefix.value.as_text().unwrap_or_default())?)
        .link("interface", &gateway)
        .link("service", &service.id)
        .save()?;
    ctx.object(&prefix).link("gateway", &address).save()?;
    ctx.object(&service.id)
        .set("status", "active")
        .link("vlan", &vlan)
        .link("prefix", &prefix)
        .link("gateway_ip_address", &address)
        .link("dedicated_interfaces", &port)
        .link("dedicated_interfaces", &gateway)
        .save()?;
    Ok(())
}

/// The port the service has, or the first free one of the switch.
fn taken_port(ctx: &Ctx, service: &Service, switch: &str) -> Result<String> {
    let mut had = service.dedicated_interfaces.iter();
    if let Some(port) = had.find(|interface| interface.kind == "DcimInterfaceL2") {
        return Ok(port.id.clone());
    }
    let free: Ports = ctx.query(FREE_PORTS, &json!({"switch": switch}))?;
    let first = free.ports.iter().min_by(|a, b| a.name.value.cmp(&b.name.value));
    let first =
        first.ok_or_else(|| Error::message(format!("{switch} has no free customer port")))?;
    Ok(first.id.clone())
}

/// One value of an object, as text.
fn text(ctx: &Ctx, id: &str, name: &str) -> Result<String> {
    let fields = ctx.read(id, &[name])?;
    let value = fields.first().map(|field| &field.value);
    let text = value.and_then(|value| match value.as_integer() {
        Some(number) => Some(number.to_string()),
        None => value.as_text().map(str::to_owned),
    });
    text.ok_or_else(|| Error::message(format!("{id} has no `{name}`")))
}

/// `203.0.113.0/29` -> `203.0.113.1/29`.
fn first_host(prefix: &str) -> Result<String> {
    let (network, length) = prefix
        .split_once('/')
        .ok_or_else(|| Error::message(format!("`{prefix}` is not a prefix")))?;
    let network: std::net::Ipv4Addr =
        network.parse().map_err(|_bad| Error::message(format!("`{prefix}` is not IPv4")))?;
    Ok(format!("{}/{length}", std::net::Ipv4Addr::from(u32::from(network) + 1)))
}

kiln::generator!(generate);
