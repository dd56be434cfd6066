//! What is declared on a branch: all loads merged, before anything is derived. This is what the
//! store keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::schema::compile::default_identifier;
use crate::schema::document::Document;
use crate::schema::error::SchemaError;
use crate::schema::rename;

/// Everything declared, by kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// User kinds, nodes and generics.
    pub kinds: BTreeMap<String, KindDecl>,
    /// Additions to kinds that are built in.
    pub extensions: BTreeMap<String, Additions>,
}

/// Attributes and relationships added to a kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Additions {
    /// Attributes.
    pub attributes: Vec<AttributeDecl>,
    /// Relationships.
    pub relationships: Vec<RelationshipDecl>,
    /// The file they came from.
    #[serde(skip)]
    pub file: String,
}

/// A kind as it is written. The keys are those of the public language.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the keys are those of the public schema language")]
pub struct KindDecl {
    pub name: String,
    pub namespace: String,
    /// Declared under `generics`.
    pub generic: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inherit_from: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub human_friendly_id: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_labels: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uniqueness_constraints: Option<Vec<Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_in_menu: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub menu_placement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_profile: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate_template: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hierarchy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hierarchical: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restricted_namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    pub attributes: Vec<AttributeDecl>,
    pub relationships: Vec<RelationshipDecl>,
    #[serde(skip)]
    pub file: String,
}

impl KindDecl {
    /// `namespace` + `name`.
    pub fn kind(&self) -> String {
        format!("{}{}", self.namespace, self.name)
    }
}

