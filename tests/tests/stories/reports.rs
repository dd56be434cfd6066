//! What is known of a run that failed, and how one is ended by hand.

use std::sync::Arc;

use branch::Environment;
use engine::{EngineOptions, FailureReport, Mode, RunOutcome};
use sandbox::Limits;
use serde_json::json;
use service::{Place, Service};

use crate::support::{Counting, Still, dump, labels, run, service_of, sound};
use crate::tracking::{create, ready, ready_in, tell};

/// The failure of the target `one`: its code, hint and report, as they are stored.
fn failed(service: &Service) -> (String, Option<String>, FailureReport) {
    let result = service.run("probe", "one", Mode::Apply, "test").unwrap();
    let stored = service.run_record(&result.record.id().to_string()).unwrap();
    assert_eq!(stored, result.record);
    let RunOutcome::Failed { code, hint, report, .. } = stored.outcome else {
        panic!("the run did not fail")
    };
    (code, hint, *report.unwrap())
}

#[test]
fn a_panic_is_reported_with_its_text_place_and_last_host_calls() {
    let service = ready();
    let steps = json!([
        create("a", &json!({"color": "red"})),
        {"do": "number", "pool": "vlans", "identifier": "x"},
        {"do": "panic", "message": "the sky fell"},
    ]);
    tell(&service, "one", &steps);
    let (code, _, report) = failed(&service);
    assert_eq!((code.as_str(), report.class.as_str()), ("guest_panic", "user"));
    assert!(report.deterministic && report.error.is_none(), "{report:?}");
    let (message, location) = report.panic.unwrap();
    assert_eq!(message, "the sky fell");
    assert!(location.contains("lib.rs:"), "{location}");
    let calls = report.last_calls.join("\n");
    for call in ["objects.create `TestThing", "pools.allocate `vlans"] {
        assert!(calls.contains(call), "{calls}");
    }
    assert!(labels(&service, "TestThing").is_empty());
}

#[test]
fn an_error_is_reported_as_the_generator_returned_it() {
    let service = ready();
    tell(&service, "one", &json!([{"do": "number", "pool": "nowhere", "identifier": "x"}]));
    let (code, _, report) = failed(&service);
    assert_eq!((code.as_str(), report.class.as_str()), ("guest_error", "user"));
    let error = report.error.unwrap();
    assert_eq!(error.code, "not-found");
    assert!(error.message.contains("`nowhere`") && error.name.contains("pool"), "{error:?}");
    // A loop tells what it used, and that it is a matter of limits.
    tell(&service, "one", &json!([{"do": "spin"}]));
    let result = service.run("probe", "one", Mode::Apply, "test").unwrap();
    let RunOutcome::Failed { code, hint, report, .. } = &result.record.outcome else { panic!() };
    assert_eq!((code.as_str(), report.as_ref().unwrap().class.as_str()), ("cpu_limit", "limit"));
    assert!(hint.is_some() && result.record.fuel >= 2_000_000_000, "{:?}", result.record);
    sound(&service);
}

#[test]
fn a_run_that_is_cancelled_ends_and_keeps_nothing_but_its_record() {
    let limits = Limits { fuel: u64::MAX, ..Limits::default() };
    let engine = EngineOptions { limits, ..EngineOptions::default() };
    let environment = Environment { clock: Arc::new(Still), ids: Arc::new(Counting::default()) };
    let service = ready_in(service_of(Place::Memory, environment, engine));
    tell(&service, "one", &json!([create("a", &json!({})), {"do": "spin"}]));
    tell(&service, "two", &json!([create("b", &json!({}))]));
    let result = std::thread::scope(|scope| {
        let first = scope.spawn(|| service.run("probe", "one", Mode::Apply, "by hand").unwrap());
        let under_way = loop {
            match service.runs_under_way().unwrap().pop() {
                Some(run) => break run,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!((under_way.definition.as_str(), under_way.cause.as_str()), ("probe", "by hand"));
        let id = under_way.run.to_string();
        // A branch ends its own runs alone.
        service.branch_create("b", "").unwrap();
        let branch = service.on(Some("b"), None).unwrap();
        assert!(branch.runs_under_way().unwrap().is_empty());
        assert_eq!(branch.run_cancel(&id).unwrap_err().code(), "not-found");
        // Others go on beside it.
        run(&service, "probe", "two");
        assert_eq!(service.run_cancel(&id).unwrap().run, under_way.run);
        first.join().unwrap()
    });
    let RunOutcome::Failed { code, report, .. } = &result.record.outcome else { panic!() };
    assert_eq!(code, "cancelled");
    assert!(!report.as_ref().unwrap().deterministic);
    assert_eq!(labels(&service, "TestThing"), ["b"]);
    let id = result.record.id().to_string();
    assert_eq!(service.run_record(&id).unwrap(), result.record);
    // What has ended cannot be ended.
    let before = dump(&service);
    for id in [id.as_str(), "no id"] {
        let told = service.run_cancel(id).unwrap_err();
        assert!(told.to_string().contains("run under way"), "{told}");
    }
    assert_eq!(dump(&service), before);
    assert!(service.runs_under_way().unwrap().is_empty());
    sound(&service);
}
