;; Returns an error with a message of 100 KB: it is cut, not refused.
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (memory.fill (i32.const 8192) (i32.const 97) (i32.const 100000))
  (i32.store8 (i32.const 1024) (i32.const 1))
  (i32.store (i32.const 1040) (i32.const 8192))
  (i32.store (i32.const 1044) (i32.const 100000))
  (i32.const 1024))
