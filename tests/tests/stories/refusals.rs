//! Every way in which a change of objects or a run is refused: its code, what it says, and that nothing is left.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use branch::Environment;
use engine::{EngineOptions, Mode, RunOutcome};
use model::{Clock, Timestamp};
use serde_json::{Value as Json, json};
use service::{DefinitionInput, Place, Service, ServiceError, SourceFile};

use crate::support::{Counting, Still, changes, dump, load, rows, run, service, service_of, sound};
use crate::tracking::{ready, ready_in, tell};

const SCHEMA: &str = r#"
generics:
  - name: Device
    namespace: Demo
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text}
nodes:
  - name: Router
    namespace: Demo
    inherit_from: [DemoDevice]
    human_friendly_id: [name__value]
    attributes:
      - {name: serial, kind: Text, optional: true, read_only: true}
      - {name: slots, kind: Number, optional: true, parameters: {max_value: 8}}
    relationships:
      - {name: cards, peer: DemoCard, cardinality: many, max_count: 2, identifier: router__card}
      - {name: beside, peer: DemoDevice, cardinality: one, identifier: beside, direction: outbound}
  - name: Switch
    namespace: Demo
    inherit_from: [DemoDevice]
    human_friendly_id: [name__value]
  - name: Card
    namespace: Demo
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: model, kind: Text}
    relationships:
      - {name: router, peer: DemoRouter, cardinality: one, optional: false, identifier: router__card}
"#;

