//! The commands of pools, and how their space is drawn.

use serde_json::{Value, json};

use crate::args::{Draw, Pool};
use crate::client::{Client, part};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Cells of a bar.
const WIDTH: u32 = 48;

/// Runs a command of pools.
pub(crate) fn run(client: &Client, pool: &Pool, output: Output) -> Result<Exit, Failure> {
    let path = |name: &str, verb: &str| format!("/api/pools/{}{verb}", part(name));
    match pool {
        Pool::List => {
            let list = client.get("/api/pools")?;
            told(&list, output);
            for pool in list["pools"].as_array().into_iter().flatten() {
                output.line(&format!("{}  {}", summary(pool), text(pool, "kind")));
            }
        }
        Pool::Show { name } => {
            let mut pool = client.get(&path(name, ""))?;
            let cells = client.get(&path(name, &format!("/picture?cells={WIDTH}")))?;
            pool["picture"] = cells["rows"].clone();
            told(&pool, output);
            drawn(&pool, output);
            pictured(&cells, output);
            for held in pool["held"].as_array().into_iter().flatten() {
                output.line(&format!(
                    "  {:<20} {}  {}",
                    plain(&held["value"]),
                    held["label"].as_str().unwrap_or("-"),
                    held["identifier"].as_str().unwrap_or("by hand"),
                ));
            }
        }
        Pool::Utilization { name } => {
            let pool = client.get(&path(name, ""))?;
            told(&pool, output);
            drawn(&pool, output);
        }
        Pool::Allocate(draw) => {
            let answer = client.post(&path(&draw.name, "/allocate"), &body(draw))?;
            told(&answer, output);
            for granted in answer["allocated"].as_array().into_iter().flatten() {
                let again = if granted["reused"] == true { "  (held already)" } else { "" };
                output.line(&format!("{}{again}", plain(&granted["value"])));
            }
        }
        Pool::Peek(draw) => {
            let answer = client.post(&path(&draw.name, "/peek"), &body(draw))?;
            told(&answer, output);
            for value in answer["next"].as_array().into_iter().flatten() {
                output.line(&plain(value));
            }
        }
        Pool::Explain(draw) => {
            let answer = client.post(&path(&draw.name, "/explain"), &body(draw))?;
            told(&answer, output);
            explained(&answer, output);
        }
        Pool::Forecast { draw, definition } => {
            let body = json!({"definition": definition, "draw": body(draw)});
            let answer = client.post(&path(&draw.name, "/forecast"), &body)?;
            told(&answer, output);
            foreseen(&answer, output);
        }
        Pool::Alerts => alerts(client, output)?,
        Pool::Release { name, identifier, why } => {
            let body = json!({"identifier": identifier, "why": why});
            let answer = client.post(&path(name, "/release"), &body)?;
            told(&answer, output);
            output.line(&format!("{} is free again", plain(&answer["released"])));
        }
    }
    Ok(Exit::Done)
}

fn alerts(client: &Client, output: Output) -> Result<(), Failure> {
    let answer = client.get("/api/pool-alerts")?;
    told(&answer, output);
    for alert in answer["alerts"].as_array().into_iter().flatten() {
        output.line(&format!(
            "{}  {:<17} {}  {} of {}, mark {}%",
            text(alert, "at"),
            text(alert, "event"),
            text(alert, "name"),
            text(alert, "used"),
            text(alert, "total"),
            plain(&alert["alert_at"]),
        ));
    }
    Ok(())
}

fn body(draw: &Draw) -> Value {
    json!({
        "identifier": draw.identifier, "value": draw.value, "prefix_length": draw.length,
        "kind": draw.kind, "count": draw.count, "block": draw.block, "align": draw.align,
        "until": draw.until, "set_aside": draw.set_aside, "scope": scope(&draw.scope),
    })
}

