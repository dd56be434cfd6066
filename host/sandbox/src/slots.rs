//! As many runs at a time as the pool has places for; further ones wait.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::cancel::{Cancel, CancelReason};

/// How often a waiting run looks whether it was cancelled: 10 ms, as for one that runs.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Slots {
    free: Mutex<u32>,
    freed: Condvar,
}

#[derive(Debug)]
pub(crate) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(crate) fn new(places: u32) -> Self {
        Self { free: Mutex::new(places), freed: Condvar::new() }
    }

    /// Waits for a place.
    pub(crate) fn take(&self, cancel: &Cancel) -> Result<Slot<'_>, CancelReason> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(reason) = cancel.reason() {
                return Err(reason);
            }
            if *free > 0 {
                *free -= 1;
                return Ok(Slot(self));
            }
            let waited = self.freed.wait_timeout(free, LOOK);
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Places that are free now.
    pub(crate) fn free(&self) -> u32 {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_waits_for_a_place_can_be_cancelled() {
        let slots = Slots::new(1);
        let slot = slots.take(&Cancel::new()).unwrap();
        let cancel = Cancel::new();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| slots.take(&cancel).map(drop));
            cancel.cancel(CancelReason::Shutdown);
            assert_eq!(waiting.join().unwrap(), Err(CancelReason::Shutdown));
        });
        drop(slot);
        assert_eq!(slots.free(), 1);
    }
}
