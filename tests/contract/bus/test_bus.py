"""What every bus promises, whichever replica watches."""

from flume.ids import Instance, Millis, PipelineId, RunId
from orchestrator.bus import (
    AttemptHindered,
    FunctionHindered,
    InboxGrew,
    LogsWritten,
    Overrun,
    PipelineChanged,
    Progress,
    RunChanged,
    SignOfLife,
)
from orchestrator.state import RunStatus
from orchestrator.store import LogLine

RUN = RunId("a" * 24)
MESSAGES = (
    RunChanged(RUN, "default", "grüße", 3, RunStatus.COMPLETED),
    Progress(RUN, Instance("each[3].fetch"), 2, 17, 'a "text"\nof 🙂 lines'),
    LogsWritten(RUN, (LogLine(Instance("n"), 1, 0, Millis(5), "info", "hi", {"a": [1, None]}),), "p"),
    PipelineChanged(PipelineId("b" * 24), "default", "p", "saved"),
    InboxGrew(RUN),
    SignOfLife(RUN, Instance("n"), 1, 4, "more"),
    FunctionHindered("fn-resize-gpu", "unschedulable", "waiting for a GPU", Millis(5)),
    AttemptHindered(RUN, Instance("n"), 1, "image-pull", "no such image", Millis(5)),
)


def message(number):
    return PipelineChanged("p", "default", str(number), "saved")


async def test_all_kinds_of_messages_arrive_as_they_were_said_and_in_order(ends):
    with ends.far.subscribe("a", "end") as subscription:
        await ends.until_heard("a")
        for each in MESSAGES:
            ends.near.publish("a", each)
        assert await ends.all_that_came(subscription) == list(MESSAGES)


async def test_a_message_reaches_the_watchers_of_its_topic_and_nobody_else(ends):
    with ends.far.subscribe("a", "end") as first, ends.far.subscribe("b", "end") as other:
        await ends.until_heard("b")
        ends.near.publish("a", message(1))
        assert await ends.all_that_came(first) == [message(1)]
        assert await ends.all_that_came(other) == []


async def test_many_messages_arrive_once_each(ends):
    with ends.far.subscribe("a", "end") as subscription:
        await ends.until_heard("a")
        for number in range(500):
            ends.near.publish("a", message(number))
        assert await ends.all_that_came(subscription) == [message(number) for number in range(500)]


async def test_a_watcher_of_one_s_own_is_told_at_once(ends):
    with ends.near.subscribe("a") as subscription:
        ends.near.publish("a", message(1))
        assert subscription.take() == [message(1)]


async def test_a_topic_has_watchers_only_while_somebody_watches_it(ends):
    assert not ends.near.has_watchers("a")
    with ends.far.subscribe("a"):
        await ends.until_heard("a")
    await ends.until_unwatched("a")
    ends.near.publish("a", message(1))


async def test_one_of_two_watchers_may_leave(ends):
    with ends.far.subscribe("a", "end") as staying:
        await ends.until_heard("a")
        with ends.far.subscribe("a"):
            pass
        ends.near.publish("a", message(1))
        assert await ends.all_that_came(staying) == [message(1)]


async def test_a_watcher_that_is_too_slow_is_told_that_it_missed_something(ends):
    with ends.far.subscribe("a") as slow, ends.far.subscribe("end") as end:
        await ends.until_heard("end")
        for number in range(1_500):
            ends.near.publish("a", message(number))
        await ends.all_that_came(end)
        assert Overrun() in slow.take()


async def test_text_that_no_json_can_hold_and_far_too_much_of_it_stop_nothing(ends):
    with ends.far.subscribe("a", "end") as subscription:
        await ends.until_heard("a")
        ends.near.publish("a", Progress(RUN, Instance("n"), 1, 0, "\ud800"))
        ends.near.publish("a", Progress(RUN, Instance("n"), 1, 1, "x" * 10_000_000))
        ends.near.publish("a", message(1))
        assert (await ends.all_that_came(subscription))[-1] == message(1)
