//! Pools: what is free next in small, large and enormous spaces, against building the free set on each
//! call; durable draws over HTTP; a store with a million allocations opened again.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use branch::{AttrInput, Database, FromPool, IdentifiedBy, Input, PoolRequest, Want};
use model::{BranchId, ObjectId};
use pools::FreeSet;
use serde_json::{Value as Json, json};
use store::Store;
use store::yardstick::{Bare, Tapped, TappedRow};

use crate::Scale;
use crate::figure::{Figure, Target, micros, quantile, timed};
use crate::size::memory_mib;
use crate::wire::{Server, post};
use crate::world::{AUTHOR, Failed, World, chunks, store_options};

/// Values drawn and given back in one measurement of the allocator.
const DRAWS: usize = 200_000;
/// Draws in a row that are measured together.
const BATCH: usize = 64;
/// Clients at once.
const CLIENTS: usize = 64;
/// Numbers in a row of the large store: each has rows of its own.
const ROW: u32 = 1_024;
const POOL: &str = "vlans";

/// The section.
pub(crate) fn pools(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let mut figures = sizes(scale);
    figures.extend(naive(scale));
    figures.extend(spaces(scale));
    figures.extend(durable(&folder.join("durable"), scale)?);
    figures.extend(opening(&folder.join("opening"), scale)?);
    Ok(figures)
}

/// Numbers without an order that anybody could use, the same each time.
struct Odd(u64);

impl Odd {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u128) -> u128 {
        ((u128::from(self.next()) << 64) | u128::from(self.next())) % end.max(1)
    }
}

fn number(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A space with so many blocks taken, all over it.
struct Space {
    free: FreeSet,
    taken: Vec<(u128, u128)>,
    odd: Odd,
}

impl Space {
    /// Blocks of `2^height` numbers, the height at most `highest`, within `size` numbers.
    fn new(size: u128, count: usize, highest: u8) -> Self {
        let mut odd = Odd(7);
        let mut free = FreeSet::new([(0, size - 1)]);
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            let height = u8::try_from(odd.below(u128::from(highest) + 1)).unwrap_or(0);
            let block = 1u128 << height;
            let first = odd.below(size / block) * block;
            if free.is_free_range(first, first + (block - 1)) {
                free.take(first, first + (block - 1));
                taken.push((first, first + (block - 1)));
            }
        }
        Self { free, taken, odd }
    }

    /// The time of drawing the lowest free block, the lengths mixed, and of giving one back anywhere. What
    /// is drawn is given back and what is given back is drawn again, so that the space stays as full and
    /// as torn as it is.
    fn draw(&mut self, lowest: u8, highest: u8, draws: usize) -> (Duration, Duration) {
        let (mut drawing, mut giving) = (Duration::ZERO, Duration::ZERO);
        let rounds = draws.div_ceil(BATCH);
        for _round in 0..rounds {
            let mut some = || {
                let more = self.odd.below(u128::from(highest - lowest) + 1);
                lowest + u8::try_from(more).unwrap_or(0)
            };
            let heights: [u8; BATCH] = std::array::from_fn(|_| some());
            let mut drawn = [(0, 0); BATCH];
            let (time, ()) = timed(|| {
                for (height, drawn) in heights.into_iter().zip(&mut drawn) {
                    let Some(first) = self.free.lowest(height) else { continue };
                    *drawn = (first, first + ((1u128 << height) - 1));
                    self.free.take(drawn.0, drawn.1);
                }
            });
            drawing += time;
            drawn.iter().for_each(|drawn| self.free.give(drawn.0, drawn.1));
            let count = u128::try_from(self.taken.len()).unwrap_or(0);
            let mut victims: Vec<usize> =
                (0..BATCH).map(|_| usize::try_from(self.odd.below(count)).unwrap_or(0)).collect();
            victims.sort_unstable();
            victims.dedup();
            let victims: Vec<(u128, u128)> =
                victims.into_iter().filter_map(|at| self.taken.get(at).copied()).collect();
            let (time, ()) = timed(|| victims.iter().for_each(|one| self.free.give(one.0, one.1)));
            giving += time;
            victims.iter().for_each(|one| self.free.take(one.0, one.1));
        }
        let count = u32::try_from(rounds * BATCH).unwrap_or(1);
        (drawing / count, giving / count)
    }
}

