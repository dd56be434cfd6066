//! What the benchmarks work on: a store in a folder, a schema, a definition with its guest.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use branch::{Author, Cause, Database, Draft, Input, PeerInput};
use engine::{Engine, EngineOptions, Mode, RunOutcome, RunRequest, RunResult, Tells};
use graphql::Dialect;
use model::schema::Document;
use model::{BranchId, ObjectId};
use sandbox::{Cancel, Sandbox, SandboxOptions};
use serde_json::{Value as Json, json};
use store::yardstick::Tap;
use store::{Options, Store};

/// Everything goes wrong the same way here: the figure is not measured.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

pub(crate) const AUTHOR: Author = Author(ObjectId::SYSTEM);
const DEFINITION: &str = "bench";

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - name: Service
    namespace: Bench
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: count, kind: Number, default_value: 0}
      - {name: round, kind: Number, default_value: 0}
      - {name: touched, kind: JSON, optional: true}
    relationships:
      - {name: items, peer: BenchItem, identifier: service__items, kind: Component, cardinality: many}
  - name: Item
    namespace: Bench
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: position, kind: Number}
      - {name: status, kind: Text}
      - {name: round, kind: Number}
    relationships:
      - {name: service, peer: BenchService, identifier: service__items, kind: Parent, cardinality: one, optional: false}
  - name: Device
    namespace: Bench
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: role, kind: Text}
      - {name: status, kind: Text}
      - {name: site, kind: Text}
      - {name: vendor, kind: Text}
      - {name: model, kind: Text}
      - {name: serial, kind: Text}
      - {name: rack, kind: Number}
      - {name: position, kind: Number}
      - {name: enabled, kind: Boolean}
  - name: Probe
    namespace: Bench
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: round, kind: Number, default_value: 0}
  - name: Sensor
    namespace: Bench
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: round, kind: Number, default_value: 0}
"#;

const QUERY: &str = "query Bench($id: ID!) { BenchService(ids: [$id]) { edges { node { \
    id name { value } count { value } round { value } touched { value } } } } }";

/// Settings of the store.
pub(crate) fn store_options(tap: Option<Arc<Tap>>) -> Options {
    Options { tap, ..Options::default() }
}

/// The components that `cargo xtask guests` makes.
pub(crate) fn component(name: &str) -> Result<Vec<u8>, Failed> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/components");
    let path = here.join(format!("{name}.wasm"));
    std::fs::read(&path)
        .map_err(|bad| format!("{}: {bad}; `cargo xtask bench` makes it", path.display()).into())
}

/// A store with all that is above it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) dialect: Arc<Dialect>,
    pub(crate) engine: Engine,
    pub(crate) tap: Arc<Tap>,
    pub(crate) file: PathBuf,
}

impl World {
    /// A world in a folder.
    pub(crate) fn new(folder: &Path) -> Result<Self, Failed> {
        let tap = Arc::new(Tap::default());
        let file = folder.join("kiln.redb");
        let store = Store::open(&file, store_options(Some(Arc::clone(&tap))))?;
        let database = Database::open(store, server::environment())?;
        let limits = sandbox::Limits::default();
        let sandbox = Sandbox::new(SandboxOptions {
            slots: 64,
            cache_dir: Some(folder.join("compiled")),
            key: sandbox::CacheKey::new(server::installation_secret(folder, "installation.key")?),
            limits: limits.clone(),
        })?;
        let dialect = Arc::new(Dialect::new());
        let engine = Engine::new(
            database.clone(),
            Arc::clone(&dialect),
            sandbox,
            EngineOptions { limits, ..EngineOptions::default() },
        );
        let world = Self { database, dialect, engine, tap, file };
        world.prepare()?;
        Ok(world)
    }

