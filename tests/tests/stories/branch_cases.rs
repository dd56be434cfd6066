//! The public cases on a branch: run there, merged, and run again on main without any change.

use service::Service;

use crate::compare::everything;
use crate::support::{changes, run, sound};

/// What is run: a definition for a target.
type Runs<'a> = Vec<(&'a str, &'a str)>;

fn all_of<'a>(definition: &'a str, targets: &[&'a str]) -> Runs<'a> {
    targets.iter().map(|target| (definition, *target)).collect()
}

fn nothing_more(service: &Service, runs: &Runs<'_>) {
    for (definition, target) in runs {
        assert_eq!(changes(&run(service, definition, target)), Vec::<String>::new(), "{target}");
    }
}

/// Runs definitions on a branch, merges it, and runs them on main.
fn on_a_branch(main: &Service, runs: &Runs<'_>) {
    main.branch_create("b", "").unwrap_or_else(|bad| panic!("{bad}"));
    let b = main.on(Some("b"), None).unwrap();
    let mut made = Vec::new();
    for (definition, target) in runs {
        made.extend(changes(&run(&b, definition, target)));
    }
    assert!(!made.is_empty(), "the case makes something");
    main.branch_rebase("b").unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    nothing_more(&b, runs);
    let before = everything(&b);
    main.branch_merge("b").unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    sound(main);
    assert_eq!(everything(main), before, "main is what the branch was");
    nothing_more(main, runs);
    main.branch_delete("b").unwrap();
    nothing_more(main, runs);
    assert_eq!(everything(main), before);
    sound(main);
}

/// Proposes a branch on which the targets were touched: opening the change runs them there, merging it
/// runs them on main, and neither then nor later does main change.
fn by_a_change(main: &Service, runs: &Runs<'_>) {
    main.branch_create("p", "").unwrap_or_else(|bad| panic!("{bad}"));
    let change = crate::changes::open(main, "p");
    let ran = crate::changes::ran(&change);
    assert_eq!(ran.len(), runs.len(), "{ran:?}");
    nothing_more(&main.on(Some("p"), None).unwrap(), runs);
    let merged = main.change_merge("change of p");
    let merged = merged.unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    assert_eq!(merged["state"], "merged");
    let after = merged["after"].as_array().unwrap();
    assert_eq!(after.len(), runs.len(), "{after:?}");
    assert!(after.iter().all(|one| one["outcome"] == "Unchanged"), "{after:?}");
    sound(main);
    nothing_more(main, runs);
    main.branch_delete("p").unwrap();
    nothing_more(main, runs);
    sound(main);
}

#[test]
fn the_sdwan_case_is_proposed_merged_and_run_again() {
    let Some((main, _case)) = crate::sdwan::ready() else { return };
    by_a_change(&main, &all_of("generate_sdwan", &[crate::sdwan::TARGET]));
}

#[test]
fn the_dedicated_internet_case_is_proposed_merged_and_run_again() {
    let Some((main, _case, definition)) = crate::dedicated_internet::ready(1) else { return };
    by_a_change(&main, &all_of(&definition, &["test-12345", "test-20000", "test-30000"]));
}

#[test]
fn the_sdwan_case_goes_over_a_branch() {
    let Some((main, _case)) = crate::sdwan::ready() else { return };
    on_a_branch(&main, &all_of("generate_sdwan", &[crate::sdwan::TARGET]));
}

#[test]
fn the_dedicated_internet_case_goes_over_a_branch() {
    let Some((main, _case, definition)) = crate::dedicated_internet::ready(1) else { return };
    on_a_branch(&main, &all_of(&definition, &["test-12345", "test-20000", "test-30000"]));
}

#[test]
fn the_l3vpn_case_is_proposed_merged_and_run_again() {
    let Some((main, _case)) = crate::l3vpn::ready() else { return };
    by_a_change(&main, &all_of(crate::l3vpn::DEFINITION, &crate::l3vpn::TARGETS));
}

#[test]
fn the_l3vpn_case_goes_over_a_branch() {
    let Some((main, _case)) = crate::l3vpn::ready() else { return };
    on_a_branch(&main, &all_of(crate::l3vpn::DEFINITION, &crate::l3vpn::TARGETS));
}

/// A data centre, a point of presence, and a segment on the ports that the first run makes.
const PLACES: [(&str, &str); 3] = [
    ("create_dc", "dc-arista"),
    ("create_pop", "POP-1"),
    ("create_segment", "dc-arista/OpsMill/production/OpsMill"),
];
const FILES: [&str; 3] = ["dc/dc-arista-s.yml", "pop/pop-1.yml", "segments/segment-opsmill.yml"];

#[test]
fn the_data_centre_case_is_proposed_merged_and_run_again() {
    let Some((main, _case)) = crate::demo_dc::ready(&FILES) else { return };
    by_a_change(&main, &PLACES.to_vec());
}

#[test]
fn the_data_centre_case_goes_over_a_branch() {
    let Some((main, _case)) = crate::demo_dc::ready(&FILES) else { return };
    on_a_branch(&main, &PLACES.to_vec());
}

#[test]
fn the_examples_go_over_a_branch() {
    for (name, target) in [("web-service", "shop"), ("database-cluster", "orders")] {
        on_a_branch(&crate::examples::example(name), &all_of(name, &[target]));
    }
}
