"""The store for many replicas, on MongoDB.

`store` puts the parts together; each other module is either one part (some collections and what is asked of them) or a
piece of the ground below: `database` (the driver, and the little of it that is used), `failures`, `indexes`, `schema`,
`values` and `documents` (how a run is written down). `commits` and `pending` say how one atomic document carries a
commit that changes many; read them first.
"""
