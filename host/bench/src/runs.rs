//! Runs end to end against the bare engine writing the same rows: one client, 64 clients, updates
//! scattered over a large store, and what other index layouts would cost.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::ObjectId;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::Space;
use store::yardstick::{Bare, Tapped, TappedRow};

use crate::Scale;
use crate::figure::{Figure, Target, micros, quantile, timed};
use crate::world::{Failed, World, store_options};

/// Concurrent clients of the group commit.
const CLIENTS: usize = 64;
/// Objects a run makes or touches.
const OBJECTS: usize = 10;
/// Rounds in which ours and the yardstick take turns, so that noise hits both.
const ROUNDS: usize = 4;

/// How one side of a comparison did.
#[derive(Debug, Default)]
struct Side {
    each: Vec<Duration>,
    total: Duration,
}

impl Side {
    fn rate(&self, runs: usize) -> f64 {
        f64::from(u32::try_from(runs).unwrap_or(u32::MAX)) / self.total.as_secs_f64()
    }
}

/// Runs that create.
pub(crate) fn create(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let world = World::new(folder)?;
    let (alone, together) = (scale.of(400), scale.of(12_800));
    let targets =
        world.services(0..alone + together, |input| input.json("count", json!(OBJECTS)))?;
    let (first, rest) = targets.split_at(alone);
    let mut figures = planned(&world, first)?;
    figures.extend(compare(&world, folder, "create 10", first, rest)?);
    figures.extend(unchanged(&world, first)?);
    Ok(figures)
}

/// Runs that set a value of ten objects somewhere in a large store.
pub(crate) fn scattered(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let world = World::new(folder)?;
    let sensors = sensors(&world, scale.of(300_000))?;
    let (alone, together) = (scale.of(200), scale.of(6_400));
    let mut random = Random(7);
    let targets = world.services(0..alone + together, |input| {
        let touched: Vec<String> =
            (0..OBJECTS).filter_map(|_| random.of(&sensors)).map(|id| id.to_string()).collect();
        input.json("touched", json!(touched)).json("round", json!(1))
    })?;
    let (first, rest) = targets.split_at(alone);
    compare(&world, folder, "update 10 of 300,000", first, rest)
}

fn sensors(world: &World, count: usize) -> Result<Vec<ObjectId>, Failed> {
    let mut ids = Vec::with_capacity(count);
    for chunk in crate::world::chunks(0..count, 5_000) {
        ids.extend(world.change(|draft| {
            chunk
                .map(|number| {
                    let input =
                        branch::Input::default().json("name", json!(format!("sensor-{number:07}")));
                    Ok(draft.create("BenchSensor", None, input)?)
                })
                .collect::<Result<Vec<_>, Failed>>()
        })?);
    }
    Ok(ids)
}

/// Linear congruential: the same targets on every machine.
struct Random(u64);

impl Random {
    fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(self.0 >> 33).unwrap_or(0) % all.len().max(1);
        all.get(at)
    }
}

fn compare(
    world: &World,
    folder: &Path,
    what: &str,
    first: &[ObjectId],
    rest: &[ObjectId],
) -> Result<Vec<Figure>, Failed> {
    let _prepared = world.tap.take();
    let mut yardsticks = Vec::new();
    for layout in Layout::ALL {
        let file = copy(world, folder, layout.file())?;
        let bare = Bare::open(&file, store_options(None).cache_bytes)?;
        yardsticks.push((layout, bare, Side::default()));
    }
    let (mut figures, p50) = one_client(world, what, first, &mut yardsticks)?;
    let (mut ours, rows, groups) = many_clients(world, rest, &mut yardsticks)?;
    let rate = ours.rate(rest.len());
    for (layout, _, side) in &yardsticks {
        let figure = if *layout == Layout::Ours {
            Figure::new(format!("{what}: {CLIENTS} clients"), rate, "runs/s")
                .against("bare group commit, same rows and keys", side.rate(rest.len()))
                .target(Target::RatioAtLeast(0.6))
        } else {
            Figure::new(format!("{what}: {}", layout.name()), side.rate(rest.len()), "runs/s")
                .against("bare group commit, our layout", yardsticks_rate(&yardsticks, rest.len()))
        };
        figures.push(figure);
    }
    let beside = yardsticks.iter().find(|(layout, ..)| *layout == Layout::Beside);
    let beside = beside.map_or(f64::NAN, |(_, _, side)| side.rate(rest.len()));
    figures.push(
        Figure::new(format!("{what}: {CLIENTS} clients, on shared cores"), rate, "runs/s")
            .against("bare group commit beside a core that computes runs", beside),
    );
    figures.push(
        Figure::new(format!("{what}: {CLIENTS} clients, rate"), rate, "runs/s")
            .against("one client", 1e6 / micros(p50))
            .target(Target::RatioAtLeast(6.0)),
    );
    let (p50, p99) = (quantile(&mut ours.each, 50), quantile(&mut ours.each, 99));
    figures.push(
        Figure::new(format!("{what}: {CLIENTS} clients, p99"), micros(p99), "us")
            .against("p50", micros(p50))
            .target(Target::RatioAtMost(8.0)),
    );
    let number = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let each = number(rows) / number(rest.len());
    figures.push(Figure::new(format!("{what}: rows a run writes"), each, "rows"));
    let together = number(rest.len()) / number(groups);
    figures.push(Figure::new(format!("{what}: {CLIENTS} clients, group"), together, "runs"));
    Ok(figures)
}

