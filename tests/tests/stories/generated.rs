//! Documents made of the types themselves, of every kind and depth: a valid one is answered in the very
//! shape that its types promise, or refused by a code of a user's mistake; and no document, whatever
//! becomes of its text, is a failure of the host.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};
use service::Service;

use crate::mutations::{done, stocked};
use crate::support::{load, query, sound};

/// Deepest selection.
const DEPTH: usize = 7;
/// Documents of each sort.
const CASES: u32 = 250;

/// The types of a service, from its introspection.
struct Types {
    all: BTreeMap<String, Json>,
    ids: Vec<String>,
}

/// Numbers that a document is made of; zero when they are used up, which ends it.
struct Choices<'c>(std::slice::Iter<'c, u16>);

impl Choices<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % sides.max(1)
    }
}

/// A field that was asked for.
#[derive(Debug)]
struct Asked {
    key: String,
    of: Json,
    below: Vec<Item>,
}

#[derive(Debug)]
enum Item {
    Field(Asked),
    On(String, Vec<Item>),
}

fn name(json: &Json) -> &str {
    json["name"].as_str().unwrap_or_default()
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The name at the heart of a type.
fn core(of: &Json) -> &str {
    if of["ofType"].is_object() { core(&of["ofType"]) } else { name(of) }
}

fn written(of: &Json) -> String {
    match of["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", written(&of["ofType"])),
        Some("LIST") => format!("[{}]", written(&of["ofType"])),
        _ => name(of).to_owned(),
    }
}

impl Types {
    fn of(service: &Service) -> Self {
        let of = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
        let text = format!(
            "{{ __schema {{ types {{ kind name fields {{ name type {{ {of} }} args {{ name type {{ {of} }} }} }} \
             inputFields {{ name type {{ {of} }} }} enumValues {{ name }} possibleTypes {{ name }} }} }} }}"
        );
        let data = done(service, &text);
        let all = list(&data["__schema"]["types"]);
        let all = all.iter().map(|one| (name(one).to_owned(), one.clone())).collect();
        let data = done(service, "{ CoreNode(limit: 12) { edges { node { id } } } }");
        let id = |edge: &Json| edge["node"]["id"].as_str().unwrap().to_owned();
        Self { all, ids: list(&data["CoreNode"]["edges"]).iter().map(id).collect() }
    }

    fn is_leaf(&self, of: &str) -> bool {
        matches!(self.all[of]["kind"].as_str(), Some("SCALAR" | "ENUM"))
    }

    /// A value that fits a type.
    fn value(&self, of: &Json, choices: &mut Choices<'_>, depth: usize) -> String {
        match of["kind"].as_str() {
            Some("NON_NULL") => return self.value(&of["ofType"], choices, depth),
            Some("LIST") => {
                let items =
                    (0..choices.roll(3)).map(|_| self.value(&of["ofType"], choices, depth + 1));
                return format!("[{}]", items.collect::<Vec<_>>().join(", "));
            }
            _ => {}
        }
        let pick =
            |choices: &mut Choices<'_>, from: &[&str]| from[choices.roll(from.len())].to_owned();
        let own = &self.all[name(of)];
        match (own["kind"].as_str(), name(of)) {
            (Some("ENUM"), _) => {
                let values = list(&own["enumValues"]);
                name(&values[choices.roll(values.len())]).to_owned()
            }
            (Some("INPUT_OBJECT"), _) => {
                let mut fields = Vec::new();
                for field in list(&own["inputFields"]) {
                    let needed = field["type"]["kind"] == "NON_NULL";
                    if needed || (depth < 4 && choices.roll(4) == 3) {
                        let value = self.value(&field["type"], choices, depth + 1);
                        fields.push(format!("{}: {value}", name(field)));
                    }
                }
                format!("{{{}}}", fields.join(" "))
            }
            (_, "Int") => pick(choices, &["0", "1", "2", "7", "-1", "2147483647"]),
            (_, "BigInt") => pick(choices, &["0", "1", "4200000000", "9223372036854775807", "-5"]),
            (_, "Float") => pick(choices, &["0.5", "1"]),
            (_, "Boolean") => pick(choices, &["false", "true"]),
            (_, "DateTime") => {
                pick(choices, &["\"2026-01-01T00:00:00Z\"", "\"2025-06-01T12:00:00+02:00\""])
            }
            (_, "GenericScalar") => {
                pick(choices, &["1", "\"a\"", "{a: [1, {b: null}]}", "[]", "true"])
            }
            (_, "ID") => match choices.roll(self.ids.len() + 2) {
                0 => "\"nothing\"".to_owned(),
                at => format!("\"{}\"", self.ids.get(at - 1).unwrap_or(&self.ids[0])),
            },
            _ => pick(
                choices,
                &[
                    "\"s1\"",
                    "\"\"",
                    "\"ams\"",
                    "\"red\"",
                    "\"10.0.0.0/29\"",
                    "\"\\ud83d\\ude00\"",
                    "\"\"\"a\nb\"\"\"",
                    "\"main\"",
                    "\"DemoServer\"",
                ],
            ),
        }
    }

