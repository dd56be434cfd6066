//! Keeping results of open changes up to date: which branches were changed, and checking their changes
//! again.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use model::BranchId;

use crate::changes::CheckKind;
use crate::{Service, ServiceError};

/// Branches that were changed since their open changes were checked.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    branches: BTreeSet<BranchId>,
    stopped: bool,
}

/// A thread that checks open changes again when their branches are changed; it ends with this.
#[derive(Debug)]
pub struct Keeper {
    dirty: Arc<Dirty>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.dirty.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.dirty.changed.notify_all();
        if let Some(Err(_panicked)) = self.thread.take().map(std::thread::JoinHandle::join) {}
    }
}

impl Dirty {
    fn mark(&self, branch: BranchId) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.branches.insert(branch) {
            self.changed.notify_all();
        }
    }

    fn take(&self) -> BTreeSet<BranchId> {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).branches)
    }

    /// Waits until there is something; tells whether to go on.
    fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.branches.is_empty() && !state.stopped {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.stopped
    }
}

impl Service {
    /// Notes that this branch was changed.
    pub(crate) fn note_branch(&self) {
        if self.branch != BranchId::MAIN {
            self.dirty.mark(self.branch);
        }
    }

    /// Checks the open changes of branches that were changed since this was asked last. Results that
    /// still hold are left alone. Tells how many were checked.
    pub fn follow_changes(&self) -> Result<usize, ServiceError> {
        let main = self.on_main();
        let mut checked = 0;
        for branch in main.dirty.take() {
            // It may be gone by now.
            let Ok(view) = main.database.view(branch) else { continue };
            let source = view.branch_name().to_owned();
            drop(view);
            let view = main.view()?;
            for change in main.open_changes(&view, &source)? {
                let verdicts = main.verdicts(&view, &change)?;
                if verdicts.is_empty() || verdicts.iter().any(|one| one.stale) {
                    main.run_checks(change.id, &CheckKind::ALL)?;
                    checked += 1;
                }
            }
        }
        Ok(checked)
    }

    /// Starts a thread that does so whenever a branch is changed.
    pub fn keep_changes_checked(&self) -> std::io::Result<Keeper> {
        let service = self.clone();
        let thread = std::thread::Builder::new().name("changes".to_owned()).spawn(move || {
            while service.dirty.wait() {
                // What could not be checked stays stale, and says so whenever it is shown.
                if let Err(_stale) = service.follow_changes() {}
            }
        })?;
        Ok(Keeper { dirty: Arc::clone(&self.dirty), thread: Some(thread) })
    }
}
