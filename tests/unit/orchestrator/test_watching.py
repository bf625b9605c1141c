import asyncio
from types import SimpleNamespace

from orchestrator.bus import LogsWritten, RunChanged, logs_topic, namespace_topic, run_topic
from orchestrator.buses.memory import MemoryBus
from orchestrator.state import RunStatus
from orchestrator.watching import Announcer, Watch


class Observer:
    def __init__(self):
        self.seen = []

    def committed(self, size, seconds):
        pass

    def advanced(self, plan, commit):
        self.seen.append(commit.rev)


def commit(rev, run_id="r", logs=()):
    origin = SimpleNamespace(namespace="default", pipeline="sample")
    run = SimpleNamespace(id=run_id, origin=origin, status=RunStatus.RUNNING, rev=rev)
    return SimpleNamespace(run=run, rev=rev, logs=logs)


async def test_a_watch_gives_the_latest_state_once():
    watch = Watch()
    watch.see("one", 1)
    watch.see("two", 2)
    assert (await watch.next(), watch.rev) == ("two", 2)
    waiting = asyncio.create_task(watch.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    watch.see("three", 3)
    assert await waiting == "three"


async def test_a_watch_waits_for_what_is_enough():
    watch = Watch()
    waiting = asyncio.create_task(watch.until(lambda run: run >= 2))
    for run in (1, 2):
        await asyncio.sleep(0)
        watch.see(run, run)
    assert await waiting == 2


async def test_commits_reach_the_watches_of_their_run_and_nobody_afterwards():
    announcer = Announcer(MemoryBus(), Observer())
    with announcer.watch("r") as watch, announcer.watch("r") as second, announcer.watch("other") as other:
        announcer.announce(None, commit(1))
        assert (watch.rev, second.rev, other.rev) == (1, 1, 0)
    announcer.announce(None, commit(2))
    assert watch.rev == 1


async def test_bus_and_observer_are_told():
    bus, observer = MemoryBus(), Observer()
    announcer = Announcer(bus, observer)
    with bus.subscribe(run_topic("r")) as run, bus.subscribe(namespace_topic("default")) as namespace:
        announcer.announce(None, commit(1, logs=("line",)))
        changed = RunChanged("r", "default", "sample", 1, RunStatus.RUNNING)
        assert run.take() == [changed, LogsWritten("r", ("line",), "sample")]
        assert namespace.take() == [changed]
    assert observer.seen == [1]


async def test_lines_are_told_to_those_who_follow_the_logs_of_a_namespace():
    bus = MemoryBus()
    with bus.subscribe(logs_topic("default")) as logs:
        Announcer(bus, Observer()).announce(None, commit(1, logs=("line",)))
        assert logs.take() == [LogsWritten("r", ("line",), "sample")]
