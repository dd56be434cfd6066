//! The manifest of a repository folder, `.infrahub.yml`: which files are schemas, queries, objects and
//! menus, and which generators, transforms, checks and artifacts there are. All mistakes are told at
//! once. Must not know files: it names paths, others read them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::limits::ITEMS_MAX;
use crate::schema::{SchemaError, nearest, yaml_documents};

/// A manifest. Paths are relative to the folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// Schema files, or folders of them.
    pub schemas: Vec<String>,
    /// Object files, or folders of them.
    pub objects: Vec<String>,
    /// Menu files, or folders of them.
    pub menus: Vec<String>,
    /// Queries.
    pub queries: Vec<Named>,
    /// Files, or folders, of fragments that queries use.
    pub fragments: Vec<Named>,
    /// Generators.
    pub generators: Vec<Item>,
    /// Transforms in Python.
    pub python_transforms: Vec<Item>,
    /// Transforms that are templates.
    pub jinja2_transforms: Vec<Item>,
    /// Checks.
    pub checks: Vec<Item>,
    /// Artifacts.
    pub artifacts: Vec<Item>,
}

/// A name and a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Its file.
    pub path: String,
}

/// A generator, transform, check or artifact as it is written, its keys checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item {
    /// The name.
    pub name: String,
    /// Its other keys.
    pub keys: Map<String, Json>,
}

impl Item {
    /// A key that holds text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.keys.get(key).and_then(Json::as_str)
    }

    /// The variables of its query, each with the path on the target that fills it.
    pub fn parameters(&self) -> BTreeMap<String, String> {
        let map = self.keys.get("parameters").and_then(Json::as_object);
        let text = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
        map.into_iter().flatten().map(|(name, path)| (name.clone(), text(path))).collect()
    }
}

/// What a key holds, and whether it must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Flag,
    Map,
}

type Keys = &'static [(&'static str, Holds, bool)];

const NAMED: Keys = &[("name", Holds::Text, true), ("file_path", Holds::Text, true)];
const GENERATOR: Keys = &[
    ("name", Holds::Text, true),
    // One of the two: a component of this host, or Python that is recorded.
    ("component", Holds::Text, false),
    ("file_path", Holds::Text, false),
    ("query", Holds::Text, true),
    ("targets", Holds::Text, true),
    ("description", Holds::Text, false),
    ("parameters", Holds::Map, false),
    ("class_name", Holds::Text, false),
    ("convert_query_response", Holds::Flag, false),
    ("execute_in_proposed_change", Holds::Flag, false),
    ("execute_after_merge", Holds::Flag, false),
    ("adoption", Holds::Flag, false),
    ("on_release", Holds::Text, false),
    ("on_protected", Holds::Text, false),
    ("trigger_secret", Holds::Text, false),
    ("watch", Holds::Map, false),
];
const PYTHON: Keys = &[
    ("name", Holds::Text, true),
    ("file_path", Holds::Text, true),
    ("class_name", Holds::Text, false),
    ("convert_query_response", Holds::Flag, false),
    ("description", Holds::Text, false),
    ("watch", Holds::Map, false),
];
const JINJA2: Keys = &[
    ("name", Holds::Text, true),
    ("query", Holds::Text, true),
    ("template_path", Holds::Text, true),
    ("description", Holds::Text, false),
    ("watch", Holds::Map, false),
];
const CHECK: Keys = &[
    ("name", Holds::Text, true),
    ("component", Holds::Text, false),
    ("file_path", Holds::Text, false),
    ("query", Holds::Text, false),
    ("description", Holds::Text, false),
    ("required", Holds::Flag, false),
    ("parameters", Holds::Map, false),
    ("targets", Holds::Text, false),
    ("class_name", Holds::Text, false),
    ("watch", Holds::Map, false),
];
const ARTIFACT: Keys = &[
    ("name", Holds::Text, true),
    ("artifact_name", Holds::Text, false),
    ("parameters", Holds::Map, true),
    ("content_type", Holds::Text, true),
    ("targets", Holds::Text, true),
    ("transformation", Holds::Text, true),
];
const SECTIONS: [&str; 10] = [
    "schemas",
    "objects",
    "menus",
    "queries",
    "graphql_fragments",
    "generator_definitions",
    "python_transforms",
    "jinja2_transforms",
    "check_definitions",
    "artifact_definitions",
];

