;; Makes an object, then fails: nothing of it may count.
(import "kiln:generator/objects@0.1.0" "create"
  (func $create (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(prelude)
(data (i32.const 16) "InfraServerweb-0")
(func $save
  (call $create
    (i32.const 16) (i32.const 11) (i32.const 27) (i32.const 5)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 256)))
(table 1 funcref)
(func $generate (export "generate") (param i32 i32) (result i32)
  (call $save) (call_indirect (i32.const 0)) (i32.const 1024))
