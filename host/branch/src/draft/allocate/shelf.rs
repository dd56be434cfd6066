//! The spaces that pools draw from: stretches of numbers, and resources with what of them is free.

use std::net::IpAddr;

use ipnet::IpNet;
use model::ip::{self, Family};
use model::{ObjectId, Value};
use pools::FreeSet;

use crate::draft::allocate::number::NumberRange;
use crate::draft::allocate::space::Resource;

/// Which number space a stretch lies in: a number, an IPv4 and an IPv6 address may be the same `u128`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Realm {
    Numbers,
    V4,
    V6,
}

impl Realm {
    pub(super) fn of(family: Family) -> Self {
        match family {
            Family::V4 => Self::V4,
            Family::V6 => Self::V6,
        }
    }
}

/// The first and the last number of something, inclusive. Stretches of one pool are alike, nested or
/// apart, never half over each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stretch {
    pub(super) realm: Realm,
    pub(super) low: u128,
    pub(super) high: u128,
}

impl Stretch {
    /// What a value takes.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(Self::number(*number)),
            Value::Host(host) => Some(Self::address(host.address)),
            Value::Address(address) => Some(Self::address(*address)),
            Value::Net(net) => Some(Self::net(*net)),
            _ => None,
        }
    }

    pub(super) fn number(number: i64) -> Self {
        let at = super::number::at(number);
        Self { realm: Realm::Numbers, low: at, high: at }
    }

    fn address(address: IpAddr) -> Self {
        let at = ip::number(address);
        Self { realm: Realm::of(Family::of(address)), low: at, high: at }
    }

    pub(super) fn net(net: IpNet) -> Self {
        let realm = Realm::of(Family::of(net.addr()));
        Self { realm, low: ip::number(net.network()), high: ip::number(net.broadcast()) }
    }

    pub(super) fn contains(self, other: Self) -> bool {
        self.realm == other.realm && self.low <= other.low && other.high <= self.high
    }

    /// The number under which reservations know its beginning.
    pub(super) fn place(self) -> u128 {
        match self.realm {
            Realm::V4 => 0xffff_0000_0000 | self.low,
            Realm::Numbers | Realm::V6 => self.low,
        }
    }

    /// Its size as a power of two, rounded down.
    pub(super) fn height(self) -> u32 {
        (self.high - self.low).checked_add(1).map_or(128, u128::ilog2)
    }

    /// What two have in common.
    pub(super) fn clip(self, other: Self) -> Option<Self> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        (self.realm == other.realm && low <= high).then_some(Self { realm: self.realm, low, high })
    }
}

/// What a resource is. Two that are equal give the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Numbers(NumberRange),
    /// A prefix, with its namespace.
    Net(Resource, Option<ObjectId>),
}

/// One resource with what of it is free.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) id: ObjectId,
    pub(super) source: Source,
    /// What it could hand out at all; nothing where no address is for a host.
    pub(super) bounds: Option<Stretch>,
    pub(super) free: FreeSet,
    /// How much it could hand out when empty, exclusions left out.
    pub(super) total: u128,
}

impl Shelf {
    /// Empty, with exclusions taken out.
    pub(super) fn new(
        id: ObjectId,
        source: Source,
        bounds: Option<Stretch>,
        excluded: &[Stretch],
    ) -> Self {
        let free = FreeSet::new(bounds.map(|bounds| (bounds.low, bounds.high)));
        let mut shelf = Self { id, source, bounds, free, total: 0 };
        excluded.iter().for_each(|excluded| shelf.take(*excluded));
        shelf.total = shelf.free.count();
        shelf
    }

    /// Empty, as it was before anything was taken.
    pub(super) fn emptied(&self, excluded: &[Stretch]) -> Self {
        Self::new(self.id, self.source.clone(), self.bounds, excluded)
    }

    /// Takes rows of numbers that are in order and lie apart. Linear in them and in the gaps that are left.
    pub(super) fn take_all(&mut self, rows: &[Stretch]) {
        self.free = FreeSet::sorted(self.beside(rows));
    }

    /// How many numbers are free beside these rows.
    pub(super) fn count_beside(&self, rows: &[Stretch]) -> u128 {
        let sizes = self.beside(rows).into_iter();
        sizes.map(|(low, high)| (high - low).saturating_add(1)).fold(0, u128::saturating_add)
    }

    /// The gaps without these rows.
    fn beside(&self, rows: &[Stretch]) -> Vec<(u128, u128)> {
        let Some(bounds) = self.bounds else { return self.free.gaps().collect() };
        let from = rows.partition_point(|row| (row.realm, row.high) < (bounds.realm, bounds.low));
        let rows = rows.get(from..).unwrap_or_default().iter();
        let mut rows =
            rows.take_while(|row| row.realm == bounds.realm && row.low <= bounds.high).peekable();
        let mut left = Vec::new();
        for (low, high) in self.free.gaps() {
            let mut next = Some(low);
            while let (Some(first), Some(row)) = (next, rows.peek()) {
                if row.high < first {
                    rows.next();
                } else if row.low > high {
                    break;
                } else {
                    if row.low > first {
                        left.push((first, row.low - 1));
                    }
                    next = row.high.checked_add(1).filter(|next| *next <= high);
                    if next.is_some() {
                        rows.next();
                    }
                }
            }
            left.extend(next.map(|first| (first, high)));
        }
        left
    }

    pub(super) fn net(&self) -> Option<&Resource> {
        match &self.source {
            Source::Net(resource, _) => Some(resource),
            Source::Numbers(_) => None,
        }
    }

    pub(super) fn range(&self) -> Option<&NumberRange> {
        match &self.source {
            Source::Numbers(range) => Some(range),
            Source::Net(..) => None,
        }
    }

    pub(super) fn clip(&self, stretch: Stretch) -> Option<Stretch> {
        self.bounds?.clip(stretch)
    }

    pub(super) fn take(&mut self, stretch: Stretch) {
        if let Some(within) = self.clip(stretch) {
            self.free.take(within.low, within.high);
        }
    }

    pub(super) fn give(&mut self, stretch: Stretch) {
        if let Some(within) = self.clip(stretch) {
            self.free.give(within.low, within.high);
        }
    }

    /// Whether a stretch lies in it whole and is free.
    pub(super) fn is_free(&self, stretch: Stretch) -> bool {
        self.bounds.is_some_and(|bounds| bounds.contains(stretch))
            && self.free.is_free_range(stretch.low, stretch.high)
    }
}
