//! The public cases on a branch: run there, merged, and run again on main without any change.

use service::Service;

use crate::support::{changes, run, sound};

/// Runs a definition for a target on a branch, merges it, and runs it on main.
fn on_a_branch(main: &Service, definition: &str, targets: &[&str]) {
    main.branch_create("b", "").unwrap_or_else(|bad| panic!("{bad}"));
    let b = main.on(Some("b"), None).unwrap();
    let mut made = Vec::new();
    for target in targets {
        made.extend(changes(&run(&b, definition, target)));
    }
    assert!(!made.is_empty(), "the case makes something");
    main.branch_rebase("b").unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    for target in targets {
        assert_eq!(changes(&run(&b, definition, target)), Vec::<String>::new(), "{target}");
    }
    main.branch_merge("b").unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    sound(main);
    for target in targets {
        assert_eq!(changes(&run(main, definition, target)), Vec::<String>::new(), "{target}");
    }
    main.branch_delete("b").unwrap();
    for target in targets {
        assert_eq!(changes(&run(main, definition, target)), Vec::<String>::new(), "{target}");
    }
    sound(main);
}

/// Proposes a branch on which the targets were touched: opening the change runs them there, merging it
/// runs them on main, and neither then nor later does main change.
fn by_a_change(main: &Service, definition: &str, targets: &[&str]) {
    main.branch_create("p", "").unwrap_or_else(|bad| panic!("{bad}"));
    let change = crate::changes::open(main, "p");
    let ran = crate::changes::ran(&change);
    assert_eq!(ran.len(), targets.len(), "{ran:?}");
    for target in targets {
        let p = main.on(Some("p"), None).unwrap();
        assert_eq!(changes(&run(&p, definition, target)), Vec::<String>::new(), "{target}");
    }
    let merged = main.change_merge("change of p");
    let merged = merged.unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    assert_eq!(merged["state"], "merged");
    let after = merged["after"].as_array().unwrap();
    assert_eq!(after.len(), targets.len(), "{after:?}");
    assert!(after.iter().all(|one| one["outcome"] == "Unchanged"), "{after:?}");
    sound(main);
    for target in targets {
        assert_eq!(changes(&run(main, definition, target)), Vec::<String>::new(), "{target}");
    }
    main.branch_delete("p").unwrap();
    for target in targets {
        assert_eq!(changes(&run(main, definition, target)), Vec::<String>::new(), "{target}");
    }
    sound(main);
}

#[test]
fn the_sdwan_case_is_proposed_merged_and_run_again() {
    let Some((main, _case)) = crate::sdwan::ready() else { return };
    by_a_change(&main, "generate_sdwan", &[crate::sdwan::TARGET]);
}

#[test]
fn the_dedicated_internet_case_is_proposed_merged_and_run_again() {
    let Some((main, _case, definition)) = crate::dedicated_internet::ready(1) else { return };
    by_a_change(&main, &definition, &["test-12345", "test-20000", "test-30000"]);
}

#[test]
fn the_sdwan_case_goes_over_a_branch() {
    let Some((main, _case)) = crate::sdwan::ready() else { return };
    on_a_branch(&main, "generate_sdwan", &[crate::sdwan::TARGET]);
}

#[test]
fn the_dedicated_internet_case_goes_over_a_branch() {
    let Some((main, _case, definition)) = crate::dedicated_internet::ready(1) else { return };
    on_a_branch(&main, &definition, &["test-12345", "test-20000", "test-30000"]);
}

#[test]
fn the_examples_go_over_a_branch() {
    for (name, target) in [("web-service", "shop"), ("database-cluster", "orders")] {
        on_a_branch(&crate::examples::example(name), name, &[target]);
    }
}