struct Reader<'a> {
    file: &'a str,
    errors: Vec<SchemaError>,
}

/// Reads a manifest.
pub fn parse(file: &str, text: &str) -> Result<Manifest, Vec<SchemaError>> {
    let documents = yaml_documents(file, text).map_err(|bad| vec![bad])?;
    let mut reader = Reader { file, errors: Vec::new() };
    let none = Map::new();
    let map = match documents.as_slice() {
        [] => &none,
        [Json::Object(map)] => map,
        _ => {
            reader.say("", "bad-manifest", "a manifest is one map".to_owned(), "");
            &none
        }
    };
    for key in map.keys().filter(|key| !SECTIONS.contains(&key.as_str())) {
        reader.unknown("", key, &SECTIONS);
    }
    let manifest = Manifest {
        schemas: reader.paths(map, "schemas"),
        objects: reader.paths(map, "objects"),
        menus: reader.paths(map, "menus"),
        queries: reader.named(map, "queries"),
        fragments: reader.named(map, "graphql_fragments"),
        generators: reader.items(map, "generator_definitions", GENERATOR),
        python_transforms: reader.items(map, "python_transforms", PYTHON),
        jinja2_transforms: reader.items(map, "jinja2_transforms", JINJA2),
        checks: reader.items(map, "check_definitions", CHECK),
        artifacts: reader.items(map, "artifact_definitions", ARTIFACT),
    };
    for (section, items) in
        [("generator_definitions", &manifest.generators), ("check_definitions", &manifest.checks)]
    {
        for (number, item) in items.iter().enumerate() {
            if item.text("component").is_some() == item.text("file_path").is_some() {
                let path = format!("{section}[{number}]");
                let what = format!(
                    "`{}` needs either `component`, which runs here, or `file_path`, which is recorded",
                    item.name
                );
                reader.say(&path, "missing-key", what, "");
            }
        }
    }
    if reader.errors.is_empty() { Ok(manifest) } else { Err(reader.errors) }
}

