//! A handle on one version of an object, read in place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::schema::{Attribute, Kind};
use model::{ObjectId, Seq, Symbol, Value};

use crate::error::BranchError;
use crate::record::{AttrRef, Header, Payload, Place, Record, ValueRef};
use crate::rows::{Bytes, RowBytes};

/// Where the payload of a head or edge row begins: after its commit and flags.
pub(crate) const PAYLOAD_AT: usize = 9;
/// Bit of a row's flags: the object or edge is gone.
pub(crate) const TOMBSTONE: u8 = 1;
/// Bit of a row's flags: since its commit the branch has nothing of its own here, and main's row
/// shows. What it had before is history.
pub(crate) const THROUGH: u8 = 2;

/// The stamp of a row that is not committed yet, with its flags.
pub(crate) fn stamped(flags: u8, payload: &[u8]) -> RowBytes {
    RowBytes::joined(&[0, 0, 0, 0, 0, 0, 0, 0, flags], payload)
}

/// The commit and flags in front of a row.
pub(crate) fn stamp(row: &[u8]) -> Option<(Seq, u8)> {
    let (seq, rest) = row.split_at_checked(8)?;
    Some((Seq(u64::from_be_bytes(seq.try_into().ok()?)), *rest.first()?))
}

/// Whether a stamped row is not a tombstone.
pub(crate) fn is_there(row: &[u8]) -> bool {
    stamp(row).is_some_and(|(_, flags)| flags & TOMBSTONE == 0)
}

/// Whether a row only says that main's shows.
pub(crate) fn is_through(row: &[u8]) -> bool {
    stamp(row).is_some_and(|(_, flags)| flags & THROUGH != 0)
}

/// An object as one view sees it.
#[derive(Debug)]
pub struct Object {
    id: ObjectId,
    kind: Arc<Kind>,
    seq: Seq,
    header: Header,
    row: Bytes,
    /// Where the attributes from the last one that was asked for on begin, its symbol in the upper half:
    /// who asks in their order reads each once.
    place: AtomicU64,
}

impl Object {
    /// `None` for a tombstone.
    pub(crate) fn read(
        id: ObjectId,
        kind: &Arc<Kind>,
        row: Bytes,
    ) -> Result<Option<Self>, BranchError> {
        let damaged = || BranchError::Damaged { what: format!("head of {} {id}", kind.name) };
        let (seq, flags) = stamp(&row).ok_or_else(damaged)?;
        if flags & TOMBSTONE != 0 {
            return Ok(None);
        }
        let payload = Payload { bytes: row.get(PAYLOAD_AT..).ok_or_else(damaged)?, seq };
        let header = payload.header().ok_or_else(damaged)?;
        let place = AtomicU64::new(0);
        Ok(Some(Self { id, kind: Arc::clone(kind), seq, header, row, place }))
    }

    /// The same again, with its bytes copied: for what outlives a look at the store.
    pub(crate) fn copied(&self) -> Self {
        Self {
            id: self.id,
            kind: Arc::clone(&self.kind),
            seq: self.seq,
            header: self.header,
            row: Bytes::Pending(RowBytes::from(&*self.row)),
            place: AtomicU64::new(0),
        }
    }

