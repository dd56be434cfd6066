//! Prefixes and addresses over all branches, against a reference that keeps every line of the store by
//! hand and enumerates every address: whatever is drawn, made by hand, released or deleted, on whatever
//! branch, and however parents grow and shrink, the free addresses of each branch are those that nobody
//! has anywhere, nor the branch itself at its fork. After a crash it is all the same.

#![allow(clippy::too_many_lines, reason = "a step by step comparison")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use model::{BranchId, Interface, ObjectId, Value};
use proptest::prelude::*;

use super::tests::{World, code};
use crate::commit::Author;
use crate::draft::{AttrInput, IdentifiedBy, Input, PeerInput, PoolRequest, Want};
use crate::error::CommitFailure;

/// Microseconds.
const SECOND: i64 = 1_000_000;
const AUTHOR: Author = Author(ObjectId::SYSTEM);
/// The length of what identifiers draw of the prefix pool.
const NAMED: u8 = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Prefix,
    Address,
}

/// A prefix, or an address as one of full length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    sort: Sort,
    low: u32,
    len: u8,
}

impl Block {
    fn numbers(self) -> impl Iterator<Item = u32> + Clone {
        self.low..=self.low + (u32::MAX.checked_shr(self.len.into()).unwrap_or(0))
    }

    fn value(self) -> Value {
        let at = Ipv4Addr::from(self.low);
        match self.sort {
            Sort::Prefix => Value::Net(ipnet::IpNet::new(at.into(), self.len).unwrap()),
            Sort::Address => Value::Host(Interface::new(at.into(), 28).unwrap()),
        }
    }

    fn meets(self, other: Self) -> bool {
        let mut numbers = self.numbers();
        self.sort == other.sort && numbers.any(|one| other.numbers().any(|two| one == two))
    }

    fn within(self, outer: Self) -> bool {
        let mut numbers = self.numbers();
        numbers.all(|number| outer.numbers().any(|one| one == number))
    }
}

fn net(text: &str) -> Block {
    let net: ipnet::Ipv4Net = text.parse().unwrap();
    Block { sort: Sort::Prefix, low: net.network().into(), len: net.prefix_len() }
}

/// The parents of a pool; the second of the prefix pool grows and shrinks.
fn parents(sort: Sort, is_wide: bool) -> Vec<Block> {
    match (sort, is_wide) {
        (Sort::Prefix, true) => vec![net("10.0.0.0/27"), net("10.0.1.0/27")],
        (Sort::Prefix, false) => vec![net("10.0.0.0/27"), net("10.0.1.0/28")],
        (Sort::Address, _) => vec![net("10.0.2.0/28")],
    }
}

/// What a parent could give.
fn usable(sort: Sort, parent: Block) -> BTreeSet<u32> {
    let mut numbers: BTreeSet<u32> = parent.numbers().collect();
    if sort == Sort::Address {
        numbers.pop_first();
        numbers.pop_last();
    }
    numbers
}

/// A step; the first number says on which of the branches that there are.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Draws something new of this length.
    Draw(usize, Sort, u8),
    /// Draws this and no other.
    Ask(usize, Sort, u8, u32),
    /// Makes it by hand.
    Hand(usize, Sort, u8, u32),
    /// The n-th object that the branch sees goes.
    Delete(usize, usize),
    /// An identifier draws.
    Reserve(usize, Sort, u8),
    /// An identifier gives back by hand.
    Release(usize, Sort, u8),
    /// A branch is made.
    Fork,
    /// A branch goes.
    Drop(usize),
    /// A branch without conflicts is merged, and goes.
    Merge(usize),
    /// A branch without conflicts reads main as it is now.
    Rebase(usize),
    /// The second parent is as wide as this.
    Resize(usize, bool),
    /// Time passes, in seconds.
    Wait(i64),
    /// The process dies with a draft in flight, and another one opens the file.
    Crash(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let on = 0..4usize;
    let sort = prop_oneof![3 => Just(Sort::Prefix), 2 => Just(Sort::Address)];
    let len = 28..31u8;
    prop_oneof![
        5 => (on.clone(), sort.clone(), len.clone()).prop_map(|(o, s, l)| Step::Draw(o, s, l)),
        2 => (on.clone(), sort.clone(), len.clone(), 0..16u32)
            .prop_map(|(o, s, l, n)| Step::Ask(o, s, l, n)),
        2 => (on.clone(), sort.clone(), len, 0..16u32)
            .prop_map(|(o, s, l, n)| Step::Hand(o, s, l, n)),
        4 => (on.clone(), 0..12usize).prop_map(|(o, n)| Step::Delete(o, n)),
        3 => (on.clone(), sort.clone(), 0..3u8).prop_map(|(o, s, id)| Step::Reserve(o, s, id)),
        2 => (on.clone(), sort, 0..3u8).prop_map(|(o, s, id)| Step::Release(o, s, id)),
        2 => Just(Step::Fork),
        1 => (1..4usize).prop_map(Step::Drop),
        2 => (1..4usize).prop_map(Step::Merge),
        1 => (1..4usize).prop_map(Step::Rebase),
        1 => (on.clone(), any::<bool>()).prop_map(|(o, wide)| Step::Resize(o, wide)),
        1 => (1..20i64).prop_map(Step::Wait),
        1 => on.prop_map(Step::Crash),
    ]
}

