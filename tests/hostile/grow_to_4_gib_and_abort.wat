;; Wants all memory there is, and aborts without it, as an allocator does.
(prelude)
(func $alloc (if (i32.eq (memory.grow (i32.const 65000)) (i32.const -1)) (then (unreachable))))
(func $generate (export "generate") (param i32 i32) (result i32) (call $alloc) (i32.const 1024))
