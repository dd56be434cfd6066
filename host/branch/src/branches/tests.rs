//! Branches against a reference that keeps a whole copy of every one: whatever is changed, forked,
//! merged, rebased, decided, deleted and opened again, each branch is what its copy says, now and at
//! every moment it was looked at, and the store holds together.

#![allow(
    clippy::too_many_lines,
    clippy::cognitive_complexity,
    reason = "a step by step comparison"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use model::{BranchId, Clock, IdSource, ObjectId, Seq, Timestamp, Value};
use proptest::prelude::*;
use store::Store;

use crate::branches::{Keep, Moment};
use crate::commit::{Author, Cause};
use crate::database::{Database, Environment};
use crate::draft::{AttrInput, Draft, Input, PeerInput, RelInput};
use crate::error::{BranchError, CommitFailure};
use crate::view::View;

#[derive(Debug, Default)]
struct Outside {
    now: AtomicI64,
    ids: AtomicU64,
}

impl Clock for Outside {
    fn now(&self) -> Timestamp {
        Timestamp(1_767_225_600_000_000 + self.now.fetch_add(1, Ordering::Relaxed))
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
  - name: Thing
    namespace: Test
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: color, kind: Text, optional: true}
      - {name: size, kind: Number, default_value: 1}
      - name: label
        kind: Text
        optional: true
        read_only: true
        computed_attribute: {kind: Jinja2, jinja2_template: "{{ name__value }}-{{ size__value }}"}
    relationships:
      - {name: boss, peer: TestThing, cardinality: one, optional: true, identifier: thing__boss, direction: outbound}
      - {name: reports, peer: TestThing, cardinality: many, optional: true, identifier: thing__boss, direction: inbound}
      - {name: friends, peer: TestThing, cardinality: many, optional: true, identifier: thing__friend, direction: outbound}
      - {name: friend_of, peer: TestThing, cardinality: many, optional: true, identifier: thing__friend, direction: inbound}
"#;
const KIND: &str = "TestThing";

/// An object of the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thing {
    name: String,
    color: Option<String>,
    size: i64,
    boss: Option<ObjectId>,
    friends: BTreeSet<ObjectId>,
}

/// A whole copy.
type Copy = BTreeMap<ObjectId, Thing>;

/// A branch of the reference.
#[derive(Debug, Clone)]
struct Line {
    fork: Copy,
    own: Copy,
    merged: bool,
    id: BranchId,
}

/// What is done.
#[derive(Debug, Clone)]
enum Step {
    Create { line: usize, name: u8, boss: Option<usize> },
    Color { line: usize, thing: usize, color: Option<u8> },
    Size { line: usize, thing: usize, size: i64 },
    Rename { line: usize, thing: usize, name: u8 },
    Boss { line: usize, thing: usize, boss: Option<usize> },
    Friend { line: usize, thing: usize, friend: usize },
    Part { line: usize, thing: usize, friend: usize },
    Delete { line: usize, thing: usize },
    Fork,
    Merge { line: usize, keep: Option<bool> },
    Rebase { line: usize, keep: Option<bool> },
    End { line: usize },
    Reopen,
}

fn steps() -> impl Strategy<Value = Step> {
    // Few branches and few things, so that the same is changed on several of them.
    let (line, thing) = (0usize..4, 0usize..6);
    let one = (line.clone(), thing.clone());
    let keep = prop_oneof![Just(None), any::<bool>().prop_map(Some)];
    prop_oneof![
        4 => (line, 0u8..40, proptest::option::of(thing.clone()))
            .prop_map(|(line, name, boss)| Step::Create { line, name, boss }),
        9 => (one.clone(), proptest::option::of(0u8..3))
            .prop_map(|((line, thing), color)| Step::Color { line, thing, color }),
        4 => (one.clone(), 1i64..4).prop_map(|((line, thing), size)| Step::Size { line, thing, size }),
        3 => (one.clone(), 0u8..40).prop_map(|((line, thing), name)| Step::Rename { line, thing, name }),
        9 => (one.clone(), proptest::option::weighted(0.8, thing.clone()))
            .prop_map(|((line, thing), boss)| Step::Boss { line, thing, boss }),
        8 => (one.clone(), thing.clone())
            .prop_map(|((line, thing), friend)| Step::Friend { line, thing, friend }),
        4 => (one.clone(), thing).prop_map(|((line, thing), friend)| Step::Part { line, thing, friend }),
        6 => one.prop_map(|(line, thing)| Step::Delete { line, thing }),
        4 => Just(Step::Fork),
        3 => (1usize..4, keep.clone()).prop_map(|(line, keep)| Step::Merge { line, keep }),
        5 => (1usize..4, keep).prop_map(|(line, keep)| Step::Rebase { line, keep }),
        2 => (1usize..4).prop_map(|line| Step::End { line }),
        1 => Just(Step::Reopen),
    ]
}

