//! Who looks: of which objects anything may be told.

use std::fmt::Debug;

use model::BranchId;
use model::schema::Kind;

/// Decides of which kinds' objects whoever looks may be told. What is told without anybody asking for the
/// objects themselves goes by it: labels, in lists, differences, histories, answers of pools and messages.
pub trait Sight: Debug + Send + Sync {
    /// Whether objects of a concrete kind may be told of, as they are on a branch.
    fn sees(&self, kind: &Kind, branch: BranchId) -> bool;
}
