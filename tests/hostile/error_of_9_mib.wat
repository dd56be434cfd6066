;; Returns an error with a message of 9 MiB.
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (drop (memory.grow (i32.const 200)))
  (i32.store8 (i32.const 1024) (i32.const 1))
  (i32.store8 (i32.const 1028) (i32.const 2))
  (i32.store (i32.const 1040) (i32.const 8192))
  (i32.store (i32.const 1044) (i32.const 9437184))
  (i32.const 1024))
