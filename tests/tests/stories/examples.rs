//! Every example does what its README shows: first run, change, shrink, delete.

use serde_json::{Map, json};
use service::Service;

use crate::support::{changes, file, labels, register, root, run, service, sound};

fn example(name: &str) -> Service {
    let folder = root().join("examples").join(name);
    let service = service();
    service
        .schema_load(&[file(&folder.join("schema.yml"))])
        .unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    service.object_load(&[file(&folder.join("data.yml"))]).unwrap_or_else(|bad| panic!("{bad}"));
    let query = std::fs::read_to_string(folder.join("query.gql")).unwrap();
    let group = match name {
        "web-service" => "web_services",
        "database-cluster" => "databases",
        "interface-address" => "interfaces",
        _ => "cloud_services",
    };
    register(&service, name, &name.replace('-', "_"), &query, group);
    service
}

fn set(service: &Service, kind: &str, name: &str, values: serde_json::Value) {
    let values: Map<String, serde_json::Value> = values.as_object().unwrap().clone();
    service.object_update(kind, name, &values).unwrap_or_else(|bad| panic!("{bad}"));
}

#[test]
fn a_web_service_grows_shrinks_and_goes() {
    let service = example("web-service");
    run(&service, "web-service", "shop");
    assert_eq!(labels(&service, "InfraServer"), ["shop-0", "shop-1", "shop-2"]);
    assert_eq!(
        labels(&service, "IpamIPAddress"),
        ["10.20.0.1/24", "10.20.0.2/24", "10.20.0.3/24", "10.20.0.4/24"]
    );
    let balancer = service.object("InfraLoadBalancer", "shop-lb").unwrap();
    assert_eq!(balancer.attributes["vlan_id"], 100);

    set(&service, "AppWebService", "shop", json!({"instances": 1}));
    let shrunk = changes(&run(&service, "web-service", "shop"));
    assert!(shrunk.contains(&"deleted InfraServer shop-1".to_owned()), "{shrunk:?}");
    assert_eq!(labels(&service, "InfraServer"), ["shop-0"]);
    assert_eq!(labels(&service, "IpamIPAddress"), ["10.20.0.1/24", "10.20.0.2/24"]);

    // What was freed is handed out again, lowest first; what stays keeps its own.
    run(&service, "web-service", "blog");
    let blog = service.object("InfraLoadBalancer", "blog-lb").unwrap();
    assert_eq!(blog.attributes["vlan_id"], 101);
    assert_eq!(blog.relationships["address"], json!(["10.20.0.3/24"]));

    service.object_delete("AppWebService", "shop").unwrap();
    assert_eq!(labels(&service, "InfraServer"), ["blog-0", "blog-1"]);
    assert_eq!(labels(&service, "InfraLoadBalancer"), ["blog-lb"]);
    sound(&service);
}

#[test]
fn a_re_run_never_renumbers() {
    let service = example("web-service");
    run(&service, "web-service", "shop");
    run(&service, "web-service", "blog");
    service.object_delete("InfraLoadBalancer", "shop-lb").unwrap();
    run(&service, "web-service", "shop");
    let blog = service.object("InfraLoadBalancer", "blog-lb").unwrap();
    assert_eq!(blog.attributes["vlan_id"], 101);
    sound(&service);
}

#[test]
fn a_database_has_the_servers_of_its_size() {
    let service = example("database-cluster");
    run(&service, "database-cluster", "orders");
    assert_eq!(labels(&service, "InfraServer"), ["orders-db-0", "orders-db-1"]);
    assert_eq!(labels(&service, "InfraVolume").len(), 2);
    set(&service, "AppDatabase", "orders", json!({"size": "large"}));
    run(&service, "database-cluster", "orders");
    assert_eq!(labels(&service, "InfraServer").len(), 5);
    set(&service, "AppDatabase", "orders", json!({"size": "small"}));
    run(&service, "database-cluster", "orders");
    assert_eq!(labels(&service, "InfraServer").len(), 2);
    assert_eq!(labels(&service, "InfraVolume").len(), 2);
    sound(&service);
}

#[test]
fn an_interface_keeps_its_address_and_gives_it_back() {
    let service = example("interface-address");
    run(&service, "interface-address", "sw1-eth0");
    run(&service, "interface-address", "sw1-eth1");
    assert_eq!(labels(&service, "IpamIPAddress"), ["192.0.2.1/29", "192.0.2.2/29"]);
    assert!(changes(&run(&service, "interface-address", "sw1-eth1")).is_empty());
    service.object_delete("InfraInterface", "sw1-eth0").unwrap();
    assert_eq!(labels(&service, "IpamIPAddress"), ["192.0.2.2/29"]);
    sound(&service);
}

#[test]
fn a_service_has_a_workload_with_each_provider() {
    let service = example("multi-cloud");
    run(&service, "multi-cloud", "search");
    assert_eq!(labels(&service, "CloudWorkload"), ["search-aws", "search-gcp"]);
    set(&service, "AppService", "search", json!({"providers": ["azure"]}));
    run(&service, "multi-cloud", "search");
    assert_eq!(labels(&service, "CloudWorkload"), ["search-azure"]);
    sound(&service);
}
