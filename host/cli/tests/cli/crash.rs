//! A server killed at any moment of loads and runs: what it acknowledged is there, and the store
//! holds together.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::process::{Server, kiln, root};

/// Times the server is killed.
const KILLS: u64 = 6;
/// Objects of one load.
const BATCH: usize = 20;

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let example = root().join("examples/web-service");
    let path = |name: &str| example.join(name).to_str().unwrap().to_owned();
    let server = Server::start(&data);
    server.kiln(&["schema", "load", &path("schema.yml")]).ok();
    server.kiln(&["object", "load", &path("data.yml")]).ok();
    let components = root().join("target/components");
    let components = components.to_str().unwrap();
    let folder = example.to_str().unwrap();
    server.kiln(&["generator", "push", folder, "--components", components]).ok();
    let mut server = Some(server);
    let mut moments = Moments::new();
    let mut acknowledged: Vec<String> = Vec::new();
    for kill in 0..KILLS {
        let running = server.take().unwrap_or_else(|| Server::start(&data));
        let down = AtomicBool::new(false);
        let loaded = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let loads = scope.spawn(|| {
                let mut done = Vec::new();
                for number in 0.. {
                    let names: Vec<String> =
                        (0..BATCH).map(|row| format!("site-{kill}-{number}-{row}")).collect();
                    let file = scratch.path().join(format!("load-{kill}.yml"));
                    std::fs::write(&file, sites(&names)).unwrap();
                    let said = running.kiln(&["object", "load", file.to_str().unwrap()]);
                    if said.code == 0 {
                        done.extend(names);
                        loaded.fetch_add(1, Ordering::AcqRel);
                    }
                    if down.load(Ordering::Acquire) {
                        break;
                    }
                }
                done
            });
            let runs = scope.spawn(|| {
                while !down.load(Ordering::Acquire) {
                    let _either = running.kiln(&["generator", "run", "web-service"]);
                }
            });
            moments.wait(&loaded, usize::from(kill == 0));
            running.kill_now();
            down.store(true, Ordering::Release);
            acknowledged.extend(loads.join().unwrap());
            runs.join().unwrap();
        });
        drop(running);
        let folder = data.to_str().unwrap();
        let checked = kiln(&["store", "check", "--data", folder]).ok();
        assert!(checked.contains("0 findings"), "{checked}");
    }
    assert!(!acknowledged.is_empty(), "the server was killed before it did anything");
    let server = Server::start(&data);
    let listed = server.query("{ InfraSite { edges { node { name { value } } } } }");
    let rows = listed["InfraSite"]["edges"].as_array().unwrap();
    let there: BTreeSet<&str> =
        rows.iter().filter_map(|row| row["node"]["name"]["value"].as_str()).collect();
    for name in &acknowledged {
        assert!(there.contains(name.as_str()), "{name} was acknowledged and is lost");
    }
    // A load is whole or absent.
    let loaded = there.iter().filter(|name| name.starts_with("site-")).count();
    assert_eq!(loaded % BATCH, 0, "a load is there in part");
    server.stop();
}

/// When the server is killed: at random, by a seed that is told, so that a failure can be had again with
/// `KILN_CRASH_SEED`.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let own = u64::from(std::process::id());
        let seed = std::env::var("KILN_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(own);
        println!("KILN_CRASH_SEED={seed}");
        Self(seed)
    }

    /// Until somewhere in the middle of the first load, or of one of those after.
    fn wait(&mut self, loaded: &AtomicUsize, at_least: usize) {
        let after = at_least.max(self.up_to(3));
        while loaded.load(Ordering::Acquire) < after {
            std::thread::yield_now();
        }
        let until = Instant::now() + Duration::from_micros(self.up_to(300_000));
        while Instant::now() < until {
            std::thread::yield_now();
        }
    }

    /// A number below the end.
    fn up_to<T: TryFrom<u64> + Default>(&mut self, end: u64) -> T {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        T::try_from((self.0 >> 33) % end).unwrap_or_default()
    }
}

/// An object file of sites.
pub(crate) fn sites(names: &[String]) -> String {
    let rows: String = names.iter().map(|name| format!("    - {{name: {name}}}\n")).collect();
    format!("apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: InfraSite\n  data:\n{rows}")
}
