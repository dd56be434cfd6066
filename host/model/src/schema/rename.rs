//! Identity of what is declared: every kind, attribute and relationship has an id from its first load
//! on. A document that gives the id with another name renames.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::ObjectId;
use crate::schema::declared::{AttributeDecl, Declared, KindDecl, RelationshipDecl};

/// What is called otherwise after a load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renames {
    /// New name of a kind → its old one.
    pub kinds: BTreeMap<String, String>,
    /// (new name of the declaring kind, new name of the attribute) → the attribute's old name.
    pub attributes: BTreeMap<(String, String), String>,
}

impl Renames {
    /// Whether everything is called as before.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.attributes.is_empty()
    }

    /// The old name of a kind.
    pub fn old_kind<'a>(&'a self, name: &'a str) -> &'a str {
        self.kinds.get(name).map_or(name, String::as_str)
    }
}

/// What two states of the declarations call differently, by ids.
pub fn renames(old: &Declared, new: &Declared) -> Renames {
    let known: BTreeMap<&str, (&String, &KindDecl)> = old
        .kinds
        .iter()
        .filter_map(|(name, kind)| Some((id_text(kind.id.as_ref())?, (name, kind))))
        .collect();
    let mut renames = Renames::default();
    for (name, kind) in &new.kinds {
        let before = id_text(kind.id.as_ref()).and_then(|id| known.get(id));
        let Some((old_name, before)) = before else { continue };
        if *old_name != name {
            renames.kinds.insert(name.clone(), (*old_name).clone());
        }
        for attribute in &kind.attributes {
            let id = id_text(attribute.id.as_ref());
            let was =
                before.attributes.iter().find(|was| id.is_some() && id_text(was.id.as_ref()) == id);
            if let Some(was) = was.filter(|was| was.name != attribute.name) {
                let place = (name.clone(), attribute.name.clone());
                renames.attributes.insert(place, was.name.clone());
            }
        }
    }
    renames
}

pub(crate) fn id_text(id: Option<&Json>) -> Option<&str> {
    id.and_then(Json::as_str)
}

/// Something with an id and a name.
pub(crate) trait Named {
    fn id(&self) -> &Option<Json>;
    fn id_mut(&mut self) -> &mut Option<Json>;
    fn name(&self) -> &str;
}

macro_rules! named {
    ($($type:ty),*) => {
        $(impl Named for $type {
            fn id(&self) -> &Option<Json> {
                &self.id
            }
            fn id_mut(&mut self) -> &mut Option<Json> {
                &mut self.id
            }
            fn name(&self) -> &str {
                &self.name
            }
        })*
    };
}
named!(AttributeDecl, RelationshipDecl);

/// The place of what a document means: by its id, else by its name.
pub(crate) fn place<T: Named>(known: &[T], new: &T) -> Option<usize> {
    let by_id = id_text(new.id().as_ref())
        .and_then(|id| known.iter().position(|known| id_text(known.id().as_ref()) == Some(id)));
    by_id.or_else(|| known.iter().position(|known| known.name() == new.name()))
}

/// Gives an id to everything that has none. The same name gets the same id in every store, unless
/// something that was renamed has it already.
pub(crate) fn assign_ids(declared: &mut Declared) {
    let mut taken = BTreeSet::new();
    for kind in declared.kinds.values() {
        taken.extend(id_text(kind.id.as_ref()).map(str::to_owned));
        for attribute in &kind.attributes {
            taken.extend(id_text(attribute.id.as_ref()).map(str::to_owned));
        }
        for relationship in &kind.relationships {
            taken.extend(id_text(relationship.id.as_ref()).map(str::to_owned));
        }
    }
    for (name, kind) in &mut declared.kinds {
        give(&mut kind.id, &format!("kind {name}"), &mut taken);
        fields(name, &mut kind.attributes, &mut taken);
        fields(name, &mut kind.relationships, &mut taken);
    }
    for (name, additions) in &mut declared.extensions {
        fields(name, &mut additions.attributes, &mut taken);
        fields(name, &mut additions.relationships, &mut taken);
    }
}

fn fields<T: Named>(kind: &str, fields: &mut [T], taken: &mut BTreeSet<String>) {
    for field in fields {
        let what = format!("field {kind} {}", field.name());
        give(field.id_mut(), &what, taken);
    }
}

fn give(id: &mut Option<Json>, what: &str, taken: &mut BTreeSet<String>) {
    if id_text(id.as_ref()).is_some() {
        return;
    }
    for number in 0u32.. {
        let new = derived(&format!("{what} {number}"));
        if taken.insert(new.clone()) {
            *id = Some(Json::String(new));
            return;
        }
    }
}

/// An id in the form of a UUID, made of a text.
pub(crate) fn derived(text: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(format!("kiln schema {text}")).into();
    let mut number = u128::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 16]));
    // Version 8 and the usual variant.
    number = (number & !(0xf << 76)) | (0x8 << 76);
    number = (number & !(0x3 << 62)) | (0x2 << 62);
    ObjectId(number).to_string()
}

/// Follows renames in everything else that is declared: peers, parents, paths.
pub(crate) fn follow(declared: &mut Declared, old: &Declared) {
    let renames = renames(old, declared);
    if renames.is_empty() {
        return;
    }
    let kinds: BTreeMap<&str, &str> =
        renames.kinds.iter().map(|(new, old)| (old.as_str(), new.as_str())).collect();
    let parents: BTreeMap<String, Vec<String>> = declared
        .kinds
        .iter()
        .map(|(name, kind)| (name.clone(), kind.inherit_from.clone().unwrap_or_default()))
        .collect();
    let moved = |name: &mut String| {
        if let Some(new) = kinds.get(name.as_str()) {
            *name = (*new).to_owned();
        }
    };
    for (name, kind) in &mut declared.kinds {
        kind.inherit_from.iter_mut().flatten().for_each(moved);
        for name in [&mut kind.hierarchy, &mut kind.parent, &mut kind.children] {
            name.iter_mut().for_each(moved);
        }
        for relationship in &mut kind.relationships {
            moved(&mut relationship.peer);
        }
        let mut own: BTreeMap<&str, &str> = BTreeMap::new();
        let declaring = parents.get(name).into_iter().flatten().chain([name]);
        for declaring in declaring {
            for ((kind, new), old) in &renames.attributes {
                if kind == declaring {
                    own.insert(old, new);
                }
            }
        }
        paths(kind, &own);
    }
    for additions in declared.extensions.values_mut() {
        for relationship in &mut additions.relationships {
            moved(&mut relationship.peer);
        }
    }
}

/// Renames attributes at the front of a kind's paths: `name__value`, `name`.
fn paths(kind: &mut KindDecl, renamed: &BTreeMap<&str, &str>) {
    // A new attribute may have taken the old name.
    let own: BTreeSet<String> = kind.attributes.iter().map(|own| own.name.clone()).collect();
    let follow = |path: &mut String| {
        let (first, rest) = match path.split_once("__") {
            Some((first, rest)) => (first, format!("__{rest}")),
            None => (path.as_str(), String::new()),
        };
        if !own.contains(first)
            && let Some(new) = renamed.get(first)
        {
            *path = format!("{new}{rest}");
        }
    };
    kind.human_friendly_id.iter_mut().flatten().for_each(follow);
    kind.display_labels.iter_mut().flatten().for_each(follow);
    kind.display_label.iter_mut().for_each(follow);
    kind.default_filter.iter_mut().for_each(follow);
    kind.order_by.iter_mut().flatten().for_each(follow);
    kind.uniqueness_constraints.iter_mut().flatten().flatten().for_each(follow);
}
