//! Loading a schema over what is there: merged, checked, compared with the data, and written in one
//! commit with everything that follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{
    Declared, Document, Kind, Renames, Schema, SchemaChange, SchemaError, attribute_before,
    kind_before,
};
use model::{Symbol, Symbols};
use store::{Space, key};

use crate::database::Compiled;
use crate::draft::Draft;
use crate::error::BranchError;
use crate::object::stamped;
use crate::schema::Indexes;

/// Most offenders listed of one change; the rest is counted.
const OFFENDERS_MAX: usize = 20;

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

/// How the objects of a kind are read while they are held against a new schema.
#[derive(Clone, Copy)]
enum Stored<'a> {
    /// As the old schema has them.
    As(&'a Kind),
    /// They were brought to the new one.
    Migrated,
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
            self.put_row(Space::Symbols, key::symbol(Symbol(number)), name.clone().into())?;
        }
        let locals = Arc::clone(&old.locals);
        let compiled = Compiled { seq: old.seq, schema, declared, symbols, indexes, locals };
        self.view.compiled = Arc::new(compiled);
        self.note_schema_changed();
        self.migrate(&old, &renames)?;
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

    /// Refuses a schema that was set before its objects, where they do not fit.
    pub(crate) fn check_fit(&mut self, old: &Arc<Compiled>) -> Result<(), SchemaLoadError> {
        let new = Arc::clone(&self.view.compiled);
        if Arc::ptr_eq(old, &new) {
            return Ok(());
        }
        let renames = model::schema::renames(&old.declared, &new.declared);
        let changes = model::schema::changes(&old.schema, &new.schema, &renames);
        let mut offences = Vec::new();
        let stays: BTreeSet<Symbol> = new
            .schema
            .by_symbol
            .values()
            .filter_map(|kind| Some(kind_before(&old.schema, kind, &renames)?.symbol))
            .collect();
        for kind in old.schema.by_symbol.values().filter(|kind| !stays.contains(&kind.symbol)) {
            self.view.compiled = Arc::clone(old);
            let count = self.view.count(kind);
            self.view.compiled = Arc::clone(&new);
            let count = count?;
            if count > 0 {
                offences.push(still_stored(kind, count));
            }
        }
        for kind in new.schema.by_symbol.values() {
            if let Some(was) = kind_before(&old.schema, kind, &renames) {
                self.check_kind(was, kind, Stored::Migrated, &renames, &mut offences)?;
            }
        }
        let never = changes.iter().filter(|change| change.is_unsupported());
        offences.extend(never.map(ToString::to_string));
        if offences.is_empty() { Ok(()) } else { Err(SchemaLoadError::Data(offences)) }
    }

    /// Refuses what stored objects do not fit, with the offenders.
    fn check_data(
        &self,
        old: &Schema,
        new: &Schema,
        changes: &[SchemaChange],
        renames: &Renames,
    ) -> Result<(), SchemaLoadError> {
        let mut offences = Vec::new();
        let now: BTreeMap<Symbol, &Arc<Kind>> = new
            .by_symbol
            .values()
            .filter_map(|kind| Some((kind_before(old, kind, renames)?.symbol, kind)))
            .collect();
        for kind in old.by_symbol.values() {
            let count = self.view.count(kind)?;
            if count == 0 {
                continue;
            }
            match now.get(&kind.symbol) {
                None => offences.push(still_stored(kind, count)),
                Some(now) => {
                    self.check_kind(kind, now, Stored::As(kind), renames, &mut offences)?;
                }
            }
        }
        for change in changes.iter().filter(|change| change.is_unsupported()) {
            offences.push(change.to_string());
        }
        if offences.is_empty() { Ok(()) } else { Err(SchemaLoadError::Data(offences)) }
    }

    fn check_kind(
        &self,
        old: &Kind,
        new: &Arc<Kind>,
        stored: Stored<'_>,
        renames: &Renames,
        offences: &mut Vec<String>,
    ) -> Result<(), BranchError> {
        let kind = match stored {
            Stored::As(kind) => kind,
            Stored::Migrated => new,
        };
        for attribute in &new.attributes {
            let was = old.attribute(attribute_before(new, attribute, renames));
            if format!("{was:?}") == format!("{:?}", Some(attribute)) {
                continue;
            }
            let mut offenders = Vec::new();
            let mut count = 0usize;
            let read = match stored {
                Stored::As(_) => was.unwrap_or(attribute),
                Stored::Migrated => attribute,
            };
            for object in self.view.objects(kind)? {
                let object = object?;
                let value = object.attr(read).value.to_value();
                let value = value.unwrap_or(model::Value::Null);
                let needed =
                    !attribute.optional && attribute.computed.is_none() && !attribute.read_only;
                let fits =
                    if value.is_null() { !needed } else { attribute.validate(&value).is_ok() };
                if !fits {
                    count += 1;
                    if offenders.len() < OFFENDERS_MAX {
                        offenders.push(format!("{} ({value})", self.label_of(&object)?));
                    }
                }
            }
            if count > 0 {
                offences.push(format!(
                    "`{}.{}`: {count} objects do not fit: {}",
                    new.name,
                    attribute.name,
                    offenders.join(", ")
                ));
            }
        }
        for rel in new.relationships.iter().filter(|rel| !rel.optional) {
            if old.relationship(&rel.name).is_some_and(|old| !old.optional) {
                continue;
            }
            let mut offenders = Vec::new();
            for object in self.view.objects(kind)? {
                let object = object?;
                if self.view.peers(object.id(), rel)?.is_empty() && offenders.len() < OFFENDERS_MAX
                {
                    offenders.push(self.label_of(&object)?);
                }
            }
            if !offenders.is_empty() {
                offences.push(format!(
                    "`{}.{}` becomes mandatory, but these have no peer: {}",
                    new.name,
                    rel.name,
                    offenders.join(", ")
                ));
            }
        }
        Ok(())
    }
}

fn still_stored(kind: &Kind, count: u64) -> String {
    format!("`{}` is removed, but {count} objects of it are stored; delete them first", kind.name)
}
