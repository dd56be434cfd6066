//! Uploads that are refused, each with the very words that a user reads. None of them reaches the
//! compiler, and after each a normal guest runs in the same sandbox.
//!
//! Those that a text can express are in `tests/hostile/`; the others are made here.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recording.rs"]
mod recording;
#[path = "support/told.rs"]
mod told;

use guests::{GOOD, component, encoded, sandbox, world};
use model::Digest;
use sandbox::{CheckCode, Limits};
use told::{load, refuse, text};

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
        &good[..1_000],
        "component_truncated: the component ends in the middle, after 1,000 bytes\n\
         help: upload it again, completely",
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
    wat::parse_str(format!("(component (core module {module}))")).expect("the text is right")
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
        &format!("(func {})", "nop ".repeat(256 << 10)),
        "one function: 262,146 bytes, the limit is 256 KiB (`function_bytes`)",
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
    let mut bytes =
        wat::parse_str(r#"(component (import "wasi:cli/aaaenvironment" (func)))"#).unwrap();
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
    assert_eq!(told(&[manifest, manifest]), "the manifest (section `kiln:manifest` is there twice");
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
        "component_world_mismatch: the component does not fit this host: mismatches: built \
         against kiln:generator@0.9.0, the host offers kiln:generator@0.1.0\n\
         help: build it with the SDK for kiln:generator@0.1.0",
    );
}

#[test]
fn another_shape_of_the_world_is_told_with_the_place() {
    let shape = world().replace("length: option<u8>,", "length: option<u16>,").replace(
        "enum outcome { created, updated, unchanged }",
        "enum outcome { created, updated }",
    );
    refuse(
        &encoded(GOOD, &shape),
        "component_world_mismatch: the component does not fit this host: mismatches: \
         `kiln:generator/objects@0.1.0 from-pool`, field `length`: the component has `u16`, \
         the host `u8`; `kiln:generator/objects@0.1.0 draft`, field `allocations`, item, \
         field `length`: the component has `u16`, the host `u8`; \
         `kiln:generator/objects@0.1.0 outcome`: the component has cases (created, updated), \
         the host (created, updated, unchanged); `kiln:generator/objects@0.1.0 saved`, field \
         `outcome`: the component has cases (created, updated), the host (created, updated, \
         unchanged); `kiln:generator/objects@0.1.0 create`, parameter `draft`, field \
         `allocations`, item, field `length`: the component has `u16`, the host `u8`\n\
         help: build it with the SDK for kiln:generator@0.1.0",
    );
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

/// A component that exports `check`, built against a world made for it.
fn checking(export: &str) -> Vec<u8> {
    let ours = "export generate: func(input: string) -> result<_, error>;";
    let world = world().replace(ours, export);
    let text = r#"(import "kiln:generator/objects@0.1.0" "keep" (func $keep (param i32 i32 i32)))
        (prelude)
        (func (export "check") (param i32 i32) (result i32)
          (call $keep (i32.const 0) (i32.const 0) (i32.const 256))
          (i32.const 1024))"#;
    encoded(text, &world)
}

#[test]
fn a_check_that_would_make_objects_is_refused_at_upload() {
    refuse(
        &checking("export check: func(input: string) -> result<list<string>, error>;"),
        "component_world_mismatch: the component does not fit this host: imports this host does not offer: \
         `kiln:generator/objects@0.1.0`. mismatches: `check`, result, ok, item: the component has `string`, the \
         host a record\nhelp: build it with the SDK for kiln:generator@0.1.0",
    );
}
