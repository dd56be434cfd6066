;; Fills its memory, and fails when it finds something in it to begin with.
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (if (i32.or (i32.load (i32.const 200000)) (i32.load (i32.const 131072))) (then (unreachable)))
  (memory.fill (i32.const 131072) (i32.const 115) (i32.const 100000))
  (i32.const 1024))
