//! What is done to branches.

use std::collections::{BTreeMap, BTreeSet};

use model::{IdSource, ObjectId, Timestamp, Value};
use proptest::prelude::*;

use super::World;
use super::reference::{Sort, Thing};
use crate::commit::Cause;
use crate::draft::{AttrInput, Draft, Input, PeerInput, RelInput};

/// What is done; the first number says on which line.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Create {
        line: usize,
        name: u8,
        boss: Option<usize>,
    },
    Part {
        line: usize,
        thing: usize,
        name: u8,
    },
    Net {
        line: usize,
        net: usize,
    },
    /// One of the attributes there are at the start.
    Set {
        line: usize,
        thing: usize,
        which: usize,
        value: Option<u8>,
    },
    /// One of those that came.
    Extra {
        line: usize,
        thing: usize,
        which: usize,
        value: Option<u8>,
    },
    Rename {
        line: usize,
        thing: usize,
        name: u8,
    },
    Boss {
        line: usize,
        thing: usize,
        boss: Option<usize>,
    },
    Friend {
        line: usize,
        thing: usize,
        friend: usize,
    },
    Unfriend {
        line: usize,
        thing: usize,
        friend: usize,
    },
    Delete {
        line: usize,
        thing: usize,
    },
    /// An object that all lines share or one has alone comes, changes or goes.
    Plain {
        line: usize,
        is_shared: bool,
        which: usize,
        value: Option<u8>,
    },
    /// An attribute comes.
    Widen {
        line: usize,
    },
    /// An attribute goes.
    Narrow {
        line: usize,
        which: usize,
    },
    Fork,
    Merge {
        line: usize,
        keep: Option<bool>,
    },
    Rebase {
        line: usize,
        keep: Option<bool>,
    },
    End {
        line: usize,
    },
    Reopen,
    /// The next change meets a failing disk.
    Crash {
        operations: usize,
        kept: u64,
    },
}

const NETS: [&str; 6] =
    ["10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.128/25", "10.2.0.0/16", "10.0.0.0/7"];

/// Any of them.
pub(super) fn steps() -> impl Strategy<Value = Step> {
    let keep = prop_oneof![Just(None), any::<bool>().prop_map(Some)];
    prop_oneof![
        60 => changes(0..9),
        4 => Just(Step::Fork),
        4 => (1usize..9, keep.clone()).prop_map(|(line, keep)| Step::Merge { line, keep }),
        5 => (1usize..9, keep).prop_map(|(line, keep)| Step::Rebase { line, keep }),
        2 => (1usize..9).prop_map(|line| Step::End { line }),
        1 => Just(Step::Reopen),
        5 => (0usize..60, any::<u64>()).prop_map(|(operations, kept)| Step::Crash { operations, kept }),
    ]
}

/// Those that change what is on one of these lines.
pub(super) fn changes(lines: std::ops::Range<usize>) -> impl Strategy<Value = Step> {
    // Few things, and mostly few lines, so that the same is changed on several of them.
    let few = lines.start..lines.end.min(lines.start + 3);
    let line = prop_oneof![3 => few, 1 => lines].boxed();
    let thing = 0usize..8;
    let one = (line.clone(), thing.clone());
    let value = proptest::option::of(0u8..3);
    prop_oneof![
        4 => (line.clone(), 0u8..40, proptest::option::of(thing.clone()))
            .prop_map(|(line, name, boss)| Step::Create { line, name, boss }),
        4 => (one.clone(), 0u8..60).prop_map(|((line, thing), name)| Step::Part { line, thing, name }),
        4 => (line.clone(), 0..NETS.len()).prop_map(|(line, net)| Step::Net { line, net }),
        12 => (one.clone(), 0usize..3, value.clone())
            .prop_map(|((line, thing), which, value)| Step::Set { line, thing, which, value }),
        4 => (one.clone(), 0usize..3, value.clone())
            .prop_map(|((line, thing), which, value)| Step::Extra { line, thing, which, value }),
        3 => (one.clone(), 0u8..40).prop_map(|((line, thing), name)| Step::Rename { line, thing, name }),
        8 => (one.clone(), proptest::option::weighted(0.8, thing.clone()))
            .prop_map(|((line, thing), boss)| Step::Boss { line, thing, boss }),
        7 => (one.clone(), thing.clone())
            .prop_map(|((line, thing), friend)| Step::Friend { line, thing, friend }),
        4 => (one.clone(), thing)
            .prop_map(|((line, thing), friend)| Step::Unfriend { line, thing, friend }),
        7 => one.prop_map(|(line, thing)| Step::Delete { line, thing }),
        4 => (line.clone(), any::<bool>(), 0usize..4, value)
            .prop_map(|(line, is_shared, which, value)| Step::Plain { line, is_shared, which, value }),
        2 => line.clone().prop_map(|line| Step::Widen { line }),
        1 => (line, 0usize..3).prop_map(|(line, which)| Step::Narrow { line, which }),
    ]
}

