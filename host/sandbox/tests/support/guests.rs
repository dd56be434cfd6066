//! Guests written as text. A core module is encoded by the encoder that authors use, so that its
//! shims and names are those of real guests; a text that is a component is taken as it is.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::PathBuf;

use sandbox::{CacheKey, Limits, Sandbox, SandboxOptions};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What guests share: memory, an allocator that hands out memory upwards, and room for results.
const PRELUDE: &str = r#"
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 65536))
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get 2))))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
"#;

/// A guest that behaves: it makes ten objects and says so.
pub(crate) const GOOD: &str = r#"
(import "kiln:generator/log@0.1.0" "write"
  (func $write (param i32 i32 i32 i32 i32)))
(import "kiln:generator/objects@0.1.0" "create"
  (func $create (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(prelude)
(data (i32.const 16) "InfraServerweb-0ready")
(func (export "generate") (param i32 i32) (result i32)
  (local $n i32)
  (loop $again
    (i32.store8 (i32.const 31) (i32.add (i32.const 48) (local.get $n)))
    (call $create
      (i32.const 16) (i32.const 11) (i32.const 27) (i32.const 5)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 256))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $n) (i32.const 10))))
  (call $write (i32.const 1) (i32.const 32) (i32.const 5) (i32.const 0) (i32.const 0))
  (i32.const 1024))
"#;

/// The world as authors have it.
pub(crate) fn world() -> String {
    let path = root().join("wit/v0.1.0/kiln.wit");
    std::fs::read_to_string(&path).expect("the world is in the project")
}

/// The project's folder, from whichever crate this is used.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().find(|folder| folder.join("wit").is_dir());
    found.expect("the tests are in the project").to_owned()
}

/// The component of a text: `(prelude)` stands for memory and allocator.
pub(crate) fn component(text: &str) -> Vec<u8> {
    encoded(text, &world())
}

/// The same, built against another world.
pub(crate) fn encoded(text: &str, world: &str) -> Vec<u8> {
    encoded_by(text, world, &mut ComponentEncoder::default())
}

/// The same, with names for what the encoder adds.
pub(crate) fn encoded_with_names(text: &str) -> Vec<u8> {
    encoded_by(text, &world(), ComponentEncoder::default().debug_names(true))
}

fn encoded_by(text: &str, world: &str, encoder: &mut ComponentEncoder) -> Vec<u8> {
    if text.contains("(component") {
        return wat::parse_str(text).expect("the text is a component");
    }
    let text = format!("(module {})", text.replace("(prelude)", PRELUDE));
    let mut module = wat::parse_str(text).expect("the text is a core module");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("kiln.wit", world).expect("the world is right");
    let world = resolve.select_world(&[package], Some("generator")).expect("it has a generator");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("metadata can be embedded");
    std::mem::take(encoder)
        .module(&module)
        .expect("the module fits the world")
        .encode()
        .expect("the module is encoded")
}

/// A sandbox without a cache on disk.
pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(options()).expect("the sandbox starts")
}

/// Options of a small sandbox.
pub(crate) fn options() -> SandboxOptions {
    SandboxOptions {
        slots: 2,
        cache_dir: None,
        key: CacheKey::new([7; 32]),
        limits: Limits::default(),
    }
}
