//! Devices with their ports and addresses, and the pools they draw from: what data centres and points of
//! presence have in common.

use kiln::prelude::*;

use crate::topology::{Element, Subnet, Topology};

/// Where a device goes.
pub enum Place {
    /// Somewhere in the building.
    Building(Object),
    /// Into a rack, at this height.
    Rack(Object, u8),
}

/// A device that was made.
pub struct Device {
    pub name: String,
    pub role: String,
    pub object: Object,
    /// In the order that people count them in.
    pub ports: Vec<Port>,
}

/// A port of it.
pub struct Port {
    pub name: String,
    pub role: String,
    pub object: Object,
}

impl Device {
    /// Its ports of a role.
    pub fn of<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'a Port> {
        self.ports.iter().filter(move |port| port.role == role)
    }
}

/// The works at one place.
pub struct Plant<'a, 'h> {
    ctx: &'a Ctx<'h>,
    topology: &'a Topology,
}

impl<'a, 'h> Plant<'a, 'h> {
    pub fn new(ctx: &'a Ctx<'h>, topology: &'a Topology) -> Self {
        Self { ctx, topology }
    }

    fn pool_name(&self, purpose: &str) -> String {
        format!("{}-{purpose}-pool", self.topology.name)
    }

    /// A pool of addresses of a prefix.
    pub fn pool(&self, purpose: &str, subnet: &Subnet) -> Result<()> {
        self.pool_over(purpose, &subnet.id)
    }

    /// The same over a prefix that the run made.
    pub fn pool_over(&self, purpose: &str, prefix: impl Into<Target>) -> Result<()> {
        let name = self.pool_name(purpose);
        self.ctx
            .create("CoreIPAddressPool")
            .key(&name)
            .set("name", &name)
            .set("description", format!("{purpose} IP Pool"))
            .set("default_address_type", "IpamIPAddress")
            .link("ip_namespace", Target::named("IpamNamespace", "default"))
            .link("resources", prefix)
            .save()?;
        Ok(())
    }

    /// The pool of VLANs for segments there.
    pub fn vlans(&self) -> Result<()> {
        let name = &self.topology.name;
        self.ctx
            .create("CoreNumberPool")
            .key("vlans")
            .set("name", format!("{name}-VLAN-POOL"))
            .set("description", format!("{name} VLAN Number Pool"))
            .set("node", "ServiceNetworkSegment")
            .set("node_attribute", "vlan_id")
            .set("start_range", 100)
            .set("end_range", 4000)
            .save()?;
        Ok(())
    }

    /// All devices of the design, each where `place` says for its role and number.
    pub fn devices(&self, place: impl Fn(&str, u32) -> Result<Place>) -> Result<Vec<Device>> {
        let mut made = Vec::new();
        for element in self.topology.elements()? {
            for number in 1..=element.quantity.value {
                made.push(self.device(element, number, place(&element.role, number)?)?);
            }
        }
        Ok(made)
    }

    fn device(&self, element: &Element, number: u32, place: Place) -> Result<Device> {
        let role = element.role.as_str();
        let name = format!("{}-{role}-{number:02}", self.topology.name.to_lowercase());
        let is_virtual = element.template.kind == "TemplateDcimVirtualDevice";
        let kind = match role {
            _ if is_virtual => "DcimVirtualDevice",
            "dc_firewall" => "SecurityFirewall",
            _ => "DcimDevice",
        };
        let address = self.ctx.pool(self.pool_name("Management")).address_with(
            format!("{name} management"),
            [("description", format!("{name} Management IP"))],
        )?;
        let mut device = self
            .ctx
            .create(kind)
            .set("name", &name)
            .set("role", role)
            .set("status", "active")
            .link("topology", &self.topology.id)
            .link("device_type", &element.device_type.id)
            .link("primary_address", &address);
        if let Some(platform) = &element.device_type.platform.node {
            device = device.link("platform", platform);
        }
        device = match place {
            Place::Rack(rack, height) => {
                device.link("location", &rack).set("position", height).set("rack_face", "front")
            }
            Place::Building(_) if is_virtual => device,
            Place::Building(building) => device.link("location", &building),
        };
        let object = device.save()?;
        if let Some(group) = group(role) {
            let group = Target::named("CoreStandardGroup", group);
            self.ctx.object(group).link("members", &object).save()?;
        }
        let ports = self.ports(element, &object)?;
        Ok(Device { name, role: role.to_owned(), object, ports })
    }

    fn ports(&self, element: &Element, device: &Object) -> Result<Vec<Port>> {
        let mut ports = Vec::new();
        for pattern in element.template.interfaces.iter() {
            let (name, role) = (pattern.name.as_str(), pattern.role.as_str());
            let is_console = role == "console";
            let kind = if is_console { "DcimConsoleInterface" } else { "InterfacePhysical" };
            let mut port = self
                .ctx
                .create(kind)
                .set("name", name)
                .set("role", role)
                .set("status", "active")
                .link("device", device);
            if is_console {
                port = port.set("speed", 9600).set("port", 0);
            }
            let object = port.save()?;
            ports.push(Port { name: name.to_owned(), role: role.to_owned(), object });
        }
        ports.sort_by_cached_key(|port| natural(&port.name));
        Ok(ports)
    }

    /// A loopback with an address of a pool: `loopback0` for 0. The address.
    pub fn loopback(
        &self,
        device: &Device,
        number: u8,
        pool: &str,
        purpose: &str,
    ) -> Result<Target> {
        let port = format!("loopback{number}");
        let address = self.ctx.pool(self.pool_name(pool)).address_with(
            format!("{} {port}", device.name),
            [("description", format!("{} {purpose} IP", device.name))],
        )?;
        self.ctx
            .create("InterfaceVirtual")
            .set("name", &port)
            .set("description", format!("{} {port} {purpose} Interface", device.name))
            .set("status", "active")
            .set("role", if number == 0 { "loopback" } else { "loopback-vtep" })
            .link("device", &device.object)
            .link("ip_addresses", &address)
            .save()?;
        Ok(Target::from(&address))
    }
}

/// The group that devices of a role are in.
fn group(role: &str) -> Option<&'static str> {
    Some(match role {
        "spine" => "spines",
        "leaf" => "leafs",
        "border_leaf" => "border_leafs",
        "oob" => "oobs",
        "console" => "consoles",
        "edge" => "edges",
        "dc_firewall" | "edge_firewall" => "juniper_firewall",
        _ => return None,
    })
}

/// Names in the order that people count in: `Ethernet2` before `Ethernet10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0_u64)];
    let mut counting = false;
    for letter in name.chars() {
        if counting && !letter.is_ascii_digit() {
            parts.push((String::new(), 0));
        }
        counting = letter.is_ascii_digit();
        let Some((text, number)) = parts.last_mut() else { continue };
        match letter.to_digit(10) {
            Some(digit) => *number = number.saturating_mul(10).saturating_add(digit.into()),
            None => text.push(letter),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_counted_as_people_do() {
        let mut names =
            ["Ethernet10/1", "mgmt0", "Ethernet2/1", "Ethernet2/10", "Ethernet2/9", "con"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(
            names,
            ["Ethernet2/1", "Ethernet2/9", "Ethernet2/10", "Ethernet10/1", "con", "mgmt0"]
        );
    }
}
