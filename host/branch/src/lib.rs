//! The `branch` crate.
