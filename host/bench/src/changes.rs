//! A proposed change that touches what one of ten thousand instances reads: finding the one, and
//! running it, against running every member of the group again.

use std::path::Path;
use std::time::{Duration, Instant};

use engine::{Definition, Impact, Verdict};
use model::{ObjectId, Seq};
use serde_json::json;

use crate::Scale;
use crate::figure::{Figure, Target, quantile, timed};
use crate::world::{AUTHOR, Failed, World};

/// Instances of the definition.
const INSTANCES: usize = 10_000;

/// Instances of the small store that deciding is compared with.
const FEW: usize = 100;
/// How often it is decided.
const ROUNDS: usize = 50;

/// The section.
pub(crate) fn changes(folder: &Path, scale: Scale) -> Result<Vec<Figure>, Failed> {
    let few = Proposed::new(&folder.join("few"), FEW)?;
    let many = Proposed::new(&folder.join("many"), scale.of(INSTANCES))?;
    let (_, short) = few.decided()?;
    let (first, decision) = many.decided()?;
    let (run, ran) = timed(|| many.world.run_on(many.branch, many.touched));
    if ran?.seq.is_none() {
        return Err("the run should make something".into());
    }
    let naive = all(&many.world, many.branch, &many.targets)?;
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let what = format!("a change read by 1 of {} instances", many.targets.len());
    Ok(vec![
        Figure::new(format!("{what}: runs"), 1.0, "runs").target(Target::AtMost(1.0)),
        Figure::new(
            format!("{what}: deciding, the first time since the start"),
            millis(first),
            "ms",
        ),
        Figure::new(format!("{what}: deciding"), millis(decision), "ms")
            .against("running every member again", millis(naive)),
        Figure::new(
            format!("a change read by 1 of {FEW} instances: deciding"),
            millis(short),
            "ms",
        ),
        Figure::new(format!("{what}: deciding and running"), millis(decision + run), "ms")
            .against("running every member again", millis(naive)),
    ])
}

/// A store of instances that all ran, and a branch that changes what one of them reads.
struct Proposed {
    world: World,
    targets: Vec<ObjectId>,
    branch: model::BranchId,
    touched: ObjectId,
}

impl Proposed {
    fn new(folder: &Path, count: usize) -> Result<Self, Failed> {
        std::fs::create_dir_all(folder)?;
        let world = World::new(folder)?;
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
        Ok(Self { world, targets, branch, touched })
    }

    /// How long deciding takes the first time, and then.
    fn decided(&self) -> Result<(Duration, Duration), Failed> {
        let mut times = Vec::new();
        for _round in 0..=ROUNDS {
            let (time, due) = timed(|| due(&self.world, self.branch));
            let due = due?;
            if due != [self.touched] {
                return Err(format!("one instance should run, not {}", due.len()).into());
            }
            times.push(time);
        }
        let first = times.remove(0);
        Ok((first, quantile(&mut times, 50)))
    }
}

/// The targets that have to run, as a proposed change finds them.
fn due(world: &World, branch: model::BranchId) -> Result<Vec<ObjectId>, Failed> {
    let view = world.database.view(branch)?;
    let touched = view.touched()?;
    let impact = Impact::new(&world.engine, &view, &touched)?;
    let mut due = Vec::new();
    for definition in Definition::all(&view)?.into_iter().flatten() {
        for target in impact.targets(&definition)? {
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
