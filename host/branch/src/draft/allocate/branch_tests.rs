//! One space over all branches, against a reference that keeps every line of the store by hand:
//! whatever is drawn, set by hand, released or deleted, on whatever branch, the free numbers of each
//! branch are those that nobody has anywhere, nor the branch itself at its fork.

#![allow(clippy::too_many_lines, reason = "a step by step comparison")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use model::{BranchId, ObjectId, Value};
use proptest::prelude::*;

use super::tests::{World, code, draws, number_of};
use crate::commit::Author;
use crate::database::{Database, Environment};
use crate::draft::{AttrInput, IdentifiedBy, Input, PoolRequest, Want};
use crate::error::CommitFailure;

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
    /// The n-th object's number is exchanged for this one of the pool, or attached to it.
    Exchange(usize, usize, i64),
    /// The schema excludes these: a mask, the lowest bit for the first number.
    Exclude(usize, u32),
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
        2 => (on.clone(), nth.clone(), proptest::option::of(FIRST..=LAST))
            .prop_map(|(on, nth, number)| Step::Set(on, nth, number)),
        3 => (on.clone(), nth, FIRST..=LAST)
            .prop_map(|(on, nth, number)| Step::Exchange(on, nth, number)),
        1 => (on.clone(), prop_oneof![Just(0), Just(0b10), Just(0b1_0100), Just(0b1_1100_0000)])
            .prop_map(|(on, mask)| Step::Exclude(on, mask)),
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
#[derive(Debug, Default, Clone)]
struct Side {
    name: String,
    /// Main as of the fork.
    fork: BTreeMap<ObjectId, Numbered>,
    /// What the schema of main excluded at the fork, and that of the branch since.
    fork_excluded: u32,
    own_excluded: Option<u32>,
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
    /// A branch took it back for this object, after main had given it up.
    carrier: Option<(BranchId, ObjectId)>,
}

/// What main gave up.
#[derive(Debug, Clone)]
struct Lost {
    name: String,
    number: i64,
    taken: i64,
    given_up: i64,
}

impl Side {
    fn excluded(&self) -> u32 {
        self.own_excluded.unwrap_or(self.fork_excluded)
    }

    fn excludes(&self, number: i64) -> bool {
        self.excluded() >> (number - FIRST) & 1 == 1
    }
}

#[derive(Debug, Default, Clone)]
struct Naive {
    sides: BTreeMap<BranchId, Side>,
    /// By identifier.
    reserved: BTreeMap<String, Reserved>,
    rest: i64,
    last: i64,
    lost: Vec<Lost>,
    now: i64,
}

impl Naive {
    /// What main had under a name at a branch's fork and gave up since, if nobody else has it now.
    fn regains(&self, branch: BranchId, name: &str) -> Option<i64> {
        let forked = self.sides[&branch].forked_at;
        let stood = |one: &&Lost| one.taken <= forked && forked < one.given_up;
        let mut lost = self.lost.iter().filter(|one| one.name == name && branch != BranchId::MAIN);
        let number = lost.find(stood)?.number;
        let mut own = self.sides.values().flat_map(|side| side.own.values());
        let mut live = self.reserved.iter().filter(|(other, _)| *other != name);
        let is_free = !own.any(|own| own.is_some_and(|(had, _)| had == Some(number)))
            && !live.any(|(_, one)| {
                one.number == number && one.until.is_none_or(|until| self.now < until)
            })
            && self.given(branch).any(|one| one == number);
        is_free.then_some(number)
    }

    /// What a branch took back for objects that it does not see any more goes back again.
    fn forget_regained(&mut self, line: BranchId, branch: BranchId) {
        let seen = self.seen(line);
        let rest = (self.rest > 0).then(|| self.now + self.rest * SECOND);
        let names: Vec<String> = self.reserved.keys().cloned().collect();
        for name in names {
            let carrier = self.reserved[&name].carrier.filter(|(by, _)| *by == branch);
            if carrier.is_some_and(|(_, carrier)| !seen.contains_key(&carrier)) {
                self.let_go(&name, line, rest);
            }
        }
    }

    /// What a branch sees.
    fn seen(&self, branch: BranchId) -> BTreeMap<ObjectId, Numbered> {
        let side = &self.sides[&branch];
        super::tests::seen(&side.fork, &side.own)
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
        self.given(branch).filter(|number| !taken.contains(number)).collect()
    }

