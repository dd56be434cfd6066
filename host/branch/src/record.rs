//! One version of an object as bytes, and back. The only place that knows the layout.
//!
//! ```text
//! payload := created:u64  created_by:u128  updated_by:u128  count:u16  entry*
//! entry   := symbol:varint  length:varint  flags:u8  type:u8
//!            [changed:u64] [source:u128] [owner:u128]  value
//! ```
//! Entries are sorted by symbol. A commit's number is not known while a record is written, so zero
//! stands for "the commit that wrote this record"; the record's own number is in front of the
//! payload, put there by the store.

use std::net::IpAddr;

use ipnet::IpNet;
use model::ip::{self, Family};
use model::{Interface, ObjectId, Seq, Symbol, Timestamp, Value};

/// Flags of an entry.
mod flag {
    pub(super) const DEFAULT: u8 = 1;
    pub(super) const PROTECTED: u8 = 2;
    pub(super) const FROM_PROFILE: u8 = 4;
    pub(super) const CHANGED: u8 = 8;
    pub(super) const SOURCE: u8 = 16;
    pub(super) const OWNER: u8 = 32;
}

/// Types of a value.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const TEXT: u8 = 4;
    pub(super) const TIME: u8 = 5;
    pub(super) const HOST: u8 = 6;
    pub(super) const ADDRESS: u8 = 7;
    pub(super) const NET: u8 = 8;
    pub(super) const JSON: u8 = 9;
}

/// An attribute of one object with its properties, owned; what a draft changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attr {
    /// The value.
    pub value: Value,
    /// The value is the schema's default, not a choice.
    pub is_default: bool,
    /// Only its owner may change it.
    pub is_protected: bool,
    /// The value came from a profile.
    pub is_from_profile: bool,
    /// Where the value came from: an account, a pool, ...
    pub source: Option<ObjectId>,
    /// Who answers for it.
    pub owner: Option<ObjectId>,
    /// The commit that last changed it; zero for the one being made.
    pub changed: Seq,
}

impl Attr {
    /// A value with no properties, changed by the commit being made.
    pub(crate) fn plain(value: Value) -> Self {
        Self {
            value,
            is_default: false,
            is_protected: false,
            is_from_profile: false,
            source: None,
            owner: None,
            changed: Seq(0),
        }
    }

    /// Equal but for the commit that set it.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.value == other.value
            && self.is_default == other.is_default
            && self.is_protected == other.is_protected
            && self.is_from_profile == other.is_from_profile
            && self.source == other.source
            && self.owner == other.owner
    }
}

/// One version of an object, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The commit that made the object; zero for the one being made.
    pub created: Seq,
    /// Who made it.
    pub created_by: ObjectId,
    /// Who wrote this version.
    pub updated_by: ObjectId,
    /// Attributes by symbol.
    pub attrs: Attrs,
}

/// Attributes in the order of their symbols: few, made once and read through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attrs(Vec<(Symbol, Attr)>);

impl Attrs {
    pub(crate) fn with_room(attributes: usize) -> Self {
        Self(Vec::with_capacity(attributes))
    }

    fn place(&self, symbol: Symbol) -> Result<usize, usize> {
        self.0.binary_search_by_key(&symbol, |(known, _)| *known)
    }

    pub(crate) fn get(&self, symbol: &Symbol) -> Option<&Attr> {
        self.place(*symbol).ok().and_then(|at| self.0.get(at)).map(|(_, attr)| attr)
    }

