//! Pools against a reference that enumerates everything: whatever is drawn, released, deleted or written
//! by hand, the free numbers are exactly those nobody has, and what is kept equals a recount.

#![allow(
    clippy::too_many_lines,
    clippy::cognitive_complexity,
    reason = "a step by step comparison"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use model::{BranchId, Clock, IdSource, ObjectId, Timestamp, Value};
use proptest::prelude::*;
use store::Store;

use crate::commit::{Author, Cause};
use crate::database::{Database, Environment};
use crate::draft::{
    AttrInput, Draft, FromPool, IdentifiedBy, Input, PeerInput, PoolRequest, Succeeded, Want,
};
use crate::error::{BranchError, CommitFailure};

#[derive(Debug, Default)]
pub(super) struct Outside {
    pub(super) now: AtomicI64,
    ids: AtomicU64,
}

impl Clock for Outside {
    fn now(&self) -> Timestamp {
        Timestamp(1_767_225_600_000_000 + self.now.load(Ordering::Relaxed))
    }
}

impl IdSource for Outside {
    fn next_id(&self, _now: Timestamp) -> ObjectId {
        ObjectId(u128::from(self.ids.fetch_add(1, Ordering::Relaxed) + 1) << 64 | 1 << 63)
    }
}

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - name: Vlan
    namespace: Test
    attributes:
      - {name: site, kind: Text, default_value: x}
      - {name: number, kind: Number, optional: true}
  - {name: Prefix, namespace: Ipam, inherit_from: [BuiltinIPPrefix]}
  - {name: IPAddress, namespace: Ipam, inherit_from: [BuiltinIPAddress]}
"#;

/// What a branch sees in a reference: what it forked from, with its own laid over; nothing where it deleted.
pub(super) fn seen<T: Copy>(
    fork: &BTreeMap<ObjectId, T>,
    own: &BTreeMap<ObjectId, Option<T>>,
) -> BTreeMap<ObjectId, T> {
    let mut seen = fork.clone();
    for (id, own) in own {
        match own {
            Some(own) => seen.insert(*id, *own),
            None => seen.remove(id),
        };
    }
    seen
}

