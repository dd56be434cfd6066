//! A consistent state of one branch: what every query, rule and run reads.
//!
//! A view may carry a draft's writes; then it shows them. Cost follows the answer: listings and
//! peers are lazy ranges, a value is found through its index where the schema has one.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::schema::{
    Attribute, BranchMode, Cardinality, DisplayLabel, Kind, Path, Relationship, Schema,
};
use model::{BranchId, ObjectId, Seq, Symbol, Timestamp, Value};
use serde_json::Value as Json;
use store::{Key, Space, key};

use crate::branches::{Overlay, kind_in};
use crate::commit::LogEntry;
use crate::counts::Counts;
use crate::database::Compiled;
use crate::error::{BranchError, Violation};
use crate::object::{Edge, Object};
use crate::rows::{Found, Merged, Rows, Wanted};
use crate::schema::{Constraint, Element};
use crate::sight::Sight;

/// A consistent state of one branch.
#[derive(Debug)]
pub struct View {
    pub(crate) rows: Rows,
    pub(crate) branch: BranchId,
    pub(crate) name: Arc<str>,
    /// The branch takes changes.
    pub(crate) is_open: bool,
    pub(crate) compiled: Arc<Compiled>,
    /// The moment this view was opened; what "now" means inside it.
    pub(crate) now: Timestamp,
    pub(crate) counts: Arc<Counts>,
    /// Who looks; whoever may see everything without one.
    pub(crate) sight: Option<Arc<dyn Sight>>,
}

/// What is known of an id.
#[derive(Debug)]
pub(crate) enum Presence<'a> {
    /// There is an object of this kind.
    Here(&'a Arc<Kind>),
    /// There was one.
    Gone,
    /// No row says anything of it.
    Never,
}

