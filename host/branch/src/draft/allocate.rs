//! Drawing from pools inside a draft.
//!
//! A value is free when no reservation, no object of any making and no run in flight has it. The
//! chosen value is guarded by its own row alone, so that two runs that draw from one pool at once
//! do not stand in each other's way; a lease keeps them from choosing the same one. What a draft gives
//! back is free once it is committed.

mod book;
mod number;
mod reserve;
mod space;
mod told;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use model::schema::{Attribute, Kind, Relationship};
use model::{ObjectId, Value};
use serde_json::Value as Json;

use crate::draft::{AttrInput, Draft, FromPool, Input, PeerInput};
use crate::error::{BranchError, Violation};
use crate::object::Object;

use book::Book;

pub(crate) use book::Books;
pub(super) use number::{NumberRange, number_at};
pub use told::{Held, PoolUse, ResourceUse};

/// What one draft holds of pools; given back when it goes, committed or not. Once committed, the
/// reservation itself keeps others away.
#[derive(Debug, Default)]
pub(super) struct Leased {
    mine: Vec<(Arc<Mutex<Book>>, u128)>,
    /// Objects the draft wrote that may take part in a pool.
    written: Vec<ObjectId>,
    /// How many of them a pool has seen.
    seen: BTreeMap<ObjectId, usize>,
    /// The draft changes pools themselves: what is known to all does not hold in it.
    changes_pools: bool,
    /// Books of its own, where it does.
    own: BTreeMap<ObjectId, Arc<Mutex<Book>>>,
}

impl Leased {
    fn keep(&mut self, book: &Arc<Mutex<Book>>, low: u128) {
        self.mine.push((Arc::clone(book), low));
    }

    /// An object is written that a pool may have to know of.
    pub(super) fn note_written(&mut self, id: ObjectId) {
        self.written.push(id);
    }

    /// A pool, or what it draws from, is changed by this draft.
    pub(super) fn note_pool_changed(&mut self) {
        self.changes_pools = true;
        self.own.clear();
        self.seen.clear();
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        for (book, low) in &self.mine {
            book::open(book).end_lease(*low);
        }
    }
}

/// What is asked of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// A number.
    Number,
    /// A prefix.
    Prefix {
        /// Length; else the pool's default.
        length: Option<u8>,
        /// Kind of the object; else the pool's default.
        kind: Option<String>,
        /// `prefix` or `address`; else the pool's default.
        member_type: Option<String>,
    },
    /// An address.
    Address {
        /// Length written on the address; else the pool's default, else the parent's.
        length: Option<u8>,
        /// Kind of the object; else the pool's default.
        kind: Option<String>,
    },
}

impl Want {
    /// As the reservation keeps it: the same identifier must ask for the same again.
    fn text(&self) -> String {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let bits = |length: &Option<u8>| length.map(|l| l.to_string()).unwrap_or_default();
        match self {
            Self::Number => "number".to_owned(),
            Self::Prefix { length, kind, member_type } => {
                format!("prefix /{} {} {}", bits(length), part(kind), part(member_type))
            }
            Self::Address { length, kind } => format!("address /{} {}", bits(length), part(kind)),
        }
    }
}

/// How an allocation is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentifiedBy {
    /// Idempotent within the pool.
    Identifier(String),
    /// A new resource every time.
    Nothing,
}

/// One allocation.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolRequest {
    /// Id or name of the pool; for an address also the id of a prefix.
    pub pool: String,
    /// Identity.
    pub identifier: IdentifiedBy,
    /// What.
    pub want: Want,
    /// Values for the object that is made.
    pub data: BTreeMap<String, Json>,
    /// Id for the object that is made; else a new one.
    pub object: Option<ObjectId>,
    /// This value and no other.
    pub value: Option<Value>,
}

/// What was allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The pool.
    pub pool: ObjectId,
    /// Number, address or prefix.
    pub value: Value,
    /// The object of a prefix or address.
    pub object: Option<ObjectId>,
    /// The object is a parent of the pool, handed out whole: it was there before and stays.
    pub is_parent: bool,
    /// The identifier had it already.
    pub reused: bool,
}