/// What one branch has.
#[derive(Debug, Default, Clone)]
struct Side {
    name: String,
    /// Main as of the fork.
    fork: BTreeMap<ObjectId, (Block, bool)>,
    fork_is_wide: bool,
    /// What it has itself, and whether a pool gave it; nothing for what it deleted.
    own: BTreeMap<ObjectId, Option<(Block, bool)>>,
    own_is_wide: Option<bool>,
    forked_at: i64,
}

impl Side {
    fn seen(&self) -> BTreeMap<ObjectId, (Block, bool)> {
        super::tests::seen(&self.fork, &self.own)
    }

    fn is_wide(&self) -> bool {
        self.own_is_wide.unwrap_or(self.fork_is_wide)
    }

    /// Whether two of its objects are the same prefix or address, parents among them.
    fn clashes(&self) -> bool {
        let mut all = BTreeSet::new();
        let seen = self.seen().into_values().map(|(block, _)| block);
        let mut blocks = parents(Sort::Prefix, self.is_wide()).into_iter().chain(seen);
        blocks.any(|block| !all.insert(block))
    }

    fn has(&self, block: Block) -> bool {
        let mut seen = self.seen().into_values();
        let mut parents = parents(Sort::Prefix, self.is_wide()).into_iter();
        seen.any(|(one, _)| one == block) || parents.any(|parent| parent == block)
    }
}

#[derive(Debug, Clone)]
struct Reserved {
    block: Block,
    object: ObjectId,
    owner: BranchId,
    also: BTreeSet<BranchId>,
    /// When it was taken.
    at: i64,
    /// It was given back, and rests until then.
    until: Option<i64>,
    /// The branch that took it back after main had given it up.
    regained: Option<BranchId>,
}

/// What main gave up, and when.
#[derive(Debug, Clone)]
struct Lost {
    name: String,
    was: Reserved,
    given_up: i64,
}

#[derive(Debug, Default, Clone)]
struct Naive {
    sides: BTreeMap<BranchId, Side>,
    /// By identifier.
    reserved: BTreeMap<String, Reserved>,
    rest: i64,
    lost: Vec<Lost>,
    now: i64,
}

impl Naive {
    /// What main had under a name at a branch's fork and gave up since, if the branch has it still and nobody
    /// else has anything of it.
    fn regains(&self, branch: BranchId, name: &str) -> Option<Reserved> {
        let side = &self.sides[&branch];
        let stood = |one: &&Lost| one.was.at <= side.forked_at && side.forked_at < one.given_up;
        let mut lost = self.lost.iter().filter(|one| one.name == name && branch != BranchId::MAIN);
        let was = &lost.find(stood)?.was;
        let block = was.block;
        let meets = |other: &Block| other.sort == block.sort && other.meets(block);
        let mut own = self.sides.iter().flat_map(|(line, side)| {
            side.own.iter().filter(move |(id, _)| *line != branch || **id != was.object)
        });
        let mut live = self.reserved.iter().filter(|(other, one)| {
            *other != name && one.until.is_none_or(|until| self.now < until)
        });
        let parents = parents(block.sort, side.is_wide());
        let is_here = side.seen().get(&was.object).is_some_and(|(seen, _)| *seen == block);
        let is_free = !own.any(|(_, own)| own.is_some_and(|(own, _)| meets(&own)))
            && !live.any(|(_, one)| meets(&one.block))
            && parents.iter().any(|parent| block.within(*parent));
        (is_here && is_free).then(|| was.clone())
    }