fn name(number: u8) -> String {
    format!("n{number}")
}

fn color(number: u8) -> String {
    format!("c{number}")
}

/// Takes an object away with every link to it.
fn bury(copy: &mut Copy, id: ObjectId) {
    copy.remove(&id);
    for thing in copy.values_mut() {
        thing.friends.remove(&id);
        thing.boss = thing.boss.filter(|boss| *boss != id);
    }
}

/// Every link there is: friends, and bosses.
fn links(copy: &Copy) -> BTreeSet<(bool, ObjectId, ObjectId)> {
    let mut all = BTreeSet::new();
    for (id, thing) in copy {
        all.extend(thing.friends.iter().map(|friend| (false, *id, *friend)));
        all.extend(thing.boss.map(|boss| (true, *id, boss)));
    }
    all
}

fn plain(thing: &Thing) -> (&str, &Option<String>, i64) {
    (&thing.name, &thing.color, thing.size)
}

/// What comes together, and whether anything undecided stood in the way.
fn together(base: &Copy, ours: &Copy, theirs: &Copy, keep: Option<bool>) -> (Copy, bool) {
    let mut result = theirs.clone();
    let mut undecided = false;
    // Whether the branch's side stands.
    let mut decide = || {
        undecided |= keep.is_none();
        keep == Some(true)
    };
    let (was, mine, main) = (links(base), links(ours), links(theirs));
    let at = |all: &BTreeSet<(bool, ObjectId, ObjectId)>, id: ObjectId| -> Vec<_> {
        all.iter().filter(|(_, a, b)| *a == id || *b == id).copied().collect()
    };
    // What the branch deleted.
    let mut gone = BTreeSet::new();
    for (id, before) in base.iter().filter(|(id, _)| !ours.contains_key(id)) {
        let Some(now) = theirs.get(id) else { continue };
        let made = at(&main, *id).into_iter().any(|link| !was.contains(&link));
        if (plain(before) == plain(now) && !made) || decide() {
            gone.insert(*id);
        }
    }
    // What main deleted and the branch changed or linked.
    let mut back = BTreeSet::new();
    for (id, before) in base.iter().filter(|(id, _)| !theirs.contains_key(id)) {
        let Some(now) = ours.get(id) else { continue };
        let made = mine.iter().filter(|link| !was.contains(link));
        let mut linked = made.filter(|(_, a, b)| a == id || b == id);
        if (plain(before) != plain(now) || linked.next().is_some()) && decide() {
            back.insert(*id);
        }
    }
    for (id, now) in ours {
        if !base.contains_key(id) || back.contains(id) {
            let alone = Thing { boss: None, friends: BTreeSet::new(), ..now.clone() };
            result.insert(*id, alone);
            continue;
        }
        let Some(before) = base.get(id) else { continue };
        let Some(there) = theirs.get(id) else { continue };
        let Some(merged) = result.get_mut(id) else { continue };
        macro_rules! weigh {
            ($field:ident) => {
                if now.$field != before.$field {
                    let clash = there.$field != before.$field && there.$field != now.$field;
                    if !clash || decide() {
                        merged.$field = now.$field.clone();
                    }
                }
            };
        }
        weigh!(name);
        weigh!(color);
        weigh!(size);
    }
    // Links of what stands again.
    for id in &back {
        for (is_boss, a, b) in at(&mine, *id) {
            if !(result.contains_key(&a) && result.contains_key(&b)) {
                continue;
            }
            let thing = result.get_mut(&a).unwrap();
            if !is_boss {
                thing.friends.insert(b);
            } else if thing.boss.is_none() {
                thing.boss = Some(b);
            }
        }
    }
    // Bosses.
    for (id, now) in ours {
        let before = base.get(id).and_then(|before| before.boss);
        if now.boss == before
            || (now.boss.is_none() && before.is_some_and(|old| !ours.contains_key(&old)))
        {
            continue;
        }
        let Some(thing) = result.get(id) else { continue };
        if now.boss.is_some_and(|boss| !result.contains_key(&boss)) {
            continue;
        }
        let there = theirs.get(id).and_then(|there| there.boss);
        let there = if back.contains(id) { thing.boss } else { there };
        if there == now.boss {
            continue;
        }
        if there == before || decide() {
            result.get_mut(id).unwrap().boss = now.boss;
        }
    }
    // Friends.
    for (is_boss, a, b) in mine.symmetric_difference(&was) {
        if *is_boss || !ours.contains_key(a) || !ours.contains_key(b) {
            continue;
        }
        if !(result.contains_key(a) && result.contains_key(b)) {
            continue;
        }
        let thing = result.get_mut(a).unwrap();
        if mine.contains(&(false, *a, *b)) {
            thing.friends.insert(*b);
        } else {
            thing.friends.remove(b);
        }
    }
    for id in gone {
        bury(&mut result, id);
    }
    (result, undecided)
}

