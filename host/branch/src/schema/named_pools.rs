//! Attributes that name a pool: objects that were made before the attribute, or before the pool, get their
//! numbers when both are there. All of them in one commit with what brought the second, or none of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::ObjectId;
use model::schema::{Attribute, Kind};
use store::{Space, key};

use crate::draft::{AttrInput, Draft, FromPool, draws};
use crate::error::{BranchError, Violation};
use crate::object::Object;
use crate::schema::SchemaLoadError;

/// Code of the refusal where a pool has fewer numbers than there are objects to fill.
const TOO_SMALL: &str = "pool-too-small";

impl Draft {
    /// After the schema has come: fills what names a pool that is there. Linear in the objects of the kinds
    /// with such an attribute.
    pub(super) fn fill_from_named_pools(&mut self) -> Result<(), SchemaLoadError> {
        let mut all = Vec::new();
        for (kind, attribute) in self.pooled_by_name() {
            let name = attribute.parameters.number_pool.as_deref().unwrap_or_default();
            if let Some(pool) = self.pool_if_there(name)? {
                all.push((kind, attribute, pool));
            }
        }
        for (kind, attribute, pool) in all {
            match self.fill_kind(&kind, &attribute, &pool) {
                Err(BranchError::Violation(violation)) => match *violation {
                    Violation::Pool { code: TOO_SMALL, message } => {
                        return Err(SchemaLoadError::Data(vec![message]));
                    }
                    other => return Err(BranchError::from(other).into()),
                },
                other => other?,
            }
        }
        Ok(())
    }

    /// After pools have come with the draft: fills what names them. Costs nothing where none came.
    pub(crate) fn fill_from_new_pools(&mut self) -> Result<(), BranchError> {
        let Some(symbol) = self.view.schema().kind("CoreNumberPool").map(|kind| kind.symbol) else {
            return Ok(());
        };
        let heads = self.view.rows.pending(Space::Heads);
        let pools: BTreeSet<ObjectId> = heads
            .filter_map(|(key, _)| key::parse_head(key))
            .filter(|(_, kind, _)| *kind == symbol)
            .map(|(_, _, id)| id)
            .collect();
        for id in pools {
            let Some(pool) = self.view.object(id)? else { continue };
            if self.view.rows.before(|| self.view.object(id))?.is_some() {
                continue;
            }
            let names = [pool.value("name").to_string(), id.to_string()];
            let pool = pool.copied();
            for (kind, attribute) in self.pooled_by_name() {
                if attribute.parameters.number_pool.as_ref().is_some_and(|it| names.contains(it)) {
                    self.fill_kind(&kind, &attribute, &pool)?;
                }
            }
        }
        Ok(())
    }

    /// Attributes that name a pool which is not their own, of kinds that objects are made of.
    fn pooled_by_name(&self) -> Vec<(Arc<Kind>, Attribute)> {
        let kinds = self.view.schema().by_symbol.values();
        let each = kinds.flat_map(|kind| kind.attributes.iter().map(move |one| (kind, one)));
        let named = each.filter(|(kind, one)| draws(kind, one) && !one.parameters.own_pool);
        named.map(|(kind, one)| (Arc::clone(kind), one.clone())).collect()
    }

    /// Draws for every object that never had a value. One that was set to nothing keeps that, unless it
    /// must have one.
    fn fill_kind(
        &mut self,
        kind: &Arc<Kind>,
        attribute: &Attribute,
        pool: &Object,
    ) -> Result<(), BranchError> {
        let mut without = Vec::new();
        for object in self.view.objects(kind)? {
            let object = object?;
            let is_empty = object.attr(attribute).value.is_null();
            if is_empty && (!attribute.optional || !object.has(attribute)) {
                without.push(object.id());
            }
        }
        if without.is_empty() {
            return Ok(());
        }
        let told = self.pool_use(pool)?;
        let free = told.total() - told.used().min(told.total());
        let count = u128::try_from(without.len()).unwrap_or(u128::MAX);
        // A pool that counts by something has room for each of it, and says itself where there is none.
        if free < count && pool.value("allocation_scope").is_null() {
            let message = format!(
                "`{}.{}`: pool `{}` has fewer free numbers than there are objects without one: \
                 {free} < {count}; widen its range, or give these objects numbers first",
                kind.name, attribute.name, told.name
            );
            return Err(Violation::Pool { code: TOO_SMALL, message }.into());
        }
        let from_pool = FromPool { pool: pool.id().to_string(), ..FromPool::default() };
        let given = AttrInput::from_pool(from_pool);
        for object in without {
            self.set_pooled(kind, object, attribute, &given)?;
        }
        Ok(())
    }
}
