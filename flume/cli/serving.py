"""``flume orchestrator``: the orchestrator on its store, with its API, until it is told to stop."""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

from starlette.types import ASGIApp

import flume
from eventing.http_serving import listen
from flume.cli.addresses import address_of, who_listens
from flume.cli.elsewhere import Elsewhere
from flume.cli.interrupts import run_interruptible
from flume.cli.local import Composition, put_together
from flume.cli.logging import configure_logging
from flume.cli.printing import line_of_function, say
from flume.cli.settings import Settings, read_secrets, read_settings, split_list
from flume.cli.store_wait import wait_for_store
from flume.cli.stores import mongodb_url_of, open_store, place_of
from flume.errors import SettingError, UnavailableError
from orchestrator.api.access import Access, access_for
from orchestrator.api.app import create_app
from orchestrator.api.server import ADDRESS, serve
from orchestrator.api.tokens import parse_tokens
from orchestrator.engine import DRAIN_S
from orchestrator.grace import Grace
from orchestrator.metrics import Metrics
from orchestrator.observer import Observer, Observers
from orchestrator.service import Orchestrator

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that takes calls. ``url`` is the address to show."""

    orchestrator: Orchestrator
    url: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A server that is put together and does nothing yet: the moment to load further node types into its registry.

    ``refresh`` lets nodes of types whose code has changed go to new function processes.
    """

    orchestrator: Orchestrator
    settings: Settings
    host: str
    app: ASGIApp
    access: Access
    refresh: Callable[[Iterable[str]], None]

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[Serving]:
        """Take the port, then runs, then calls, for the length of the block; leaving it lets all finish for a while.

        In this order, because a start that fails must not have moved a run. Raises `SettingError` for a port that can't be
        listened on.
        """
        listener = await self._take_port(port)
        grace = Grace(self.settings.grace)
        with closing(listener):
            async with self.orchestrator.working(grace), self._taking_calls(listener, grace):
                url = self.settings.public_url or address_of(self.host, listener.getsockname()[1])
                yield Serving(self.orchestrator, url)

    async def _take_port(self, port: int) -> socket.socket:
        try:
            return listen(self.host, port, setting=ADDRESS)
        except SettingError as error:
            who = await asyncio.to_thread(who_listens, self.host, port)
            raise SettingError(error.variable, error.expected + who) from error

    @asynccontextmanager
    async def _taking_calls(self, listener: socket.socket, grace: Grace) -> AsyncIterator[None]:
        stop, listening = asyncio.Event(), asyncio.Event()
        server = asyncio.create_task(
            serve(
                self.app,
                host=self.host,
                port=0,
                listener=listener,
                stop=stop,
                on_listening=lambda host, port: listening.set(),
                grace_s=self.settings.grace,
            ),
            name="server",
        )
        try:
            await _until(listening, server)
            _settle_memory()
            yield
        finally:
            grace.begin()
            stop.set()
            if not server.done():
                await server


def run_orchestrator(host: str, port: int) -> int:
    """Serve until a signal comes; the exit code. Raises `SettingError` for what can't be served like that."""
    settings = read_settings()
    configure_logging(settings)
    run_interruptible(lambda stopping: _run(settings, host, port, stopping), patience_s=patience_of(settings))
    return 0


def patience_of(settings: Settings) -> float:
    """Seconds after which a server that was asked to stop has to be gone: all that it takes by itself, and a little."""
    return settings.grace + DRAIN_S + 5


async def _run(settings: Settings, host: str, port: int, stopping: asyncio.Event) -> None:
    mongodb_url = mongodb_url_of(settings, is_enough=True)
    if mongodb_url and settings.start_wait and not await _store_is_there(settings, mongodb_url, stopping):
        return
    async with serving(settings, host, port, mongodb_url=mongodb_url) as server:
        place = place_of(settings, mongodb_url)
        say(f"flume {flume.__version__} at {server.url} (API at {server.url}/docs), data in {place}")
        for failure in server.orchestrator.registry.failures:
            say(f"{failure.source}: {failure.reason}")
        await stopping.wait()
        logger.info("stopping", extra={"runs": server.orchestrator.engine.active_count})


async def _store_is_there(settings: Settings, mongodb_url: str, stopping: asyncio.Event) -> bool:
    return await wait_for_store(
        lambda: open_store(None, mongodb_url, settings.platform_database), settings.start_wait, stopping
    )


@asynccontextmanager
async def serving(
    settings: Settings,
    host: str,
    port: int,
    *,
    secrets: Mapping[str, str] | None = None,
    mongodb_url: str = "",
    elsewhere: Elsewhere | None = None,
) -> AsyncIterator[Serving]:
    """`prepared` and `Prepared.serving` in one, for a server whose node types are all known from its settings."""
    async with (
        prepared(settings, host, secrets=secrets, mongodb_url=mongodb_url, elsewhere=elsewhere) as ready,
        ready.serving(port) as server,
    ):
        yield server


@asynccontextmanager
async def prepared(
    settings: Settings,
    host: str,
    *,
    secrets: Mapping[str, str] | None = None,
    mongodb_url: str = "",
    elsewhere: Elsewhere | None = None,
    may_be_on_cluster: bool = True,
) -> AsyncIterator[Prepared]:
    """An orchestrator and its API, put together on the data folder of ``settings``, or on a MongoDB.

    ``elsewhere`` says how functions that others keep are found, None: as the settings say. ``may_be_on_cluster`` False: what the
    settings say of a cluster is meant for others.

    Raises `SettingError` for a host that needs tokens, `StoreError` for a store that can't be used.
    """
    secrets = read_secrets(settings) if secrets is None else secrets
    access = access_for(
        listen_host=host,
        tokens=parse_tokens(settings.api_token),
        is_open=settings.auth == "none",
        public_url=settings.public_url,
        allowed_hosts=split_list(settings.allowed_hosts),
        events_are_open=settings.events_auth == "none",
    )
    metrics = Metrics()
    async with (
        _observers(settings, metrics) as observer,
        put_together(
            Composition(
                settings,
                secrets,
                settings.data,
                observer=observer,
                on_line=_say_line_of_function,
                is_reachable=True,
                elsewhere=elsewhere,
                may_be_on_cluster=may_be_on_cluster,
                mongodb_url=mongodb_url,
            )
        ) as parts,
    ):
        app = create_app(parts.orchestrator, access, version=flume.__version__, metrics=metrics, secrets=secrets)
        yield Prepared(parts.orchestrator, settings, host, app, access, parts.lanes.refresh)


def _say_line_of_function(name: str, line: str) -> None:
    say(line_of_function(name, line))


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


async def _until(listening: asyncio.Event, server: "asyncio.Task[None]") -> None:
    """Wait until the server takes calls. Raises what ended it before."""
    waiting = asyncio.create_task(listening.wait(), name="listening")
    await asyncio.wait([waiting, server], return_when=asyncio.FIRST_COMPLETED)
    if listening.is_set():
        return
    waiting.cancel()
    await server
    raise UnavailableError("the server stopped before it took calls")
