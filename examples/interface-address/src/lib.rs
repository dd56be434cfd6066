//! An interface gets an address of the network it is on. The prefix itself serves as the pool, and the
//! address belongs to the interface for as long as it asks for it.

use kiln::prelude::*;

/// The answer of `query.gql`.
#[derive(Deserialize)]
pub struct Input {
    #[serde(rename = "InfraInterface")]
    interfaces: Edges<Interface>,
}

#[derive(Deserialize)]
struct Interface {
    id: String,
    name: Value<String>,
    network: Node<Network>,
}

#[derive(Deserialize)]
struct Network {
    prefix: Node<Prefix>,
}

#[derive(Deserialize)]
struct Prefix {
    id: String,
}

/// Gives one interface its address.
pub fn generate(ctx: &Ctx, input: Input) -> Result<()> {
    let interface = input.interfaces.only()?;
    let description = format!("address of {}", interface.name);
    let address = ctx
        .pool(&interface.network.prefix.id)
        .address_with(&interface.id, &[("description", &description)])?;
    ctx.object(&interface.id).link("address", &address).save()?;
    Ok(())
}

kiln::generator!(generate);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_interface_gets_an_address_of_its_network() {
        let made = kiln::test::Host::new()
            .texts("office", "192.0.2.{}/29")
            .run(
                generate,
                json!({"InfraInterface": {"edges": [{"node": {
                    "id": "i", "name": {"value": "sw1-eth0"},
                    "network": {"node": {"prefix": {"node": {"id": "office"}}}},
                }}]}}),
            )
            .unwrap();
        assert_eq!(made.drawn[0].2, "192.0.2.1/29");
        assert_eq!(made.set[0].2[0].relationship, "address");
    }
}
