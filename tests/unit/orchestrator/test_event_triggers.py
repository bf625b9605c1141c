"""Which event triggers want an event, and how the index keeps up with what others save."""

import asyncio
import logging
from dataclasses import replace

import pytest

from eventing.cloudevents import CloudEvent
from flume.errors import StoreError
from flume.ids import Millis, PipelineId
from flume.pipeline import PipelineStatus
from orchestrator.event_triggers import EventTriggers, listeners_of
from orchestrator.store import Page, PipelineRecord


def trigger(*filters, id="event", enabled=True):
    return {"type": "event", "id": id, "enabled": enabled, "filters": list(filters)}


def exact(**attributes):
    return {"exact": attributes}


def record(number=1, *triggers, namespace="default", **facts):
    made = PipelineRecord(
        id=PipelineId(f"{number:024x}"),
        namespace=namespace,
        name=f"p{number}",
        description="",
        labels={},
        status=PipelineStatus.ACTIVE,
        version=1,
        triggers=triggers,
        managed_by="api",
        created_at=Millis(1),
        updated_at=Millis(1),
    )
    return replace(made, **facts)


def event(type="order", **extensions):
    return CloudEvent(id="1", source="/s", type=type, extensions=extensions)


class Pipelines:
    """Gives records, one a page; ``between`` is called after each page that was read and before it is given."""

    def __init__(self, *records) -> None:
        self.records = list(records)
        self.between = lambda: None
        self.error = None
        self.reads = 0

    async def list_pipelines(self, wanted, *, limit, cursor=None):
        self.reads += 1
        if self.error is not None:
            raise self.error
        assert (wanted.namespace, wanted.status, wanted.trigger_type) == (None, PipelineStatus.ACTIVE, "event")
        page = self.records[int(cursor or 0) :][:1]
        following = int(cursor or 0) + 1
        self.between()
        return Page(tuple(page), str(following) if following < len(self.records) else None)


def changed(*records):
    triggers = EventTriggers(Pipelines())
    for each in records:
        triggers.changed(each, True)
    return triggers


def found(triggers, given=None, namespaces=None):
    return sorted((each.pipeline, each.trigger_id) for each in triggers.matching(given or event(), namespaces))


def test_of_each_pipeline_the_first_trigger_in_its_order_that_wants_the_event_is_found():
    triggers = changed(
        record(1, trigger(exact(type="order"), id="a"), trigger(id="b")),
        record(2, trigger(id="c"), trigger(exact(type="order"), id="d")),
        record(3, trigger(exact(type="refund"), id="e")),
    )
    assert found(triggers) == [("p1", "a"), ("p2", "c")]
    assert found(triggers, event("refund")) == [("p1", "b"), ("p2", "c"), ("p3", "e")]


def test_all_filters_of_a_trigger_must_match_also_where_its_type_does():
    triggers = changed(record(1, trigger(exact(type="order"), {"prefix": {"source": "/other"}})))
    assert found(triggers) == []


def test_namespaces_bound_what_is_found():
    triggers = changed(record(1, trigger(), namespace="a"), record(2, trigger(), namespace="b"))
    assert found(triggers) == [("p1", "event"), ("p2", "event")]
    assert found(triggers, namespaces=["b", "c"]) == [("p2", "event")]
    assert found(triggers, namespaces=[]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"status": PipelineStatus.PAUSED},
        {"status": PipelineStatus.DRAFT},
        {"disabled_triggers": ("event",)},
        {"triggers": ()},
    ],
)
def test_what_is_paused_switched_off_or_gone_hears_nothing_and_then_again(change):
    first = record(1, trigger(exact(type="dev.flume.run.failed")))
    triggers = changed(first)
    failed = event("dev.flume.run.failed")
    assert (found(triggers, failed), triggers.hears_runs("default")) == ([("p1", "event")], True)
    triggers.changed(replace(first, rev=2, **change), True)
    assert (found(triggers, failed), triggers.hears_runs("default")) == ([], False)
    triggers.changed(replace(first, rev=3), True)
    assert (found(triggers, failed), triggers.hears_runs("default")) == ([("p1", "event")], True)
    triggers.changed(replace(first, rev=3), False)
    assert (found(triggers, failed), triggers.hears_runs("default")) == ([], False)


def test_an_older_revision_changes_nothing():
    first = record(1, trigger(exact(type="order")))
    triggers = changed(replace(first, rev=3, triggers=(trigger(exact(type="refund")),)))
    triggers.changed(replace(first, rev=2), True)
    assert (found(triggers), found(triggers, event("refund"))) == ([], [("p1", "event")])
    assert [each.event_type for each in triggers.of(first)] == ["refund"]


