"""Composes an orchestrator with functions on one machine: settings in, parts out, readable as a list."""

import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import flume
from eventing.in_process import InProcessExecutor
from flume.cli.elsewhere import Elsewhere, elsewhere_of
from flume.cli.lanes import Dispatch, FunctionLanes, LaneOptions
from flume.cli.memory import memory_bound, resident_bytes
from flume.cli.node_files import make_registry, without_own
from flume.cli.run_event_broker import RunEventBroker
from flume.cli.settings import Settings, split_list
from flume.cli.sharing import Shared, sharing
from flume.cli.stores import open_store
from flume.ids import Millis
from flume.nodes.node import NodeSettings
from flume.nodes.registry import Registry
from flume.pipeline import Lane
from knative.ping_schedules import has_ping_source
from orchestrator.admission import Limits
from orchestrator.identifiers import Clock
from orchestrator.names import moment
from orchestrator.observer import NoObserver, Observer
from orchestrator.service import Options, Orchestrator, Parts, build_orchestrator

if TYPE_CHECKING:
    from eventing.broker import Disorder


def wall_clock() -> Millis:
    """The present moment."""
    return Millis(time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Composition:
    """What decides how an orchestrator is put together.

    ``data`` None: a store that is gone when the process ends. ``mongodb_url``: a server that keeps everything instead.
    ``on_line`` is told what function processes print: the name of the node type, and a line. ``is_reachable``: answers can come
    over HTTP, so that functions may be elsewhere; ``elsewhere`` says how they are found there, None: as the settings say.
    ``may_be_on_cluster`` False: what the settings say of a cluster, its functions and PingSources, is meant for others.
    ``disorder`` is what a broker of this process does, and another ``clock`` than this machine's is one that jumps, for tests.
    """

    settings: Settings
    secrets: Mapping[str, str]
    data: Path | None
    node_paths: Sequence[Path] = ()
    observer: Observer = field(default_factory=NoObserver)
    on_line: Callable[[str, str], None] = lambda name, line: None
    fires_schedules: bool = True
    crash_point: Callable[[str], None] = lambda name: None
    is_reachable: bool = False
    elsewhere: Elsewhere | None = None
    may_be_on_cluster: bool = True
    disorder: "Disorder | None" = None
    mongodb_url: str = field(default="", repr=False)
    clock: Clock = wall_clock


@dataclass(frozen=True, slots=True)
class LocalParts:
    """An orchestrator that does nothing yet, and the functions of this machine that it has at its hands."""

    orchestrator: Orchestrator
    lanes: FunctionLanes


@asynccontextmanager
async def local_orchestrator(composition: Composition) -> AsyncIterator[Orchestrator]:
    """An orchestrator with functions in processes of their own, at work for the length of the block."""
    async with put_together(composition) as parts, parts.orchestrator.working():
        yield parts.orchestrator


@asynccontextmanager
async def put_together(composition: Composition) -> AsyncIterator[LocalParts]:
    """A local orchestrator that does nothing yet: its store is open, and its node types are loaded."""
    settings, secrets = composition.settings, composition.secrets
    node_settings = node_settings_of(settings)
    registry = make_registry([*settings.node_paths(), *composition.node_paths])
    async with (
        open_store(
            composition.data, composition.mongodb_url, settings.platform_database, clock=composition.clock
        ) as store,
        sharing(_redis_url(composition), store) as shared,
        InProcessExecutor(node_settings, secrets, clock=lambda: moment(composition.clock())) as executor,
        FunctionLanes(_lane_options(composition, registry, shared)) as lanes,
        _run_event_sink(composition) as run_event_sink,
    ):
        orchestrator = await build_orchestrator(
            Parts(
                store=store,
                bus=shared.bus,
                registry=registry,
                executors={**dict.fromkeys(Lane, lanes), Lane.ENGINE: executor},
                options=options_of(settings, composition),
                clock=composition.clock,
                attempts=lanes.attempts,
                functions=lanes,
                run_event_sink=run_event_sink,
                observer=composition.observer,
                crash_point=composition.crash_point,
                resident_memory=resident_bytes,
            )
        )
        lanes.attach(orchestrator)
        yield LocalParts(orchestrator, lanes)


def _redis_url(composition: Composition) -> str:
    """Of what orchestrators share; empty where there can't be another on the same store."""
    return composition.settings.redis_url if composition.mongodb_url and composition.is_reachable else ""


def _lane_options(composition: Composition, registry: Registry, shared: Shared) -> LaneOptions:
    settings = composition.settings
    return LaneOptions(
        registry=registry,
        settings=node_settings_of(settings),
        environment={**without_own(os.environ), "LOG_LEVEL": "warning"},
        secrets=composition.secrets,
        grace_s=settings.grace,
        on_line=composition.on_line,
        dispatch=_dispatch_of(composition),
        shared_limits=shared.limits,
        redis_url=_redis_url(composition),
    )


def _run_event_sink(composition: Composition) -> AbstractAsyncContextManager[RunEventBroker | None]:
    """Where events about runs go besides the pipelines that listen for them: the broker, if there is one."""
    url = composition.settings.broker_url
    return RunEventBroker(url) if url and composition.is_reachable else nullcontext()


def _dispatch_of(composition: Composition) -> Dispatch:
    settings = composition.settings
    elsewhere = composition.elsewhere
    if elsewhere is None and composition.is_reachable:
        elsewhere = elsewhere_of(settings, may_be_on_cluster=composition.may_be_on_cluster)
    return Dispatch(
        is_by_broker=settings.dispatch == "broker",
        broker_url=settings.broker_url,
        engine_url=settings.engine_url,
        elsewhere=elsewhere if composition.is_reachable else None,
        disorder=composition.disorder,
    )


def node_settings_of(settings: Settings) -> NodeSettings:
    """What the settings say to nodes."""
    return NodeSettings(
        http_allow=split_list(settings.http_allow),
        http_deny=split_list(settings.http_deny),
        llm_url=settings.llm_url,
        llm_api_key=settings.llm_api_key,
        mongodb_url=settings.node_mongodb_url,
        redis_url=settings.node_redis_url,
        platform_database=settings.platform_database,
        cache=settings.cache_folder(),
    )


def options_of(settings: Settings, composition: Composition) -> Options:
    """What the settings say to an orchestrator."""
    return Options(
        secret_names=tuple(composition.secrets),
        retention_days=settings.retention_days,
        default_timezone=settings.timezone,
        function_timeout_max=timedelta(seconds=settings.function_timeout_max),
        limits=Limits(runs=settings.max_runs, memory_bytes=memory_bound(settings.max_memory_mib)),
        grace_s=settings.grace,
        fires_schedules=composition.fires_schedules,
        is_fired_elsewhere=has_ping_source if _has_ping_sources(settings, composition) else _never,
        traces=bool(settings.otlp_endpoint),
        version=flume.__version__,
    )


def _has_ping_sources(settings: Settings, composition: Composition) -> bool:
    return settings.cron == "pingsource" and composition.may_be_on_cluster


def _never(schedule: str) -> bool:
    return False
