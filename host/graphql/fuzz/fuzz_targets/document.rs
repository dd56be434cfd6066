//! One document a run, from libFuzzer.
#![no_main]

#[path = "../src/target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|input: &[u8]| target::document(input));
