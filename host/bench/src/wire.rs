//! The outer face: a page over HTTP, new connections, the types of a large schema, and the published
//! client saving objects one after another and in batches.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use graphql::Dialect;
use model::BranchId;
use model::schema::Document;
use serde_json::{Value as Json, json};

use crate::Scale;
use crate::figure::{Figure, Target, micros, quantile, timed};
use crate::query::{devices, page};
use crate::size::memory_mib;
use crate::world::{Failed, World};

/// Objects of a page.
const PAGE: usize = 1_000;
/// Kinds of the large schema.
const KINDS: usize = 500;
/// New connections a second.
const RATE: u32 = 200;
/// How long they come.
const SECONDS: u32 = 5;
/// Objects that the published client saves.
const SAVED: usize = 1_000;

/// The section.
pub(crate) fn wire(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let mut figures = types(&folder.join("types"), scale, false)?;
    figures.extend(types(&folder.join("types-own"), scale, true)?);
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    let world = World::new(&data)?;
    devices(&world, PAGE)?;
    drop(world);
    let server = Server::start(&data)?;
    figures.extend(pages(server.address, scale)?);
    figures.extend(connections(server.address)?);
    figures.extend(published(server.address, scale)?);
    server.stop()?;
    Ok(figures)
}

fn number(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A server in this process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<Result<(), Failed>>,
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Result<Self, Failed> {
        let service = server::open(Some(folder), 16, None, false)?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || -> Result<(), Failed> {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(async {
                let serving = server::serve(service, SocketAddr::from(([127, 0, 0, 1], 0))).await?;
                tell.send(serving.address)?;
                serving.until(async { drop(stopped.await) }).await?;
                Ok(())
            })
        });
        let address = told.recv().map_err(|_gone| "the server did not start")?;
        Ok(Self { address, stop, thread })
    }

    pub(crate) fn stop(self) -> Result<(), Failed> {
        drop(self.stop);
        self.thread.join().map_err(|_panicked| "the server panicked")?
    }
}

/// When the first byte of an answer came, when its last, and its body.
pub(crate) struct Answer {
    pub(crate) first: Duration,
    pub(crate) total: Duration,
    body: Vec<u8>,
}

/// One request on a connection that is kept, or closed after it.
pub(crate) fn post(
    stream: &mut TcpStream,
    path: &str,
    body: &str,
    kept: bool,
) -> Result<Answer, Failed> {
    let connection = if kept { "keep-alive" } else { "close" };
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         connection: {connection}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let began = Instant::now();
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let first = began.elapsed();
    if !line.starts_with("HTTP/1.1 200") {
        return Err(format!("the server answered {line}").into());
    }
    let mut length = None;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse::<usize>()?);
        }
    }
    let mut body = vec![0; length.ok_or("an answer without a length")?];
    reader.read_exact(&mut body)?;
    Ok(Answer { first, total: began.elapsed(), body })
}

