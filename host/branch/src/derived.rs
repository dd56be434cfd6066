//! Values that are made as they are looked at. Kept, they would have to be written with every object that
//! comes or goes below, and all who draw from one prefix would stand in each other's way.

use ipnet::IpNet;
use model::Value;
use model::ip::{self, Family};
use model::schema::{Attribute, Kind, Schema};

use crate::error::BranchError;
use crate::object::Object;
use crate::view::View;

/// Sizes are told apart to this many bits: all of IPv6 and its parts in 128, with room to be summed.
const BITS: u8 = 120;

/// A value that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The value.
    pub value: Value,
    /// How many objects were looked at for it.
    pub looked: u64,
}

/// Whether values of an attribute are made as they are looked at.
pub(crate) fn is_made(schema: &Schema, kind: &Kind, attribute: &Attribute) -> bool {
    attribute.name == "utilization" && attribute.read_only && schema.is_a(kind, "BuiltinIPPrefix")
}

impl View {
    /// Whether values of an attribute are made as they are looked at: stored are none.
    pub fn is_made(&self, kind: &Kind, attribute: &Attribute) -> bool {
        is_made(self.schema(), kind, attribute)
    }

    /// The value of an attribute that nobody sets: how full a prefix is, in whole per cent, by what lies
    /// directly in it on this branch. Nothing for all other attributes. Linear in what lies in it.
    pub fn made(
        &self,
        object: &Object,
        attribute: &Attribute,
    ) -> Result<Option<Made>, BranchError> {
        if !self.is_made(object.kind(), attribute) {
            return Ok(None);
        }
        let Value::Net(net) = object.value("prefix") else { return Ok(None) };
        let holds_prefixes = object.value("member_type").as_text() == Some("prefix");
        let within = if holds_prefixes { "children" } else { "ip_addresses" };
        let within = self.lying_in(object, within)?;
        let looked = u64::try_from(within.len()).unwrap_or(u64::MAX);
        let share = match holds_prefixes {
            true => share_of_prefixes(&within, net),
            false => share_of_addresses(&within, net, object.value("is_pool") == Value::Bool(true)),
        };
        Ok(Some(Made { value: Value::Int(share), looked }))
    }

    fn lying_in(&self, object: &Object, relationship: &str) -> Result<Vec<Object>, BranchError> {
        let Some(rel) = object.kind().relationship(relationship) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for edge in self.peers(object.id(), rel)? {
            found.extend(self.object(edge.peer)?);
        }
        Ok(found)
    }
}

fn share_of_prefixes(within: &[Object], net: IpNet) -> i64 {
    let size = |net: IpNet| {
        let height = net.max_prefix_len() - net.prefix_len();
        let below = net.max_prefix_len().saturating_sub(BITS);
        1u128 << height.saturating_sub(below)
    };
    let nets = within.iter().filter_map(|child| match child.value("prefix") {
        Value::Net(inner) => Some(inner),
        _ => None,
    });
    let used = nets.fold(0u128, |used, inner| used.saturating_add(size(inner)));
    per_cent(used, size(net))
}

fn share_of_addresses(within: &[Object], net: IpNet, is_pool: bool) -> i64 {
    let Some((low, high)) = pools::address::usable(net, is_pool) else { return 0 };
    let mut used = 0u128;
    for child in within {
        let address = match child.value("address") {
            Value::Host(host) => host.address,
            Value::Address(address) => address,
            _ => continue,
        };
        let same = Family::of(address) == Family::of(net.addr());
        used += u128::from(same && (low..=high).contains(&ip::number(address)));
    }
    per_cent(used, (high - low).saturating_add(1))
}

/// Whole per cent, rounded down.
fn per_cent(used: u128, total: u128) -> i64 {
    let share = match used.checked_mul(100) {
        Some(hundredfold) => hundredfold / total.max(1),
        None => used / (total / 100).max(1),
    };
    i64::try_from(share).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::per_cent;

    #[test]
    fn shares_are_rounded_down_at_every_size() {
        assert_eq!((per_cent(1, 8), per_cent(7, 14), per_cent(0, 0)), (12, 50, 0));
        assert_eq!(per_cent(u128::MAX, u128::MAX), 100);
    }
}