    fn prepare(&self) -> Result<(), Failed> {
        let documents = Document::parse("bench", SCHEMA).map_err(|bad| format!("{bad:?}"))?;
        self.change(|draft| {
            draft.load_schema(&documents)?;
            Ok(())
        })?;
        let component = self.engine.upload(&component("bench")?, AUTHOR)?;
        self.change(|draft| {
            let text = |text: &str| Json::String(text.to_owned());
            let query = Input::default().json("name", text(DEFINITION)).json("query", text(QUERY));
            let query = draft.create("CoreGraphQLQuery", None, query)?;
            let group = Input::default().json("name", text("services"));
            let group = draft.create("CoreStandardGroup", None, group)?;
            let definition = Input::default()
                .json("name", text(DEFINITION))
                .json("parameters", json!({"id": "id"}))
                .json("component", text(&component.digest))
                .rel("query", vec![PeerInput::id(query)])
                .rel("targets", vec![PeerInput::id(group)]);
            draft.create("CoreGeneratorDefinition", None, definition)?;
            Ok(())
        })?;
        Ok(())
    }

    /// One commit on main.
    pub(crate) fn change<T>(
        &self,
        work: impl FnOnce(&mut Draft) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        self.change_on(BranchId::MAIN, work)
    }

    /// One commit on a branch.
    pub(crate) fn change_on<T>(
        &self,
        branch: BranchId,
        work: impl FnOnce(&mut Draft) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let mut draft = self.database.draft(branch, AUTHOR)?;
        let made = work(&mut draft)?;
        self.database.commit(draft, Cause::Objects)?;
        Ok(made)
    }

    /// Makes targets, members of the group, a thousand a commit.
    pub(crate) fn services(
        &self,
        names: std::ops::Range<usize>,
        mut input: impl FnMut(Input) -> Input,
    ) -> Result<Vec<ObjectId>, Failed> {
        let mut ids = Vec::new();
        for chunk in chunks(names, 1_000) {
            ids.extend(self.change(|draft| {
                let mut made = Vec::new();
                for number in chunk {
                    let name = json!(format!("service-{number:07}"));
                    let input = input(Input::default().json("name", name));
                    made.push(draft.create("BenchService", None, input)?);
                }
                let group = draft.find("CoreStandardGroup", &["services".to_owned()])?.id();
                let members = made.iter().copied().map(PeerInput::id).collect();
                draft.add_links(group, "members", members)?;
                Ok(made)
            })?);
        }
        Ok(ids)
    }

    /// Sets what the next run of a target does.
    pub(crate) fn set(&self, target: ObjectId, name: &str, value: Json) -> Result<(), Failed> {
        self.change(|draft| {
            draft.update(target, Input::default().json(name, value))?;
            Ok(())
        })
    }

    /// One run; anything but success is an error.
    pub(crate) fn run(&self, target: ObjectId) -> Result<RunResult, Failed> {
        self.start(BranchId::MAIN, target, Mode::Apply)
    }

    /// The same without the commit.
    pub(crate) fn plan(&self, target: ObjectId) -> Result<RunResult, Failed> {
        self.start(BranchId::MAIN, target, Mode::Plan)
    }

    /// One run on a branch.
    pub(crate) fn run_on(&self, branch: BranchId, target: ObjectId) -> Result<RunResult, Failed> {
        self.start(branch, target, Mode::Apply)
    }

    fn start(&self, branch: BranchId, target: ObjectId, mode: Mode) -> Result<RunResult, Failed> {
        let result = self.engine.run(&RunRequest {
            branch,
            definition: DEFINITION.to_owned(),
            target,
            mode,
            tells: Tells::Counts,
            cause: "bench".to_owned(),
            author: AUTHOR,
            cancel: Cancel::new(),
            component: None,
        })?;
        match &result.record.outcome {
            RunOutcome::Failed { message, .. } => Err(message.clone().into()),
            _ => Ok(result),
        }
    }
}

/// A range in pieces.
pub(crate) fn chunks(
    range: std::ops::Range<usize>,
    size: usize,
) -> impl Iterator<Item = std::ops::Range<usize>> {
    let end = range.end;
    range.step_by(size).map(move |at| at..(at + size).min(end))
}
