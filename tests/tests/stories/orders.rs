//! Generators on branches: whatever the order of running on the branch, merging, running on main,
//! deleting the branch and deleting the target on either side, main ends with the same objects under
//! the same ids, and the same numbers are taken.

use std::collections::BTreeMap;

use engine::Mode;
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
    Rebase,
}

use Event::{DeleteBranch, DeleteOnBranch, DeleteOnMain, Merge, Rebase, RunOnBranch, RunOnMain};

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
            Rebase => main.branch_rebase("b").map(|_| ()).unwrap(),
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

/// What every universe of [`every_order_of_seven_events_ends_as_the_rule_says`] has for itself: a target, a
/// branch, a pool, and names. All live in one store, so that they are cheap, and see each other's commits.
struct Universe<'a> {
    main: &'a Service,
    number: usize,
}

/// What there is to be, going by the events that were accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    /// The branch is there, and takes changes.
    open: bool,
    merged: bool,
    /// Where the target is.
    target: [bool; 2],
    /// Where what it makes is: on main, on the branch.
    made: [bool; 2],
}

const MAIN: usize = 0;
const BRANCH: usize = 1;

impl Rule {
    fn allows(&self, event: Event) -> bool {
        match event {
            RunOnMain | DeleteOnMain => self.target[MAIN],
            RunOnBranch | DeleteOnBranch => self.open && self.target[BRANCH],
            Merge | Rebase => self.open,
            DeleteBranch => self.open || self.merged,
        }
    }

    fn after(mut self, event: Event) -> Self {
        match event {
            RunOnMain => self.made[MAIN] = true,
            RunOnBranch => self.made[BRANCH] = true,
            DeleteOnMain => (self.target[MAIN], self.made[MAIN]) = (false, false),
            DeleteOnBranch => (self.target[BRANCH], self.made[BRANCH]) = (false, false),
            // What one side lost, both have lost; and without its target nothing is kept.
            Merge | Rebase => {
                let target = self.target[MAIN] && self.target[BRANCH];
                let made = target && (self.made[MAIN] || self.made[BRANCH]);
                if event == Merge {
                    (self.target[MAIN], self.made[MAIN]) = (target, made);
                    (self.open, self.merged) = (false, true);
                } else {
                    (self.target[BRANCH], self.made[BRANCH]) = (target, made);
                }
            }
            DeleteBranch => (self.open, self.merged) = (false, false),
        }
        self
    }
}

impl Universe<'_> {
    fn name(&self, what: &str) -> String {
        format!("{what}{}", self.number)
    }

    fn first(&self) -> usize {
        1_000 + 3 * self.number
    }

    fn begin(&self) {
        let (target, pool) = (self.name("target-"), self.name("pool-"));
        load(
            self.main,
            "CoreNumberPool",
            &json!([{
                "name": pool, "node": "TestThing", "node_attribute": "vlan",
                "start_range": self.first(), "end_range": self.first() + 2,
            }]),
        );
        let draw = |name: &str| {
            let name = self.name(name);
            json!({"do": "draw", "kind": "TestThing", "name": name, "field": "vlan", "pool": pool})
        };
        let steps = json!([draw("a-"), draw("b-")]);
        let row = json!([{"name": target, "member_of_groups": ["targets"], "steps": steps}]);
        load(self.main, "TestTarget", &row);
        self.main.branch_create(&self.name("branch-"), "").unwrap();
    }

    /// Whether it was done; what is refused says why.
    fn happen(&self, event: Event) -> Result<(), String> {
        let (target, branch) = (self.name("target-"), self.name("branch-"));
        let told = |bad: service::ServiceError| bad.code().to_owned();
        let on_branch = || self.main.on(Some(&branch), None).map_err(told);
        let run = |service: &Service| {
            let result = service.run("probe", &target, Mode::Apply, "test").map_err(told)?;
            if result.failed() { Err(failure(&result).0) } else { Ok(()) }
        };
        match event {
            RunOnMain => run(self.main),
            RunOnBranch => run(&on_branch()?),
            Merge => self.main.branch_merge(&branch).map(|_| ()).map_err(told),
            Rebase => self.main.branch_rebase(&branch).map(|_| ()).map_err(told),
            DeleteBranch => self.main.branch_delete(&branch).map(|_| ()).map_err(told),
            DeleteOnMain => {
                self.main.object_delete("TestTarget", &target).map(|_| ()).map_err(told)
            }
            DeleteOnBranch => {
                on_branch()?.object_delete("TestTarget", &target).map(|_| ()).map_err(told)
            }
        }
    }

    /// What it made on a line, with its numbers.
    fn made(&self, service: &Service) -> Vec<(String, i64)> {
        let things = ["a-", "b-"].map(|name| self.name(name));
        let found = things.into_iter().filter_map(|name| {
            let thing = service.object("TestThing", &name).ok()?;
            Some((thing.id.to_string(), thing.attributes["vlan"].as_i64().unwrap()))
        });
        found.collect()
    }

    fn compare(&self, rule: &Rule, ids: &mut Vec<(String, i64)>, told: &str) {
        let branch = self.name("branch-");
        let lines = [Some(self.main.clone()), self.main.on(Some(&branch), None).ok()];
        for (side, service) in lines.iter().enumerate() {
            let Some(service) = service else { continue };
            if side == BRANCH && !rule.open {
                continue;
            }
            let made = self.made(service);
            assert_eq!(
                made.len(),
                if rule.made[side] { 2 } else { 0 },
                "{told} on {side}: {made:?}"
            );
            let target = service.object("TestTarget", &self.name("target-")).is_ok();
            assert_eq!(target, rule.target[side], "{told} on {side}");
            // One id and one number for each, on whatever line and whoever made it first.
            if ids.is_empty() {
                ids.clone_from(&made);
            }
            assert!(made.is_empty() || made == *ids, "{told}: {made:?}, before {ids:?}");
        }
        let drawing = service::Drawing::default();
        let held = self.main.pool_peek(&self.name("pool-"), &drawing).unwrap()["next"][0].clone();
        let first = self.first();
        if rule.made[MAIN] || (rule.open && rule.made[BRANCH]) {
            if rule.made[MAIN] {
                assert_eq!(held, json!(first + 2), "{told}");
            }
        } else {
            assert_eq!(held, json!(first), "{told}: nothing has what was drawn");
        }
    }
}

