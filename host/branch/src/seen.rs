//! What a run took as its input, kept with its instance; and what a branch changed, to be compared
//! with it: which instances a change concerns is found without running any.
//!
//! Kept at the grain of objects, relationships of an object, kinds and stretches of indexes. What the
//! run itself makes is not in it. Must not know runs or definitions.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use model::schema::BranchMode;
use model::{BranchId, ObjectId, Seq, Symbol};
use serde::{Deserialize, Serialize};
use store::{Space, key};

use crate::draft::Draft;
use crate::error::BranchError;
use crate::object::{PAYLOAD_AT, stamp, stamped};
use crate::view::View;

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Objects whose values were read.
    pub objects: BTreeSet<u128>,
    /// Objects of which it was asked whether they are there.
    pub existence: BTreeSet<u128>,
    /// Relationships whose peers were read: object, symbol of the identifier.
    pub links: BTreeSet<(u128, u32)>,
    /// Kinds of which all objects were read, by symbol.
    pub kinds: BTreeSet<u32>,
    /// Stretches of indexes: kind, attribute and value as bytes, from and up to but not including.
    pub values: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

impl Seen {
    /// Notes a single row.
    pub(crate) fn row(&mut self, space: Space, key: &[u8]) {
        if key::line_of(key) == Some(BranchId::GLOBAL) {
            return;
        }
        match space {
            Space::Heads => {
                if let Some((_, _, id)) = key::parse_head(key) {
                    self.objects.insert(id.0);
                }
            }
            Space::Kinds => {
                if let Some((_, id)) = key::parse_kind_of(key) {
                    self.existence.insert(id.0);
                }
            }
            Space::Edges => {
                if let Some(edge) = key::parse_edge(key) {
                    self.links.insert((edge.object.0, edge.relationship.0));
                }
            }
            _ => {}
        }
    }

    /// Notes a stretch of rows.
    pub(crate) fn range(&mut self, space: Space, low: &[u8], high: &[u8]) {
        let line = key::line_of(low);
        if line == Some(BranchId::GLOBAL) {
            return;
        }
        let four = |at: usize| {
            let bytes = low.get(at..).and_then(<[u8]>::first_chunk::<4>);
            bytes.map(|bytes| u32::from_be_bytes(*bytes))
        };
        match space {
            Space::Heads => {
                self.kinds.extend(four(4));
            }
            Space::Edges => {
                let id = low.get(4..).and_then(<[u8]>::first_chunk::<16>);
                if let (Some(id), Some(rel)) = (id, four(20)) {
                    self.links.insert((u128::from_be_bytes(*id), rel));
                }
            }
            Space::Index => {
                let high = match key::line_of(high) {
                    same if same == line => high.get(4..).unwrap_or_default().to_vec(),
                    // The end of the line.
                    _ => vec![0xff; 8],
                };
                self.values.insert((low.get(4..).unwrap_or_default().to_vec(), high));
            }
            _ => {}
        }
    }

    /// Adds what another one has.
    pub fn extend(&mut self, more: Self) {
        self.objects.extend(more.objects);
        self.existence.extend(more.existence);
        self.links.extend(more.links);
        self.kinds.extend(more.kinds);
        self.values.extend(more.values);
    }

    /// Leaves out what is about these objects.
    pub fn without(&mut self, own: impl Fn(ObjectId) -> bool) {
        self.objects.retain(|id| !own(ObjectId(*id)));
        self.existence.retain(|id| !own(ObjectId(*id)));
        self.links.retain(|(id, _)| !own(ObjectId(*id)));
    }

    /// Whether all of this is in another one.
    pub fn is_within(&self, other: &Self) -> bool {
        self.objects.is_subset(&other.objects)
            && self.existence.is_subset(&other.existence)
            && self.links.is_subset(&other.links)
            && self.kinds.is_subset(&other.kinds)
            && self.values.is_subset(&other.values)
    }

