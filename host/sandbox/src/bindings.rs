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
