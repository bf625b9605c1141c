"""``flume orchestrator``: the orchestrator on its data folder, with its API, until it is told to stop."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import flume
from flume.cli.interrupts import interruptible
from flume.cli.local import Composition, local_orchestrator
from flume.cli.logging import configure_logging
from flume.cli.printing import say
from flume.cli.settings import Settings, read_secrets, read_settings, split_list
from flume.errors import SettingError, UnavailableError
from orchestrator.api.access import access_for, bracketed
from orchestrator.api.app import create_app
from orchestrator.api.server import serve
from orchestrator.api.tokens import parse_tokens
from orchestrator.metrics import Metrics
from orchestrator.observer import Observer, Observers
from orchestrator.service import Orchestrator

logger = logging.getLogger(__name__)

EVERYWHERE = ("0.0.0.0", "::", "")
"""Addresses that mean all of a machine's; a link has to name one of them."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that takes calls. ``url`` is the address to show."""

    orchestrator: Orchestrator
    url: str


def run_orchestrator(host: str, port: int) -> int:
    """Serve until a signal comes; the exit code. Raises `SettingError` for what can't be served like that."""
    settings = read_settings()
    configure_logging(settings)
    asyncio.run(_run(settings, host, port))
    return 0


async def _run(settings: Settings, host: str, port: int) -> None:
    with interruptible() as stopping:
        async with serving(settings, host, port) as server:
            say(f"flume {flume.__version__} at {server.url} (API at {server.url}/docs), data in {settings.data}")
            for failure in server.orchestrator.registry.failures:
                say(f"{failure.source}: {failure.reason}")
            await stopping.wait()
            logger.info("stopping", extra={"runs": server.orchestrator.engine.active_count})


@asynccontextmanager
async def serving(
    settings: Settings,
    host: str,
    port: int,
    *,
    node_paths: Sequence[Path] = (),
    secrets: Mapping[str, str] | None = None,
) -> AsyncIterator[Serving]:
    """An orchestrator and its API for the length of the block; leaving it lets calls and nodes finish for a while.

    Raises `SettingError` for an address that can't be listened on or needs tokens, `StoreError` for a data folder that
    can't be used.
    """
    secrets = read_secrets(settings) if secrets is None else secrets
    access = access_for(
        listen_host=host,
        tokens=parse_tokens(settings.api_token),
        is_open=settings.auth == "none",
        public_url=settings.public_url,
        allowed_hosts=split_list(settings.allowed_hosts),
    )
    metrics = Metrics()
    async with (
        _observers(settings, metrics) as observer,
        local_orchestrator(
            Composition(settings, secrets, settings.data, node_paths, observer=observer)
        ) as orchestrator,
    ):
        app = create_app(orchestrator, access, version=flume.__version__, metrics=metrics, secrets=secrets)
        stop = asyncio.Event()
        listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def on_listening(host: str, port: int) -> None:
            if not listening.done():
                listening.set_result(port)

        server = asyncio.create_task(
            serve(app, host=host, port=port, stop=stop, on_listening=on_listening, grace_s=settings.grace),
            name="server",
        )
        try:
            await _until_listening(server, listening, host, port)
            _settle_memory()
            yield Serving(orchestrator, settings.public_url or address_of(host, listening.result()))
        finally:
            stop.set()
            if not server.done():
                await server


@asynccontextmanager
async def _observers(settings: Settings, metrics: Metrics) -> AsyncIterator[Observer]:
    """What listens to the engine: metrics, and traces if there is a collector. Leaving sends the spans that are left."""
    if not settings.otlp_endpoint:
        yield metrics
        return
    # The SDK costs a tenth of the start, and most do without.
    from orchestrator.span_export import Tracer

    tracer = Tracer(settings.otlp_endpoint, service=settings.service_name, version=flume.__version__)
    try:
        yield Observers(metrics, tracer)
    finally:
        await asyncio.to_thread(tracer.close)


def _settle_memory() -> None:
    """Spare the garbage collector what stays for as long as the process does.

    Modules, routes and schemas are some hundred thousand objects; looking through them again and again takes about a tenth
    of the time of a busy server. Runs are freed by their reference counts, so a rarer look does not let memory grow.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


async def _until_listening(
    server: "asyncio.Task[None]", listening: "asyncio.Future[int]", host: str, port: int
) -> None:
    waiting: list[asyncio.Future[Any]] = [server, listening]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if listening.done():
        return
    try:
        await server
    except SettingError as error:
        raise SettingError(
            error.variable, error.expected + await asyncio.to_thread(_who_listens, host, port)
        ) from error
    raise UnavailableError("the server stopped before it took calls")


def address_of(host: str, port: int) -> str:
    """The URL of a server that listens there."""
    return f"http://{'127.0.0.1' if host in EVERYWHERE else bracketed(host)}:{port}"


def _who_listens(host: str, port: int) -> str:
    """What is known of the program that has the port, and what can be done; empty if nobody answers."""
    connection = HTTPConnection("127.0.0.1" if host in EVERYWHERE else host, port, timeout=1)
    try:
        connection.request("GET", "/openapi.json")
        is_flume = b'"title":"Flume"' in connection.getresponse().read(2000)
    # Whatever has the port may answer anything, or nothing.
    except (OSError, HTTPException):
        is_flume = False
    finally:
        connection.close()
    who = "another Flume" if is_flume else "another program"
    return f" ({who} has it); stop that one, or choose another port with --port"
