//! The nouns of Kiln as types: ids, values, the schema language and its checks, IP arithmetic.
//!
//! Pure: no files, clock, randomness, threads or async; nothing here knows that a store, GraphQL
//! or a sandbox exist. Everything else in the workspace lies above this crate.

pub mod document;
pub mod id;
pub mod ip;
pub mod limits;
pub mod object_file;
pub mod permission;
pub mod repository;
pub mod schema;
pub mod template;
pub mod time;
pub mod value;

pub use id::{BranchId, Digest, ObjectId, Seq, Symbol, Symbols, hexadecimal};
pub use ip::Interface;
pub use time::{Clock, IdSource, Timestamp};
pub use value::Value;
