//! What lies right below a key: the peers of an object, the objects of a value.

use std::ops::Bound;

use model::ObjectId;
use store::{Key, Space, StoreError, key};

use super::looked::within;
use super::{Rows, Slot};

/// Whether who is passed rows wants another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    More,
    NoMore,
}

impl Rows {
    /// Passes on the rows whose keys are `prefix` and the id of an object, in key order, until `each` has
    /// enough: for tables whose keys [end so](Space::ends_with_object), where they are noted as one thing.
    pub(crate) fn each_below<E: From<StoreError>>(
        &self,
        space: Space,
        prefix: &[u8],
        mut each: impl FnMut(ObjectId, &[u8]) -> Result<Wanted, E>,
    ) -> Result<(), E> {
        debug_assert!(space.ends_with_object(), "{space:?}");
        if self.observing.get() {
            self.seen.borrow_mut().range(space, prefix, &key::prefix_end(prefix));
        }
        // What lies deeper is not meant.
        let length = prefix.len() + 16;
        let mut pass = |key: &[u8], row: &[u8]| match key::object_at_end(key) {
            Some(id) if key.len() == length => each(id, row),
            _ => Ok(Wanted::More),
        };
        let own = |(key, _): &(&Key, &Slot)| key.starts_with(prefix);
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let pending = self.shown(space).map(|rows| rows.range::<[u8], _>(from).take_while(own));
        let mut pending = pending.into_iter().flatten().peekable();
        let noted = self.reads.is_some() && !self.quiet.get();
        // What is known to hold nothing is asked for again: uniqueness before an object is made and once
        // more at the end.
        let place = noted.then(|| within(space, prefix));
        let is_empty = self.is_of_fresh(space, prefix)
            || place.as_ref().is_some_and(|place| self.looked.borrow().is_empty(place));
        if is_empty {
            for (key, slot) in pending {
                if let Some(row) = &slot.value
                    && pass(key, row)? == Wanted::NoMore
                {
                    return Ok(());
                }
            }
            return Ok(());
        }
        if noted && let Some(reads) = &self.reads {
            reads.borrow_mut().add_below(space, prefix);
        }
        let high = key::prefix_end(prefix);
        let mut nothing = true;
        if pending.peek().is_some() || self.overlay.is_some() || self.ahead.is_some() {
            let mut rows = self.range_unnoted(space, prefix, &high)?;
            nothing = rows.stored.peek().is_none();
            for row in rows {
                let (key, row) = row?;
                if pass(&key, &row)? == Wanted::NoMore {
                    break;
                }
            }
        } else {
            for row in self.snapshot.range(space, prefix, &high)? {
                nothing = false;
                let (key, row) = row?;
                if pass(&key, &row)? == Wanted::NoMore {
                    break;
                }
            }
        }
        if let Some(place) = place.filter(|_| nothing) {
            self.looked.borrow_mut().note_empty(place);
        }
        Ok(())
    }
}
