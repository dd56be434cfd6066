//! A proposed change that touches what one of ten thousand instances reads: finding the one, and
//! running it, against running every member of the group again.

use std::path::Path;
use std::time::{Duration, Instant};

use engine::{Definition, Impact, Verdict};
use model::{ObjectId, Seq};
use serde_json::json;

use crate::Scale;
use crate::figure::{Figure, Target, timed};
use crate::world::{AUTHOR, Failed, World};

/// Instances of the definition.
const INSTANCES: usize = 10_000;

/// The section.
pub(crate) fn changes(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let world = World::new(folder)?;
    let count = scale.of(INSTANCES);
    let targets = world.services(0..count, |input| input.json("count", json!(1)))?;
    for target in &targets {
        world.run(*target)?;
        drop(world.tap.take());
    }
    let branch = world.database.branch_create("change", "", AUTHOR)?.id;
    let touched = *targets.get(count / 2).ok_or("no target")?;
    world.change_on(branch, |draft| {
        draft.update(touched, branch::Input::default().json("count", json!(2)))?;
        Ok(())
    })?;
    let (decision, due) = timed(|| due(&world, branch));
    let due = due?;
    if due != [touched] {
        return Err(format!("one instance should run, not {}", due.len()).into());
    }
    let (run, ran) = timed(|| world.run_on(branch, touched));
    if ran?.seq.is_none() {
        return Err("the run should make something".into());
    }
    let naive = all(&world, branch, &targets)?;
    let number = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let what = format!("a change read by 1 of {count} instances");
    Ok(vec![
        Figure::new(format!("{what}: runs"), number(due.len()), "runs").target(Target::AtMost(1.0)),
        Figure::new(format!("{what}: deciding"), millis(decision), "ms"),
        Figure::new(format!("{what}: deciding and running"), millis(decision + run), "ms")
            .against("running every member again", millis(naive)),
    ])
}

/// The targets that have to run, as a proposed change finds them.
fn due(world: &World, branch: model::BranchId) -> Result<Vec<ObjectId>, Failed> {
    let view = world.database.view(branch)?;
    let touched = view.touched()?;
    let impact = Impact::new(&world.engine, &view, &touched)?;
    let mut due = Vec::new();
    for definition in Definition::all(&view)?.into_iter().flatten() {
        for target in definition.targets(&view)? {
            if let Verdict::Run(_) = impact.decide(&definition, target, Seq(0))? {
                due.push(target);
            }
        }
    }
    Ok(due)
}

fn all(world: &World, branch: model::BranchId, targets: &[ObjectId]) -> Result<Duration, Failed> {
    let began = Instant::now();
    for target in targets {
        world.run_on(branch, *target)?;
    }
    Ok(began.elapsed())
}
