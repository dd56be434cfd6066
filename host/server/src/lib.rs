//! HTTP: the only crate with HTTP types; async ends at its handlers.
//!
//! Must not know redb or wasmtime. A handler reads a request, calls one verb of the service on a
//! blocking thread, and writes the answer.

mod accounts;
mod api;
mod artifacts;
mod branches;
mod changes;
mod checks;
mod component;
mod connections;
mod crowd;
mod door;
mod environment;
mod explorer;
mod graphql;
mod history;
mod limits;
mod openapi;
mod pools;
mod problem;
mod query;
mod schema;
mod scope;
mod serve;
mod storage;
pub mod wire;

pub use component::{check_component, compile_child, compiler, render_child, run_fixture};
pub use environment::{SystemClock, TimeOrderedIds, environment, installation_secret};
pub use limits::{LimitTable, limits_json, limits_table};
pub use service::Service;

pub use serve::{ServeError, Serving, first_admin, open, serve};