    /// Whether an object was looked at, in whatever way.
    pub fn mentions(&self, id: ObjectId) -> bool {
        let links = (Bound::Included((id.0, 0)), Bound::Included((id.0, u32::MAX)));
        self.objects.contains(&id.0)
            || self.existence.contains(&id.0)
            || self.links.range(links).next().is_some()
    }
}

/// What the last run of an instance that came to an end took as its input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInput {
    /// What the definition's query and its parameters looked at.
    pub query: Seen,
    /// What the generator itself looked at beyond that.
    pub guest: Seen,
    /// Digest of the query's answer and the parameters.
    pub answer: [u8; 32],
    /// Digest of the component.
    pub component: [u8; 32],
}

impl View {
    /// What the last run of an instance took as its input, with the commit that says so. On a branch
    /// where it did not run, as main's run before the fork left it.
    pub fn run_input(&self, instance: ObjectId) -> Result<Option<(Seq, RunInput)>, BranchError> {
        let key = key::claim_prefix(self.branch, instance);
        match self.rows.get(Space::Reads, &key)? {
            Some(row) => decode(&row).map(Some),
            None => Ok(None),
        }
    }

    /// The instances of which this line has a row of its own on what their last run looked at: on main all
    /// that ran, on a branch those that ran there. Linear in them.
    pub fn own_run_inputs(&self) -> Result<Vec<ObjectId>, BranchError> {
        let mut all = Vec::new();
        for key in self.rows.own_keys(Space::Reads, &key::branch(self.branch))? {
            let key = key?;
            all.extend(key::object_at_end(&key));
        }
        Ok(all)
    }

    /// What is read within counts as input of the run that this view is for.
    pub fn observing<T>(&self, read: impl FnOnce() -> T) -> T {
        self.rows.observing(read)
    }

    /// What was read as input since this was asked last.
    pub fn take_seen(&self) -> Seen {
        self.rows.take_seen()
    }
}

fn decode(row: &[u8]) -> Result<(Seq, RunInput), BranchError> {
    let damaged = || BranchError::Damaged { what: "what a run looked at".to_owned() };
    let (seq, _) = stamp(row).ok_or_else(damaged)?;
    let payload = row.get(PAYLOAD_AT..).ok_or_else(damaged)?;
    Ok((seq, postcard::from_bytes(payload).map_err(|_bad| damaged())?))
}

impl Draft {
    /// Whether what the draft writes is among what was looked at. Linear in what it writes.
    pub fn meets(&self, seen: &Seen) -> bool {
        let rows = &self.view.rows;
        let head = |key: &[u8]| {
            key::parse_head(key).is_some_and(|(_, kind, id)| {
                seen.kinds.contains(&kind.0) || seen.objects.contains(&id.0)
            })
        };
        let edge = |key: &[u8]| {
            key::parse_edge(key)
                .is_some_and(|edge| seen.links.contains(&(edge.object.0, edge.relationship.0)))
        };
        let value = |key: &[u8]| {
            let key = key.get(4..).unwrap_or_default();
            seen.values.iter().any(|(low, high)| low.as_slice() <= key && key < high.as_slice())
        };
        rows.pending(Space::Heads).any(|(key, _)| head(key))
            || rows.pending(Space::Edges).any(|(key, _)| edge(key))
            || (!seen.values.is_empty() && rows.pending(Space::Index).any(|(key, _)| value(key)))
    }

    /// Keeps what a run of an instance took as its input; nothing forgets it.
    pub fn set_run_input(
        &mut self,
        instance: ObjectId,
        input: Option<&RunInput>,
    ) -> Result<(), BranchError> {
        let key = key::claim_prefix(self.view.branch, instance);
        let row = match input {
            None => None,
            Some(input) => {
                let payload = postcard::to_stdvec(input).map_err(|bad| BranchError::Damaged {
                    what: format!("what a run looked at cannot be written: {bad}"),
                })?;
                Some(stamped(0, &payload))
            }
        };
        Ok(self.view.rows.write(Space::Reads, key, row)?)
    }
}

