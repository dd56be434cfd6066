//! One reservation over several branches. The branch that took it has it; others that ask with the same
//! identifier use it as well, and have it in their turn when the first one ends.

use std::collections::BTreeSet;

use model::{BranchId, ObjectId, Value};
use store::{Space, key};

use crate::draft::Draft;
use crate::draft::allocate::leased::Also;
use crate::draft::allocate::reserve::{Kept, name_of, place};
use crate::draft::allocate::scope::Desk;
use crate::draft::allocate::shelf::Stretch;
use crate::draft::allocate::{Granted, PoolRequest, Want, refused};
use crate::error::BranchError;
use crate::view::View;

/// The branches that use something as well, with one more; main first.
pub(super) fn with(mut also: Vec<BranchId>, one: BranchId) -> Vec<BranchId> {
    if !also.contains(&one) {
        also.push(one);
        also.sort_unstable();
    }
    also
}

/// The name under which a branch has a value of its own for an attribute that another branch has too.
pub(super) fn own_name(plain: &str, branch: BranchId) -> String {
    format!("{plain}@{}", branch.0)
}

/// The name behind the one that a branch has for itself: that of an object and its attribute.
fn plain_of(name: &str, branch: BranchId) -> Option<&str> {
    let plain = name.strip_suffix(&format!("@{}", branch.0))?;
    let (object, _) = plain.split_once('.')?;
    object.parse::<ObjectId>().is_ok().then_some(plain)
}

/// The desk and the identifier that a hint is about.
pub(super) fn hinted(hint: &[u8]) -> Option<(ObjectId, String)> {
    let (desk, name) = hint.get(4..)?.split_first_chunk::<16>()?;
    let name = String::from_utf8_lossy(name).into_owned();
    Some((ObjectId(u128::from_be_bytes(*desk)), name))
}

/// What became main's with a merge: desk, identifier.
pub(crate) type Moved = BTreeSet<(ObjectId, String)>;

/// Something a branch holds: desk, identifier, what is kept.
type Holding = (ObjectId, String, Kept);

impl Draft {
    /// Where something was taken, if not here, for people.
    pub(super) fn told_elsewhere(&self, branch: BranchId) -> Result<String, BranchError> {
        if branch == self.view.branch {
            return Ok(String::new());
        }
        let name = crate::branches::name_of(&self.view.rows.snapshot, branch)?;
        Ok(name.map_or_else(String::new, |name| format!(" on branch `{name}`")))
    }

    /// This branch uses what another one took. What main had at the fork is main's and the branch's
    /// alike, without a word.
    pub(super) fn join(
        &mut self,
        desk: &Desk,
        identifier: &str,
        kept: Kept,
    ) -> Result<(), BranchError> {
        let here = self.view.branch;
        if kept.branch == here || kept.also.contains(&here) || self.has_from_main(&kept)? {
            return Ok(());
        }
        self.use_as_well(desk, identifier, &kept)
    }

    fn use_as_well(
        &mut self,
        desk: &Desk,
        identifier: &str,
        kept: &Kept,
    ) -> Result<(), BranchError> {
        let here = self.view.branch;
        for nth in 0..kept.count.max(1) {
            let name = name_of(identifier, nth);
            let Some(one) = self.view.kept_as(desk.id, &name)? else { continue };
            let also = with(one.also.clone(), here);
            self.write_kept(desk.id, &name, &Kept { also, ..one })?;
        }
        Ok(())
    }

    fn has_from_main(&self, kept: &Kept) -> Result<bool, BranchError> {
        let Some(fork) = self.view.fork().filter(|_| kept.branch == BranchId::MAIN) else {
            return Ok(false);
        };
        match kept.object {
            Some(object) => Ok(self.view.object(object)?.is_some()),
            None => {
                let forked = crate::branches::committed_at(&self.view.rows.snapshot, fork)?;
                Ok(kept.at <= forked)
            }
        }
    }

