"""The database file: its lock, its connections, and the two ways to use them, `Database.write` and `Database.read`.

Reads run on threads and connections of their own and see every write that returned before them; they never wait for a
writer, nor a writer for them (WAL). Everything else in this package is SQL that goes through here.
"""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from flume.errors import StoreError
from orchestrator.stores.sqlite.failures import raise_translated
from orchestrator.stores.sqlite.lock import FolderLock
from orchestrator.stores.sqlite.migrations import SCHEMA, Schema
from orchestrator.stores.sqlite.writer import Failed, Unit, Writer

T = TypeVar("T")

DATABASE_FILE = "flume.db"

READERS = 2
"""Threads that read. Each row passes through the interpreter lock, so more of them only get in each other's way."""

ROOM_BYTES = 1024 * 1024
"""The room on the disk without which the store counts as full."""

_CACHED_STATEMENTS = 512
_BUSY_TIMEOUT_S = 5.0

_WRITER_SETTINGS = (
    "PRAGMA secure_delete = FAST",
    "PRAGMA cache_size = -65536",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 4000",
    # Gives the disk back after a burst; 64 MiB is four checkpoints' worth.
    "PRAGMA journal_size_limit = 67108864",
)


class Database:
    """An open database. `open` makes one; all use is within the event loop that opened it."""

    def __init__(
        self, path: Path, lock: FolderLock, connection: sqlite3.Connection, readers: Sequence[sqlite3.Connection]
    ) -> None:
        self.path = path
        self._lock = lock
        self._connection = connection
        self._readers = readers
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for reader in readers:
            self._idle.put(reader)
        self._threads = ThreadPoolExecutor(max_workers=len(readers), thread_name_prefix="flume-sqlite-reader")
        self._writer = Writer(connection)
        self._closed = False

    @classmethod
    async def open(cls, folder: Path, *, durable: bool = True, schema: Schema = SCHEMA) -> "Database":
        """Open, and at first make, the database in ``folder``, which is made too.

        ``durable`` False survives the death of the process but not that of the machine: for stores that nobody opens
        again. Raises `StoreError` if another process uses the folder, if the database is damaged or of a newer Flume,
        or if the folder can't be written to.
        """
        path = folder / DATABASE_FILE
        try:
            lock, connection, readers = await asyncio.to_thread(_prepare, folder, path, durable, schema)
        except (sqlite3.Error, OSError) as error:
            raise_translated(error, path)
        return cls(path, lock, connection, readers)

    async def write(self, unit: Unit[T]) -> T:
        """Run one change and return what it gave once it is durable. Raises what `translated` makes of its failure."""
        (result,) = await self._writer.run((unit,))
        if isinstance(result, Failed):
            raise_translated(result.error, self.path)
        return result

    async def write_each(self, units: Sequence[Unit[T]]) -> list[T | Failed]:
        """Run changes in order, each whole or not at all, whatever becomes of the others."""
        return await self._writer.run(units)

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on a connection that can't write. A query of several statements uses `snapshot`."""
        if self._closed:
            raise StoreError("the store is closed; open it before reading from it")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._run_query, query)
        except sqlite3.Error as error:
            raise_translated(error, self.path)

    async def require_room(self) -> None:
        """Raise `StoreError` unless `ROOM_BYTES` fit on the disk: SQLite itself may go on for long in files it has."""
        try:
            await asyncio.to_thread(_fill_and_drop, self.path.parent)
        except OSError as error:
            raise_translated(error, self.path)

    async def close(self) -> None:
        """Finish what is queued, fold the write-ahead log into the database, and let go of the folder; once is enough."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._close_connections)

    def _run_query(self, query: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle.get()
        try:
            return query(connection)
        finally:
            self._idle.put(connection)

    def _close_connections(self) -> None:
        self._threads.shutdown()
        for connection in (*self._readers, self._connection):
            connection.close()
        self._lock.release()


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let several statements see the same state of the database."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def _prepare(
    folder: Path, path: Path, durable: bool, schema: Schema
) -> tuple[FolderLock, sqlite3.Connection, tuple[sqlite3.Connection, ...]]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FolderLock(folder)
    opened: list[sqlite3.Connection] = []
    try:
        _make_private(path)
        writer = _connect(path)
        opened.append(writer)
        _configure(writer, path, durable)
        schema.bring(writer, path)
        # Whoever held a lease here is gone, or the folder would still be locked.
        writer.execute("DELETE FROM orchestrators")
        for _ in range(READERS):
            opened.append(_connect(path))
            opened[-1].execute("PRAGMA query_only = ON")
    except BaseException:
        for connection in opened:
            connection.close()
        lock.release()
        raise
    return lock, writer, tuple(opened[1:])


def _make_private(path: Path) -> None:
    """Make the file before SQLite does: inputs and outputs are in it as clear text, and its log files take over its rights."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )


def _configure(connection: sqlite3.Connection, path: Path, durable: bool) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(f"{path} can't have a write-ahead log; put the data folder on a local disk")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    for setting in _WRITER_SETTINGS:
        connection.execute(setting)


def _fill_and_drop(folder: Path) -> None:
    # The file has no name, so that a crash leaves nothing.
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(ROOM_BYTES))
