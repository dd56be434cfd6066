//! Making documents of templates that somebody else wrote: in a process of its own, under limits of its
//! own, as what a template does to memory ends only with its process.

use std::io::{self, Read, Write};
use std::sync::{Condvar, Mutex, PoisonError};

use model::document::{DocumentError, Templates};
use sandbox::{ChildError, CompileLimits, InChild};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::limits::{RENDER_MEMORY_BYTES_MAX, RENDER_SECONDS_MAX, RENDERS_MAX};

/// The word that the program is started with for a document.
const WORD: &str = "__render";

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template is wrong.
    #[error(transparent)]
    Template(#[from] DocumentError),
    /// It takes too long.
    #[error(
        "the template takes more than {RENDER_SECONDS_MAX} seconds; make several documents of it, or ask for less"
    )]
    TooSlow,
    /// It takes too much memory.
    #[error(
        "the template takes more than {RENDER_MEMORY_BYTES_MAX} bytes of memory; make several documents of it"
    )]
    TooLarge,
    /// The process ended by itself, or there is none.
    #[error("the process that makes the document failed: {0}")]
    Process(String),
}

impl RenderError {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Template(bad) => bad.fault.code(),
            Self::TooSlow => "template-too-slow",
            Self::TooLarge => "template-too-large",
            Self::Process(_) => "render-failed",
        }
    }
}

/// What goes into the process.
#[derive(Serialize, Deserialize)]
struct Work {
    templates: Templates,
    variables: Map<String, Json>,
    data: Json,
}

/// Makes documents, a few at a time.
#[derive(Debug)]
pub(crate) struct Renderer {
    /// The program; without one it is done here.
    child: Option<InChild>,
    free: Mutex<usize>,
    freed: Condvar,
}

impl Renderer {
    /// The program that compiles, started with another word.
    pub(crate) fn new(compiler: Option<&InChild>) -> Self {
        let limits =
            CompileLimits { seconds: RENDER_SECONDS_MAX, memory_bytes: RENDER_MEMORY_BYTES_MAX };
        let child = compiler.map(|program| program.with(WORD, limits));
        Self { child, free: Mutex::new(RENDERS_MAX), freed: Condvar::new() }
    }

    /// The document that templates make of an answer.
    pub(crate) fn render(
        &self,
        templates: &Templates,
        variables: &Map<String, Json>,
        data: &Json,
    ) -> Result<String, RenderError> {
        let Some(child) = &self.child else { return Ok(templates.render(variables, data)?) };
        let work =
            Work { templates: templates.clone(), variables: variables.clone(), data: data.clone() };
        let failed = |bad: &dyn std::fmt::Display| RenderError::Process(bad.to_string());
        let work = serde_json::to_vec(&work).map_err(|bad| failed(&bad))?;
        let answer = {
            let _turn = self.turn();
            child.ask(&work)
        };
        let answer = answer.map_err(|bad| match bad {
            ChildError::TooSlow { .. } => RenderError::TooSlow,
            ChildError::TooLarge { .. } => RenderError::TooLarge,
            ChildError::Died { .. } | ChildError::NoRoom { .. } => failed(&bad),
        })?;
        let made: Result<String, DocumentError> =
            serde_json::from_slice(&answer).map_err(|bad| failed(&bad))?;
        Ok(made?)
    }

    /// Waits for a place.
    fn turn(&self) -> Turn<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Turn(self)
    }
}

/// A place, given back when this is dropped.
struct Turn<'r>(&'r Renderer);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

/// The side of the process: limits itself, reads the work, writes the document or what is wrong.
pub fn render_in_this_process(
    seconds: u64,
    memory_bytes: u64,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> io::Result<()> {
    sandbox::limit_this_process(CompileLimits { seconds, memory_bytes })?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let work: Work = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
    let made = work.templates.render(&work.variables, &work.data);
    output.write_all(&serde_json::to_vec(&made).map_err(io::Error::other)?)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn templates(text: &str) -> Templates {
        Templates::gather("t.j2", |_path| Some(text.to_owned())).unwrap()
    }

    #[test]
    fn a_process_that_is_not_there_or_fails_is_told() {
        for (program, words) in [("/nowhere/kiln", "no process"), ("false", "ended by itself")] {
            let program =
                InChild::new(PathBuf::from(program), Vec::new(), CompileLimits::default());
            let renderer = Renderer::new(Some(&program));
            let bad = renderer.render(&templates("x"), &Map::new(), &Json::Null).unwrap_err();
            assert_eq!(bad.code(), "render-failed");
            assert!(bad.to_string().contains(words), "{bad}");
        }
    }

    #[test]
    fn a_process_that_takes_too_long_or_too_much_is_ended_and_told() {
        let limits = CompileLimits { seconds: 1, memory_bytes: 1 << 30 };
        for (script, code) in [
            ("exec sleep 60", "template-too-slow"),
            ("echo memory allocation of 9 bytes failed >&2; exit 1", "template-too-large"),
            ("cat >/dev/null; echo no json", "render-failed"),
        ] {
            let arguments = ["-c", script].map(std::ffi::OsString::from).to_vec();
            let child = InChild::new(PathBuf::from("sh"), arguments, limits);
            let renderer = Renderer { child: Some(child), ..Renderer::new(None) };
            let bad = renderer.render(&templates("x"), &Map::new(), &Json::Null).unwrap_err();
            assert_eq!(bad.code(), code, "{script}: {bad}");
            assert_eq!(*renderer.free.lock().unwrap(), RENDERS_MAX, "its place is free again");
        }
    }

    #[test]
    fn without_a_process_it_is_done_here() {
        let renderer = Renderer::new(None);
        let made = |text: &str| renderer.render(&templates(text), &Map::new(), &Json::Null);
        assert_eq!(made("a{{ 1 }}").unwrap(), "a1");
        assert_eq!(made("{{").unwrap_err().code(), "bad-template");
    }
}
