//! What a generator holds in its hand.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::host::{
    Drafted, Drawn, Granted, Host, Info, Level, Linked, Outcome, Request, Saved, Target, Terms,
    Want,
};
use crate::{Field, Given, Result};

/// The run: making objects, asking questions, drawing from pools.
#[derive(Clone, Copy)]
pub struct Ctx<'h> {
    host: &'h dyn Host,
}

/// An object that was made or set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl From<&Object> for Target {
    fn from(object: &Object) -> Self {
        Self::Id(object.id.clone())
    }
}

impl From<Saved> for Object {
    fn from(saved: Saved) -> Self {
        Self { id: saved.id, outcome: saved.outcome }
    }
}

impl fmt::Debug for Ctx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx").finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("draft", &self.draft).finish_non_exhaustive()
    }
}

impl fmt::Debug for Setter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, fields, links, .. } = self;
        let mut told = f.debug_struct("Setter");
        told.field("target", target).field("fields", fields).field("links", links);
        told.finish_non_exhaustive()
    }
}

impl fmt::Debug for Pool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Pool");
        told.field("pool", &self.pool).field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl<'h> Ctx<'h> {
    /// A context over a host.
    pub fn new(host: &'h dyn Host) -> Self {
        Self { host }
    }

    /// Facts about the run.
    pub fn info(&self) -> Info {
        self.host.info()
    }

    /// The query's variables.
    pub fn parameters(&self) -> Vec<Field> {
        self.host.parameters()
    }

    /// An object to make, or to keep as it is said here.
    pub fn create(&self, kind: &str) -> Builder<'h> {
        let draft = Drafted {
            kind: kind.to_owned(),
            key: String::new(),
            fields: Vec::new(),
            links: Vec::new(),
            allocations: Vec::new(),
        };
        Builder { host: self.host, draft }
    }

    /// An object that others made: to set values and links of, for as long as runs say so.
    pub fn object(&self, target: impl Into<Target>) -> Setter<'h> {
        Setter { host: self.host, target: target.into(), fields: Vec::new(), links: Vec::new() }
    }

    /// Keeps what an earlier run made under a key, without saying it all again; its id.
    pub fn keep(&self, key: &str) -> Result<String> {
        self.host.keep(key)
    }

    /// The id behind a target; an error with the code `NotFound` where there is none.
    pub fn find(&self, target: impl Into<Target>) -> Result<String> {
        self.host.find(&target.into())
    }

    /// Values of an object, what this run wrote included; all of them where no names are given.
    pub fn read(&self, target: impl Into<Target>, names: &[&str]) -> Result<Vec<Field>> {
        self.host.read(&target.into(), names)
    }

    /// The value of one attribute of an object: `ctx.get::<u32>(&server, "memory_gb")`.
    pub fn get<T: DeserializeOwned>(&self, target: impl Into<Target>, name: &str) -> Result<T> {
        let fields = self.host.read(&target.into(), &[name])?;
        let value = fields.into_iter().next().map(|field| field.value.to_json());
        serde_json::from_value(value.unwrap_or_default())
            .map_err(|bad| crate::Error::from(bad).at(name))
    }

    /// Ids of the peers of a relationship, what this run linked included.
    pub fn peers(&self, target: impl Into<Target>, relationship: &str) -> Result<Vec<String>> {
        self.host.peers(&target.into(), relationship)
    }

    /// Asks a question: a GraphQL document with its variables.
    pub fn query<T: DeserializeOwned>(
        &self,
        document: &str,
        variables: &serde_json::Value,
    ) -> Result<T> {
        let answer = self.host.document(document, &variables.to_string())?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// A pool, by id or name.
    pub fn pool(&self, pool: impl Into<String>) -> Pool<'h> {
        Pool { host: self.host, pool: pool.into(), terms: Terms::default() }
    }

    /// Makes several objects, all or none, in one call of the host (at most 1,000).
    ///
    /// The error says which one is the culprit: its path is `drafts[NUMBER]`.
    pub fn save_all<'b>(
        &self,
        builders: impl IntoIterator<Item = Builder<'b>>,
    ) -> Result<Vec<Object>> {
        let drafts = builders.into_iter().map(|builder| builder.draft).collect();
        self.host.create_many(drafts).map(|all| all.into_iter().map(Object::from).collect())
    }

    /// A line of log, of any weight, with fields for programs.
    pub fn tell(&self, level: Level, message: impl AsRef<str>, fields: &[(&str, String)]) {
        self.host.log(level, message.as_ref(), fields);
    }

    /// A line of log.
    pub fn log(&self, message: impl AsRef<str>) {
        self.host.log(Level::Info, message.as_ref(), &[]);
    }

    /// A warning in the log.
    pub fn warn(&self, message: impl AsRef<str>) {
        self.host.log(Level::Warn, message.as_ref(), &[]);
    }
}

fn add_links<T: Into<Target>>(
    links: &mut Vec<Linked>,
    relationship: &str,
    to: impl IntoIterator<Item = T>,
) {
    let to = to.into_iter().map(Into::into);
    match links.iter_mut().find(|link| link.relationship == relationship) {
        Some(link) => link.to.extend(to),
        None => links.push(Linked { relationship: relationship.to_owned(), to: to.collect() }),
    }
}

