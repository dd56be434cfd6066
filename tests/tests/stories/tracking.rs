//! Ownership: tested with a guest that does what it is told.

use serde_json::{Map, Value as Json, json};
use service::{DefinitionInput, Service, SourceFile};

use crate::support::{
    changes, component, dump, failure, labels, load, query, register, run, service, sound,
};

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - name: Target
    namespace: Test
    human_friendly_id: [name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: steps, kind: JSON, optional: true}
      - {name: note, kind: Text, optional: true}
  - name: Thing
    namespace: Test
    human_friendly_id: [name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: color, kind: Text, optional: true}
      - {name: size, kind: Number, default_value: 1}
      - {name: vlan, kind: Number, optional: true}
    relationships:
      - {name: friends, peer: TestThing, cardinality: many, identifier: thing__friend, direction: outbound}
      - {name: friend_of, peer: TestThing, cardinality: many, identifier: thing__friend, direction: inbound}
"#;

pub(crate) const QUERY: &str = "query Probe($name: String!) { TestTarget(name__value: $name) \
                     { edges { node { id steps { value } } } } }";

/// A service with two targets and the probe registered as `probe`.
pub(crate) fn ready() -> Service {
    ready_in(service())
}

/// The same in a service of one's own.
pub(crate) fn ready_in(service: Service) -> Service {
    let file = SourceFile { name: "schema".to_owned(), text: SCHEMA.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{:#?}", bad.details()));
    load(&service, "CoreStandardGroup", &json!([{"name": "targets"}]));
    for name in ["one", "two"] {
        let row = json!([{"name": name, "member_of_groups": ["targets"]}]);
        load(&service, "TestTarget", &row);
    }
    let pool = json!([{
        "name": "vlans", "node": "TestThing", "node_attribute": "vlan",
        "start_range": 10, "end_range": 12,
    }]);
    load(&service, "CoreNumberPool", &pool);
    register(&service, "probe", "probe", QUERY, "targets");
    service
}

/// Tells a target's steps.
pub(crate) fn tell(service: &Service, target: &str, steps: &Json) {
    let values: Map<String, Json> = [("steps".to_owned(), steps.clone())].into_iter().collect();
    service.object_update("TestTarget", target, &values).unwrap();
}

pub(crate) fn create(name: &str, set: &Json) -> Json {
    let mut set = set.clone();
    set["name"] = json!(name);
    json!({"do": "create", "kind": "TestThing", "set": set})
}

pub(crate) fn value(service: &Service, name: &str, attribute: &str) -> Json {
    let thing = service.object("TestThing", name).unwrap();
    thing.attributes.get(attribute).cloned().unwrap_or(Json::Null)
}

#[test]
fn what_a_run_changes_there_and_back_it_did_not_change() {
    let service = ready();
    let there = json!({"do": "set", "kind": "TestThing", "name": "a", "set": {"color": "blue"}});
    tell(&service, "one", &json!([create("a", &json!({"color": "pink"})), there]));
    run(&service, "probe", "one");
    assert_eq!(value(&service, "a", "color"), json!("blue"));
    // Pink for a moment, as its pattern says, then blue again.
    let before = (service.last_commit(), dump(&service));
    assert!(changes(&run(&service, "probe", "one")).is_empty());
    assert_eq!((service.last_commit(), dump(&service)), before);
}

#[test]
fn an_empty_output_removes_everything() {
    let service = ready();
    tell(&service, "one", &json!([create("a", &json!({})), create("b", &json!({}))]));
    run(&service, "probe", "one");
    assert_eq!(labels(&service, "TestThing"), ["a", "b"]);
    tell(&service, "one", &json!([]));
    run(&service, "probe", "one");
    assert!(labels(&service, "TestThing").is_empty());
    sound(&service);
}

#[test]
fn renaming_a_target_orphans_nothing() {
    let service = ready();
    tell(&service, "one", &json!([create("a", &json!({}))]));
    run(&service, "probe", "one");
    let values: Map<String, Json> = [("name".to_owned(), json!("uno"))].into_iter().collect();
    service.object_update("TestTarget", "one", &values).unwrap();
    assert!(changes(&run(&service, "probe", "uno")).is_empty());
    tell(&service, "uno", &json!([]));
    run(&service, "probe", "uno");
    assert!(labels(&service, "TestThing").is_empty());
}

#[test]
fn a_shared_object_goes_with_its_last_owner() {
    let service = ready();
    for target in ["one", "two"] {
        tell(&service, target, &json!([create("shared", &json!({"color": "red"}))]));
        run(&service, "probe", target);
    }
    tell(&service, "one", &json!([]));
    run(&service, "probe", "one");
    assert_eq!(labels(&service, "TestThing"), ["shared"]);
    tell(&service, "two", &json!([]));
    run(&service, "probe", "two");
    assert!(labels(&service, "TestThing").is_empty());
    sound(&service);
}

#[test]
fn two_instances_that_want_different_values_conflict_and_the_other_is_named() {
    let service = ready();
    tell(&service, "one", &json!([create("shared", &json!({"color": "red"}))]));
    run(&service, "probe", "one");
    tell(&service, "two", &json!([create("shared", &json!({"color": "blue"}))]));
    let (code, message) = failure(&run(&service, "probe", "two"));
    assert_eq!(code, "guest_error");
    assert!(message.contains("set to `red` by probe: one"), "{message}");
    assert_eq!(value(&service, "shared", "color"), "red");
}

#[test]
fn a_persons_object_is_not_taken_over_unless_the_definition_allows_it() {
    let service = ready();
    load(&service, "TestThing", &json!([{"name": "mine", "color": "green"}]));
    tell(&service, "one", &json!([create("mine", &json!({"color": "red"}))]));
    let (_, message) = failure(&run(&service, "probe", "one"));
    assert!(message.contains("was not made by this generator"), "{message}");
    assert_eq!(value(&service, "mine", "color"), "green");

    let digest = service.component_upload(&component("probe")).unwrap().digest;
    service
        .definition_put(&DefinitionInput {
            name: "probe".to_owned(),
            query: QUERY.to_owned(),
            parameters: [("name".to_owned(), "name__value".to_owned())].into(),
            targets: "targets".to_owned(),
            component: Some(digest),
            adoption: true,
            ..DefinitionInput::default()
        })
        .unwrap();
    run(&service, "probe", "one");
    assert_eq!(value(&service, "mine", "color"), "red");
    tell(&service, "one", &json!([]));
    run(&service, "probe", "one");
    assert_eq!(labels(&service, "TestThing"), ["mine"]);
    sound(&service);
}

#[test]
fn a_value_that_is_no_longer_set_goes_back_to_what_it_was() {
    let service = ready();
    load(&service, "TestThing", &json!([{"name": "mine", "color": "green"}]));
    let set = json!({"do": "set", "kind": "TestThing", "name": "mine", "set": {"color": "red"}});
    tell(&service, "one", &json!([set]));
    run(&service, "probe", "one");
    assert_eq!(value(&service, "mine", "color"), "red");
    assert!(changes(&run(&service, "probe", "one")).is_empty());
    tell(&service, "one", &json!([]));
    run(&service, "probe", "one");
    assert_eq!(value(&service, "mine", "color"), "green");
}

#[test]
fn a_value_that_somebody_changed_since_stays() {
    let service = ready();
    load(&service, "TestThing", &json!([{"name": "mine", "color": "green"}]));
    let set = json!({"do": "set", "kind": "TestThing", "name": "mine", "set": {"color": "red"}});
    tell(&service, "one", &json!([set]));
    run(&service, "probe", "one");
    let values: Map<String, Json> = [("color".to_owned(), json!("blue"))].into_iter().collect();
    service.object_update("TestThing", "mine", &values).unwrap();
    tell(&service, "one", &json!([]));
    run(&service, "probe", "one");
    assert_eq!(value(&service, "mine", "color"), "blue");
}

#[test]
fn a_link_that_is_no_longer_set_goes_and_the_others_stay() {
    let service = ready();
    load(&service, "TestThing", &json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]));
    load(&service, "TestThing", &json!([{"name": "a", "friends": ["b"]}]));
    let link = json!({
        "do": "link", "kind": "TestThing", "name": "a", "relationship": "friends",
        "to_kind": "TestThing", "to": "c",
    });
    tell(&service, "one", &json!([link]));
    run(&service, "probe", "one");
    let friends = |service: &Service| {
        service.object("TestThing", "a").unwrap().relationships["friends"].clone()
    };
    assert_eq!(friends(&service), json!(["b", "c"]));
    tell(&service, "one", &json!([]));
    run(&service, "probe", "one");
    assert_eq!(friends(&service), json!(["b"]));
    sound(&service);
}

