"""A process that commits until its disk is full, and tells as JSON lines what became of that. Argument: the data folder.

Then room is made, and it goes on with the commit that failed.
"""

import asyncio
import json
import sys
from pathlib import Path

from flume.errors import StoreError
from orchestrator.store import Payload
from orchestrator.stores.sqlite.store import SqliteStore
from tests.contract.sqlite.building import commit_of, run_id

BALLAST = "ballast"
PAYLOAD_BYTES = 200_000


def tell(**facts):
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def refused(attempt):
    try:
        await attempt
    except StoreError as error:
        return str(error)
    return None


def step(number):
    return commit_of(number, payloads=(Payload(f"{number:024x}", b"x" * PAYLOAD_BYTES),))


async def fill(store):
    """Commit runs until one does not fit; its number, and the store's words."""
    number = 0
    while (error := await refused(store.commit([step(number)]))) is None:
        number += 1
        assert number < 1000
    return number, error


async def main():
    folder = Path(sys.argv[1])
    (folder / BALLAST).write_bytes(bytes(1_500_000))
    async with SqliteStore.open(folder) as store:
        tell(check=await refused(store.check()))
        failed, error = await fill(store)
        tell(failed=failed, error=error, check=await refused(store.check()))
        kept = [(await store.load_run(run_id(number))).rev for number in range(failed)]
        tell(kept=kept, torn=await store.load_run(run_id(failed)) is not None)
        (folder / BALLAST).unlink()
        tell(error=await refused(store.commit([step(failed)])), check=await refused(store.check()))
        payload = await store.read_payload(f"{failed:024x}")
        tell(size=len(payload.content))


asyncio.run(main())