fn has_twins(copy: &Copy) -> bool {
    let names: BTreeSet<&String> = copy.values().map(|thing| &thing.name).collect();
    names.len() < copy.len()
}

/// A database in a folder, with its reference.
struct World {
    folder: tempfile::TempDir,
    outside: Arc<Outside>,
    database: Option<Database>,
    main: Copy,
    lines: BTreeMap<String, Line>,
    made: usize,
    /// What each branch was at a moment.
    moments: Vec<(String, BranchId, Seq, Copy)>,
}

fn author() -> Author {
    Author(ObjectId::SYSTEM)
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            folder: tempfile::tempdir().unwrap(),
            outside: Arc::default(),
            database: None,
            main: Copy::new(),
            lines: BTreeMap::new(),
            made: 0,
            moments: Vec::new(),
        };
        world.open();
        let mut draft = world.db().draft(BranchId::MAIN, author()).unwrap();
        let documents = model::schema::Document::parse("test", SCHEMA).unwrap();
        draft.load_schema(&documents).unwrap();
        world.db().commit(draft, Cause::Schema).unwrap();
        for name in 0..5 {
            let boss = usize::from(name).checked_sub(1);
            world.step(&Step::Create { line: 0, name, boss });
        }
        world.step(&Step::Fork);
        world.step(&Step::Fork);
        world
    }

    fn open(&mut self) {
        self.database = None;
        let path: PathBuf = self.folder.path().join("store");
        let environment = Environment { clock: self.outside.clone(), ids: self.outside.clone() };
        let store = Store::open(&path, store::Options::default()).unwrap();
        self.database = Some(Database::open(store, environment).unwrap());
    }

    fn db(&self) -> &Database {
        self.database.as_ref().unwrap()
    }

    /// The name of a line by number: main, then the branches there are.
    fn pick(&self, line: usize) -> Option<String> {
        if line == 0 {
            return Some("main".to_owned());
        }
        self.lines.keys().nth((line - 1) % self.lines.len().max(1)).cloned()
    }

    fn copy(&self, line: &str) -> &Copy {
        self.lines.get(line).map_or(&self.main, |line| &line.own)
    }

    fn id(&self, line: &str) -> BranchId {
        self.lines.get(line).map_or(BranchId::MAIN, |line| line.id)
    }

    fn thing(&self, line: &str, number: usize) -> Option<ObjectId> {
        let copy = self.copy(line);
        copy.keys().nth(number % copy.len().max(1)).copied()
    }

    /// A change of one line, accepted or refused as the reference says.
    fn change(
        &mut self,
        line: &str,
        make: impl Fn(&mut Draft) -> Result<(), BranchError>,
        model: impl FnOnce(&mut Copy),
    ) {
        let mut after = self.copy(line).clone();
        model(&mut after);
        let mut draft = self.db().draft(self.id(line), author()).unwrap();
        let done = make(&mut draft)
            .map_err(CommitFailure::from)
            .and_then(|()| self.db().commit(draft, Cause::Objects).map(|_| ()));
        let frozen = self.lines.get(line).is_some_and(|line| line.merged);
        if after == *self.copy(line) && done.is_ok() {
            return;
        }
        let expected = match (has_twins(&after), frozen) {
            (true, _) => Err("not-unique"),
            (false, true) => Err("BRANCH_ALREADY_MERGED"),
            (false, false) => Ok(()),
        };
        let code = |failure: CommitFailure| match failure {
            CommitFailure::Refused(error) => error.code(),
            other => panic!("{other}"),
        };
        assert_eq!(done.map_err(code), expected);
        if expected.is_ok() {
            match self.lines.get_mut(line) {
                Some(line) => line.own = after,
                None => self.main = after,
            }
        }
    }

    fn set(&mut self, line: &str, id: ObjectId, input: Input, model: impl FnOnce(&mut Thing)) {
        let make = move |draft: &mut Draft| draft.update(id, input.clone()).map(|_outcome| ());
        self.change(line, make, |copy| model(copy.get_mut(&id).unwrap()));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Create { line, name: number, boss } => {
                let Some(line) = self.pick(*line) else { return };
                let id = self.outside.next_id(Timestamp(0));
                let boss = boss.and_then(|boss| self.thing(&line, boss));
                let mut input =
                    Input::default().attr("name", AttrInput::value(name(*number).as_str()));
                if let Some(boss) = boss {
                    input = input.rel("boss", vec![PeerInput::id(boss)]);
                }
                let make =
                    |draft: &mut Draft| draft.create(KIND, Some(id), input.clone()).map(|_id| ());
                let (name, friends) = (name(*number), BTreeSet::new());
                let thing = Thing { name, color: None, size: 1, boss, friends };
                self.change(&line, make, |copy| {
                    copy.insert(id, thing);
                });
            }
            Step::Color { line, thing, color: number } => {
                let Some((line, id)) = self.place(*line, *thing) else { return };
                let color = number.map(color);
                let value = color.as_deref().map_or(Value::Null, Value::from);
                let input = Input::default().attr("color", AttrInput::value(value));
                self.set(&line, id, input, |thing| thing.color = color);
            }
            Step::Size { line, thing, size } => {
                let Some((line, id)) = self.place(*line, *thing) else { return };
                let input = Input::default().attr("size", AttrInput::value(Value::Int(*size)));
                self.set(&line, id, input, |thing| thing.size = *size);
            }
            Step::Rename { line, thing, name: number } => {
                let Some((line, id)) = self.place(*line, *thing) else { return };
                let new = name(*number);
                let input = Input::default().attr("name", AttrInput::value(new.as_str()));
                self.set(&line, id, input, |thing| thing.name = new);
            }
            Step::Boss { line, thing, boss } => {
                let Some((line, id)) = self.place(*line, *thing) else { return };
                let boss = boss.and_then(|boss| self.thing(&line, boss)).filter(|boss| *boss != id);
                let peers = boss.map(PeerInput::id).into_iter().collect();
                let input = Input::default().rel("boss", peers);
                self.set(&line, id, input, |thing| thing.boss = boss);
            }
            Step::Friend { line, thing, friend } => {
                let Some((line, id)) = self.place(*line, *thing) else { return };
                let friend = self.thing(&line, *friend).unwrap();
                let input = Input::default().add("friends", vec![PeerInput::id(friend)]);
                self.set(&line, id, input, |thing| {
                    thing.friends.insert(friend);
                });
            }
            Step::Part { line, thing, friend } => {
                let Some((line, id)) = self.place(*line, *thing) else { return };
                let friend = self.thing(&line, *friend).unwrap();
                let mut input = Input::default();
                let gone = RelInput::Remove(vec![PeerInput::id(friend)]);
                input.rels.insert("friends".to_owned(), gone);
                self.set(&line, id, input, |thing| {
                    thing.friends.remove(&friend);
                });
            }
            Step::Delete { line, thing } => {
                let Some((line, id)) = self.place(*line, *thing) else { return };
                let make = |draft: &mut Draft| draft.delete(&[id]).map(|_gone| ());
                self.change(&line, make, |copy| bury(copy, id));
            }
            Step::Fork => {
                if self.lines.len() < 8 {
                    self.made += 1;
                    let name = format!("b{}", self.made);
                    let id = self.db().branch_create(&name, "", author()).unwrap().id;
                    let (fork, own) = (self.main.clone(), self.main.clone());
                    self.lines.insert(name, Line { fork, own, merged: false, id });
                }
            }
            Step::Merge { line, keep } => self.bring(*line, *keep, true),
            Step::Rebase { line, keep } => self.bring(*line, *keep, false),
            Step::End { line } => {
                if let Some(name) = self.pick(*line).filter(|_| !self.lines.is_empty()) {
                    self.db().branch_delete(&name, author()).unwrap();
                    self.lines.remove(&name);
                    self.moments.retain(|(of, ..)| *of != name);
                }
            }
            Step::Reopen => self.open(),
        }
    }

    fn place(&self, line: usize, thing: usize) -> Option<(String, ObjectId)> {
        let line = self.pick(line)?;
        let id = self.thing(&line, thing)?;
        Some((line, id))
    }

    /// A merge or a rebase, with the conflicts decided for one side.
    fn bring(&mut self, line: usize, keep: Option<bool>, merge: bool) {
        let Some(name) = self.pick(line).filter(|_| !self.lines.is_empty()) else { return };
        let before = self.lines[&name].clone();
        if let Some(keep) = keep.filter(|_| !before.merged) {
            let keep = if keep { Keep::Branch } else { Keep::Main };
            // One that is decided may bring others to light.
            for _round in 0..4 {
                for conflict in self.db().branch_conflicts(&name).unwrap() {
                    if conflict.is_resolvable && conflict.is_open() {
                        self.db().branch_resolve(conflict.id, Some(keep), author()).unwrap();
                    }
                }
            }
        }
        let (result, undecided) = together(&before.fork, &before.own, &self.main, keep);
        let expected = match (before.merged, undecided || has_twins(&result)) {
            (true, _) => Err("BRANCH_ALREADY_MERGED"),
            (false, true) => Err("branch-conflicts"),
            (false, false) => Ok(()),
        };
        let done = match merge {
            true => self.db().branch_merge(&name, author()).map(|_merged| ()),
            false => self.db().branch_rebase(&name, author()).map(|_info| ()),
        };
        let code = |failure: CommitFailure| match failure {
            CommitFailure::Refused(error) => error.code(),
            other => panic!("{other}"),
        };
        assert_eq!(done.map_err(code), expected, "{name} merge: {merge} keep: {keep:?}");
        if expected.is_err() {
            return;
        }
        let line = self.lines.get_mut(&name).unwrap();
        if merge {
            line.merged = true;
            self.main = result;
        } else {
            line.fork = self.main.clone();
            line.own = result;
        }
    }

    fn compare(&mut self) {
        let findings = self.db().check().unwrap();
        assert!(findings.is_empty(), "{findings:#?}");
        let names: Vec<String> =
            std::iter::once("main".to_owned()).chain(self.lines.keys().cloned()).collect();
        let seq = self.db().last_seq();
        for name in names {
            let view = self.db().view(self.id(&name)).unwrap();
            let copy = read(&view);
            assert_eq!(&copy, self.copy(&name), "{name}");
            drop(view);
            self.moments.push((name.clone(), self.id(&name), seq, copy));
        }
    }

    fn remember(&self) {
        for (name, id, seq, copy) in &self.moments {
            let view = self.db().view_at(*id, Moment::Commit(*seq)).unwrap();
            assert_eq!(&read(&view), copy, "{name} at {seq}");
        }
    }
}

