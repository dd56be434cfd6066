//! Ending a run from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Why a run is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    /// Somebody asked for it.
    User,
    /// The host goes down.
    Shutdown,
}

/// A handle to end a run, or several that share it. Clones are one. A cancelled handle stays so.
///
/// A guest notices within one tick (10 ms); a host call that is under way ends first.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    // 0: not cancelled; 1: by a user; 2: by shutdown. One per handle, never a signal to the whole
    // engine, so that no other run is touched.
    flag: Arc<AtomicU8>,
}

impl Cancel {
    /// A handle that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels. The first reason stays.
    pub fn cancel(&self, reason: CancelReason) {
        let value = match reason {
            CancelReason::User => 1,
            CancelReason::Shutdown => 2,
        };
        // Whoever was first has said why; there is nothing to do about it.
        let _was_set = self.flag.compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The reason, once cancelled.
    pub fn reason(&self) -> Option<CancelReason> {
        match self.flag.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(CancelReason::User),
            _ => Some(CancelReason::Shutdown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays_and_all_clones_see_it() {
        let cancel = Cancel::new();
        let other = cancel.clone();
        assert_eq!(other.reason(), None);
        other.cancel(CancelReason::Shutdown);
        cancel.cancel(CancelReason::User);
        assert_eq!(cancel.reason(), Some(CancelReason::Shutdown));
    }
}