/// An attribute as it is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the keys are those of the public schema language")]
pub struct AttributeDecl {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Json>,
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_value: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<bool>,
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<ChoiceDecl>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<BTreeMap<String, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_override: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_weight: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed_attribute: Option<ComputedDecl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// A choice as it is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the keys are those of the public schema language")]
pub struct ChoiceDecl {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

/// `computed_attribute` as it is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the keys are those of the public schema language")]
pub struct ComputedDecl {
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jinja2_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
}

/// A relationship as it is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the keys are those of the public schema language")]
pub struct RelationshipDecl {
    pub name: String,
    pub peer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cardinality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_relatives: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_override: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_weight: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

const ABSENT: Option<&str> = Some("absent");

/// Merges documents into what is declared. What a document does not mention stays; `state: absent`
/// takes away; an extension may come before the kind it extends.
pub fn merge(declared: &Declared, documents: &[Document]) -> Result<Declared, Vec<SchemaError>> {
    let mut merged = declared.clone();
    let mut errors = Vec::new();
    for document in documents {
        for (kinds, generic) in [(&document.generics, true), (&document.nodes, false)] {
            for kind in kinds {
                merge_kind(&mut merged, kind, generic, &mut errors);
            }
        }
    }
    for document in documents {
        for extension in &document.extensions {
            let (attributes, relationships) = match merged.kinds.get_mut(&extension.kind) {
                Some(kind) => (&mut kind.attributes, &mut kind.relationships),
                None => {
                    let more = merged.extensions.entry(extension.kind.clone()).or_default();
                    more.file.clone_from(&document.file);
                    (&mut more.attributes, &mut more.relationships)
                }
            };
            merge_attributes(attributes, &extension.attributes);
            merge_relationships(relationships, &extension.relationships);
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    rename::assign_ids(&mut merged);
    rename::follow(&mut merged, declared);
    Ok(merged)
}

fn merge_kind(merged: &mut Declared, new: &KindDecl, generic: bool, errors: &mut Vec<SchemaError>) {
    let name = new.kind();
    rename_kind(merged, new, &name);
    if new.state.as_deref() == ABSENT {
        merged.kinds.remove(&name);
        return;
    }
    match merged.kinds.get_mut(&name) {
        None => {
            let mut kind = KindDecl { generic, ..new.clone() };
            kind.attributes.retain(|attribute| attribute.state.as_deref() != ABSENT);
            kind.relationships.retain(|relationship| relationship.state.as_deref() != ABSENT);
            merged.kinds.insert(name, kind);
        }
        Some(old) if old.generic != generic => errors.push(SchemaError {
            file: new.file.clone(),
            path: name.clone(),
            code: "kind-changed",
            message: format!("`{name}` is declared both as a node and as a generic"),
            remedy: "rename one of them".to_owned(),
        }),
        Some(old) => merge_into(old, new),
    }
}

/// A kind that is known by its id takes the name of the document.
fn rename_kind(merged: &mut Declared, new: &KindDecl, name: &str) {
    let Some(id) = rename::id_text(new.id.as_ref()) else { return };
    let known = merged.kinds.iter().find(|(_, kind)| rename::id_text(kind.id.as_ref()) == Some(id));
    let Some(old) = known.map(|(old, _)| old.clone()) else { return };
    if old == name || merged.kinds.contains_key(name) {
        return;
    }
    pin_identifiers(merged, &old);
    if let Some(mut kind) = merged.kinds.remove(&old) {
        kind.name.clone_from(&new.name);
        kind.namespace.clone_from(&new.namespace);
        merged.kinds.insert(name.to_owned(), kind);
    }
}

/// Identifiers that were made of a kind's name stay as they are when the name changes.
fn pin_identifiers(merged: &mut Declared, renamed: &str) {
    let pin = |owner: &str, relationships: &mut Vec<RelationshipDecl>| {
        for relationship in relationships {
            if relationship.identifier.is_none()
                && (owner == renamed || relationship.peer == renamed)
            {
                relationship.identifier = Some(default_identifier(owner, &relationship.peer));
            }
        }
    };
    for (name, kind) in &mut merged.kinds {
        pin(name, &mut kind.relationships);
    }
    for (name, additions) in &mut merged.extensions {
        pin(name, &mut additions.relationships);
    }
}

fn merge_into(old: &mut KindDecl, new: &KindDecl) {
    fn take<T: Clone>(old: &mut Option<T>, new: &Option<T>) {
        if new.is_some() {
            old.clone_from(new);
        }
    }
    take(&mut old.label, &new.label);
    take(&mut old.description, &new.description);
    take(&mut old.icon, &new.icon);
    take(&mut old.documentation, &new.documentation);
    take(&mut old.branch, &new.branch);
    take(&mut old.inherit_from, &new.inherit_from);
    take(&mut old.human_friendly_id, &new.human_friendly_id);
    take(&mut old.display_label, &new.display_label);
    take(&mut old.display_labels, &new.display_labels);
    take(&mut old.default_filter, &new.default_filter);
    take(&mut old.order_by, &new.order_by);
    take(&mut old.uniqueness_constraints, &new.uniqueness_constraints);
    take(&mut old.include_in_menu, &new.include_in_menu);
    take(&mut old.menu_placement, &new.menu_placement);
    take(&mut old.generate_profile, &new.generate_profile);
    take(&mut old.generate_template, &new.generate_template);
    take(&mut old.hierarchy, &new.hierarchy);
    take(&mut old.parent, &new.parent);
    take(&mut old.children, &new.children);
    take(&mut old.hierarchical, &new.hierarchical);
    take(&mut old.restricted_namespaces, &new.restricted_namespaces);
    old.file.clone_from(&new.file);
    merge_attributes(&mut old.attributes, &new.attributes);
    merge_relationships(&mut old.relationships, &new.relationships);
}

/// Merges attributes or relationships: found by id, else by name; one that is found keeps its id.
fn merge_fields<T: rename::Named + Clone>(
    old: &mut Vec<T>,
    new: &[T],
    absent: impl Fn(&T) -> bool,
) {
    for field in new {
        let place = rename::place(old, field);
        match (place.and_then(|place| old.get_mut(place)), absent(field)) {
            (Some(_), true) => {
                if let Some(place) = place {
                    old.remove(place);
                }
            }
            (None, true) => {}
            (Some(slot), false) => {
                let id = slot.id().clone();
                *slot = field.clone();
                if field.id().is_none() {
                    *slot.id_mut() = id;
                }
            }
            (None, false) => old.push(field.clone()),
        }
    }
}

fn merge_attributes(old: &mut Vec<AttributeDecl>, new: &[AttributeDecl]) {
    merge_fields(old, new, |attribute| attribute.state.as_deref() == ABSENT);
}

fn merge_relationships(old: &mut Vec<RelationshipDecl>, new: &[RelationshipDecl]) {
    let new: Vec<RelationshipDecl> = new
        .iter()
        .map(|relationship| {
            // What is not said stays; an identifier cannot change anyway.
            let known = rename::place(old, relationship).and_then(|place| old.get(place));
            let said = relationship.identifier.clone();
            let identifier = said.or_else(|| known.and_then(|known| known.identifier.clone()));
            RelationshipDecl { identifier, ..relationship.clone() }
        })
        .collect();
    merge_fields(old, &new, |relationship| relationship.state.as_deref() == ABSENT);
}