    /// A selection from a type; fields have keys of their own, so that none meets another.
    fn select(
        &self,
        of: &str,
        choices: &mut Choices<'_>,
        depth: usize,
        text: &mut Document,
    ) -> Vec<Item> {
        let own = &self.all[of];
        let mut items = Vec::new();
        text.body.push_str("{ ");
        let fields = list(&own["fields"]);
        let key = text.key();
        let _infallible = write!(text.body, "{key}: __typename ");
        items.push(Item::Field(Asked {
            key,
            of: json!({"kind": "SCALAR", "name": "String"}),
            below: Vec::new(),
        }));
        for _field in 0..=choices.roll(4) {
            let Some(field) = fields.get(choices.roll(fields.len())) else { continue };
            let inner = core(&field["type"]).to_owned();
            if !self.is_leaf(&inner) && depth >= DEPTH {
                continue;
            }
            items.extend(self.field(field, choices, depth, text).map(Item::Field));
        }
        let possible = list(&own["possibleTypes"]);
        if own["kind"] == "INTERFACE" && !possible.is_empty() && choices.roll(2) == 1 {
            let kind = name(&possible[choices.roll(possible.len())]).to_owned();
            let _infallible = write!(text.body, "... on {kind} ");
            let below = self.select(&kind, choices, depth + 1, text);
            items.push(Item::On(kind, below));
        }
        text.body.push_str("} ");
        items
    }

    fn field(
        &self,
        field: &Json,
        choices: &mut Choices<'_>,
        depth: usize,
        text: &mut Document,
    ) -> Option<Asked> {
        let key = text.key();
        let _infallible = write!(text.body, "{key}: {}", name(field));
        let mut arguments = Vec::new();
        for argument in list(&field["args"]) {
            let needed = argument["type"]["kind"] == "NON_NULL";
            let few = list(&field["args"]).len().min(40);
            if !needed && choices.roll(few.max(3)) != few.max(3) - 1 {
                continue;
            }
            let value = self.value(&argument["type"], choices, 0);
            if choices.roll(5) == 4 {
                let variable = format!("v{}", text.variables.len());
                text.variables
                    .push(format!("${variable}: {} = {value}", written(&argument["type"])));
                arguments.push(format!("{}: ${variable}", name(argument)));
            } else {
                arguments.push(format!("{}: {value}", name(argument)));
            }
        }
        if !arguments.is_empty() {
            let _infallible = write!(text.body, "({})", arguments.join(" "));
        }
        let skipped = match choices.roll(12) {
            10 => {
                text.body.push_str(" @include(if: true)");
                false
            }
            11 => {
                text.body.push_str(" @skip(if: true)");
                true
            }
            _ => false,
        };
        text.body.push(' ');
        let inner = core(&field["type"]);
        let below = match self.is_leaf(inner) {
            true => Vec::new(),
            false => self.select(inner, choices, depth + 1, text),
        };
        (!skipped).then(|| Asked { key, of: field["type"].clone(), below })
    }

