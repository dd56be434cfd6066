//! A host in memory, so that a generator is tested by `cargo test`, without a sandbox or a server.
//!
//! It ensures objects by key, hands out the lowest free numbers and addresses, and remembers what was
//! set; it has no schema, so that it checks neither kinds nor fields.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::{
    Code, Ctx, Drafted, Error, Field, Given, Granted, Host as Imports, Info, Level, Linked,
    Outcome, Request, Result, Saved, Target, Terms, Want,
};

/// One object that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its values.
    pub fields: BTreeMap<String, Json>,
    /// Its peers, by relationship.
    pub links: BTreeMap<String, Vec<Target>>,
}

/// What a run made and set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcomes {
    /// Objects made, in order.
    pub objects: Vec<Made>,
    /// Values and links set of objects of others.
    pub set: Vec<(Target, BTreeMap<String, Json>, Vec<Linked>)>,
    /// Numbers, addresses and prefixes drawn: pool, identifier, value.
    pub drawn: Vec<(String, String, Json)>,
    /// Lines of log.
    pub log: Vec<String>,
}

impl Outcomes {
    /// Objects of a kind.
    pub fn of(&self, kind: &str) -> Vec<&Made> {
        self.objects.iter().filter(|made| made.kind == kind).collect()
    }

    /// The `name` of each object of a kind.
    pub fn names(&self, kind: &str) -> Vec<String> {
        self.of(kind)
            .iter()
            .filter_map(|made| made.fields.get("name")?.as_str().map(str::to_owned))
            .collect()
    }
}

#[derive(Debug)]
enum Space {
    Numbers {
        first: i64,
        last: i64,
    },
    /// Addresses and prefixes are counted: the form is `prefix.number`.
    Texts {
        form: String,
        next: u32,
    },
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
    keys: BTreeMap<(String, String), usize>,
    pools: BTreeMap<String, Space>,
    held: BTreeMap<(String, String), Given>,
    /// Numbers that are taken, by pool and division.
    taken: BTreeMap<Division, BTreeSet<i64>>,
    answers: BTreeMap<String, Json>,
}

impl Host {
    /// An empty host.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pool of numbers.
    #[must_use]
    pub fn numbers(self, pool: &str, first: i64, last: i64) -> Self {
        self.state.borrow_mut().pools.insert(pool.to_owned(), Space::Numbers { first, last });
        self
    }

    /// Adds a pool of addresses: `form` with `{}` for a running number from one.
    #[must_use]
    pub fn texts(self, pool: &str, form: &str) -> Self {
        let space = Space::Texts { form: form.to_owned(), next: 1 };
        self.state.borrow_mut().pools.insert(pool.to_owned(), space);
        self
    }

    /// The answer of a document that the generator asks.
    #[must_use]
    pub fn answer(self, document: &str, data: Json) -> Self {
        self.state.borrow_mut().answers.insert(document.to_owned(), data);
        self
    }

    /// Runs a generator on an answer of its query.
    pub fn run<T: DeserializeOwned>(
        self,
        generate: impl Fn(&Ctx<'_>, T) -> Result<()>,
        answer: Json,
    ) -> Result<Outcomes> {
        let input = serde_json::from_value(answer)?;
        generate(&Ctx::new(&self), input)?;
        Ok(self.state.into_inner().outcomes)
    }
}

fn json_fields(fields: &[Field]) -> BTreeMap<String, Json> {
    fields.iter().map(|field| (field.name.clone(), field.value.to_json())).collect()
}

impl State {
    fn draw(&mut self, request: &Request) -> Result<Given> {
        let place = (request.pool.clone(), request.identifier.clone());
        if let Some(held) = self.held.get(&place) {
            return Ok(held.clone());
        }
        let value = self.next(request)?;
        if let Some(first) = value.as_integer() {
            let count = request.terms.block.map_or(1, |(count, _)| i64::from(count));
            let division = (request.pool.clone(), request.terms.scope.clone());
            self.taken.entry(division).or_default().extend(first..first.saturating_add(count));
        }
        if let Some(Space::Texts { next, .. }) = self.pools.get_mut(&request.pool) {
            *next += u32::from(request.terms.value.is_none());
        }
        self.held.insert(place, value.clone());
        let (pool, identifier) = (request.pool.clone(), request.identifier.clone());
        self.outcomes.drawn.push((pool, identifier, value.to_json()));
        Ok(value)
    }

