;; Divides by zero.
(prelude)
(func $ratio (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
(func $generate (export "generate") (param i32 i32) (result i32) (call $ratio (i32.const 0)))
