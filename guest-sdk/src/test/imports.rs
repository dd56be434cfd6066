//! The imports of the world, over what a test says is there.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::space::{Found, Space};
use super::{Held, Host, Made, State};
use crate::{
    Code, Drafted, Error, Field, Given, Granted, Host as Imports, Info, Level, Linked, Outcome,
    Request, Result, Saved, Target, Terms, Want,
};

fn json_fields(fields: &[Field]) -> BTreeMap<String, Json> {
    fields.iter().map(|field| (field.name.clone(), field.value.to_json())).collect()
}

fn not_found(what: &str) -> Error {
    Error::new(Code::NotFound, "not-found", format!("there is no object {what}"))
}

impl State {
    fn space(&self, pool: &str) -> Result<&Space> {
        self.pools.get(pool).ok_or_else(|| {
            Error::new(Code::NotFound, "unknown-pool", format!("there is no pool `{pool}`"))
        })
    }

    /// What a request would get; nothing is taken.
    fn next(&self, request: &Request) -> Result<Found> {
        let division = (request.pool.clone(), request.terms.scope.clone());
        let taken = self.taken.get(&division).cloned().unwrap_or_default();
        self.space(&request.pool)?.next(request, &taken)
    }

    /// What an identifier has, or gets.
    fn draw(&mut self, request: &Request) -> Result<Held> {
        let place = (request.pool.clone(), request.identifier.clone());
        let held = match self.outcomes.held.get(&place) {
            Some(held) => held.clone(),
            None => {
                let found = self.next(request)?;
                let division = (request.pool.clone(), request.terms.scope.clone());
                self.taken.entry(division.clone()).or_default().add(found.places);
                let object = found.value.as_text().map(str::to_owned);
                Held { found, division, object }
            }
        };
        self.outcomes.held.insert(place.clone(), held.clone());
        let drawn = (place.0, place.1, held.found.value.to_json());
        if self.outcomes.drawn.contains(&drawn) {
            return Ok(held);
        }
        if let Some(id) = held.object.clone() {
            let (kind, fields) = (request.pool.clone(), json_fields(&request.data));
            self.outcomes.resources.push(Made { id, kind, fields, links: BTreeMap::new() });
        }
        self.outcomes.drawn.push(drawn);
        Ok(held)
    }

    /// What is known of an id: what this run made, of others, drawn, or made before.
    fn known(&self, id: &str) -> Option<&Made> {
        let all = self.outcomes.objects.iter().chain(&self.others);
        let all = all.chain(&self.outcomes.resources).chain(self.earlier.values());
        all.into_iter().find(|made| made.id == id)
    }

    /// Draws the fields of a draft; with what it says itself, all of the object.
    fn drawn(&mut self, draft: &Drafted, key: &str) -> Result<Made> {
        let mut fields = json_fields(&draft.fields);
        let mut links: BTreeMap<String, Vec<Target>> =
            draft.links.iter().map(|link| (link.relationship.clone(), link.to.clone())).collect();
        for drawn in &draft.allocations {
            let own = format!("{key}.{}", drawn.name);
            let held = self.draw(&Request {
                pool: drawn.pool.clone(),
                identifier: drawn.identifier.clone().unwrap_or(own),
                want: self.space(&drawn.pool)?.want(drawn.length),
                data: Vec::new(),
                terms: Terms::default(),
            })?;
            match held.object {
                None => {
                    fields.insert(drawn.name.clone(), held.found.value.to_json());
                }
                Some(object) => {
                    links.insert(drawn.name.clone(), vec![Target::Id(object)]);
                }
            }
        }
        Ok(Made { id: String::new(), kind: draft.kind.clone(), fields, links })
    }