#[test]
fn every_order_of_seven_events_ends_as_the_rule_says() {
    each_order(0);
}

#[test]
fn and_so_does_the_other_half_of_the_orders() {
    each_order(1);
}

/// Every second order of the seven events, each in a universe of its own.
fn each_order(half: usize) {
    let events =
        [RunOnBranch, Merge, RunOnMain, DeleteBranch, DeleteOnBranch, DeleteOnMain, Rebase];
    let begin = Rule { open: true, merged: false, target: [true; 2], made: [false; 2] };
    // Orders that come to the same once what is refused is left out are one: a refusal changes nothing.
    let mut kept: BTreeMap<Vec<usize>, Vec<Event>> = BTreeMap::new();
    for order in orders(&events) {
        let mut rule = begin;
        let mut accepted = Vec::new();
        for event in &order {
            if rule.allows(*event) {
                rule = rule.after(*event);
                accepted.push(*event as usize);
            }
        }
        kept.entry(accepted).or_insert(order);
    }
    let main = ready();
    let mut accepted = 0;
    for (number, order) in kept.values().enumerate() {
        if number % 2 != half {
            continue;
        }
        let universe = Universe { main: &main, number };
        universe.begin();
        let mut rule = begin;
        let mut ids = Vec::new();
        for (place, event) in order.iter().enumerate() {
            let told = format!("{:?} of {order:?}", &order[..=place]);
            match (rule.allows(*event), universe.happen(*event)) {
                (true, Ok(())) => {
                    rule = rule.after(*event);
                    accepted += 1;
                }
                (false, Err(code)) => {
                    let known =
                        ["BRANCH_NOT_FOUND", "BRANCH_ALREADY_MERGED", "not-found", "not-a-target"];
                    assert!(known.contains(&code.as_str()), "{told}: {code}");
                }
                (allowed, done) => panic!("{told}: allowed {allowed}, {done:?}"),
            }
            universe.compare(&rule, &mut ids, &told);
        }
        if rule.target[MAIN] && rule.made[MAIN] {
            let before = main.last_commit();
            let result = run(&main, "probe", &universe.name("target-"));
            assert!(!result.failed() && result.changes.changes.is_empty(), "{order:?}");
            // Where it is the first run on main, its instance is new.
            let _first = main.last_commit() > before;
        }
    }
    assert!(kept.len() > 250 && accepted > 600, "{} orders, {accepted} events", kept.len());
    sound(&main);
    // Nobody holds anything for what is not there.
    let lines = dump(&main);
    let things = labels(&main, "TestThing").len();
    let taken = lines.lines().filter(|row| row.starts_with("pool-values ")).count();
    assert!(taken >= things, "{taken} numbers of {things} things");
}
