//! Pending changes over a view: what every change in the system is made of.
//!
//! Verbs here keep rows consistent among themselves at once (both ends of an edge, every index), so
//! that the draft can be queried at any moment. Rules that need the whole draft (mandatory links,
//! uniqueness, computed values, the IP hierarchy) are settled in `finish`.

mod allocate;
mod claim;
mod common;
mod compute;
mod convert;
mod delete;
mod finish;
mod index;
mod input;
mod ipam;
mod json;
mod ledger;
mod link;
mod password;
mod pool_rules;
mod profile;
mod revert;
mod template;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use model::schema::{Attribute, AttributeKind, Category, Kind};
use model::{ObjectId, Seq, Value};
use store::{Key, Space, key};

use crate::branches::kind_row;
use crate::commit::Author;
use crate::database::{Database, Environment};
use crate::error::{BranchError, Violation};
use crate::object::{Object, PAYLOAD_AT, TOMBSTONE, stamp, stamped};
use crate::record::{Attr, Attrs, Record};
use crate::rows::RowBytes;
use crate::schema::Facts;
use crate::view::{Presence, View};

pub use allocate::{
    BLOCK_MAX, CELLS_MAX, Cell, FORECAST_MAX, Forecast, Gone, Granted, Held, IDENTIFIER_BYTES_MAX,
    IdentifiedBy, Kept, Picture, PoolAlert, PoolRequest, PoolUse, REASON_BYTES_MAX, ResourceUse,
    Want,
};
pub use claim::{Claim, ClaimedPeer};
pub use convert::{Converted, Fill};
pub use input::{AttrInput, FromPool, Given, Input, PeerInput, PeerRef, RelInput};
pub use ledger::{Ledger, LedgerOrder, LedgerRow};
pub use password::{PASSWORD_BYTES_MAX, is_password};
pub use revert::{Blocker, RevertError};

pub(crate) use allocate::{Books, Forks, Leased, drawn};
pub(crate) use index::constraint_keys;
pub(crate) use link::far_end;
pub(crate) use pool_rules::check_exclusions;

/// Pending changes over a view. Dereferences to the view, which shows them.
#[derive(Debug)]
pub struct Draft {
    pub(crate) view: View,
    author: Author,
    environment: Environment,
    /// The object whose constraints wait until it is whole.
    making: Option<ObjectId>,
    database: Database,
    leases: Leased,
    /// Rows are written and taken away as they are: nothing is kept of what was before.
    bare: bool,
    /// The objects touched as of so many writes.
    touched: RefCell<(u64, Arc<[ObjectId]>)>,
}

impl Deref for Draft {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

/// Something that is done whole or not at all, under way.
#[derive(Debug)]
#[must_use = "end it"]
pub struct Attempt(crate::rows::Mark, allocate::LeaseMark);

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succeeded {
    /// What it wrote stays.
    Yes,
    /// What it wrote is taken back.
    No,
}

impl<T, E> From<&Result<T, E>> for Succeeded {
    fn from(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Yes } else { Self::No }
    }
}

/// What `upsert` and its relatives did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The object is new.
    Created,
    /// Something about it changed.
    Updated,
    /// It was so already.
    Unchanged,
}

impl Outcome {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Draft {
    pub(crate) fn over(view: View, author: Author, database: Database) -> Self {
        let environment = database.environment().clone();
        let leases = Leased::default();
        let touched = RefCell::default();
        Self { view, author, environment, making: None, database, leases, bare: false, touched }
    }

    /// Who the changes are attributed to.
    pub fn author(&self) -> Author {
        self.author
    }

    /// The state with the pending changes in it.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// What the draft holds of pools; all else of it goes.
    pub(crate) fn into_leases(self) -> Leased {
        self.leases
    }

    /// Whether nothing is pending.
    pub fn is_clean(&self) -> bool {
        self.view.rows.is_clean()
    }

    /// Looks at things of which no change in the meantime matters.
    pub fn looking<T>(&self, look: impl FnOnce() -> T) -> T {
        self.view.rows.quietly(look)
    }

    /// From here on what is pending counts as there: what comes next is told apart from it, as if it had
    /// been committed. Such a draft looks ahead, and is never committed.
    pub fn go_ahead(&mut self) {
        self.view.rows.go_ahead();
    }

