//! The demo: for people on a terminal and in a pipe, and for programs.

use std::process::Command;

use crate::process::{Said, kiln, root};

fn arguments() -> [String; 5] {
    let path = |name: &str| root().join(name).to_str().unwrap().to_owned();
    let [components, examples] = [path("target/components"), path("examples")];
    ["demo".into(), "--components".into(), components, "--examples".into(), examples]
}

fn demo(more: &[&str]) -> Said {
    let arguments = arguments();
    let all: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    kiln(&all)
}

#[test]
fn in_a_pipe_the_demo_is_plain_text_that_tells_every_step() {
    let told = demo(&[]).ok();
    assert!(!told.contains('\u{1b}'), "{told}");
    for step in [
        "1. A schema",
        "2. Objects",
        "3. A generator",
        "├── InfraServer shop-0",
        "5. The same run again\n  no change",
        "+ InfraServer shop-4",
        "the plan's digest is that of the run: true",
        "- InfraServer shop-4",
        "8. The service is deleted",
        "- InfraLoadBalancer shop-lb",
    ] {
        assert!(told.contains(step), "{step} is not in\n{told}");
    }
    let left = told.split("What is left").nth(1).unwrap();
    assert!(left.contains("web-service: blog") && !left.contains("shop"), "{left}");
}

#[test]
fn with_colour_asked_for_the_demo_has_it() {
    let arguments = arguments();
    let output = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(&arguments)
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("\u{1b}[32m+ InfraServer shop-4"), "{told}");
    // What is under way is told beside it.
    let beside = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(beside.contains("compiling the component"), "{beside}");
}

#[test]
fn for_programs_the_demo_is_one_document() {
    let told = demo(&["--json"]).json();
    let steps = told["steps"].as_array().unwrap();
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["schema", "objects", "run", "run again", "grown", "shrunk", "deleted"]);
    let again = &steps[3]["answer"]["runs"];
    assert!(again.as_array().unwrap().iter().all(|run| run["outcome"] == "Unchanged"), "{again}");
    assert_eq!(steps[4]["answer"]["runs"][0]["changes"]["created"], 4);
}

#[test]
fn the_demo_keeps_its_data_in_a_folder_that_is_empty_and_leaves_others_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let kept = scratch.path().join("kept");
    demo(&["--dir", kept.to_str().unwrap()]).ok();
    let checked = kiln(&["store", "check", "--data", kept.to_str().unwrap()]).ok();
    assert!(checked.contains("0 findings"), "{checked}");
    let before = std::fs::metadata(kept.join("kiln.redb")).unwrap().len();
    let said = demo(&["--dir", kept.to_str().unwrap()]).refused(4);
    assert!(said.contains("is not empty"), "{said}");
    assert_eq!(std::fs::metadata(kept.join("kiln.redb")).unwrap().len(), before);
}
