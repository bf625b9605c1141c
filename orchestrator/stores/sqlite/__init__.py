"""The embedded store on SQLite.

`store` puts the parts together; each other module is either one part (some tables and their SQL) or a piece of the
ground below: `database` (connections, reads), `writer` (the one thread that writes), `lock`, `migrations`, `failures`.
"""
