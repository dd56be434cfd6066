//! One space over all branches, against a reference that keeps every line of the store by hand:
//! whatever is drawn, set by hand, released or deleted, on whatever branch, the free numbers of each
//! branch are those that nobody has anywhere, nor the branch itself at its fork.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use model::{BranchId, ObjectId, Value};
use proptest::prelude::*;

use super::tests::{World, code, draws, number_of};
use crate::commit::Author;
use crate::database::{Database, Environment};
use crate::draft::{AttrInput, IdentifiedBy, Input, PoolRequest, Want};

const FIRST: i64 = 1;
const LAST: i64 = 9;
/// Microseconds.
const SECOND: i64 = 1_000_000;

/// A step; the first number says on which of the branches that there are.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// An object that draws.
    Draw(usize),
    /// An object that draws this number and no other.
    Ask(usize, i64),
    /// An object with a number set by hand.
    Hand(usize, i64),
    /// The n-th object that the branch sees goes.
    Delete(usize, usize),
    /// The n-th object's number is set by hand, or taken away.
    Set(usize, usize, Option<i64>),
    /// An identifier draws.
    Reserve(usize, u8),
    /// An identifier gives back by hand.
    Release(usize, u8),
    /// A branch is made.
    Fork,
    /// A branch goes.
    Drop(usize),
    /// A branch without conflicts is merged, and goes.
    Merge(usize),
    /// A branch without conflicts reads main as it is now.
    Rebase(usize),
    /// The pool ends there.
    Resize(usize, i64),
    /// Time passes, in seconds.
    Wait(i64),
    /// Everything that is kept in memory is lost.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let on = 0..4usize;
    let nth = 0..12usize;
    prop_oneof![
        5 => on.clone().prop_map(Step::Draw),
        1 => (on.clone(), FIRST..=LAST).prop_map(|(on, number)| Step::Ask(on, number)),
        2 => (on.clone(), FIRST..=LAST).prop_map(|(on, number)| Step::Hand(on, number)),
        3 => (on.clone(), nth.clone()).prop_map(|(on, nth)| Step::Delete(on, nth)),
        2 => (on.clone(), nth, proptest::option::of(FIRST..=LAST))
            .prop_map(|(on, nth, number)| Step::Set(on, nth, number)),
        2 => (on.clone(), 0..3u8).prop_map(|(on, id)| Step::Reserve(on, id)),
        2 => (on.clone(), 0..3u8).prop_map(|(on, id)| Step::Release(on, id)),
        2 => Just(Step::Fork),
        1 => (1..4usize).prop_map(Step::Drop),
        2 => (1..4usize).prop_map(Step::Merge),
        1 => (1..4usize).prop_map(Step::Rebase),
        1 => (on, LAST - 3..=LAST).prop_map(|(on, last)| Step::Resize(on, last)),
        1 => (1..20i64).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ]
}

/// An object's number, and whether the pool gave it.
type Numbered = (Option<i64>, bool);

/// What one branch has.
#[derive(Debug, Default)]
struct Side {
    name: String,
    /// Main as of the fork.
    fork: BTreeMap<ObjectId, Numbered>,
    /// What it has itself; nothing for what it deleted.
    own: BTreeMap<ObjectId, Option<Numbered>>,
    forked_at: i64,
}

#[derive(Debug, Clone)]
struct Reserved {
    number: i64,
    owner: BranchId,
    also: BTreeSet<BranchId>,
    at: i64,
    /// It was given back, and rests until then.
    until: Option<i64>,
}

#[derive(Debug, Default)]
struct Naive {
    sides: BTreeMap<BranchId, Side>,
    /// By identifier.
    reserved: BTreeMap<String, Reserved>,
    rest: i64,
    last: i64,
}

impl Naive {
    /// What a branch sees.
    fn seen(&self, branch: BranchId) -> BTreeMap<ObjectId, Numbered> {
        let side = &self.sides[&branch];
        let mut seen = side.fork.clone();
        for (id, own) in &side.own {
            match own {
                Some(own) => seen.insert(*id, *own),
                None => seen.remove(id),
            };
        }
        seen
    }

    /// Numbers that objects anywhere carry, or the branch itself sees.
    fn carried(&self, branch: BranchId, but: Option<ObjectId>) -> BTreeSet<i64> {
        let own = self.sides.values().flat_map(|side| &side.own);
        let own = own.filter_map(|(id, own)| Some((*id, (*own)?.0?)));
        let seen =
            self.seen(branch).into_iter().filter_map(|(id, (number, _))| Some((id, number?)));
        own.chain(seen).filter(|(id, _)| Some(*id) != but).map(|(_, number)| number).collect()
    }