    /// Begins something that is done whole or not at all.
    pub fn begin(&mut self) -> Attempt {
        Attempt(self.view.rows.mark(), self.leases.mark())
    }

    /// Ends it: what was written since stays, or is taken back.
    pub fn end(&mut self, attempt: Attempt, succeeded: Succeeded) {
        match succeeded {
            Succeeded::Yes => self.view.rows.keep(attempt.0),
            Succeeded::No => {
                self.view.rows.back_to(attempt.0);
                self.leases.back_to(&attempt.1);
            }
        }
        self.making = None;
    }

    /// The concrete kind called `name`.
    fn concrete(&self, name: &str) -> Result<Arc<Kind>, BranchError> {
        let kind = Arc::clone(self.view.kind(name)?);
        if kind.category == Category::Generic {
            return Err(Violation::NotConcrete {
                kind: kind.name.clone(),
                kinds: kind.used_by.clone(),
            }
            .into());
        }
        Ok(kind)
    }

    /// Makes an object of a concrete kind. Without an id it gets a time-ordered one.
    pub fn create(
        &mut self,
        kind: &str,
        id: Option<ObjectId>,
        input: Input,
    ) -> Result<ObjectId, BranchError> {
        let kind = self.concrete(kind)?;
        let id = id.unwrap_or_else(|| self.environment.ids.next_id(self.view.now));
        match self.view.presence(id)? {
            Presence::Here(there) => {
                return Err(Violation::Exists { object: id, kind: there.name.clone() }.into());
            }
            Presence::Gone => {}
            Presence::Never => self.view.rows.note_fresh(id),
        }
        self.check_names(&kind, &input)?;
        let input = self.with_namespace(&kind, input)?;
        let pattern = self.template_of(&kind, &input)?;
        let input = match &pattern {
            Some(pattern) => self.filled_from(&kind, pattern, input)?,
            None => input,
        };
        let outer = self.making.replace(id);
        let made = self.make(&kind, id, input);
        self.making = outer;
        made?;
        self.index_constraints(&kind, id, &BTreeMap::new())?;
        if let Some(pattern) = pattern {
            self.components_from(&kind, id, &pattern)?;
        }
        Ok(id)
    }

    fn make(&mut self, kind: &Arc<Kind>, id: ObjectId, input: Input) -> Result<(), BranchError> {
        let mut record = Record {
            created: Seq(0),
            created_by: self.author.0,
            updated_by: self.author.0,
            attrs: Attrs::with_room(kind.attributes.len()),
        };
        let mut pooled = Vec::new();
        for attribute in &kind.attributes {
            match input.attrs.get(&attribute.name) {
                Some(given) if given.from_pool.is_some() => {
                    pooled.push((attribute.clone(), given.clone()));
                }
                Some(given) => {
                    let attr = self.attr_from(kind, attribute, given, None)?;
                    record.attrs.insert(attribute.symbol, attr);
                }
                None if draws(kind, attribute) => {
                    let pool = attribute.parameters.number_pool.clone().unwrap_or_default();
                    let from_pool = FromPool { pool, ..FromPool::default() };
                    pooled.push((attribute.clone(), AttrInput::from_pool(from_pool)));
                }
                None => {
                    if let Some(default) = &attribute.default {
                        let attr = Attr { is_default: true, ..Attr::plain(default.clone()) };
                        record.attrs.insert(attribute.symbol, attr);
                    }
                }
            }
        }
        let line = self.view.line(kind.branch);
        let row = kind_row(kind.symbol, 0);
        self.view.rows.write(Space::Kinds, key::kind_of(line, id), Some(row))?;
        self.write_record(kind, id, None, &record)?;
        self.link_input(kind, id, &input)?;
        for (attribute, given) in pooled {
            self.set_pooled(kind, id, &attribute, &given)?;
        }
        Ok(())
    }

