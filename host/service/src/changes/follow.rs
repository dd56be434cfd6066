//! Keeping results of open changes up to date: checks that were asked for, changes of branches that were
//! changed, and changes whose branch is gone, was merged or is called otherwise.

use std::sync::Arc;

use branch::{BranchFault, BranchStatus};
use model::BranchId;

use crate::changes::queue::Work;
use crate::changes::{CheckKind, Dirty, Proposed};
use crate::{Caller, Service, ServiceError};

/// A thread that runs what checks are asked for, and checks open changes again when their branches are
/// changed; it ends with this.
#[derive(Debug)]
pub struct Keeper {
    dirty: Arc<Dirty>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.dirty.serve(false);
        if let Some(Err(_panicked)) = self.thread.take().map(std::thread::JoinHandle::join) {}
    }
}

impl Service {
    /// Notes that this branch was changed.
    pub(crate) fn note_branch(&self) {
        if self.branch != BranchId::MAIN {
            self.dirty.mark(self.branch);
        }
    }

    /// Has checks of a change run: by the thread that does so, or at once where there is none.
    pub(super) fn check_soon(
        &self,
        change: &Proposed,
        kinds: &[CheckKind],
    ) -> Result<(), ServiceError> {
        if !self.dirty.is_served() {
            let _begun = self.begin(change)?;
            // What is kept of them does not depend on who asked.
            return self.whole().run_checks(change.id, kinds);
        }
        self.plan_checks(change, kinds)?;
        self.dirty.ask(change.id, kinds, &self.caller);
        Ok(())
    }

    /// Does what there is to do: runs checks that were asked for, and checks open changes of branches that
    /// were changed since this was asked last. Results that still hold are left alone. Tells how many
    /// changes were checked.
    pub fn follow_changes(&self) -> Result<usize, ServiceError> {
        let mut checked = 0;
        while let Some(done) = self.follow_one()? {
            checked += done;
        }
        Ok(checked)
    }

    /// Does the next thing there is to do; tells how many changes were checked, nothing where there was
    /// nothing to do.
    fn follow_one(&self) -> Result<Option<usize>, ServiceError> {
        let main = self.on_main();
        let Some((begun, asked)) = main.dirty.next() else { return Ok(None) };
        match (begun.work(), asked) {
            (Work::Branch(branch), _) => main.ask_of_branch(branch)?,
            (Work::Change(change), Some(asked)) => {
                let kinds: Vec<CheckKind> = asked.kinds.into_iter().collect();
                let by = Self { caller: asked.caller, ..main.clone() };
                match by.run_checks(change, &kinds) {
                    Ok(()) => return Ok(Some(1)),
                    // It was closed, or its branch went, while it waited.
                    Err(ServiceError::Change { code: "change-not-open", .. }) => {}
                    Err(bad) => by.note_failed(change, &kinds, &bad)?,
                }
            }
            (Work::Change(_), None) => {}
        }
        Ok(Some(0))
    }

    /// Asks for checks of the open changes of a branch whose results no longer hold.
    fn ask_of_branch(&self, branch: BranchId) -> Result<(), ServiceError> {
        // It may be gone by now.
        let Ok(view) = self.database.view(branch) else { return Ok(()) };
        let source = view.branch_name().to_owned();
        drop(view);
        let view = self.view()?;
        let system = Arc::new(Caller::system());
        for change in self.changes_of(&view, &source, &["open"])? {
            let verdicts = self.verdicts(&view, &change)?;
            if verdicts.is_empty() || verdicts.iter().any(|one| one.stale || one.pending) {
                self.dirty.ask(change.id, &CheckKind::ALL, &system);
            }
        }
        Ok(())
    }

    /// After a start: ends open changes whose branch went while nobody noted it, and has those checked
    /// whose checks were cut short.
    fn catch_up(&self) -> Result<(), ServiceError> {
        let main = self.on_main();
        let view = main.view()?;
        for object in view.objects(view.kind(super::KIND)?)? {
            let change = Proposed::read(&object?);
            if !change.is_open() {
                continue;
            }
            match main.database.branch_info(&change.source) {
                Ok(info) if info.status == BranchStatus::Merged => {
                    main.set_state(change.id, "merged")?;
                }
                Ok(info) => {
                    let standing = main.standing(&change.source)?;
                    let newest = standing.map(|standing| standing.newest);
                    let verdicts = main.verdicts(&view, &change)?;
                    let cut = |one: &super::Verdictful| one.pending || Some(one.branch) != newest;
                    if verdicts.is_empty() || verdicts.iter().any(cut) {
                        main.dirty.mark(info.id);
                    }
                }
                Err(branch::BranchError::Branch(BranchFault::NotFound { .. })) => {
                    main.set_state(change.id, "canceled")?;
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }

    /// Sets the state of changes whose branch is gone or was merged: of open ones, and of closed ones that
    /// can no longer be opened again.
    pub(crate) fn end_changes(&self, source: &str, state: &str) -> Result<(), ServiceError> {
        let main = self.on_main();
        for change in main.changes_of(&main.view()?, source, &["open", "closed"])? {
            main.set_state(change.id, state)?;
        }
        Ok(())
    }

    /// Has changes of a branch follow it to its new name.
    pub(crate) fn rename_changes(&self, old: &str, new: &str) -> Result<(), ServiceError> {
        let main = self.on_main();
        for change in main.changes_of(&main.view()?, old, &["open", "closed", "canceled"])? {
            main.set_source(change.id, new)?;
        }
        Ok(())
    }

    /// The changes of a branch in one of these states.
    pub(super) fn changes_of(
        &self,
        view: &branch::View,
        source: &str,
        states: &[&str],
    ) -> Result<Vec<Proposed>, ServiceError> {
        let mut found = Vec::new();
        for object in view.objects(view.kind(super::KIND)?)? {
            let change = Proposed::read(&object?);
            if states.contains(&change.state.as_str()) && change.source == source {
                found.push(change);
            }
        }
        Ok(found)
    }

    /// Whether checks of a change are asked for or under way.
    pub(super) fn is_waiting(&self, change: &Proposed) -> bool {
        self.dirty.is_waiting(change.id, self.database.branch(&change.source).ok())
    }

    /// Whether checks of a change are asked for or under way: for whoever waits until none are.
    pub fn change_waits(&self, name: &str) -> Result<bool, ServiceError> {
        self.may_look()?;
        let main = self.on_main();
        let change = main.proposed(&main.view()?, name)?;
        Ok(main.is_waiting(&change))
    }

    /// Waits until no checks of a change are asked for or under way.
    pub fn change_wait(&self, name: &str) -> Result<(), ServiceError> {
        self.may_look()?;
        let main = self.on_main();
        let change = main.proposed(&main.view()?, name)?;
        main.dirty.wait_for(change.id, main.database.branch(&change.source).ok());
        Ok(())
    }

    /// Starts a thread that runs what checks are asked for, and those of changes whose branches are
    /// changed.
    pub fn keep_changes_checked(&self) -> std::io::Result<Keeper> {
        let service = self.clone();
        self.dirty.serve(true);
        let thread = std::thread::Builder::new().name("changes".to_owned()).spawn(move || {
            // What could not be caught up with, or checked, stays as it is, and says so whenever it is
            // shown.
            if let Err(_stale) = service.catch_up() {}
            while service.dirty.wait() {
                if let Err(_stale) = service.follow_one() {}
            }
        });
        if thread.is_err() {
            self.dirty.serve(false);
        }
        Ok(Keeper { dirty: Arc::clone(&self.dirty), thread: Some(thread?) })
    }
}