    fn taken(&self, branch: BranchId, but: Option<&str>, now: i64) -> BTreeSet<i64> {
        let live = self.reserved.iter().filter(|(name, one)| {
            Some(name.as_str()) != but && one.until.is_none_or(|until| now < until)
        });
        let mut taken = self.carried(branch, None);
        taken.extend(live.map(|(_, one)| one.number));
        taken
    }

    fn free(&self, branch: BranchId, now: i64) -> BTreeSet<i64> {
        let taken = self.taken(branch, None, now);
        (FIRST..=self.last).filter(|number| !taken.contains(number)).collect()
    }

    /// The pool gave a number: whoever had it and gave it back is forgotten.
    fn give(&mut self, name: String, number: i64, owner: BranchId, at: i64) {
        self.reserved.retain(|_, one| one.number != number || one.until.is_none());
        let one = Reserved { number, owner, also: BTreeSet::new(), at, until: None };
        self.reserved.insert(name, one);
    }

    /// A branch lets go of what an identifier has.
    fn let_go(&mut self, name: &str, branch: BranchId, until: Option<i64>) {
        let Some(one) = self.reserved.get_mut(name) else { return };
        if one.until.is_some() {
            return;
        }
        if one.owner != branch {
            one.also.remove(&branch);
        } else if let Some(next) = one.also.pop_first() {
            one.owner = next;
        } else if until.is_some() {
            one.until = until;
        } else {
            self.reserved.remove(name);
        }
    }

    fn without(&mut self, branch: BranchId) {
        self.sides.remove(&branch);
        let names: Vec<String> = self.reserved.keys().cloned().collect();
        for name in names {
            let one = &self.reserved[&name];
            if one.until.is_some() && one.owner == branch {
                self.reserved.remove(&name);
            } else {
                self.let_go(&name, branch, None);
            }
        }
    }
}

/// Both worlds.
struct Both {
    world: World,
    pool: ObjectId,
    naive: Naive,
    made: usize,
}

impl Both {
    fn new(rest: i64) -> Self {
        let world = World::new();
        let more = [("quarantine", Value::Int(rest))];
        let pool = world.number_pool(FIRST, LAST, if rest > 0 { &more } else { &[] });
        let mut naive = Naive { rest, last: LAST, ..Naive::default() };
        naive.sides.insert(BranchId::MAIN, Side { name: "main".to_owned(), ..Side::default() });
        Self { world, pool, naive, made: 0 }
    }

    fn now(&self) -> i64 {
        self.world.outside.now.load(Ordering::Relaxed)
    }

    fn branch(&self, nth: usize) -> BranchId {
        let sides: Vec<&BranchId> = self.naive.sides.keys().collect();
        *sides[nth % sides.len()]
    }

    fn object(&self, branch: BranchId, nth: usize) -> Option<(ObjectId, Numbered)> {
        let seen: Vec<_> = self.naive.seen(branch).into_iter().collect();
        seen.get(nth % seen.len().max(1)).copied()
    }

    /// What an object has of the pool goes back, on this branch.
    fn give_back(&mut self, branch: BranchId, id: ObjectId, had: Numbered) {
        if let (Some(number), true) = had {
            let rest = (self.naive.rest > 0).then(|| self.now() + self.naive.rest * SECOND);
            let found = self.naive.reserved.iter().find(|(_, one)| one.number == number);
            if let Some((name, _)) = found.filter(|(name, _)| **name == format!("{id}.number")) {
                let name = name.clone();
                self.naive.let_go(&name, branch, rest);
            }
        }
    }

    fn write(&mut self, branch: BranchId, id: ObjectId, own: Option<Numbered>) {
        let Some(side) = self.naive.sides.get_mut(&branch) else { return };
        side.own.insert(id, own);
        if branch == BranchId::MAIN && own.is_none() {
            side.own.remove(&id);
        }
    }