/// A thousand taken and a million: the same cost.
fn sizes(scale: Scale) -> Vec<Figure> {
    let draws = scale.of(DRAWS);
    let many = scale.of(1_000_000);
    let mut figures = Vec::new();
    // Of twice as many numbers or addresses half are taken; of prefixes a quarter of the space.
    for (what, room, highest) in [("number", 2, 0u8), ("address", 3, 0), ("prefix", 256, 6)] {
        let mut few = Space::new(1_000 * room, 1_000, highest);
        let mut lot = Space::new(u128::try_from(many).unwrap_or(0) * room, many, highest);
        let (small, _) = few.draw(0, highest, draws);
        let (large, back) = lot.draw(0, highest, draws);
        let name = format!("next free {what}, {many} taken, random holes");
        figures.push(Figure::new(name.clone(), micros(large), "us").target(Target::AtMost(1.0)));
        figures.push(
            Figure::new(name, micros(large), "us")
                .against("with 1000 taken", micros(small))
                .target(Target::RatioAtMost(3.0)),
        );
        figures.push(Figure::new(format!("give back a {what} of {many}"), micros(back), "us"));
    }
    figures
}

/// The usual way: all that is taken is read and the free set built on each call.
fn naive(scale: Scale) -> Vec<Figure> {
    let mut figures = Vec::new();
    for count in [1_000, 10_000, 65_000] {
        let size = u128::try_from(2 * count).unwrap_or(1);
        let mut space = Space::new(size, count, 0);
        let (ours, _) = space.draw(0, 0, scale.of(DRAWS));
        let taken: Vec<u128> = space.taken.iter().map(|(first, _)| *first).collect();
        let rounds = scale.of(100);
        let (time, found) = timed(|| {
            let mut found = 0;
            for _round in 0..rounds {
                let set: BTreeSet<u128> = taken.iter().copied().collect();
                found += usize::from((0..size).any(|number| !set.contains(&number)));
            }
            found
        });
        let rebuilt = time / u32::try_from(found.max(1)).unwrap_or(1);
        figures.push(
            Figure::new(format!("next free number, {count} taken"), micros(ours), "us")
                .against("the free set built on each call", micros(rebuilt)),
        );
    }
    figures
}

/// Enormous spaces with little in them.
fn spaces(scale: Scale) -> Vec<Figure> {
    let (count, draws) = (10_000, scale.of(DRAWS));
    let (small, _) = Space::new(65_536, count, 0).draw(0, 0, draws);
    let mut figures = Vec::new();
    for (what, size, height) in [
        ("an address of a /8", 1u128 << 24, 0u8),
        ("a /64 of an IPv6 /32", 1 << 96, 64),
        ("a number of 2^63", 1 << 63, 0),
    ] {
        // Blocks of the height that is drawn, as the taken ones are.
        let mut space = Space { taken: Vec::new(), ..Space::new(size, 0, 0) };
        let block = 1u128 << height;
        while space.taken.len() < count {
            let first = space.odd.below(size / block) * block;
            if space.free.is_free_range(first, first + (block - 1)) {
                space.free.take(first, first + (block - 1));
                space.taken.push((first, first + (block - 1)));
            }
        }
        let (time, _) = space.draw(height, height, draws);
        figures.push(
            Figure::new(format!("{what}, {count} taken"), micros(time), "us")
                .against("a number of 65536", micros(small))
                .target(Target::RatioAtMost(3.0)),
        );
        let gaps = space.free.gaps().count();
        figures.push(
            Figure::new(format!("{what}, {count} taken: gaps kept"), number(gaps), "gaps")
                .target(Target::AtMost(number(count + 1))),
        );
    }
    figures
}

