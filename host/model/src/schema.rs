//! The schema language: what a document may say, what it means once compiled, and why one is
//! refused.
//!
//! `types` is what everything above reads. A [`types::Schema`] is immutable and complete: all
//! inheritance, derived relationships, profiles and templates are in it.

pub mod types;

pub use types::*;
