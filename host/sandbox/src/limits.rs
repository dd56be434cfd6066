//! Every limit that a guest can meet, in one table: the struct that carries the values, and the rows
//! that say why and what happens there. All of them are set before a guest is instantiated.

use std::time::Duration;

pub use model::limits::LimitRow;

/// One kibibyte.
const KIB: u64 = 1 << 10;
/// One mebibyte.
const MIB: u64 = 1 << 20;

/// Declares the struct, its defaults and the table from the same lines, so that they cannot differ.
macro_rules! limits {
    ($($name:ident = $default:expr, $unit:literal, $reason:literal, $at:literal;)*) => {
        /// Limits of one run and of one component.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $(
                #[doc = concat!($reason, " (", $unit, ").")]
                #[doc = ""]
                #[doc = concat!("At the limit: ", $at, ".")]
                pub $name: u64,
            )*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        /// The limits as they are by default, in the order of the documentation.
        pub const TABLE: &[LimitRow] = &[
            $(LimitRow {
                name: stringify!($name),
                value: $default,
                unit: $unit,
                reason: $reason,
                at_the_limit: $at,
            },)*
        ];
    };
}

limits! {
    fuel = 2_000_000_000, "fuel",
        "About one second of work; the same figure on every machine",
        "the run ends as `cpu_limit`";
    wall_ms = 30_000, "milliseconds",
        "A backstop for what fuel does not measure; people wait no longer",
        "the run ends as `timeout`";
    memory_bytes = 64 * MIB, "bytes",
        "Eight times what the examples touch, summed over memories and tables",
        "growing fails; a guest that then gives up ends as `memory_limit`";
    table_elements = 20_000, "elements",
        "Rust guests need some hundreds; Python guests 8,000",
        "growing fails; a larger declared table is refused at upload";
    stack_bytes = 512 * KIB, "bytes",
        "Run threads have 2 MiB; fixed when the sandbox is made",
        "the run ends as `stack_limit`";
    host_calls = 1_000_000, "calls",
        "Five times what fuel allows for calls that do work",
        "the run ends as `host_call_limit`";
    call_bytes = 8 * MIB, "bytes",
        "What one call may carry from the guest to the host",
        "the run ends as `payload_too_large`";
    creates = 10_000, "objects",
        "One commit must stay short; split larger targets",
        "`limit-exceeded` to the guest";
    drafts_per_call = 1_000, "objects",
        "One `create-many`, so that an error is near its cause",
        "`limit-exceeded` to the guest";
    staged_bytes = 16 * MIB, "bytes",
        "Text of everything made in a run; it is held in memory until the commit",
        "`limit-exceeded` to the guest";
    reads = 100_000, "calls",
        "Calls of `find`, `read`, `peers` and `keep`; each joins the read set",
        "`limit-exceeded` to the guest";
    queries = 2_000, "documents",
        "A query that needs more is better one query",
        "`limit-exceeded` to the guest";
    document_bytes = 256 * KIB, "bytes",
        "Ten times the longest query known; it is parsed and validated each time",
        "`limit-exceeded` to the guest";
    answer_bytes = 8 * MIB, "bytes",
        "An answer is copied into the guest's memory",
        "`limit-exceeded` to the guest";
    allocations = 1_000, "allocations",
        "A run must not drain a pool",
        "`limit-exceeded` to the guest";
    log_lines = 2_000, "lines",
        "More is read by nobody and is stored with the run",
        "further lines are dropped and counted";
    log_line_bytes = 4 * KIB, "bytes",
        "A line is for people",
        "the rest of the line, or of its fields, is cut";
    log_bytes = MIB, "bytes",
        "All lines of a run together",
        "further lines are dropped and counted";
    input_bytes = 16 * MIB, "bytes",
        "The answer of the definition's query",
        "the run ends as `input_too_large`";
    error_bytes = 16 * KIB, "bytes",
        "Message, path and details that a guest returns, each; they are stored and shown",
        "the rest is cut";
    error_details = 64, "details",
        "Facts of a returned error",
        "the rest is dropped";
    findings = 1_000, "findings",
        "What a check returns is for people to read; each is stored as an object",
        "the rest is counted and said to be there";
    finding_bytes = 4 * KIB, "bytes",
        "Message and path of a finding, each",
        "the rest is cut";
    handles = 4_096, "handles",
        "Resources a guest holds; our world has none",
        "the run ends as `handle_limit`";
    component_bytes = 8 * MIB, "bytes",
        "Rust guests have 0.1 MiB",
        "the upload is refused";
    core_modules = 64, "modules",
        "Encoders make a handful",
        "the upload is refused";
    core_instances = 32, "instances",
        "The pool has so many places for each run",
        "the upload is refused";
    component_instances = 8, "instances",
        "Of nested components; instances of instances multiply, and encoders make one or two",
        "the upload is refused";
    nesting = 4, "levels",
        "Components within components; encoders make one",
        "the upload is refused";
    memories = 4, "memories",
        "The pool has so many places for each run",
        "the upload is refused";
    tables = 16, "tables",
        "The pool has so many places for each run",
        "the upload is refused";
    types = 10_000, "types",
        "Declared types of all modules and components together",
        "the upload is refused";
    items = 100_000, "items",
        "Imports, exports, aliases, globals and element segments together",
        "the upload is refused";
    functions = 50_000, "functions",
        "A large Rust guest has 5,000",
        "the upload is refused";
    function_bytes = 256 * KIB, "bytes",
        "Compiling takes more than linear time in it; compiled Rust stays under 100 KiB",
        "the upload is refused";
    function_locals = 5_000, "locals",
        "Compiled Rust stays under 500",
        "the upload is refused";
    function_nesting = 512, "levels",
        "Blocks within blocks; the compiler recurses",
        "the upload is refused";
    branch_targets = 4_096, "targets",
        "Of one `br_table`",
        "the upload is refused";
    function_branch_targets = 65_536, "targets",
        "Of all `br_table` of one function",
        "the upload is refused";
    name_bytes = KIB, "bytes",
        "Names of imports and exports are shown to people",
        "the upload is refused";
    manifest_bytes = 64 * KIB, "bytes",
        "The custom section `kiln:manifest`",
        "the upload is refused";
}

