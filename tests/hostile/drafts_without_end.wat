;; A list of 300,000 empty drafts.
(import "kiln:generator/objects@0.1.0" "create-many" (func $many (param i32 i32 i32)))
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (drop (memory.grow (i32.const 250)))
  (call $many (i32.const 65536) (i32.const 300000) (i32.const 256))
  (i32.const 1024))
