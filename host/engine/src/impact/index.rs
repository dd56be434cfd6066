//! Who looked at what: instances by the keys that their last runs on main read, so that finding whom a
//! change concerns costs what was changed, not how many instances there are.
//!
//! Kept in memory, built when it is first asked for from what is stored with each instance, and brought
//! forward by the commit log: runs pay nothing for it. Nothing here is the truth: what it finds is asked
//! again (`Impact::decide`), so it may find too many and never too few.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use branch::{BranchError, Cause, LogEntry, RunInput, Seen, Touched, View};
use model::{ObjectId, Seq};

use crate::definition::Definition;
use crate::identity::instance_id;
use crate::instance;
use crate::limits::{IMPACT_COMMITS_MAX, IMPACT_NOTES_MAX};

/// Where something that was looked at is, as a hash: two that share one are both asked.
type Place = u64;

/// The index of an engine.
#[derive(Debug, Default)]
pub(crate) struct ReadIndex {
    known: Mutex<Option<Index>>,
}

/// Whom a change can concern, by definition: these targets at most; any where nothing is said.
pub(crate) type Concerned = BTreeMap<ObjectId, BTreeSet<ObjectId>>;

/// Main as of a commit.
#[derive(Debug)]
struct Index {
    at: Seq,
    /// From which commit on there are notes.
    began: Seq,
    notes: VecDeque<(Seq, Note)>,
    /// What was read, with the instances that read it.
    places: HashMap<Place, BTreeSet<ObjectId>>,
    instances: HashMap<ObjectId, Entry>,
    /// Of which definition and target an instance is; targets that are in the group now.
    owners: HashMap<ObjectId, (ObjectId, ObjectId)>,
    definitions: BTreeMap<ObjectId, Known>,
}

/// What is known of an instance that ran.
#[derive(Debug)]
struct Entry {
    places: Box<[Place]>,
    component: [u8; 32],
}

/// What is known of a definition.
#[derive(Debug, Default)]
struct Known {
    group: Option<ObjectId>,
    /// Symbol of the identifier that links a group to its members.
    members: Option<u32>,
    targets: BTreeSet<ObjectId>,
    /// Targets whose instance never ran to an end, or failed.
    unsettled: BTreeSet<ObjectId>,
    components: BTreeMap<[u8; 32], BTreeSet<ObjectId>>,
}

/// What a commit changed that a branch which forked before it does not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    /// An instance ran, or ended.
    Instance(ObjectId),
    /// A target came to a group, or left it.
    Target { definition: ObjectId, target: ObjectId },
    /// A definition was made, changed or deleted.
    Definition(ObjectId),
    /// Anything may have been.
    Everything,
}

fn place(tag: u8, what: &impl std::hash::Hash) -> Place {
    let mut hasher = DefaultHasher::new();
    (tag, what).hash(&mut hasher);
    hasher.finish()
}

/// The places of what was looked at.
fn places_of(seen: &Seen, places: &mut BTreeSet<Place>) {
    places.extend(seen.objects.iter().map(|id| place(1, id)));
    places.extend(seen.existence.iter().map(|id| place(2, id)));
    places.extend(seen.links.iter().map(|link| place(3, link)));
    places.extend(seen.kinds.iter().map(|kind| place(4, kind)));
    for (low, high) in &seen.values {
        places.insert(match low.get(..8) {
            // All that begins like this: mostly one value.
            Some(_) if low.len() > 8 && *high == after(low) => place(5, &low.as_slice()),
            Some(attribute) if *high <= after(attribute) => place(6, &attribute),
            _ => place(7, &()),
        });
    }
}

/// The first key after all that begin with a prefix.
fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![u8::MAX; prefix.len() + 1]
}

/// The places of what was changed.
fn places_changed(touched: &Touched) -> BTreeSet<Place> {
    let mut places: BTreeSet<Place> = touched.values_of().map(|id| place(1, &id.0)).collect();
    places.extend(touched.existence().map(|id| place(2, &id.0)));
    places.extend(touched.links().map(|(id, rel)| place(3, &(id.0, rel.0))));
    places.extend(touched.kinds().map(|kind| place(4, &kind.0)));
    for key in touched.places() {
        places.insert(place(7, &()));
        places.extend(key.get(..8).map(|attribute| place(6, &attribute)));
        // Which of its beginnings somebody asked for is not told by the key.
        places.extend((9..=key.len()).filter_map(|end| key.get(..end)).map(|low| place(5, &low)));
    }
    places
}

