//! The way of an author: a new folder, a build, tries of every kind, a push.

use std::process::Command;

use crate::process::{Server, kiln, root};

#[test]
fn a_new_generator_builds_runs_and_is_pushed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("web-shop");
    let path = folder.to_str().unwrap();
    kiln(&["new", path]).ok();

    // The whole SDK is in it.
    let sdk = root().join("guest-sdk/src");
    let mut folders = vec![sdk.clone()];
    while let Some(part) = folders.pop() {
        for entry in std::fs::read_dir(part).unwrap() {
            let entry = entry.unwrap().path();
            let copy = folder.join("sdk/guest-sdk/src").join(entry.strip_prefix(&sdk).unwrap());
            assert!(copy.exists(), "{} is missing", copy.display());
            if entry.is_dir() {
                folders.push(entry);
            }
        }
    }

    // The native test that comes with it.
    let natively = root().join("target/guests-native");
    let tested = Command::new("cargo")
        .args(["test", "--quiet", "--target-dir"])
        .arg(&natively)
        .current_dir(&folder)
        .status();
    assert!(tested.unwrap().success());

    let target = root().join("target/guests");
    let target = target.to_str().unwrap();
    let built = kiln(&["build", path, "--target-dir", target, "--json"]).json();
    assert_eq!(built["components"].as_array().unwrap().len(), 1);
    let component = folder.join("web_shop.wasm");
    let component = component.to_str().unwrap();

    // With the schema and data of its folder.
    let plan = kiln(&["run", component]).ok();
    assert!(plan.contains("+ AppServer shop-0") && plan.contains("+ AppServer shop-1"), "{plan}");

    // With recorded answers.
    let fixture = folder.join("fixture.json");
    let answer = serde_json::json!({"answer": {"AppService": {"edges": [{"node": {
        "id": "s", "name": {"value": "blog"}, "replicas": {"value": 1}}}]}}});
    std::fs::write(&fixture, answer.to_string()).unwrap();
    let fixture = fixture.to_str().unwrap();
    let told = kiln(&["run", component, "--fixture", fixture, "--json"]).json();
    assert_eq!(told["calls"][0]["fields"]["name"], "blog-0");
    assert_eq!(told["calls"][0]["links"]["service"][0], "s");

    // Against a server, and against its folder once it is down: nothing is kept.
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    server.kiln(&["schema", "load", &file("schema.yml")]).ok();
    server.kiln(&["object", "load", &file("data.yml")]).ok();
    server.kiln(&["generator", "push", path]).ok();
    let tried = server.kiln(&["run", component, "--definition", "web-shop"]).ok();
    assert!(tried.contains("+ AppServer shop-0"), "{tried}");
    assert_eq!(server.kiln(&["object", "list", "AppServer"]).ok(), "");
    server.stop();
    let data = data.to_str().unwrap();
    let offline = kiln(&["run", component, "--definition", "web-shop", "--data", data]).ok();
    assert!(offline.contains("+ AppServer shop-1"), "{offline}");
    assert!(kiln(&["store", "check", "--data", data]).ok().contains("0 findings"));
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("taken");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("mine"), "1").unwrap();
    let said = kiln(&["new", folder.to_str().unwrap()]).refused(4);
    assert!(said.contains("the folder is not empty"), "{said}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_name_that_is_no_package_name_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("Web Shop");
    let said = kiln(&["new", folder.to_str().unwrap()]).refused(4);
    assert!(said.contains("small letters"), "{said}");
    assert!(!folder.exists());
}

#[test]
fn a_folder_that_builds_nothing_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let said = kiln(&["build", scratch.path().to_str().unwrap()]).refused(1);
    assert!(said.contains("cargo build"), "{said}");
}

#[test]
fn a_fixture_that_does_not_read_or_lacks_something_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let component = root().join("target/components/web_service.wasm");
    let component = component.to_str().unwrap();
    let fixture = scratch.path().join("fixture.json");
    let path = fixture.to_str().unwrap();
    std::fs::write(&fixture, "{\"answr\": 1}").unwrap();
    let said = kiln(&["run", component, "--fixture", path]).refused(1);
    assert!(said.contains("bad-fixture") || said.contains("answr"), "{said}");
    let answer = serde_json::json!({"answer": {"AppWebService": {"edges": [{"node": {
        "id": "s", "name": {"value": "x"}, "instances": {"value": 1}, "tier": {"value": "t"},
        "site": {"node": {"id": "p"}}}}]}}});
    std::fs::write(&fixture, answer.to_string()).unwrap();
    let said = kiln(&["run", component, "--fixture", path]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("pool `service-vlans` is not in the fixture"), "{}", said.out);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let said = kiln(&["object", "list", "CoreNode"]).refused(3);
    assert!(said.contains("does not answer"), "{said}");
}

#[test]
fn a_second_server_on_one_folder_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let data = scratch.path().to_str().unwrap();
    let said = kiln(&["serve", "--data", data, "--listen", "127.0.0.1:0"]).refused(3);
    assert!(said.starts_with("error[store-in-use]"), "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    // What would write beside the server is refused as well, and the server goes on.
    for verb in ["check", "dump"] {
        let said = kiln(&["store", verb, "--data", data]).refused(3);
        assert!(said.starts_with("error[store-in-use]"), "{said}");
    }
    server.kiln(&["object", "list", "BuiltinTag"]).ok();
    server.stop();
}

#[test]
fn a_public_address_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().to_str().unwrap();
    let said = kiln(&["serve", "--data", data, "--listen", "0.0.0.0:0"]).refused(3);
    assert!(said.starts_with("error[not-loopback]"), "{said}");
    assert!(said.contains("there are no accounts yet"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = kiln(&["serve", "--data", data, "--listen", &address]).refused(3);
    assert!(said.starts_with("error[cannot-listen]"), "{said}");
}