/// What is the same for every run, and for the sandbox itself.
pub mod fixed {
    model::limits! {
        pub(crate) GUEST_MEMORY_BYTES_MAX: u64 = 256 << 20, "bytes",
            "Of one guest, whatever `memory_bytes` says; only address space until it is used",
            "growing fails";
        pub(crate) COMPILE_SECONDS_MAX: u64 = 60, "seconds",
            "Processor time of compiling one component; four times as long by the clock",
            "the upload is refused as `compile_too_slow`";
        pub(crate) COMPILE_MEMORY_BYTES_MAX: u64 = 4 << 30, "bytes",
            "Address space of the process that compiles",
            "the upload is refused as `compile_too_large`";
        pub(crate) COMPILER_WORDS_BYTES_MAX: u64 = 2 << 10, "bytes",
            "Of what a compiler says as it fails",
            "the rest is not told";
        pub(crate) ARTEFACT_BYTES_MAX: u64 = 512 << 20, "bytes",
            "Compiled code; 3 to 5 times its component, and a Python guest has 40 MiB",
            "it is not taken, and compiled anew";
        pub(crate) COMPONENTS_LOADED_MAX: usize = 256, "components",
            "Ready to run; each takes some hundred KiB, and is loaded again in a millisecond",
            "the one not used for longest makes room";
        pub(crate) PROBLEMS_MAX: usize = 20, "problems",
            "Of each sort, of one upload; more of them say nothing new",
            "the rest is not told";
        pub(crate) NAME_SHOWN_BYTES_MAX: usize = 200, "bytes",
            "A component's names in a message",
            "the rest is cut";
        pub(crate) DETAIL_BYTES_MAX: usize = 500, "bytes",
            "The parser's words in a message; they quote names of the component",
            "the rest is cut";
        pub(crate) FRAMES_MAX: usize = 32, "frames",
            "Of a failed run's stack",
            "the outer ones are not told";
        pub(crate) FRAME_BYTES_MAX: usize = 200, "bytes",
            "A function's name in a frame; generic Rust names can be kilobytes",
            "the rest is cut";
        pub(crate) MESSAGE_BYTES_MAX: usize = 2_000, "bytes",
            "A guest's words within a message; the report has the whole in fields of its own",
            "the rest is cut";
        pub(crate) LAST_CALLS_MAX: usize = 8, "calls",
            "Of the host, remembered for a report; they tell what the guest was about",
            "the oldest is forgotten";
        pub(crate) SUBJECT_BYTES_MAX: usize = 64, "bytes",
            "What a report shows of a call's argument",
            "the rest is cut";
    }
}

impl Limits {
    /// The wall limit.
    pub fn wall(&self) -> Duration {
        Duration::from_millis(self.wall_ms)
    }
}

/// A number with commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes for people: whole MiB or KiB where it is one, rounded up where
/// it is large.
pub(crate) fn bytes(number: u64) -> String {
    if number >= MIB && number.is_multiple_of(MIB) || number > 100 * MIB {
        format!("{} MiB", grouped(number.div_ceil(MIB)))
    } else if number >= KIB && number.is_multiple_of(KIB) {
        format!("{} KiB", grouped(number / KIB))
    } else {
        format!("{} bytes", grouped(number))
    }
}

/// A limit as a size in memory, whatever the machine's word is.
pub(crate) fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// A size in memory as a number to compare with a limit.
pub(crate) fn count(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(64 << 20), "64 MiB");
        assert_eq!(bytes(1536), "1,536 bytes");
        assert_eq!(bytes(4096), "4 KiB");
        assert_eq!(bytes((4 << 30) - 1), "4,096 MiB");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
