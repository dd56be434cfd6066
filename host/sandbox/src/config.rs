//! The engines: one that compiles, one that runs. Whatever changes generated code is set in one
//! function for both, else an artefact of the one would not load in the other.

use std::num::NonZeroUsize;

use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Enabled, Engine, ModuleVersionStrategy, OperatorCost, OptLevel,
    PoolingAllocationConfig, WasmBacktraceDetails,
};

use crate::limits::fixed::FRAMES_MAX;
use crate::limits::fixed::GUEST_MEMORY_BYTES_MAX;
use crate::limits::{Limits, size};

/// Part of every artefact: it must change whenever generated code may. The version of wasmtime is
/// compared with the lock file by a test.
pub(crate) const BUILD_ID: &str = "kiln 1, wasmtime 48.0.8, fuel w48.v1";

/// What stays mapped of a finished guest's memory: 1 MiB, what a normal guest touches. It makes
/// starting a guest four times as fast.
const MEMORY_KEPT_BYTES: usize = 1 << 20;
/// The same for tables: 64 KiB.
const TABLE_KEPT_BYTES: usize = 64 << 10;

/// The proposals a guest may use: what compilers emit for plain WebAssembly by default. Everything
/// else is attack surface. The static check validates with exactly these.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);

fn shared() -> wasmtime::Result<Config> {
    let mut config = Config::new();
    let mut cost = OperatorCost::new();
    // By default growing is free, whatever it clears.
    cost.variable.memory_grow_per_page = u8::MAX;
    config.consume_fuel(true).epoch_interruption(true).operator_cost(cost);
    config.cranelift_nan_canonicalization(true).relaxed_simd_deterministic(true);
    config
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .shared_memory(false)
        .gc_support(false);
    // Without garbage collection built in these have no setters of their own, and are on.
    config.wasm_features(
        wasmtime::WasmFeatures::GC | wasmtime::WasmFeatures::FUNCTION_REFERENCES,
        false,
    );
    config.wasm_component_model(true).concurrency_support(false);
    config.memory_init_cow(true).guard_before_linear_memory(true).signals_based_traps(true);
    // Debug information of guests is never parsed here; function names come from the name section.
    config
        .generate_address_map(true)
        .native_unwind_info(false)
        .debug_info(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES_MAX));
    config.cranelift_opt_level(OptLevel::Speed);
    config.module_version(ModuleVersionStrategy::Custom(BUILD_ID.to_owned()))?;
    Ok(config)
}

/// The engine that turns components into machine code, and runs nothing.
pub(crate) fn compile_engine() -> wasmtime::Result<Engine> {
    Engine::new(&shared()?)
}

/// The engine that runs guests, and cannot compile.
pub(crate) fn run_engine(slots: u32, limits: &Limits) -> wasmtime::Result<Engine> {
    let mut config = shared()?;
    config.enable_compiler(false);
    config.max_wasm_stack(size(limits.stack_bytes));
    let each = |places: u64| u32::try_from(places).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(each(limits.core_instances)))
        .total_memories(slots.saturating_mul(each(limits.memories)))
        .total_tables(slots.saturating_mul(each(limits.tables)))
        .max_core_instances_per_component(each(limits.core_instances))
        .max_memories_per_component(each(limits.memories))
        .max_tables_per_component(each(limits.tables))
        .max_memories_per_module(each(limits.memories))
        .max_tables_per_module(each(limits.tables))
        .table_elements(size(limits.table_elements))
        .max_memory_size(size(GUEST_MEMORY_BYTES_MAX))
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(1 << 20)
        .max_unused_warm_slots(slots)
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(TABLE_KEPT_BYTES)
        .pagemap_scan(Enabled::Auto);
    config.allocation_strategy(pool);
    Engine::new(&config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_know_the_proposals_that_the_check_knows() {
        let run = run_engine(1, &Limits::default()).unwrap();
        let compile = compile_engine().unwrap();
        let (run, compile) = (run.get_wasm_features(), compile.get_wasm_features());
        assert_eq!(run.bits(), compile.bits());
        for (name, flag) in FEATURES.iter_names() {
            assert!(compile.iter_names().any(|(known, _)| known == name), "{name} {flag:?}");
        }
        // What wasmtime lets through beyond the check is refused by the check.
        let beyond: Vec<&str> = compile
            .iter_names()
            .map(|(name, _)| name)
            .filter(|name| !FEATURES.iter_names().any(|(known, _)| known == *name))
            .collect();
        assert_eq!(beyond, Vec::<&str>::new());
    }

    #[test]
    fn the_build_id_names_the_wasmtime_that_is_linked() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
        let lock = std::fs::read_to_string(root).unwrap();
        let mut lines = lock.lines().skip_while(|line| *line != "name = \"wasmtime\"");
        let version = lines.nth(1).unwrap().trim_start_matches("version = ").trim_matches('"');
        assert!(BUILD_ID.contains(&format!("wasmtime {version},")), "{version}");
    }
}
