;; Grows by nothing, for ever.
(prelude)
(func $grow (loop $again (drop (memory.grow (i32.const 0))) (br $again)))
(func $generate (export "generate") (param i32 i32) (result i32) (call $grow) (i32.const 1024))
