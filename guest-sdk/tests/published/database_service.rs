//! The servers and volumes of a database of some size, and a load balancer.

use kiln::prelude::*;

#[derive(Deserialize)]
pub struct Service {
    name: String,
    size: String,
    location: Id,
}

pub fn generate(ctx: &Ctx, service: The<Service>) -> Result<Object> {
    let (count, memory_gb, size_gb) = match service.size.as_str() {
        "small" => (2, 16, 500),
        "medium" => (3, 32, 1000),
        "large" => (5, 64, 2000),
        other => bail!("there is no size `{other}`"),
    };
    let mut servers = Vec::new();
    for number in 0..count {
        let name = format!("{}-db-{number}", service.name);
        let location = &service.location;
        servers.push((make!(ctx, InfraServer { name: &name, memory_gb, location })?, name));
    }
    for (server, name) in &servers {
        make!(ctx, InfraStorageVolume { name: format!("{name}-data"), size_gb, server })?;
    }
    let servers: Vec<Object> = servers.into_iter().map(|(server, _)| server).collect();
    let name = format!("{}-lb", service.name);
    make!(ctx, InfraLoadBalancer { name, backend_servers: &servers })
}

kiln::generator!(generate);
