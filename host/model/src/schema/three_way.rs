//! Two states of the declarations that came from one, brought together: by kind, attribute and
//! relationship, each by its id, and within them by property.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::schema::declared::{Additions, Declared, KindDecl};
use crate::schema::rename::{self, Named};

/// Something that both sides declare otherwise than before, and not alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaConflict {
    /// Where: `InfraServer`, `InfraServer/name`, `InfraServer/name/optional`.
    pub path: String,
    /// What was declared before; nothing is null.
    pub base: Json,
    /// What the first side declares.
    pub main: Json,
    /// What the other side declares.
    pub branch: Json,
}

/// A side of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefer {
    /// The first side.
    Main,
    /// The other one.
    Branch,
}

/// Brings `main` and `branch` together, which both came from `base`. All conflicts are told; where
/// `decide` says nothing, main's stands. Linear in what is declared.
pub fn reconcile(
    base: &Declared,
    main: &Declared,
    branch: &Declared,
    decide: &dyn Fn(&SchemaConflict) -> Option<Prefer>,
) -> (Declared, Vec<SchemaConflict>) {
    let mut weigh = Weigh { decide, conflicts: Vec::new() };
    let mut merged = Declared::default();
    for kind in weigh.kinds(base, main, branch) {
        let name = kind.kind();
        if let Some(other) = merged.kinds.get(&name) {
            let (main, branch) = (json(other), json(&kind));
            weigh.conflicts.push(SchemaConflict { path: name, base: Json::Null, main, branch });
            continue;
        }
        merged.kinds.insert(name, kind);
    }
    let nothing = Additions::default();
    let names: BTreeSet<&String> =
        [base, main, branch].into_iter().flat_map(|declared| declared.extensions.keys()).collect();
    for name in names {
        let [b, m, o] =
            [base, main, branch].map(|declared| declared.extensions.get(name).unwrap_or(&nothing));
        let more = Additions {
            attributes: weigh.list(name, [&b.attributes, &m.attributes, &o.attributes]),
            relationships: weigh.list(name, [&b.relationships, &m.relationships, &o.relationships]),
            file: if m.file.is_empty() { o.file.clone() } else { m.file.clone() },
        };
        merged.extensions.insert(name.clone(), more);
    }
    // What one side renamed, the other may have come to refer to.
    rename::follow(&mut merged, main);
    rename::follow(&mut merged, branch);
    (merged, weigh.conflicts)
}

fn json<T: Serialize>(value: &T) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

struct Weigh<'a> {
    decide: &'a dyn Fn(&SchemaConflict) -> Option<Prefer>,
    conflicts: Vec<SchemaConflict>,
}

type ByKey<'a> = BTreeMap<&'a str, &'a KindDecl>;

fn by_key(declared: &Declared) -> ByKey<'_> {
    declared
        .kinds
        .iter()
        .map(|(name, kind)| (rename::id_text(kind.id.as_ref()).unwrap_or(name), kind))
        .collect()
}

