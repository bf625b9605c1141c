import asyncio

import pytest

from flume.errors import UnavailableError
from flume.ids import RunId
from orchestrator.outage import StoreOutage
from orchestrator.taking_up import Doubts


class Engine:
    """Takes up runs, or fails as many times as it has ``errors``."""

    def __init__(self):
        self.taken, self.errors = [], []
        self.took = asyncio.Event()

    async def take_up(self, run_id):
        if self.errors:
            raise self.errors.pop()
        self.taken.append(run_id)
        self.took.set()


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
async def doubts(engine, monkeypatch):
    monkeypatch.setattr("orchestrator.outage.delay_s", lambda tries: 0)
    made = Doubts(engine.take_up, outage=StoreOutage())
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()


async def test_a_doubtful_run_is_taken_up_once_however_often_it_was_doubted(engine, doubts):
    for run_id in ("a", "b", "a"):
        doubts.add(RunId(run_id))
    async with asyncio.timeout(5):
        await engine.took.wait()
    assert engine.taken == ["a", "b"]


async def test_doubts_outlive_an_outage_of_the_store(engine, doubts):
    engine.errors = [UnavailableError("away")] * 3
    doubts.add(RunId("a"))
    async with asyncio.timeout(5):
        await engine.took.wait()
    assert engine.taken == ["a"]


async def test_a_run_can_be_doubted_again(engine, doubts):
    for _ in range(2):
        engine.took.clear()
        doubts.add(RunId("a"))
        async with asyncio.timeout(5):
            await engine.took.wait()
    assert engine.taken == ["a", "a"]
