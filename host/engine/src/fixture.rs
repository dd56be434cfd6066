//! A run against recorded answers: no store, no schema, nothing but the guest and a file that says
//! what the host would say. For authors, and for replaying what went wrong elsewhere.

use std::collections::BTreeMap;

use sandbox::api::{
    Code, Draft, Field, FieldValue, Grant, GuestError, Link, LogLevel, Outcome, PoolRequest,
    RunInfo, Saved, Scalar, Target,
};
use sandbox::{Cancel, Component, GuestHost, Limits};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::context::{error, scalar_json, value_json};

/// What the host would say, as a JSON file has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// The answer of the definition's query: the guest's input.
    pub answer: Json,
    /// The query's variables.
    #[serde(default)]
    pub parameters: BTreeMap<String, Json>,
    /// Objects that the guest may find, read, and set.
    #[serde(default)]
    pub objects: Vec<FixtureObject>,
    /// Answers to documents that the guest asks, by text; white space does not count.
    #[serde(default)]
    pub documents: BTreeMap<String, Json>,
    /// What each pool has left to hand out, in order.
    #[serde(default)]
    pub pools: BTreeMap<String, Vec<Json>>,
}

/// An object of a fixture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixtureObject {
    /// Id.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// Human-friendly id.
    #[serde(default)]
    pub hfid: Vec<String>,
    /// Attribute → value.
    #[serde(default)]
    pub values: BTreeMap<String, Json>,
    /// Relationship → ids of the peers.
    #[serde(default)]
    pub peers: BTreeMap<String, Vec<String>>,
}

