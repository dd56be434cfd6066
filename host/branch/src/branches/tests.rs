//! Branches against a reference that keeps a whole copy of every one: whatever is changed, declared, forked,
//! merged, rebased, decided and deleted, wherever the disk fails in the middle of it, each branch is what its
//! copy says, now and at every moment it was looked at, and the store holds together.
//!
//! There are things with a single and a many relationship, parts that go with their thing, a name that is
//! unique over both, prefixes, a number drawn from a pool, a value that is computed, attributes that come and
//! go, objects that all branches share and objects that each has alone.

#![allow(
    clippy::too_many_lines,
    clippy::cognitive_complexity,
    reason = "a step by step comparison"
)]

mod laws;
mod reading;
mod reference;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use model::{BranchId, Clock, IdSource, ObjectId, Seq, Timestamp};
use proptest::prelude::*;
use store::disk::Disk;

use self::reading::{Whole, draws_are_right, read};
use self::reference::{Copy, together};
use self::step::{Step, steps};
use crate::branches::{BranchStatus, Keep, Moment};
use crate::commit::{Author, Cause};
use crate::database::{Database, Environment};
use crate::draft::Draft;
use crate::error::{BranchError, CommitFailure};
use crate::walks::walks;

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
generics:
  - name: Named
    namespace: Test
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: note, kind: Text, optional: true}
nodes:
  - name: Thing
    namespace: Test
    inherit_from: [TestNamed]
    attributes:
      - {name: color, kind: Text, optional: true}
      - {name: size, kind: Number, default_value: 1}
      - {name: vlan, kind: NumberPool, read_only: true, optional: true, parameters: {start_range: 1, end_range: 500}}
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
      - {name: parts, peer: TestPart, kind: Component, cardinality: many, optional: true}
  - name: Part
    namespace: Test
    inherit_from: [TestNamed]
    relationships:
      - {name: thing, peer: TestThing, kind: Parent, cardinality: one, optional: false}
  - {name: Net, namespace: Test, inherit_from: [BuiltinIPPrefix]}
  - name: Shared
    namespace: Test
    branch: agnostic
    attributes: [{name: value, kind: Text}]
  - name: Local
    namespace: Test
    branch: local
    attributes: [{name: value, kind: Text}]
"#;
/// Branches at a time.
const BRANCHES_AT_ONCE: usize = 8;

/// Objects of which only a value is of interest.
type Plain = BTreeMap<ObjectId, String>;

/// A branch of the reference.
#[derive(Debug, Clone)]
struct Line {
    fork: Copy,
    own: Copy,
    local: Plain,
    merged: bool,
    id: BranchId,
}

/// How something ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Done,
    Refused(&'static str),
    /// The disk failed; whether it was done before that is to be looked at.
    Crashed,
}

/// A database on a disk that fails when told, with its reference.
struct World {
    disk: Disk,
    outside: Arc<Outside>,
    database: Option<Database>,
    main: Copy,
    shared: Plain,
    local: Plain,
    lines: BTreeMap<String, Line>,
    made: usize,
    /// The next change meets a disk that fails after so many operations, and keeps these of what it lost.
    crash: Option<(usize, u64)>,
    /// What each branch was at a moment.
    moments: Vec<(String, BranchId, Seq, Whole)>,
}

