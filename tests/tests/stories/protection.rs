//! Properties of values and links: who owns them, where they come from, and what protection means for
//! people and for generators.

use serde_json::{Map, Value as Json, json};
use service::{DefinitionInput, Service};

use crate::support::{changes, component, dump, failure, labels, run, sound};
use crate::tracking::{create, ready, tell, value};

fn set(service: &Service, name: &str, attribute: &str, json: Json) -> Result<(), String> {
    let values: Map<String, Json> = [(attribute.to_owned(), json)].into_iter().collect();
    let done = service.object_update("TestThing", name, &values);
    done.map(|_changes| ()).map_err(|bad| bad.to_string())
}

fn policy(service: &Service, on_protected: &str) {
    let info = service.component_upload(&component("probe")).unwrap();
    let definition = DefinitionInput {
        name: "probe".to_owned(),
        query: "query Probe($name: String!) { TestTarget(name__value: $name) \
                { edges { node { id steps { value } } } } }"
            .to_owned(),
        parameters: [("name".to_owned(), "name__value".to_owned())].into(),
        targets: "targets".to_owned(),
        component: Some(info.digest),
        on_protected: Some(on_protected.to_owned()),
        ..DefinitionInput::default()
    };
    service.definition_put(&definition).unwrap();
}

#[test]
fn a_protected_object_that_a_run_would_remove_fails_the_run_with_its_name() {
    let service = ready();
    tell(&service, "one", &json!([create("a", &json!({})), create("b", &json!({}))]));
    run(&service, "probe", "one");
    set(&service, "a", "color", json!({"value": "red", "is_protected": true})).unwrap();
    let before = labels(&service, "TestThing");
    tell(&service, "one", &json!([]));
    let (code, message) = failure(&run(&service, "probe", "one"));
    assert_eq!(code, "protected");
    assert!(message.ends_with("would go: a"), "{message}");
    assert_eq!(labels(&service, "TestThing"), before);
    sound(&service);
}

#[test]
fn by_policy_a_protected_object_is_retained_and_the_rest_goes() {
    let service = ready();
    policy(&service, "retain");
    tell(&service, "one", &json!([create("a", &json!({})), create("b", &json!({}))]));
    run(&service, "probe", "one");
    set(&service, "a", "color", json!({"is_protected": true})).unwrap();
    tell(&service, "one", &json!([]));
    assert_eq!(changes(&run(&service, "probe", "one")), ["deleted TestThing b"]);
    assert_eq!(labels(&service, "TestThing"), ["a"]);
    // It belongs to nobody now: the next run does not know it.
    assert_eq!(changes(&run(&service, "probe", "one")), Vec::<String>::new());
    sound(&service);
}

#[test]
fn a_value_that_another_owns_and_protects_is_not_changed() {
    let service = ready();
    tell(&service, "one", &json!([create("a", &json!({"size": 3}))]));
    run(&service, "probe", "one");
    let owner = service.object("TestTarget", "two").unwrap().id;
    let given = json!({"value": 5, "is_protected": true, "owner": owner.to_string()});
    set(&service, "a", "size", given).unwrap();
    let before = dump(&service);
    let refused = set(&service, "a", "size", json!(6)).unwrap_err();
    assert!(refused.contains("protected"), "{refused}");
    assert_eq!(dump(&service), before);
    let (_, message) = failure(&run(&service, "probe", "one"));
    assert!(
        message.contains("`size` of TestThing") && message.contains("is protected"),
        "{message}"
    );
    assert_eq!(value(&service, "a", "size"), json!(5));
}

#[test]
fn properties_are_shown_by_queries() {
    let service = ready();
    tell(&service, "one", &json!([create("a", &json!({}))]));
    run(&service, "probe", "one");
    let owner = service.object("TestTarget", "two").unwrap().id.to_string();
    let given = json!({"value": "red", "is_protected": true, "owner": owner, "source": owner});
    set(&service, "a", "color", given).unwrap();
    let answer = crate::support::query(
        &service,
        "{ TestThing(name__value: \"a\") { edges { node { color { value is_protected updated_at \
           owner { id } source { id } } } } } }",
    );
    let color = &answer["data"]["TestThing"]["edges"][0]["node"]["color"];
    assert_eq!(color["is_protected"], true);
    assert_eq!(color["owner"]["id"], json!(owner));
    assert_eq!(color["source"]["id"], json!(owner));
    assert!(color["updated_at"].is_string());
}

#[test]
fn a_property_that_does_not_read_is_told_and_changes_nothing() {
    let service = ready();
    tell(&service, "one", &json!([create("a", &json!({}))]));
    run(&service, "probe", "one");
    let before = dump(&service);
    for (given, wanted) in [
        (json!({"value": 1, "colour": 2}), "a value has no `colour`"),
        (json!({"value": 1, "owner": "somebody"}), "`owner` must be the id of an object"),
    ] {
        let refused = set(&service, "a", "size", given).unwrap_err();
        assert!(refused.contains(wanted), "{refused}");
    }
    assert_eq!(dump(&service), before);
}
