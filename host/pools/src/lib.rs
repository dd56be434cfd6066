//! The `pools` crate.
