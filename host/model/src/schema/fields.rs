//! Rules of single attributes and relationships that their shape does not show: lengths of texts, types
//! of parameters, names of other fields.

use serde_json::Value as Json;

use crate::schema::compile::Workshop;
use crate::schema::declared::{AttributeDecl, KindDecl, RelationshipDecl};
use crate::schema::error::nearest;
use crate::schema::types::{AttributeKind, Category, Kind, Path, Relationship};

/// Most characters of a label.
const LABEL_CHARS: usize = 64;
/// Most characters of a description, and of a note on deprecation.
const DESCRIPTION_CHARS: usize = 128;
/// Parameters that are whole numbers, and whether they may be below zero.
const NUMBERS: [(&str, bool); 6] = [
    ("min_length", false),
    ("max_length", false),
    ("min_value", true),
    ("max_value", true),
    ("start_range", true),
    ("end_range", true),
];

/// What people read of a kind and of its fields is as long as the public language lets it be.
pub(super) fn texts(name: &str, decl: &KindDecl, workshop: &mut Workshop) {
    let mut check = |path: String, text: &Option<String>, most: usize| {
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            let key = path.rsplit('.').next().unwrap_or_default();
            let message = format!("`{key}` has more than {most} characters");
            workshop.say(name, &path, "too-long", message, "shorten it");
        }
    };
    check("label".to_owned(), &decl.label, LABEL_CHARS);
    check("description".to_owned(), &decl.description, DESCRIPTION_CHARS);
    for AttributeDecl { name, label, description, deprecation, .. } in &decl.attributes {
        check(format!("{name}.label"), label, LABEL_CHARS);
        check(format!("{name}.description"), description, DESCRIPTION_CHARS);
        check(format!("{name}.deprecation"), deprecation, DESCRIPTION_CHARS);
    }
    for RelationshipDecl { name, label, description, deprecation, .. } in &decl.relationships {
        check(format!("{name}.label"), label, LABEL_CHARS);
        check(format!("{name}.description"), description, DESCRIPTION_CHARS);
        check(format!("{name}.deprecation"), deprecation, DESCRIPTION_CHARS);
    }
}

/// Parameters have the types they are read as.
pub(super) fn parameters(kind: &str, decl: &AttributeDecl, workshop: &mut Workshop) {
    let place = |name: &str| format!("{}.parameters.{name}", decl.name);
    for (name, value) in decl.parameters.iter().flatten() {
        if let Some((_, signed)) = NUMBERS.iter().find(|(number, _)| number == name) {
            let fits = value.as_i64().is_some_and(|number| *signed || number >= 0);
            if !value.is_null() && !fits {
                let what = if *signed { "a whole number" } else { "a whole number from 0 on" };
                let message = format!("`{name}` must be {what}, found `{value}`");
                workshop.say(kind, &place(name), "bad-parameter", message, "write it as a number");
            }
        } else if ["regex", "number_pool_id"].contains(&name.as_str())
            && !matches!(value, Json::String(_) | Json::Null)
        {
            let message = format!("`{name}` must be text, found `{value}`");
            workshop.say(kind, &place(name), "bad-parameter", message, "write it as text");
        }
    }
    for (name, value) in [("min_length", decl.min_length), ("max_length", decl.max_length)] {
        if value.is_some_and(|value| value < 0) {
            let message = format!("`{name}` must be a whole number from 0 on");
            let path = format!("{}.{name}", decl.name);
            workshop.say(kind, &path, "bad-parameter", message, "take the sign away");
        }
    }
    let transform = decl.computed_attribute.as_ref().filter(|how| how.kind == "TransformPython");
    if transform.is_some() && decl.optional != Some(true) {
        let message = "an attribute that a transform computes must be `optional: true`";
        let path = format!("{}.optional", decl.name);
        workshop.say(kind, &path, "computed-mandatory", message, "set it");
    }
}

/// What peers must have in common is something that they have.
pub(super) fn common(kind: &Kind, rel: &Relationship, workshop: &mut Workshop) {
    let Some(peer) = workshop.kinds.get(&rel.peer).cloned() else { return };
    let names = |key: &'static str| move |name: &String| (key, name.clone());
    let all = rel.common_parent.iter().map(names("common_parent"));
    let all = all.chain(rel.common_relatives.iter().map(names("common_relatives")));
    for (key, name) in all.collect::<Vec<_>>() {
        let concrete = peer.used_by.iter().filter_map(|name| workshop.kinds.get(name));
        let has = |kind: &Kind| kind.relationship(&name).is_some();
        if has(&peer) || peer.category == Category::Generic && concrete.into_iter().any(has) {
            continue;
        }
        let near = nearest(&name, peer.relationships.iter().map(|rel| rel.name.as_str()));
        let remedy = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
        let message = format!("`{}` has no relationship `{name}`", rel.peer);
        let path = format!("{}.{key}", rel.name);
        workshop.say(&kind.name, &path, "unknown-relationship", message, &remedy);
    }
}

/// A number of the host's own pool is not known when an object is looked up, so that it can be no part of
/// its identity.
pub(super) fn is_pooled(kind: &Kind, path: &Path) -> bool {
    let Path::Attribute { attribute, .. } = path else { return false };
    let found = kind.attribute(attribute);
    found.is_some_and(|attribute| attribute.kind == AttributeKind::NumberPool)
}
