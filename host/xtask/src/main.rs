//! Setting up, building and testing, with one command each. Needs Rust and nothing else.

mod clients;
mod fuzz;
mod guests;
mod run;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  demo [ARGS]   set up, build guests and host, show the main job   (ARGS: --json, --dir FOLDER)
  test          set up, then format, lints, and every test
  clients       install the published clients and a browser for their tests, into target/clients-*
  guests        set up, then the components alone, into target/components
  bench [ARGS]  set up, build optimised, measure every figure next to its yardstick
                (ARGS: --json, --quick, --dir FOLDER, names of sections)
  fuzz [SECONDS | FILE]
                build the fuzz target for GraphQL documents and let it run, a minute if not said, or on one
                input; tells how many it tried, and keeps what breaks it below target/fuzz
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let done = match arguments.first().map(String::as_str) {
        Some("demo") => demo(rest),
        Some("test" | "ci") => test(),
        Some("bench") => bench(rest),
        Some("guests") => guests::build(),
        Some("fuzz") => fuzz::documents(rest.first().map(String::as_str)),
        Some("clients") => {
            clients::install();
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            run::say(&message);
            ExitCode::FAILURE
        }
    }
}

fn demo(arguments: &[String]) -> Result<(), String> {
    guests::build()?;
    run::say("building kiln ...");
    run::cargo(&["build", "--package", "cli"])?;
    let components = guests::components().display().to_string();
    let mut all = vec!["demo", "--components", &components];
    all.extend(arguments.iter().map(String::as_str));
    run::program(&run::root().join("target/debug/kiln"), &all)
}

fn bench(arguments: &[String]) -> Result<(), String> {
    guests::build()?;
    run::say("building the benchmarks, optimised ...");
    run::cargo(&["build", "--release", "--package", "bench"])?;
    let all: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run::program(&run::root().join("target/release/kiln-bench"), &all)
}

fn test() -> Result<(), String> {
    guests::build()?;
    for folder in ["examples", "tests/guests"] {
        run::say(&format!("native tests of {folder} ..."));
        let target = run::root().join("target/guests-native").display().to_string();
        run::cargo_in(folder, &["test", "--quiet", "--target-dir", &target])?;
    }
    clients::install();
    run::say("format ...");
    run::cargo(&["fmt", "--all", "--check"])?;
    run::say("lints ...");
    run::cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])?;
    run::say("tests ...");
    run::cargo(&["test", "--workspace"])
}
