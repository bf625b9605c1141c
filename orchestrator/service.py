"""One orchestrator, whole: every part wired to the others by constructor, and the tasks that run beside the engine.

Putting it together and letting it work are two steps, so that a start that fails in between has moved no run. The roof
(`flume.cli`) decides about settings, store and executors and hands them in; nothing here reads the environment.
"""

import asyncio
import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeAlias

from eventing.attempts import OpenAttempts
from eventing.function_status import FunctionDirectory, NoFunctions
from eventing.invocations import Executor
from eventing.tokens import AttemptTokens, PipelineKeys
from flume.ids import Millis
from flume.nodes.registry import Registry
from flume.pipeline import Lane
from flume.planning import FUNCTION_TIMEOUT_MAX, Circumstances
from orchestrator.admission import Admission, Limits
from orchestrator.auditing import AuditLog
from orchestrator.bus import REPLICAS_TOPIC, Bus, RunsReady
from orchestrator.dead_letters import DeadLetters
from orchestrator.effects import Effects
from orchestrator.engine import Engine
from orchestrator.event_starts import EventStarts
from orchestrator.event_triggers import EventTriggers
from orchestrator.function_endpoints import FunctionEndpoints
from orchestrator.function_watch import FunctionWatch
from orchestrator.gate import FairGate
from orchestrator.grace import Grace
from orchestrator.identifiers import Clock, IdSource
from orchestrator.janitor import Janitor
from orchestrator.keeper import Keeper
from orchestrator.leases import Leases
from orchestrator.node_reports import NodeReports, ReportParts
from orchestrator.observer import NoObserver, Observer
from orchestrator.outage import StoreOutage
from orchestrator.outbox_upkeep import OutboxUpkeep
from orchestrator.packaged_types import PackagedTypes
from orchestrator.payload_exchange import PayloadExchange
from orchestrator.pipelines import Pipelines
from orchestrator.plans import Plans, change_of
from orchestrator.platform_reports import PlatformReports
from orchestrator.preparation import Preparer
from orchestrator.publisher import Publisher, RunEventSink
from orchestrator.run_events import RunEvents
from orchestrator.runs import Runs
from orchestrator.scheduler import Scheduler
from orchestrator.store import Audience, OrchestratorRecord, PipelineRecord, Store
from orchestrator.tasks import task_group
from orchestrator.wake_ups import WakeUpParts, WakeUps

DAY_MS = 24 * 3600 * 1000

