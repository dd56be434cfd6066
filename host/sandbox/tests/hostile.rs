//! Guests that mean harm, or that were built by tools which do not know better. Each is run in the
//! real sandbox; each test holds the very words that a user reads, and after each a normal guest runs
//! in the same sandbox and every slot is free again.
//!
//! The guests are in `tests/hostile/`, as text. Those that no text can express are made here.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recording.rs"]
mod recording;

use std::sync::Arc;

use guests::{GOOD, component, encoded, root, sandbox, world};
use model::Digest;
use recording::Recording;
use sandbox::{
    Cancel, CancelReason, CheckCode, Component, FailureCode, Limits, RunEnd, RunReport, Sandbox,
};

/// Enough for a thousand host calls, and over in milliseconds.
fn little_fuel() -> Limits {
    Limits { fuel: 20_000_000, ..Limits::default() }
}

/// The component of a file in `tests/hostile/`.
fn text(file: &str) -> Vec<u8> {
    let path = root().join("tests/hostile").join(file).with_extension("wat");
    component(&std::fs::read_to_string(&path).expect("the guest is in the project"))
}

fn load(sandbox: &Sandbox, bytes: &[u8]) -> Arc<Component> {
    sandbox.load(Digest::of(bytes), bytes).expect("the check lets it pass")
}

/// Runs a file's guest, then a good one.
fn run(file: &str, limits: &Limits) -> (Recording, RunReport) {
    let sandbox = sandbox();
    let hostile = load(&sandbox, &text(file));
    let ended = hostile.run(Recording::default(), "{}", limits, &Cancel::new());
    unharmed(&sandbox);
    ended
}

/// A normal run succeeds, and no slot is lost.
fn unharmed(sandbox: &Sandbox) {
    let good = load(sandbox, &component(GOOD));
    let (host, report) =
        good.run(Recording::default(), "{}", &Limits::default(), &Cancel::new());
    assert_eq!(report.outcome, RunEnd::Ok);
    assert_eq!(host.made.len(), 10);
    assert_eq!(sandbox.stats().slots_free, 2);
}

/// What the user reads: code, message, hint, innermost frames.
fn told(report: &RunReport) -> String {
    let Some(failure) = report.failure() else { return "ok".to_owned() };
    let mut lines = vec![format!("{}: {}", failure.code, failure.message)];
    lines.extend(failure.hint.iter().map(|hint| format!("help: {hint}")));
    // The offsets would change with every edit of the text.
    lines.extend(failure.frames.iter().take(3).map(|frame| format!("in {}", frame.function)));
    lines.join("\n")
}

fn check(file: &str, limits: &Limits, expect: &str) {
    let (_, report) = run(file, limits);
    assert_eq!(told(&report), expect, "{report:#?}");
    assert!(report.fuel_used <= limits.fuel);
}

fn refuse(bytes: &[u8], expect: &str) {
    let sandbox = sandbox();
    let error = sandbox::check(bytes, &Limits::default()).expect_err("it is refused");
    let mut told = format!("{}: {error}", error.code.name());
    if let Some(hint) = &error.hint {
        told.push_str(&format!("\nhelp: {hint}"));
    }
    assert_eq!(told, expect);
    let loaded = sandbox.load(Digest::of(bytes), bytes).expect_err("it is not loaded either");
    assert_eq!(loaded.code(), error.code.name());
    assert_eq!(sandbox.stats().compiled, 0, "it never reached the compiler");
    unharmed(&sandbox);
}

