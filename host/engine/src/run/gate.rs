//! Who runs beside whom: one run an instance at a time, and one that waits for it, which later causes
//! join; a run that lost too often runs alone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::sync::{RwLockReadGuard, RwLockWriteGuard};

use model::{BranchId, ObjectId};

use crate::run::RunResult;

/// An instance on a branch: the same one on two branches runs beside itself.
pub(super) type Lane = (BranchId, ObjectId);

/// The gate of an engine.
#[derive(Debug)]
pub(super) struct Gate {
    lines: Mutex<BTreeMap<Lane, Line>>,
    changed: Condvar,
    others: RwLock<()>,
    /// Runs under way, those that wait included.
    admitted: AtomicUsize,
    admitted_max: usize,
}

/// The line of an instance; there is one while a run of it is under way.
#[derive(Debug)]
enum Line {
    /// One runs; another may wait for its turn.
    Running(Option<Arc<Ticket>>),
    /// The one that ran is done; this one is next and has not begun.
    Next(Arc<Ticket>),
}

type Lines<'a> = MutexGuard<'a, BTreeMap<Lane, Line>>;

/// What joins a run that waits gets from it.
#[derive(Debug, Default)]
pub(super) struct Ticket {
    ended: Mutex<Option<Ended>>,
    told: Condvar,
}

/// How the run that was waited for ended.
#[derive(Debug, Clone)]
enum Ended {
    Done(Box<RunResult>),
    /// There was no run: who joined it has to try for itself.
    Nothing,
}

/// A place in the line of an instance.
#[derive(Debug)]
pub(super) enum Place<'a> {
    /// It is this run's turn.
    Turn(Turn<'a>),
    /// Another that waits does the same.
    Joined(Arc<Ticket>),
}

/// Whether a run is content with the result of another that has not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joins {
    /// It asks for what any other asks for.
    Yes,
    /// It asks for something of its own: a plan, a component to try.
    No,
}

/// The right to run an instance; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    gate: &'a Gate,
    instance: Lane,
    /// Where others may have joined this run while it waited.
    ticket: Option<Arc<Ticket>>,
}

/// A run that counts as under way until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted<'a> {
    gate: &'a Gate,
}

/// A poisoned lock guards data that every holder leaves whole.
fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

impl Gate {
    /// A gate that lets so many runs be under way.
    pub(super) fn new(admitted_max: usize) -> Self {
        Self {
            lines: Mutex::default(),
            changed: Condvar::new(),
            others: RwLock::new(()),
            admitted: AtomicUsize::new(0),
            admitted_max: admitted_max.max(1),
        }
    }

    /// Counts a run; none where too many are under way.
    pub(super) fn admit(&self) -> Option<Admitted<'_>> {
        let before = self.admitted.fetch_add(1, Ordering::AcqRel);
        let admitted = Admitted { gate: self };
        (before < self.admitted_max).then_some(admitted)
    }

    /// Whether no other run is under way than the one that asks.
    pub(super) fn is_alone(&self) -> bool {
        self.admitted.load(Ordering::Acquire) <= 1
    }

    /// Waits until no other run of the instance is in flight, or joins one that waits so.
    pub(super) fn enter(&self, instance: Lane, joins: Joins) -> Place<'_> {
        let mut lines = open(&self.lines);
        if joins == Joins::Yes {
            match lines.get_mut(&instance) {
                None => {}
                Some(Line::Next(ticket) | Line::Running(Some(ticket))) => {
                    return Place::Joined(Arc::clone(ticket));
                }
                Some(Line::Running(next)) => {
                    let ticket = Arc::new(Ticket::default());
                    *next = Some(Arc::clone(&ticket));
                    drop(lines);
                    return Place::Turn(self.next(instance, ticket));
                }
            }
        }
        Place::Turn(self.first(lines, instance))
    }

    /// Waits until no other run of the instance is in flight.
    pub(super) fn instance(&self, instance: Lane) -> Turn<'_> {
        self.first(open(&self.lines), instance)
    }

    fn first<'a>(&'a self, mut lines: Lines<'a>, instance: Lane) -> Turn<'a> {
        while lines.contains_key(&instance) {
            lines = wait(&self.changed, lines);
        }
        lines.insert(instance, Line::Running(None));
        Turn { gate: self, instance, ticket: None }
    }

    /// Waits until the one with this ticket is next.
    fn next(&self, instance: Lane, ticket: Arc<Ticket>) -> Turn<'_> {
        let mut lines = open(&self.lines);
        while !matches!(lines.get(&instance), Some(Line::Next(_))) {
            lines = wait(&self.changed, lines);
        }
        lines.insert(instance, Line::Running(None));
        Turn { gate: self, instance, ticket: Some(ticket) }
    }

    pub(super) fn shared(&self) -> RwLockReadGuard<'_, ()> {
        self.others.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.others.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Waits for the run that was joined; nothing where there was none.
    pub(super) fn wait(&self) -> Option<RunResult> {
        let mut ended = open(&self.ended);
        loop {
            match &*ended {
                Some(Ended::Done(result)) => return Some((**result).clone()),
                Some(Ended::Nothing) => return None,
                None => ended = wait(&self.told, ended),
            }
        }
    }

    fn tell(&self, how: Ended) {
        open(&self.ended).get_or_insert(how);
        self.told.notify_all();
    }
}