/// Values for an object that a pool makes.
fn fields<'n, V: Into<Given>>(data: impl IntoIterator<Item = (&'n str, V)>) -> Vec<Field> {
    let field = |(name, value): (&str, V)| Field { name: name.to_owned(), value: value.into() };
    data.into_iter().map(field).collect()
}

/// An object being described.
#[must_use = "nothing is made before `save`"]
pub struct Builder<'h> {
    host: &'h dyn Host,
    draft: Drafted,
}

/// A value to draw from a pool into a field.
#[derive(Debug, Clone, Default)]
pub struct Draw {
    pool: String,
    identifier: Option<String>,
    length: Option<u8>,
}

impl Draw {
    /// From a pool, by id or name.
    pub fn from(pool: impl Into<String>) -> Self {
        Self { pool: pool.into(), identifier: None, length: None }
    }

    /// With a prefix length.
    #[must_use]
    pub fn length(mut self, length: u8) -> Self {
        self.length = Some(length);
        self
    }

    /// Under an identifier.
    #[must_use]
    pub fn identifier(mut self, identifier: impl Into<String>) -> Self {
        self.identifier = Some(identifier.into());
        self
    }
}

/// What can stand behind the name of a field in [`make!`](crate::make) and [`Builder::with`]: a value
/// of an attribute, peers of a relationship, or what a pool gives.
pub trait Part {
    /// Says it of an object.
    fn say<'h>(self, name: &str, object: Builder<'h>) -> Builder<'h>;
}

impl<T: Into<Given>> Part for T {
    fn say<'h>(self, name: &str, object: Builder<'h>) -> Builder<'h> {
        object.set(name, self)
    }
}

macro_rules! peers {
    ($($kind:ty),*) => {
        $(impl Part for $kind {
            fn say<'h>(self, name: &str, object: Builder<'h>) -> Builder<'h> {
                object.link(name, self)
            }
        })*
    };
}

peers!(Target, &Object, &Allocation, &crate::graphql::Id);

impl<T> Part for &[T]
where
    for<'a> &'a T: Into<Target>,
{
    fn say<'h>(self, name: &str, object: Builder<'h>) -> Builder<'h> {
        object.links(name, self)
    }
}

impl<T> Part for &Vec<T>
where
    for<'a> &'a T: Into<Target>,
{
    fn say<'h>(self, name: &str, object: Builder<'h>) -> Builder<'h> {
        object.links(name, self)
    }
}

impl Part for Draw {
    fn say<'h>(self, name: &str, object: Builder<'h>) -> Builder<'h> {
        object.draw(name, self)
    }
}

impl Part for &Draw {
    fn say<'h>(self, name: &str, object: Builder<'h>) -> Builder<'h> {
        object.draw(name, self.clone())
    }
}

impl<'h> Builder<'h> {
    /// Says what a field is to be, whatever it is: a value, a peer or peers, or a [`Draw`].
    pub fn with(self, name: &str, part: impl Part) -> Self {
        // A field may be called as Rust's own words are.
        let name = name.strip_prefix("r#").unwrap_or(name);
        part.say(name, self)
    }
}

impl Builder<'_> {
    /// Names the object within the instance; without it, its human-friendly id does.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.draft.key = key.into();
        self
    }

    /// Sets an attribute.
    pub fn set(mut self, name: &str, value: impl Into<Given>) -> Self {
        self.draft.fields.push(Field { name: name.to_owned(), value: value.into() });
        self
    }

    /// Links a peer.
    pub fn link(self, relationship: &str, to: impl Into<Target>) -> Self {
        self.links(relationship, [to])
    }

    /// Links peers.
    pub fn links<T: Into<Target>>(
        mut self,
        relationship: &str,
        to: impl IntoIterator<Item = T>,
    ) -> Self {
        add_links(&mut self.draft.links, relationship, to);
        self
    }

    /// Draws an attribute (a number) or relationship (an address, a prefix) from a pool.
    pub fn draw(mut self, name: &str, draw: Draw) -> Self {
        self.draft.allocations.push(Drawn {
            name: name.to_owned(),
            pool: draw.pool,
            identifier: draw.identifier,
            length: draw.length,
        });
        self
    }

    /// Makes it, changes it, or leaves it as it is.
    pub fn save(self) -> Result<Object> {
        self.host.create(self.draft).map(Object::from)
    }
}

/// Changes to an object that others made.
#[must_use = "nothing is set before `save`"]
pub struct Setter<'h> {
    host: &'h dyn Host,
    target: Target,
    fields: Vec<Field>,
    links: Vec<Linked>,
}

