;; Nine instances of one component; nested, they would be nine to the fourth.
(component
  (component $c)
  (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c))
  (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c))
  (instance (instantiate $c)) (instance (instantiate $c)) (instance (instantiate $c)))
