"""What node types set up once per process: made at the first use, torn down together at the end."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from flume.nodes.node import Node, NodeSettings
from flume.nodes.types import NodeType


class SharedSetups:
    """Keeps the result of each type's `Node.setup` for one event loop and process.

    A setup that fails raises from `of` and is tried again by the next call.
    """

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._made: dict[type[Node], object] = {}
        self._locks: dict[type[Node], asyncio.Lock] = {}
        self._teardowns = AsyncExitStack()

    async def of(self, node_type: NodeType) -> object:
        """What the type's nodes see as ``self.shared``; None without an implementation here. Safe to call concurrently."""
        node_class = node_type.implementation
        if node_class is None:
            return None
        if node_class in self._made:
            return self._made[node_class]
        async with self._locks.setdefault(node_class, asyncio.Lock()):
            if node_class not in self._made:
                made = await node_class.setup(self._settings)
                self._teardowns.push_async_callback(partial(node_class.teardown, made))
                self._made[node_class] = made
        return self._made[node_class]

    async def aclose(self) -> None:
        """Tear everything down, the last made first; one failing teardown does not keep the others from running."""
        self._made.clear()
        await self._teardowns.aclose()
