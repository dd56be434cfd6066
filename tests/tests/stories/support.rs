//! What every story begins with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use branch::Environment;
use engine::{EngineOptions, Mode, RunOutcome, RunResult};
use model::{Clock, IdSource, ObjectId, Timestamp};
use sandbox::CacheKey;
use serde_json::Value as Json;
use service::{DefinitionInput, Place, Service, ServiceOptions, SourceFile};

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_767_225_600_000_000)
    }
}

/// A clock that is set by hand.
#[derive(Debug, Default)]
pub(crate) struct ByHand(std::sync::atomic::AtomicI64);

impl ByHand {
    pub(crate) fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        Timestamp(Still.now().0 + self.0.load(Ordering::Relaxed))
    }
}

/// Ids that count, in the form of UUIDv7.
#[derive(Debug, Default)]
pub(crate) struct Counting(AtomicU64);

impl IdSource for Counting {
    fn next_id(&self, _now: Timestamp) -> ObjectId {
        let number = u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1);
        // Each id has a leading half of its own, as real ones do.
        ObjectId((0x019b_0000_0000_7000 + number) << 64 | 0x8000_0000_0000_0000)
    }
}

pub(crate) fn service_in(place: Place) -> Service {
    service_at(place, Arc::new(Still))
}

pub(crate) fn service_at(place: Place, clock: Arc<dyn Clock>) -> Service {
    let environment = Environment { clock, ids: Arc::new(Counting::default()) };
    service_of(place, environment, EngineOptions::default())
}

pub(crate) fn service_of(place: Place, environment: Environment, engine: EngineOptions) -> Service {
    Service::open(ServiceOptions {
        place,
        environment,
        slots: 4,
        key: CacheKey::new([7; 32]),
        compiler: None,
        store: store::Options::default(),
        engine,
        access: service::AccessOptions { key: [9; 32], anonymous_read: true },
    })
    .unwrap_or_else(|bad| panic!("{bad}"))
}

pub(crate) fn service() -> Service {
    service_in(Place::Memory)
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The public cases, where they are beside the checkout.
pub(crate) fn case(name: &str) -> Option<PathBuf> {
    let case = root().join("../shared/cases").join(name);
    if case.is_dir() {
        return Some(case);
    }
    println!("skipped: the public case `{name}` is not beside this checkout");
    None
}

pub(crate) fn component(name: &str) -> Vec<u8> {
    let path = root().join("target/components").join(format!("{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|bad| panic!("{}: {bad}; `cargo xtask guests` makes it", path.display()))
}

pub(crate) fn files(folder: &Path) -> Vec<SourceFile> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "yml") {
            found.push(file(&path));
        }
    }
    found
}

pub(crate) fn file(path: &Path) -> SourceFile {
    let text = std::fs::read_to_string(path).unwrap();
    SourceFile { name: path.display().to_string(), text }
}

/// Loads a case: its schemas, then its object files in the order its source gives.
pub(crate) fn load_case(service: &Service, case: &Path) {
    service
        .schema_load(&files(&case.join("files/schemas")))
        .unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    let source = std::fs::read_to_string(case.join("SOURCE.md")).unwrap();
    let listed = source.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    for line in listed.filter(|line| line.contains('`')) {
        let name = line.split('`').nth(1).unwrap();
        let file = file(&case.join("files").join(name));
        service.object_load(&[file]).unwrap_or_else(|bad| panic!("{bad}"));
    }
}

/// Rows of one kind.
pub(crate) fn rows(kind: &str, rows: &Json) -> SourceFile {
    let text = format!(
        "apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: {kind}\n  data: {rows}\n"
    );
    SourceFile { name: "rows".to_owned(), text }
}

pub(crate) fn load(service: &Service, kind: &str, json: &Json) {
    service.object_load(&[rows(kind, json)]).unwrap_or_else(|bad| panic!("{bad}"));
}

/// Uploads a component and registers it.
pub(crate) fn register(service: &Service, name: &str, guest: &str, query: &str, group: &str) {
    let info = service.component_upload(&component(guest)).unwrap_or_else(|bad| panic!("{bad}"));
    service
        .definition_put(&DefinitionInput {
            name: name.to_owned(),
            query: query.to_owned(),
            parameters: [("name".to_owned(), "name__value".to_owned())].into(),
            targets: group.to_owned(),
            component: Some(info.digest),
            ..DefinitionInput::default()
        })
        .unwrap_or_else(|bad| panic!("{bad}"));
}

pub(crate) fn run(service: &Service, definition: &str, target: &str) -> RunResult {
    let result = service.run(definition, target, Mode::Apply, "test");
    result.unwrap_or_else(|bad| panic!("{bad}"))
}

/// A run that succeeds; what it changed as `op kind label`.
pub(crate) fn changes(result: &RunResult) -> Vec<String> {
    if let RunOutcome::Failed { code, message, .. } = &result.record.outcome {
        panic!("the run failed: {code}: {message}");
    }
    result
        .changes
        .changes
        .iter()
        .map(|change| format!("{} {} {}", change.op.word(), change.kind, change.label))
        .collect()
}

/// Code and message of a run that fails.
pub(crate) fn failure(result: &RunResult) -> (String, String) {
    match &result.record.outcome {
        RunOutcome::Failed { code, message, .. } => (code.clone(), message.clone()),
        other => panic!("the run should fail, it ended with {other:?}"),
    }
}

/// Labels of all objects of a kind.
pub(crate) fn labels(service: &Service, kind: &str) -> Vec<String> {
    let objects = service.objects(kind, 10_000).unwrap_or_else(|bad| panic!("{bad}"));
    objects.into_iter().map(|object| object.display_label).collect()
}

/// The store holds together.
pub(crate) fn sound(service: &Service) {
    let findings = service.check().unwrap_or_else(|bad| panic!("{bad}"));
    assert!(findings.is_empty(), "{findings:#?}");
}

/// The whole store as text: two that are equal are the same.
pub(crate) fn dump(service: &Service) -> String {
    let mut out = Vec::new();
    service.dump(&mut out).unwrap_or_else(|bad| panic!("{bad}"));
    String::from_utf8(out).unwrap()
}

pub(crate) fn query(service: &Service, text: &str) -> Json {
    let request = graphql::Request { query: text.to_owned(), ..graphql::Request::default() };
    let answer = service.graphql(&request).unwrap_or_else(|bad| panic!("{bad}"));
    serde_json::from_slice(&answer).unwrap()
}

/// How long this thread works, whatever else the machine has to do; by the clock where no system tells.
pub(crate) struct Watch(std::time::Instant, Option<Duration>);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now(), Self::worked())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        let worked = Self::worked().zip(self.1).map(|(now, before)| now.saturating_sub(before));
        worked.unwrap_or_else(|| self.0.elapsed())
    }

    fn worked() -> Option<Duration> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    }
}
