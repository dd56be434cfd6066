;; Many small memories.
(component
  (core module (memory 1))
  (core module (memory 1))
  (core module (memory 1))
  (core module (memory 1) (memory 1)))
