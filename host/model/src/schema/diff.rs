//! What is different between two schemas, and which differences are allowed.

use std::fmt;

use crate::schema::types::{Category, Kind, Schema};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SchemaChange {
    /// A kind is new.
    KindAdded(String),
    /// A kind is gone.
    KindRemoved(String),
    /// An attribute or relationship is new.
    FieldAdded {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
    },
    /// An attribute or relationship is gone.
    FieldRemoved {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
    },
    /// An attribute or relationship is declared otherwise.
    FieldChanged {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
    },
    /// Something that can never change.
    NotSupported {
        /// Where.
        path: String,
        /// What.
        what: String,
    },
}

impl SchemaChange {
    /// Whether the change can never be made.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::NotSupported { .. })
    }
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KindAdded(kind) => write!(f, "+ {kind}"),
            Self::KindRemoved(kind) => write!(f, "- {kind}"),
            Self::FieldAdded { kind, field } => write!(f, "+ {kind}.{field}"),
            Self::FieldRemoved { kind, field } => write!(f, "- {kind}.{field}"),
            Self::FieldChanged { kind, field } => write!(f, "~ {kind}.{field}"),
            Self::NotSupported { path, what } => {
                write!(f, "`{path}`: {what} cannot be changed; remove it and add a new one")
            }
        }
    }
}

/// The differences from `old` to `new`, sorted.
pub fn changes(old: &Schema, new: &Schema) -> Vec<SchemaChange> {
    let mut changes = Vec::new();
    for (name, kind) in &new.kinds {
        match old.kinds.get(name) {
            None => changes.push(SchemaChange::KindAdded(name.clone())),
            Some(before) => fields(before, kind, &mut changes),
        }
    }
    for name in old.kinds.keys().filter(|name| !new.kinds.contains_key(*name)) {
        changes.push(SchemaChange::KindRemoved(name.clone()));
    }
    changes.sort();
    changes
}

fn fields(old: &Kind, new: &Kind, changes: &mut Vec<SchemaChange>) {
    let kind = &new.name;
    if old.branch != new.branch && new.category != Category::Generic {
        let (path, what) = (kind.clone(), "`branch`".to_owned());
        changes.push(SchemaChange::NotSupported { path, what });
    }
    for attribute in &new.attributes {
        let (kind, field) = (kind.clone(), attribute.name.clone());
        match old.attribute(&attribute.name) {
            None => changes.push(SchemaChange::FieldAdded { kind, field }),
            Some(before) if format!("{before:?}") != format!("{attribute:?}") => {
                changes.push(SchemaChange::FieldChanged { kind, field });
            }
            Some(_) => {}
        }
    }
    for rel in &new.relationships {
        let (kind, field) = (kind.clone(), rel.name.clone());
        match old.relationship(&rel.name) {
            None => changes.push(SchemaChange::FieldAdded { kind, field }),
            Some(before) => {
                let fixed = [
                    (before.identifier != rel.identifier, "`identifier`"),
                    (before.direction != rel.direction, "`direction`"),
                    (before.branch != rel.branch, "`branch`"),
                ];
                for (_, what) in fixed.iter().filter(|(different, _)| *different) {
                    let path = format!("{kind}.{field}");
                    let what = (*what).to_owned();
                    changes.push(SchemaChange::NotSupported { path, what });
                }
                if format!("{before:?}") != format!("{rel:?}") {
                    changes.push(SchemaChange::FieldChanged { kind, field });
                }
            }
        }
    }
    let gone_attributes = old
        .attributes
        .iter()
        .filter(|attribute| new.attribute(&attribute.name).is_none())
        .map(|attribute| attribute.name.clone());
    let gone_relationships = old
        .relationships
        .iter()
        .filter(|rel| new.relationship(&rel.name).is_none())
        .map(|rel| rel.name.clone());
    for field in gone_attributes.chain(gone_relationships) {
        changes.push(SchemaChange::FieldRemoved { kind: kind.clone(), field });
    }
}