#[test]
fn a_loop_without_end_uses_up_its_fuel() {
    check(
        "loop_in_generate",
        &little_fuel(),
        [
            "cpu_limit: the generator used up its 20,000,000 fuel; it was in `work`",
            "help: look for a loop without end; else ask for more fuel, or split the target",
            "in work",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_loop_in_the_start_function_uses_up_its_fuel() {
    check(
        "loop_in_start",
        &little_fuel(),
        [
            "cpu_limit: the generator used up its 20,000,000 fuel; it was in `boot`",
            "help: look for a loop without end; else ask for more fuel, or split the target",
            "in boot",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_loop_in_the_constructor_uses_up_its_fuel() {
    check(
        "loop_in_initialize",
        &little_fuel(),
        [
            "cpu_limit: the generator used up its 20,000,000 fuel; it was in `ctors`",
            "help: look for a loop without end; else ask for more fuel, or split the target",
            "in ctors",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_loop_of_operators_without_cost_uses_up_its_fuel() {
    check(
        "loop_of_free_operators",
        &little_fuel(),
        [
            "cpu_limit: the generator used up its 20,000,000 fuel; it was in `spin`",
            "help: look for a loop without end; else ask for more fuel, or split the target",
            "in spin",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn filling_memory_costs_fuel_by_the_byte() {
    check(
        "fill_memory_again_and_again",
        &little_fuel(),
        [
            "cpu_limit: the generator used up its 20,000,000 fuel; it was in `fill`",
            "help: look for a loop without end; else ask for more fuel, or split the target",
            "in fill",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn an_abort_for_want_of_memory_is_told_as_the_memory_limit() {
    check(
        "grow_to_4_gib_and_abort",
        &little_fuel(),
        [
            "memory_limit: the generator ran out of memory: it asked for 4,063 MiB in all, the limit is 64 MiB",
            "help: hold less at a time: ask for fewer fields, or split the target",
            "in alloc",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn growing_by_nothing_costs_fuel() {
    check(
        "grow_by_nothing",
        &little_fuel(),
        [
            "cpu_limit: the generator used up its 20,000,000 fuel; it was in `grow`",
            "help: look for a loop without end; else ask for more fuel, or split the target",
            "in grow",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn recursion_without_end_fills_the_stack() {
    check(
        "recursion",
        &little_fuel(),
        [
            "stack_limit: the generator's calls are nested too deeply: its stack of 512 KiB is full in `deeper`",
            "help: look for a function that calls itself without end",
            "in deeper",
            "in deeper",
            "in deeper",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn recursion_through_a_table_fills_the_stack() {
    check(
        "recursion_through_a_table",
        &little_fuel(),
        [
            "stack_limit: the generator's calls are nested too deeply: its stack of 512 KiB is full in `ping`",
            "help: look for a function that calls itself without end",
            "in ping",
            "in pong",
            "in ping",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_log_line_of_9_mib_is_too_much_for_one_call() {
    check(
        "log_of_9_mib",
        &little_fuel(),
        [
            "payload_too_large: a host call in `generate` carried more than 8 MiB",
            "help: send it in smaller pieces",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_list_of_300000_drafts_is_too_much_for_one_call() {
    check(
        "drafts_without_end",
        &little_fuel(),
        [
            "payload_too_large: a host call in `generate` carried more than 8 MiB",
            "help: send it in smaller pieces",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_thousand_and_one_drafts_are_told_to_the_guest() {
    check(
        "drafts_1001",
        &Limits::default(),
        "guest_error: the generator gave up: one call may carry 1,000 objects, and this is more; ask less of one run, or split the target (`limit-exceeded`, `drafts`)",
    );
}

#[test]
fn strings_that_share_a_buffer_count_as_often_as_they_are_copied() {
    check(
        "fields_that_share_one_buffer",
        &little_fuel(),
        [
            "payload_too_large: a host call in `generate` carried more than 8 MiB",
            "help: send it in smaller pieces",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_string_beyond_the_memory_is_malformed() {
    check(
        "string_beyond_memory",
        &little_fuel(),
        [
            "abi_violation: a host call in `generate` broke the rules of the boundary: string pointer/length out of bounds of memory",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_string_of_4_gib_is_malformed() {
    check(
        "string_of_4_gib",
        &little_fuel(),
        [
            "abi_violation: a host call in `generate` broke the rules of the boundary: string pointer/length out of bounds of memory",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn an_enum_value_that_is_none_is_malformed() {
    check(
        "level_that_is_none",
        &little_fuel(),
        [
            "abi_violation: a host call in `generate` broke the rules of the boundary: unexpected discriminant: 9",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_list_that_is_not_aligned_is_malformed() {
    check(
        "list_not_aligned",
        &little_fuel(),
        [
            "abi_violation: a host call in `generate` broke the rules of the boundary: list pointer is not aligned",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn text_that_is_not_utf8_is_malformed() {
    check(
        "text_that_is_not_utf8",
        &little_fuel(),
        [
            "abi_violation: a host call in `generate` broke the rules of the boundary: invalid utf-8 sequence of 1 bytes from index 2",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn an_allocator_that_points_to_nowhere_is_the_guests_fault() {
    check(
        "realloc_into_nowhere",
        &little_fuel(),
        [
            "abi_violation: the generator broke the rules of the boundary: realloc return: beyond end of memory",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn an_allocator_without_end_uses_up_its_fuel() {
    check(
        "realloc_without_end",
        &little_fuel(),
        [
            "cpu_limit: the generator used up its 20,000,000 fuel; it was in `realloc`",
            "help: look for a loop without end; else ask for more fuel, or split the target",
            "in realloc",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn an_allocator_may_not_call_the_host() {
    check(
        "realloc_that_calls_the_host",
        &little_fuel(),
        [
            "abi_violation: a host call in `realloc` broke the rules of the boundary: cannot leave component instance",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
            "in realloc",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn the_clean_up_may_not_call_the_host() {
    check(
        "post_return_that_calls_the_host",
        &little_fuel(),
        [
            "abi_violation: a host call in `post_generate` broke the rules of the boundary: cannot leave component instance",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
            "in post_generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_result_that_is_none_is_malformed() {
    check(
        "result_that_is_none",
        &little_fuel(),
        [
            "abi_violation: the generator broke the rules of the boundary: invalid expected discriminant",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_result_beyond_the_memory_is_malformed() {
    check(
        "result_beyond_memory",
        &little_fuel(),
        [
            "abi_violation: the generator broke the rules of the boundary: pointer out of bounds of memory",
            "help: the bindings of the generator are at fault: rebuild it with the current SDK",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn an_error_of_9_mib_is_too_much() {
    check(
        "error_of_9_mib",
        &little_fuel(),
        [
            "payload_too_large: the generator's result carried more than 8 MiB",
            "help: send it in smaller pieces",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn an_error_in_disguise_is_shown_as_what_it_is() {
    check(
        "error_in_disguise",
        &little_fuel(),
        r#"guest_error: the generator gave up: taken\n2026 ERROR host: \u{1b}[31mfake\u{202e} (`conflict`, `name-taken`, at `fields.name`)"#,
    );
}

#[test]
fn host_calls_cost_fuel() {
    check(
        "host_calls_without_end",
        &little_fuel(),
        [
            "cpu_limit: the generator used up its 20,000,000 fuel; it was in `chat`",
            "help: look for a loop without end; else ask for more fuel, or split the target",
            "in chat",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn host_calls_are_counted() {
    check(
        "host_calls_without_end",
        &Limits { host_calls: 1_000, ..Limits::default() },
        [
            "host_call_limit: the generator made more than 1,000 host calls",
            "help: create many objects in one call, and ask for more in one query",
            "in chat",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn objects_are_counted() {
    check(
        "creates_without_end",
        &Limits::default(),
        "guest_error: the generator gave up: a run may make 10,000 objects, and this is more; ask less of one run, or split the target (`limit-exceeded`, `creates`)",
    );
}

#[test]
fn text_of_objects_is_counted() {
    check(
        "creates_of_a_megabyte",
        &Limits::default(),
        "guest_error: the generator gave up: what a run makes may have 16 MiB of text, and this is more; ask less of one run, or split the target (`limit-exceeded`, `staged-bytes`)",
    );
}

#[test]
fn allocations_are_counted() {
    check(
        "pool_drain",
        &Limits::default(),
        "guest_error: the generator gave up: a run may draw 1,000 times from pools, and this is more; ask less of one run, or split the target (`limit-exceeded`, `allocations`)",
    );
}

#[test]
fn documents_are_counted() {
    check(
        "queries_without_end",
        &Limits::default(),
        "guest_error: the generator gave up: a run may ask 2,000 documents, and this is more; ask less of one run, or split the target (`limit-exceeded`, `queries`)",
    );
}

#[test]
fn a_document_has_a_size() {
    check(
        "query_of_a_megabyte",
        &Limits::default(),
        "guest_error: the generator gave up: a document may have 256 KiB, and this is more; ask less of one run, or split the target (`limit-exceeded`, `document-bytes`)",
    );
}

#[test]
fn lookups_are_counted() {
    check(
        "reads_without_end",
        &Limits::default(),
        "guest_error: the generator gave up: a run may look things up 100,000 times, and this is more; ask less of one run, or split the target (`limit-exceeded`, `reads`)",
    );
}

#[test]
fn a_panic_is_told_with_its_text_on_one_line() {
    check(
        "panic_with_text",
        &little_fuel(),
        [
            r#"guest_panic: the generator panicked: no such site\nINFO all is well, at src/lib.rs:7:5"#,
            "help: return an error instead of a panic to say what helps",
            "in panic",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn an_abort_without_text_says_how_to_get_one() {
    check(
        "abort_without_text",
        &little_fuel(),
        [
            "guest_trap: the generator aborted without saying why",
            "help: a panic hook that calls `log.panicked` tells more; the SDK installs one",
            "in core::panicking::panic",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_division_by_zero_is_told_with_its_function() {
    check(
        "division_by_zero",
        &little_fuel(),
        [
            "guest_trap: the generator stopped: integer divide by zero",
            "help: this is a fault in the generator's code; the frames show where",
            "in ratio",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn reading_beyond_the_memory_is_a_trap() {
    check(
        "read_beyond_memory",
        &little_fuel(),
        [
            "guest_trap: the generator stopped: out of bounds memory access",
            "help: this is a fault in the generator's code; the frames show where",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn handles_are_counted() {
    check(
        "handles_without_end",
        &little_fuel(),
        [
            "handle_limit: the generator holds more than 4,096 handles",
            "help: drop handles after use",
            "in generate",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn memory_of_4_gib_is_refused_at_upload() {
    refuse(
        &text("memory_of_4_gib"),
        [
            "component_too_complex: memory to begin with: 4,096 MiB, the limit is 64 MiB (`memory_bytes`)",
            "help: this is far beyond what compilers make of a generator; build it for release, and split it if it is that large",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn memories_are_summed_up_at_upload() {
    refuse(
        &text("memories_that_add_up"),
        [
            "component_too_complex: memory to begin with: 75 MiB, the limit is 64 MiB (`memory_bytes`)",
            "help: this is far beyond what compilers make of a generator; build it for release, and split it if it is that large",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn memories_are_counted_at_upload() {
    refuse(
        &text("too_many_memories"),
        [
            "component_too_complex: memories: 5, the limit is 4 (`memories`)",
            "help: this is far beyond what compilers make of a generator; build it for release, and split it if it is that large",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_table_of_10_million_is_refused_at_upload() {
    refuse(
        &text("table_of_10_million"),
        [
            "component_too_complex: elements of tables to begin with: 10,000,000, the limit is 20,000 (`table_elements`)",
            "help: this is far beyond what compilers make of a generator; build it for release, and split it if it is that large",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn imports_of_others_are_listed() {
    refuse(
        &text("imports_of_others"),
        [
            "component_world_mismatch: the component does not fit this host: missing exports: `generate`. imports this host does not offer: `wasi:sockets/tcp@0.2.6`; `wasi:filesystem/preopens@0.2.6`; `evil:host/api`",
            "help: build for `wasm32-unknown-unknown`: guests get no clock, files, network or WASI",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn functions_nobody_has_are_listed() {
    refuse(
        &text("function_nobody_has"),
        [
            "component_world_mismatch: the component does not fit this host: missing exports: `generate`. imports this host does not offer: `kiln:generator/log@0.1.0 erase`. mismatches: `kiln:generator/log@0.1.0 panicked`, parameter `location`: the component has `u32`, the host `string`; `kiln:generator/query@0.1.0`: the component has a function, the host an interface",
            "help: build it with the SDK for kiln:generator@0.1.0",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn threads_are_named() {
    refuse(
        &text("threads"),
        [
            "component_proposal: the component needs what is switched off here: `threads`",
            "help: build for plain WebAssembly: target `wasm32-unknown-unknown` without further target features",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn tail_calls_are_named() {
    refuse(
        &text("tail_calls"),
        [
            "component_proposal: the component needs what is switched off here: `tail calls`",
            "help: build for plain WebAssembly: target `wasm32-unknown-unknown` without further target features",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn memory_of_64_bits_is_named() {
    refuse(
        &text("memory_of_64_bits"),
        [
            "component_proposal: the component needs what is switched off here: `64-bit memory`",
            "help: build for plain WebAssembly: target `wasm32-unknown-unknown` without further target features",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn exceptions_are_named() {
    refuse(
        &text("exceptions"),
        [
            "component_proposal: the component needs what is switched off here: `exceptions`",
            "help: build for plain WebAssembly: target `wasm32-unknown-unknown` without further target features",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_type_that_doubles_is_refused() {
    refuse(
        &text("type_that_doubles"),
        [
            "component_invalid: the component is not valid: effective type size exceeds the limit of 1000000 (at 0x53)",
            "help: the tool that made it is at fault; build it anew with the current SDK",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn instances_that_multiply_are_refused() {
    refuse(
        &text("instances_that_multiply"),
        [
            "component_too_complex: instances of nested components: 9, the limit is 8 (`component_instances`)",
            "help: this is far beyond what compilers make of a generator; build it for release, and split it if it is that large",
        ]
        .join("\n").as_str(),
    );
}

#[test]
fn a_shim_with_a_name_tells_which_import_was_called() {
    let sandbox = sandbox();
    let path = root().join("tests/hostile/text_that_is_not_utf8.wat");
    let text = std::fs::read_to_string(path).unwrap();
    let hostile = load(&sandbox, &guests::encoded_with_names(&text));
    let (_, report) = hostile.run(Recording::default(), "{}", &little_fuel(), &Cancel::new());
    assert_eq!(
        told(&report).lines().next(),
        Some(
            "abi_violation: a call of `objects.keep` broke the rules of the boundary: invalid utf-8 \
             sequence of 1 bytes from index 2"
        )
    );
}

#[test]
fn a_guest_that_copes_with_refused_memory_succeeds() {
    let (_, report) = run("grow_to_4_gib_and_go_on", &little_fuel());
    assert_eq!(told(&report), "ok");
    assert_eq!(report.memory_peak, 4 * 65536, "what was refused is not counted");
}

#[test]
fn tables_stop_growing_at_their_limit() {
    let (_, report) = run("table_that_grows", &little_fuel());
    assert_eq!(told(&report), "ok");
    assert_eq!(report.memory_peak, 4 * 65536 + 20_000 * 16, "elements count as memory");
}

#[test]
fn odd_numbers_reach_the_host_as_they_are() {
    use sandbox::api::{FieldValue, Scalar};
    let (host, report) = run("numbers_that_are_odd", &little_fuel());
    assert_eq!(told(&report), "ok");
    let fields = &host.made[0].fields;
    assert!(matches!(fields[0].value, FieldValue::One(Scalar::Number(nan)) if nan.is_nan()));
    assert_eq!(fields[1].value, FieldValue::One(Scalar::Integer(i64::MIN)));
}

#[test]
fn a_flood_of_log_lines_is_cut_and_counted() {
    let (host, report) = run("log_flood", &Limits::default());
    assert_eq!(told(&report), "ok");
    assert_eq!(host.log.len(), 256, "a mebibyte of lines of 4 KiB");
    assert!(host.log.iter().all(|(_, message, _)| message.len() == 4096));
    assert_eq!(report.log_dropped, 5_000 - 256);
}

#[test]
fn a_long_error_is_cut_and_not_refused() {
    let (_, report) = run("error_with_a_long_message", &little_fuel());
    let failure = report.failure().unwrap();
    assert_eq!(failure.code, FailureCode::GuestError);
    assert_eq!(failure.error.as_ref().unwrap().message.len(), 16 << 10);
    assert!(failure.message.len() < 2_100, "{}", failure.message.len());
}

#[test]
fn a_guest_finds_nothing_of_the_one_before() {
    let sandbox = sandbox();
    let hostile = load(&sandbox, &text("leaves_a_secret"));
    for _run in 0..6 {
        let (_, report) = hostile.run(Recording::default(), "{}", &little_fuel(), &Cancel::new());
        assert_eq!(told(&report), "ok");
    }
}

#[test]
fn what_was_made_before_a_trap_comes_back_as_failed() {
    let (host, report) = run("trap_after_creates", &little_fuel());
    assert_eq!(host.made.len(), 1);
    assert_eq!(
        told(&report),
        "guest_trap: the generator stopped: uninitialized element\n\
         help: this is a fault in the generator's code; the frames show where\n\
         in generate"
    );
    assert_eq!(report.last_calls[0].to_string(), "objects.create `InfraServer web-0`");
}

#[test]
fn a_host_that_panics_is_not_blamed_on_the_guest() {
    let sandbox = sandbox();
    let guest = component(
        r#"(import "kiln:generator/objects@0.1.0" "keep" (func $keep (param i32 i32 i32)))
        (prelude)
        (func $generate (export "generate") (param i32 i32) (result i32)
          (call $keep (i32.const 16) (i32.const 0) (i32.const 256)) (i32.const 1024))"#,
    );
    let broken = Recording { fault: true, ..Recording::default() };
    let (host, report) =
        load(&sandbox, &guest).run(broken, "{}", &Limits::default(), &Cancel::new());
    assert_eq!(
        told(&report),
        "host_bug: the host itself failed in `objects.keep`\n\
         help: this is not the generator's fault; the host's log has the details\n\
         in generate"
    );
    let failure = report.failure().unwrap();
    assert_eq!(failure.internal.as_deref(), Some("index out of step with its rows"));
    assert!(!failure.deterministic);
    assert_eq!(host.calls, 1, "the host comes back even so");
    unharmed(&sandbox);
}

/// Fuel without end, so that only the clock or a person can stop the guest.
fn fuel_without_end() -> Limits {
    Limits { fuel: u64::MAX / 2, host_calls: u64::MAX, ..Limits::default() }
}

#[test]
fn a_guest_that_computes_is_ended_by_the_wall_limit() {
    check(
        "loop_in_generate",
        &Limits { wall_ms: 50, ..fuel_without_end() },
        "timeout: the run took longer than 50 ms\n\
         help: the host may be overloaded, or a query slow; see the last host calls\n\
         in work\n\
         in generate",
    );
}

#[test]
fn a_guest_that_lives_in_host_calls_is_ended_by_the_wall_limit() {
    check(
        "host_calls_without_end",
        &Limits { wall_ms: 50, ..fuel_without_end() },
        "timeout: the run took longer than 50 ms\n\
         help: the host may be overloaded, or a query slow; see the last host calls\n\
         in chat\n\
         in generate",
    );
}

#[test]
fn a_run_can_be_cancelled_while_others_go_on() {
    let sandbox = sandbox();
    let hostile = load(&sandbox, &text("host_calls_without_end"));
    let cancel = Cancel::new();
    let (began, has_begun) = std::sync::mpsc::sync_channel(1);
    let (_, report) = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let host = Recording { began: Some(began), ..Recording::default() };
            hostile.run(host, "{}", &fuel_without_end(), &cancel)
        });
        has_begun.recv().unwrap();
        let good = load(&sandbox, &component(GOOD));
        let beside = good.run(Recording::default(), "{}", &Limits::default(), &Cancel::new());
        assert_eq!(beside.1.outcome, RunEnd::Ok);
        cancel.cancel(CancelReason::User);
        running.join().unwrap()
    });
    assert_eq!(told(&report), "cancelled: the run was cancelled\nin chat\nin generate");
    unharmed(&sandbox);
}

#[test]
fn a_run_of_a_host_that_goes_down_says_so() {
    let cancel = Cancel::new();
    cancel.cancel(CancelReason::Shutdown);
    let sandbox = sandbox();
    let good = load(&sandbox, &component(GOOD));
    let (host, report) = good.run(Recording::default(), "{}", &Limits::default(), &cancel);
    assert_eq!(
        told(&report),
        "shutdown: the host went down before the run began\nhelp: run it again"
    );
    assert_eq!(host.calls, 0);
    unharmed(&sandbox);
}

#[test]
fn an_input_that_is_too_large_is_told_before_the_guest_starts() {
    let sandbox = sandbox();
    let good = load(&sandbox, &component(GOOD));
    let limits = Limits { input_bytes: 10, ..Limits::default() };
    let (_, report) = good.run(Recording::default(), "{\"a\":12345}", &limits, &Cancel::new());
    assert_eq!(
        told(&report),
        "input_too_large: the answer of the definition's query has 11 bytes, the limit is 10 bytes\n\
         help: ask for fewer fields, or let the generator ask for the rest itself"
    );
}

#[test]
fn bytes_that_are_no_component_are_each_told_as_what_they_are() {
    refuse(b"", "component_empty: the upload is empty");
    refuse(
        b"\0asm\x01\0\0\0",
        "component_core_module: this is a core module, not a component\n\
         help: encode it: `wasm-tools component new module.wasm -o component.wasm`",
    );
    refuse(
        b"(component)",
        "component_text: this is WebAssembly as text\n\
         help: turn it into a binary first: `wasm-tools parse component.wat -o component.wasm`",
    );
    refuse(
        b"\x1f\x8b\x08\0\0\0",
        "component_compressed: this is a compressed file\n\
         help: upload the component as it is",
    );
    refuse(
        b"#!/bin/sh\nexit",
        "component_not_wasm: this is not WebAssembly: it begins with `#!/bin/s`\n\
         help: upload the `.wasm` file that the build made",
    );
    refuse(
        b"\x00\xff\x1b[31mred",
        r"component_not_wasm: this is not WebAssembly: it begins with `\x00\xff\x1b[31mr`
help: upload the `.wasm` file that the build made",
    );
}

#[test]
fn machine_code_is_refused_even_our_own() {
    use sandbox::{Compile as _, InThread};
    let artefact = InThread.compile(&component(GOOD)).unwrap();
    refuse(
        &artefact,
        "component_precompiled: this is machine code; precompiled code is not accepted\n\
         help: upload the component itself; the host compiles it",
    );
}

#[test]
fn a_component_that_is_too_large_is_refused_before_it_is_read() {
    refuse(
        &vec![0; (8 << 20) + 1],
        "component_too_large: the component has 8,388,609 bytes, the limit is 8 MiB\n\
         help: build for size, without debug information: `opt-level = \"s\"`, `lto = true`",
    );
}

#[test]
fn a_truncated_component_is_told_as_that_wherever_it_ends() {
    let good = component(GOOD);
    let mut truncated = 0;
    for end in 1..good.len() {
        // One that ends between two sections may look whole, and is if only names are missing.
        let checked = sandbox::check(&good[..end], &Limits::default());
        truncated += usize::from(checked.is_err_and(|error| error.code == CheckCode::Truncated));
    }
    assert!(truncated * 100 > good.len() * 95, "{truncated} of {}", good.len());
    refuse(
        &good[..good.len() / 2],
        &format!(
            "component_truncated: the component ends in the middle, after {} bytes\n\
             help: upload it again, completely",
            good.len() / 2
        ),
    );
}

#[test]
fn bytes_behind_the_end_are_refused() {
    let mut bytes = component(GOOD);
    bytes.extend_from_slice(b"\xfe\x02hi");
    let error = sandbox::check(&bytes, &Limits::default()).unwrap_err();
    assert_eq!(error.code, CheckCode::Invalid, "{error}");
}

#[test]
fn changed_bytes_never_break_the_check() {
    let good = component(GOOD);
    // A fixed sequence of changes: every position once, with a value that jumps about.
    let mut value = 1_u8;
    for place in 0..good.len() {
        let mut bytes = good.clone();
        value = value.wrapping_mul(29).wrapping_add(71);
        bytes[place] ^= value | 1;
        // Whatever it says, it comes back.
        let _checked = sandbox::check(&bytes, &Limits::default());
    }
}

/// A component around a core module.
fn around(module: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {module}))")).unwrap()
}

#[test]
fn functions_that_keep_a_compiler_busy_are_refused() {
    let far = "help: this is far beyond what compilers make of a generator; build it for release, \
               and split it if it is that large";
    let case = |module: &str, message: &str| {
        refuse(&around(module), &format!("component_too_complex: {message}\n{far}"));
    };
    case(
        &format!("(func (local {}))", "i32 ".repeat(5_001)),
        "locals of one function: 5,001, the limit is 5,000 (`function_locals`)",
    );
    case(
        &format!("(func {} {})", "block ".repeat(513), "end ".repeat(513)),
        "blocks within blocks: 513, the limit is 512 (`function_nesting`)",
    );
    case(
        &format!("(func block (br_table {} (i32.const 0)) end)", "0 ".repeat(4_098)),
        "targets of one `br_table`: 4,097, the limit is 4,096 (`branch_targets`)",
    );
    let table = format!("(br_table {} (i32.const 0)) ", "0 ".repeat(4_097));
    case(
        &format!("(func {})", format!("block {table} end ").repeat(17)),
        "targets of all `br_table` of one function: 69,632, the limit is 65,536 \
         (`function_branch_targets`)",
    );
    case(
        &format!("(func {})", "nop ".repeat(1 << 20)),
        "one function: 1,048,578 bytes, the limit is 1 MiB (`function_bytes`)",
    );
    case(&"(func) ".repeat(50_001), "functions: 50,001, the limit is 50,000 (`functions`)");
}

#[test]
fn components_that_are_mostly_structure_are_refused() {
    let far = "help: this is far beyond what compilers make of a generator; build it for release, \
               and split it if it is that large";
    let case = |text: &str, message: &str| {
        let bytes = wat::parse_str(text).unwrap();
        refuse(&bytes, &format!("component_too_complex: {message}\n{far}"));
    };
    case(
        &format!("{}{}", "(component ".repeat(100), ")".repeat(100)),
        "nested components: 5, the limit is 4 (`nesting`)",
    );
    case(
        &format!("(component {})", "(core module) ".repeat(65)),
        "core modules: 65, the limit is 64 (`core_modules`)",
    );
    case(
        &format!("(component (core module $m) {})", "(core instance (instantiate $m)) ".repeat(33)),
        "instances of core modules: 33, the limit is 32 (`core_instances`)",
    );
    case(
        &format!("(component {})", "(type string) ".repeat(10_001)),
        "types: 10,001, the limit is 10,000 (`types`)",
    );
    case(
        &format!("(component (core module (global i32 (i32.const 0)) {}))", exports(100_000)),
        "imports, exports and aliases: 100,001, the limit is 100,000 (`items`)",
    );
    case(
        &format!("(component (core module {}))", "(table 1 funcref) ".repeat(17)),
        "tables: 17, the limit is 16 (`tables`)",
    );
    case(
        &format!("(component (import \"{}\" (func)))", "a".repeat(1_025)),
        "one name: 1,025 bytes, the limit is 1 KiB (`name_bytes`)",
    );
}

fn exports(number: u32) -> String {
    (0..number).map(|n| format!("(export \"{n}\" (global 0)) ")).collect()
}

#[test]
fn names_that_are_no_names_are_refused() {
    // The text format refuses such a name; the binary is made by exchanging bytes of another.
    let mut bytes = wat::parse_str(r#"(component (import "wasi:cli/aaaenvironment" (func)))"#).unwrap();
    let place = bytes.windows(3).position(|three| three == b"aaa").unwrap();
    bytes[place..place + 3].copy_from_slice("\u{200b}".as_bytes());
    let error = sandbox::check(&bytes, &Limits::default()).unwrap_err();
    assert_eq!(error.code, CheckCode::Invalid);
    assert!(!error.message.contains('\u{200b}'), "{error}");
}

/// A good component with custom sections in its core module.
fn with_sections(sections: &[&[u8]]) -> Vec<u8> {
    let sections: String = sections
        .iter()
        .map(|data| {
            let data: String = data.iter().map(|byte| format!("\\{byte:02x}")).collect();
            format!("(@custom \"kiln:manifest\" \"{data}\")")
        })
        .collect();
    component(&format!("{GOOD}{sections}"))
}

#[test]
fn the_manifest_is_read_from_within_and_checked() {
    let manifest = br#"{"name":"web","version":"1.2.0","sdk":"kiln 0.1.0"}"#;
    let report = sandbox::check(&with_sections(&[manifest]), &Limits::default()).unwrap();
    assert_eq!(report.manifest.unwrap().version, "1.2.0");
    let told = |sections: &[&[u8]]| {
        let error = sandbox::check(&with_sections(sections), &Limits::default()).unwrap_err();
        assert_eq!(error.code, CheckCode::BadManifest);
        // The offset differs with the encoder.
        let (begin, end) = error.message.split_once(" at 0x").unwrap();
        format!("{begin}{}", end.split_once(')').unwrap().1)
    };
    assert_eq!(
        told(&[manifest, manifest]),
        "the manifest (section `kiln:manifest` is there twice"
    );
    assert_eq!(
        told(&[b"name = web"]),
        "the manifest (section `kiln:manifest` cannot be read: expected ident at line 1 column 2"
    );
    assert_eq!(
        told(&[&vec![b' '; 70_000]]),
        "the manifest (section `kiln:manifest` has 70,000 bytes, the limit is 64 KiB"
    );
}

#[test]
fn another_version_of_the_world_is_told_with_both_versions() {
    let text = GOOD.replace("@0.1.0", "@0.9.0");
    refuse(
        &encoded(&text, &world().replace("@0.1.0", "@0.9.0")),
        "",
    );
}

#[test]
fn another_shape_of_the_world_is_told_with_the_place() {
    let shape = world()
        .replace("length: option<u8>,", "length: option<u16>,")
        .replace("enum outcome { created, updated, unchanged }", "enum outcome { created, updated }");
    refuse(&encoded(GOOD, &shape), "");
}

#[test]
fn bytes_of_another_digest_are_not_loaded() {
    let sandbox = sandbox();
    let good = component(GOOD);
    let error = sandbox.load(Digest([0; 32]), &good).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the stored bytes of component {} are damaged: they have the digest {}; upload it again",
            "0".repeat(64),
            Digest::of(&good)
        )
    );
    assert_eq!(error.code(), "component_damaged");
}

#[test]
fn a_component_asked_for_by_many_at_once_is_compiled_once() {
    let sandbox = sandbox();
    let good = component(GOOD);
    std::thread::scope(|scope| {
        for _caller in 0..8 {
            scope.spawn(|| load(&sandbox, &good));
        }
    });
    assert_eq!(sandbox.stats().compiled, 1);
    assert_eq!(sandbox.stats().memory_hits, 7);
}
