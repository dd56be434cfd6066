//! Guests that mean harm, or that were built by tools which do not know better. Each is run in the
//! real sandbox; each test holds the very words that a user reads, and after each a normal guest runs
//! in the same sandbox and every slot is free again.
//!
//! The guests are in `tests/hostile/`, as text.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recording.rs"]
mod recording;
#[path = "support/told.rs"]
mod told;

use guests::{GOOD, component, root, sandbox};
use recording::Recording;
use sandbox::{Cancel, CancelReason, FailureCode, Limits, RunEnd};
use told::{check, little_fuel, load, run, text, told, unharmed};

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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
        .join("\n")
        .as_str(),
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
