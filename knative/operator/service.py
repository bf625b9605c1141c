"""How the operator is put together, and how it waits for its turn."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from flume.nodes.registry import Registry
from knative.cluster import Cluster
from knative.operator.acting import Acts
from knative.operator.connection import connection_to, find_access
from knative.operator.engine import Engine
from knative.operator.following import Followers
from knative.operator.health import Pulse
from knative.operator.kubernetes import Kubernetes
from knative.operator.lease import Lease
from knative.operator.looking import Looks
from knative.operator.memory import Memory
from knative.operator.metrics import Metrics
from knative.operator.news import News
from knative.operator.planning import Planner
from knative.operator.reconciling import Reconciler
from knative.operator.watching import Watch
from knative.platform.findings import Finding
from knative.platform.watching import OnTroubles

logger = logging.getLogger(__name__)

AGAIN_S = 5.0

Background: TypeAlias = Callable[[OnTroubles], Coroutine[Any, Any, None]]
"""Something else that the operator does for as long as it leads, and that runs until it is cancelled.

It is given who wants to hear what keeps functions from having a pod that is ready.
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """What one operator looks after. ``name`` tells it from its other replicas, ``token`` is its own for the API."""

    cluster: Cluster
    new_registry: Callable[[], Registry]
    token: str = field(repr=False)
    name: str
    background: Sequence[Background] = ()


async def operate(installation: Installation, pulse: Pulse, metrics: Metrics, stopping: asyncio.Event) -> None:
    """Wait for the lease, act for as long as it is held, and wait again, until ``stopping``.

    Raises `SettingError` if nothing says where the API server is.
    """
    await asyncio.to_thread(find_access)
    async with (
        Kubernetes(lambda: connection_to(find_access())) as kubernetes,
        Engine(installation.cluster.engine_url, installation.token) as engine,
    ):
        lease = Lease(
            kubernetes,
            namespace=installation.cluster.namespace,
            name=installation.cluster.lease,
            me=installation.name,
            clock=time.monotonic,
            on_contact=pulse.contact,
        )
        try:
            while await _until(stopping, lease.acquire()):
                logger.info("leading", extra={"as": installation.name})
                pulse.leads(True)
                metrics.leads(True)
                await _until(stopping, _lead(installation, kubernetes, engine, pulse, metrics), lease.keep())
                pulse.leads(False)
                metrics.leads(False)
                logger.info("not leading any more", extra={"as": installation.name})
        finally:
            await lease.release()


async def _lead(
    installation: Installation, kubernetes: Kubernetes, engine: Engine, pulse: Pulse, metrics: Metrics
) -> None:
    news, memory = News(), Memory()
    metrics.measures(lambda: len(news), lambda: len(memory.setbacks))
    cluster = installation.cluster
    planner = await asyncio.to_thread(Planner, cluster, installation.new_registry)

    def on_troubles(troubles: Mapping[str, Finding]) -> None:
        memory.troubles = troubles
        news.of_pods()

    async with (
        Followers(engine, news.of_engine) as followers,
        Watch(cluster.namespace, find_access, news.of_kind),
        asyncio.TaskGroup() as tasks,
    ):
        reconciler = Reconciler(
            Looks(kubernetes, engine, planner, cluster, memory),
            Acts(kubernetes, engine, memory, news, metrics),
            memory,
            news,
            follow=followers.follow,
            on_round=pulse.round,
            metrics=metrics,
        )
        tasks.create_task(reconciler.run(), name="reconciler")
        for each in installation.background:
            tasks.create_task(_kept_going(each, on_troubles), name="background")


async def _kept_going(background: Background, on_troubles: OnTroubles) -> None:
    """Begin it again whenever it ends: what it finds on the cluster must not end the operator."""
    while True:
        # It tells changes: what the one before it has told is of the past.
        on_troubles({})
        try:
            await background(on_troubles)
            logger.error("a background task has ended and begins again")
        except Exception as error:
            logger.exception("a background task has failed and begins again", exc_info=error)
        await asyncio.sleep(AGAIN_S)


async def _until(stopping: asyncio.Event, *works: Awaitable[None]) -> bool:
    """Run these together until one ends or it is time to stop, then end the others; whether it is not time to stop yet.

    Raises what one of them raised.
    """
    tasks = [asyncio.ensure_future(each) for each in works]
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*tasks, stop):
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, Exception):
            raise each
    return not stopping.is_set()
