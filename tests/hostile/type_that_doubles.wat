;; Thirty tuples, each of two of the one before: a thousand million strings.
(component
  (type $0 (tuple string string))
  (type $1 (tuple $0 $0)) (type $2 (tuple $1 $1)) (type $3 (tuple $2 $2)) (type $4 (tuple $3 $3))
  (type $5 (tuple $4 $4)) (type $6 (tuple $5 $5)) (type $7 (tuple $6 $6)) (type $8 (tuple $7 $7))
  (type $9 (tuple $8 $8)) (type $10 (tuple $9 $9)) (type $11 (tuple $10 $10))
  (type $12 (tuple $11 $11)) (type $13 (tuple $12 $12)) (type $14 (tuple $13 $13))
  (type $15 (tuple $14 $14)) (type $16 (tuple $15 $15)) (type $17 (tuple $16 $16))
  (type $18 (tuple $17 $17)) (type $19 (tuple $18 $18)) (type $20 (tuple $19 $19)))
