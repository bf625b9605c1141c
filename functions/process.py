"""One function process: what it is told at the start, put together into a server, and its end.

This is the process inside a Knative Service, and the same one that `functions.local` starts on one machine. Settings come
from the environment, read in `functions.__main__`; they are few, and the library that reads the orchestrator's would double
the start.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from eventing.http_serving import Server, listen
from eventing.in_process import InProcessExecutor
from flume.errors import NotFoundError, RequestError, SettingError
from flume.nodes.discovery import load_path
from flume.nodes.node import NodeSettings
from flume.nodes.registry import LoadFailure, Registry, installed_node_types
from flume.nodes.types import NodeType
from functions.app import MAX_HEAD, FunctionApp
from functions.memo import Memo
from functions.orchestrator_client import OrchestratorClient
from functions.reporter import Reporter
from functions.runtime import Runtime

logger = logging.getLogger(__name__)

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class FunctionOptions:
    """What a function process is told.

    ``port`` 0 takes a free one. ``ready_fd`` is told the port, as a line, once events can come. ``engine_url`` empty: there
    is no orchestrator to tell of progress. ``ends_with_stdin``: the process ends when its standard input does, as it does
    when whoever started it dies.
    """

    types: tuple[str, ...]
    host: str = "0.0.0.0"
    port: int = 8080
    node_paths: tuple[Path, ...] = ()
    engine_url: str = ""
    grace_s: float = 10.0
    ready_fd: int | None = None
    ends_with_stdin: bool = False
    settings: NodeSettings = field(default_factory=NodeSettings)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def load_types(options: FunctionOptions) -> dict[str, NodeType]:
    """The types to serve, and no other. Raises `RequestError` or `NotFoundError` that says which can't be had, and why.

    A node file that can't be loaded matters only if a type is missing.
    """
    registry = Registry(installed_node_types)
    failures = [failure for path in options.node_paths for failure in load_path(registry, path).failures]
    types = {name: _type_named(registry, name, failures) for name in options.types}
    for failure in failures:
        logger.warning("a node file can't be loaded", extra={"file": failure.source, "reason": failure.reason})
    return types


def _type_named(registry: Registry, name: str, failures: Sequence[LoadFailure]) -> NodeType:
    try:
        node_type = registry.get(name)
    except NotFoundError as error:
        if not failures:
            raise
        reasons = "\n".join(f"{failure.source}: {failure.reason}" for failure in failures)
        raise RequestError(f"no node type '{name}', and not all files could be loaded:\n{reasons}") from error
    if node_type.lanes == ("engine",):
        raise RequestError(f"'{name}' runs in the engine alone, so it can't be a function", code="lane-not-allowed")
    return node_type


async def serve(options: FunctionOptions) -> None:
    """Serve until SIGTERM, SIGINT or the end of standard input. What was taken is finished within the grace.

    Raises what `load_types` raises, and what a type's ``setup`` raises.
    """
    types = load_types(options)
    client = OrchestratorClient(options.engine_url) if options.engine_url else None
    async with InProcessExecutor(options.settings, options.secrets) as executor:
        runtime = Runtime(
            type_named=partial(_named, types),
            executor=executor,
            memo=Memo(monotonic),
            capacity=sum(node_type.concurrency for node_type in types.values()),
        )
        ready, stopping = asyncio.Event(), asyncio.Event()
        app = FunctionApp(runtime, client, ready.is_set, hosts=_hosts(options.host))
        listener = listen(options.host, options.port, setting="PORT")

        async def live() -> None:
            await _first(stopping.wait(), _set_up(executor, types.values()))
            if not stopping.is_set():
                ready.set()
                _tell_ready(options, listener.getsockname()[1])
                await stopping.wait()
            await runtime.drain(options.grace_s)

        with _signals(stopping.set), _stdin(stopping.set) if options.ends_with_stdin else nullcontext():
            async with _serving(app, listener, options.grace_s) as served:
                await _first(asyncio.shield(served), live(), *_reporting(runtime, client))


async def _set_up(executor: InProcessExecutor, types: Iterable[NodeType]) -> None:
    for node_type in types:
        await executor.set_up(node_type)


def _reporting(runtime: Runtime, client: OrchestratorClient | None) -> list[Coroutine[None, None, None]]:
    if client is None:
        return []
    reporter = Reporter(client, runtime.cancel)
    runtime.report_to(reporter)
    return [reporter.run()]


async def _first(*works: Awaitable[Any]) -> None:
    """Have all go on until one of them ends, and cancel the others; raises what that one raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _stdin(act: Callable[[], object]) -> Iterator[None]:
    """Act when whoever holds the other end of standard input has let go of it, be it by dying."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        if not os.read(stdin, 1024):
            loop.remove_reader(stdin)
            act()

    try:
        loop.add_reader(stdin, read)
    except PermissionError as error:
        raise SettingError("--ends-with-stdin", "standard input is a file; it has to be a pipe") from error
    try:
        yield
    finally:
        loop.remove_reader(stdin)


@contextmanager
def _signals(act: Callable[[], object]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, act)
    try:
        yield
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)


def _hosts(host: str) -> frozenset[str] | None:
    """The names by which the process may be called: any, unless it listens for this machine alone."""
    return _LOOPBACK | {host} if host in ("localhost", "::1") or host.startswith("127.") else None


@asynccontextmanager
async def _serving(app: FunctionApp, listener: socket.socket, grace_s: float) -> AsyncIterator["asyncio.Task[None]"]:
    """Serve for the length of the block, and then for as long as what was done is on its way to the caller."""
    server = Server(app, max_head_bytes=MAX_HEAD, grace_s=grace_s)
    served = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    try:
        yield served
    finally:
        server.should_exit = True
        await served


def _named(types: Mapping[str, NodeType], name: str) -> NodeType:
    try:
        return types[name]
    except KeyError:
        raise NotFoundError("node type", name[:100], f"this process serves {', '.join(types)}") from None


def _tell_ready(options: FunctionOptions, port: int) -> None:
    logger.info("function ready", extra={"types": ",".join(options.types), "port": port})
    if options.ready_fd is not None:
        with os.fdopen(options.ready_fd, "w") as pipe:
            pipe.write(f"{port}\n")
