//! Exit codes and the failures behind them: the one place that has them.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: the host refused, or a run failed.
    Refused,
    /// 2: wrong arguments.
    Arguments,
    /// 3: the server cannot be reached, or does not start.
    Unreachable,
    /// 4: a file cannot be read.
    File,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            // As clap ends what it refuses itself.
            Exit::Arguments => 2,
            Exit::Unreachable => 3,
            Exit::File => 4,
        })
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The host said no.
    #[error("{message}")]
    Refused { code: String, message: String, details: Vec<String> },
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
    /// An argument that does not read.
    #[error("{argument}: {what}")]
    Argument { argument: String, what: String },
    /// A file.
    #[error("{path}: {what}")]
    File { path: String, what: String },
    /// The server does not start.
    #[error(transparent)]
    Serve(#[from] server::ServeError),
}

impl Failure {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Refused { .. } => Exit::Refused,
            Self::Unreachable(_) | Self::Serve(_) => Exit::Unreachable,
            Self::Argument { .. } => Exit::Arguments,
            Self::File { .. } => Exit::File,
        }
    }

    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Unreachable(_) => "unreachable",
            Self::Argument { .. } => "bad-argument",
            Self::File { .. } => "bad-file",
            Self::Serve(error) => error.code(),
        }
    }

    pub(crate) fn details(&self) -> &[String] {
        match self {
            Self::Refused { details, .. } => details,
            _ => &[],
        }
    }
}