    pub(crate) fn insert(&mut self, symbol: Symbol, attr: Attr) {
        match self.place(symbol) {
            Ok(at) => self.0[at].1 = attr,
            Err(at) => self.0.insert(at, (symbol, attr)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Symbol, &Attr)> {
        self.0.iter().map(|(symbol, attr)| (symbol, attr))
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = Attr> {
        self.0.into_iter().map(|(_, attr)| attr)
    }
}

impl IntoIterator for Attrs {
    type Item = (Symbol, Attr);
    type IntoIter = std::vec::IntoIter<(Symbol, Attr)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(Symbol, Attr)> for Attrs {
    fn from_iter<T: IntoIterator<Item = (Symbol, Attr)>>(all: T) -> Self {
        let mut attrs = Self::default();
        all.into_iter().for_each(|(symbol, attr)| attrs.insert(symbol, attr));
        attrs
    }
}

/// Where the entries of a payload begin.
const HEADER: usize = 8 + 16 + 16 + 2;

impl Record {
    /// The payload of a head row.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + self.attrs.len() * 24);
        out.extend_from_slice(&self.created.0.to_be_bytes());
        out.extend_from_slice(&self.created_by.0.to_be_bytes());
        out.extend_from_slice(&self.updated_by.0.to_be_bytes());
        let count = u16::try_from(self.attrs.len()).expect("the schema limits attributes a kind");
        out.extend_from_slice(&count.to_be_bytes());
        let mut entry = Vec::new();
        for (symbol, attr) in self.attrs.iter() {
            entry.clear();
            encode_entry(attr, &mut entry);
            varint(symbol.0, &mut out);
            varint(u32::try_from(entry.len()).expect("values are limited to 1 MiB"), &mut out);
            out.extend_from_slice(&entry);
        }
        out
    }

    /// The payload of a record of commit 1 and of nobody, with plain values under running numbers.
    pub(crate) fn of_values<'a>(values: impl ExactSizeIterator<Item = &'a Value>) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + values.len() * 24);
        out.extend_from_slice(&1u64.to_be_bytes());
        out.extend_from_slice(&[0; 32]);
        let count = u16::try_from(values.len()).expect("the schema limits attributes a kind");
        out.extend_from_slice(&count.to_be_bytes());
        let mut entry = Vec::new();
        for (number, value) in (0u32..).zip(values) {
            entry.clear();
            entry.extend_from_slice(&[0, tag_of(value)]);
            encode_value(value, &mut entry);
            varint(number, &mut out);
            varint(u32::try_from(entry.len()).expect("values are limited to 1 MiB"), &mut out);
            out.extend_from_slice(&entry);
        }
        out
    }

    /// Reads a payload of a record whose own commit is `seq`.
    pub(crate) fn decode(payload: &[u8], seq: Seq) -> Option<Self> {
        let view = Payload { bytes: payload, seq };
        let mut attrs = Attrs::default();
        for entry in view.entries() {
            let (symbol, attr) = entry?;
            attrs.insert(
                symbol,
                Attr {
                    value: attr.value.to_value()?,
                    is_default: attr.is_default,
                    is_protected: attr.is_protected,
                    is_from_profile: attr.is_from_profile,
                    source: attr.source,
                    owner: attr.owner,
                    changed: attr.updated,
                },
            );
        }
        let header = view.header()?;
        Some(Self {
            created: header.created,
            created_by: header.created_by,
            updated_by: header.updated_by,
            attrs,
        })
    }
}

fn encode_entry(attr: &Attr, out: &mut Vec<u8>) {
    let mut flags = 0;
    for (set, bit) in [
        (attr.is_default, flag::DEFAULT),
        (attr.is_protected, flag::PROTECTED),
        (attr.is_from_profile, flag::FROM_PROFILE),
        (attr.changed != Seq(0), flag::CHANGED),
        (attr.source.is_some(), flag::SOURCE),
        (attr.owner.is_some(), flag::OWNER),
    ] {
        if set {
            flags |= bit;
        }
    }
    out.extend_from_slice(&[flags, tag_of(&attr.value)]);
    if attr.changed != Seq(0) {
        out.extend_from_slice(&attr.changed.0.to_be_bytes());
    }
    for id in [attr.source, attr.owner].into_iter().flatten() {
        out.extend_from_slice(&id.0.to_be_bytes());
    }
    encode_value(&attr.value, out);
}

fn tag_of(value: &Value) -> u8 {
    match value {
        Value::Null => tag::NULL,
        Value::Bool(false) => tag::FALSE,
        Value::Bool(true) => tag::TRUE,
        Value::Int(_) => tag::INT,
        Value::Text(_) => tag::TEXT,
        Value::Time(_) => tag::TIME,
        Value::Host(_) => tag::HOST,
        Value::Address(_) => tag::ADDRESS,
        Value::Net(_) => tag::NET,
        Value::Json(_) => tag::JSON,
    }
}

