//! Uploads are compiled in a process of their own, under limits.

use std::ffi::OsString;
use std::path::PathBuf;

use sandbox::{Compile as _, CompileError, CompileLimits, InChild, InThread};

use crate::process::root;

fn component() -> Vec<u8> {
    let path = root().join("target/components/bench.wasm");
    std::fs::read(&path).unwrap_or_else(|bad| panic!("{}: {bad}", path.display()))
}

fn child(limits: CompileLimits) -> InChild {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_kiln"));
    InChild::new(program, vec![OsString::from("__compile")], limits)
}

#[test]
fn a_child_compiles_what_a_thread_compiles() {
    let bytes = component();
    let there = child(CompileLimits::default()).compile(&bytes).unwrap();
    assert_eq!(there, InThread.compile(&bytes).unwrap());
}

#[test]
fn what_is_no_component_is_rejected_by_the_child() {
    let error = child(CompileLimits::default()).compile(b"\0asm").unwrap_err();
    assert_eq!(error.code(), "compile_rejected");
}

#[test]
fn a_component_that_takes_too_long_ends_its_child_alone() {
    let limits = CompileLimits { seconds: 0, ..CompileLimits::default() };
    let error = child(limits).compile(&component()).unwrap_err();
    assert_eq!(error, CompileError::TooSlow { seconds: 0 });
    assert_eq!(error.code(), "compile_too_slow");
}

#[test]
fn a_component_that_takes_too_much_memory_ends_its_child_alone() {
    let bytes = component();
    // How much the program itself needs differs by build: the limit grows until it is enough.
    let mut codes = Vec::new();
    for mebibytes in (80..1_000).step_by(5) {
        let limits = CompileLimits { memory_bytes: mebibytes << 20, ..CompileLimits::default() };
        match child(limits).compile(&bytes) {
            Ok(_) => break,
            Err(error) => codes.push(error.code()),
        }
    }
    assert!(codes.contains(&"compile_too_large"), "{codes:?}");
    // Without room for a thread, or for the program itself, there was nothing to compile with.
    let known = ["compile_too_large", "compile_no_room", "compiler_bug"];
    assert!(codes.iter().all(|code| known.contains(code)), "{codes:?}");
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let gone = InChild::new(PathBuf::from("/nowhere/kiln"), Vec::new(), CompileLimits::default());
    assert_eq!(gone.compile(b"").unwrap_err().code(), "compile_no_room");
}

#[test]
fn a_program_that_says_nothing_is_told() {
    let other = InChild::new(PathBuf::from("false"), Vec::new(), CompileLimits::default());
    let error = other.compile(b"x").unwrap_err();
    assert_eq!(error.code(), "compiler_bug", "{error}");
}
