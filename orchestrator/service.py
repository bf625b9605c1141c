"""One orchestrator, whole: every part wired to the others by constructor, and the tasks that run beside the engine.

The roof (`flume.cli`) decides about settings, store and executors and hands them in; nothing here reads the
environment.
"""

import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from eventing.invocations import Executor
from eventing.tokens import AttemptTokens, PipelineKeys
from flume.ids import Millis
from flume.nodes.registry import Registry
from flume.pipeline import Lane
from flume.planning import FUNCTION_TIMEOUT_MAX, Circumstances
from orchestrator.bus import Bus
from orchestrator.effects import Effects
from orchestrator.engine import Engine, Limits
from orchestrator.gate import FairGate
from orchestrator.identifiers import Clock, IdSource
from orchestrator.janitor import Janitor
from orchestrator.keeper import Keeper
from orchestrator.observer import NoObserver, Observer
from orchestrator.pipelines import Pipelines
from orchestrator.plans import Plans
from orchestrator.preparation import Preparer
from orchestrator.runs import Runs
from orchestrator.scheduler import Scheduler
from orchestrator.store import OrchestratorRecord, Store
from orchestrator.tasks import task_group

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator decides. ``retention_days`` 0: runs are kept for ever."""

    secret_names: Collection[str] = ()
    retention_days: float = 0
    default_timezone: str = "UTC"
    function_timeout_max: timedelta = FUNCTION_TIMEOUT_MAX
    inline_effects: int = 256
    limits: Limits = field(default_factory=Limits)
    grace_s: float = 10.0
    fires_schedules: bool = True
    traces: bool = False


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """The parts that an API or a command works with."""

    id: str
    store: Store
    bus: Bus
    registry: Registry
    engine: Engine
    plans: Plans
    pipelines: Pipelines
    runs: Runs
    scheduler: Scheduler
    keeper: Keeper
    tokens: AttemptTokens
    pipeline_keys: PipelineKeys
    clock: Clock
    ids: IdSource
    options: Options

    def circumstances(self) -> Circumstances:
        """What definitions are checked against."""
        return circumstances_of(self.options)


@asynccontextmanager
async def running_orchestrator(
    *,
    store: Store,
    bus: Bus,
    registry: Registry,
    executors: Mapping[Lane, Executor],
    options: Options,
    clock: Clock,
    observer: Observer | None = None,
    crash_point: Callable[[str], None] = lambda name: None,
    jitter: Callable[[], float] = random.random,
) -> AsyncIterator[Orchestrator]:
    """An orchestrator at work for the length of the block; leaving it stops taking on work and lets go of its runs."""
    ids = IdSource(clock)
    identity = f"{socket.gethostname()}-{ids()}"
    circumstances = circumstances_of(options)
    plans = Plans(store, registry, circumstances)
    tokens = AttemptTokens(await store.secret_key("attempt-tokens"))
    effects = Effects(
        store=store,
        bus=bus,
        executors=executors,
        preparer=Preparer(tokens, options.secret_names, lambda: secrets.token_hex(16), traces=options.traces),
        gate=FairGate(options.inline_effects),
        clock=clock,
        ids=ids,
        jitter=jitter,
    )
    engine = Engine(
        id=identity,
        store=store,
        bus=bus,
        plans=plans,
        effects=effects,
        clock=clock,
        ids=ids,
        observer=observer or NoObserver(),
        limits=options.limits,
        retention_ms=int(options.retention_days * DAY_MS),
        grace_s=options.grace_s,
        crash_point=crash_point,
    )
    record = OrchestratorRecord(identity, socket.gethostname(), os.getpid(), clock(), Millis(0))
    keeper = Keeper(engine, store, record, clock=clock, ids=ids)
    runs = Runs(
        store=store,
        engine=engine,
        plans=plans,
        registry=registry,
        circumstances=lambda: circumstances,
        clock=clock,
        ids=ids,
    )
    scheduler = Scheduler(store=store, plans=plans, runs=runs, clock=clock, default_timezone=options.default_timezone)
    pipelines = Pipelines(
        store=store,
        bus=bus,
        types=registry,
        circumstances=lambda: circumstances,
        on_change=scheduler.changed,
        clock=clock,
        ids=ids,
    )
    async with engine:
        await keeper.renew()
        async with task_group() as beside:
            tasks = [beside.create_task(keeper.run(), name="keeper")]
            tasks.append(beside.create_task(Janitor(store, clock).run(), name="janitor"))
            if options.fires_schedules:
                tasks.append(beside.create_task(scheduler.run(), name="scheduler"))
            try:
                yield Orchestrator(
                    id=identity,
                    store=store,
                    bus=bus,
                    registry=registry,
                    engine=engine,
                    plans=plans,
                    pipelines=pipelines,
                    runs=runs,
                    scheduler=scheduler,
                    keeper=keeper,
                    tokens=tokens,
                    pipeline_keys=PipelineKeys(await store.secret_key("pipeline-keys")),
                    clock=clock,
                    ids=ids,
                    options=options,
                )
            finally:
                for task in tasks:
                    task.cancel()
        await engine.stop()
        await keeper.leave()


def circumstances_of(options: Options) -> Circumstances:
    """What definitions are checked against under these options."""
    return replace(
        Circumstances(), secrets=frozenset(options.secret_names), function_timeout_max=options.function_timeout_max
    )
