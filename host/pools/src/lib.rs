//! "What is the next free one": pure arithmetic on intervals of `u128`, for numbers, prefixes and
//! addresses alike. Must not know the store, branches, or who holds what and why.

pub mod address;
mod free;

pub use free::{Block, FreeSet};
