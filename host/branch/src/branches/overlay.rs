//! How a line of the store reads: as of a moment, and, on a branch, with main's rows as of the fork
//! below its own.
//!
//! Nothing above the rows has to know: a key of the branch finds the branch's row, whose tombstone
//! hides, or else main's row under the same key. What main had at the fork never changes, so reading
//! it is never a conflict. Must not know what rows mean beyond their first bytes.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use model::schema::{BranchMode, Schema};
use model::{BranchId, Seq, Symbol};
use store::{Key, KeyGuard, Row, Scan, Snapshot, Space, StoreError, key};

use crate::object::{PAYLOAD_AT, TOMBSTONE, is_through, stamp, stamped};
use crate::rows::{Bytes, Ends, RowBytes};

/// What never falls through from main to a branch.
#[derive(Debug, Default)]
pub(crate) struct Locals {
    /// Kinds of mode `local`.
    kinds: BTreeSet<Symbol>,
    /// Relationships that only such kinds have.
    relationships: BTreeSet<Symbol>,
    /// Relationships that such kinds share with others, as membership in groups: the peer decides.
    mixed: BTreeSet<Symbol>,
}

impl Locals {
    pub(crate) fn of(schema: &Schema) -> Self {
        let mut kinds = BTreeSet::new();
        let (mut local, mut shared) = (BTreeSet::new(), BTreeSet::new());
        for kind in schema.by_symbol.values() {
            let is_local = kind.branch == BranchMode::Local;
            if is_local {
                kinds.insert(kind.symbol);
            }
            for rel in &kind.relationships {
                let local_rel = is_local || rel.branch == BranchMode::Local;
                if local_rel { &mut local } else { &mut shared }.insert(rel.symbol);
            }
        }
        let mixed = local.intersection(&shared).copied().collect();
        let relationships = local.difference(&shared).copied().collect();
        Self { kinds, relationships, mixed }
    }
}

