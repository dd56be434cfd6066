//! The items of a folder, put into the draft one after another.

use std::collections::BTreeSet;

use branch::{AttrInput, Input, PeerInput};
use model::Value;
use model::document::Templates;
use model::object_file::ObjectFile;
use model::repository::Item;
use serde_json::{Map, Value as Json, json};

use super::folder::{MANIFEST, Ready, wrong};
use super::{Push, Pushed};
use crate::artifacts::TEMPLATES;
use crate::object_load;
use crate::storage::{Of, STORAGE_ID};
use crate::{ServiceError, Upload};

/// Said of what other programs run.
const RECORDED: &str = "recorded; Python does not run here";

impl Push<'_> {
    pub(super) fn told(
        &mut self,
        section: &'static str,
        name: &str,
        outcome: &str,
        note: Option<&str>,
    ) {
        let (name, outcome) = (name.to_owned(), outcome.to_owned());
        let note = note.map(str::to_owned);
        self.items.push(Pushed { section, name, outcome, note });
    }

    /// The schemas, into the draft while it is clean; whether they change anything.
    pub(super) fn schemas(&mut self, ready: &Ready) -> Result<bool, ServiceError> {
        if ready.documents.is_empty() {
            return Ok(false);
        }
        let load = self.draft.load_schema(&ready.documents)?;
        let changed = load.hash != load.previous_hash;
        for name in &ready.schemas {
            self.told("schemas", name, if changed { "loaded" } else { "unchanged" }, None);
        }
        Ok(changed)
    }

    pub(super) fn rest(&mut self, ready: &Ready) -> Result<(), ServiceError> {
        for (name, text) in &ready.queries {
            self.query("queries", name, text);
        }
        self.files("objects", &ready.objects)?;
        self.files("menus", &ready.menus)?;
        let manifest = &ready.manifest;
        for item in &manifest.checks {
            self.check(item);
        }
        for item in &manifest.generators {
            self.generator(item, &ready.queries);
        }
        for item in &manifest.python_transforms {
            let input = texts(item, &["file_path", "description"])
                .json("class_name", json!(item.text("class_name").unwrap_or("Transform")));
            let input = flags(item, &["convert_query_response"], input);
            self.put("python_transforms", "CoreTransformPython", item, input, Some(RECORDED));
        }
        for item in &manifest.jinja2_transforms {
            let input = texts(item, &["template_path", "description"]);
            let input = peer(item, "query", input);
            let input = match ready.templates.get(&item.name) {
                Some(templates) => self.template(item, templates, input)?,
                None => input,
            };
            self.put("jinja2_transforms", "CoreTransformJinja2", item, input, None);
        }
        for item in &manifest.artifacts {
            let input = texts(item, &["content_type"])
                .json("artifact_name", json!(item.text("artifact_name").unwrap_or(&item.name)))
                .attr("parameters", parameters(item));
            let input = peer(item, "targets", peer(item, "transformation", input));
            self.put("artifact_definitions", "CoreArtifactDefinition", item, input, None);
        }
        let errors = std::mem::take(&mut self.errors);
        if errors.is_empty() { Ok(()) } else { Err(ServiceError::Files(errors)) }
    }

    /// A query, held against the schema as it will be.
    fn query(&mut self, section: &'static str, name: &str, text: &str) {
        let schema = self.draft.schema().clone();
        if let Err(bad) = self.service.dialect.check(&schema, text) {
            let messages = bad.iter().map(|error| {
                let at = error.locations.first();
                let at = at.map(|at| format!("line {}: ", at.line)).unwrap_or_default();
                wrong(MANIFEST, &format!("queries.{name}"), "bad-query", format!("{at}{error}"))
            });
            self.errors.extend(messages);
            return;
        }
        let item = Item { name: name.to_owned(), keys: Map::new() };
        let input = Input::default().json("query", json!(text));
        self.put(section, "CoreGraphQLQuery", &item, input, None);
    }

    fn files(&mut self, section: &'static str, files: &[ObjectFile]) -> Result<(), ServiceError> {
        for file in files {
            let load = object_load::load(&mut self.draft, file)?;
            let outcome = format!(
                "{} created, {} updated, {} unchanged",
                load.created, load.updated, load.unchanged
            );
            let skipped: BTreeSet<&str> = load.skipped.iter().map(String::as_str).collect();
            let skipped: Vec<&str> = skipped.into_iter().collect();
            let note = format!("passed over: {}", skipped.join(", "));
            let note = (!skipped.is_empty()).then_some(note.as_str());
            self.told(section, &file.file, &outcome, note);
            if section == "menus" {
                self.named.extend(load.objects);
            }
        }
        Ok(())
    }

    fn check(&mut self, item: &Item) {
        let mut input =
            texts(item, &["file_path", "description"]).attr("parameters", parameters(item));
        input = flags(item, &["required"], peer(item, "targets", peer(item, "query", input)));
        let section = "check_definitions";
        self.put_code(section, "CoreCheckDefinition", "Check", item, input);
    }

    fn generator(&mut self, item: &Item, queries: &[(String, String)]) {
        let section = "generator_definitions";
        let mut input = texts(
            item,
            &["file_path", "description", "on_release", "on_protected", "trigger_secret"],
        )
        .attr("parameters", parameters(item));
        let switches = [
            "convert_query_response",
            "execute_in_proposed_change",
            "execute_after_merge",
            "adoption",
        ];
        input = flags(item, &switches, peer(item, "targets", input));
        // A query is named by its name; a generator of this host may name a file of its own.
        let named = item.text("query").unwrap_or_default();
        let declared = queries.iter().any(|(name, _)| name == named);
        match self.folder.files.get(named.trim_start_matches("./")).filter(|_| !declared) {
            Some(text) => {
                self.query(section, &item.name, text);
                input = input.rel("query", vec![PeerInput::hfid(vec![item.name.clone()])]);
            }
            None => input = peer(item, "query", input),
        }
        self.put_code(section, "CoreGeneratorDefinition", "Generator", item, input);
    }

    /// Puts an item that is code: a component of this host, or a class of Python that is recorded.
    fn put_code(
        &mut self,
        section: &'static str,
        kind: &str,
        class: &str,
        item: &Item,
        input: Input,
    ) {
        let Some(path) = item.text("component") else {
            let class = item.text("class_name").unwrap_or(class);
            let input = input.json("class_name", json!(class));
            return self.put(section, kind, item, input, Some(RECORDED));
        };
        if let Some(digest) = self.component(section, item, path) {
            self.put(section, kind, item, input.json("component", json!(digest)), None);
        }
    }

    /// Stores the template of a transform, where it is another one than before.
    fn template(
        &mut self,
        item: &Item,
        templates: &Templates,
        input: Input,
    ) -> Result<Input, ServiceError> {
        let bytes = serde_json::to_vec(templates).unwrap_or_default();
        let view = self.draft.view();
        let held = match view.schema().kind("CoreTransformJinja2") {
            Some(kind) => view.by_hfid(kind, std::slice::from_ref(&item.name))?,
            None => None,
        };
        let held = held.and_then(|held| held.value(STORAGE_ID).as_text().map(str::to_owned));
        if let Some(held) = held
            && self.service.file(&held).is_ok_and(|stored| stored.bytes == bytes)
        {
            return Ok(input);
        }
        let (name, content_type) = (item.name.clone(), TEMPLATES.to_owned());
        let upload = Upload { name, content_type, bytes };
        let stored = self.service.keep(&mut self.draft, &upload, Of::Object)?;
        Ok(input.json(STORAGE_ID, json!(stored.id.to_string())))
    }

    fn component(&mut self, section: &str, item: &Item, path: &str) -> Option<String> {
        let digest = self.folder.components.get(path.trim_start_matches("./")).cloned();
        if digest.is_none() {
            let message = format!("the component `{path}` of `{}` was not uploaded", item.name);
            let at = format!("{section}.{}", item.name);
            self.errors.push(wrong(MANIFEST, &at, "missing-component", message));
        }
        digest
    }

    /// Makes or changes the object of an item.
    fn put(
        &mut self,
        section: &'static str,
        kind: &str,
        item: &Item,
        input: Input,
        note: Option<&str>,
    ) {
        let mut input = input.json("name", json!(item.name));
        let has = |name| self.draft.kind(kind).is_ok_and(|kind| kind.relationship(name).is_some());
        if let Some(repository) = self.repository.filter(|_| has("repository")) {
            input = input.rel("repository", vec![PeerInput::id(repository)]);
        }
        match self.draft.upsert(kind, None, input) {
            Ok((id, outcome)) => {
                self.named.insert(id);
                self.told(section, &item.name, outcome.word(), note);
            }
            Err(bad) => {
                let at = format!("{section}.{}", item.name);
                self.errors.push(wrong(MANIFEST, &at, bad.code(), bad.to_string()));
            }
        }
    }
}

/// The texts of an item among these keys.
fn texts(item: &Item, keys: &[&str]) -> Input {
    let given = keys.iter().filter_map(|key| Some((*key, item.text(key)?)));
    given.fold(Input::default(), |input, (key, text)| input.json(key, json!(text)))
}

/// The switches of an item among these keys.
fn flags(item: &Item, keys: &[&str], input: Input) -> Input {
    let given = keys.iter().filter_map(|key| Some((*key, item.keys.get(*key)?.as_bool()?)));
    given.fold(input, |input, (key, flag)| input.json(key, json!(flag)))
}

/// The object that an item names under a key.
fn peer(item: &Item, key: &str, input: Input) -> Input {
    match item.text(key) {
        Some(name) => input.rel(key, vec![PeerInput::hfid(vec![name.to_owned()])]),
        None => input,
    }
}

fn parameters(item: &Item) -> AttrInput {
    let parameters = item.parameters().into_iter().map(|(name, path)| (name, json!(path)));
    AttrInput::value(Value::Json(Json::Object(parameters.collect())))
}