impl Setter<'_> {
    /// Sets an attribute.
    pub fn set(mut self, name: &str, value: impl Into<Given>) -> Self {
        self.fields.push(Field { name: name.to_owned(), value: value.into() });
        self
    }

    /// Links a peer; the others stay.
    pub fn link(self, relationship: &str, to: impl Into<Target>) -> Self {
        self.links(relationship, [to])
    }

    /// Links peers; the others stay.
    pub fn links<T: Into<Target>>(
        mut self,
        relationship: &str,
        to: impl IntoIterator<Item = T>,
    ) -> Self {
        add_links(&mut self.links, relationship, to);
        self
    }

    /// Sets it.
    pub fn save(self) -> Result<Object> {
        self.host.set(&self.target, self.fields, self.links).map(Object::from)
    }
}

/// A pool.
#[derive(Clone)]
pub struct Pool<'h> {
    host: &'h dyn Host,
    pool: String,
    terms: Terms,
}

/// What a pool gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// The number, address or prefix.
    pub value: Given,
    /// The object of an address or prefix.
    pub object: Option<String>,
    /// An earlier run had it already.
    pub reused: bool,
}

impl From<Granted> for Allocation {
    fn from(granted: Granted) -> Self {
        Self { value: granted.value, object: granted.object, reused: granted.reused }
    }
}

impl From<&Allocation> for Target {
    /// The object of the allocation.
    fn from(allocation: &Allocation) -> Self {
        Self::Id(allocation.object.clone().unwrap_or_default())
    }
}

impl Pool<'_> {
    fn request(&self, identifier: &str, want: Want, data: Vec<Field>) -> Request {
        Request {
            pool: self.pool.clone(),
            identifier: identifier.to_owned(),
            want,
            data,
            terms: self.terms.clone(),
        }
    }

    fn draw(&self, identifier: &str, want: Want, data: Vec<Field>) -> Result<Allocation> {
        self.host.allocate(self.request(identifier, want, data)).map(Allocation::from)
    }

    /// Only this value and no other will do.
    #[must_use]
    pub fn exactly(mut self, value: impl Into<Given>) -> Self {
        self.terms.value = Some(value.into());
        self
    }

    /// The division of a pool that counts by something (`allocation_scope`): a value of an attribute, or
    /// the id or human-friendly id of a peer.
    #[must_use]
    pub fn within(mut self, element: &str, value: impl Into<String>) -> Self {
        self.terms.scope.push((element.to_owned(), value.into()));
        self
    }

    /// Numbers in a row, all or none; the first of them.
    pub fn block(&self, identifier: impl AsRef<str>, count: u32) -> Result<i64> {
        self.block_at(identifier, count, 1)
    }

    /// Numbers in a row whose first is a multiple of `align`; the first of them.
    pub fn block_at(&self, identifier: impl AsRef<str>, count: u32, align: u32) -> Result<i64> {
        let mut pool = self.clone();
        pool.terms.block = Some((count, align));
        pool.number(identifier)
    }

    /// The number that an identifier with nothing yet would get now. Nothing is taken.
    pub fn next_number(&self) -> Result<i64> {
        let next = self.host.peek(self.request("peek", Want::Number, Vec::new()))?;
        next.as_integer().ok_or_else(|| crate::Error::message("the pool has no number"))
    }

    /// The prefix of this length that an identifier with nothing yet would get now. Nothing is taken.
    pub fn next_prefix(&self, length: u8) -> Result<Given> {
        self.host.peek(self.request("peek", Want::Prefix(Some(length)), Vec::new()))
    }

    /// The address that an identifier with nothing yet would get now. Nothing is taken.
    pub fn next_address(&self) -> Result<Given> {
        self.host.peek(self.request("peek", Want::Address(None), Vec::new()))
    }

    /// A number.
    pub fn number(&self, identifier: impl AsRef<str>) -> Result<i64> {
        let drawn = self.draw(identifier.as_ref(), Want::Number, Vec::new())?;
        drawn.value.as_integer().ok_or_else(|| crate::Error::message("the pool gave no number"))
    }

    /// An address, with the pool's own prefix length.
    pub fn address(&self, identifier: impl AsRef<str>) -> Result<Allocation> {
        self.draw(identifier.as_ref(), Want::Address(None), Vec::new())
    }

    /// An address with a prefix length of its own.
    pub fn address_of(&self, identifier: impl AsRef<str>, length: u8) -> Result<Allocation> {
        self.draw(identifier.as_ref(), Want::Address(Some(length)), Vec::new())
    }

    /// An address whose object gets further values: `[("description", text)]`.
    pub fn address_with<'n, V: Into<Given>>(
        &self,
        identifier: impl AsRef<str>,
        data: impl IntoIterator<Item = (&'n str, V)>,
    ) -> Result<Allocation> {
        self.draw(identifier.as_ref(), Want::Address(None), fields(data))
    }

    /// A prefix of this length whose object gets further values.
    pub fn prefix_with<'n, V: Into<Given>>(
        &self,
        identifier: impl AsRef<str>,
        length: u8,
        data: impl IntoIterator<Item = (&'n str, V)>,
    ) -> Result<Allocation> {
        self.draw(identifier.as_ref(), Want::Prefix(Some(length)), fields(data))
    }

    /// A prefix of this length.
    pub fn prefix(&self, identifier: impl AsRef<str>, length: u8) -> Result<Allocation> {
        self.draw(identifier.as_ref(), Want::Prefix(Some(length)), Vec::new())
    }
}