/// A database with its clock.
pub(super) struct World {
    pub(super) database: Database,
    pub(super) outside: Arc<Outside>,
    /// The folder of its file, if it has one, and which of the files it is.
    folder: Option<(tempfile::TempDir, usize)>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::over(Store::in_memory(store::Options::default()).unwrap(), None)
    }

    /// The same in a file, that can be lost sight of.
    pub(super) fn on_disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("0"), store::Options::default()).unwrap();
        Self::over(store, Some((folder, 0)))
    }

    /// The process dies: nothing is closed, and another one opens the file as it is now.
    pub(super) fn crash(&mut self) {
        let Some((folder, nth)) = &mut self.folder else { return };
        let file = |nth: usize| folder.path().join(nth.to_string());
        std::fs::copy(file(*nth), file(*nth + 1)).unwrap();
        *nth += 1;
        let store = Store::open(&file(*nth), store::Options::default()).unwrap();
        let outside = &self.outside;
        let environment = Environment { clock: outside.clone(), ids: outside.clone() };
        self.database = Database::open(store, environment).unwrap();
    }

    fn over(store: Store, folder: Option<(tempfile::TempDir, usize)>) -> Self {
        let outside = Arc::new(Outside::default());
        let environment = Environment { clock: outside.clone(), ids: outside.clone() };
        let database = Database::open(store, environment).unwrap();
        let world = Self { database, outside, folder };
        world.change(|draft| {
            let documents = model::schema::Document::parse("test", SCHEMA).unwrap();
            draft.load_schema(&documents).unwrap();
            Ok(())
        });
        world
    }

    pub(super) fn draft(&self) -> Draft {
        self.draft_on(BranchId::MAIN)
    }

    pub(super) fn draft_on(&self, branch: BranchId) -> Draft {
        self.database.draft(branch, Author(ObjectId::SYSTEM)).unwrap()
    }

    /// A change that must be accepted.
    pub(super) fn change<T>(&self, make: impl FnOnce(&mut Draft) -> Result<T, BranchError>) -> T {
        self.attempt(make).unwrap()
    }

    fn attempt<T>(
        &self,
        make: impl FnOnce(&mut Draft) -> Result<T, BranchError>,
    ) -> Result<T, CommitFailure> {
        self.attempt_on(BranchId::MAIN, make)
    }

    pub(super) fn attempt_on<T>(
        &self,
        branch: BranchId,
        make: impl FnOnce(&mut Draft) -> Result<T, BranchError>,
    ) -> Result<T, CommitFailure> {
        let mut draft = self.draft_on(branch);
        let made = make(&mut draft)?;
        self.database.commit(draft, Cause::Objects)?;
        Ok(made)
    }

    pub(super) fn number_pool(&self, first: i64, last: i64, more: &[(&str, Value)]) -> ObjectId {
        self.change(|draft| {
            let mut input = Input::default()
                .attr("name", AttrInput::value("pool"))
                .attr("node", AttrInput::value("TestVlan"))
                .attr("node_attribute", AttrInput::value("number"))
                .attr("start_range", AttrInput::value(Value::Int(first)))
                .attr("end_range", AttrInput::value(Value::Int(last)));
            for (name, value) in more {
                input = input.attr(name, AttrInput::value(value.clone()));
            }
            draft.create("CoreNumberPool", None, input)
        })
    }

    pub(super) fn prefix_pool(&self, parents: &[&str]) -> ObjectId {
        self.change(|draft| {
            let namespace = draft.default_namespace()?.unwrap();
            let mut resources = Vec::new();
            for parent in parents {
                let net = Value::Net(parent.parse().unwrap());
                let input = Input::default().attr("prefix", AttrInput::value(net));
                resources.push(PeerInput::id(draft.create("IpamPrefix", None, input)?));
            }
            let input = Input::default()
                .attr("name", AttrInput::value("prefixes"))
                .attr("default_prefix_type", AttrInput::value("IpamPrefix"))
                .rel("ip_namespace", vec![PeerInput::id(namespace)])
                .rel("resources", resources);
            draft.create("CoreIPPrefixPool", None, input)
        })
    }

    /// The free stretches of a pool, shelf by shelf, proved equal to a recount by what takes them, and to
    /// what a book built anew from the store has.
    fn free(&self, pool: ObjectId) -> Vec<Vec<(u128, u128)>> {
        self.free_on(BranchId::MAIN, pool)
    }

    /// The same as a branch sees it.
    pub(super) fn free_on(&self, branch: BranchId, pool: ObjectId) -> Vec<Vec<(u128, u128)>> {
        let mut draft = self.draft_on(branch);
        let object = draft.view.object(pool).unwrap().unwrap();
        let desk = draft.view.desks(&object).unwrap().pop().unwrap();
        let look = |book: &mut super::book::Book| {
            let kept: Vec<Vec<_>> =
                book.shelves.iter().map(|shelf| shelf.free.gaps().collect()).collect();
            for shelf in &book.shelves {
                let counted: u128 = shelf.free.gaps().map(|(low, high)| high - low + 1).sum();
                assert_eq!(shelf.free.count(), counted, "the kept counter equals a recount");
            }
            assert_eq!(kept, book.recount(), "the kept gaps equal a recount");
            Ok((kept, Vec::new()))
        };
        let kept = draft.at_desk(&desk, super::leased::Also::default(), look).unwrap();
        let mut anew = self.draft_on(branch);
        anew.leases.note_pool_changed();
        let built = anew.at_desk(&desk, super::leased::Also::default(), look).unwrap();
        assert_eq!(kept, built, "brought forward equals built anew");
        kept
    }
}

