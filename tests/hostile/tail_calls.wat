;; Calls that leave no frame: recursion without a stack.
(component
  (core module (func $f (return_call $f))))
