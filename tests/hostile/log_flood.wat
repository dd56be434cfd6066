;; Writes 5,000 lines and is done.
(import "kiln:generator/log@0.1.0" "write" (func $write (param i32 i32 i32 i32 i32)))
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (local $n i32)
  (loop $again
    (call $write (i32.const 1) (i32.const 16) (i32.const 5000) (i32.const 0) (i32.const 0))
    (local.set $n (i32.add (local.get $n) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $n) (i32.const 5000))))
  (i32.const 1024))
