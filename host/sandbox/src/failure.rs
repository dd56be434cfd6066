//! From what wasmtime says to what a user reads.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::api::GuestError;
use crate::bindings::kiln::generator::types;
use crate::cancel::CancelReason;
use crate::limits::fixed::FRAME_BYTES_MAX;
use crate::limits::fixed::MESSAGE_BYTES_MAX;
use crate::limits::{Limits, bytes, grouped, size};
use crate::report::{FailureCode, Frame, RunFailure, text_cut, text_shown};
use crate::state::{RunState, Stop};

/// What the encoder's shims begin with; behind it is the import they stand for.
const SHIM: &str = "indirect-kiln:generator/";
/// What wasmtime puts before each trap.
const TRAP: &str = "wasm trap: ";
/// How wasmtime says that one call carried too much. Its type is private; a test holds the text.
const TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";
/// How it says that a store has too many handles.
const TOO_MANY_HANDLES: &str = "store handle limit exceeded";

/// A failure with this code and message and nothing else.
pub(crate) fn failure(code: FailureCode, message: String, hint: Option<&str>) -> RunFailure {
    RunFailure {
        code,
        class: code.class(),
        message,
        error: None,
        panic: None,
        frames: Vec::new(),
        hint: hint.map(str::to_owned),
        deterministic: code.deterministic(),
        internal: None,
    }
}

/// The generator returned an error.
pub(crate) fn returned(error: types::Error, limits: &Limits) -> RunFailure {
    let most = size(limits.error_bytes);
    let cut = |text: &str| text_cut(text, most);
    let mut left = most;
    let error = GuestError {
        code: error.code.into(),
        name: cut(&error.name),
        message: cut(&error.message),
        path: error.path.as_deref().map(cut),
        details: error
            .details
            .into_iter()
            .take(size(limits.error_details))
            .map_while(|(name, value)| {
                left = left.checked_sub(name.len().checked_add(value.len())?)?;
                Some((name, value))
            })
            .collect(),
    };
    let mut message = format!("the generator gave up: {}", shown(&error.message));
    let mut about = vec![format!("`{}`", error.code.name())];
    if !error.name.is_empty() && error.name != error.code.name() {
        about.push(format!("`{}`", shown(&error.name)));
    }
    if let Some(path) = &error.path {
        about.push(format!("at `{}`", shown(path)));
    }
    message.push_str(&format!(" ({})", about.join(", ")));
    RunFailure { error: Some(error), ..failure(FailureCode::GuestError, message, None) }
}

/// The run ended in an error of wasmtime.
pub(crate) fn trapped(error: &wasmtime::Error, state: &RunState) -> RunFailure {
    let frames = told_frames(frames(error));
    let mut failed = explained(error, state, &frames);
    failed.frames = frames;
    failed.panic.clone_from(&state.panic);
    failed
}

fn explained(error: &wasmtime::Error, state: &RunState, frames: &[Frame]) -> RunFailure {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stopped(*stop, state);
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return from_trap(*trap, state, frames);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        let message = "the host has no free place to run a generator; it is tried again later";
        let busy = failure(FailureCode::HostBusy, message.to_owned(), None);
        return RunFailure { internal: Some(format!("{error:#}")), ..busy };
    }
    let root = error.root_cause().to_string();
    if root.contains(TOO_MUCH) {
        return too_much(state, frames);
    }
    if root.contains(TOO_MANY_HANDLES) {
        let most = grouped(state.limits.handles);
        let message = format!("the generator holds more than {most} handles");
        return failure(FailureCode::HandleLimit, message, Some("drop handles after use"));
    }
    if state.memory.refused.is_some() {
        return out_of_memory(state);
    }
    abi(&root, frames)
}

fn stopped(stop: Stop, state: &RunState) -> RunFailure {
    let limits = &state.limits;
    match stop {
        Stop::Wall => {
            let message = format!("the run took longer than {} ms", grouped(limits.wall_ms));
            let hint = "the host may be overloaded, or a query slow; see the last host calls";
            failure(FailureCode::Timeout, message, Some(hint))
        }
        Stop::Cancelled(CancelReason::User) => {
            failure(FailureCode::Cancelled, "the run was cancelled".to_owned(), None)
        }
        Stop::Cancelled(CancelReason::Shutdown) => {
            let message = "the host went down during the run";
            failure(FailureCode::Shutdown, message.to_owned(), Some("run it again"))
        }
        Stop::HostCalls => {
            let most = grouped(limits.host_calls);
            let message = format!("the generator made more than {most} host calls");
            let hint = "create many objects in one call, and ask for more in one query";
            failure(FailureCode::HostCallLimit, message, Some(hint))
        }
        Stop::HostPanic => {
            let message = match state.last_calls.back() {
                Some(call) => format!("the host itself failed in `{}`", call.name),
                None => "the host itself failed".to_owned(),
            };
            let hint = "this is not the generator's fault; the host's log has the details";
            let bug = failure(FailureCode::HostBug, message, Some(hint));
            RunFailure { internal: state.host_panic.clone(), ..bug }
        }
    }
}