    /// The object of others that a draft would take over.
    fn others_own(&self, draft: &Drafted) -> Result<Option<Made>> {
        let name = draft.fields.iter().find(|field| field.name == "name");
        let name = name.and_then(|field| field.value.as_text()).unwrap_or_default();
        let id = format!("{}:{name}", draft.kind);
        match self.others.iter().find(|other| other.id == id) {
            Some(other) if self.adopts => Ok(Some(other.clone())),
            Some(_) => {
                let kind = &draft.kind;
                let message = format!(
                    "{kind} `{name}` exists already and was not made by this generator; a test \
                     allows it with `adopts`, a definition with adoption"
                );
                Err(Error::new(Code::Conflict, "not-adopted", message))
            }
            None => Ok(None),
        }
    }

    fn create(&mut self, draft: &Drafted) -> Result<Saved> {
        let name = draft.fields.iter().find(|field| field.name == "name");
        let key = match (draft.key.as_str(), name.and_then(|field| field.value.as_text())) {
            ("", Some(name)) => name.to_owned(),
            ("", None) => format!("{:?} {:?}", draft.fields, draft.links),
            (key, _) => key.to_owned(),
        };
        let place = (draft.kind.clone(), key);
        let made = self.drawn(draft, &place.1)?;
        if let Some(at) = self.outcomes.keys.get(&place).copied()
            && let Some(before) = self.outcomes.objects.get_mut(at)
        {
            return Ok(ensure(before, made));
        }
        let before = match self.earlier.get(&place) {
            Some(before) => Some(before.clone()),
            None => self.others_own(draft)?,
        };
        let at = self.outcomes.objects.len();
        self.outcomes.keys.insert(place, at);
        let saved = match before {
            Some(mut before) => {
                let saved = ensure(&mut before, made);
                self.outcomes.objects.push(before);
                saved
            }
            None => {
                let id = format!("object-{}", self.earlier.len() + at + 1);
                self.outcomes.objects.push(Made { id: id.clone(), ..made });
                Saved { id, outcome: Outcome::Created }
            }
        };
        Ok(saved)
    }

    fn find(&self, what: &Target) -> Result<String> {
        match what {
            Target::Id(id) => Ok(id.clone()),
            Target::Hfid(kind, parts) => {
                let name = parts.join("/");
                let own = self.outcomes.keys.get(&(kind.clone(), name.clone()));
                if let Some(made) = own.and_then(|at| self.outcomes.objects.get(*at)) {
                    return Ok(made.id.clone());
                }
                let id = format!("{kind}:{name}");
                let told = self.others.iter().any(|other| other.kind == *kind);
                let there = !told || self.others.iter().any(|other| other.id == id);
                if there { Ok(id) } else { Err(not_found(&format!("{kind} `{name}`"))) }
            }
            Target::Key(key) => {
                let own = self.outcomes.keys.iter().find(|((_, known), _)| known == key);
                let own = own.and_then(|(_, at)| self.outcomes.objects.get(*at));
                let before = || self.earlier.iter().find(|((_, known), _)| known == key);
                own.or_else(|| before().map(|(_, made)| made))
                    .map(|made| made.id.clone())
                    .ok_or_else(|| {
                        let message = format!("nothing was made under the key `{key}`");
                        Error::new(Code::NotFound, "unknown-key", message)
                    })
            }
        }
    }

    /// Sets values and links of an object of others, for those who read it later in the run.
    fn set(&mut self, id: &str, fields: &[Field], links: &[Linked]) -> Outcome {
        let Some(other) = self.others.iter_mut().find(|other| other.id == id) else {
            return Outcome::Updated;
        };
        let before = other.clone();
        other.fields.extend(json_fields(fields));
        for link in links {
            let peers = other.links.entry(link.relationship.clone()).or_default();
            peers.extend(
                link.to.iter().filter(|to| !before.links_to(&link.relationship, to)).cloned(),
            );
        }
        if *other == before { Outcome::Unchanged } else { Outcome::Updated }
    }
}

/// Brings an object to what is said of it.
fn ensure(before: &mut Made, said: Made) -> Saved {
    let was = before.clone();
    before.fields.extend(said.fields);
    before.links.extend(said.links);
    let outcome = if *before == was { Outcome::Unchanged } else { Outcome::Updated };
    Saved { id: was.id, outcome }
}

