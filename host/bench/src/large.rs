//! One service of 3,000 objects, then one more.

use std::path::Path;
use std::time::Duration;

use engine::{RunOutcome, RunResult};
use serde_json::json;

use crate::Scale;
use crate::figure::{Figure, Target, quantile, timed};
use crate::world::{Failed, World};

/// Objects of the service.
const OBJECTS: usize = 3_000;
/// Services that are made so.
const SERVICES: usize = 5;
/// What a peer publishes for the same: seconds for the first run, and for one more object.
const PUBLISHED: (f64, f64) = (43.0, 41.0);

/// How many objects a run made.
fn changed(result: &RunResult) -> usize {
    match &result.record.outcome {
        RunOutcome::Changed { created, .. } => usize::try_from(*created).unwrap_or(usize::MAX),
        _ => 0,
    }
}

/// The section: medians over services of the same size in one store.
pub(crate) fn large(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let world = World::new(folder)?;
    let count = scale.of(OBJECTS);
    let targets = world.services(0..SERVICES, |input| input.json("count", json!(count)))?;
    let mut times: [Vec<Duration>; 3] = Default::default();
    let (mut made, mut rows) = (0, 0);
    for target in targets {
        let (first, result) = timed(|| world.run(target));
        made = changed(&result?);
        world.set(target, "count", json!(count + 1))?;
        let (more, result) = timed(|| world.run(target));
        if changed(&result?) != 1 {
            return Err("one more object should be one more object".into());
        }
        let commits = world.tap.take();
        rows = commits.last().map_or(0, |last| last.rows.len());
        let (again, unchanged) = timed(|| world.run(target));
        if unchanged?.seq.is_some() {
            return Err("a run without change should write nothing".into());
        }
        for (times, time) in times.iter_mut().zip([first, more, again]) {
            times.push(time);
        }
    }
    let [first, more, again] = times.map(|mut times| quantile(&mut times, 50));
    let number = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let rate = number(made) / first.as_secs_f64();
    let what = format!("{count} objects in one run");
    Ok(vec![
        Figure::new(what.clone(), first.as_secs_f64(), "s")
            .against("a peer's published figure", PUBLISHED.0)
            .target(Target::AtMost(0.3)),
        Figure::new(format!("{what}: rate"), rate, "objects/s"),
        Figure::new("one more", more.as_secs_f64(), "s")
            .against("a peer's published figure", PUBLISHED.1)
            .target(Target::AtMost(0.1)),
        Figure::new("one more: rows written", number(rows), "rows"),
        Figure::new("no change", again.as_secs_f64(), "s").against("one more", more.as_secs_f64()),
    ])
}
