//! The reference: whole copies, and how two of them come together.

use std::collections::{BTreeMap, BTreeSet};

use model::ObjectId;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Thing,
    /// Of a thing, and gone with it.
    Part,
    /// A prefix.
    Net,
}

/// An object of the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) sort: Sort,
    /// Values as text, by name; what is not set is left out.
    pub(super) values: BTreeMap<String, String>,
    /// Of a part, the thing it is of.
    pub(super) boss: Option<ObjectId>,
    pub(super) friends: BTreeSet<ObjectId>,
}

/// A whole copy of what comes together; and what attributes there are beyond those of the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) things: BTreeMap<ObjectId, Thing>,
    pub(super) extras: BTreeSet<String>,
}

impl Copy {
    /// Takes an object away with every link to it, and its parts.
    pub(super) fn bury(&mut self, id: ObjectId) {
        let of_it = |thing: &Thing| thing.sort == Sort::Part && thing.boss == Some(id);
        let parts: Vec<ObjectId> =
            self.things.iter().filter(|(_, it)| of_it(it)).map(|(id, _)| *id).collect();
        for part in parts {
            self.bury(part);
        }
        self.things.remove(&id);
        for thing in self.things.values_mut() {
            thing.friends.remove(&id);
            thing.boss = thing.boss.filter(|boss| *boss != id);
        }
    }

    /// Attributes that are no longer declared have no values.
    pub(super) fn narrow(&mut self) {
        let extras = &self.extras;
        for thing in self.things.values_mut() {
            thing.values.retain(|name, _| !is_extra(name) || extras.contains(name));
        }
    }

    /// Every link there is: friends, and bosses.
    fn links(&self) -> BTreeSet<(bool, ObjectId, ObjectId)> {
        let mut all = BTreeSet::new();
        for (id, thing) in &self.things {
            all.extend(thing.friends.iter().map(|friend| (false, *id, *friend)));
            all.extend(thing.boss.map(|boss| (true, *id, boss)));
        }
        all
    }

    /// Two of one name, or one prefix twice.
    pub(super) fn has_twins(&self) -> bool {
        let names = self.things.values().map(|thing| &thing.values["name"]);
        names.collect::<BTreeSet<_>>().len() < self.things.len()
    }

    /// Parts whose thing is not there.
    fn has_orphans(&self) -> bool {
        self.things.values().any(|thing| thing.sort == Sort::Part && thing.boss.is_none())
    }

    /// The numbers that things have.
    pub(super) fn numbers(&self) -> BTreeSet<i64> {
        self.things.values().filter_map(number).collect()
    }

    /// The numbers of things that are not just like this in another copy.
    pub(super) fn numbers_beyond(&self, other: &Self) -> BTreeSet<i64> {
        let own = self.things.iter().filter(|(id, thing)| {
            other.things.get(*id).is_none_or(|there| there.values != thing.values)
        });
        own.filter_map(|(_, thing)| number(thing)).collect()
    }
}

fn number(thing: &Thing) -> Option<i64> {
    thing.values.get("vlan")?.parse().ok()
}

/// Attributes that come and go.
pub(super) fn is_extra(name: &str) -> bool {
    name.starts_with("extra")
}

/// What two sides come to.
#[derive(Debug, Default)]
pub(super) struct Together {
    pub(super) copy: Copy,
    /// Something stood in the way, and was not decided.
    pub(super) undecided: bool,
    /// A part is left without its thing. Whether that is refused or the part goes is the host's to say.
    pub(super) has_orphans: bool,
}

/// What comes together of a branch and main, as they were at the fork and as they are.
pub(super) fn together(base: &Copy, ours: &Copy, theirs: &Copy, keep: Option<bool>) -> Together {
    let mut merge = Merge { base, ours, theirs, keep, all: Together::default() };
    merge.all.copy = theirs.clone();
    let gone = merge.gone();
    let back = merge.back();
    merge.schema();
    merge.values(&back);
    merge.links_of(&back);
    merge.bosses(&back);
    merge.friends();
    let mut all = merge.all;
    // Each goes by itself: what was of it on main alone stays.
    for id in gone {
        all.copy.things.remove(&id);
        for thing in all.copy.things.values_mut() {
            thing.friends.remove(&id);
            thing.boss = thing.boss.filter(|boss| *boss != id);
        }
    }
    all.copy.narrow();
    all.has_orphans = all.copy.has_orphans();
    all
}

struct Merge<'a> {
    base: &'a Copy,
    ours: &'a Copy,
    theirs: &'a Copy,
    keep: Option<bool>,
    all: Together,
}