/// What a branch's own rows say was changed on it, with the newest commit of each.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    objects: BTreeMap<u128, Seq>,
    /// Objects that came or went.
    existence: BTreeMap<u128, Seq>,
    links: BTreeMap<(u128, u32), Seq>,
    kinds: BTreeMap<u32, Seq>,
    values: BTreeMap<Vec<u8>, Seq>,
    /// The commit that loaded the branch's own schema.
    schema: Option<Seq>,
    newest: Seq,
}

/// Where a change and an input meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// The values of an object.
    Object(ObjectId),
    /// Whether an object is there.
    Existence(ObjectId),
    /// The peers of an object.
    Links(ObjectId, Symbol),
    /// The objects of a kind.
    Kind(Symbol),
    /// The objects of a kind with a certain value.
    Value(Symbol),
}

impl Touched {
    /// The newest commit that changed anything of the branch's own kinds; zero where none did.
    pub fn newest(&self) -> Seq {
        self.newest
    }

    /// The commit that loaded a schema on the branch, if one did.
    pub fn schema(&self) -> Option<Seq> {
        self.schema
    }

    /// Objects whose values or links were changed, with the newest commit of each.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, Seq)> {
        let mut all = self.objects.clone();
        for ((id, _), seq) in &self.links {
            newer(&mut all, *id, *seq);
        }
        all.into_iter().map(|(id, seq)| (ObjectId(id), seq))
    }

    /// Where what was changed after a commit meets what a run looked at, with the commit that changed
    /// it. Linear in the smaller of both for most of it.
    pub fn meets(&self, seen: &Seen, since: Seq) -> Option<(Met, Seq)> {
        let after = |seq: Option<&Seq>| seq.copied().filter(|seq| *seq > since);
        for id in &seen.objects {
            if let Some(seq) = after(self.objects.get(id)) {
                return Some((Met::Object(ObjectId(*id)), seq));
            }
        }
        for id in &seen.existence {
            if let Some(seq) = after(self.existence.get(id)) {
                return Some((Met::Existence(ObjectId(*id)), seq));
            }
        }
        for (id, rel) in &seen.links {
            if let Some(seq) = after(self.links.get(&(*id, *rel))) {
                return Some((Met::Links(ObjectId(*id), Symbol(*rel)), seq));
            }
        }
        for kind in &seen.kinds {
            if let Some(seq) = after(self.kinds.get(kind)) {
                return Some((Met::Kind(Symbol(*kind)), seq));
            }
        }
        for (low, high) in seen.values.iter().filter(|(low, high)| low < high) {
            let stretch = (Bound::Included(low.clone()), Bound::Excluded(high.clone()));
            let mut changed = self.values.range(stretch).filter(|(_, seq)| **seq > since);
            if let Some((key, seq)) = changed.next() {
                let kind = key.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
                return Some((Met::Value(Symbol(kind)), *seq));
            }
        }
        None
    }

    /// Objects that came or went.
    pub fn existence(&self) -> impl Iterator<Item = ObjectId> {
        self.existence.keys().map(|id| ObjectId(*id))
    }

    /// Objects whose values were changed.
    pub fn values_of(&self) -> impl Iterator<Item = ObjectId> {
        self.objects.keys().map(|id| ObjectId(*id))
    }

    /// Relationships whose peers were changed: object, symbol of the identifier.
    pub fn links(&self) -> impl Iterator<Item = (ObjectId, Symbol)> {
        self.links.keys().map(|(id, rel)| (ObjectId(*id), Symbol(*rel)))
    }

    /// Kinds of which objects were changed.
    pub fn kinds(&self) -> impl Iterator<Item = Symbol> {
        self.kinds.keys().map(|kind| Symbol(*kind))
    }

    /// Rows of indexes that came or went: kind, attribute, value, object, as bytes.
    pub fn places(&self) -> impl Iterator<Item = &[u8]> {
        self.values.keys().map(Vec::as_slice)
    }

    /// Adds what another one has, as changed by this commit.
    pub fn extend(&mut self, more: &Self, seq: Seq) {
        more.objects.keys().for_each(|id| newer(&mut self.objects, *id, seq));
        more.existence.keys().for_each(|id| newer(&mut self.existence, *id, seq));
        more.links.keys().for_each(|link| newer(&mut self.links, *link, seq));
        more.kinds.keys().for_each(|kind| newer(&mut self.kinds, *kind, seq));
        more.values.keys().for_each(|value| newer(&mut self.values, value.clone(), seq));
        self.note(seq);
    }

    fn note(&mut self, seq: Seq) {
        self.newest = self.newest.max(seq);
    }
}

