"""What the parts of the store have in common: each is some tables' SQL over one shared `Database`."""

from orchestrator.stores.sqlite.database import Database


class Part:
    """A part of the store. `orchestrator.stores.sqlite.store.SqliteStore` puts the parts together."""

    def __init__(self, database: Database) -> None:
        self._database = database