/// A layout with its engine and how it did.
type Yardstick = (Layout, Bare, Side);

/// One client, run by run; the figure and the median.
fn one_client(
    world: &World,
    what: &str,
    targets: &[ObjectId],
    yardsticks: &mut [Yardstick],
) -> Result<(Vec<Figure>, Duration), Failed> {
    let (mut ours, mut bare, mut after) = (Vec::new(), Vec::new(), Vec::new());
    for targets in targets.chunks(targets.len().div_ceil(ROUNDS)) {
        for target in targets {
            let (time, result) = timed(|| world.run(*target));
            result?;
            ours.push(time);
        }
        let commits = world.tap.take();
        for (layout, engine, _) in &mut *yardsticks {
            for (number, (commit, target)) in commits.iter().zip(targets).enumerate() {
                let rows = layout.rows(commit);
                // Every other time right after a run's computing: the engine then finds the caches as it
                // finds them in a run.
                let computed = *layout == Layout::Ours && number % 2 == 1;
                if computed {
                    world.plan(*target)?;
                }
                let (time, done) = timed(|| engine.commit(&[rows]));
                done?;
                match (*layout, computed) {
                    (Layout::Ours, false) => bare.push(time),
                    (Layout::Ours, true) => after.push(time),
                    _ => {}
                }
            }
        }
    }
    let (p50, bare) = (quantile(&mut ours, 50), quantile(&mut bare, 50));
    let after = quantile(&mut after, 50);
    let figure = Figure::new(format!("{what}: one client, p50"), micros(p50), "us")
        .against("bare commit of the same rows", micros(bare))
        .target(Target::RatioAtMost(1.5));
    let after =
        Figure::new(format!("{what}: a bare commit right after computing"), micros(after), "us")
            .against("bare commit after a bare commit", micros(bare));
    Ok((vec![figure, after], p50))
}

/// Many clients, against group commits of as many; how ours did, the rows written, and in how many
/// transactions.
fn many_clients(
    world: &World,
    targets: &[ObjectId],
    yardsticks: &mut [Yardstick],
) -> Result<(Side, usize, usize), Failed> {
    let mut ours = Side::default();
    let (mut rows, mut groups) = (0, 0);
    for targets in targets.chunks(targets.len().div_ceil(ROUNDS)) {
        let (time, each) = timed(|| together(world, targets));
        ours.total += time;
        ours.each.extend(each?);
        let commits = world.tap.take();
        groups += commits.len();
        rows += commits.iter().map(|group| group.rows.len()).sum::<usize>();
        for (layout, engine, side) in &mut *yardsticks {
            let groups = match *layout {
                Layout::AsGrouped => commits.iter().cloned().map(|group| vec![group]).collect(),
                _ => regrouped(&commits),
            };
            let write = || {
                for group in groups {
                    let rows: Vec<_> = group.iter().map(|part| layout.rows(part)).collect();
                    let (time, done) = timed(|| engine.commit(&rows));
                    done?;
                    side.total += time;
                }
                Ok(())
            };
            match *layout {
                Layout::Beside => beside(world, targets, write)?,
                _ => write()?,
            }
        }
    }
    Ok((ours, rows, groups))
}

/// Does some work while another thread computes runs and keeps nothing of them.
fn beside(
    world: &World,
    targets: &[ObjectId],
    work: impl FnOnce() -> Result<(), Failed>,
) -> Result<(), Failed> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let computing = scope.spawn(|| -> Result<(), Failed> {
            for target in targets.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                world.plan(*target)?;
            }
            Ok(())
        });
        let worked = work();
        done.store(true, Ordering::Relaxed);
        computing.join().map_err(|_panic| "a thread that computes panicked")??;
        worked
    })
}

fn yardsticks_rate(yardsticks: &[(Layout, Bare, Side)], runs: usize) -> f64 {
    let ours = yardsticks.iter().find(|(layout, ..)| *layout == Layout::Ours);
    ours.map_or(f64::NAN, |(_, _, side)| side.rate(runs))
}

/// All targets, by so many clients at once; the time of each run.
fn together(world: &World, targets: &[ObjectId]) -> Result<Vec<Duration>, Failed> {
    let waiting = Mutex::new(targets.iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next().copied();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| -> Result<Vec<Duration>, Failed> {
                    let mut each = Vec::new();
                    while let Some(target) = next() {
                        let (time, result) = timed(|| world.run(target));
                        result?;
                        each.push(time);
                    }
                    Ok(each)
                })
            })
            .collect();
        let mut all = Vec::new();
        for client in clients {
            all.extend(client.join().map_err(|_panic| "a client panicked")??);
        }
        Ok(all)
    })
}

