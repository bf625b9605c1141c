"""Functions on one machine: processes that start when an event needs one, take more events, and stop when idle.

To the orchestrator this is what Knative is in a cluster: it asks for a place and gets an address.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from eventing.function_calls import Place
from eventing.function_status import FunctionStatus
from eventing.invocations import Invocation
from flume.nodes.types import NodeType
from functions.local_pool import LocalOptions, ProcessPool, stopping


class LocalFunctions:
    """The `eventing.function_calls.Functions` of one machine, and a `FunctionDirectory`. Use it as an async context manager."""

    def __init__(self, options: LocalOptions) -> None:
        self._options = options
        self._pools: dict[str, ProcessPool] = {}
        self._is_closed = False

    async def __aenter__(self) -> "LocalFunctions":
        return self

    async def __aexit__(self, *error: object) -> None:
        self._is_closed = True
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    def statuses(self) -> tuple[FunctionStatus, ...]:
        """See `eventing.function_status.FunctionDirectory.statuses`."""
        return tuple(self._pools[name].status() for name in sorted(self._pools))

    @asynccontextmanager
    async def place(self, invocation: Invocation, on_start: Callable[[], None]) -> AsyncIterator[Place]:
        """See `eventing.function_calls.Functions.place`. Raises `DeliveryError` once this is left."""
        if self._is_closed:
            raise stopping()
        pool = self._pool_of(invocation.node_type)
        process = await pool.take(invocation.key, invocation.start_timeout.total_seconds(), on_start)
        try:
            yield process
        except BaseException as error:
            pool.give_back(process, invocation.key, error)
            raise
        else:
            pool.give_back(process, invocation.key)

    def capacity(self, node_type: NodeType) -> int:
        """Events of a type that all its processes take at a time. More need not be handed over: they would only wait here."""
        return self._options.most_of(node_type) * node_type.concurrency

    def refresh(self, names: Iterable[str]) -> None:
        """Let events go to new processes of these types, whose code has changed; what is under way gets the grace to finish."""
        for pool in (self._pools[name] for name in names if name in self._pools):
            pool.renew()

    def _pool_of(self, node_type: NodeType) -> ProcessPool:
        pool = self._pools.get(node_type.name)
        if pool is None:
            pool = self._pools[node_type.name] = ProcessPool(node_type, self._options)
        # As it is now: its code may have changed.
        pool.node_type = node_type
        return pool
