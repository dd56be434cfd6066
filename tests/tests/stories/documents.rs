//! Documents of every kind, good, broken and hostile: an answer in bounded time, and nothing else.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::mutations::{done, id, refused, stocked, with};
use crate::support::{Watch, case, load, query, root, sound};

/// Most work for an answer to any of these, unoptimised.
const PATIENCE: Duration = Duration::from_secs(10);

fn answered(service: &service::Service, text: &str) -> Json {
    let began = Watch::start();
    let answer = query(service, text);
    let took = began.elapsed();
    let head: String = text.chars().take(200).collect();
    assert!(took < PATIENCE, "{took:?} for {head}");
    let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert!(keys == ["data"] || keys == ["data", "errors"], "{keys:?} for {head}");
    answer
}

fn documents(folder: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                documents(&path, found);
            }
        } else if path.extension().is_some_and(|end| end == "gql" || end == "graphql") {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

const OWN: [&str; 6] = [
    "query Q($n: [String] = [\"a\"], $o: Int!, $l: Int!) { DemoServer(name__values: $n, offset: $o, limit: $l) \
     { count edges { node { ...F __typename } node_metadata { created_at } } } } fragment F on DemoServer { id name { value } }",
    "mutation M($v: String!) { a: DemoServerUpsert(data: { name: { value: $v } facts: { value: { k: [1, 2.5, null, true] } } }) \
     { ok object { id facts { value } } } }",
    "{ DemoDevice(order: { by: [{ field: \"name__value\", direction: DESC }] }, partial_match: true, any__value: \"s\") \
     { edges { node { ... on DemoServer { cores { value } site { node { id } properties { is_protected } } } } } } }",
    "{ __schema { types { name fields { name args { name type { name ofType { name } } } } } } }",
    "mutation { RelationshipAdd(data: { id: \"0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee\", name: \"tags\", nodes: [{ hfid: [\"red\"] }] }) { ok } }",
    "{ InfrahubInfo { version } InfrahubStatus { summary { schema_hash_synced } } InfrahubTask(limit: 1) { count edges { node { id } } } \
     InfrahubSearchAnywhere(q: \"s\") { count edges { node { id kind } } } Relationship(ids: [\"group_member\"]) { count } }",
];

/// A generator of numbers that is the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }
}

const PIECES: [&str; 24] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "$",
    "...",
    "...F",
    "\"",
    "\"\"\"",
    ":",
    "!",
    "@skip(if: true)",
    "null",
    "-",
    "99999999999999999999",
    "1e999",
    "\\ud83d",
    "query",
    "mutation",
    "fragment F on DemoServer { ...F }",
    "#",
    "\u{0}",
];

fn mutated(text: &str, dice: &mut Dice) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for _change in 0..=dice.roll(3) {
        let (at, to) = (dice.roll(text.len()), dice.roll(text.len()));
        match dice.roll(4) {
            0 => drop(text.drain(at.min(to)..at.max(to).min(at.min(to) + 12))),
            1 => {
                let piece = PIECES[dice.roll(PIECES.len())];
                text.splice(at..at, piece.chars());
            }
            2 if !text.is_empty() => text.swap(at, to),
            _ => {
                let part: Vec<char> = text[at.min(to)..at.max(to).min(at.min(to) + 40)].to_vec();
                text.splice(at..at, part);
            }
        }
    }
    text.into_iter().collect()
}

#[test]
fn every_known_document_and_its_broken_kin_get_an_answer() {
    let service = stocked();
    let mut corpus: Vec<String> = OWN.iter().map(|text| (*text).to_owned()).collect();
    documents(&root().join("examples"), &mut corpus);
    if let Some(case) = case("..") {
        documents(&case, &mut corpus);
    }
    let mut dice = Dice(7);
    for text in &corpus {
        answered(&service, text);
        for _variant in 0..40 {
            answered(&service, &mutated(text, &mut dice));
        }
    }
    sound(&service);
}

