;; One draft more than a call may carry; the error is returned as the generator's own.
(import "kiln:generator/objects@0.1.0" "create-many" (func $many (param i32 i32 i32)))
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (call $many (i32.const 65536) (i32.const 1001) (i32.const 256))
  (i32.store8 (i32.const 1024) (i32.load8_u (i32.const 256)))
  (memory.copy (i32.const 1028) (i32.const 264) (i32.const 40))
  (i32.const 1024))
