//! An interface gets an address of the network it is on. The prefix itself serves as the pool, and the
//! address belongs to the interface for as long as it asks for it.

use kiln::prelude::*;

/// What `query.gql` asks of an interface.
#[derive(Deserialize)]
pub struct Interface {
    id: Id,
    name: String,
    network: Network,
}

#[derive(Deserialize)]
struct Network {
    prefix: Id,
}

/// Gives one interface its address.
pub fn generate(ctx: &Ctx, interface: The<Interface>) -> Result<Object> {
    let about = format!("address of {}", interface.name);
    let pool = ctx.pool(&interface.network.prefix);
    let address = pool.address_with(&interface.id, [("description", about)])?;
    ctx.object(&interface.id).link("address", &address).save()
}

kiln::generator!(generate);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_interface_gets_an_address_of_its_network() {
        let made = kiln::test::Host::new()
            .addresses("office", "192.0.2.0/29")
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
