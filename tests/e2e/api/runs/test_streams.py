import asyncio
import socket
from contextlib import aclosing, asynccontextmanager

import httpx
import orjson
import pytest
import uvicorn

from orchestrator.api.run_models import NodeRecord, RunHeadRecord, RunRecord
from orchestrator.api.run_reader import START, EventId
from orchestrator.api.streams import Interest, namespace_events, read_event_id, run_events
from orchestrator.bus import MAX_QUEUED, LogsWritten, Progress, run_topic
from orchestrator.store import LogLine

STEPS = """
nodes:
  - {id: before, type: log, inputs: {message: hello}}
  - {id: wait, type: gate}
  - {id: after, type: template, config: {template: "{{ wait.output }} now"}}
edges:
  - {from: before, to: wait}
  - {from: wait, to: after}
"""


def parse(piece):
    """An event as ``(name, id, data)``; a heartbeat is ``("", None, None)``."""
    fields = dict(line.split(b": ", 1) for line in piece.strip().split(b"\n") if not line.startswith(b":"))
    if b"data" not in fields:
        return ("", None, None)
    id = fields.get(b"id")
    return (fields[b"event"].decode(), None if id is None else id.decode(), orjson.loads(fields[b"data"]))


def all_events(text):
    return [parse(block.encode()) for block in text.strip().split("\n\n")]


def run_stream(api, run_id, last=START, heartbeat_s=60.0):
    return aclosing(run_events(api.orchestrator, "default", run_id, last, heartbeat_s=heartbeat_s))


async def upto(pieces, name, is_wanted=lambda data: True):
    """The events up to and with the first of this name that is wanted."""
    found = []
    async for piece in pieces:
        found.append(parse(piece))
        if found[-1][0] == name and is_wanted(found[-1][2]):
            return found
    raise AssertionError(f"the stream ended without {name}; {found}")


async def started(api):
    """A run that waits at its gate, everything up to there committed."""
    run_id = (await api.invoke()).json()["id"]
    await api.gates.begun.acquire()
    return run_id


def progress(api, run_id, offset, text):
    """Tell of a piece that the run's waiting node gave."""
    api.orchestrator.bus.publish(run_topic(run_id), Progress(run_id, "wait", 1, offset, text))


def late_line():
    return LogLine("wait", 1, 7, 1, "info", "late")


async def test_a_stream_begins_with_everything_and_ends_with_the_run(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)

    async with run_stream(api, run_id) as pieces:
        first = parse(await anext(pieces))
        api.gates.open()
        rest = [parse(piece) async for piece in pieces]

    assert first[0] == "run"
    assert {key: node["status"] for key, node in first[2]["nodes"].items()} == {
        "before": "completed",
        "wait": "running",
        "after": "pending",
    }
    RunRecord.model_validate(first[2])
    nodes = {data["id"]: data["status"] for name, _, data in rest if name == "node"}
    assert nodes == {"wait": "completed", "after": "completed"}
    assert (rest[-1][0], rest[-1][2]["status"], rest[-1][2]["output"]) == ("run", "completed", "open now")
    RunHeadRecord.model_validate(rest[-1][2])
    for name, _, data in rest:
        if name == "node":
            NodeRecord.model_validate({key: value for key, value in data.items() if key not in ("id", "instance")})


async def test_ids_rise_and_resuming_behind_any_of_them_brings_the_rest(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)
    async with run_stream(api, run_id) as pieces:
        snapshot = parse(await anext(pieces))
    api.gates.open()
    await api.ended(run_id)

    async with run_stream(api, run_id, read_event_id(snapshot[1])) as pieces:
        rest = [parse(piece) async for piece in pieces]

    told = [(name, id) for name, id, _ in rest if id is not None]
    ids = [read_event_id(id) for _, id in told]
    assert ids == sorted(ids)
    assert [name for name, _ in told] == ["node", "node", "run"]
    for place in range(len(told)):
        async with run_stream(api, run_id, ids[place]) as pieces:
            again = [parse(piece)[:2] async for piece in pieces]
        assert [each for each in again if each[1] is not None] == told[place + 1 :]


