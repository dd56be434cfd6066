//! Stored files: content by its id, uploaded by itself or with an object of a kind that has a file.
//!
//! Content is never changed and never goes: an object of the past still leads to it.

use branch::{BranchError, Draft, Input, Ledger, Violation};
use model::permission::Action;
use model::{ObjectId, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha1::{Digest as _, Sha1};

use crate::limits::{FILE_BYTES_MAX, FILE_NAME_BYTES_MAX};
use crate::objects::find;
use crate::{Service, ServiceError};

/// The generic of kinds that have a file.
const FILE_OBJECT: &str = "CoreFileObject";

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

fn refused(code: &'static str, message: String) -> ServiceError {
    ServiceError::Request { code, message }
}

fn missing(id: &str) -> ServiceError {
    ServiceError::NotFound { what: "file", name: id.to_owned() }
}

fn encode(told: &Told, bytes: &[u8]) -> Vec<u8> {
    let head = postcard::to_stdvec(told).unwrap_or_default();
    let length = u32::try_from(head.len()).unwrap_or_default();
    [length.to_be_bytes().as_slice(), &head, bytes].concat()
}

fn decode(id: ObjectId, row: &[u8]) -> Option<StoredFile> {
    let (length, rest) = row.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (head, bytes) = rest.split_at_checked(length)?;
    let Told { name, content_type, checksum } = postcard::from_bytes(head).ok()?;
    Some(StoredFile { id, name, content_type, checksum, bytes: bytes.to_vec() })
}

impl Service {
    /// Stores a file by itself.
    pub fn file_upload(&self, upload: &Upload) -> Result<StoredFile, ServiceError> {
        self.may(&self.view()?.kind("CoreNode")?.clone(), Action::Update)?;
        let mut stored = None;
        self.change(|draft| {
            stored = Some(self.keep(draft, upload)?);
            Ok(())
        })?;
        stored.ok_or_else(|| missing(&upload.name))
    }

    /// A stored file by its own id.
    pub fn file(&self, id: &str) -> Result<StoredFile, ServiceError> {
        self.may_look()?;
        let parsed: ObjectId = id.parse().map_err(|_bad| missing(id))?;
        // Content is of no branch and of no moment.
        let view = self.database.view(model::BranchId::MAIN)?;
        let row = view.ledger(Ledger::Files, &parsed.0.to_be_bytes())?;
        let row = row.ok_or_else(|| missing(id))?;
        let damaged = || BranchError::Damaged { what: format!("file {id}") };
        Ok(decode(parsed, &row).ok_or_else(damaged)?)
    }

    /// The file of an object, by kind (a generic will do) and id or human-friendly id.
    pub fn file_of(&self, kind: &str, name: &str) -> Result<StoredFile, ServiceError> {
        let view = self.view()?;
        let object = find(&view, kind, name)?;
        self.may(object.kind(), Action::View)?;
        match object.value("storage_id").as_text() {
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
        let held = object.value("storage_id");
        if let Some(held) = held.as_text()
            && self.file(held).is_ok_and(|stored| same(&stored))
        {
            return Ok(());
        }
        let stored = self.keep(draft, upload)?;
        let size = i64::try_from(stored.bytes.len()).unwrap_or(i64::MAX);
        let input = Input::default()
            .json("file_name", json!(stored.name))
            .json("file_type", json!(stored.content_type))
            .json("checksum", json!(stored.checksum))
            .attr("file_size", branch::AttrInput::value(Value::Int(size)))
            .json("storage_id", json!(stored.id.to_string()));
        draft.update(object.id(), input)?;
        Ok(())
    }

    fn keep(&self, draft: &mut Draft, upload: &Upload) -> Result<StoredFile, ServiceError> {
        if upload.bytes.len() > FILE_BYTES_MAX {
            return Err(refused(
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
                return Err(refused("bad-file-name", message));
            }
        }
        let checksum: String =
            Sha1::digest(&upload.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let id = self.database.environment().ids.next_id(draft.now());
        let told = Told {
            name: upload.name.clone(),
            content_type: upload.content_type.clone(),
            checksum: checksum.clone(),
        };
        let row = encode(&told, &upload.bytes);
        draft.put_ledger(Ledger::Files, id.0.to_be_bytes().to_vec(), Some(row))?;
        let Told { name, content_type, checksum } = told;
        Ok(StoredFile { id, name, content_type, checksum, bytes: upload.bytes.clone() })
    }
}
