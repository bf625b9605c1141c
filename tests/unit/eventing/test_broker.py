import asyncio
import logging
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventing.broker import MAX_HOPS, Bounds, Broker, Disorder, Trigger
from eventing.cloudevents import CloudEvent
from eventing.delivery import Delivery, Reply
from flume.errors import UnavailableError
from flume.filters import parse_filters
from flume.pipeline import Backoff

SECOND = timedelta(seconds=1)


def event(number=1, kind="order"):
    return CloudEvent(str(number), "/shop", kind)


def only(kind):
    return parse_filters([{"exact": {"type": kind}}])


class Inbox:
    """A subscriber that gives these answers in turn, exceptions by raising them, and then takes everything."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.events = []

    @property
    def ids(self):
        return [each.id for each in self.events]

    async def deliver(self, event):
        self.events.append(event)
        answer = self.answers.pop(0) if self.answers else Reply()
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Refusing(Inbox):
    """A subscriber that always answers the same."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    async def deliver(self, event):
        self.events.append(event)
        return self.answer


class Blocked(Inbox):
    """A subscriber that works until it may end."""

    def __init__(self):
        super().__init__()
        self.may_end = asyncio.Event()
        self.at_work = self.most_at_work = 0

    async def deliver(self, event):
        self.events.append(event)
        self.at_work += 1
        self.most_at_work = max(self.at_work, self.most_at_work)
        try:
            await self.may_end.wait()
        finally:
            self.at_work -= 1
        return Reply()


class Waits:
    """Stands for `asyncio.sleep`: notes the waits, and ends them in the order of their length."""

    def __init__(self):
        self.seconds = []

    async def __call__(self, seconds):
        self.seconds.append(seconds)
        for _ in range(int(seconds * 10) + 1):
            await asyncio.sleep(0)


async def run(broker, *events):
    """Publish in a running broker, and wait until all has been delivered."""
    async with broker:
        for each in events:
            broker.publish(each)
        await broker.drain()