impl ReadIndex {
    /// Whom of each definition's targets what was changed can concern, beside `view`: main, or a branch.
    ///
    /// Linear in what was changed, what ran on main since the fork and on the branch; the first time in all
    /// that ever ran.
    pub(crate) fn concerned(
        &self,
        view: &View,
        main: &View,
        touched: &Touched,
        held: impl Iterator<Item = ObjectId>,
    ) -> Result<Concerned, BranchError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let brought = match known.as_mut() {
            Some(index) => index.at >= main.seq() || index.bring(main)?,
            None => false,
        };
        if !brought {
            *known = Some(Index::build(main)?);
        }
        let Some(index) = known.as_mut() else { return Ok(BTreeMap::new()) };
        let fork = view.fork().unwrap_or_else(|| view.seq());
        if !index.reaches(main, fork)? {
            return Ok(BTreeMap::new());
        }
        index.concerned(view, fork, touched, held)
    }
}

impl Index {
    /// Reads all of it.
    fn build(main: &View) -> Result<Self, BranchError> {
        let mut index = Self {
            at: main.seq(),
            began: main.seq(),
            notes: VecDeque::new(),
            places: HashMap::new(),
            instances: HashMap::new(),
            owners: HashMap::new(),
            definitions: BTreeMap::new(),
        };
        for instance in main.own_run_inputs()? {
            index.read_instance(main, instance)?;
        }
        for definition in Definition::all(main)?.into_iter().flatten() {
            index.read_definition(main, &definition)?;
        }
        Ok(index)
    }

    /// Follows the log to a view; tells whether it could.
    fn bring(&mut self, main: &View) -> Result<bool, BranchError> {
        if main.seq().0 - self.at.0 > IMPACT_COMMITS_MAX {
            return Ok(false);
        }
        for number in self.at.0 + 1..=main.seq().0 {
            let seq = Seq(number);
            let Some(entry) = main.log_entry(seq)? else { return Ok(false) };
            for note in self.notes_of(main, &entry)? {
                match note {
                    Note::Everything => return Ok(false),
                    Note::Instance(instance) => self.read_instance(main, instance)?,
                    Note::Definition(id) => self.read_changed(main, id)?,
                    Note::Target { definition, target } => {
                        self.read_target(main, definition, target)?;
                    }
                }
                self.notes.push_back((seq, note));
            }
        }
        self.at = main.seq();
        while self.notes.len() > IMPACT_NOTES_MAX {
            if let Some((seq, _)) = self.notes.pop_front() {
                self.began = seq;
            }
        }
        Ok(true)
    }

    /// Sees to it that there are notes from a commit on; tells whether there are.
    fn reaches(&mut self, main: &View, fork: Seq) -> Result<bool, BranchError> {
        if self.began <= fork {
            return Ok(true);
        }
        if self.began.0 - fork.0 > IMPACT_COMMITS_MAX {
            return Ok(false);
        }
        let mut notes = Vec::new();
        for number in fork.0 + 1..=self.began.0 {
            let Some(entry) = main.log_entry(Seq(number))? else { return Ok(false) };
            let found = self.notes_of(main, &entry)?;
            notes.extend(found.into_iter().map(|note| (Seq(number), note)));
        }
        if self.notes.len() + notes.len() > IMPACT_NOTES_MAX {
            return Ok(false);
        }
        for note in notes.into_iter().rev() {
            self.notes.push_front(note);
        }
        self.began = fork;
        Ok(true)
    }