fn read(view: &View) -> Copy {
    let kind = view.kind(KIND).unwrap().clone();
    let peers = |id, name: &str| -> BTreeSet<ObjectId> {
        let rel = kind.relationship(name).unwrap();
        view.peers(id, rel).unwrap().into_iter().map(|edge| edge.peer).collect()
    };
    let mut copy = Copy::new();
    for object in view.objects(&kind).unwrap() {
        let object = object.unwrap();
        let id = object.id();
        let thing = Thing {
            name: object.value("name").to_string(),
            color: object.value("color").as_text().map(str::to_owned),
            size: object.value("size").as_int().unwrap(),
            boss: peers(id, "boss").into_iter().next(),
            friends: peers(id, "friends"),
        };
        let label = format!("{}-{}", thing.name, thing.size);
        assert_eq!(object.value("label"), Value::from(label.as_str()), "derived values follow");
        for friend in &thing.friends {
            assert!(peers(*friend, "friend_of").contains(&id), "both ends say the same");
        }
        copy.insert(id, thing);
    }
    copy
}

/// `PROPTEST_CASES` asks for more than a test run should take.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|asked| asked.parse().ok());
    asked.unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_branch_is_what_a_whole_copy_of_it_says(steps in proptest::collection::vec(steps(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.compare();
        }
        world.remember();
    }
}
