//! The published generators, each written with this SDK: the same objects with the same fields, from the
//! same intent. They are held against the published ones line by line (`tests/stories/examples.rs`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]
#![allow(missing_docs, reason = "they stand as an author would write them")]

#[path = "published/database_service.rs"]
mod database_service;
#[path = "published/interface_ip.rs"]
mod interface_ip;
#[path = "published/service_artifact.rs"]
mod service_artifact;
#[path = "published/web_service.rs"]
mod web_service;

use kiln::test::Host;
use serde_json::{Value as Json, json};

fn answer(kind: &str, node: &Json) -> Json {
    json!({kind: {"edges": [{"node": node}]}})
}

#[test]
fn a_web_service() {
    let node = json!({"name": {"value": "shop"}, "instance_count": {"value": 2}});
    let made = Host::new().run(web_service::generate, answer("WebService", &node)).unwrap();
    assert_eq!(made.names("InfraLoadBalancer"), ["shop-lb"]);
    assert_eq!(made.names("InfraServer"), ["shop-0", "shop-1"]);
    let balancer = &made.of("InfraLoadBalancer")[0].id;
    assert_eq!(made.links("InfraServer", "shop-1", "load_balancer"), [balancer.as_str()]);
}

#[test]
fn a_database() {
    let run = |size: &str| {
        let node = json!({"name": {"value": "orders"}, "size": {"value": size},
            "location": {"node": {"id": "paris"}}});
        Host::new().run(database_service::generate, answer("DatabaseService", &node))
    };
    for (size, count, memory, storage) in
        [("small", 2, 16, 500), ("medium", 3, 32, 1000), ("large", 5, 64, 2000)]
    {
        let made = run(size).unwrap();
        assert_eq!(made.of("InfraServer").len(), count);
        assert_eq!(made.links("InfraLoadBalancer", "orders-lb", "backend_servers").len(), count);
        let server = made.named("InfraServer", "orders-db-1").unwrap();
        assert_eq!(server.fields["memory_gb"], memory);
        assert_eq!(made.links("InfraServer", "orders-db-1", "location"), ["paris"]);
        let volume = made.named("InfraStorageVolume", "orders-db-1-data").unwrap();
        assert_eq!(volume.fields["size_gb"], storage);
        let of = made.links("InfraStorageVolume", "orders-db-1-data", "server");
        assert_eq!(of, [server.id.as_str()]);
    }
    assert!(run("huge").is_err());
}

#[test]
fn an_address_of_an_interface() {
    let node = json!({"id": "i", "name": {"value": "eth0"},
        "network": {"node": {"prefix": {"node": {"id": "lan"}}}}});
    let host = Host::new().addresses("lan", "192.0.2.0/29");
    let made = host.run(interface_ip::generate, answer("InfraInterface", &node)).unwrap();
    assert_eq!(made.resources[0].fields["description"], "IP for eth0");
    assert_eq!(made.of("InfraIPAddress")[0].fields["address"], "192.0.2.1/29");
    assert_eq!(made.drawn[0].1, "i");
}

#[test]
fn an_artifact_for_each_server() {
    let host = Host::new()
        .object("WebService", "shop", json!({}))
        .object("InfraServer", "shop-0", json!({"name": "shop-0"}))
        .object("InfraServer", "shop-1", json!({"name": "shop-1"}))
        .linked("WebService:shop", "servers", &["InfraServer:shop-0", "InfraServer:shop-1"]);
    let answer = answer("WebService", &json!({"id": "WebService:shop"}));
    let made = host.run(service_artifact::generate, answer).unwrap();
    assert_eq!(made.names("CoreArtifactDefinition"), ["shop-0-config", "shop-1-config"]);
    let first = &made.of("CoreArtifactDefinition")[0].fields;
    assert_eq!(first["parameters"], json!({"server_id": "InfraServer:shop-0"}));
    assert_eq!(first["transformation"], "server_config_transform");
}
