//! An artifact definition for each server of a service.

use kiln::prelude::*;
use serde_json::json;

pub fn generate(ctx: &Ctx, service: The<Id>) -> Result<()> {
    for server in ctx.peers(&*service, "servers")? {
        let name = format!("{}-config", ctx.get::<String>(&server, "name")?);
        let transformation = "server_config_transform";
        let parameters = json!({"server_id": server});
        make!(ctx, CoreArtifactDefinition { name, transformation, parameters })?;
    }
    Ok(())
}

kiln::generator!(generate);
