import asyncio
import gc
import tracemalloc
from datetime import timedelta

import pytest

from eventing.invocations import Failed, LogRecord
from flume.nodes.outcomes import Result
from functions.memo import SHORTEST_S, Done, LocalMemo
from tests.clocks import StillClock
from tests.contract.memo.conftest import Work

KEEP_S = 1.0


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def memo(clock):
    return LocalMemo(clock)


async def test_the_same_event_is_answered_without_doing_the_work_again(memo):
    work = Work()

    first = await memo.once("e1", "k", KEEP_S, work)

    assert await memo.once("e1", "other key", KEEP_S, work) == first
    assert work.times == 1


async def test_another_attempt_with_the_same_key_gets_the_same_answer(memo):
    work = Work()

    first = await memo.once("e1", "k", KEEP_S, work)

    assert await memo.once("e2", "k", KEEP_S, work) == first
    await memo.once("e3", "k2", KEEP_S, work)
    assert work.times == 2


async def test_who_asks_while_the_first_is_at_work_waits_for_it(memo):
    work = Work(waits=True)
    first = asyncio.create_task(memo.once("e1", "k", KEEP_S, work))
    await work.begun.wait()
    others = [
        asyncio.create_task(memo.once(*names, KEEP_S, work)) for names in (("e1", "k"), ("e2", "k"), ("e1", "k2"))
    ]
    await asyncio.sleep(0)

    work.may_end.set()

    assert await asyncio.gather(*others) == [await first] * 3
    assert work.times == 1


async def test_a_time_out_is_the_answer_to_its_event_and_to_no_further_attempt(memo):
    timed_out = Work(Failed("timeout", "no answer", answered=False))
    again = Work()

    first = await memo.once("e1", "k", KEEP_S, timed_out)

    assert await memo.once("e1", "k", KEEP_S, again) == first
    assert (await memo.once("e2", "k", KEEP_S, again)).answer == Result("done")


async def test_a_failure_of_the_node_is_remembered_like_any_answer(memo):
    failing = Work(Failed("node-error", "no"))

    first = await memo.once("e1", "k", KEEP_S, failing)

    assert await memo.once("e2", "k", KEEP_S, failing) == first
    assert failing.times == 1


async def test_what_is_raised_reaches_the_caller_and_is_not_remembered(memo):
    with pytest.raises(ConnectionError):
        await memo.once("e1", "k", KEEP_S, Work(ConnectionError("busy")))

    assert (await memo.once("e1", "k", KEEP_S, Work())).answer == Result("done")


async def test_who_waited_for_work_that_raised_does_it_itself(memo):
    first, second = Work(ConnectionError("cut short"), waits=True), Work()
    asking = asyncio.create_task(memo.once("e1", "k", KEEP_S, first))
    await first.begun.wait()
    waiting = asyncio.create_task(memo.once("e1", "k", KEEP_S, second))

    first.may_end.set()

    with pytest.raises(ConnectionError):
        await asking
    assert (await waiting).answer == Result("done")
    assert second.times == 1


@pytest.mark.parametrize(("keep_s", "kept_s"), [(1.0, SHORTEST_S), (3600.0, 3600.0)])
async def test_an_answer_is_remembered_for_as_long_as_its_attempt_may_take_and_at_least_for_ten_minutes(
    memo, clock, keep_s, kept_s
):
    work = Work()
    await memo.once("e1", "k", keep_s, work)

    clock.now = kept_s - 1
    await memo.once("e1", "k", keep_s, work)
    assert work.times == 1

    clock.now = kept_s
    await memo.once("e1", "k", keep_s, work)
    assert work.times == 2


async def test_the_oldest_answers_go_when_all_take_too_much(clock):
    memo = LocalMemo(clock, most_bytes=10_000)
    work = Work(Result("x" * 3_000))

    for each in range(4):
        await memo.once(f"e{each}", f"k{each}", KEEP_S, work)

    assert work.times == 4
    await memo.once("e3", "k3", KEEP_S, work)
    await memo.once("e2", "k2", KEEP_S, work)
    assert work.times == 4
    await memo.once("e0", "k0", KEEP_S, work)
    assert work.times == 5


