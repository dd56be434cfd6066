//! Who runs beside whom: one run an instance at a time; as many that compute as there are permits; a
//! run that lost too often runs alone.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::ObjectId;

/// The gate of an engine.
#[derive(Debug)]
pub(super) struct Gate {
    running: Mutex<BTreeSet<ObjectId>>,
    changed: Condvar,
    permits: Mutex<usize>,
    returned: Condvar,
    others: RwLock<()>,
}

/// The right to use a core; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    gate: &'a Gate,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.gate.permits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.gate.returned.notify_one();
    }
}

/// The right to run an instance; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    gate: &'a Gate,
    instance: ObjectId,
}

impl Gate {
    /// A gate that lets so many runs compute at once; at least one.
    pub(super) fn new(permits: usize) -> Self {
        Self {
            running: Mutex::default(),
            changed: Condvar::new(),
            permits: Mutex::new(permits.max(1)),
            returned: Condvar::new(),
            others: RwLock::new(()),
        }
    }

    /// Waits until a core is free for computing. Runs that wait for the disk hold no permit: were
    /// all clients on the cores at once, the writer that they wait for would wait for them.
    pub(super) fn permit(&self) -> Permit<'_> {
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        while *permits == 0 {
            permits = self.returned.wait(permits).unwrap_or_else(PoisonError::into_inner);
        }
        *permits -= 1;
        Permit { gate: self }
    }

    /// Waits until no other run of the instance is in flight.
    pub(super) fn instance(&self, instance: ObjectId) -> Turn<'_> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while !running.insert(instance) {
            running = self.changed.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { gate: self, instance }
    }

    pub(super) fn shared(&self) -> RwLockReadGuard<'_, ()> {
        self.others.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.others.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut running = self.gate.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.instance);
        self.gate.changed.notify_all();
    }
}
