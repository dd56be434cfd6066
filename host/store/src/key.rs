//! Keys: what they are made of, and back. The order of encoded bytes is the order of the values;
//! the property tests at the end prove round trip and order.

mod bytes;

use std::net::IpAddr;

use ipnet::IpNet;
use model::schema::Direction;
use model::{BranchId, Digest, Interface, ObjectId, Seq, Symbol, Value};

use crate::layout::Space;

pub use crate::limits::INDEX_TEXT_BYTES_MAX as INDEX_TEXT_BYTES;
pub use bytes::Key;

fn line(branch: BranchId) -> [u8; 4] {
    branch.0.to_be_bytes()
}

fn number(symbol: Symbol) -> [u8; 4] {
    symbol.0.to_be_bytes()
}

fn id(object: ObjectId) -> [u8; 16] {
    object.0.to_be_bytes()
}

/// The newest first.
fn since(seq: Seq) -> [u8; 8] {
    (!seq.0).to_be_bytes()
}

/// The end of the range of keys that begin with `prefix`, itself not in it.
pub fn prefix_end(prefix: &[u8]) -> Key {
    let rest = prefix.iter().rposition(|byte| *byte < u8::MAX).and_then(|at| prefix.get(..=at));
    match rest.and_then(<[u8]>::split_last) {
        Some((last, rest)) => Key::of([rest, &[last + 1]]),
        // Nothing follows: longer than any key.
        None => Key::from(vec![u8::MAX; 512]),
    }
}

/// `Branches`.
#[inline]
pub fn branch(branch: BranchId) -> Key {
    Key::of([&line(branch)])
}

/// `Branches`: what is known of all branches together.
#[inline]
pub fn branches() -> Key {
    Key::of([&line(BranchId::GLOBAL)])
}

/// `Branches`: the id behind a name.
#[inline]
pub fn branch_name(name: &str) -> Key {
    Key::of([&line(BranchId(u32::MAX)), name.as_bytes()])
}

/// Which line a key of a space by branch belongs to.
pub fn line_of(key: &[u8]) -> Option<BranchId> {
    let mut rest = key;
    take_branch(&mut rest)
}

/// The same key on another line.
#[inline]
pub fn on_line(key: &[u8], other: BranchId) -> Key {
    Key::of([&line(other), key.get(4..).unwrap_or_default()])
}

/// `Symbols`.
#[inline]
pub fn symbol(symbol: Symbol) -> Key {
    Key::of([&number(symbol)])
}

/// `Schemas`: the present one.
#[inline]
pub fn schema(branch: BranchId) -> Key {
    Key::of([&line(branch)])
}

/// `Schemas`: the past of a present key.
#[inline]
pub fn schema_history(key: &[u8], seq: Seq) -> Option<Key> {
    (key.len() == 4).then(|| Key::of([key, &since(seq)]))
}

/// `Heads`.
#[inline]
pub fn head(branch: BranchId, kind: Symbol, object: ObjectId) -> Key {
    Key::of([&line(branch), &number(kind), &id(object)])
}

/// `Heads`: all of a kind.
#[inline]
pub fn head_kind_prefix(branch: BranchId, kind: Symbol) -> Key {
    Key::of([&line(branch), &number(kind)])
}

/// Parts of a key of `Heads`.
pub fn parse_head(key: &[u8]) -> Option<(BranchId, Symbol, ObjectId)> {
    let mut rest = key;
    let parsed = (take_branch(&mut rest)?, take_symbol(&mut rest)?, take_id(&mut rest)?);
    rest.is_empty().then_some(parsed)
}

/// `Kinds`.
#[inline]
pub fn kind_of(branch: BranchId, object: ObjectId) -> Key {
    Key::of([&line(branch), &id(object)])
}

/// Parts of a key of `Kinds`.
pub fn parse_kind_of(key: &[u8]) -> Option<(BranchId, ObjectId)> {
    let mut rest = key;
    let parsed = (take_branch(&mut rest)?, take_id(&mut rest)?);
    rest.is_empty().then_some(parsed)
}