#[test]
fn hostile_documents_are_refused_by_name_and_others_are_served() {
    let service = stocked();
    let deep = |levels: usize| {
        let (open, close) =
            ("servers { edges { node { site { node { ".repeat(levels), " } } } } }".repeat(levels));
        format!("{{ DemoSite {{ edges {{ node {{ {open} id {close} }} }} }} }}")
    };
    done(&service, &deep(10));
    for (text, part) in [
        (deep(14), "nested deeper"),
        (deep(200), ""),
        (deep(1_000), ""),
        (format!("{{ {} }}", "{".repeat(100_000)), ""),
        (format!("{{ DemoServer(name__values: {}) {{ count }} }}", "[".repeat(20_000)), ""),
        (
            format!(
                "{{ {} }}",
                (0..25_000).map(|n| format!("a{n}:__typename ")).collect::<String>()
            ),
            "",
        ),
        (format!("{{ DemoSite {{ count }} }} # {}", "x".repeat(1 << 20)), "bytes"),
        (
            // Every fragment twice the one before: thirty of them are a thousand million fields.
            format!(
                "{{ DemoSite {{ edges {{ node {{ ...F30 }} }} }} }} fragment F0 on DemoSite {{ id }} {}",
                (1..=30)
                    .map(|n| format!("fragment F{n} on DemoSite {{ ...F{0} ...F{0} }} ", n - 1))
                    .collect::<String>()
            ),
            "more than",
        ),
        ("query { ...F } fragment F on Query { ...F }".to_owned(), ""),
        (
            format!(
                "mutation {{ {} }}",
                (0..1_001)
                    .map(|n| format!(
                        "m{n}: RelationshipAdd(data: {{ id: \"x\" name: \"y\" }}) {{ ok }} "
                    ))
                    .collect::<String>()
            ),
            "split it",
        ),
        (
            format!(
                "{{ {} }}",
                (0..10_000).map(|n| format!("a{n}:__typename ")).collect::<String>()
            ),
            "aliases",
        ),
        (
            // Whatever is known of all types, as often as an alias may stand.
            format!(
                "{{ {} }}",
                (0..400)
                    .map(|n| format!(
                        "s{n}:__schema {{ types {{ fields {{ args {{ name defaultValue }} }} }} }} "
                    ))
                    .collect::<String>()
            ),
            "values of types",
        ),
        ("subscription { query }".to_owned(), ""),
        ("".to_owned(), ""),
    ] {
        let began = Watch::start();
        let (code, message) = refused(&service, &text);
        let head: String = text.chars().take(80).collect();
        assert!(began.elapsed() < PATIENCE, "{:?} for {head}", began.elapsed());
        assert!(!code.is_empty() && message.contains(part), "{head}: {code}: {message}");
    }
    let introspection = format!(
        "{{ __type(name: \"DemoServer\") {{ {} name {} }} }}",
        "fields { type { ".repeat(40),
        "} }".repeat(40)
    );
    answered(&service, &introspection);
    done(&service, "{ DemoSite { count } }");
}

#[test]
fn a_limit_of_zero_is_no_limit_and_a_page_beyond_the_end_is_empty() {
    let service = stocked();
    let names = |arguments: &str| {
        let data = done(
            &service,
            &format!(
                "{{ BuiltinTag({arguments}) {{ count edges {{ node {{ display_label }} }} }} }}"
            ),
        );
        (
            data["BuiltinTag"]["count"].as_u64().unwrap(),
            data["BuiltinTag"]["edges"].as_array().unwrap().len(),
        )
    };
    assert_eq!(names("limit: 0"), (3, 3));
    assert_eq!(names("limit: 2"), (3, 2));
    assert_eq!(names("offset: 3, limit: 2"), (3, 0));
    assert_eq!(names("order: { disable: true }, limit: 2, offset: 2"), (3, 1));
}

