//! How long a run takes whose guest makes ten objects and writes a line: `cargo bench -p sandbox`.
#![allow(clippy::print_stdout, reason = "it prints its figures")]

#[path = "../tests/support/guests.rs"]
mod guests;
#[path = "../tests/support/recording.rs"]
mod recording;

use std::time::{Duration, Instant};

use guests::{GOOD, component, sandbox};
use model::Digest;
use recording::Recording;
use sandbox::{Cancel, Component, Limits, RunEnd};

/// Runs timed on each thread.
const RUNS: usize = 20_000;

fn main() {
    let bytes = component(GOOD);
    let sandbox = sandbox();
    let began = Instant::now();
    let good = sandbox.load(Digest::of(&bytes), &bytes).expect("the guest is good");
    println!("check, compile, link   {:>10.1?}", began.elapsed());
    let mut times = timed(&good);
    times.sort_unstable();
    let at = |percent: usize| times.get(RUNS * percent / 100).copied().unwrap_or_default();
    println!("a run of 11 host calls {:>10.1?} p50, {:.1?} p99", at(50), at(99));
    for threads in [1_u32, 2] {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _thread in 0..threads {
                scope.spawn(|| timed(&good));
            }
        });
        let each = began.elapsed() / u32::try_from(RUNS).unwrap_or(u32::MAX) / threads;
        println!("{threads} threads              {each:>10.1?} a run");
    }
}

fn timed(good: &Component) -> Vec<Duration> {
    let limits = Limits::default();
    (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            let (_, report) = good.run(Recording::default(), "{}", &limits, &Cancel::new());
            let time = began.elapsed();
            assert_eq!(report.outcome, RunEnd::Ok);
            time
        })
        .collect()
}
