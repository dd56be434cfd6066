//! The `graphql` crate.
