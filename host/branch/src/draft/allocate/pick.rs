//! Choosing among what is free: lowest first, on from the last, by seed, or far apart.

use model::{Digest, Value};
use pools::Block;

use crate::draft::allocate::book::Book;
use crate::draft::allocate::shelf::{Realm, Shelf, Stretch};
use crate::draft::allocate::{IdentifiedBy, PoolRequest};
use crate::object::Object;

/// In which order a pool gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// The lowest that is free.
    FirstFree,
    /// The next above the last one given; from the start again at the end.
    Sequential,
    /// A place by seed and identifier, and up from there.
    Random(u128),
    /// The middle of the largest gap.
    Sparse,
}

impl Strategy {
    pub(super) fn of(pool: &Object, request: &PoolRequest) -> Self {
        let name = pool.value("strategy");
        match name.as_text() {
            Some("sequential") => Self::Sequential,
            Some("random") => {
                let who = match &request.identifier {
                    IdentifiedBy::Identifier(identifier) => identifier.clone(),
                    IdentifiedBy::Nothing => {
                        request.object.map_or_else(String::new, |id| id.to_string())
                    }
                };
                let seed = match pool.value("seed") {
                    Value::Text(seed) => seed,
                    _ => pool.id().to_string(),
                };
                let digest = Digest::of(format!("{seed}\n{who}").as_bytes());
                let half = digest.0.first_chunk::<16>().copied().unwrap_or_default();
                Self::Random(u128::from_be_bytes(half))
            }
            Some("sparse") => Self::Sparse,
            _ => Self::FirstFree,
        }
    }
}

/// A free block of `2^height` numbers of a shelf.
pub(super) fn choose(
    shelf: &Shelf,
    height: u8,
    strategy: Strategy,
    last: Option<u128>,
) -> Option<Stretch> {
    let free = &shelf.free;
    let bounds = shelf.bounds?;
    let start = match strategy {
        Strategy::FirstFree => free.lowest(height),
        Strategy::Sparse => free.sparse(height),
        Strategy::Sequential => {
            // Only where the last one lies here; a shelf that comes later begins at its start.
            let next = last.filter(|last| (bounds.low..=bounds.high).contains(last));
            match next.and_then(|last| last.checked_add(1)) {
                Some(next) => free.lowest_from(height, next),
                None => free.lowest(height),
            }
        }
        Strategy::Random(seed) => {
            let size = (bounds.high - bounds.low).saturating_add(1);
            let from = bounds.low + seed % size;
            free.lowest_from(height, from).or_else(|| free.lowest(height))
        }
    }?;
    let size = 1u128.checked_shl(u32::from(height));
    let high = size.map_or(u128::MAX, |size| start + (size - 1));
    Some(Stretch { low: start, high, ..bounds })
}

impl Book {
    /// A free block of `2^height` numbers of one of the shelves that `fits`, in their order.
    pub(super) fn choose(
        &mut self,
        strategy: Strategy,
        height_on: impl Fn(&Shelf) -> Option<u8>,
    ) -> Option<(usize, Stretch)> {
        let last = self.last;
        let skip = match (strategy, last) {
            (Strategy::Sequential, Some(last)) => self
                .shelves
                .iter()
                .position(|shelf| shelf.bounds.is_some_and(|b| (b.low..=b.high).contains(&last))),
            _ => None,
        };
        let chosen = |from: usize, strategy| {
            self.shelves.iter().enumerate().skip(from).find_map(|(at, shelf)| {
                let height = height_on(shelf)?;
                Some((at, choose(shelf, height, strategy, last)?))
            })
        };
        let found = chosen(skip.unwrap_or(0), strategy);
        let found = match strategy {
            // At the end: round to the start.
            Strategy::Sequential => found.or_else(|| chosen(0, Strategy::FirstFree)),
            _ => found,
        };
        if let Some((_, stretch)) = found {
            self.last = Some(stretch.high);
        }
        found
    }

    /// The first number of a free row of numbers whose first is a multiple of `align`.
    pub(super) fn choose_block(&mut self, count: u32, align: u32) -> Option<u128> {
        let block = Block {
            count: u128::from(count),
            align: u128::from(align),
            // Numbers are moved up by 2^63: zero lies there.
            origin: Stretch::number(0).low % u128::from(align.max(1)),
        };
        let numbers = self.shelves.iter();
        numbers
            .filter(|shelf| shelf.bounds.is_some_and(|bounds| bounds.realm == Realm::Numbers))
            .find_map(|shelf| shelf.free.block(block))
    }
}
