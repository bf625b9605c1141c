"""Composes an orchestrator on the embedded store: settings in, parts out, readable as a list."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from eventing.in_process import InProcessExecutor
from flume.cli.settings import Settings, split_list
from flume.ids import Millis
from flume.nodes.discovery import load_path
from flume.nodes.node import NodeSettings
from flume.nodes.registry import Registry, installed_node_types
from flume.pipeline import Lane
from orchestrator.bus import MemoryBus
from orchestrator.engine import Limits
from orchestrator.observer import NoObserver, Observer
from orchestrator.service import Options, Orchestrator, Parts, build_orchestrator
from orchestrator.stores.sqlite.store import SqliteStore


def wall_clock() -> Millis:
    """The present moment."""
    return Millis(time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Composition:
    """What decides how an orchestrator is put together. ``data`` None: a store that is gone when the process ends."""

    settings: Settings
    secrets: Mapping[str, str]
    data: Path | None
    node_paths: Sequence[Path] = ()
    observer: Observer = field(default_factory=NoObserver)
    fires_schedules: bool = True
    crash_point: Callable[[str], None] = lambda name: None


def make_registry(node_paths: Sequence[Path]) -> Registry:
    """Built-in and installed node types and those of files and folders; what can't be loaded is in ``failures``."""
    registry = Registry(installed_node_types)
    for path in node_paths:
        load_path(registry, path)
    return registry


@asynccontextmanager
async def local_orchestrator(composition: Composition) -> AsyncIterator[Orchestrator]:
    """An orchestrator on SQLite that runs every lane in this process, at work for the length of the block."""
    async with put_together(composition) as orchestrator, orchestrator.working():
        yield orchestrator


@asynccontextmanager
async def put_together(composition: Composition) -> AsyncIterator[Orchestrator]:
    """A local orchestrator that does nothing yet: its store is open, and its node types are loaded."""
    settings = composition.settings
    node_settings = NodeSettings(
        http_allow=split_list(settings.http_allow),
        http_deny=split_list(settings.http_deny),
        llm_url=settings.llm_url,
        llm_api_key=settings.llm_api_key,
        mongodb_url=settings.node_mongodb_url,
        redis_url=settings.node_redis_url,
        platform_database=settings.platform_database,
    )
    async with (
        _open_store(composition.data) as store,
        InProcessExecutor(node_settings, composition.secrets) as executor,
    ):
        yield await build_orchestrator(
            Parts(
                store=store,
                bus=MemoryBus(),
                registry=make_registry([*settings.node_paths(), *composition.node_paths]),
                executors=dict.fromkeys(Lane, executor),
                options=options_of(settings, composition),
                clock=wall_clock,
                observer=composition.observer,
                crash_point=composition.crash_point,
            )
        )


def _open_store(folder: Path | None) -> AbstractAsyncContextManager[SqliteStore]:
    return SqliteStore.temporary() if folder is None else SqliteStore.open(folder)


def options_of(settings: Settings, composition: Composition) -> Options:
    """What the settings say to an orchestrator."""
    return Options(
        secret_names=tuple(composition.secrets),
        retention_days=settings.retention_days,
        default_timezone=settings.timezone,
        function_timeout_max=timedelta(seconds=settings.function_timeout_max),
        limits=Limits(runs=settings.max_runs),
        grace_s=settings.grace,
        fires_schedules=composition.fires_schedules,
        traces=bool(settings.otlp_endpoint),
    )
