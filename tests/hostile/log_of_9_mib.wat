;; One log line of 9 MiB.
(import "kiln:generator/log@0.1.0" "write" (func $write (param i32 i32 i32 i32 i32)))
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (drop (memory.grow (i32.const 200)))
  (call $write (i32.const 1) (i32.const 0) (i32.const 9437184) (i32.const 0) (i32.const 0))
  (i32.const 1024))
