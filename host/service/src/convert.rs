//! Objects that become ones of another kind.

use std::collections::BTreeMap;

use branch::{Author, BranchError, Cause, ChangeSet, Converted, Fill, View, Violation};
use model::ObjectId;
use serde_json::{Map, Value as Json};

use crate::objects::find;
use crate::{Service, ServiceError};

/// What a conversion did.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// The new object, and what it has no place for.
    pub converted: Converted,
    /// All that changed, what followed for generators too.
    pub changes: ChangeSet,
}

/// The mapping of a request: by field of the target, in the public form.
pub(crate) fn mapping_of(
    target: &str,
    mapping: &Map<String, Json>,
) -> Result<BTreeMap<String, Fill>, ServiceError> {
    let read = |(field, json): (&String, &Json)| {
        Fill::from_json(json).map(|fill| (field.clone(), fill)).map_err(|wrong| {
            let message = format!("`{field}`: {wrong}");
            let (kind, field) = (target.to_owned(), field.clone());
            BranchError::from(Violation::BadValue { kind, field, message }).into()
        })
    };
    mapping.iter().map(read).collect()
}

impl Service {
    /// Makes an object one of another kind: a new object with a new id, which has what both kinds call and
    /// mean the same and what `mapping` says, and the numbers and addresses that the old one had; that one
    /// goes. `mapping` has, by field of the target, one of `{"source_field": NAME}`,
    /// `{"data": {"attribute_value" | "peer_id" | "peers_ids": ..}}` and `{"use_default_value": true}`.
    pub fn object_convert(
        &self,
        kind: &str,
        name: &str,
        target: &str,
        mapping: &Map<String, Json>,
    ) -> Result<Conversion, ServiceError> {
        let mapping = mapping_of(target, mapping)?;
        let of = |view: &View| Ok(find(view, kind, name)?.id());
        self.convert(self.caller.author(), of, target, &mapping)
    }

    /// The same for somebody, of an object that is found anew each time it is tried.
    pub(crate) fn convert(
        &self,
        author: Author,
        of: impl Fn(&View) -> Result<ObjectId, ServiceError>,
        target: &str,
        mapping: &BTreeMap<String, Fill>,
    ) -> Result<Conversion, ServiceError> {
        let mut converted = None;
        let mut committed = self.change_by(author, &Cause::Objects, |draft| {
            let id = of(draft.view())?;
            converted = Some(draft.convert(id, target, mapping)?);
            Ok(())
        })?;
        let Some(converted) = converted else {
            let name = target.to_owned();
            return Err(ServiceError::NotFound { what: "attempt", name });
        };
        committed.changes.changes.extend(self.sweep(&committed.changes)?.changes.changes);
        Ok(Conversion { converted, changes: committed.changes })
    }
}
