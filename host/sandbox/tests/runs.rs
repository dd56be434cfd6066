//! Runs that go well, and what their reports say.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recording.rs"]
mod recording;

use guests::{GOOD, component, options, sandbox, world};
use model::Digest;
use recording::Recording;
use sandbox::api::{LogLevel, Target, Want};
use sandbox::{Cancel, Compile, CompileError, Limits, RunEnd, Sandbox, SandboxOptions};

#[test]
fn a_guest_makes_ten_objects_and_the_host_gets_them_in_order() {
    let sandbox = sandbox();
    let bytes = component(GOOD);
    let good = sandbox.load(Digest::of(&bytes), &bytes).unwrap();
    let (host, report) = good.run(Recording::default(), "{}", &Limits::default(), &Cancel::new());
    assert_eq!(report.outcome, RunEnd::Ok);
    assert_eq!(report.host_calls, 11);
    assert_eq!(host.made.len(), 10);
    assert_eq!(host.made[9].key, "web-9");
    assert_eq!(host.log[0].1, "ready");
    assert_eq!(report.last_calls.len(), 8);
    assert_eq!(report.last_calls[6].to_string(), "objects.create `InfraServer web-9`");
    assert_eq!(report.memory_peak, 4 * 65536 + 2 * 16, "four pages, and a table of two shims");
}

#[test]
fn the_same_run_uses_the_same_fuel() {
    let sandbox = sandbox();
    let bytes = component(GOOD);
    let good = sandbox.load(Digest::of(&bytes), &bytes).unwrap();
    let fuel =
        || good.run(Recording::default(), "{}", &Limits::default(), &Cancel::new()).1.fuel_used;
    assert_eq!(fuel(), fuel());
}

