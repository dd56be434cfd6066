//! Objects that become ones of another kind, on whatever branch, against a reference that knows only who
//! carries which number: none is ever free while somebody carries it, none is lost, and on main each is
//! reserved for the object that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use model::{BranchId, ObjectId};
use proptest::prelude::*;

use super::number::{at, number_at};
use super::tests::{World, draws, number_of};
use crate::commit::Author;
use crate::database::{Database, Environment};
use crate::draft::{AttrInput, Input};

const SCHEMA: &str = r#"
version: "1.0"
generics:
  - {name: Tag, namespace: Test, attributes: [{name: number, kind: Number, optional: true}]}
nodes:
  - {name: Inner, namespace: Test, inherit_from: [TestTag]}
  - {name: Outer, namespace: Test, inherit_from: [TestTag]}
  - {name: Plain, namespace: Test, attributes: [{name: number, kind: Number, optional: true}]}
"#;

const FIRST: i64 = 1;
const LAST: i64 = 7;
const AUTHOR: Author = Author(ObjectId::SYSTEM);

/// The first number says on which of the branches that there are.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// An object draws.
    Draw(usize),
    /// The n-th object that the branch sees becomes one of the other kind that the pool serves.
    Convert(usize, usize),
    /// The n-th becomes one of a kind that it does not serve.
    Leave(usize, usize),
    /// The n-th goes.
    Delete(usize, usize),
    Fork,
    Drop(usize),
    Merge(usize),
    Rebase(usize),
    /// Everything that is kept in memory is lost.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let (on, nth) = (0..4usize, 0..8usize);
    prop_oneof![
        5 => on.clone().prop_map(Step::Draw),
        6 => (on.clone(), nth.clone()).prop_map(|(on, nth)| Step::Convert(on, nth)),
        1 => (on.clone(), nth.clone()).prop_map(|(on, nth)| Step::Leave(on, nth)),
        3 => (on, nth).prop_map(|(on, nth)| Step::Delete(on, nth)),
        2 => Just(Step::Fork),
        1 => (1..4usize).prop_map(Step::Drop),
        3 => (1..4usize).prop_map(Step::Merge),
        2 => (1..4usize).prop_map(Step::Rebase),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inner,
    Outer,
    Plain,
}

impl Kind {
    fn name(self) -> String {
        format!("Test{self:?}")
    }
}

type Has = (Kind, i64);

/// What one branch has: main as of the fork, and what it made and took away itself.
#[derive(Debug, Default, Clone)]
struct Side {
    name: String,
    fork: BTreeMap<ObjectId, Has>,
    own: BTreeMap<ObjectId, Option<Has>>,
}

struct Both {
    world: World,
    pool: ObjectId,
    sides: BTreeMap<BranchId, Side>,
    made: usize,
}

impl Both {
    fn new() -> Self {
        let world = World::new();
        world.change(|draft| {
            let documents = model::schema::Document::parse("test", SCHEMA).unwrap();
            draft.load_schema(&documents).unwrap();
            Ok(())
        });
        let pool = world.change(|draft| {
            let input = Input::default()
                .attr("name", AttrInput::value("pool"))
                .attr("node", AttrInput::value("TestTag"))
                .attr("node_attribute", AttrInput::value("number"))
                .attr("start_range", AttrInput::value(model::Value::Int(FIRST)))
                .attr("end_range", AttrInput::value(model::Value::Int(LAST)));
            draft.create("CoreNumberPool", None, input)
        });
        let main = Side { name: "main".to_owned(), ..Side::default() };
        Self { world, pool, sides: BTreeMap::from([(BranchId::MAIN, main)]), made: 0 }
    }

    fn branch(&self, nth: usize) -> BranchId {
        let sides: Vec<&BranchId> = self.sides.keys().collect();
        *sides[nth % sides.len()]
    }

    fn seen(&self, branch: BranchId) -> BTreeMap<ObjectId, Has> {
        let side = &self.sides[&branch];
        super::tests::seen(&side.fork, &side.own)
    }

    /// Numbers that nobody carries anywhere, nor the branch at its fork.
    fn free(&self, branch: BranchId) -> BTreeSet<i64> {
        let own = self.sides.values().flat_map(|side| side.own.values().flatten().copied());
        let taken: BTreeSet<i64> = own
            .chain(self.seen(branch).into_values())
            .filter(|(kind, _)| *kind != Kind::Plain)
            .map(|(_, number)| number)
            .collect();
        (FIRST..=LAST).filter(|number| !taken.contains(number)).collect()
    }

    fn write(&mut self, branch: BranchId, id: ObjectId, own: Option<Has>) {
        let Some(side) = self.sides.get_mut(&branch) else { return };
        match own {
            None if branch == BranchId::MAIN => side.own.remove(&id),
            own => side.own.insert(id, own),
        };
    }

