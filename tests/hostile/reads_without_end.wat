;; Keeps keys until it is told to stop: ten errors in a row are no reason to.
(import "kiln:generator/objects@0.1.0" "find" (func $find (param i32 i32 i32 i32 i32 i32)))
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32)
  (loop $again
    (global.set $next (i32.const 65536))
    (call $find (i32.const 0) (i32.const 16) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 256))
    (br_if $again (i32.eqz (i32.load8_u (i32.const 256)))))
  (i32.store8 (i32.const 1024) (i32.const 1))
  (memory.copy (i32.const 1028) (i32.const 260) (i32.const 40))
  (i32.const 1024))
