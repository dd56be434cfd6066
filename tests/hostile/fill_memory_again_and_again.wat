;; One instruction that writes a megabyte, again and again.
(prelude)
(func $fill (drop (memory.grow (i32.const 32)))
  (loop $again (memory.fill (i32.const 131072) (i32.const 7) (i32.const 1048576)) (br $again)))
(func $generate (export "generate") (param i32 i32) (result i32) (call $fill) (i32.const 1024))
