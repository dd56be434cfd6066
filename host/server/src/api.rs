//! The routes and their handlers.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use engine::{Mode, RunResult};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{DefinitionInput, RunAll, Service, ServiceError, SourceFile, Trigger};

use crate::door::{Door, admit};
use crate::problem::Problem;
use crate::scope::Scoped;
use crate::wire;
use crate::{accounts, artifacts, branches, changes, checks, explorer, graphql, history};
use crate::{pools, query, schema, storage};

use crate::limits::{BODY_BYTES_MAX, COMPONENT_BYTES_MAX, LISTED_MAX};

pub(crate) type Answer = Result<Response, Problem>;

/// All routes.
pub(crate) fn router(service: Service) -> Router {
    Router::new()
        .route("/api/health", get(health))
        .route("/api/openapi.json", get(openapi))
        .route("/api/schema", get(schema::whole))
        .route("/api/schema/check", post(schema::check))
        .route("/api/schema/load", post(schema::load))
        .route("/api/schema/declared", get(schema::declared))
        .route("/api/schema/summary", get(schema::summary))
        .route("/api/schema/json_schema/{kind}", get(schema::json_schema))
        .route("/api/schema/{kind}", get(schema::kind))
        .route("/api/objects/load", post(object_load))
        .route("/api/objects/convert", post(object_convert))
        .route("/api/objects/{kind}", get(objects))
        .route(
            "/api/objects/{kind}/{*name}",
            get(object).patch(object_update).delete(object_delete),
        )
        .route("/api/repositories/push", post(repository_push))
        .route("/api/components", get(components))
        .route(
            "/api/components/upload",
            put(component_upload).layer(DefaultBodyLimit::max(COMPONENT_BYTES_MAX)),
        )
        .route("/api/generators", get(generators).put(generator_put))
        .route("/api/generators/{name}/run", post(generator_run))
        .route(
            "/api/generators/{name}/try",
            post(generator_try).layer(DefaultBodyLimit::max(COMPONENT_BYTES_MAX)),
        )
        .route("/api/generators/{name}/trigger", post(trigger))
        .route("/api/changes", get(changes::list).post(changes::open))
        .route("/api/changes/{name}", get(changes::show))
        .route("/api/changes/{name}/{verb}", post(changes::act))
        .route("/api/checks", get(checks::list).put(checks::put))
        .route("/api/checks/{name}/run", post(checks::run))
        .merge(run_routes())
        .route("/api/blame/{kind}/{*name}", get(history::blame))
        .route("/api/revert", post(history::revert))
        .route("/api/instances", get(instances))
        .route("/api/instances/{*name}", get(instance))
        .route("/api/auth/login", post(accounts::login))
        .route("/api/auth/refresh", post(accounts::refresh))
        .route("/api/auth/logout", post(accounts::logout))
        .route("/api/tokens", get(accounts::tokens).post(accounts::token_create))
        .route("/api/tokens/{id}", delete(accounts::token_delete))
        .route("/api/pools", get(pools::list))
        .route("/api/pools/{name}", get(pools::show))
        .route("/api/pools/{name}/allocate", post(pools::allocate))
        .route("/api/pools/{name}/peek", post(pools::peek))
        .route("/api/pools/{name}/explain", post(pools::explain))
        .route("/api/pools/{name}/release", post(pools::release))
        .route("/api/query/{name}", get(query::stored).post(query::stored))
        .route("/api/info", get(query::info))
        .route("/api/config", get(query::config))
        .merge(branches::routes())
        .route("/api/pools/{name}/forecast", post(pools::forecast))
        .route("/api/pools/{name}/picture", get(pools::picture))
        .route("/api/pool-alerts", get(pools::alerts))
        .merge(storage::routes())
        .merge(artifacts::routes())
        .merge(explorer::routes())
        .route("/graphql", get(explorer::page).post(graphql::main))
        .route("/graphql/", get(explorer::page).post(graphql::main))
        .route("/graphql/{*branch}", get(explorer::page).post(graphql::branch))
        .route("/schema.graphql", get(graphql::sdl))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Door::new(service.clone()), admit))
        .with_state(service)
}

fn run_routes() -> Router<Service> {
    Router::new()
        .route("/api/runs", get(runs))
        .route("/api/runs/under-way", get(runs_under_way))
        .route("/api/runs/{id}", get(run))
        .route("/api/runs/{id}/cancel", post(run_cancel))
        .route("/api/runs/{id}/why", get(history::why))
}

/// One verb on a blocking thread: the one bridge from async.
pub(crate) async fn blocking<T: Send + 'static>(
    scoped: impl Into<Scoped>,
    verb: impl FnOnce(&Service) -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, Problem> {
    let scoped = scoped.into();
    match tokio::task::spawn_blocking(move || verb(&scoped.service()?)).await {
        Ok(done) => done.map_err(Problem::from),
        Err(_panicked) => Err(failed()),
    }
}