impl Draft {
    /// Draws from a pool. The same identifier with the same request gets the same resource.
    ///
    /// Cost: O(log n) in what the pool has handed out. The first draw from a pool since the start, or
    /// since its parents or the schema changed, reads all of it.
    pub fn allocate(&mut self, request: &PoolRequest) -> Result<Granted, BranchError> {
        let pool = self.pool(&request.pool)?;
        if let IdentifiedBy::Identifier(identifier) = &request.identifier
            && let Some(granted) = self.reserved(&pool, identifier, &request.want)?
        {
            if let Some(asked) = request.value.as_ref().filter(|asked| !same(asked, &granted.value))
            {
                return Err(refused(
                    "identifier-conflict",
                    format!(
                        "`{}` | identifier `{identifier}` already holds {}; it cannot hold {asked} as \
                         well: release the one, or use another identifier",
                        self.label_of(&pool)?,
                        granted.value
                    ),
                ));
            }
            return Ok(granted);
        }
        match (&request.want, pool.kind().name.as_str()) {
            (Want::Number, "CoreNumberPool") => self.allocate_number(&pool, request),
            (Want::Prefix { .. }, "CoreIPPrefixPool") => self.allocate_prefix(&pool, request),
            (Want::Address { .. }, "CoreIPAddressPool") => self.allocate_address(&pool, request),
            (Want::Address { .. }, kind)
                if self
                    .view
                    .schema()
                    .kind(kind)
                    .is_some_and(|kind| self.view.schema().is_a(kind, "BuiltinIPPrefix")) =>
            {
                self.allocate_address(&pool, request)
            }
            (want, kind) => Err(refused(
                "wrong-pool",
                format!(
                    "`{}` is a `{kind}` and gives no {}; name a pool of the right kind",
                    self.label_of(&pool)?,
                    want.text().split(' ').next().unwrap_or("such thing"),
                ),
            )),
        }
    }

    /// What is known of a pool, up to date, with what this draft has written on its own taken out.
    fn book(&mut self, pool: &Object) -> Result<Arc<Mutex<Book>>, BranchError> {
        let changes_pools = self.leases.changes_pools || self.has_new_schema();
        let book = if changes_pools {
            Arc::clone(self.leases.own.entry(pool.id()).or_default())
        } else {
            self.database.books().of(self.view.branch, pool.id())
        };
        let from = self.leases.seen.get(&pool.id()).copied().unwrap_or(0);
        let written: Vec<ObjectId> = self.leases.written.get(from..).unwrap_or_default().to_vec();
        let mut held = Vec::new();
        {
            let mut open = book::open(&book);
            if changes_pools {
                if open.is_behind(self.view.seq(), self.view.compiled.seq) {
                    open.advance(&self.view, pool)?;
                }
            } else if open.is_behind(self.database.last_seq(), self.view.compiled.seq) {
                // The newest state: what others have committed since this draft began is taken.
                let newest = self.database.view(self.view.branch)?;
                open.advance(&newest, pool)?;
            }
            for id in written {
                if let Some(object) = self.view.object(id)?
                    && let Some(low) = open.lease_written(&self.view, pool, &object)?
                {
                    held.push(low);
                }
            }
        }
        for low in held {
            self.leases.keep(&book, low);
        }
        self.leases.seen.insert(pool.id(), self.leases.written.len());
        Ok(book)
    }

    fn has_new_schema(&self) -> bool {
        self.view.rows.pending(store::Space::Schemas).next().is_some()
    }

    /// The pool with this id or name; a prefix will do where an address is asked for.
    pub(super) fn pool(&self, name: &str) -> Result<Object, BranchError> {
        if let Ok(id) = name.parse::<ObjectId>()
            && let Some(object) = self.view.object(id)?
        {
            return Ok(object);
        }
        if let Some(kind) = self.view.schema().kind("CoreResourcePool").cloned()
            && let Some(object) = self.view.by_hfid(&kind, &[name.to_owned()])?
        {
            return Ok(object);
        }
        Err(refused(
            "unknown-pool",
            format!(
                "there is no pool `{name}`; `kiln object list CoreResourcePool` shows those there are"
            ),
        ))
    }

