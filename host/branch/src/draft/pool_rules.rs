//! Rules of pools as objects: what they fill must be there, what they draw from must fit together, and
//! what they have handed out must stay within them.

use std::collections::BTreeSet;

use ipnet::IpNet;
use model::schema::{Attribute, AttributeKind, Cardinality, Category};
use model::{ObjectId, Value};

use crate::draft::Draft;
use crate::draft::allocate::{NumberRange, SCOPE_MAX, scope_of};
use crate::error::{BranchError, Violation};
use crate::object::Object;

use crate::limits::OUTSIDE_TOLD_MAX;
use crate::limits::QUARANTINE_MAX;

fn told(code: &'static str, what: &str) -> BranchError {
    Violation::Pool { code, message: what.to_owned() }.into()
}

/// What an attribute excludes is something that the pool it names would give.
pub(crate) fn check_exclusions(
    pool: &Object,
    attribute: &Attribute,
    ranges: &[NumberRange],
) -> Result<(), BranchError> {
    let meets = |(low, high): &&(i64, i64)| {
        ranges.iter().any(|range| range.first <= *high && *low <= range.last)
    };
    let Some((low, high)) = attribute.parameters.excluded.iter().find(|one| !meets(one)) else {
        return Ok(());
    };
    let what = if low == high { low.to_string() } else { format!("{low}-{high}") };
    let ranges: Vec<String> =
        ranges.iter().map(|range| format!("{}-{}", range.first, range.last)).collect();
    let what = format!(
        "`{}` excludes {what}, which pool `{}` does not have: it has {}; leave the exclusion out, or widen \
         the range",
        attribute.name,
        pool.value("name"),
        ranges.join(", "),
    );
    Err(told("exclusion-outside", &what))
}

impl Draft {
    /// The pool that a touched object is, or is a range of.
    pub(super) fn pool_behind(&self, object: &Object) -> Result<Option<ObjectId>, BranchError> {
        match object.kind().name.as_str() {
            "CoreNumberPool" => Ok(Some(object.id())),
            "CoreNumberPoolRange" => Ok(self.view.one(object, "pool")?.map(|pool| pool.id())),
            "CoreIPPrefixPool" | "CoreIPAddressPool" => Ok(Some(object.id())),
            _ => Ok(None),
        }
    }

    /// Checks number pools that the draft touches.
    pub(super) fn check_pools(&self, pools: &BTreeSet<ObjectId>) -> Result<(), BranchError> {
        for id in pools {
            let Some(pool) = self.view.object(*id)? else { continue };
            self.check_settings(&pool)?;
            match pool.kind().name.as_str() {
                "CoreNumberPool" => self.check_number_pool(&pool)?,
                _ => self.check_ip_pool(&pool)?,
            }
        }
        Ok(())
    }

