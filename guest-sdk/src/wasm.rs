//! In the sandbox: the imports of the world behind [`Host`], and the way in.

/// Made from the WIT.
#[allow(missing_docs, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit/v0.1.0",
        world: "generator",
        pub_export_macro: true,
        default_bindings_module: "kiln::wasm::bindings",
        export_macro_name: "export",
    });
}

pub mod check;

/// The standard library's own allocator, in a version that begins with the heap the component is
/// linked with (`kiln build`): growing memory costs more than most runs compute.
#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

use bindings::kiln::generator::{log, objects, pools, query, run, types};
use serde::de::DeserializeOwned;

use crate::{
    Code, Ctx, Drafted, Error, Field, Given, Granted, Host, Info, Level, Linked, Outcome, Request,
    Result, Saved, Target, Terms, Want,
};

/// Runs a generator on the host's input.
pub fn enter<T: DeserializeOwned, R>(
    input: &str,
    generate: impl Fn(&Ctx<'_>, T) -> Result<R>,
) -> std::result::Result<(), types::Error> {
    tell_panics(log::panicked);
    let done = read(input).and_then(|input| generate(&Ctx::new(&Imports), input));
    done.map(drop).map_err(outward)
}

/// From here on a panic tells its text before it ends the run.
fn tell_panics(tell: fn(&str, &str)) {
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without text".to_owned());
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tell(&message, &location);
    }));
}

/// The host's input in the guest's own types.
fn read<T: DeserializeOwned>(input: &str) -> Result<T> {
    serde_json::from_str(input).map_err(|bad| {
        let message = format!("the query's answer does not fit what the guest reads: {bad}");
        Error::new(Code::InvalidArgument, "bad-input", message)
    })
}

struct Imports;

fn outward(error: Error) -> types::Error {
    types::Error {
        code: match error.code {
            Code::InvalidArgument => types::Code::InvalidArgument,
            Code::NotFound => types::Code::NotFound,
            Code::Conflict => types::Code::Conflict,
            Code::Denied => types::Code::Denied,
            Code::Exhausted => types::Code::Exhausted,
            Code::LimitExceeded => types::Code::LimitExceeded,
            Code::SchemaMismatch => types::Code::SchemaMismatch,
            Code::Internal => types::Code::Internal,
        },
        name: error.name,
        message: error.message,
        path: error.path,
        details: error.details,
    }
}

fn inward(error: types::Error) -> Error {
    Error {
        code: match error.code {
            types::Code::InvalidArgument => Code::InvalidArgument,
            types::Code::NotFound => Code::NotFound,
            types::Code::Conflict => Code::Conflict,
            types::Code::Denied => Code::Denied,
            types::Code::Exhausted => Code::Exhausted,
            types::Code::LimitExceeded => Code::LimitExceeded,
            types::Code::SchemaMismatch => Code::SchemaMismatch,
            types::Code::Internal => Code::Internal,
        },
        name: error.name,
        message: error.message,
        path: error.path,
        details: error.details,
    }
}

fn scalar(value: Given) -> types::Scalar {
    match value {
        Given::Null => types::Scalar::Null,
        Given::Boolean(yes) => types::Scalar::Boolean(yes),
        Given::Integer(number) => types::Scalar::Integer(number),
        Given::Number(number) => types::Scalar::Number(number),
        Given::Text(text) => types::Scalar::Text(text),
        Given::Json(text) => types::Scalar::Json(text),
    }
}

fn given(value: types::Scalar) -> Given {
    match value {
        types::Scalar::Null => Given::Null,
        types::Scalar::Boolean(yes) => Given::Boolean(yes),
        types::Scalar::Integer(number) => Given::Integer(number),
        types::Scalar::Number(number) => Given::Number(number),
        types::Scalar::Text(text) => Given::Text(text),
        types::Scalar::Json(text) => Given::Json(text),
    }
}

fn fields(fields: Vec<Field>) -> Vec<types::Field> {
    fields
        .into_iter()
        .map(|field| types::Field {
            name: field.name,
            value: types::Value::One(scalar(field.value)),
        })
        .collect()
}

fn read_fields(fields: Vec<types::Field>) -> Vec<Field> {
    fields
        .into_iter()
        .map(|field| Field {
            name: field.name,
            value: match field.value {
                types::Value::One(value) => given(value),
                types::Value::Many(values) => {
                    let all: Vec<_> = values.into_iter().map(|v| given(v).to_json()).collect();
                    Given::Json(serde_json::Value::Array(all).to_string())
                }
            },
        })
        .collect()
}