#[test]
fn variables_of_every_declared_type_are_taken_and_one_value_is_a_list_of_one() {
    let service = stocked();
    load(
        &service,
        "DemoServer",
        &json!([{"name": "alpha", "cores": 8, "alive": true, "words": ["a"], "site": "ams"}, {"name": "beta"}]),
    );
    let alpha = id(&service, "DemoServer", "alpha");
    let count = |declared: &str, arguments: &str, value: Json| {
        let text = format!(
            "query({declared}) {{ DemoServer({arguments}) {{ count edges {{ node {{ id }} }} }} }}"
        );
        with(&service, &text, json!({"v": value}))
    };
    let by = "order: { by: [{ field: \"name__value\", direction: $v }] }";
    for (declared, arguments, value, found) in [
        ("$v: String", "name__value: $v", json!("alpha"), 1),
        ("$v: String!", "cores__value: $v", json!("8"), 1),
        ("$v: [String]", "name__values: $v", json!(["alpha", "beta"]), 2),
        ("$v: [String]", "name__values: $v", json!("alpha"), 1),
        ("$v: [String!]! = \"beta\"", "name__values: $v", json!(["alpha"]), 1),
        ("$v: ID!", "ids: $v", json!(alpha), 1),
        ("$v: ID!", "ids: [$v]", json!(alpha), 1),
        ("$v: [ID!]!", "ids: $v", json!(alpha), 1),
        ("$v: [ID]", "ids: $v", json!([alpha]), 1),
        ("$v: BigInt", "cores__value: $v", json!(8), 1),
        ("$v: Int", "cores__value: $v", json!(8), 1),
        ("$v: [BigInt]", "cores__values: $v", json!(8), 1),
        ("$v: Boolean", "alive__value: $v", json!(true), 1),
        ("$v: GenericScalar", "any__value: $v", json!("alpha"), 1),
        ("$v: GenericScalar", "words__value: $v", json!(["a"]), 1),
        ("$v: DateTime", "node_metadata__created_at__after: $v", json!("2020-01-01T00:00:00Z"), 2),
        ("$v: OrderDirection", by, json!("DESC"), 2),
        ("$v: OrderInput", "order: $v", json!({"by": {"field": "name__value"}}), 2),
        (
            "$v: [OrderByItem!]",
            "order: { by: $v }",
            json!([{"field": "name__value", "direction": "ASC"}]),
            2,
        ),
        ("$v: Int", "limit: $v", json!(0), 2),
    ] {
        let answer = count(declared, arguments, value);
        assert_eq!(
            answer["data"]["DemoServer"]["count"],
            json!(found),
            "{declared} {arguments}: {answer}"
        );
    }
    // The same of values that are written down.
    for (arguments, found) in [
        ("name__values: \"alpha\"".to_owned(), 1),
        ("hfid: \"alpha\"".to_owned(), 1),
        (format!("ids: \"{alpha}\""), 1),
        ("order: { by: { field: \"name__value\" } }".to_owned(), 2),
    ] {
        let data = done(
            &service,
            &format!("{{ DemoServer({arguments}) {{ count edges {{ node {{ id }} }} }} }}"),
        );
        assert_eq!(data["DemoServer"]["count"], json!(found), "{arguments}");
    }
    let given = done(
        &service,
        "query($v: [String] = \"alpha\") { DemoServer(name__values: $v) { count edges { node { id } } } }",
    );
    assert_eq!(given["DemoServer"]["count"], 1);
    for (declared, arguments, value) in [
        ("$v: Boolean!", "alive__value: $v", json!("yes")),
        ("$v: Int!", "limit: $v", json!("ten")),
        ("$v: Int!", "limit: $v", json!(1_i64 << 40)),
        ("$v: String!", "name__value: $v", Json::Null),
        ("$v: [ID!]!", "ids: $v", json!([null])),
        ("$v: [String]", "name__values: $v", json!([["alpha"]])),
        ("$v: OrderDirection", by, json!("UP")),
        ("$v: OrderInput", "order: $v", json!({"sideways": true})),
        ("$v: Nothing", "name__value: $v", json!("alpha")),
        ("$v: DateTime", "node_metadata__created_at: $v", json!("soon")),
    ] {
        let answer = count(declared, arguments, value);
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{declared} {arguments}: {answer}");
        assert_eq!(error["extensions"]["http_status"], 400);
        assert!(!error["message"].as_str().unwrap_or_default().is_empty());
    }
}
