//! A load balancer, and as many servers behind it as a web service asks for.

use kiln::prelude::*;

#[derive(Deserialize)]
pub struct Service {
    name: String,
    instance_count: u32,
}

pub fn generate(ctx: &Ctx, service: The<Service>) -> Result<()> {
    let load_balancer = make!(ctx, InfraLoadBalancer { name: format!("{}-lb", service.name) })?;
    for number in 0..service.instance_count {
        let name = format!("{}-{number}", service.name);
        make!(ctx, InfraServer { name, load_balancer: &load_balancer })?;
    }
    Ok(())
}

kiln::generator!(generate);