/// `site=fra1` as a name with its value.
fn scope(given: &[String]) -> Value {
    let pairs = given.iter().map(|one| one.split_once('=').unwrap_or((one, "")));
    pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// The space as it lies: one line a resource, light where it is free, dark where it is taken.
fn pictured(answer: &Value, output: Output) {
    for row in answer["rows"].as_array().into_iter().flatten() {
        let cells = row["cells"].as_array().map(Vec::as_slice).unwrap_or_default();
        let drawn: String = cells.iter().map(shade).collect();
        let of = row["scope"].as_object().into_iter().flatten();
        let of: Vec<String> = of.map(|(name, value)| format!("{name}={}", plain(value))).collect();
        let ends = match (cells.first(), cells.last()) {
            (Some(first), Some(last)) => {
                format!("{} .. {}", text(first, "first"), text(last, "last"))
            }
            _ => "nothing in it can be handed out".to_owned(),
        };
        output.line(&format!("  {:<22} [{drawn}] {ends}  {}", text(row, "resource"), of.join(" ")));
    }
}

/// How dark a cell is.
fn shade(cell: &Value) -> char {
    let share = cell["utilization"].as_f64().unwrap_or(0.0);
    match (text(cell, "used"), text(cell, "total")) {
        ("0", _) => '\u{b7}',
        (used, total) if used == total => '\u{2588}',
        _ if share < 34.0 => '\u{2591}',
        _ if share < 67.0 => '\u{2592}',
        _ => '\u{2593}',
    }
}

fn foreseen(answer: &Value, output: Output) {
    let least = if answer["at_least"] == true { "at least " } else { "" };
    let each: Vec<String> = answer["each"].as_array().into_iter().flatten().map(plain).collect();
    output.line(&format!(
        "{}: room for {least}{} more, each {}",
        plain(&answer["pool"]),
        plain(&answer["room"]),
        each.join(", "),
    ));
    if let Some(stops) = answer["stops"].as_str() {
        output.line(&format!("then: {stops}"));
    }
}

fn told(answer: &Value, output: Output) {
    if output.json {
        output.value(answer);
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn summary(pool: &Value) -> String {
    format!(
        "{:<24} {} {:>6}%  {} of {}",
        text(pool, "name"),
        bar(&pool["utilization"]),
        plain(&pool["utilization"]),
        text(pool, "used"),
        text(pool, "total"),
    )
}

fn drawn(pool: &Value, output: Output) {
    output.line(&summary(pool));
    for one in pool["resources"].as_array().into_iter().flatten() {
        output.line(&format!(
            "  {:<22} {} {:>6}%  {} of {}",
            text(one, "label"),
            bar(&one["utilization"]),
            plain(&one["utilization"]),
            text(one, "used"),
            text(one, "total"),
        ));
        let gaps = one["free"].as_array().map(Vec::as_slice).unwrap_or_default();
        let shown: Vec<String> = gaps
            .iter()
            .take(4)
            .map(|gap| match (text(gap, "first"), text(gap, "last")) {
                (first, last) if first == last => first.to_owned(),
                (first, last) => format!("{first} .. {last}"),
            })
            .collect();
        let more = if gaps.len() > shown.len() { ", ..." } else { "" };
        output.line(&format!("    free: {}{more}", shown.join(", ")));
    }
}

/// `[########..........]`: as much of it filled as the pool is.
fn bar(utilization: &Value) -> String {
    let share = (utilization.as_f64().unwrap_or(0.0) / 100.0).clamp(0.0, 1.0);
    let cells = (0..WIDTH).map(|cell| {
        let filled = f64::from(cell) < share * f64::from(WIDTH);
        if filled { '\u{2588}' } else { '\u{2591}' }
    });
    cells.collect()
}

fn explained(answer: &Value, output: Output) {
    if let Some(state) = answer["state"].as_str() {
        let who = answer["label"].as_str().or(answer["message"].as_str()).unwrap_or_default();
        let under = answer["identifier"].as_str().map(|id| format!(" under `{id}`"));
        output.line(&format!(
            "{} is {state}{}  {who}",
            plain(&answer["value"]),
            under.unwrap_or_default()
        ));
        return;
    }
    output.line(&format!("{}, {}:", text(answer, "pool"), text(answer, "order")));
    for step in answer["resources"].as_array().into_iter().flatten() {
        let outcome = match (step["skipped"].as_str(), step["chosen"] == true) {
            (Some(why), _) => format!("skipped: {why}"),
            (None, true) => "chosen".to_owned(),
            (None, false) => "not needed".to_owned(),
        };
        output.line(&format!(
            "  {:<22} weight {:<4} {} of {} taken  {outcome}",
            text(step, "resource"),
            plain(&step["weight"]),
            text(step, "used"),
            text(step, "total"),
        ));
    }
    for passed in answer["passed_over"].as_array().into_iter().flatten() {
        output.line(&format!("  passed over {}: {}", plain(&passed["value"]), text(passed, "why")));
    }
    match answer["message"].as_str() {
        Some(message) => output.line(&format!("nothing is next: {message}")),
        None => output.line(&format!("next: {}", plain(&answer["next"]))),
    }
}
