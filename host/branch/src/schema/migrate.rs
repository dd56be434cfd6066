//! What a new schema makes of stored objects: attributes that are renamed or gone, kinds that are
//! renamed, indexes that come and go. In the same commit as the schema, linear in the objects of the
//! kinds concerned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{Kind, Renames, attribute_before, kind_before};
use model::{ObjectId, Symbol};
use store::{Space, key};

use crate::branches::kind_row;
use crate::database::Compiled;
use crate::draft::Draft;
use crate::error::BranchError;
use crate::object::{TOMBSTONE, stamped};
use crate::record::Record;

/// What happens to the objects of one concrete kind.
struct Step {
    was: Arc<Kind>,
    is: Arc<Kind>,
    /// Old symbol of an attribute → its new one; the others go.
    attributes: BTreeMap<Symbol, Symbol>,
}

impl Step {
    /// Nothing where the objects stay as they are.
    fn of(old: &Compiled, new: &Compiled, is: &Arc<Kind>, renames: &Renames) -> Option<Self> {
        let was = Arc::clone(kind_before(&old.schema, is, renames)?);
        let mut attributes = BTreeMap::new();
        for attribute in &is.attributes {
            if let Some(before) = was.attribute(attribute_before(is, attribute, renames)) {
                attributes.insert(before.symbol, attribute.symbol);
            }
        }
        let kept = was.attributes.len() == attributes.len()
            && attributes.iter().all(|(was, is)| was == is);
        let indexed = old.indexes.of(was.symbol) == new.indexes.of(is.symbol);
        if was.symbol == is.symbol && kept && indexed {
            return None;
        }
        Some(Self { was, is: Arc::clone(is), attributes })
    }

    fn record(&self, mut record: Record) -> Record {
        let attrs = std::mem::take(&mut record.attrs);
        record.attrs = attrs
            .into_iter()
            .filter_map(|(symbol, attr)| Some((*self.attributes.get(&symbol)?, attr)))
            .collect();
        record
    }
}

impl Draft {
    /// Brings what is stored under `old` to the schema that the draft has now.
    pub(super) fn migrate(
        &mut self,
        old: &Arc<Compiled>,
        renames: &Renames,
    ) -> Result<(), BranchError> {
        let new = Arc::clone(&self.view.compiled);
        for kind in new.schema.by_symbol.values() {
            let Some(step) = Step::of(old, &new, kind, renames) else { continue };
            self.view.compiled = Arc::clone(old);
            let ids: Result<Vec<ObjectId>, BranchError> = self
                .view
                .objects(&step.was)?
                .map(|object| object.map(|object| object.id()))
                .collect();
            for id in ids? {
                self.migrate_object(old, &new, &step, id)?;
            }
            self.view.compiled = Arc::clone(&new);
        }
        self.drop_undeclared(old, &new, renames)
    }

    /// Takes away the links of relationships that no kind declares any more: one that is declared again
    /// begins empty, as an attribute does.
    fn drop_undeclared(
        &mut self,
        old: &Compiled,
        new: &Compiled,
        renames: &Renames,
    ) -> Result<(), BranchError> {
        let all = new.schema.kinds.values();
        let declared: BTreeSet<Symbol> =
            all.flat_map(|kind| kind.relationships.iter().map(|rel| rel.symbol)).collect();
        for kind in new.schema.by_symbol.values() {
            let Some(was) = kind_before(&old.schema, kind, renames) else { continue };
            let gone: BTreeSet<Symbol> = was
                .relationships
                .iter()
                .map(|rel| rel.symbol)
                .filter(|symbol| !declared.contains(symbol))
                .collect();
            if !gone.is_empty() {
                self.drop_links_of(kind, &gone)?;
            }
        }
        Ok(())
    }

    fn migrate_object(
        &mut self,
        old: &Arc<Compiled>,
        new: &Arc<Compiled>,
        step: &Step,
        id: ObjectId,
    ) -> Result<(), BranchError> {
        let (was, is) = (&step.was, &step.is);
        let line = self.view.line(is.branch);
        self.view.compiled = Arc::clone(old);
        let Some(object) = self.view.object_of(was, id)? else { return Ok(()) };
        let before = object.record()?;
        self.index_attributes(was, id, Some(&before), None)?;
        for (symbol, value) in crate::draft::constraint_keys(&self.view, was, id)? {
            let key = key::index(line, was.symbol, symbol, &value, id);
            self.view.rows.write(Space::Index, key, None)?;
        }
        let after = step.record(before.clone());
        if was.symbol != is.symbol {
            let old_head = key::head(line, was.symbol, id);
            self.view.rows.write(Space::Heads, old_head, Some(stamped(TOMBSTONE, &[])))?;
            let row = kind_row(is.symbol, 0);
            self.view.rows.write(Space::Kinds, key::kind_of(line, id), Some(row))?;
        }
        if was.symbol != is.symbol || after != before {
            let head = key::head(line, is.symbol, id);
            self.view.rows.write(Space::Heads, head, Some(stamped(0, &after.encode())))?;
        }
        self.view.compiled = Arc::clone(new);
        self.index_attributes(is, id, None, Some(&after))?;
        for (symbol, value) in crate::draft::constraint_keys(&self.view, is, id)? {
            let key = key::index(line, is.symbol, symbol, &value, id);
            self.view.rows.write(Space::Index, key, Some(stamped(0, &[])))?;
        }
        Ok(())
    }
}
