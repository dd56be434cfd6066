//! Stored files: content by its id, uploaded by itself or with an object of a kind that has a file.
//!
//! Content is never changed. What came with an object stays as long as an object of main or of a branch
//! that is there leads to it, in any of its versions: the past can be asked for. So it goes when the
//! branch it came on goes, unless it was merged or found another object ([`Service::sweep_files`]). What
//! was uploaded by itself has no object, and stays.

use std::collections::{BTreeMap, BTreeSet};

use branch::{BranchError, Cause, CommitFailure, Draft, Input, Ledger, LedgerOrder, Violation};
use model::permission::Action;
use model::{BranchId, ObjectId, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha1::{Digest as _, Sha1};

use crate::limits::{FILE_BYTES_MAX, FILE_NAME_BYTES_MAX, FILE_ROW_BYTES_MAX};
use crate::objects::find;
use crate::{Service, ServiceError};

/// The generic of kinds that have a file.
const FILE_OBJECT: &str = "CoreFileObject";
/// The attribute that leads to content.
pub(crate) const STORAGE_ID: &str = "storage_id";
/// How often what no object leads to is looked for again when objects were changed meanwhile.
const ATTEMPTS: usize = 16;
/// What keys begin with that tell on which branch content came. No id of ours begins so: they begin
/// with the time.
const CAME_ON: [u8; 4] = [0xff; 4];

/// A file as it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its name, for people.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A file as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Identity.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// SHA-1 of the content, as published clients compare it.
    pub checksum: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What is kept beside the content.
#[derive(Serialize, Deserialize)]
struct Told {
    name: String,
    content_type: String,
    checksum: String,
}

fn missing(id: &str) -> ServiceError {
    ServiceError::NotFound { what: "file", name: id.to_owned() }
}

/// The rows of a file: what is told of it with the first piece of its content, then the other pieces.
fn encode(id: ObjectId, told: &Told, bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let head = postcard::to_stdvec(told).unwrap_or_default();
    let length = u32::try_from(head.len()).unwrap_or_default();
    let (first, rest) = bytes.split_at(bytes.len().min(FILE_ROW_BYTES_MAX));
    let head = [length.to_be_bytes().as_slice(), &head, first].concat();
    let key = id.0.to_be_bytes();
    let pieces = (1_u32..).zip(rest.chunks(FILE_ROW_BYTES_MAX));
    let pieces = pieces
        .map(|(number, piece)| ([key.as_slice(), &number.to_be_bytes()].concat(), piece.to_vec()));
    std::iter::once((key.to_vec(), head)).chain(pieces).collect()
}

/// A file of its rows, in their order.
fn decode(id: ObjectId, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Option<StoredFile> {
    let mut rows = rows.into_iter();
    let (_, row) = rows.next()?;
    let (length, rest) = row.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (head, first) = rest.split_at_checked(length)?;
    let Told { name, content_type, checksum } = postcard::from_bytes(head).ok()?;
    let mut bytes = first.to_vec();
    for (number, (key, piece)) in (1_u32..).zip(rows) {
        // A piece that is missing is damage, and no shorter file.
        if !key.ends_with(&number.to_be_bytes()) {
            return None;
        }
        bytes.extend_from_slice(&piece);
    }
    Some(StoredFile { id, name, content_type, checksum, bytes })
}

/// The key that tells that content came with an object on a branch.
fn came_on(branch: BranchId, file: ObjectId) -> Vec<u8> {
    [CAME_ON.as_slice(), &branch.0.to_be_bytes(), &file.0.to_be_bytes()].concat()
}

/// The branch and the content of such a key.
fn parse_came_on(key: &[u8]) -> Option<(BranchId, ObjectId)> {
    let rest = key.strip_prefix(CAME_ON.as_slice())?;
    let (branch, file) = rest.split_first_chunk::<4>()?;
    let file = u128::from_be_bytes(file.try_into().ok()?);
    Some((BranchId(u32::from_be_bytes(*branch)), ObjectId(file)))
}

/// What stored content is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Of nothing: it stays.
    Nothing,
    /// Of an object: it goes when no version of an object leads to it any more.
    Object,
}

impl Service {
    /// Stores a file by itself.
    pub fn file_upload(&self, upload: &Upload) -> Result<StoredFile, ServiceError> {
        self.may(&self.view()?.kind("CoreNode")?.clone(), Action::Update)?;
        let mut stored = None;
        self.change(|draft| {
            stored = Some(self.keep(draft, upload, Of::Nothing)?);
            Ok(())
        })?;
        stored.ok_or_else(|| missing(&upload.name))
    }

    /// A stored file by its own id.
    pub fn file(&self, id: &str) -> Result<StoredFile, ServiceError> {
        self.may_look()?;
        let parsed: ObjectId = id.parse().map_err(|_bad| missing(id))?;
        // Content is of no branch and of no moment.
        let view = self.database.view(BranchId::MAIN)?;
        let key = parsed.0.to_be_bytes();
        let rows = view.ledger_rows(Ledger::Files, &key, LedgerOrder::Ascending, usize::MAX)?;
        if rows.is_empty() {
            return Err(missing(id));
        }
        let damaged = || BranchError::Damaged { what: format!("file {id}") };
        Ok(decode(parsed, rows).ok_or_else(damaged)?)
    }

    /// The file of an object, by kind (a generic will do) and id or human-friendly id.
    pub fn file_of(&self, kind: &str, name: &str) -> Result<StoredFile, ServiceError> {
        let view = self.view()?;
        let object = find(&view, kind, name)?;
        self.may(object.kind(), Action::View)?;
        match object.value(STORAGE_ID).as_text() {
            Some(id) => self.file(id),
            None => Err(missing(name)),
        }
    }

    /// Puts a file to an object of a kind that has one.
    pub(crate) fn attach(
        &self,
        draft: &mut Draft,
        object: ObjectId,
        upload: &Upload,
    ) -> Result<(), ServiceError> {
        let object = draft.must_exist(object)?;
        if !draft.schema().is_a(object.kind(), FILE_OBJECT) {
            let message = format!(
                "`{}` has no file; a kind that inherits from `{FILE_OBJECT}` has one",
                object.kind().name
            );
            let (kind, field) = (object.kind().name.clone(), "file".to_owned());
            return Err(BranchError::from(Violation::BadValue { kind, field, message }).into());
        }
        let same = |stored: &StoredFile| stored.bytes == upload.bytes && stored.name == upload.name;
        let held = object.value(STORAGE_ID);
        if let Some(held) = held.as_text()
            && self.file(held).is_ok_and(|stored| same(&stored))
        {
            return Ok(());
        }
        let stored = self.keep(draft, upload, Of::Object)?;
        let size = i64::try_from(stored.bytes.len()).unwrap_or(i64::MAX);
        let input = Input::default()
            .json("file_name", json!(stored.name))
            .json("file_type", json!(stored.content_type))
            .json("checksum", json!(stored.checksum))
            .attr("file_size", branch::AttrInput::value(Value::Int(size)))
            .json(STORAGE_ID, json!(stored.id.to_string()));
        draft.update(object.id(), input)?;
        Ok(())
    }

    /// Stores content in a draft. What is of an object must be put to one in the same draft.
    pub(crate) fn keep(
        &self,
        draft: &mut Draft,
        upload: &Upload,
        of: Of,
    ) -> Result<StoredFile, ServiceError> {
        if upload.bytes.len() > FILE_BYTES_MAX {
            return Err(ServiceError::request(
                "file-too-large",
                format!(
                    "the file has {} bytes, {FILE_BYTES_MAX} are allowed; keep larger ones elsewhere and their address here",
                    upload.bytes.len()
                ),
            ));
        }
        for (what, text) in [("name", &upload.name), ("content type", &upload.content_type)] {
            if text.len() > FILE_NAME_BYTES_MAX || text.chars().any(char::is_control) {
                let message =
                    format!("the {what} of a file has at most {FILE_NAME_BYTES_MAX} bytes of text");
                return Err(ServiceError::request("bad-file-name", message));
            }
        }
        let checksum: String = model::hexadecimal(&Sha1::digest(&upload.bytes));
        let id = self.database.environment().ids.next_id(draft.now());
        let told = Told {
            name: upload.name.clone(),
            content_type: upload.content_type.clone(),
            checksum: checksum.clone(),
        };
        for (key, row) in encode(id, &told, &upload.bytes) {
            draft.put_ledger(Ledger::Files, key, Some(row))?;
        }
        let branch = draft.view().branch();
        if of == Of::Object && branch != BranchId::MAIN {
            draft.put_ledger(Ledger::Files, came_on(branch, id), Some(Vec::new()))?;
        }
        let Told { name, content_type, checksum } = told;
        Ok(StoredFile { id, name, content_type, checksum, bytes: upload.bytes.clone() })
    }

    /// Takes content away that came on branches that are gone, and to which no version of an object on
    /// main or a branch leads. Tells how much went.
    ///
    /// Nothing where no content came on a branch that is gone; else linear in the versions of the
    /// objects that lead to content.
    pub(crate) fn sweep_files(&self) -> Result<usize, ServiceError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut draft = self.on_main().draft_by(branch::Author(ObjectId::SYSTEM))?;
            let branches = self.database.branches()?;
            let mut left: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
            let order = LedgerOrder::Ascending;
            draft.view().each_ledger_row(Ledger::Files, &CAME_ON, order, |key, _| {
                if let Some((branch, file)) = parse_came_on(key)
                    && branches.iter().all(|one| one.id != branch)
                {
                    left.entry(file.to_string()).or_default().push(key.to_vec());
                }
                Ok(true)
            })?;
            if left.is_empty() {
                return Ok(0);
            }
            let mut found = BTreeSet::new();
            for branch in &branches {
                let view = self.database.view(branch.id)?;
                draft.each_ever(&view, STORAGE_ID, |text| {
                    if left.contains_key(text) {
                        found.insert(text.to_owned());
                    }
                })?;
            }
            let mut gone = 0;
            for (file, keys) in left {
                for key in keys {
                    draft.put_ledger(Ledger::Files, key, None)?;
                }
                if found.contains(&file) {
                    continue;
                }
                gone += 1;
                let Ok(id) = file.parse::<ObjectId>() else { continue };
                let rows = draft.view().ledger_rows(
                    Ledger::Files,
                    &id.0.to_be_bytes(),
                    order,
                    usize::MAX,
                )?;
                for (key, _) in rows {
                    draft.put_ledger(Ledger::Files, key, None)?;
                }
            }
            draft.finish()?;
            match self.database.commit_finished(draft, Cause::Swept) {
                Ok(_commit) => return Ok(gone),
                Err(CommitFailure::Conflict { .. }) if attempt < ATTEMPTS => {}
                Err(failure) => return Err(failure.into()),
            }
        }
    }
}
