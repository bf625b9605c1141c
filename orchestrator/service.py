"""One orchestrator, whole: every part wired to the others by constructor, and the tasks that run beside the engine.

Putting it together and letting it work are two steps, so that a start that fails in between has moved no run. The roof
(`flume.cli`) decides about settings, store and executors and hands them in; nothing here reads the environment.
"""

import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from eventing.invocations import Executor
from eventing.tokens import AttemptTokens, PipelineKeys
from flume.ids import Millis
from flume.nodes.registry import Registry
from flume.pipeline import Lane
from flume.planning import FUNCTION_TIMEOUT_MAX, Circumstances
from orchestrator.auditing import AuditLog
from orchestrator.bus import Bus
from orchestrator.effects import Effects
from orchestrator.engine import Engine, Limits
from orchestrator.gate import FairGate
from orchestrator.grace import Grace
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
class Parts:
    """What the roof hands in. ``jitter`` gives numbers from 0 to below 1; ``crash_point`` is told where a test may end it all."""

    store: Store
    bus: Bus
    registry: Registry
    executors: Mapping[Lane, Executor]
    options: Options
    clock: Clock
    observer: Observer = field(default_factory=NoObserver)
    crash_point: Callable[[str], None] = lambda name: None
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """The parts that an API or a command works with, made by `build_orchestrator`. They do nothing before `working`."""

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
    audit: AuditLog
    tokens: AttemptTokens
    pipeline_keys: PipelineKeys
    clock: Clock
    ids: IdSource
    options: Options

    def circumstances(self) -> Circumstances:
        """What definitions are checked against."""
        return circumstances_of(self.options)

    @asynccontextmanager
    async def working(self, grace: Grace | None = None) -> AsyncIterator[None]:
        """Move runs, fire schedules and tidy up for the length of the block, once; leaving it lets go of all runs.

        The runs of lost owners are taken up at once, so that every node type has to be in the registry before. ``grace`` is
        for whoever has other parts to stop first, which take of the same span.
        """
        grace = grace or Grace(self.options.grace_s)
        async with self.engine:
            await self.keeper.renew()
            async with task_group() as beside:
                tasks = [beside.create_task(work(), name=name) for name, work in self._work_beside().items()]
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()
            await self.engine.stop(grace_s=grace.left_s())
            await self.keeper.leave()

    def _work_beside(self) -> dict[str, Callable[[], Coroutine[None, None, None]]]:
        """What goes on beside the engine, by name."""
        janitor = Janitor(self.store, self.clock, retention_ms=int(self.options.retention_days * DAY_MS))
        work = {"keeper": self.keeper.run, "janitor": janitor.run}
        return {**work, "scheduler": self.scheduler.run} if self.options.fires_schedules else work


async def build_orchestrator(parts: Parts) -> Orchestrator:
    """Put the parts together. Nothing moves a run before `Orchestrator.working`; of the store, only its keys are read."""
    options, clock = parts.options, parts.clock
    ids = IdSource(clock)
    circumstances = circumstances_of(options)
    plans = Plans(parts.store, parts.registry, circumstances)
    tokens = AttemptTokens(await parts.store.secret_key("attempt-tokens"))
    engine = _build_engine(parts, plans, _build_effects(parts, tokens, ids), ids)
    record = OrchestratorRecord(engine.id, socket.gethostname(), os.getpid(), clock(), Millis(0))
    runs = Runs(
        store=parts.store,
        engine=engine,
        plans=plans,
        clock=clock,
        ids=ids,
    )
    scheduler = Scheduler(
        store=parts.store, plans=plans, runs=runs, clock=clock, default_timezone=options.default_timezone
    )
    return Orchestrator(
        id=engine.id,
        store=parts.store,
        bus=parts.bus,
        registry=parts.registry,
        engine=engine,
        plans=plans,
        pipelines=Pipelines(
            store=parts.store,
            bus=parts.bus,
            types=parts.registry,
            circumstances=lambda: circumstances,
            on_change=scheduler.changed,
            clock=clock,
            ids=ids,
        ),
        runs=runs,
        scheduler=scheduler,
        keeper=Keeper(engine, parts.store, record, clock=clock, ids=ids),
        audit=AuditLog(parts.store, clock, ids),
        tokens=tokens,
        pipeline_keys=PipelineKeys(await parts.store.secret_key("pipeline-keys")),
        clock=clock,
        ids=ids,
        options=options,
    )


def _build_effects(parts: Parts, tokens: AttemptTokens, ids: IdSource) -> Effects:
    options = parts.options
    return Effects(
        store=parts.store,
        bus=parts.bus,
        executors=parts.executors,
        preparer=Preparer(tokens, options.secret_names, lambda: secrets.token_hex(16), traces=options.traces),
        gate=FairGate(options.inline_effects),
        clock=parts.clock,
        ids=ids,
        jitter=parts.jitter,
    )


def _build_engine(parts: Parts, plans: Plans, effects: Effects, ids: IdSource) -> Engine:
    options = parts.options
    return Engine(
        id=f"{socket.gethostname()}-{ids()}",
        store=parts.store,
        bus=parts.bus,
        plans=plans,
        effects=effects,
        clock=parts.clock,
        ids=ids,
        observer=parts.observer,
        limits=options.limits,
        retention_ms=int(options.retention_days * DAY_MS),
        grace_s=options.grace_s,
        crash_point=parts.crash_point,
    )


def circumstances_of(options: Options) -> Circumstances:
    """What definitions are checked against under these options."""
    return replace(
        Circumstances(), secrets=frozenset(options.secret_names), function_timeout_max=options.function_timeout_max
    )