/// The kind in a key of `Index`.
pub fn index_kind(key: &[u8]) -> Option<Symbol> {
    let mut rest = key.get(4..)?;
    take_symbol(&mut rest)
}

/// `History`: the past of a key of `Heads`.
#[inline]
pub fn history_of_head(head: &[u8], seq: Seq) -> Option<Key> {
    let (branch, kind, object) = parse_head(head)?;
    Some(history(branch, object, seq, kind))
}

/// `History`.
#[inline]
pub fn history(branch: BranchId, object: ObjectId, seq: Seq, kind: Symbol) -> Key {
    Key::of([&line(branch), &id(object), &since(seq), &number(kind)])
}

/// `History`: where the versions of an object as of a commit begin, the newest first, and where
/// those of the object end.
pub fn history_range(branch: BranchId, object: ObjectId, seq: Seq) -> (Key, Key) {
    let object = Key::of([&line(branch), &id(object)]);
    let end = prefix_end(&object);
    (Key::of([&object, &since(seq)]), end)
}

/// Parts of a key of `History`.
pub fn parse_history(key: &[u8]) -> Option<(BranchId, ObjectId, Seq, Symbol)> {
    let mut rest = key;
    let (branch, object) = (take_branch(&mut rest)?, take_id(&mut rest)?);
    let seq = Seq(!u64::from_be_bytes(take(&mut rest)?));
    let kind = take_symbol(&mut rest)?;
    rest.is_empty().then_some((branch, object, seq, kind))
}

/// `EdgeHistory` and `Schemas`: where the past of a key as of a commit begins, the newest first, and
/// where it ends.
pub fn past_range(key: &[u8], seq: Seq) -> (Key, Key) {
    (Key::of([key, &since(seq)]), prefix_end(key))
}

/// `Past`: a row of main that stood from `seq` on.
#[inline]
pub fn past(space: Space, key: &[u8], seq: Seq) -> Key {
    Key::of([&[space.byte()], key, &since(seq)])
}

/// `Past`: the key within its own space, and since when the row stood.
pub fn parse_past(past: &[u8]) -> Option<(&[u8], Seq)> {
    let (rest, seq) = past.split_last_chunk::<8>()?;
    Some((rest.get(1..)?, Seq(!u64::from_be_bytes(*seq))))
}

/// `Edges`.
#[inline]
pub fn edge(
    branch: BranchId,
    object: ObjectId,
    relationship: Symbol,
    direction: Direction,
    peer: ObjectId,
) -> Key {
    Key::of([
        &line(branch),
        &id(object),
        &number(relationship),
        &[direction_byte(direction)],
        &id(peer),
    ])
}

/// `Edges`: all of an object.
#[inline]
pub fn edge_prefix(branch: BranchId, object: ObjectId) -> Key {
    Key::of([&line(branch), &id(object)])
}

/// `Edges`: all of an object's relationship.
#[inline]
pub fn edge_rel_prefix(
    branch: BranchId,
    object: ObjectId,
    relationship: Symbol,
    direction: Direction,
) -> Key {
    Key::of([&line(branch), &id(object), &number(relationship), &[direction_byte(direction)]])
}

/// Parts of a key of `Edges`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeKey {
    /// The line.
    pub branch: BranchId,
    /// This end.
    pub object: ObjectId,
    /// The relationship's identifier.
    pub relationship: Symbol,
    /// Which end this is.
    pub direction: Direction,
    /// The other end.
    pub peer: ObjectId,
}

/// Parts of a key of `Edges`.
pub fn parse_edge(key: &[u8]) -> Option<EdgeKey> {
    let mut rest = key;
    let edge = EdgeKey {
        branch: take_branch(&mut rest)?,
        object: take_id(&mut rest)?,
        relationship: take_symbol(&mut rest)?,
        direction: match take::<1>(&mut rest)? {
            [0] => Direction::Bidirectional,
            [1] => Direction::Outbound,
            [2] => Direction::Inbound,
            _ => return None,
        },
        peer: take_id(&mut rest)?,
    };
    rest.is_empty().then_some(edge)
}