impl Locals {
    /// Whether a branch's own row stays when the branch is put together anew: it is of something
    /// local, or of what instances hold.
    pub(crate) fn keep(
        &self,
        snapshot: &Snapshot,
        space: Space,
        key: &[u8],
        row: &[u8],
    ) -> Result<bool, StoreError> {
        let is_local =
            |row: &[u8]| kind_in(row).is_some_and(|(kind, _)| self.kinds.contains(&kind));
        match space {
            Space::Schemas => Ok(false),
            Space::Heads => {
                Ok(key::parse_head(key).is_some_and(|(_, kind, _)| self.kinds.contains(&kind)))
            }
            Space::Index => Ok(key::index_kind(key).is_some_and(|kind| self.kinds.contains(&kind))),
            Space::Kinds => Ok(is_local(row)),
            Space::Edges => {
                let Some(edge) = key::parse_edge(key) else { return Ok(false) };
                if self.relationships.contains(&edge.relationship) {
                    return Ok(true);
                }
                if !self.mixed.contains(&edge.relationship) {
                    return Ok(false);
                }
                for end in [edge.object, edge.peer] {
                    let row = snapshot.get(Space::Kinds, &key::kind_of(edge.branch, end))?;
                    if row.is_some_and(|row| is_local(&row)) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Ok(true),
        }
    }
}

/// How the rows of a view are laid over each other. A view of main as it is now has none.
#[derive(Debug)]
pub(crate) struct Overlay {
    /// The line of the branch.
    line: BranchId,
    /// Main lies below, as of this commit; nothing does where the branch is main.
    fork: Option<Seq>,
    /// The moment of everything else; the newest state without one.
    at: Option<Seq>,
    locals: Arc<Locals>,
    /// The branch's own rows are looked past, but for what is local by these: it is being put
    /// together anew.
    anew: Option<Arc<Locals>>,
    /// Whether main ever lost a row that a branch could see.
    has_past: OnceCell<bool>,
}

impl Overlay {
    /// Nothing for main as it is now: its rows are the snapshot's.
    pub(crate) fn new(line: BranchId, fork: Option<Seq>, at: Option<Seq>) -> Option<Self> {
        let fork = fork.map(|fork| at.map_or(fork, |at| at.min(fork)));
        (fork.is_some() || at.is_some()).then(|| Self {
            line,
            fork,
            at,
            locals: Arc::default(),
            anew: None,
            has_past: OnceCell::new(),
        })
    }

    /// Main as of `fork`, with nothing of the branch over it but what `locals` says is local.
    pub(crate) fn anew(line: BranchId, fork: Seq, locals: Arc<Locals>) -> Self {
        Self {
            line,
            fork: Some(fork),
            at: None,
            locals: Arc::default(),
            anew: Some(locals),
            has_past: OnceCell::new(),
        }
    }

    /// Whether the branch is being put together anew.
    pub(crate) fn is_anew(&self) -> bool {
        self.anew.is_some()
    }

    /// What stays of the branch while it is put together anew.
    pub(crate) fn kept_locals(&self) -> Option<&Locals> {
        self.anew.as_deref()
    }

    pub(crate) fn set_locals(&mut self, locals: &Arc<Locals>) {
        self.locals = Arc::clone(locals);
    }

    pub(crate) fn fork(&self) -> Option<Seq> {
        self.fork
    }

    pub(crate) fn at(&self) -> Option<Seq> {
        self.at
    }

    /// The row of a key as the view has it; a tombstone where the caller reads those.
    pub(crate) fn get(
        &self,
        snapshot: &Snapshot,
        space: Space,
        key: &[u8],
    ) -> Result<Option<Bytes>, StoreError> {
        if !space.falls_through() {
            return Ok(snapshot.get(space, key)?.map(Bytes::Stored));
        }
        if let Some(own) = as_of(snapshot, space, key, self.at)?
            && self.shows(snapshot, space, key, &own)?
        {
            return Ok((!is_gone(space, &own)).then_some(own));
        }
        self.below(snapshot, space, key)
    }

    /// Whether the view shows a row of its own line, or what lies below it.
    fn shows(
        &self,
        snapshot: &Snapshot,
        space: Space,
        key: &[u8],
        row: &[u8],
    ) -> Result<bool, StoreError> {
        if is_through(row) {
            return Ok(false);
        }
        match &self.anew {
            Some(locals) if key::line_of(key) == Some(self.line) => {
                locals.keep(snapshot, space, key, row)
            }
            _ => Ok(true),
        }
    }

    /// What main has under a key of the branch, as of the fork.
    pub(crate) fn below(
        &self,
        snapshot: &Snapshot,
        space: Space,
        key: &[u8],
    ) -> Result<Option<Bytes>, StoreError> {
        let (Some(fork), true) = (self.fork, key::line_of(key) == Some(self.line)) else {
            return Ok(None);
        };
        let main = key::on_line(key, BranchId::MAIN);
        if self.hides(snapshot, space, &main)? {
            return Ok(None);
        }
        let row = if space.has_past() && !self.has_past(snapshot)? {
            snapshot.get(space, &main)?.map(Bytes::Stored).filter(|row| stands(row, Some(fork)))
        } else {
            as_of(snapshot, space, &main, Some(fork))?
        };
        Ok(row.filter(|row| space != Space::Kinds || !self.is_local(row)))
    }

    /// All rows from `low` up to `high`, which lie on one line.
    pub(crate) fn range<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        space: Space,
        low: &[u8],
        high: &[u8],
    ) -> Result<Layered<'a>, StoreError> {
        let at = self.at.filter(|_| space.falls_through());
        let mut own = Line::new(snapshot, space, low, high, at)?;
        own.own = Some(self).filter(|_| space.falls_through());
        let mut base = None;
        if let Some(fork) = self.fork
            && space.falls_through()
            && key::line_of(low) == Some(self.line)
        {
            let low = key::on_line(low, BranchId::MAIN);
            let high = match key::line_of(high) {
                Some(line) if line == self.line => key::on_line(high, BranchId::MAIN),
                _ => key::prefix_end(&key::branch(BranchId::MAIN)),
            };
            let mut present = Line::new(snapshot, space, &low, &high, Some(fork))?;
            present.below = Some(self);
            let past = match space.has_past() && self.has_past(snapshot)? {
                true => Past::new(snapshot, space, &low, &high, fork, self)?,
                false => Past::nothing(self, fork),
            };
            base = Some(Union { upper: Ends::new(present), lower: Ends::new(past) });
        }
        let base = Base(base);
        Ok(Layered { space, rows: Union { upper: Ends::new(own), lower: Ends::new(base) } })
    }

    fn has_past(&self, snapshot: &Snapshot) -> Result<bool, StoreError> {
        if let Some(known) = self.has_past.get() {
            return Ok(*known);
        }
        let any = match snapshot.range(Space::Past, &[], &[0xff; 8])?.next() {
            Some(row) => row.map(|_| true)?,
            None => false,
        };
        Ok(*self.has_past.get_or_init(|| any))
    }

