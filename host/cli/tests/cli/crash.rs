//! A server killed at any moment of loads and runs: what it acknowledged is there, and the store
//! holds together.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
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
    let mut acknowledged: Vec<String> = Vec::new();
    for kill in 0..KILLS {
        let running = server.take().unwrap_or_else(|| Server::start(&data));
        let down = AtomicBool::new(false);
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
            // Another moment each time.
            let until = Instant::now() + Duration::from_millis(150 + 130 * kill);
            while Instant::now() < until {
                std::thread::yield_now();
            }
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

/// An object file of sites.
pub(crate) fn sites(names: &[String]) -> String {
    let rows: String = names.iter().map(|name| format!("    - {{name: {name}}}\n")).collect();
    format!("apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: InfraSite\n  data:\n{rows}")
}