    fn play(&mut self, step: Step) {
        self.world.outside.now.fetch_add(1, Ordering::Relaxed);
        let now = self.now();
        match step {
            Step::Draw(on) => self.draw(self.branch(on), None),
            Step::Ask(on, number) => self.draw(self.branch(on), Some(number)),
            Step::Hand(on, number) => {
                let branch = self.branch(on);
                let input = Input::default().attr("number", AttrInput::value(Value::Int(number)));
                let made =
                    self.world.attempt_on(branch, |draft| draft.create("TestVlan", None, input));
                self.write(branch, made.unwrap(), Some((Some(number), false)));
            }
            Step::Delete(on, nth) => {
                let branch = self.branch(on);
                let Some((id, had)) = self.object(branch, nth) else { return };
                self.world.attempt_on(branch, |draft| draft.delete(&[id])).unwrap();
                self.give_back(branch, id, had);
                self.write(branch, id, None);
            }
            Step::Set(on, nth, number) => {
                let branch = self.branch(on);
                let Some((id, had)) = self.object(branch, nth) else { return };
                if had.0 == number {
                    return;
                }
                let value = number.map_or(Value::Null, Value::Int);
                let input = Input::default().attr("number", AttrInput::value(value));
                self.world.attempt_on(branch, |draft| draft.update(id, input)).unwrap();
                self.give_back(branch, id, had);
                self.write(branch, id, Some((number, false)));
            }
            Step::Reserve(on, id) => self.reserve(self.branch(on), format!("id-{id}")),
            Step::Release(on, id) => self.release(self.branch(on), &format!("id-{id}")),
            Step::Fork if self.naive.sides.len() < 4 => {
                self.made += 1;
                let name = format!("b{}", self.made);
                let author = Author(ObjectId::SYSTEM);
                let info = self.world.database.branch_create(&name, "", author).unwrap();
                let fork = self.naive.seen(BranchId::MAIN);
                let side = Side { name, fork, forked_at: now, ..Side::default() };
                self.naive.sides.insert(info.id, side);
            }
            Step::Drop(on) => {
                let branch = self.branch(on);
                if branch != BranchId::MAIN {
                    let name = self.naive.sides[&branch].name.clone();
                    self.world.database.branch_delete(&name, Author(ObjectId::SYSTEM)).unwrap();
                    self.naive.without(branch);
                }
            }
            Step::Merge(on) => self.merge(self.branch(on)),
            Step::Rebase(on) => self.rebase(self.branch(on)),
            Step::Resize(on, last) => self.resize(self.branch(on), last),
            Step::Wait(seconds) => {
                self.world.outside.now.fetch_add(seconds * SECOND, Ordering::Relaxed);
            }
            Step::Reopen => {
                let outside = &self.world.outside;
                let environment = Environment { clock: outside.clone(), ids: outside.clone() };
                let store = self.world.database.store().clone();
                self.world.database = Database::open(store, environment).unwrap();
            }
            Step::Fork => {}
        }
    }

    fn draw(&mut self, branch: BranchId, asked: Option<i64>) {
        let now = self.now();
        let free = self.naive.free(branch, now);
        let wanted = match asked {
            None => free.first().copied(),
            Some(number) => free.get(&number).copied(),
        };
        let pool = self.pool;
        let made = self
            .world
            .attempt_on(branch, |draft| draft.create("TestVlan", None, draws(pool, asked)));
        match (wanted, made) {
            (Some(number), Ok(id)) => {
                assert_eq!(number_of(&self.world.draft_on(branch), id), Some(number));
                self.write(branch, id, Some((Some(number), true)));
                self.naive.give(format!("{id}.number"), number, branch, now);
            }
            (None, Err(failure)) => {
                let fits = ["pool-exhausted", "value-taken", "outside-pool"];
                assert!(fits.contains(&code(&failure)), "{failure}");
            }
            (wanted, made) => panic!("wanted {wanted:?}, got {made:?}"),
        }
    }

    fn reserve(&mut self, branch: BranchId, name: String) {
        let now = self.now();
        let request = PoolRequest::new(
            self.pool.to_string(),
            IdentifiedBy::Identifier(name.clone()),
            Want::Number,
        );
        let got = self.world.attempt_on(branch, |draft| draft.allocate(&request));
        let lowest = self.naive.free(branch, now).first().copied();
        let forked_at = self.naive.sides[&branch].forked_at;
        let again = match self.naive.reserved.get_mut(&name) {
            // One resource, whoever asks; attributed to the one that took it.
            Some(one) if one.until.is_none() => {
                let granted = got.unwrap();
                assert_eq!(granted.value, Value::Int(one.number));
                assert_eq!(granted.branch, one.owner);
                let from_main =
                    one.owner == BranchId::MAIN && branch != BranchId::MAIN && one.at <= forked_at;
                if one.owner != branch && !from_main {
                    one.also.insert(branch);
                }
                return;
            }
            Some(one) => Some(one.number),
            None => None,
        };
        let others = self.naive.taken(branch, Some(&name), now);
        let again =
            again.filter(|it| !others.contains(it) && (FIRST..=self.naive.last).contains(it));
        match (again.or(lowest), got) {
            (Some(number), Ok(granted)) => {
                assert_eq!(granted.value, Value::Int(number));
                self.naive.reserved.remove(&name);
                self.naive.give(name, number, branch, now);
            }
            (None, Err(failure)) => assert_eq!(code(&failure), "pool-exhausted"),
            (wanted, got) => panic!("wanted {wanted:?}, got {got:?}"),
        }
    }