/// `EdgeHistory`: the past of a key of `Edges`.
#[inline]
pub fn history_of_edge(edge: &[u8], seq: Seq) -> Option<Key> {
    parse_edge(edge)?;
    Some(Key::of([edge, &since(seq)]))
}

/// `Index`.
#[inline]
pub fn index(
    branch: BranchId,
    kind: Symbol,
    attribute: Symbol,
    value: &[u8],
    object: ObjectId,
) -> Key {
    Key::of([&line(branch), &number(kind), &number(attribute), value, &id(object)])
}

/// `Index`: all of an attribute.
#[inline]
pub fn index_prefix(branch: BranchId, kind: Symbol, attribute: Symbol) -> Key {
    Key::of([&line(branch), &number(kind), &number(attribute)])
}

/// `Index`: all of a value.
#[inline]
pub fn index_value_prefix(branch: BranchId, kind: Symbol, attribute: Symbol, value: &[u8]) -> Key {
    Key::of([&line(branch), &number(kind), &number(attribute), value])
}

/// The range of index values, below an attribute's prefix, whose address lies within a prefix:
/// prefixes that begin there, or addresses.
pub fn index_addresses(base: &[u8], net: IpNet, of_prefixes: bool) -> (Key, Key) {
    let tag = if of_prefixes { tag::NET } else { tag::HOST };
    let bound = |address: IpAddr| {
        let mut key = Key::from(base);
        key.extend(&[tag]);
        push_address(address, &mut key);
        key
    };
    let high = bound(net.broadcast());
    (bound(net.network()), prefix_end(&high))
}

/// `Log`.
#[inline]
pub fn log(seq: Seq) -> Key {
    Key::of([&seq.0.to_be_bytes()])
}

/// `Reservations`.
#[inline]
pub fn reservation(pool: ObjectId, identifier: &str) -> Key {
    Key::of([&id(pool), identifier.as_bytes()])
}

/// `PoolValues`.
#[inline]
pub fn pool_value(pool: ObjectId, value: u128) -> Key {
    Key::of([&id(pool), &value.to_be_bytes()])
}

/// `PoolValues`: all of a pool.
#[inline]
pub fn pool_value_prefix(pool: ObjectId) -> Key {
    Key::of([&id(pool)])
}

/// `ReservedBy`.
#[inline]
pub fn reserved_by(branch: BranchId, pool: ObjectId, identifier: &str) -> Key {
    Key::of([&line(branch), &id(pool), identifier.as_bytes()])
}

/// `Resolutions`.
#[inline]
pub fn resolution(branch: BranchId, conflict: u128) -> Key {
    Key::of([&line(branch), &conflict.to_be_bytes()])
}

/// `Claims`.
#[inline]
pub fn claim(branch: BranchId, instance: ObjectId, object: ObjectId) -> Key {
    Key::of([&line(branch), &id(instance), &id(object)])
}

/// `Claims`: all of an instance.
#[inline]
pub fn claim_prefix(branch: BranchId, instance: ObjectId) -> Key {
    Key::of([&line(branch), &id(instance)])
}

/// Parts of a key of `Claims`: line, instance, object.
pub fn parse_claim(key: &[u8]) -> Option<(BranchId, ObjectId, ObjectId)> {
    let mut rest = key;
    let parsed = (take_branch(&mut rest)?, take_id(&mut rest)?, take_id(&mut rest)?);
    rest.is_empty().then_some(parsed)
}

/// `ClaimedBy`.
#[inline]
pub fn claimed_by(branch: BranchId, object: ObjectId, instance: ObjectId) -> Key {
    Key::of([&line(branch), &id(object), &id(instance)])
}

