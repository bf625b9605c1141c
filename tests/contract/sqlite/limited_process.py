"""A process whose files can't grow, as on a disk that is full for it. Argument: the data folder."""

import asyncio
import resource
import sys
from pathlib import Path

from flume.errors import StoreError
from orchestrator.stores.sqlite.store import SqliteStore


async def main():
    async with SqliteStore.open(Path(sys.argv[1])) as store:
        await store.check()
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, most))
        try:
            await store.check()
        except StoreError as error:
            sys.stdout.write(str(error))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        await store.check()


asyncio.run(main())