    fn play(&mut self, step: Step) {
        self.world.outside.now.fetch_add(1, Ordering::Relaxed);
        let object = |both: &Self, branch, nth: usize| {
            let seen: Vec<_> = both.seen(branch).into_iter().collect();
            seen.get(nth % seen.len().max(1)).copied()
        };
        match step {
            Step::Draw(on) => {
                let (branch, pool) = (self.branch(on), self.pool);
                let make =
                    |draft: &mut crate::Draft| draft.create("TestInner", None, draws(pool, None));
                let made = self.world.attempt_on(branch, make);
                match self.free(branch).first().copied() {
                    Some(number) => self.write(branch, made.unwrap(), Some((Kind::Inner, number))),
                    None => assert!(made.is_err()),
                }
            }
            Step::Convert(on, nth) | Step::Leave(on, nth) => {
                let branch = self.branch(on);
                let Some((id, (kind, number))) = object(self, branch, nth) else { return };
                let target = match (step, kind) {
                    (_, Kind::Plain) => return,
                    (Step::Leave(..), _) => Kind::Plain,
                    (_, Kind::Inner) => Kind::Outer,
                    (_, Kind::Outer) => Kind::Inner,
                };
                let made = self.world.attempt_on(branch, |draft| {
                    draft.convert(id, &target.name(), &BTreeMap::new())
                });
                self.write(branch, id, None);
                self.write(branch, made.unwrap().id, Some((target, number)));
            }
            Step::Delete(on, nth) => {
                let branch = self.branch(on);
                let Some((id, _)) = object(self, branch, nth) else { return };
                self.world.attempt_on(branch, |draft| draft.delete(&[id])).unwrap();
                self.write(branch, id, None);
            }
            Step::Fork => {
                if self.sides.len() > 3 {
                    return;
                }
                self.made += 1;
                let name = format!("b{}", self.made);
                let info = self.world.database.branch_create(&name, "", AUTHOR).unwrap();
                let (fork, own) = (self.seen(BranchId::MAIN), BTreeMap::new());
                self.sides.insert(info.id, Side { name, fork, own });
            }
            Step::Drop(on) => self.end(self.branch(on)),
            Step::Merge(on) => self.merge(self.branch(on)),
            Step::Rebase(on) => {
                let branch = self.branch(on);
                if self.is_apart(branch) {
                    let fork = self.seen(BranchId::MAIN);
                    let Some(side) = self.sides.get_mut(&branch) else { return };
                    side.fork = fork;
                    self.world.database.branch_rebase(&side.name, AUTHOR).unwrap();
                }
            }
            Step::Reopen => {
                let outside = &self.world.outside;
                let environment = Environment { clock: outside.clone(), ids: outside.clone() };
                let store = self.world.database.store().clone();
                self.world.database = Database::open(store, environment).unwrap();
            }
        }
    }

    /// A branch other than main of which main changed nothing that it changed too.
    fn is_apart(&self, branch: BranchId) -> bool {
        let (side, main) = (&self.sides[&branch], self.seen(BranchId::MAIN));
        branch != BranchId::MAIN && side.own.keys().all(|id| side.fork.get(id) == main.get(id))
    }

    fn end(&mut self, branch: BranchId) {
        if branch != BranchId::MAIN
            && let Some(side) = self.sides.remove(&branch)
        {
            self.world.database.branch_delete(&side.name, AUTHOR).unwrap();
        }
    }

    fn merge(&mut self, branch: BranchId) {
        if !self.is_apart(branch) {
            return;
        }
        let side = self.sides[&branch].clone();
        self.world.database.branch_merge(&side.name, AUTHOR).unwrap();
        for (id, own) in side.own {
            self.write(BranchId::MAIN, id, own);
        }
        self.end(branch);
    }

    fn compare(&self, step: Step) {
        for branch in self.sides.keys().copied() {
            let gaps = self.world.free_on(branch, self.pool).into_iter().flatten();
            let free: BTreeSet<i64> =
                gaps.flat_map(|(low, high)| low..=high).map(number_at).collect();
            assert_eq!(free, self.free(branch), "{branch:?} after {step:?}");
            let draft = self.world.draft_on(branch);
            let mut given = BTreeSet::new();
            for (id, (kind, number)) in self.seen(branch) {
                assert_eq!(number_of(&draft, id), Some(number), "{branch:?} after {step:?}");
                assert_eq!(draft.view.kind_of(id).unwrap().unwrap().name, kind.name());
                if kind == Kind::Plain {
                    continue;
                }
                assert!(given.insert(number), "{number} twice on {branch:?} after {step:?}");
                if branch == BranchId::MAIN {
                    let (name, kept) = draft.view.named_at(self.pool, at(number)).unwrap().unwrap();
                    assert_eq!(name, format!("{id}.number"), "after {step:?}");
                    assert_eq!((kept.branch, kept.gone), (BranchId::MAIN, None), "after {step:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::walks::walks(48))]

    #[test]
    fn whatever_becomes_another_kind_its_number_is_its_own_and_nobody_elses(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut both = Both::new();
        for step in steps {
            both.play(step);
            both.compare(step);
        }
        prop_assert_eq!(both.world.database.check().unwrap(), Vec::<String>::new());
    }
}