/// `ClaimedBy`: all of an object.
#[inline]
pub fn claimed_by_prefix(branch: BranchId, object: ObjectId) -> Key {
    Key::of([&line(branch), &id(object)])
}

/// The id that a key ends with.
pub fn object_at_end(key: &[u8]) -> Option<ObjectId> {
    key.last_chunk::<16>().map(|id| ObjectId(u128::from_be_bytes(*id)))
}

/// Types of an index value, in their order.
mod tag {
    pub(super) const BOOL: u8 = 1;
    pub(super) const INT: u8 = 2;
    pub(super) const TIME: u8 = 3;
    pub(super) const HOST: u8 = 4;
    pub(super) const ADDRESS: u8 = 5;
    pub(super) const NET: u8 = 6;
    pub(super) const TEXT: u8 = 7;
    pub(super) const JSON: u8 = 8;
}

/// A value in an index: its order is the order of listings. Self-delimiting, so that several can
/// follow each other.
pub fn index_value(value: &Value) -> Key {
    let mut out = Key::default();
    match value {
        Value::Null => out.extend(&[0]),
        Value::Bool(yes) => out.extend(&[tag::BOOL, u8::from(*yes)]),
        Value::Int(number) => push_signed(tag::INT, *number, &mut out),
        Value::Time(moment) => push_signed(tag::TIME, moment.0, &mut out),
        Value::Host(Interface { address, length }) => {
            out.extend(&[tag::HOST]);
            push_address(*address, &mut out);
            out.extend(&[*length]);
        }
        Value::Address(address) => {
            out.extend(&[tag::ADDRESS]);
            push_address(*address, &mut out);
        }
        Value::Net(net) => {
            out.extend(&[tag::NET]);
            push_address(net.addr(), &mut out);
            out.extend(&[net.prefix_len()]);
        }
        Value::Text(text) => push_text(tag::TEXT, text, &mut out),
        Value::Json(json) => push_text(tag::JSON, &json.to_string(), &mut out),
    }
    out
}

fn push_signed(tag: u8, number: i64, out: &mut Key) {
    out.extend(&[tag]);
    // Flipping the sign bit puts the negative numbers first.
    out.extend(&(number ^ i64::MIN).to_be_bytes());
}

fn push_address(address: IpAddr, out: &mut Key) {
    match address {
        IpAddr::V4(v4) => {
            out.extend(&[4]);
            out.extend(&v4.octets());
        }
        IpAddr::V6(v6) => {
            out.extend(&[6]);
            out.extend(&v6.octets());
        }
    }
}

/// Text with its end marked so that no text is the beginning of another: a zero byte becomes
/// `00 FF`, the end `00 00`; cut text ends in `00 01` and its digest.
fn push_text(tag: u8, text: &str, out: &mut Key) {
    out.extend(&[tag]);
    let cut = text.len() > INDEX_TEXT_BYTES;
    let kept = text.as_bytes().get(..text.len().min(INDEX_TEXT_BYTES)).unwrap_or_default();
    let mut parts = kept.split(|byte| *byte == 0);
    out.extend(parts.next().unwrap_or_default());
    for part in parts {
        out.extend(&[0, 0xff]);
        out.extend(part);
    }
    if cut {
        out.extend(&[0, 1]);
        out.extend(&Digest::of(text.as_bytes()).0);
    } else {
        out.extend(&[0, 0]);
    }
}

fn direction_byte(direction: Direction) -> u8 {
    match direction {
        Direction::Bidirectional => 0,
        Direction::Outbound => 1,
        Direction::Inbound => 2,
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*head)
}

fn take_branch(rest: &mut &[u8]) -> Option<BranchId> {
    Some(BranchId(u32::from_be_bytes(take(rest)?)))
}

fn take_symbol(rest: &mut &[u8]) -> Option<Symbol> {
    Some(Symbol(u32::from_be_bytes(take(rest)?)))
}

