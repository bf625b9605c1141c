"""Where a measured orchestrator keeps its runs, a folder or a MongoDB, and the bare durable writes there: the floor."""

import asyncio
import os
import socket
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from pymongo import AsyncMongoClient, InsertOne
from pymongo.asynchronous.collection import AsyncCollection

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from orchestrator.service import Orchestrator

ROW = os.urandom(500)
STARTS_WITHIN_S = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that is deleted afterwards or, with a URL, a database that is."""

    mongodb_url: str = ""


FOLDER = Place()


@asynccontextmanager
async def orchestrator_at(place: Place, *, node_paths: Sequence[Path] = ()) -> AsyncIterator[Orchestrator]:
    """An orchestrator whose store is durable, empty at first."""
    with tempfile.TemporaryDirectory(prefix="flume-bench-") as folder:
        settings = Settings(DB_NAME=f"flume-bench-{uuid4().hex}")
        composition = Composition(
            settings, {}, Path(folder), node_paths, fires_schedules=False, mongodb_url=place.mongodb_url
        )
        async with local_orchestrator(composition) as orchestrator:
            yield orchestrator
        if place.mongodb_url:
            async with AsyncMongoClient(place.mongodb_url) as client:
                await client.drop_database(settings.platform_database)


class Floor(Protocol):
    """The same kind of durable write with nothing around it."""

    async def write(self, times: int) -> None:
        """So many rows, each acknowledged by itself."""

    async def write_together(self, rows: int) -> None:
        """So many rows in one commit or bulk."""


@asynccontextmanager
async def floor_at(place: Place) -> AsyncIterator[Floor]:
    """The floor at a place, for the length of the block."""
    if place.mongodb_url:
        async with AsyncMongoClient(place.mongodb_url, w="majority", journal=True) as client:
            name = f"flume-floor-{uuid4().hex}"
            yield _Documents(client[name]["rows"])
            await client.drop_database(name)
        return
    with tempfile.TemporaryDirectory(prefix="flume-floor-") as folder:
        rows = _Rows(Path(folder) / "floor.db")
        yield rows
        rows.close()


class _Documents:
    def __init__(self, collection: AsyncCollection[dict[str, object]]) -> None:
        self._collection = collection

    async def write(self, times: int) -> None:
        for _ in range(times):
            await self._collection.insert_one({"content": ROW})

    async def write_together(self, rows: int) -> None:
        await self._collection.bulk_write([InsertOne({"content": ROW}) for _ in range(rows)], ordered=False)


class _Rows:
    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, content BLOB)")

    async def write(self, times: int) -> None:
        await asyncio.to_thread(self._write, times)

    def _write(self, times: int) -> None:
        for _ in range(times):
            self._connection.execute("INSERT INTO rows (content) VALUES (?)", (ROW,))

    async def write_together(self, rows: int) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO rows (content) VALUES (?)", [(ROW,)] * rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


@asynccontextmanager
async def mongodb() -> AsyncIterator[Place]:
    """The server that ``MONGODB_URL`` names, else one of this machine's in a folder that is deleted afterwards."""
    if url := os.environ.get("MONGODB_URL"):
        yield Place(url)
        return
    found = find_spec("secantus")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("no MongoDB to measure: set MONGODB_URL, or install the package secantusdb")
    program = Path(found.submodule_search_locations[0]).parent / "secantusdb.scripts" / "secantusd-rs"
    with tempfile.TemporaryDirectory(prefix="flume-mongodb-") as folder:
        port = _free_port()
        options = ["--port", str(port), "--storage-path", folder, "--log-level", "WARNING", "--sync-on-commit"]
        bounds = ["--log-file-max", "64MB", "--cache-size", "256M"]
        quiet = asyncio.subprocess.DEVNULL
        server = await asyncio.create_subprocess_exec(str(program), *options, *bounds, stdout=quiet, stderr=quiet)
        try:
            await _until_it_answers(port)
            yield Place(f"mongodb://127.0.0.1:{port}/?retryWrites=false")
        finally:
            server.kill()
            await server.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def _until_it_answers(port: int) -> None:
    too_late = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < too_late:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    raise SystemExit("the MongoDB server did not start")
