//! Checks: components that say what is wrong, and what becomes of those that misbehave.

use serde_json::{Value as Json, json};
use service::{CheckInput, DefinitionInput, Service};

use crate::support::{component, dump, load};
use crate::tracking::ready;

pub(crate) const THINGS: &str =
    "query Things { TestThing { edges { node { id name { value } color { value } } } } }";
const ONE: &str = "query One($name: String!) { TestThing(name__value: $name) { edges { node { id name \
                   { value } color { value } } } } }";

/// Uploads the inspector and registers it.
pub(crate) fn inspect(service: &Service, name: &str, check: CheckInput) {
    let info = service.component_upload(&component("inspector")).unwrap();
    let query = if check.query.is_empty() { THINGS.to_owned() } else { check.query.clone() };
    let check = CheckInput { name: name.to_owned(), component: Some(info.digest), query, ..check };
    service.check_put(&check).unwrap_or_else(|bad| panic!("{bad}"));
}

fn things(service: &Service, colors: &[(&str, &str)]) {
    let row = |(name, color): &(&str, &str)| json!({"name": name, "color": color});
    load(service, "TestThing", &json!(colors.iter().map(row).collect::<Vec<_>>()));
}

fn run(service: &Service) -> Json {
    let mut told = service.check_run("colors", None).unwrap_or_else(|bad| panic!("{bad}"));
    told["results"][0].take()
}

#[test]
fn a_check_tells_what_it_found_where_and_of_which_object() {
    let service = ready();
    inspect(&service, "colors", CheckInput::default());
    assert_eq!(run(&service)["severity"], "success");
    things(&service, &[("a", "green"), ("b", "yellow"), ("c", "pink"), ("d", "blue")]);
    let before = dump(&service);
    let told = run(&service);
    assert_eq!((&told["conclusion"], &told["severity"]), (&json!("success"), &json!("warning")));
    let found: Vec<String> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!("{} {}", one["severity"].as_str().unwrap(), one["message"].as_str().unwrap())
        })
        .collect();
    assert_eq!(found, ["info a is green", "warning b is yellow", "info 4 things"]);
    let a = service.object("TestThing", "a").unwrap().id.to_string();
    assert_eq!(
        (&told["findings"][0]["object"], &told["findings"][0]["path"]),
        (&json!(a), &json!("color"))
    );
    things(&service, &[("e", "red")]);
    let told = run(&service);
    assert_eq!((&told["conclusion"], &told["severity"]), (&json!("failure"), &json!("error")));
    service.object_delete("TestThing", "e").unwrap();
    // A check makes nothing.
    assert_ne!(dump(&service), before);
    let before = dump(&service);
    run(&service);
    assert_eq!(dump(&service), before);
}

#[test]
fn a_check_that_traps_loops_or_fails_has_failed_with_a_report() {
    let service = ready();
    inspect(&service, "colors", CheckInput::default());
    for (color, code, words) in [
        ("black", "guest_panic", "bad is black"),
        ("grey", "cpu_limit", ""),
        ("white", "guest_error", "bad is white"),
    ] {
        things(&service, &[("bad", color)]);
        let told = run(&service);
        let failure = &told["failure"]["Failed"];
        assert_eq!(
            (&failure["code"], &told["severity"]),
            (&json!(code), &json!("critical")),
            "{told}"
        );
        assert!(failure["message"].as_str().unwrap().contains(words), "{failure}");
        assert_eq!(told["conclusion"], "failure");
        assert_eq!(told["findings"], json!([]));
    }
    things(&service, &[("bad", "pink")]);
    assert_eq!(run(&service)["conclusion"], "success");
}

#[test]
fn each_member_of_a_group_is_checked_by_itself() {
    let service = ready();
    load(&service, "CoreStandardGroup", &json!([{"name": "checked"}]));
    things(&service, &[("a", "red"), ("b", "green"), ("c", "red")]);
    for name in ["a", "b"] {
        load(&service, "TestThing", &json!([{"name": name, "member_of_groups": ["checked"]}]));
    }
    let check = CheckInput {
        query: ONE.to_owned(),
        parameters: [("name".to_owned(), "name__value".to_owned())].into(),
        targets: Some("checked".to_owned()),
        advisory: true,
        ..CheckInput::default()
    };
    inspect(&service, "one by one", check);
    let told = service.check_run("one by one", None).unwrap();
    let conclusions: Vec<(&Json, &Json)> = told["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["target"], &one["conclusion"]))
        .collect();
    assert_eq!(conclusions, [(&json!("a"), &json!("failure")), (&json!("b"), &json!("success"))]);
    assert_eq!((&told["ok"], &told["required"]), (&json!(false), &json!(false)));
    let only = service.check_run("one by one", Some("b")).unwrap();
    assert_eq!(only["ok"], true);
    assert_eq!(service.check_run("one by one", Some("c")).unwrap_err().code(), "not-found");
    let listed = service.checks().unwrap();
    assert_eq!(
        (&listed["checks"][0]["targets"], &listed["checks"][0]["problem"]),
        (&json!(2), &Json::Null)
    );
}

#[test]
fn a_component_is_used_as_what_it_is() {
    let service = ready();
    inspect(&service, "colors", CheckInput::default());
    let digest = |guest: &str| Some(model::Digest::of(&component(guest)).to_string());
    let check = |component: Option<String>| {
        let (name, query) = ("colors".to_owned(), THINGS.to_owned());
        service.check_put(&CheckInput { name, query, component, ..CheckInput::default() })
    };
    check(digest("probe")).unwrap();
    let bad = service.check_run("colors", None).unwrap_err();
    assert_eq!(bad.code(), "wrong-world");
    assert_eq!(
        bad.to_string(),
        "`colors` needs a component that is a check, but its component is a generator"
    );
    let definition = DefinitionInput {
        name: "probe".to_owned(),
        query: "query { TestTarget { edges { node { id } } } }".to_owned(),
        targets: "targets".to_owned(),
        component: digest("inspector"),
        ..DefinitionInput::default()
    };
    service.definition_put(&definition).unwrap();
    let bad = service.run("probe", "one", engine::Mode::Apply, "test").unwrap_err();
    assert_eq!(bad.code(), "wrong-world");
    let unknown = model::Digest::of(b"nothing").to_string();
    check(Some(unknown)).unwrap();
    assert_eq!(service.check_run("colors", None).unwrap_err().code(), "unknown-component");
    assert_eq!(service.check_run("none", None).unwrap_err().code(), "unknown-definition");
    let query = "query { Nothing { id } }".to_owned();
    let bad = service.check_put(&CheckInput { query, ..CheckInput::default() }).unwrap_err();
    assert_eq!(bad.class(), service::ErrorClass::Invalid);
}
