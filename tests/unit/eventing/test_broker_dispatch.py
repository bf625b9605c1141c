"""Orders through a broker of this process to functions that are made up, and what comes back."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventing.attempts import OpenAttempts
from eventing.broker import Bounds, Broker
from eventing.broker_dispatch import BrokerDispatch, OrderSubscriber, Taker
from eventing.broker_sender import BrokerSender
from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.delivery import NO_ANSWER, Reply
from eventing.invocations import Failed, Phase
from eventing.message_reading import read_report
from eventing.messages import FAILED, Progressed, answer_event, invoke_event, progress_event
from eventing.remote import BusyError, CrashError, DeliveryError, RefusedError, UnreachedError
from flume.errors import StoreError, UnavailableError
from flume.nodes.outcomes import Result
from tests.handing_over import Reports


class Calls:
    """Answers calls with these things in turn, exceptions by raising them; the last one again and again."""

    def __init__(self, *things):
        self.things = list(things)
        self.orders = []

    async def call(self, order, invocation, on_start):
        self.orders.append(order)
        on_start()
        thing = self.things.pop(0) if len(self.things) > 1 else self.things[0]
        if isinstance(thing, BaseException):
            raise thing
        return await thing() if callable(thing) else thing


class Kept:
    """A subscriber that takes everything."""

    def __init__(self):
        self.events = []

    async def deliver(self, event):
        self.events.append(event)
        return Reply()


class Depot:
    """Keeps data apart, as if it were too large."""

    async def travelling(self, event, invocation):
        return replace(event, data=None, extensions={**event.extensions, "dataref": "http://x/1", "flumetoken": "t"})


async def no_wait(seconds):
    await asyncio.sleep(0)


def order_of(invocation):
    return invoke_event(invocation, datetime.now(UTC) + timedelta(minutes=1))


@pytest.fixture
def invocation(new_invocation):
    return new_invocation()


@pytest.fixture
def answer(invocation):
    return answer_event(invocation, Result("done"), logs=(), execute_ms=1)


@pytest.fixture
def attempts():
    return OpenAttempts()


@pytest.fixture
def deliver(attempts, invocation):
    """Delivers the order of an attempt once; the reply."""

    async def once(calls, is_waited_for=True):
        subscriber = OrderSubscriber(calls, attempts)
        if not is_waited_for:
            return await subscriber.deliver(order_of(invocation))
        with attempts.open(invocation, Reports()):
            return await subscriber.deliver(order_of(invocation))

    return once


def failure_in(reply):
    assert (reply.status, reply.event.type) == (200, FAILED)
    return read_report(reply.event).answer


async def test_an_order_is_carried_to_its_function_and_the_answer_to_whoever_takes_answers(attempts, new_invocation):
    calls, answers, letters = Calls(None), Kept(), Kept()
    invocations = [new_invocation(run_id=name) for name in ("a", "b")]
    calls.things = [answer_event(each, Result(each.run_id), logs=(), execute_ms=1) for each in invocations]
    async with Broker(sleep=no_wait) as broker:
        dispatch = BrokerDispatch(
            broker, orders=OrderSubscriber(calls, attempts), answers=answers, dead_letters=letters
        )
        for invocation in invocations:
            with attempts.open(invocation, reports := Reports()):
                await dispatch.publish(order_of(invocation))
                await broker.drain()
            assert reports.phases == [Phase.STARTING]
        broker.publish(CloudEvent("1", "/shop", "order"))
        broker.publish(progress_event(invocation, Progressed(None, "t")))
        await broker.drain()

    assert [order.id for order in calls.orders] == ["a.n.1", "b.n.1"]
    assert [read_report(event).answer for event in answers.events] == [Result("a"), Result("b")]
    assert letters.events == []


async def test_each_type_has_a_trigger_of_its_own(attempts, new_invocation):
    template = new_invocation().node_type
    other = new_invocation(run_id="b", node_type=replace(template, name="other"))
    calls = Calls(asyncio.Event().wait)
    async with Broker(sleep=no_wait) as broker:
        orders = OrderSubscriber(calls, attempts)
        dispatch = BrokerDispatch(broker, orders=orders, answers=Kept(), dead_letters=Kept())
        with attempts.open(new_invocation(), Reports()), attempts.open(other, Reports()):
            for each in (new_invocation(), other, new_invocation()):
                await dispatch.publish(order_of(each))
            for _ in range(20):
                await asyncio.sleep(0)

    # None came twice because of the trigger of another type, or because its trigger was set twice.
    assert sorted(order.id for order in calls.orders) == ["b.n.1", "r.n.1", "r.n.1"]


async def test_an_order_that_no_function_takes_is_a_dead_letter_with_where_it_went_and_what_came_back(
    attempts, invocation
):
    calls, letters = Calls(UnreachedError("it is stopping")), Kept()
    async with Broker(sleep=no_wait) as broker:
        orders = OrderSubscriber(calls, attempts)
        dispatch = BrokerDispatch(broker, orders=orders, answers=Kept(), dead_letters=letters)
        with attempts.open(invocation, Reports()):
            await dispatch.publish(order_of(invocation))
            await broker.drain()

    [letter] = letters.events
    assert (letter.id, letter.data["token"]) == ("r.n.1", "the-token")
    assert letter.extensions["knativeerrordest"] == "the function 'template'"
    assert letter.extensions["knativeerrorcode"] == "503"
    assert len(calls.orders) == 11


async def test_an_answer_that_can_not_be_taken_now_is_delivered_again(attempts, invocation, answer):
    taken, letters = [StoreError("the disk is full"), UnavailableError("stopping"), None], Kept()

    async def take(event):
        if (said := taken.pop(0)) is not None:
            raise said

    async with Broker(sleep=no_wait) as broker:
        orders = OrderSubscriber(Calls(answer), attempts)
        dispatch = BrokerDispatch(broker, orders=orders, answers=Taker(take), dead_letters=letters)
        with attempts.open(invocation, Reports()):
            await dispatch.publish(order_of(invocation))
            await broker.drain()

    assert (taken, letters.events) == ([], [])


async def test_what_is_malformed_is_not_taken_again():
    async def take(event):
        raise MalformedEventError("the token is wrong")

    reply = await Taker(take).deliver(CloudEvent("1", "/s", "t"))

    assert (reply.status, reply.may_succeed_later, reply.body) == (400, False, b"the token is wrong")


async def test_an_order_for_which_nobody_waits_any_more_is_delivered_to_nobody(deliver, answer):
    calls = Calls(answer)

    assert await deliver(calls, is_waited_for=False) == Reply()
    assert calls.orders == []


async def test_a_delivery_ends_when_nobody_waits_any_more(attempts, invocation):
    cancelled = []

    async def work():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    subscriber = OrderSubscriber(Calls(work), attempts)
    with attempts.open(invocation, Reports()):
        delivering = asyncio.create_task(subscriber.deliver(order_of(invocation)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not delivering.done()

    assert await delivering == Reply()
    assert cancelled == [True]


async def test_a_delivery_whose_time_is_up_drops_its_call(attempts, invocation):
    calls = Calls(asyncio.Event().wait)
    subscriber = OrderSubscriber(calls, attempts)
    with attempts.open(invocation, Reports()):
        delivering = asyncio.create_task(subscriber.deliver(order_of(invocation)))
        for _ in range(5):
            await asyncio.sleep(0)
        delivering.cancel()
        await asyncio.wait({delivering})

    assert delivering.cancelled()
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("deliver")] == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BusyError("full", wait=timedelta(seconds=7)), 429),
        (UnreachedError("stopping", wait=timedelta(seconds=7)), 503),
        (DeliveryError("lost", wait=timedelta(seconds=7)), 503),
    ],
)
async def test_what_may_go_better_later_is_tried_again_when_the_function_says(deliver, error, status):
    reply = await deliver(Calls(error))

    assert (reply.status, reply.retry_after, reply.may_succeed_later) == (status, timedelta(seconds=7), True)


async def test_what_can_not_be_carried_out_is_answered_by_a_failure_that_says_why(deliver):
    refused = Failed("start-failed", "no module named 'torch'", retryable=True)

    assert failure_in(await deliver(Calls(RefusedError(refused)))) == refused


async def test_a_process_that_dies_is_tried_again_and_the_second_one_is_a_failure(attempts, invocation):
    deaths = [CrashError("killed", where="http://a"), CrashError("killed", where="http://b")]
    subscriber = OrderSubscriber(Calls(*deaths), attempts)
    with attempts.open(invocation, Reports()):
        first = await subscriber.deliver(order_of(invocation))
        second = await subscriber.deliver(order_of(invocation))

    assert (first.status, first.may_succeed_later) == (NO_ANSWER, True)
    assert failure_in(second) == Failed("crashed", "killed", retryable=True, answered=False)


async def test_a_process_that_died_with_two_deliveries_of_an_order_died_once(attempts, invocation):
    subscriber = OrderSubscriber(Calls(CrashError("killed", where="http://a")), attempts)
    with attempts.open(invocation, Reports()):
        replies = [await subscriber.deliver(order_of(invocation)) for _ in range(2)]

    assert [reply.status for reply in replies] == [NO_ANSWER, NO_ANSWER]


async def test_an_answer_that_is_none_is_a_failure_of_the_function(deliver, new_invocation, answer):
    wrong = [
        replace(answer, type="dev.flume.node.other"),
        replace(answer, data={"output": 1}),
        replace(answer, data={**answer.data, "token": "another's"}),
        answer_event(new_invocation(attempt=2), Result(1), logs=(), execute_ms=0),
        replace(answer, data=None, extensions={**answer.extensions, "dataref": "http://x/1"}),
    ]
    for each in wrong:
        assert failure_in(await deliver(Calls(each))).code == "bad-answer", each


async def test_an_answer_whose_data_is_apart_is_carried_as_it_is(deliver, answer):
    apart = replace(answer, data=None, extensions={**answer.extensions, "dataref": "http://x/1", "flumetoken": "t"})

    assert (await deliver(Calls(apart))).event == apart


async def test_a_broker_that_is_full_is_asked_again_later(attempts, invocation):
    async with Broker(bounds=Bounds(unfinished=0)) as broker:
        dispatch = BrokerDispatch(broker, orders=Kept(), answers=Kept(), dead_letters=Kept())

        with pytest.raises(BusyError, match="publish again later") as busy:
            await dispatch.publish(order_of(invocation))

    assert busy.value.wait == timedelta(seconds=1)


async def test_a_sender_publishes_the_order_as_it_travels_and_answers_nothing(attempts, invocation):
    class Outlet:
        def __init__(self):
            self.events = []

        async def publish(self, event):
            self.events.append(event)

    outlet = Outlet()
    with attempts.open(invocation, Reports()) as attempt:
        await BrokerSender(outlet, Depot()).send(order_of(invocation), attempt)

        [event] = outlet.events
        assert (event.id, event.data, event.extensions["dataref"]) == ("r.n.1", None, "http://x/1")
        assert not attempt.answered.done()