fn stocked() -> Service {
    let service = service();
    let file = SourceFile { name: "schema".to_owned(), text: SCHEMA.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{:#?}", bad.details()));
    load(&service, "DemoRouter", &json!([{"name": "r1"}, {"name": "same"}]));
    load(&service, "DemoSwitch", &json!([{"name": "same"}]));
    let card = |name: &str| json!({"name": name, "model": "m", "router": "r1"});
    load(&service, "DemoCard", &json!([card("c1"), card("c2")]));
    service
}

fn refused<T: std::fmt::Debug>(
    service: &Service,
    wanted: (&str, &str),
    verb: impl FnOnce() -> Result<T, ServiceError>,
) {
    let before = dump(service);
    let told = verb().expect_err(wanted.0);
    assert_eq!(told.code(), wanted.0, "{told}");
    let all = format!("{told} {:?}", told.details());
    assert!(all.contains(wanted.1), "{}: {all}", wanted.0);
    assert!(dump(service) == before, "{} left something", wanted.0);
}

#[test]
fn a_change_of_objects_that_breaks_a_rule_has_its_code_and_leaves_nothing() {
    let service = stocked();
    let card = |more: Json| {
        let mut card = json!({"name": "c9", "model": "m", "router": "r1"});
        card.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        card
    };
    let without = |name: &str| {
        let mut card = card(json!({"router": "same"}));
        card.as_object_mut().unwrap().remove(name);
        card
    };
    for (kind, row, code, part) in [
        ("DemoRuter", json!({"name": "x"}), "unknown-kind", "did you mean `DemoRouter`?"),
        ("DemoDevice", json!({"name": "x"}), "not-concrete", "DemoRouter, DemoSwitch"),
        ("DemoRouter", json!({"name": "x", "slot": 5}), "unknown-field", "did you mean `slots`?"),
        ("DemoRouter", json!({"name": "x", "slots": 9}), "bad-value", "must be at most 8"),
        ("DemoRouter", json!({"name": "x", "slots": "many"}), "bad-value", "whole number"),
        (
            "DemoRouter",
            json!({"name": "x", "serial": "s"}),
            "read-only",
            "`serial` of `DemoRouter`",
        ),
        ("DemoRouter", json!({"name": "x", "beside": "none"}), "not-found", "none"),
        ("DemoRouter", json!({"name": "x", "beside": "same"}), "ambiguous", "names 2 objects"),
        (
            "DemoRouter",
            json!({"name": "r1", "beside": {"kind": "DemoCard", "data": {"name": "c1"}}}),
            "wrong-peer",
            "takes `DemoDevice`",
        ),
        ("DemoCard", without("model"), "required", "model is mandatory for DemoCard"),
        ("DemoCard", without("router"), "required", "router is mandatory for DemoCard"),
        ("DemoCard", card(json!({})), "peer-count", "at most 2 peers, it would have 3"),
    ] {
        refused(&service, (code, part), || service.object_load(&[rows(kind, &json!([row]))]));
    }
    let name = json!({"name": "c1"}).as_object().cloned().unwrap();
    refused(&service, ("not-unique", "'name'"), || service.object_update("DemoCard", "c2", &name));
    refused(&service, ("still-needed", "mandatory relationship router"), || {
        service.object_delete("DemoRouter", "r1")
    });
    refused(&service, ("default-namespace", "default IPAM namespace"), || {
        service.object_delete("IpamNamespace", "default")
    });
    refused(&service, ("not-found", "none"), || service.object("DemoRouter", "none"));
    sound(&service);
}

#[test]
fn a_run_that_cannot_be_made_has_its_code_and_leaves_nothing() {
    let service = ready();
    load(&service, "TestTarget", &json!([{"name": "outside"}]));
    let outside = service.object("TestTarget", "outside").unwrap().id.to_string();
    let go = |definition: &str, target: &str| service.run(definition, target, Mode::Apply, "test");
    refused(&service, ("unknown-definition", "no generator definition `none`"), || {
        go("none", &outside)
    });
    refused(&service, ("not-found", "nobody"), || go("probe", "nobody"));
    let missing = model::ObjectId(12_345).to_string();
    refused(&service, ("unknown-target", "does not exist"), || go("probe", &missing));
    refused(&service, ("not-in-group", "is not part of the group"), || go("probe", &outside));
    let put = |change: fn(&mut DefinitionInput)| {
        let mut definition = DefinitionInput {
            name: "other".to_owned(),
            query: "query($name: String!) { TestTarget(name__value: $name) { count } }".to_owned(),
            parameters: [("name".to_owned(), "name__value".to_owned())].into(),
            targets: "targets".to_owned(),
            ..DefinitionInput::default()
        };
        change(&mut definition);
        service.definition_put(&definition)
    };
    put(|_| {}).unwrap();
    refused(&service, ("no-component", "upload one"), || go("other", "one"));
    refused(&service, ("not-found", "nowhere"), || {
        put(|input| input.targets = "nowhere".to_owned())
    });
    // A parameter that has no value on the target.
    let digest = service.components().unwrap()[0].digest.clone();
    let definition = DefinitionInput {
        name: "other".to_owned(),
        query: "query($name: String!) { TestTarget(name__value: $name) { count } }".to_owned(),
        parameters: [("name".to_owned(), "nowhere__value".to_owned())].into(),
        targets: "targets".to_owned(),
        component: Some(digest),
        ..DefinitionInput::default()
    };
    service.definition_put(&definition).unwrap();
    refused(&service, ("bad-definition", "parameter `name` of `other`"), || go("other", "one"));
    sound(&service);
}

#[test]
fn what_a_guest_asks_for_in_vain_has_a_name() {
    let service = ready();
    let schema = "nodes: [{name: Bare, namespace: Test, attributes: [{name: note, kind: Text, optional: true}]}]";
    let file = SourceFile { name: "more".to_owned(), text: schema.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{:?}", bad.details()));
    load(&service, "TestThing", &json!([{"name": "persons"}]));
    let make = |kind: &str, set: Json| json!([{"do": "create", "kind": kind, "set": set}]);
    let number = |pool: &str| json!([{"do": "number", "pool": pool, "identifier": "x"}]);
    for (steps, name) in [
        (make("TestNothing", json!({"name": "a"})), "unknown-kind"),
        (make("TestThing", json!({"name": "a", "colour": "red"})), "unknown-field"),
        (make("TestThing", json!({"name": "a", "size": "large"})), "bad-value"),
        (make("TestThing", json!({"color": "red"})), "key-needed"),
        (make("TestBare", json!({"note": "a"})), "key-needed"),
        (make("TestThing", json!({"name": "persons"})), "not-adopted"),
        (json!([{"do": "keep", "key": "never"}]), "unknown-key"),
        (number("nowhere"), "unknown-pool"),
        (json!([{"do": "ask", "document": "{ Nothing { count } }"}]), "bad-query"),
    ] {
        tell(&service, "one", &steps);
        let before = service.objects("TestThing", 100).unwrap().len();
        let result = service.run("probe", "one", Mode::Apply, "test").unwrap();
        let RunOutcome::Failed { report, .. } = &result.record.outcome else {
            panic!("{name}: {:?}", result.record.outcome)
        };
        let error = report.as_ref().unwrap().error.as_ref().unwrap();
        assert_eq!(error.name, name, "{error:?}");
        assert_eq!(service.objects("TestThing", 100).unwrap().len(), before, "{name}");
    }
    sound(&service);
}

/// A clock that changes the target whenever it is looked at: nothing is ever as a run found it.
#[derive(Default)]
struct Meddler {
    service: OnceLock<Service>,
    busy: AtomicBool,
    times: AtomicU64,
}

impl Clock for Meddler {
    fn now(&self) -> Timestamp {
        if let Some(service) = self.service.get()
            && !self.busy.swap(true, Ordering::AcqRel)
        {
            let times = self.times.fetch_add(1, Ordering::AcqRel);
            let note = json!({"note": format!("note {times}")}).as_object().cloned().unwrap();
            service.object_update("TestTarget", "one", &note).unwrap();
            self.busy.store(false, Ordering::Release);
        }
        Still.now()
    }
}

#[test]
fn a_run_whose_target_changes_again_and_again_gives_up_and_leaves_nothing() {
    let meddler = Arc::new(Meddler::default());
    let clock = Arc::clone(&meddler) as Arc<dyn Clock>;
    let environment = Environment { clock, ids: Arc::new(Counting::default()) };
    let service = ready_in(service_of(Place::Memory, environment, EngineOptions::default()));
    let set = json!({"name": "a"});
    tell(&service, "one", &json!([{"do": "create", "kind": "TestThing", "set": set}]));
    assert!(meddler.service.set(service.clone()).is_ok());
    let told = service.run("probe", "one", Mode::Apply, "test").unwrap_err();
    assert_eq!((told.code(), told.class()), ("contended", service::ErrorClass::Conflict), "{told}");
    assert!(told.to_string().contains("try again later"), "{told}");
    assert!(service.objects("TestThing", 100).unwrap().is_empty());
    // Once it is left in peace, it runs.
    meddler.busy.store(true, Ordering::Release);
    assert_eq!(changes(&run(&service, "probe", "one")), ["created TestThing a"]);
    sound(&service);
}
