//! Reading a document: text → JSON → shape checked key by key, so that every mistake of a file is
//! told at once → declarations.

use serde_json::Value as Json;

use crate::schema::declared::{AttributeDecl, KindDecl, RelationshipDecl};
use crate::schema::error::{SchemaError, nearest};

pub use crate::limits::DOCUMENT_BYTES_MAX;

/// A schema file that has the right shape.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Name of the file, for messages.
    pub file: String,
    pub(crate) nodes: Vec<KindDecl>,
    pub(crate) generics: Vec<KindDecl>,
    pub(crate) extensions: Vec<ExtensionDecl>,
}

/// Additions to a kind that is declared elsewhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExtensionDecl {
    pub(crate) kind: String,
    pub(crate) attributes: Vec<AttributeDecl>,
    pub(crate) relationships: Vec<RelationshipDecl>,
}

/// The documents of a YAML (or JSON) text. Aliases, depth and size are bounded.
pub fn yaml_documents(file: &str, text: &str) -> Result<Vec<Json>, SchemaError> {
    let bad = |code, message: String, remedy: &str| SchemaError {
        file: file.to_owned(),
        path: String::new(),
        code,
        message,
        remedy: remedy.to_owned(),
    };
    if text.len() > DOCUMENT_BYTES_MAX {
        let message =
            format!("the file has {} bytes, {DOCUMENT_BYTES_MAX} are allowed", text.len());
        return Err(bad("file-too-large", message, "split it"));
    }
    // Only `true` and `false` are truth values: a choice named `no` or an interface named `y` is text.
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents = serde_saphyr::from_multiple_with_options::<Json>(text, options)
        .map_err(|error| bad("not-yaml", format!("not valid YAML: {error}"), ""))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

impl Document {
    /// Reads a schema file; all mistakes of shape are told.
    pub fn parse(file: &str, text: &str) -> Result<Vec<Self>, Vec<SchemaError>> {
        let documents = yaml_documents(file, text).map_err(|error| vec![error])?;
        Self::from_json(file, documents)
    }

    /// Reads documents that are JSON already, as the API gets them.
    pub fn from_json(file: &str, documents: Vec<Json>) -> Result<Vec<Self>, Vec<SchemaError>> {
        let mut shape = Shape { file: file.to_owned(), errors: Vec::new() };
        let read: Vec<Self> = documents.iter().map(|json| shape.document(json)).collect();
        if shape.errors.is_empty() { Ok(read) } else { Err(shape.errors) }
    }
}

/// What a key may hold.
#[derive(Clone, Copy)]
enum Holds {
    Text,
    Bool,
    Int,
    Any,
    Map,
    Texts,
    TextLists,
    OneOf(&'static [&'static str]),
    /// Written by the server only; accepted and ignored.
    Ignored,
}

use Holds::{Any, Bool, Ignored, Int, Map, OneOf, Text, TextLists, Texts};

const BRANCH: Holds = OneOf(&["aware", "agnostic", "local"]);
const STATE: Holds = OneOf(&["present", "absent"]);

const KIND_KEYS: &[(&str, Holds)] = &[
    ("id", Any),
    ("name", Text),
    ("namespace", Text),
    ("label", Text),
    ("description", Text),
    ("icon", Text),
    ("documentation", Text),
    ("branch", BRANCH),
    ("attributes", Any),
    ("relationships", Any),
    ("inherit_from", Texts),
    ("human_friendly_id", Texts),
    ("display_label", Text),
    ("display_labels", Texts),
    ("default_filter", Text),
    ("order_by", Texts),
    ("uniqueness_constraints", TextLists),
    ("include_in_menu", Bool),
    ("menu_placement", Text),
    ("generate_profile", Bool),
    ("generate_template", Bool),
    ("hierarchy", Text),
    ("parent", Text),
    ("children", Text),
    ("hierarchical", Bool),
    ("restricted_namespaces", Texts),
    ("state", STATE),
    ("kind", Ignored),
    ("used_by", Ignored),
    ("hash", Ignored),
    ("inherited", Ignored),
];

const ATTRIBUTE_KEYS: &[(&str, Holds)] = &[
    ("id", Any),
    ("name", Text),
    ("kind", OneOf(ATTRIBUTE_KINDS)),
    ("label", Text),
    ("description", Text),
    ("deprecation", Text),
    ("optional", Bool),
    ("default_value", Any),
    ("unique", Bool),
    ("enum", Any),
    ("choices", Any),
    ("regex", Text),
    ("min_length", Int),
    ("max_length", Int),
    ("parameters", Map),
    ("read_only", Bool),
    ("branch", BRANCH),
    ("allow_override", OneOf(&["any", "none"])),
    ("order_weight", Int),
    ("ordered", Bool),
    ("display", OneOf(&["default", "extra"])),
    ("computed_attribute", Map),
    ("state", STATE),
    ("inherited", Ignored),
];