    /// Whether a key of main is of something local, as far as the key tells.
    fn hides(&self, snapshot: &Snapshot, space: Space, main: &[u8]) -> Result<bool, StoreError> {
        let symbol = |at: usize| {
            let number = main.get(at..).and_then(<[u8]>::first_chunk::<4>);
            number.map(|number| Symbol(u32::from_be_bytes(*number)))
        };
        match space {
            Space::Heads | Space::Index => {
                Ok(symbol(4).is_some_and(|kind| self.locals.kinds.contains(&kind)))
            }
            Space::Edges => {
                let Some(rel) = symbol(20) else { return Ok(false) };
                if self.locals.relationships.contains(&rel) {
                    return Ok(true);
                }
                if !self.locals.mixed.contains(&rel) {
                    return Ok(false);
                }
                let Some(edge) = key::parse_edge(main) else { return Ok(false) };
                let peer = key::kind_of(BranchId::MAIN, edge.peer);
                let peer = as_of(snapshot, Space::Kinds, &peer, self.fork)?;
                Ok(peer.is_some_and(|peer| self.is_local(&peer)))
            }
            _ => Ok(false),
        }
    }

    /// Whether a row of `Kinds` names a local kind.
    fn is_local(&self, row: &[u8]) -> bool {
        kind_in(row).is_some_and(|(kind, _)| self.locals.kinds.contains(&kind))
    }
}

/// A row of `Kinds`, not committed yet.
pub(crate) fn kind_row(kind: Symbol, flags: u8) -> RowBytes {
    stamped(flags, &kind.0.to_be_bytes())
}

/// The kind in a row of `Kinds`, and whether the object is there.
pub(crate) fn kind_in(row: &[u8]) -> Option<(Symbol, bool)> {
    let (_, flags) = stamp(row)?;
    let number = row.get(PAYLOAD_AT..)?.first_chunk::<4>()?;
    Some((Symbol(u32::from_be_bytes(*number)), flags & TOMBSTONE == 0))
}

/// Whether a row stood at a moment already.
fn stands(row: &[u8], moment: Option<Seq>) -> bool {
    moment.is_none_or(|moment| stamp(row).is_some_and(|(seq, _)| seq <= moment))
}

/// Rows of these spaces are there or not: nobody above reads their tombstones.
fn is_gone(space: Space, row: &[u8]) -> bool {
    space.has_past() && stamp(row).is_some_and(|(_, flags)| flags & TOMBSTONE != 0)
}

/// The row of one line as of a moment, tombstones included.
pub(crate) fn as_of(
    snapshot: &Snapshot,
    space: Space,
    key: &[u8],
    moment: Option<Seq>,
) -> Result<Option<Bytes>, StoreError> {
    let present = snapshot.get(space, key)?.map(Bytes::Stored);
    let Some(moment) = moment else { return Ok(present) };
    match present {
        Some(row) if stands(&row, Some(moment)) => Ok(Some(row)),
        Some(_) => before(snapshot, space, key, moment),
        // Rows that are overwritten or marked as gone are never absent.
        None if space.has_past() => before(snapshot, space, key, moment),
        None => Ok(None),
    }
}

/// What stood under a key as of a moment and does not any more.
fn before(
    snapshot: &Snapshot,
    space: Space,
    key: &[u8],
    moment: Seq,
) -> Result<Option<Bytes>, StoreError> {
    match space {
        Space::Heads => {
            let Some((line, kind, object)) = key::parse_head(key) else { return Ok(None) };
            let (low, high) = key::history_range(line, object, moment);
            match snapshot.range(Space::History, &low, &high)?.next().transpose()? {
                // Its kind may have had another name then.
                Some((found, row)) => Ok(key::parse_history(&found)
                    .is_some_and(|(_, _, _, was)| was == kind)
                    .then_some(Bytes::Stored(row))),
                None => Ok(None),
            }
        }
        Space::Kinds => {
            let Some((line, object)) = key::parse_kind_of(key) else { return Ok(None) };
            let (low, high) = key::history_range(line, object, moment);
            match snapshot.range(Space::History, &low, &high)?.next().transpose()? {
                Some((found, row)) => {
                    let kind = key::parse_history(&found).map(|(_, _, _, kind)| kind);
                    let flags = stamp(&row).map_or(TOMBSTONE, |(_, flags)| flags);
                    Ok(kind.map(|kind| Bytes::Pending(kind_row(kind, flags))))
                }
                None => Ok(None),
            }
        }
        Space::Edges | Space::Schemas => {
            let (low, high) = key::past_range(key, moment);
            let past = if space == Space::Edges { Space::EdgeHistory } else { space };
            let row = snapshot.range(past, &low, &high)?.next().transpose()?;
            Ok(row.map(|(_, row)| Bytes::Stored(row)))
        }
        _ => {
            let low = key::past(space, key, moment);
            let high = key::prefix_end(low.get(..low.len() - 8).unwrap_or_default());
            let row = snapshot.range(Space::Past, &low, &high)?.next().transpose()?;
            Ok(row.map(|(_, row)| Bytes::Stored(row)).filter(|row| !stands(row, Some(moment))))
        }
    }
}