    fn release(&mut self, branch: BranchId, name: &str) {
        let until = self.now() + self.naive.rest * SECOND;
        let pool = self.pool;
        let gone = self.world.attempt_on(branch, |draft| {
            let object = draft.view.object(pool)?.unwrap();
            draft.release_identifier(&object, name, "a test")
        });
        match self.naive.reserved.get(name) {
            Some(one) if one.until.is_none() => {
                if one.owner == branch || one.also.contains(&branch) {
                    gone.unwrap();
                    self.naive.let_go(name, branch, Some(until));
                } else {
                    assert_eq!(code(&gone.unwrap_err()), "held-elsewhere");
                }
            }
            _ => assert_eq!(code(&gone.unwrap_err()), "unknown-identifier"),
        }
    }

    /// Whether main changed nothing that the branch changed too.
    fn is_apart(&self, branch: BranchId) -> bool {
        let (side, main) = (&self.naive.sides[&branch], self.naive.seen(BranchId::MAIN));
        side.own.keys().all(|id| side.fork.get(id) == main.get(id))
    }

    fn merge(&mut self, branch: BranchId) {
        if branch == BranchId::MAIN || !self.is_apart(branch) {
            return;
        }
        let name = self.naive.sides[&branch].name.clone();
        let author = Author(ObjectId::SYSTEM);
        self.world.database.branch_merge(&name, author).unwrap();
        for one in self.naive.reserved.values_mut() {
            if one.owner == branch || one.also.contains(&branch) {
                one.also.insert(one.owner);
                one.also.remove(&branch);
                one.also.remove(&BranchId::MAIN);
                one.owner = BranchId::MAIN;
            }
        }
        let main = self.naive.seen(BranchId::MAIN);
        let own = self.naive.sides[&branch].own.clone();
        for (id, own) in own {
            if let Some(had) = main.get(&id).filter(|had| own != Some(**had)) {
                self.give_back(BranchId::MAIN, id, *had);
            }
            self.write(BranchId::MAIN, id, own);
        }
        self.world.database.branch_delete(&name, author).unwrap();
        self.naive.without(branch);
    }

    fn rebase(&mut self, branch: BranchId) {
        if branch == BranchId::MAIN || !self.is_apart(branch) {
            return;
        }
        let name = self.naive.sides[&branch].name.clone();
        self.world.database.branch_rebase(&name, Author(ObjectId::SYSTEM)).unwrap();
        let (fork, now) = (self.naive.seen(BranchId::MAIN), self.now());
        if let Some(side) = self.naive.sides.get_mut(&branch) {
            side.fork = fork;
            side.forked_at = now;
        }
    }

    /// A pool is one for all branches, and does not leave out what it has handed out.
    fn resize(&mut self, branch: BranchId, last: i64) {
        let pool = self.pool;
        let input = Input::default().attr("end_range", AttrInput::value(Value::Int(last)));
        let done = self.world.attempt_on(branch, |draft| draft.update(pool, input));
        let held = self.naive.reserved.values().filter(|one| one.until.is_none());
        match held.map(|one| one.number).max() {
            Some(most) if most > last => assert_eq!(code(&done.unwrap_err()), "pool-range"),
            _ => {
                done.unwrap();
                self.naive.last = last;
            }
        }
    }

    /// Every branch has just what the reference says, and nobody shares what the pool gave.
    fn compare(&self, step: Step) {
        let now = self.now();
        for branch in self.naive.sides.keys().copied() {
            let gaps = self.world.free_on(branch, self.pool).into_iter().flatten();
            let free: BTreeSet<i64> =
                gaps.flat_map(|(low, high)| low..=high).map(super::number::number_at).collect();
            assert_eq!(free, self.naive.free(branch, now), "{branch:?} after {step:?}");
            let draft = self.world.draft_on(branch);
            let mut given = BTreeSet::new();
            for (id, (number, pooled)) in self.naive.seen(branch) {
                assert_eq!(number_of(&draft, id), number, "{branch:?} after {step:?}");
                if let (Some(number), true) = (number, pooled) {
                    assert!(given.insert(number), "{number} twice on {branch:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_on_branches_no_number_has_two_owners_anywhere(
        steps in proptest::collection::vec(step(), 1..40),
        rest in prop_oneof![Just(0), Just(10i64)],
    ) {
        let mut both = Both::new(rest);
        for step in steps {
            both.play(step);
            both.compare(step);
        }
        prop_assert_eq!(both.world.database.check().unwrap(), Vec::<String>::new());
    }
}