fn encode_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Int(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Time(moment) => out.extend_from_slice(&moment.0.to_be_bytes()),
        Value::Host(host) => {
            out.push(host.length);
            address_bytes(host.address, out);
        }
        Value::Address(address) => address_bytes(*address, out),
        Value::Net(net) => {
            out.push(net.prefix_len());
            address_bytes(net.addr(), out);
        }
        Value::Json(json) => out.extend_from_slice(json.to_string().as_bytes()),
    }
}

fn address_bytes(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(v4) => out.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => out.extend_from_slice(&v6.octets()),
    }
}

fn varint(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(0x80 | u8::try_from(number & 0x7f).unwrap_or(0));
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

fn read_varint(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_at_checked(N)?;
    *bytes = rest;
    head.try_into().ok()
}

/// The fixed part of a payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) created: Seq,
    pub(crate) created_by: ObjectId,
    pub(crate) updated_by: ObjectId,
}

/// A payload that is read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payload<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) seq: Seq,
}

impl<'a> Payload<'a> {
    pub(crate) fn header(self) -> Option<Header> {
        let mut rest = self.bytes;
        let created = u64::from_be_bytes(take(&mut rest)?);
        Some(Header {
            created: if created == 0 { self.seq } else { Seq(created) },
            created_by: ObjectId(u128::from_be_bytes(take(&mut rest)?)),
            updated_by: ObjectId(u128::from_be_bytes(take(&mut rest)?)),
        })
    }

    /// The attribute with this symbol, if the record has it, and where to go on for the next one. Linear in
    /// the attributes between there and `from`.
    pub(crate) fn attr(self, wanted: Symbol, from: Place) -> (Option<AttrRef<'a>>, Place) {
        let from = if from.symbol <= wanted.0 { from } else { Place::default() };
        let at = usize::try_from(from.at).unwrap_or(0);
        let all = self.bytes.get(HEADER..).unwrap_or_default();
        let mut rest = all.get(at..).unwrap_or_default();
        let mut found = None;
        let mut place = rest;
        while !rest.is_empty() {
            place = rest;
            let Some((symbol, entry, after)) = next_entry(rest) else { break };
            if symbol >= wanted.0 {
                found = (symbol == wanted.0).then(|| decode_entry(entry, self.seq)).flatten();
                break;
            }
            rest = after;
            place = after;
        }
        let at = u32::try_from(all.len() - place.len()).unwrap_or(0);
        (found, Place { symbol: wanted.0, at })
    }

    /// All attributes in the order of their symbols; `None` marks damage.
    pub(crate) fn entries(self) -> impl Iterator<Item = Option<(Symbol, AttrRef<'a>)>> {
        let mut rest = self.bytes.get(HEADER..).unwrap_or_default();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let mut next = || {
                let (symbol, entry, after) = next_entry(rest)?;
                rest = after;
                Some((Symbol(symbol), decode_entry(entry, self.seq)?))
            };
            let entry = next();
            if entry.is_none() {
                rest = &[];
            }
            Some(entry)
        })
    }
}

/// Where attributes from a symbol on begin, counted from the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) symbol: u32,
    pub(crate) at: u32,
}

/// The symbol and the bytes of the first of some entries, and those after it.
fn next_entry(entries: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let mut rest = entries;
    let symbol = read_varint(&mut rest)?;
    let length = usize::try_from(read_varint(&mut rest)?).ok()?;
    let (entry, after) = rest.split_at_checked(length)?;
    Some((symbol, entry, after))
}

fn decode_entry(entry: &[u8], seq: Seq) -> Option<AttrRef<'_>> {
    let mut rest = entry;
    let [flags, kind] = take(&mut rest)?;
    let changed =
        if flags & flag::CHANGED == 0 { seq } else { Seq(u64::from_be_bytes(take(&mut rest)?)) };
    let mut id = |bit: u8| -> Option<Option<ObjectId>> {
        if flags & bit == 0 {
            return Some(None);
        }
        Some(Some(ObjectId(u128::from_be_bytes(take(&mut rest)?))))
    };
    let (source, owner) = (id(flag::SOURCE)?, id(flag::OWNER)?);
    Some(AttrRef {
        value: decode_value(kind, rest)?,
        is_default: flags & flag::DEFAULT != 0,
        is_protected: flags & flag::PROTECTED != 0,
        is_from_profile: flags & flag::FROM_PROFILE != 0,
        source,
        owner,
        updated: changed,
    })
}

