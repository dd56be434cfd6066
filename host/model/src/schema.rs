//! The schema language: what a document may say, what it means once compiled, and why one is
//! refused.
//!
//! A document is read (`document`), merged into what is declared already (`declared`), and compiled
//! (`compile`) into a [`types::Schema`]: immutable and complete, with all inheritance, derived
//! relationships, profiles and templates in it. `value` reads and checks values; `diff` compares two
//! schemas.

mod builtin;
mod compile;
mod convert;
mod declared;
mod derive;
mod diff;
mod document;
mod error;
mod fields;
mod rename;
mod rules;
mod three_way;
pub mod types;
mod value;

pub use compile::compile;
pub use convert::{Equivalent, equivalents};
pub use declared::{AttributeDecl, Declared, KindDecl, RelationshipDecl, merge};
pub use diff::{SchemaChange, attribute_before, changes, kind_before};
pub use document::{DOCUMENT_BYTES_MAX, Document, yaml_documents};
pub use error::{SchemaError, nearest};
pub use rename::{Renames, renames};
pub use three_way::{Prefer, SchemaConflict, reconcile};
pub use types::*;
pub use value::{SECRET_TOLD, TEXT_BYTES_MAX, ValueError};
