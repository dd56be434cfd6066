//! Computed attributes: rendered in the commit that changes what they are made of.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::schema::{AttributeKind, Computed};
use model::{BranchId, ObjectId, Value};
use store::{Space, key};

use crate::draft::{AttrInput, Draft, Input};
use crate::error::{BranchError, Violation};
use crate::limits::COMPUTED_CHAIN_MAX;
use crate::rows::Wanted;
use crate::schema::Line;

impl Draft {
    /// Renders the computed attributes of everything the draft touches, and of what looks at it.
    pub(super) fn compute_values(&mut self) -> Result<(), BranchError> {
        let mut next = self.touched();
        for _round in 0..COMPUTED_CHAIN_MAX {
            let mut changed = Vec::new();
            for id in self.with_readers(&next)?.iter() {
                if self.compute(*id)? {
                    changed.push(*id);
                }
            }
            if changed.is_empty() {
                return Ok(());
            }
            next = changed.into();
        }
        let Some(first) = next.first().copied() else { return Ok(()) };
        let kind = self.view.kind_of(first)?.map(|kind| kind.name.clone()).unwrap_or_default();
        let label = self.label_then_or_now(first)?;
        let message = format!(
            "the computed values of {kind} {label} still change after {COMPUTED_CHAIN_MAX} rounds: \
             templates look at one another in a circle, or over more objects than that; change one"
        );
        Err(Violation::BadValue { kind, field: "computed_attribute".to_owned(), message }.into())
    }

    /// The objects themselves and those whose templates look at them through a relationship.
    fn with_readers(&self, ids: &Arc<[ObjectId]>) -> Result<Arc<[ObjectId]>, BranchError> {
        let looked_through = self.view.compiled.indexes.looked_through();
        if looked_through.is_empty() {
            return Ok(Arc::clone(ids));
        }
        let mut all: BTreeSet<ObjectId> = ids.iter().copied().collect();
        for id in ids.iter() {
            for (symbol, direction, line) in looked_through {
                let line = match line {
                    Line::Own => self.view.branch,
                    Line::Global => BranchId::GLOBAL,
                };
                let prefix = key::edge_rel_prefix(line, *id, *symbol, direction.reverse());
                self.view.rows.each_below::<BranchError>(
                    Space::Edges,
                    &prefix,
                    |reader, row| {
                        all.extend(crate::Edge::decode(reader, row)?.map(|_edge| reader));
                        Ok(Wanted::More)
                    },
                )?;
            }
        }
        Ok(all.into_iter().collect())
    }

    fn compute(&mut self, id: ObjectId) -> Result<bool, BranchError> {
        let Some(kind) = self.view.kind_at(id)?.filter(|kind| self.facts(kind).computes) else {
            return Ok(false);
        };
        let kind = Arc::clone(kind);
        let templates: Vec<(String, AttributeKind, String)> = kind
            .attributes
            .iter()
            .filter_map(|attribute| match &attribute.computed {
                Some(Computed::Template(template)) => {
                    Some((attribute.name.clone(), attribute.kind, template.clone()))
                }
                _ => None,
            })
            .collect();
        let mut input = Input::default();
        let Some(object) = self.view.object_of(&kind, id)? else { return Ok(false) };
        for (name, _kind, template) in templates {
            let text = self.view.render(&object, &template, crate::View::follow)?;
            if object.value(&name) != Value::Text(text.clone()) {
                input = input.attr(&name, AttrInput::by_host(text));
            }
        }
        if input.attrs.is_empty() {
            return Ok(false);
        }
        self.update(id, input)?;
        Ok(true)
    }
}
