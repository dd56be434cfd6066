//! Object files into a draft: every row is an upsert, and the schema decides what a value means.
//!
//! A row is made before the rows nested in it, so that these can belong to it; rows that its single
//! relationships need come first.

use std::sync::Arc;

use branch::{AttrInput, BranchError, Draft, Input, Outcome, PeerInput, RelInput, Violation};
use model::ObjectId;
use model::object_file::{ObjectFile, Row, RowValue};
use model::schema::{AttributeKind, Cardinality, Kind, Relationship};
use serde_json::Value as Json;

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectLoad {
    /// Objects made.
    pub created: usize,
    /// Objects changed.
    pub updated: usize,
    /// Objects that were so already.
    pub unchanged: usize,
    /// Documents of other kinds, passed over.
    pub skipped: Vec<String>,
    /// What the rows are, nested ones included.
    pub objects: Vec<ObjectId>,
}

/// A row that could not be loaded; nothing of the load is kept.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {path}: {source}")]
pub struct ObjectLoadError {
    /// The file.
    pub file: String,
    /// The row.
    pub path: String,
    /// Why.
    #[source]
    pub source: BranchError,
}

struct Loader<'a> {
    draft: &'a mut Draft,
    file: &'a str,
    load: ObjectLoad,
}

/// Loads a file into a draft.
pub fn load(draft: &mut Draft, file: &ObjectFile) -> Result<ObjectLoad, ObjectLoadError> {
    let mut loader = Loader { draft, file: &file.file, load: ObjectLoad::default() };
    loader.load.skipped.clone_from(&file.skipped);
    for document in &file.documents {
        for row in &document.rows {
            loader.row(&document.kind, row, None)?;
        }
    }
    Ok(loader.load)
}

/// The relationship from which a nested row is reached, and the object it hangs on.
#[derive(Clone, Copy)]
struct Above<'a> {
    object: ObjectId,
    rel: &'a Relationship,
}

impl Loader<'_> {
    fn failed(&self, path: &str, source: BranchError) -> ObjectLoadError {
        ObjectLoadError { file: self.file.to_owned(), path: path.to_owned(), source }
    }

    fn misread(&self, kind: &Kind, row: &Row, field: &str, message: String) -> ObjectLoadError {
        let (kind, field) = (kind.name.clone(), field.to_owned());
        let path = format!("{}.{field}", row.path);
        self.failed(&path, Violation::BadValue { kind, field, message }.into())
    }

    fn row(
        &mut self,
        kind: &str,
        row: &Row,
        above: Option<Above<'_>>,
    ) -> Result<ObjectId, ObjectLoadError> {
        let kind = match self.draft.kind(kind) {
            Ok(kind) => Arc::clone(kind),
            Err(source) => return Err(self.failed(&row.path, source)),
        };
        let mut input = Input::default();
        let mut below = Vec::new();
        for (name, value) in &row.fields {
            if let Some(attribute) = kind.attribute(name) {
                let given = attribute_input(attribute.kind, value)
                    .map_err(|what| self.misread(&kind, row, name, what))?;
                input = input.attr(name, given);
                continue;
            }
            let Some(rel) = kind.relationship(name).cloned() else {
                let source = unknown_field(&kind, name);
                return Err(self.failed(&format!("{}.{name}", row.path), source));
            };
            match value {
                RowValue::Nested { kind: nested, rows } => {
                    if rel.cardinality == Cardinality::One && !belongs_to_above(&rel) {
                        let mut peers = Vec::new();
                        for nested_row in rows {
                            let kind = nested.as_deref().unwrap_or(&rel.peer);
                            peers.push(PeerInput::id(self.row(kind, nested_row, None)?));
                        }
                        input = input.rel(name, peers);
                    } else {
                        below.push((rel, nested.clone(), rows));
                    }
                }
                RowValue::Plain(json) => {
                    let given = RelInput::from_json(&rel, json)
                        .map_err(|what| self.misread(&kind, row, name, what))?;
                    input.rels.insert(name.clone(), given);
                }
            }
        }
        if let Some(above) = above
            && let Some(up) = up_to(&kind, above.rel)
        {
            input.rels.insert(up, RelInput::Replace(vec![PeerInput::id(above.object)]));
        }
        let (id, outcome) = self
            .draft
            .upsert(&kind.name, None, input)
            .map_err(|source| self.failed(&row.path, source))?;
        match outcome {
            Outcome::Created => self.load.created += 1,
            Outcome::Updated => self.load.updated += 1,
            Outcome::Unchanged => self.load.unchanged += 1,
        }
        self.load.objects.push(id);
        for (rel, nested, rows) in below {
            self.nested(id, &rel, nested.as_deref(), rows)?;
        }
        Ok(id)
    }

    fn nested(
        &mut self,
        object: ObjectId,
        rel: &Relationship,
        kind: Option<&str>,
        rows: &[Row],
    ) -> Result<(), ObjectLoadError> {
        for row in rows {
            let made = self.row(kind.unwrap_or(&rel.peer), row, Some(Above { object, rel }))?;
            self.draft
                .add_links(object, &rel.name, vec![PeerInput::id(made)])
                .map_err(|source| self.failed(&row.path, source))?;
        }
        Ok(())
    }
}

fn belongs_to_above(rel: &Relationship) -> bool {
    rel.cardinality == Cardinality::Many
}

/// The single relationship of `kind` that leads back over `rel`.
fn up_to(kind: &Kind, rel: &Relationship) -> Option<String> {
    let back = rel.direction.reverse();
    kind.relationships
        .iter()
        .find(|up| {
            up.symbol == rel.symbol && up.direction == back && up.cardinality == Cardinality::One
        })
        .map(|up| up.name.clone())
}

fn attribute_input(kind: AttributeKind, value: &RowValue) -> Result<AttrInput, String> {
    match value {
        RowValue::Plain(json) => AttrInput::from_json(kind, json),
        RowValue::Nested { .. } => Ok(AttrInput::json(Json::Null)),
    }
}

fn unknown_field(kind: &Kind, field: &str) -> BranchError {
    let names = kind.attributes.iter().map(|attribute| attribute.name.as_str());
    let rels = kind.relationships.iter().map(|rel| rel.name.as_str());
    let nearest = model::schema::nearest(field, names.chain(rels));
    Violation::UnknownField { kind: kind.name.clone(), field: field.to_owned(), nearest }.into()
}