fn with_pool(folder: &Path) -> Result<(World, ObjectId), Failed> {
    std::fs::create_dir_all(folder)?;
    let world = World::new(folder)?;
    let pool = world.change(|draft| {
        let input = Input::default()
            .json("name", json!(POOL))
            .json("node", json!("BenchSensor"))
            .json("node_attribute", json!("round"))
            .json("start_range", json!(1))
            .json("end_range", json!(1_000_000_000));
        Ok(draft.create("CoreNumberPool", None, input)?)
    })?;
    drop(world.tap.take());
    Ok((world, pool))
}

fn request(pool: ObjectId, identifier: String, want: Want) -> PoolRequest {
    PoolRequest::new(pool.to_string(), IdentifiedBy::Identifier(identifier), want)
}

/// Draws that are durable when they are answered: over HTTP by one client and by many, and the rows that
/// they write, written by a bare engine.
fn durable(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let (world, pool) = with_pool(folder)?;
    let many = scale.of(6_400);
    let copy = folder.join("bare.redb");
    drop(world.tap.take());
    std::fs::copy(&world.file, &copy)?;
    let within = inside(&world, pool, many)?;
    let written = world.tap.take();
    drop(world);
    let bare = Bare::open(&copy, store_options(None).cache_bytes)?;
    let groups = grouped(&written);
    let commits: usize = written.iter().map(|one| one.commits).sum();
    let (time, done) = timed(|| groups.iter().try_for_each(|group| bare.commit(group)));
    done?;
    let bare_rate = number(commits) / time.as_secs_f64();
    drop(bare);
    let server = Server::start(folder)?;
    let one = http(&server, "one", 1, scale.of(400))?;
    let all = http(&server, "all", CLIENTS, many)?;
    server.stop()?;
    let what = format!("durable draws over HTTP, {CLIENTS} clients, one pool");
    Ok(vec![
        Figure::new("durable draws over HTTP, 1 client", one.rate, "draws/s"),
        Figure::new(what.clone(), all.rate, "draws/s")
            .against("1 client", one.rate)
            .target(Target::RatioAtLeast(6.0)),
        Figure::new(what.clone(), all.rate, "draws/s")
            .against("a bare group commit of the same rows", bare_rate),
        Figure::new(format!("{what}: p99"), micros(all.p99), "us").against("p50", micros(all.p50)),
        Figure::new(format!("the same without HTTP, {CLIENTS} threads"), within, "draws/s")
            .against("a bare group commit of the same rows", bare_rate),
    ])
}

/// What was written, in groups of as many commits as there are clients.
fn grouped(written: &[Tapped]) -> Vec<Vec<Vec<TappedRow>>> {
    let mut groups: Vec<Vec<Vec<TappedRow>>> = Vec::new();
    let mut room = 0;
    for part in written {
        if room < part.commits.div_ceil(2) {
            groups.push(Vec::new());
            room = CLIENTS;
        }
        room = room.saturating_sub(part.commits);
        if let Some(group) = groups.last_mut() {
            group.push(part.rows.clone());
        }
    }
    groups
}

/// Draws in this process, by as many threads; a second.
fn inside(world: &World, pool: ObjectId, count: usize) -> Result<f64, Failed> {
    let next = AtomicUsize::new(0);
    let (time, done) = timed(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    scope.spawn(|| -> Result<(), Failed> {
                        loop {
                            let at = next.fetch_add(1, Ordering::Relaxed);
                            if at >= count {
                                return Ok(());
                            }
                            let wanted = request(pool, format!("in-{at}"), Want::Number);
                            world.change(|draft| Ok(draft.allocate(&wanted)?))?;
                        }
                    })
                })
                .collect();
            let ends = threads.into_iter().map(|thread| thread.join());
            ends.map(|end| end.map_err(|_panic| Failed::from("a thread panicked"))?).collect()
        })
    });
    let done: Result<Vec<()>, Failed> = done;
    done?;
    Ok(number(count) / time.as_secs_f64())
}