def test_events_about_nodes_are_nobodys():
    triggers = changed(record(1, trigger()), record(2, trigger({"prefix": {"type": "dev.flume.node."}})))
    assert found(triggers, event("dev.flume.node.completed")) == []
    assert found(triggers, event("dev.flume.nodes")) == [("p1", "event")]


@pytest.mark.parametrize(
    ("filters", "hears"),
    [
        ([], False),
        ([exact(type="order")], False),
        ([{"not": exact(type="x")}], False),
        ([{"cesql": "EXISTS subject"}], False),
        ([exact(type="dev.flume.run.completed")], True),
        ([exact(flumepipeline="first")], True),
        ([{"prefix": {"type": "dev.flume."}}], True),
        ([{"suffix": {"type": ".completed"}}], True),
        ([{"cesql": "flumepipeline = 'first'"}], True),
    ],
)
def test_events_about_runs_are_for_filters_that_ask_for_them(filters, hears):
    triggers = changed(record(1, trigger(*filters)))
    completed = event("dev.flume.run.completed", flumepipeline="first")
    assert (triggers.hears_runs("default"), triggers.hears_runs("other")) == (hears, False)
    assert found(triggers, completed) == ([("p1", "event")] if hears else [])


def test_a_pipeline_does_not_hear_of_its_own_runs_and_hears_of_those_of_its_namesakes():
    triggers = changed(record(1, trigger({"prefix": {"type": "dev.flume."}})))
    completed = CloudEvent(id="1", source="/flume/default/p1", type="dev.flume.run.completed")
    assert found(triggers, completed) == []
    assert found(triggers, replace(completed, source="/flume/other/p1")) == [("p1", "event")]
    assert found(triggers, replace(completed, type="dev.flume.other")) == [("p1", "event")]


def test_of_a_record_all_event_triggers_are_told_whether_it_was_seen_before_or_not():
    triggers = changed()
    first = record(1, trigger(id="a", enabled=False), {"type": "cron", "id": "c"}, trigger(id="b"))
    assert [(each.trigger_id, each.is_enabled) for each in triggers.of(first)] == [("a", False), ("b", True)]
    assert triggers.of(record(2)) == ()
    assert listeners_of(record(3, {"type": "webhook", "id": "w", "path": "p"})) == ()


@pytest.mark.parametrize("broken", [{"type": "event", "id": "old", "enabled": True}, trigger({"cesql": "type ="})])
def test_triggers_that_can_not_be_read_are_an_error_in_the_log_and_hear_nothing(broken, caplog):
    triggers = changed(record(1, broken), record(1, broken), record(2, trigger()))
    assert found(triggers) == [("p2", "event")]
    (logged,) = caplog.records
    assert (logged.levelname, logged.pipeline) == ("ERROR", "p1")


async def test_loading_finds_what_others_saved_and_forgets_what_they_deleted():
    store = Pipelines(record(1, trigger()), record(2, trigger()), record(3, trigger()))
    triggers = EventTriggers(store)
    await triggers.load()
    assert found(triggers) == [("p1", "event"), ("p2", "event"), ("p3", "event")]
    store.records = [replace(store.records[2], rev=2, triggers=(trigger(id="new"),)), record(4, trigger())]
    await triggers.load()
    assert found(triggers) == [("p3", "new"), ("p4", "event")]


async def test_a_change_while_loading_is_not_undone_by_what_was_read_before_it():
    gone, new = record(1, trigger()), record(9, trigger())
    store = Pipelines(gone, record(2, trigger()))
    triggers = EventTriggers(store)
    await triggers.load()

    def change():
        store.between = lambda: None
        triggers.changed(gone, False)
        triggers.changed(new, True)

    store.between = change
    await triggers.load()
    assert found(triggers) == [("p2", "event"), ("p9", "event")]


async def test_a_store_that_fails_is_told_once_and_what_is_known_stays(caplog):
    store = Pipelines(record(1, trigger()))
    triggers = EventTriggers(store, reload_s=0)
    await triggers.load()
    store.error = StoreError("the disk is gone")
    running = asyncio.create_task(triggers.run())
    while store.reads < 5:  # noqa: ASYNC110 - the fake has no event
        await asyncio.sleep(0)
    store.error, store.records = None, [record(2, trigger())]
    while found(triggers) != [("p2", "event")]:  # noqa: ASYNC110 - likewise
        await asyncio.sleep(0)
    running.cancel()
    assert [logged.levelno for logged in caplog.records] == [logging.ERROR, logging.WARNING]
