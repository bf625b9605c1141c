"""Runs pipelines through a whole orchestrator, on a store of its own or in a folder that outlives it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.runs import Start
from orchestrator.service import Orchestrator
from orchestrator.values import RunValues


class World:
    """What a test does with an orchestrator."""

    def __init__(self, orchestrator: Orchestrator) -> None:
        self.orchestrator = orchestrator
        self.engine = orchestrator.engine
        self.store = orchestrator.store

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
        with self.engine.watch(run_id) as watch:
            stored = await self.store.load_run(run_id)
            if stored.run.status.is_ended:
                return stored.run
            return await watch.until(lambda run: run.status.is_ended)

    async def run(self, nodes, edges="", data=None, **more):
        """The final state of a run of these nodes."""
        started = await self.start(await self.save(nodes, edges, **more), data=data)
        return await self.end(started.run_id)

    async def output(self, run):
        """A run's output."""
        return await RunValues(self.store).load_output(run.root.output)


@asynccontextmanager
async def opened(folder: Path | None, secrets=None, **composition) -> AsyncIterator[World]:
    """An orchestrator at work for the length of the block."""
    parts = Composition(Settings(grace=0), secrets or {}, folder, **composition)
    async with local_orchestrator(parts) as orchestrator:
        yield World(orchestrator)


@pytest.fixture
def open_world():
    return opened


@pytest.fixture
async def world():
    async with opened(None) as made:
        yield made