struct Rate {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

fn http(server: &Server, name: &str, clients: usize, count: usize) -> Result<Rate, Failed> {
    let (next, times) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (time, done) = timed(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..clients)
                .map(|_| {
                    scope.spawn(|| -> Result<(), Failed> {
                        let mut stream = TcpStream::connect(server.address)?;
                        stream.set_nodelay(true)?;
                        let mut each = Vec::new();
                        loop {
                            let at = next.fetch_add(1, Ordering::Relaxed);
                            if at >= count {
                                break;
                            }
                            let body = json!({"identifier": format!("{name}-{at}")}).to_string();
                            let path = format!("/api/pools/{POOL}/allocate");
                            each.push(post(&mut stream, &path, &body, true)?.total);
                        }
                        let mut all = times.lock().map_err(|_poisoned| "a client panicked")?;
                        all.extend(each);
                        Ok(())
                    })
                })
                .collect();
            let ends = threads.into_iter().map(|thread| thread.join());
            ends.map(|end| end.map_err(|_panic| Failed::from("a client panicked"))?).collect()
        })
    });
    let done: Result<Vec<()>, Failed> = done;
    done?;
    let mut times = times.into_inner().map_err(|_poisoned| "a client panicked")?;
    let (p50, p99) = (quantile(&mut times, 50), quantile(&mut times, 99));
    Ok(Rate { rate: number(count) / time.as_secs_f64(), p50, p99 })
}

/// A store with a million allocations: opening it, and the first draw.
fn opening(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let (world, pool) = with_pool(folder)?;
    let count = scale.of(1_000_000);
    let row = usize::try_from(ROW)?;
    for chunk in chunks(0..count.div_ceil(row), 8) {
        world.change(|draft| {
            for at in chunk {
                let want = Want::Block { count: ROW, align: 1 };
                draft.allocate(&request(pool, format!("row-{at}"), want))?;
            }
            Ok(())
        })?;
        drop(world.tap.take());
    }
    let file = world.file.clone();
    let (first, memory, told) = reopened(world, pool)?;
    let scan = scanned(&file, &[store::Space::Reservations])?;
    let what = format!("{count} allocations");
    let mut figures = vec![
        Figure::new(format!("{what}: open"), told("open_us"), "us"),
        Figure::new(format!("{what}: the first draw"), first, "ms")
            .against("a bare scan of the reservations", scan),
        Figure::new(format!("{what}: memory of it"), told("memory_mib"), "MiB"),
        Figure::new(
            format!("{what}: without the store's pages"),
            memory / number(count),
            "bytes each",
        )
        .target(Target::AtMost(100.0)),
        Figure::new(format!("{what}: a draw after it"), told("next_us"), "us")
            .against("the first", told("first_us")),
    ];
    figures.extend(carried(&folder.join("objects"), scale.of(400_000))?);
    Ok(figures)
}

/// The same where each number is drawn by an object.
fn carried(folder: &Path, count: usize) -> Result<Vec<Figure>, Failed> {
    let (world, pool) = with_pool(folder)?;
    for chunk in chunks(0..count, 1_000) {
        world.change(|draft| {
            for at in chunk {
                let from_pool = FromPool { pool: pool.to_string(), ..FromPool::default() };
                let input = Input::default()
                    .json("name", json!(format!("sensor-{at}")))
                    .attr("round", AttrInput::from_pool(from_pool));
                draft.create("BenchSensor", None, input)?;
            }
            Ok(())
        })?;
        drop(world.tap.take());
    }
    let file = world.file.clone();
    let (first, memory, _) = reopened(world, pool)?;
    let scan = scanned(&file, &[store::Space::Reservations, store::Space::Heads])?;
    let what = format!("{count} allocations of objects");
    Ok(vec![
        Figure::new(format!("{what}: the first draw"), first, "ms")
            .against("a bare scan of reservations and objects", scan),
        Figure::new(
            format!("{what}: without the store's pages"),
            memory / number(count),
            "bytes each",
        ),
    ])
}