/// A page over a kept connection, against writing the same JSON from memory.
fn pages(address: SocketAddr, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let body = json!({"query": page(PAGE)}).to_string();
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (mut first, mut total, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..scale.of(300) {
        let answer = post(&mut stream, "/graphql", &body, true)?;
        first.push(answer.first);
        total.push(answer.total);
        let tree: Json = serde_json::from_slice(&answer.body)?;
        let (time, bytes) = timed(|| serde_json::to_vec(&tree));
        if bytes?.len() != answer.body.len() {
            return Err("the yardstick writes something else".into());
        }
        written.push(time);
    }
    let [first, total, written] =
        [&mut first, &mut total, &mut written].map(|times| micros(quantile(times, 50)));
    let yardstick = "writing the same JSON from memory";
    let what = format!("{PAGE} objects x 10 attributes over HTTP");
    Ok(vec![
        Figure::new(what.clone(), total, "us")
            .against(yardstick, written)
            .target(Target::RatioAtMost(4.0)),
        Figure::new(format!("{what}: first byte"), first, "us"),
    ])
}

/// Connections that each bring one request, at a steady rate.
fn connections(address: SocketAddr) -> Result<Vec<Figure>, Failed> {
    let body = json!({"query": page(10)}).to_string();
    let count = RATE * SECONDS;
    let began = Instant::now();
    let answers = std::thread::scope(|scope| {
        let each = |at| {
            wait(Duration::from_secs(1) / RATE * at, began);
            scope.spawn(|| {
                timed(|| {
                    let mut stream = TcpStream::connect(address)?;
                    post(&mut stream, "/graphql", &body, false)
                })
            })
        };
        let threads: Vec<_> = (0..count).map(each).collect();
        threads.into_iter().map(|thread| thread.join().ok()).collect::<Vec<_>>()
    });
    let (mut times, mut errors) = (Vec::new(), 0_usize);
    for answer in answers {
        match answer {
            Some((time, Ok(_))) => times.push(time),
            _ => errors += 1,
        }
    }
    let median = micros(quantile(&mut times, 50));
    let what = format!("{RATE} new connections a second, one request each");
    Ok(vec![
        Figure::new(format!("{what}: errors"), number(errors), "errors")
            .target(Target::AtMost(0.0)),
        Figure::new(format!("{what}: p99"), micros(quantile(&mut times, 99)), "us")
            .against("p50", median),
    ])
}

/// Waits until a time after the beginning.
#[expect(clippy::disallowed_methods, reason = "connections come at a rate")]
fn wait(due: Duration, began: Instant) {
    std::thread::sleep(due.saturating_sub(began.elapsed()));
}

/// The types of a large schema, built, told as text, and asked for again. Its fields have the same names in
/// every kind, or names of their own.
fn types(folder: &Path, scale: Scale, own: bool) -> Result<Vec<Figure>, Failed> {
    std::fs::create_dir_all(folder)?;
    let world = World::new(folder)?;
    let kinds = scale.of(KINDS);
    let documents =
        Document::parse("large", &schema(kinds, own)?).map_err(|bad| format!("{bad:?}"))?;
    let (load, loaded) = timed(|| {
        world.change(|draft| {
            draft.load_schema(&documents)?;
            Ok(())
        })
    });
    loaded?;
    let view = world.database.view(BranchId::MAIN)?;
    let before = memory_mib("VmRSS:")?;
    let dialect = Dialect::new();
    let (build, kept) = timed(|| dialect.typed(view.schema()));
    let memory = (memory_mib("VmRSS:")? - before).max(0.0);
    let (again, typed) = timed(|| dialect.typed(view.schema()));
    if !std::sync::Arc::ptr_eq(&kept, &typed) {
        return Err("the types of an unchanged schema were built again".into());
    }
    let (text, sdl) = timed(|| dialect.sdl(view.schema()));
    let names = if own { "fields of their own names" } else { "fields of the same names" };
    let what = format!("types of {kinds} kinds, {names}");
    Ok(vec![
        Figure::new(
            format!("schema of {kinds} kinds, {names}: load"),
            load.as_secs_f64() * 1e3,
            "ms",
        ),
        Figure::new(format!("{what}: build"), build.as_secs_f64() * 1e3, "ms")
            .target(Target::AtMost(100.0)),
        Figure::new(format!("{what}: memory"), memory, "MiB").target(Target::AtMost(60.0)),
        Figure::new(
            format!("{what}: as {} KiB of text", sdl.len() >> 10),
            text.as_secs_f64() * 1e3,
            "ms",
        ),
        Figure::new(format!("{what}: asked for again"), micros(again), "us")
            .against("building them", micros(build))
            .target(Target::RatioAtMost(0.01)),
    ])
}

/// A schema of many kinds, each with eight attributes and a link to the next.
fn schema(kinds: usize, own: bool) -> Result<String, Failed> {
    let mut text = String::from("version: \"1.0\"\nnodes:\n");
    for kind in 0..kinds {
        let own = if own { format!("k{kind:03}_") } else { String::new() };
        write!(
            text,
            "  - name: Kind{kind:03}\n    namespace: Large\n    human_friendly_id: [name__value]\n    \
             attributes:\n      - {{name: name, kind: Text, unique: true}}\n"
        )?;
        for attribute in 0..7 {
            let value = ["Text", "Number", "Boolean", "JSON", "List", "DateTime", "IPHost"];
            let value = value.get(attribute).ok_or("seven")?;
            writeln!(
                text,
                "      - {{name: {own}field_{attribute}, kind: {value}, optional: true}}"
            )?;
        }
        write!(
            text,
            "    relationships:\n      - {{name: {own}next, peer: LargeKind{:03}, identifier: \
             next_of_{kind:03}, cardinality: one, optional: true, kind: Attribute}}\n",
            (kind + 1) % kinds
        )?;
    }
    Ok(text)
}

/// The published client, from its own program.
fn published(address: SocketAddr, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python: PathBuf = std::path::absolute(root.join("target/clients-venv/bin/python"))?;
    if !python.exists() {
        eprintln!("[bench] SKIPPED: the published client; `cargo xtask clients` installs it");
        return Ok(Vec::new());
    }
    let count = scale.of(SAVED);
    let ended = Command::new(python)
        .args(["pace.py", &count.to_string()])
        .current_dir(root.join("tests/clients"))
        .env("KILN_ADDRESS", format!("http://{address}"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()?;
    if !ended.status.success() {
        return Err(String::from_utf8_lossy(&ended.stderr).into_owned().into());
    }
    let told: Json = serde_json::from_slice(&ended.stdout)?;
    let read = |name: &str| told.get(name).and_then(Json::as_f64).unwrap_or(f64::NAN);
    let mut figures = Vec::new();
    for (name, what) in [("alone", "one after another"), ("batch", "in its batch of 5")] {
        let what = format!("published client saves {count} objects {what}");
        let rate = number(count) / read(name);
        figures.push(Figure::new(what, rate, "objects/s"));
    }
    figures.push(Figure::new(
        "share of it spent in requests",
        100.0 * read("alone_requests") / read("alone"),
        "%",
    ));
    // The same requests without the client, each on a connection of its own as it opens them.
    let mut times = Vec::new();
    for at in 0..count {
        let query = format!(
            "mutation {{ DemoSiteCreate(data: {{name: {{value: \"bare-{at}\"}}}}) \
             {{ ok object {{ id }} }} }}"
        );
        let body = json!({"query": query}).to_string();
        let (time, answer) = timed(|| {
            let mut stream = TcpStream::connect(address)?;
            post(&mut stream, "/graphql", &body, false)
        });
        answer?;
        times.push(time);
    }
    let total: Duration = times.iter().sum();
    let share = 100.0 * total.as_secs_f64() / read("alone");
    figures.push(Figure::new("share of it spent in the server", share, "%"));
    let one = micros(quantile(&mut times, 50));
    figures.push(Figure::new("one create without the client", one, "us"));
    Ok(figures)
}
