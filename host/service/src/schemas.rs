//! Schemas: check and load.

use branch::{Cause, SchemaLoadError};
use model::schema::Document;

use crate::objects::SourceFile;
use crate::{AUTHOR, MAIN, Service, ServiceError};

/// What a load does, or would do.
#[derive(Debug, Clone)]
pub struct SchemaReport {
    /// Hash before.
    pub previous_hash: String,
    /// Hash after.
    pub hash: String,
    /// Differences, one a line.
    pub changes: Vec<String>,
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
        let mut draft = self.database.draft(MAIN, AUTHOR)?;
        let load = draft.load_schema(&documents)?;
        if keep {
            self.database.commit(draft, Cause::Schema)?;
        }
        Ok(SchemaReport {
            previous_hash: load.previous_hash.to_string(),
            hash: load.hash.to_string(),
            changes: load.changes.iter().map(ToString::to_string).collect(),
        })
    }
}
