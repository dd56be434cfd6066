//! Index rows that follow an object's values and links.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::schema::Kind;
use model::{ObjectId, Symbol};
use store::{Key, Space, key};

use crate::draft::Draft;
use crate::error::BranchError;
use crate::object::stamped;
use crate::record::Record;
use crate::schema::{Constraint, Element};
use crate::view::View;

/// The key of each constraint an object takes part in.
pub(crate) type ConstraintKeys = BTreeMap<Symbol, Key>;

impl Draft {
    /// Moves the index rows of attributes from the old values to the new ones.
    pub(crate) fn index_attributes(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        before: Option<&Record>,
        after: Option<&Record>,
    ) -> Result<(), BranchError> {
        let compiled = Arc::clone(&self.view.compiled);
        let line = self.view.line(kind.branch);
        for symbol in &compiled.indexes.of(kind.symbol).attributes {
            let value = |record: Option<&Record>| {
                let attr = record.and_then(|record| record.attrs.get(symbol))?;
                (!attr.value.is_null()).then(|| key::index_value(&attr.value))
            };
            let (old, new) = (value(before), value(after));
            if old == new {
                continue;
            }
            if let Some(old) = old {
                let key = key::index(line, kind.symbol, *symbol, &old, id);
                self.view.rows.write(Space::Index, key, None)?;
            }
            if let Some(new) = new {
                let key = key::index(line, kind.symbol, *symbol, &new, id);
                self.view.rows.write(Space::Index, key, Some(stamped(0, &[])))?;
            }
        }
        Ok(())
    }

    pub(crate) fn constraint_keys(
        &self,
        kind: &Arc<Kind>,
        id: ObjectId,
    ) -> Result<ConstraintKeys, BranchError> {
        constraint_keys(&self.view, kind, id)
    }

    /// Moves the index rows of constraints from `had` to what holds now.
    pub(crate) fn index_constraints(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        had: &ConstraintKeys,
    ) -> Result<(), BranchError> {
        let has = self.constraint_keys(kind, id)?;
        let line = self.view.line(kind.branch);
        for (symbol, value) in had.iter().filter(|(symbol, value)| has.get(symbol) != Some(value)) {
            let key = key::index(line, kind.symbol, *symbol, value, id);
            self.view.rows.write(Space::Index, key, None)?;
        }
        for (symbol, value) in has.iter().filter(|(symbol, value)| had.get(symbol) != Some(value)) {
            let key = key::index(line, kind.symbol, *symbol, value, id);
            self.view.rows.write(Space::Index, key, Some(stamped(0, &[])))?;
        }
        Ok(())
    }
}

/// The keys of the object's indexed constraints, as it is now. A constraint with an
/// element that is not set has none: nothing is equal to nothing.
pub(crate) fn constraint_keys(
    view: &View,
    kind: &Arc<Kind>,
    id: ObjectId,
) -> Result<ConstraintKeys, BranchError> {
    let mut keys = BTreeMap::new();
    let constraints = &view.compiled.indexes.of(kind.symbol).constraints;
    if !constraints.iter().any(Constraint::has_index) {
        return Ok(keys);
    }
    let Some(object) = view.object_of(kind, id)? else { return Ok(keys) };
    'constraints: for constraint in constraints {
        if !constraint.has_index() {
            continue;
        }
        let mut bytes = Key::default();
        for element in &constraint.elements {
            match element {
                Element::Attribute(name) => {
                    let value = object.value(name);
                    if value.is_null() {
                        continue 'constraints;
                    }
                    bytes.extend(&key::index_value(&value));
                }
                Element::Relationship(name) => {
                    let Some(rel) = kind.relationship(name) else { continue 'constraints };
                    let peers = view.peers(id, rel)?;
                    let Some(edge) = peers.first() else { continue 'constraints };
                    bytes.extend(&edge.peer.0.to_be_bytes());
                }
            }
        }
        keys.insert(constraint.symbol, bytes);
    }
    Ok(keys)
}
