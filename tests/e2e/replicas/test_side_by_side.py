"""What arrives at one replica, and what becomes of it at another."""

import asyncio
import logging
from contextlib import aclosing

import orjson
import pytest

from flume.ids import Instance
from orchestrator.admission import Limits
from orchestrator.api.run_reader import START
from orchestrator.api.streams import Interest, namespace_events, run_events
from orchestrator.store import ANSWER, InboxEntry, PipelineFilter, RunFilter
from tests.e2e.replicas.conftest import CALL, LEASE_S, replica_on

pytestmark = pytest.mark.slow

NAP = {"id": "nap", "type": "delay", "config": {"duration": "1h"}}
NOTE = {"id": "note", "type": "template", "config": {"template": "noted"}}
EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/shop", "ce-type": "order"}


async def runs_of(replica):
    return (await replica.orchestrator.store.list_runs(RunFilter("default"), limit=100)).items


async def both(*awaitables):
    return await asyncio.gather(*awaitables)


async def test_the_same_start_at_both_is_one_run(two) -> None:
    one, other = two
    await one.save(NOTE)

    key = {"headers": {"Idempotency-Key": "k"}}
    answers = await both(one.invoke(**key), other.invoke(**key))

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await runs_of(one)) == 1


async def test_the_same_event_at_both_starts_a_listener_once(two) -> None:
    one, other = two
    await one.save(NOTE, trigger={"type": "event", "filters": [{"exact": {"type": "order"}}]})
    await other.orchestrator.event_triggers.load()

    answers = await both(*(each.client.post("/events", headers=EVENT) for each in two))

    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(await runs_of(one)) == 1


async def test_the_same_call_of_a_hook_at_both_is_one_run(two) -> None:
    one, _ = two
    await one.save(NOTE, trigger={"type": "webhook", "path": "orders"})

    key = {"Idempotency-Key": "k"}
    await both(*(each.client.post("/hooks/default/orders", headers=key) for each in two))

    assert len(await runs_of(one)) == 1


async def test_each_due_time_fires_once_though_both_look_at_the_same_moment(open_replica) -> None:
    now = [1_800_000_000_000]
    one, other = await open_replica(clock=lambda: now[0]), await open_replica(clock=lambda: now[0])
    await one.save(NOTE, trigger={"type": "interval", "every": "10s"})
    for _ in range(5):
        await both(*(each.orchestrator.scheduler.round() for each in (one, other)))
        now[0] += 10_000

    due = [run.trigger_type for run in await runs_of(one)]

    assert due == ["interval"] * 4


async def test_a_cancel_reaches_the_owner(two) -> None:
    one, other = two
    await one.save(CALL)
    run_id = await one.begin()

    answer = await other.client.post(f"/api/v1/runs/{run_id}/cancel")

    assert answer.status_code == 202
    assert (await other.ended(run_id))["status"] == "cancelled"
    assert not one.engine.is_active(run_id)


async def test_an_answer_that_was_kept_by_another_reaches_the_owner(two) -> None:
    one, other = two
    await one.save(CALL)
    run_id = await one.begin()
    body = {"type": "dev.flume.node.completed", "data": {"output": "from afar", "meta": {}, "logs": []}}
    entry = InboxEntry("e" * 24, run_id, Instance("work"), 1, ANSWER, body, other.orchestrator.clock())

    assert await other.orchestrator.store.put_inbox(entry)

    assert (await other.ended(run_id))["output"] == "from afar"


async def test_a_caller_may_wait_at_either_for_the_run_of_a_key(two) -> None:
    one, other = two
    await one.save(CALL)
    key = {"Idempotency-Key": "k"}
    run_id = (await one.invoke(headers=key)).json()["id"]
    await one.work.begun.acquire()

    waiting = asyncio.create_task(other.invoke(headers={**key, "Prefer": "wait=10"}))
    one.work.goes_on.set()
    run = (await waiting).json()

    assert (run["id"], run["status"], run["output"]) == (run_id, "completed", "done")


def names_of(pieces):
    blocks = b"".join(pieces).decode().strip().split("\n\n")
    return [block.split("event: ")[1].split("\n")[0] for block in blocks if "event: " in block]


async def test_a_stream_of_a_run_goes_on_to_its_end_whichever_is_asked(two) -> None:
    one, other = two
    await one.save(CALL, {**NOTE, "id": "then"}, edges=[{"from": "work", "to": "then"}])
    run_id = await one.begin()
    pieces = []

    async with (
        asyncio.timeout(5),
        aclosing(run_events(other.orchestrator, "default", run_id, START, heartbeat_s=60)) as stream,
    ):
        async for piece in stream:
            pieces.append(piece)
            one.work.goes_on.set()

    assert names_of(pieces)[0] == names_of(pieces)[-1] == "run"
    last = orjson.loads(pieces[-1].split(b"data: ")[1])
    assert (last["status"], last["output"]) == ("completed", "noted")


