//! What a run tells afterwards: how it ended, why, and what it used.

use std::fmt;
use std::time::Duration;

use crate::api::GuestError;

/// How a run ended, and its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// The end.
    pub outcome: RunEnd,
    /// Fuel used; the same on every machine.
    pub fuel_used: u64,
    /// Largest memory, in bytes, tables included.
    pub memory_peak: u64,
    /// Host calls made.
    pub host_calls: u64,
    /// Log lines beyond the limits, which the host never saw.
    pub log_dropped: u64,
    /// The last host calls, oldest first.
    pub last_calls: Vec<HostCall>,
    /// Time taken, waiting for a slot not included. The one figure that differs from run to run.
    pub wall: Duration,
}

impl RunReport {
    /// The failure, if it failed.
    pub fn failure(&self) -> Option<&RunFailure> {
        match &self.outcome {
            RunEnd::Ok => None,
            RunEnd::Failed(failure) => Some(failure),
        }
    }
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    /// The generator returned ok: only now may anything be kept.
    Ok,
    /// Everything it made must be dropped.
    Failed(Box<RunFailure>),
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFailure {
    /// Stable code.
    pub code: FailureCode,
    /// Whose business it is.
    pub class: FailureClass,
    /// What happened, for the user.
    pub message: String,
    /// What the generator returned, for `guest_error`.
    pub error: Option<GuestError>,
    /// Text of the panic, if there was one.
    pub panic: Option<PanicText>,
    /// Call frames of the guest, innermost first.
    pub frames: Vec<Frame>,
    /// What helps.
    pub hint: Option<String>,
    /// Whether the same run fails again in the same way: then there is no use in repeating it.
    pub deterministic: bool,
    /// For the host's log only: what failed within the host.
    pub internal: Option<String>,
}

/// Codes of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureCode {
    /// The generator returned an error.
    GuestError,
    /// It panicked.
    GuestPanic,
    /// It did what WebAssembly forbids.
    GuestTrap,
    /// It passed malformed data over the boundary.
    AbiViolation,
    /// It used up its fuel.
    CpuLimit,
    /// It used up its memory.
    MemoryLimit,
    /// It nested its calls too deeply.
    StackLimit,
    /// One call carried too much.
    PayloadTooLarge,
    /// It holds too many handles.
    HandleLimit,
    /// It made too many host calls.
    HostCallLimit,
    /// The query's answer is too large to be handed over.
    InputTooLarge,
    /// It took too long.
    Timeout,
    /// Somebody cancelled it.
    Cancelled,
    /// The host went down.
    Shutdown,
    /// No slot was free.
    HostBusy,
    /// The host failed.
    HostBug,
}

/// Whose business a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// The generator's author.
    User,
    /// The author, or whoever sets limits.
    Limit,
    /// Whoever makes the author's tools.
    Toolchain,
    /// Whoever runs the host.
    Infra,
}

impl FailureCode {
    /// All codes, for documentation and metrics.
    pub const ALL: [Self; 16] = [
        Self::GuestError,
        Self::GuestPanic,
        Self::GuestTrap,
        Self::AbiViolation,
        Self::CpuLimit,
        Self::MemoryLimit,
        Self::StackLimit,
        Self::PayloadTooLarge,
        Self::HandleLimit,
        Self::HostCallLimit,
        Self::InputTooLarge,
        Self::Timeout,
        Self::Cancelled,
        Self::Shutdown,
        Self::HostBusy,
        Self::HostBug,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::GuestError => "guest_error",
            Self::GuestPanic => "guest_panic",
            Self::GuestTrap => "guest_trap",
            Self::AbiViolation => "abi_violation",
            Self::CpuLimit => "cpu_limit",
            Self::MemoryLimit => "memory_limit",
            Self::StackLimit => "stack_limit",
            Self::PayloadTooLarge => "payload_too_large",
            Self::HandleLimit => "handle_limit",
            Self::HostCallLimit => "host_call_limit",
            Self::InputTooLarge => "input_too_large",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Shutdown => "shutdown",
            Self::HostBusy => "host_busy",
            Self::HostBug => "host_bug",
        }
    }

    /// Whose business it is.
    pub fn class(self) -> FailureClass {
        match self {
            Self::GuestError | Self::GuestPanic | Self::GuestTrap => FailureClass::User,
            Self::AbiViolation => FailureClass::Toolchain,
            Self::CpuLimit
            | Self::MemoryLimit
            | Self::StackLimit
            | Self::PayloadTooLarge
            | Self::HandleLimit
            | Self::HostCallLimit
            | Self::InputTooLarge => FailureClass::Limit,
            Self::Timeout | Self::Cancelled | Self::Shutdown | Self::HostBusy | Self::HostBug => {
                FailureClass::Infra
            }
        }
    }

    /// Whether the same run would fail again.
    pub fn deterministic(self) -> bool {
        self.class() != FailureClass::Infra
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Limit => "limit",
            Self::Toolchain => "toolchain",
            Self::Infra => "infra",
        })
    }
}

/// The text of a guest's panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanicText {
    /// What it said.
    pub message: String,
    /// `file:line:column`.
    pub location: String,
}

/// A call frame of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The function, demangled.
    pub function: String,
    /// Where in the core module, in bytes: what turns into file and line by the author's own build.
    pub offset: Option<u64>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} (at {offset:#x})", self.function),
            None => f.write_str(&self.function),
        }
    }
}

/// A call of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCall {
    /// `objects.create`.
    pub name: &'static str,
    /// What it was about: a kind and key, a pool; may be empty.
    pub subject: String,
}

impl fmt::Display for HostCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject.is_empty() {
            f.write_str(self.name)
        } else {
            write!(f, "{} `{}`", self.name, self.subject)
        }
    }
}

/// Text of a guest for people: at most so many bytes, control characters, and those that turn the
/// direction of text, escaped, so that one line stays one line and nothing is disguised.
pub(crate) fn text_shown(text: &str, bytes_max: usize) -> String {
    let mut shown = String::new();
    for letter in text.chars() {
        if shown.len() + letter.len_utf8() > bytes_max {
            shown.push('…');
            break;
        }
        let hidden = matches!(letter,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if letter.is_control() || hidden {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// The beginning of a text, at most so many bytes, at a character's end.
pub(crate) fn text_cut(text: &str, bytes_max: usize) -> String {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_of_their_own() {
        let mut names: Vec<&str> = FailureCode::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FailureCode::ALL.len());
    }

    #[test]
    fn text_of_a_guest_cannot_disguise_itself() {
        let text = "a\nERROR fake \u{1b}[31m \u{202e}gpj";
        assert_eq!(text_shown(text, 100), r"a\nERROR fake \u{1b}[31m \u{202e}gpj");
        assert_eq!(text_shown("ääää", 5), "ää…");
        assert_eq!(text_cut("ääää", 5), "ää");
    }
}
