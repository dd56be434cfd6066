//! Branches: making one, reading on one, and what diff, merge and rebase cost, in small and large stores.

use std::path::Path;
use std::time::Duration;

use branch::{DiffScope, Input};
use model::{BranchId, ObjectId};
use serde_json::json;
use store::yardstick::Bare;

use crate::Scale;
use crate::figure::{Figure, Target, micros, quantile, timed};
use crate::query::{ask, ask_on, devices, page};
use crate::size::fill;
use crate::world::{AUTHOR, Failed, World, store_options};

/// Objects of a page.
const PAGE: usize = 1_000;
/// Objects of the page that the branch changed.
const CHANGED_OF_PAGE: usize = 100;
/// Branches that are open beside main.
const OPEN: usize = 100;
/// Objects that a branch changes before its diff.
const CHANGED: usize = 1_000;

/// The section.
pub(crate) fn branches(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let mut figures = reading(&folder.join("reading"), scale)?;
    let sizes = [1_000, 10_000, 1_000_000];
    let mut worlds = Vec::new();
    for size in sizes {
        let size = if size > 10_000 { scale.of(size) } else { size };
        let world = sub(&folder.join(size.to_string()))?;
        fill(&world, "BenchSensor", size)?;
        fill(&world, "BenchProbe", 1)?;
        worlds.push((size, world));
    }
    figures.extend(making(&worlds, scale)?);
    let [_, few, many] = worlds.as_slice() else { return Err("three stores".into()) };
    figures.extend(differing(few, many, scale)?);
    Ok(figures)
}

fn sub(folder: &Path) -> Result<World, Failed> {
    std::fs::create_dir_all(folder)?;
    World::new(folder)
}

fn number(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A page on a branch with changes of its own, and on main beside many branches.
fn reading(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let alone = sub(&folder.join("alone"))?;
    devices(&alone, PAGE)?;
    let world = sub(&folder.join("branches"))?;
    devices(&world, PAGE)?;
    let mut last = BranchId::MAIN;
    for branch in 0..OPEN {
        last = world.database.branch_create(&format!("open-{branch}"), "", AUTHOR)?.id;
        touch(
            &world,
            last,
            "BenchDevice",
            "position",
            (PAGE / CHANGED_OF_PAGE, CHANGED_OF_PAGE),
            7_777,
        )?;
    }
    let document = page(PAGE);
    let (mut on_branch, mut on_main, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..scale.of(300) {
        let (time, answer) = timed(|| ask_on(&world, last, &document));
        answer?;
        on_branch.push(time);
        let (time, answer) = timed(|| ask(&world, &document));
        answer?;
        on_main.push(time);
        let (time, answer) = timed(|| ask(&alone, &document));
        answer?;
        without.push(time);
    }
    let [on_branch, on_main, without] =
        [&mut on_branch, &mut on_main, &mut without].map(|times| micros(quantile(times, 50)));
    Ok(vec![
        Figure::new(
            format!("{PAGE} objects on a branch that changed {CHANGED_OF_PAGE}"),
            on_branch,
            "us",
        )
        .against("the same on main", on_main)
        .target(Target::RatioAtMost(1.5)),
        Figure::new(format!("{PAGE} objects on main, {OPEN} branches open"), on_main, "us")
            .against("the same without a branch", without)
            .target(Target::RatioAtMost(1.1)),
    ])
}

/// Changes `count` objects of a kind on a branch, every `step`-th one.
fn touch(
    world: &World,
    branch: BranchId,
    kind: &str,
    attribute: &str,
    (step, count): (usize, usize),
    value: usize,
) -> Result<(), Failed> {
    let view = world.database.view(branch)?;
    let kind = view.kind(kind)?.clone();
    let every: Vec<ObjectId> = view
        .objects(&kind)?
        .map(|object| Ok(object?.id()))
        .step_by(step.max(1))
        .take(count)
        .collect::<Result<_, Failed>>()?;
    world.change_on(branch, |draft| {
        for id in every {
            draft.update(id, Input::default().json(attribute, json!(value)))?;
        }
        Ok(())
    })?;
    drop(world.tap.take());
    Ok(())
}

/// Making a branch: its time, and what it writes.
fn making(worlds: &[(usize, World)], scale: Scale) -> Result<Vec<Figure>, Failed> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); worlds.len()];
    let mut bytes = vec![0; worlds.len()];
    for round in 0..scale.of(100) {
        for (at, (_, world)) in worlds.iter().enumerate() {
            drop(world.tap.take());
            let name = format!("made-{round}");
            let (time, made) = timed(|| world.database.branch_create(&name, "", AUTHOR));
            made?;
            let written = world.tap.take();
            let rows = written.iter().flat_map(|commit| &commit.rows);
            let sizes = rows.map(|(_, key, row)| key.len() + row.as_ref().map_or(0, Vec::len));
            if let (Some(times), Some(bytes)) = (times.get_mut(at), bytes.get_mut(at)) {
                times.push(time);
                *bytes = sizes.sum::<usize>();
            }
        }
    }
    let mut of = |at: usize| {
        let time = times.get_mut(at).map(|times| micros(quantile(times, 50)));
        let size = worlds.get(at).map_or(0, |(size, _)| *size);
        (size, time.unwrap_or(f64::NAN), bytes.get(at).copied().map_or(f64::NAN, number))
    };
    let (few, little, short) = of(0);
    let (many, long, wide) = of(worlds.len() - 1);
    Ok(vec![
        Figure::new(format!("make a branch of {many} objects"), long, "us")
            .against(format!("of {few}"), little)
            .target(Target::RatioAtMost(2.0)),
        Figure::new(format!("make a branch of {many} objects: rows written"), wide, "bytes")
            .against(format!("of {few}"), short)
            .target(Target::RatioAtMost(1.1)),
    ])
}