    /// The numbers that a branch can be given at all.
    fn given(&self, branch: BranchId) -> impl Iterator<Item = i64> + '_ {
        let side = &self.sides[&branch];
        (FIRST..=self.last).filter(|number| !side.excludes(*number))
    }

    /// Whether an object that a branch sees carries what its schema excludes.
    fn is_unfit(&self, branch: BranchId) -> bool {
        let mut seen = self.seen(branch).into_values();
        seen.any(|(number, _)| number.is_some_and(|number| self.sides[&branch].excludes(number)))
    }

    /// What nobody but this object has, as the branch is about to exchange its number under a name.
    fn is_for(&self, branch: BranchId, id: ObjectId, name: &str, number: i64, now: i64) -> bool {
        let others = self.sides.iter().filter(|(line, _)| **line != branch);
        let own = others.flat_map(|(line, side)| side.own.iter().map(move |it| (*line, it)));
        let mut own = own.filter(|(line, (other, _))| **other != id || *line != BranchId::MAIN);
        let mut seen = self.seen(branch).into_iter().filter(|(other, _)| *other != id);
        let mut live = self.reserved.iter().filter(|(other, one)| {
            (name != *other || one.until.is_none()) && one.until.is_none_or(|until| now < until)
        });
        !own.any(|(_, (_, own))| own.is_some_and(|(had, _)| had == Some(number)))
            && !seen.any(|(_, (had, _))| had == Some(number))
            && !live.any(|(_, one)| one.number == number)
            && self.given(branch).any(|one| one == number)
    }

    /// What an identifier had goes on resting under another name as it gets something else.
    fn rest_on(&mut self, name: &str, number: i64, now: i64) {
        let before = self.reserved.remove(name);
        if let Some(before) =
            before.filter(|one| one.until.is_some_and(|until| now < until) && one.number != number)
        {
            self.reserved.insert(format!("{name}~{}", before.number), before);
        }
    }

    /// The pool gave a number: whoever had it and gave it back is forgotten.
    fn give(&mut self, name: String, number: i64, owner: BranchId, at: i64) {
        self.reserved.retain(|_, one| one.number != number || one.until.is_none());
        let also = BTreeSet::new();
        let one = Reserved { number, owner, also, at, until: None, carrier: None };
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
        } else {
            if branch == BranchId::MAIN {
                let (number, taken) = (one.number, one.at);
                let (name, given_up) = (name.to_owned(), self.now);
                self.lost.push(Lost { name, number, taken, given_up });
            }
            match until {
                Some(_) => one.until = until,
                None => _ = self.reserved.remove(name),
            }
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

/// What has a number of the pool lets go of it on this branch.
fn give_back(naive: &mut Naive, branch: BranchId, number: i64, rest: Option<i64>) {
    let mut live = naive.reserved.iter().filter(|(_, one)| one.until.is_none());
    if let Some(name) = live.find(|(_, one)| one.number == number).map(|(name, _)| name.clone()) {
        naive.let_go(&name, branch, rest);
    }
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
    fn give_back(&mut self, branch: BranchId, had: Numbered) {
        if let (Some(number), true) = had {
            let rest = (self.naive.rest > 0).then(|| self.now() + self.naive.rest * SECOND);
            give_back(&mut self.naive, branch, number, rest);
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
        self.naive.now = now;
        match step {
            Step::Draw(on) => self.draw(self.branch(on), None),
            Step::Ask(on, number) => self.draw(self.branch(on), Some(number)),
            Step::Hand(on, number) => {
                let branch = self.branch(on);
                let input = Input::default().attr("number", AttrInput::value(Value::Int(number)));
                let made =
                    self.world.attempt_on(branch, |draft| draft.create("TestVlan", None, input));
                if self.naive.sides[&branch].excludes(number) {
                    assert_eq!(code(&made.unwrap_err()), "bad-value");
                } else {
                    self.write(branch, made.unwrap(), Some((Some(number), false)));
                }
            }
            Step::Delete(on, nth) => {
                let branch = self.branch(on);
                let Some((id, had)) = self.object(branch, nth) else { return };
                self.world.attempt_on(branch, |draft| draft.delete(&[id])).unwrap();
                self.give_back(branch, had);
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
                let done = self.world.attempt_on(branch, |draft| draft.update(id, input));
                if number.is_some_and(|number| self.naive.sides[&branch].excludes(number)) {
                    assert_eq!(code(&done.unwrap_err()), "bad-value");
                    return;
                }
                done.unwrap();
                self.give_back(branch, had);
                self.write(branch, id, Some((number, false)));
            }
            Step::Exchange(on, nth, number) => {
                let branch = self.branch(on);
                if let Some((id, had)) = self.object(branch, nth) {
                    self.exchange(branch, id, had, number);
                }
            }
            Step::Exclude(on, mask) => self.exclude(self.branch(on), mask),
            Step::Reserve(on, id) => self.reserve(self.branch(on), format!("id-{id}")),
            Step::Release(on, id) => self.release(self.branch(on), &format!("id-{id}")),
            Step::Fork if self.naive.sides.len() < 4 => {
                self.made += 1;
                let name = format!("b{}", self.made);
                let author = Author(ObjectId::SYSTEM);
                let info = self.world.database.branch_create(&name, "", author).unwrap();
                let fork = self.naive.seen(BranchId::MAIN);
                let fork_excluded = self.naive.sides[&BranchId::MAIN].excluded();
                let side = Side { name, fork, fork_excluded, forked_at: now, ..Side::default() };
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
        if let Some(number) = self.naive.regains(branch, &name) {
            assert_eq!(got.unwrap().value, Value::Int(number));
            let seen = self.naive.seen(branch);
            let carrier = seen.iter().find(|(_, (had, _))| *had == Some(number)).map(|it| *it.0);
            self.naive.rest_on(&name, number, now);
            self.naive.give(name.clone(), number, branch, now);
            let carrier = carrier.map(|carrier| (branch, carrier));
            self.naive.reserved.entry(name).and_modify(|one| one.carrier = carrier);
            return;
        }
        let others = self.naive.taken(branch, Some(&name), now);
        let again = again.filter(|it| {
            !others.contains(it) && self.naive.given(branch).any(|number| number == *it)
        });
        match (again.or(lowest), got) {
            (Some(number), Ok(granted)) => {
                assert_eq!(granted.value, Value::Int(number));
                self.naive.rest_on(&name, number, now);
                self.naive.give(name, number, branch, now);
            }
            (None, Err(failure)) => assert_eq!(code(&failure), "pool-exhausted"),
            (wanted, got) => panic!("wanted {wanted:?}, got {got:?}"),
        }
    }

    /// An object gets this number of the pool instead of what it has. What another branch has of the
    /// object stays as it is.
    fn exchange(&mut self, branch: BranchId, id: ObjectId, had: Numbered, number: i64) {
        let now = self.now();
        let pool = self.pool;
        let done =
            self.world.attempt_on(branch, |draft| draft.update(id, draws(pool, Some(number))));
        if had == (Some(number), true) {
            done.unwrap();
            return;
        }
        let mut after = self.naive.clone();
        if let (Some(number), true) = had {
            let rest = (after.rest > 0).then(|| now + after.rest * SECOND);
            give_back(&mut after, branch, number, rest);
        }
        let plain = format!("{id}.number");
        let live = |name: &String| after.reserved.get(name).filter(|one| one.until.is_none());
        let elsewhere = live(&plain).is_some_and(|it| it.owner != branch && it.number != number);
        let name = if elsewhere { format!("{plain}@{}", branch.0) } else { plain };
        let is_held = live(&name).is_some_and(|one| one.number == number);
        let fits = match is_held {
            true => !after.sides[&branch].excludes(number),
            false => after.is_for(branch, id, &name, number, now),
        };
        if !fits {
            let code = code(&done.unwrap_err());
            assert!(["value-taken", "outside-pool", "bad-value"].contains(&code), "{code}");
            return;
        }
        done.unwrap();
        let forked_at = after.sides[&branch].forked_at;
        match after.reserved.get_mut(&name).filter(|_| is_held) {
            Some(one) => {
                let from_main = one.owner == BranchId::MAIN && one.at <= forked_at;
                if one.owner != branch && !from_main {
                    one.also.insert(branch);
                }
            }
            None => {
                after.rest_on(&name, number, now);
                after.give(name, number, branch, now);
            }
        }
        self.naive = after;
        self.write(branch, id, Some((Some(number), true)));
    }

    fn exclude(&mut self, branch: BranchId, mask: u32) {
        let numbers = (FIRST..=LAST).filter(|number| mask >> (number - FIRST) & 1 == 1);
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let text = format!(
            "nodes: [{{name: Vlan, namespace: Test, attributes: [{{name: number, kind: Number, optional:              true, parameters: {{excluded_values: [{}]}}}}]}}]",
            numbers.join(", ")
        );
        let documents = model::schema::Document::parse("test", &text).unwrap();
        let mut draft = self.world.draft_on(branch);
        let loaded = draft.load_schema(&documents);
        let mut after = self.naive.clone();
        let side = after.sides.get_mut(&branch).unwrap();
        if side.excluded() == mask {
            loaded.unwrap();
            return;
        }
        side.own_excluded = Some(mask);
        if after.is_unfit(branch) {
            assert!(matches!(loaded, Err(crate::SchemaLoadError::Data(_))), "{loaded:?}");
            return;
        }
        loaded.unwrap();
        self.world.database.commit(draft, crate::commit::Cause::Schema).unwrap();
        self.naive = after;
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
        let excluded = self.naive.sides[&BranchId::MAIN].excluded();
        side.own.keys().all(|id| side.fork.get(id) == main.get(id))
            && (side.own_excluded.is_none() || side.fork_excluded == excluded)
    }

    fn merge(&mut self, branch: BranchId) {
        if branch == BranchId::MAIN || !self.is_apart(branch) {
            return;
        }
        let side = self.naive.sides[&branch].clone();
        let author = Author(ObjectId::SYSTEM);
        let merged = self.world.database.branch_merge(&side.name, author);
        let (mut after, now) = (self.naive.clone(), self.now());
        for one in after.reserved.values_mut() {
            if one.owner == branch || one.also.contains(&branch) {
                one.also.insert(one.owner);
                one.also.remove(&branch);
                one.also.remove(&BranchId::MAIN);
                one.owner = BranchId::MAIN;
            }
        }
        // What the branch has under a name of its own has the plain one from here on.
        let names: Vec<String> = after.reserved.keys().cloned().collect();
        for own in names {
            let Some(plain) = own.strip_suffix(&format!("@{}", branch.0)) else { continue };
            if after.reserved[&own].until.is_none()
                && let Some(one) = after.reserved.remove(&own)
                && let Some(before) = after.reserved.insert(plain.to_owned(), one)
            {
                after.reserved.insert(own, before);
            }
        }
        let main = after.seen(BranchId::MAIN);
        let rest = (after.rest > 0).then(|| now + after.rest * SECOND);
        for (id, own) in side.own {
            if let Some((Some(number), true)) = main.get(&id).filter(|had| own != Some(**had)) {
                give_back(&mut after, BranchId::MAIN, *number, rest);
            }
            let line = &mut after.sides.get_mut(&BranchId::MAIN).unwrap().own;
            match own {
                Some(own) => line.insert(id, Some(own)),
                None => line.remove(&id),
            };
        }
        after.forget_regained(BranchId::MAIN, branch);
        let line = after.sides.get_mut(&BranchId::MAIN).unwrap();
        line.own_excluded = side.own_excluded.or(line.own_excluded);
        if after.is_unfit(BranchId::MAIN) {
            assert!(matches!(merged, Err(CommitFailure::Refused(_))), "{merged:?}");
            return;
        }
        merged.unwrap();
        self.world.database.branch_delete(&side.name, author).unwrap();
        self.naive = after;
        self.naive.without(branch);
    }

    fn rebase(&mut self, branch: BranchId) {
        if branch == BranchId::MAIN || !self.is_apart(branch) {
            return;
        }
        let mut after = self.naive.clone();
        let (fork, now) = (after.seen(BranchId::MAIN), self.now());
        let fork_excluded = after.sides[&BranchId::MAIN].excluded();
        let side = after.sides.get_mut(&branch).unwrap();
        (side.fork, side.fork_excluded, side.forked_at) = (fork, fork_excluded, now);
        let name = side.name.clone();
        after.forget_regained(branch, branch);
        let rebased = self.world.database.branch_rebase(&name, Author(ObjectId::SYSTEM));
        if after.is_unfit(branch) {
            assert!(matches!(rebased, Err(CommitFailure::Refused(_))), "{rebased:?}");
            return;
        }
        rebased.unwrap();
        self.naive = after;
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
    #![proptest_config(crate::walks::walks(48))]

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