/// A key with its row.
pub(crate) type OwnedRow = Result<(Key, Bytes), StoreError>;

/// The rows of one line as of a moment, lazily from either end.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    snapshot: &'a Snapshot,
    space: Space,
    moment: Option<Seq>,
    rows: Scan,
    /// The branch that these rows lie below.
    below: Option<&'a Overlay>,
    /// The view whose own line this is.
    own: Option<&'a Overlay>,
}

impl<'a> Line<'a> {
    fn new(
        snapshot: &'a Snapshot,
        space: Space,
        low: &[u8],
        high: &[u8],
        moment: Option<Seq>,
    ) -> Result<Self, StoreError> {
        let rows = snapshot.range(space, low, high)?;
        Ok(Self { snapshot, space, moment, rows, below: None, own: None })
    }

    /// Nothing where the row did not stand, or is not shown.
    fn settle(&self, row: Result<(KeyGuard, Row), StoreError>) -> Option<OwnedRow> {
        let (key, row) = match row {
            Ok(row) => row,
            Err(bad) => return Some(Err(bad)),
        };
        match self.read(&key, row) {
            Ok(row) => row.map(Ok),
            Err(bad) => Some(Err(bad)),
        }
    }

    fn read(&self, key: &[u8], row: Row) -> Result<Option<(Key, Bytes)>, StoreError> {
        if let Some(below) = self.below
            && below.hides(self.snapshot, self.space, key)?
        {
            return Ok(None);
        }
        let row = if stands(&row, self.moment) {
            Some(Bytes::Stored(row))
        } else if self.space.has_past() {
            // `Past` has it, and is walked beside this.
            None
        } else {
            before(self.snapshot, self.space, key, self.moment.unwrap_or_default())?
        };
        let Some(row) = row else { return Ok(None) };
        if let Some(own) = self.own
            && !own.shows(self.snapshot, self.space, key, &row)?
        {
            return Ok(None);
        }
        let Some(below) = self.below else { return Ok(Some((Key::from(key), row))) };
        if self.space == Space::Kinds && below.is_local(&row) {
            return Ok(None);
        }
        Ok(Some((key::on_line(key, below.line), row)))
    }
}

impl Iterator for Line<'_> {
    type Item = OwnedRow;

    fn next(&mut self) -> Option<OwnedRow> {
        loop {
            let row = self.rows.next()?;
            if let Some(row) = self.settle(row) {
                return Some(row);
            }
        }
    }
}

impl DoubleEndedIterator for Line<'_> {
    fn next_back(&mut self) -> Option<OwnedRow> {
        loop {
            let row = self.rows.next_back()?;
            if let Some(row) = self.settle(row) {
                return Some(row);
            }
        }
    }
}

/// Rows of main that stood at the fork and went since.
#[derive(Debug)]
pub(crate) struct Past<'a> {
    rows: Scan,
    fork: Seq,
    overlay: &'a Overlay,
    space: Space,
}

impl<'a> Past<'a> {
    fn new(
        snapshot: &Snapshot,
        space: Space,
        low: &[u8],
        high: &[u8],
        fork: Seq,
        overlay: &'a Overlay,
    ) -> Result<Self, StoreError> {
        let of = |key: &[u8]| [&[space.byte()], key].concat();
        let rows = snapshot.range(Space::Past, &of(low), &of(high))?;
        Ok(Self { rows, fork, overlay, space })
    }

    fn nothing(overlay: &'a Overlay, fork: Seq) -> Self {
        Self { rows: Scan::empty(), fork, overlay, space: Space::Past }
    }