    /// Changes attributes and relationships of an object. A relationship that is given is replaced
    /// as a whole; what is not mentioned stays.
    pub fn update(&mut self, id: ObjectId, input: Input) -> Result<Outcome, BranchError> {
        let object = self.must_exist(id)?;
        let kind = Arc::clone(object.kind());
        self.check_names(&kind, &input)?;
        let before = object.record()?;
        let had = self.constraint_keys(&kind, id)?;
        let mut record = before.clone();
        let mut pooled = Vec::new();
        for (name, given) in &input.attrs {
            let Some(attribute) = kind.attribute(name) else { continue };
            if given.from_pool.is_some() {
                pooled.push((attribute.clone(), given.clone()));
                continue;
            }
            let old = record.attrs.get(&attribute.symbol).cloned();
            self.check_protection(&kind, id, attribute, old.as_ref(), given)?;
            let new = self.attr_from(&kind, attribute, given, old.as_ref())?;
            match old {
                Some(old) if old.same_as(&new) => {}
                None if new.value.is_null() && new.same_as(&Attr::plain(Value::Null)) => {}
                old => {
                    // A value that changes goes back to its pool, and so does one that stays but no
                    // longer comes from there.
                    if let Some(old) = old
                        && (old.value != new.value || old.source != new.source)
                    {
                        self.release_value(old.source, &old.value, Some(&object))?;
                    }
                    record.attrs.insert(attribute.symbol, new);
                }
            }
        }
        let mut outcome = Outcome::Unchanged;
        if record.attrs != before.attrs {
            record.updated_by = self.author.0;
            self.write_record(&kind, id, Some(&before), &record)?;
            outcome = Outcome::Updated;
        }
        let outer = self.making.replace(id);
        let linked = self.link_input(&kind, id, &input);
        self.making = outer;
        if linked? {
            outcome = Outcome::Updated;
        }
        for (attribute, given) in pooled {
            if self.set_pooled(&kind, id, &attribute, &given)? {
                outcome = Outcome::Updated;
            }
        }
        self.index_constraints(&kind, id, &had)?;
        Ok(outcome)
    }

    /// Updates the object that the input describes, or makes it: found by id, else by its
    /// human-friendly id, else by a uniqueness constraint the input gives in full.
    pub fn upsert(
        &mut self,
        kind: &str,
        id: Option<ObjectId>,
        input: Input,
    ) -> Result<(ObjectId, Outcome), BranchError> {
        let kind = self.concrete(kind)?;
        self.check_names(&kind, &input)?;
        let found = match id {
            Some(id) => self.view.object(id)?.map(|object| object.id()),
            None => self.described(&kind, &input)?,
        };
        match found {
            Some(id) => self.update(id, input).map(|outcome| (id, outcome)),
            None => self.create(&kind.name, id, input).map(|id| (id, Outcome::Created)),
        }
    }

    /// The object, or the error that says it is not there.
    pub fn must_exist(&self, id: ObjectId) -> Result<Object, BranchError> {
        self.view.object(id)?.ok_or_else(|| {
            Violation::NotFound { kind: "CoreNode".to_owned(), identifier: id.to_string() }.into()
        })
    }

    fn check_names(&self, kind: &Kind, input: &Input) -> Result<(), BranchError> {
        let attrs = input.attrs.keys().filter(|name| kind.attribute(name).is_none());
        let rels = input.rels.keys().filter(|name| kind.relationship(name).is_none());
        if let Some(field) = attrs.chain(rels).next() {
            let names = kind.attributes.iter().map(|attribute| attribute.name.as_str());
            let rels = kind.relationships.iter().map(|rel| rel.name.as_str());
            let nearest = model::schema::nearest(field, names.chain(rels));
            let (kind, field) = (kind.name.clone(), field.clone());
            return Err(Violation::UnknownField { kind, field, nearest }.into());
        }
        Ok(())
    }

    fn check_protection(
        &self,
        kind: &Kind,
        id: ObjectId,
        attribute: &Attribute,
        old: Option<&Attr>,
        given: &AttrInput,
    ) -> Result<(), BranchError> {
        let Some(old) = old.filter(|old| old.is_protected) else { return Ok(()) };
        if given.by_host || old.owner.is_none() || old.owner == Some(self.author.0) {
            return Ok(());
        }
        Err(Violation::Protected {
            kind: kind.name.clone(),
            field: attribute.name.clone(),
            object: id,
            owner: old.owner.map(|owner| owner.to_string()).unwrap_or_default(),
        }
        .into())
    }

