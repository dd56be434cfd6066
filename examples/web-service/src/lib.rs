//! A web service becomes a load balancer and as many servers as it asks for, with addresses and a
//! VLAN from pools.

use kiln::Draw;
use kiln::prelude::*;

/// What `query.gql` asks of a service.
#[derive(Deserialize)]
pub struct Service {
    id: String,
    name: Value<String>,
    instances: Value<u32>,
    tier: Value<String>,
    site: Node<Id>,
}

/// Makes what implements one service.
pub fn generate(ctx: &Ctx, Only(service): Only<Service>) -> Result<()> {
    let memory = if *service.tier == "premium" { 32 } else { 8 };

    let balancer = ctx
        .create("InfraLoadBalancer")
        .set("name", format!("{}-lb", service.name))
        .draw("vlan_id", Draw::from("service-vlans"))
        .draw("address", Draw::from("server-addresses"))
        .link("service", &service.id)
        .save()?;

    for number in 0..*service.instances {
        ctx.create("InfraServer")
            .set("name", format!("{}-{number}", service.name))
            .set("memory_gb", memory)
            .draw("address", Draw::from("server-addresses"))
            .link("service", &service.id)
            .link("site", &*service.site)
            .link("balancer", &balancer)
            .save()?;
    }
    ctx.log(format!("{} has {} servers", service.name, *service.instances));
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
            .texts("server-addresses", "10.20.0.{}/24")
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
