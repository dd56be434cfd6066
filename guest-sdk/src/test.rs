//! A host in memory, so that a generator is tested by `cargo test`, without a sandbox or a server.
//!
//! It ensures objects by key, hands out the lowest free numbers, addresses and prefixes, knows the
//! objects of others that a test tells it of, and what an earlier run made ([`Host::after`]). It has no
//! schema: it checks neither kinds nor fields, and names an object by its key, else by its `name`, else by
//! all that is said of it.
//!
//! ```
//! # use kiln::prelude::*;
//! # use kiln::test::Host;
//! # use serde_json::json;
//! # #[derive(Deserialize)]
//! # struct Service { replicas: u32 }
//! fn generate(ctx: &Ctx, service: The<Service>) -> Result<()> {
//!     for number in 0..service.replicas {
//!         let address = Draw::from("addresses");
//!         make!(ctx, InfraServer { name: format!("s{number}"), address })?;
//!     }
//!     Ok(())
//! }
//! # let asks = |replicas: u32| {
//! #     json!({"Service": {"edges": [{"node": {"replicas": {"value": replicas}}}]}})
//! # };
//!
//! let host = || Host::new().addresses("addresses", "10.0.0.0/24");
//! let first = host().run(generate, asks(2)).unwrap();
//! assert_eq!(first.links("InfraServer", "s1", "address"), ["10.0.0.2/24"]);
//! let second = host().after(&first).run(generate, asks(1)).unwrap();
//! assert_eq!(second.removed[0].fields["name"], "s1");
//! ```

mod imports;
mod space;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::{Ctx, Field, Given, Host as Imports, Info, Level, Linked, Result, Target};
use space::{Found, Space, Taken};

/// One object that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Its kind; of what a pool made, the pool.
    pub kind: String,
    /// Its values.
    pub fields: BTreeMap<String, Json>,
    /// Its peers, by relationship.
    pub links: BTreeMap<String, Vec<Target>>,
}

/// What a run made and set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcomes {
    /// Objects made, in order; those of others that were adopted as well.
    pub objects: Vec<Made>,
    /// Values and links set of objects of others.
    pub set: Vec<(Target, BTreeMap<String, Json>, Vec<Linked>)>,
    /// Numbers, addresses and prefixes drawn: pool, identifier, value.
    pub drawn: Vec<(String, String, Json)>,
    /// The objects of addresses and prefixes drawn. Their ids are what they are.
    pub resources: Vec<Made>,
    /// What the earlier run made and this one neither makes nor keeps: a host removes it.
    pub removed: Vec<Made>,
    /// Lines of log.
    pub log: Vec<String>,
    /// Objects by kind and key.
    keys: BTreeMap<(String, String), usize>,
    /// What identifiers of pools hold.
    held: BTreeMap<(String, String), Held>,
}

/// What an identifier holds.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    found: Found,
    division: Division,
    /// The object of an address or prefix.
    object: Option<String>,
}

impl Outcomes {
    /// Objects of a kind.
    pub fn of(&self, kind: &str) -> Vec<&Made> {
        self.objects.iter().filter(|made| made.kind == kind).collect()
    }

    /// The object of a kind with this `name`.
    pub fn named(&self, kind: &str, name: &str) -> Option<&Made> {
        self.of(kind)
            .into_iter()
            .find(|made| made.fields.get("name").is_some_and(|own| own == name))
    }

    /// The `name` of each object of a kind.
    pub fn names(&self, kind: &str) -> Vec<String> {
        self.of(kind)
            .iter()
            .filter_map(|made| made.fields.get("name")?.as_str().map(str::to_owned))
            .collect()
    }

    /// The peers of an object of a kind with this `name`: ids, keys, or human-friendly ids.
    pub fn links(&self, kind: &str, name: &str, relationship: &str) -> Vec<String> {
        let links = self.named(kind, name).and_then(|made| made.links.get(relationship));
        let told = |target: &Target| match target {
            Target::Id(text) | Target::Key(text) => text.clone(),
            Target::Hfid(_, parts) => parts.join("/"),
        };
        links.into_iter().flatten().map(told).collect()
    }
}

/// A host in memory.
#[derive(Debug, Default)]
pub struct Host {
    state: RefCell<State>,
}

/// A pool with the values of its scope.
type Division = (String, Vec<(String, String)>);

#[derive(Debug, Default)]
struct State {
    outcomes: Outcomes,
    /// Objects of others.
    others: Vec<Made>,
    /// Whether objects of others may be taken over.
    adopts: bool,
    /// What the earlier run made, by kind and key.
    earlier: BTreeMap<(String, String), Made>,
    pools: BTreeMap<String, Space>,
    taken: BTreeMap<Division, Taken>,
    answers: BTreeMap<String, Json>,
    parameters: Vec<Field>,
    info: Option<Info>,
}