async def test_who_watches_a_namespace_is_told_to_look_again_when_another_replica_changed_something(two) -> None:
    one, other = two

    async with (
        asyncio.timeout(10),
        aclosing(namespace_events(other.orchestrator, Interest("default"), heartbeat_s=60)) as stream,
    ):
        await anext(stream)
        reload = asyncio.create_task(anext(stream))
        await asyncio.sleep(1.2)  # the first look, from which on changes count
        assert not reload.done()
        await one.save(NOTE)
        assert names_of([await reload]) == ["reload"]
        reload = asyncio.create_task(anext(stream))
        await one.invoke()
        assert names_of([await reload]) == ["reload"]


async def test_what_a_reader_was_told_by_the_bus_is_no_news(two) -> None:
    one, _ = two
    pieces = []

    async def listen():
        async with aclosing(namespace_events(one.orchestrator, Interest("default"), heartbeat_s=60)) as stream:
            async for piece in stream:
                pieces.append(piece)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(1.2)
    await one.save(NOTE)
    await one.invoke()
    async with asyncio.timeout(20):
        while not {"run", "pipeline"} <= set(names_of(pieces)):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
    # Were it news to the look into the store, that would tell so within a second.
    await asyncio.sleep(1.5)
    listening.cancel()

    assert "reload" not in names_of(pieces)


async def test_a_change_of_a_pipeline_shows_at_the_other_within_a_moment(two) -> None:
    one, other = two
    await one.save(NOTE, trigger={"type": "event", "filters": [{"exact": {"type": "order"}}]})
    async with asyncio.timeout(5):
        while not (await other.client.post("/events", headers=EVENT)).is_success or not await runs_of(other):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)

    await one.client.post("/api/v1/pipelines/sample/pause")
    async with asyncio.timeout(5):
        while (answer := await other.client.post("/events/default/sample", headers=EVENT)).status_code != 503:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)

    assert answer.json()["code"] == "pipeline-paused"


async def test_runs_of_one_that_stops_in_order_go_on_at_once_and_are_no_recovery(open_replica) -> None:
    one, other = await open_replica(), await open_replica()
    await one.save(CALL)
    run_id = await one.begin()
    other.work.goes_on.set()

    await one.engine.stop()

    assert one.engine.room == 0
    run = await other.ended(run_id)
    assert (run["status"], one.work.keys) == ("completed", other.work.keys)


async def test_one_that_stops_keeps_its_runs_for_as_long_as_its_grace_lasts(store, open_replica) -> None:
    other = await open_replica()
    other.work.goes_on.set()
    opened, stop = asyncio.get_running_loop().create_future(), asyncio.Event()

    async def live():
        async with replica_on(store, grace_s=20.0) as replica:
            opened.set_result(replica)
            await stop.wait()

    living = asyncio.create_task(live())
    one = await opened
    await one.save(CALL)
    run_id = await one.begin()
    await until(lambda: other.orchestrator.leases.has_company)
    stop.set()
    await until(lambda: one.engine.is_stopping)
    await asyncio.sleep(2 * LEASE_S)
    assert (await other.run(run_id))["status"] == "running"
    one.work.goes_on.set()
    await living
    assert (await other.ended(run_id))["status"] == "completed"
    assert (len(one.work.keys), other.work.keys) == (1, [])
    await until(lambda: not other.orchestrator.leases.has_company)


async def test_replicas_that_find_the_store_again_keep_their_runs(two) -> None:
    one, other = two
    await one.save(CALL)
    runs = [await replica.begin() for replica in (one, other)]
    for replica in two:
        replica.line.is_cut = True
    await asyncio.sleep(2 * LEASE_S)
    # One finds it first, as always.
    one.line.is_cut = False
    await asyncio.sleep(LEASE_S / 3)
    other.line.is_cut = False
    await asyncio.sleep(LEASE_S)
    assert [len(replica.work.keys) for replica in two] == [1, 1]
    for replica in two:
        replica.work.goes_on.set()
    assert [(await one.ended(run_id))["status"] for run_id in runs] == ["completed"] * 2


async def test_runs_of_one_that_is_cut_off_go_on_elsewhere_and_it_lets_go_of_them_when_it_is_back(two, caplog) -> None:
    one, other = two
    caplog.set_level(logging.WARNING)
    await one.save(CALL)
    run_id = await one.begin()

    one.line.is_cut = True
    await asyncio.wait_for(other.work.begun.acquire(), LEASE_S + 2)
    assert one.engine.is_active(run_id)
    one.line.is_cut = False
    await until(lambda: not one.engine.is_active(run_id))
    one.work.goes_on.set()
    other.work.goes_on.set()

    run = await other.ended(run_id)
    assert (run["status"], run["nodes"]["work"]["attempt"]) == ("completed", 1)
    assert one.work.keys == other.work.keys
    said = [record for record in caplog.records if not record.message.startswith("the store can")]
    assert [(record.message, record.runs) for record in said] == [
        ("the lease had ended before it was renewed; runs that others took over are let go of", 1)
    ]


