//! Benchmarks: every figure next to its yardstick, measured in the same run. `cargo xtask bench`
//! builds what they need and starts them.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints its figures")]

mod branches;
mod changes;
mod figure;
mod guest;
mod large;
mod pools;
mod query;
mod runs;
mod size;
mod wire;
mod world;

use std::path::Path;
use std::process::ExitCode;

use figure::Figure;
use world::Failed;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How much of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// As the targets say.
    Full,
    /// A tenth, to see that it works.
    Quick,
}

impl Scale {
    pub(crate) fn of(self, full: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Quick => full.div_ceil(10),
        }
    }
}

type Section = fn(&Path, Scale) -> Result<Vec<Figure>, Failed>;

const SECTIONS: [(&str, &str, Section); 10] = [
    ("guest", "the sandbox alone", guest::guest),
    ("runs", "runs that create", runs::create),
    ("scattered", "runs that update objects all over the store", runs::scattered),
    ("large", "a service of 3,000 objects", large::large),
    ("query", "a page of objects", query::query),
    ("branches", "branches of small and large stores", branches::branches),
    ("changes", "what a proposed change runs", changes::changes),
    ("pools", "what is free next, drawn durably", pools::pools),
    ("wire", "over HTTP, and from the published client", wire::wire),
    ("size", "stores of 100,000 and 1,000,000 objects", size::size),
];

const USAGE: &str = "\
cargo xtask bench [--json] [--quick] [SECTION ...]

  --json    a list of {name, value, unit, yardstick, ratio, target, ok}
  --quick   a tenth of everything: figures that only show that it works
  --dir     where the stores are made; their disk is what is measured (default: target/bench)

Sections:";

#[derive(Debug)]
struct Arguments {
    json: bool,
    scale: Scale,
    dir: std::path::PathBuf,
    sections: Vec<String>,
}

fn arguments() -> Option<Arguments> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    let mut arguments = Arguments { json: false, scale: Scale::Full, dir, sections: Vec::new() };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--json" => arguments.json = true,
            "--quick" => arguments.scale = Scale::Quick,
            "--dir" => arguments.dir = given.next()?.into(),
            name if SECTIONS.iter().any(|(known, ..)| *known == name) => {
                arguments.sections.push(name.to_owned());
            }
            _ => return None,
        }
    }
    Some(arguments)
}

fn main() -> ExitCode {
    let mut second = std::env::args_os().skip(1);
    let told = match second.next() {
        Some(word) if word == "__open" => {
            Some(second.next().ok_or("no file".into()).and_then(|file| size::open(file.as_ref())))
        }
        Some(word) if word == "__draw" => Some(match (second.next(), second.next()) {
            (Some(file), Some(pool)) => pools::draw(file.as_ref(), &pool.to_string_lossy()),
            _ => Err("no file or no pool".into()),
        }),
        Some(word) if word == "__read" => Some(match (second.next(), second.next()) {
            (Some(file), Some(pool)) => pools::read(file.as_ref(), &pool.to_string_lossy()),
            _ => Err("no file or no pool".into()),
        }),
        _ => None,
    };
    if let Some(told) = told {
        return match told {
            Ok(told) => {
                println!("{told}");
                ExitCode::SUCCESS
            }
            Err(failed) => {
                eprintln!("{failed}");
                ExitCode::FAILURE
            }
        };
    }
    let Some(arguments) = arguments() else {
        eprintln!("{USAGE}");
        for (name, what, _) in SECTIONS {
            eprintln!("  {name:<10} {what}");
        }
        return ExitCode::from(2);
    };
    match measure(&arguments) {
        Ok(figures) => {
            if arguments.json {
                let list: Vec<_> = figures.iter().map(Figure::to_json).collect();
                println!("{}", serde_json::Value::Array(list));
            }
            ExitCode::SUCCESS
        }
        Err(failed) => {
            eprintln!("the benchmark failed: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<Vec<Figure>, Failed> {
    std::fs::create_dir_all(&arguments.dir)?;
    let mut all = Vec::new();
    for (name, what, section) in SECTIONS {
        let wanted = &arguments.sections;
        if !wanted.is_empty() && wanted.iter().all(|wanted| wanted != name) {
            continue;
        }
        eprintln!("[bench] {name}: {what} ...");
        let folder = tempfile::tempdir_in(&arguments.dir)?;
        let figures = section(folder.path(), arguments.scale)?;
        if !arguments.json {
            println!("\n{name}: {what}");
            for figure in &figures {
                println!("  {}", figure.line());
            }
        }
        all.extend(figures);
    }
    Ok(all)
}