    /// What a commit changed of what is kept here.
    fn notes_of(&self, main: &View, entry: &LogEntry) -> Result<Vec<Note>, BranchError> {
        let mut notes = Vec::new();
        if entry.branch != main.branch() {
            return Ok(notes);
        }
        if let Cause::Run { instance, .. } = &entry.cause {
            notes.push(Note::Instance(ObjectId(*instance)));
        }
        if matches!(
            entry.cause,
            Cause::Init | Cause::Schema | Cause::BranchMerge { schema: true, .. }
        ) {
            notes.push(Note::Everything);
        }
        let symbol = |name: &str| main.schema().kind(name).map(|kind| kind.symbol.0);
        let (instances, definitions) = (symbol(instance::KIND), symbol(Definition::KIND));
        let mut groups: Vec<ObjectId> = Vec::new();
        for (id, kind, _) in &entry.changed {
            if Some(*kind) == instances {
                notes.push(Note::Instance(*id));
            } else if Some(*kind) == definitions {
                notes.push(Note::Definition(*id));
            } else {
                groups.push(*id);
            }
        }
        // Members of a group are changed with it: both ends of a link are.
        let of_group = |known: &Known| known.group.is_some_and(|group| groups.contains(&group));
        let concerned = self.definitions.iter().filter(|(_, known)| of_group(known));
        for (definition, _) in concerned {
            let target = |(target, ..): &(ObjectId, u32, _)| Note::Target {
                definition: *definition,
                target: *target,
            };
            notes.extend(entry.changed.iter().map(target));
        }
        Ok(notes)
    }

    /// Takes in what an instance's last run looked at, as main has it.
    fn read_instance(&mut self, main: &View, instance: ObjectId) -> Result<(), BranchError> {
        if let Some(old) = self.instances.remove(&instance) {
            for place in &old.places {
                if let Some(readers) = self.places.get_mut(place) {
                    readers.remove(&instance);
                    if readers.is_empty() {
                        self.places.remove(place);
                    }
                }
            }
            if let Some((definition, target)) = self.owners.get(&instance)
                && let Some(known) = self.definitions.get_mut(definition)
                && let Some(of_it) = known.components.get_mut(&old.component)
            {
                of_it.remove(target);
            }
        }
        if let Some((_, input)) = main.run_input(instance)? {
            let RunInput { query, guest, component, .. } = input;
            let mut places = BTreeSet::new();
            places_of(&query, &mut places);
            places_of(&guest, &mut places);
            for place in &places {
                self.places.entry(*place).or_default().insert(instance);
            }
            let places = places.into_iter().collect();
            self.instances.insert(instance, Entry { places, component });
        }
        match self.owners.get(&instance).copied() {
            Some((definition, target)) => self.settle(main, definition, target),
            None => Ok(()),
        }
    }

    /// Notes of a target how its instance stands.
    fn settle(
        &mut self,
        main: &View,
        definition: ObjectId,
        target: ObjectId,
    ) -> Result<(), BranchError> {
        let instance = instance_id(definition, target);
        let entry = self.instances.get(&instance);
        let failed = instance::has_failed(main, instance)?;
        let Some(known) = self.definitions.get_mut(&definition) else { return Ok(()) };
        match entry {
            Some(_) if !failed => known.unsettled.remove(&target),
            _ => known.unsettled.insert(target),
        };
        if let Some(entry) = entry {
            known.components.entry(entry.component).or_default().insert(target);
        }
        Ok(())
    }

    fn read_changed(&mut self, main: &View, id: ObjectId) -> Result<(), BranchError> {
        self.forget(id);
        let Some(object) = main.object(id)? else { return Ok(()) };
        match Definition::read(main, &object) {
            Ok(definition) => self.read_definition(main, &definition),
            Err(_incomplete) => Ok(()),
        }
    }

    fn forget(&mut self, definition: ObjectId) {
        for target in self.definitions.remove(&definition).unwrap_or_default().targets {
            self.owners.remove(&instance_id(definition, target));
        }
    }

    fn read_definition(&mut self, main: &View, definition: &Definition) -> Result<(), BranchError> {
        let members = match main.kind_of(definition.group)? {
            Some(kind) => kind.relationship("members").map(|rel| rel.symbol.0),
            None => None,
        };
        let known = Known { group: Some(definition.group), members, ..Known::default() };
        self.definitions.insert(definition.id, known);
        for target in definition.targets(main)? {
            self.add_target(main, definition.id, target)?;
        }
        Ok(())
    }

