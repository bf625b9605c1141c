"""What every memo promises, whichever of the processes that remember together is asked."""

import asyncio
from datetime import timedelta

import pytest

from eventing.invocations import Failed, LogRecord
from flume.nodes.outcomes import Result

KEEP_S = 1.0


async def test_the_same_event_is_answered_without_doing_the_work_again(memos, name, work):
    first, second = memos
    once, again = work(), work(Result("other"))

    done = await first.once(name, name, KEEP_S, once)

    assert await second.once(name, name, KEEP_S, again) == done
    assert again.times == 0


async def test_another_attempt_with_the_same_key_gets_the_same_answer(memos, name, work):
    first, second = memos
    once, again = work(), work(Result("other"))

    done = await first.once(f"{name}.1", name, KEEP_S, once)

    assert await second.once(f"{name}.2", name, KEEP_S, again) == done
    assert (await second.once(f"{name}.3", f"{name}/other", KEEP_S, again)).answer == Result("other")


ANSWERS = (
    Result({"a": [1, 2.5, None, "ü"]}, {"tokens": 3}, "else"),
    Failed("rate-limited", "slow down", retryable=True, retry_after=timedelta(seconds=1.5)),
)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda each: type(each).__name__)
async def test_what_is_remembered_is_all_that_was_answered(memos, name, work, answer):
    first, second = memos
    line = LogRecord(1_700_000_000_000, "warning", "grüße", {"n": 1}, 3)

    done = await first.once(name, name, KEEP_S, work(answer, logs=[line]))

    assert await second.once(name, name, KEEP_S, work()) == done
    assert (done.answer, done.logs) == (answer, (line,))


async def test_a_time_out_is_the_answer_to_its_event_and_to_no_further_attempt(memos, name, work):
    first, second = memos
    timed_out = work(Failed("timeout", "no answer", answered=False))

    done = await first.once(f"{name}.1", name, KEEP_S, timed_out)

    assert await second.once(f"{name}.1", name, KEEP_S, work()) == done
    assert (await second.once(f"{name}.2", name, KEEP_S, work())).answer == Result("done")


async def test_who_asks_while_the_first_is_at_work_waits_for_it(memos, name, work):
    first, second = memos
    once, again = work(waits=True), work(Result("other"))
    doing = asyncio.create_task(first.once(f"{name}.1", name, KEEP_S, once))
    await once.begun.wait()
    others = [asyncio.create_task(second.once(f"{name}.{n}", name, KEEP_S, again)) for n in (1, 2)]
    await asyncio.sleep(0.1)
    assert not any(other.done() for other in others)

    once.may_end.set()

    assert await asyncio.gather(*others) == [await doing] * 2
    assert again.times == 0


async def test_who_waited_for_work_that_raised_does_it_itself(memos, name, work):
    first, second = memos
    cut_short, again = work(ConnectionError("cut short"), waits=True), work()
    doing = asyncio.create_task(first.once(name, name, KEEP_S, cut_short))
    await cut_short.begun.wait()
    waiting = asyncio.create_task(second.once(name, name, KEEP_S, again))
    await asyncio.sleep(0.05)

    cut_short.may_end.set()

    with pytest.raises(ConnectionError):
        await doing
    assert (await waiting).answer == Result("done")
    assert again.times == 1


async def test_what_is_raised_is_not_remembered(memos, name, work):
    first, second = memos

    for _ in range(2):
        with pytest.raises(ConnectionError):
            await first.once(name, name, KEEP_S, work(ConnectionError("busy")))

    assert (await second.once(name, name, KEEP_S, work())).answer == Result("done")


async def test_the_work_goes_on_when_its_caller_goes_away(memos, name, work):
    first, second = memos
    once, again = work(waits=True), work(Result("other"))
    doing = asyncio.create_task(first.once(name, name, KEEP_S, once))
    await once.begun.wait()

    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    waiting = asyncio.create_task(second.once(name, name, KEEP_S, again))
    once.may_end.set()

    assert (await waiting).answer == Result("done")
    assert again.times == 0