    /// What a request would get; nothing is taken.
    fn next(&self, request: &Request) -> Result<Given> {
        let pool = &request.pool;
        let space = self.pools.get(pool).ok_or_else(|| {
            Error::new(Code::NotFound, "unknown-pool", format!("there is no pool `{pool}`"))
        })?;
        let (first, last) = match space {
            Space::Texts { form, next } => {
                let next = Given::Text(form.replace("{}", &next.to_string()));
                return Ok(request.terms.value.clone().unwrap_or(next));
            }
            Space::Numbers { first, last } => (*first, *last),
        };
        let (count, align) = request.terms.block.unwrap_or((1, 1));
        let (count, align) = (i64::from(count.max(1)), i64::from(align.max(1)));
        let none = BTreeSet::new();
        let taken = self.taken.get(&(pool.clone(), request.terms.scope.clone())).unwrap_or(&none);
        let free = |at: &i64| {
            *at >= first && *at + (count - 1) <= last && taken.range(*at..*at + count).count() == 0
        };
        if let Some(asked) = request.terms.value.as_ref().and_then(Given::as_integer) {
            return match free(&asked) {
                true => Ok(Given::Integer(asked)),
                false => {
                    let message = format!("pool `{pool}`: {asked} is taken or outside");
                    Err(Error::new(Code::Conflict, "value-taken", message))
                }
            };
        }
        let found = (first..=last).find(|at| at.rem_euclid(align) == 0 && free(at));
        found.map(Given::Integer).ok_or_else(|| {
            let message = format!("pool `{pool}` is exhausted");
            Error::new(Code::Exhausted, "pool-exhausted", message)
        })
    }
}

impl Imports for Host {
    fn info(&self) -> Info {
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

    fn parameters(&self) -> Vec<Field> {
        Vec::new()
    }

    fn log(&self, _level: Level, message: &str, _fields: &[(&str, String)]) {
        self.state.borrow_mut().outcomes.log.push(message.to_owned());
    }

    fn create(&self, draft: Drafted) -> Result<Saved> {
        let mut state = self.state.borrow_mut();
        let mut fields = json_fields(&draft.fields);
        let mut links: BTreeMap<String, Vec<Target>> =
            draft.links.into_iter().map(|link| (link.relationship, link.to)).collect();
        let key = if draft.key.is_empty() {
            fields.get("name").map(ToString::to_string).unwrap_or_default()
        } else {
            draft.key
        };
        for drawn in &draft.allocations {
            let own = format!("{key}.{}", drawn.name);
            let value = state.draw(&Request {
                pool: drawn.pool.clone(),
                identifier: drawn.identifier.clone().unwrap_or(own),
                want: Want::Number,
                data: Vec::new(),
                terms: Terms::default(),
            })?;
            match value {
                Given::Integer(number) => {
                    fields.insert(drawn.name.clone(), number.into());
                }
                other => {
                    let made = Target::Id(other.as_text().unwrap_or_default().to_owned());
                    links.insert(drawn.name.clone(), vec![made]);
                }
            }
        }
        let place = (draft.kind.clone(), key);
        if let Some(at) = state.keys.get(&place).copied()
            && let Some(made) = state.outcomes.objects.get_mut(at)
        {
            let same = made.fields == fields && made.links == links;
            made.fields.extend(fields);
            made.links.extend(links);
            let outcome = if same { Outcome::Unchanged } else { Outcome::Updated };
            return Ok(Saved { id: made.id.clone(), outcome });
        }
        let at = state.outcomes.objects.len();
        let id = format!("object-{}", at + 1);
        state.keys.insert(place, at);
        state.outcomes.objects.push(Made { id: id.clone(), kind: draft.kind, fields, links });
        Ok(Saved { id, outcome: Outcome::Created })
    }

    fn set(&self, of: &Target, fields: Vec<Field>, links: Vec<Linked>) -> Result<Saved> {
        let fields = json_fields(&fields);
        self.state.borrow_mut().outcomes.set.push((of.clone(), fields, links));
        Ok(Saved { id: self.find(of)?, outcome: Outcome::Updated })
    }

    fn keep(&self, key: &str) -> Result<String> {
        self.find(&Target::Key(key.to_owned()))
    }

    fn find(&self, what: &Target) -> Result<String> {
        let state = self.state.borrow();
        match what {
            Target::Id(id) => Ok(id.clone()),
            Target::Hfid(kind, parts) => Ok(format!("{kind}:{}", parts.join("/"))),
            Target::Key(key) => state
                .keys
                .iter()
                .find(|((_, known), _)| known == key)
                .and_then(|(_, at)| state.outcomes.objects.get(*at))
                .map(|made| made.id.clone())
                .ok_or_else(|| {
                    let message = format!("nothing was made under the key `{key}`");
                    Error::new(Code::NotFound, "unknown-key", message)
                }),
        }
    }

    fn read(&self, what: &Target, names: &[&str]) -> Result<Vec<Field>> {
        let id = self.find(what)?;
        let state = self.state.borrow();
        let made = state.outcomes.objects.iter().find(|made| made.id == id);
        let made = made.ok_or_else(|| {
            Error::new(Code::NotFound, "not-found", format!("there is no object `{id}`"))
        })?;
        Ok(made
            .fields
            .iter()
            .filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
            .map(|(name, value)| Field { name: name.clone(), value: value.clone().into() })
            .collect())
    }

    fn peers(&self, what: &Target, relationship: &str) -> Result<Vec<String>> {
        let id = self.find(what)?;
        let peers = {
            let state = self.state.borrow();
            let made = state.outcomes.objects.iter().find(|made| made.id == id);
            made.and_then(|made| made.links.get(relationship)).cloned().unwrap_or_default()
        };
        peers.iter().map(|peer| self.find(peer)).collect()
    }

    fn document(&self, text: &str, _variables: &str) -> Result<String> {
        let state = self.state.borrow();
        state.answers.get(text).map(ToString::to_string).ok_or_else(|| {
            Error::message("the test gives no answer to this document; add it with `answer`")
        })
    }

    fn allocate(&self, request: Request) -> Result<Granted> {
        let mut state = self.state.borrow_mut();
        let held = (request.pool.clone(), request.identifier.clone());
        let reused = state.held.contains_key(&held);
        let value = state.draw(&request)?;
        let object = match request.want {
            Want::Number => None,
            Want::Address(_) | Want::Prefix(_) => value.as_text().map(str::to_owned),
        };
        Ok(Granted { value, object, reused })
    }

    fn peek(&self, request: Request) -> Result<Given> {
        self.state.borrow().next(&request)
    }
}

/// What natively tested checks stand on: no further documents, and no parameters.
struct Shown;

impl crate::check::Source for Shown {
    fn info(&self) -> Info {
        Imports::info(&Host::new())
    }

