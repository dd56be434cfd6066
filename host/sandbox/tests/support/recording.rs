//! A host that records what reaches it and answers with something plausible.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::sync::mpsc::SyncSender;

use sandbox::GuestHost;
use sandbox::api::{
    Code, Draft, Field, FieldValue, Grant, GuestError, Link, LogLevel, Outcome, PoolRequest,
    RunInfo, Saved, Scalar, Target,
};

/// A log line.
pub(crate) type Line = (LogLevel, String, Vec<(String, String)>);

/// Records every call as a line, and every object made.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) calls: u64,
    pub(crate) log: Vec<Line>,
    pub(crate) made: Vec<Draft>,
    pub(crate) panics: Vec<(String, String)>,
    pub(crate) kept: Vec<String>,
    pub(crate) set: Vec<Target>,
    pub(crate) found: Vec<Target>,
    pub(crate) requests: Vec<PoolRequest>,
    pub(crate) documents: Vec<(String, String)>,
    /// What `query.document` answers; empty: `{}`.
    pub(crate) answer: String,
    /// Told at the first log line.
    pub(crate) began: Option<SyncSender<()>>,
    /// Panic in `keep`, as a host with a bug would.
    pub(crate) fault: bool,
}

fn error(code: Code, name: &str, message: &str) -> GuestError {
    GuestError {
        code,
        name: name.to_owned(),
        message: message.to_owned(),
        path: None,
        details: Vec::new(),
    }
}

impl GuestHost for Recording {
    fn current(&mut self) -> RunInfo {
        self.calls += 1;
        RunInfo {
            run_id: "run-1".to_owned(),
            instance_id: "instance-1".to_owned(),
            definition: "hostile".to_owned(),
            branch: "main".to_owned(),
            target: "target-1".to_owned(),
            target_kind: "InfraService".to_owned(),
            as_of: "2026-01-01T00:00:00Z".to_owned(),
            seed: "0".repeat(32),
            dry_run: false,
        }
    }

    fn parameters(&mut self) -> Vec<Field> {
        self.calls += 1;
        vec![Field {
            name: "name".to_owned(),
            value: FieldValue::One(Scalar::Text("web".to_owned())),
        }]
    }

    fn log(&mut self, level: LogLevel, message: &str, fields: Vec<(String, String)>) {
        self.calls += 1;
        if let Some(began) = self.began.take() {
            began.send(()).expect("somebody waits");
        }
        self.log.push((level, message.to_owned(), fields));
    }

    fn panicked(&mut self, message: &str, location: &str) {
        self.calls += 1;
        self.panics.push((message.to_owned(), location.to_owned()));
    }

    fn create(&mut self, draft: Draft) -> Result<Saved, GuestError> {
        self.calls += 1;
        self.made.push(draft);
        Ok(Saved { id: format!("id-{}", self.made.len()), outcome: Outcome::Created })
    }

    fn create_many(&mut self, drafts: Vec<Draft>) -> Result<Vec<Saved>, (u32, GuestError)> {
        drafts
            .into_iter()
            .map(|draft| self.create(draft))
            .collect::<Result<_, _>>()
            .map_err(|e| (0, e))
    }

    fn set(
        &mut self,
        of: Target,
        _fields: Vec<Field>,
        _links: Vec<Link>,
    ) -> Result<Saved, GuestError> {
        self.calls += 1;
        self.set.push(of);
        Ok(Saved { id: "set".to_owned(), outcome: Outcome::Updated })
    }

    fn keep(&mut self, key: &str) -> Result<String, GuestError> {
        self.calls += 1;
        assert!(!self.fault, "index out of step with its rows");
        self.kept.push(key.to_owned());
        Err(error(Code::NotFound, "unknown-key", "this instance has made nothing under that key"))
    }

    fn find(&mut self, what: Target) -> Result<String, GuestError> {
        self.calls += 1;
        self.found.push(what.clone());
        match what {
            Target::Id(id) => Ok(id),
            Target::Key(_) | Target::Hfid(..) => Err(error(Code::NotFound, "not-found", "no")),
        }
    }

    fn read(&mut self, _what: Target, names: Vec<String>) -> Result<Vec<Field>, GuestError> {
        self.calls += 1;
        Ok(names
            .into_iter()
            .map(|name| Field { name, value: FieldValue::One(Scalar::Null) })
            .collect())
    }

    fn peers(&mut self, _what: Target, relationship: &str) -> Result<Vec<String>, GuestError> {
        self.calls += 1;
        Ok(vec![relationship.to_owned()])
    }

    fn document(&mut self, text: &str, variables: &str) -> Result<String, GuestError> {
        self.calls += 1;
        self.documents.push((text.to_owned(), variables.to_owned()));
        Ok(if self.answer.is_empty() { "{}".to_owned() } else { self.answer.clone() })
    }

    fn allocate(&mut self, request: PoolRequest) -> Result<Grant, GuestError> {
        self.calls += 1;
        self.requests.push(request);
        Ok(Grant { value: Scalar::Integer(100), object: None, reused: false })
    }

    fn peek(&mut self, request: PoolRequest) -> Result<Scalar, GuestError> {
        self.calls += 1;
        self.requests.push(request);
        Ok(Scalar::Integer(100))
    }
}
