//! A page of a thousand objects with ten attributes, against a bare scan that writes the same bytes
//! by hand; a short listing of a long kind.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use branch::Input;
use graphql::Request;
use model::BranchId;
use serde_json::json;
use store::Space;
use store::yardstick::{Bare, TappedRow};

use crate::Scale;
use crate::figure::{Figure, Target, micros, quantile, timed};
use crate::world::{Failed, World, store_options};

const TEXTS: [&str; 7] = ["name", "role", "status", "site", "vendor", "model", "serial"];
const NUMBERS: [&str; 2] = ["rack", "position"];

fn texts(number: usize) -> [String; 7] {
    [
        format!("device-{number:05}"),
        "leaf".to_owned(),
        "active".to_owned(),
        format!("site-{}", number % 40),
        "acme".to_owned(),
        format!("x{}", number % 7),
        format!("SN{number:08}"),
    ]
}

fn numbers(number: usize) -> [i64; 2] {
    [number % 48, number % 42].map(|number| i64::try_from(number).unwrap_or(0))
}

/// The section.
pub(crate) fn query(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let world = World::new(folder)?;
    let count = scale.of(1_000);
    let rows = devices(&world, count)?;
    let bare = Bare::open(&folder.join("bare.redb"), store_options(None).cache_bytes)?;
    bare.commit(&[rows])?;
    let document = page(count);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _round in 0..scale.of(300) {
        let (time, answer) = timed(|| ask(&world, &document));
        ours.push(time);
        let (time, page) = timed(|| bare_page(&bare));
        theirs.push(time);
        if answer? != page? {
            return Err("the yardstick writes something else".into());
        }
    }
    let (ours, theirs) = (quantile(&mut ours, 50), quantile(&mut theirs, 50));
    Ok(vec![
        Figure::new(format!("{count} objects x 10 attributes"), micros(ours), "us")
            .against("bare scan writing the same JSON by hand", micros(theirs))
            .target(Target::RatioAtMost(3.0)),
    ])
}

/// Makes the devices of a page. Gives their rows as the yardstick keeps them.
pub(crate) fn devices(world: &World, count: usize) -> Result<Vec<TappedRow>, Failed> {
    world.change(|draft| {
        let mut rows: Vec<TappedRow> = Vec::new();
        for number in 0..count {
            let mut input = Input::default().json("enabled", json!(true));
            for (name, text) in TEXTS.iter().zip(texts(number)) {
                input = input.json(name, json!(text));
            }
            for (name, value) in NUMBERS.iter().zip(numbers(number)) {
                input = input.json(name, json!(value));
            }
            let id = draft.create("BenchDevice", None, input)?;
            rows.push((Space::Heads, id.0.to_be_bytes().to_vec(), Some(bare_row(id, number))));
        }
        Ok(rows)
    })
}

/// The query of a page of devices, with their ten attributes.
pub(crate) fn page(count: usize) -> String {
    let fields = TEXTS.iter().chain(&NUMBERS).chain(&["enabled"]);
    let fields: Vec<String> = fields.map(|name| format!("{name} {{ value }}")).collect();
    format!(
        "{{ BenchDevice(limit: {count}) {{ edges {{ node {{ id {} }} }} }} }}",
        fields.join(" ")
    )
}

/// One query, from a fresh view of main to bytes.
pub(crate) fn ask(world: &World, document: &str) -> Result<Vec<u8>, Failed> {
    ask_on(world, BranchId::MAIN, document)
}

/// One query on a branch.
pub(crate) fn ask_on(world: &World, branch: BranchId, document: &str) -> Result<Vec<u8>, Failed> {
    let view = world.database.view(branch)?;
    let request = Request { query: document.to_owned(), ..Request::default() };
    let answer = world.dialect.data(&view, &request);
    answer.map_err(|errors| {
        errors.iter().map(|error| error.message.clone()).collect::<String>().into()
    })
}

/// Listings of 50 of a kind with many and of one with few objects, in turns.
pub(crate) fn listings(
    world: &World,
    few: &str,
    many: &str,
    rounds: usize,
) -> Result<(Duration, Duration), Failed> {
    let document = |kind: &str| {
        format!("{{ {kind}(limit: 50) {{ edges {{ node {{ id name {{ value }} }} }} }} }}")
    };
    let (few, many) = (document(few), document(many));
    let (mut short, mut long) = (Vec::new(), Vec::new());
    for _round in 0..rounds {
        for (document, times) in [(&few, &mut short), (&many, &mut long)] {
            let (time, answer) = timed(|| ask(world, document));
            answer?;
            times.push(time);
        }
    }
    Ok((quantile(&mut short, 50), quantile(&mut long, 50)))
}

/// An object as a record of its own: lengths, then bytes.
fn bare_row(id: model::ObjectId, number: usize) -> Vec<u8> {
    let mut row = id.0.to_be_bytes().to_vec();
    for text in texts(number) {
        row.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        row.extend_from_slice(text.as_bytes());
    }
    for value in numbers(number) {
        row.extend_from_slice(&value.to_be_bytes());
    }
    row.push(1);
    row
}

/// The page, written by hand.
fn bare_page(bare: &Bare) -> Result<Vec<u8>, Failed> {
    let mut page = String::from("{\"BenchDevice\":{\"edges\":[");
    let mut first = true;
    let mut damaged = false;
    bare.scan(Space::Heads, |row| {
        if !first {
            page.push(',');
        }
        first = false;
        damaged |= bare_node(row, &mut page).is_none();
    })?;
    page.push_str("]}}");
    if damaged { Err("the yardstick's row is damaged".into()) } else { Ok(page.into_bytes()) }
}

fn bare_node(row: &[u8], page: &mut String) -> Option<()> {
    let (id, mut rest) = row.split_first_chunk::<16>()?;
    let id = model::ObjectId(u128::from_be_bytes(*id));
    write!(page, "{{\"node\":{{\"id\":\"{id}\"").ok()?;
    for name in TEXTS {
        let (length, after) = rest.split_first()?;
        let (text, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        // No text of the bench needs an escape.
        write!(page, ",\"{name}\":{{\"value\":\"{}\"}}", std::str::from_utf8(text).ok()?).ok()?;
    }
    for name in NUMBERS {
        let (value, after) = rest.split_first_chunk::<8>()?;
        rest = after;
        write!(page, ",\"{name}\":{{\"value\":{}}}", i64::from_be_bytes(*value)).ok()?;
    }
    let enabled = *rest.first()? == 1;
    write!(page, ",\"enabled\":{{\"value\":{enabled}}}}}}}").ok()
}
