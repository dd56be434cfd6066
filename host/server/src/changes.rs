//! Handlers of proposed changes.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use service::{ChangeInput, CheckKind, Service, ServiceError};

use crate::api::{Answer, blocking, ok, parse};
use crate::limits::WAIT_SECONDS_MAX;
use crate::problem::Problem;
use crate::scope::Scoped;
use crate::wire;

/// Between two looks at whether checks are done, at first and at most; no thread is held meanwhile.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_LONGEST: Duration = Duration::from_millis(250);

pub(crate) async fn list(service: Scoped, Query(asked): Query<wire::Changes>) -> Answer {
    ok(&blocking(service, move |service| service.changes(asked.state.as_deref())).await?)
}

pub(crate) async fn open(service: Scoped, body: Bytes) -> Answer {
    let wire: wire::Change = parse(&body)?;
    let change = ChangeInput {
        name: wire.name,
        description: wire.description,
        source_branch: wire.source_branch,
        is_draft: wire.is_draft,
        reviewers: wire.reviewers,
    };
    ok(&blocking(service, move |service| service.change_open(&change)).await?)
}

/// One change; with `wait`, once its checks are done, or after so many seconds.
pub(crate) async fn show(
    service: Scoped,
    Path(name): Path<String>,
    Query(asked): Query<wire::ChangeShow>,
) -> Answer {
    let until = Instant::now() + Duration::from_secs(asked.wait.min(WAIT_SECONDS_MAX));
    let mut pause = PAUSE_FIRST;
    loop {
        let name = name.clone();
        let waits = move |service: &Service| service.change_waits(&name);
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || !blocking(service.clone(), waits).await? {
            break;
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(PAUSE_LONGEST);
    }
    ok(&blocking(service, move |service| service.change_show(&name)).await?)
}

/// What is done with a change.
pub(crate) async fn act(
    service: Scoped,
    Path((name, verb)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let asked: wire::ChangeAct =
        if body.is_empty() { wire::ChangeAct::default() } else { parse(&body)? };
    let known = ["check", "preview", "review", "comment", "merge", "close", "cancel", "open"];
    if !known.contains(&verb.as_str()) {
        let message = format!("nothing is here; what can be done is {}", known.join(", "));
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-such-path", message));
    }
    ok(&blocking(service, move |service| done(service, &name, &verb, &asked)).await?)
}

fn done(
    service: &Service,
    name: &str,
    verb: &str,
    asked: &wire::ChangeAct,
) -> Result<serde_json::Value, ServiceError> {
    let refused = |code, message: String| ServiceError::Request { code, message };
    match verb {
        "check" => {
            let word = asked.check_type.as_deref().unwrap_or("ALL");
            let kinds = CheckKind::parse(word)
                .ok_or_else(|| refused("bad-check", format!("`{word}` is no type of check")))?;
            service.change_check(name, &kinds)
        }
        "preview" => service.change_preview(name),
        "review" => service.change_review(name, asked.decision.as_deref().unwrap_or_default()),
        "comment" => match &asked.text {
            Some(text) => service.change_comment(name, text, asked.object_path.as_deref()),
            None => Err(refused("bad-comment", "a comment needs a `text`".to_owned())),
        },
        "merge" => service.change_merge(name),
        "close" => service.change_state(name, "closed"),
        "cancel" => service.change_state(name, "canceled"),
        _ => service.change_state(name, "open"),
    }
}