Work: TypeAlias = dict[str, Callable[[], Coroutine[None, None, None]]]
"""Loops that go on until cancelled, by name."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator decides. ``retention_days`` 0: runs are kept for ever. ``version`` is told to other replicas.

    ``is_fired_elsewhere`` says of a cron schedule whether somebody else fires it, such as a PingSource.
    """

    secret_names: Collection[str] = ()
    retention_days: float = 0
    default_timezone: str = "UTC"
    function_timeout_max: timedelta = FUNCTION_TIMEOUT_MAX
    inline_effects: int = 256
    limits: Limits = field(default_factory=Limits)
    grace_s: float = 10.0
    fires_schedules: bool = True
    is_fired_elsewhere: Callable[[str], bool] = lambda schedule: False
    traces: bool = False
    version: str = ""

    @property
    def retention_ms(self) -> int:
        """How long an ended run is kept; 0: for ever."""
        return int(self.retention_days * DAY_MS)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the roof hands in.

    ``attempts`` are those that the executors wait for, ``functions`` knows the functions that they call. ``jitter`` gives
    numbers from 0 to below 1; ``crash_point`` is told where a test may end it all. ``run_event_sink`` takes events about runs
    besides the pipelines that listen for them here. ``resident_memory`` tells the bytes of memory that the process has.
    """

    store: Store
    bus: Bus
    registry: Registry
    executors: Mapping[Lane, Executor]
    options: Options
    clock: Clock
    attempts: OpenAttempts = field(default_factory=OpenAttempts)
    functions: FunctionDirectory = field(default_factory=NoFunctions)
    observer: Observer = field(default_factory=NoObserver)
    crash_point: Callable[[str], None] = lambda name: None
    jitter: Callable[[], float] = random.random
    resident_memory: Callable[[], int] = lambda: 0
    run_event_sink: RunEventSink | None = None


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """The parts that an API or a command works with, made by `build_orchestrator`. They do nothing before `working`."""

    id: str
    store: Store
    bus: Bus
    registry: Registry
    engine: Engine
    plans: Plans
    packaged_types: PackagedTypes
    pipelines: Pipelines
    runs: Runs
    scheduler: Scheduler
    keeper: Keeper
    wake_ups: WakeUps
    leases: Leases
    outage: StoreOutage
    audit: AuditLog
    tokens: AttemptTokens
    node_reports: NodeReports
    dead_letters: DeadLetters
    platform_reports: PlatformReports
    payloads: PayloadExchange
    endpoints: FunctionEndpoints
    functions: FunctionWatch
    pipeline_keys: PipelineKeys
    event_triggers: EventTriggers
    event_starts: EventStarts
    publishers: Mapping[Audience, Publisher]
    outbox_upkeep: OutboxUpkeep
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
        for whoever has other parts to stop first, which take of the same span. Raises `StoreError` for a store that somebody
        began to import into after it was opened.
        """
        grace = grace or Grace(self.options.grace_s)
        async with self.engine:
            await self.keeper.renew()
            try:
                # An import that began since the store was opened has seen our lease, or else we see its mark.
                await self.store.require_whole()
                await self.packaged_types.catch_up()
                await self.event_triggers.load()
                async with _going_on(self._work_to_the_end()):
                    try:
                        async with _going_on(self._work_until_it_stops()):
                            yield
                    finally:
                        await self.engine.stop(grace_s=grace.left_s())
            finally:
                await self.keeper.leave()
            self.bus.publish(REPLICAS_TOPIC, RunsReady())

    def _work_to_the_end(self) -> Work:
        """What goes on beside the engine until it has let go of its last run, by name.

        Were the lease not renewed in the grace, others would take the runs over while their attempts finish here.
        """
        return {
            "wake-ups": self.wake_ups.run,
            "keeper": self.keeper.run,
            "event triggers": self.event_triggers.run,
            "node types": self.packaged_types.run,
        }

    def _work_until_it_stops(self) -> Work:
        """What goes on beside the engine for as long as it takes on work, by name."""
        janitor = Janitor(
            self.store, self.clock, retention_ms=self.options.retention_ms, leases=self.leases, outage=self.outage
        )
        work = {"janitor": janitor.run, "functions": self.functions.run, "outbox": self.outbox_upkeep.run}
        work |= {f"publisher {audience}": publisher.run for audience, publisher in self.publishers.items()}
        return {**work, "scheduler": self.scheduler.run} if self.options.fires_schedules else work


