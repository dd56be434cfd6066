//! What the public queries say of a place: its prefixes, its location, and the design to build there.

use kiln::prelude::*;

/// A data centre or a point of presence.
#[derive(Deserialize)]
pub struct Topology {
    pub id: String,
    pub name: Value<String>,
    strategy: Option<Value<Option<String>>>,
    management_subnet: Maybe<Subnet>,
    technical_subnet: Maybe<Subnet>,
    location: Maybe<Id>,
    provider: Option<Maybe<Id>>,
    design: Maybe<Design>,
}

/// A prefix that pools give from.
#[derive(Deserialize)]
pub struct Subnet {
    pub id: String,
    pub prefix: Value<String>,
}

#[derive(Deserialize)]
struct Design {
    elements: Edges<Element>,
}

/// So many devices of a role.
#[derive(Deserialize)]
pub struct Element {
    pub quantity: Value<u32>,
    pub role: Value<String>,
    pub template: Node<Template>,
    pub device_type: Node<DeviceType>,
}

/// The pattern of a device.
#[derive(Deserialize)]
pub struct Template {
    #[serde(rename = "__typename")]
    pub kind: String,
    pub interfaces: Edges<Port>,
}

/// A port of the pattern.
#[derive(Deserialize)]
pub struct Port {
    pub name: Value<String>,
    pub role: Value<String>,
}

/// A model of device.
#[derive(Deserialize)]
pub struct DeviceType {
    pub id: String,
    pub platform: Maybe<Id>,
}

impl Topology {
    /// The elements of the design.
    pub fn elements(&self) -> Result<impl Iterator<Item = &Element>> {
        let design = self.design.node.as_ref();
        design.map(|design| design.elements.iter()).ok_or_else(|| self.misses("design"))
    }

    /// How many devices of a role there are to be.
    pub fn quantity(&self, role: &str) -> Result<u32> {
        let of_role = self.elements()?.filter(|element| element.role.value == role);
        Ok(of_role.map(|element| element.quantity.value).sum())
    }

    /// The prefix of management addresses.
    pub fn management(&self) -> Result<&Subnet> {
        self.management_subnet.node.as_ref().ok_or_else(|| self.misses("management subnet"))
    }

    /// The prefix of loopbacks.
    pub fn technical(&self) -> Result<&Subnet> {
        self.technical_subnet.node.as_ref().ok_or_else(|| self.misses("technical subnet"))
    }

    /// Who runs the services.
    pub fn provider(&self) -> Result<&Id> {
        let provider = self.provider.as_ref().and_then(|provider| provider.node.as_ref());
        provider.ok_or_else(|| self.misses("provider"))
    }

    /// How routing is done.
    pub fn strategy(&self) -> &str {
        self.strategy.as_ref().and_then(|strategy| strategy.value.as_deref()).unwrap_or_default()
    }

    /// The building that stands for it.
    pub fn building(&self, ctx: &Ctx) -> Result<Object> {
        let location = self.location.node.as_ref().ok_or_else(|| self.misses("location"))?;
        place(ctx, "LocationBuilding", &self.name, Target::from(location))
    }

    fn misses(&self, what: &str) -> Error {
        Error::message(format!("`{}` has no {what}", self.name))
    }
}

/// A location below another.
pub fn place(ctx: &Ctx, kind: &str, name: &str, below: impl Into<Target>) -> Result<Object> {
    ctx.create(kind).key(name).set("name", name).set("shortname", name).link("parent", below).save()
}
