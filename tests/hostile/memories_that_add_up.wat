;; Each memory is within the limit; together they are not.
(component
  (core module (memory 600))
  (core module (memory 600)))
