"""What an event asks for: the start that it becomes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from eventing.cloudevents import CloudEvent, MalformedEventError
from flume.errors import RequestError, StoreError, UnavailableError
from orchestrator.event_starts import MAX_ATTRIBUTE_TEXT, EventStarts, gravest, start_key_of, start_of
from orchestrator.event_triggers import EventTriggers
from orchestrator.store import Page
from tests.unit.orchestrator.test_event_triggers import record


def event(id="1", source="/s", **facts):
    return CloudEvent(id=id, source=source, type="order", **facts)


def test_a_start_has_the_data_the_attributes_and_a_key_of_source_and_id():
    start = start_of(event(time=datetime(2026, 1, 2, tzinfo=UTC), data={"a": 1}, extensions={"flumehops": "2"}))
    assert (start.trigger_type, start.data, start.hops, start.start_key) == ("event", {"a": 1}, 2, "event:/s#1")
    assert start.detail["event"] == {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "order",
        "time": "2026-01-02T00:00:00Z",
        "flumehops": "2",
    }
    assert (start.body, start.is_strict) == (None, False)


def test_no_two_events_have_one_key():
    events = [("a#b", "c"), ("a", "b#c"), ("a", "b%23c"), ("a#b#c", ""), ("a", "b%2523c")]
    assert len({start_key_of(event(id, source)) for source, id in events}) == len(events)


@pytest.mark.parametrize("hops", ["-1", "1.0", "", "x", "1" * 6, "\N{SUPERSCRIPT TWO}"])
def test_hops_that_are_no_number_are_malformed(hops):
    with pytest.raises(MalformedEventError, match="flumehops"):
        start_of(event(extensions={"flumehops": hops}))


def test_attributes_beyond_what_a_run_keeps_are_malformed():
    extensions = {f"x{number}": "x" * 4096 for number in range(MAX_ATTRIBUTE_TEXT // 4096)}
    with pytest.raises(MalformedEventError, match="names and all"):
        start_of(event(extensions=extensions))


def test_names_of_attributes_count_as_what_a_run_keeps():
    by_name = {f"{number:064d}": "" for number in range(MAX_ATTRIBUTE_TEXT // 64)}
    with pytest.raises(MalformedEventError, match="names and all"):
        start_of(event(extensions=by_name))
    assert start_of(event(extensions=dict(list(by_name.items())[:-2])))


def test_of_several_errors_one_that_passes_is_told():
    final, passing = RequestError("never"), UnavailableError("not now")
    assert gravest([final, passing, StoreError("x")]) is passing
    assert gravest([final]) is final


async def never(record, trigger_id, fired):
    """No cron trigger is due."""
    return None


async def no_note(record, trigger_id, due, run_id):
    raise AssertionError("nothing was due, so there is no firing to note")


class OneShelf:
    """Of pipelines, the store's and the one that is there when a start is made."""

    def __init__(self, seen, now) -> None:
        self.seen, self.now = seen, now
        self.started = []

    async def list_pipelines(self, wanted, *, limit, cursor=None):
        return Page((self.seen,), None)

    async def for_start(self, namespace, name):
        return self.now

    async def start(self, record, start):
        self.started.append(start.trigger_id)


def order(id="order", type="order", enabled=True):
    return {"type": "event", "id": id, "enabled": enabled, "filters": [{"exact": {"type": type}}]}


@pytest.mark.parametrize(
    ("now", "started"),
    [
        ((order("new", "other"), order()), ["order"]),
        ((order("renamed"),), ["renamed"]),
        ((order("first", enabled=False), order()), ["order"]),
        ((order(type="other"),), []),
        ((order(enabled=False),), []),
    ],
)
async def test_what_a_pipeline_is_now_says_by_which_of_its_triggers_it_is_started(now, started):
    seen = record(1, order())
    shelf = OneShelf(seen, replace(seen, rev=seen.rev + 1, triggers=now))
    triggers = EventTriggers(shelf)
    await triggers.load()

    await EventStarts(
        pipelines=shelf, runs=shelf, triggers=triggers, due_at=never, note_firing=no_note
    ).start_listeners(event())

    assert shelf.started == started


@pytest.mark.parametrize(
    ("source", "namespaces", "started"),
    [
        ("/flume/default/p9", None, ["order"]),
        ("/flume/default/p9", ("default", "other"), ["order"]),
        ("/flume/default/p9", ("other",), []),
        ("/flume/other/p9", None, []),
    ],
)
async def test_an_event_about_a_run_stays_in_its_namespace_whoever_sends_it(source, namespaces, started):
    seen = record(1, order(type="dev.flume.run.completed"))
    shelf = OneShelf(seen, seen)
    triggers = EventTriggers(shelf)
    await triggers.load()
    completed = CloudEvent(id="1", source=source, type="dev.flume.run.completed")

    await EventStarts(
        pipelines=shelf, runs=shelf, triggers=triggers, due_at=never, note_firing=no_note
    ).start_listeners(completed, namespaces)

    assert shelf.started == started


async def test_a_pipeline_is_not_started_by_its_own_runs_at_its_own_address_either():
    seen = record(1)
    shelf = OneShelf(seen, seen)
    starts = EventStarts(pipelines=shelf, runs=shelf, triggers=EventTriggers(shelf), due_at=never, note_firing=no_note)
    for name in ("p1", "p2"):
        await starts.start(seen, CloudEvent(id="1", source=f"/flume/default/{name}", type="dev.flume.run.failed"))
    assert shelf.started == ["address"]
