//! Loading a schema over what is there: merged, checked, compared with the data, and written in one
//! commit with everything that follows from it.

use std::sync::Arc;

use model::schema::{Declared, Document, SchemaChange, SchemaError};
use model::{Symbol, Symbols};
use store::{Space, key};

use crate::database::Compiled;
use crate::draft::Draft;
use crate::error::BranchError;
use crate::object::stamped;
use crate::schema::Indexes;

/// What a load did.
#[derive(Debug, Clone)]
pub struct SchemaLoad {
    /// Hash before.
    pub previous_hash: model::Digest,
    /// Hash after.
    pub hash: model::Digest,
    /// What is different.
    pub changes: Vec<SchemaChange>,
}

/// Why a schema was not loaded. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SchemaLoadError {
    /// The documents break rules of the language.
    #[error("the schema breaks {} rule{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Invalid(Vec<SchemaError>),
    /// Stored objects stand in the way.
    #[error("stored objects do not fit the new schema:\n{}", .0.join("\n"))]
    Data(Vec<String>),
    /// Reading failed.
    #[error(transparent)]
    Branch(#[from] BranchError),
}

/// When stored objects are held against a new schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// At once.
    Now,
    /// By [`Draft::check_fit`], when the objects that come with it are there.
    Later,
}

impl Draft {
    /// Merges documents into the schema of the branch. The draft must be clean: everything in it
    /// was checked against the old schema.
    pub fn load_schema(&mut self, documents: &[Document]) -> Result<SchemaLoad, SchemaLoadError> {
        let old = Arc::clone(&self.view.compiled);
        let declared =
            model::schema::merge(&old.declared, documents).map_err(SchemaLoadError::Invalid)?;
        let load = self.set_schema(declared, Fit::Now)?;
        self.settle_own_pools(&old.schema, &load)?;
        Ok(load)
    }

    /// Gives the branch a schema, with all that follows for what is stored but the pools of
    /// attributes.
    pub(crate) fn set_schema(
        &mut self,
        declared: Declared,
        fit: Fit,
    ) -> Result<SchemaLoad, SchemaLoadError> {
        let old = Arc::clone(&self.view.compiled);
        let (mut symbols, known) = self.symbols(&old)?;
        let schema =
            model::schema::compile(&declared, &mut symbols).map_err(SchemaLoadError::Invalid)?;
        let renames = model::schema::renames(&old.declared, &declared);
        let changes = model::schema::changes(&old.schema, &schema, &renames);
        let load = SchemaLoad {
            previous_hash: old.schema.hash,
            hash: schema.hash,
            changes: changes.clone(),
        };
        if schema.hash == old.schema.hash && old.seq != model::Seq(0) {
            return Ok(load);
        }
        if fit == Fit::Now {
            self.check_data(&old.schema, &schema, &changes, &renames)?;
        }
        let schema = Arc::new(schema);
        let indexes = Indexes::new(&schema);
        let row = serde_json::to_vec(&declared).map_err(|bad| BranchError::Damaged {
            what: format!("the declared schema cannot be written: {bad}"),
        })?;
        let branch = self.view.branch;
        self.put_row(Space::Schemas, key::schema(branch), stamped(0, &row))?;
        for (number, name) in (0u32..).zip(symbols.names()).skip(known) {
            self.put_row(Space::Symbols, key::symbol(Symbol(number)), name.clone().into_bytes())?;
        }
        let locals = Arc::clone(&old.locals);
        let compiled = Compiled { seq: old.seq, schema, declared, symbols, indexes, locals };
        self.view.compiled = Arc::new(compiled);
        self.note_schema_changed();
        self.migrate(&old, &renames)?;
        if fit == Fit::Now {
            self.check_constraints(&old, &renames)?;
        }
        Ok(load)
    }

    /// The interned names as they are now, with how many are stored. Another branch may have added
    /// some since this one's schema was loaded; one that does so meanwhile is a conflict.
    fn symbols(&self, old: &Compiled) -> Result<(Symbols, usize), BranchError> {
        if old.seq == model::Seq(0) {
            return Ok((old.symbols.clone(), 0));
        }
        let rows = &self.view.rows;
        rows.note_range(Space::Symbols, &[], &[0xff; 8]);
        let symbols = crate::database::read_symbols(&rows.snapshot)?;
        let known = symbols.names().len();
        Ok((symbols, known))
    }
}
