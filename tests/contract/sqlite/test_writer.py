import asyncio
import sqlite3
import threading

import pytest

from flume.errors import StoreError, UnavailableError
from orchestrator.stores.sqlite.database import Database
from orchestrator.stores.sqlite.writer import Failed, Writer


@pytest.fixture
async def connection(tmp_path):
    opened = sqlite3.connect(tmp_path / "some.db", isolation_level=None, check_same_thread=False)
    opened.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
    yield opened
    opened.close()


@pytest.fixture
async def writer(connection):
    writer = Writer(connection)
    yield writer
    await writer.close()


@pytest.fixture
def statements(connection):
    """All that is run on the connection from now on."""
    seen = []
    connection.set_trace_callback(seen.append)
    return seen


class Gate:
    """A unit that keeps the writer busy until it is opened."""

    def __init__(self):
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, connection):
        self.reached.set()
        self._open.wait(10)

    def open(self):
        self._open.set()


def insertion(number):
    def unit(connection):
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))
        return number

    return unit


def raising(error):
    def unit(connection):
        connection.execute("INSERT INTO numbers VALUES (999)")
        raise error

    return unit


def numbers(connection):
    return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY number")]


async def kept_busy(writer):
    """The writer's gate, and the job that waits at it."""
    gate = Gate()
    job = asyncio.create_task(writer.run([gate]))
    await asyncio.to_thread(gate.reached.wait, 10)
    return gate, job


async def queued(writer, *jobs):
    """Jobs that stand in the writer's queue."""
    tasks = [asyncio.create_task(writer.run(units)) for units in jobs]
    await asyncio.sleep(0)
    return tasks


async def test_what_is_queued_while_the_writer_is_busy_becomes_one_transaction(writer, connection, statements):
    gate, first = await kept_busy(writer)
    tasks = await queued(writer, *([insertion(number)] for number in range(20)))
    gate.open()
    assert await asyncio.gather(first, *tasks) == [[None], *([number] for number in range(20))]
    assert statements.count("COMMIT") == 2
    assert numbers(connection) == list(range(20))


@pytest.mark.parametrize(
    "error", [sqlite3.IntegrityError("no"), StoreError("no"), KeyError("no"), RuntimeError("no"), OSError("no")]
)
async def test_a_unit_that_fails_fails_alone(writer, connection, error):
    gate, first = await kept_busy(writer)
    tasks = await queued(writer, [insertion(1), raising(error), insertion(2)], [insertion(3)])
    gate.open()
    assert await asyncio.gather(first, *tasks) == [[None], [1, Failed(error), 2], [3]]
    assert numbers(connection) == [1, 2, 3]
    assert await writer.run([insertion(4)]) == [4]


async def test_a_conflict_with_a_unit_of_the_same_group_is_the_later_ones_failure(writer, connection):
    first, second = await writer.run([insertion(1), insertion(1)])
    assert first == 1
    assert isinstance(second.error, sqlite3.IntegrityError)
    assert numbers(connection) == [1]


async def test_nobody_hears_of_a_change_before_it_is_committed(writer, connection):
    gate, first = await kept_busy(writer)
    (task,) = await queued(writer, [insertion(1)])
    assert not task.done()
    gate.open()
    await task
    assert not connection.in_transaction
    await first


async def test_a_caller_that_is_cancelled_does_not_stop_the_others(writer, connection):
    gate, first = await kept_busy(writer)
    cancelled, other = await queued(writer, [insertion(1)], [insertion(2)])
    cancelled.cancel()
    gate.open()
    assert await other == [2]
    assert numbers(connection) == [1, 2]
    await first


async def test_a_database_that_somebody_else_holds_fails_all_of_a_group_at_once(
    writer, connection, tmp_path, statements
):
    connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(tmp_path / "some.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    statements.clear()
    results = await writer.run([insertion(number) for number in range(20)])
    assert [type(result) for result in results] == [Failed] * 20
    assert statements.count("BEGIN IMMEDIATE") == 1
    other.close()
    assert await writer.run([insertion(1)]) == [1]


async def test_closing_carries_out_what_is_queued(writer, connection):
    gate, first = await kept_busy(writer)
    tasks = await queued(writer, *([insertion(number)] for number in range(5)))
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    gate.open()
    await closing
    assert await asyncio.gather(first, *tasks) == [[None], *([number] for number in range(5))]
    assert numbers(connection) == list(range(5))


async def test_a_closed_writer_refuses_and_closes_again(writer):
    await writer.close()
    with pytest.raises(StoreError, match="closed"):
        await writer.run([insertion(1)])
    await writer.close()


def sqlite_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("flume-sqlite")]


async def test_a_closed_database_leaves_no_thread_and_no_open_file(tmp_path):
    before = sqlite_threads()
    database = await Database.open(tmp_path)
    await database.read(lambda connection: connection.execute("SELECT 1").fetchone())
    assert sqlite_threads() != before
    await database.close()
    await database.close()
    assert sqlite_threads() == before
    # The log is folded into the database, which is then whole by itself.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flume.db", "flume.lock"]
    with pytest.raises(StoreError, match="closed"):
        await database.read(lambda connection: None)
    with pytest.raises(StoreError, match="closed"):
        await database.write(lambda connection: None)


async def test_a_database_raises_what_a_unit_raised_that_is_no_fault_of_the_store(database):
    error = RuntimeError("mine")
    with pytest.raises(RuntimeError) as raised:
        await database.write(raising_without_writing(error))
    assert (raised.value, raised.value.__cause__) == (error, None)


async def test_a_database_that_is_locked_for_a_moment_says_to_try_again(database):
    def unit(connection):
        raise locked()

    with pytest.raises(UnavailableError, match=r"flume\.db is locked for a moment"):
        await database.write(unit)


def raising_without_writing(error):
    def unit(connection):
        raise error

    return unit


def locked():
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY_SNAPSHOT
    return error
