//! What main had at a branch's fork and gave up since. The branch still sees the objects that carry it, so
//! that asking for it again there is no new request: the branch holds it from then on, if nobody else does,
//! and as long as that object is there.

use model::{BranchId, ObjectId, Seq, Timestamp, Value};
use store::{Space, Write, key};

use crate::branches::{committed_at, seen_moments};
use crate::draft::Draft;
use crate::draft::allocate::leased::Also;
use crate::draft::allocate::reserve::{Kept, name_of, place, same};
use crate::draft::allocate::scope::Desk;
use crate::draft::allocate::shelf::Stretch;
use crate::draft::allocate::{Granted, PoolRequest};
use crate::error::BranchError;
use crate::object::{PAYLOAD_AT, stamp, stamped};
use crate::view::View;

/// The moments of main that branches see, with their times.
pub(crate) struct Forks(Vec<(Seq, Timestamp)>);

impl Forks {
    /// Linear in the branches there are.
    pub(crate) fn of(draft: &Draft) -> Result<Self, BranchError> {
        let rows = &draft.view.rows.snapshot;
        let forks = seen_moments(draft)?.into_iter();
        Ok(Self(
            forks
                .map(|at| Ok((at, committed_at(rows, at)?)))
                .collect::<Result<_, BranchError>>()?,
        ))
    }

    /// The row that keeps a reservation of main that goes, or is given back to rest, if a branch forked while it
    /// stood.
    pub(crate) fn keep(
        &self,
        draft: &Draft,
        key: &[u8],
        new: Option<&[u8]>,
    ) -> Result<Option<Write>, BranchError> {
        let ends = new.is_none_or(|new| Kept::decode(new).is_some_and(|kept| kept.gone.is_some()));
        if self.0.is_empty() || !ends {
            return Ok(None);
        }
        let old = draft.view.rows.snapshot.get(Space::Reservations, key)?;
        let kept = old.as_ref().and_then(|old| Kept::decode(old));
        let (Some(old), Some(kept)) = (old, kept) else { return Ok(None) };
        if kept.branch != BranchId::MAIN || kept.gone.is_some() {
            return Ok(None);
        }
        // A reservation does not know its commit, so that the oldest fork that saw it stands for that.
        let since = self.0.iter().find(|(_, at)| kept.at <= *at);
        Ok(since.map(|(since, _)| Write::PutStamped {
            space: Space::Past,
            key: key::past(Space::Reservations, key, *since),
            value: stamped(0, &old).to_vec(),
        }))
    }
}

impl View {
    /// The reservation that main had under an identifier as of the branch's fork, and gave up since.
    fn lost(&self, desk: ObjectId, identifier: &str) -> Result<Option<Kept>, BranchError> {
        let Some(fork) = self.fork().filter(|_| !self.is_past()) else { return Ok(None) };
        let snapshot = &self.rows.snapshot;
        let low = key::past(Space::Reservations, &key::reservation(desk, identifier), fork);
        let high = key::prefix_end(low.get(..low.len() - 8).unwrap_or_default());
        let Some((_, row)) = snapshot.range(Space::Past, &low, &high)?.next().transpose()? else {
            return Ok(None);
        };
        let until = stamp(&row).map_or(Seq(0), |(until, _)| until);
        let kept = row.get(PAYLOAD_AT..).and_then(Kept::decode);
        Ok(kept.filter(|kept| until > fork && kept.asked.is_some()))
    }
}