impl Made {
    fn links_to(&self, relationship: &str, to: &Target) -> bool {
        self.links.get(relationship).is_some_and(|peers| peers.contains(to))
    }
}

impl Imports for Host {
    fn info(&self) -> Info {
        self.state.borrow().info.clone().unwrap_or_else(Self::facts)
    }

    fn parameters(&self) -> Vec<Field> {
        self.state.borrow().parameters.clone()
    }

    fn log(&self, _level: Level, message: &str, _fields: &[(&str, String)]) {
        self.state.borrow_mut().outcomes.log.push(message.to_owned());
    }

    fn create(&self, draft: Drafted) -> Result<Saved> {
        self.state.borrow_mut().create(&draft)
    }

    fn create_many(&self, drafts: Vec<Drafted>) -> Result<Vec<Saved>> {
        let mut state = self.state.borrow_mut();
        let before = (state.outcomes.clone(), state.taken.clone());
        let mut all = Vec::with_capacity(drafts.len());
        for (number, draft) in (0u32..).zip(&drafts) {
            match state.create(draft) {
                Ok(saved) => all.push(saved),
                Err(bad) => {
                    (state.outcomes, state.taken) = before;
                    return Err(bad.of_draft(number));
                }
            }
        }
        Ok(all)
    }

    fn set(&self, of: &Target, fields: Vec<Field>, links: Vec<Linked>) -> Result<Saved> {
        let mut state = self.state.borrow_mut();
        let id = state.find(of)?;
        let outcome = state.set(&id, &fields, &links);
        state.outcomes.set.push((of.clone(), json_fields(&fields), links));
        Ok(Saved { id, outcome })
    }

    fn keep(&self, key: &str) -> Result<String> {
        let mut state = self.state.borrow_mut();
        let id = state.find(&Target::Key(key.to_owned()))?;
        let kept = state.earlier.iter().find(|(_, made)| made.id == id);
        if let Some((place, made)) = kept.map(|(place, made)| (place.clone(), made.clone()))
            && !state.outcomes.keys.contains_key(&place)
        {
            let at = state.outcomes.objects.len();
            state.outcomes.keys.insert(place, at);
            state.outcomes.objects.push(made);
        }
        Ok(id)
    }

    fn find(&self, what: &Target) -> Result<String> {
        self.state.borrow().find(what)
    }

    fn read(&self, what: &Target, names: &[&str]) -> Result<Vec<Field>> {
        let state = self.state.borrow();
        let id = state.find(what)?;
        let made = state.known(&id).ok_or_else(|| not_found(&format!("`{id}`")))?;
        Ok(made
            .fields
            .iter()
            .filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
            .map(|(name, value)| Field { name: name.clone(), value: value.clone().into() })
            .collect())
    }

    fn peers(&self, what: &Target, relationship: &str) -> Result<Vec<String>> {
        let state = self.state.borrow();
        let id = state.find(what)?;
        let peers = state.known(&id).and_then(|made| made.links.get(relationship));
        peers.into_iter().flatten().map(|peer| state.find(peer)).collect()
    }

    fn document(&self, text: &str, _variables: &str) -> Result<String> {
        let state = self.state.borrow();
        state.answers.get(text).map(ToString::to_string).ok_or_else(|| {
            Error::message("the test gives no answer to this document; add it with `answer`")
        })
    }

    fn allocate(&self, request: Request) -> Result<Granted> {
        let mut state = self.state.borrow_mut();
        let place = (request.pool.clone(), request.identifier.clone());
        let reused = state.outcomes.held.contains_key(&place);
        let held = state.draw(&request)?;
        let object = held.object.filter(|_| request.want != Want::Number);
        Ok(Granted { value: held.found.value, object, reused })
    }

    fn peek(&self, request: Request) -> Result<Given> {
        self.state.borrow().next(&request).map(|found| found.value)
    }
}