pub(crate) const ATTRIBUTE_KINDS: &[&str] = &[
    "ID",
    "Dropdown",
    "Text",
    "TextArea",
    "DateTime",
    "Email",
    "Password",
    "HashedPassword",
    "URL",
    "File",
    "MacAddress",
    "Color",
    "Number",
    "NumberPool",
    "Bandwidth",
    "IPHost",
    "IPNetwork",
    "IPAddress",
    "Boolean",
    "Checkbox",
    "List",
    "JSON",
    "Any",
];

const RELATIONSHIP_KEYS: &[(&str, Holds)] = &[
    ("id", Any),
    ("name", Text),
    ("peer", Text),
    (
        "kind",
        OneOf(&[
            "Generic",
            "Attribute",
            "Component",
            "Parent",
            "Group",
            "Hierarchy",
            "Profile",
            "Template",
        ]),
    ),
    ("label", Text),
    ("description", Text),
    ("deprecation", Text),
    ("identifier", Text),
    ("cardinality", OneOf(&["one", "many"])),
    ("min_count", Int),
    ("max_count", Int),
    ("optional", Bool),
    ("direction", OneOf(&["bidirectional", "outbound", "inbound"])),
    ("on_delete", OneOf(&["no-action", "cascade"])),
    ("branch", BRANCH),
    ("common_parent", Text),
    ("common_relatives", Texts),
    ("allow_override", OneOf(&["any", "none"])),
    ("read_only", Bool),
    ("order_weight", Int),
    ("display", OneOf(&["default", "extra"])),
    ("state", STATE),
    ("hierarchical", Ignored),
    ("inherited", Ignored),
];

const EXTENSION_KEYS: &[(&str, Holds)] =
    &[("kind", Text), ("attributes", Any), ("relationships", Any), ("state", STATE)];

struct Shape {
    file: String,
    errors: Vec<SchemaError>,
}

impl Shape {
    fn say(&mut self, path: &str, code: &'static str, message: String, remedy: String) {
        let file = self.file.clone();
        self.errors.push(SchemaError { file, path: path.to_owned(), code, message, remedy });
    }

    fn document(&mut self, json: &Json) -> Document {
        let mut document = Document { file: self.file.clone(), ..Document::default() };
        let Some(map) = json.as_object() else {
            self.say(
                "",
                "not-a-map",
                "a schema file is a map".to_owned(),
                "begin with `nodes:`".to_owned(),
            );
            return document;
        };
        for (key, value) in map {
            match key.as_str() {
                "version" => {}
                "nodes" => document.nodes = self.kinds(value, "nodes"),
                "generics" => document.generics = self.kinds(value, "generics"),
                "extensions" => document.extensions = self.extensions(value),
                other => {
                    let known = ["version", "nodes", "generics", "extensions"];
                    self.unknown("", other, known.into_iter());
                }
            }
        }
        document
    }