/// Runs a component against a fixture; what it did, as JSON.
///
/// `{ok, failure, calls: [{call, ...}], log: [..], fuel, memory, host_calls}`
pub(crate) fn run_fixture(component: &Component, fixture: Fixture, limits: &Limits) -> Json {
    let answer = fixture.answer.to_string();
    let host = Recorded { fixture, ..Recorded::default() };
    let (host, report) = component.run(host, &answer, limits, &Cancel::new());
    let failure = report.failure().map(|failure| {
        json!({
            "code": failure.code.to_string(), "message": failure.message, "hint": failure.hint,
            "frames": failure.frames.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    json!({
        "ok": failure.is_none(), "failure": failure, "calls": host.calls, "log": host.log,
        "fuel": report.fuel_used, "memory": report.memory_peak, "host_calls": report.host_calls,
    })
}

#[derive(Debug, Default)]
struct Recorded {
    fixture: Fixture,
    calls: Vec<Json>,
    log: Vec<Json>,
    /// Made in this run: key → id.
    made: BTreeMap<String, String>,
    drawn: BTreeMap<(String, String), Json>,
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fields_json(fields: &[Field]) -> Result<Json, GuestError> {
    let entry = |field: &Field| Ok((field.name.clone(), value_json(field.value.clone())?));
    let map: Result<serde_json::Map<String, Json>, GuestError> = fields.iter().map(entry).collect();
    map.map(Json::Object)
}

fn scalar(value: &Json) -> Scalar {
    match value {
        Json::Null => Scalar::Null,
        Json::Bool(yes) => Scalar::Boolean(*yes),
        Json::String(text) => Scalar::Text(text.clone()),
        Json::Number(number) => number
            .as_i64()
            .map_or_else(|| Scalar::Number(number.as_f64().unwrap_or_default()), Scalar::Integer),
        other => Scalar::Json(other.to_string()),
    }
}

impl Recorded {
    fn missing(what: String) -> GuestError {
        error(Code::NotFound, "not-in-fixture", format!("{what} is not in the fixture; add it"))
    }

    fn object(&self, target: &Target) -> Result<&FixtureObject, GuestError> {
        let found = self.fixture.objects.iter().find(|object| match target {
            Target::Id(id) => object.id == *id,
            Target::Hfid(kind, parts) => object.kind == *kind && object.hfid == *parts,
            Target::Key(_) => false,
        });
        found.ok_or_else(|| Self::missing(format!("{target:?}")))
    }

    fn id_of(&self, target: &Target) -> Result<String, GuestError> {
        match target {
            Target::Key(key) => self
                .made
                .get(key)
                .cloned()
                .ok_or_else(|| Self::missing(format!("an object made under `{key}`"))),
            Target::Id(id) if self.made.values().any(|made| made == id) => Ok(id.clone()),
            // The answer of the query names objects that the fixture need not repeat.
            Target::Id(id) => Ok(id.clone()),
            Target::Hfid(..) => self.object(target).map(|object| object.id.clone()),
        }
    }

    fn links_json(&self, links: &[Link]) -> Result<Json, GuestError> {
        let mut map = serde_json::Map::new();
        for link in links {
            let ids: Result<Vec<String>, GuestError> =
                link.to.iter().map(|target| self.id_of(target)).collect();
            map.insert(link.relationship.clone(), json!(ids?));
        }
        Ok(Json::Object(map))
    }

    /// The next of a pool; the same identifier gets the same.
    fn draw(&mut self, pool: &str, identifier: &str) -> Result<(Json, bool), GuestError> {
        let place = (pool.to_owned(), identifier.to_owned());
        if let Some(value) = self.drawn.get(&place) {
            return Ok((value.clone(), true));
        }
        let Some(left) = self.fixture.pools.get_mut(pool) else {
            return Err(Self::missing(format!("pool `{pool}`")));
        };
        if left.is_empty() {
            let message = format!("pool `{pool}` of the fixture has nothing left; add values");
            return Err(error(Code::Exhausted, "pool-exhausted", message));
        }
        let value = left.remove(0);
        self.drawn.insert(place, value.clone());
        Ok((value, false))
    }
}

impl GuestHost for Recorded {
    fn current(&mut self) -> RunInfo {
        RunInfo {
            run_id: "fixture".to_owned(),
            instance_id: "fixture".to_owned(),
            definition: "fixture".to_owned(),
            branch: "main".to_owned(),
            target: "fixture".to_owned(),
            target_kind: "CoreNode".to_owned(),
            as_of: "1970-01-01T00:00:00Z".to_owned(),
            seed: "0".repeat(32),
            dry_run: true,
        }
    }

    fn parameters(&mut self) -> Vec<Field> {
        let parameters = self.fixture.parameters.iter();
        let field = |(name, value): (&String, &Json)| Field {
            name: name.clone(),
            value: FieldValue::One(scalar(value)),
        };
        parameters.map(field).collect()
    }

    fn log(&mut self, level: LogLevel, message: &str, _fields: Vec<(String, String)>) {
        self.log.push(json!({"level": format!("{level:?}"), "message": message}));
    }

    fn panicked(&mut self, message: &str, location: &str) {
        self.log.push(json!({"level": "Error", "message": format!("{location}: {message}")}));
    }

    fn create(&mut self, draft: Draft) -> Result<Saved, GuestError> {
        let id = format!("made-{}", self.made.len() + 1);
        let mut fields = fields_json(&draft.fields)?;
        let key = if draft.key.is_empty() { id.clone() } else { draft.key.clone() };
        for drawn in &draft.allocations {
            let identifier =
                drawn.identifier.clone().unwrap_or_else(|| format!("{key}/{}", drawn.name));
            let (value, _) = self.draw(&drawn.pool, &identifier)?;
            fields[drawn.name.as_str()] = value;
        }
        self.calls.push(json!({
            "call": "create", "kind": draft.kind, "key": draft.key, "id": id, "fields": fields,
            "links": self.links_json(&draft.links)?,
        }));
        self.made.insert(key, id.clone());
        Ok(Saved { id, outcome: Outcome::Created })
    }

    fn create_many(&mut self, drafts: Vec<Draft>) -> Result<Vec<Saved>, (u32, GuestError)> {
        let numbered = (0u32..).zip(drafts);
        numbered.map(|(at, draft)| self.create(draft).map_err(|bad| (at, bad))).collect()
    }

    fn set(
        &mut self,
        of: Target,
        fields: Vec<Field>,
        links: Vec<Link>,
    ) -> Result<Saved, GuestError> {
        let id = self.id_of(&of)?;
        self.calls.push(json!({
            "call": "set", "id": id, "fields": fields_json(&fields)?,
            "links": self.links_json(&links)?,
        }));
        Ok(Saved { id, outcome: Outcome::Updated })
    }

    fn keep(&mut self, key: &str) -> Result<String, GuestError> {
        self.id_of(&Target::Key(key.to_owned()))
    }

    fn find(&mut self, what: Target) -> Result<String, GuestError> {
        match what {
            Target::Key(_) => self.id_of(&what),
            other => self.object(&other).map(|object| object.id.clone()),
        }
    }

    fn read(&mut self, what: Target, names: Vec<String>) -> Result<Vec<Field>, GuestError> {
        let values = &self.object(&what)?.values;
        let wanted = values.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
        let field = |(name, value): (&String, &Json)| Field {
            name: name.clone(),
            value: FieldValue::One(scalar(value)),
        };
        Ok(wanted.map(field).collect())
    }

    fn peers(&mut self, what: Target, relationship: &str) -> Result<Vec<String>, GuestError> {
        Ok(self.object(&what)?.peers.get(relationship).cloned().unwrap_or_default())
    }

    fn document(&mut self, text: &str, _variables: &str) -> Result<String, GuestError> {
        let asked = squeezed(text);
        let known = self.fixture.documents.iter().find(|(text, _)| squeezed(text) == asked);
        match known {
            Some((_, answer)) => Ok(answer.to_string()),
            None => Err(Self::missing(format!("the answer to `{asked}`"))),
        }
    }

    fn allocate(&mut self, request: PoolRequest) -> Result<Grant, GuestError> {
        let (value, reused) = self.draw(&request.pool, &request.identifier)?;
        let scalar = scalar(&value);
        self.calls.push(json!({
            "call": "allocate", "pool": request.pool, "identifier": request.identifier,
            "value": scalar_json(scalar.clone())?, "reused": reused,
        }));
        Ok(Grant { value: scalar, object: None, reused })
    }

    fn peek(&mut self, request: PoolRequest) -> Result<Scalar, GuestError> {
        let left = self.fixture.pools.get(&request.pool);
        let left = left.ok_or_else(|| Self::missing(format!("pool `{}`", request.pool)))?;
        left.first().map(scalar).ok_or_else(|| {
            let message = format!("pool `{}` of the fixture has nothing left", request.pool);
            error(Code::Exhausted, "pool-exhausted", message)
        })
    }
}
