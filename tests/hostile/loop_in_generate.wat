;; Computes for ever.
(prelude)
(func $work (param i32) (result i32)
  (loop $again (local.set 0 (i32.mul (i32.add (local.get 0) (i32.const 1)) (i32.const 3))) (br $again))
  (unreachable))
(func $generate (export "generate") (param i32 i32) (result i32) (call $work (local.get 0)))
