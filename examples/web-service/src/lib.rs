//! A web service becomes a load balancer and as many servers as it asks for, with addresses and a
//! VLAN from pools.

use kiln::prelude::*;

/// What `query.gql` asks of a service.
#[derive(Deserialize)]
pub struct Service {
    id: Id,
    name: String,
    instances: u32,
    tier: String,
    site: Id,
}

/// Makes what implements one service.
pub fn generate(ctx: &Ctx, service: The<Service>) -> Result<()> {
    let memory_gb = if service.tier == "premium" { 32 } else { 8 };
    let address = Draw::from("server-addresses");
    let vlan_id = Draw::from("service-vlans");
    let (of, site) = (&service.id, &service.site);

    let name = format!("{}-lb", service.name);
    let balancer = make!(ctx, InfraLoadBalancer { name, vlan_id, address: &address, service: of })?;

    for number in 0..service.instances {
        let name = format!("{}-{number}", service.name);
        let (address, balancer) = (&address, &balancer);
        make!(ctx, InfraServer { name, memory_gb, address, service: of, site, balancer })?;
    }
    ctx.log(format!("{} has {} servers", service.name, service.instances));
    Ok(())
}

kiln::generator!(generate);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(instances: u32, tier: &str) -> kiln::test::Outcomes {
        kiln::test::Host::new()
            .numbers("service-vlans", 100, 199)
            .addresses("server-addresses", "10.20.0.0/24")
            .run(
                generate,
                json!({"AppWebService": {"edges": [{"node": {
                    "id": "s", "name": {"value": "shop"}, "instances": {"value": instances},
                    "tier": {"value": tier}, "site": {"node": {"id": "paris"}},
                }}]}}),
            )
            .unwrap()
    }

    #[test]
    fn a_service_gets_a_balancer_and_its_servers() {
        let made = run(2, "standard");
        assert_eq!(made.names("InfraLoadBalancer"), ["shop-lb"]);
        assert_eq!(made.names("InfraServer"), ["shop-0", "shop-1"]);
        assert_eq!(made.of("InfraLoadBalancer")[0].fields["vlan_id"], 100);
    }

    #[test]
    fn premium_servers_have_more_memory() {
        assert_eq!(run(1, "premium").of("InfraServer")[0].fields["memory_gb"], 32);
    }

    #[test]
    fn no_instances_leave_the_balancer_alone() {
        assert!(run(0, "standard").names("InfraServer").is_empty());
    }
}
