//! Branches on the command line, and a server that is killed while it merges.

use std::time::{Duration, Instant};

use crate::crash::sites;
use crate::process::{Server, kiln, root};

/// Times the server is killed.
const KILLS: u64 = 5;
/// Objects of one branch.
const BATCH: usize = 40;

fn started(data: &std::path::Path) -> Server {
    let server = Server::start(data);
    let schema = root().join("examples/web-service/schema.yml");
    server.kiln(&["schema", "load", schema.to_str().unwrap()]).ok();
    server
}

#[test]
fn a_branch_is_validated_decided_and_merged_by_hand() {
    let scratch = tempfile::tempdir().unwrap();
    let server = started(&scratch.path().join("data"));
    let tag = |branch: &str, description: &str| {
        let file = scratch.path().join("tag.yml");
        let text = format!(
            "apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: BuiltinTag\n  data:\n    - {{name: \
             t, description: {description}}}\n"
        );
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        server.kiln(&["object", "load", file, "--branch", branch]).ok();
    };
    tag("main", "first");
    server.kiln(&["branch", "create", "b"]).ok();
    tag("b", "here");
    let plan = server.kiln(&["branch", "merge", "b", "--plan"]).ok();
    assert!(plan.contains("updated  BuiltinTag t") && plan.contains("can be merged"), "{plan}");
    tag("main", "there");
    assert_eq!(server.kiln(&["branch", "validate", "b"]).code, 1);
    let refused = server.kiln(&["branch", "merge", "b"]).refused(1);
    assert!(refused.contains("\"there\" on main, \"here\" on the branch"), "{refused}");
    let told = server.kiln(&["branch", "conflicts", "b"]).ok();
    assert!(told.contains("1 to decide"), "{told}");
    let id = told.split(' ').next().unwrap();
    let kept = server.kiln(&["branch", "resolve", id, "--keep", "main"]).ok();
    assert!(kept.contains("keeps main"), "{kept}");
    server.kiln(&["branch", "resolve", id]).ok();
    assert_eq!(server.kiln(&["branch", "validate", "b"]).code, 1);
    server.kiln(&["branch", "resolve", id, "--keep", "branch"]).ok();
    assert!(server.kiln(&["branch", "rebase", "b"]).ok().contains("OPEN"));
    let merged = server.kiln(&["branch", "merge", "b"]).ok();
    assert!(merged.contains("0 created, 1 updated, 0 deleted"), "{merged}");
    assert!(server.kiln(&["branch", "show", "b"]).ok().contains("MERGED"));
    server.stop();
}

#[test]
fn a_merge_that_is_killed_is_whole_or_absent() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let mut server = started(&data);
    let mut merged = 0;
    for kill in 0..KILLS {
        let branch = format!("b{kill}");
        server.kiln(&["branch", "create", &branch]).ok();
        let names: Vec<String> = (0..BATCH).map(|row| format!("site-{kill}-{row}")).collect();
        let file = scratch.path().join("sites.yml");
        std::fs::write(&file, sites(&names)).unwrap();
        let file = file.to_str().unwrap();
        server.kiln(&["object", "load", file, "--branch", &branch]).ok();
        let said = std::thread::scope(|scope| {
            let merge = scope.spawn(|| server.kiln(&["branch", "merge", &branch]));
            // Another moment each time, around the commit.
            let until = Instant::now() + Duration::from_millis(15 + 10 * kill);
            while Instant::now() < until {
                std::thread::yield_now();
            }
            server.kill_now();
            merge.join().unwrap()
        });
        drop(server);
        let folder = data.to_str().unwrap();
        let checked = kiln(&["store", "check", "--data", folder]).ok();
        assert!(checked.contains("0 findings"), "{checked}");
        server = Server::start(&data);
        let answer = server.query("{ InfraSite { edges { node { name { value } } } } }");
        let there = answer["InfraSite"]["edges"].as_array().map_or(0, Vec::len) - merged;
        let status = server.kiln(&["branch", "show", &branch]).json();
        let expected = if status["status"] == "MERGED" { BATCH } else { 0 };
        assert_eq!(there, expected, "the merge is there in part");
        assert!(said.code != 0 || expected == BATCH, "a merge was acknowledged and is lost");
        if expected == 0 {
            // It can be merged now.
            server.kiln(&["branch", "merge", &branch]).ok();
        }
        merged += BATCH;
    }
    server.stop();
}
