;; Wants a socket, a file and an interface nobody knows; exports nothing.
(component
  (import "wasi:sockets/tcp@0.2.6" (instance))
  (import "wasi:filesystem/preopens@0.2.6" (instance))
  (import "evil:host/api" (instance (export "exec" (func (param "command" string))))))
