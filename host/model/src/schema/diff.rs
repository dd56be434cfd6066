//! What is different between two schemas, and which differences are allowed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::schema::rename::Renames;
use crate::schema::types::{Attribute, Category, Kind, Schema};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SchemaChange {
    /// A kind is new.
    KindAdded(String),
    /// A kind is gone.
    KindRemoved(String),
    /// A kind has another name.
    KindRenamed {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// An attribute has another name.
    FieldRenamed {
        /// The kind.
        kind: String,
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
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
            Self::KindRenamed { from, to } => write!(f, "> {from} is now {to}"),
            Self::FieldRenamed { kind, from, to } => write!(f, "> {kind}.{from} is now {to}"),
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
pub fn changes(old: &Schema, new: &Schema, renames: &Renames) -> Vec<SchemaChange> {
    let mut changes = Vec::new();
    let mut same = BTreeSet::new();
    for (name, kind) in &new.kinds {
        let was = kind_before(old, kind, renames);
        same.extend(was.map(|was| was.name.clone()));
        match was {
            None => changes.push(SchemaChange::KindAdded(name.clone())),
            Some(before) => {
                if before.name != *name {
                    let (from, to) = (before.name.clone(), name.clone());
                    changes.push(SchemaChange::KindRenamed { from, to });
                }
                fields(before, kind, renames, &mut changes);
            }
        }
    }
    for name in old.kinds.keys().filter(|name| !same.contains(*name)) {
        changes.push(SchemaChange::KindRemoved(name.clone()));
    }
    changes.sort();
    changes
}

/// The kind as it was; templates and profiles follow the kind they serve.
pub fn kind_before<'a>(old: &'a Schema, new: &Kind, renames: &Renames) -> Option<&'a Arc<Kind>> {
    if let Some(served) = &new.serves {
        let prefix = new.name.strip_suffix(served.as_str()).unwrap_or_default();
        return old.kind(&format!("{prefix}{}", renames.old_kind(served)));
    }
    old.kind(renames.old_kind(&new.name))
}

/// The attribute as it was called, in the kind itself or in the generic that declares it.
pub fn attribute_before<'a>(
    kind: &Kind,
    attribute: &'a Attribute,
    renames: &'a Renames,
) -> &'a str {
    let served = kind.serves.as_deref();
    let declaring = [attribute.inherited_from.as_deref(), served, Some(kind.name.as_str())];
    let renamed = declaring.into_iter().flatten().find_map(|declaring| {
        renames.attributes.get(&(declaring.to_owned(), attribute.name.clone()))
    });
    renamed.map_or(attribute.name.as_str(), String::as_str)
}

fn fields(old: &Kind, new: &Kind, renames: &Renames, changes: &mut Vec<SchemaChange>) {
    let kind = &new.name;
    if old.branch != new.branch && new.category != Category::Generic {
        let (path, what) = (kind.clone(), "`branch`".to_owned());
        changes.push(SchemaChange::NotSupported { path, what });
    }
    for attribute in &new.attributes {
        let (kind, field) = (kind.clone(), attribute.name.clone());
        let before = attribute_before(new, attribute, renames);
        if before != attribute.name && old.attribute(before).is_some() {
            let (from, to) = (before.to_owned(), field);
            changes.push(SchemaChange::FieldRenamed { kind, from, to });
            continue;
        }
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
        .filter(|was| new.attribute(&was.name).is_none())
        .filter(|was| {
            let mut all = new.attributes.iter();
            all.all(|attribute| attribute_before(new, attribute, renames) != was.name)
        })
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
