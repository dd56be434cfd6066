//! Which addresses of a prefix can be handed out.

use ipnet::IpNet;
use model::ip;

/// The first and last address of `net` that a host can have, as numbers; `None` when there is none.
///
/// The network address is left out, and so is the broadcast address of IPv4 and the subnet-router
/// anycast address of IPv6 (RFC 4291, 2.6.1), which is the network address. Both ends of an IPv4 /31
/// (RFC 3021) and of an IPv6 /127 (RFC 6164) are hosts, and so is a /32 or /128. A prefix that is
/// itself a pool has no such ends: every address counts.
pub fn usable(net: IpNet, is_pool: bool) -> Option<(u128, u128)> {
    let (first, last) = (ip::number(net.network()), ip::number(net.broadcast()));
    let bits = if net.addr().is_ipv4() { 32 } else { 128 };
    if is_pool || net.prefix_len() >= bits - 1 {
        return Some((first, last));
    }
    let last = if net.addr().is_ipv4() { last.checked_sub(1)? } else { last };
    let first = first.checked_add(1)?;
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(net: &str, is_pool: bool, first: &str, last: &str) {
        let net: IpNet = net.parse().unwrap();
        let number = |text: &str| ip::number(text.parse().unwrap());
        assert_eq!(usable(net, is_pool), Some((number(first), number(last))), "{net}");
    }

    #[test]
    fn network_and_broadcast_are_left_out_unless_the_prefix_is_a_pool() {
        check("10.16.18.0/30", false, "10.16.18.1", "10.16.18.2");
        check("10.16.18.0/30", true, "10.16.18.0", "10.16.18.3");
        check("192.0.2.0/24", false, "192.0.2.1", "192.0.2.254");
    }

    #[test]
    fn point_to_point_and_host_prefixes_are_all_hosts() {
        check("10.0.0.0/31", false, "10.0.0.0", "10.0.0.1");
        check("10.0.0.7/32", false, "10.0.0.7", "10.0.0.7");
        check("2001:db8::/127", false, "2001:db8::", "2001:db8::1");
        check("2001:db8::1/128", false, "2001:db8::1", "2001:db8::1");
    }

    #[test]
    fn ipv6_leaves_out_the_router_anycast_address_alone() {
        check("2001:db8::/64", false, "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff");
    }
}