fn decode_value(kind: u8, bytes: &[u8]) -> Option<ValueRef<'_>> {
    let mut rest = bytes;
    Some(match kind {
        tag::NULL => ValueRef::Null,
        tag::FALSE => ValueRef::Bool(false),
        tag::TRUE => ValueRef::Bool(true),
        tag::INT => ValueRef::Int(i64::from_be_bytes(take(&mut rest)?)),
        tag::TEXT => ValueRef::Text(std::str::from_utf8(bytes).ok()?),
        tag::TIME => ValueRef::Time(Timestamp(i64::from_be_bytes(take(&mut rest)?))),
        tag::HOST => {
            let [length] = take(&mut rest)?;
            ValueRef::Host(Interface::new(read_address(rest)?, length)?)
        }
        tag::ADDRESS => ValueRef::Address(read_address(rest)?),
        tag::NET => {
            let [length] = take(&mut rest)?;
            ValueRef::Net(IpNet::new(read_address(rest)?, length).ok()?)
        }
        tag::JSON => ValueRef::Json(std::str::from_utf8(bytes).ok()?),
        _ => return None,
    })
}

fn read_address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// A value read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// Not set.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// A moment.
    Time(Timestamp),
    /// An address with its network's length.
    Host(Interface),
    /// An address.
    Address(IpAddr),
    /// A prefix.
    Net(IpNet),
    /// A structure, as JSON text.
    Json(&'a str),
}

impl<'a> ValueRef<'a> {
    /// The value owned; `None` only when stored JSON does not parse.
    pub fn to_value(self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(yes) => Value::Bool(yes),
            Self::Int(number) => Value::Int(number),
            Self::Text(text) => Value::Text(text.to_owned()),
            Self::Time(moment) => Value::Time(moment),
            Self::Host(host) => Value::Host(host),
            Self::Address(address) => Value::Address(address),
            Self::Net(net) => Value::Net(net),
            Self::Json(text) => Value::Json(serde_json::from_str(text).ok()?),
        })
    }

    /// Whether nothing is set.
    pub fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// The order of listings: nothing first, then by type, then by value; addresses and prefixes by
    /// family, number, length.
    pub fn order(self, other: ValueRef<'_>) -> std::cmp::Ordering {
        let rank = |value: &ValueRef<'_>| match value {
            ValueRef::Null => 0u8,
            ValueRef::Bool(_) => 1,
            ValueRef::Int(_) => 2,
            ValueRef::Time(_) => 3,
            ValueRef::Host(_) | ValueRef::Address(_) | ValueRef::Net(_) => 4,
            ValueRef::Text(_) => 5,
            ValueRef::Json(_) => 6,
        };
        match (self, other) {
            (Self::Bool(a), ValueRef::Bool(b)) => a.cmp(&b),
            (Self::Int(a), ValueRef::Int(b)) => a.cmp(&b),
            (Self::Time(a), ValueRef::Time(b)) => a.cmp(&b),
            (Self::Text(a), ValueRef::Text(b)) | (Self::Json(a), ValueRef::Json(b)) => a.cmp(b),
            _ => match (self.ip_key(), other.ip_key()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => rank(&self).cmp(&rank(&other)),
            },
        }
    }

    fn ip_key(&self) -> Option<(Family, u128, u8)> {
        let (address, length) = match self {
            Self::Host(host) => (host.address, host.length),
            Self::Address(address) => (*address, Family::of(*address).bits()),
            Self::Net(net) => (net.addr(), net.prefix_len()),
            _ => return None,
        };
        Some((Family::of(address), ip::number(address), length))
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    /// A structure has no text to borrow and reads as nothing; records keep structures as text.
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null | Value::Json(_) => Self::Null,
            Value::Bool(yes) => Self::Bool(*yes),
            Value::Int(number) => Self::Int(*number),
            Value::Text(text) => Self::Text(text),
            Value::Time(moment) => Self::Time(*moment),
            Value::Host(host) => Self::Host(*host),
            Value::Address(address) => Self::Address(*address),
            Value::Net(net) => Self::Net(*net),
        }
    }
}

