//! Schemas: check and load.

use branch::{Cause, SchemaLoadError, View};
use model::schema::{Document, SchemaChange};
use serde_json::{Value as Json, json};

use crate::objects::SourceFile;
use crate::{Service, ServiceError};

/// What a load does, or would do.
#[derive(Debug, Clone)]
pub struct SchemaReport {
    /// Hash before.
    pub previous_hash: String,
    /// Hash after.
    pub hash: String,
    /// Differences, one a line.
    pub changes: Vec<String>,
    /// The same in the public form: `{added, changed, removed}` by kind, and within a kind by field.
    pub diff: Json,
}

/// Differences in the public form: `{added, changed, removed}` by kind, and within a kind by field.
pub(crate) fn schema_diff(changes: &[SchemaChange]) -> Json {
    let mut diff = json!({"added": {}, "changed": {}, "removed": {}});
    let none = || json!({"added": {}, "changed": {}, "removed": {}});
    let mut field = |kind: &str, part: &str, name: &str| {
        let changed = &mut diff["changed"];
        if changed.get(kind).is_none() {
            changed[kind] = none();
        }
        changed[kind][part][name] = Json::Null;
    };
    for change in changes {
        match change {
            SchemaChange::FieldAdded { kind, field: name } => field(kind, "added", name),
            SchemaChange::FieldRemoved { kind, field: name } => field(kind, "removed", name),
            SchemaChange::FieldChanged { kind, field: name } => field(kind, "changed", name),
            SchemaChange::FieldRenamed { kind, to, .. } => field(kind, "changed", to),
            SchemaChange::NotSupported { path, .. } => field(path, "changed", "branch"),
            _ => {}
        }
    }
    for change in changes {
        match change {
            SchemaChange::KindAdded(kind) => diff["added"][kind] = none(),
            SchemaChange::KindRemoved(kind) => diff["removed"][kind] = none(),
            SchemaChange::KindRenamed { to, .. } => diff["changed"][to] = none(),
            _ => {}
        }
    }
    diff
}

impl Service {
    /// What loading these files would do.
    pub fn schema_check(&self, files: &[SourceFile]) -> Result<SchemaReport, ServiceError> {
        self.schema(files, false)
    }

    /// Loads files into the schema: all of them, or none.
    pub fn schema_load(&self, files: &[SourceFile]) -> Result<SchemaReport, ServiceError> {
        self.schema(files, true)
    }

    /// What was declared, merged over all loads, in the public language; with the ids by which a later
    /// load may rename.
    pub fn schema_declared(&self) -> Result<Json, ServiceError> {
        let view = self.view()?;
        let declared = view.declared();
        let kinds = |generic: bool| -> Vec<Json> {
            let kinds = declared.kinds.values().filter(|kind| kind.generic == generic);
            kinds
                .filter_map(|kind| {
                    let mut kind = serde_json::to_value(kind).ok()?;
                    // Told by the list it is in.
                    kind.as_object_mut()?.remove("generic");
                    Some(kind)
                })
                .collect()
        };
        let extensions: Vec<Json> = declared
            .extensions
            .iter()
            .map(|(kind, more)| {
                json!({
                    "kind": kind, "attributes": more.attributes,
                    "relationships": more.relationships,
                })
            })
            .collect();
        Ok(json!({
            "version": "1.0", "generics": kinds(true), "nodes": kinds(false),
            "extensions": {"nodes": extensions},
        }))
    }

    /// Loads a document that is made from the schema as it is; made anew when that has changed
    /// meanwhile.
    pub(crate) fn schema_edit(
        &self,
        make: &dyn Fn(&View) -> Result<Json, ServiceError>,
    ) -> Result<(), ServiceError> {
        /// Schemas are edited by hand: losing this often means something is wrong.
        const ATTEMPTS: usize = 16;
        self.may_load_schemas()?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut draft = self.draft()?;
            let document = make(draft.view())?;
            let documents = Document::from_json("request", vec![document]);
            draft.load_schema(&documents.map_err(SchemaLoadError::Invalid)?)?;
            match self.database.commit(draft, Cause::Schema) {
                Err(branch::CommitFailure::Conflict { .. }) if attempt < ATTEMPTS => {}
                done => return Ok(done.map(|_committed| ())?),
            }
        }
    }

    fn schema(&self, files: &[SourceFile], keep: bool) -> Result<SchemaReport, ServiceError> {
        let mut documents = Vec::new();
        let mut errors = Vec::new();
        for file in files {
            match Document::parse(&file.name, &file.text) {
                Ok(read) => documents.extend(read),
                Err(bad) => errors.extend(bad),
            }
        }
        if !errors.is_empty() {
            return Err(SchemaLoadError::Invalid(errors).into());
        }
        if keep {
            self.may_load_schemas()?;
        }
        let mut draft = self.draft()?;
        let load = draft.load_schema(&documents)?;
        if keep {
            self.database.commit(draft, Cause::Schema)?;
            self.note_branch();
        }
        Ok(SchemaReport {
            previous_hash: load.previous_hash.to_string(),
            hash: load.hash.to_string(),
            diff: schema_diff(&load.changes),
            changes: load.changes.iter().map(ToString::to_string).collect(),
        })
    }
}