impl Merge<'_> {
    /// Whether the branch's side stands.
    fn decide(&mut self) -> bool {
        self.all.undecided |= self.keep.is_none();
        self.keep == Some(true)
    }

    /// What the branch deleted.
    fn gone(&mut self) -> BTreeSet<ObjectId> {
        let (was, main) = (self.base.links(), self.theirs.links());
        let (mut gone, mut kept) = (BTreeSet::new(), BTreeSet::new());
        for (id, before) in &self.base.things {
            let Some(now) = self.theirs.things.get(id) else { continue };
            if self.ours.things.contains_key(id) {
                continue;
            }
            let mut made = main.iter().filter(|link| !was.contains(link));
            let linked = made.any(|(_, a, b)| a == id || b == id);
            if (before.values == now.values && !linked) || self.decide() {
                gone.insert(*id);
            } else {
                kept.insert(*id);
            }
        }
        // What stays keeps its parts.
        for (id, thing) in &self.theirs.things {
            if thing.sort == Sort::Part && thing.boss.is_some_and(|boss| kept.contains(&boss)) {
                gone.remove(id);
            }
        }
        gone
    }

    /// What main deleted and the branch changed or linked, and which stands all the same.
    fn back(&mut self) -> BTreeSet<ObjectId> {
        let (was, mine) = (self.base.links(), self.ours.links());
        let mut back = BTreeSet::new();
        for (id, before) in &self.base.things {
            let Some(now) = self.ours.things.get(id) else { continue };
            if self.theirs.things.contains_key(id) {
                continue;
            }
            let mut made = mine.iter().filter(|link| !was.contains(link));
            let linked = made.any(|(_, a, b)| a == id || b == id);
            if (before.values != now.values || linked) && self.decide() {
                back.insert(*id);
            }
        }
        // What stands again has its parts again.
        for (id, thing) in &self.ours.things {
            let of_it = thing.boss.is_some_and(|boss| back.contains(&boss));
            if thing.sort == Sort::Part && of_it && !self.theirs.things.contains_key(id) {
                back.insert(*id);
            }
        }
        back
    }

    fn schema(&mut self) {
        let extras = &mut self.all.copy.extras;
        extras.extend(self.ours.extras.difference(&self.base.extras).cloned());
        extras.retain(|name| self.ours.extras.contains(name) || !self.base.extras.contains(name));
    }

    fn values(&mut self, back: &BTreeSet<ObjectId>) {
        for (id, now) in &self.ours.things {
            if !self.base.things.contains_key(id) || back.contains(id) {
                let alone = Thing { boss: None, friends: BTreeSet::new(), ..now.clone() };
                self.all.copy.things.insert(*id, alone);
                continue;
            }
            let Some(before) = self.base.things.get(id) else { continue };
            let Some(there) = self.theirs.things.get(id) else { continue };
            let names: BTreeSet<&String> =
                before.values.keys().chain(now.values.keys()).chain(there.values.keys()).collect();
            for name in names {
                if is_extra(name) && !self.all.copy.extras.contains(name) {
                    continue;
                }
                let [was, mine, main] = [before, now, there].map(|it| it.values.get(name));
                if mine == was || mine == main || (main != was && !self.decide()) {
                    continue;
                }
                let Some(merged) = self.all.copy.things.get_mut(id) else { continue };
                match mine {
                    Some(value) => merged.values.insert(name.clone(), value.clone()),
                    None => merged.values.remove(name),
                };
            }
        }
    }

    /// Links of what stands again.
    fn links_of(&mut self, back: &BTreeSet<ObjectId>) {
        let mine = self.ours.links();
        let things = &mut self.all.copy.things;
        for (is_boss, a, b) in mine {
            if !(back.contains(&a) || back.contains(&b))
                || !(things.contains_key(&a) && things.contains_key(&b))
            {
                continue;
            }
            let Some(thing) = things.get_mut(&a) else { continue };
            if !is_boss {
                thing.friends.insert(b);
            } else if thing.boss.is_none() {
                thing.boss = Some(b);
            }
        }
    }

    fn bosses(&mut self, back: &BTreeSet<ObjectId>) {
        for (id, now) in &self.ours.things {
            let before = self.base.things.get(id).and_then(|before| before.boss);
            let lost = |old: ObjectId| !self.ours.things.contains_key(&old);
            if now.boss == before || (now.boss.is_none() && before.is_some_and(lost)) {
                continue;
            }
            let Some(thing) = self.all.copy.things.get(id) else { continue };
            if now.boss.is_some_and(|boss| !self.all.copy.things.contains_key(&boss)) {
                continue;
            }
            let there = self.theirs.things.get(id).and_then(|there| there.boss);
            let there = if back.contains(id) { thing.boss } else { there };
            if there == now.boss || (there != before && !self.decide()) {
                continue;
            }
            if let Some(thing) = self.all.copy.things.get_mut(id) {
                thing.boss = now.boss;
            }
        }
    }

    fn friends(&mut self) {
        let (was, mine) = (self.base.links(), self.ours.links());
        let things = &mut self.all.copy.things;
        for (is_boss, a, b) in mine.symmetric_difference(&was) {
            let known = |id| self.ours.things.contains_key(id);
            if *is_boss || !known(a) || !known(b) || !things.contains_key(b) {
                continue;
            }
            let Some(thing) = things.get_mut(a) else { continue };
            if mine.contains(&(false, *a, *b)) {
                thing.friends.insert(*b);
            } else {
                thing.friends.remove(b);
            }
        }
    }
}
