//! Runs whose turn it is: what they are about, so that somebody can see and end them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{BranchId, ObjectId, Timestamp};
use sandbox::{Cancel, CancelReason};

use crate::run::{Mode, RunRequest};

/// A run under way.
#[derive(Debug, Clone)]
pub struct RunUnderWay {
    /// Identity; that of its record later on.
    pub run: ObjectId,
    /// The branch.
    pub branch: BranchId,
    /// The definition, as it was named.
    pub definition: String,
    /// The target.
    pub target: ObjectId,
    /// Kept or shown.
    pub mode: Mode,
    /// Why.
    pub cause: String,
    /// When it began.
    pub began: Timestamp,
    cancel: Cancel,
}

/// All of them, by identity.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    runs: Mutex<BTreeMap<ObjectId, RunUnderWay>>,
}

/// A run that is listed until this is dropped.
#[derive(Debug)]
pub(super) struct Listed<'a> {
    of: &'a UnderWay,
    run: ObjectId,
}

impl UnderWay {
    fn open(&self) -> MutexGuard<'_, BTreeMap<ObjectId, RunUnderWay>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists a run.
    pub(super) fn list(&self, run: ObjectId, request: &RunRequest, began: Timestamp) -> Listed<'_> {
        let listed = RunUnderWay {
            run,
            branch: request.branch,
            definition: request.definition.clone(),
            target: request.target,
            mode: request.mode,
            cause: request.cause.clone(),
            began,
            cancel: request.cancel.clone(),
        };
        self.open().insert(run, listed);
        Listed { of: self, run }
    }

    /// All, the oldest first.
    pub(super) fn all(&self) -> Vec<RunUnderWay> {
        self.open().values().cloned().collect()
    }

    /// Ends one, if it is still under way: what it made is dropped.
    pub(super) fn cancel(&self, run: ObjectId) -> Option<RunUnderWay> {
        let found = self.open().get(&run).cloned()?;
        found.cancel.cancel(CancelReason::User);
        Some(found)
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.of.open().remove(&self.run);
    }
}
