;; Bytes that are no text.
(import "kiln:generator/objects@0.1.0" "keep" (func $keep (param i32 i32 i32)))
(prelude)
(data (i32.const 16) "ok\ff\fe")
(func $generate (export "generate") (param i32 i32) (result i32)
  (call $keep (i32.const 16) (i32.const 4) (i32.const 256))
  (i32.const 1024))