/// Calls every import once, and returns ok.
const EVERY_IMPORT: &str = r#"
(import "kiln:generator/run@0.1.0" "current" (func $current (param i32)))
(import "kiln:generator/run@0.1.0" "parameters" (func $parameters (param i32)))
(import "kiln:generator/log@0.1.0" "write" (func $write (param i32 i32 i32 i32 i32)))
(import "kiln:generator/log@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32)))
(import "kiln:generator/objects@0.1.0" "create"
  (func $create (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "kiln:generator/objects@0.1.0" "create-many" (func $many (param i32 i32 i32)))
(import "kiln:generator/objects@0.1.0" "set"
  (func $set (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "kiln:generator/objects@0.1.0" "keep" (func $keep (param i32 i32 i32)))
(import "kiln:generator/objects@0.1.0" "find" (func $find (param i32 i32 i32 i32 i32 i32)))
(import "kiln:generator/objects@0.1.0" "read"
  (func $read (param i32 i32 i32 i32 i32 i32 i32 i32)))
(import "kiln:generator/objects@0.1.0" "peers"
  (func $peers (param i32 i32 i32 i32 i32 i32 i32 i32)))
(import "kiln:generator/query@0.1.0" "document" (func $ask (param i32 i32 i32 i32 i32)))
(import "kiln:generator/pools@0.1.0" "allocate"
  (func $allocate (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "kiln:generator/pools@0.1.0" "allocate-on" (func $on (param i32 i32)))
(import "kiln:generator/pools@0.1.0" "peek" (func $peek (param i32 i32)))
(prelude)
;; A request for a number of pool `01` under `23`, without data and terms: too many parts for the stack.
(data (i32.const 3072) "\10\00\00\00\02\00\00\00\12\00\00\00\02\00\00\00")
(data (i32.const 16) "0123456789abcdef")
(func (export "generate") (param i32 i32) (result i32)
  (call $current (i32.const 256))
  (call $parameters (i32.const 256))
  (call $write (i32.const 3) (i32.const 16) (i32.const 4) (i32.const 0) (i32.const 0))
  (call $panicked (i32.const 16) (i32.const 1) (i32.const 17) (i32.const 2))
  (call $create (i32.const 16) (i32.const 2) (i32.const 18) (i32.const 2)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 256))
  (call $many (i32.const 2048) (i32.const 2) (i32.const 256))
  ;; Of key `23`, no fields, no links.
  (call $set (i32.const 1) (i32.const 18) (i32.const 2) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
  (call $keep (i32.const 18) (i32.const 2) (i32.const 256))
  (call $find (i32.const 2) (i32.const 16) (i32.const 2) (i32.const 0) (i32.const 0)
    (i32.const 256))
  (call $read (i32.const 0) (i32.const 16) (i32.const 2) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 256))
  (call $peers (i32.const 0) (i32.const 16) (i32.const 2) (i32.const 0) (i32.const 0)
    (i32.const 18) (i32.const 3) (i32.const 256))
  (call $ask (i32.const 16) (i32.const 3) (i32.const 19) (i32.const 2) (i32.const 256))
  ;; A prefix of length 24.
  (call $allocate (i32.const 16) (i32.const 2) (i32.const 18) (i32.const 2)
    (i32.const 2) (i32.const 1) (i32.const 24) (i32.const 0) (i32.const 0) (i32.const 256))
  (call $on (i32.const 3072) (i32.const 256))
  (call $peek (i32.const 3072) (i32.const 256))
  (i32.const 1024))
"#;

#[test]
fn every_import_reaches_its_method_with_its_arguments() {
    let sandbox = sandbox();
    let bytes = component(EVERY_IMPORT);
    let guest = sandbox.load(Digest::of(&bytes), &bytes).unwrap();
    let (host, report) = guest.run(Recording::default(), "{}", &Limits::default(), &Cancel::new());
    assert_eq!(report.outcome, RunEnd::Ok);
    assert_eq!(report.host_calls, 15);
    assert_eq!(host.log, [(LogLevel::Error, "0123".to_owned(), Vec::new())]);
    assert_eq!(host.panics, [("0".to_owned(), "12".to_owned())]);
    assert_eq!((host.made[0].kind.as_str(), host.made[0].key.as_str()), ("01", "23"));
    assert_eq!(host.made.len(), 3);
    assert_eq!(host.set, [Target::Key("23".to_owned())]);
    assert_eq!(host.kept, ["23"]);
    assert_eq!(host.found, [Target::Hfid("01".to_owned(), Vec::new())]);
    assert_eq!(host.documents, [("012".to_owned(), "34".to_owned())]);
    let request = &host.requests[0];
    assert_eq!((request.pool.as_str(), request.identifier.as_str()), ("01", "23"));
    assert_eq!(request.want, Want::Prefix(Some(24)));
    for request in &host.requests[1..] {
        assert_eq!((request.pool.as_str(), request.identifier.as_str()), ("01", "23"));
        assert_eq!(request.want, Want::Number);
    }
    assert_eq!(host.requests.len(), 3);
    let last: Vec<String> = report.last_calls.iter().map(ToString::to_string).collect();
    assert_eq!(
        last,
        [
            "objects.keep `23`",
            "objects.find `01`",
            "objects.read `01`",
            "objects.peers `01`",
            "query.document",
            "pools.allocate `01`",
            "pools.allocate-on `01`",
            "pools.peek `01`",
        ]
    );
}

#[test]
fn the_guest_of_this_test_imports_every_function_of_the_world() {
    let functions = world().lines().filter(|line| line.contains(": func(")).count();
    // Two of them are exports, of generators and of checks.
    assert_eq!(EVERY_IMPORT.matches("(import ").count(), functions - 2);
}

#[test]
fn an_answer_that_is_too_large_is_an_error_for_the_guest() {
    let sandbox = sandbox();
    let bytes = component(
        r#"(import "kiln:generator/query@0.1.0" "document" (func $ask (param i32 i32 i32 i32 i32)))
        (prelude)
        (func (export "generate") (param i32 i32) (result i32)
          (call $ask (i32.const 16) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 256))
          (i32.store8 (i32.const 1024) (i32.load8_u (i32.const 256)))
          (memory.copy (i32.const 1028) (i32.const 260) (i32.const 40))
          (i32.const 1024))"#,
    );
    let guest = sandbox.load(Digest::of(&bytes), &bytes).unwrap();
    let host = Recording { answer: "x".repeat(101), ..Recording::default() };
    let limits = Limits { answer_bytes: 100, ..Limits::default() };
    let (_, report) = guest.run(host, "{}", &limits, &Cancel::new());
    assert_eq!(
        report.failure().unwrap().message,
        "the generator gave up: an answer may have 100 bytes, and this is more; ask less of one \
         run, or split the target (`limit-exceeded`, `answer-bytes`)"
    );
}

#[test]
fn the_ticker_rests_when_no_guest_runs() {
    let sandbox = sandbox();
    assert_eq!(sandbox.stats().ticks, 0);
    let bytes = component(
        "(prelude) (func (export \"generate\") (param i32 i32) (result i32) \
        (loop $again (br $again)) (unreachable))",
    );
    let guest = sandbox.load(Digest::of(&bytes), &bytes).unwrap();
    let limits = Limits { fuel: u64::MAX / 2, wall_ms: 60, ..Limits::default() };
    guest.run(Recording::default(), "{}", &limits, &Cancel::new());
    assert!(sandbox.stats().ticks >= 3);
}

#[test]
fn a_sandbox_larger_than_the_address_space_is_told() {
    let error = Sandbox::new(SandboxOptions { slots: 1_000_000, ..options() }).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "the WebAssembly engine does not start; 1000000 slots may be more address space than \
             this system gives: "
        ),
        "{error}"
    );
}

/// A compiler elsewhere that gives back what it should not.
#[derive(Debug)]
struct Elsewhere(Result<Vec<u8>, CompileError>);

impl Compile for Elsewhere {
    fn compile(&self, _component: &[u8]) -> Result<Vec<u8>, CompileError> {
        self.0.clone()
    }
}

#[test]
fn what_a_compiler_elsewhere_gives_back_is_checked() {
    let bytes = component(GOOD);
    let code = |compiler: Elsewhere| {
        let sandbox = Sandbox::with_compiler(options(), Box::new(compiler)).unwrap();
        sandbox.load(Digest::of(&bytes), &bytes).unwrap_err().code()
    };
    assert_eq!(code(Elsewhere(Ok(b"no code".to_vec()))), "component_unlinkable");
    let no_room = CompileError::NoRoom { detail: "no child".to_owned() };
    assert_eq!(code(Elsewhere(Err(no_room))), "compile_no_room");
}
