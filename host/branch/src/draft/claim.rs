//! What an instance holds of an object: kept by object and by instance, in the same commit as the
//! change itself.

use std::collections::BTreeMap;

use model::{ObjectId, Seq, Value};
use serde::{Deserialize, Serialize, Serializer};
use store::{Space, key};

use crate::draft::Draft;
use crate::error::BranchError;
use crate::object::{PAYLOAD_AT, stamped};
use crate::record::Record;
use crate::rows::{RowBytes, Wanted, encoded};
use crate::view::View;

/// A peer that an instance linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClaimedPeer {
    /// Relationship, by name.
    pub relationship: String,
    /// The peer.
    pub peer: u128,
}

/// What one instance holds of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The instance made the object, or shares it with those that did: it goes when the last of
    /// them lets go.
    pub owned: bool,
    /// The object was there before and was adopted: it is never deleted.
    pub adopted: bool,
    /// The key under which the instance makes it; empty for an object it only sets values of.
    pub key: String,
    /// Values the instance sets, with what they were before.
    pub values: BTreeMap<String, Value>,
    /// Peers the instance linked that were not linked before.
    pub peers: Vec<ClaimedPeer>,
    /// Peers of single relationships that gave way, to be put back.
    pub displaced: Vec<ClaimedPeer>,
}

/// The layout of a claim row; values before are kept as a record under running numbers.
#[derive(Deserialize)]
struct ClaimRow {
    owned: bool,
    adopted: bool,
    key: String,
    names: Vec<String>,
    values: Vec<u8>,
    peers: Vec<ClaimedPeer>,
    displaced: Vec<ClaimedPeer>,
}

/// The same, as it is written: with the stamp in front, whose bytes stand for themselves.
#[derive(Serialize)]
struct WrittenRow<'a> {
    stamp: [u8; PAYLOAD_AT],
    owned: bool,
    adopted: bool,
    key: &'a str,
    names: Names<'a>,
    values: &'a [u8],
    peers: &'a [ClaimedPeer],
    displaced: &'a [ClaimedPeer],
}

/// The names alone.
struct Names<'a>(&'a BTreeMap<String, Value>);

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.keys())
    }
}

impl Claim {
    fn encode(&self) -> RowBytes {
        let row = WrittenRow {
            stamp: [0; PAYLOAD_AT],
            owned: self.owned,
            adopted: self.adopted,
            key: &self.key,
            names: Names(&self.values),
            values: &Record::of_values(self.values.values()),
            peers: &self.peers,
            displaced: &self.displaced,
        };
        RowBytes::from(encoded(&row))
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self, BranchError> {
        let damaged = || BranchError::Damaged { what: "a claim".to_owned() };
        let payload = row.get(PAYLOAD_AT..).ok_or_else(damaged)?;
        let row: ClaimRow = postcard::from_bytes(payload).map_err(|_bad| damaged())?;
        let record = Record::decode(&row.values, Seq(1)).ok_or_else(damaged)?;
        let values = row.names.into_iter().zip(record.attrs.into_values().map(|attr| attr.value));
        Ok(Self {
            owned: row.owned,
            adopted: row.adopted,
            key: row.key,
            values: values.collect(),
            peers: row.peers,
            displaced: row.displaced,
        })
    }
}

impl View {
    /// What an instance holds of an object.
    pub fn claim(
        &self,
        instance: ObjectId,
        object: ObjectId,
    ) -> Result<Option<Claim>, BranchError> {
        match self.rows.get(Space::Claims, &key::claim(self.branch, instance, object))? {
            Some(row) => Claim::decode(&row).map(Some),
            None => Ok(None),
        }
    }

    /// Everything an instance holds, by object.
    pub fn claims_of(&self, instance: ObjectId) -> Result<BTreeMap<ObjectId, Claim>, BranchError> {
        let mut claims = BTreeMap::new();
        let prefix = key::claim_prefix(self.branch, instance);
        self.rows.each_below::<BranchError>(Space::Claims, &prefix, |object, row| {
            claims.insert(object, Claim::decode(row)?);
            Ok(Wanted::More)
        })?;
        Ok(claims)
    }

    /// The instances that hold something of an object.
    pub fn claimants(&self, object: ObjectId) -> Result<Vec<ObjectId>, BranchError> {
        let mut instances = Vec::new();
        let prefix = key::claimed_by_prefix(self.branch, object);
        self.rows.each_below::<BranchError>(Space::ClaimedBy, &prefix, |instance, _| {
            instances.push(instance);
            Ok(Wanted::More)
        })?;
        Ok(instances)
    }
}

impl Draft {
    /// Records what an instance holds of an object; nothing takes the claim away.
    pub fn set_claim(
        &mut self,
        instance: ObjectId,
        object: ObjectId,
        claim: Option<&Claim>,
    ) -> Result<(), BranchError> {
        let branch = self.view.branch;
        let forward = key::claim(branch, instance, object);
        let back = key::claimed_by(branch, object, instance);
        self.view.rows.write(Space::Claims, forward, claim.map(Claim::encode))?;
        self.view.rows.write(Space::ClaimedBy, back, claim.map(|_| stamped(0, &[])))?;
        Ok(())
    }
}
