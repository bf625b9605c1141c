"""Patience is measured in hundredths of a second here; nothing depends on how long anything takes, only on its order."""

import asyncio
import gc
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from eventing.attempts import Hindrance, OpenAttempts
from eventing.invocations import Failed
from eventing.messages import Answered, Progressed, attempt_of
from eventing.remote import (
    BusyError,
    CrashError,
    DeliveryError,
    Patience,
    RefusedError,
    RemoteExecutor,
    UnreachedError,
)
from flume.nodes.outcomes import Result

TICK = timedelta(milliseconds=10)
LONG = timedelta(seconds=60)
HASTE = Patience(silence=TICK, pause=TICK / 10)


class Reports:
    """Takes everything and keeps nothing."""

    def log(self, record):
        pass

    def progress(self, text):
        pass

    def phase(self, phase, *, ago_ms=0):
        pass

    def handed_over(self):
        pass

    def ready(self, *, for_ms):
        pass


class Gate:
    """Counts who is inside."""

    def __init__(self):
        self.inside = 0

    @asynccontextmanager
    async def slot(self, key):
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


class Sender:
    """Does these things in turn with what it is sent, exceptions by raising them; the last one again and again."""

    def __init__(self, *things):
        self.things = list(things)
        self.events = []
        self.cancelled = 0

    async def send(self, event, attempt):
        self.events.append(event)
        thing = self.things.pop(0) if len(self.things) > 1 else self.things[0]
        if isinstance(thing, BaseException):
            raise thing
        try:
            await thing(attempt)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


def answer(output="done", **facts):
    async def give(attempt):
        invocation = attempt.invocation
        attempt.take(Answered(attempt_of(invocation), invocation.token, Result(output, **facts)))

    return give


def an_hour_for_each_of(sender):
    """A clock by which every sending takes an hour."""
    return lambda: datetime(2026, 11, 24, tzinfo=UTC) + timedelta(hours=len(sender.events))


def sign(attempt):
    attempt.take(Progressed(attempt_of(attempt.invocation), attempt.invocation.token))


async def nothing(attempt):
    """Hand it over, as to a broker; whatever comes, comes by another way."""


async def silence(attempt):
    await asyncio.Event().wait()


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def attempts():
    return OpenAttempts()


@pytest.fixture
def execute(new_invocation, gate, attempts):
    """Has a sender send; ``start_timeout`` is a tick unless it is given."""

    async def run(sender, *, patience=HASTE, clock=None, function_of=None, repeats=None, **changes):
        executor = RemoteExecutor(
            sender,
            attempts,
            gate_of=lambda node_type: gate,
            function_of=function_of or (lambda invocation: ""),
            repeats=repeats or (lambda invocation: True),
            patience=patience,
            clock=clock or (lambda: datetime.now(UTC)),
        )
        return await executor.execute(new_invocation(**{"start_timeout": TICK, **changes}), Reports())

    return run


async def test_the_answer_that_comes_with_the_reply_is_taken(execute, gate):
    sender = Sender(answer({"a": 1}))

    assert await execute(sender) == Result({"a": 1})
    assert (len(sender.events), gate.inside) == (1, 0)


async def test_the_answer_that_comes_by_another_way_is_taken(execute):
    async def later(attempt):
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(answer()(attempt)))

    assert await execute(Sender(later)) == Result("done")


async def test_an_answer_by_another_way_ends_a_sending_that_goes_on(execute):
    async def both(attempt):
        await answer()(attempt)
        await silence(attempt)

    sender = Sender(both)

    assert await execute(sender, start_timeout=LONG) == Result("done")
    assert sender.cancelled == 1


async def test_an_order_of_which_nothing_is_heard_is_handed_over_as_the_same_event_and_then_lost(execute, caplog):
    sender = Sender(silence)

    answer = await execute(sender)

    assert (answer.code, answer.retryable, answer.answered) == ("lost", True, False)
    assert "'template' did not answer, asked 3 times: nothing was heard of it" in answer.message
    assert [event.id for event in sender.events] == ["r.n.1"] * 3
    assert len({(event.source, event.extensions["flumekey"]) for event in sender.events}) == 1
    assert sender.cancelled == 3
    assert [record.sends for record in caplog.records] == [1, 2, 3]


async def test_where_the_same_order_again_reaches_nobody_the_attempt_is_lost_at_once(execute):
    sender = Sender(silence)

    answer = await execute(sender, repeats=lambda invocation: False)

    assert (answer.code, answer.retryable, answer.answered) == ("lost", True, False)
    assert "asked once: nothing was heard of it" in answer.message
    assert len(sender.events) == 1


async def test_an_order_names_the_function_that_it_is_for(execute):
    sender = Sender(answer())

    await execute(sender, function_of=lambda invocation: f"fn-{invocation.node_type.name}")

    assert sender.events[0].extensions["flumefunction"] == "fn-template"


async def test_an_order_that_no_function_is_for_is_handed_to_nobody(execute, gate):
    sender = Sender(answer())
    refused = Failed("unknown-model", "no such model")

    assert await execute(sender, function_of=lambda invocation: refused) == refused
    assert sender.events == []


