"""A process that opens a store, says so, and keeps it until its input ends. Argument: the data folder."""

import asyncio
import sys
from pathlib import Path

from flume.errors import StoreError
from orchestrator.stores.sqlite.store import SqliteStore


async def main():
    try:
        async with SqliteStore.open(Path(sys.argv[1])):
            sys.stdout.write("open\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)
    except StoreError as error:
        sys.stdout.write(f"{error}\n")


asyncio.run(main())
