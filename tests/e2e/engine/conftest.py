"""Runs pipelines through a whole orchestrator, on a store of its own or in a folder that outlives it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from eventing.attempts import OpenAttempts
from eventing.in_process import InProcessExecutor
from flume.cli.local import make_registry, wall_clock
from flume.errors import StoreError
from flume.ids import Millis, NodeId
from flume.nodes import Node, NodeConfig, NodeInput
from flume.nodes.node import NodeSettings
from flume.pipeline import Lane
from flume.source import read_source
from orchestrator.admission import Limits
from orchestrator.buses.memory import MemoryBus
from orchestrator.runs import Start
from orchestrator.service import Options, Orchestrator, Parts, build_orchestrator
from orchestrator.store import CommitResult, Verdict
from orchestrator.stores.sqlite.store import SqliteStore
from orchestrator.values import RunValues


class ManualClock:
    """Stands still until told otherwise."""

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self.now = now

    def __call__(self) -> Millis:
        return Millis(self.now)

    def forward(self, ms: int) -> None:
        self.now += ms


class FragileStore:
    """A store that fails on demand: while ``failing`` is set, ``broken`` methods raise instead of doing anything.

    ``kept`` are all commits that it took; ``refuses`` says of a commit that it can never be written.
    """

    def __init__(self, store) -> None:
        self._store = store
        self.failing = False
        self.broken = {"commit"}
        self.refuses = lambda commit: False
        self.kept = []
        self.tries = 0

    def __getattr__(self, name):
        method = getattr(self._store, name)

        def guarded(*arguments, **named):
            if self.failing and name in self.broken:
                raise StoreError("the disk is full; make room")
            return method(*arguments, **named)

        return guarded

    async def commit(self, commits):
        self.tries += 1
        if self.failing and "commit" in self.broken:
            raise StoreError("the disk is full; make room")
        good = [commit for commit in commits if not self.refuses(commit)]
        results = iter(await self._store.commit(good))
        self.kept += good
        lost = CommitResult(Verdict.LOST, error="too big for this store")
        return [next(results) if commit in good else lost for commit in commits]


def _node_classes(does: dict[str, Callable[..., Any]]):
    """Node types whose work a test writes as a function: ``does[name](context, value)``."""

    class Config(NodeConfig):
        do: str

    class Input(NodeInput):
        value: Any = None

    class Call(Node):
        """Awaits the function."""

        name = "call"

        async def execute(self, input):
            return await does[self.config.do](self.context, input.value)

    class ThreadCall(Node):
        """Calls the function in a thread."""

        name = "thread-call"

        def execute(self, input):
            return does[self.config.do](self.context, input.value)

    class PureCall(Node):
        """Calls the function within a stretch."""

        name = "pure-call"
        pure = True

        async def execute(self, input):
            return does[self.config.do](self.context, input.value)

    class PureThreadCall(Node):
        """Calls the function in a thread, although it is pure."""

        name = "pure-thread-call"
        pure = True

        def execute(self, input):
            return does[self.config.do](self.context, input.value)

    class PureAsyncCall(Node):
        """Awaits the function, within a stretch if it does not wait."""

        name = "pure-async-call"
        pure = True

        async def execute(self, input):
            return await does[self.config.do](self.context, input.value)

    classes = (Call, ThreadCall, PureCall, PureThreadCall, PureAsyncCall)
    for node_class in classes:
        node_class.Config, node_class.Input = Config, Input
    return classes


class World:
    """What a test does with an orchestrator."""

    def __init__(self, orchestrator: Orchestrator, does: dict[str, Callable[..., Any]]) -> None:
        self.orchestrator = orchestrator
        self.engine = orchestrator.engine
        self.store = orchestrator.store
        self.runs = orchestrator.runs
        self.keeper = orchestrator.keeper
        self.does = does

    async def save(self, nodes, edges="", **more):
        """A pipeline of these nodes and edges, both as YAML lines."""
        head = f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: {more.pop('name', 'sample')}}}\n"
        rest = "".join(f"{key}: {value}\n" for key, value in more.items())
        text = f"{head}{rest}nodes:\n{nodes}\n" + (f"edges:\n{edges}\n" if edges else "")
        return (await self.orchestrator.pipelines.save(read_source(text))).record

    async def start(self, record, **start):
        return await self.orchestrator.runs.start(record, Start(**start))

    async def end(self, run_id):
        """The run once it has ended."""
        return await self.until(run_id, lambda run: run.status.is_ended)

    async def until(self, run_id, is_enough):
        """The run once ``is_enough`` holds for it, as it is stored then."""
        with self.engine.watch(run_id) as watch:
            stored = await self.store.load_run(run_id)
            if is_enough(stored.run):
                return stored.run
            return await watch.until(is_enough)

    async def run(self, nodes, edges="", data=None, **more):
        """The final state of a run of these nodes."""
        started = await self.start(await self.save(nodes, edges, **more), data=data)
        return await self.end(started.run_id)

    async def output(self, run):
        """A run's output."""
        return await RunValues(self.store).load_output(run.root.output)

    async def keep(self, *nodes, edges=(), name="sample", **top):
        """A pipeline of these nodes; an edge is written ``from>to`` or ``from>to:port``."""
        document = {
            "apiVersion": "flume/v1",
            "kind": "Pipeline",
            "metadata": {"name": name},
            "nodes": list(nodes),
            "edges": [_edge(text) for text in edges],
            **top,
        }
        return (await self.orchestrator.pipelines.save(read_source(json.dumps(document)))).record

    async def begin(self, *nodes, edges=(), data=None, **top):
        """The id of a run that has begun."""
        return (await self.start(await self.keep(*nodes, edges=edges, **top), data=data)).run_id

    async def go(self, *nodes, edges=(), data=None, **top):
        """The final state of a run."""
        return await self.end(await self.begin(*nodes, edges=edges, data=data, **top))

    async def value(self, run, node):
        """What a node of the top level gave."""
        return await RunValues(self.store).load_stored(run.root.nodes[NodeId(node)].output)

    async def logs(self, run_id):
        """All lines of a run."""
        lines, cursor = [], None
        while True:
            page = await self.store.read_logs(run_id, after=cursor, limit=5000)
            if not page.items:
                return lines
            lines += page.items
            cursor = page.cursor

    async def rev(self, run_id):
        return (await self.store.load_run(run_id)).rev

    async def is_true(self, claim):
        """Return once a claim about the world holds."""
        async with asyncio.timeout(20):
            while not claim():  # noqa: ASYNC110 - a claim about the world has no event of its own
                await asyncio.sleep(0.002)


