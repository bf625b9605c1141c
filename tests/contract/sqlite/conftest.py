"""A store whose database is at hand, so that a test can do to it what a machine does."""

import pytest

from orchestrator.stores.sqlite.database import Database
from orchestrator.stores.sqlite.store import SqliteStore


@pytest.fixture
async def database(tmp_path):
    opened = await Database.open(tmp_path / "data")
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def store(database):
    return SqliteStore(database)


@pytest.fixture
def count(database):
    """How many rows a table holds, or those of it that a condition is true of."""

    async def rows(table, condition="TRUE"):
        statement = f"SELECT count(*) FROM {table} WHERE {condition}"
        return (await database.read(lambda connection: connection.execute(statement).fetchone()))[0]

    return rows