    fn is_pool(&self, id: Option<ObjectId>) -> Result<bool, BranchError> {
        let Some(kind) = id.map(|id| self.view.kind_of(id)).transpose()?.flatten() else {
            return Ok(false);
        };
        Ok(kind.generics.iter().any(|generic| generic == "CoreResourcePool"))
    }

    /// The attribute as the input wants it, checked against the schema.
    fn attr_from(
        &self,
        kind: &Kind,
        attribute: &Attribute,
        given: &AttrInput,
        old: Option<&Attr>,
    ) -> Result<Attr, BranchError> {
        let closed = attribute.read_only || attribute.computed.is_some();
        if closed && !given.by_host && attribute.kind != AttributeKind::NumberPool {
            let (kind, field) = (kind.name.clone(), attribute.name.clone());
            return Err(Violation::ReadOnly { kind, field }.into());
        }
        let mut attr = old.cloned().unwrap_or_else(|| Attr::plain(Value::Null));
        attr.changed = Seq(0);
        if given.is_default == Some(true) {
            attr.value = attribute.default.clone().unwrap_or(Value::Null);
            attr.is_default = true;
            attr.source = None;
        } else if let Some(value) = &given.value {
            let value = match value {
                Given::Json(json) => attribute.parse(json),
                Given::Value(value) => attribute.validate(value).map(|()| value.clone()),
            };
            let value = value.map_err(|bad| Violation::of_value(&kind.name, &bad))?;
            let value = self.kept(attribute, value, &attr.value).map_err(|message| {
                let (kind, field) = (kind.name.clone(), attribute.name.clone());
                Violation::BadValue { kind, field, message }
            })?;
            if value != attr.value {
                attr.source = None;
            }
            attr.is_default = false;
            attr.is_from_profile = false;
            attr.value = value;
        }
        if let Some(protected) = given.is_protected {
            attr.is_protected = protected;
        }
        if let Some(source) = given.source {
            attr.source = source;
        } else if given.detach && self.is_pool(attr.source)? {
            attr.source = None;
        }
        if let Some(owner) = given.owner {
            attr.owner = owner;
        }
        Ok(attr)
    }

    /// Writes a version of an object with the index rows of its attributes.
    pub(crate) fn write_record(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        before: Option<&Record>,
        record: &Record,
    ) -> Result<(), BranchError> {
        self.index_attributes(kind, id, before, Some(record))?;
        self.note_for_pools(kind, id, before, record);
        let key = key::head(self.view.line(kind.branch), kind.symbol, id);
        let row = match self.as_it_was(&key, record)? {
            Some(row) => row,
            None => stamped(0, &record.encode()),
        };
        self.view.rows.write(Space::Heads, key, Some(row))?;
        Ok(())
    }

    /// The stored version, where the draft wrote another one and this one says the same as what is stored:
    /// what changed there and back was not changed.
    fn as_it_was(&self, key: &[u8], record: &Record) -> Result<Option<RowBytes>, BranchError> {
        if !self.view.rows.is_pending(Space::Heads, key) {
            return Ok(None);
        }
        let Some(row) = self.view.rows.replaced(Space::Heads, key)? else { return Ok(None) };
        let stored = stamp(&row).and_then(|(seq, _)| Record::decode(row.get(PAYLOAD_AT..)?, seq));
        let same = stored.is_some_and(|stored| {
            stored.attrs.len() == record.attrs.len()
                && stored.attrs.iter().all(|(symbol, was)| {
                    let now = record.attrs.get(symbol);
                    now.is_some_and(|now| Attr { changed: was.changed, ..now.clone() } == *was)
                })
        });
        Ok(same.then(|| RowBytes::from(&*row)))
    }

    /// Pools are told of what may take a value of theirs, and of changes to themselves.
    fn note_for_pools(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        before: Option<&Record>,
        record: &Record,
    ) {
        let facts = self.facts(kind);
        let moved = |name: &str| {
            kind.attribute(name).is_some_and(|attribute| {
                let value = |record: &Record| {
                    record.attrs.get(&attribute.symbol).map(|attr| attr.value.clone())
                };
                before.is_some_and(|before| value(before) != value(record))
            })
        };
        let weighed = ["prefix", "is_pool", "allocation_weight"];
        if facts.is_pool
            || kind.name == "CoreNumberPoolRange"
            || (facts.is_prefix && weighed.into_iter().any(moved))
        {
            self.leases.note_pool_changed();
        }
        self.note_if_it_takes(kind, id);
    }

