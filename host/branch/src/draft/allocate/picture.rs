//! The space of a pool as a row of cells, for drawing.

use model::Value;
use model::ip::Family;

use crate::draft::Draft;
use crate::draft::allocate::leased::Also;
use crate::draft::allocate::number::number_at;
use crate::draft::allocate::shelf::{Realm, Shelf};
use crate::error::BranchError;
use crate::object::Object;

pub use crate::limits::CELLS_MAX;

/// A part of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// First number or address.
    pub first: String,
    /// Last number or address.
    pub last: String,
    /// How many of its numbers are taken or excluded.
    pub used: u128,
    /// How many there are.
    pub total: u128,
}

/// A resource as a row of cells of one size; the last may be smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The prefix or range.
    pub label: String,
    /// The division it counts for, by element; empty where the pool has one space.
    pub scope: Vec<(String, String)>,
    /// From the first to the last.
    pub cells: Vec<Cell>,
}

impl Draft {
    /// The resources of a pool as rows of at most `cells` cells each. Cells of prefixes are prefixes.
    /// Linear in the gaps.
    pub fn pool_picture(
        &mut self,
        pool: &Object,
        cells: u128,
    ) -> Result<Vec<Picture>, BranchError> {
        let cells = cells.clamp(1, CELLS_MAX);
        let names = super::scope_of(pool);
        let mut pictures = Vec::new();
        for desk in self.view.desks(pool)? {
            let scope: Vec<_> = names.iter().cloned().zip(desk.division.clone()).collect();
            let drawn = self.at_desk(&desk, Also::default(), |book| {
                let drawn = book.shelves.iter().map(|shelf| picture(shelf, cells, &scope));
                Ok((drawn.collect::<Vec<_>>(), Vec::new()))
            })?;
            pictures.extend(drawn);
        }
        Ok(pictures)
    }
}

fn picture(shelf: &Shelf, cells: u128, scope: &[(String, String)]) -> Picture {
    let label = match (shelf.net(), shelf.range()) {
        (Some(resource), _) => resource.net.to_string(),
        (None, Some(range)) => format!("{}-{}", range.first, range.last),
        (None, None) => String::new(),
    };
    let mut picture = Picture { label, scope: scope.to_vec(), cells: Vec::new() };
    let Some(bounds) = shelf.bounds else { return picture };
    // A prefix is drawn whole, the ends that no host can have with it.
    let whole = shelf.net().map(|resource| super::shelf::Stretch::net(resource.net));
    let bounds = whole.unwrap_or(bounds);
    let count = (bounds.high - bounds.low).saturating_add(1);
    let size = match bounds.realm {
        Realm::Numbers => count.div_ceil(cells),
        Realm::V4 | Realm::V6 => count.div_ceil(cells).checked_next_power_of_two().unwrap_or(count),
    };
    let told = |at: u128| match bounds.realm {
        Realm::Numbers => Value::Int(number_at(at)).to_string(),
        Realm::V4 => Family::V4.address(at).map_or_else(String::new, |found| found.to_string()),
        Realm::V6 => Family::V6.address(at).map_or_else(String::new, |found| found.to_string()),
    };
    let mut first = bounds.low;
    loop {
        let last = first.saturating_add(size - 1).min(bounds.high);
        let total = (last - first).saturating_add(1);
        let used = total - shelf.free.count_within(first, last).min(total);
        picture.cells.push(Cell { first: told(first), last: told(last), used, total });
        match last.checked_add(1) {
            Some(next) if next <= bounds.high => first = next,
            _ => return picture,
        }
    }
}