async def settle():
    """Let everything run that can run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_event_reaches_every_subscriber_that_wants_it_in_order_and_nobody_else():
    orders, everything, others = Inbox(), Inbox(), Inbox()
    triggers = [
        Trigger("orders", orders, only("order")),
        Trigger("all", everything),
        Trigger("others", others, only("x")),
    ]
    await run(Broker(triggers), event(1), event(2, "payment"), event(3))
    assert (orders.ids, everything.ids, others.ids) == (["1", "3"], ["1", "2", "3"], [])


async def test_an_event_that_nobody_wants_is_dropped():
    await run(Broker(), event())
    await run(Broker([Trigger("other", Inbox(), only("x"))]), event())


async def test_a_reply_is_published_in_its_turn():
    asking, answered = Inbox(Reply(200, event(2, "answer"))), Inbox()
    await run(
        Broker([Trigger("asking", asking, only("order")), Trigger("answered", answered, only("answer"))]), event(1)
    )
    assert (asking.ids, answered.ids) == (["1"], ["2"])


async def test_the_event_in_a_refusal_is_not_published():
    answered = Inbox()
    refusing = Trigger("asking", Refusing(Reply(400, event(2, "answer"))), only("order"))
    await run(Broker([refusing, Trigger("answered", answered, only("answer"))]), event(1))
    assert answered.ids == []


async def test_replies_that_go_in_a_circle_come_to_an_end(caplog):
    echo = Refusing(Reply(200, event()))
    await run(Broker([Trigger("echo", echo)]), event())
    assert len(echo.events) == MAX_HOPS + 1
    assert caplog.messages == ["a reply was dropped: replies go in a circle"]


@pytest.mark.parametrize(
    "failure", [Reply(500), Reply(503), Reply(429), Reply(408), Reply(404), Reply(409), ConnectionRefusedError()]
)
async def test_what_may_succeed_later_is_tried_again_with_growing_waits(failure):
    inbox, letters, waits = Inbox(failure, failure, failure), Inbox(), Waits()
    delivery = Delivery(retries=5, backoff=Backoff.EXPONENTIAL, delay=SECOND)
    await run(Broker([Trigger("orders", inbox, delivery=delivery, dead_letters=letters)], sleep=waits), event())
    assert inbox.ids == ["1"] * 4
    assert waits.seconds == [1, 2, 4]
    assert letters.events == []


async def test_a_subscriber_says_when_to_come_back():
    waits = Waits()
    inbox = Inbox(Reply(429, retry_after=timedelta(seconds=7)))
    await run(Broker([Trigger("orders", inbox, delivery=Delivery(delay=SECOND))], sleep=waits), event())
    assert waits.seconds == [7]


async def test_a_delivery_that_takes_too_long_is_tried_again():
    class Slow(Inbox):
        async def deliver(self, event):
            self.events.append(event)
            if len(self.events) == 1:
                await asyncio.Event().wait()
            return Reply()

    slow = Slow()
    delivery = Delivery(delay=timedelta(0), timeout=timedelta(milliseconds=10))
    await run(Broker([Trigger("slow", slow, delivery=delivery)]), event())
    assert slow.ids == ["1", "1"]


async def test_a_dead_letter_comes_after_the_last_try_with_what_became_of_it(caplog):
    failing, letters, waits = Refusing(Reply(500, body=b"out of paper")), Inbox(), Waits()
    delivery = Delivery(retries=2, backoff=Backoff.LINEAR, delay=SECOND)
    trigger = Trigger("orders", failing, delivery=delivery, dead_letters=letters, address="http://orders.example")
    await run(Broker([trigger], sleep=waits), event())
    assert failing.ids == ["1"] * 3
    assert waits.seconds == [1, 2]
    (letter,) = letters.events
    assert letter.id == "1"
    assert letter.extensions == {
        "knativeerrordest": "http://orders.example",
        "knativeerrorcode": "500",
        "knativeerrordata": "b3V0IG9mIHBhcGVy",
    }
    assert "paper" not in caplog.text


@pytest.mark.parametrize("status", [400, 401, 403, 410, 422, 301])
async def test_a_refusal_is_not_tried_again_and_is_a_dead_letter_at_once(status):
    refusing, letters, waits = Refusing(Reply(status)), Inbox(), Waits()
    await run(Broker([Trigger("orders", refusing, dead_letters=letters)], sleep=waits), event())
    assert (refusing.ids, waits.seconds) == (["1"], [])
    assert letters.events[0].extensions == {"knativeerrordest": "orders", "knativeerrorcode": str(status)}


async def test_a_dead_letter_is_delivered_as_patiently_as_the_event():
    letters, waits = Inbox(Reply(503), ConnectionResetError()), Waits()
    trigger = Trigger("orders", Refusing(Reply(400)), delivery=Delivery(delay=SECOND), dead_letters=letters)
    await run(Broker([trigger], sleep=waits), event())
    assert letters.ids == ["1"] * 3
    assert waits.seconds == [1, 2]


async def test_what_can_be_delivered_nowhere_is_told(caplog):
    await run(Broker([Trigger("orders", Refusing(Reply(400)))]), event())
    await run(Broker([Trigger("orders", Refusing(Reply(400)), dead_letters=Refusing(Reply(403)))]), event())
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, "an event could not be delivered and was dropped"),
        (logging.WARNING, "an event could not be delivered and is a dead letter"),
        (logging.ERROR, "a dead letter could not be delivered and was dropped"),
    ]


@pytest.mark.parametrize("mistake", [ValueError("oops"), asyncio.CancelledError()])
async def test_a_subscriber_that_raises_ends_neither_the_broker_nor_other_deliveries(mistake):
    faulty, other = Inbox(mistake), Inbox()
    triggers = [Trigger("faulty", faulty, delivery=Delivery(delay=timedelta(0))), Trigger("other", other)]
    await run(Broker(triggers), event(1))
    assert (faulty.ids, other.ids) == (["1", "1"], ["1"])


async def test_a_full_broker_takes_nothing_more_and_tells_so():
    blocked = Blocked()
    async with Broker([Trigger("a", blocked), Trigger("b", blocked)], bounds=Bounds(unfinished=5)) as broker:
        broker.publish(event(1))
        broker.publish(event(2))
        with pytest.raises(UnavailableError, match="holds 4 deliveries already; publish again later"):
            broker.publish(event(3))
        blocked.may_end.set()
        await broker.drain()
        broker.publish(event(4))
        await broker.drain()
    assert Counter(blocked.ids) == {"1": 2, "2": 2, "4": 2}


async def test_a_reply_that_a_full_broker_could_not_take_is_asked_for_again():
    blocked, answered, waits, time_passes = Blocked(), Inbox(), [], asyncio.Event()
    answer = Reply(200, event(2, "answer"))
    asking = Inbox(answer, answer)
    triggers = [
        Trigger("asking", asking, only("order")),
        Trigger("answered", answered, only("answer")),
        Trigger("answered, too", answered, only("answer")),
        Trigger("blocked", blocked, only("long")),
    ]

    async def sleep(seconds):
        waits.append(seconds)
        await time_passes.wait()

    async with Broker(triggers, bounds=Bounds(unfinished=2), sleep=sleep) as broker:
        broker.publish(event(1))
        broker.publish(event(3, "long"))
        await settle()
        assert (answered.ids, waits) == ([], [1])
        blocked.may_end.set()
        await settle()
        time_passes.set()
        await broker.drain()
    assert asking.ids == ["1", "1"]
    assert answered.ids == ["2", "2"]


async def test_a_reply_finds_room_where_the_event_was():
    asking, answered = Inbox(Reply(200, event(2, "answer"))), Inbox()
    triggers = [Trigger("asking", asking, only("order")), Trigger("answered", answered, only("answer"))]
    await run(Broker(triggers, bounds=Bounds(unfinished=1)), event(1))
    assert (asking.ids, answered.ids) == (["1"], ["2"])


async def test_subscribers_are_at_work_on_no_more_than_the_bound():
    blocked = Blocked()
    async with Broker([Trigger("orders", blocked)], bounds=Bounds(at_once=3)) as broker:
        for number in range(10):
            broker.publish(event(number))
        await settle()
        assert blocked.at_work == 3
        blocked.may_end.set()
        await broker.drain()
    assert blocked.most_at_work == 3
    assert blocked.ids == [str(number) for number in range(10)]


async def test_a_delivery_that_waits_for_its_next_try_keeps_no_other_from_being_made():
    failing, other, forever = Inbox(Reply(500)), Inbox(), asyncio.Event()
    triggers = [Trigger("failing", failing, only("a")), Trigger("other", other, only("b"))]
    async with Broker(triggers, bounds=Bounds(at_once=1), sleep=lambda seconds: forever.wait()) as broker:
        broker.publish(event(1, "a"))
        broker.publish(event(2, "b"))
        await settle()
    assert (failing.ids, other.ids) == (["1"], ["2"])


async def test_leaving_the_broker_ends_what_is_at_work_and_leaves_no_task(caplog):
    blocked = Blocked()
    before = asyncio.all_tasks()
    broker = Broker([Trigger("orders", blocked)])
    async with broker:
        broker.publish(event())
        await settle()
        assert blocked.at_work == 1
    assert blocked.at_work == 0
    assert asyncio.all_tasks() == before
    assert caplog.messages == ["the broker stopped with deliveries unfinished"]
    with pytest.raises(UnavailableError, match="not running"):
        broker.publish(event())


async def test_a_broker_that_was_not_entered_takes_nothing():
    with pytest.raises(UnavailableError, match="not running"):
        Broker().publish(event())


async def test_new_triggers_are_for_what_is_published_from_then_on():
    old, new = Inbox(), Inbox()
    async with Broker([Trigger("old", old)]) as broker:
        broker.publish(event(1))
        broker.set_triggers([Trigger("new", new)])
        broker.publish(event(2))
        await broker.drain()
    assert (old.ids, new.ids) == (["1"], ["2"])


async def test_the_switch_duplicates():
    inbox = Inbox()
    disorder = Disorder(seed=1, duplicates=0.5)
    await run(Broker([Trigger("orders", inbox)], disorder=disorder), *map(event, range(100)))
    counts = Counter(Counter(inbox.ids).values())
    assert set(counts) == {1, 2}
    assert 30 < counts[2] < 70


async def test_the_switch_delays():
    inbox, waits = Inbox(), Waits()
    disorder = Disorder(seed=1, delay=SECOND)
    await run(Broker([Trigger("orders", inbox)], disorder=disorder, sleep=waits), *map(event, range(100)))
    assert len(waits.seconds) == 100
    assert 0 < min(waits.seconds) < 0.2 < 0.8 < max(waits.seconds) < 1
    assert inbox.ids != sorted(inbox.ids, key=int)


async def test_the_switch_reorders_and_the_same_seed_does_the_same():
    async def order_of(seed):
        inbox = Inbox()
        broker = Broker([Trigger("orders", inbox)], disorder=Disorder(seed=seed, reorder=0.3))
        await run(broker, *map(event, range(100)))
        assert sorted(inbox.ids, key=int) == [str(number) for number in range(100)]
        return inbox.ids

    first = await order_of(1)
    assert first != [str(number) for number in range(100)]
    assert first == await order_of(1)
    assert first != await order_of(2)


async def test_the_switch_loses_and_waits_for_nothing_that_was_lost():
    inbox = Inbox()
    await run(Broker([Trigger("orders", inbox)], disorder=Disorder(seed=1, losses=0.5)), *map(event, range(100)))
    assert 30 < len(inbox.ids) < 70
    await run(Broker([Trigger("orders", Blocked())], disorder=Disorder(seed=1, losses=1.0)), event(1))


async def test_the_switch_does_not_change_which_events_a_full_broker_takes():
    blocked = Blocked()
    disorder = Disorder(seed=1, duplicates=1.0)
    async with Broker([Trigger("a", blocked)], bounds=Bounds(unfinished=2), disorder=disorder) as broker:
        broker.publish(event(1))
        blocked.may_end.set()
        await broker.drain()
    assert blocked.ids == ["1", "1"]


FAILURES = st.sampled_from([Reply(500), Reply(429), Reply(400), ConnectionError(), ValueError()])
CHANCES = st.floats(0, 1)


class Flaky(Inbox):
    """Fails each event in the ways that were planned for its id, every copy of it anew, and then takes it."""

    def __init__(self, plans):
        super().__init__()
        self.plans = plans
        self.tries = {}

    async def deliver(self, event):
        self.events.append(event)
        await asyncio.sleep(0)
        task = (event.id, asyncio.current_task())
        number = self.tries[task] = self.tries.get(task, 0) + 1
        plan = self.plans[int(event.id)]
        if number > len(plan):
            return Reply()
        failure = plan[number - 1]
        if isinstance(failure, Exception):
            raise failure
        return failure


@st.composite
def worlds(draw):
    disorder = Disorder(draw(st.integers(0, 999)), draw(CHANCES), SECOND * draw(CHANCES), draw(CHANCES))
    kinds = draw(st.lists(st.sampled_from("ab"), min_size=1, max_size=6))
    plans = [draw(st.lists(FAILURES, max_size=5)) for _ in kinds]
    return disorder, kinds, plans, draw(st.integers(0, 3)), draw(st.integers(1, 3))


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=150)
@given(worlds())
def test_in_any_disorder_each_wanted_event_arrives_and_is_a_dead_letter_only_after_all_tries(world):
    disorder, kinds, plans, retries, at_once = world
    some, everything, letters = Flaky(plans), Flaky(plans), Inbox()
    delivery = Delivery(retries=retries, delay=timedelta(milliseconds=100))
    triggers = [
        Trigger("some", some, only("a"), delivery, letters),
        Trigger("everything", everything, delivery=delivery, dead_letters=letters),
    ]
    logging.disable(logging.CRITICAL)
    try:
        broker = Broker(triggers, bounds=Bounds(at_once=at_once), disorder=disorder, sleep=Waits())
        asyncio.run(run(broker, *(event(number, kind) for number, kind in enumerate(kinds))))
    finally:
        logging.disable(logging.NOTSET)
    wanted = {str(number) for number, kind in enumerate(kinds)}
    assert set(everything.ids) == wanted
    assert set(some.ids) == {str(number) for number, kind in enumerate(kinds) if kind == "a"}
    for name, inbox in (("some", some), ("everything", everything)):
        dead = Counter(each.id for each in letters.events if each.extensions["knativeerrordest"] == name)
        assert dead == Counter(id for (id, _), tries in inbox.tries.items() if is_given_up(plans[int(id)], retries))
        for (id, _), tries in inbox.tries.items():
            assert tries == tries_of(plans[int(id)], retries)


def tries_of(plan, retries):
    """How often a delivery with these failures is tried."""
    for number, failure in enumerate([*plan, Reply()][: retries + 1], start=1):
        if isinstance(failure, Reply) and not failure.may_succeed_later:
            return number
    return retries + 1


def is_given_up(plan, retries):
    return tries_of(plan, retries) <= len(plan)


async def test_an_event_is_delivered_as_it_was_published():
    inbox = Inbox()
    given = replace(event(), subject="s", extensions={"flumehops": "2"}, data={"a": [1]})
    await run(Broker([Trigger("orders", inbox)]), given)
    assert inbox.events == [given]