async def test_nothing_is_missed_by_one_who_stopped_in_the_middle_of_a_revision(api) -> None:
    await api.save("""
nodes:
  - {id: wait, type: gate}
  - {id: a, type: template, config: {template: a}}
  - {id: b, type: template, config: {template: b}}
edges: [{from: wait, to: a}, {from: wait, to: b}]
""")
    run_id = await started(api)
    api.gates.open()
    await api.ended(run_id)
    revs = (await api.orchestrator.store.load_run(run_id)).node_revs

    async with run_stream(api, run_id, EventId(revs["a"], 2)) as pieces:
        rest = [parse(piece) async for piece in pieces]

    assert [data["id"] for name, _, data in rest if name == "node"] == ["b"]


async def test_an_ended_run_with_nothing_left_is_204_and_one_with_something_left_is_told(api) -> None:
    await api.save(STEPS)
    api.gates.open()
    run = (await api.invoke(wait=5)).json()
    url = f"/api/v1/runs/{run['id']}/events"

    whole = await api.get(url)
    last = [id for _, id, _ in all_events(whole.text) if id is not None][-1]

    assert (whole.status_code, whole.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
    assert (await api.get(url, headers={"Last-Event-ID": last})).status_code == 204
    assert (await api.get(f"{url}?after={last}")).status_code == 204
    assert (await api.get(f"{url}?after=1.0")).status_code == 200
    assert (await api.get(f"{url}?after=soon")).json()["code"] == "bad-event-id"
    assert (await api.get(f"{url}?namespace=other")).status_code == 404


async def test_log_lines_written_before_and_while_a_stream_is_open_come_once(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)

    async with run_stream(api, run_id) as pieces:
        first = await upto(pieces, "log")
        api.gates.open()
        rest = [parse(piece) async for piece in pieces]

    messages = [data["message"] for name, _, data in [*first, *rest] if name == "log"]
    assert messages == ["hello", "at the gate"]


async def test_progress_comes_without_an_id_and_with_its_offset(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)

    async with run_stream(api, run_id) as pieces:
        await upto(pieces, "log")
        progress(api, run_id, 4, "more")
        found = await upto(pieces, "progress")

    assert found[-1] == ("progress", None, {"instance": "wait", "attempt": 1, "offset": 4, "text": "more"})


async def test_one_who_comes_again_gets_the_text_of_a_running_node_from_its_beginning(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)
    async with run_stream(api, run_id) as pieces:
        id = parse(await anext(pieces))[1]

    async with run_stream(api, run_id, read_event_id(id)) as pieces:
        found = await upto(pieces, "progress")

    assert found[-1][2] == {"instance": "wait", "attempt": 1, "offset": 0, "text": "half"}


async def test_text_that_was_sent_is_not_sent_again(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)

    async with run_stream(api, run_id, heartbeat_s=0.02) as pieces:
        first = await upto(pieces, "")
        progress(api, run_id, 2, "lf and")
        progress(api, run_id, 3, "f a")
        progress(api, run_id, 8, " more")
        further = await upto(pieces, "progress", lambda data: data["offset"] == 8)
        api.gates.open()
        rest = [parse(piece) async for piece in pieces]

    told = [(data["offset"], data["text"]) for name, _, data in [*first, *further, *rest] if name == "progress"]
    assert told == [(0, "half"), (4, " and"), (8, " more")]


async def test_the_text_of_an_attempt_that_is_over_is_told_to_nobody(api) -> None:
    await api.save("nodes: [{id: one, type: gate}, {id: two, type: gate}]\nedges: [{from: one, to: two}]")
    run_id = await started(api)
    api.gates.open()
    api.gates.opened = asyncio.Event()
    await api.gates.begun.acquire()

    async with run_stream(api, run_id) as pieces:
        found = await upto(pieces, "log", lambda data: data["node"] == "two")
        api.gates.open()

    assert [data["instance"] for name, _, data in found if name == "progress"] == ["two"]


async def test_log_lines_come_once_however_many_heartbeats_pass(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)

    async with run_stream(api, run_id, heartbeat_s=0.02) as pieces:
        first = [parse(await anext(pieces)) for _ in range(2)]
        api.orchestrator.bus.publish(run_topic(run_id), LogsWritten(run_id, (late_line(),), "sample"))
        await api.orchestrator.store.save_logs(run_id, [late_line()])
        found = await upto(pieces, "")
        found += await upto(pieces, "")
        api.gates.open()
        rest = [parse(piece) async for piece in pieces]

    messages = [data["message"] for name, _, data in [*first, *found, *rest] if name == "log"]
    assert sorted(messages) == ["at the gate", "hello", "late"]


async def test_a_silent_stream_sends_heartbeats(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)

    async with run_stream(api, run_id, heartbeat_s=0.01) as pieces:
        found = await upto(pieces, "")

    assert found[-1] == ("", None, None)


async def test_a_reader_that_was_too_slow_still_gets_the_present_state(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)

    async with run_stream(api, run_id) as pieces:
        await upto(pieces, "log")
        for offset in range(MAX_QUEUED + 10):
            api.orchestrator.bus.publish(run_topic(run_id), Progress(run_id, "wait", 1, offset, "x"))
        api.gates.open()
        await api.ended(run_id)
        rest = [parse(piece) async for piece in pieces]

    assert len([1 for name, _, _ in rest if name == "progress"]) <= MAX_QUEUED
    assert [data["status"] for name, _, data in rest if name == "run"] == ["completed"]


async def test_a_stream_that_is_left_listens_to_nothing_any_more(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)

    async with run_stream(api, run_id) as pieces:
        await anext(pieces)
        assert api.orchestrator.bus.has_watchers(run_topic(run_id))

    assert not api.orchestrator.bus.has_watchers(run_topic(run_id))


async def test_the_stream_of_a_namespace_tells_of_its_runs_and_pipelines_alone(api) -> None:
    async with aclosing(namespace_events(api.orchestrator, Interest("default"), heartbeat_s=60)) as pieces:
        await anext(pieces)
        await api.save(STEPS, name="hidden", namespace="other")
        record = await api.save(STEPS)
        pipeline = parse(await anext(pieces))
        api.gates.open()
        run_id = (await api.invoke(wait=5)).json()["id"]
        found = await upto(pieces, "run", lambda data: data["status"] == "completed")

    assert pipeline == ("pipeline", None, {"id": record.id, "name": "sample", "change": "created"})
    assert {data["id"] for _, _, data in found} == {run_id}


async def test_the_stream_of_a_namespace_can_be_that_of_one_pipeline_and_tell_of_its_logs(api) -> None:
    api.gates.open()
    wanted = Interest("default", "sample", with_logs=True)
    async with aclosing(namespace_events(api.orchestrator, wanted, heartbeat_s=60)) as pieces:
        await anext(pieces)
        await api.save(STEPS, name="another")
        await api.post("/api/v1/pipelines/another/invoke", headers={"Prefer": "wait=5"})
        await api.save(STEPS)
        run_id = (await api.invoke(wait=5)).json()["id"]
        found = await upto(pieces, "log")

    assert {data.get("name") or data["pipeline"] for _, _, data in found} == {"sample"}
    assert found[-1] == ("log", None, {"run": run_id, "pipeline": "sample"})


async def test_a_stream_goes_on_after_a_restart_where_its_reader_was(open_api, tmp_path) -> None:
    async with open_api(tmp_path) as api:
        await api.save(STEPS)
        run_id = await started(api)
        async with run_stream(api, run_id) as pieces:
            seen = parse(await anext(pieces))
    async with open_api(tmp_path) as api, run_stream(api, run_id, read_event_id(seen[1])) as pieces:
        await api.gates.begun.acquire()
        api.gates.open()
        rest = [parse(piece) async for piece in pieces]

    nodes = {data["id"]: data["status"] for name, _, data in rest if name == "node"}
    assert nodes == {"wait": "completed", "after": "completed"}


@asynccontextmanager
async def served(app):
    """The app behind a real server, at its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.mark.slow
async def test_a_client_that_disconnects_frees_its_stream(api) -> None:
    await api.save(STEPS)
    run_id = await started(api)
    topic = run_topic(run_id)
    async with asyncio.timeout(20):
        # The server stops only after all its streams have ended, and the run goes on.
        async with (
            served(api.app) as address,
            httpx.AsyncClient(base_url=address) as client,
            client.stream("GET", f"/api/v1/runs/{run_id}/events") as answer,
        ):
            assert (await anext(answer.aiter_lines())).startswith("id: ")
            assert api.orchestrator.bus.has_watchers(topic)

    assert not api.orchestrator.bus.has_watchers(topic)
    api.gates.open()
