//! Pools that belong to an attribute of kind `NumberPool`: made when the attribute comes, kept in step
//! with it, gone when it goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::schema::{Attribute, Category, Kind, Schema};
use model::{ObjectId, Value};

use crate::draft::{AttrInput, Draft, Input};
use crate::error::BranchError;
use crate::schema::{SchemaLoad, SchemaLoadError};

const POOL: &str = "CoreNumberPool";

/// A pool as its attribute wants it.
struct OwnPool {
    kind: Arc<Kind>,
    attribute: Attribute,
}

/// The pools of a schema, by id; each declared once, in a kind or a generic.
fn own_pools(schema: &Schema) -> BTreeMap<ObjectId, OwnPool> {
    let mut pools = BTreeMap::new();
    let declaring = [Category::Node, Category::Generic];
    for kind in schema.kinds.values().filter(|kind| declaring.contains(&kind.category)) {
        for attribute in &kind.attributes {
            let own = attribute.parameters.own_pool && attribute.inherited_from.is_none();
            let id = attribute.parameters.number_pool.as_ref().and_then(|id| id.parse().ok());
            if let Some(id) = id.filter(|_| own) {
                let (kind, attribute) = (Arc::clone(kind), attribute.clone());
                pools.insert(id, OwnPool { kind, attribute });
            }
        }
    }
    pools
}

impl Draft {
    /// Brings the pools of attributes in step with the schema that the draft has now, and gives
    /// numbers to the objects that have none.
    pub(crate) fn settle_own_pools(
        &mut self,
        old: &Schema,
        load: &SchemaLoad,
    ) -> Result<(), SchemaLoadError> {
        let new = Arc::clone(self.view.schema());
        if load.hash == load.previous_hash {
            return Ok(());
        }
        let (had, has) = (own_pools(old), own_pools(&new));
        for id in had.keys().filter(|id| !has.contains_key(*id)) {
            if let Some(pool) = self.view.object(*id)? {
                self.release_pool(&pool)?;
            }
            self.delete(&[*id])?;
        }
        for (id, pool) in &has {
            let limits = &pool.attribute.parameters;
            let (first, last) = (limits.start_range.unwrap_or(1), limits.end_range);
            let name = format!("{}.{} [{id}]", pool.kind.name, pool.attribute.name);
            let input = Input::default()
                .attr("name", AttrInput::by_host(name))
                .attr("node", AttrInput::by_host(pool.kind.name.clone()))
                .attr("node_attribute", AttrInput::by_host(pool.attribute.name.clone()))
                .attr("start_range", AttrInput::by_host(Value::Int(first)))
                .attr("end_range", AttrInput::by_host(Value::Int(last.unwrap_or(i64::MAX))))
                .attr("pool_type", AttrInput::by_host("Schema"));
            match self.view.kind_of(*id)? {
                Some(_) => self.update(*id, input).map(|_outcome| ())?,
                None => self.create(POOL, Some(*id), input).map(|_id| ())?,
            }
            self.fill_in(*id, pool, first, last.unwrap_or(i64::MAX))?;
        }
        self.check_named_pools(&new)?;
        self.fill_from_named_pools()
    }

    /// What attributes exclude lies in the pools that they name, as far as these are there.
    fn check_named_pools(&self, schema: &Schema) -> Result<(), SchemaLoadError> {
        for kind in schema.kinds.values() {
            for attribute in kind.attributes.iter().filter(|one| one.inherited_from.is_none()) {
                let limits = &attribute.parameters;
                let Some(name) = limits.number_pool.as_ref().filter(|_| !limits.own_pool) else {
                    continue;
                };
                if let Some(pool) = self.pool_if_there(name)? {
                    let ranges = self.view.number_ranges(&pool)?;
                    crate::draft::check_exclusions(&pool, attribute, &ranges)?;
                }
            }
        }
        Ok(())
    }

    /// Numbers for objects that were made before the attribute was.
    fn fill_in(
        &mut self,
        id: ObjectId,
        pool: &OwnPool,
        first: i64,
        last: i64,
    ) -> Result<(), SchemaLoadError> {
        let schema = Arc::clone(self.view.schema());
        let mut without = Vec::new();
        let mut count = 0u128;
        for kind in schema.concrete(&pool.kind) {
            let Some(attribute) = kind.attribute(&pool.attribute.name) else { continue };
            for object in self.view.objects(kind)? {
                let object = object?;
                count += 1;
                if object.attr(attribute).value.is_null() {
                    without.push((Arc::clone(kind), attribute.clone(), object.id()));
                }
            }
        }
        let size = pool.attribute.parameters.room(first, last);
        if size < count {
            return Err(SchemaLoadError::Data(vec![format!(
                "`{}.{}`: The size of the NumberPool is smaller than the number of existing nodes \
                 {size} < {count}.",
                pool.kind.name, pool.attribute.name
            )]));
        }
        for (kind, attribute, object) in without {
            self.draw_for(&kind, object, &attribute, id)?;
        }
        Ok(())
    }

    fn draw_for(
        &mut self,
        kind: &Arc<Kind>,
        object: ObjectId,
        attribute: &Attribute,
        pool: ObjectId,
    ) -> Result<(), BranchError> {
        let from_pool = crate::draft::FromPool { pool: pool.to_string(), ..Default::default() };
        let given = AttrInput::from_pool(from_pool);
        self.set_pooled(kind, object, attribute, &given).map(|_changed| ())
    }
}
