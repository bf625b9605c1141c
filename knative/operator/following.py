"""Follows the API's streams of changes, one for each namespace, to look again when something happens there."""

import asyncio
import logging
from collections.abc import Callable

from knative.operator.engine import Engine, EngineError

logger = logging.getLogger(__name__)

AGAIN_S = 2.0

HEARD = ("", "pipeline", "run", "reload")
"""What a look is worth while for. The first is that a stream stands: what happened before it did is not told by it."""


class Followers:
    """One task for each namespace that is to be followed. Use it in an ``async with`` block."""

    def __init__(self, engine: Engine, on_change: Callable[[], None]) -> None:
        self._engine = engine
        self._on_change = on_change
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> "Followers":
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def follow(self, namespaces: frozenset[str]) -> None:
        """Follow these from now on."""
        for namespace in namespaces - self._tasks.keys():
            self._tasks[namespace] = asyncio.create_task(self._follow(namespace), name=f"follow {namespace}")

    async def _follow(self, namespace: str) -> None:
        while True:
            try:
                async for kind in self._engine.changes(namespace):
                    if kind in HEARD:
                        self._on_change()
            except EngineError as error:
                logger.info(
                    "the changes of a namespace can't be followed", extra={"in": namespace, "reason": str(error)}
                )
            await asyncio.sleep(AGAIN_S)
