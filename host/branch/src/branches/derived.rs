//! What the host derives of prefixes and addresses: no branch changes it, and none conflicts over it.

use model::schema::Kind;

use crate::view::View;

/// Attributes that the host sets.
const SET: [&str; 6] =
    ["is_top_level", "netmask", "hostmask", "network_address", "broadcast_address", "utilization"];
/// Relationships that the host sets: how they hang.
const HUNG: [&str; 4] = ["parent", "children", "ip_prefix", "ip_addresses"];
/// What pools say of them.
const OF_POOLS: &str = "member_of_pools";

fn is_ip(view: &View, kind: &Kind) -> bool {
    let schema = view.schema();
    schema.is_a(kind, "BuiltinIPPrefix") || schema.is_a(kind, "BuiltinIPAddress")
}

/// Whether the host sets an attribute.
pub(crate) fn is_set_of_ip(view: &View, kind: &Kind, attribute: &str) -> bool {
    SET.contains(&attribute) && is_ip(view, kind)
}

/// Whether the host sets a relationship.
pub(crate) fn is_hung_of_ip(view: &View, kind: &Kind, relationship: &str) -> bool {
    HUNG.contains(&relationship) && is_ip(view, kind)
}

/// Whether the host sets either, or pools do.
pub(crate) fn is_derived_of_ip(view: &View, kind: &Kind, field: &str) -> bool {
    let known = SET.contains(&field) || HUNG.contains(&field) || field == OF_POOLS;
    known && is_ip(view, kind)
}
