//! Untrusted guests. 
mod bindings;
pub mod api;
mod host;
pub use host::GuestHost;
