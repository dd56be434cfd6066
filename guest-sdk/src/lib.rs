//! Writing a generator in Rust.
//!
//! A generator is a function from a context and its query's answer to objects:
//!
//! ```
//! use kiln::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Service {
//!     name: String,
//!     replicas: u32,
//! }
//!
//! fn generate(ctx: &Ctx, service: The<Service>) -> Result<()> {
//!     for number in 0..service.replicas {
//!         make!(ctx, InfraServer { name: format!("{}-{number}", service.name) })?;
//!     }
//!     Ok(())
//! }
//!
//! kiln::generator!(generate);
//!
//! // The same function runs natively, against a host in memory:
//! let made = kiln::test::Host::new()
//!     .run(generate, serde_json::json!({"AppService": {"edges": [
//!         {"node": {"name": {"value": "shop"}, "replicas": {"value": 2}}}
//!     ]}}))
//!     .unwrap();
//! assert_eq!(made.names("InfraServer"), ["shop-0", "shop-1"]);
//! ```
//!
//! A check ([`check`]) says what is wrong with what a branch would change, and makes nothing.
//!
//! What a run makes belongs to its instance; what a later run no longer makes, the host removes. A
//! run that returns an error keeps nothing.

#![deny(missing_docs, missing_debug_implementations)]

pub mod check;
mod context;
mod error;
pub mod graphql;
mod host;
#[cfg(not(target_arch = "wasm32"))]
pub mod test;
mod value;
#[cfg(target_arch = "wasm32")]
#[allow(
    missing_docs,
    missing_debug_implementations,
    reason = "what the macros stand on, largely generated"
)]
pub mod wasm;

pub use context::{Allocation, Builder, Ctx, Draw, Object, Part, Pool, Setter};
pub use error::{Code, Error, Result};
pub use host::{
    Drafted, Drawn, Granted, Host, Info, Level, Linked, Outcome, Request, Saved, Target, Terms,
    Want,
};
pub use value::{Field, Given};

/// Everything a generator usually needs.
pub mod prelude {
    pub use crate::graphql::{Edges, Id, Maybe, Node, Only, Plain, The, Value};
    pub use crate::{Ctx, Draw, Error, Object, Result, Target, bail, ensure, make};
    pub use serde::Deserialize;
}

/// Makes an object, changes it, or leaves it as it is: `make!(ctx, Kind { field: value, .. })`, written as
/// a structure is.
///
/// A field is given a value, a peer, peers, or a [`Draw`]; see [`Part`]. The answer is a
/// `Result<Object>`. For kinds that are only known as the generator runs, and for keys, there is
/// [`Ctx::create`].
///
/// ```
/// # use kiln::prelude::*;
/// # fn generate(ctx: &Ctx, site: The<Id>) -> Result<()> {
/// let name = "shop-0";
/// let address = Draw::from("server-addresses");
/// let server = make!(ctx, InfraServer { name, memory_gb: 8, site: &*site, address })?;
/// make!(ctx, InfraVolume { name: format!("{name}-data"), server: &server })?;
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! make {
    ($ctx:expr, $kind:ident { $($fields:tt)* }) => {
        $crate::make!(@ $ctx.create(stringify!($kind)); $($fields)*)
    };
    (@ $builder:expr;) => { $builder.save() };
    (@ $builder:expr; $name:ident: $part:expr $(, $($rest:tt)*)?) => {
        $crate::make!(@ $builder.with(stringify!($name), $part); $($($rest)*)?)
    };
    (@ $builder:expr; $name:ident $(, $($rest:tt)*)?) => {
        $crate::make!(@ $builder.with(stringify!($name), $name); $($($rest)*)?)
    };
}

/// Ends the run with a message.
#[macro_export]
macro_rules! bail {
    ($($text:tt)*) => { return Err($crate::Error::message(format!($($text)*))) };
}

/// Ends the run with a message unless something holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($text:tt)*) => { if !$holds { $crate::bail!($($text)*); } };
}

/// Makes a function `fn(&Ctx, Input) -> Result<()>` the crate's generator; what else it may return is
/// dropped, so that it can end with what it makes last. Natively the macro does nothing, so that the
/// function can be tested.
#[macro_export]
macro_rules! generator {
    ($generate:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::wasm::bindings::Guest for Component {
                fn generate(
                    input: String,
                ) -> Result<(), $crate::wasm::bindings::kiln::generator::types::Error> {
                    $crate::wasm::enter(&input, $generate)
                }
            }

    $crate::wasm::bindings::export!(Component with_types_in $crate::wasm::bindings);
        };
    };
}

/// Makes a function `fn(&Inspection, Input) -> Result<()>` the crate's check. Natively it does nothing,
/// so that the function can be tested.
#[macro_export]
macro_rules! check {
    ($check:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::wasm::check::bindings::Guest for Component {
                fn check(
                    input: String,
                ) -> Result<
                    Vec<$crate::wasm::check::bindings::kiln::generator::checking::Finding>,
                    $crate::wasm::bindings::kiln::generator::types::Error,
                > {
                    $crate::wasm::check::enter(&input, $check)
                }
            }

    $crate::wasm::check::bindings::export!(Component with_types_in $crate::wasm::check::bindings);
        };
    };
}
