//! Definitions belong to branches like other objects: a branch may carry another version of a generator, one
//! that main does not have, or none.

use engine::Mode;
use serde_json::json;
use service::{DefinitionInput, Service};

use crate::support::{changes, component, dump, labels, run, sound};
use crate::tracking::{create, ready, tell};

/// Registers `probe` with a component that is another one by its bytes alone; its digest.
fn other_version(service: &Service, name: &str) -> String {
    // A custom section: its size, the length of its name, the name.
    let bytes = [component("probe"), b"\x00\x06\x05other".to_vec()].concat();
    let info = service.component_upload(&bytes).unwrap();
    let (old, query) = {
        let probe = service.object("CoreGeneratorDefinition", "probe").ok();
        (probe.map(|probe| probe.attributes["component"].clone()), crate::tracking::QUERY)
    };
    assert_ne!(old, Some(json!(info.digest)));
    let definition = DefinitionInput {
        name: name.to_owned(),
        query: query.to_owned(),
        parameters: [("name".to_owned(), "name__value".to_owned())].into(),
        targets: "targets".to_owned(),
        component: Some(info.digest.clone()),
        ..DefinitionInput::default()
    };
    service.definition_put(&definition).unwrap();
    info.digest
}

fn with_branch() -> (Service, Service) {
    let main = ready();
    tell(&main, "one", &json!([create("a", &json!({})), create("b", &json!({}))]));
    assert_eq!(changes(&run(&main, "probe", "one")).len(), 2);
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    (main, b)
}

#[test]
fn a_branch_tries_another_version_and_main_runs_the_old_one_until_the_merge() {
    let (main, b) = with_branch();
    let old = run(&main, "probe", "one").record.component;
    let new = Some(other_version(&b, "probe"));
    assert_ne!(old, new);
    assert_eq!(run(&b, "probe", "one").record.component, new);
    assert_eq!(run(&main, "probe", "one").record.component, old);
    main.branch_merge("b").unwrap();
    let after = run(&main, "probe", "one");
    assert_eq!(after.record.component, new);
    assert!(changes(&after).is_empty(), "the new version makes the same");
    assert_eq!(labels(&main, "TestThing"), ["a", "b"]);
    sound(&main);
}

#[test]
fn a_generator_that_a_branch_gives_up_goes_from_main_with_the_merge() {
    let (main, b) = with_branch();
    b.object_delete("CoreGeneratorDefinition", "probe").unwrap();
    assert!(labels(&b, "TestThing").is_empty(), "what it made goes with it");
    let refused = b.run("probe", "one", Mode::Apply, "test").unwrap_err();
    assert_eq!(refused.code(), "unknown-definition");
    assert_eq!(labels(&main, "TestThing"), ["a", "b"]);
    assert!(changes(&run(&main, "probe", "one")).is_empty());
    main.branch_merge("b").unwrap();
    assert!(labels(&main, "TestThing").is_empty());
    assert_eq!(
        main.run("probe", "one", Mode::Apply, "test").unwrap_err().code(),
        "unknown-definition"
    );
    main.branch_delete("b").unwrap();
    assert!(!dump(&main).lines().any(|row| row.starts_with("claims ")));
    sound(&main);
}

#[test]
fn a_generator_of_a_branch_alone_comes_to_main_with_what_it_made() {
    let main = ready();
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    tell(&b, "two", &json!([create("c", &json!({}))]));
    other_version(&b, "extra");
    assert_eq!(changes(&run(&b, "extra", "two")).len(), 1);
    let refused = main.run("extra", "two", Mode::Apply, "test").unwrap_err();
    assert_eq!(refused.code(), "unknown-definition");
    main.branch_merge("b").unwrap();
    assert_eq!(labels(&main, "TestThing"), ["c"]);
    assert!(changes(&run(&main, "extra", "two")).is_empty());
    // It is main's to take away now.
    tell(&main, "two", &json!([]));
    run(&main, "extra", "two");
    assert!(labels(&main, "TestThing").is_empty());
    sound(&main);
}