    fn check_settings(&self, pool: &Object) -> Result<(), BranchError> {
        let bounds = [("quarantine", 0, QUARANTINE_MAX), ("alert_at", 0, 100)];
        for (name, least, most) in bounds {
            let value = pool.value(name).as_int();
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                let what = format!("`{name}` is {least} to {most}, not {value}");
                return Err(told("pool-setting", &what));
            }
        }
        Ok(())
    }

    /// The parents of an IP pool: apart, of one namespace, and wide enough for what it gives by default.
    fn check_ip_pool(&self, pool: &Object) -> Result<(), BranchError> {
        let (default_type, generic) = match pool.kind().name.as_str() {
            "CoreIPPrefixPool" => ("default_prefix_type", "BuiltinIPPrefix"),
            _ => ("default_address_type", "BuiltinIPAddress"),
        };
        if let Value::Text(kind) = pool.value(default_type) {
            let schema = self.view.schema();
            let found = schema
                .kind(&kind)
                .ok_or_else(|| told("unknown-kind", &format!("'{kind}' is not a valid kind")))?;
            if !schema.is_a(found, generic) {
                let what =
                    format!("`{kind}` is not a `{generic}`, which `{default_type}` has to be");
                return Err(told("pool-model", &what));
            }
        }
        let namespace = self.view.namespace_of(pool)?;
        let mut nets: Vec<IpNet> = Vec::new();
        let mut parents = Vec::new();
        if let Some(rel) = pool.kind().relationship("resources") {
            parents = self.view.peers(pool.id(), rel)?;
        }
        for edge in parents {
            let Some(parent) = self.view.object(edge.peer)? else { continue };
            let Value::Net(net) = parent.value("prefix") else { continue };
            if self.view.namespace_of(&parent)? != namespace {
                let what =
                    format!("{net} lies in another namespace than the pool; take one of its own");
                return Err(told("pool-parents", &what));
            }
            if let Some(other) =
                nets.iter().find(|other| other.contains(&net) || net.contains(*other))
            {
                let what = format!("the parents {other} and {net} overlap; leave one of them out");
                return Err(told("pool-parents", &what));
            }
            nets.push(net);
        }
        self.check_default_length(pool, &nets)
    }

    fn check_default_length(&self, pool: &Object, nets: &[IpNet]) -> Result<(), BranchError> {
        let Some(length) = pool.value("default_prefix_length").as_int() else { return Ok(()) };
        let bits = |net: &IpNet| i64::from(net.max_prefix_len());
        let serves = |net: &IpNet| (i64::from(net.prefix_len())..=bits(net)).contains(&length);
        if nets.is_empty() || nets.iter().any(serves) {
            return Ok(());
        }
        let parents: Vec<String> = nets.iter().map(ToString::to_string).collect();
        let what = format!(
            "none of the parents can give a /{length}, the pool's default: {}; a parent is as long as that \
             or shorter",
            parents.join(", ")
        );
        Err(told("pool-parents", &what))
    }

    /// What divides a pool: values that every object it fills has, and that it knows.
    fn check_scope(&self, pool: &Object) -> Result<(), BranchError> {
        let names = scope_of(pool);
        if names.len() > SCOPE_MAX {
            let what = format!("a scope has at most {SCOPE_MAX} elements, not {}", names.len());
            return Err(told("pool-scope", &what));
        }
        for (kind, attribute) in self.view.numbered(pool) {
            for name in &names {
                let rel = kind.relationship(name);
                let one =
                    rel.is_some_and(|rel| rel.cardinality == Cardinality::One && !rel.optional);
                let given = kind.attribute(name).is_some_and(|found| {
                    !found.optional && found.name != attribute.name && !found.unique
                });
                if !one && !given {
                    let what = format!(
                        "`{name}` of `{}` cannot divide the pool: it takes a mandatory attribute that is \
                         not unique, or a mandatory relationship to one peer",
                        kind.name
                    );
                    return Err(told("pool-scope", &what));
                }
            }
        }
        let before = self.view.rows.before(|| self.view.object(pool.id()))?;
        if let Some(before) = before.filter(|before| scope_of(before) != names)
            && let Some(identifier) = self.first_reservation(&before)?
        {
            let what = format!(
                "the scope cannot change while the pool is in use, by `{identifier}` for one; release what \
                 it has handed out first"
            );
            return Err(told("pool-in-use", &what));
        }
        Ok(())
    }

    fn check_number_pool(&self, pool: &Object) -> Result<(), BranchError> {
        self.check_model(pool)?;
        self.check_scope(pool)?;
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
        let name = pool.value("name").to_string();
        for (_, attribute) in self.view.numbered(pool) {
            let limits = &attribute.parameters;
            let names = |pool_of: &String| *pool_of == name || *pool_of == pool.id().to_string();
            if !limits.own_pool && limits.number_pool.as_ref().is_some_and(names) {
                check_exclusions(pool, &attribute, &ranges)?;
            }
        }
        self.check_handed_out(pool, &ranges)
    }

    fn check_model(&self, pool: &Object) -> Result<(), BranchError> {
        let told = |message: &str| told("pool-model", message);
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

    fn check_handed_out(&self, pool: &Object, ranges: &[NumberRange]) -> Result<(), BranchError> {
        let (mut outside, mut count) = (Vec::new(), 0usize);
        for number in self.numbers_held(pool)? {
            if !ranges.iter().any(|range| (range.first..=range.last).contains(&number)) {
                count += 1;
                if outside.len() < OUTSIDE_TOLD_MAX {
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