async def test_an_answer_of_one_that_lost_its_runs_meanwhile_changes_nothing(two) -> None:
    one, other = two
    await one.save(CALL, NAP, edges=[{"from": "work", "to": "nap"}])
    run_id = await one.begin()

    one.line.is_cut = True
    await asyncio.wait_for(other.work.begun.acquire(), LEASE_S + 2)
    one.work.goes_on.set()
    await asyncio.sleep(0.05)
    one.line.is_cut = False
    await until(lambda: not one.engine.is_active(run_id))

    assert (await other.run(run_id))["nodes"]["work"]["status"] == "running"
    other.work.goes_on.set()
    await other.until(run_id, lambda run: run["nodes"]["work"]["status"] == "completed")


async def test_nobody_takes_up_what_another_owns(two) -> None:
    one, other = two
    await one.save(CALL)
    run_id = await one.begin()

    assert await other.engine.take_up(run_id) is None
    assert (await other.orchestrator.store.load_run(run_id)).owner == one.orchestrator.id


async def test_sleeping_runs_wake_at_whoever_is_there(open_replica) -> None:
    now = [1_800_000_000_000]
    one = await open_replica(clock=lambda: now[0])
    await one.save({**NAP, "config": {"duration": "1m"}})
    run_id = (await one.invoke()).json()["id"]
    await until(lambda: not one.engine.is_active(run_id))
    other = await open_replica(clock=lambda: now[0])
    one.line.is_cut = True
    now[0] += 60_000

    assert (await other.ended(run_id))["status"] == "completed"


async def test_it_can_be_seen_at_any_of_them_who_is_alive(two) -> None:
    one, other = two
    await one.save(CALL)
    await one.begin()

    listed = await _listed(other, lambda items: [each["runs"] for each in items if not each["answering"]] == [1])
    by_id = {each["id"]: each for each in listed}

    assert by_id.keys() == {one.orchestrator.id, other.orchestrator.id}
    assert [each["alive"] for each in listed] == [True, True]
    assert [each["id"] for each in listed if each["answering"]] == [other.orchestrator.id]
    of_one = by_id[one.orchestrator.id]
    assert (of_one["runs"], of_one["version"], of_one["pid"] > 0) == (1, "1.2.3", True)
    assert 0 < of_one["leaseLeftMs"] <= LEASE_S * 1000

    one.line.is_cut = True
    items = await _listed(other, lambda items: not all(each["alive"] for each in items))
    alive = [each for each in items if each["alive"]]
    assert [each["id"] for each in alive] == [other.orchestrator.id]


async def _listed(replica, is_enough):
    async with asyncio.timeout(10):
        while True:
            items = (await replica.client.get("/api/v1/orchestrators")).json()["items"]
            if is_enough(items):
                return items
            await asyncio.sleep(0.05)


async def test_a_name_can_be_taken_once(two) -> None:
    one, _ = two
    note = "{id: a, type: log, inputs: {message: hi}}"
    document = f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: sample}}\nnodes: [{note}]\n"
    yaml = {"Content-Type": "application/yaml"}

    answers = await both(*(each.client.post("/api/v1/pipelines", content=document, headers=yaml) for each in two))

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    page = await one.orchestrator.store.list_pipelines(PipelineFilter("default"), limit=10)
    assert len(page.items) == 1


async def test_one_that_is_full_says_when_to_come_back_and_leaves_what_is_due_to_others(open_replica) -> None:
    now = [1_800_000_000_000]
    one = await open_replica(clock=lambda: now[0], limits=Limits(runs=1))
    await one.save({**NAP, "config": {"duration": "1m"}}, name="sleeper")
    await one.save(CALL)
    asleep = (await one.invoke("sleeper")).json()["id"]
    await until(lambda: not one.engine.is_active(asleep))
    await one.begin()

    refused = await one.client.post("/api/v1/pipelines/sample/invoke")
    hook_or_event = await one.client.post("/events/default/sample", headers=EVENT)
    now[0] += 60_000
    await asyncio.sleep(0.5)
    still_asleep = await one.run(asleep)
    other = await open_replica(clock=lambda: now[0])

    assert [(each.status_code, each.headers["retry-after"]) for each in (refused, hook_or_event)] == [(429, "1")] * 2
    assert still_asleep["status"] == "running"
    assert (await other.ended(asleep))["status"] == "completed"


async def until(claim):
    async with asyncio.timeout(10):
        while not claim():  # noqa: ASYNC110 - a claim about the world has no event of its own
            await asyncio.sleep(0.01)
