//! Proposed changes, blame and revert on the command line.

use crate::process::{Server, root};

fn started(data: &std::path::Path) -> Server {
    let server = Server::start(data);
    let example = root().join("examples/web-service");
    let file = |name: &str| example.join(name).to_str().unwrap().to_owned();
    server.kiln(&["schema", "load", &file("schema.yml")]).ok();
    server.kiln(&["object", "load", &file("data.yml")]).ok();
    let components = root().join("target/components");
    let folder = example.to_str().unwrap();
    let components = components.to_str().unwrap();
    server.kiln(&["generator", "push", folder, "--components", components]).ok();
    server.kiln(&["generator", "run", "web-service", "--target", "shop"]).ok();
    server
}

#[test]
fn a_change_is_opened_checked_merged_and_found_again() {
    let scratch = tempfile::tempdir().unwrap();
    let server = started(&scratch.path().join("data"));
    server.kiln(&["branch", "create", "more"]).ok();
    let set = ["object", "set", "AppWebService", "shop", "instances=2", "--branch", "more"];
    server.kiln(&set).ok();
    let opened = server.kiln(&["change", "open", "more", "--name", "two instances"]).ok();
    assert!(opened.contains("Generator Validator: web-service: success"), "{opened}");
    assert!(opened.contains("changed AppWebService shop, which it reads"), "{opened}");
    assert!(opened.contains("it can be merged"), "{opened}");
    assert!(server.kiln(&["change", "list", "--state", "open"]).ok().contains("more -> main"));
    let again = server.kiln(&["change", "check", "two instances", "--kind", "data"]).ok();
    assert!(again.contains("Data Integrity: success"), "{again}");
    let said = server.kiln(&["change", "comment", "two instances", "fine by me"]).ok();
    assert!(said.contains("fine by me"), "{said}");
    server.kiln(&["change", "review", "two instances", "approve"]).refused(1);
    let preview = server.kiln(&["change", "preview", "two instances"]).ok();
    assert!(preview.contains("would run on main: web-service shop"), "{preview}");
    assert!(preview.contains("can be merged"), "{preview}");
    assert_eq!(server.kiln(&["branch", "merge", "more", "--plan"]).ok(), preview);
    let shown = server.kiln(&["change", "show", "two instances", "--preview"]).ok();
    assert!(shown.contains("would run on main: web-service shop"), "{shown}");
    let merged = server.kiln(&["change", "merge", "two instances"]).ok();
    assert!(merged.contains("merged") && merged.contains("ran on main: web-service"), "{merged}");
    let refused = server.kiln(&["change", "close", "two instances"]).refused(1);
    assert!(refused.contains("change-merged"), "{refused}");
    assert_eq!(server.kiln(&["change", "show", "none"]).code, 1);

    let blame = server.kiln(&["blame", "AppWebService", "shop", "instances"]).ok();
    assert!(blame.contains("a branch was merged"), "{blame}");
    let server_0 = server.kiln(&["blame", "InfraServer", "shop-0", "memory_gb", "--json"]).json();
    let run = server_0["values"][0]["run"]["id"].as_str().unwrap();
    assert!(server.kiln(&["why", run]).ok().contains("started by hand, over the API"));
    server.kiln(&["object", "set", "AppWebService", "shop", "instances=3"]).ok();
    let commit = server.kiln(&["blame", "AppWebService", "shop", "instances", "--json"]).json();
    let commit = commit["values"][0]["commit"].to_string();
    let plan = server.kiln(&["revert", "--commit", &commit, "--plan"]).ok();
    assert!(plan.contains("a plan") && plan.contains("instances: 3"), "{plan}");
    let done = server.kiln(&["revert", "--commit", &commit]).ok();
    assert!(done.contains(&format!("commit {commit} taken back by")), "{done}");
    // What the run made and nobody touched goes; what was gone already stays gone.
    let done = server.kiln(&["revert", "--run", run]).ok();
    assert!(done.contains("- InfraServer shop-0") && !done.contains("shop-2"), "{done}");
    assert!(server.kiln(&["revert", "--run", "none"]).refused(1).contains("not-found"));
    server.stop();
}
