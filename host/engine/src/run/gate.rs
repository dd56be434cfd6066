//! Who runs beside whom: one run an instance at a time; a run that lost too often runs alone.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use model::ObjectId;

/// The gate of an engine.
#[derive(Debug, Default)]
pub(super) struct Gate {
    running: Mutex<BTreeSet<ObjectId>>,
    changed: Condvar,
    others: RwLock<()>,
}

/// The right to run an instance; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    gate: &'a Gate,
    instance: ObjectId,
}

impl Gate {
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
