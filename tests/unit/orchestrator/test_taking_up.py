import asyncio

import pytest

from flume.errors import StoreError, UnavailableError
from flume.ids import RunId
from orchestrator.outage import StoreOutage
from orchestrator.taking_up import Doubts, for_each


class Engine:
    """Takes up runs, or fails as many times as it has ``errors``; those in ``unreadable`` and ``slow`` never."""

    def __init__(self):
        self.taken, self.errors, self.unreadable, self.slow = [], [], {}, set()
        self.took = asyncio.Event()

    async def take_up(self, run_id):
        if self.errors:
            raise self.errors.pop()
        if run_id in self.slow:
            raise UnavailableError("not in time")
        if run_id in self.unreadable:
            self.unreadable[run_id] += 1
            raise StoreError("too large to be read")
        self.taken.append(run_id)
        self.took.set()


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
async def doubts(engine, monkeypatch):
    monkeypatch.setattr("orchestrator.taking_up.delay_s", lambda tries: 0)
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


async def test_a_run_that_can_not_be_read_holds_up_no_other_and_is_tried_again(engine, doubts):
    engine.unreadable = {"a": 0}
    doubts.add(RunId("a"))
    doubts.add(RunId("b"))
    async with asyncio.timeout(5):
        await engine.took.wait()
    assert (engine.taken, engine.unreadable["a"] > 0) == (["b"], True)

    engine.unreadable = {}
    engine.took.clear()
    async with asyncio.timeout(5):
        await engine.took.wait()
    assert engine.taken == ["b", "a"]


async def test_each_run_has_its_turn_whatever_the_store_says_of_the_others():
    engine = Engine()
    engine.unreadable = {"b": 0, "c": 0}

    failure = await for_each([RunId(run_id) for run_id in "abcd"], engine.take_up)

    assert engine.taken == ["a", "d"]
    assert str(failure) == "the store fails for 2 of the runs to go on with, such as b: too large to be read"
    assert await for_each([RunId("a")], engine.take_up) is None


@pytest.mark.parametrize(("away", "taken"), [(2, ["c", "d"]), (3, [])])
async def test_a_store_that_is_away_is_not_asked_for_one_run_after_the_other(away, taken):
    engine = Engine()
    engine.errors = [UnavailableError("away")] * away

    failure = await for_each([RunId(run_id) for run_id in "abcd"], engine.take_up)

    assert isinstance(failure, UnavailableError)
    assert engine.taken == taken


async def test_a_store_that_is_away_for_some_runs_alone_is_asked_for_all():
    engine = Engine()
    engine.slow = {"a", "b", "d", "e"}

    assert isinstance(await for_each([RunId(run_id) for run_id in "abcdef"], engine.take_up), UnavailableError)
    assert engine.taken == ["c", "f"]


async def test_a_run_can_be_doubted_again(engine, doubts):
    for _ in range(2):
        engine.took.clear()
        doubts.add(RunId("a"))
        async with asyncio.timeout(5):
            await engine.took.wait()
    assert engine.taken == ["a", "a"]
