;; Grows a table until it is refused, and checks that it is.
(prelude)
(table $t 0 funcref)
(func $generate (export "generate") (param i32 i32) (result i32)
  (loop $again
    (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
  (if (i32.gt_u (table.size $t) (i32.const 20000)) (then (unreachable)))
  (i32.const 1024))