impl Turn<'_> {
    /// Tells those who joined while this run waited.
    pub(super) fn tell(&self, result: &RunResult) {
        if let Some(ticket) = &self.ticket {
            ticket.tell(Ended::Done(Box::new(result.clone())));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.tell(Ended::Nothing);
        }
        let mut lines = open(&self.gate.lines);
        if let Some(Line::Running(Some(next))) = lines.remove(&self.instance) {
            lines.insert(self.instance, Line::Next(next));
        }
        self.gate.changed.notify_all();
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.gate.admitted.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    const INSTANCE: Lane = (BranchId(1), ObjectId(7));

    fn turn(place: Place<'_>) -> Turn<'_> {
        match place {
            Place::Turn(turn) => turn,
            Place::Joined(_) => panic!("it joined another"),
        }
    }

    #[test]
    fn a_third_run_joins_the_second_and_a_plan_waits_for_itself() {
        let gate = Gate::new(10);
        let first = turn(gate.enter(INSTANCE, Joins::Yes));
        std::thread::scope(|scope| {
            let (began, begins) = sync_channel(1);
            let gate = &gate;
            scope.spawn(move || {
                let second = turn(gate.enter(INSTANCE, Joins::Yes));
                assert!(second.ticket.is_some());
                began.send(()).unwrap();
                drop(second);
            });
            // The second stands in line before the third comes.
            let joined = loop {
                let waits =
                    matches!(open(&gate.lines).get(&INSTANCE), Some(Line::Running(Some(_))));
                if waits {
                    break gate.enter(INSTANCE, Joins::Yes);
                }
                std::thread::yield_now();
            };
            let Place::Joined(ticket) = joined else { panic!("it did not join") };
            assert!(begins.try_recv().is_err(), "the second ran beside the first");
            drop(first);
            begins.recv().unwrap();
            // The second ended without a result: the third has to run for itself.
            assert!(ticket.wait().is_none());
            drop(turn(gate.enter(INSTANCE, Joins::Yes)));
            drop(turn(gate.enter(INSTANCE, Joins::No)));
            // On another branch it is another one.
            let here = turn(gate.enter(INSTANCE, Joins::Yes));
            drop(turn(gate.enter((BranchId(2), INSTANCE.1), Joins::Yes)));
            drop(here);
            assert!(open(&gate.lines).is_empty());
        });
    }

    #[test]
    fn no_more_runs_are_under_way_than_are_admitted() {
        let gate = Gate::new(2);
        let (one, two) = (gate.admit(), gate.admit());
        assert!(one.is_some() && two.is_some() && gate.admit().is_none());
        drop(one);
        assert!(gate.admit().is_some());
        drop(two);
    }
}