    fn payload(&self) -> Payload<'_> {
        Payload { bytes: self.row.get(PAYLOAD_AT..).unwrap_or_default(), seq: self.seq }
    }

    /// An attribute, if it was ever set.
    fn stored(&self, symbol: Symbol) -> Option<AttrRef<'_>> {
        let [a, b, c, d, e, f, g, h] = self.place.load(Ordering::Relaxed).to_be_bytes();
        let (known, at) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        let (attr, place) = self.payload().attr(symbol, Place { symbol: known, at });
        let place = u64::from(place.symbol) << 32 | u64::from(place.at);
        self.place.store(place, Ordering::Relaxed);
        attr
    }

    /// Identity.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// Concrete kind.
    pub fn kind(&self) -> &Arc<Kind> {
        &self.kind
    }

    /// The commit that made it; zero when it is only in a draft.
    pub fn created(&self) -> Seq {
        self.header.created
    }

    /// The commit of this version; zero when it is only in a draft.
    pub fn updated(&self) -> Seq {
        self.seq
    }

    /// Who made it.
    pub fn created_by(&self) -> ObjectId {
        self.header.created_by
    }

    /// Who wrote this version.
    pub fn updated_by(&self) -> ObjectId {
        self.header.updated_by
    }

    /// An attribute; where the object has none, the schema's default.
    pub fn attr<'a>(&'a self, attribute: &'a Attribute) -> AttrRef<'a> {
        self.stored(attribute.symbol).unwrap_or_else(|| AttrRef {
            value: attribute.default.as_ref().map_or(ValueRef::Null, ValueRef::from),
            is_default: true,
            is_protected: false,
            is_from_profile: false,
            source: None,
            owner: None,
            updated: self.header.created,
        })
    }

    /// Whether the attribute was ever set, to nothing perhaps.
    pub(crate) fn has(&self, attribute: &Attribute) -> bool {
        self.stored(attribute.symbol).is_some()
    }

    /// The value of the attribute called `name`, owned; nothing when there is no such attribute.
    pub fn value(&self, name: &str) -> Value {
        self.kind.attribute(name).map_or(Value::Null, |attribute| self.value_of(attribute))
    }

    /// The value of an attribute of the object's kind, owned.
    pub(crate) fn value_of(&self, attribute: &Attribute) -> Value {
        let value = match self.stored(attribute.symbol) {
            Some(attr) => attr.value.to_value(),
            None => attribute.default.clone(),
        };
        value.unwrap_or(Value::Null)
    }

    /// Whether a profile gave it a value.
    pub(crate) fn has_value_of_profile(&self) -> bool {
        self.payload().entries().flatten().any(|(_, attr)| attr.is_from_profile)
    }

    /// This version, owned, for changing.
    pub(crate) fn record(&self) -> Result<Record, BranchError> {
        Record::decode(self.payload().bytes, self.seq).ok_or_else(|| BranchError::Damaged {
            what: format!("record of {} {}", self.kind.name, self.id),
        })
    }
}

/// One peer of a relationship, with the properties of the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The object at the other end.
    pub peer: ObjectId,
    /// Only its owner may take it away.
    pub is_protected: bool,
    /// Where the link came from.
    pub source: Option<ObjectId>,
    /// Who answers for it.
    pub owner: Option<ObjectId>,
    /// The commit that made or changed it.
    pub updated: Seq,
}

impl Edge {
    /// A link without properties.
    pub fn to(peer: ObjectId) -> Self {
        Self { peer, is_protected: false, source: None, owner: None, updated: Seq(0) }
    }

    /// `flags:u8 [source:u128] [owner:u128]`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![
            u8::from(self.is_protected)
                | u8::from(self.source.is_some()) << 1
                | u8::from(self.owner.is_some()) << 2,
        ];
        for id in [self.source, self.owner].into_iter().flatten() {
            out.extend_from_slice(&id.0.to_be_bytes());
        }
        out
    }

    /// `None` for a tombstone.
    pub(crate) fn decode(peer: ObjectId, row: &[u8]) -> Result<Option<Self>, BranchError> {
        let damaged = || BranchError::Damaged { what: format!("edge to {peer}") };
        let (updated, stamp_flags) = stamp(row).ok_or_else(damaged)?;
        if stamp_flags & TOMBSTONE != 0 {
            return Ok(None);
        }
        let payload = row.get(PAYLOAD_AT..).ok_or_else(damaged)?;
        let (flags, mut rest) = payload.split_first().ok_or_else(damaged)?;
        let mut id = |bit: u8| -> Result<Option<ObjectId>, BranchError> {
            if flags & bit == 0 {
                return Ok(None);
            }
            let (head, after) = rest.split_at_checked(16).ok_or_else(damaged)?;
            rest = after;
            let bytes: [u8; 16] = head.try_into().map_err(|_short| damaged())?;
            Ok(Some(ObjectId(u128::from_be_bytes(bytes))))
        };
        let (source, owner) = (id(2)?, id(4)?);
        Ok(Some(Self { peer, is_protected: flags & 1 != 0, source, owner, updated }))
    }
}
