//! A repository folder as it is: its schemas, queries, objects, menus and definitions, in one draft
//! and one commit. All of it, or nothing.
//!
//! A folder that is pushed as a repository is known again: what an earlier push made and the folder no
//! longer names goes, in the same commit. Schemas and objects stay: data is taken away by whoever means
//! it.

mod folder;
mod gone;
mod items;

use std::collections::{BTreeMap, BTreeSet};

use branch::{Cause, ChangeSet, Draft};
use model::schema::SchemaError;
use model::{ObjectId, Seq};
use serde_json::{Value as Json, json};

use crate::objects::Settled;
use crate::{Service, ServiceError};

/// How often a push is made again when what it read has changed.
const ATTEMPTS: usize = 16;

/// A folder as it comes in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// Text of the manifest.
    pub manifest: String,
    /// Text of its files, by path within the folder.
    pub files: BTreeMap<String, String>,
    /// Digests of its components, uploaded before, by path within the folder.
    pub components: BTreeMap<String, String>,
    /// The repository it is pushed as; without one nothing is remembered, and nothing goes.
    pub repository: Option<String>,
    /// Where the folder is from, to know that it is the same one; not looked at without one.
    pub location: Option<String>,
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
    /// `created`, `updated`, `unchanged`, `removed`; counts, for a file of objects.
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

/// A push under way.
struct Push<'p> {
    service: &'p Service,
    folder: &'p Folder,
    draft: Draft,
    /// The object of the repository.
    repository: Option<ObjectId>,
    /// What the folder names, of what goes when it no longer does.
    named: BTreeSet<ObjectId>,
    items: Vec<Pushed>,
    errors: Vec<SchemaError>,
}

impl Service {
    /// Takes a folder: all of it in one commit, or nothing. What an earlier push of the repository
    /// made and this one does not name goes along.
    pub fn push(&self, folder: &Folder) -> Result<PushReport, ServiceError> {
        let ready = folder.read()?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let draft = self.draft()?;
            let mut push = Push {
                service: self,
                folder,
                draft,
                repository: None,
                named: BTreeSet::new(),
                items: Vec::new(),
                errors: Vec::new(),
            };
            let schema_changed = push.schemas(&ready)?;
            push.repository()?;
            push.rest(&ready)?;
            push.gone()?;
            let Push { mut draft, items, .. } = push;
            draft.finish()?;
            if schema_changed {
                self.may_load_schemas()?;
            }
            if folder.check {
                self.may_change(draft.view(), &ChangeSet::of(&draft)?)?;
                return Ok(PushReport { items, commit: None });
            }
            let cause = if schema_changed { Cause::Schema } else { Cause::Objects };
            match self.settle(draft, cause)? {
                Settled::Done(committed) => {
                    self.sweep(&committed.changes)?;
                    return Ok(PushReport { items, commit: committed.seq });
                }
                Settled::Again(_conflict) if attempt < ATTEMPTS => {}
                Settled::Again(conflict) => return Err(conflict.into()),
            }
        }
    }
}
