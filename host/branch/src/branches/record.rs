//! What is known of a branch, and how it is stored.

use model::{BranchId, ObjectId, Seq, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::BranchError;
use crate::object::{PAYLOAD_AT, stamp, stamped};
use crate::rows::{RowBytes, encoded};

/// State of a branch, in the public words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchStatus {
    /// It takes changes.
    Open,
    /// Main's schema changed since the fork.
    NeedRebase,
    /// It is being taken away.
    Deleting,
    /// It was merged and is frozen.
    Merged,
}

impl BranchStatus {
    /// `OPEN`, `NEED_REBASE`, `DELETING`, `MERGED`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::NeedRebase => "NEED_REBASE",
            Self::Deleting => "DELETING",
            Self::Merged => "MERGED",
        }
    }
}

/// A branch, as listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchInfo {
    /// Its line; never used again.
    pub id: BranchId,
    /// Name.
    pub name: String,
    /// For people.
    pub description: String,
    /// State.
    pub status: BranchStatus,
    /// The commit as of which it reads main; zero for main itself.
    pub fork: Seq,
    /// When main was as it reads it.
    pub branched_from: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: ObjectId,
    /// It has a schema of its own.
    pub has_schema_changes: bool,
}

impl BranchInfo {
    /// Whether this is main.
    pub fn is_default(&self) -> bool {
        self.id == BranchId::MAIN
    }
}

/// The record of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BranchRecord {
    pub(crate) name: String,
    pub(crate) description: String,
    /// As of which commits it read main, oldest first.
    pub(crate) forks: Vec<Fork>,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: ObjectId,
    pub(crate) state: BranchState,
}

/// A stretch of a branch's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fork {
    /// The commit that began it; zero is the one that writes the record.
    pub(crate) since: Seq,
    /// As of which commit the branch reads main; zero is the one that writes the record.
    pub(crate) at: Seq,
}

/// What of its status is stored; the rest follows from main.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BranchState {
    Open,
    Deleting,
    Merged,
}

/// The layout of a record; a commit of zero is the one that wrote it.
#[derive(Serialize, Deserialize)]
struct Row {
    name: String,
    description: String,
    forks: Vec<(u64, u64)>,
    created_at: i64,
    created_by: u128,
    state: BranchState,
}

impl BranchRecord {
    pub(crate) fn encode(&self) -> RowBytes {
        let row = Row {
            name: self.name.clone(),
            description: self.description.clone(),
            forks: self.forks.iter().map(|fork| (fork.since.0, fork.at.0)).collect(),
            created_at: self.created_at.0,
            created_by: self.created_by.0,
            state: self.state,
        };
        stamped(0, &encoded(&row))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BranchError> {
        let damaged = || BranchError::Damaged { what: "the record of a branch".to_owned() };
        let (seq, _) = stamp(bytes).ok_or_else(damaged)?;
        let payload = bytes.get(PAYLOAD_AT..).ok_or_else(damaged)?;
        let row: Row = postcard::from_bytes(payload).map_err(|_bad| damaged())?;
        let commit = |number: u64| if number == 0 { seq } else { Seq(number) };
        let fork = |(since, at)| Fork { since: commit(since), at: commit(at) };
        Ok(Self {
            name: row.name,
            description: row.description,
            forks: row.forks.into_iter().map(fork).collect(),
            created_at: Timestamp(row.created_at),
            created_by: ObjectId(row.created_by),
            state: row.state,
        })
    }

    /// The record of main: it never forks.
    pub(crate) fn main(now: Timestamp) -> Self {
        Self {
            name: "main".to_owned(),
            description: "Default Branch".to_owned(),
            forks: Vec::new(),
            created_at: now,
            created_by: ObjectId::SYSTEM,
            state: BranchState::Open,
        }
    }

    /// Whether it takes changes.
    pub(crate) fn is_open(&self) -> bool {
        self.state == BranchState::Open
    }

    /// The fork as of a moment; the newest without one. Before there was the branch, main as it was
    /// then.
    pub(crate) fn fork(&self, at: Option<Seq>) -> Option<Seq> {
        match at {
            None => self.forks.last().map(|fork| fork.at),
            Some(at) => {
                let then = self.forks.iter().rev().find(|fork| fork.since <= at);
                self.forks.first().map(|_| then.map_or(at, |fork| fork.at))
            }
        }
    }
}

/// What is known of all branches together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Together {
    /// The newest fork that a branch reads main as of; none without branches.
    pub(crate) newest_fork: Option<Seq>,
    /// The id of the next branch.
    pub(crate) next: u32,
}

impl Together {
    /// `newest` of zero is the commit that writes the row.
    pub(crate) fn encode(newest: Option<Seq>, next: u32) -> RowBytes {
        let newest = newest.map_or(u64::MAX, |fork| fork.0);
        stamped(0, &[&newest.to_be_bytes()[..], &next.to_be_bytes()].concat())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (seq, _) = stamp(bytes)?;
        let (newest, next) = bytes.get(PAYLOAD_AT..)?.split_first_chunk::<8>()?;
        let newest_fork = match u64::from_be_bytes(*newest) {
            u64::MAX => None,
            0 => Some(seq),
            fork => Some(Seq(fork)),
        };
        Some(Self { newest_fork, next: u32::from_be_bytes(<[u8; 4]>::try_from(next).ok()?) })
    }
}
