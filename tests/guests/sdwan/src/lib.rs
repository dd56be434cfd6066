//! A port of the public SD-WAN overlay generator: an edge device and a LAN address for each site, the
//! service and its sites set to active, the edges put into the group of their vendor.

use kiln::prelude::*;

/// What the public query asks of a service.
#[derive(Deserialize)]
pub struct Service {
    id: String,
    name: Value<String>,
    vendor: Value<String>,
    sites: Edges<Site>,
}

#[derive(Deserialize)]
struct Site {
    id: String,
    name: Value<String>,
    location: Node<Id>,
    lan_subnet: Node<Subnet>,
}

#[derive(Deserialize)]
struct Subnet {
    prefix: Value<String>,
}

/// Makes the overlay of one service.
pub fn generate(ctx: &Ctx, Only(service): Only<Service>) -> Result<()> {
    let (platform, device_type, group) = match service.vendor.as_str() {
        "viptela" => ("cisco_viptela", "cEdge-1000", "sdwan_viptela_edges"),
        "versa" => ("versa_flexvnf", "FlexVNF-200", "sdwan_versa_edges"),
        other => bail!("there is no vendor `{other}`"),
    };
    for site in service.sites.iter() {
        let edge = ctx
            .create("DcimDevice")
            .set("name", format!("{}-{}-edge", service.name, site.name))
            .set("status", "active")
            .set("role", "cpe")
            .link("platform", Target::named("DcimPlatform", platform))
            .link("device_type", Target::named("DcimDeviceType", device_type))
            .link("location", &*site.location)
            .save()?;
        let address = ctx
            .create("IpamIPAddress")
            .set("address", first_host(&site.lan_subnet.prefix)?)
            .save()?;
        ctx.object(&site.id)
            .set("status", "active")
            .link("sdwan_edge", &edge)
            .link("lan_address", &address)
            .save()?;
        ctx.object(Target::named("CoreStandardGroup", group)).link("members", &edge).save()?;
    }
    ctx.object(&service.id).set("status", "active").save()?;
    Ok(())
}

/// `10.0.0.0/24` → `10.0.0.1/24`.
fn first_host(prefix: &str) -> Result<String> {
    let (network, length) = prefix
        .split_once('/')
        .ok_or_else(|| Error::message(format!("`{prefix}` is not a prefix")))?;
    let network: std::net::Ipv4Addr =
        network.parse().map_err(|_bad| Error::message(format!("`{prefix}` is not IPv4")))?;
    Ok(format!("{}/{length}", std::net::Ipv4Addr::from(u32::from(network) + 1)))
}

kiln::generator!(generate);
