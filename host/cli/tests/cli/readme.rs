//! What the README and those of the examples show is what happens: their console blocks are run, command by
//! command, against a server of their own.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::process::{Server, root};

/// A command, with the lines that are shown below it.
struct Shown {
    command: String,
    lines: Vec<String>,
}

/// The commands of all console blocks of a text; those of a checkout (`cargo xtask`) have a job of their
/// own, and the server is the test's.
fn shown(text: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        let mut skips = false;
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                skips = command.starts_with("cargo xtask") || command.starts_with("kiln serve");
                if !skips {
                    all.push(Shown { command: command.to_owned(), lines: Vec::new() });
                }
            } else if !skips && let Some(last) = all.last_mut() {
                last.lines.push(line.trim_end().to_owned());
            }
        }
    }
    all
}

/// Whether a line is as shown, where `...` stands for anything.
fn line_fits(shown: &str, said: &str) -> bool {
    let mut parts = shown.split("...");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = said.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether lines are as shown, where a line of `...` stands for any lines.
fn fits(shown: &[String], said: &[&str]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first.trim_start_matches(['├', '└', '─', ' ']) == "..." => {
            (0..=said.len()).any(|from| said.get(from..).is_some_and(|said| fits(rest, said)))
        }
        Some((first, rest)) => said
            .split_first()
            .is_some_and(|(line, behind)| line_fits(first, line.trim_end()) && fits(rest, behind)),
    }
}

/// Runs all commands of a text in a folder, in one shell.
fn run(text: &str, folder: &Path, server: &Server) {
    let all = shown(text);
    assert!(!all.is_empty(), "nothing is shown");
    let kiln = std::path::absolute(env!("CARGO_BIN_EXE_kiln")).unwrap();
    let targets = std::path::absolute(root().join("target")).unwrap();
    // Both build where other tests do, so that nothing is built twice.
    let mut script = format!(
        "export KILN_SERVER='{}'\n\
         kiln() {{ if [ \"$1\" = build ]; then '{kiln}' \"$@\" --target-dir '{targets}/guests'; \
         else '{kiln}' \"$@\"; fi; }}\n\
         cargo() {{ CARGO_TARGET_DIR='{targets}/guests-native' command cargo \"$@\" 2>/dev/null; }}\n",
        server.address,
        kiln = kiln.display(),
        targets = targets.display(),
    );
    for shown in &all {
        let _infallible = writeln!(script, "{}\necho \"@@ $?\"", shown.command);
    }
    let ended = Command::new("bash").args(["-c", &script]).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    let mut rest = said.as_str();
    for Shown { command, lines } in &all {
        let (told, behind) = rest.split_once("@@ ").unwrap_or_else(|| panic!("{command}: {said}"));
        let (code, behind) = behind.split_once('\n').unwrap();
        assert_eq!(code, "0", "`{command}` says:\n{told}\n{errors}");
        let told_lines: Vec<&str> = told.lines().collect();
        assert!(
            lines.is_empty() || fits(lines, &told_lines),
            "`{command}` says\n{told}\nand not\n{}",
            lines.join("\n")
        );
        rest = behind;
    }
}

/// A folder as a checkout is seen from within: the examples and what was built.
fn checkout(scratch: &Path) {
    for name in ["examples", "target"] {
        let own = std::path::absolute(root().join(name)).unwrap();
        std::os::unix::fs::symlink(own, scratch.join(name)).unwrap();
    }
}

#[test]
fn every_command_of_the_readme_does_what_it_shows() {
    let scratch = tempfile::tempdir().unwrap();
    checkout(scratch.path());
    let answer = serde_json::json!({"answer": {"AppService": {"edges": [{"node": {
        "id": "s", "name": {"value": "blog"}, "replicas": {"value": 1}}}]}}});
    let server = Server::start(&scratch.path().join("data"));
    // What the author has recorded.
    std::fs::write(scratch.path().join("answer.json"), answer.to_string()).unwrap();
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    run(&text, scratch.path(), &server);
    server.stop();
}

#[test]
fn every_example_does_what_its_readme_shows() {
    for example in ["database-cluster", "interface-address", "multi-cloud", "web-service"] {
        let scratch = tempfile::tempdir().unwrap();
        checkout(scratch.path());
        let server = Server::start(&scratch.path().join("data"));
        let readme = root().join("examples").join(example).join("README.md");
        run(&std::fs::read_to_string(readme).unwrap(), scratch.path(), &server);
        server.stop();
    }
}

#[test]
fn lines_are_compared_as_they_are_shown() {
    assert!(line_fits("a ... c", "a b c") && line_fits("a", "a") && line_fits("a...", "abc"));
    assert!(!line_fits("a ... c", "a b d") && !line_fits("a", "ab") && !line_fits("b...", "ab"));
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    assert!(fits(&lines("a\n...\nd"), &["a", "b", "c", "d"]));
    assert!(fits(&lines("a\n└── ..."), &["a", "b"]) && !fits(&lines("a\nb"), &["a"]));
}