/// Milliseconds that a bare engine takes to look at all rows of some tables.
fn scanned(file: &Path, spaces: &[store::Space]) -> Result<f64, Failed> {
    let engine = Bare::open(file, store_options(None).cache_bytes)?;
    let mut bytes = 0;
    let (time, done) =
        timed(|| spaces.iter().try_for_each(|space| engine.scan(*space, |row| bytes += row.len())));
    done?;
    if bytes == 0 {
        return Err("there should be rows to look at".into());
    }
    Ok(time.as_secs_f64() * 1e3)
}

/// Opens a store in another process and draws: the first draw in milliseconds, the memory of it in bytes
/// but for pages of the store that it reads, and whatever else was measured.
fn reopened(world: World, pool: ObjectId) -> Result<(f64, f64, impl Fn(&str) -> f64), Failed> {
    let file = world.file.clone();
    drop(world);
    let ask = |what: &str| -> Result<Json, Failed> {
        let told = Command::new(std::env::current_exe()?)
            .args([what.as_ref(), file.as_os_str(), pool.to_string().as_ref()])
            .output()?;
        Ok(serde_json::from_slice(&told.stdout)?)
    };
    let of = |told: &Json, name: &str| told.get(name).and_then(Json::as_f64).unwrap_or(f64::NAN);
    let (drawn, read) = (ask("__draw")?, ask("__read")?);
    let memory = of(&drawn, "memory_mib") - of(&read, "memory_mib");
    let first = of(&drawn, "first_us") / 1e3;
    Ok((first, memory * f64::from(1 << 20), move |name: &str| of(&drawn, name)))
}

/// What the third process does: opens the store and reads what a book is made of, keeping nothing.
pub(crate) fn read(file: &Path, pool: &str) -> Result<Json, Failed> {
    let store = Store::open(file, store_options(None))?;
    let database = Database::open(store.clone(), server::environment())?;
    let before = memory_mib("VmRSS:")?;
    let pool: ObjectId = pool.parse()?;
    let prefix = store::key::pool_value_prefix(pool);
    let snapshot = store.snapshot()?;
    let mut rows = 0usize;
    for row in
        snapshot.range(store::Space::Reservations, &prefix, &store::key::prefix_end(&prefix))?
    {
        rows += usize::from(!row?.1.is_empty());
    }
    let view = database.view(BranchId::MAIN)?;
    if let Some(kind) = view.schema().kind("BenchSensor").cloned() {
        for object in view.objects(&kind)? {
            rows += usize::from(object?.value("round") != model::Value::Null);
        }
    }
    Ok(json!({"memory_mib": memory_mib("VmRSS:")? - before, "rows": rows}))
}

/// What the second process does: opens the store and draws, keeping nothing.
pub(crate) fn draw(file: &Path, pool: &str) -> Result<Json, Failed> {
    let (open, database) = timed(|| -> Result<Database, Failed> {
        let store = Store::open(file, store_options(None))?;
        Ok(Database::open(store, server::environment())?)
    });
    let database = database?;
    let peek = || -> Result<Duration, Failed> {
        let mut draft = database.draft(BranchId::MAIN, AUTHOR)?;
        let wanted = request(pool.parse()?, "next".to_owned(), Want::Number);
        let (time, value) = timed(|| draft.peek(&wanted));
        value?;
        Ok(time)
    };
    let before = memory_mib("VmRSS:")?;
    let first = peek()?;
    let memory = memory_mib("VmRSS:")? - before;
    let mut after = (0..100).map(|_| peek()).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({
        "open_us": micros(open), "first_us": micros(first), "memory_mib": memory,
        "next_us": micros(quantile(&mut after, 50)),
    }))
}