impl View {
    /// The schema of the branch at this moment.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.compiled.schema
    }

    /// What was declared, with the ids that later loads may rename by.
    pub fn declared(&self) -> &model::schema::Declared {
        &self.compiled.declared
    }

    /// The branch.
    pub fn branch(&self) -> BranchId {
        self.branch
    }

    /// The name of the branch.
    pub fn branch_name(&self) -> &str {
        &self.name
    }

    /// What a branch is called; a number where it is gone.
    pub fn name_of(&self, branch: BranchId) -> Result<String, BranchError> {
        let name = crate::branches::name_of(&self.rows.snapshot, branch)?;
        Ok(name.unwrap_or_else(|| format!("#{}", branch.0)))
    }

    /// The newest commit this view shows.
    pub fn seq(&self) -> Seq {
        let at = self.rows.overlay.as_ref().and_then(Overlay::at);
        at.unwrap_or_else(|| self.rows.snapshot.seq())
    }

    /// The commit as of which the branch reads main; nothing on main itself.
    pub fn fork(&self) -> Option<Seq> {
        self.rows.overlay.as_ref().and_then(Overlay::fork)
    }

    /// Whether this is how things were: then no index leads to them.
    pub(crate) fn is_past(&self) -> bool {
        self.rows.overlay.as_ref().is_some_and(|overlay| overlay.at().is_some())
    }

    /// The moment this view was opened.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Looks at things without a note in the read set: for what is only told, and decides nothing.
    pub fn quietly<T>(&self, read: impl FnOnce() -> T) -> T {
        self.rows.quietly(read)
    }

    /// Which line of the store holds things of this branch mode.
    pub(crate) fn line(&self, mode: BranchMode) -> BranchId {
        match mode {
            BranchMode::Agnostic => BranchId::GLOBAL,
            BranchMode::Aware | BranchMode::Local => self.branch,
        }
    }

    /// The kind called `name`, or why there is none.
    pub fn kind(&self, name: &str) -> Result<&Arc<Kind>, BranchError> {
        self.schema().kind(name).ok_or_else(|| {
            let names = self.schema().kinds.keys().map(String::as_str);
            let nearest = model::schema::nearest(name, names);
            Violation::UnknownKind { kind: name.to_owned(), nearest }.into()
        })
    }

    /// The kind of an object, without reading the object. Notes only that it exists.
    pub fn kind_of(&self, id: ObjectId) -> Result<Option<Arc<Kind>>, BranchError> {
        Ok(self.kind_at(id)?.cloned())
    }

    /// The same where it is, in the schema: a kind is counted by whoever holds it, and threads that count
    /// the same one wait for each other.
    pub(crate) fn kind_at(&self, id: ObjectId) -> Result<Option<&Arc<Kind>>, BranchError> {
        match self.presence(id)? {
            Presence::Here(kind) => Ok(Some(kind)),
            Presence::Gone | Presence::Never => Ok(None),
        }
    }

    /// Whether there is an object with this id, or was one.
    pub(crate) fn presence(&self, id: ObjectId) -> Result<Presence<'_>, BranchError> {
        let found = match self.rows.found(id) {
            Some(found) => found,
            None => {
                let found = self.look_for(id)?;
                self.rows.note_found(id, found);
                found
            }
        };
        Ok(match found {
            Found::Here(symbol) => {
                let kind = self.schema().by_symbol.get(&symbol);
                kind.map_or(Presence::Gone, Presence::Here)
            }
            Found::Gone => Presence::Gone,
            Found::Never => Presence::Never,
        })
    }

    fn look_for(&self, id: ObjectId) -> Result<Found, BranchError> {
        let mut found = Found::Never;
        for line in [self.branch, BranchId::GLOBAL] {
            let Some(row) = self.rows.get(Space::Kinds, &key::kind_of(line, id))? else { continue };
            found = Found::Gone;
            if let Some((symbol, true)) = kind_in(&row) {
                return Ok(Found::Here(symbol));
            }
        }
        Ok(found)
    }

    /// The object with this id, of whatever kind.
    pub fn object(&self, id: ObjectId) -> Result<Option<Object>, BranchError> {
        match self.kind_at(id)? {
            Some(kind) => self.object_of(kind, id),
            None => Ok(None),
        }
    }

    /// The object with this id, whose concrete kind is known. One read.
    pub fn object_of(&self, kind: &Arc<Kind>, id: ObjectId) -> Result<Option<Object>, BranchError> {
        let key = key::head(self.line(kind.branch), kind.symbol, id);
        match self.rows.get(Space::Heads, &key)? {
            Some(row) => Object::read(id, kind, row),
            None => Ok(None),
        }
    }

    /// All objects of a concrete kind, lazily, in the order of their ids.
    pub fn objects(&self, kind: &Kind) -> Result<Objects<'_>, BranchError> {
        let prefix = key::head_kind_prefix(self.line(kind.branch), kind.symbol);
        let kind = self.schema().by_symbol.get(&kind.symbol).cloned();
        let rows = match &kind {
            Some(_) => Some(self.rows.prefix(Space::Heads, &prefix)?),
            None => None,
        };
        Ok(Objects { kind, rows })
    }

    /// How many objects of a concrete kind there are. On main it is kept: linear in the objects the
    /// first time, then in the commits since it was last asked for. On a branch and in the past it is
    /// linear in the objects.
    pub fn count(&self, kind: &Kind) -> Result<u64, BranchError> {
        let line = self.line(kind.branch);
        let is_shared = line == BranchId::GLOBAL && !self.is_past();
        if self.rows.overlay.is_none() || is_shared {
            let prefix = key::head_kind_prefix(line, kind.symbol);
            let high = key::prefix_end(&prefix);
            self.rows.note_range(Space::Heads, &prefix, &high);
            let stored = self.counts.stored(&self.rows.snapshot, line, kind.symbol)?;
            let pending = self.rows.pending_growth(&prefix, &high)?;
            return Ok(stored.saturating_add_signed(pending));
        }
        let mut count = 0;
        for object in self.objects(kind)? {
            object?;
            count += 1;
        }
        Ok(count)
    }

    /// Whether values of the attribute can be found without reading every object.
    pub fn is_indexed(&self, kind: &Kind, attribute: &Attribute) -> bool {
        !self.is_past()
            && self.compiled.indexes.of(kind.symbol).attributes.contains(&attribute.symbol)
    }

    /// Ids of the objects of a concrete kind with this value, by index where there is one.
    pub fn candidates(
        &self,
        kind: &Kind,
        attribute: &Attribute,
        value: &Value,
    ) -> Result<Vec<ObjectId>, BranchError> {
        if !self.is_indexed(kind, attribute) || value.is_null() {
            return self.scan_for(kind, attribute, value);
        }
        self.in_index(kind, attribute.symbol, &key::index_value(value))
    }

    fn scan_for(
        &self,
        kind: &Kind,
        attribute: &Attribute,
        value: &Value,
    ) -> Result<Vec<ObjectId>, BranchError> {
        let mut found = Vec::new();
        for object in self.objects(kind)? {
            let object = object?;
            if object.attr(attribute).value.to_value().as_ref() == Some(value) {
                found.push(object.id());
            }
        }
        Ok(found)
    }

    pub(crate) fn in_index(
        &self,
        kind: &Kind,
        symbol: Symbol,
        value: &[u8],
    ) -> Result<Vec<ObjectId>, BranchError> {
        let prefix = key::index_value_prefix(self.line(kind.branch), kind.symbol, symbol, value);
        let mut found = Vec::new();
        self.rows.each_below::<BranchError>(Space::Index, &prefix, |id, _| {
            found.push(id);
            Ok(Wanted::More)
        })?;
        Ok(found)
    }

    /// Ids of the objects of a concrete kind in the order of an indexed attribute; objects without
    /// a value are not among them.
    pub fn in_order(
        &self,
        kind: &Kind,
        attribute: &Attribute,
        descending: bool,
    ) -> Result<InOrder<'_>, BranchError> {
        let prefix = key::index_prefix(self.line(kind.branch), kind.symbol, attribute.symbol);
        Ok(InOrder { rows: self.rows.prefix(Space::Index, &prefix)?, descending })
    }

    /// The peers of a relationship, in the order of their ids.
    pub fn peers(&self, id: ObjectId, rel: &Relationship) -> Result<Vec<Edge>, BranchError> {
        let mut edges = Vec::new();
        self.each_peer(id, rel, |edge| edges.push(edge))?;
        Ok(edges)
    }

    /// How many peers of a relationship there are.
    pub(crate) fn peer_count(
        &self,
        id: ObjectId,
        rel: &Relationship,
    ) -> Result<usize, BranchError> {
        let mut count = 0;
        self.each_peer(id, rel, |_edge| count += 1)?;
        Ok(count)
    }

    fn each_peer(
        &self,
        id: ObjectId,
        rel: &Relationship,
        mut each: impl FnMut(Edge),
    ) -> Result<(), BranchError> {
        let prefix = self.edges_prefix(id, rel);
        self.rows.each_below(Space::Edges, &prefix, |peer, row| {
            let Some(edge) = Edge::decode(peer, row)? else { return Ok(Wanted::More) };
            each(edge);
            Ok(match rel.cardinality {
                Cardinality::One => Wanted::NoMore,
                Cardinality::Many => Wanted::More,
            })
        })
    }

    /// The objects that are linked to `peer` through a relationship: its far end, whether the
    /// peer's kind declares one or not.
    pub fn linked_to(
        &self,
        rel: &Relationship,
        peer: ObjectId,
    ) -> Result<Vec<ObjectId>, BranchError> {
        let back = rel.direction.reverse();
        let prefix = key::edge_rel_prefix(self.line(rel.branch), peer, rel.symbol, back);
        let mut objects = Vec::new();
        self.rows.each_below::<BranchError>(Space::Edges, &prefix, |object, row| {
            objects.extend(Edge::decode(object, row)?.map(|_edge| object));
            Ok(Wanted::More)
        })?;
        Ok(objects)
    }

    /// One peer of a relationship, if it is linked.
    pub fn peer(
        &self,
        id: ObjectId,
        rel: &Relationship,
        peer: ObjectId,
    ) -> Result<Option<Edge>, BranchError> {
        let key = key::edge(self.line(rel.branch), id, rel.symbol, rel.direction, peer);
        match self.rows.get(Space::Edges, &key)? {
            Some(row) => Edge::decode(peer, &row),
            None => Ok(None),
        }
    }

    pub(crate) fn edges_prefix(&self, id: ObjectId, rel: &Relationship) -> Key {
        key::edge_rel_prefix(self.line(rel.branch), id, rel.symbol, rel.direction)
    }

    /// The object at the other end of a relationship of cardinality one.
    pub fn one(&self, object: &Object, relationship: &str) -> Result<Option<Object>, BranchError> {
        let Some(rel) = object.kind().relationship(relationship) else {
            return Ok(None);
        };
        match self.peers(object.id(), rel)?.first() {
            Some(edge) => self.object(edge.peer),
            None => Ok(None),
        }
    }

    /// Whether whoever looks may be told of objects of a concrete kind.
    pub fn sees(&self, kind: &Kind) -> bool {
        self.sight.as_ref().is_none_or(|sight| sight.sees(kind, self.branch))
    }

    /// The value a path leads to, for whoever looks: what a peer holds that they may not be told of is an
    /// empty text; nothing where a peer is missing.
    pub fn follow_told(&self, object: &Object, path: &Path) -> Result<Value, BranchError> {
        self.follow_if(object, path, |peer| self.sees(peer))
    }

    /// The value a path leads to, whoever looks.
    pub(crate) fn follow(&self, object: &Object, path: &Path) -> Result<Value, BranchError> {
        self.follow_if(object, path, |_peer| true)
    }

    fn follow_if(
        &self,
        object: &Object,
        path: &Path,
        is_told: impl Fn(&Kind) -> bool,
    ) -> Result<Value, BranchError> {
        let (name, attribute) = match path {
            Path::Attribute { attribute, .. } => return Ok(object.value(attribute)),
            Path::Relationship(name) => (name, None),
            Path::Peer { relationship, attribute, .. } => (relationship, Some(attribute)),
        };
        Ok(match (self.one(object, name)?, attribute) {
            (None, _) => Value::Null,
            (Some(peer), _) if !is_told(peer.kind()) => Value::Text(String::new()),
            (Some(peer), None) => Value::Text(peer.id().to_string()),
            (Some(peer), Some(attribute)) => peer.value(attribute),
        })
    }

    /// The human-friendly id by which an object is found, where the kind has one; whoever looks.
    pub fn hfid(&self, object: &Object) -> Result<Option<Vec<String>>, BranchError> {
        let paths = &object.kind().human_friendly_id;
        let text = |path| Ok(self.follow(object, path)?.to_string());
        (!paths.is_empty()).then(|| paths.iter().map(text).collect()).transpose()
    }

    /// The same as it is told: what peers hold that whoever looks may not be told of is an empty part.
    pub fn hfid_told(&self, object: &Object) -> Result<Option<Vec<String>>, BranchError> {
        let paths = &object.kind().human_friendly_id;
        (!paths.is_empty()).then(|| self.texts(object, paths)).transpose()
    }

    fn texts(&self, object: &Object, paths: &[Path]) -> Result<Vec<String>, BranchError> {
        paths.iter().map(|path| Ok(self.follow_told(object, path)?.to_string())).collect()
    }

    /// How an object is named where it is not asked for itself: its human-friendly id, else its display
    /// label; its id where whoever looks may not be told of it.
    pub fn label(&self, object: &Object) -> Result<String, BranchError> {
        if !self.sees(object.kind()) {
            return Ok(object.id().to_string());
        }
        match self.hfid_told(object)? {
            Some(parts) => Ok(parts.join("/")),
            None => self.display_label(object),
        }
    }

    /// How the object is shown to people, without what its peers hold that whoever looks may not be told
    /// of: such a part is empty.
    pub fn display_label(&self, object: &Object) -> Result<String, BranchError> {
        match &object.kind().display_label {
            Some(DisplayLabel::Paths(paths)) => Ok(self.texts(object, paths)?.join(" ")),
            Some(DisplayLabel::Template(template)) => {
                self.render(object, template, Self::follow_told)
            }
            None => Ok(self.hfid_told(object)?.map_or_else(
                || format!("{}({})", object.kind().name, object.id()),
                |parts| parts.join(" "),
            )),
        }
    }

    /// A template over the object's values and those of its single peers, as they are followed.
    pub(crate) fn render(
        &self,
        object: &Object,
        template: &str,
        follow: impl Fn(&Self, &Object, &Path) -> Result<Value, BranchError>,
    ) -> Result<String, BranchError> {
        let mut values = std::collections::BTreeMap::new();
        for name in model::template::references(template).unwrap_or_default() {
            let value = match crate::schema::path_of(object.kind(), &name) {
                Some(path) => follow(self, object, &path)?,
                None => Value::Null,
            };
            values.insert(name, value);
        }
        model::template::render(template, &values).map_err(|bad| {
            Violation::BadValue {
                kind: object.kind().name.clone(),
                field: "display_label".to_owned(),
                message: bad.to_string(),
            }
            .into()
        })
    }

    /// The object of `kind` (a generic will do) with this human-friendly id.
    pub fn by_hfid(&self, kind: &Kind, parts: &[String]) -> Result<Option<Object>, BranchError> {
        let mut found = Vec::new();
        let schema = Arc::clone(self.schema());
        for concrete in schema.concrete(kind) {
            let Some(parts) = whole(concrete, parts) else { continue };
            for id in self.hfid_candidates(concrete, &parts)? {
                if let Some(object) = self.object_of(concrete, id)?
                    && self.hfid(&object)?.as_deref() == Some(&parts)
                {
                    found.push(object);
                }
            }
        }
        let count = found.len();
        if count > 1 {
            return Err(Violation::Ambiguous {
                kind: kind.name.clone(),
                identifier: parts.join("/"),
                count,
            }
            .into());
        }
        Ok(found.pop())
    }

    fn hfid_candidates(
        &self,
        kind: &Arc<Kind>,
        parts: &[String],
    ) -> Result<BTreeSet<ObjectId>, BranchError> {
        let mut own = Vec::new();
        let mut peers = Vec::new();
        for (path, part) in kind.human_friendly_id.iter().zip(parts) {
            match path {
                Path::Attribute { attribute, .. } => {
                    let Some(attribute) = kind.attribute(attribute) else { continue };
                    let Ok(value) = attribute.parse(&Json::String(part.clone())) else {
                        return Ok(BTreeSet::new());
                    };
                    own.push((attribute, value));
                }
                Path::Peer { relationship, attribute, .. } => {
                    let Some(rel) = kind.relationship(relationship) else { continue };
                    peers.push((rel, self.with_value(&rel.peer, attribute, part)?));
                }
                Path::Relationship(_) => {}
            }
        }
        if let Some(constraint) = self.covering(kind, &own, &peers) {
            return self.constraint_candidates(kind, constraint, &own, &peers);
        }
        if let Some((attribute, value)) = own.first() {
            return Ok(self.candidates(kind, attribute, value)?.into_iter().collect());
        }
        let mut found = BTreeSet::new();
        for (rel, ids) in &peers {
            for id in ids {
                found.extend(self.linked_to(rel, *id)?);
            }
        }
        Ok(found)
    }

    /// Ids of the objects of `kind` (a generic will do) whose attribute reads as `text`.
    fn with_value(
        &self,
        kind: &str,
        attribute: &str,
        text: &str,
    ) -> Result<Vec<ObjectId>, BranchError> {
        let mut ids = Vec::new();
        let schema = Arc::clone(self.schema());
        let Some(kind) = schema.kind(kind) else { return Ok(ids) };
        for concrete in schema.concrete(kind) {
            if let Some(attribute) = concrete.attribute(attribute)
                && let Ok(value) = attribute.parse(&Json::String(text.to_owned()))
            {
                ids.extend(self.candidates(concrete, attribute, &value)?);
            }
        }
        Ok(ids)
    }

    /// A uniqueness constraint whose every element the human-friendly id gives.
    fn covering(
        &self,
        kind: &Kind,
        own: &[(&Attribute, Value)],
        peers: &[(&Relationship, Vec<ObjectId>)],
    ) -> Option<&Constraint> {
        let constraints = &self.compiled.indexes.of(kind.symbol).constraints;
        constraints.iter().filter(|_| !self.is_past()).find(|constraint| {
            constraint.has_index()
                && constraint.elements.iter().all(|element| match element {
                    Element::Attribute(name) => own.iter().any(|(own, _)| own.name == *name),
                    Element::Relationship(name) => peers.iter().any(|(rel, _)| rel.name == *name),
                })
        })
    }

    fn constraint_candidates(
        &self,
        kind: &Kind,
        constraint: &Constraint,
        own: &[(&Attribute, Value)],
        peers: &[(&Relationship, Vec<ObjectId>)],
    ) -> Result<BTreeSet<ObjectId>, BranchError> {
        let mut keys = vec![Vec::new()];
        for element in &constraint.elements {
            match element {
                Element::Attribute(name) => {
                    let value = own.iter().find(|(own, _)| own.name == *name);
                    let value = value.map_or(Value::Null, |(_, value)| value.clone());
                    keys.iter_mut()
                        .for_each(|key| key.extend_from_slice(&key::index_value(&value)));
                }
                Element::Relationship(name) => {
                    let ids = peers.iter().find(|(rel, _)| rel.name == *name);
                    let ids = ids.map(|(_, ids)| ids.as_slice()).unwrap_or_default();
                    keys = ids
                        .iter()
                        .flat_map(|id| {
                            keys.iter().map(move |key| [key, &id.0.to_be_bytes()[..]].concat())
                        })
                        .collect();
                }
            }
        }
        let mut found = BTreeSet::new();
        for key in keys {
            found.extend(self.in_index(kind, constraint.symbol, &key)?);
        }
        Ok(found)
    }

    /// When a commit was made; the moment of the view for what is not committed yet.
    pub fn committed_at(&self, seq: Seq) -> Result<Timestamp, BranchError> {
        if seq == Seq(0) {
            return Ok(self.now);
        }
        let damaged = || BranchError::Damaged { what: format!("log entry {seq}") };
        match self.rows.peek(Space::Log, &key::log(seq))? {
            Some(row) => LogEntry::moment(&row).ok_or_else(damaged),
            None => Ok(Timestamp(0)),
        }
    }

    /// What the log says of a commit. Not noted as read: the log never changes. One read.
    pub fn log_entry(&self, seq: Seq) -> Result<Option<LogEntry>, BranchError> {
        let damaged = || BranchError::Damaged { what: format!("log entry {seq}") };
        let row = self.rows.peek(Space::Log, &key::log(seq))?;
        row.map(|row| LogEntry::decode(&row).ok_or_else(damaged)).transpose()
    }
}

