//! Bytes on disk: ordered keys in named spaces, snapshots, and one validated, atomic, durable
//! commit. The only crate that names redb.
//!
//! Must not know what a schema rule, a pool or a JSON body is. A proposal says what it read and what
//! it writes; the store says yes and gives it a number, or says what has changed since.

mod check;
pub mod disk;
mod dump;
mod error;
pub mod key;
mod layout;
pub mod limits;
mod mark;
mod proposal;
mod recent;
mod snapshot;
mod store;
mod writer;
pub mod yardstick;

pub use check::{CheckReport, Finding};
pub use error::{CommitError, OpenError, StoreError};
pub use key::Key;
pub use layout::{BySpace, FORMAT, Space};
pub use proposal::{Proposal, ReadSet, Write, Writes};
pub use snapshot::{KeyGuard, Row, Scan, Snapshot};
pub use store::{Coming, Durability, Options, Store};
pub use writer::Answer;
