"""The embedded store: one SQLite database in a data folder, for one process."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.stores.sqlite.claims import Claims
from orchestrator.stores.sqlite.commits import Commits
from orchestrator.stores.sqlite.database import Database
from orchestrator.stores.sqlite.fleet import Fleet
from orchestrator.stores.sqlite.inbox import Inbox
from orchestrator.stores.sqlite.items import Items
from orchestrator.stores.sqlite.listing import RunLists
from orchestrator.stores.sqlite.logs import Logs
from orchestrator.stores.sqlite.outbox import Outbox
from orchestrator.stores.sqlite.packaged_types import PackagedTypes
from orchestrator.stores.sqlite.payloads import Payloads
from orchestrator.stores.sqlite.pipelines import Pipelines
from orchestrator.stores.sqlite.retention import Retention
from orchestrator.stores.sqlite.runs import Runs
from orchestrator.stores.sqlite.schedules import Schedules
from orchestrator.stores.sqlite.statistics import Statistics
from orchestrator.stores.sqlite.transfer import Transfer, require_whole


class SqliteStore(
    Commits,
    Runs,
    RunLists,
    Claims,
    Items,
    Payloads,
    Logs,
    Inbox,
    Outbox,
    Statistics,
    Retention,
    Pipelines,
    Schedules,
    Fleet,
    PackagedTypes,
    Transfer,
):
    """`orchestrator.transfer.store.TransferStore` on SQLite.

    `open` and `temporary` make one; it belongs to the event loop it was made in.

    ``random_bytes`` makes secret keys.
    """

    def __init__(self, database: Database, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        super().__init__(database, random_bytes=random_bytes)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, folder: Path, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> AsyncIterator["SqliteStore"]:
        """The store in a data folder, which is made if need be; closed, and the folder let go of, at the end of the block.

        Raises `StoreError` if another process uses the folder, or if what is there can't be used, or is a part of something.
        """
        database = await Database.open(folder)
        try:
            await require_whole(database)
            yield cls(database, random_bytes=random_bytes)
        finally:
            await database.close()

    @classmethod
    @asynccontextmanager
    async def temporary(cls) -> AsyncIterator["SqliteStore"]:
        """A store of its own in a folder that is deleted at the end of the block.

        Nobody will open it again, so its commits do not wait for the disk.
        """
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="flume-"))
        try:
            database = await Database.open(folder, durable=False)
            try:
                yield cls(database)
            finally:
                await database.close()
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def check(self) -> None:
        """Raise `StoreError` or `UnavailableError` unless the store can be written to."""
        await self._database.require_room()
        await self._database.write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO checks (id, count) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1"
                ).rowcount
            )
        )