#[test]
fn kept_objects_stay_as_they_are() {
    let service = ready();
    tell(&service, "one", &json!([create("a", &json!({"color": "red"}))]));
    run(&service, "probe", "one");
    tell(&service, "one", &json!([{"do": "keep", "key": "a"}]));
    assert!(changes(&run(&service, "probe", "one")).is_empty());
    assert_eq!(value(&service, "a", "color"), "red");
}

#[test]
fn a_failed_run_leaves_nothing_behind_but_its_record() {
    let service = ready();
    for (steps, code) in [
        (json!([create("a", &json!({})), {"do": "fail", "message": "no"}]), "guest_error"),
        (json!([create("a", &json!({})), {"do": "panic", "message": "oh"}]), "guest_panic"),
        (json!([create("a", &json!({})), {"do": "spin"}]), "cpu_limit"),
        (json!([create("a", &json!({"shape": "round"}))]), "guest_error"),
        (json!([{"do": "number", "pool": "nowhere", "identifier": "x"}]), "guest_error"),
    ] {
        tell(&service, "one", &steps);
        let result = run(&service, "probe", "one");
        assert_eq!(failure(&result).0, code, "{steps}");
        assert!(labels(&service, "TestThing").is_empty());
        assert!(service.run_record(&result.record.id().to_string()).is_ok());
    }
    assert!(!dump(&service).contains("reservations "));
    sound(&service);
}

