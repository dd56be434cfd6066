//! What a branch means: a view of objects at one moment, a draft of changes over it, the rules that
//! every change obeys, and the one commit.
//!
//! Must not know GraphQL, WebAssembly or HTTP. A change, wherever it comes from, becomes a
//! [`Draft`] over a [`View`], then a [`ChangeSet`], then [`Database::commit`].

mod branches;
mod change;
mod check;
mod commit;
mod counts;
mod database;
mod derived;
mod draft;
mod error;
mod history;
pub mod limits;
mod object;
mod record;
mod rows;
mod schema;
mod seen;
mod sight;
mod view;
#[cfg(test)]
mod walks;

pub use branches::{
    Against, BranchDiff, BranchFault, BranchInfo, BranchStatus, Conflict, ConflictId, ConflictKind,
    ConflictSide, DiffScope, FaultSort, FieldDiff, Keep, LinkDiff, MergeCheck, Merged, Moment,
    ObjectDiff, ParentOf, Side,
};
pub use change::{Change, ChangeSet, FieldChange, LinkChange, Op};
pub use commit::{Author, Cause, Committed, LogEntry, Prepared, Unsettled};
pub use database::{Database, Environment};
pub use derived::Made;
pub use draft::{
    Attempt, AttrInput, BLOCK_MAX, Blocker, CELLS_MAX, Cell, Claim, ClaimedPeer, Converted, Draft,
    FORECAST_MAX, Fill, Forecast, FromPool, Given, Gone, Granted, Held, IDENTIFIER_BYTES_MAX,
    IdentifiedBy, Input, Kept, Ledger, LedgerOrder, LedgerRow, Outcome, PASSWORD_BYTES_MAX,
    PeerInput, PeerRef, Picture, PoolAlert, PoolRequest, PoolUse, REASON_BYTES_MAX, RelInput,
    ResourceUse, RevertError, Succeeded, Want, is_password,
};
pub use error::{BranchError, CommitFailure, Violation};
pub use history::{Blamed, Origin, Version};
pub use object::{Edge, Object};
pub use record::{AttrRef, ValueRef};
pub use rows::Track;
pub use schema::path_of;
pub use schema::{SchemaLoad, SchemaLoadError};
pub use seen::{Met, RunInput, Seen, Touched};
pub use sight::Sight;
pub use view::{InOrder, Objects, View};