async def test_an_answer_that_is_larger_than_all_may_be_is_remembered_until_the_next_one(clock):
    memo = LocalMemo(clock, most_bytes=1_000)
    large = Work(Result("x" * 5_000))
    await memo.once("e1", "k1", KEEP_S, large)
    await memo.once("e1", "k1", KEEP_S, large)
    assert large.times == 1

    await memo.once("e2", "k2", KEEP_S, Work())
    await memo.once("e1", "k1", KEEP_S, large)
    assert large.times == 2


ANSWERS = (
    Result({"a": [1, 2.5, None, "ü"]}, {"tokens": 3}, "else"),
    Failed("rate-limited", "slow down", retryable=True, retry_after=timedelta(seconds=1.5)),
    Failed("timeout", "no answer", answered=False),
)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda each: type(each).__name__)
async def test_what_is_remembered_is_all_that_was_answered(memo, answer):
    done = Done(answer, (LogRecord(1_700_000_000_000, "warning", "grüße", {"n": 1}, 3),), 17, 90)

    async def work():
        return done

    await memo.once("e1", "k", KEEP_S, work)

    assert await memo.once("e1", "k", KEEP_S, Work()) == done


async def test_all_that_is_remembered_takes_about_as_much_as_it_may(clock):
    memo = LocalMemo(clock, most_bytes=2_000_000)

    async def work():
        return Done(Result([{"a": n, "b": str(n)} for n in range(3_000)]), (), 0)

    tracemalloc.start()
    try:
        for each in range(40):
            await memo.once(f"e{each}", f"k{each}", KEEP_S, work)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 1_000_000 < taken < 4_000_000, taken


@pytest.mark.parametrize("large", ["log", "fields", "id", "key"])
async def test_lines_and_names_count_too(clock, large):
    memo = LocalMemo(clock, most_bytes=8_000)
    line = (
        LogRecord(0, "info", "", {"a": "x" * 5_000}, 0)
        if large == "fields"
        else LogRecord(0, "info", "x" * 5_000, {}, 0)
    )

    async def work():
        return Done(Result(1), (line,) if large in ("log", "fields") else (), 0)

    for each in range(3):
        event, key = ("e" * 5_000 if large == "id" else "e"), ("k" * 5_000 if large == "key" else "k")
        await memo.once(f"{event}{each}", f"{key}{each}", KEEP_S, work)

    assert memo._bytes <= 8_000


async def test_the_work_goes_on_when_its_caller_goes_away(memo):
    work = Work(waits=True)
    first = asyncio.create_task(memo.once("e1", "k", KEEP_S, work))
    await work.begun.wait()
    second = asyncio.create_task(memo.once("e1", "k", KEEP_S, work))
    await asyncio.sleep(0)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.may_end.set()

    assert (await second).answer == Result("done")
    assert work.times == 1


async def test_one_who_waits_can_be_cancelled_alone(memo):
    work = Work(waits=True)
    first = asyncio.create_task(memo.once("e1", "k", KEEP_S, work))
    await work.begun.wait()
    second = asyncio.create_task(memo.once("e1", "k", KEEP_S, work))
    await asyncio.sleep(0)

    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    work.may_end.set()

    assert (await first).answer == Result("done")


async def test_how_work_failed_whose_caller_went_away_is_no_unheard_exception(memo):
    unheard = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unheard.append(context["message"]))
    work = Work(ConnectionError("late"), waits=True)
    first = asyncio.create_task(memo.once("e1", "k", KEEP_S, work))
    await work.begun.wait()

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.may_end.set()
    for _ in range(5):
        await asyncio.sleep(0)
    del first
    gc.collect()

    assert unheard == []
