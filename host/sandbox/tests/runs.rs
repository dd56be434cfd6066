//! Runs that go well, and what their reports say.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recording.rs"]
mod recording;

use guests::{GOOD, component, sandbox};
use model::Digest;
use recording::Recording;
use sandbox::{Cancel, Limits, RunEnd};

#[test]
fn a_guest_makes_ten_objects_and_the_host_gets_them_in_order() {
    let sandbox = sandbox();
    let bytes = component(GOOD);
    let good = sandbox.load(Digest::of(&bytes), &bytes).unwrap();
    let (host, report) =
        good.run(Recording::default(), "{}", &Limits::default(), &Cancel::new());
    assert_eq!(report.outcome, RunEnd::Ok);
    assert_eq!(report.host_calls, 11);
    assert_eq!(host.made.len(), 10);
    assert_eq!(host.made[9].key, "web-9");
    assert_eq!(host.log[0].1, "ready");
    assert_eq!(report.last_calls.len(), 8);
    assert_eq!(report.last_calls[6].to_string(), "objects.create `InfraServer web-9`");
    assert_eq!(report.memory_peak, 4 * 65536 + 2 * 16, "four pages, and a table of two shims");
}

#[test]
fn the_same_run_uses_the_same_fuel() {
    let sandbox = sandbox();
    let bytes = component(GOOD);
    let good = sandbox.load(Digest::of(&bytes), &bytes).unwrap();
    let fuel = || {
        good.run(Recording::default(), "{}", &Limits::default(), &Cancel::new()).1.fuel_used
    };
    assert_eq!(fuel(), fuel());
}
