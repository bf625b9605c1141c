"""A process that commits runs until it is killed, and names each commit when the store has acknowledged it.

Arguments: the data folder, and how many tasks commit at the same time. Each task moves one run on by one step after
another; a line is ``run-number revision``.
"""

import asyncio
import sys
from pathlib import Path

from orchestrator.store import LogLine, Payload, Verdict
from orchestrator.stores.sqlite.store import SqliteStore
from tests.contract.sqlite.building import commit_of


async def advance(store, number):
    rev = 0
    while True:
        line = LogLine("first", rev + 1, 0, 1, "info", "step")
        payload = Payload(f"{number:012x}{rev + 1:012x}", b"x" * 5000)
        (result,) = await store.commit([commit_of(number, rev, logs=(line,), payloads=(payload,))])
        assert result.verdict is Verdict.WON
        rev += 1
        sys.stdout.write(f"{number} {rev}\n")
        sys.stdout.flush()


async def main():
    async with SqliteStore.open(Path(sys.argv[1])) as store, asyncio.TaskGroup() as tasks:
        for number in range(int(sys.argv[2])):
            tasks.create_task(advance(store, number))


asyncio.run(main())
