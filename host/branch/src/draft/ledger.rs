//! Rows beside the objects: instances, runs, components. Their content belongs to the engine; here
//! they are bytes that live and die with the commit they are in.

use store::Space;

use crate::draft::Draft;
use crate::error::BranchError;
use crate::view::View;

/// A table of the engine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// (branch, definition, target) → instance.
    Instances,
    /// run → outcome and report.
    Runs,
    /// (branch, instance, run) → nothing.
    RunsBy,
    /// (run, number) → a line.
    RunLogs,
    /// digest → what the check found.
    Components,
    /// digest → the component.
    ComponentBytes,
    /// (branch, instance) → what its last run read.
    Reads,
    /// number → work to do.
    Queue,
    /// digest of a token or of a session's id → whose it is, until when.
    Tokens,
    /// (branch, name) → the part of the branch's life that a diff is about.
    Diffs,
    /// file → what is told of it, and its content.
    Files,
}

impl Ledger {
    fn space(self) -> Space {
        match self {
            Self::Instances => Space::Instances,
            Self::Runs => Space::Runs,
            Self::RunsBy => Space::RunsBy,
            Self::RunLogs => Space::RunLogs,
            Self::Components => Space::Components,
            Self::ComponentBytes => Space::ComponentBytes,
            Self::Reads => Space::Reads,
            Self::Queue => Space::Queue,
            Self::Tokens => Space::Tokens,
            Self::Diffs => Space::Diffs,
            Self::Files => Space::Files,
        }
    }
}

/// A key with its value.
pub type LedgerRow = (Vec<u8>, Vec<u8>);

impl View {
    /// A row.
    pub fn ledger(&self, ledger: Ledger, key: &[u8]) -> Result<Option<Vec<u8>>, BranchError> {
        Ok(self.rows.get(ledger.space(), key)?.map(|row| row.to_vec()))
    }

    /// Rows under a prefix, at most `limit`, the largest keys first where `newest_first`.
    pub fn ledger_rows(
        &self,
        ledger: Ledger,
        prefix: &[u8],
        order: LedgerOrder,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, BranchError> {
        let rows = self.rows.prefix(ledger.space(), prefix)?;
        let read = |row: crate::rows::KeyRow| {
            let (key, value) = row?;
            Ok((key.to_vec(), value.to_vec()))
        };
        match order {
            LedgerOrder::Ascending => rows.take(limit).map(read).collect(),
            LedgerOrder::Descending => rows.rev().take(limit).map(read).collect(),
        }
    }
}

impl View {
    /// Rows under a prefix, one by one, until `more` says that it is enough.
    pub fn each_ledger_row(
        &self,
        ledger: Ledger,
        prefix: &[u8],
        order: LedgerOrder,
        mut more: impl FnMut(&[u8], &[u8]) -> Result<bool, BranchError>,
    ) -> Result<(), BranchError> {
        let mut rows = self.rows.prefix(ledger.space(), prefix)?;
        loop {
            let row = match order {
                LedgerOrder::Ascending => rows.next(),
                LedgerOrder::Descending => rows.next_back(),
            };
            let Some(row) = row else { return Ok(()) };
            let (key, value) = row?;
            if !more(&key, &value)? {
                return Ok(());
            }
        }
    }
}

/// Order of ledger rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerOrder {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

impl Draft {
    /// Writes a row under a key that was drawn for it: nothing is there, and nobody looks.
    pub fn put_new_ledger(&mut self, ledger: Ledger, key: Vec<u8>, value: Vec<u8>) {
        self.view.rows.write_new(ledger.space(), key.into(), value.into());
    }

    /// Writes or removes a row.
    pub fn put_ledger(
        &mut self,
        ledger: Ledger,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
    ) -> Result<(), BranchError> {
        Ok(self.view.rows.write(ledger.space(), key.into(), value.map(Into::into))?)
    }
}