    fn add_target(
        &mut self,
        main: &View,
        definition: ObjectId,
        target: ObjectId,
    ) -> Result<(), BranchError> {
        let Some(known) = self.definitions.get_mut(&definition) else { return Ok(()) };
        known.targets.insert(target);
        self.owners.insert(instance_id(definition, target), (definition, target));
        self.settle(main, definition, target)
    }

    /// Looks anew whether something is in the group of a definition.
    fn read_target(
        &mut self,
        main: &View,
        definition: ObjectId,
        target: ObjectId,
    ) -> Result<(), BranchError> {
        let Some(known) = self.definitions.get(&definition) else { return Ok(()) };
        let Some(group) = known.group else { return Ok(()) };
        if is_member(main, group, target)? {
            return self.add_target(main, definition, target);
        }
        if let Some(known) = self.definitions.get_mut(&definition) {
            known.targets.remove(&target);
            known.unsettled.remove(&target);
            for of_it in known.components.values_mut() {
                of_it.remove(&target);
            }
        }
        self.owners.remove(&instance_id(definition, target));
        Ok(())
    }

    fn concerned(
        &self,
        view: &View,
        fork: Seq,
        touched: &Touched,
        held: impl Iterator<Item = ObjectId>,
    ) -> Result<Concerned, BranchError> {
        let mut hits: BTreeSet<ObjectId> = held.collect();
        for place in places_changed(touched) {
            hits.extend(self.places.get(&place).into_iter().flatten());
        }
        let (mut all, mut more) = (BTreeSet::new(), BTreeSet::new());
        let from = self.notes.partition_point(|(seq, _)| *seq <= fork);
        for (_, note) in self.notes.range(from..) {
            match note {
                Note::Instance(instance) => {
                    hits.insert(*instance);
                }
                Note::Target { definition, target } => {
                    more.insert((*definition, *target));
                }
                Note::Definition(id) => {
                    all.insert(*id);
                }
                Note::Everything => return Ok(BTreeMap::new()),
            }
        }
        if view.fork().is_some() {
            hits.extend(view.own_run_inputs()?);
            more.extend(instance::pairs(view)?);
        }
        more.extend(hits.iter().filter_map(|hit| self.owners.get(hit)));
        let changed: BTreeSet<ObjectId> = touched.objects().map(|(id, _)| id).collect();
        let links: Vec<(ObjectId, u32)> = touched.links().map(|(id, rel)| (id, rel.0)).collect();
        let mut found = BTreeMap::new();
        for (id, known) in self.definitions.iter().filter(|(id, _)| !all.contains(id)) {
            if changed.contains(id) {
                continue;
            }
            let mut targets = known.unsettled.clone();
            if let (Some(group), Some(members)) = (known.group, known.members)
                && links.contains(&(group, members))
            {
                targets.extend(links.iter().filter(|(_, rel)| *rel == members).map(|(id, _)| *id));
            }
            if let Some(now) = component_of(view, *id)? {
                let others = known.components.iter().filter(|(component, _)| **component != now);
                targets.extend(others.flat_map(|(_, of_it)| of_it));
            }
            found.insert(*id, targets);
        }
        for (definition, target) in more {
            if let Some(targets) = found.get_mut(&definition) {
                targets.insert(target);
            }
        }
        Ok(found)
    }
}

fn component_of(view: &View, definition: ObjectId) -> Result<Option<[u8; 32]>, BranchError> {
    let Some(object) = view.object(definition)? else { return Ok(None) };
    let component = object.value("component");
    let digest = component.as_text().and_then(|text| text.parse::<model::Digest>().ok());
    Ok(digest.map(|digest| digest.0))
}

fn is_member(view: &View, group: ObjectId, target: ObjectId) -> Result<bool, BranchError> {
    let Some(kind) = view.kind_of(group)? else { return Ok(false) };
    let Some(rel) = kind.relationship("members") else { return Ok(false) };
    Ok(view.peer(group, rel, target)?.is_some())
}
