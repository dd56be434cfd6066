;; 64-bit memory.
(component
  (core module (memory i64 1)))