pub(super) fn number_of(draft: &Draft, id: ObjectId) -> Option<i64> {
    draft.view.object(id).unwrap().and_then(|object| object.value("number").as_int())
}

pub(super) fn draws(pool: ObjectId, value: Option<i64>) -> Input {
    let from_pool = FromPool { pool: pool.to_string(), ..FromPool::default() };
    let mut attr = AttrInput::from_pool(from_pool);
    attr.value = value.map(|value| crate::draft::Given::Value(Value::Int(value)));
    Input::default().attr("number", attr)
}

pub(super) fn code(failure: &CommitFailure) -> &'static str {
    match failure {
        CommitFailure::Refused(error) => error.code(),
        _ => "not-refused",
    }
}

/// One step over a tiny pool.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// An object that draws.
    Draw,
    /// An object that draws this number and no other.
    Ask(i64),
    /// An object with a number set by hand.
    Hand(i64),
    /// The n-th object goes.
    Delete(usize),
    /// The n-th object gets another number of the pool.
    Again(usize),
    /// The n-th object's number is set by hand, or taken away.
    Set(usize, Option<i64>),
    /// An identifier draws.
    Reserve(u8),
    /// An identifier gives back.
    Release(u8),
    /// A draft that draws and fails.
    Fail,
    /// A draft that draws, takes it back, and draws again.
    Back,
    /// Numbers in a row.
    Block(u8, u32),
}

/// The reference: every number on its own.
#[derive(Debug, Default)]
struct Naive {
    /// Objects with their number, and whether the pool gave it.
    objects: Vec<(ObjectId, Option<i64>, bool)>,
    /// By identifier: its numbers, and until when they rest if given back.
    named: BTreeMap<u8, (Vec<i64>, Option<i64>)>,
    now: i64,
    last: i64,
}

const FIRST: i64 = 1;
const LAST: i64 = 12;
/// Microseconds.
const REST: i64 = 10_000_000;

impl Naive {
    fn named(&self) -> impl Iterator<Item = i64> {
        let named = self.named.values().filter(|(_, until)| until.is_none_or(|it| self.now < it));
        named.flat_map(|(numbers, _)| numbers.iter().copied())
    }

    fn taken(&self) -> BTreeSet<i64> {
        let carried = self.objects.iter().filter_map(|(_, number, _)| *number);
        carried.chain(self.named()).collect()
    }

    /// Whoever had these and gave them back is forgotten once another has them from the pool.
    fn drawn(&mut self, row: &[i64]) {
        self.named.retain(|_, (numbers, until)| until.is_none() || !row.contains(&numbers[0]));
    }

    /// Without a quarantine what was given back is free at once.
    fn no_rest(&mut self) {
        for (_, until) in self.named.values_mut() {
            if until.is_some() {
                *until = Some(self.now);
            }
        }
    }

    fn lowest(&self) -> Option<i64> {
        let taken = self.taken();
        (FIRST..=self.last).find(|number| !taken.contains(number))
    }

    fn free(&self) -> BTreeSet<i64> {
        let taken = self.taken();
        (FIRST..=self.last).filter(|number| !taken.contains(number)).collect()
    }
}

