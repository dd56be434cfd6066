//! Stores of 100,000 and a million objects: bytes on disk, opening, memory, short listings.

use std::path::Path;
use std::process::Command;

use branch::{Database, Input};
use model::BranchId;
use serde_json::{Value as Json, json};
use store::Store;

use crate::Scale;
use crate::figure::{Figure, Target, micros, timed};
use crate::query::listings;
use crate::world::{Failed, World, chunks, store_options};

/// Objects a commit of the load.
const BATCH: usize = 5_000;
/// Objects of the short kind.
const FEW: usize = 1_000;
/// Objects read in the opened store, all over it.
const READS: usize = 20_000;

/// The section.
pub(crate) fn size(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let mut figures = Vec::new();
    for count in [100_000, 1_000_000] {
        let folder = folder.join(count.to_string());
        std::fs::create_dir_all(&folder)?;
        figures.extend(one(&folder, scale.of(count))?);
    }
    Ok(figures)
}

fn one(folder: &Path, count: usize) -> Result<Vec<Figure>, Failed> {
    let number = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let world = World::new(folder)?;
    fill(&world, "BenchProbe", FEW)?;
    let before = std::fs::metadata(&world.file)?.len();
    let (load, filled) = timed(|| fill(&world, "BenchSensor", count));
    filled?;
    let (few, many) = listings(&world, "BenchProbe", "BenchSensor", 400)?;
    let file = world.file.clone();
    drop(world);
    let bytes = std::fs::metadata(&file)?.len().saturating_sub(before);
    let opened = Command::new(std::env::current_exe()?).arg("__open").arg(&file).output()?;
    let opened: Json = serde_json::from_slice(&opened.stdout)?;
    let told = |name: &str| opened.get(name).and_then(Json::as_f64).unwrap_or(f64::NAN);
    let cache = store_options(None).cache_bytes;
    let what = format!("{count} objects");
    let bytes = number(usize::try_from(bytes)?) / number(count);
    Ok(vec![
        Figure::new(format!("{what}: load"), number(count) / load.as_secs_f64(), "objects/s"),
        Figure::new(format!("{what}: on disk"), bytes, "bytes each"),
        Figure::new(format!("{what}: open"), told("open_us"), "us"),
        Figure::new(format!("{what}: memory after opening"), told("opened_mib"), "MiB"),
        Figure::new(format!("{what}: memory after {READS} reads"), told("read_mib"), "MiB")
            .against("the cache setting", number(cache >> 20))
            .target(Target::RatioAtMost(1.5)),
        Figure::new(format!("{what}: list 50 of them"), micros(many), "us")
            .against(format!("list 50 of {FEW}"), micros(few))
            .target(Target::RatioAtMost(2.0)),
    ])
}

/// Makes `count` objects of a kind that has a name.
pub(crate) fn fill(world: &World, kind: &str, count: usize) -> Result<(), Failed> {
    for chunk in chunks(0..count, BATCH) {
        world.change(|draft| {
            for number in chunk {
                let name = json!(format!("{kind}-{number:07}"));
                draft.create(kind, None, Input::default().json("name", name))?;
            }
            Ok(())
        })?;
        // The tap keeps every row; here nobody asks for them.
        drop(world.tap.take());
    }
    Ok(())
}

/// What the second process does: opens the store, reads all over it, and tells its memory.
pub(crate) fn open(file: &Path) -> Result<Json, Failed> {
    let (time, database) = timed(|| -> Result<Database, Failed> {
        let store = Store::open(file, store_options(None))?;
        Ok(Database::open(store, server::environment())?)
    });
    let database = database?;
    let opened = resident_mib()?;
    let view = database.view(BranchId::MAIN)?;
    let kind = view.kind("BenchSensor")?.clone();
    let name = kind.attribute("name").ok_or("no name")?.clone();
    let mut found = 0;
    for number in 0..READS {
        // Far apart, each time another page.
        let number = number.wrapping_mul(7_919) % 1_000_000;
        let value = model::Value::Text(format!("BenchSensor-{number:07}"));
        for id in view.candidates(&kind, &name, &value)? {
            found += usize::from(view.object(id)?.is_some());
        }
    }
    Ok(json!({
        "open_us": micros(time), "opened_mib": opened, "read_mib": resident_mib()?, "found": found,
    }))
}

/// The most memory this process had.
fn resident_mib() -> Result<f64, Failed> {
    memory_mib("VmHWM:")
}

/// Memory of this process, as a line of the system's report tells it.
pub(crate) fn memory_mib(line: &str) -> Result<f64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|told| told.strip_prefix(line)).ok_or("no such line")?;
    let kib: f64 = kib.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