fn text(value: Option<u8>) -> Option<String> {
    value.map(|value| format!("v{value}"))
}

fn input(name: &str, value: Option<&str>) -> Input {
    let value = match value {
        None => Value::Null,
        Some(value) => value.parse().map_or_else(|_bad| Value::from(value), Value::Int),
    };
    Input::default().attr(name, AttrInput::value(value))
}

impl World {
    /// An object of a line by number.
    fn place(&self, line: usize, thing: usize) -> Option<(String, ObjectId, Sort)> {
        let line = self.pick(line)?;
        let things = &self.copy(&line).things;
        let (id, thing) = things.iter().nth(thing % things.len().max(1))?;
        let (id, sort) = (*id, thing.sort);
        Some((line, id, sort))
    }

    /// The same, if it is a thing.
    fn thing(&self, line: usize, thing: usize) -> Option<(String, ObjectId)> {
        let (line, id, sort) = self.place(line, thing)?;
        (sort == Sort::Thing).then_some((line, id))
    }

    pub(super) fn step(&mut self, step: &Step) {
        // What cannot be done here is left out.
        let _done = self.perform(step);
    }

    fn perform(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Create { line, name, boss } => {
                let boss = boss.and_then(|boss| self.thing(*line, boss)).map(|(_, boss)| boss);
                self.create(&self.pick(*line)?, Sort::Thing, &format!("n{name}"), boss);
            }
            Step::Part { line, thing, name } => {
                let (line, thing) = self.thing(*line, *thing)?;
                self.create(&line, Sort::Part, &format!("n{name}"), Some(thing));
            }
            Step::Net { line, net } => {
                self.create(&self.pick(*line)?, Sort::Net, NETS[*net], None);
            }
            Step::Set { line, thing, which, value } => {
                let (line, id, sort) = self.place(*line, *thing)?;
                let names = match sort {
                    Sort::Thing => ["color", "note", "size"].as_slice(),
                    Sort::Part => &["note"],
                    Sort::Net => return None,
                };
                let name = names[which % names.len()];
                let value = match name {
                    "size" => Some(value.map_or(4, i64::from).to_string()),
                    _ => text(*value),
                };
                self.set(&line, id, name, value);
            }
            Step::Extra { line, thing, which, value } => {
                let (line, id) = self.thing(*line, *thing)?;
                let extras = &self.copy(&line).extras;
                let name = extras.iter().nth(which % extras.len().max(1))?.clone();
                self.set(&line, id, &name, text(*value));
            }
            Step::Rename { line, thing, name } => {
                let (line, id, sort) = self.place(*line, *thing)?;
                if sort != Sort::Net {
                    self.set(&line, id, "name", Some(format!("n{name}")));
                }
            }
            Step::Boss { line, thing, boss } => {
                let boss = boss.and_then(|boss| self.thing(*line, boss)).map(|(_, boss)| boss);
                let (line, id) = self.thing(*line, *thing)?;
                let boss = boss.filter(|boss| *boss != id);
                let peers = boss.map(PeerInput::id).into_iter().collect();
                let input = Input::default().rel("boss", peers);
                self.update(&line, id, input, |thing| thing.boss = boss);
            }
            Step::Friend { line, thing, friend } => {
                let (_, friend) = self.thing(*line, *friend)?;
                let (line, id) = self.thing(*line, *thing)?;
                let input = Input::default().add("friends", vec![PeerInput::id(friend)]);
                self.update(&line, id, input, |thing| {
                    thing.friends.insert(friend);
                });
            }
            Step::Unfriend { line, thing, friend } => {
                let (_, friend) = self.thing(*line, *friend)?;
                let (line, id) = self.thing(*line, *thing)?;
                let mut input = Input::default();
                let gone = RelInput::Remove(vec![PeerInput::id(friend)]);
                input.rels.insert("friends".to_owned(), gone);
                self.update(&line, id, input, |thing| {
                    thing.friends.remove(&friend);
                });
            }
            Step::Delete { line, thing } => {
                let (line, id, _) = self.place(*line, *thing)?;
                let make = |draft: &mut Draft| draft.delete(&[id]).map(|_gone| ());
                self.change(&line, make, |copy| copy.bury(id));
            }
            Step::Plain { line, is_shared, which, value } => {
                self.plain(&self.pick(*line)?, *is_shared, *which, text(*value));
            }
            Step::Widen { line } => {
                let line = self.pick(*line)?;
                self.made += 1;
                let name = format!("extra_{}", self.made);
                self.declare(&line, &name, "optional: true", |extras| extras.insert(name.clone()));
            }
            Step::Narrow { line, which } => {
                let line = self.pick(*line)?;
                let extras = &self.copy(&line).extras;
                let name = extras.iter().nth(which % extras.len().max(1))?.clone();
                self.declare(&line, &name, "state: absent", |extras| extras.remove(&name));
            }
            Step::Fork => self.fork(),
            Step::Merge { line, keep } => self.bring(*line, *keep, true),
            Step::Rebase { line, keep } => self.bring(*line, *keep, false),
            Step::End { line } => self.end(*line),
            Step::Reopen => self.open(),
            Step::Crash { operations, kept } => self.crash = Some((*operations, *kept)),
        }
        Some(())
    }

    fn create(&mut self, line: &str, sort: Sort, name: &str, boss: Option<ObjectId>) {
        let id = self.outside.next_id(Timestamp(0));
        let mut values = BTreeMap::from([("name".to_owned(), name.to_owned())]);
        let peers: Vec<PeerInput> = boss.map(PeerInput::id).into_iter().collect();
        let (kind, input) = match sort {
            Sort::Thing => {
                values.insert("size".to_owned(), "1".to_owned());
                ("TestThing", input("name", Some(name)).rel("boss", peers))
            }
            Sort::Part => ("TestPart", input("name", Some(name)).rel("thing", peers)),
            Sort::Net => {
                let prefix = AttrInput::json(serde_json::json!(name));
                ("TestNet", Input::default().attr("prefix", prefix))
            }
        };
        let thing = Thing { sort, values, boss, friends: BTreeSet::new() };
        let (surely, perhaps) = self.numbers(line);
        let make = |draft: &mut Draft| draft.create(kind, Some(id), input).map(|_id| ());
        self.change(line, make, |copy| {
            copy.things.insert(id, thing);
        });
        if sort != Sort::Thing || !self.copy(line).things.contains_key(&id) {
            return;
        }
        // The number is the pool's to choose: the lowest that is surely free, or a lower one.
        let view = self.db().view(self.id(line)).unwrap();
        let number = view.object(id).unwrap().unwrap().value("vlan").as_int().unwrap();
        drop(view);
        let lowest = (1..).find(|number| !perhaps.contains(number)).unwrap();
        assert!(
            !surely.contains(&number) && number <= lowest,
            "{number} of {surely:?} {perhaps:?}"
        );
        let thing = self.copy_mut(line).things.get_mut(&id).unwrap();
        thing.values.insert("vlan".to_owned(), number.to_string());
    }

    fn update(&mut self, line: &str, id: ObjectId, input: Input, model: impl FnOnce(&mut Thing)) {
        let make = move |draft: &mut Draft| draft.update(id, input).map(|_outcome| ());
        self.change(line, make, |copy| model(copy.things.get_mut(&id).unwrap()));
    }

    fn set(&mut self, line: &str, id: ObjectId, name: &str, value: Option<String>) {
        self.update(line, id, input(name, value.as_deref()), |thing| {
            match value {
                Some(value) => thing.values.insert(name.to_owned(), value),
                None => thing.values.remove(name),
            };
        });
    }

    fn plain(&mut self, line: &str, is_shared: bool, which: usize, value: Option<String>) {
        let kind = if is_shared { "TestShared" } else { "TestLocal" };
        let known = self.plain_mut(line, is_shared);
        let id = known.keys().nth(which).copied();
        let new = self.outside.next_id(Timestamp(0));
        match (id, value) {
            (Some(id), Some(value)) => {
                let input = input("value", Some(&value));
                let make = |draft: &mut Draft| draft.update(id, input).map(|_outcome| ());
                self.change_plain(line, is_shared, make, |all| {
                    all.insert(id, value);
                });
            }
            (Some(id), None) => {
                let make = |draft: &mut Draft| draft.delete(&[id]).map(|_gone| ());
                self.change_plain(line, is_shared, make, |all| {
                    all.remove(&id);
                });
            }
            (None, Some(value)) => {
                let input = input("value", Some(&value));
                let make = |draft: &mut Draft| draft.create(kind, Some(new), input).map(|_id| ());
                self.change_plain(line, is_shared, make, |all| {
                    all.insert(new, value);
                });
            }
            (None, None) => {}
        }
    }

    fn declare(
        &mut self,
        line: &str,
        name: &str,
        what: &str,
        model: impl FnOnce(&mut BTreeSet<String>) -> bool,
    ) {
        let text = format!(
            "version: \"1.0\"\nnodes: [{{name: Thing, namespace: Test, attributes: \
             [{{name: {name}, kind: Text, {what}}}]}}]"
        );
        let documents = model::schema::Document::parse("more", &text).unwrap();
        let mut after = self.copy(line).clone();
        model(&mut after.extras);
        after.narrow();
        let (ended, is_there) = self.draft(line, Cause::Schema, |draft| {
            draft.load_schema(&documents).map(|_load| ()).map_err(|bad| panic!("{bad}"))
        });
        let frozen = self.is_frozen(line);
        match ended {
            super::Ended::Crashed => assert!(!is_there || !frozen),
            super::Ended::Refused(code) => {
                assert!(frozen && code == "BRANCH_ALREADY_MERGED", "{code}")
            }
            super::Ended::Done => assert!(!frozen && is_there),
        }
        if is_there {
            *self.copy_mut(line) = after;
        }
    }
}
