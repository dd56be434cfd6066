;; Reads where there is no memory.
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32) (i32.load (i32.const 0x7fffffff)))