    fn settle(&self, row: Result<(KeyGuard, Row), StoreError>) -> Option<OwnedRow> {
        let (past, row) = match row {
            Ok(row) => row,
            Err(bad) => return Some(Err(bad)),
        };
        let (key, since) = key::parse_past(&past)?;
        let stood = since <= self.fork && !stands(&row, Some(self.fork));
        let local = matches!(self.space, Space::Index)
            && key::index_kind(key).is_some_and(|kind| self.overlay.locals.kinds.contains(&kind));
        (stood && !local).then(|| Ok((key::on_line(key, self.overlay.line), Bytes::Stored(row))))
    }
}

impl Iterator for Past<'_> {
    type Item = OwnedRow;

    fn next(&mut self) -> Option<OwnedRow> {
        loop {
            let row = self.rows.next()?;
            if let Some(row) = self.settle(row) {
                return Some(row);
            }
        }
    }
}

impl DoubleEndedIterator for Past<'_> {
    fn next_back(&mut self) -> Option<OwnedRow> {
        loop {
            let row = self.rows.next_back()?;
            if let Some(row) = self.settle(row) {
                return Some(row);
            }
        }
    }
}

/// Two ordered sequences as one; where both have a key, the upper hides the lower.
#[derive(Debug)]
struct Union<U: Iterator<Item = OwnedRow>, L: Iterator<Item = OwnedRow>> {
    upper: Ends<U>,
    lower: Ends<L>,
}

impl<U, L> Iterator for Union<U, L>
where
    U: DoubleEndedIterator<Item = OwnedRow>,
    L: DoubleEndedIterator<Item = OwnedRow>,
{
    type Item = OwnedRow;

    fn next(&mut self) -> Option<OwnedRow> {
        let order = match (self.upper.peek(), self.lower.peek()) {
            (_, None) | (Some(Err(_)), _) => Ordering::Less,
            (None, _) | (_, Some(Err(_))) => Ordering::Greater,
            (Some(Ok((upper, _))), Some(Ok((lower, _)))) => upper.cmp(lower),
        };
        match order {
            Ordering::Less => self.upper.next(),
            Ordering::Greater => self.lower.next(),
            Ordering::Equal => {
                let _hidden = self.lower.next();
                self.upper.next()
            }
        }
    }
}

impl<U, L> DoubleEndedIterator for Union<U, L>
where
    U: DoubleEndedIterator<Item = OwnedRow>,
    L: DoubleEndedIterator<Item = OwnedRow>,
{
    fn next_back(&mut self) -> Option<OwnedRow> {
        let order = match (self.upper.peek_back(), self.lower.peek_back()) {
            (_, None) | (Some(Err(_)), _) => Ordering::Greater,
            (None, _) | (_, Some(Err(_))) => Ordering::Less,
            (Some(Ok((upper, _))), Some(Ok((lower, _)))) => upper.cmp(lower),
        };
        match order {
            Ordering::Greater => self.upper.next_back(),
            Ordering::Less => self.lower.next_back(),
            Ordering::Equal => {
                let _hidden = self.lower.next_back();
                self.upper.next_back()
            }
        }
    }
}

/// What lies below a branch; nothing below main.
#[derive(Debug)]
struct Base<'a>(Option<Union<Line<'a>, Past<'a>>>);

impl Iterator for Base<'_> {
    type Item = OwnedRow;

    fn next(&mut self) -> Option<OwnedRow> {
        self.0.as_mut()?.next()
    }
}

impl DoubleEndedIterator for Base<'_> {
    fn next_back(&mut self) -> Option<OwnedRow> {
        self.0.as_mut()?.next_back()
    }
}

/// The rows of a range as a view has them.
#[derive(Debug)]
pub(crate) struct Layered<'a> {
    space: Space,
    rows: Union<Line<'a>, Base<'a>>,
}

impl Iterator for Layered<'_> {
    type Item = OwnedRow;

    fn next(&mut self) -> Option<OwnedRow> {
        loop {
            match self.rows.next()? {
                Ok((_, row)) if is_gone(self.space, &row) => {}
                row => return Some(row),
            }
        }
    }
}

impl DoubleEndedIterator for Layered<'_> {
    fn next_back(&mut self) -> Option<OwnedRow> {
        loop {
            match self.rows.next_back()? {
                Ok((_, row)) if is_gone(self.space, &row) => {}
                row => return Some(row),
            }
        }
    }
}