/// Does a step in both worlds and compares what comes out.
fn play(world: &World, pool: ObjectId, naive: &mut Naive, step: Step) {
    let name = |id: u8| IdentifiedBy::Identifier(format!("id-{id}"));
    let all = |first: i64, count: u32| (first..first + i64::from(count)).collect::<Vec<_>>();
    match step {
        Step::Draw | Step::Ask(_) => {
            let asked = if let Step::Ask(number) = step { Some(number) } else { None };
            let wanted = match asked {
                None => naive.lowest(),
                Some(number) => Some(number).filter(|number| naive.free().contains(number)),
            };
            let made = world.attempt(|draft| draft.create("TestVlan", None, draws(pool, asked)));
            match (wanted, made) {
                (Some(number), Ok(id)) => {
                    assert_eq!(number_of(&world.draft(), id), Some(number));
                    naive.objects.push((id, Some(number), true));
                    naive.drawn(&[number]);
                }
                (None, Err(failure)) => {
                    let code = code(&failure);
                    let fits = ["pool-exhausted", "value-taken", "outside-pool"].contains(&code);
                    assert!(fits, "{failure}");
                }
                (wanted, made) => panic!("{step:?}: wanted {wanted:?}, got {made:?}"),
            }
        }
        Step::Hand(number) => {
            let input = Input::default().attr("number", AttrInput::value(Value::Int(number)));
            let id = world.change(|draft| draft.create("TestVlan", None, input));
            naive.objects.push((id, Some(number), false));
        }
        Step::Delete(nth) => {
            if naive.objects.is_empty() {
                return;
            }
            let (id, _, _) = naive.objects.remove(nth % naive.objects.len());
            world.change(|draft| draft.delete(&[id]));
        }
        Step::Again(nth) => {
            let last = naive.last;
            let count = naive.objects.len();
            let Some((id, had, _)) = naive.objects.get(nth % count.max(1)).copied() else { return };
            let wanted = match had {
                // What it gives up, it may get again.
                Some(_) => {
                    let mut without = naive.free();
                    let others = naive.objects.iter().filter(|(other, _, _)| *other != id);
                    let others: BTreeSet<i64> = others.filter_map(|(_, one, _)| *one).collect();
                    let named: BTreeSet<i64> = naive.named().collect();
                    without.extend(had.filter(|had| {
                        !others.contains(had)
                            && !named.contains(had)
                            && (FIRST..=last).contains(had)
                    }));
                    without.into_iter().next()
                }
                None => naive.lowest(),
            };
            let free = naive.free().into_iter().next_back();
            let changed = world.attempt(|draft| {
                let empty = AttrInput { source: Some(None), ..AttrInput::value(Value::Null) };
                draft.update(id, Input::default().attr("number", empty))?;
                draft.update(id, draws(pool, None))
            });
            match (wanted, changed) {
                (Some(wanted), Ok(_)) => {
                    let got = number_of(&world.draft(), id).unwrap();
                    assert_eq!(got, wanted, "the lowest, its own included");
                    naive.drawn(&[got]);
                    if let Some(one) = naive.objects.iter_mut().find(|(one, _, _)| *one == id) {
                        *one = (id, Some(got), true);
                    }
                }
                (None, Err(failure)) => assert_eq!(code(&failure), "pool-exhausted", "{free:?}"),
                (wanted, changed) => panic!("{step:?}: wanted {wanted:?}, got {changed:?}"),
            }
        }
        Step::Set(nth, number) => {
            let count = naive.objects.len();
            let Some(one) = naive.objects.get_mut(nth % count.max(1)) else { return };
            let value = number.map_or(Value::Null, Value::Int);
            let input = Input::default().attr("number", AttrInput::value(value));
            let id = one.0;
            let same = one.1 == number;
            *one = (id, number, same && one.2);
            world.change(|draft| draft.update(id, input));
        }
        Step::Reserve(_) | Step::Block(..) => {
            let (id, count) = match step {
                Step::Reserve(id) => (id, 1),
                Step::Block(id, count) => (id + 100, count),
                _ => return,
            };
            let taken = naive.taken();
            let last = naive.last;
            let fits = |first: &i64| {
                let mut row = all(*first, count).into_iter();
                row.all(|one| (FIRST..=last).contains(&one) && !taken.contains(&one))
            };
            let fresh = (FIRST..=last).find(fits);
            let want = if count == 1 { Want::Number } else { Want::Block { count, align: 1 } };
            let got = world.attempt(|draft| {
                draft.allocate(&PoolRequest::new(pool.to_string(), name(id), want.clone()))
            });
            let held = naive.named.get(&id).cloned();
            match (held, got) {
                (Some((numbers, None)), Ok(granted)) if numbers.len() == count as usize => {
                    assert!(granted.reused);
                    assert_eq!(granted.value, Value::Int(numbers[0]));
                }
                (Some((_, None)), Err(failure)) => {
                    assert_eq!(code(&failure), "identifier-conflict")
                }
                (before, Ok(granted)) => {
                    let first = granted.value.as_int().unwrap();
                    // What it had before if that is free, else the lowest.
                    let again = before.and_then(|(numbers, _)| numbers.first().copied());
                    let wanted = again.filter(fits).or(fresh);
                    assert_eq!(Some(first), wanted, "{step:?} {again:?}");
                    naive.named.remove(&id);
                    naive.drawn(&all(first, count));
                    naive.named.insert(id, (all(first, count), None));
                }
                (before, Err(failure)) => {
                    assert_eq!(code(&failure), "pool-exhausted", "{before:?}");
                    assert_eq!(fresh, None);
                }
            }
        }
        Step::Release(id) => {
            let object = world.draft().view.object(pool).unwrap().unwrap();
            let gone = world
                .attempt(|draft| draft.release_identifier(&object, &format!("id-{id}"), "a test"));
            match naive.named.get_mut(&id) {
                Some((_, until @ None)) => {
                    gone.unwrap();
                    *until = Some(naive.now + REST);
                }
                _ => assert_eq!(code(&gone.unwrap_err()), "unknown-identifier"),
            }
        }
        Step::Fail => {
            let mut draft = world.draft();
            if let Some(lowest) = naive.lowest() {
                let id = draft.create("TestVlan", None, draws(pool, None)).unwrap();
                assert_eq!(number_of(&draft, id), Some(lowest));
            }
        }
        Step::Back => {
            let Some(lowest) = naive.lowest() else { return };
            let id = world.change(|draft| {
                let attempt = draft.begin();
                let first = draft.create("TestVlan", None, draws(pool, None))?;
                assert_eq!(number_of(draft, first), Some(lowest));
                draft.end(attempt, Succeeded::No);
                let gone = draft.create("TestVlan", None, draws(pool, None))?;
                assert_eq!(number_of(draft, gone), Some(lowest));
                draft.delete(&[gone])?;
                draft.create("TestVlan", None, draws(pool, None))
            });
            // Given back within one draft, it rests as any other does: the next is another one.
            let got = number_of(&world.draft(), id).unwrap();
            naive.objects.push((id, Some(got), true));
            naive.drawn(&[got]);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Draw),
        1 => (0..=LAST + 1).prop_map(Step::Ask),
        1 => (0..=LAST + 1).prop_map(Step::Hand),
        3 => (0..20usize).prop_map(Step::Delete),
        1 => (0..20usize).prop_map(Step::Again),
        1 => (0..20usize, proptest::option::of(FIRST..=LAST)).prop_map(|(n, v)| Step::Set(n, v)),
        2 => (0..4u8).prop_map(Step::Reserve),
        2 => prop_oneof![0..4u8, 100..102u8].prop_map(Step::Release),
        1 => Just(Step::Fail),
        1 => Just(Step::Back),
        1 => (0..2u8, 2..4u32).prop_map(|(id, count)| Step::Block(id, count)),
    ]
}

