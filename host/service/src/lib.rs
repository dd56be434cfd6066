//! Verbs: what HTTP, the command line and tests all call. Permissions and transactions are settled
//! here.
//!
//! Must not know redb, wasmtime or HTTP.

pub mod object_load;
