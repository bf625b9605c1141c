"""Waits at the start for a store on a server that does not answer yet, as where both are started at the same time."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from flume.errors import StoreAwayError, UnavailableError
from orchestrator.transfer.store import TransferStore

logger = logging.getLogger(__name__)

AGAIN_S = 1.0


async def wait_for_store(
    open_store: Callable[[], AbstractAsyncContextManager[TransferStore]],
    wait_s: float,
    stopping: asyncio.Event,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Try to open the store until it can be reached or ``wait_s`` are over; False: it is time to stop.

    A try that begins in time may end later. Raises the last `StoreAwayError` or `UnavailableError` when the time is over, and any
    other error, such as for a wrong password, at once.
    """
    given_up_at = clock() + wait_s
    while not stopping.is_set():
        try:
            async with open_store():
                return True
        except (StoreAwayError, UnavailableError) as error:
            left_s = given_up_at - clock()
            if left_s <= AGAIN_S:
                raise
            logger.warning(
                "the store can't be reached; trying again", extra={"reason": str(error), "left_s": round(left_s)}
            )
        await _pause(stopping)
    return False


async def _pause(stopping: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(AGAIN_S):
            await stopping.wait()
    except TimeoutError:
        pass
