;; Makes handles of a resource of its own, for ever.
(component
  (import "kiln:generator/types@0.1.0" (instance $types
    (type $code (enum "invalid-argument" "not-found" "conflict" "denied" "exhausted"
      "limit-exceeded" "schema-mismatch" "internal"))
    (export "code" (type $c (eq $code)))
    (type $error (record (field "code" $c) (field "name" string) (field "message" string)
      (field "path" (option string)) (field "details" (list (tuple string string)))))
    (export "error" (type (eq $error)))))
  (alias export $types "error" (type $error))
  (type $r (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func $generate (export "generate") (param i32 i32) (result i32)
      (loop $again (drop (call $new (i32.const 1))) (br $again)) (unreachable)))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (alias core export $i "generate" (core func $generate))
  (func $generate (export "generate") (param "input" string) (result (result (error $error)))
    (canon lift (core func $generate) (memory $memory) (realloc $realloc))))
