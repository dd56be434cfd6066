//! Drawing from pools inside a draft.
//!
//! A value is free when no reservation, no object of any making and no draft in flight has it. The
//! chosen value is guarded by its own row alone, so that two runs that draw from one pool at once
//! do not stand in each other's way; a lease keeps them from choosing the same one. What a draft gives
//! back it can draw again itself; for others it is free once that is committed.

#[cfg(test)]
mod block_tests;
mod book;
mod books;
#[cfg(test)]
mod branch_tests;
#[cfg(test)]
mod convert_tests;
mod field;
mod forecast;
mod hand_over;
mod leased;
mod lines;
mod listed;
mod number;
mod pick;
mod picture;
mod regain;
mod request;
mod reserve;
mod scope;
mod shared;
mod shelf;
mod space;
mod takers;
#[cfg(test)]
mod tests;
mod told;
mod watch;

use model::ObjectId;

use crate::draft::Draft;
use crate::error::{BranchError, Violation};
use crate::object::Object;

use leased::Also;
use reserve::Standing;
use scope::Desk;

pub(crate) use books::Books;
pub use forecast::{FORECAST_MAX, Forecast};
pub(super) use hand_over::Holding;
pub(super) use leased::LeaseMark;
pub(crate) use leased::Leased;
pub use listed::Held;
pub(super) use number::NumberRange;
pub use picture::{CELLS_MAX, Cell, Picture};
pub(crate) use regain::Forks;
pub use request::{BLOCK_MAX, Granted, IdentifiedBy, PoolRequest, Want};
pub(crate) use reserve::drawn;
pub use reserve::{Gone, IDENTIFIER_BYTES_MAX, Kept, REASON_BYTES_MAX};
pub(super) use scope::{SCOPE_MAX, scope_of};
pub use told::{PoolUse, ResourceUse};
pub use watch::PoolAlert;

impl Draft {
    /// Draws from a pool. The same identifier with the same request gets the same resource; one that had
    /// a value before gets it again if it is free.
    ///
    /// Cost: O(log n) in what the pool has handed out. The first draw from a pool since the start, or
    /// since its parents or the schema changed, reads all of it.
    pub fn allocate(&mut self, request: &PoolRequest) -> Result<Granted, BranchError> {
        let pool = self.pool(&request.pool)?;
        self.check_request(&pool, request)?;
        let desk = self.desk(pool, &request.scope)?;
        let IdentifiedBy::Identifier(identifier) = &request.identifier else {
            return self.allocate_new(&desk, request, None);
        };
        self.check_identifier(&desk.pool, identifier)?;
        let before = match self.standing(&desk, identifier, request)? {
            Standing::New => None,
            Standing::Before(before) => Some(before),
            Standing::Held(kept, granted) => {
                self.join(&desk, identifier, kept)?;
                return Ok(granted);
            }
            Standing::Elsewhere(kept) => return self.bring_here(&desk, request, identifier, kept),
        };
        if let Some(granted) = self.regain(&desk, request, identifier)? {
            return Ok(granted);
        }
        let Some(before) = before else { return self.allocate_new(&desk, request, None) };
        let place = reserve::place(&before.value);
        if request.value.is_some() {
            return self.allocate_new(&desk, request, place);
        }
        // What it had before, or what was set aside for it, if it still fits what is asked.
        let again = PoolRequest { value: Some(before.value.clone()), ..request.clone() };
        let attempt = self.begin();
        let again = self.allocate_new(&desk, &again, place);
        self.end(attempt, crate::draft::Succeeded::from(&again));
        match again {
            Ok(granted) => Ok(Granted { reused: before.asked.is_some(), ..granted }),
            Err(refused @ BranchError::Violation(_)) if before.asked.is_none() => Err(refused),
            Err(BranchError::Violation(_)) => self.allocate_new(&desk, request, None),
            Err(failed) => Err(failed),
        }
    }

    /// Draws something new; `also` is a place that is free for this request although it is reserved.
    fn allocate_new(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        also: Option<u128>,
    ) -> Result<Granted, BranchError> {
        let also = Also { place: also, object: request.holder, given_up: false };
        let kind = desk.pool.kind().name.as_str();
        let is_prefix = self
            .view
            .schema()
            .kind(kind)
            .is_some_and(|kind| self.view.schema().is_a(kind, "BuiltinIPPrefix"));
        match (&request.want, kind) {
            (Want::Number | Want::Block { .. }, "CoreNumberPool") => {
                self.allocate_number(desk, request, also)
            }
            (Want::Prefix { .. }, "CoreIPPrefixPool") => self.allocate_prefix(desk, request, also),
            (Want::Address { .. }, "CoreIPAddressPool") => {
                self.allocate_address(desk, request, also)
            }
            (Want::Address { .. }, _) if is_prefix => self.allocate_address(desk, request, also),
            (want, kind) => Err(refused(
                "wrong-pool",
                format!(
                    "`{}` is a `{kind}` and gives no {}; name a pool of the right kind",
                    self.label_of(&desk.pool)?,
                    want.text().split(' ').next().unwrap_or("such thing"),
                ),
            )),
        }
    }

    fn check_request(&self, pool: &Object, request: &PoolRequest) -> Result<(), BranchError> {
        let told = |code, what: String| -> Result<(), BranchError> {
            Err(refused(code, format!("`{}` | {what}", self.label_of(pool)?)))
        };
        if let Want::Block { count, align } = request.want
            && !((1..=BLOCK_MAX).contains(&count) && align > 0)
        {
            let what = format!(
                "a block has 1 to {BLOCK_MAX} numbers and begins at a multiple of at least 1, not {count} \
                 at {align}"
            );
            return told("bad-block", what);
        }
        let now = self.view.now();
        if request.until.is_some_and(|until| until <= now) {
            return told("bad-expiry", format!("a reservation ends after now, which is {now}"));
        }
        let made = matches!(request.want, Want::Prefix { .. } | Want::Address { .. });
        if request.until.is_some() && made && !request.set_aside {
            let what = "an object does not end by itself: set the value aside, without an object, or \
                        leave the end out";
            return told("bad-expiry", what.to_owned());
        }
        if request.set_aside && request.identifier == IdentifiedBy::Nothing {
            let what = "a value is set aside for an identifier; give one";
            return told("bad-identifier", what.to_owned());
        }
        Ok(())
    }

    /// The pool with this id or name; a prefix will do where an address is asked for.
    pub(super) fn pool(&self, name: &str) -> Result<Object, BranchError> {
        self.pool_if_there(name)?.ok_or_else(|| {
            refused(
                "unknown-pool",
                format!(
                    "there is no pool `{name}`; `kiln object list CoreResourcePool` shows those there are"
                ),
            )
        })
    }

    /// The pool with this id or name, if there is one.
    pub(crate) fn pool_if_there(&self, name: &str) -> Result<Option<Object>, BranchError> {
        if let Ok(id) = name.parse::<ObjectId>()
            && let Some(object) = self.view.object(id)?
        {
            return Ok(Some(object));
        }
        match self.view.schema().kind("CoreResourcePool").cloned() {
            Some(kind) => self.view.by_hfid(&kind, &[name.to_owned()]),
            None => Ok(None),
        }
    }
}

/// An error of the resource manager.
fn refused(code: &'static str, message: String) -> BranchError {
    Violation::Pool { code, message }.into()
}
