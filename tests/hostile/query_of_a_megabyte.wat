;; Asks a document of 200 KB with variables of 100 KB.
(import "kiln:generator/query@0.1.0" "document" (func $ask (param i32 i32 i32 i32 i32)))
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (call $ask (i32.const 16) (i32.const 200000) (i32.const 16) (i32.const 100000) (i32.const 256))
  (i32.store8 (i32.const 1024) (i32.load8_u (i32.const 256)))
  (memory.copy (i32.const 1028) (i32.const 260) (i32.const 40))
  (i32.const 1024))
