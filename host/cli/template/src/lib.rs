//! Makes the servers that a service asks for.

use kiln::prelude::*;

/// What `query.gql` asks of a service.
#[derive(Deserialize)]
pub struct Service {
    id: Id,
    name: String,
    replicas: u32,
}

/// Says what should be there; what is no longer said, Kiln removes.
pub fn generate(ctx: &Ctx, service: The<Service>) -> Result<()> {
    ensure!(service.replicas <= 100, "{} asks for more than 100 replicas", service.name);
    for number in 0..service.replicas {
        let name = format!("{}-{number}", service.name);
        make!(ctx, AppServer { name, service: &service.id })?;
    }
    Ok(())
}

kiln::generator!(generate);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_gets_its_servers() {
        let made = kiln::test::Host::new()
            .run(
                generate,
                json!({"AppService": {"edges": [{"node": {
                    "id": "s", "name": {"value": "shop"}, "replicas": {"value": 2},
                }}]}}),
            )
            .unwrap();
        assert_eq!(made.names("AppServer"), ["shop-0", "shop-1"]);
    }
}
