import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from eventing.cloudevents import MalformedEventError
from eventing.invocations import Failed, LogRecord
from eventing.message_reading import read_report
from eventing.messages import COMPLETED, FAILED, invoke_event
from flume.errors import NotFoundError
from flume.nodes.outcomes import Result
from functions.memo import LocalMemo
from functions.reporter import Reporter
from functions.runtime import CutShortError, DrainingError, FullError, GoneError, Runtime

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


class Executor:
    """Runs attempts that log a line and end when they are let go."""

    def __init__(self):
        self.invocations = []
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.answer = Result("done")

    async def execute(self, invocation, reports):
        self.invocations.append(invocation)
        self.began.set()
        reports.log(LogRecord(0, "info", "working"))
        await self.may_end.wait()
        return self.answer


class Unreachable:
    """An orchestrator that is out of reach, and tells that it was tried."""

    def __init__(self):
        self.was_tried = asyncio.Event()

    async def report(self, events):
        self.was_tried.set()
        raise ConnectionError("refused")


@pytest.fixture
async def executor():
    return Executor()


@pytest.fixture
def runtime(executor, new_invocation):
    template = new_invocation().node_type

    def named(name):
        if name != template.name:
            raise NotFoundError("node type", name)
        return template

    return Runtime(type_named=named, executor=executor, memo=LocalMemo(lambda: 0.0), capacity=2, clock=lambda: NOW)


@pytest.fixture
def order(new_invocation):
    def new(**changes):
        return invoke_event(new_invocation(**changes), NOW + timedelta(minutes=1))

    return new


async def begun(runtime, executor, event):
    """The task of an order that is at work."""
    executor.began.clear()
    answering = asyncio.create_task(runtime.answer(event))
    await executor.began.wait()
    return answering


async def test_an_order_is_answered_with_what_came_of_it_and_its_lines(runtime, executor, order):
    executor.may_end.set()

    event = await runtime.answer(order())

    said = read_report(event)
    assert (event.id, event.type) == (order().id, COMPLETED)
    assert (said.answer, said.token, [line.message for line in said.logs]) == (Result("done"), "the-token", ["working"])
    assert (runtime.taken, runtime.in_flight) == (1, 0)


async def test_a_node_that_fails_is_an_answer_too(runtime, executor, order):
    executor.may_end.set()
    executor.answer = Failed("node-error", "no")

    assert (await runtime.answer(order())).type == FAILED


async def test_an_order_that_comes_again_is_answered_without_doing_it_again(runtime, executor, order):
    executor.may_end.set()

    assert await runtime.answer(order()) == await runtime.answer(order())
    assert (len(executor.invocations), runtime.taken) == (1, 1)


async def test_a_new_attempt_with_the_same_key_gets_the_answer_under_its_own_id_and_token(runtime, executor, order):
    executor.may_end.set()
    await runtime.answer(order())

    event = await runtime.answer(order(attempt=2, token="another"))

    assert (event.id, read_report(event).token, read_report(event).attempt.number) == ("r.n.2", "another", 2)
    assert len(executor.invocations) == 1


async def test_beyond_its_capacity_it_is_busy_but_repetitions_wait(runtime, executor, order):
    first = await begun(runtime, executor, order())
    second = await begun(runtime, executor, order(instance="b", key="b"))
    repeated = asyncio.create_task(runtime.answer(order()))

    with pytest.raises(FullError, match="takes 2 events at a time"):
        await runtime.answer(order(instance="c", key="c"))
    executor.may_end.set()
    assert await first == await repeated
    await second
    assert (await runtime.answer(order(instance="c", key="c"))).type == COMPLETED


async def test_a_caller_that_goes_away_cancels_nothing(runtime, executor, order):
    answering = await begun(runtime, executor, order())
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering

    executor.may_end.set()

    assert (await runtime.answer(order())).type == COMPLETED
    assert len(executor.invocations) == 1


async def test_work_that_nobody_wants_is_cut_short_and_may_be_ordered_again(runtime, executor, order):
    answering = await begun(runtime, executor, order())

    runtime.cancel(order().id)

    with pytest.raises(GoneError):
        await answering
    assert runtime.in_flight == 0
    executor.may_end.set()
    assert (await runtime.answer(order())).type == COMPLETED


async def test_cutting_short_what_has_ended_or_never_began_does_nothing(runtime, executor, order):
    executor.may_end.set()
    await runtime.answer(order())

    runtime.cancel(order().id)
    runtime.cancel("unknown")


async def test_draining_finishes_what_was_taken_and_refuses_more_but_answers_what_is_known(runtime, executor, order):
    answering = await begun(runtime, executor, order())
    draining = asyncio.create_task(runtime.drain(60))
    await asyncio.sleep(0)

    assert runtime.is_draining
    with pytest.raises(DrainingError, match="another one takes it"):
        await runtime.answer(order(instance="b", key="b"))
    executor.may_end.set()
    await draining
    assert await answering == await runtime.answer(order())


async def test_what_is_not_done_by_the_end_of_the_grace_is_cut_short_and_says_so(runtime, executor, order):
    answering = await begun(runtime, executor, order())

    await runtime.drain(0)

    with pytest.raises(CutShortError, match="before the work was done"):
        await answering


async def test_lines_that_could_not_be_reported_come_with_the_answer(runtime, executor, order):
    orchestrator = Unreachable()
    reporter = Reporter(orchestrator, runtime.cancel)
    runtime.report_to(reporter)
    working = asyncio.create_task(reporter.run())
    answering = await begun(runtime, executor, order())
    await orchestrator.was_tried.wait()

    executor.may_end.set()

    assert [line.message for line in read_report(await answering).logs] == ["working"]
    working.cancel()


@pytest.mark.parametrize("wrong", ["type", "event"])
async def test_what_can_not_be_taken_is_refused_before_any_work(runtime, executor, order, new_invocation, wrong):
    executor.may_end.set()
    if wrong == "type":
        changed = order()
        changed.extensions["flumenodetype"] = "no-such-type"
        with pytest.raises(NotFoundError, match="no-such-type"):
            await runtime.answer(changed)
    else:
        answer = await runtime.answer(order())
        with pytest.raises(MalformedEventError):
            await runtime.answer(answer)
        assert len(executor.invocations) == 1
