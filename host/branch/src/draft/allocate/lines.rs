//! The lines of the store that carry what pools count: main, what all branches share, and what each
//! open branch has of its own; and the values that their objects take.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use model::schema::{Attribute, BranchMode, Kind};
use model::{BranchId, ObjectId, Seq, Symbol, Value};
use store::{Snapshot, Space, key};

use crate::branches::BranchFault;
use crate::commit::LogEntry;
use crate::database::Database;
use crate::draft::allocate::scope::{Desk, scope_of};
use crate::draft::allocate::shelf::Stretch;
use crate::error::BranchError;
use crate::object::Object;
use crate::rows::Track;
use crate::view::View;

/// The way an object takes part in a pool.
pub(super) enum Part {
    Numbers(Vec<(Arc<Kind>, Attribute)>),
    Prefixes,
    Addresses,
}

impl Part {
    pub(super) fn of(view: &View, pool: &Object) -> Self {
        match pool.kind().name.as_str() {
            "CoreNumberPool" => Self::Numbers(view.numbered(pool)),
            "CoreIPPrefixPool" => Self::Prefixes,
            // A prefix serves as a pool of addresses.
            _ => Self::Addresses,
        }
    }

    /// Whether objects of a kind can take part.
    pub(super) fn concerns(&self, view: &View, symbol: Symbol) -> bool {
        match self {
            Self::Numbers(kinds) => kinds.iter().any(|(kind, _)| kind.symbol == symbol),
            Self::Prefixes => is_a(view, symbol, "BuiltinIPPrefix"),
            Self::Addresses => is_a(view, symbol, "BuiltinIPAddress"),
        }
    }

    /// The kinds whose objects can take part.
    pub(super) fn kinds(&self, view: &View) -> Vec<Arc<Kind>> {
        match self {
            Self::Numbers(kinds) => kinds.iter().map(|(kind, _)| Arc::clone(kind)).collect(),
            Self::Prefixes => view.ip_kinds("BuiltinIPPrefix"),
            Self::Addresses => view.ip_kinds("BuiltinIPAddress"),
        }
    }

    /// The value that makes an object take part.
    pub(super) fn value(&self, object: &Object) -> Option<Value> {
        let value = match self {
            Self::Numbers(kinds) => {
                let found = kinds.iter().find(|(kind, _)| kind.symbol == object.kind().symbol);
                object.value(&found?.1.name)
            }
            Self::Prefixes => object.value("prefix"),
            Self::Addresses => object.value("address"),
        };
        (value != Value::Null).then_some(value)
    }

    /// What an object takes of the space, wherever that is.
    pub(super) fn stretch(&self, object: &Object) -> Option<Stretch> {
        Stretch::of(&self.value(object)?)
    }
}

fn is_a(view: &View, symbol: Symbol, generic: &str) -> bool {
    let schema = view.schema();
    schema.by_symbol.get(&symbol).is_some_and(|kind| schema.is_a(kind, generic))
}

/// A view of a line: the one that is asked from, or one opened for this.
enum Seen<'a> {
    Here(&'a View),
    Opened(Box<View>),
}

/// One line, with the way its objects take part in the pool.
pub(super) struct Line<'a> {
    view: Seen<'a>,
    pub(super) part: Part,
}

impl Deref for Line<'_> {
    type Target = View;

    fn deref(&self) -> &View {
        match &self.view {
            Seen::Here(view) => view,
            Seen::Opened(view) => view,
        }
    }
}

