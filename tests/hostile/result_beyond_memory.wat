;; Returns a pointer to nowhere.
(prelude)
(func $generate (export "generate") (param i32 i32) (result i32) (i32.const 0x7ffffff0))
