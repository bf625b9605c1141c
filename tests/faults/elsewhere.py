"""A function process that no orchestrator keeps: it gets its orders from a broker, and dies now and then."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.servers.own_process import OwnProcess, free_port


def function_of(engine_url: str) -> OwnProcess:
    """A function of ``http-request``, not started yet, whose orchestrators are at ``engine_url``."""
    port = free_port()
    told = ["http-request", "--host", "127.0.0.1", "--port", str(port)]
    return OwnProcess(["env", f"ENGINE_URL={engine_url}", sys.executable, "-P", "-m", "functions", *told], port)


@asynccontextmanager
async def dying(function: OwnProcess, chance: random.Random, every_s: float) -> AsyncIterator[None]:
    """Keep it, killed and started again about ``every_s`` seconds, for the length of the block."""
    await asyncio.to_thread(function.start)
    death = asyncio.create_task(_die_again(function, chance, every_s), name="deaths of a function")
    try:
        yield
    finally:
        death.cancel()
        await asyncio.wait({death})
        function.stop()
        if not death.cancelled():
            death.result()


async def _die_again(function: OwnProcess, chance: random.Random, every_s: float) -> None:
    while True:
        await asyncio.sleep(chance.uniform(0.5, 1.5) * every_s)
        function.stop()
        # Not to be left half way: the process would outlive the block.
        await asyncio.shield(asyncio.to_thread(function.start))
