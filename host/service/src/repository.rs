//! A repository folder as it is: its schemas, queries, objects, menus and definitions, in one draft
//! and one commit. All of it, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use branch::{AttrInput, Cause, ChangeSet, CommitFailure, Draft, Input, Outcome, PeerInput};
use graphql::Fragments;
use model::object_file::{self, ObjectFile};
use model::repository::{self, Item, Manifest};
use model::schema::{Document, SchemaError};
use model::{Seq, Value};
use serde_json::{Map, Value as Json, json};

use crate::limits::FOLDER_FILES_MAX;
use crate::object_load;
use crate::{Service, ServiceError};

/// How often a push is made again when what it read has changed.
const ATTEMPTS: usize = 16;
/// Said of what other programs run.
const RECORDED: &str = "recorded; Python does not run here";

/// A folder as it comes in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// Text of the manifest.
    pub manifest: String,
    /// Text of its files, by path within the folder.
    pub files: BTreeMap<String, String>,
    /// Digests of its components, uploaded before, by path within the folder.
    pub components: BTreeMap<String, String>,
    /// Tell what it would do, and keep nothing.
    pub check: bool,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Section of the manifest.
    pub section: &'static str,
    /// Name, or path.
    pub name: String,
    /// `created`, `updated`, `unchanged`; counts, for a file of objects.
    pub outcome: String,
    /// What else there is to say.
    pub note: Option<String>,
}

/// What a push did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushReport {
    /// Every item, in the order they were taken.
    pub items: Vec<Pushed>,
    /// The commit; nothing where nothing changed, or nothing was kept.
    pub commit: Option<Seq>,
}

impl PushReport {
    /// As JSON.
    pub fn to_json(&self) -> Json {
        let item = |item: &Pushed| {
            json!({
                "section": item.section, "name": item.name, "outcome": item.outcome,
                "note": item.note,
            })
        };
        let items: Vec<Json> = self.items.iter().map(item).collect();
        json!({"items": items, "commit": self.commit.map(|seq| seq.0)})
    }
}

/// The name of the manifest, for messages.
const MANIFEST: &str = ".infrahub.yml";

/// A folder that was read: everything that can be known without a store.
struct Ready {
    manifest: Manifest,
    schemas: Vec<String>,
    documents: Vec<Document>,
    queries: Vec<(String, String)>,
    objects: Vec<ObjectFile>,
    menus: Vec<ObjectFile>,
}

fn wrong(file: &str, path: &str, code: &'static str, message: String) -> SchemaError {
    let (file, path, remedy) = (file.to_owned(), path.to_owned(), String::new());
    SchemaError { file, path, code, message, remedy }
}

impl Folder {
    /// The files that a path of the manifest means: itself, or those below it, in order.
    fn below<'f>(
        &'f self,
        path: &str,
        ends: &[&str],
        errors: &mut Vec<SchemaError>,
    ) -> Vec<(&'f str, &'f str)> {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        if let Some((name, text)) = self.files.get_key_value(path) {
            return vec![(name, text)];
        }
        let folder = format!("{path}/");
        let is_one = |name: &str| {
            let end = name.rsplit_once('.').map_or("", |(_, end)| end);
            (path == "." || name.starts_with(&folder)) && ends.contains(&end)
        };
        let files = self.files.iter().filter(|(name, _)| is_one(name));
        let files: Vec<_> = files.map(|(name, text)| (name.as_str(), text.as_str())).collect();
        if files.is_empty() {
            let message = format!("`{path}` is not in the folder, or is empty");
            errors.push(wrong(MANIFEST, path, "missing-file", message));
        }
        files
    }

    fn read(&self) -> Result<Ready, ServiceError> {
        let manifest = repository::parse(MANIFEST, &self.manifest).map_err(ServiceError::Files)?;
        if self.files.len() > FOLDER_FILES_MAX {
            let message = format!("the folder has more than {FOLDER_FILES_MAX} files");
            let errors = vec![wrong(MANIFEST, "", "too-many-files", message)];
            return Err(ServiceError::Files(errors));
        }
        let mut errors = Vec::new();
        let (mut schemas, mut documents) = (Vec::new(), Vec::new());
        for path in &manifest.schemas {
            for (name, text) in self.below(path, &["yml", "yaml", "json"], &mut errors) {
                match Document::parse(name, text) {
                    Ok(read) => documents.extend(read),
                    Err(bad) => errors.extend(bad),
                }
                schemas.push(name.to_owned());
            }
        }
        let mut files = |paths: &[String]| {
            let mut read = Vec::new();
            for path in paths {
                for (name, text) in self.below(path, &["yml", "yaml"], &mut errors) {
                    match object_file::parse(name, text) {
                        Ok(file) => read.push(file),
                        Err(bad) => errors.push(bad),
                    }
                }
            }
            read
        };
        let (objects, menus) = (files(&manifest.objects), files(&manifest.menus));
        let mut fragments = Fragments::default();
        for named in &manifest.fragments {
            for (name, text) in self.below(&named.path, &["gql", "graphql"], &mut errors) {
                if let Err(message) = fragments.add(name, text) {
                    errors.push(wrong(name, "", "bad-query", message));
                }
            }
        }
        let mut queries = Vec::new();
        for named in &manifest.queries {
            for (name, text) in self.below(&named.path, &["gql", "graphql"], &mut errors) {
                match fragments.complete(text) {
                    Ok(text) => queries.push((named.name.clone(), text)),
                    Err(message) => errors.push(wrong(name, "", "bad-query", message)),
                }
            }
        }
        if errors.is_empty() {
            Ok(Ready { manifest, schemas, documents, queries, objects, menus })
        } else {
            Err(ServiceError::Files(errors))
        }
    }
}