/// The human-friendly id in full: an IP object named without its namespace is of the default one.
fn whole(kind: &Kind, parts: &[String]) -> Option<Vec<String>> {
    let mut parts = parts.to_vec();
    if let Some(Path::Peer { relationship, .. }) = kind.human_friendly_id.get(parts.len())
        && relationship == "ip_namespace"
    {
        parts.push("default".to_owned());
    }
    (parts.len() == kind.human_friendly_id.len()).then_some(parts)
}

/// The object id at the end of an edge or index key.
pub(crate) fn object_at_end(key: &[u8]) -> Result<ObjectId, BranchError> {
    let damaged = || BranchError::Damaged { what: "a key without an object id".to_owned() };
    key::object_at_end(key).ok_or_else(damaged)
}

/// The objects of one kind, lazily.
#[derive(Debug)]
pub struct Objects<'a> {
    kind: Option<Arc<Kind>>,
    rows: Option<Merged<'a>>,
}

impl Objects<'_> {
    fn read(&self, row: crate::rows::KeyRow) -> Result<Option<Object>, BranchError> {
        let (key, row) = row?;
        match &self.kind {
            Some(kind) => Object::read(object_at_end(&key)?, kind, row),
            None => Ok(None),
        }
    }
}

impl Iterator for Objects<'_> {
    type Item = Result<Object, BranchError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let row = self.rows.as_mut()?.next()?;
            if let Some(object) = self.read(row).transpose() {
                return Some(object);
            }
        }
    }
}

impl DoubleEndedIterator for Objects<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            let row = self.rows.as_mut()?.next_back()?;
            if let Some(object) = self.read(row).transpose() {
                return Some(object);
            }
        }
    }
}

/// Ids in the order of an attribute, lazily.
#[derive(Debug)]
pub struct InOrder<'a> {
    rows: Merged<'a>,
    descending: bool,
}

impl Iterator for InOrder<'_> {
    type Item = Result<ObjectId, BranchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = if self.descending { self.rows.next_back() } else { self.rows.next() }?;
        Some(row.map_err(BranchError::from).and_then(|(key, _)| object_at_end(&key)))
    }
}