impl Draft {
    /// Holds for this branch what main gave up under an identifier, where the same is asked for and the
    /// branch alone has it. Nothing is written otherwise.
    ///
    /// One look at `Past` where nothing was given up; else that of a draw, and for numbers that no object asks
    /// for itself a search for who carries each, linear in the pool's objects where their attribute has no index.
    pub(super) fn regain(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        identifier: &str,
    ) -> Result<Option<Granted>, BranchError> {
        // An object that asks for a value by name gets it as any other, or is told who has it.
        if request.holder.is_some() && request.value.is_some() {
            return Ok(None);
        }
        let Some(kept) = self.view.lost(desk.id, identifier)? else { return Ok(None) };
        let other = request.value.as_ref().is_some_and(|asked| !same(asked, &kept.value));
        if other || kept.asked.as_deref() != Some(request.want.text().as_str()) {
            return Ok(None);
        }
        let mut carriers = Vec::new();
        for nth in 0..kept.count.max(1) {
            match self.carrier_alone(desk, request, identifier, (&kept, nth))? {
                Some(carrier) => carriers.push(carrier),
                None => return Ok(None),
            }
        }
        let held = match kept.object {
            Some(id) => self.view.object(id)?.map(|object| super::reserve::carried(&object)),
            None => Some(kept.value.clone()),
        };
        let Some(held) = held.filter(|held| same(held, &kept.value)) else { return Ok(None) };
        self.reserve(desk, request, &kept.value, kept.object)?;
        for (nth, carrier) in (0..).zip(carriers) {
            if let Some(carrier) = carrier {
                let name = name_of(identifier, nth);
                let hint = key::reserved_by(self.view.branch, desk.id, &name);
                self.put_row(Space::ReservedBy, hint, carrier.0.to_be_bytes().to_vec())?;
            }
        }
        Ok(Some(Granted { branch: self.view.branch, ..self.granted_again(desk, &kept, held)? }))
    }

    /// Gives back what a branch regained for objects that are not on this draft's line, as main deleted them
    /// and the branch has come to it. Linear in what the branch ever drew.
    pub(crate) fn release_regained(&mut self, branch: BranchId) -> Result<(), BranchError> {
        let rows = self.view.rows.prefix(Space::ReservedBy, &key::branch(branch))?;
        let mut gone = Vec::new();
        for row in rows {
            let (hint, carrier) = row?;
            let Some((desk, name)) = super::shared::hinted(&hint) else { continue };
            let Ok(carrier) = <[u8; 16]>::try_from(&*carrier) else { continue };
            let held = self.view.kept_as(desk, &name)?.is_some_and(|kept| kept.gone.is_none());
            if held && self.view.kind_of(ObjectId(u128::from_be_bytes(carrier)))?.is_none() {
                gone.push((desk, name));
            }
        }
        for (desk, name) in gone {
            if let Some(desk) = self.view.desk_by_id(desk)? {
                self.give_back_one(&desk, &name, None)?;
            }
        }
        Ok(())
    }

    /// The object that carries a value on this branch, if it has one and nobody else has it; nothing where
    /// somebody has.
    fn carrier_alone(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        identifier: &str,
        (kept, nth): (&Kept, u32),
    ) -> Result<Option<Option<ObjectId>>, BranchError> {
        let value = match &kept.value {
            Value::Int(first) => Value::Int(first.saturating_add(i64::from(nth))),
            other => other.clone(),
        };
        let (Some(at), Some(wanted)) = (place(&value), Stretch::of(&value)) else {
            return Ok(None);
        };
        let now = self.view.now();
        let reserved = self.view.named_at(desk.id, at)?;
        let others =
            |(name, kept): (String, Kept)| name != name_of(identifier, nth) && kept.holds_at(now);
        if reserved.is_some_and(others) {
            return Ok(None);
        }
        let known = request.holder.or(kept.object);
        let also = Also { place: Some(at), object: known, given_up: true };
        let is_free = self.at_desk(desk, also, |book| {
            let free = book.shelves.iter().any(|shelf| shelf.is_free(wanted));
            Ok((free, Vec::new()))
        })?;
        if !is_free {
            return Ok(None);
        }
        match (known, &value) {
            (None, Value::Int(number)) => {
                Ok(Some(self.number_carrier(desk, *number)?.map(|object| object.id())))
            }
            _ => Ok(Some(known)),
        }
    }
}
