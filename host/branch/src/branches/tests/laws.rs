//! What holds of merges, whatever the branches are.

use proptest::prelude::*;

use super::reading::Whole;
use super::step::{Step, changes};
use super::{Ended, World, author};
use crate::branches::{Against, BranchStatus, DiffScope};
use crate::walks::walks;
use model::BranchId;

/// Two branches and main, with changes on all three.
fn world(steps: &[Step]) -> World {
    let mut world = World::new();
    for step in steps {
        world.step(step);
    }
    world
}

fn some(most: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(changes(0..3), 0..most)
}

impl World {
    fn whole(&self, line: &str) -> Whole {
        Whole::of(&self.db().view(self.id(line)).unwrap())
    }

    fn merge(&mut self, name: &str) -> Ended {
        let ended = self.attempt(|database| database.branch_merge(name, author()));
        assert!(self.db().check().unwrap().is_empty());
        ended
    }

    /// The whole store, byte by byte.
    fn dump(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.db().store().dump(&mut out).unwrap();
        out
    }
}

proptest! {
    #![proptest_config(walks(6))]

    #[test]
    fn merging_an_untouched_branch_changes_nothing(before in some(20), after in some(20)) {
        let mut world = world(&before);
        let info = world.db().branch_create("untouched", "", author()).unwrap();
        for step in &after {
            world.step(step);
        }
        let main = world.whole("main");
        prop_assert_eq!(world.merge("untouched"), Ended::Done);
        prop_assert_eq!(world.whole("main"), main);
        // Nor does rebasing one, but for what it reads: that is main.
        world.db().branch_create("another", "", author()).unwrap();
        world.db().branch_rebase("another", author()).unwrap();
        let another = world.db().branch("another").unwrap();
        prop_assert!(another != info.id);
        let whole = Whole::of(&world.db().view(another).unwrap());
        prop_assert_eq!(whole.copy, world.whole("main").copy);
    }

    #[test]
    fn of_what_was_merged_nothing_differs_from_main(steps in some(40), keep in any::<bool>()) {
        let mut world = world(&steps);
        world.decide("b1", keep);
        if world.merge("b1") == Ended::Done {
            let scope = DiffScope { against: Against::Main, ..DiffScope::default() };
            let diff = world.db().branch_diff("b1", scope).unwrap();
            prop_assert!(diff.objects.is_empty(), "{:#?}", diff.objects);
        }
        // Of what was rebased, the same differs from main as from the fork.
        world.decide("b2", keep);
        if world.db().branch_rebase("b2", author()).is_ok() {
            let sides = [Against::Main, Against::Fork];
            let [main, fork] = sides.map(|against| {
                let scope = DiffScope { against, ..DiffScope::default() };
                world.db().branch_diff("b2", scope).unwrap()
            });
            let ids = |diff: &crate::branches::BranchDiff| -> Vec<_> {
                diff.objects.iter().map(|object| object.id).collect()
            };
            prop_assert_eq!(ids(&main), ids(&fork));
        }
    }

    #[test]
    fn merges_without_a_conflict_commute(steps in some(30)) {
        let mut mains = Vec::new();
        for order in [["b1", "b2"], ["b2", "b1"]] {
            let mut world = world(&steps);
            let ended = order.map(|name| world.merge(name));
            mains.push((ended, world.whole("main")));
        }
        let [(first, one), (second, other)] = mains.as_slice() else { unreachable!() };
        let fits = |ended: &[Ended; 2]| ended.iter().all(|one| *one == Ended::Done);
        prop_assert_eq!(fits(first), fits(second), "{:?} {:?}", first, second);
        if fits(first) {
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn a_refused_merge_leaves_no_trace(steps in some(40)) {
        let mut world = world(&steps);
        for name in ["b1", "b2"] {
            let before = world.dump();
            if let Ended::Refused(code) = world.merge(name) {
                prop_assert!(world.dump() == before, "{}", code);
            }
            // A rebase that is refused has pinned a moment of main, and nothing else.
            let was = world.everything();
            if !world.is_frozen(name) && world.db().branch_rebase(name, author()).is_err() {
                prop_assert_eq!(world.everything(), was);
            }
        }
    }

    #[test]
    fn a_killed_merge_is_whole_or_absent(
        steps in some(30), keep in any::<bool>(), operations in 0usize..40, kept in any::<u64>(),
    ) {
        let mut whole = world(&steps);
        whole.decide("b1", keep);
        if whole.merge("b1") == Ended::Done {
            let mut killed = world(&steps);
            killed.decide("b1", keep);
            let before = killed.everything();
            killed.crash = Some((operations, kept));
            killed.merge("b1");
            let info = killed.db().branch_info("b1").unwrap();
            if info.status == BranchStatus::Merged {
                prop_assert_eq!(killed.whole("main"), whole.whole("main"));
            } else {
                prop_assert_eq!(killed.everything(), before);
                prop_assert_eq!(killed.merge("b1"), Ended::Done);
                prop_assert_eq!(killed.whole("main"), whole.whole("main"));
            }
            prop_assert_eq!(killed.id("main"), BranchId::MAIN);
        }
    }
}
