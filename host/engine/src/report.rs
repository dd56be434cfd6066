//! What is kept of a run.

use branch::{BranchError, Draft, Ledger, LedgerOrder, View};
use model::{BranchId, ObjectId, Timestamp};
use sandbox::api::LogLevel;
use serde::{Deserialize, Serialize};

/// Weight of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the usual words")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Debug => Self::Debug,
            LogLevel::Info => Self::Info,
            LogLevel::Warn => Self::Warn,
            LogLevel::Error => Self::Error,
        }
    }
}

/// A line a guest wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Weight.
    pub level: Level,
    /// Text, control characters as the guest sent them; whoever prints it escapes them.
    pub message: String,
    /// Fields.
    pub fields: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunOutcome {
    /// Something changed.
    Changed {
        /// Objects made.
        created: u32,
        /// Objects changed.
        updated: u32,
        /// Objects gone.
        deleted: u32,
    },
    /// Everything was so already.
    Unchanged,
    /// Nothing was kept.
    Failed {
        /// Stable code.
        code: String,
        /// What happened.
        message: String,
        /// What helps.
        hint: Option<String>,
        /// Call frames of the guest, innermost first.
        frames: Vec<String>,
        /// What else there is to tell; nothing where no guest ran.
        report: Option<Box<FailureReport>>,
    },
}

/// What the sandbox tells of a failed guest beside its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReport {
    /// Whose business it is: `user`, `limit`, `toolchain`, `infra`.
    pub class: String,
    /// Whether the same run fails again in the same way.
    pub deterministic: bool,
    /// What a panic said, and at which `file:line:column`.
    pub panic: Option<(String, String)>,
    /// What the generator returned.
    pub error: Option<ReturnedError>,
    /// The last host calls, oldest first.
    pub last_calls: Vec<String>,
}

/// An error that a generator returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedError {
    /// Coarse: `invalid-argument`.
    pub code: String,
    /// Fine: `pool-exhausted`.
    pub name: String,
    /// For people.
    pub message: String,
    /// Where in its input or argument.
    pub path: Option<String>,
    /// Further facts.
    pub details: Vec<(String, String)>,
}

impl FailureReport {
    /// Of a run that failed.
    pub(crate) fn of(failure: &sandbox::RunFailure, run: &sandbox::RunReport) -> Self {
        Self {
            class: failure.class.to_string(),
            deterministic: failure.deterministic,
            panic: failure
                .panic
                .as_ref()
                .map(|panic| (panic.message.clone(), panic.location.clone())),
            error: failure.error.as_ref().map(|error| ReturnedError {
                code: error.code.name().to_owned(),
                name: error.name.clone(),
                message: error.message.clone(),
                path: error.path.clone(),
                details: error.details.clone(),
            }),
            last_calls: run.last_calls.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Identity, time-ordered.
    pub run: u128,
    /// The line of the branch it ran on.
    pub branch: u32,
    /// The instance.
    pub instance: u128,
    /// Name of the definition.
    pub definition: String,
    /// The target.
    pub target: u128,
    /// Digest of the component; none for an empty run.
    pub component: Option<String>,
    /// Digest of the query's answer and the parameters; none where it did not come so far.
    pub input: Option<String>,
    /// The newest commit it saw.
    pub base: u64,
    /// When it began, microseconds.
    pub at: i64,
    /// Why it was started.
    pub cause: String,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Fuel used.
    pub fuel: u64,
    /// Largest memory, bytes.
    pub memory: u64,
    /// Host calls.
    pub calls: u64,
    /// How often it was repeated because of conflicts.
    pub repeats: u32,
    /// Log lines.
    pub log: Vec<LogLine>,
    /// Lines beyond the limit.
    pub log_dropped: u64,
}

impl RunRecord {
    /// Identity.
    pub fn id(&self) -> ObjectId {
        ObjectId(self.run)
    }

    /// When it began.
    pub fn began(&self) -> Timestamp {
        Timestamp(self.at)
    }

    /// Writes the record into the draft of its own commit.
    pub(crate) fn put(&self, draft: &mut Draft) -> Result<(), BranchError> {
        let row = postcard::to_stdvec(self).map_err(|bad| BranchError::Damaged {
            what: format!("a run record cannot be written: {bad}"),
        })?;
        // The id of a run is drawn for it.
        draft.put_new_ledger(Ledger::Runs, self.run.to_be_bytes().to_vec(), row);
        let by = by_key(BranchId(self.branch), ObjectId(self.instance), self.run);
        draft.put_new_ledger(Ledger::RunsBy, by, Vec::new());
        Ok(())
    }

    /// A run by id.
    pub fn get(view: &View, run: ObjectId) -> Result<Option<Self>, BranchError> {
        match view.ledger(Ledger::Runs, &run.0.to_be_bytes())? {
            Some(row) => decode(&row).map(Some),
            None => Ok(None),
        }
    }

    /// The newest runs of the view's branch, at most `limit`. Runs of other branches in between are
    /// read and passed over.
    pub fn newest(view: &View, limit: usize) -> Result<Vec<Self>, BranchError> {
        let mut runs = Vec::new();
        view.each_ledger_row(Ledger::Runs, &[], LedgerOrder::Descending, |_, row| {
            let run = decode(row)?;
            if run.branch == view.branch().0 {
                runs.push(run);
            }
            Ok(runs.len() < limit)
        })?;
        Ok(runs)
    }

    /// The newest runs of an instance, at most `limit`.
    pub fn of_instance(
        view: &View,
        instance: ObjectId,
        limit: usize,
    ) -> Result<Vec<Self>, BranchError> {
        let prefix = by_key(view.branch(), instance, 0);
        let prefix = prefix.get(..20).unwrap_or_default();
        let mut runs = Vec::new();
        for (key, _) in view.ledger_rows(Ledger::RunsBy, prefix, LedgerOrder::Descending, limit)? {
            if let Some(run) = key.last_chunk::<16>()
                && let Some(row) = view.ledger(Ledger::Runs, run)?
            {
                runs.push(decode(&row)?);
            }
        }
        Ok(runs)
    }
}

fn by_key(branch: BranchId, instance: ObjectId, run: u128) -> Vec<u8> {
    [&branch.0.to_be_bytes()[..], &instance.0.to_be_bytes(), &run.to_be_bytes()].concat()
}

fn decode(row: &[u8]) -> Result<RunRecord, BranchError> {
    postcard::from_bytes(row)
        .map_err(|bad| BranchError::Damaged { what: format!("a run record: {bad}") })
}
