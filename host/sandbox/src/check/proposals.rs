//! Which switched-off proposals a component needs: the parser's own text seldom says it plainly.

use wasmparser::{Validator, WasmFeatures};

use crate::config::FEATURES;

/// Proposals that people may run into, with the names they know them by.
const PROPOSALS: &[(&str, WasmFeatures)] = &[
    ("threads", WasmFeatures::THREADS),
    ("tail calls", WasmFeatures::TAIL_CALL),
    ("exceptions", WasmFeatures::EXCEPTIONS),
    ("64-bit memory", WasmFeatures::MEMORY64),
    ("relaxed SIMD", WasmFeatures::RELAXED_SIMD),
    ("wide arithmetic", WasmFeatures::WIDE_ARITHMETIC),
    ("custom page sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
    ("typed function references", WasmFeatures::FUNCTION_REFERENCES),
    ("garbage collection", WasmFeatures::GC),
    ("asynchronous components", WasmFeatures::CM_ASYNC),
];

/// The proposals without which the component is not valid, when it is valid with all of them.
/// Cost: one validation a proposal, of bytes that are bounded; only failing uploads pay it.
pub(super) fn needed(component: &[u8]) -> Vec<&'static str> {
    let valid = |features| Validator::new_with_features(features).validate_all(component).is_ok();
    let all = PROPOSALS.iter().fold(FEATURES, |all, (_, feature)| all | *feature);
    if !valid(all) {
        return Vec::new();
    }
    PROPOSALS.iter().filter(|(_, feature)| !valid(all - *feature)).map(|(name, _)| *name).collect()
}