@asynccontextmanager
async def _going_on(work: Work) -> AsyncIterator[None]:
    """Let all of the work go on for the length of the block."""
    async with task_group() as beside:
        tasks = [beside.create_task(each(), name=name) for name, each in work.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def build_orchestrator(parts: Parts) -> Orchestrator:
    """Put the parts together. Nothing moves a run before `Orchestrator.working`; of the store, only its keys are read."""
    options, clock = parts.options, parts.clock
    ids = IdSource(clock)
    circumstances = circumstances_of(options)
    outage = StoreOutage()
    packaged_types = PackagedTypes(parts.store, parts.registry, on_change=lambda: plans.forget(), outage=outage)
    plans = Plans(parts.store, parts.registry, circumstances, catch_up=packaged_types.catch_up)
    tokens = AttemptTokens(await parts.store.secret_key("attempt-tokens"))
    event_triggers = EventTriggers(parts.store, outage=outage)
    news = {audience: asyncio.Event() for audience in Audience}

    def outbox_grew() -> None:
        for each in news.values():
            each.set()

    run_events = RunEvents(event_triggers, is_published=parts.run_event_sink is not None, traces=options.traces)
    effects = _build_effects(parts, tokens, ids, outage)
    engine = _build_engine(parts, plans, effects, ids, run_events, outage, outbox_grew)
    leases = Leases(parts.store, _record_of(engine, options, clock), runs=lambda: engine.active_count, clock=clock)
    runs = Runs(
        store=parts.store,
        engine=engine,
        bus=parts.bus,
        plans=plans,
        clock=clock,
        ids=ids,
    )
    keeper = Keeper(engine, parts.store, leases, outage=outage, clock=clock, ids=ids)
    payloads = PayloadExchange(parts.store, tokens)
    node_reports = NodeReports(
        ReportParts(
            tokens=tokens,
            attempts=parts.attempts,
            engine=engine,
            store=parts.store,
            bus=parts.bus,
            exchange=payloads,
            arrived=keeper.arrived,
            clock=clock,
            ids=ids,
        )
    )
    scheduler = Scheduler(
        store=parts.store,
        plans=plans,
        runs=runs,
        clock=clock,
        default_timezone=options.default_timezone,
        is_fired_elsewhere=options.is_fired_elsewhere,
        outage=outage,
    )

    def changed(pipeline: PipelineRecord, exists: bool) -> None:
        scheduler.changed()
        event_triggers.changed(pipeline, exists)

    pipelines = Pipelines(
        store=parts.store,
        bus=parts.bus,
        types=parts.registry,
        circumstances=lambda: circumstances,
        look_at_types=packaged_types.look,
        on_change=changed,
        clock=clock,
        ids=ids,
    )
    event_starts = EventStarts(
        pipelines=pipelines,
        runs=runs,
        triggers=event_triggers,
        due_at=scheduler.due_at,
        note_firing=scheduler.note_firing,
    )
    sinks: dict[Audience, RunEventSink] = {Audience.HERE: event_starts}
    if parts.run_event_sink is not None:
        sinks[Audience.OUTSIDE] = parts.run_event_sink
    return Orchestrator(
        id=engine.id,
        store=parts.store,
        bus=parts.bus,
        registry=parts.registry,
        engine=engine,
        plans=plans,
        packaged_types=packaged_types,
        pipelines=pipelines,
        runs=runs,
        scheduler=scheduler,
        keeper=keeper,
        wake_ups=_build_wake_ups(parts, engine, keeper),
        leases=leases,
        outage=outage,
        audit=AuditLog(parts.store, clock, ids),
        tokens=tokens,
        node_reports=node_reports,
        dead_letters=DeadLetters(node_reports),
        platform_reports=PlatformReports(node_reports, parts.bus, clock),
        payloads=payloads,
        endpoints=FunctionEndpoints(node_reports, payloads),
        functions=FunctionWatch(parts.functions, parts.bus, clock),
        pipeline_keys=PipelineKeys(await parts.store.secret_key("pipeline-keys")),
        event_triggers=event_triggers,
        event_starts=event_starts,
        publishers={
            audience: Publisher(
                engine.id, parts.store, audience, sink, news=news[audience], crash_point=parts.crash_point
            )
            for audience, sink in sinks.items()
        },
        outbox_upkeep=OutboxUpkeep(
            engine.id,
            parts.store,
            live_owners=leases.live_owners,
            on_backlog=outbox_grew,
            clock=clock,
            outage=outage,
        ),
        clock=clock,
        ids=ids,
        options=options,
    )


def _build_wake_ups(parts: Parts, engine: Engine, keeper: Keeper) -> WakeUps:
    return WakeUps(
        WakeUpParts(
            owner=engine.id,
            bus=parts.bus,
            attempts=parts.attempts,
            has=engine.is_active,
            arrived=keeper.arrived,
            look=keeper.look,
        )
    )


def _build_effects(parts: Parts, tokens: AttemptTokens, ids: IdSource, outage: StoreOutage) -> Effects:
    options = parts.options
    return Effects(
        store=parts.store,
        bus=parts.bus,
        executors=parts.executors,
        preparer=Preparer(
            tokens,
            options.secret_names,
            lambda: secrets.token_hex(16),
            change_of=lambda node_type: change_of(node_type.name, node_type.version, parts.registry),
            traces=options.traces,
        ),
        gate=FairGate(options.inline_effects),
        clock=parts.clock,
        ids=ids,
        outage=outage,
        jitter=parts.jitter,
    )


def _build_engine(
    parts: Parts,
    plans: Plans,
    effects: Effects,
    ids: IdSource,
    run_events: RunEvents,
    outage: StoreOutage,
    on_outbox: Callable[[], None],
) -> Engine:
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
        admission=Admission(options.limits, resident=parts.resident_memory),
        outage=outage,
        retention_ms=options.retention_ms,
        grace_s=options.grace_s,
        crash_point=parts.crash_point,
        run_events=run_events,
        on_outbox=on_outbox,
    )


def _record_of(engine: Engine, options: Options, clock: Clock) -> OrchestratorRecord:
    host, pid = socket.gethostname(), os.getpid()
    return OrchestratorRecord(engine.id, host, pid, clock(), Millis(0), version=options.version)


def circumstances_of(options: Options) -> Circumstances:
    """What definitions are checked against under these options."""
    return replace(
        Circumstances(), secrets=frozenset(options.secret_names), function_timeout_max=options.function_timeout_max
    )
