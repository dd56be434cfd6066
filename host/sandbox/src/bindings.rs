//! Generated from `wit/`: the types and exports of the world as wasmtime sees them. Nothing outside
//! of `adapt` and `link` names them.
#![allow(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::str_to_string,
    clippy::enum_glob_use,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    path: "../../wit/v0.1.0",
    world: "generator",
    include_component_type: true,
});

/// The world of checks; what both worlds have is of the first.
pub mod check {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1.0",
        world: "check",
        include_component_type: true,
        with: {
            "kiln:generator/types": crate::bindings::kiln::generator::types,
            "kiln:generator/run": crate::bindings::kiln::generator::run,
            "kiln:generator/log": crate::bindings::kiln::generator::log,
            "kiln:generator/query": crate::bindings::kiln::generator::query,
        },
    });
}
