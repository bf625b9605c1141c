"""What publishers do with entries that can't be published, and how the outbox is looked after."""

import asyncio
import logging
from dataclasses import replace

import pytest

from eventing.cloudevents import CloudEvent, to_json
from flume.errors import StoreError, UnavailableError
from flume.ids import Millis
from orchestrator.outbox_upkeep import HOUR_MS, KEPT_MS, OutboxUpkeep
from orchestrator.publisher import AT_ONCE, Publisher
from orchestrator.store import Audience, Backlog, OutboxEntry


class Outbox:
    """The part of a store that publishers use, in memory."""

    def __init__(self) -> None:
        self.entries = []
        self.error = None
        self.dropped = []

    def add(self, *ids, owner="me", audience=Audience.HERE):
        for id in ids:
            event = CloudEvent(id=id, source="/flume/default/p", type="dev.flume.run.completed")
            at = Millis(len(self.entries))
            self.entries.append(OutboxEntry(id, audience, owner, at, to_json(event)))

    @property
    def ids(self):
        return [entry.id for entry in self.entries]

    async def read_outbox(self, owner, audience, *, limit, after=None):
        place = (-1, "") if after is None else (after.at, after.id)
        mine = [each for each in self.entries if (each.owner, each.audience) == (owner, audience)]
        return tuple(
            sorted((each for each in mine if (each.at, each.id) > place), key=lambda each: (each.at, each.id))[:limit]
        )

    async def delete_outbox(self, entries):
        self.entries = [each for each in self.entries if each not in entries]

    async def take_over_outbox(self, owner, *, live_owners):
        if self.error is not None:
            raise self.error
        gone = [each for each in self.entries if each.owner not in live_owners]
        self.entries = [replace(each, owner=owner) if each in gone else each for each in self.entries]
        return len(gone)

    async def drop_outbox(self, owner, audience, *, before):
        self.dropped.append((audience, before))
        return 3 if before >= 0 else 0

    async def outbox_backlogs(self, owner):
        count = sum(each.owner == owner for each in self.entries)
        return {Audience.HERE: Backlog(count, Millis(0))} if count else {}


class Sink:
    """Takes all but what begins with ``poison``, or nothing while it is ``away``."""

    def __init__(self) -> None:
        self.taken = []
        self.tries = 0
        self.away = False

    async def publish(self, event):
        self.tries += 1
        if self.away or event.id.startswith("poison"):
            raise UnavailableError("not now")
        self.taken.append(event.id)


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def publisher(outbox, sink):
    return Publisher("me", outbox, Audience.HERE, sink, news=asyncio.Event())


async def rounds(publisher, count):
    """Whether each of several rounds failed."""
    failed = []
    for _ in range(count):
        try:
            await publisher.round()
            failed.append(False)
        except UnavailableError:
            failed.append(True)
    return failed


POISON = [f"poison-{number}" for number in range(AT_ONCE)]


async def test_what_fails_for_ever_keeps_nothing_behind_it_waiting(outbox, sink, publisher):
    outbox.add(*POISON, "good", *(f"poison-too-{number}" for number in range(AT_ONCE)), "last")
    assert await rounds(publisher, 3) == [True] * 3
    assert sink.taken == ["good", "last"]
    assert len(outbox.ids) == 2 * AT_ONCE


async def test_rounds_fail_for_as_long_as_something_waits_and_then_no_more(outbox, sink, publisher):
    outbox.add(*POISON, "good")
    assert await rounds(publisher, 6) == [True] * 6
    outbox.entries = []
    assert await rounds(publisher, 2) == [False] * 2


@pytest.mark.parametrize("count", [1, AT_ONCE, 3 * AT_ONCE])
async def test_a_sink_that_is_away_is_tried_with_one_group_a_round_and_then_gets_all(outbox, sink, publisher, count):
    sink.away = True
    outbox.add(*(f"{number:04}" for number in range(count)))
    expected = list(outbox.ids)
    assert await rounds(publisher, 1) == [True]
    assert sink.tries == min(count, AT_ONCE)
    assert all(await rounds(publisher, 5))
    sink.away = False
    await rounds(publisher, 4)
    assert (sorted(sink.taken), outbox.ids) == (expected, [])


async def test_publishers_leave_alone_what_is_for_others(outbox, sink, publisher):
    outbox.add("outside", audience=Audience.OUTSIDE)
    outbox.add("yours", owner="you")
    await publisher.round()
    assert (sink.taken, outbox.ids) == ([], ["outside", "yours"])


def upkeep_of(outbox, now=lambda: Millis(0), on_backlog=lambda: None):
    async def live_owners():
        return ("me", "you")

    return OutboxUpkeep("me", outbox, live_owners=live_owners, on_backlog=on_backlog, clock=now)


@pytest.mark.parametrize("owner", ["dead", "me"])
async def test_publishers_are_told_of_what_waits_for_them_whatever_way_it_came(outbox, owner):
    told = []
    upkeep = upkeep_of(outbox, on_backlog=lambda: told.append(True))
    outbox.add("yours", owner="you")
    await upkeep.look()
    assert told == []
    outbox.add("left", owner=owner)
    await upkeep.look()
    assert told == [True]


async def test_what_waits_is_known_after_each_look(outbox):
    upkeep = upkeep_of(outbox)
    outbox.add("mine")
    await upkeep.look()
    assert upkeep.backlogs == {Audience.HERE: Backlog(1, Millis(0))}


async def test_what_a_broker_does_not_take_in_a_day_is_dropped_and_told_hourly(outbox, caplog):
    moment = [KEPT_MS]
    upkeep = upkeep_of(outbox, now=lambda: Millis(moment[0]))
    for _ in range(2):
        await upkeep.look()
    moment[0] += HOUR_MS - 1
    await upkeep.look()
    moment[0] += 1
    await upkeep.look()
    assert outbox.dropped == [(Audience.OUTSIDE, 0), (Audience.OUTSIDE, HOUR_MS)]
    assert [(record.levelname, record.count) for record in caplog.records] == [("ERROR", 3)] * 2


async def test_a_store_that_fails_is_told_once_and_looked_at_again(outbox, caplog, monkeypatch):
    monkeypatch.setattr("orchestrator.outbox_upkeep.EVERY_S", 0)
    outbox.error, looks = StoreError("the disk is gone"), []

    upkeep = upkeep_of(outbox, on_backlog=lambda: looks.append(True))
    outbox.add("left", owner="dead")
    running = asyncio.create_task(upkeep.run())
    for _ in range(20):
        await asyncio.sleep(0)
    outbox.error = None
    while not looks:  # noqa: ASYNC110 - the fake has no event
        await asyncio.sleep(0)
    running.cancel()
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