fn target(target: Target) -> types::Target {
    match target {
        Target::Id(id) => types::Target::Id(id),
        Target::Key(key) => types::Target::Key(key),
        Target::Hfid(kind, parts) => types::Target::Hfid((kind, parts)),
    }
}

fn links(links: Vec<Linked>) -> Vec<objects::Link> {
    links
        .into_iter()
        .map(|link| objects::Link {
            relationship: link.relationship,
            to: link.to.into_iter().map(target).collect(),
        })
        .collect()
}

fn drafted(draft: Drafted) -> objects::Draft {
    let from_pool = |drawn: crate::Drawn| objects::FromPool {
        name: drawn.name,
        pool: drawn.pool,
        identifier: drawn.identifier,
        length: drawn.length,
    };
    objects::Draft {
        kind: draft.kind,
        key: draft.key,
        fields: fields(draft.fields),
        links: links(draft.links),
        allocations: draft.allocations.into_iter().map(from_pool).collect(),
    }
}

fn saved(saved: objects::Saved) -> Saved {
    let outcome = match saved.outcome {
        objects::Outcome::Created => Outcome::Created,
        objects::Outcome::Updated => Outcome::Updated,
        objects::Outcome::Unchanged => Outcome::Unchanged,
    };
    Saved { id: saved.id, outcome }
}

impl Host for Imports {
    fn info(&self) -> Info {
        let info = run::current();
        Info {
            run_id: info.run_id,
            instance_id: info.instance_id,
            definition: info.definition,
            branch: info.branch,
            target: info.target,
            target_kind: info.target_kind,
            as_of: info.as_of,
            seed: info.seed,
            dry_run: info.dry_run,
        }
    }

    fn parameters(&self) -> Vec<Field> {
        read_fields(run::parameters())
    }

    fn log(&self, level: Level, message: &str, more: &[(&str, String)]) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        let more: Vec<(String, String)> =
            more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        log::write(level, message, &more);
    }

    fn create(&self, draft: Drafted) -> Result<Saved> {
        objects::create(&drafted(draft)).map(saved).map_err(inward)
    }

    fn create_many(&self, drafts: Vec<Drafted>) -> Result<Vec<Saved>> {
        let drafts: Vec<objects::Draft> = drafts.into_iter().map(drafted).collect();
        let made = objects::create_many(&drafts);
        made.map(|all| all.into_iter().map(saved).collect())
            .map_err(|(number, bad)| inward(bad).of_draft(number))
    }

    fn set(&self, of: &Target, given: Vec<Field>, linked: Vec<Linked>) -> Result<Saved> {
        objects::set(&target(of.clone()), &fields(given), &links(linked)).map(saved).map_err(inward)
    }

    fn keep(&self, key: &str) -> Result<String> {
        objects::keep(key).map_err(inward)
    }

    fn find(&self, what: &Target) -> Result<String> {
        objects::find(&target(what.clone())).map_err(inward)
    }

    fn read(&self, what: &Target, names: &[&str]) -> Result<Vec<Field>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        objects::read(&target(what.clone()), &names).map(read_fields).map_err(inward)
    }

    fn peers(&self, what: &Target, relationship: &str) -> Result<Vec<String>> {
        objects::peers(&target(what.clone()), relationship).map_err(inward)
    }

    fn document(&self, text: &str, variables: &str) -> Result<String> {
        query::document(text, variables).map_err(inward)
    }

    fn allocate(&self, request: Request) -> Result<Granted> {
        let terms = pool_terms(&request.terms);
        let request = pool_request(request);
        let granted = match terms {
            None => pools::allocate(&request),
            Some(terms) => pools::allocate_on(&request, &terms),
        };
        granted
            .map(|grant| Granted {
                value: given(grant.value),
                object: grant.object,
                reused: grant.reused,
            })
            .map_err(inward)
    }

    fn peek(&self, request: Request) -> Result<Given> {
        let none = pools::Terms { value: None, scope: Vec::new(), block: None };
        let terms = pool_terms(&request.terms).unwrap_or(none);
        pools::peek(&pool_request(request), &terms).map(given).map_err(inward)
    }
}

fn pool_terms(terms: &Terms) -> Option<pools::Terms> {
    if *terms == Terms::default() {
        return None;
    }
    let block = terms.block.map(|(count, align)| pools::Block { count, align });
    Some(pools::Terms { value: terms.value.clone().map(scalar), scope: terms.scope.clone(), block })
}

fn pool_request(request: Request) -> pools::Request {
    pools::Request {
        pool: request.pool,
        identifier: request.identifier,
        want: match request.want {
            Want::Number => pools::Want::Number,
            Want::Address(length) => pools::Want::Address(length),
            Want::Prefix(length) => pools::Want::Prefix(length),
        },
        data: fields(request.data),
    }
}