fn author() -> Author {
    Author(ObjectId::SYSTEM)
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            disk: Disk::new(),
            outside: Arc::default(),
            database: None,
            main: Copy::default(),
            shared: Plain::new(),
            local: Plain::new(),
            lines: BTreeMap::new(),
            made: 0,
            crash: None,
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
        world.step(&Step::Part { line: 0, thing: 0, name: 40 });
        world.step(&Step::Net { line: 0, net: 0 });
        world.step(&Step::Fork);
        world.step(&Step::Fork);
        world
    }

    fn open(&mut self) {
        self.database = None;
        let environment = Environment { clock: self.outside.clone(), ids: self.outside.clone() };
        let options = store::Options { cache_bytes: 1 << 20, ..store::Options::default() };
        let store = self.disk.open(options).unwrap();
        self.database = Some(Database::open(store, environment).unwrap());
    }

    fn db(&self) -> &Database {
        self.database.as_ref().unwrap()
    }

    /// Does something, on a disk that fails in the middle of it where that was asked for.
    fn attempt<T>(&mut self, act: impl FnOnce(&Database) -> Result<T, CommitFailure>) -> Ended {
        let crash = self.crash.take();
        if let Some((operations, _)) = crash {
            self.disk.fail_after(operations);
        }
        let ended = match act(self.db()) {
            Ok(_) => Ended::Done,
            Err(CommitFailure::Refused(error)) if error.code() != "internal" => {
                Ended::Refused(error.code())
            }
            Err(_failed) if crash.is_some() => Ended::Crashed,
            Err(failed) => panic!("{failed}"),
        };
        let Some((_, kept)) = crash else { return ended };
        // Nothing reaches the disk any more, a clean end included.
        self.disk.fail_after(0);
        self.database = None;
        self.disk.crash(|place| kept >> (place % 64) & 1 == 1);
        self.open();
        ended
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

    fn copy_mut(&mut self, line: &str) -> &mut Copy {
        match self.lines.get_mut(line) {
            Some(line) => &mut line.own,
            None => &mut self.main,
        }
    }

    fn plain_mut(&mut self, line: &str, is_shared: bool) -> &mut Plain {
        match self.lines.get_mut(line) {
            _ if is_shared => &mut self.shared,
            Some(line) => &mut line.local,
            None => &mut self.local,
        }
    }

    fn id(&self, line: &str) -> BranchId {
        self.lines.get(line).map_or(BranchId::MAIN, |line| line.id)
    }

    fn is_frozen(&self, line: &str) -> bool {
        self.lines.get(line).is_some_and(|line| line.merged)
    }

    /// A draft of one line, committed. Whether it is there now.
    fn draft(
        &mut self,
        line: &str,
        cause: Cause,
        make: impl FnOnce(&mut Draft) -> Result<(), BranchError>,
    ) -> (Ended, bool) {
        let before = self.db().last_seq();
        let branch = self.id(line);
        let ended = self.attempt(|database| {
            let mut draft = database.draft(branch, author())?;
            make(&mut draft)?;
            database.commit(draft, cause).map(|_committed| ())
        });
        (ended, self.db().last_seq() > before)
    }

    /// A change of one line, accepted or refused as the reference says.
    fn change(
        &mut self,
        line: &str,
        make: impl FnOnce(&mut Draft) -> Result<(), BranchError>,
        model: impl FnOnce(&mut Copy),
    ) {
        let mut after = self.copy(line).clone();
        model(&mut after);
        let is_news = after != *self.copy(line);
        let (ended, is_there) = self.draft(line, Cause::Objects, make);
        let expected = match (after.has_twins(), self.is_frozen(line)) {
            (true, _) => Ended::Refused("not-unique"),
            (false, true) => Ended::Refused("BRANCH_ALREADY_MERGED"),
            (false, false) => Ended::Done,
        };
        match ended {
            Ended::Done if !is_news => {}
            Ended::Crashed => assert!(!is_there || expected == Ended::Done),
            ended => assert_eq!(ended, expected, "{line}"),
        }
        if is_there {
            *self.copy_mut(line) = after;
        }
    }

    /// What all branches share, or one has alone.
    fn change_plain(
        &mut self,
        line: &str,
        is_shared: bool,
        make: impl FnOnce(&mut Draft) -> Result<(), BranchError>,
        model: impl FnOnce(&mut Plain),
    ) {
        let mut after = self.plain_mut(line, is_shared).clone();
        model(&mut after);
        let is_news = after != *self.plain_mut(line, is_shared);
        let (ended, is_there) = self.draft(line, Cause::Objects, make);
        let expected = match self.is_frozen(line) {
            true => Ended::Refused("BRANCH_ALREADY_MERGED"),
            false => Ended::Done,
        };
        match ended {
            Ended::Done if !is_news => {}
            Ended::Crashed => assert!(!is_there || expected == Ended::Done),
            ended => assert_eq!(ended, expected, "{line}"),
        }
        if is_there {
            *self.plain_mut(line, is_shared) = after;
        }
    }

    fn fork(&mut self) {
        if self.lines.len() >= BRANCHES_AT_ONCE {
            return;
        }
        self.made += 1;
        let name = format!("b{}", self.made);
        let ended = self.attempt(|database| database.branch_create(&name, "", author()));
        assert!(ended != Ended::Refused("branch-exists"), "{ended:?}");
        if let Ok(info) = self.db().branch_info(&name) {
            let (fork, own) = (self.main.clone(), self.main.clone());
            let line = Line { fork, own, local: Plain::new(), merged: false, id: info.id };
            self.lines.insert(name, line);
        } else {
            assert_eq!(ended, Ended::Crashed);
        }
    }

    fn end(&mut self, line: usize) {
        let Some(name) = self.pick(line).filter(|_| !self.lines.is_empty()) else { return };
        let ended = self.attempt(|database| database.branch_delete(&name, author()));
        if self.db().branch(&name).is_ok() {
            assert_eq!(ended, Ended::Crashed);
            return;
        }
        self.lines.remove(&name);
        self.moments.retain(|(of, ..)| *of != name);
    }

    /// Takes every decision back: what was decided holds on when what it was for is refused.
    fn undecide(&self, name: &str) {
        for conflict in self.db().branch_conflicts(name).unwrap() {
            if conflict.is_resolvable && !conflict.is_open() {
                self.db().branch_resolve(conflict.id, None, author()).unwrap();
            }
        }
    }

    fn decide(&self, name: &str, keep: bool) {
        let keep = if keep { Keep::Branch } else { Keep::Main };
        // One that is decided may bring others to light.
        for _round in 0..4 {
            for conflict in self.db().branch_conflicts(name).unwrap() {
                if conflict.is_resolvable && conflict.is_open() {
                    self.db().branch_resolve(conflict.id, Some(keep), author()).unwrap();
                }
            }
        }
    }

    /// A merge or a rebase, with the conflicts decided for one side.
    fn bring(&mut self, line: usize, keep: Option<bool>, merge: bool) {
        let Some(name) = self.pick(line).filter(|_| !self.lines.is_empty()) else { return };
        let before = self.lines[&name].clone();
        if let Some(keep) = keep.filter(|_| !before.merged) {
            self.decide(&name, keep);
        }
        let result = together(&before.fork, &before.own, &self.main, keep);
        let expected = match (before.merged, result.undecided || result.copy.has_twins()) {
            (true, _) => Ended::Refused("BRANCH_ALREADY_MERGED"),
            (false, true) => Ended::Refused("branch-conflicts"),
            (false, false) => Ended::Done,
        };
        let fork = self.db().branch_info(&name).unwrap().fork;
        let was = self.everything();
        let ended = self.attempt(|database| match merge {
            true => database.branch_merge(&name, author()).map(|_merged| ()),
            false => database.branch_rebase(&name, author()).map(|_info| ()),
        });
        let info = self.db().branch_info(&name).unwrap();
        let is_done = match merge {
            true => info.status == BranchStatus::Merged && !before.merged,
            false => info.fork != fork,
        };
        let told = format!("{name} merge: {merge} keep: {keep:?}");
        match ended {
            Ended::Crashed => assert!(!is_done || expected == Ended::Done, "{told}"),
            // A part without its thing: refused, or gone along.
            ended if result.has_orphans && expected == Ended::Done => {
                assert!(
                    ended == Ended::Done
                        || matches!(ended, Ended::Refused(code) if code != "internal"),
                    "{told}: {ended:?}"
                );
            }
            ended => assert_eq!(ended, expected, "{told}"),
        }
        if !is_done {
            assert!(self.everything() == was, "what is refused leaves no trace: {told}");
            if keep.is_some() && !before.merged {
                self.undecide(&name);
            }
            return;
        }
        let mut copy = result.copy;
        if result.has_orphans {
            copy = read(&self.db().view(if merge { BranchId::MAIN } else { before.id }).unwrap());
        }
        let line = self.lines.get_mut(&name).unwrap();
        if merge {
            line.merged = true;
            self.main = copy;
        } else {
            line.fork = self.main.clone();
            line.own = copy;
        }
    }

    /// Every line as the host has it.
    fn everything(&self) -> Vec<Whole> {
        let names = std::iter::once("main").chain(self.lines.keys().map(String::as_str));
        names.map(|name| Whole::of(&self.db().view(self.id(name)).unwrap())).collect()
    }

    fn compare(&mut self) {
        let findings = self.db().check().unwrap();
        assert!(findings.is_empty(), "{findings:#?}");
        let names: Vec<String> =
            std::iter::once("main".to_owned()).chain(self.lines.keys().cloned()).collect();
        let seq = self.db().last_seq();
        for name in names {
            let whole = Whole::of(&self.db().view(self.id(&name)).unwrap());
            assert_eq!(&whole.copy, self.copy(&name), "{name}");
            assert_eq!(&whole.shared, &self.shared, "{name}");
            let local = self.lines.get(&name).map_or(&self.local, |line| &line.local);
            assert_eq!(&whole.local, local, "{name}");
            draws_are_right(self, &name);
            self.moments.push((name.clone(), self.id(&name), seq, whole));
        }
    }

    /// The numbers that nobody may be given on a line; and all that anybody may have.
    fn numbers(&self, name: &str) -> (BTreeSet<i64>, BTreeSet<i64>) {
        let mut surely = self.main.numbers();
        surely.extend(self.copy(name).numbers());
        let mut perhaps = surely.clone();
        for line in self.lines.values().filter(|line| !line.merged) {
            surely.extend(line.own.numbers_beyond(&line.fork));
            perhaps.extend(line.own.numbers());
        }
        (surely, perhaps)
    }

    fn remember(&self) {
        for (name, id, seq, whole) in &self.moments {
            let view = self.db().view_at(*id, Moment::Commit(*seq)).unwrap();
            assert_eq!(&Whole::of(&view), whole, "{name} at {seq}");
        }
    }
}

proptest! {
    #![proptest_config(walks(8))]

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
