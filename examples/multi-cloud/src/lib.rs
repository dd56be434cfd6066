//! A service becomes one workload with each of its providers, in the provider's own terms.

use kiln::prelude::*;

/// What `query.gql` asks of a service.
#[derive(Deserialize)]
pub struct Service {
    name: String,
    providers: Vec<String>,
}

/// Makes what implements one service.
pub fn generate(ctx: &Ctx, service: The<Service>) -> Result<()> {
    for provider in &service.providers {
        let (kind, size, field, place) = match provider.as_str() {
            "aws" => ("CloudAwsInstance", "t3.large", "region", "eu-west-3"),
            "azure" => ("CloudAzureVm", "Standard_D2s_v5", "location", "francecentral"),
            "gcp" => ("CloudGcpInstance", "e2-standard-2", "zone", "europe-west9-a"),
            other => bail!("`{}` names the provider `{other}`, which is not known", service.name),
        };
        let name = format!("{}-{provider}", service.name);
        ctx.create(kind).set("name", name).set("size", size).set(field, place).save()?;
    }
    Ok(())
}

kiln::generator!(generate);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(providers: &[&str]) -> Result<kiln::test::Outcomes> {
        kiln::test::Host::new().run(
            generate,
            json!({"AppService": {"edges": [
                {"node": {"name": {"value": "search"}, "providers": {"value": providers}}}
            ]}}),
        )
    }

    #[test]
    fn each_provider_gets_its_own_kind() {
        let made = run(&["aws", "gcp"]).unwrap();
        assert_eq!(made.names("CloudAwsInstance"), ["search-aws"]);
        assert_eq!(made.names("CloudGcpInstance"), ["search-gcp"]);
    }

    #[test]
    fn an_unknown_provider_is_told() {
        assert!(run(&["moon"]).unwrap_err().message.contains("`moon`"));
    }
}
