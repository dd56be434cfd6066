//! Between the generated types and [`crate::api`]: moves, no copies, nothing decided.

use crate::api;
use crate::bindings::check::kiln::generator::checking;
use crate::bindings::kiln::generator::{log, objects, pools, run, types};

impl From<types::Scalar> for api::Scalar {
    fn from(scalar: types::Scalar) -> Self {
        match scalar {
            types::Scalar::Null => Self::Null,
            types::Scalar::Boolean(yes) => Self::Boolean(yes),
            types::Scalar::Integer(number) => Self::Integer(number),
            types::Scalar::Number(number) => Self::Number(number),
            types::Scalar::Text(text) => Self::Text(text),
            types::Scalar::Json(text) => Self::Json(text),
        }
    }
}

impl From<api::Scalar> for types::Scalar {
    fn from(scalar: api::Scalar) -> Self {
        match scalar {
            api::Scalar::Null => Self::Null,
            api::Scalar::Boolean(yes) => Self::Boolean(yes),
            api::Scalar::Integer(number) => Self::Integer(number),
            api::Scalar::Number(number) => Self::Number(number),
            api::Scalar::Text(text) => Self::Text(text),
            api::Scalar::Json(text) => Self::Json(text),
        }
    }
}

impl From<types::Field> for api::Field {
    fn from(field: types::Field) -> Self {
        let value = match field.value {
            types::Value::One(scalar) => api::FieldValue::One(scalar.into()),
            types::Value::Many(scalars) => api::FieldValue::Many(list(scalars)),
        };
        Self { name: field.name, value }
    }
}

impl From<api::Field> for types::Field {
    fn from(field: api::Field) -> Self {
        let value = match field.value {
            api::FieldValue::One(scalar) => types::Value::One(scalar.into()),
            api::FieldValue::Many(scalars) => types::Value::Many(list(scalars)),
        };
        Self { name: field.name, value }
    }
}

impl From<types::Code> for api::Code {
    fn from(code: types::Code) -> Self {
        match code {
            types::Code::InvalidArgument => Self::InvalidArgument,
            types::Code::NotFound => Self::NotFound,
            types::Code::Conflict => Self::Conflict,
            types::Code::Denied => Self::Denied,
            types::Code::Exhausted => Self::Exhausted,
            types::Code::LimitExceeded => Self::LimitExceeded,
            types::Code::SchemaMismatch => Self::SchemaMismatch,
            types::Code::Internal => Self::Internal,
        }
    }
}

impl From<api::Code> for types::Code {
    fn from(code: api::Code) -> Self {
        match code {
            api::Code::InvalidArgument => Self::InvalidArgument,
            api::Code::NotFound => Self::NotFound,
            api::Code::Conflict => Self::Conflict,
            api::Code::Denied => Self::Denied,
            api::Code::Exhausted => Self::Exhausted,
            api::Code::LimitExceeded => Self::LimitExceeded,
            api::Code::SchemaMismatch => Self::SchemaMismatch,
            api::Code::Internal => Self::Internal,
        }
    }
}

impl From<types::Error> for api::GuestError {
    fn from(error: types::Error) -> Self {
        let types::Error { code, name, message, path, details } = error;
        Self { code: code.into(), name, message, path, details }
    }
}

impl From<api::GuestError> for types::Error {
    fn from(error: api::GuestError) -> Self {
        let api::GuestError { code, name, message, path, details } = error;
        Self { code: code.into(), name, message, path, details }
    }
}

impl From<types::Target> for api::Target {
    fn from(target: types::Target) -> Self {
        match target {
            types::Target::Id(id) => Self::Id(id),
            types::Target::Key(key) => Self::Key(key),
            types::Target::Hfid((kind, parts)) => Self::Hfid(kind, parts),
        }
    }
}

impl From<objects::Link> for api::Link {
    fn from(link: objects::Link) -> Self {
        Self { relationship: link.relationship, to: list(link.to) }
    }
}

impl From<objects::FromPool> for api::FromPool {
    fn from(drawn: objects::FromPool) -> Self {
        let objects::FromPool { name, pool, identifier, length } = drawn;
        Self { name, pool, identifier, length }
    }
}

impl From<objects::Draft> for api::Draft {
    fn from(draft: objects::Draft) -> Self {
        Self {
            kind: draft.kind,
            key: draft.key,
            fields: list(draft.fields),
            links: list(draft.links),
            allocations: list(draft.allocations),
        }
    }
}

impl From<api::Saved> for objects::Saved {
    fn from(saved: api::Saved) -> Self {
        let outcome = match saved.outcome {
            api::Outcome::Created => objects::Outcome::Created,
            api::Outcome::Updated => objects::Outcome::Updated,
            api::Outcome::Unchanged => objects::Outcome::Unchanged,
        };
        Self { id: saved.id, outcome }
    }
}

impl From<pools::Terms> for api::Terms {
    fn from(terms: pools::Terms) -> Self {
        let block = terms.block.map(|block| (block.count, block.align));
        Self { value: terms.value.map(api::Scalar::from), scope: terms.scope, block }
    }
}

impl From<pools::Request> for api::PoolRequest {
    fn from(request: pools::Request) -> Self {
        let want = match request.want {
            pools::Want::Number => api::Want::Number,
            pools::Want::Address(length) => api::Want::Address(length),
            pools::Want::Prefix(length) => api::Want::Prefix(length),
        };
        let pools::Request { pool, identifier, data, .. } = request;
        Self { pool, identifier, want, data: list(data), terms: api::Terms::default() }
    }
}

impl From<api::Grant> for pools::Grant {
    fn from(grant: api::Grant) -> Self {
        let api::Grant { value, object, reused } = grant;
        Self { value: value.into(), object, reused }
    }
}

impl From<api::RunInfo> for run::Info {
    fn from(info: api::RunInfo) -> Self {
        let api::RunInfo {
            run_id,
            instance_id,
            definition,
            branch,
            target,
            target_kind,
            as_of,
            seed,
            dry_run,
        } = info;
        Self { run_id, instance_id, definition, branch, target, target_kind, as_of, seed, dry_run }
    }
}

impl From<log::Level> for api::LogLevel {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}

impl From<checking::Finding> for api::Finding {
    fn from(finding: checking::Finding) -> Self {
        let severity = match finding.severity {
            checking::Severity::Info => api::Severity::Info,
            checking::Severity::Warning => api::Severity::Warning,
            checking::Severity::Error => api::Severity::Error,
            checking::Severity::Critical => api::Severity::Critical,
        };
        let checking::Finding { message, path, object, .. } = finding;
        Self { severity, message, path, object }
    }
}

/// A list, one by one.
pub(crate) fn list<A, B: From<A>>(items: Vec<A>) -> Vec<B> {
    items.into_iter().map(B::from).collect()
}