impl Host {
    /// An empty host.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(mut self, change: impl FnOnce(&mut State)) -> Self {
        change(self.state.get_mut());
        self
    }

    /// Adds a pool of numbers, both ends included.
    #[must_use]
    pub fn numbers(self, pool: &str, first: i64, last: i64) -> Self {
        self.pool(pool, Space::Numbers { first, last })
    }

    /// Adds a pool of addresses: those of a prefix that hosts can have, with its length.
    #[must_use]
    pub fn addresses(self, pool: &str, prefix: &str) -> Self {
        self.pool(pool, Space::within(prefix, Space::Addresses))
    }

    /// Adds a pool of prefixes: those within a prefix, of any length.
    #[must_use]
    pub fn prefixes(self, pool: &str, prefix: &str) -> Self {
        self.pool(pool, Space::within(prefix, Space::Prefixes))
    }

    /// Adds a pool of texts: `form` with `{}` for a running number from one.
    #[must_use]
    pub fn texts(self, pool: &str, form: &str) -> Self {
        self.pool(pool, Space::Texts { form: form.to_owned() })
    }

    fn pool(self, pool: &str, space: Space) -> Self {
        self.state(|state| {
            state.pools.insert(pool.to_owned(), space);
        })
    }

    /// Adds an object of others, by kind and human-friendly id (its parts joined by `/`): it can be
    /// found, read, set and linked. Of a kind with such an object there are no others. Its id is
    /// `KIND:NAME`.
    #[must_use]
    pub fn object(self, kind: &str, name: &str, fields: Json) -> Self {
        let fields = fields.as_object().cloned().unwrap_or_default().into_iter().collect();
        let (id, kind) = (format!("{kind}:{name}"), kind.to_owned());
        self.state(|state| state.others.push(Made { id, kind, fields, links: BTreeMap::new() }))
    }

    /// Links an object of others to others, by their ids.
    #[must_use]
    pub fn linked(self, id: &str, relationship: &str, to: &[&str]) -> Self {
        self.state(|state| {
            if let Some(other) = state.others.iter_mut().find(|other| other.id == id) {
                let to = to.iter().map(|id| Target::id(*id));
                other.links.entry(relationship.to_owned()).or_default().extend(to);
            }
        })
    }

    /// Lets the generator take over objects of others, as a definition with adoption does, and share
    /// what other instances make.
    #[must_use]
    pub fn adopts(self) -> Self {
        self.state(|state| state.adopts = true)
    }

    /// This run is the next one of the instance that made these: what it had can be kept, holds its
    /// numbers and addresses, and is removed where it is no longer made.
    #[must_use]
    pub fn after(self, earlier: &Outcomes) -> Self {
        self.state(|state| {
            for (key, at) in &earlier.keys {
                state
                    .earlier
                    .extend(earlier.objects.get(*at).map(|made| (key.clone(), made.clone())));
            }
            for held in earlier.held.values() {
                state.taken.entry(held.division.clone()).or_default().add(held.found.places);
            }
            state.outcomes.held = earlier.held.clone();
        })
    }

    /// A parameter of the definition, as resolved from the target.
    #[must_use]
    pub fn parameter(self, name: &str, value: impl Into<Given>) -> Self {
        let field = Field { name: name.to_owned(), value: value.into() };
        self.state(|state| state.parameters.push(field))
    }

    /// Other facts about the run than [`Host::facts`].
    #[must_use]
    pub fn info(self, info: Info) -> Self {
        self.state(|state| state.info = Some(info))
    }

    /// The facts about a run that a host in memory gives where it is told no others.
    pub fn facts() -> Info {
        let text = |text: &str| text.to_owned();
        Info {
            run_id: text("run"),
            instance_id: text("instance"),
            definition: text("test"),
            branch: text("main"),
            target: text("target"),
            target_kind: text("Target"),
            as_of: text("2026-01-01T00:00:00Z"),
            seed: text("00000000000000000000000000000000"),
            dry_run: false,
        }
    }

    /// The answer of a document that the generator asks.
    #[must_use]
    pub fn answer(self, document: &str, data: Json) -> Self {
        self.state(|state| {
            state.answers.insert(document.to_owned(), data);
        })
    }

    /// Runs a generator on an answer of its query.
    pub fn run<T: DeserializeOwned, R>(
        self,
        generate: impl Fn(&Ctx<'_>, T) -> Result<R>,
        answer: Json,
    ) -> Result<Outcomes> {
        let input = serde_json::from_value(answer)?;
        generate(&Ctx::new(&self), input)?;
        let State { mut outcomes, earlier, .. } = self.state.into_inner();
        let gone = earlier.into_iter().filter(|(key, _)| !outcomes.keys.contains_key(key));
        outcomes.removed = gone.map(|(_, made)| made).collect();
        let drawn = &outcomes.drawn;
        outcomes.held.retain(|(pool, identifier), _| {
            drawn.iter().any(|drawn| drawn.0 == *pool && drawn.1 == *identifier)
        });
        Ok(outcomes)
    }
}

/// What natively tested checks stand on.
struct Shown(Host);

impl crate::check::Source for Shown {
    fn info(&self) -> Info {
        Imports::info(&self.0)
    }

    fn parameters(&self) -> Vec<Field> {
        Imports::parameters(&self.0)
    }

    fn log(&self, level: Level, message: &str) {
        Imports::log(&self.0, level, message, &[]);
    }

    fn document(&self, text: &str, variables: &str) -> Result<String> {
        Imports::document(&self.0, text, variables)
    }
}

impl Host {
    /// Runs a check on an answer; what it found.
    pub fn inspect<T: DeserializeOwned>(
        self,
        check: impl Fn(&crate::check::Inspection<'_>, T) -> Result<()>,
        answer: Json,
    ) -> Result<Vec<crate::check::Finding>> {
        let shown = Shown(self);
        let inspection = crate::check::Inspection::new(&shown);
        check(&inspection, serde_json::from_value(answer)?)?;
        Ok(inspection.into_findings())
    }
}

/// Runs a check on an answer, over an empty host; what it found.
pub fn inspect<T: DeserializeOwned>(
    check: impl Fn(&crate::check::Inspection<'_>, T) -> Result<()>,
    answer: Json,
) -> Result<Vec<crate::check::Finding>> {
    Host::new().inspect(check, answer)
}