impl Weigh<'_> {
    /// What stands of a conflict.
    fn choose(&mut self, conflict: SchemaConflict) -> Json {
        let chosen = match (self.decide)(&conflict) {
            Some(Prefer::Branch) => conflict.branch.clone(),
            Some(Prefer::Main) | None => conflict.main.clone(),
        };
        self.conflicts.push(conflict);
        chosen
    }

    /// One thing as a whole: what only one side changed is that side's. `None` where both did.
    fn whole(base: &Json, main: &Json, branch: &Json) -> Option<Json> {
        if main == branch || base == branch {
            return Some(main.clone());
        }
        (base == main).then(|| branch.clone())
    }

    fn value(&mut self, path: &str, base: &Json, main: &Json, branch: &Json) -> Json {
        if let Some(settled) = Self::whole(base, main, branch) {
            return settled;
        }
        if let (Json::Object(main), Json::Object(branch)) = (main, branch) {
            let nothing = Map::new();
            let base = base.as_object().unwrap_or(&nothing);
            return Json::Object(self.properties(path, base, main, branch));
        }
        let (base, main, branch) = (base.clone(), main.clone(), branch.clone());
        self.choose(SchemaConflict { path: path.to_owned(), base, main, branch })
    }

    fn properties(
        &mut self,
        path: &str,
        base: &Map<String, Json>,
        main: &Map<String, Json>,
        branch: &Map<String, Json>,
    ) -> Map<String, Json> {
        let names: BTreeSet<&String> =
            main.keys().chain(branch.keys()).chain(base.keys()).collect();
        let mut all = Map::new();
        for name in names {
            let [b, m, o] = [base, main, branch].map(|of| of.get(name).unwrap_or(&Json::Null));
            let value = self.value(&format!("{path}/{name}"), b, m, o);
            if !value.is_null() {
                all.insert(name.clone(), value);
            }
        }
        all
    }

    fn kinds(&mut self, base: &Declared, main: &Declared, branch: &Declared) -> Vec<KindDecl> {
        let (base, main, branch) = (by_key(base), by_key(main), by_key(branch));
        let keys: BTreeSet<&str> =
            base.keys().chain(main.keys()).chain(branch.keys()).copied().collect();
        let mut kinds = Vec::new();
        for key in keys {
            let sides = [&base, &main, &branch].map(|side| side.get(key).copied());
            // Where a kind was declared is not part of what is compared.
            let file = sides[1].or(sides[2]).map(|kind| kind.file.clone()).unwrap_or_default();
            kinds.extend(self.kind(sides).map(|kind| KindDecl { file, ..kind }));
        }
        kinds
    }

    fn kind(&mut self, sides: [Option<&KindDecl>; 3]) -> Option<KindDecl> {
        let name = sides.iter().rev().flatten().next()?.kind();
        let whole = sides.map(|side| side.map_or(Json::Null, json));
        let [base, main, branch] = &whole;
        if let Some(settled) = Self::whole(base, main, branch) {
            return serde_json::from_value(settled).ok();
        }
        let (Some(m), Some(o)) = (sides[1], sides[2]) else {
            let (base, main, branch) = (base.clone(), main.clone(), branch.clone());
            let chosen = self.choose(SchemaConflict { path: name, base, main, branch });
            return serde_json::from_value(chosen).ok();
        };
        let nothing = KindDecl::default();
        let b = sides[0].unwrap_or(&nothing);
        let shell = |kind: &KindDecl| {
            let (attributes, relationships) = (Vec::new(), Vec::new());
            json(&KindDecl { attributes, relationships, ..kind.clone() })
        };
        let base = if sides[0].is_some() { shell(b) } else { Json::Null };
        let shell = self.value(&name, &base, &shell(m), &shell(o));
        let mut kind: KindDecl = serde_json::from_value(shell).ok()?;
        kind.attributes = self.list(&name, [&b.attributes, &m.attributes, &o.attributes]);
        kind.relationships =
            self.list(&name, [&b.relationships, &m.relationships, &o.relationships]);
        Some(kind)
    }

    /// Fields in main's order, then what the branch added in its order.
    fn list<T>(&mut self, path: &str, sides: [&Vec<T>; 3]) -> Vec<T>
    where
        T: Named + Clone + Serialize + DeserializeOwned,
    {
        let [base, main, branch] = sides;
        let find = |of: &[T], one: &T| {
            rename::place(of, one).and_then(|at| of.get(at)).map_or(Json::Null, json)
        };
        let mut merged = Vec::new();
        let added = branch.iter().filter(|one| rename::place(main, *one).is_none());
        for field in main.iter().chain(added) {
            let [b, m, o] = [base, main, branch].map(|side| find(side, field));
            let value = self.value(&format!("{path}/{}", field.name()), &b, &m, &o);
            merged.extend(serde_json::from_value::<T>(value).ok());
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Document, merge};

    fn declared(on: &Declared, text: &str) -> Declared {
        let documents = Document::parse("test", text).unwrap();
        merge(on, &documents).unwrap()
    }

    fn base() -> Declared {
        declared(
            &Declared::default(),
            "version: '1.0'\nnodes:\n  - name: Thing\n    namespace: Test\n    attributes:\n      - \
             {name: name, kind: Text}\n      - {name: size, kind: Number, optional: true}\n",
        )
    }

    fn extended(on: &Declared, attribute: &str) -> Declared {
        let text = format!(
            "version: '1.0'\nextensions:\n  nodes:\n    - kind: TestThing\n      attributes:\n        \
             - {attribute}\n"
        );
        declared(on, &text)
    }

    fn names(declared: &Declared) -> Vec<&str> {
        declared.kinds["TestThing"].attributes.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn what_each_side_adds_and_changes_comes_together() {
        let base = base();
        let main = extended(&base, "{name: color, kind: Text, optional: true}");
        let main = extended(&main, "{name: size, kind: Number, optional: true, label: Size}");
        let branch = extended(&base, "{name: rack, kind: Text, optional: true}");
        let branch = extended(&branch, "{name: size, kind: Number, optional: true, unique: true}");
        let (merged, conflicts) = reconcile(&base, &main, &branch, &|_| None);
        assert_eq!(conflicts, []);
        assert_eq!(names(&merged), ["name", "size", "color", "rack"]);
        let size = &merged.kinds["TestThing"].attributes[1];
        assert_eq!((size.unique, size.label.as_deref()), (Some(true), Some("Size")));
        let (same, conflicts) = reconcile(&base, &main, &base, &|_| None);
        assert_eq!((same, conflicts), (main, Vec::new()));
    }

    #[test]
    fn what_both_change_otherwise_is_a_conflict_that_can_be_decided() {
        let base = base();
        let main = extended(&base, "{name: size, kind: Number, optional: true, label: A}");
        let branch = extended(&base, "{name: size, kind: Number, optional: true, label: B}");
        let (merged, conflicts) = reconcile(&base, &main, &branch, &|_| None);
        assert_eq!(conflicts.len(), 1);
        assert_eq!(conflicts[0].path, "TestThing/size/label");
        assert_eq!(merged, main);
        let (merged, _) = reconcile(&base, &main, &branch, &|_| Some(Prefer::Branch));
        assert_eq!(merged.kinds["TestThing"].attributes[1].label.as_deref(), Some("B"));
        let gone = declared(
            &base,
            "version: '1.0'\nnodes:\n  - {name: Thing, namespace: Test, state: absent}\n",
        );
        let (merged, conflicts) = reconcile(&base, &gone, &branch, &|_| None);
        assert_eq!((conflicts[0].path.as_str(), merged.kinds.len()), ("TestThing", 0));
    }
}