/// A push under way.
struct Push<'p> {
    service: &'p Service,
    folder: &'p Folder,
    draft: Draft,
    items: Vec<Pushed>,
    errors: Vec<SchemaError>,
}

impl Service {
    /// Takes a folder: all of it in one commit, or nothing. Nothing that the folder does not name is
    /// taken away.
    pub fn push(&self, folder: &Folder) -> Result<PushReport, ServiceError> {
        let ready = folder.read()?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let draft = self.draft()?;
            let (items, errors) = (Vec::new(), Vec::new());
            let mut push = Push { service: self, folder, draft, items, errors };
            let schema_changed = push.schemas(&ready)?;
            push.rest(&ready)?;
            let Push { mut draft, items, .. } = push;
            draft.finish()?;
            let changes = ChangeSet::of(&draft)?;
            if schema_changed {
                self.may_load_schemas()?;
            }
            self.may_change(draft.view(), &changes)?;
            if folder.check {
                return Ok(PushReport { items, commit: None });
            }
            let cause = if schema_changed { Cause::Schema } else { Cause::Objects };
            match self.database.commit_finished(draft, cause) {
                Ok(commit) => return Ok(PushReport { items, commit }),
                Err(CommitFailure::Conflict { .. }) if attempt < ATTEMPTS => {}
                Err(failure) => return Err(failure.into()),
            }
        }
    }
}

impl Push<'_> {
    fn told(&mut self, section: &'static str, name: &str, outcome: &str, note: Option<&str>) {
        let (name, outcome) = (name.to_owned(), outcome.to_owned());
        let note = note.map(str::to_owned);
        self.items.push(Pushed { section, name, outcome, note });
    }

    /// The schemas, into the draft while it is clean; whether they change anything.
    fn schemas(&mut self, ready: &Ready) -> Result<bool, ServiceError> {
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

    fn rest(&mut self, ready: &Ready) -> Result<(), ServiceError> {
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
            let note = "recorded; templates are not rendered here";
            self.put("jinja2_transforms", "CoreTransformJinja2", item, input, Some(note));
        }
        for item in &manifest.artifacts {
            let input = texts(item, &["content_type"])
                .json("artifact_name", json!(item.text("artifact_name").unwrap_or(&item.name)))
                .attr("parameters", parameters(item));
            let input = peer(item, "targets", peer(item, "transformation", input));
            let note = "recorded; artifacts are not made here";
            self.put("artifact_definitions", "CoreArtifactDefinition", item, input, Some(note));
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
        }
        Ok(())
    }

    fn check(&mut self, item: &Item) {
        let mut input =
            texts(item, &["file_path", "description"]).attr("parameters", parameters(item));
        input = flags(item, &["required"], peer(item, "targets", peer(item, "query", input)));
        let section = "check_definitions";
        let note = match item.text("component") {
            None => {
                let class = item.text("class_name").unwrap_or("Check");
                input = input.json("class_name", json!(class));
                Some(RECORDED)
            }
            Some(path) => match self.component(section, item, path) {
                Some(digest) => {
                    input = input.json("component", json!(digest));
                    None
                }
                None => return,
            },
        };
        self.put(section, "CoreCheckDefinition", item, input, note);
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
        let note = match item.text("component") {
            None => {
                let class = item.text("class_name").unwrap_or("Generator");
                input = input.json("class_name", json!(class));
                Some(RECORDED)
            }
            Some(path) => match self.component(section, item, path) {
                Some(digest) => {
                    input = input.json("component", json!(digest));
                    None
                }
                None => return,
            },
        };
        self.put(section, "CoreGeneratorDefinition", item, input, note);
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
        let input = input.json("name", json!(item.name));
        match self.draft.upsert(kind, None, input) {
            Ok((_, outcome)) => self.told(section, &item.name, word(outcome), note),
            Err(bad) => {
                let at = format!("{section}.{}", item.name);
                self.errors.push(wrong(MANIFEST, &at, bad.code(), bad.to_string()));
            }
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
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