impl Reader<'_> {
    fn say(&mut self, path: &str, code: &'static str, message: String, remedy: &str) {
        self.errors.push(SchemaError {
            file: self.file.to_owned(),
            path: path.to_owned(),
            code,
            message,
            remedy: remedy.to_owned(),
        });
    }

    fn unknown(&mut self, path: &str, key: &str, known: &[&str]) {
        let near = nearest(key, known.iter().copied());
        let remedy = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
        self.say(path, "unknown-key", format!("`{key}` is not a key here"), &remedy);
    }

    fn list<'j>(&mut self, map: &'j Map<String, Json>, section: &str) -> &'j [Json] {
        match map.get(section) {
            None | Some(Json::Null) => &[],
            Some(Json::Array(items)) if items.len() <= ITEMS_MAX => items,
            Some(Json::Array(_)) => {
                let what = format!("`{section}` has more than {ITEMS_MAX} items");
                self.say(section, "too-many-items", what, "split the folder");
                &[]
            }
            Some(_) => {
                self.say(section, "wrong-type", format!("`{section}` must be a list"), "");
                &[]
            }
        }
    }

    /// A path within the folder: no way leads out of it.
    fn inside(&mut self, at: &str, path: &str) -> bool {
        let out = path.starts_with(['/', '\\']) || path.split(['/', '\\']).any(|part| part == "..");
        if out || path.is_empty() {
            let what = format!("`{path}` is not a path within the folder");
            self.say(at, "bad-path", what, "");
        }
        !out
    }

    fn paths(&mut self, map: &Map<String, Json>, section: &str) -> Vec<String> {
        let mut paths = Vec::new();
        for (number, item) in self.list(map, section).iter().enumerate() {
            let at = format!("{section}[{number}]");
            match item.as_str() {
                Some(path) if self.inside(&at, path) => paths.push(path.to_owned()),
                Some(_) => {}
                None => self.say(&at, "wrong-type", "must be a path".to_owned(), ""),
            }
        }
        paths
    }

    fn items(&mut self, map: &Map<String, Json>, section: &str, keys: Keys) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for (number, json) in self.list(map, section).iter().enumerate() {
            let at = format!("{section}[{number}]");
            let Some(map) = json.as_object() else {
                self.say(&at, "wrong-type", "must be a map".to_owned(), "");
                continue;
            };
            self.keys(&at, map, keys);
            let Some(name) = map.get("name").and_then(Json::as_str) else { continue };
            if items.iter().any(|item| item.name == name) {
                self.say(&at, "name-twice", format!("`{name}` is there twice"), "rename one");
            }
            let mut keys = map.clone();
            keys.remove("name");
            items.push(Item { name: name.to_owned(), keys });
        }
        items
    }

    fn keys(&mut self, at: &str, map: &Map<String, Json>, keys: Keys) {
        let known: Vec<&str> = keys.iter().map(|(key, _, _)| *key).collect();
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            self.unknown(at, key, &known);
        }
        for (key, holds, needed) in keys {
            let fits = match map.get(*key) {
                None | Some(Json::Null) => {
                    if *needed {
                        self.say(at, "missing-key", format!("`{key}` is missing"), "");
                    }
                    continue;
                }
                Some(json) => match holds {
                    Holds::Text => json.as_str().is_some_and(|text| !text.is_empty()),
                    Holds::Flag => json.is_boolean(),
                    Holds::Map => json.is_object(),
                },
            };
            if !fits {
                let wanted = match holds {
                    Holds::Text => "text",
                    Holds::Flag => "`true` or `false`",
                    Holds::Map => "a map",
                };
                self.say(at, "wrong-type", format!("`{key}` must be {wanted}"), "");
            }
            if matches!(*key, "file_path" | "component" | "template_path") {
                let path = map.get(*key).and_then(Json::as_str).unwrap_or("?");
                self.inside(at, path);
            }
        }
    }

    fn named(&mut self, map: &Map<String, Json>, section: &str) -> Vec<Named> {
        let items = self.items(map, section, NAMED);
        let path = |item: &Item| item.text("file_path").unwrap_or_default().to_owned();
        items.iter().map(|item| Named { name: item.name.clone(), path: path(item) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_read() {
        let text = "
schemas: [schemas/]
objects: [data/a.yml]
menus: [menu.yml]
queries: [{name: q, file_path: q.gql}]
graphql_fragments: [{name: f, file_path: fragments}]
generator_definitions:
  - {name: g, component: g.wasm, query: q, targets: t, parameters: {a: a__value}, adoption: true}
  - {name: p, file_path: p.py, query: q, targets: t, class_name: P, watch: {files: [x]}}
python_transforms: [{name: pt, file_path: pt.py}]
jinja2_transforms: [{name: jt, query: q, template_path: a.j2, description: d}]
check_definitions: [{name: c, file_path: c.py, targets: t}]
artifact_definitions: [{name: A B, parameters: {}, content_type: text/plain, targets: t, transformation: jt}]
";
        let manifest = parse(".infrahub.yml", text).unwrap();
        assert_eq!(manifest.schemas, ["schemas/"]);
        assert_eq!(manifest.queries, [Named { name: "q".into(), path: "q.gql".into() }]);
        assert_eq!(manifest.generators.len(), 2);
        assert_eq!(manifest.generators[0].parameters()["a"], "a__value");
        assert_eq!(manifest.artifacts[0].name, "A B");
        assert_eq!(parse("m", "---\n").unwrap(), Manifest::default());
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = "
schema: [a]
objects: a
menus: [1, ../x, /etc/passwd]
queries: [{name: q}, {name: r, file_path: r.gql, extra: 1}, {name: r, file_path: r.gql}, no]
generator_definitions:
  - {name: g, query: q, targets: t}
  - {name: h, query: q, targets: t, component: h.wasm, file_path: h.py, adoption: perhaps}
artifact_definitions: [{name: a}]
";
        let errors = parse(".infrahub.yml", text).unwrap_err();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let all = told.join("\n");
        for part in [
            "`schema` is not a key here",
            "did you mean `schemas`?",
            "`objects` must be a list",
            "menus[0]",
            "`../x` is not a path within the folder",
            "`/etc/passwd` is not a path within the folder",
            "`file_path` is missing",
            "`extra` is not a key here",
            "`r` is there twice",
            "queries[3]",
            "`g` needs either `component`",
            "`h` needs either `component`",
            "`adoption` must be `true` or `false`",
            "`transformation` is missing",
        ] {
            assert!(all.contains(part), "{part} is not in\n{all}");
        }
    }
}
