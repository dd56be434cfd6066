//! What an object was, version by version, and which commits made it so.
//!
//! Cost follows the versions that are looked at. Must not know what a commit was about beyond its
//! entry in the log.

use std::sync::Arc;

use model::{BranchId, ObjectId, Seq, Timestamp};
use serde_json::Value as Json;
use store::{Space, key};

use crate::branches::kind_in;
use crate::commit::{Cause, LogEntry};
use crate::error::{BranchError, Violation};
use crate::object::{Object, TOMBSTONE, stamp};
use crate::rows::Bytes;
use crate::view::View;

/// The commit that something is as it is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The commit.
    pub commit: Seq,
    /// The line of the branch it was made on.
    pub branch: BranchId,
    /// Who.
    pub by: ObjectId,
    /// When.
    pub at: Timestamp,
    /// Why: by hand, or which run.
    pub cause: Cause,
}

/// One state of an object.
#[derive(Debug)]
pub struct Version {
    /// The commit that wrote it.
    pub seq: Seq,
    /// What it was; nothing once it was deleted.
    pub object: Option<Object>,
}

/// A value that an attribute had, or has.
#[derive(Debug, Clone, PartialEq)]
pub struct Blamed {
    /// The value; null once the object was deleted.
    pub value: Json,
    /// The value is the schema's default.
    pub is_default: bool,
    /// Where the value came from.
    pub source: Option<ObjectId>,
    /// The commit that set it.
    pub origin: Origin,
}

impl View {
    /// The origin of what a commit changed.
    pub fn origin(&self, seq: Seq) -> Result<Origin, BranchError> {
        let entry = self.log_entry(seq)?;
        let entry =
            entry.ok_or_else(|| BranchError::Damaged { what: format!("log entry {seq}") })?;
        let LogEntry { branch, at, author, cause, .. } = entry;
        Ok(Origin { commit: seq, branch, by: author, at, cause })
    }

    /// The versions of an object as this view shows them, the newest first, until `more` says that it
    /// is enough.
    pub fn each_version(
        &self,
        id: ObjectId,
        mut more: impl FnMut(Version) -> Result<bool, BranchError>,
    ) -> Result<(), BranchError> {
        let mut lines = vec![(self.branch, self.seq())];
        lines.extend(self.fork().map(|fork| (BranchId::MAIN, fork)));
        lines.push((BranchId::GLOBAL, self.seq()));
        for (line, upto) in lines {
            if !self.versions_on(line, upto, id, &mut more)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The versions on one line; tells whether more are wanted.
    fn versions_on(
        &self,
        line: BranchId,
        upto: Seq,
        id: ObjectId,
        more: &mut impl FnMut(Version) -> Result<bool, BranchError>,
    ) -> Result<bool, BranchError> {
        let snapshot = &self.rows.snapshot;
        // What a branch only changed has its kind on main.
        let kind = match snapshot.get(Space::Kinds, &key::kind_of(line, id))? {
            Some(own) => Some(own),
            None if line == BranchId::GLOBAL => None,
            None => snapshot.get(Space::Kinds, &key::kind_of(BranchId::MAIN, id))?,
        };
        let Some(kind) = kind else { return Ok(true) };
        let Some((symbol, _)) = kind_in(&kind) else { return Ok(true) };
        let Some(kind) = self.schema().by_symbol.get(&symbol).cloned() else { return Ok(true) };
        let read = |seq: Seq, row: Bytes| -> Result<Version, BranchError> {
            let gone = stamp(&row).is_some_and(|(_, flags)| flags & TOMBSTONE != 0);
            let object = if gone { None } else { Object::read(id, &kind, row)? };
            Ok(Version { seq, object })
        };
        if let Some(row) = snapshot.get(Space::Heads, &key::head(line, symbol, id))?
            && let Some((seq, _)) = stamp(&row)
            && seq <= upto
            && !more(read(seq, Bytes::Stored(row))?)?
        {
            return Ok(false);
        }
        let (low, high) = key::history_range(line, id, upto);
        for row in snapshot.range(Space::History, &low, &high)? {
            let (key, row) = row?;
            let Some((_, _, seq, _)) = key::parse_history(&key) else { continue };
            if !more(read(seq, Bytes::Stored(row))?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The values that an attribute had, the newest first, at most `limit`, each with the commit that
    /// set it. Linear in the versions of the object that are walked.
    pub fn blame(
        &self,
        id: ObjectId,
        attribute: &str,
        limit: usize,
    ) -> Result<Vec<Blamed>, BranchError> {
        let missing =
            || Violation::NotFound { kind: "CoreNode".to_owned(), identifier: id.to_string() };
        let kind = self.kind_of(id)?.ok_or_else(missing)?;
        let Some(attribute) = kind.attribute(attribute) else {
            let names = kind.attributes.iter().map(|attribute| attribute.name.as_str());
            let nearest = model::schema::nearest(attribute, names);
            let (kind, field) = (kind.name.clone(), attribute.to_owned());
            return Err(Violation::UnknownField { kind, field, nearest }.into());
        };
        let attribute = Arc::new(attribute.clone());
        let mut found: Vec<(Seq, Json, bool, Option<ObjectId>)> = Vec::new();
        self.each_version(id, |version| {
            let (seq, value, is_default, source) = match &version.object {
                None => (version.seq, Json::Null, false, None),
                Some(object) => {
                    let attr = object.attr(&attribute);
                    let value = attr.value.to_value().map_or(Json::Null, |value| value.to_json());
                    let value = attribute.told(value);
                    (attr.updated, value, attr.is_default, attr.source)
                }
            };
            if found.last().is_none_or(|(known, ..)| *known != seq) {
                if found.len() >= limit {
                    return Ok(false);
                }
                found.push((seq, value, is_default, source));
            }
            Ok(true)
        })?;
        let told = |(seq, value, is_default, source)| {
            Ok(Blamed { value, is_default, source, origin: self.origin(seq)? })
        };
        found.into_iter().map(told).collect()
    }
}
