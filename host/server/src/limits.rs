//! Limits of a request, and the table of all limits.

use std::fmt::Write as _;

use model::limits::LimitRow;
use serde_json::{Value, json};

model::limits! {
    pub(crate) REQUESTS_MAX: usize = 1_024, "requests",
        "Twice the threads that answer them; their bodies are the memory that a crowd can take",
        "a further request is refused as `busy`";
    pub(crate) REQUEST_SECONDS_MAX: u64 = 300, "seconds",
        "One run has 30 seconds, a group has many",
        "the request ends with status 408";
    pub(crate) BODY_BYTES_MAX: usize = 64 << 20, "bytes",
        "Schema and object files together",
        "the request is refused with status 413";
    pub(crate) BODY_SECONDS_MAX: u64 = 60, "seconds",
        "How long a body may take; about 1 MiB a second for the largest",
        "the request is refused as `body-too-slow` (408)";
    pub(crate) STRANGERS_MAX: usize = 256, "requests",
        "A quarter of the places: who gives no credentials cannot take them from who does",
        "a further request without credentials is refused as `busy`";
    pub(crate) STRANGER_BODY_BYTES_MAX: usize = 1 << 20, "bytes",
        "The largest document that GraphQL takes, and more than any log-in",
        "the request is refused with status 413";
    pub(crate) STRANGER_BODY_SECONDS_MAX: u64 = 10, "seconds",
        "A body of a stranger is small",
        "the request is refused as `body-too-slow` (408)";
    pub(crate) REFUSED_SECONDS_MAX: u64 = 2, "seconds",
        "How long the body of a refused request is thrown away as it comes, so that its client reads the answer",
        "the connection is closed after the answer";
    pub(crate) CONNECTIONS_MAX: usize = 8_192, "connections",
        "Eight times what is answered at once; an idle one takes some kilobytes",
        "a further one waits until one ends";
    pub(crate) HEAD_SECONDS_MAX: u64 = 60, "seconds",
        "How long a connection may say nothing, or take for the head of a request",
        "the connection is closed";
    pub(crate) COMPONENT_BYTES_MAX: usize = 16 << 20, "bytes",
        "A component that is read at all; the sandbox's own limit is smaller and says more",
        "the upload is refused with status 413";
    pub(crate) LISTED_MAX: usize = 1_000, "entries",
        "Of one listing of runs or objects",
        "the rest is not listed";
    pub(crate) WAIT_SECONDS_MAX: u64 = 30, "seconds",
        "How long one request waits for the checks of a proposed change; no thread is held meanwhile",
        "the change is shown with its checks pending; ask again";
    pub(crate) PARTS_MAX: usize = 100, "parts",
        "Of one body in parts: a request and its files",
        "the request is refused as `bad-multipart` (400)";
}

/// A table, with what it is about.
pub type LimitTable = (&'static str, &'static [LimitRow]);

/// Every table of the host.
const TABLES: [LimitTable; 9] = [
    ("Runs and components", sandbox::limits::TABLE),
    ("The sandbox", sandbox::limits::fixed::TABLE),
    ("Runs within the host", engine::limits::TABLE),
    ("GraphQL", graphql::limits::TABLE),
    ("Schemas and object files", model::limits::TABLE),
    ("Branches, pools, accounts", branch::limits::TABLE),
    ("The store", store::limits::TABLE),
    ("Verbs", service::limits::TABLE),
    ("HTTP", TABLE),
];

/// All limits as Markdown, for the documentation; behind them those of the caller.
pub fn limits_table(more: &[LimitTable]) -> String {
    let mut text = String::new();
    for (about, rows) in TABLES.iter().chain(more) {
        let _infallible = writeln!(
            text,
            "## {about}\n\n| limit | value | unit | why | at the limit |\n| --- | ---: | --- | --- | --- |"
        );
        for row in *rows {
            let LimitRow { name, value, unit, reason, at_the_limit } = row;
            let (name, value) = (name.to_lowercase(), sandbox::limits::grouped(*value));
            let _infallible =
                writeln!(text, "| `{name}` | {value} | {unit} | {reason} | {at_the_limit} |");
        }
        text.push('\n');
    }
    text
}

/// All limits for programs; behind them those of the caller.
pub fn limits_json(more: &[LimitTable]) -> Value {
    let row = |row: &LimitRow| {
        json!({
            "name": row.name.to_lowercase(), "value": row.value, "unit": row.unit,
            "reason": row.reason, "at_the_limit": row.at_the_limit,
        })
    };
    let table = |(about, rows): &LimitTable| json!({"about": about, "limits": rows.iter().map(row).collect::<Vec<_>>()});
    json!({"tables": TABLES.iter().chain(more).map(table).collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_row_that_says_why_and_what_happens() {
        let text = limits_table(&[]);
        let rows: usize = TABLES.iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!(text.lines().filter(|line| line.starts_with("| `")).count(), rows);
        assert!(text.contains("| `body_bytes_max` | 67,108,864 | bytes | Schema and object files"));
        let all = TABLES.iter().flat_map(|(_, rows)| rows.iter());
        for row in all {
            assert!(row.value > 0 && !row.reason.is_empty() && !row.at_the_limit.is_empty());
        }
    }
}
