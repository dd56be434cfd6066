//! Branches: isolated lines of changes forked from `main`.
//!
//! A branch is its record and its own rows; everything else it reads from main as of its fork, so
//! that making one costs the same whatever main holds. Must not know what asks: HTTP, the command
//! line, a run.

mod conflict;
mod derived;
mod diff;
mod ever;
mod fault;
mod merge;
mod moment;
mod overlay;
mod rebase;
mod reconcile;
mod record;
mod sweep;
#[cfg(test)]
mod tests;
mod verbs;

pub use conflict::{Conflict, ConflictId, ConflictKind, ConflictSide, Keep};
pub use diff::{Against, BranchDiff, DiffScope, FieldDiff, LinkDiff, ObjectDiff, ParentOf, Side};
pub use fault::{BranchFault, FaultSort};
pub use merge::{MergeCheck, Merged};
pub use moment::Moment;
pub use record::{BranchInfo, BranchStatus};

pub(crate) use conflict::ConflictPlaces;
pub(crate) use derived::is_derived_of_ip;
pub(crate) use moment::committed_at;
pub(crate) use overlay::{Layered, Locals, Overlay, kind_in, kind_row};
pub(crate) use rebase::{let_through, rewritten};
pub(crate) use record::BranchRecord;
pub(crate) use sweep::seen_moments;
pub(crate) use verbs::{is_alone, name_of, newest_fork, open_branches, record};
