//! What is done with one input: a document, and after a zero byte the values of its variables, goes through
//! parser, validator and executor. A panic, an answer that is none, a failure of the host or an answer that
//! takes too long ends the process. Used by the fuzzer and by a test of a bounded number of inputs.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use branch::{Author, Cause, Database, Draft, Environment, Input, Object, PeerInput, View};
use graphql::{Answer, Dialect, GraphqlError, Host, Make, ReadOnly, Request};
use model::schema::Document;
use model::{BranchId, Clock, IdSource, ObjectId, Timestamp};
use serde_json::{Map, Value as Json};

/// Longest answer to any input, on a busy machine, unoptimised.
const PATIENCE: Duration = Duration::from_secs(20);

/// Kinds with everything that types are made of: generics, narrowed fields, a hierarchy, templates, all
/// sorts of values.
const SCHEMA: &str = r#"
version: "1.0"
generics:
  - name: Endpoint
    namespace: Fuzz
    attributes: [{name: name, kind: Text, unique: true}, {name: size, kind: Text, optional: true}]
  - name: Place
    namespace: Fuzz
    hierarchical: true
    attributes: [{name: name, kind: Text, unique: true}]
nodes:
  - name: Port
    namespace: Fuzz
    inherit_from: [FuzzEndpoint]
    generate_template: true
    human_friendly_id: [name__value]
    attributes:
      - {name: size, kind: Number, optional: true}
      - {name: secret, kind: Password, optional: true}
      - {name: facts, kind: JSON, optional: true}
      - {name: words, kind: List, optional: true}
      - {name: alive, kind: Boolean, optional: true}
      - {name: since, kind: DateTime, optional: true}
      - {name: host, kind: IPHost, optional: true}
      - {name: state, kind: Dropdown, optional: true, choices: [{name: up}, {name: down}]}
    relationships:
      - {name: site, peer: FuzzSite, cardinality: one, kind: Attribute}
      - {name: tags, peer: BuiltinTag, cardinality: many, kind: Attribute}
  - name: Site
    namespace: Fuzz
    inherit_from: [FuzzPlace]
    human_friendly_id: [name__value]
    display_label: "{{ name__value }}"
    order_by: [name__value]
    relationships: [{name: ports, peer: FuzzPort, cardinality: many}]
"#;

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_767_225_600_000_000)
    }
}

#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicU64);

impl IdSource for Counting {
    fn next_id(&self, _now: Timestamp) -> ObjectId {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        ObjectId((0x019b_0000_0000_7000 + u128::from(number)) << 64 | 0x8000_0000_0000_0000)
    }
}

/// A store with a few objects, the same for every input: what a mutation makes is never committed.
struct World {
    database: Database,
    dialect: Dialect,
}

impl World {
    fn known() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(Self::new)
    }

    fn new() -> Self {
        let environment =
            Environment { clock: Arc::new(Still), ids: Arc::new(Counting::default()) };
        let store = store::Store::in_memory(store::Options::default()).expect("a store in memory");
        let database = Database::open(store, environment).expect("a new database");
        let world = Self { database, dialect: Dialect::new() };
        let documents = Document::parse("fuzz.yml", SCHEMA).expect("the schema reads");
        world.change(|draft| draft.load_schema(&documents).map(drop).expect("the schema loads"));
        world.change(|draft| {
            let named = |name: &str| Input::default().json("name", Json::from(name));
            let tag = draft.create("BuiltinTag", None, named("red")).expect("a tag");
            let top = draft.create("FuzzSite", None, named("top")).expect("a site");
            let mut below = top;
            for number in 0..4 {
                let input = named(&format!("s{number}")).rel("parent", vec![PeerInput::id(below)]);
                below = draft.create("FuzzSite", None, input).expect("a site");
                let port = named(&format!("p{number}"))
                    .json("size", Json::from(number))
                    .json("state", Json::from("up"))
                    .rel("site", vec![PeerInput::id(below)])
                    .rel("tags", vec![PeerInput::id(tag)]);
                draft.create("FuzzPort", None, port).expect("a port");
            }
        });
        world
    }

    fn change(&self, work: impl FnOnce(&mut Draft)) {
        let author = Author(ObjectId::SYSTEM);
        let mut draft = self.database.draft(BranchId::MAIN, author).expect("a draft");
        work(&mut draft);
        self.database.commit(draft, Cause::Objects).expect("a commit");
    }
}

/// Makes what a mutation asks for, and lets it go.
struct Forgetful<'w>(&'w Database);

impl Host for Forgetful<'_> {
    fn change(&self, _account: Option<ObjectId>, make: &mut Make<'_>) -> Result<(), GraphqlError> {
        make(&mut self.0.draft(BranchId::MAIN, Author(ObjectId::SYSTEM))?)
    }

    fn delete(&self, draft: &mut Draft, object: &Object) -> Result<(), GraphqlError> {
        Ok(draft.delete(&[object.id()]).map(drop)?)
    }

    fn answer(
        &self,
        view: &View,
        field: &str,
        arguments: &Map<String, Json>,
    ) -> Result<Answer, GraphqlError> {
        ReadOnly.answer(view, field, arguments)
    }
}

/// One input.
pub(crate) fn document(input: &[u8]) {
    let mut parts = input.split(|byte| *byte == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let variables = parts.next().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let request = Request {
        query: text.clone(),
        variables: variables.unwrap_or_default(),
        ..Request::default()
    };
    let world = World::known();
    let began = Instant::now();
    let view = world.database.view(BranchId::MAIN).expect("a view");
    let answer = world.dialect.respond(&view, &request, &Forgetful(&world.database));
    let took = began.elapsed();
    let head: String = text.chars().take(300).collect();
    assert!(took < PATIENCE, "{took:?} for {head}");
    let body: BTreeMap<String, Json> =
        serde_json::from_slice(&answer.body).unwrap_or_else(|bad| panic!("{bad}: for {head}"));
    assert!(body.contains_key("data"), "no data for {head}");
    for error in body.get("errors").and_then(Json::as_array).into_iter().flatten() {
        let status = error["extensions"]["http_status"].as_u64().unwrap_or(500);
        assert!(status < 500, "a failure of the host for {head}: {error}");
    }
    // Texts that are no documents go the same ways as texts that are.
    let _fragments = graphql::Fragments::default().add("input", &text);
    let texts = [("name".to_owned(), "1".to_owned())];
    let _variables = graphql::variables_from_texts(&text, &texts);
}
