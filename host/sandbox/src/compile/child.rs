//! Compiling in a process of its own, under limits of its own: what a component does to the compiler
//! ends there. The program is started again with a word that leads to [`compile_in_this_process`];
//! the component goes in at its standard input, and the artefact comes back at its standard output,
//! behind one byte that says what it is.
//!
//! Other work on what strangers wrote is done in the same way, by another word: see [`InChild::ask`].

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::limits::fixed::{
    ARTEFACT_BYTES_MAX, COMPILE_MEMORY_BYTES_MAX, COMPILE_SECONDS_MAX, COMPILER_WORDS_BYTES_MAX,
};

use super::{Compile, CompileError, InThread};

/// What the answer of the child begins with.
mod tag {
    pub(super) const ARTEFACT: u8 = 1;
    pub(super) const REJECTED: u8 = 2;
    pub(super) const BUG: u8 = 3;
    pub(super) const NO_ROOM: u8 = 4;
}

/// The wall clock has so much more than the processor: a busy machine is not the guest's fault.
const WALL_FACTOR: u32 = 4;

/// Limits of the compiling process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Seconds of processor time. A guest of 2.4 MiB takes three.
    pub seconds: u64,
    /// Address space. A guest of 2.4 MiB takes half a gibibyte.
    pub memory_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { seconds: COMPILE_SECONDS_MAX, memory_bytes: COMPILE_MEMORY_BYTES_MAX }
    }
}

/// Why a child gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChildError {
    /// It took more than its time.
    #[error("it took more than {seconds} seconds")]
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// It took more than its memory.
    #[error("it took more than {memory_bytes} bytes of memory")]
    TooLarge {
        /// The limit.
        memory_bytes: u64,
    },
    /// It ended in another way.
    #[error("it ended by itself: {detail}")]
    Died {
        /// What is known of it.
        detail: String,
    },
    /// It could not be started or fed.
    #[error("no process for it: {detail}")]
    NoRoom {
        /// What the system says.
        detail: String,
    },
}

/// Compiles in a child process.
#[derive(Debug, Clone)]
pub struct InChild {
    program: PathBuf,
    arguments: Vec<OsString>,
    limits: CompileLimits,
}

impl InChild {
    /// A child is `program arguments... SECONDS BYTES`; it must call [`compile_in_this_process`]
    /// with the two numbers and do nothing else.
    pub fn new(program: PathBuf, arguments: Vec<OsString>, limits: CompileLimits) -> Self {
        Self { program, arguments, limits }
    }

    /// The same program for other work: started with another word, under other limits.
    #[must_use]
    pub fn with(&self, word: &str, limits: CompileLimits) -> Self {
        Self { program: self.program.clone(), arguments: vec![OsString::from(word)], limits }
    }

    /// What a child makes of an input. The child must call [`limit_this_process`] first of all.
    pub fn ask(&self, input: &[u8]) -> Result<Vec<u8>, ChildError> {
        let no_room = |error: io::Error| ChildError::NoRoom { detail: error.to_string() };
        let mut child = self.spawn().map_err(no_room)?;
        let conversed = self.converse(&mut child, input);
        let ended = child.wait().map_err(no_room)?;
        let (answer, words, in_time) = conversed.map_err(no_room)?;
        if ended.success() && in_time { Ok(answer) } else { Err(self.died(ended, in_time, &words)) }
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .arg(self.limits.seconds.to_string())
            .arg(self.limits.memory_bytes.to_string())
            // Nothing of ours is its business.
            .env_clear()
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// Feeds the child and waits for its answer, but not for ever.
    fn converse(&self, child: &mut Child, component: &[u8]) -> io::Result<(Vec<u8>, String, bool)> {
        let gone = || io::Error::other("a pipe is missing");
        let mut input = child.stdin.take().ok_or_else(gone)?;
        let output = child.stdout.take().ok_or_else(gone)?;
        let words = child.stderr.take().ok_or_else(gone)?;
        let seconds = u32::try_from(self.limits.seconds).unwrap_or(u32::MAX);
        let wall = Duration::from_secs(1).saturating_mul(seconds.saturating_mul(WALL_FACTOR));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // A child that ends early does not read to the end; its answer says why.
                let _written = input.write_all(component);
            });
            let words = scope.spawn(move || {
                let mut said = Vec::new();
                let _read = words.take(COMPILER_WORDS_BYTES_MAX).read_to_end(&mut said);
                String::from_utf8_lossy(&said).into_owned()
            });
            let (told, answer) = sync_channel(1);
            scope.spawn(move || {
                let mut bytes = Vec::new();
                let read = output.take(ARTEFACT_BYTES_MAX).read_to_end(&mut bytes);
                let _gone = told.send(read.map(|_length| bytes));
            });
            let (bytes, in_time) = match answer.recv_timeout(wall) {
                Ok(read) => (read?, true),
                Err(_late) => {
                    child.kill()?;
                    (Vec::new(), false)
                }
            };
            Ok((bytes, words.join().unwrap_or_default(), in_time))
        })
    }
}

