;; Panics as the SDK does; the text tries to look like a line of the host's log.
(import "kiln:generator/log@0.1.0" "panicked" (func $panicked (param i32 i32 i32 i32)))
(prelude)
(data (i32.const 16) "no such site\nINFO all is well")
(data (i32.const 64) "src/lib.rs:7:5")
(func $panic (call $panicked (i32.const 16) (i32.const 29) (i32.const 64) (i32.const 14)) (unreachable))
(func $generate (export "generate") (param i32 i32) (result i32) (call $panic) (i32.const 1024))