def _edge(text):
    ends, _, port = text.partition(":")
    source, target = ends.split(">")
    return {"from": source, "to": target, **({"port": port} if port else {})}


@asynccontextmanager
async def opened(
    folder: Path | None = None,
    secrets=None,
    *,
    node_paths=(),
    does=None,
    clock=wall_clock,
    jitter=random.random,
    wrap=lambda store: store,
    limits=None,
    grace_s=0.0,
    retention_days=0,
    crash_point=lambda name: None,
    fires_schedules=False,
    is_fired_elsewhere=lambda schedule: False,
    inline_effects=256,
    lanes=None,
    bus=None,
    run_event_sink=None,
    traces=False,
    attempts=None,
    is_at_work=True,
) -> AsyncIterator[World]:
    """An orchestrator for the length of the block, at work unless ``is_at_work`` is False."""
    secrets, does = secrets or {}, {} if does is None else does
    registry = make_registry(list(node_paths))
    for node_class in _node_classes(does):
        registry.register(node_class)
    options = Options(
        secret_names=tuple(secrets),
        inline_effects=inline_effects,
        limits=limits or Limits(),
        grace_s=grace_s,
        retention_days=retention_days,
        fires_schedules=fires_schedules,
        is_fired_elsewhere=is_fired_elsewhere,
        traces=traces,
    )
    async with (
        SqliteStore.temporary() if folder is None else SqliteStore.open(folder) as store,
        InProcessExecutor(NodeSettings(), secrets) as executor,
    ):
        orchestrator = await build_orchestrator(
            Parts(
                store=wrap(store),
                bus=bus or MemoryBus(),
                registry=registry,
                executors=lanes or dict.fromkeys(Lane, executor),
                options=options,
                clock=clock,
                crash_point=crash_point,
                jitter=jitter,
                run_event_sink=run_event_sink,
                attempts=attempts or OpenAttempts(),
            )
        )
        async with orchestrator.working() if is_at_work else nullcontext():
            yield World(orchestrator, does)


@pytest.fixture
def open_world():
    return opened


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def fragile():
    """A store to be wrapped around the world's own: ``open_world(wrap=fragile)``."""

    class Wrapper:
        store: FragileStore

        def __call__(self, store):
            self.store = FragileStore(store)
            return self.store

    return Wrapper()


@pytest.fixture
async def world():
    async with opened() as made:
        yield made