impl Draft {
    /// What the draft changes, in the terms of what a branch changed; the commit of all of it is zero.
    /// Linear in what it writes.
    pub fn reach(&self) -> Result<Touched, BranchError> {
        self.view.rows.quietly(|| self.reaches())
    }

    fn reaches(&self) -> Result<Touched, BranchError> {
        let mut touched = Touched::default();
        let (view, line) = (self.view(), self.branch());
        let is_aware = |symbol: Symbol| {
            let kind = view.schema().by_symbol.get(&symbol);
            kind.is_none_or(|kind| kind.branch == BranchMode::Aware)
        };
        for (key, _) in view.rows.pending(Space::Heads) {
            let Some((of, symbol, id)) = key::parse_head(key) else { continue };
            if of == line && is_aware(symbol) {
                newer(&mut touched.objects, id.0, Seq(0));
                newer(&mut touched.kinds, symbol.0, Seq(0));
            }
        }
        for (key, row) in view.rows.pending(Space::Kinds) {
            let Some((of, id)) = key::parse_kind_of(key) else { continue };
            let was = view.rows.replaced(Space::Kinds, key)?;
            let kind = row.or(was.as_deref()).and_then(crate::branches::kind_in);
            if of == line && kind.is_none_or(|(kind, _)| is_aware(kind)) {
                newer(&mut touched.existence, id.0, Seq(0));
            }
        }
        for (key, _) in view.rows.pending(Space::Edges) {
            let Some(edge) = key::parse_edge(key) else { continue };
            let mut aware = edge.branch == line;
            for id in [edge.object, edge.peer] {
                let kind = self.kind_then_or_now(id)?;
                aware &= kind.is_none_or(|kind| kind.branch == BranchMode::Aware);
            }
            if aware {
                newer(&mut touched.links, (edge.object.0, edge.relationship.0), Seq(0));
            }
        }
        for (key, _) in view.rows.pending(Space::Index) {
            if key::line_of(key) == Some(line) && key::index_kind(key).is_some_and(is_aware) {
                newer(&mut touched.values, key.get(4..).unwrap_or_default().to_vec(), Seq(0));
            }
        }
        Ok(touched)
    }
}

fn newer<K: Ord>(map: &mut BTreeMap<K, Seq>, key: K, seq: Seq) {
    let known = map.entry(key).or_insert(seq);
    *known = (*known).max(seq);
}