fn free_numbers(world: &World, pool: ObjectId) -> BTreeSet<i64> {
    let gaps = world.free(pool).into_iter().flatten();
    gaps.flat_map(|(low, high)| low..=high).map(super::number::number_at).collect()
}

proptest! {
    #![proptest_config(crate::walks::walks(40))]

    #[test]
    fn whatever_happens_the_free_numbers_are_those_nobody_has(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let world = World::new();
        let pool = world.number_pool(FIRST, LAST, &[]);
        let mut naive = Naive { last: LAST, ..Naive::default() };
        for step in steps {
            play(&world, pool, &mut naive, step);
            naive.no_rest();
            prop_assert_eq!(free_numbers(&world, pool), naive.free());
        }
        prop_assert_eq!(world.database.check().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn prefixes_of_every_length_stay_apart_and_the_free_space_is_what_is_left(
        steps in proptest::collection::vec((0..4u8, 24..33u8, 0..64usize), 1..50),
    ) {
        let world = World::new();
        let pool = world.prefix_pool(&["10.0.0.0/25", "10.0.1.0/26"]);
        let mut made: Vec<(ObjectId, ipnet::Ipv4Net, bool)> = Vec::new();
        for (what, length, nth) in steps {
            match what {
                // Drawn: in no other, and the lowest aligned one that is free.
                0 | 1 => {
                    let want = Want::Prefix { length: Some(length), kind: None, member_type: None };
                    let request = PoolRequest::new(pool.to_string(), IdentifiedBy::Nothing, want);
                    let got = world.attempt(|draft| draft.allocate(&request));
                    let wanted = lowest(&made, length);
                    match (wanted, got) {
                        (Some(net), Ok(granted)) => {
                            prop_assert_eq!(&granted.value, &Value::Net(net.into()));
                            if !granted.is_parent {
                                made.push((granted.object.unwrap(), net, true));
                            } else {
                                made.push((ObjectId(0), net, true));
                            }
                        }
                        (None, Err(failure)) => prop_assert_eq!(code(&failure), "pool-exhausted"),
                        (wanted, got) => prop_assert!(false, "{:?} {:?}", wanted, got),
                    }
                }
                // By hand: wherever it likes, over others as well.
                2 => {
                    let parent: ipnet::Ipv4Net = "10.0.0.0/25".parse().unwrap();
                    let length = length.max(26);
                    let nets: Vec<_> = parent.subnets(length).unwrap().collect();
                    let net = nets[nth % nets.len()];
                    if made.iter().any(|(_, other, _)| *other == net) { continue }
                    let input = Input::default().attr("prefix", AttrInput::value(Value::Net(net.into())));
                    let id = world.change(|draft| draft.create("IpamPrefix", None, input));
                    made.push((id, net, false));
                }
                _ => {
                    let count = made.len();
                    if count == 0 { continue }
                    let (id, _, _) = made[nth % count];
                    if id == ObjectId(0) { continue }
                    made.remove(nth % count);
                    world.change(|draft| draft.delete(&[id]));
                }
            }
            let free: BTreeSet<u128> =
                world.free(pool).into_iter().flatten().flat_map(|(low, high)| low..=high).collect();
            let all = parents().into_iter().flat_map(|net| ends(net).0..=ends(net).1);
            let wanted: BTreeSet<u128> = all
                .filter(|at| made.iter().all(|(_, net, _)| !(ends(*net).0..=ends(*net).1).contains(at)))
                .collect();
            prop_assert_eq!(free, wanted);
        }
        prop_assert_eq!(world.database.check().unwrap(), Vec::<String>::new());
    }
}

fn parents() -> [ipnet::Ipv4Net; 2] {
    ["10.0.0.0/25".parse().unwrap(), "10.0.1.0/26".parse().unwrap()]
}

fn ends(net: ipnet::Ipv4Net) -> (u128, u128) {
    (u32::from(net.network()).into(), u32::from(net.broadcast()).into())
}

fn lowest(made: &[(ObjectId, ipnet::Ipv4Net, bool)], length: u8) -> Option<ipnet::Ipv4Net> {
    parents().into_iter().filter(|parent| parent.prefix_len() <= length).find_map(|parent| {
        parent.subnets(length).ok()?.find(|net| {
            made.iter().all(|(_, other, _)| !other.contains(net) && !net.contains(other))
        })
    })
}

#[test]
fn every_sequence_of_four_steps_over_a_pool_of_three() {
    let kinds = [
        Step::Draw,
        Step::Hand(2),
        Step::Delete(0),
        Step::Delete(1),
        Step::Reserve(0),
        Step::Release(0),
        Step::Ask(3),
    ];
    let length = 4u32;
    let mut world = World::new();
    for code in 0..kinds.len().pow(length) {
        if code % 60 == 59 {
            // What is gone leaves a trace that is read again; begin afresh now and then.
            world = World::new();
        }
        let pool = world.number_pool(FIRST, FIRST + 2, &[]);
        let mut naive = Naive { last: FIRST + 2, ..Naive::default() };
        let mut rest = code;
        for _ in 0..length {
            play(&world, pool, &mut naive, kinds[rest % kinds.len()]);
            naive.no_rest();
            rest /= kinds.len();
            assert_eq!(free_numbers(&world, pool), naive.free(), "sequence {code}");
        }
        let left: Vec<ObjectId> = naive.objects.iter().map(|(id, _, _)| *id).collect();
        world.change(|draft| {
            draft.delete(&left)?;
            let object = draft.view.object(pool)?.unwrap();
            draft.release_pool(&object)?;
            draft.delete(&[pool])
        });
    }
}

#[test]
fn what_was_given_back_rests_and_goes_to_whoever_had_it() {
    let world = World::new();
    let rest = Value::Int(REST / 1_000_000);
    let pool = world.number_pool(FIRST, LAST, &[("quarantine", rest)]);
    let mut naive = Naive { last: LAST, ..Naive::default() };
    let reserve = |naive: &mut Naive, id: u8| {
        play(&world, pool, naive, Step::Reserve(id));
        assert_eq!(free_numbers(&world, pool), naive.free());
        naive.named[&id].0[0]
    };
    assert_eq!([reserve(&mut naive, 0), reserve(&mut naive, 1)], [1, 2]);
    play(&world, pool, &mut naive, Step::Release(0));
    // It rests: another gets the next, and the one that had it gets it again.
    assert_eq!(reserve(&mut naive, 2), 3);
    assert!(!free_numbers(&world, pool).contains(&1));
    let again = PoolRequest::new(
        pool.to_string(),
        IdentifiedBy::Identifier("id-0".to_owned()),
        Want::Number,
    );
    let granted = world.change(|draft| draft.allocate(&again));
    assert_eq!((granted.value, granted.reused), (Value::Int(1), true));
    let object = world.draft().view.object(pool).unwrap().unwrap();
    world.change(|draft| draft.release_identifier(&object, "id-0", "moved away"));
    world.outside.now.store(REST + 1, Ordering::Relaxed);
    assert!(free_numbers(&world, pool).contains(&1), "rested");
    let other = PoolRequest::new(
        pool.to_string(),
        IdentifiedBy::Identifier("other".to_owned()),
        Want::Number,
    );
    assert_eq!(world.change(|draft| draft.allocate(&other)).value, Value::Int(1));
    // Whoever had it is forgotten now, and gets another.
    assert_eq!(world.change(|draft| draft.allocate(&again)).value, Value::Int(4));
    assert_eq!(world.database.check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_reservation_with_an_end_ends_and_one_set_aside_waits_for_its_identifier() {
    let world = World::new();
    let pool = world.number_pool(FIRST, LAST, &[]);
    let named = |name: &str| {
        let identifier = IdentifiedBy::Identifier(name.to_owned());
        PoolRequest::new(pool.to_string(), identifier, Want::Number)
    };
    let draw = |request: &PoolRequest| world.attempt(|draft| draft.allocate(request));
    let until = Some(Timestamp(1_767_225_600_000_000 + REST));
    let brief = draw(&PoolRequest { until, ..named("brief") }).unwrap();
    assert_eq!(brief.value, Value::Int(1));
    let aside = PoolRequest { set_aside: true, value: Some(Value::Int(5)), ..named("late") };
    draw(&aside).unwrap();
    assert_eq!(draw(&named("a")).unwrap().value, Value::Int(2));
    let asked = PoolRequest { value: Some(Value::Int(5)), ..named("b") };
    let refused = draw(&asked).unwrap_err();
    assert_eq!(code(&refused), "value-taken");
    assert!(refused.to_string().contains("it is set aside for `late`"), "{refused}");
    world.outside.now.store(REST + 1, Ordering::Relaxed);
    assert_eq!(draw(&named("c")).unwrap().value, Value::Int(1), "the end has come");
    let granted = draw(&named("late")).unwrap();
    assert_eq!((granted.value, granted.reused), (Value::Int(5), false));
    let past = draw(&PoolRequest { until, ..named("past") }).unwrap_err();
    assert_eq!(code(&past), "bad-expiry");
}

#[test]
fn every_order_of_giving_gives_each_number_once() {
    for (strategy, wanted) in [
        ("first-free", [1, 2, 3, 1]),
        ("sequential", [1, 2, 3, 4]),
        ("sparse", [0, 0, 0, 0]),
        ("random", [0, 0, 0, 0]),
    ] {
        let world = World::new();
        let pool =
            world.number_pool(FIRST, LAST, &[("strategy", Value::Text(strategy.to_owned()))]);
        let draw = |name: usize| {
            let identifier = IdentifiedBy::Identifier(format!("n{name}"));
            let request = PoolRequest::new(pool.to_string(), identifier, Want::Number);
            world.attempt(|draft| draft.allocate(&request)).map(|it| it.value.as_int().unwrap())
        };
        let mut got = vec![draw(0).unwrap(), draw(1).unwrap(), draw(2).unwrap()];
        let object = world.draft().view.object(pool).unwrap().unwrap();
        world.change(|draft| draft.release_identifier(&object, "n0", ""));
        let fourth = draw(3).unwrap();
        if wanted[0] > 0 {
            got.push(fourth);
            assert_eq!(got, wanted, "{strategy}");
        }
        // All of them, whatever the order, and then none.
        let mut all: BTreeSet<i64> = [got[1], got[2], fourth].into();
        for name in 4..13 {
            assert!(all.insert(draw(name).unwrap()), "{strategy}: twice");
        }
        assert_eq!(all, (FIRST..=LAST).collect(), "{strategy}");
        assert_eq!(code(&draw(99).unwrap_err()), "pool-exhausted");
        world.free(pool);
    }
}

#[test]
fn blocks_lie_in_a_row_and_begin_where_asked() {
    let world = World::new();
    let pool = world.number_pool(1, 40, &[]);
    let block = |name: &str, count: u32, align: u32| {
        let identifier = IdentifiedBy::Identifier(name.to_owned());
        let request = PoolRequest::new(pool.to_string(), identifier, Want::Block { count, align });
        world.attempt(|draft| draft.allocate(&request))
    };
    assert_eq!(block("a", 5, 1).unwrap().value, Value::Int(1));
    assert_eq!(block("b", 4, 10).unwrap().value, Value::Int(10));
    assert_eq!(block("c", 4, 1).unwrap().value, Value::Int(6));
    assert_eq!(block("c", 4, 1).unwrap().value, Value::Int(6), "the same again");
    assert_eq!(code(&block("c", 5, 1).unwrap_err()), "identifier-conflict");
    let refused = block("d", 30, 1).unwrap_err().to_string();
    assert!(refused.contains("the longest row is 27"), "{refused}");
    assert_eq!(code(&block("d", 0, 1).unwrap_err()), "bad-block");
    assert_eq!(code(&block("d", 1, 0).unwrap_err()), "bad-block");
    assert_eq!(code(&block("d", super::BLOCK_MAX + 1, 1).unwrap_err()), "bad-block");
    let object = world.draft().view.object(pool).unwrap().unwrap();
    world.change(|draft| draft.release_identifier(&object, "a", "no longer needed"));
    assert_eq!(free_numbers(&world, pool).into_iter().take(5).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(world.database.check().unwrap(), Vec::<String>::new());
}