/// Plans: what a run computes before its commit.
fn planned(world: &World, targets: &[ObjectId]) -> Result<Vec<Figure>, Failed> {
    let mut each = Vec::new();
    for _round in 0..ROUNDS {
        for target in targets {
            let (time, result) = timed(|| world.plan(*target));
            result?;
            each.push(time);
        }
    }
    Ok(vec![Figure::new("plan 10: p50", micros(quantile(&mut each, 50)), "us")])
}

/// Runs that find everything as it should be.
fn unchanged(world: &World, targets: &[ObjectId]) -> Result<Vec<Figure>, Failed> {
    let mut firsts = Vec::new();
    let fresh =
        world.services(10_000_000..10_000_100, |input| input.json("count", json!(OBJECTS)))?;
    for target in &fresh {
        let (time, result) = timed(|| world.run(*target));
        result?;
        firsts.push(time);
    }
    let before = world.database.last_seq();
    let mut again = Vec::new();
    for target in targets {
        let (time, result) = timed(|| world.run(*target));
        result?;
        again.push(time);
    }
    let written = world.database.last_seq().0 - before.0;
    let written = f64::from(u32::try_from(written).unwrap_or(u32::MAX));
    Ok(vec![
        Figure::new("no change: p50", micros(quantile(&mut again, 50)), "us")
            .against("the first run", micros(quantile(&mut firsts, 50))),
        Figure::new("no change: commits", written, "").target(Target::AtMost(0.0)),
    ])
}

/// A way to lay out the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Ordered index keys, persisted.
    Ours,
    /// Index keys hashed.
    Hashed,
    /// No index on disk: secondary indexes in memory.
    InMemory,
    /// One row a run: everything else in memory.
    LogOnly,
    /// Ours again, while another core computes runs, as it does in ours.
    Beside,
    /// Ours again, in the groups that we wrote: half the clients compute while the others are written.
    AsGrouped,
}

impl Layout {
    const ALL: [Self; 6] =
        [Self::Ours, Self::Hashed, Self::InMemory, Self::LogOnly, Self::Beside, Self::AsGrouped];

    fn name(self) -> &'static str {
        match self {
            Self::Ours => "our layout",
            Self::Hashed => "bare, index keys hashed",
            Self::InMemory => "bare, indexes in memory",
            Self::LogOnly => "bare, one log row a run",
            Self::Beside => "bare, beside a core that computes runs",
            Self::AsGrouped => "bare, in groups as ours",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Ours => "bare.redb",
            Self::Hashed => "hashed.redb",
            Self::InMemory => "in-memory.redb",
            Self::LogOnly => "log-only.redb",
            Self::Beside => "beside.redb",
            Self::AsGrouped => "as-grouped.redb",
        }
    }

    fn rows(self, group: &Tapped) -> Vec<TappedRow> {
        let rows = group.rows.iter();
        match self {
            Self::Ours | Self::Beside | Self::AsGrouped => group.rows.clone(),
            Self::Hashed => rows.map(hashed).collect(),
            Self::InMemory => rows.filter(|(space, ..)| *space != Space::Index).cloned().collect(),
            Self::LogOnly => log_rows(group),
        }
    }
}

fn hashed((space, key, value): &TappedRow) -> TappedRow {
    let key = if *space == Space::Index { Sha256::digest(key).to_vec() } else { key.clone() };
    (*space, key, value.clone())
}

/// All rows of a transaction as the values of its log rows, each of which gets as much.
fn log_rows(group: &Tapped) -> Vec<TappedRow> {
    let mut all = Vec::new();
    for (_, key, value) in &group.rows {
        all.extend_from_slice(key);
        all.extend_from_slice(value.as_deref().unwrap_or_default());
    }
    let logs = group.rows.iter().filter(|(space, ..)| *space == Space::Log);
    let each = all.len().div_ceil(group.commits.max(1)).max(1);
    let parts = all.chunks(each).map(<[u8]>::to_vec);
    logs.zip(parts).map(|((space, key, _), part)| (*space, key.clone(), Some(part))).collect()
}

/// What was written, in groups of as many commits as there are clients, on the average: what one
/// transaction wrote stays together.
fn regrouped(written: &[Tapped]) -> Vec<Vec<Tapped>> {
    let mut groups: Vec<Vec<Tapped>> = Vec::new();
    let mut room = 0;
    for part in written {
        if room < part.commits.div_ceil(2) {
            groups.push(Vec::new());
            room = CLIENTS;
        }
        room = room.saturating_sub(part.commits);
        if let Some(group) = groups.last_mut() {
            group.push(part.clone());
        }
    }
    groups
}

/// A copy of the world's file; nothing is being written to it.
fn copy(world: &World, folder: &Path, name: &str) -> Result<PathBuf, Failed> {
    let to = folder.join(name);
    std::fs::copy(&world.file, &to)?;
    Ok(to)
}
