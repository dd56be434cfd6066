//! Generators on branches: whatever the order of running on the branch, merging, running on main,
//! deleting the branch and deleting the target on either side, main ends with the same objects under
//! the same ids, and the same numbers are taken.

use serde_json::json;
use service::Service;

use crate::support::{dump, failure, labels, load, run, sound};
use crate::tracking::{ready, tell, value};

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    RunOnBranch,
    Merge,
    RunOnMain,
    DeleteBranch,
    DeleteOnBranch,
    DeleteOnMain,
}

use Event::{DeleteBranch, DeleteOnBranch, DeleteOnMain, Merge, RunOnBranch, RunOnMain};

/// Every order of some events.
fn orders(events: &[Event]) -> Vec<Vec<Event>> {
    if events.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, first) in events.iter().enumerate() {
        let mut rest = events.to_vec();
        rest.remove(place);
        for order in orders(&rest) {
            all.push([vec![*first], order].concat());
        }
    }
    all
}

/// Whether an order can happen: nothing on a branch after its end, nothing new after its merge.
fn makes_sense(order: &[Event]) -> bool {
    let at = |event| order.iter().position(|one| *one == event);
    let before = |a: Event, b: Event| match (at(a), at(b)) {
        (Some(a), Some(b)) => a < b,
        _ => true,
    };
    let on_branch = [RunOnBranch, DeleteOnBranch];
    let open = on_branch.iter().all(|one| before(*one, Merge) && before(*one, DeleteBranch));
    // What is gone can be run no more.
    open && before(Merge, DeleteBranch)
        && before(RunOnBranch, DeleteOnBranch)
        && before(RunOnMain, DeleteOnMain)
}

/// What main has: objects with ids and numbers, and what is taken of the pool.
fn state(main: &Service) -> String {
    let mut all = Vec::new();
    for object in main.objects("TestThing", 100).unwrap() {
        all.push(format!("{} {} {}", object.id, object.display_label, object.attributes["vlan"]));
    }
    all.sort();
    let taken = dump(main).lines().filter(|row| row.starts_with("pool-values ")).count();
    format!("{} | {taken} taken", all.join(", "))
}

fn steps() -> serde_json::Value {
    let draw = |name: &str| json!({"do": "draw", "kind": "TestThing", "name": name, "field": "vlan", "pool": "vlans"});
    json!([draw("a"), draw("b")])
}

/// Does the events over a fresh host, with the target on main told what to make.
fn happen(order: &[Event]) -> String {
    let main = ready();
    tell(&main, "one", &steps());
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    for event in order {
        match event {
            RunOnBranch => {
                run(&b, "probe", "one");
                assert_eq!(labels(&b, "TestThing"), ["a", "b"], "{order:?}");
            }
            RunOnMain => {
                // The target may have gone with the merge.
                if main.object("TestTarget", "one").is_ok() {
                    let result = run(&main, "probe", "one");
                    assert!(!result.failed(), "{order:?}: {:?}", failure(&result));
                }
            }
            Merge => {
                main.branch_merge("b").unwrap_or_else(|bad| panic!("{order:?}: {bad}"));
            }
            DeleteBranch => main.branch_delete("b").map(|_| ()).unwrap(),
            DeleteOnBranch => b.object_delete("TestTarget", "one").map(|_| ()).unwrap(),
            DeleteOnMain => {
                if main.object("TestTarget", "one").is_ok() {
                    main.object_delete("TestTarget", "one").unwrap();
                }
            }
        }
        sound(&main);
    }
    let before = state(&main);
    // A run more changes nothing.
    if main.object("TestTarget", "one").is_ok() && order.contains(&RunOnMain) {
        run(&main, "probe", "one");
        assert_eq!(state(&main), before, "{order:?}");
    }
    before
}

fn all_end_alike(events: &[Event], reference: &str) {
    let mut count = 0;
    for order in orders(events).into_iter().filter(|order| makes_sense(order)) {
        assert_eq!(happen(&order), reference, "{order:?}");
        count += 1;
    }
    assert!(count > 1, "{events:?}");
}

#[test]
fn running_merging_and_ending_a_branch_end_in_what_a_run_on_main_makes() {
    let reference = happen(&[RunOnMain]);
    assert!(reference.ends_with("| 2 taken"), "{reference}");
    all_end_alike(&[RunOnBranch, Merge, RunOnMain, DeleteBranch], &reference);
    all_end_alike(&[RunOnBranch, RunOnMain, DeleteBranch], &reference);
    // Merged and never run on main: it is there all the same.
    assert_eq!(happen(&[RunOnBranch, Merge]), reference);
    assert_eq!(happen(&[RunOnBranch, Merge, DeleteBranch]), reference);
}

#[test]
fn a_target_that_goes_takes_everything_along_whichever_side_it_goes_on() {
    let reference = happen(&[RunOnMain, DeleteOnMain]);
    assert_eq!(reference, " | 0 taken");
    all_end_alike(&[RunOnBranch, Merge, DeleteBranch, DeleteOnMain], &reference);
    all_end_alike(&[RunOnBranch, Merge, RunOnMain, DeleteBranch, DeleteOnMain], &reference);
    all_end_alike(&[RunOnBranch, DeleteOnBranch, Merge, RunOnMain, DeleteBranch], &reference);
    all_end_alike(&[RunOnBranch, DeleteOnBranch, Merge, DeleteOnMain, DeleteBranch], &reference);
}

#[test]
fn what_the_branch_made_last_is_what_main_goes_on_from() {
    let main = ready();
    tell(&main, "one", &steps());
    run(&main, "probe", "one");
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    // On the branch the second goes and a third comes; its number is a new one.
    let steps = steps();
    let third = json!({
        "do": "draw", "kind": "TestThing", "name": "c", "field": "vlan", "pool": "vlans",
    });
    tell(&b, "one", &json!([steps[0], third]));
    run(&b, "probe", "one");
    let number = value(&b, "c", "vlan");
    main.branch_merge("b").unwrap();
    main.branch_delete("b").unwrap();
    assert_eq!(labels(&main, "TestThing"), ["a", "c"]);
    let before = state(&main);
    assert!(before.ends_with("| 2 taken"), "what the branch let go of is free: {before}");
    run(&main, "probe", "one");
    assert_eq!(state(&main), before);
    assert_eq!(value(&main, "c", "vlan"), number);
    sound(&main);
}

#[test]
fn a_definition_that_goes_takes_along_what_came_with_a_merge() {
    let main = ready();
    tell(&main, "one", &steps());
    main.branch_create("b", "").unwrap();
    run(&main.on(Some("b"), None).unwrap(), "probe", "one");
    main.branch_merge("b").unwrap();
    main.branch_delete("b").unwrap();
    load(&main, "TestThing", &json!([{"name": "by hand"}]));
    main.object_delete("CoreGeneratorDefinition", "probe").unwrap();
    assert_eq!(labels(&main, "TestThing"), ["by hand"]);
    assert!(!dump(&main).lines().any(|row| row.starts_with("claims ")));
    sound(&main);
}