fn take_id(rest: &mut &[u8]) -> Option<ObjectId> {
    Some(ObjectId(u128::from_be_bytes(take(rest)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn directions() -> impl Strategy<Value = Direction> {
        prop_oneof![
            Just(Direction::Bidirectional),
            Just(Direction::Outbound),
            Just(Direction::Inbound)
        ]
    }

    proptest! {
        #[test]
        fn heads_come_back_and_keep_their_order(
            a in any::<(u32, u32, u128)>(), b in any::<(u32, u32, u128)>(),
        ) {
            let key = |(branch, kind, id): (u32, u32, u128)| {
                head(BranchId(branch), Symbol(kind), ObjectId(id))
            };
            prop_assert_eq!(
                parse_head(&key(a)), Some((BranchId(a.0), Symbol(a.1), ObjectId(a.2)))
            );
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        }

        #[test]
        fn edges_come_back(
            branch in any::<u32>(), object in any::<u128>(), relationship in any::<u32>(),
            direction in directions(), peer in any::<u128>(),
        ) {
            let (branch, object) = (BranchId(branch), ObjectId(object));
            let (relationship, peer) = (Symbol(relationship), ObjectId(peer));
            let key = edge(branch, object, relationship, direction, peer);
            let back = EdgeKey { branch, object, relationship, direction, peer };
            prop_assert_eq!(parse_edge(&key), Some(back));
            prop_assert!(parse_edge(&key[1..]).is_none());
        }

        #[test]
        fn the_past_lies_newest_first(a in any::<u64>(), b in any::<u64>()) {
            let key = |seq| history(BranchId(1), ObjectId(2), Seq(seq), Symbol(3));
            prop_assert_eq!(key(a).cmp(&key(b)), b.cmp(&a));
            let parts = (BranchId(1), ObjectId(2), Seq(a), Symbol(3));
            prop_assert_eq!(parse_history(&key(a)), Some(parts));
            let (low, high) = history_range(BranchId(1), ObjectId(2), Seq(b));
            prop_assert_eq!(low <= key(a) && key(a) < high, a <= b);
        }

        #[test]
        fn a_row_that_stood_comes_back(
            key in proptest::collection::vec(any::<u8>(), 0..40), seq in any::<u64>(),
        ) {
            let kept = past(Space::Index, &key, Seq(seq));
            prop_assert_eq!(parse_past(&kept), Some((&key[..], Seq(seq))));
        }

        #[test]
        fn numbers_in_an_index_keep_their_order(a in any::<i64>(), b in any::<i64>()) {
            let key = |number| index_value(&Value::Int(number));
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        }

        #[test]
        fn texts_in_an_index_keep_their_order(a in "\\PC{0,40}\0?[a-c]?", b in "\\PC{0,40}") {
            let key = |text: &str| index_value(&Value::from(text));
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }

        #[test]
        fn prefixes_in_an_index_keep_their_order(
            a in (any::<u32>(), 0u8..=32), b in (any::<u32>(), 0u8..=32),
        ) {
            let net = |(bits, length): (u32, u8)| {
                IpNet::new(IpAddr::from(bits.to_be_bytes()), length).unwrap().trunc()
            };
            let order = |net: IpNet| (net.addr(), net.prefix_len());
            let (a, b) = (net(a), net(b));
            let bytes = |net| index_value(&Value::Net(net));
            prop_assert_eq!(bytes(a).cmp(&bytes(b)), order(a).cmp(&order(b)));
        }

        #[test]
        fn what_begins_with_a_prefix_lies_before_its_end(
            prefix in proptest::collection::vec(any::<u8>(), 1..20),
            rest in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let key = [prefix.clone(), rest].concat();
            prop_assert!(prefix <= key && key[..] < prefix_end(&prefix)[..]);
        }
    }

    #[test]
    fn long_texts_differ_in_an_index_even_where_their_beginnings_agree() {
        let (a, b) = ("x".repeat(300), "x".repeat(301));
        assert_ne!(index_value(&Value::from(a.as_str())), index_value(&Value::from(b.as_str())));
    }
}
