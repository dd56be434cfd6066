;; A known interface with a function more.
(component
  (import "kiln:generator/log@0.1.0" (instance
    (export "erase" (func))
    (export "panicked" (func (param "message" string) (param "location" u32)))))
  (import "kiln:generator/query@0.1.0" (func)))
