//! More runs than the host takes on.

use std::sync::Arc;

use branch::Environment;
use engine::{EngineOptions, Mode};
use model::IdSource;
use serde_json::json;
use service::{ErrorClass, Place};

use crate::held::Held;
use crate::support::{Counting, Still, changes, dump, labels, run, service_of};
use crate::tracking::{ready_in, tell};

#[test]
fn a_run_beyond_the_last_place_is_refused_as_busy_and_changes_nothing() {
    let held = Held::over(Arc::new(Counting::default()));
    let ids = Arc::clone(&held) as Arc<dyn IdSource>;
    let engine = EngineOptions { under_way_max: 1, ..EngineOptions::default() };
    let environment = Environment { clock: Arc::new(Still), ids };
    let service = ready_in(service_of(Place::Memory, environment, engine));
    for target in ["one", "two"] {
        let set = json!({"name": target});
        tell(&service, target, &json!([{"do": "create", "kind": "TestThing", "set": set}]));
    }
    let standing = held.hold();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run(&service, "probe", "one"));
        standing.wait();
        let before = dump(&service);
        for mode in [Mode::Apply, Mode::Plan] {
            let refused = service.run("probe", "two", mode, "test").unwrap_err();
            assert_eq!((refused.code(), refused.class()), ("busy", ErrorClass::Busy));
            assert!(refused.to_string().contains("try again in a moment"), "{refused}");
        }
        assert_eq!(dump(&service), before);
        standing.go();
        assert_eq!(changes(&first.join().unwrap()), ["created TestThing one"]);
    });
    // The place is free again.
    assert_eq!(changes(&run(&service, "probe", "two")), ["created TestThing two"]);
    assert_eq!(labels(&service, "TestThing"), ["one", "two"]);
}
