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
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

from eventing.http_serving import Server, listen
from eventing.in_process import THREADS, InProcessExecutor
from flume.errors import NotFoundError, RequestError, SettingError
from flume.nodes.discovery import load_path
from flume.nodes.node import NodeSettings
from flume.nodes.registry import LoadFailure, Registry, installed_node_types
from flume.nodes.types import NodeType
from functions.app import MAX_HEAD, FunctionApp
from functions.memo import LocalMemo, Memo
from functions.model_server import wait_until_served
from functions.orchestrator_client import OrchestratorClient
from functions.reporter import Reporter
from functions.runtime import Runtime
from functions.shared_memo import SharedMemo, Shelf
from functions.stopping import Stop, first_of, signals_to

logger = logging.getLogger(__name__)

LAST_ANSWERS_S = 1.0
"""How long after the grace answers may still take that say what was cut short."""

ORPHAN_S = 3.0
"""How long a process may take to end in good order once whoever started it is gone."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class FunctionOptions:
    """What a function process is told.

    ``port`` 0 takes a free one. ``ready_fd`` is told the port, as a line, once events can come. ``engine_url`` empty: there
    is no orchestrator to tell of progress. ``key`` empty: orders need none. ``ends_with_stdin``: the process ends at once when
    its standard input does, as it does when whoever started it dies. ``ready_url`` is what has to answer before events can come,
    such as a model server beside the process; empty: nothing. ``redis_url`` empty: what was done is remembered by this process
    alone. ``event_file`` holds the one order of a process that serves none
    (`functions.job`).
    """

    types: tuple[str, ...]
    host: str = "0.0.0.0"
    port: int = 8080
    node_paths: tuple[Path, ...] = ()
    engine_url: str = ""
    grace_s: float = 10.0
    ready_fd: int | None = None
    ends_with_stdin: bool = False
    ready_url: str = ""
    redis_url: str = field(default="", repr=False)
    event_file: Path | None = None
    key: str = field(default="", repr=False)
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


def type_among(types: Mapping[str, NodeType], name: str) -> NodeType:
    """The type of that name among those of a process. Raises `NotFoundError` that names them."""
    try:
        return types[name]
    except KeyError:
        raise NotFoundError("node type", name[:100], f"this process serves {', '.join(types)}") from None


async def serve(options: FunctionOptions, on_loaded: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM, SIGINT or the end of standard input. What was taken is finished within the grace.

    ``on_loaded`` is called once the types are there.
    Raises what `load_types` raises, and what a type's ``setup`` raises.
    """
    types = load_types(options)
    on_loaded()
    client = OrchestratorClient(options.engine_url) if options.engine_url else None
    capacity = sum(node_type.concurrency for node_type in types.values())
    threads = max(THREADS, capacity)
    async with (
        InProcessExecutor(options.settings, options.secrets, threads=threads) as executor,
        memo_of(options) as memo,
    ):
        runtime = Runtime(type_named=partial(type_among, types), executor=executor, memo=memo, capacity=capacity)
        stop = Stop(options.grace_s)
        ready = asyncio.Event()
        app = FunctionApp(runtime, client, ready.is_set, hosts=_hosts(options.host), key=options.key)
        listener = listen(options.host, options.port, setting="PORT")

        async def live() -> None:
            await first_of(stop.wait(), _get_ready(executor, types.values(), options.ready_url))
            if not stop.is_wanted:
                runtime.become_ready()
                ready.set()
                _tell_ready(options, listener.getsockname()[1])
                await stop.wait()
            await runtime.drain(stop.left_s)

        with signals_to(stop.want), _stdin(stop.abandon) if options.ends_with_stdin else nullcontext():
            async with _serving(app, listener, client, stop) as served:
                await first_of(asyncio.shield(served), live(), *_reporting(runtime, client))


@asynccontextmanager
async def memo_of(options: FunctionOptions) -> AsyncIterator[Memo]:
    """The memo of this process, shared with all others that are told the same Redis."""
    local = LocalMemo(monotonic)
    if not options.redis_url:
        yield local
        return
    async with aclosing(SharedMemo(local, partial(_open_shelf, options.redis_url))) as shared:
        yield shared


async def _open_shelf(url: str) -> Shelf:
    # With the first order, and beside the event loop: the driver takes longer to load than all else.
    module = await asyncio.to_thread(import_module, "functions.redis_shelf")
    shelf: Shelf = module.RedisShelf(url)
    return shelf


async def _get_ready(executor: InProcessExecutor, types: Iterable[NodeType], ready_url: str) -> None:
    for node_type in types:
        await executor.set_up(node_type)
    await wait_until_served(ready_url)


def _reporting(runtime: Runtime, client: OrchestratorClient | None) -> list[Coroutine[None, None, None]]:
    if client is None:
        return []
    reporter = Reporter(client, runtime.cancel)
    runtime.report_to(reporter)
    return [reporter.run()]


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
    Thread(target=_kill_orphan, args=(stdin,), name="orphan's end", daemon=True).start()
    try:
        yield
    finally:
        loop.remove_reader(stdin)


def _kill_orphan(stdin: int) -> None:
    """End the process if it does not itself once standard input has ended: a node may hold the event loop for ever."""
    while os.read(stdin, 1024):
        pass
    sleep(ORPHAN_S)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _hosts(host: str) -> frozenset[str] | None:
    """The names by which the process may be called: any, unless it listens for this machine alone."""
    return _LOOPBACK | {host} if host in ("localhost", "::1") or host.startswith("127.") else None


@asynccontextmanager
async def _serving(
    app: FunctionApp, listener: socket.socket, client: OrchestratorClient | None, stop: Stop
) -> AsyncIterator["asyncio.Task[None]"]:
    """Serve for the length of the block, and then for as long as what was done is on its way to the caller, within the grace."""
    server = Server(app, max_head_bytes=MAX_HEAD, grace_s=stop.left_s)
    served = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    try:
        yield served
    finally:
        server.stop(stop.left_s + LAST_ANSWERS_S)
        await asyncio.wait({served}, timeout=stop.left_s)
        if client is not None:
            # Answers whose data it still waits to hand over are told to come back for.
            client.close()
        await served


def _tell_ready(options: FunctionOptions, port: int) -> None:
    logger.info("function ready", extra={"types": ",".join(options.types), "port": port})
    if options.ready_fd is not None:
        with os.fdopen(options.ready_fd, "w") as pipe:
            pipe.write(f"{port}\n")
