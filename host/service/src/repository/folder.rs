//! Reading a folder: everything that can be known of it without a store.

use std::collections::BTreeMap;

use graphql::Fragments;
use model::document::Templates;
use model::object_file::{self, ObjectFile};
use model::repository::{self, Manifest};
use model::schema::{Document, SchemaError};

use super::Folder;
use crate::ServiceError;
use crate::limits::FOLDER_FILES_MAX;

/// The name of the manifest, for messages.
pub(super) const MANIFEST: &str = ".infrahub.yml";

/// A folder that was read: everything that can be known without a store.
pub(super) struct Ready {
    pub(super) manifest: Manifest,
    pub(super) schemas: Vec<String>,
    pub(super) documents: Vec<Document>,
    pub(super) queries: Vec<(String, String)>,
    pub(super) objects: Vec<ObjectFile>,
    pub(super) menus: Vec<ObjectFile>,
    /// By the name of the transform.
    pub(super) templates: BTreeMap<String, Templates>,
}

pub(super) fn wrong(file: &str, path: &str, code: &'static str, message: String) -> SchemaError {
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

    pub(super) fn read(&self) -> Result<Ready, ServiceError> {
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
        let templates = self.templates(&manifest, &mut errors);
        if errors.is_empty() {
            Ok(Ready { manifest, schemas, documents, queries, objects, menus, templates })
        } else {
            Err(ServiceError::Files(errors))
        }
    }

    /// The templates of transforms, each with those it names.
    fn templates(
        &self,
        manifest: &Manifest,
        errors: &mut Vec<SchemaError>,
    ) -> BTreeMap<String, Templates> {
        let mut all = BTreeMap::new();
        for item in &manifest.jinja2_transforms {
            let at = format!("jinja2_transforms.{}", item.name);
            let path = item.text("template_path").unwrap_or_default();
            let read = |path: &str| self.files.get(path).cloned();
            let gathered = Templates::gather(path.trim_start_matches("./"), read);
            let checked = gathered.map_err(|missing| {
                let message = format!("`{}` is not in the folder", missing.join("`, `"));
                errors.push(wrong(MANIFEST, &at, "missing-file", message));
            });
            let Ok(templates) = checked else { continue };
            match templates.check() {
                Ok(()) => {
                    all.insert(item.name.clone(), templates);
                }
                Err(bad) => errors.extend(
                    bad.iter().map(|bad| wrong(&bad.at, &at, bad.fault.code(), bad.what.clone())),
                ),
            }
        }
        all
    }
}