/// Diff, rebase and merge of a branch that changed a thousand objects all over the store; and what a bare
/// engine takes for the rows that the merge writes, in a store as large.
fn differing(
    few: &(usize, World),
    many: &(usize, World),
    scale: Scale,
) -> Result<Vec<Figure>, Failed> {
    let changed = scale.of(CHANGED);
    let mut times: [[Vec<Duration>; 4]; 2] = Default::default();
    let bare = |world: &World| -> Result<Bare, Failed> {
        let file = world.file.with_file_name("bare.redb");
        std::fs::copy(&world.file, &file)?;
        Ok(Bare::open(&file, store_options(None).cache_bytes)?)
    };
    let engines = [bare(&few.1)?, bare(&many.1)?];
    for round in 0..scale.of(10).max(3) {
        let sides = [few, many].into_iter().zip(&engines).zip(&mut times);
        for (((size, world), engine), times) in sides {
            let each = differ(world, engine, (*size, changed), round)?;
            for (times, time) in times.iter_mut().zip(each) {
                times.push(time);
            }
        }
    }
    let [short, long] = times;
    let mut figures = Vec::new();
    for ((what, mut short), mut long) in
        ["diff", "rebase", "merge", "a bare commit of the merge"].into_iter().zip(short).zip(long)
    {
        let of = |times: &mut Vec<Duration>| micros(quantile(times, 50)) / number(changed);
        let name = format!("{what} of {changed} changed objects of {}", many.0);
        let figure = Figure::new(name, of(&mut long), "us an object")
            .against(format!("of {}", few.0), of(&mut short));
        let is_bare = what.starts_with("a bare");
        figures.push(if is_bare { figure } else { figure.target(Target::RatioAtMost(2.0)) });
    }
    Ok(figures)
}

/// One branch, from its fork to its merge; how long diff, rebase, merge and the bare commit took.
fn differ(
    world: &World,
    engine: &Bare,
    (size, changed): (usize, usize),
    round: usize,
) -> Result<[Duration; 4], Failed> {
    let name = format!("changed-{round}");
    let branch = world.database.branch_create(&name, "", AUTHOR)?.id;
    touch(world, branch, "BenchSensor", "round", (size / changed, changed), round + 1)?;
    let (diffed, diff) = timed(|| world.database.branch_diff(&name, DiffScope::default()));
    if diff?.objects.len() != changed {
        return Err("the diff should be of what was changed".into());
    }
    // Main goes on, so that there is something to rebase on.
    touch(world, BranchId::MAIN, "BenchProbe", "round", (1, 1), round + 1)?;
    let (rebased, info) = timed(|| world.database.branch_rebase(&name, AUTHOR));
    info?;
    drop(world.tap.take());
    let (merged, merge) = timed(|| world.database.branch_merge(&name, AUTHOR));
    if merge?.changes.counts().1 != changed {
        return Err("the merge should bring what was changed".into());
    }
    let rows: Vec<_> = world.tap.take().into_iter().map(|commit| commit.rows).collect();
    let (bare, done) = timed(|| engine.commit(&rows));
    done?;
    Ok([diffed, rebased, merged, bare])
}