    fn unknown<'a>(&mut self, path: &str, key: &str, known: impl Iterator<Item = &'a str>) {
        let remedy = match nearest(key, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "take it away".to_owned(),
        };
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        self.say(&path, "unknown-key", format!("`{key}` is not a key of the language"), remedy);
    }

    fn list<'a>(&mut self, value: &'a Json, path: &str) -> &'a [Json] {
        match value {
            Json::Array(items) => items,
            Json::Null => &[],
            other => {
                let message = format!("must be a list, found {}", found(other));
                self.say(path, "not-a-list", message, String::new());
                &[]
            }
        }
    }

    fn kinds(&mut self, value: &Json, path: &str) -> Vec<KindDecl> {
        let mut kinds = Vec::new();
        for (number, item) in self.list(value, path).iter().enumerate() {
            let path = format!("{path}[{number}]");
            if let Some(map) = self.keys(item, &path, KIND_KEYS, &["name", "namespace"]) {
                let mut map = map;
                let attributes = map.remove("attributes").unwrap_or(Json::Null);
                let relationships = map.remove("relationships").unwrap_or(Json::Null);
                let attributes = self.attributes(&attributes, &path);
                let relationships = self.relationships(&relationships, &path);
                if let Some(mut kind) = self.typed::<KindDecl>(map, &path) {
                    kind.attributes = attributes;
                    kind.relationships = relationships;
                    kind.file.clone_from(&self.file);
                    kinds.push(kind);
                }
            }
        }
        kinds
    }

    fn attributes(&mut self, value: &Json, path: &str) -> Vec<AttributeDecl> {
        let path = format!("{path}.attributes");
        let mut all = Vec::new();
        for (number, item) in self.list(value, &path).iter().enumerate() {
            let path = format!("{path}[{number}]");
            let absent = item.get("state").and_then(Json::as_str) == Some("absent");
            let needed: &[&str] = if absent { &["name"] } else { &["name", "kind"] };
            if let Some(map) = self.keys(item, &path, ATTRIBUTE_KEYS, needed)
                && let Some(attribute) = self.typed(map, &path)
            {
                all.push(attribute);
            }
        }
        all
    }

    fn relationships(&mut self, value: &Json, path: &str) -> Vec<RelationshipDecl> {
        let path = format!("{path}.relationships");
        let mut all = Vec::new();
        for (number, item) in self.list(value, &path).iter().enumerate() {
            let path = format!("{path}[{number}]");
            let absent = item.get("state").and_then(Json::as_str) == Some("absent");
            let needed: &[&str] = if absent { &["name"] } else { &["name", "peer"] };
            if let Some(map) = self.keys(item, &path, RELATIONSHIP_KEYS, needed)
                && let Some(relationship) = self.typed(map, &path)
            {
                all.push(relationship);
            }
        }
        all
    }

    fn extensions(&mut self, value: &Json) -> Vec<ExtensionDecl> {
        let Some(map) = value.as_object() else {
            let message = format!("must be a map with `nodes`, found {}", found(value));
            self.say("extensions", "not-a-map", message, String::new());
            return Vec::new();
        };
        let mut all = Vec::new();
        for (key, value) in map {
            if key != "nodes" && key != "generics" {
                self.unknown("extensions", key, ["nodes", "generics"].into_iter());
                continue;
            }
            let list = format!("extensions.{key}");
            for (number, item) in self.list(value, &list).iter().enumerate() {
                let path = format!("{list}[{number}]");
                let Some(mut map) = self.keys(item, &path, EXTENSION_KEYS, &["kind"]) else {
                    continue;
                };
                let kind = map.get("kind").and_then(Json::as_str).unwrap_or_default().to_owned();
                let attributes = map.remove("attributes").unwrap_or(Json::Null);
                let relationships = map.remove("relationships").unwrap_or(Json::Null);
                all.push(ExtensionDecl {
                    kind,
                    attributes: self.attributes(&attributes, &path),
                    relationships: self.relationships(&relationships, &path),
                });
            }
        }
        all
    }

    /// The keys of a map, each checked against what it may hold.
    fn keys(
        &mut self,
        item: &Json,
        path: &str,
        known: &[(&str, Holds)],
        needed: &[&str],
    ) -> Option<serde_json::Map<String, Json>> {
        let Some(map) = item.as_object() else {
            self.say(
                path,
                "not-a-map",
                format!("must be a map, found {}", found(item)),
                String::new(),
            );
            return None;
        };
        let before = self.errors.len();
        let mut kept = serde_json::Map::new();
        for (key, value) in map {
            match known.iter().find(|(name, _)| name == key) {
                None => self.unknown(path, key, known.iter().map(|(name, _)| *name)),
                Some((_, Ignored)) => {}
                Some(_) if value.is_null() => {}
                Some((_, holds)) => {
                    let value = match (holds, value.as_str().and_then(truth)) {
                        (Bool, Some(yes)) => Json::Bool(yes),
                        _ => value.clone(),
                    };
                    if self.holds(&value, *holds, &format!("{path}.{key}")) {
                        kept.insert(key.clone(), value);
                    }
                }
            }
        }
        for key in needed {
            if map.get(*key).is_none_or(Json::is_null) {
                let path = format!("{path}.{key}");
                self.say(&path, "missing-key", format!("`{key}` is missing"), "add it".to_owned());
            }
        }
        (self.errors.len() == before).then_some(kept)
    }

    fn holds(&mut self, value: &Json, holds: Holds, path: &str) -> bool {
        let texts =
            |value: &Json| value.as_array().is_some_and(|items| items.iter().all(Json::is_string));
        let (fits, wanted) = match holds {
            Any | Ignored => (true, String::new()),
            Text => (value.is_string(), "text".to_owned()),
            Bool => (value.is_boolean(), "`true` or `false`".to_owned()),
            Int => (value.is_i64(), "a whole number".to_owned()),
            Map => (value.is_object(), "a map".to_owned()),
            Texts => (texts(value), "a list of texts".to_owned()),
            TextLists => (
                value.as_array().is_some_and(|items| items.iter().all(texts)),
                "a list of lists of texts".to_owned(),
            ),
            OneOf(words) => (
                value.as_str().is_some_and(|word| words.contains(&word)),
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
            ),
        };
        if !fits {
            let message = format!("must be {wanted}, found {}", found(value));
            let near = match (holds, value.as_str()) {
                (OneOf(words), Some(word)) => nearest(word, words.iter().copied()),
                _ => None,
            };
            let remedy = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
            self.say(path, "wrong-type", message, remedy);
        }
        fits
    }

    fn typed<T: serde::de::DeserializeOwned>(
        &mut self,
        map: serde_json::Map<String, Json>,
        path: &str,
    ) -> Option<T> {
        match serde_json::from_value(Json::Object(map)) {
            Ok(typed) => Some(typed),
            Err(bad) => {
                self.say(path, "wrong-type", bad.to_string(), String::new());
                None
            }
        }
    }
}

/// The words that older YAML takes for truth values, where one is asked for.
pub(crate) fn truth(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn found(value: &Json) -> String {
    match value {
        Json::Null => "nothing".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "a map".to_owned(),
        other => format!("`{}`", other.as_str().map_or_else(|| other.to_string(), str::to_owned)),
    }
}