/// What a panic of ours comes to.
pub(crate) fn failed() -> Problem {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "host-bug", "the host failed; nothing was changed")
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    let bad = |what: String| Problem::new(StatusCode::BAD_REQUEST, "bad-json", what);
    let text =
        std::str::from_utf8(body).map_err(|error| bad(format!("the body is no text: {error}")))?;
    // A list would be taken for the fields of an object, in their order, and an empty one for none given.
    if text.trim_start().starts_with('[') {
        return Err(bad("the body is a list, and must be an object".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| bad(format!("the body does not read: {error}")))
}

/// The same, where a body may be left out.
pub(crate) fn parse_or_none<T>(body: &Bytes) -> Result<T, Problem>
where
    T: serde::de::DeserializeOwned + Default,
{
    if body.is_empty() { Ok(T::default()) } else { parse(body) }
}

pub(crate) fn ok(value: &Value) -> Answer {
    Ok(Json(value.clone()).into_response())
}

fn sources(files: wire::Files) -> Vec<SourceFile> {
    let source = |file: wire::File| SourceFile { name: file.name, text: file.text };
    files.files.into_iter().map(source).collect()
}

async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-path", "nothing is here; see /api/openapi.json")
}

async fn health(service: Scoped) -> Answer {
    let commit = blocking(service.unproven(), |service| Ok(service.last_commit())).await?;
    ok(&json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "commit": commit}))
}

async fn openapi() -> Answer {
    ok(&crate::openapi::document())
}

async fn object_load(service: Scoped, body: Bytes) -> Answer {
    let files = sources(parse(&body)?);
    let load = blocking(service, move |service| service.object_load(&files)).await?;
    ok(&json!({
        "created": load.created, "updated": load.updated, "unchanged": load.unchanged,
        "skipped": load.skipped,
    }))
}

#[derive(Deserialize)]
struct Limit {
    limit: Option<usize>,
}

async fn objects(service: Scoped, Path(kind): Path<String>, Query(limit): Query<Limit>) -> Answer {
    let limit = limit.limit.unwrap_or(LISTED_MAX);
    let objects = blocking(service, move |service| service.objects(&kind, limit)).await?;
    let objects: Vec<Value> = objects.iter().map(service::ObjectView::to_json).collect();
    ok(&json!({"objects": objects}))
}

async fn object(service: Scoped, Path((kind, name)): Path<(String, String)>) -> Answer {
    let object = blocking(service, move |service| service.object(&kind, &name)).await?;
    ok(&object.to_json())
}

async fn object_update(
    service: Scoped,
    Path((kind, name)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let values: serde_json::Map<String, Value> = parse(&body)?;
    let changes =
        blocking(service, move |service| service.object_update(&kind, &name, &values)).await?;
    ok(&changes.to_json())
}

async fn object_delete(service: Scoped, Path((kind, name)): Path<(String, String)>) -> Answer {
    let changes = blocking(service, move |service| service.object_delete(&kind, &name)).await?;
    ok(&changes.to_json())
}

async fn object_convert(service: Scoped, body: Bytes) -> Answer {
    let wire::Convert { kind, name, target, fields } = parse(&body)?;
    let done =
        blocking(service, move |service| service.object_convert(&kind, &name, &target, &fields));
    let done = done.await?;
    ok(&json!({
        "id": done.converted.id.to_string(), "left": done.converted.left,
        "changes": done.changes.to_json(),
    }))
}

async fn repository_push(service: Scoped, body: Bytes) -> Answer {
    let wire: wire::Folder = parse(&body)?;
    let folder = service::Folder {
        manifest: wire.manifest,
        files: wire.files,
        components: wire.components,
        repository: wire.repository,
        location: wire.location,
        check: wire.check,
    };
    let report = blocking(service, move |service| service.push(&folder)).await?;
    ok(&report.to_json())
}

async fn components(service: Scoped) -> Answer {
    let components = blocking(service, Service::components).await?;
    ok(&json!({"components": components}))
}

async fn component_upload(service: Scoped, headers: HeaderMap, body: Bytes) -> Answer {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "encoding-not-accepted",
            "components are taken as they are; send it without content-encoding",
        ));
    }
    let info = blocking(service, move |service| service.component_upload(&body)).await?;
    ok(&json!(info))
}

async fn generators(service: Scoped) -> Answer {
    let definitions = blocking(service, Service::definitions).await?;
    let definitions: Vec<Value> =
        definitions.iter().map(service::DefinitionView::to_json).collect();
    ok(&json!({"generators": definitions}))
}

async fn generator_put(service: Scoped, body: Bytes) -> Answer {
    let wire: wire::Definition = parse(&body)?;
    let definition = DefinitionInput {
        name: wire.name,
        description: wire.description,
        query: wire.query,
        parameters: wire.parameters,
        targets: wire.targets,
        component: wire.component,
        adoption: wire.adoption,
        on_release: wire.on_release,
        on_protected: wire.on_protected,
        trigger_secret: wire.trigger_secret,
        execute_in_proposed_change: wire.execute_in_proposed_change,
        execute_after_merge: wire.execute_after_merge,
    };
    let id = blocking(service, move |service| service.definition_put(&definition)).await?;
    ok(&json!({"id": id.to_string()}))
}

