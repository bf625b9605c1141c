import sqlite3
from importlib.resources import files

import pytest

from flume.errors import ConflictError, StoreError
from flume.ids import RunId
from orchestrator.stores.sqlite.database import Database
from orchestrator.stores.sqlite.migrations import SCHEMA, Schema, scripts_in_order
from orchestrator.stores.sqlite.store import SqliteStore
from tests.contract.sqlite.building import pipeline

FIRST = "CREATE TABLE people (name TEXT NOT NULL);"
HOOK = ({"type": "webhook", "id": "webhook", "path": "in"},)
SECOND = "ALTER TABLE people ADD COLUMN age INTEGER; UPDATE people SET age = 7;"
THIRD = "CREATE INDEX people_by_age ON people (age);"
# Good statements first, so that there is something to undo.
BAD = "UPDATE people SET name = 'nobody'; CREATE TABLE places (name TEXT); CREATE TABLE people (name TEXT);"


@pytest.fixture
def connection():
    opened = sqlite3.connect(":memory:", isolation_level=None)
    yield opened
    opened.close()


def dump(connection):
    return [*connection.iterdump(), connection.execute("PRAGMA user_version").fetchone()]


def old_database(connection):
    Schema([FIRST]).bring(connection, "flume.db")
    connection.execute("INSERT INTO people VALUES ('Ada')")


def test_a_new_database_gets_all_steps(connection):
    Schema([FIRST, SECOND, THIRD]).bring(connection, "flume.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    assert connection.execute("SELECT name, age FROM people").fetchall() == []


def test_an_older_database_gets_the_steps_that_it_lacks_in_one_transaction_and_keeps_what_is_in_it(connection):
    old_database(connection)
    statements = []
    connection.set_trace_callback(statements.append)
    Schema([FIRST, SECOND, THIRD]).bring(connection, "flume.db")
    words = [statement.strip(" \n;") for statement in statements]
    assert [words.count(word) for word in ("BEGIN IMMEDIATE", "COMMIT")] == [1, 1]
    within = words[words.index("BEGIN IMMEDIATE") : words.index("COMMIT")]
    assert "PRAGMA user_version = 3" in within
    assert connection.execute("SELECT name, age FROM people").fetchall() == [("Ada", 7)]
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)


@pytest.mark.parametrize("scripts", [[FIRST, BAD], [FIRST, SECOND, BAD], [FIRST, SECOND, "not SQL at all"]])
def test_a_step_that_fails_leaves_the_database_as_it_was(connection, scripts):
    old_database(connection)
    before = dump(connection)
    with pytest.raises(sqlite3.OperationalError):
        Schema(scripts).bring(connection, "flume.db")
    assert dump(connection) == before
    assert not connection.in_transaction


def test_a_database_of_this_version_is_not_touched(connection):
    old_database(connection)
    changes = connection.total_changes
    Schema([FIRST]).bring(connection, "flume.db")
    assert connection.total_changes == changes


def test_a_database_of_a_newer_version_is_refused(connection):
    Schema([FIRST, SECOND]).bring(connection, "flume.db")
    before = dump(connection)
    with pytest.raises(StoreError, match=r"flume\.db was written by a newer Flume \(schema 2, this one knows 1\)"):
        Schema([FIRST]).bring(connection, "flume.db")
    assert dump(connection) == before


async def test_a_folder_with_a_failing_step_says_which_file_and_is_free_for_the_flume_that_wrote_it(tmp_path):
    async with SqliteStore.open(tmp_path) as store:
        key = await store.secret_key("tokens")
    with pytest.raises(StoreError, match=r"flume\.db .*table runs already exists"):
        await Database.open(tmp_path, schema=Schema([*scripts_in_order(), "CREATE TABLE runs (id TEXT);"]))
    async with SqliteStore.open(tmp_path) as store:
        assert await store.secret_key("tokens") == key


@pytest.mark.parametrize("old", range(1, SCHEMA.version))
async def test_a_folder_of_each_released_version_comes_to_the_same_schema_as_a_new_one(tmp_path, old):
    def schema_of(connection):
        return sorted(connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall())

    first = await Database.open(tmp_path / "old", schema=Schema(scripts_in_order()[:old]))
    await first.write(lambda connection: connection.execute("INSERT INTO keys VALUES ('tokens', x'07')").rowcount)
    await first.close()
    brought, new = await Database.open(tmp_path / "old"), await Database.open(tmp_path / "new")
    assert await brought.read(schema_of) == await new.read(schema_of)
    await new.close()
    assert await SqliteStore(brought).secret_key("tokens") == b"\x07"
    await brought.close()


async def test_what_pipelines_and_runs_of_an_older_folder_had_is_theirs_still(tmp_path):
    hook = b'[{"id":"cron","type":"cron"},{"id":"hook","type":"webhook","path":"in"}]'
    columns = "id, name, created_at, triggers, status, namespace, description, labels, version, managed_by, updated_at"
    rows = [
        ("2" * 24, "younger", 2, hook, "active", "default"),
        ("1" * 24, "older", 1, hook, "paused", "default"),
        ("3" * 24, "draft", 0, hook, "draft", "default"),
        ("4" * 24, "elsewhere", 3, hook, "active", "blue"),
    ]

    def fill(connection):
        for row in rows:
            connection.execute(
                f"INSERT INTO pipelines ({columns}, rev, disabled_triggers) "
                "VALUES (?, ?, ?, ?, ?, ?, '', '{}', 1, 'api', 1, 1, x'5b5d')",
                row,
            )
        return connection.execute("INSERT INTO payloads VALUES ('p', 0, 'run', 'text/plain', x'07')").rowcount

    old = await Database.open(tmp_path, schema=Schema(scripts_in_order()[:2]))
    await old.write(fill)
    await old.close()
    async with SqliteStore.open(tmp_path) as store:
        with pytest.raises(ConflictError, match="'older'"):
            await store.create_pipeline(pipeline(triggers=HOOK), None)
        with pytest.raises(ConflictError, match="'elsewhere'"):
            await store.create_pipeline(pipeline(triggers=HOOK, namespace="blue"), None)
        assert (await store.read_payload("p")).content == b"\x07"
        assert await store.keep_payloads(RunId("other"), ["p"])


def test_the_scripts_are_numbered_without_a_gap_and_taken_in_order():
    folder = files("orchestrator.stores.sqlite").joinpath("schema")
    names = sorted(entry.name for entry in folder.iterdir())
    assert names == [f"{number:04}.sql" for number in range(1, SCHEMA.version + 1)]
    assert scripts_in_order() == tuple(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
