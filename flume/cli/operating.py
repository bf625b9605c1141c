"""``flume operator``: makes a cluster and Flume's API agree, until it is told to stop."""

import asyncio
import logging
import os
import socket
from uuid import uuid4

import flume
from eventing.http_serving import listen
from flume.cli.addresses import address_of
from flume.cli.clusters import cluster_of
from flume.cli.interrupts import run_interruptible
from flume.cli.logging import configure_logging
from flume.cli.printing import say
from flume.cli.settings import Settings, read_settings
from flume.nodes.registry import Registry, installed_node_types
from knative.operator.connection import connection_to, find_access
from knative.operator.health import Pulse, health_server
from knative.operator.metrics import Metrics
from knative.operator.service import Installation, operate
from knative.platform.service import watch_platform
from knative.platform.watching import OnTroubles

STOPS_WITHIN_S = 20.0


def run_operator(host: str, port: int) -> int:
    """Operate until a signal comes; the exit code. ``host`` and ``port`` are where probes ask.

    Raises `SettingError` if no cluster can be found, or the port is taken.
    """
    settings = read_settings()
    configure_logging(settings)
    # What its lines tell, the operator tells too, and with the facts.
    logging.getLogger("kopf").setLevel(max(logging.getLogger().level, logging.WARNING))
    run_interruptible(lambda stopping: _run(settings, host, port, stopping), patience_s=STOPS_WITHIN_S)
    return 0


async def _run(settings: Settings, host: str, port: int, stopping: asyncio.Event) -> None:
    installation = Installation(
        cluster=cluster_of(settings),
        new_registry=lambda: Registry(installed_node_types),
        token=settings.token,
        name=f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}",
        background=(lambda on_troubles: _watch_platform(settings, on_troubles),),
    )
    pulse, metrics = Pulse(), Metrics()
    with listen(host, port, setting="--host, --port") as listener:
        url = address_of(host, listener.getsockname()[1])
        server = health_server(pulse, metrics)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="health")
        say(f"flume {flume.__version__} operator, probes at {url}, for the orchestrator at {settings.engine_url}")
        try:
            await operate(installation, pulse, metrics, stopping)
        finally:
            server.stop(1)
            await serving


async def _watch_platform(settings: Settings, on_troubles: OnTroubles) -> None:
    """Tell the orchestrator, and the operator itself, what the platform does to pods and Jobs of functions."""
    await watch_platform(
        lambda: connection_to(find_access()),
        settings.engine_url,
        settings.token,
        settings.cluster_namespace,
        on_troubles,
    )