    /// What a branch took back and does not see any more goes back again.
    fn forget_regained(&mut self, line: BranchId, branch: BranchId) {
        let seen = self.sides[&line].seen();
        let rest = (self.rest > 0).then_some(self.now + self.rest * SECOND);
        let names: Vec<String> = self.reserved.keys().cloned().collect();
        for name in names {
            let one = &self.reserved[&name];
            if one.regained == Some(branch) && !seen.contains_key(&one.object) {
                self.let_go(&name, line, rest);
            }
        }
    }

    fn taken(&self, branch: BranchId, sort: Sort, but: Option<&str>, now: i64) -> BTreeSet<u32> {
        let side = &self.sides[&branch];
        let parents = parents(sort, side.is_wide());
        let own = self.sides.values().flat_map(|side| side.own.values().flatten().copied());
        let objects = own.chain(side.seen().into_values()).map(|(block, _)| block);
        let objects = objects
            .filter(|block| block.sort == sort && parents.iter().any(|it| block.within(*it)));
        let live = self.reserved.iter().filter(|(name, one)| {
            Some(name.as_str()) != but
                && one.block.sort == sort
                && one.until.is_none_or(|until| now < until)
        });
        let blocks = objects.chain(live.map(|(_, one)| one.block));
        blocks.flat_map(Block::numbers).collect()
    }

    fn free(&self, branch: BranchId, sort: Sort, now: i64) -> BTreeSet<u32> {
        let taken = self.taken(branch, sort, None, now);
        let parents = parents(sort, self.sides[&branch].is_wide());
        let all = parents.into_iter().flat_map(|parent| usable(sort, parent));
        all.filter(|number| !taken.contains(number)).collect()
    }

    fn is_free(&self, branch: BranchId, block: Block, but: Option<&str>, now: i64) -> bool {
        let taken = self.taken(branch, block.sort, but, now);
        let parents = parents(block.sort, self.sides[&branch].is_wide());
        let within = parents.iter().find(|parent| block.within(**parent));
        let usable = within.map(|parent| usable(block.sort, *parent)).unwrap_or_default();
        let mut numbers = block.numbers();
        numbers.all(|number| usable.contains(&number) && !taken.contains(&number))
    }

    /// The lowest that is free, of the first parent that has one.
    fn lowest(&self, branch: BranchId, sort: Sort, len: u8, now: i64) -> Option<Block> {
        parents(sort, self.sides[&branch].is_wide()).into_iter().find_map(|parent| {
            let mut lows = parent.numbers().step_by(1 << (32 - len));
            let blocks = |low| Block { sort, low, len };
            lows.find(|low| self.is_free(branch, blocks(*low), None, now)).map(blocks)
        })
    }

    /// The pool gave something: whoever had what begins there is forgotten.
    fn give(&mut self, name: String, block: Block, object: ObjectId, owner: BranchId) {
        let at = self.now;
        let same = |one: &Reserved| one.block.sort == block.sort && one.block.low == block.low;
        self.reserved.retain(|_, one| !same(one) || one.until.is_none());
        let also = BTreeSet::new();
        let one = Reserved { block, object, owner, also, at, until: None, regained: None };
        self.reserved.insert(name, one);
    }

    /// A branch lets go of what an identifier has.
    fn let_go(&mut self, name: &str, branch: BranchId, until: Option<i64>) {
        let Some(one) = self.reserved.get_mut(name).filter(|one| one.until.is_none()) else {
            return;
        };
        if one.owner != branch {
            one.also.remove(&branch);
        } else if let Some(next) = one.also.pop_first() {
            one.owner = next;
        } else {
            if branch == BranchId::MAIN {
                let (name, was) = (name.to_owned(), one.clone());
                self.lost.push(Lost { name, was, given_up: self.now });
            }
            match until {
                Some(_) => one.until = until,
                None => _ = self.reserved.remove(name),
            }
        }
    }