    /// What things mean is another thing in this draft than for everybody: so are its pools.
    pub(crate) fn note_schema_changed(&mut self) {
        self.leases.note_pool_changed();
    }

    /// Notes an object of a kind that can take something of a pool.
    fn note_if_it_takes(&mut self, kind: &Kind, id: ObjectId) {
        if self.facts(kind).takes {
            self.leases.note_written(id, kind.symbol);
        }
    }

    /// What is asked of a kind for every object of it.
    fn facts(&self, kind: &Kind) -> Facts {
        self.view.compiled.indexes.of(kind.symbol).facts
    }

    /// Takes an object's own rows away; its edges must be gone already.
    fn bury(&mut self, object: &Object) -> Result<(), BranchError> {
        let kind = Arc::clone(object.kind());
        self.leases.note_written(object.id(), kind.symbol);
        let record = object.record()?;
        self.index_attributes(&kind, object.id(), Some(&record), None)?;
        let line = self.view.line(kind.branch);
        let key = key::head(line, kind.symbol, object.id());
        // What was never stored leaves no tombstone. What was keeps its kind: a branch that forked
        // earlier still finds it.
        let stored = self.view.rows.replaced(Space::Heads, &key)?.is_some();
        let gone = stored.then(|| kind_row(kind.symbol, TOMBSTONE));
        self.view.rows.write(Space::Kinds, key::kind_of(line, object.id()), gone)?;
        let row = stored.then(|| stamped(TOMBSTONE, &[]));
        self.view.rows.write(Space::Heads, key, row)?;
        Ok(())
    }

    /// Writes a row that only the store's layout gives a meaning.
    pub(crate) fn put_row(
        &mut self,
        space: Space,
        key: impl Into<Key>,
        value: impl Into<RowBytes>,
    ) -> Result<(), BranchError> {
        Ok(self.view.rows.write(space, key.into(), Some(value.into()))?)
    }

    /// Takes a row away that only the store's layout gives a meaning.
    pub(crate) fn take_row(
        &mut self,
        space: Space,
        key: impl Into<Key>,
    ) -> Result<(), BranchError> {
        Ok(self.view.rows.write(space, key.into(), None)?)
    }

    /// From here on rows are written and taken away as they are, without history and without a word
    /// in the log on what changed: for what is no change of objects.
    pub(crate) fn make_bare(&mut self) {
        self.bare = true;
    }

    pub(crate) fn is_bare(&self) -> bool {
        self.bare
    }

    pub(crate) fn label_of(&self, object: &Object) -> Result<String, BranchError> {
        self.view.label(object)
    }

    /// The kind of an object that is there, or was before this draft.
    pub(crate) fn kind_then_or_now(&self, id: ObjectId) -> Result<Option<Arc<Kind>>, BranchError> {
        if let Some(kind) = self.view.kind_of(id)? {
            return Ok(Some(kind));
        }
        self.view.rows.before(|| self.view.kind_of(id))
    }

    /// How an object that is there, or was before this draft, is shown to people.
    pub(crate) fn label_then_or_now(&self, id: ObjectId) -> Result<String, BranchError> {
        if let Some(object) = self.view.object(id)? {
            return self.label_of(&object);
        }
        self.view.rows.before(|| match self.view.object(id)? {
            Some(object) => self.label_of(&object),
            None => Ok(id.to_string()),
        })
    }

    /// Takes peers away from a relationship by name.
    pub fn remove_links(
        &mut self,
        id: ObjectId,
        relationship: &str,
        peers: Vec<PeerInput>,
    ) -> Result<bool, BranchError> {
        let mut input = Input::default();
        input.rels.insert(relationship.to_owned(), RelInput::Remove(peers));
        self.update(id, input).map(|outcome| outcome == Outcome::Updated)
    }
}

/// Whether a new object's attribute is filled from a pool when nobody sets it.
pub(crate) fn draws(kind: &Kind, attribute: &Attribute) -> bool {
    attribute.parameters.number_pool.is_some() && kind.category == Category::Node
}