    /// An attribute drawn from a pool. Tells whether it changed.
    pub(crate) fn set_pooled(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        attribute: &Attribute,
        given: &AttrInput,
    ) -> Result<bool, BranchError> {
        let Some(from_pool) = &given.from_pool else { return Ok(false) };
        let object = self.must_exist(id)?;
        let pool = self.pool(&from_pool.pool)?.id();
        let now = object.attr(attribute);
        let asked = match &given.value {
            None => None,
            Some(super::Given::Value(value)) => Some(value.clone()),
            Some(super::Given::Json(json)) => {
                Some(attribute.parse(json).map_err(|bad| Violation::BadValue {
                    kind: kind.name.clone(),
                    field: attribute.name.clone(),
                    message: bad.to_string(),
                })?)
            }
        };
        let asked = asked.filter(|asked| !asked.is_null());
        let held = now.value.to_value().unwrap_or(Value::Null);
        let holds = now.source == Some(pool) && !held.is_null();
        let as_asked = asked.as_ref().is_none_or(|asked| *asked == held);
        if holds && from_pool.identifier.is_none() && as_asked {
            return Ok(false);
        }
        if !held.is_null() && (now.source != Some(pool) || !as_asked) {
            // What it has goes first: another pool's number, or one that is being exchanged.
            let source = now.source;
            self.release_value(source, &held)?;
            let empty = AttrInput { source: Some(None), ..AttrInput::by_host(Value::Null) };
            self.update(id, Input::default().attr(&attribute.name, empty))?;
        }
        let identifier =
            from_pool.identifier.clone().unwrap_or_else(|| format!("{}.{}", id, attribute.name));
        let granted = self.allocate(&PoolRequest {
            pool: pool.to_string(),
            identifier: IdentifiedBy::Identifier(identifier),
            want: Want::Number,
            data: BTreeMap::new(),
            object: None,
            value: asked,
        })?;
        let set =
            AttrInput { source: Some(Some(granted.pool)), ..AttrInput::by_host(granted.value) };
        let outcome = self.update(id, Input::default().attr(&attribute.name, set))?;
        debug_assert!(kind.attribute(&attribute.name).is_some());
        Ok(outcome == super::Outcome::Updated)
    }

    /// A relationship drawn from a pool. Tells whether it changed.
    pub(super) fn link_pooled(
        &mut self,
        kind: &Arc<Kind>,
        id: ObjectId,
        rel: &Relationship,
        from_pool: &FromPool,
    ) -> Result<bool, BranchError> {
        let pool = self.pool(&from_pool.pool)?;
        let held = self.view.peers(id, rel)?;
        if from_pool.identifier.is_none() && held.iter().any(|edge| edge.source == Some(pool.id()))
        {
            return Ok(false);
        }
        let length = from_pool.length;
        let want = match pool.kind().name.as_str() {
            "CoreIPPrefixPool" => {
                let member_type = from_pool.data.get("member_type");
                let member_type = member_type.and_then(Json::as_str).map(str::to_owned);
                Want::Prefix { length, kind: None, member_type }
            }
            _ => Want::Address { length, kind: None },
        };
        let identifier =
            from_pool.identifier.clone().unwrap_or_else(|| format!("{}.{}", id, rel.name));
        let granted = self.allocate(&PoolRequest {
            pool: pool.id().to_string(),
            identifier: IdentifiedBy::Identifier(identifier),
            want,
            data: from_pool.data.clone(),
            object: None,
            value: None,
        })?;
        let Some(object) = granted.object else {
            return Err(Violation::WrongPeer {
                kind: kind.name.clone(),
                field: rel.name.clone(),
                wanted: rel.peer.clone(),
                found: "number".to_owned(),
                peer: granted.value.to_string(),
            }
            .into());
        };
        for edge in held {
            self.unlink(id, rel, edge.peer)?;
        }
        let peer = PeerInput { source: Some(granted.pool), ..PeerInput::id(object) };
        self.link(id, rel, object, &peer)
    }
}

/// Whether a value is the one asked for: an address is the same whatever length is written on it.
fn same(asked: &Value, held: &Value) -> bool {
    match (asked, held) {
        (Value::Net(asked), Value::Net(held)) => asked == held,
        _ => reserve::place(asked) == reserve::place(held),
    }
}

/// An error of the resource manager.
fn refused(code: &'static str, message: String) -> BranchError {
    Violation::Pool { code, message }.into()
}
