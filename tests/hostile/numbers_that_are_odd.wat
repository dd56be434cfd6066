;; NaN and the smallest integer reach the host as they are.
(import "kiln:generator/objects@0.1.0" "create"
  (func $create (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  ;; Two fields of 32 bytes: an empty name, then one(number(nan)) and one(integer(min)).
  (i32.store8 (i32.const 2064) (i32.const 3))
  (f64.store (i32.const 2072) (f64.const -nan:0xfffffffffffff))
  (i32.store8 (i32.const 2096) (i32.const 2))
  (i64.store (i32.const 2104) (i64.const 0x8000000000000000))
  (call $create
    (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 0)
    (i32.const 2048) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 256))
  (i32.const 1024))
