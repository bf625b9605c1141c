"""Threads that may be left behind: bounded in number, used again, and never in the way of an exit."""

import asyncio
import subprocess
import sys
import threading

import pytest

from eventing.node_threads import NodeThreads


@pytest.fixture
def threads():
    made = NodeThreads(2)
    yield made
    made.close()


async def called(threads, function):
    async with threads.place() as place:
        return await place.call(function)


async def is_true(claim):
    while not claim():  # noqa: ASYNC110 - what a thread does has no event of its own here
        await asyncio.sleep(0.001)


async def test_a_call_gives_what_it_returns_or_raises(threads):
    assert await called(threads, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await called(threads, lambda: 1 // 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await called(threads, lambda: next(iter(())))


async def test_a_thread_with_nothing_to_do_takes_the_next_call(threads):
    used = {await called(threads, threading.get_ident) for _ in range(5)}
    assert len(used) == 1


async def test_no_more_calls_than_places_at_a_time_and_a_place_that_is_not_used_is_free_again(threads):
    go, running = threading.Event(), []

    def work():
        running.append(1)
        go.wait(20)

    async with threads.place():
        first = asyncio.create_task(called(threads, work))
        second = asyncio.create_task(called(threads, work))
        await is_true(lambda: running)
        assert not second.done()
    await is_true(lambda: len(running) == 2)
    third = asyncio.create_task(called(threads, work))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(running) == 2
    go.set()
    await asyncio.gather(first, second, third)
    assert len(running) == 3


async def test_a_call_that_was_given_up_keeps_its_place_until_it_returns():
    threads, go, begun = NodeThreads(1), threading.Event(), threading.Event()

    def work():
        begun.set()
        go.wait(20)

    given_up = asyncio.create_task(called(threads, work))
    await is_true(begun.is_set)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    other = asyncio.create_task(called(threads, lambda: "mine"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not other.done()
    go.set()
    assert await other == "mine"
    threads.close()


async def test_closing_ends_threads_with_nothing_to_do_and_the_others_after_their_call(threads):
    go, begun = threading.Event(), threading.Event()
    workers = []

    def work():
        workers.append(threading.current_thread())
        begun.set()
        go.wait(20)

    busy = asyncio.create_task(called(threads, work))
    await is_true(begun.is_set)
    workers.append(await called(threads, threading.current_thread))
    threads.close()
    go.set()
    await busy
    for worker in workers:
        await asyncio.to_thread(worker.join, 20)
    assert not any(worker.is_alive() for worker in workers)


STUCK = """
import asyncio, time
from eventing.node_threads import NodeThreads

async def main():
    threads = NodeThreads(1)
    async with threads.place() as place:
        try:
            await asyncio.wait_for(place.call(lambda: time.sleep(600)), 0.05)
        except TimeoutError:
            print("left behind")
    threads.close()

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_function_that_never_returns_does_not_hold_the_process():
    ended = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "left behind", "")
