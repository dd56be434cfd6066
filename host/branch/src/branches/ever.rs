//! What an attribute ever held, on a line as a whole: for what is kept outside of objects and goes
//! when none leads to it.

use model::schema::Category;
use model::{BranchId, ObjectId, Seq, Value};
use store::{Space, key};

use crate::draft::Draft;
use crate::error::BranchError;
use crate::object::{Object, TOMBSTONE, stamp};
use crate::rows::Bytes;
use crate::view::View;

impl Draft {
    /// Tells every text that an attribute of this name has, or ever had, on a branch's own line and on
    /// the line of what all branches share: of every kind of the branch's schema, gone objects included.
    /// All of it joins what this draft has read, so that it fails where such an object is written
    /// meanwhile. Linear in the versions of those objects.
    pub fn each_ever(
        &self,
        view: &View,
        attribute: &str,
        mut each: impl FnMut(&str),
    ) -> Result<(), BranchError> {
        let kinds = view.schema().kinds.values();
        let has = |kind: &&std::sync::Arc<model::schema::Kind>| {
            kind.category != Category::Generic && kind.attribute(attribute).is_some()
        };
        for kind in kinds.filter(has) {
            for line in [view.branch(), BranchId::GLOBAL] {
                let low = key::head_kind_prefix(line, kind.symbol);
                let high = key::prefix_end(&low);
                self.rows.note_range(Space::Heads, &low, &high);
                let mut tell = |id: ObjectId, row: Bytes| -> Result<(), BranchError> {
                    let gone = stamp(&row).is_none_or(|(_, flags)| flags & TOMBSTONE != 0);
                    let object = if gone { None } else { Object::read(id, kind, row)? };
                    if let Some(object) = object
                        && let Value::Text(text) = object.value(attribute)
                    {
                        each(&text);
                    }
                    Ok(())
                };
                let snapshot = &view.rows.snapshot;
                for row in snapshot.range(Space::Heads, &low, &high)? {
                    let (key, row) = row?;
                    let Some((_, _, id)) = key::parse_head(&key) else { continue };
                    tell(id, Bytes::Stored(row))?;
                    let (low, high) = key::history_range(line, id, Seq(u64::MAX));
                    for row in snapshot.range(Space::History, &low, &high)? {
                        let (key, row) = row?;
                        // A version of before its kind was renamed is of that kind.
                        if key::parse_history(&key).is_some_and(|(.., of)| of == kind.symbol) {
                            tell(id, Bytes::Stored(row))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
