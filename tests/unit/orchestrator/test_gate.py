import asyncio

import pytest

from orchestrator.gate import FairGate


class Visitors:
    """Tasks that go through a gate and stay until they are let go."""

    def __init__(self, gate):
        self.gate = gate
        self.entered = []
        self._leave = {}

    async def _visit(self, key, name):
        async with self.gate.slot(key):
            self.entered.append(name)
            await self._leave[name].wait()

    async def come(self, key, name):
        self._leave[name] = asyncio.Event()
        task = asyncio.create_task(self._visit(key, name))
        await settle()
        return task

    async def go(self, name):
        self._leave[name].set()
        await settle()

    async def go_all(self):
        for event in self._leave.values():
            event.set()
        await settle()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_than_the_limit_are_inside():
    visitors = Visitors(FairGate(2))
    for name in "abc":
        await visitors.come("run", name)
    assert visitors.entered == ["a", "b"]
    assert visitors.gate.waiting == 1
    await visitors.go("a")
    assert visitors.entered == ["a", "b", "c"]
    await visitors.go_all()


async def test_those_who_wait_are_let_in_by_turns_of_their_keys():
    visitors = Visitors(FairGate(1))
    await visitors.come("x", "x0")
    for name in ("x1", "x2", "x3"):
        await visitors.come("x", name)
    await visitors.come("y", "y1")
    for name in ("x0", "x1", "y1", "x2", "x3"):
        await visitors.go(name)
    assert visitors.entered == ["x0", "x1", "y1", "x2", "x3"]


async def test_who_gives_up_waiting_leaves_no_trace():
    visitors = Visitors(FairGate(1))
    await visitors.come("x", "x0")
    waiting = await visitors.come("x", "x1")
    waiting.cancel()
    await settle()
    assert visitors.gate.waiting == 0
    await visitors.go("x0")
    await visitors.come("y", "y0")
    assert visitors.entered == ["x0", "y0"]
    await visitors.go_all()


async def test_a_place_handed_to_somebody_who_just_gave_up_is_passed_on():
    visitors = Visitors(FairGate(1))
    await visitors.come("x", "x0")
    first = await visitors.come("x", "x1")
    await visitors.come("x", "x2")
    visitors._leave["x0"].set()
    # One step for the visitor to leave and hand over, before the one who waits wakes up.
    await asyncio.sleep(0)
    first.cancel()
    await settle()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert visitors.entered == ["x0", "x2"]
    await visitors.go_all()


async def test_an_error_inside_frees_the_place():
    gate = FairGate(1)
    with pytest.raises(ValueError, match="inside"):
        async with gate.slot("x"):
            raise ValueError("inside")
    async with asyncio.timeout(1), gate.slot("y"):
        pass


async def test_a_larger_limit_lets_those_in_who_wait_and_a_smaller_one_sends_nobody_out():
    visitors = Visitors(FairGate(0))
    for name in "abc":
        await visitors.come("run", name)
    assert (visitors.entered, visitors.gate.held) == ([], 0)
    visitors.gate.resize(2)
    await settle()
    assert (visitors.entered, visitors.gate.held, visitors.gate.waiting) == (["a", "b"], 2, 1)
    visitors.gate.resize(1)
    await visitors.go("a")
    assert (visitors.entered, visitors.gate.held) == (["a", "b"], 1)
    await visitors.go("b")
    assert visitors.entered == ["a", "b", "c"]
    await visitors.go_all()
