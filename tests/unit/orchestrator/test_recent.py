import asyncio

from orchestrator.recent import FRESH_MS, RecentPipelines


class Source:
    """Counts reads and says how many there were."""

    def __init__(self):
        self.now = 0
        self.reads = 0
        self.gate = None

    async def read(self, namespace, name):
        self.reads += 1
        answer = self.reads
        if self.gate is not None:
            await self.gate.wait()
        return (namespace, name, answer)

    def recent(self):
        return RecentPipelines(self.read, lambda: self.now)


async def test_a_record_is_read_again_only_when_it_is_old():
    source = Source()
    recent = source.recent()
    assert await recent.read("a", "x") == ("a", "x", 1)
    source.now = FRESH_MS - 1
    assert await recent.read("a", "x") == ("a", "x", 1)
    assert await recent.read("b", "x") == ("b", "x", 2)
    source.now = FRESH_MS
    assert await recent.read("a", "x") == ("a", "x", 3)


async def test_a_change_shows_at_once():
    recent = Source().recent()
    await recent.read("a", "x")
    recent.forget("a", "x")
    assert await recent.read("a", "x") == ("a", "x", 2)


async def test_what_was_read_while_something_changed_is_not_kept():
    source = Source()
    source.gate = asyncio.Event()
    recent = source.recent()
    reading = asyncio.create_task(recent.read("a", "x"))
    await asyncio.sleep(0)
    recent.forget("a", "x")
    source.gate.set()
    assert await reading == ("a", "x", 1)
    assert await recent.read("a", "x") == ("a", "x", 2)


async def test_a_clock_that_goes_back_keeps_nothing_for_long():
    source = Source()
    source.now = 10_000
    recent = source.recent()
    await recent.read("a", "x")
    source.now = 5_000
    assert await recent.read("a", "x") == ("a", "x", 2)
