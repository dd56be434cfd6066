//! Rules of number pools as objects: what they fill must be there, and what they have handed out must
//! stay within them.

use std::collections::BTreeSet;

use model::schema::{AttributeKind, Category};
use model::{ObjectId, Value};
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::{NumberRange, number_at};
use crate::error::{BranchError, Violation};
use crate::object::Object;

/// Numbers outside that are listed; the rest is counted.
const TOLD_MAX: usize = 10;

impl Draft {
    /// The pool that a touched object is, or is a range of.
    pub(super) fn pool_behind(&self, object: &Object) -> Result<Option<ObjectId>, BranchError> {
        match object.kind().name.as_str() {
            "CoreNumberPool" => Ok(Some(object.id())),
            "CoreNumberPoolRange" => Ok(self.view.one(object, "pool")?.map(|pool| pool.id())),
            _ => Ok(None),
        }
    }

    /// Checks number pools that the draft touches.
    pub(super) fn check_pools(&self, pools: &BTreeSet<ObjectId>) -> Result<(), BranchError> {
        for id in pools {
            if let Some(pool) = self.view.object(*id)? {
                self.check_pool(&pool)?;
            }
        }
        Ok(())
    }

    fn check_pool(&self, pool: &Object) -> Result<(), BranchError> {
        self.check_model(pool)?;
        let told = |code, message: &str| -> BranchError {
            Violation::Pool { code, message: message.to_owned() }.into()
        };
        let ranges = self.view.number_ranges(pool)?;
        let own = ranges.iter().all(|range| range.id == pool.id());
        if own && (pool.value("start_range").is_null() || pool.value("end_range").is_null()) {
            let message = "a number pool needs `start_range` and `end_range`, or `ranges`";
            return Err(told("pool-range", message));
        }
        if ranges.iter().any(|range| range.first > range.last) {
            return Err(told("pool-range", "start_range can't be larger than end_range"));
        }
        let mut sorted = ranges.clone();
        sorted.sort_by_key(|range| range.first);
        for pair in sorted.windows(2) {
            if let [a, b] = pair
                && b.first <= a.last
            {
                let message = format!(
                    "the ranges {}-{} and {}-{} overlap; a number belongs to one range",
                    a.first, a.last, b.first, b.last
                );
                return Err(told("pool-range", &message));
            }
        }
        self.check_handed_out(pool.id(), &ranges)
    }

    fn check_model(&self, pool: &Object) -> Result<(), BranchError> {
        let told = |message: &str| -> BranchError {
            Violation::Pool { code: "pool-model", message: message.to_owned() }.into()
        };
        let (node, name) = (pool.value("node"), pool.value("node_attribute"));
        let before = self.view.rows.before(|| self.view.object(pool.id()))?;
        let by_schema = pool.value("pool_type") == Value::Text("Schema".to_owned());
        if let Some(before) = before.filter(|_| !by_schema)
            && (before.value("node") != node || before.value("node_attribute") != name)
        {
            return Err(told("The fields 'node' or 'node_attribute' can't be changed."));
        }
        let kind = node.as_text().and_then(|kind| self.view.schema().kind(kind));
        let kind = kind.ok_or_else(|| told("The selected model does not exist"))?;
        if !matches!(kind.category, Category::Node | Category::Generic) {
            return Err(told("The selected model is not a Node"));
        }
        let attribute = name.as_text().and_then(|name| kind.attribute(name));
        let missing = "The selected attribute doesn't exist in the selected model";
        let attribute = attribute.ok_or_else(|| told(missing))?;
        let numbers = [AttributeKind::Number, AttributeKind::NumberPool, AttributeKind::Bandwidth];
        if !numbers.contains(&attribute.kind) {
            return Err(told("The selected attribute is not of the kind Number"));
        }
        Ok(())
    }

    fn check_handed_out(&self, pool: ObjectId, ranges: &[NumberRange]) -> Result<(), BranchError> {
        let prefix = key::pool_value_prefix(pool);
        let (mut outside, mut count) = (Vec::new(), 0usize);
        for row in
            self.view.rows.range_unnoted(Space::PoolValues, &prefix, &key::prefix_end(&prefix))?
        {
            let number = number_at(crate::view::object_at_end(&row?.0)?.0);
            if !ranges.iter().any(|range| (range.first..=range.last).contains(&number)) {
                count += 1;
                if outside.len() < TOLD_MAX {
                    outside.push(number.to_string());
                }
            }
        }
        if count == 0 {
            return Ok(());
        }
        let message = format!(
            "{count} numbers that the pool has handed out would lie outside: {}; release them first",
            outside.join(", ")
        );
        Err(Violation::Pool { code: "pool-range", message }.into())
    }
}
