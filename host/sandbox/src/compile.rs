//! From a checked component to machine code.
//!
//! Compiling is the part of the host that hostile input can hurt most: it takes memory and time
//! beyond its input, and has bugs. A server does it in a child process with limits, [`InChild`]; a
//! trusted place may do it in a thread, [`InThread`]. Both come after a check that bounds what they
//! get.

mod child;

use std::fmt;

pub use child::{ChildError, CompileLimits, InChild, compile_in_this_process, limit_this_process};

use crate::config::compile_engine;

/// Stack of the compiling thread: 64 MiB. The compiler recurses over nested blocks; the check allows
/// 512 levels, which need a few.
const COMPILE_STACK_BYTES: usize = 64 << 20;

/// Why a component was not compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The compiler refuses it, though the check let it pass.
    #[error("the component cannot be compiled: {detail}")]
    Rejected {
        /// What the compiler says.
        detail: String,
    },
    /// The compiler failed.
    #[error("the compiler failed on this component; this is a fault of the host: {detail}")]
    CompilerBug {
        /// What it said last.
        detail: String,
    },
    /// It takes too much time.
    #[error(
        "the component takes more than {seconds} seconds to compile; make its functions smaller, or optimise it before it is uploaded"
    )]
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// It takes too much memory.
    #[error(
        "the component takes more than {} MiB to compile; make its functions smaller, or optimise it before it is uploaded", memory_bytes >> 20
    )]
    TooLarge {
        /// The limit.
        memory_bytes: u64,
    },
    /// There is no thread or engine to compile with.
    #[error("the host has no room to compile: {detail}")]
    NoRoom {
        /// What the system says.
        detail: String,
    },
}

impl CompileError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected { .. } => "compile_rejected",
            Self::CompilerBug { .. } => "compiler_bug",
            Self::TooSlow { .. } => "compile_too_slow",
            Self::TooLarge { .. } => "compile_too_large",
            Self::NoRoom { .. } => "compile_no_room",
        }
    }
}

/// Turns a checked component into an artefact of this build.
pub trait Compile: Send + Sync + fmt::Debug {
    /// Compiles; takes seconds for large components.
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError>;
}

/// Compiles in a thread of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct InThread;

impl Compile for InThread {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        in_thread(|| {
            let no_room =
                |error: wasmtime::Error| CompileError::NoRoom { detail: format!("{error:#}") };
            let engine = compile_engine().map_err(no_room)?;
            engine
                .precompile_component(component)
                .map_err(|error| CompileError::Rejected { detail: format!("{error:#}") })
        })
    }
}

fn in_thread(
    work: impl FnOnce() -> Result<Vec<u8>, CompileError> + Send,
) -> Result<Vec<u8>, CompileError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("compile".to_owned())
            .stack_size(COMPILE_STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| CompileError::NoRoom { detail: error.to_string() })?;
        thread.join().unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(CompileError::CompilerBug { detail: text.unwrap_or("a panic").to_owned() })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_rejected() {
        let error = InThread.compile(b"\0asm").unwrap_err();
        assert_eq!(error.code(), "compile_rejected");
    }

    #[test]
    fn a_panic_of_the_compiler_is_an_error_and_not_an_outage() {
        let error = in_thread(|| panic!("register allocation: {}", 7)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the compiler failed on this component; this is a fault of the host: register \
             allocation: 7"
        );
        assert_eq!(error.code(), "compiler_bug");
    }
}
