//! What can go wrong with bytes on disk.

use std::path::PathBuf;

use model::Seq;

use crate::layout::Space;

/// The disk, or what is on it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be read or written.
    #[error("the storage engine failed while {doing}")]
    Engine {
        /// What was being done.
        doing: &'static str,
        /// The engine's own words.
        #[source]
        source: Box<redb::Error>,
    },
}

impl StoreError {
    pub(crate) fn engine(doing: &'static str) -> impl Fn(redb::Error) -> Self {
        move |source| Self::Engine { doing, source: Box::new(source) }
    }
}

/// Why a store was not opened. The file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the store {} is in use by another process; stop that one first", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a Kiln store", .path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "the store has format {found}, this program knows {known}; use the `kiln` that made it, or a newer one"
    )]
    Format {
        /// Version in the file.
        found: u32,
        /// Newest version known here.
        known: u32,
    },
    /// The file could not be read or written.
    #[error("the store could not be opened")]
    Engine(#[source] Box<redb::Error>),
    /// The threads could not be started.
    #[error("the store's writer could not be started")]
    Thread(#[source] std::io::Error),
}

/// Why a proposal was not committed. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Something it read has changed since.
    #[error("a row of `{}` that was read has been changed by commit {seq}", .space.name())]
    Conflict {
        /// The table.
        space: Space,
        /// The commit that changed it.
        seq: Seq,
    },
    /// It is based on a state too old to tell.
    #[error("based on commit {base}, but only changes since {oldest} are remembered")]
    TooOld {
        /// Its base.
        base: Seq,
        /// The oldest base that can be validated.
        oldest: Seq,
    },
    /// The disk is full.
    #[error("the disk is full; nothing was written. Make room, then start again")]
    Full,
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
    /// The file could not be written.
    #[error("the commit was not written: {0}")]
    Store(String),
}
