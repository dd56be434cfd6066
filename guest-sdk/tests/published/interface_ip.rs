//! An address of its network for an interface, and the object that links them.

use kiln::prelude::*;

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

pub fn generate(ctx: &Ctx, interface: The<Interface>) -> Result<Object> {
    let about = format!("IP for {}", interface.name);
    let pool = ctx.pool(&interface.network.prefix);
    let ip = pool.address_with(&interface.id, [("description", about)])?;
    make!(ctx, InfraIPAddress { address: ip.value, interface: &interface.id })
}

kiln::generator!(generate);
