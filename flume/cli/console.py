"""The console as the roof serves it: by itself for an orchestrator elsewhere, or on the same server as the API."""

import asyncio

from starlette.types import ASGIApp

import flume
from console.app import beside, create_console
from console.assets import Assets, NotBuiltError
from console.engine import Engine
from console.gate import Doors
from eventing.http_serving import listen
from flume.cli.addresses import address_of
from flume.cli.interrupts import run_interruptible
from flume.cli.logging import configure_logging
from flume.cli.printing import say
from flume.cli.settings import Settings, read_settings, split_list
from orchestrator.api.access import Access, access_for, knows_host
from orchestrator.api.hosts import is_loopback
from orchestrator.api.server import ADDRESS, serve


def run_console(host: str, port: int) -> int:
    """Serve the console until a signal comes; the exit code.

    Raises `SettingError` for what can't be served like that, `NotBuiltError` where the console's files are missing.
    """
    settings = read_settings()
    configure_logging(settings)
    run_interruptible(lambda stopping: _run(settings, host, port, stopping), patience_s=settings.grace + 5)
    return 0


async def _run(settings: Settings, host: str, port: int, stopping: asyncio.Event) -> None:
    access = _access(settings, host)
    engine = Engine.at(settings.engine_url)
    app = create_console(
        engine,
        _assets(settings),
        _doors(access, settings),
        version=flume.__version__,
        api_url=settings.public_url or settings.engine_url,
        vite_url=settings.vite_url,
        is_guarded=not (is_loopback(host) or settings.auth == "none"),
    )
    try:
        await serve(
            app,
            host=host,
            port=0,
            listener=listen(host, port, setting=ADDRESS),
            stop=stopping,
            on_listening=lambda host, port: _tell(settings, host, port),
            grace_s=settings.grace,
        )
    finally:
        await engine.close()


def _tell(settings: Settings, host: str, port: int) -> None:
    say(f"flume {flume.__version__} console at {address_of(host, port)}, for the orchestrator at {settings.engine_url}")


def console_beside(api: ASGIApp, access: Access, settings: Settings) -> ASGIApp:
    """The API with the console at ``/``; the API alone, and a line that says why, where the console was not built."""
    try:
        assets = _assets(settings)
    except NotBuiltError as error:
        say(f"no console: {error}; {error.hint}")
        return api
    console = create_console(
        Engine.in_process(api),
        assets,
        _doors(access, settings),
        version=flume.__version__,
        api_url=settings.public_url,
        vite_url=settings.vite_url,
    )
    return beside(api, console)


def _assets(settings: Settings) -> Assets:
    return Assets.of_vite(settings.vite_url) if settings.vite_url else Assets.built()


def _access(settings: Settings, host: str) -> Access:
    """What may be called under which name; who may call is for the orchestrator to say."""
    return access_for(
        listen_host=host,
        is_open=True,
        public_url=settings.public_url,
        allowed_hosts=split_list(settings.allowed_hosts),
    )


def _doors(access: Access, settings: Settings) -> Doors:
    return Doors(lambda host: knows_host(access, host), settings.public_url)
