;; A table that takes 160 MB before the first instruction.
(component
  (core module (table 10000000 funcref)))