impl View {
    /// What a branch changed, for comparing with inputs of runs. Linear in the branch's own rows.
    pub fn touched(&self) -> Result<Touched, BranchError> {
        let mut touched = Touched::default();
        let line = key::branch(self.branch);
        let end = key::prefix_end(&line);
        let rows = &self.rows.snapshot;
        let kind_of = |symbol: Symbol| self.schema().by_symbol.get(&symbol);
        let is_aware =
            |symbol: Symbol| kind_of(symbol).is_none_or(|kind| kind.branch == BranchMode::Aware);
        for row in rows.range(Space::Heads, &line, &end)? {
            let (key, row) = row?;
            let Some((_, symbol, id)) = key::parse_head(&key) else { continue };
            if !is_aware(symbol) {
                continue;
            }
            let (seq, _) = stamp(&row).unwrap_or_default();
            newer(&mut touched.objects, id.0, seq);
            newer(&mut touched.kinds, symbol.0, seq);
            // The row of its kind is written as an object comes and as it goes.
            if let Some(kind) = rows.get(Space::Kinds, &key::kind_of(self.branch, id))? {
                let (seq, _) = stamp(&kind).unwrap_or_default();
                newer(&mut touched.existence, id.0, seq);
            }
            touched.note(seq);
        }
        for row in rows.range(Space::Edges, &line, &end)? {
            let (key, row) = row?;
            let Some(edge) = key::parse_edge(&key) else { continue };
            let mut local = false;
            for id in [edge.object, edge.peer] {
                let own = rows.get(Space::Kinds, &key::kind_of(self.branch, id))?;
                let known = own.as_deref().and_then(crate::branches::kind_in);
                local |= known.is_some_and(|(kind, _)| !is_aware(kind));
            }
            if local {
                continue;
            }
            let (seq, _) = stamp(&row).unwrap_or_default();
            newer(&mut touched.links, (edge.object.0, edge.relationship.0), seq);
            touched.note(seq);
        }
        for row in rows.range(Space::Index, &line, &end)? {
            let (key, row) = row?;
            if key::index_kind(&key).is_some_and(is_aware) {
                let (seq, _) = stamp(&row).unwrap_or_default();
                newer(&mut touched.values, key.get(4..).unwrap_or_default().to_vec(), seq);
            }
        }
        if self.branch != BranchId::MAIN
            && let Some(row) = rows.get(Space::Schemas, &key::schema(self.branch))?
        {
            let (seq, _) = stamp(&row).unwrap_or_default();
            touched.schema = Some(seq);
            touched.note(seq);
        }
        Ok(touched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_looked_at_meets_what_was_changed_and_nothing_else() {
        let mut seen = Seen::default();
        let line = BranchId(7);
        let id = ObjectId(40);
        seen.row(Space::Heads, &key::head(line, Symbol(3), id));
        seen.range(
            Space::Index,
            &key::index_value_prefix(line, Symbol(3), Symbol(4), b"abc"),
            &key::prefix_end(&key::index_value_prefix(line, Symbol(3), Symbol(4), b"abc")),
        );
        // What is of no branch is no branch's to change.
        seen.row(Space::Heads, &key::head(BranchId::GLOBAL, Symbol(3), ObjectId(41)));
        assert_eq!(seen.objects.len(), 1);
        let mut touched = Touched::default();
        assert_eq!(touched.meets(&seen, Seq(0)), None);
        newer(&mut touched.objects, 41, Seq(9));
        newer(&mut touched.kinds, 3, Seq(9));
        newer(&mut touched.links, (40, 1), Seq(9));
        let index = |value: &[u8]| {
            let key = key::index(BranchId(8), Symbol(3), Symbol(4), value, ObjectId(50));
            key.get(4..).unwrap_or_default().to_vec()
        };
        newer(&mut touched.values, index(b"abd"), Seq(9));
        assert_eq!(touched.meets(&seen, Seq(0)), None);
        newer(&mut touched.values, index(b"abc"), Seq(9));
        assert_eq!(touched.meets(&seen, Seq(0)), Some((Met::Value(Symbol(3)), Seq(9))));
        assert_eq!(touched.meets(&seen, Seq(9)), None);
        newer(&mut touched.objects, 40, Seq(12));
        assert_eq!(touched.meets(&seen, Seq(9)), Some((Met::Object(id), Seq(12))));
        assert!(seen.mentions(id) && !seen.mentions(ObjectId(41)));
    }
}