    /// An object that a pool gave goes, on this branch.
    fn give_back(&mut self, branch: BranchId, object: ObjectId, block: Block, now: i64) {
        let rest = (self.rest > 0).then_some(now + self.rest * SECOND);
        let found = self
            .reserved
            .iter()
            .find(|(_, one)| one.object == object && one.block == block && one.until.is_none());
        if let Some(name) = found.map(|(name, _)| name.clone()) {
            self.let_go(&name, branch, rest);
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
    pools: BTreeMap<Sort, ObjectId>,
    /// The parent that grows and shrinks.
    second: ObjectId,
    naive: Naive,
    made: usize,
}

impl Both {
    fn new(rest: i64) -> Self {
        let world = World::on_disk();
        let (pools, second) = world.change(|draft| {
            let namespace = draft.default_namespace()?.unwrap();
            let mut made = Vec::new();
            for parent in
                [parents(Sort::Prefix, false), parents(Sort::Address, false)].into_iter().flatten()
            {
                let input = Input::default().attr("prefix", AttrInput::value(parent.value()));
                made.push(draft.create("IpamPrefix", None, input)?);
            }
            let mut pools = BTreeMap::new();
            for (sort, kind, default, of, resources) in [
                (Sort::Prefix, "CoreIPPrefixPool", "default_prefix_type", "IpamPrefix", &made[..2]),
                (
                    Sort::Address,
                    "CoreIPAddressPool",
                    "default_address_type",
                    "IpamIPAddress",
                    &made[2..],
                ),
            ] {
                let resources = resources.iter().map(|id| PeerInput::id(*id)).collect();
                let mut input = Input::default()
                    .attr("name", AttrInput::value(kind))
                    .attr(default, AttrInput::value(of))
                    .rel("ip_namespace", vec![PeerInput::id(namespace)])
                    .rel("resources", resources);
                if rest > 0 {
                    input = input.attr("quarantine", AttrInput::value(Value::Int(rest)));
                }
                pools.insert(sort, draft.create(kind, None, input)?);
            }
            Ok((pools, made[1]))
        });
        let mut naive = Naive { rest, ..Naive::default() };
        let main = Side { name: "main".to_owned(), ..Side::default() };
        naive.sides.insert(BranchId::MAIN, main);
        Self { world, pools, second, naive, made: 0 }
    }

    fn now(&self) -> i64 {
        self.world.outside.now.load(Ordering::Relaxed)
    }

    fn branch(&self, nth: usize) -> BranchId {
        let sides: Vec<&BranchId> = self.naive.sides.keys().collect();
        *sides[nth % sides.len()]
    }

    fn write(&mut self, branch: BranchId, id: ObjectId, own: Option<(Block, bool)>) {
        let Some(side) = self.naive.sides.get_mut(&branch) else { return };
        side.own.insert(id, own);
        if branch == BranchId::MAIN && own.is_none() {
            side.own.remove(&id);
        }
    }

    fn want(sort: Sort, len: u8) -> Want {
        match sort {
            Sort::Prefix => Want::Prefix { length: Some(len), kind: None, member_type: None },
            Sort::Address => Want::Address { length: None, kind: None },
        }
    }

    fn block(sort: Sort, len: u8, nth: u32) -> Block {
        let len = if sort == Sort::Address { 32 } else { len };
        let lows =
            parents(sort, true).into_iter().flat_map(|it| it.numbers().step_by(1 << (32 - len)));
        let lows: Vec<u32> = lows.collect();
        Block { sort, low: lows[nth as usize % lows.len()], len }
    }

    fn play(&mut self, step: Step) {
        let now = self.world.outside.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.naive.now = now;
        match step {
            Step::Draw(on, sort, len) => self.draw(self.branch(on), sort, len, None),
            Step::Ask(on, sort, len, nth) => {
                let block = Self::block(sort, len, nth);
                self.draw(self.branch(on), sort, len, Some(block));
            }
            Step::Hand(on, sort, len, nth) => {
                let branch = self.branch(on);
                let block = Self::block(sort, len, nth);
                let (kind, field) = match sort {
                    Sort::Prefix => ("IpamPrefix", "prefix"),
                    Sort::Address => ("IpamIPAddress", "address"),
                };
                let input = Input::default().attr(field, AttrInput::value(block.value()));
                let made = self.world.attempt_on(branch, |draft| draft.create(kind, None, input));
                if self.naive.sides[&branch].has(block) {
                    assert_eq!(code(&made.unwrap_err()), "not-unique");
                } else {
                    self.write(branch, made.unwrap(), Some((block, false)));
                }
            }
            Step::Delete(on, nth) => {
                let branch = self.branch(on);
                let seen: Vec<_> = self.naive.sides[&branch].seen().into_iter().collect();
                let Some((id, (block, pooled))) = seen.get(nth % seen.len().max(1)).copied() else {
                    return;
                };
                self.world.attempt_on(branch, |draft| draft.delete(&[id])).unwrap();
                if pooled {
                    self.naive.give_back(branch, id, block, now);
                }
                self.write(branch, id, None);
            }
            Step::Reserve(on, sort, id) => {
                self.reserve(self.branch(on), sort, format!("{sort:?}-{id}"));
            }
            Step::Release(on, sort, id) => {
                self.release(self.branch(on), sort, &format!("{sort:?}-{id}"));
            }
            Step::Fork if self.naive.sides.len() < 4 => {
                self.made += 1;
                let name = format!("b{}", self.made);
                let info = self.world.database.branch_create(&name, "", AUTHOR).unwrap();
                let main = &self.naive.sides[&BranchId::MAIN];
                let (fork, fork_is_wide) = (main.seen(), main.is_wide());
                let side = Side { name, fork, fork_is_wide, forked_at: now, ..Side::default() };
                self.naive.sides.insert(info.id, side);
            }
            Step::Fork => {}
            Step::Drop(on) => {
                let branch = self.branch(on);
                if branch != BranchId::MAIN {
                    let name = self.naive.sides[&branch].name.clone();
                    self.world.database.branch_delete(&name, AUTHOR).unwrap();
                    self.naive.without(branch);
                }
            }
            Step::Merge(on) => self.merge(self.branch(on)),
            Step::Rebase(on) => self.rebase(self.branch(on)),
            Step::Resize(on, is_wide) => self.resize(self.branch(on), is_wide),
            Step::Wait(seconds) => {
                self.world.outside.now.fetch_add(seconds * SECOND, Ordering::Relaxed);
            }
            Step::Crash(on) => {
                let pool = self.pools[&Sort::Prefix];
                let mut flying = self.world.draft_on(self.branch(on));
                let want = Self::want(Sort::Prefix, NAMED);
                let request = PoolRequest::new(pool.to_string(), IdentifiedBy::Nothing, want);
                if let Err(full) = flying.allocate(&request) {
                    assert_eq!(full.code(), "pool-exhausted");
                }
                self.world.crash();
                drop(flying);
            }
        }
    }

    fn draw(&mut self, branch: BranchId, sort: Sort, len: u8, asked: Option<Block>) {
        let now = self.now();
        let len = if sort == Sort::Address { 32 } else { len };
        let wanted = match asked {
            None => self.naive.lowest(branch, sort, len, now),
            Some(block) => Some(block).filter(|it| self.naive.is_free(branch, *it, None, now)),
        };
        let request = PoolRequest {
            value: asked.map(Block::value),
            ..PoolRequest::new(
                self.pools[&sort].to_string(),
                IdentifiedBy::Nothing,
                Self::want(sort, len),
            )
        };
        // A whole parent is handed out as itself: there is nothing of that in here.
        let side = &self.naive.sides[&branch];
        if wanted.is_some_and(|block| parents(sort, side.is_wide()).contains(&block)) {
            return;
        }
        let got = self.world.attempt_on(branch, |draft| draft.allocate(&request));
        match (wanted, got) {
            (Some(block), Ok(granted)) => {
                assert_eq!(granted.value, block.value());
                let object = granted.object.unwrap();
                self.write(branch, object, Some((block, true)));
                self.naive.give(format!("={}", block.value()), block, object, branch);
            }
            (None, Err(failure)) => {
                let fits = ["pool-exhausted", "value-taken", "outside-pool"];
                assert!(fits.contains(&code(&failure)), "{failure}");
            }
            (wanted, got) => panic!("wanted {wanted:?}, got {got:?}"),
        }
    }

    fn reserve(&mut self, branch: BranchId, sort: Sort, name: String) {
        let now = self.now();
        let len = if sort == Sort::Address { 32 } else { NAMED };
        let request = PoolRequest::new(
            self.pools[&sort].to_string(),
            IdentifiedBy::Identifier(name.clone()),
            Self::want(sort, len),
        );
        let side = &self.naive.sides[&branch];
        let got = self.world.attempt_on(branch, |draft| draft.allocate(&request));
        if let Some(one) = self.naive.reserved.get_mut(&name).filter(|one| one.until.is_none()) {
            let inside = parents(sort, side.is_wide()).iter().any(|it| one.block.within(*it));
            if !side.seen().contains_key(&one.object) {
                // One resource, whoever asks: it is made here too.
                if !inside {
                    assert_eq!(code(&got.unwrap_err()), "identifier-elsewhere");
                    return;
                }
                if side.has(one.block) {
                    assert_eq!(code(&got.unwrap_err()), "not-unique");
                    return;
                }
                one.also.insert(branch);
                let (object, block) = (one.object, one.block);
                self.write(branch, object, Some((block, true)));
            } else if one.owner != branch && one.owner != BranchId::MAIN {
                one.also.insert(branch);
            }
            let one = &self.naive.reserved[&name];
            let granted = got.unwrap();
            assert_eq!((granted.value, granted.object), (one.block.value(), Some(one.object)));
            assert_eq!(granted.branch, one.owner);
            return;
        }
        if let Some(was) = self.naive.regains(branch, &name) {
            let granted = got.unwrap();
            assert_eq!((granted.value, granted.object), (was.block.value(), Some(was.object)));
            assert_eq!(granted.branch, branch);
            self.give_on(&name, was.block, was.object, branch);
            self.naive.reserved.entry(name).and_modify(|one| one.regained = Some(branch));
            return;
        }
        let again = self.naive.reserved.get(&name).map(|one| one.block);
        let again = again.filter(|it| self.naive.is_free(branch, *it, Some(&name), now));
        let wanted = again.or_else(|| self.naive.lowest(branch, sort, len, now));
        match (wanted, got) {
            (Some(block), Ok(granted)) => {
                assert_eq!(granted.value, block.value());
                let object = granted.object.unwrap();
                self.write(branch, object, Some((block, true)));
                self.give_on(&name, block, object, branch);
            }
            (None, Err(failure)) => assert_eq!(code(&failure), "pool-exhausted"),
            (wanted, got) => panic!("wanted {wanted:?}, got {got:?}"),
        }
    }

    /// An identifier gets something; what it had before goes on resting, under another name.
    fn give_on(&mut self, name: &str, block: Block, object: ObjectId, branch: BranchId) {
        let now = self.now();
        let before =
            self.naive.reserved.remove(name).filter(|one| {
                one.until.is_some_and(|until| now < until) && one.block.low != block.low
            });
        if let Some(before) = before {
            let other = format!("{name}~{}", before.block.value());
            self.naive.reserved.insert(other, before);
        }
        self.naive.give(name.to_owned(), block, object, branch);
    }

    fn release(&mut self, branch: BranchId, sort: Sort, name: &str) {
        let until = self.now() + self.naive.rest * SECOND;
        let pool = self.pools[&sort];
        let gone = self.world.attempt_on(branch, |draft| {
            let object = draft.view.object(pool)?.unwrap();
            draft.release_identifier(&object, name, "a test")
        });
        match self.naive.reserved.get(name).filter(|one| one.until.is_none()).cloned() {
            Some(one) if one.owner == branch || one.also.contains(&branch) => {
                gone.unwrap();
                self.naive.let_go(name, branch, Some(until));
                self.write(branch, one.object, None);
            }
            Some(_) => assert_eq!(code(&gone.unwrap_err()), "held-elsewhere"),
            None => assert_eq!(code(&gone.unwrap_err()), "unknown-identifier"),
        }
    }

    /// Whether main changed nothing that the branch changed too, but to the same.
    fn is_apart(&self, branch: BranchId) -> bool {
        let (side, main) = (&self.naive.sides[&branch], &self.naive.sides[&BranchId::MAIN]);
        let now = main.seen();
        let moved = side.fork_is_wide != main.is_wide();
        side.own.keys().all(|id| side.fork.get(id) == now.get(id))
            && !(moved && side.own_is_wide.is_some())
    }

    fn merge(&mut self, branch: BranchId) {
        if branch == BranchId::MAIN || !self.is_apart(branch) {
            return;
        }
        let now = self.now();
        let side = self.naive.sides[&branch].clone();
        let mut after = self.naive.clone();
        for one in after.reserved.values_mut() {
            if one.owner == branch || one.also.contains(&branch) {
                one.also.insert(one.owner);
                one.also.remove(&branch);
                one.also.remove(&BranchId::MAIN);
                one.owner = BranchId::MAIN;
            }
        }
        let main = after.sides[&BranchId::MAIN].seen();
        for (id, own) in &side.own {
            if let Some((block, true)) = main.get(id).filter(|had| own.as_ref() != Some(had)) {
                after.give_back(BranchId::MAIN, *id, *block, now);
            }
            let line = &mut after.sides.get_mut(&BranchId::MAIN).unwrap().own;
            match own {
                Some(own) => line.insert(*id, Some(*own)),
                None => line.remove(id),
            };
        }
        after.forget_regained(BranchId::MAIN, branch);
        let line = after.sides.get_mut(&BranchId::MAIN).unwrap();
        line.own_is_wide = side.own_is_wide.or(line.own_is_wide);
        let clashes = line.clashes();
        let merged = self.world.database.branch_merge(&side.name, AUTHOR);
        if clashes {
            assert!(matches!(merged, Err(CommitFailure::Refused(_))), "{merged:?}");
            return;
        }
        merged.unwrap();
        self.world.database.branch_delete(&side.name, AUTHOR).unwrap();
        self.naive = after;
        self.naive.without(branch);
    }

    fn rebase(&mut self, branch: BranchId) {
        if branch == BranchId::MAIN || !self.is_apart(branch) {
            return;
        }
        let mut side = self.naive.sides[&branch].clone();
        let main = &self.naive.sides[&BranchId::MAIN];
        (side.fork, side.fork_is_wide, side.forked_at) = (main.seen(), main.is_wide(), self.now());
        let rebased = self.world.database.branch_rebase(&side.name, AUTHOR);
        if side.clashes() {
            assert!(matches!(rebased, Err(CommitFailure::Refused(_))), "{rebased:?}");
            return;
        }
        rebased.unwrap();
        self.naive.sides.insert(branch, side);
        self.naive.forget_regained(branch, branch);
    }

    fn resize(&mut self, branch: BranchId, is_wide: bool) {
        let (second, parent) = (self.second, parents(Sort::Prefix, is_wide)[1]);
        let mut side = self.naive.sides[&branch].clone();
        let input = Input::default().attr("prefix", AttrInput::value(parent.value()));
        let done = self.world.attempt_on(branch, |draft| draft.update(second, input));
        if side.is_wide() != is_wide {
            side.own_is_wide = Some(is_wide);
        }
        if side.clashes() {
            assert_eq!(code(&done.unwrap_err()), "not-unique");
            return;
        }
        done.unwrap();
        self.naive.sides.insert(branch, side);
    }

    /// Every branch has just what the reference says, and nothing that a pool gave meets anything else
    /// that a pool gave.
    fn compare(&self, step: Step) {
        let now = self.now();
        for (branch, side) in &self.naive.sides {
            for (sort, pool) in &self.pools {
                let gaps = self.world.free_on(*branch, *pool).into_iter().flatten();
                let free: BTreeSet<u32> = gaps
                    .flat_map(|(low, high)| low..=high)
                    .map(|at| u32::try_from(at).unwrap())
                    .collect();
                let wanted = self.naive.free(*branch, *sort, now);
                assert_eq!(free, wanted, "{branch:?} {sort:?} after {step:?}");
            }
            let draft = self.world.draft_on(*branch);
            let mut given: Vec<Block> = Vec::new();
            for (id, (block, pooled)) in side.seen() {
                let object = draft.view.object(id).unwrap().unwrap();
                let field = if block.sort == Sort::Prefix { "prefix" } else { "address" };
                assert_eq!(object.value(field), block.value(), "{branch:?} after {step:?}");
                if pooled {
                    assert!(!given.iter().any(|other| other.meets(block)), "{block:?} {given:?}");
                    given.push(block);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::walks::walks(24))]

    #[test]
    fn whatever_happens_on_branches_no_prefix_and_no_address_has_two_owners_anywhere(
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