impl Compile for InChild {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let no_room = |error: io::Error| CompileError::NoRoom { detail: error.to_string() };
        let mut child = self.spawn().map_err(no_room)?;
        let conversed = self.converse(&mut child, component);
        let ended = child.wait().map_err(no_room)?;
        let (answer, words, in_time) = conversed.map_err(no_room)?;
        match answer.split_first() {
            Some((&tag::ARTEFACT, artefact)) if ended.success() => Ok(artefact.to_vec()),
            Some((&tag::REJECTED, detail)) => Err(CompileError::Rejected { detail: text(detail) }),
            Some((&tag::BUG, detail)) => Err(CompileError::CompilerBug { detail: text(detail) }),
            Some((&tag::NO_ROOM, detail)) => Err(CompileError::NoRoom { detail: text(detail) }),
            _ => Err(match self.died(ended, in_time, &words) {
                ChildError::TooSlow { seconds } => CompileError::TooSlow { seconds },
                ChildError::TooLarge { memory_bytes } => CompileError::TooLarge { memory_bytes },
                ChildError::Died { detail } | ChildError::NoRoom { detail } => {
                    CompileError::CompilerBug { detail }
                }
            }),
        }
    }
}

impl InChild {
    /// Why a child gave no answer.
    fn died(&self, ended: ExitStatus, in_time: bool, words: &str) -> ChildError {
        if !in_time || ran_out_of_time(ended) {
            return ChildError::TooSlow { seconds: self.limits.seconds };
        }
        // An allocation that fails ends the process with a word about memory.
        if words.contains("memory allocation") || words.contains("Cannot allocate memory") {
            return ChildError::TooLarge { memory_bytes: self.limits.memory_bytes };
        }
        let last = words.lines().last().unwrap_or("nothing was said").to_owned();
        ChildError::Died { detail: format!("{ended}: {last}") }
    }
}

#[cfg(unix)]
fn ran_out_of_time(ended: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    // SIGXCPU at the soft limit, SIGKILL at the hard one.
    matches!(ended.signal(), Some(9 | 24))
}

#[cfg(not(unix))]
fn ran_out_of_time(_ended: ExitStatus) -> bool {
    false
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The child's side: limits itself, reads a component, writes the answer.
pub fn compile_in_this_process(
    limits: CompileLimits,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> io::Result<()> {
    limit_this_process(limits)?;
    let mut component = Vec::new();
    input.read_to_end(&mut component)?;
    let (tag, bytes) = match InThread.compile(&component) {
        Ok(artefact) => (tag::ARTEFACT, artefact),
        Err(CompileError::Rejected { detail }) => (tag::REJECTED, detail.into_bytes()),
        Err(CompileError::CompilerBug { detail }) => (tag::BUG, detail.into_bytes()),
        Err(CompileError::NoRoom { detail }) => (tag::NO_ROOM, detail.into_bytes()),
        Err(other) => (tag::NO_ROOM, other.to_string().into_bytes()),
    };
    output.write_all(&[tag])?;
    output.write_all(&bytes)?;
    output.flush()
}

/// Puts this process under limits, for good: what a child of ours does first.
#[cfg(unix)]
pub fn limit_this_process(limits: CompileLimits) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let set = |resource, most: u64| {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
    };
    set(Resource::Cpu, limits.seconds)?;
    set(Resource::As, limits.memory_bytes)?;
    // It writes no file, not even of its own end.
    set(Resource::Fsize, 0)?;
    set(Resource::Core, 0)?;
    Ok(())
}

/// Puts this process under limits, for good: what a child of ours does first.
#[cfg(not(unix))]
pub fn limit_this_process(_limits: CompileLimits) -> io::Result<()> {
    Ok(())
}
