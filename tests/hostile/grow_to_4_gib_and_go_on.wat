;; Wants all memory there is, and copes without.
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (if (i32.ne (memory.grow (i32.const 65000)) (i32.const -1)) (then (unreachable)))
  (i32.const 1024))