    /// Whether an answer has the shape that its types promise.
    fn fits(&self, of: &Json, below: &[Item], told: &Json) -> Result<(), String> {
        match of["kind"].as_str() {
            Some("NON_NULL") if told.is_null() => return Err(format!("null for {}", written(of))),
            Some("NON_NULL") => return self.fits(&of["ofType"], below, told),
            _ if told.is_null() => return Ok(()),
            Some("LIST") => {
                let items = told.as_array().ok_or_else(|| format!("{told} for {}", written(of)))?;
                return items.iter().try_for_each(|one| self.fits(&of["ofType"], below, one));
            }
            _ => {}
        }
        let own = &self.all[name(of)];
        let fits = match (own["kind"].as_str(), name(of)) {
            (Some("ENUM"), _) => list(&own["enumValues"]).iter().any(|one| one["name"] == *told),
            (Some("SCALAR"), "String" | "ID" | "DateTime") => told.is_string(),
            (Some("SCALAR"), "Int" | "BigInt") => {
                told.is_i64() || told.is_u64() || told.is_string()
            }
            (Some("SCALAR"), "Float") => told.is_number(),
            (Some("SCALAR"), "Boolean") => told.is_boolean(),
            (Some("SCALAR"), _) => true,
            _ => return self.object(name(of), below, told),
        };
        if fits { Ok(()) } else { Err(format!("{told} for {}", name(of))) }
    }

    fn object(&self, of: &str, below: &[Item], told: &Json) -> Result<(), String> {
        let map = told.as_object().ok_or_else(|| format!("{told} for {of}"))?;
        let is = below.iter().find_map(|item| match item {
            Item::Field(asked) if asked.below.is_empty() && asked.of["name"] == "String" => {
                map.get(&asked.key).and_then(Json::as_str)
            }
            _ => None,
        });
        let is = is.ok_or_else(|| format!("{of} does not say what it is"))?;
        let possible = list(&self.all[of]["possibleTypes"]);
        let known = is == of || possible.iter().any(|one| name(one) == is);
        if !known {
            return Err(format!("`{is}` where {of} is promised"));
        }
        for item in below {
            match item {
                Item::Field(asked) => {
                    let told = map.get(&asked.key);
                    let told = told.ok_or_else(|| format!("{of} has no `{}`", asked.key))?;
                    self.fits(&asked.of, &asked.below, told)
                        .map_err(|bad| format!("{}.{bad}", asked.key))?;
                }
                Item::On(kind, below) if kind == is => self.object(kind, below, told)?,
                Item::On(..) => {}
            }
        }
        Ok(())
    }
}

/// A document under way.
#[derive(Default)]
struct Document {
    body: String,
    variables: Vec<String>,
    keys: usize,
}

impl Document {
    fn key(&mut self) -> String {
        self.keys += 1;
        format!("k{}", self.keys)
    }

    fn text(&self, word: &str) -> String {
        match self.variables.as_slice() {
            [] => format!("{word} {}", self.body),
            some => format!("{word} ({}) {}", some.join(" "), self.body),
        }
    }
}

/// Codes and statuses of an answer's errors; none may be a failure of the host.
fn blame(answer: &Json) -> Result<bool, String> {
    for error in list(&answer["errors"]) {
        let status = error["extensions"]["http_status"].as_u64().unwrap_or(500);
        if status >= 500 || error["extensions"]["code"] == "UNDEFINED_ERROR" {
            return Err(error.to_string());
        }
    }
    Ok(answer.get("errors").is_none())
}