async fn generator_run(service: Scoped, Path(name): Path<String>, body: Bytes) -> Answer {
    let wire: wire::Run = parse_or_none(&body)?;
    let mode = if wire.plan { Mode::Plan } else { Mode::Apply };
    let runs = blocking(service, move |service| match wire.target {
        Some(target) => {
            let run = service.run(&name, &target, mode, "api")?;
            Ok(vec![run_json(&run)])
        }
        None => {
            let all = service.run_all(&name, mode, "api")?;
            Ok(runs_json(&all))
        }
    })
    .await?;
    told(&runs)
}

#[derive(Deserialize)]
struct Tried {
    target: Option<String>,
}

async fn generator_try(
    service: Scoped,
    Path(name): Path<String>,
    Query(tried): Query<Tried>,
    body: Bytes,
) -> Answer {
    let runs = blocking(service, move |service| {
        let all = service.try_out(&name, &body, tried.target.as_deref())?;
        Ok(runs_json(&all))
    })
    .await?;
    told(&runs)
}

fn runs_json(all: &RunAll) -> Vec<Value> {
    let one = |run: &Result<RunResult, ServiceError>| match run {
        Ok(run) => run_json(run),
        Err(error) => json!({
            "outcome": {"Failed": {"code": error.code(), "message": error.to_string()}},
        }),
    };
    all.runs.iter().map(one).collect()
}

fn told(runs: &[Value]) -> Answer {
    let failed = runs.iter().any(|run| run["outcome"].get("Failed").is_some());
    ok(&json!({"ok": !failed, "runs": runs}))
}

fn run_json(result: &RunResult) -> Value {
    let mut json = record_json(&result.record);
    json["changes"] = result.changes.to_json();
    json["digest"] = json!(result.changes.digest().to_string());
    json["commit"] = json!(result.seq.map(|seq| seq.0));
    json
}

async fn trigger(
    service: Scoped,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let text = |name: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let (timestamp, signature) = (text("x-kiln-timestamp"), text("x-kiln-signature"));
    // The signature is the proof.
    let run = blocking(service.unproven(), move |service| {
        service.trigger(&Trigger {
            definition: &name,
            timestamp: &timestamp,
            signature: &signature,
            body: &body,
        })
    })
    .await?;
    ok(&run_json(&run))
}

async fn runs(service: Scoped, Query(limit): Query<Limit>) -> Answer {
    let limit = limit.limit.unwrap_or(50).min(LISTED_MAX);
    let runs = blocking(service, move |service| service.runs(limit)).await?;
    let runs: Vec<Value> = runs.iter().map(record_json).collect();
    ok(&json!({"runs": runs}))
}

fn under_way_json(run: &engine::RunUnderWay) -> Value {
    json!({
        "run": run.run.to_string(),
        "definition": run.definition,
        "target": run.target.to_string(),
        "plan": run.mode == Mode::Plan,
        "cause": run.cause,
        "began": run.began.to_string(),
    })
}

async fn runs_under_way(service: Scoped) -> Answer {
    let runs = blocking(service, Service::runs_under_way).await?;
    ok(&json!({"runs": runs.iter().map(under_way_json).collect::<Vec<_>>()}))
}

async fn run_cancel(service: Scoped, Path(id): Path<String>) -> Answer {
    let run = blocking(service, move |service| service.run_cancel(&id)).await?;
    ok(&under_way_json(&run))
}

fn record_json(record: &engine::RunRecord) -> Value {
    let log: Vec<Value> = record
        .log
        .iter()
        .map(|line| json!({"level": line.level, "message": line.message, "fields": line.fields}))
        .collect();
    json!({
        "run": record.id().to_string(),
        "instance": model::ObjectId(record.instance).to_string(),
        "definition": record.definition,
        "target": model::ObjectId(record.target).to_string(),
        "component": record.component,
        "input": record.input,
        "as_of": record.base,
        "began": record.began().to_string(),
        "cause": record.cause,
        "outcome": record.outcome,
        "fuel": record.fuel,
        "memory": record.memory,
        "calls": record.calls,
        "repeats": record.repeats,
        "log": log,
        "log_dropped": record.log_dropped,
    })
}

async fn run(service: Scoped, Path(id): Path<String>) -> Answer {
    let record = blocking(service, move |service| service.run_record(&id)).await?;
    ok(&record_json(&record))
}

async fn instances(service: Scoped) -> Answer {
    let instances = blocking(service, Service::instances).await?;
    let instances: Vec<Value> = instances
        .iter()
        .map(|instance| {
            json!({
                "id": instance.id.to_string(), "name": instance.name,
                "status": instance.state.word(), "owns": instance.owns.len(),
                "sets": instance.sets.len(),
            })
        })
        .collect();
    ok(&json!({"instances": instances}))
}

async fn instance(service: Scoped, Path(name): Path<String>) -> Answer {
    let instance = blocking(service, move |service| service.instance(&name)).await?;
    let mut json = instance.to_json();
    json["runs"] = json!(instance.runs.iter().map(record_json).collect::<Vec<_>>());
    ok(&json)
}