    fn parameters(&self) -> Vec<Field> {
        Vec::new()
    }

    fn log(&self, _level: Level, _message: &str) {}

    fn document(&self, text: &str, variables: &str) -> Result<String> {
        Imports::document(&Host::new(), text, variables)
    }
}

/// Runs a check on an answer; what it found.
pub fn inspect<T: DeserializeOwned>(
    check: impl Fn(&crate::check::Inspection<'_>, T) -> Result<()>,
    answer: Json,
) -> Result<Vec<crate::check::Finding>> {
    let inspection = crate::check::Inspection::new(&Shown);
    check(&inspection, serde_json::from_value(answer)?)?;
    Ok(inspection.into_findings())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_divisions_values_and_peeks_are_as_the_host_has_them() {
        let drawn = Host::new().numbers("vlans", 1, 20);
        let generate = |ctx: &Ctx<'_>, _: Json| -> Result<()> {
            let vlans = ctx.pool("vlans");
            assert_eq!(vlans.number("a")?, 1);
            assert_eq!(vlans.next_number()?, 2);
            assert_eq!(vlans.number("b")?, 2);
            assert_eq!(vlans.clone().exactly(7).number("c")?, 7);
            assert_eq!(vlans.clone().exactly(7).number("d").unwrap_err().name, "value-taken");
            assert_eq!(vlans.block_at("e", 3, 5)?, 10);
            assert_eq!(vlans.block("f", 4)?, 3);
            assert_eq!(vlans.clone().within("site", "fra").number("g")?, 1);
            assert_eq!(vlans.block("h", 9).unwrap_err().name, "pool-exhausted");
            Ok(())
        };
        drawn.run(generate, Json::Null).unwrap();
    }
}