/// An attribute with its properties, read in place.
#[derive(Debug, Clone, Copy)]
pub struct AttrRef<'a> {
    /// The value.
    pub value: ValueRef<'a>,
    /// The value is the schema's default, not a choice.
    pub is_default: bool,
    /// Only its owner may change it.
    pub is_protected: bool,
    /// The value came from a profile.
    pub is_from_profile: bool,
    /// Where the value came from.
    pub source: Option<ObjectId>,
    /// Who answers for it.
    pub owner: Option<ObjectId>,
    /// The commit that last changed it.
    pub updated: Seq,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            ".*".prop_map(Value::Text),
            any::<i64>().prop_map(|at| Value::Time(Timestamp(at))),
            (any::<u32>(), 0u8..=32).prop_map(|(address, length)| {
                let address = IpAddr::from(address.to_be_bytes());
                Value::Host(Interface::new(address, length).expect("in range"))
            }),
            (any::<u128>(), 0u8..=128).prop_map(|(address, length)| {
                let address = IpAddr::from(address.to_be_bytes());
                Value::Net(IpNet::new(address, length).expect("in range").trunc())
            }),
            any::<u128>().prop_map(|address| Value::Address(IpAddr::from(address.to_be_bytes()))),
            ".*".prop_map(|text| Value::Json(serde_json::json!({"a": [text, 1, null]}))),
        ]
    }

    fn attrs() -> impl Strategy<Value = Attr> {
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        let ids = (any::<Option<u128>>(), any::<Option<u128>>(), any::<u64>());
        (values(), flags, ids).prop_map(|(value, flags, ids)| Attr {
            value,
            is_default: flags.0,
            is_protected: flags.1,
            is_from_profile: flags.2,
            source: ids.0.map(ObjectId),
            owner: ids.1.map(ObjectId),
            changed: Seq(ids.2.max(1)),
        })
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(
            attrs in proptest::collection::btree_map((0u32..5000).prop_map(Symbol), attrs(), 0..12),
            asked in proptest::collection::vec(0u32..6000, 0..12),
        ) {
            let record = Record {
                created: Seq(4), created_by: ObjectId(5), updated_by: ObjectId(6),
                attrs: attrs.into_iter().collect(),
            };
            let bytes = record.encode();
            prop_assert_eq!(Record::decode(&bytes, Seq(9)), Some(record.clone()));
            let payload = Payload { bytes: &bytes, seq: Seq(9) };
            // In order, and not: from wherever the last one was.
            let mut place = Place::default();
            let own: Vec<Symbol> = record.attrs.iter().map(|(symbol, _)| *symbol).collect();
            let others: Vec<Symbol> = asked.into_iter().map(Symbol).collect();
            let asked = [&own[..], &others, &own].concat();
            for symbol in asked {
                let read;
                (read, place) = payload.attr(symbol, place);
                let value = record.attrs.get(&symbol).map(|attr| attr.value.clone());
                prop_assert_eq!(read.and_then(|read| read.value.to_value()), value);
            }
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = Record::decode(&bytes, Seq(1));
        }
    }

    proptest! {
        #[test]
        fn values_under_running_numbers_are_a_record(all in proptest::collection::vec(values(), 0..8)) {
            let attrs = (0u32..).map(Symbol).zip(all.iter().cloned().map(Attr::plain)).collect();
            let (created, nobody) = (Seq(1), ObjectId(0));
            let record = Record { created, created_by: nobody, updated_by: nobody, attrs };
            prop_assert_eq!(Record::of_values(all.iter()), record.encode());
        }
    }

    #[test]
    fn what_this_commit_writes_has_this_commits_number() {
        let mut attrs = Attrs::default();
        attrs.insert(Symbol(1), Attr { changed: Seq(0), ..Attr::plain(Value::Int(1)) });
        let record =
            Record { created: Seq(0), created_by: ObjectId(0), updated_by: ObjectId(0), attrs };
        let read = Record::decode(&record.encode(), Seq(77)).expect("well-formed");
        assert_eq!(read.created, Seq(77));
        assert_eq!(read.attrs.get(&Symbol(1)).unwrap().changed, Seq(77));
    }
}