    /// Makes the object of a reservation on this branch too: one resource, here and where it was taken.
    pub(super) fn bring_here(
        &mut self,
        desk: &Desk,
        request: &PoolRequest,
        identifier: &str,
        kept: Kept,
    ) -> Result<Granted, BranchError> {
        let (value, object) = (kept.value.clone(), kept.object);
        let wanted = Stretch::of(&value);
        let inside = self.at_desk(desk, Also::default(), |book| {
            let mut nets = book.shelves.iter().filter_map(|shelf| Some(shelf.net()?.net));
            let inside = nets.any(|net| wanted.is_some_and(|it| Stretch::net(net).contains(it)));
            Ok((inside, Vec::new()))
        })?;
        if !inside {
            return Err(refused(
                "identifier-elsewhere",
                format!(
                    "`{}` | identifier `{identifier}` holds {value}{}, in a parent that this branch does \
                     not have; ask there, merge that branch, or use another identifier",
                    self.label_of(&desk.pool)?,
                    self.told_elsewhere(kept.branch)?,
                ),
            ));
        }
        let made = PoolRequest { object, ..request.clone() };
        match (&request.want, &value) {
            (Want::Prefix { .. }, Value::Net(_)) => self.make_prefix(desk, &made, &value)?,
            _ => self.make_address(desk, &made, &value)?,
        };
        let granted = Granted { object, reused: true, ..Granted::new(desk, value, kept.branch) };
        // Main's object is not what is here, although it has its id.
        self.use_as_well(desk, identifier, &kept)?;
        Ok(granted)
    }

    /// Whether a reservation is not this branch's to give back. If other branches use it as well it is
    /// theirs from here on; if this branch uses what another took, it does so no more.
    pub(super) fn is_others(
        &mut self,
        desk: ObjectId,
        identifier: &str,
        kept: &Kept,
    ) -> Result<bool, BranchError> {
        self.let_go(desk, identifier, kept, self.view.branch)
    }

    /// Takes a branch from those that have something; `false` where nobody is left.
    fn let_go(
        &mut self,
        desk: ObjectId,
        identifier: &str,
        kept: &Kept,
        branch: BranchId,
    ) -> Result<bool, BranchError> {
        let mut also = kept.also.clone();
        let owner = if kept.branch == branch {
            if also.is_empty() {
                return Ok(false);
            }
            also.remove(0)
        } else {
            also.retain(|one| *one != branch);
            kept.branch
        };
        if owner != kept.branch || also != kept.also {
            let left = Kept { branch: owner, also, ..kept.clone() };
            self.write_kept(desk, identifier, &left)?;
        }
        Ok(true)
    }

    fn write_kept(
        &mut self,
        desk: ObjectId,
        identifier: &str,
        kept: &Kept,
    ) -> Result<(), BranchError> {
        let Some(row) = kept.row() else { return Ok(()) };
        self.put_row(Space::Reservations, key::reservation(desk, identifier), row)?;
        self.put_hints(desk, identifier, kept, false)
    }

    /// Lets branches find what they hold when they go; main has too much, and never does. What is reserved
    /// `anew` is carried by nothing yet.
    pub(super) fn put_hints(
        &mut self,
        desk: ObjectId,
        identifier: &str,
        kept: &Kept,
        anew: bool,
    ) -> Result<(), BranchError> {
        for branch in [kept.branch].iter().chain(&kept.also) {
            if *branch != BranchId::MAIN {
                let hint = key::reserved_by(*branch, desk, identifier);
                if anew || self.view.rows.get(Space::ReservedBy, &hint)?.is_none() {
                    self.put_row(Space::ReservedBy, hint, Vec::new())?;
                }
            }
        }
        Ok(())
    }

    /// What a branch other than main holds or uses. Linear in what it ever drew.
    fn held_by(&self, branch: BranchId) -> Result<Vec<Holding>, BranchError> {
        let rows = self.view.rows.prefix(Space::ReservedBy, &key::branch(branch))?;
        let mut all = Vec::new();
        for row in rows {
            let (hint, _) = row?;
            let Some((desk, name)) = hinted(&hint) else { continue };
            if let Some(kept) = self.view.kept_as(desk, &name)?
                && (kept.branch == branch || kept.also.contains(&branch))
            {
                all.push((desk, name, kept));
            }
        }
        Ok(all)
    }

