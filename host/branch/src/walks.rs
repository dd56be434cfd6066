//! How many random walks a test takes, and from which seed. It knows nothing of what is walked.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// `few` walks from a seed that stays, so that a run of all tests says the same of the same code. With
/// `PROPTEST_CASES=n` it is `n` walks from a new seed each time: what finds something new.
pub(crate) fn walks(few: u32) -> ProptestConfig {
    let asked: Option<u32> =
        std::env::var("PROPTEST_CASES").ok().and_then(|asked| asked.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(few),
        rng_seed: if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(2_026) },
        max_shrink_iters: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
