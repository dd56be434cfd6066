//! A database becomes a cluster of its size: servers with volumes, and a load balancer before them.

use kiln::prelude::*;

/// What `query.gql` asks of a database.
#[derive(Deserialize)]
pub struct Database {
    name: String,
    size: String,
}

/// Makes what implements one database.
pub fn generate(ctx: &Ctx, database: The<Database>) -> Result<Object> {
    let (count, memory_gb, size_gb) = match database.size.as_str() {
        "small" => (2, 16, 500),
        "medium" => (3, 32, 1000),
        "large" => (5, 64, 2000),
        other => bail!("there is no size `{other}`"),
    };
    let mut servers = Vec::new();
    for number in 0..count {
        let name = format!("{}-db-{number}", database.name);
        let role = if number == 0 { "primary" } else { "replica" };
        let server = make!(ctx, InfraServer { name: &name, memory_gb, role })?;
        make!(ctx, InfraVolume { name: format!("{name}-data"), size_gb, server: &server })?;
        servers.push(server);
    }
    let name = format!("{}-lb", database.name);
    make!(ctx, InfraLoadBalancer { name, backends: &servers })
}

kiln::generator!(generate);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(size: &str) -> Result<kiln::test::Outcomes> {
        kiln::test::Host::new().run(
            generate,
            json!({"AppDatabase": {"edges": [
                {"node": {"name": {"value": "orders"}, "size": {"value": size}}}
            ]}}),
        )
    }

    #[test]
    fn each_size_has_its_servers_and_volumes() {
        for (size, servers) in [("small", 2), ("medium", 3), ("large", 5)] {
            let made = run(size).unwrap();
            assert_eq!(made.of("InfraServer").len(), servers);
            assert_eq!(made.of("InfraVolume").len(), servers);
            assert_eq!(made.of("InfraLoadBalancer")[0].links["backends"].len(), servers);
        }
    }

    #[test]
    fn an_unknown_size_is_told() {
        assert_eq!(run("huge").unwrap_err().message, "there is no size `huge`");
    }
}