    /// Gives back exactly what a branch drew from pools and nobody else uses, for a branch that goes.
    pub(crate) fn release_of_branch(&mut self, branch: BranchId) -> Result<(), BranchError> {
        for (desk, identifier, kept) in self.held_by(branch)? {
            if self.let_go(desk, &identifier, &kept, branch)? {
                continue;
            }
            if let Some(place) = place(&kept.value) {
                self.leases.note_released(desk, place);
                self.drop_kept(desk, &identifier, place)?;
            }
        }
        Ok(())
    }

    /// Makes main the one that took what a branch took, for a branch that is merged: nothing is drawn
    /// anew. Tells what it was, by desk and identifier. Linear in what the branch ever drew.
    pub(crate) fn move_attribution(&mut self, branch: BranchId) -> Result<Moved, BranchError> {
        let mut all = Moved::new();
        for (desk, identifier, kept) in self.held_by(branch)? {
            let mut also = kept.also.clone();
            also.retain(|one| *one != branch && *one != BranchId::MAIN);
            if kept.branch != branch && kept.branch != BranchId::MAIN {
                also = with(also, kept.branch);
            }
            let moved = Kept { branch: BranchId::MAIN, also, ..kept };
            match plain_of(&identifier, branch).filter(|_| moved.gone.is_none()) {
                Some(plain) => {
                    self.change_places(desk, plain, &identifier, &moved)?;
                    all.insert((desk, plain.to_owned()));
                }
                None => {
                    self.write_kept(desk, &identifier, &moved)?;
                    all.insert((desk, identifier));
                }
            }
        }
        Ok(all)
    }

    /// Gives back what objects drew that a merged branch has and main has not: main had them too, from a
    /// rebase, and deleted them since. Linear in the branch's own rows.
    pub(crate) fn release_lost(
        &mut self,
        branch: BranchId,
        ours: &View,
        moved: &Moved,
    ) -> Result<(), BranchError> {
        let mut lost = Vec::new();
        let line = key::branch(branch);
        // Also where a rebase left main's to show.
        for row in ours.rows.snapshot.range(Space::Heads, &line, &key::prefix_end(&line))? {
            let Some((_, _, id)) = key::parse_head(&row?.0) else { continue };
            if self.view.kind_of(id)?.is_none()
                && let Some(object) = ours.object(id)?
            {
                lost.push(object.copied());
            }
        }
        for object in lost {
            for attr in object.record()?.attrs.into_values() {
                let (Some(pool), Some(place)) = (attr.source, place(&attr.value)) else { continue };
                let Some(pool) = self.view.object(pool)? else { continue };
                for desk in self.desks_of(&pool, Some(&object))? {
                    let Some((identifier, _)) = self.view.named_at(desk.id, place)? else {
                        continue;
                    };
                    if moved.contains(&(desk.id, identifier.clone())) {
                        self.give_back(&desk, &identifier, None)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What a branch had under a name of its own gets the plain one, as it comes to main; what has that
    /// now gets the other, until it is given back.
    fn change_places(
        &mut self,
        desk: ObjectId,
        plain: &str,
        own: &str,
        kept: &Kept,
    ) -> Result<(), BranchError> {
        let before = self.view.kept_as(desk, plain)?;
        self.view.rows.write(Space::Reservations, key::reservation(desk, own), None)?;
        for (name, kept) in [(plain, Some(kept)), (own, before.as_ref())] {
            if let Some((kept, place)) = kept.and_then(|kept| Some((kept, place(&kept.value)?))) {
                self.write_kept(desk, name, kept)?;
                let by_value = key::pool_value(desk, place);
                self.put_row(Space::PoolValues, by_value, name.as_bytes().to_vec())?;
            }
        }
        Ok(())
    }
}
