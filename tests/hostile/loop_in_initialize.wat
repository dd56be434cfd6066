;; The same in the constructor that encoders call.
(prelude)
(func $ctors (export "_initialize") (loop $again (br $again)))
(func $generate (export "generate") (param i32 i32) (result i32) (i32.const 1024))
