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
use sandbox::{Cancel, Component, FailureCode, Limits, RunEnd, RunReport, Sandbox};

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
        "",
    );
}

#[test]
fn a_loop_in_the_start_function_uses_up_its_fuel() {
    check(
        "loop_in_start",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_loop_in_the_constructor_uses_up_its_fuel() {
    check(
        "loop_in_initialize",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_loop_of_operators_without_cost_uses_up_its_fuel() {
    check(
        "loop_of_free_operators",
        &little_fuel(),
        "",
    );
}

#[test]
fn filling_memory_costs_fuel_by_the_byte() {
    check(
        "fill_memory_again_and_again",
        &little_fuel(),
        "",
    );
}

#[test]
fn an_abort_for_want_of_memory_is_told_as_the_memory_limit() {
    check(
        "grow_to_4_gib_and_abort",
        &little_fuel(),
        "",
    );
}

#[test]
fn growing_by_nothing_costs_fuel() {
    check(
        "grow_by_nothing",
        &little_fuel(),
        "",
    );
}

#[test]
fn recursion_without_end_fills_the_stack() {
    check(
        "recursion",
        &little_fuel(),
        "",
    );
}

#[test]
fn recursion_through_a_table_fills_the_stack() {
    check(
        "recursion_through_a_table",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_log_line_of_9_mib_is_too_much_for_one_call() {
    check(
        "log_of_9_mib",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_list_of_300000_drafts_is_too_much_for_one_call() {
    check(
        "drafts_without_end",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_thousand_and_one_drafts_are_told_to_the_guest() {
    check(
        "drafts_1001",
        &Limits::default(),
        "",
    );
}

#[test]
fn strings_that_share_a_buffer_count_as_often_as_they_are_copied() {
    check(
        "fields_that_share_one_buffer",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_string_beyond_the_memory_is_malformed() {
    check(
        "string_beyond_memory",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_string_of_4_gib_is_malformed() {
    check(
        "string_of_4_gib",
        &little_fuel(),
        "",
    );
}

#[test]
fn an_enum_value_that_is_none_is_malformed() {
    check(
        "level_that_is_none",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_list_that_is_not_aligned_is_malformed() {
    check(
        "list_not_aligned",
        &little_fuel(),
        "",
    );
}

#[test]
fn text_that_is_not_utf8_is_malformed() {
    check(
        "text_that_is_not_utf8",
        &little_fuel(),
        "",
    );
}

#[test]
fn an_allocator_that_points_to_nowhere_is_the_guests_fault() {
    check(
        "realloc_into_nowhere",
        &little_fuel(),
        "",
    );
}

#[test]
fn an_allocator_without_end_uses_up_its_fuel() {
    check(
        "realloc_without_end",
        &little_fuel(),
        "",
    );
}

#[test]
fn an_allocator_may_not_call_the_host() {
    check(
        "realloc_that_calls_the_host",
        &little_fuel(),
        "",
    );
}

#[test]
fn the_clean_up_may_not_call_the_host() {
    check(
        "post_return_that_calls_the_host",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_result_that_is_none_is_malformed() {
    check(
        "result_that_is_none",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_result_beyond_the_memory_is_malformed() {
    check(
        "result_beyond_memory",
        &little_fuel(),
        "",
    );
}

#[test]
fn an_error_of_9_mib_is_too_much() {
    check(
        "error_of_9_mib",
        &little_fuel(),
        "",
    );
}

#[test]
fn an_error_in_disguise_is_shown_as_what_it_is() {
    check(
        "error_in_disguise",
        &little_fuel(),
        "",
    );
}

#[test]
fn host_calls_cost_fuel() {
    check(
        "host_calls_without_end",
        &little_fuel(),
        "",
    );
}

#[test]
fn host_calls_are_counted() {
    check(
        "host_calls_without_end",
        &Limits { host_calls: 1_000, ..Limits::default() },
        "",
    );
}

#[test]
fn objects_are_counted() {
    check(
        "creates_without_end",
        &Limits::default(),
        "",
    );
}

#[test]
fn text_of_objects_is_counted() {
    check(
        "creates_of_a_megabyte",
        &Limits::default(),
        "",
    );
}

#[test]
fn allocations_are_counted() {
    check(
        "pool_drain",
        &Limits::default(),
        "",
    );
}

#[test]
fn documents_are_counted() {
    check(
        "queries_without_end",
        &Limits::default(),
        "",
    );
}

#[test]
fn a_document_has_a_size() {
    check(
        "query_of_a_megabyte",
        &Limits::default(),
        "",
    );
}

#[test]
fn lookups_are_counted() {
    check(
        "reads_without_end",
        &Limits::default(),
        "",
    );
}

#[test]
fn a_panic_is_told_with_its_text_on_one_line() {
    check(
        "panic_with_text",
        &little_fuel(),
        "",
    );
}

#[test]
fn an_abort_without_text_says_how_to_get_one() {
    check(
        "abort_without_text",
        &little_fuel(),
        "",
    );
}

#[test]
fn a_division_by_zero_is_told_with_its_function() {
    check(
        "division_by_zero",
        &little_fuel(),
        "",
    );
}

#[test]
fn reading_beyond_the_memory_is_a_trap() {
    check(
        "read_beyond_memory",
        &little_fuel(),
        "",
    );
}

#[test]
fn handles_are_counted() {
    check(
        "handles_without_end",
        &little_fuel(),
        "",
    );
}

#[test]
fn memory_of_4_gib_is_refused_at_upload() {
    refuse(
        &text("memory_of_4_gib"),
        "",
    );
}

#[test]
fn memories_are_summed_up_at_upload() {
    refuse(
        &text("memories_that_add_up"),
        "",
    );
}

#[test]
fn memories_are_counted_at_upload() {
    refuse(
        &text("too_many_memories"),
        "",
    );
}

#[test]
fn a_table_of_10_million_is_refused_at_upload() {
    refuse(
        &text("table_of_10_million"),
        "",
    );
}

#[test]
fn imports_of_others_are_listed() {
    refuse(
        &text("imports_of_others"),
        "",
    );
}

#[test]
fn functions_nobody_has_are_listed() {
    refuse(
        &text("function_nobody_has"),
        "",
    );
}

#[test]
fn threads_are_named() {
    refuse(
        &text("threads"),
        "",
    );
}

#[test]
fn tail_calls_are_named() {
    refuse(
        &text("tail_calls"),
        "",
    );
}

#[test]
fn memory_of_64_bits_is_named() {
    refuse(
        &text("memory_of_64_bits"),
        "",
    );
}

#[test]
fn exceptions_are_named() {
    refuse(
        &text("exceptions"),
        "",
    );
}

#[test]
fn a_type_that_doubles_is_refused() {
    refuse(
        &text("type_that_doubles"),
        "",
    );
}

#[test]
fn instances_that_multiply_are_refused() {
    refuse(
        &text("instances_that_multiply"),
        "",
    );
}