async def test_an_order_that_was_taken_and_is_silent_since_is_handed_over_again(execute):
    async def takes_up_and_falls_silent(attempt):
        sign(attempt)
        await silence(attempt)

    sender = Sender(takes_up_and_falls_silent, answer("after all"))

    assert await execute(sender, start_timeout=LONG) == Result("after all")
    assert len(sender.events) == 2


async def test_signs_of_life_keep_an_attempt_from_being_handed_over_again(execute):
    async def works_long(attempt):
        for _ in range(20):
            sign(attempt)
            await asyncio.sleep(TICK.total_seconds() / 2)
        await answer()(attempt)

    sender = Sender(works_long)

    assert await execute(sender, patience=Patience(silence=10 * TICK)) == Result("done")
    assert len(sender.events) == 1


async def test_a_function_that_is_busy_is_asked_until_it_is_not_and_that_counts_as_no_try(execute, caplog):
    sender = Sender(*[BusyError("full")] * 9, answer())

    assert await execute(sender, start_timeout=LONG) == Result("done")
    assert len(sender.events) == 10
    assert not caplog.records


async def test_a_function_that_is_busy_past_the_deadline_is_given_up(execute):
    sender = Sender(BusyError("it answered 429"))

    answer = await execute(sender, clock=an_hour_for_each_of(sender))

    assert (answer.code, answer.retryable) == ("lost", True)
    assert answer.message.endswith("it answered 429")


async def test_a_failed_delivery_is_tried_again_and_the_third_is_the_last(execute):
    sender = Sender(DeliveryError("it answered 503"))

    answer = await execute(sender)

    assert (answer.code, len(sender.events)) == ("lost", 3)
    assert answer.message.endswith("asked 3 times: it answered 503")


async def test_an_answer_that_comes_during_a_pause_ends_it(execute, attempts, new_invocation):
    class Failing(Sender):
        async def send(self, event, attempt):
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(answer()(attempt)))
            raise DeliveryError("cut", wait=LONG)

    assert await execute(Failing(nothing)) == Result("done")


async def test_no_function_can_ask_for_a_pause_without_end(execute, monkeypatch):
    monkeypatch.setattr("eventing.remote.LONGEST_PAUSE", TICK)
    sender = Sender(DeliveryError("come back", wait=timedelta(days=1)), answer())

    async with asyncio.timeout(10):
        assert await execute(sender) == Result("done")


async def test_an_order_over_which_one_process_died_is_handed_over_again(execute):
    assert await execute(Sender(CrashError("killed by SIGKILL"), answer())) == Result("done")


async def test_an_order_over_which_two_processes_died_fails_with_what_the_last_one_said(execute):
    sender = Sender(CrashError("killed by SIGKILL; it wrote last:\nout of memory"))

    answer = await execute(sender)

    assert (answer.code, answer.retryable, answer.answered) == ("crashed", True, False)
    assert answer.message.endswith("out of memory")
    assert len(sender.events) == 2


async def test_an_order_that_nobody_could_take_is_no_try_while_there_is_time_to_start(execute):
    sender = Sender(*[UnreachedError("it answered 503")] * 9, answer())

    assert await execute(sender, start_timeout=LONG) == Result("done")
    assert len(sender.events) == 10


async def test_an_order_that_nobody_took_in_all_its_time_to_start_is_lost(execute):
    sender = Sender(UnreachedError("it answered 503"))

    answer = await execute(sender, start_timeout=timedelta(hours=4), clock=an_hour_for_each_of(sender))

    assert (answer.code, answer.retryable, answer.answered) == ("lost", True, False)
    assert answer.message.endswith("could not be reached in all its time to start: it answered 503")
    assert len(sender.events) == 4


async def test_an_order_whose_process_could_not_come_up_in_time_fails_with_the_reason(execute):
    async def wait_without_an_image(attempt):
        attempt.hinder(Hindrance("image-pull", "no image 'x'"), 5)
        await asyncio.Event().wait()

    failed = await execute(Sender(wait_without_an_image), start_timeout=TICK)
    assert (failed.code, failed.retryable, failed.answered) == ("image-pull", True, False)
    assert failed.message == "not begun in all its time to start: no image 'x'"


async def test_the_time_to_start_begins_anew_with_an_order_that_was_taken_and_lost(execute):
    refusals = [UnreachedError("it answered 503")] * 3
    sender = Sender(*refusals, DeliveryError("the connection was lost"), *refusals, answer())

    assert await execute(sender, start_timeout=timedelta(hours=4), clock=an_hour_for_each_of(sender)) == Result("done")


def deadlines(sender):
    return [event.data["deadline"] for event in sender.events]


