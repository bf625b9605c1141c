import asyncio
from dataclasses import replace
from itertools import count

import pytest

from eventing.function_status import FunctionStatus
from orchestrator.bus import FUNCTIONS_TOPIC, FunctionChanged
from orchestrator.buses.memory import MemoryBus
from orchestrator.function_watch import MAX_SAMPLES, FunctionWatch, ScaleSample

ASLEEP = FunctionStatus("f", instances=0, ready=0, most=4, in_flight=0, events=0, cold_starts=0)
READY = replace(ASLEEP, instances=1, ready=1, cold_starts=1)


class Directory:
    """Functions that are as the test says."""

    def __init__(self, *statuses):
        self.now = statuses
        self._changes = asyncio.Event()

    def statuses(self):
        return self.now

    def become(self, *statuses):
        self.now = statuses
        self._changes.set()

    async def changed(self):
        await self._changes.wait()
        self._changes.clear()


def watch_of(directory, bus=None, **options):
    times = count(1)
    return FunctionWatch(directory, bus or MemoryBus(), lambda: next(times), **options)


def test_a_change_is_told_once_and_with_what_became_of_it():
    bus, other = MemoryBus(), replace(ASLEEP, name="g")
    directory = Directory(ASLEEP, other)
    watch = watch_of(directory, bus)
    watch.look()
    with bus.subscribe(FUNCTIONS_TOPIC) as subscription:
        directory.become(READY, other)
        watch.look()
        watch.look()

        assert subscription.take() == [FunctionChanged(READY)]


def test_the_scale_is_remembered_when_it_changes_and_not_with_every_event():
    directory = Directory(ASLEEP)
    watch = watch_of(directory)
    for status in (ASLEEP, READY, replace(READY, in_flight=1, events=1), replace(READY, events=1), ASLEEP):
        directory.become(status)
        watch.look()

    assert watch.scale_of("f") == (ScaleSample(1, 0, 0), ScaleSample(2, 1, 1), ScaleSample(3, 0, 0))
    assert watch.scale_of("unknown") == ()


def test_of_a_scale_that_goes_up_and_down_for_ever_only_the_latest_is_remembered():
    directory = Directory()
    watch = watch_of(directory)
    for number in range(MAX_SAMPLES + 5):
        directory.become(replace(READY, instances=number % 2, ready=number % 2))
        watch.look()

    samples = watch.scale_of("f")
    assert len(samples) == MAX_SAMPLES
    assert samples[-1].at == MAX_SAMPLES + 5


async def test_changes_that_follow_each_other_closely_are_told_as_one():
    bus, paused, go_on = MemoryBus(), asyncio.Event(), asyncio.Event()

    async def sleep(seconds):
        paused.set()
        await go_on.wait()

    directory = Directory(ASLEEP)
    running = asyncio.create_task(watch_of(directory, bus, sleep=sleep).run())
    with bus.subscribe(FUNCTIONS_TOPIC) as subscription:
        directory.become(READY)
        await paused.wait()
        assert subscription.take() == [FunctionChanged(READY)]

        for number in range(1, 4):
            directory.become(replace(READY, events=number))
            await asyncio.sleep(0)
        assert subscription.take() == []
        go_on.set()
        await subscription.wait()

        assert subscription.take() == [FunctionChanged(replace(READY, events=3))]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