fn park() -> Service {
    let service = stocked();
    load(
        &service,
        "DemoServer",
        &json!([
            {"name": "s1", "cores": 8, "site": "ams", "state": "active", "words": ["a"], "facts": {"a": 1},
             "tags": ["red", "blue"], "alive": true, "since": "2026-01-01T00:00:00Z"},
            {"name": "s2", "site": "lon", "uplink": "s1"},
        ]),
    );
    load(&service, "DemoNic", &json!([{"name": "eth0", "server": "s1"}]));
    load(
        &service,
        "CoreStandardGroup",
        &json!([{"name": "servers", "members": {"kind": "DemoServer", "data": ["s1", "s2"]}}]),
    );
    service
}

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn a_valid_query_is_answered_in_the_shape_its_types_promise() {
    let service = park();
    let types = Types::of(&service);
    let counts = std::cell::RefCell::new((0, 0));
    let choices = prop::collection::vec(any::<u16>(), 20..400);
    runner(CASES)
        .run(&choices, |choices| {
            let mut choices = Choices(choices.iter());
            let mut document = Document::default();
            let items = types.select("Query", &mut choices, 0, &mut document);
            let text = document.text("query");
            let answer = query(&service, &text);
            let good =
                blame(&answer).map_err(|bad| TestCaseError::fail(format!("{bad}\n{text}")))?;
            let mut counts = counts.borrow_mut();
            counts.0 += 1;
            if good {
                counts.1 += 1;
                let fits = types.object("Query", &items, &answer["data"]);
                fits.map_err(|bad| TestCaseError::fail(format!("{bad}\n{text}\n{answer}")))?;
            }
            Ok(())
        })
        .unwrap();
    // What does not fit is seen.
    let must = json!({"kind": "NON_NULL", "ofType": {"kind": "SCALAR", "name": "String"}});
    assert!(types.fits(&must, &[], &Json::Null).is_err());
    assert!(types.fits(&must, &[], &json!(1)).is_err());
    let text = must["ofType"].clone();
    let own = Asked { key: "k".to_owned(), of: text, below: Vec::new() };
    let below = [Item::Field(own)];
    assert!(types.object("DemoDevice", &below, &json!({"k": "DemoServer"})).is_ok());
    assert!(types.object("DemoDevice", &below, &json!({"k": "DemoSite"})).is_err());
    assert!(types.object("DemoDevice", &below, &json!({})).is_err());
    // Enough of them are answered for the shapes to mean something.
    let (all, good) = counts.into_inner();
    assert!(good * 3 > all, "{good} of {all}");
}

#[test]
fn a_valid_mutation_is_done_or_refused_and_leaves_the_store_sound() {
    let service = park();
    let types = Types::of(&service);
    let choices = prop::collection::vec(any::<u16>(), 20..200);
    let fields: Vec<&Json> = list(&types.all["Mutation"]["fields"])
        .iter()
        // Branches and schemas that come and go would make every later document another one's.
        .filter(|field| !name(field).starts_with("Branch") && !name(field).starts_with("Schema"))
        .collect();
    runner(CASES)
        .run(&choices, |choices| {
            let mut choices = Choices(choices.iter());
            let mut document = Document::default();
            document.body.push_str("{ ");
            let field = fields[choices.roll(fields.len())];
            let asked = types.field(field, &mut choices, 3, &mut document);
            document.body.push('}');
            let text = document.text("mutation");
            let answer = query(&service, &text);
            let good =
                blame(&answer).map_err(|bad| TestCaseError::fail(format!("{bad}\n{text}")))?;
            if let (true, Some(asked)) = (good, asked) {
                let told = &answer["data"][&asked.key];
                let fits = types.fits(&asked.of, &asked.below, told);
                fits.map_err(|bad| TestCaseError::fail(format!("{bad}\n{text}\n{answer}")))?;
            }
            Ok(())
        })
        .unwrap();
    sound(&service);
}

#[test]
fn a_document_that_is_cut_and_stitched_is_no_failure_of_the_host() {
    let service = park();
    let types = Types::of(&service);
    let both = (
        prop::collection::vec(any::<u16>(), 20..120),
        prop::collection::vec(any::<(u16, u16)>(), 1..4),
    );
    runner(CASES)
        .run(&both, |(choices, cuts)| {
            let mut document = Document::default();
            types.select("Query", &mut Choices(choices.iter()), 3, &mut document);
            let mut text: Vec<char> = document.text("query").chars().collect();
            for (from, to) in cuts {
                let (from, to) =
                    (usize::from(from) % text.len().max(1), usize::from(to) % text.len().max(1));
                let part: Vec<char> = text.drain(from.min(to)..from.max(to)).collect();
                if from > to {
                    let at = text.len() / 2;
                    text.splice(at..at, part);
                }
            }
            let text: String = text.into_iter().collect();
            blame(&query(&service, &text))
                .map_err(|bad| TestCaseError::fail(format!("{bad}\n{text}")))?;
            Ok(())
        })
        .unwrap();
}