@pytest.mark.parametrize("loss", [CrashError("killed by SIGKILL"), DeliveryError("the connection was lost")])
async def test_whoever_gets_an_order_after_it_was_lost_has_all_its_time(execute, loss):
    async def takes_up_and_is_lost(attempt):
        sign(attempt)
        raise loss

    async def is_next(attempt):
        assert attempt.taken_up_at is None, "nobody is known to be at work on it"
        await answer()(attempt)

    sender = Sender(takes_up_and_is_lost, is_next)
    times = {"start_timeout": timedelta(hours=2), "timeout": timedelta(hours=1)}

    assert await execute(sender, clock=an_hour_for_each_of(sender), **times) == Result("done")
    assert deadlines(sender) == ["2026-11-24T03:00:00Z", "2026-11-24T04:00:00Z"]


async def test_an_order_that_waited_for_a_free_place_has_all_its_time(execute):
    sender = Sender(BusyError("full"), UnreachedError("it is starting"), answer())

    await execute(sender, start_timeout=timedelta(hours=3), timeout=timedelta(0), clock=an_hour_for_each_of(sender))

    assert deadlines(sender) == ["2026-11-24T03:00:00Z", "2026-11-24T04:00:00Z", "2026-11-24T05:00:00Z"]


async def test_a_function_that_hangs_is_given_up_when_its_time_is_over_though_it_was_asked_again(execute):
    async def takes_up_and_hangs(attempt):
        sign(attempt)
        await silence(attempt)

    sender = Sender(takes_up_and_hangs, silence)

    async with asyncio.timeout(10):
        failed = await execute(sender, start_timeout=LONG, timeout=5 * TICK, clock=an_hour_for_each_of(sender))

    assert (failed.code, failed.message, failed.answered) == ("timeout", "no answer within 0.05 s", False)
    assert len(sender.events) == 2
    assert len(set(deadlines(sender))) == 1, "it is still at work, for all that is known"


async def test_an_order_that_is_refused_is_not_handed_over_again(execute):
    failed = Failed("refused", "wrong type")
    sender = Sender(RefusedError(failed))

    assert await execute(sender) == failed
    assert len(sender.events) == 1


async def test_a_function_that_does_not_keep_time_is_given_up_though_it_gives_signs_of_life(execute):
    async def for_ever(attempt):
        while True:
            sign(attempt)
            await asyncio.sleep(0.001)

    answer = await execute(Sender(for_ever), timeout=TICK)

    assert (answer.code, answer.message, answer.answered) == ("timeout", "no answer within 0.01 s", False)


async def test_values_with_moments_are_written_beside_the_event_loop(execute):
    threads = set()

    class Watched(dict):
        def items(self):
            threads.add(threading.get_ident())
            return super().items()

    sender = Sender(answer())

    await execute(sender, inputs=Watched(at=datetime(2026, 11, 24, tzinfo=UTC)))

    assert sender.events[0].data["inputs"] == {"at": "2026-11-24T00:00:00Z"}
    assert threads
    assert threading.get_ident() not in threads


async def test_being_cancelled_ends_the_sending_and_leaves_nothing_open(execute, gate, attempts, new_invocation):
    sent = asyncio.Event()

    async def silent(attempt):
        sent.set()
        await silence(attempt)

    sender = Sender(silent)
    working = asyncio.create_task(execute(sender, start_timeout=LONG))
    await sent.wait()

    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert (sender.cancelled, gate.inside) == (1, 0)
    assert attempts.find(attempt_of(new_invocation())) is None


async def test_a_sender_that_is_slow_to_stop_does_not_swallow_the_cancellation(execute):
    stopping = asyncio.Event()

    async def answers_and_is_slow(attempt):
        await answer()(attempt)
        try:
            await silence(attempt)
        finally:
            stopping.set()
            await asyncio.sleep(TICK.total_seconds())

    working = asyncio.create_task(execute(Sender(answers_and_is_slow), start_timeout=LONG))
    await stopping.wait()

    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_how_a_sending_fails_whose_answer_has_come_matters_to_nobody(execute):
    unheard = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unheard.append(context["message"]))

    async def answers_and_stops_badly(attempt):
        await answer()(attempt)
        try:
            await silence(attempt)
        except asyncio.CancelledError:
            raise DeliveryError("the connection was lost") from None

    assert await execute(Sender(answers_and_stops_badly), start_timeout=LONG) == Result("done")
    gc.collect()
    assert unheard == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"port": "aside"}, "function 'template': left by port 'aside'; it has: out"),
        ({"port": "error"}, "function 'template': left by port 'error'; it has: out"),
        ({"meta": {"a": "x" * 20_000}}, "function 'template': meta takes 20,008 bytes of JSON"),
    ],
)
async def test_what_a_function_answers_is_held_against_its_type(execute, facts, reason):
    failed = await execute(Sender(answer(**facts)))

    assert (failed.code, failed.retryable, failed.answered) == ("bad-output", False, True)
    assert failed.message.startswith(reason)


async def test_nothing_outside_the_engine_is_done_at_once(attempts, new_invocation):
    executor = RemoteExecutor(Sender(nothing), attempts, gate_of=lambda node_type: Gate())

    assert executor.execute_at_once(new_invocation(), Reports()) is None
