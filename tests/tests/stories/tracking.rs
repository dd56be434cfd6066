//! Ownership: tested with a guest that does what it is told.
