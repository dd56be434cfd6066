//! What a store carries for one run: the host, what has been used up, and why it must stop.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use wasmtime::ResourceLimiter;

use crate::cancel::{Cancel, CancelReason};
use crate::host::GuestHost;
use crate::limits::fixed::LAST_CALLS_MAX;
use crate::limits::fixed::SUBJECT_BYTES_MAX;
use crate::limits::{Limits, count, size};
use crate::report::{HostCall, PanicText, text_cut};

/// What an element of a table takes in memory, in bytes: a pointer, and its share of bookkeeping.
const TABLE_ELEMENT_BYTES: u64 = 16;

/// A host whose type is forgotten, so that all hosts share one linker; `run` gets it back.
pub(crate) trait AnyHost: GuestHost + Any {
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<H: GuestHost> AnyHost for H {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Ends a run from within a host call or between two instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("the wall limit is reached")]
    Wall,
    #[error("cancelled")]
    Cancelled(CancelReason),
    #[error("too many host calls")]
    HostCalls,
    #[error("the host panicked")]
    HostPanic,
}

/// What the host's verbs have used up.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) host_calls: u64,
    pub(crate) creates: u64,
    pub(crate) staged_bytes: u64,
    pub(crate) reads: u64,
    pub(crate) queries: u64,
    pub(crate) allocations: u64,
    pub(crate) log_lines: u64,
    pub(crate) log_bytes: u64,
    pub(crate) log_dropped: u64,
}

/// A run's state.
pub(crate) struct RunState {
    pub(crate) host: Box<dyn AnyHost>,
    pub(crate) limits: Limits,
    pub(crate) memory: MemoryLimiter,
    pub(crate) used: Used,
    pub(crate) last_calls: VecDeque<HostCall>,
    pub(crate) panic: Option<PanicText>,
    /// What the host's own panic said: for its log, not for the user.
    pub(crate) host_panic: Option<String>,
    pub(crate) began: Instant,
    cancel: Cancel,
}

impl fmt::Debug for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunState").field("used", &self.used).finish_non_exhaustive()
    }
}

impl RunState {
    pub(crate) fn new(host: Box<dyn AnyHost>, limits: &Limits, cancel: &Cancel) -> Self {
        Self {
            host,
            limits: limits.clone(),
            memory: MemoryLimiter::new(limits),
            used: Used::default(),
            last_calls: VecDeque::with_capacity(LAST_CALLS_MAX),
            panic: None,
            host_panic: None,
            began: Instant::now(),
            cancel: cancel.clone(),
        }
    }

    /// Why the run must stop, if it must.
    pub(crate) fn must_stop(&self) -> Option<Stop> {
        if let Some(reason) = self.cancel.reason() {
            return Some(Stop::Cancelled(reason));
        }
        (self.began.elapsed() >= self.limits.wall()).then_some(Stop::Wall)
    }

    /// Counts a call and remembers it.
    pub(crate) fn count_call(&mut self, name: &'static str, subject: &str) -> Result<(), Stop> {
        self.used.host_calls += 1;
        if self.used.host_calls > self.limits.host_calls {
            return Err(Stop::HostCalls);
        }
        if self.last_calls.len() == LAST_CALLS_MAX {
            self.last_calls.pop_front();
        }
        let subject = text_cut(subject, SUBJECT_BYTES_MAX);
        self.last_calls.push_back(HostCall { name, subject });
        Ok(())
    }
}

/// Bounds memory over all memories and tables of a component together.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    bytes_max: u64,
    table_elements_max: u64,
    instances_max: u64,
    memories_max: u64,
    tables_max: u64,
    bytes: u64,
    pub(crate) peak: u64,
    /// What was asked for in total when growing was refused.
    pub(crate) refused: Option<u64>,
}

impl MemoryLimiter {
    fn new(limits: &Limits) -> Self {
        Self {
            bytes_max: limits.memory_bytes,
            table_elements_max: limits.table_elements,
            instances_max: limits.core_instances,
            memories_max: limits.memories,
            tables_max: limits.tables,
            bytes: 0,
            peak: 0,
            refused: None,
        }
    }

    fn grow(&mut self, current: u64, desired: u64) -> bool {
        let asked = self.bytes.saturating_add(desired.saturating_sub(current));
        if asked > self.bytes_max {
            self.refused = Some(asked);
            return false;
        }
        self.bytes = asked;
        self.peak = self.peak.max(asked);
        true
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Beyond the guest's own maximum it is the guest's own doing, and no limit of ours.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(count(current), count(desired)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum)
            || count(desired) > self.table_elements_max
        {
            return Ok(false);
        }
        let bytes = |elements: usize| count(elements).saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes(current), bytes(desired)))
    }

    fn instances(&self) -> usize {
        size(self.instances_max)
    }

    fn memories(&self) -> usize {
        size(self.memories_max)
    }

    fn tables(&self) -> usize {
        size(self.tables_max)
    }
}
