import asyncio

from orchestrator.bus import MAX_QUEUED, Overrun, PipelineChanged, namespace_topic, run_topic
from orchestrator.buses.memory import MemoryBus


def message(number):
    return PipelineChanged("p", "default", str(number), "saved")


def test_a_message_reaches_every_subscriber_of_its_topic_and_nobody_else():
    bus = MemoryBus()
    with bus.subscribe("a") as first, bus.subscribe("a") as second, bus.subscribe("b") as other:
        bus.publish("a", message(1))
        assert first.take() == second.take() == [message(1)]
        assert other.take() == []


def test_messages_come_in_order_and_once():
    bus = MemoryBus()
    with bus.subscribe("a") as subscription:
        for number in range(3):
            bus.publish("a", message(number))
        assert subscription.take() == [message(0), message(1), message(2)]
        assert subscription.take() == []


def test_a_topic_has_watchers_only_while_somebody_is_subscribed():
    bus = MemoryBus()
    assert not bus.has_watchers("a")
    with bus.subscribe("a"), bus.subscribe("a"):
        assert bus.has_watchers("a")
    assert not bus.has_watchers("a")
    bus.publish("a", message(1))


def test_a_slow_watcher_is_told_that_it_missed_something():
    bus = MemoryBus()
    with bus.subscribe("a") as subscription:
        for number in range(MAX_QUEUED + 1):
            bus.publish("a", message(number))
        assert subscription.take() == [Overrun(), message(MAX_QUEUED)]


async def test_who_waits_is_woken_by_a_message():
    bus = MemoryBus()
    with bus.subscribe("a") as subscription:
        waiting = asyncio.create_task(subscription.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        bus.publish("a", message(1))
        await asyncio.wait_for(waiting, 1)
        assert subscription.take() == [message(1)]


async def test_a_subscription_can_be_iterated():
    bus = MemoryBus()
    seen = []
    with bus.subscribe("a") as subscription:
        bus.publish("a", message(1))
        bus.publish("a", message(2))
        async for each in subscription:
            seen.append(each)
            if len(seen) == 2:
                break
    assert seen == [message(1), message(2)]


def test_topics_of_runs_and_namespaces_never_meet():
    assert run_topic("x") != namespace_topic("x")


def test_one_subscription_may_listen_to_several_topics_and_to_none_of_them_afterwards():
    bus = MemoryBus()
    with bus.subscribe("a", "b") as subscription:
        for topic, number in (("a", 1), ("c", 2), ("b", 3)):
            bus.publish(topic, message(number))
        assert subscription.take() == [message(1), message(3)]
    assert not bus.has_watchers("a")
    assert not bus.has_watchers("b")


def test_a_loss_is_told_once_until_something_else_came():
    bus = MemoryBus()
    with bus.subscribe("a") as subscription, bus.subscribe("b") as other:
        bus.overrun(["a", "unwatched"])
        bus.overrun(["a"])
        bus.publish("a", message(1))
        bus.overrun(["a"])
        assert subscription.take() == [Overrun(), message(1), Overrun()]
        assert other.take() == []
