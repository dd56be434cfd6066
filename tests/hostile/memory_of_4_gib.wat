;; Declares all memory there is.
(component
  (core module $m (memory (export "memory") 65535)))