fn from_trap(trap: Trap, state: &RunState, frames: &[Frame]) -> RunFailure {
    match trap {
        Trap::OutOfFuel => {
            let most = grouped(state.limits.fuel);
            let message = match frames.first() {
                Some(frame) => {
                    format!("the generator used up its {most} fuel; it was in `{}`", frame.function)
                }
                None => format!("the generator used up its {most} fuel"),
            };
            let hint = "look for a loop without end; else ask for more fuel, or split the target";
            failure(FailureCode::CpuLimit, message, Some(hint))
        }
        Trap::StackOverflow => {
            let most = bytes(state.limits.stack_bytes);
            let message = match frames.first() {
                Some(frame) => format!(
                    "the generator's calls are nested too deeply: its stack of {most} is full in \
                     `{}`",
                    frame.function
                ),
                None => format!("the generator's stack of {most} is full"),
            };
            let hint = "look for a function that calls itself without end";
            failure(FailureCode::StackLimit, message, Some(hint))
        }
        Trap::UnreachableCodeReached => unreachable_code(state),
        Trap::AllocationTooLarge => out_of_memory(state),
        Trap::InvalidChar
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::InvalidDiscriminant
        | Trap::UnalignedPointer
        | Trap::CannotEnterComponent
        | Trap::CannotLeaveComponent
        | Trap::CannotBlockSyncTask
        | Trap::AsyncDeadlock => abi(&trap.to_string(), frames),
        other => {
            let what = other.to_string();
            let message = format!("the generator stopped: {}", what.trim_start_matches(TRAP));
            let hint = "this is a fault in the generator's code; the frames show where";
            failure(FailureCode::GuestTrap, message, Some(hint))
        }
    }
}

fn unreachable_code(state: &RunState) -> RunFailure {
    // A refused allocation ends in an abort whose text, if any, speaks of it.
    let for_memory = state.memory.refused.is_some()
        && state.panic.as_ref().is_none_or(|panic| panic.message.contains("memory allocation"));
    if for_memory {
        return out_of_memory(state);
    }
    match &state.panic {
        Some(panic) => {
            let message = format!(
                "the generator panicked: {}, at {}",
                shown(&panic.message),
                shown(&panic.location)
            );
            let hint = "return an error instead of a panic to say what helps";
            failure(FailureCode::GuestPanic, message, Some(hint))
        }
        None => {
            let message = "the generator aborted without saying why".to_owned();
            let hint = "a panic hook that calls `log.panicked` tells more; the SDK installs one";
            failure(FailureCode::GuestTrap, message, Some(hint))
        }
    }
}

fn out_of_memory(state: &RunState) -> RunFailure {
    let most = bytes(state.limits.memory_bytes);
    let message = match state.memory.refused {
        // Rounded up to what people compare with the limit.
        Some(asked) => {
            let mib = asked.div_ceil(1 << 20);
            format!(
                "the generator ran out of memory: it asked for {} MiB in all, the limit is {most}",
                grouped(mib)
            )
        }
        None => format!("the generator ran out of memory: the limit is {most}"),
    };
    let hint = "hold less at a time: ask for fewer fields, or split the target";
    failure(FailureCode::MemoryLimit, message, Some(hint))
}

fn too_much(state: &RunState, frames: &[Frame]) -> RunFailure {
    let most = bytes(state.limits.call_bytes);
    let message = match place_of(frames) {
        Some(place) => format!("{place} carried more than {most}"),
        None => format!("the generator's result carried more than {most}"),
    };
    failure(FailureCode::PayloadTooLarge, message, Some("send it in smaller pieces"))
}

fn abi(what: &str, frames: &[Frame]) -> RunFailure {
    let what = shown(what.trim_start_matches(TRAP));
    let message = match place_of(frames) {
        Some(place) => format!("{place} broke the rules of the boundary: {what}"),
        None => format!("the generator broke the rules of the boundary: {what}"),
    };
    let hint = "the bindings of the generator are at fault: rebuild it with the current SDK";
    failure(FailureCode::AbiViolation, message, Some(hint))
}

/// Where the trouble was: the import that the innermost frame calls, when the encoder has kept the
/// names of its shims, else the guest's function that made the call.
fn place_of(frames: &[Frame]) -> Option<String> {
    let innermost = frames.first()?;
    let import = innermost.function.strip_prefix(SHIM).and_then(|shim| {
        let (interface, function) = shim.split_once('@')?;
        let (_version, function) = function.split_once('-')?;
        Some(format!("a call of `{interface}.{function}`"))
    });
    Some(import.unwrap_or_else(|| format!("a host call in `{}`", innermost.function)))
}

/// Leaves out innermost frames without a name when others have one: they are shims of the encoder.
fn told_frames(mut frames: Vec<(bool, Frame)>) -> Vec<Frame> {
    let shims = frames.iter().position(|(named, _)| *named).unwrap_or(0);
    frames.drain(..shims);
    frames.into_iter().map(|(_, frame)| frame).collect()
}

/// Frames, innermost first, and whether the component names their function.
fn frames(error: &wasmtime::Error) -> Vec<(bool, Frame)> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    trace
        .frames()
        .iter()
        .map(|frame| {
            let function = match frame.func_name() {
                // The alternate form leaves out the hash behind the name.
                Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
                None => format!("function {}", frame.func_index()),
            };
            let offset = frame.module_offset().and_then(|offset| u64::try_from(offset).ok());
            let function = text_shown(&function, FRAME_BYTES_MAX);
            (frame.func_name().is_some(), Frame { function, offset })
        })
        .collect()
}

fn shown(text: &str) -> String {
    text_shown(text, MESSAGE_BYTES_MAX)
}