#[test]
fn a_verb_that_fails_leaves_nothing_even_where_the_guest_goes_on() {
    let service = ready();
    let half = json!({
        "do": "draw", "kind": "TestThing", "name": "half", "field": "nothing", "pool": "vlans",
    });
    let wrong = create("wrong", &json!({"size": "big"}));
    let steps = json!([{"do": "try", "steps": [half, wrong, create("a", &json!({}))]}]);
    tell(&service, "one", &steps);
    let result = run(&service, "probe", "one");
    assert_eq!(changes(&result), ["created TestThing a"]);
    assert_eq!(result.record.log.len(), 2);
    assert!(!dump(&service).contains("reservations "));
    sound(&service);
}

#[test]
fn the_text_of_a_panic_reaches_the_user() {
    let service = ready();
    tell(&service, "one", &json!([{"do": "panic", "message": "the sky fell"}]));
    let (_, message) = failure(&run(&service, "probe", "one"));
    assert!(message.contains("the sky fell"), "{message}");
}

#[test]
fn numbers_are_kept_by_identifier_and_released_when_no_longer_asked_for() {
    let service = ready();
    let number =
        |identifier: &str| json!({"do": "number", "pool": "vlans", "identifier": identifier});
    tell(&service, "one", &json!([number("a"), number("b")]));
    let first = run(&service, "probe", "one");
    let log = |result: &engine::RunResult| -> Vec<String> {
        result.record.log.iter().map(|line| line.message.clone()).collect()
    };
    assert_eq!(log(&first), ["number 10", "number 11"]);
    tell(&service, "one", &json!([number("b"), number("c")]));
    assert_eq!(log(&run(&service, "probe", "one")), ["number 11", "number 12"]);
    tell(&service, "two", &json!([number("a")]));
    assert_eq!(log(&run(&service, "probe", "two")), ["number 10"]);
    tell(&service, "two", &json!([number("a"), number("d")]));
    let (_, message) = failure(&run(&service, "probe", "two"));
    assert!(message.contains("no more values available in this pool"), "{message}");
    sound(&service);
}

#[test]
fn runs_at_once_never_get_one_number() {
    let service = ready();
    for target in ["one", "two"] {
        let draw = json!({
            "do": "draw", "kind": "TestThing", "name": target, "field": "vlan", "pool": "vlans",
        });
        tell(&service, target, &json!([draw]));
    }
    let runs: Vec<_> = ["one", "two"]
        .map(|target| {
            let service = service.clone();
            std::thread::spawn(move || changes(&run(&service, "probe", target)).len())
        })
        .into_iter()
        .collect();
    for run in runs {
        assert!(run.join().unwrap() > 0);
    }
    assert_ne!(value(&service, "one", "vlan"), value(&service, "two", "vlan"));
    sound(&service);
}

#[test]
fn a_run_sees_what_it_has_made() {
    let service = ready();
    let ask = json!({"do": "ask", "document": "{ TestThing { count edges { node { name { value } } } } }"});
    tell(&service, "one", &json!([create("a", &json!({})), ask]));
    let result = run(&service, "probe", "one");
    assert_eq!(
        result.record.log[0].message,
        "{\"TestThing\":{\"count\":1,\"edges\":[{\"node\":{\"name\":{\"value\":\"a\"}}}]}}"
    );
}

#[test]
fn leaving_the_group_and_deleting_the_definition_end_what_was_made() {
    let service = ready();
    for target in ["one", "two"] {
        tell(&service, target, &json!([create(target, &json!({}))]));
        run(&service, "probe", target);
    }
    service.object_delete("TestTarget", "one").unwrap();
    assert_eq!(labels(&service, "TestThing"), ["two"]);
    service.object_delete("CoreGeneratorDefinition", "probe").unwrap();
    assert!(labels(&service, "TestThing").is_empty());
    assert!(service.instances().unwrap().is_empty());
    sound(&service);
}

#[test]
fn a_wrong_query_is_told_with_place_and_nearest_name() {
    let service = ready();
    let answer = query(&service, "{ TestThing { edges { node { colour { value } } } } }");
    let error = &answer["errors"][0];
    assert!(error["message"].as_str().unwrap().contains("did you mean `color`?"), "{answer}");
    assert_eq!(error["locations"][0], json!({"line": 1, "column": 30}));
}

#[test]
fn three_thousand_objects_take_one_run_and_one_more_is_one_change() {
    let service = ready();
    tell(&service, "one", &json!([{"do": "many", "kind": "TestThing", "count": 3000}]));
    assert_eq!(changes(&run(&service, "probe", "one")).len(), 3000);
    tell(&service, "one", &json!([{"do": "many", "kind": "TestThing", "count": 3001}]));
    let more = changes(&run(&service, "probe", "one"));
    assert_eq!(more, ["created TestThing many-3000"]);
}
