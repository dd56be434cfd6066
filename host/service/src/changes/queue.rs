//! What is to be checked: changes whose checks were asked for, and branches that were changed since
//! their open changes were checked. One thread takes it from here; whatever is taken counts as under way
//! until it is done, so that a change is checked by one at a time and nobody merges in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use model::{BranchId, ObjectId};

use crate::Caller;
use crate::changes::CheckKind;

/// What is to be checked.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Branches that were changed.
    branches: BTreeSet<BranchId>,
    /// Changes whose checks were asked for.
    asked: BTreeMap<ObjectId, Asked>,
    /// What is under way.
    busy: BTreeSet<Work>,
    /// A thread takes what is to be done.
    served: bool,
}

/// Checks that were asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Their sorts.
    pub(super) kinds: BTreeSet<CheckKind>,
    /// By whom; the last one where several did.
    pub(super) caller: Arc<Caller>,
}

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// Finding out which changes of a branch have to be checked again.
    Branch(BranchId),
    /// Checking a change.
    Change(ObjectId),
}

/// Something that is under way until this is dropped.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    dirty: &'a Dirty,
    work: Work,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.dirty.open().busy.remove(&self.work);
        self.dirty.changed.notify_all();
    }
}

impl Dirty {
    fn open(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a branch was changed.
    pub(super) fn mark(&self, branch: BranchId) {
        if self.open().branches.insert(branch) {
            self.changed.notify_all();
        }
    }

    /// Asks for checks of a change.
    pub(super) fn ask(&self, change: ObjectId, kinds: &[CheckKind], caller: &Arc<Caller>) {
        let mut state = self.open();
        let asked = state
            .asked
            .entry(change)
            .or_insert_with(|| Asked { kinds: BTreeSet::new(), caller: Arc::clone(caller) });
        asked.kinds.extend(kinds);
        asked.caller = Arc::clone(caller);
        drop(state);
        self.changed.notify_all();
    }

    /// Takes a change for checking or merging it; nothing while its checks are asked for or under way.
    pub(super) fn begin(&self, change: ObjectId, source: Option<BranchId>) -> Option<Begun<'_>> {
        let mut state = self.open();
        if state.is_waiting(change, source) {
            return None;
        }
        state.busy.insert(Work::Change(change));
        Some(Begun { dirty: self, work: Work::Change(change) })
    }

    /// Whether checks of a change are asked for or under way.
    pub(super) fn is_waiting(&self, change: ObjectId, source: Option<BranchId>) -> bool {
        self.open().is_waiting(change, source)
    }

    /// The next thing to do, under way from here on.
    pub(super) fn next(&self) -> Option<(Begun<'_>, Option<Asked>)> {
        let mut state = self.open();
        if let Some(branch) = state.branches.pop_first() {
            let work = Work::Branch(branch);
            state.busy.insert(work);
            return Some((Begun { dirty: self, work }, None));
        }
        let free = |change: &&ObjectId| !state.busy.contains(&Work::Change(**change));
        let change = *state.asked.keys().find(free)?;
        let asked = state.asked.remove(&change)?;
        let work = Work::Change(change);
        state.busy.insert(work);
        Some((Begun { dirty: self, work }, Some(asked)))
    }

    /// Whether a thread takes what is to be done.
    pub(super) fn is_served(&self) -> bool {
        self.open().served
    }

    /// Says that a thread takes what is to be done, or no longer does.
    pub(super) fn serve(&self, served: bool) {
        self.open().served = served;
        self.changed.notify_all();
    }

    /// Waits while checks of a change are asked for or under way, and a thread runs them.
    pub(super) fn wait_for(&self, change: ObjectId, source: Option<BranchId>) {
        let mut state = self.open();
        while state.served && state.is_waiting(change, source) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until there is something to do; tells whether to go on.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.open();
        let idle = |state: &State| {
            let busy = |change: &ObjectId| state.busy.contains(&Work::Change(*change));
            state.branches.is_empty() && state.asked.keys().all(busy)
        };
        while state.served && idle(&state) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.served
    }
}

impl State {
    fn is_waiting(&self, change: ObjectId, source: Option<BranchId>) -> bool {
        let looked_at = |branch: BranchId| {
            self.busy.contains(&Work::Branch(branch))
                || (self.served && self.branches.contains(&branch))
        };
        self.asked.contains_key(&change)
            || self.busy.contains(&Work::Change(change))
            || source.is_some_and(looked_at)
    }
}

impl Begun<'_> {
    /// What it is.
    pub(super) fn work(&self) -> Work {
        self.work
    }
}