/// All lines as one snapshot has them, as far as they are asked for.
pub(super) struct Lines<'a> {
    database: &'a Database,
    pub(super) desk: &'a Desk,
    /// The branch that is drawn on, as it is seen there.
    pub(super) here: &'a View,
    open: BTreeMap<BranchId, Option<Rc<Line<'a>>>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(database: &'a Database, desk: &'a Desk, here: &'a View) -> Self {
        Self { database, desk, here, open: BTreeMap::new() }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.here.rows.snapshot.clone()
    }

    /// The newest commit they show.
    pub(super) fn seq(&self) -> Seq {
        self.here.seq()
    }

    /// A line; nothing where the branch is gone or merged: then what it has counts no more.
    pub(super) fn line(&mut self, branch: BranchId) -> Result<Option<Rc<Line<'a>>>, BranchError> {
        if let Some(known) = self.open.get(&branch) {
            return Ok(known.clone());
        }
        let view = if branch == self.here.branch {
            Some(Seen::Here(self.here))
        } else {
            match self.database.view_over(self.snapshot(), branch, None, Track::Nothing) {
                Ok(view) => Some(Seen::Opened(Box::new(view))),
                Err(BranchError::Branch(BranchFault::NotFound { .. })) => None,
                Err(failed) => return Err(failed),
            }
        };
        let line = view.map(|view| {
            let of = match &view {
                Seen::Here(view) => view,
                Seen::Opened(view) => &**view,
            };
            let part = Part::of(of, &self.desk.pool);
            Rc::new(Line { view, part })
        });
        let line = line.filter(|line| line.is_open);
        self.open.insert(branch, line.clone());
        Ok(line)
    }

    /// The branches whose own rows count, main first. Linear in the branches there are.
    pub(super) fn all(&self) -> Result<Vec<BranchId>, BranchError> {
        let mut all = crate::branches::open_branches(&self.here.rows.snapshot)?;
        all.retain(|branch| *branch != BranchId::MAIN);
        all.insert(0, BranchId::MAIN);
        Ok(all)
    }

    /// Goes through the commits after one, in their order.
    pub(super) fn each_commit(
        &mut self,
        after: Seq,
        mut each: impl FnMut(&mut Self, &LogEntry) -> Result<(), BranchError>,
    ) -> Result<(), BranchError> {
        let snapshot = self.snapshot();
        let (from, to) = (key::log(Seq(after.0 + 1)), key::log(Seq(self.seq().0 + 1)));
        for row in snapshot.range(Space::Log, &from, &to)? {
            let (_, row) = row?;
            let entry = LogEntry::decode(&row).ok_or_else(|| BranchError::Damaged {
                what: "a row of the commit log".to_owned(),
            })?;
            each(self, &entry)?;
        }
        Ok(())
    }
}

impl Line<'_> {
    /// Whether the line itself says something of an object: main and what all share always do, a branch
    /// where it has a version of its own, or a link that decides in which space the object counts.
    pub(super) fn has_own(
        &self,
        desk: &Desk,
        kind: Symbol,
        id: ObjectId,
    ) -> Result<bool, BranchError> {
        let Some(kind) = self.schema().by_symbol.get(&kind) else { return Ok(false) };
        if self.branch == BranchId::MAIN || kind.branch == BranchMode::Agnostic {
            return Ok(true);
        }
        let head = key::head(self.branch, kind.symbol, id);
        if self.rows.has_own(Space::Heads, &head)? {
            return Ok(true);
        }
        for name in self.deciding(desk) {
            let Some(rel) = kind.relationship(&name) else { continue };
            if rel.branch != BranchMode::Agnostic
                && self.rows.own_keys(Space::Edges, &self.edges_prefix(id, rel))?.next().is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The links that decide in which space an object counts.
    fn deciding(&self, desk: &Desk) -> Vec<String> {
        match self.part {
            Part::Numbers(_) => scope_of(&desk.pool),
            Part::Prefixes | Part::Addresses => vec!["ip_namespace".to_owned()],
        }
    }

    /// The objects of which a branch says something itself and that can take part. Linear in what the
    /// branch changed. What kinds that main does not have share over all branches is among them.
    pub(super) fn own(
        &self,
        desk: &Desk,
        main: &Line<'_>,
    ) -> Result<BTreeSet<(Symbol, ObjectId)>, BranchError> {
        let mut own = BTreeSet::new();
        let kinds = self.part.kinds(self);
        let mut links = BTreeSet::new();
        for kind in &kinds {
            if kind.branch == BranchMode::Agnostic && main.part.concerns(main, kind.symbol) {
                continue;
            }
            let prefix = key::head_kind_prefix(self.line(kind.branch), kind.symbol);
            for key in self.rows.own_keys(Space::Heads, &prefix)? {
                own.insert((kind.symbol, crate::view::object_at_end(&key?)?));
            }
            let rels = self.deciding(desk);
            let rels = rels.iter().filter_map(|name| kind.relationship(name));
            links.extend(rels.map(|rel| rel.symbol));
        }
        if links.is_empty() {
            return Ok(own);
        }
        for key in self.rows.own_keys(Space::Edges, &key::branch(self.branch))? {
            let key = key?;
            let Some(edge) =
                key::parse_edge(&key).filter(|edge| links.contains(&edge.relationship))
            else {
                continue;
            };
            if let Some(kind) = self.kind_of(edge.object)?
                && self.part.concerns(self, kind.symbol)
            {
                own.insert((kind.symbol, edge.object));
            }
        }
        Ok(own)
    }
}
