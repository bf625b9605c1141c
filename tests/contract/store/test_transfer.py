"""Everything in a store, to lines and back: whichever store they come from, and whichever they go to."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import pytest

from flume.errors import ConflictError, RequestError, StoreError
from flume.ids import Instance, Millis, NodeId, PipelineId
from flume.pipeline import PipelineStatus
from orchestrator.records import inline
from orchestrator.state import (
    AttemptRecord,
    Failure,
    LoopState,
    ManyOutputs,
    NodeStatus,
    PayloadRef,
    Phase,
    RunStatus,
    SingleOutput,
    TriggerRecord,
)
from orchestrator.store import Audience, Payload, PipelineFilter, RunFilter
from orchestrator.stores.mongo.store import MongoStore
from orchestrator.stores.sqlite.store import SqliteStore
from orchestrator.transfer.exporting import export_store
from orchestrator.transfer.importing import import_store
from orchestrator.transfer.quiet import Quiet
from orchestrator.transfer.seal import Sealer, unsealed
from orchestrator.transfer.store import REDIS_KEY

NOW = Millis(1_800_000_000_000)
FAILED = Failure("http-404", "not found — 바다", node=Instance("each[1].fetch"))

pytestmark = pytest.mark.slow


async def no_sleep(seconds):
    await asyncio.sleep(0)


def quiet(store, sleep=no_sleep):
    return Quiet(store, clock=lambda: NOW, sleep=sleep)


async def exported(store, warn=pytest.fail):
    lines = []
    await export_store(store, lines.append, Sealer("1.2.3"), quiet=quiet(store), warn=warn)
    return lines


async def take(store, lines):
    return await import_store(store, lambda: lines, source="flume.jsonl", quiet=quiet(store))


async def test_a_copy_has_the_keys_of_its_store_but_the_one_that_tells_stores_on_one_redis_apart(store, tmp_path):
    keys = {name: await store.secret_key(name) for name in ("attempts", REDIS_KEY)}
    async with SqliteStore.open(tmp_path / "copy") as copy:
        await take(copy, await exported(store))
        assert await copy.secret_key("attempts") == keys["attempts"]
        assert await copy.secret_key(REDIS_KEY) != keys[REDIS_KEY]


async def fill(store, build):
    """Something of everything that a store may hold."""
    await store.secret_key("attempts")
    for name in ("resize", "crop"):
        await store.save_packaged_type(build.packaged_type(name))
    await fill_pipelines(store, build)
    await fill_runs(store, build)
    await store.put_inbox(build.entry(1, run=3, body={"type": "cancel", "deep": {"a.b": [1, None]}}))
    for number in (1, 2, 3):
        await store.append_audit(build.change(number, namespace=f"n{number % 2}", before={"a": 1}))


async def fill_pipelines(store, build):
    hook = {"type": "webhook", "id": "hook", "path": "in"}
    nightly = {"type": "cron", "id": "nightly", "schedule": "0 3 * * *"}
    active = build.pipeline(triggers=(hook, nightly), labels={"a.b/c": "$d"}, disabled_triggers=("nightly",))
    await store.create_pipeline(active, build.version())
    await store.replace_pipeline(replace(active, version=2, rev=2), build.version(2), expected_rev=1)
    paused = replace(active, version=2, rev=3, status=PipelineStatus.PAUSED, source="name: demo # other layout")
    await store.replace_pipeline(paused, None, expected_rev=2)
    draft = build.pipeline("draft", id=PipelineId("c" * 24), namespace="other", version=0, draft="name: [")
    await store.create_pipeline(replace(draft, status=PipelineStatus.DRAFT), None)
    gone = build.pipeline("gone", id=build.other_pipeline_id)
    await store.create_pipeline(gone, build.version(pipeline_id=gone.id))
    schedule = build.schedule(next_due=Millis(100), rev=1)
    await store.save_schedule(schedule, expected_rev=0)
    await store.save_schedule(replace(schedule, last_due=Millis(100), last_run=build.run_id(1), rev=2), expected_rev=1)


async def fill_runs(store, build):
    large = Payload("d" * 24, b'{"large": true}')
    upload = Payload("e" * 24, bytes(range(256)), "image/png")
    failed = (AttemptRecord(1, Millis(5), Millis(6), FAILED, {"queuedMs": 1}),)
    done = build.node(NodeStatus.COMPLETED, attempt=2, port="out", output=PayloadRef(large.id, 15), attempts=failed)
    ended = build.run(
        1,
        RunStatus.FAILED,
        {"first": done, "loop": build.loop(active=[])},
        started_at=1001,
        completed_at=1009,
        error=FAILED,
        output=ManyOutputs({NodeId("first"): inline({"$a": [1.5, "x"]})}),
        trigger=TriggerRecord("webhook", "hook", PayloadRef(upload.id, 256), {"method": "POST"}),
        start_key="key:one",
        body_hash="abc",
    )
    lines = tuple(build.line(number, fields={"n": number}) for number in range(3))
    event = build.event(1, owner="gone-1")
    items = {f"loop[{place}]": build.scope(RunStatus.COMPLETED, {"fetch": done}) for place in range(200)}
    items["loop[3].inner[0]"] = build.scope(RunStatus.FAILED, error=FAILED, started_at=Millis(1))
    whole = replace(ended, scopes={**ended.scopes, **items})
    steps = [
        build.commit(whole, owner="gone-1", payloads=(large, upload), logs=lines, outbox=(event,)),
        build.commit(ended, 1, nodes=["first"], expires_at=Millis(10**13)),
    ]
    assert [each.verdict for each in await store.commit(steps)] == ["won", "won"]
    # The pipeline is gone; its version stays with the run.
    orphan = build.run(2, pipeline_id=build.other_pipeline_id, pipeline="gone", retry_of=build.run_id(1), attempt=2)
    await store.keep_payloads(build.run_id(2), [large.id])
    await store.commit([build.commit(orphan, wake_at=Millis(7))])
    await store.delete_pipeline("default", "gone", expected_rev=1)
    await store.commit([build.commit(under_way(build), owner="gone-2")])
    test = {"version": 0, "test": True, "definition": "name: x", "pins": {NodeId("a"): {"b": None}}, "until": "a"}
    await store.commit([build.commit(build.run(4, RunStatus.PENDING, **test, namespace="other"), owner="gone-2")])
    await store.commit([build.commit(build.run(5), wake_at=Millis(10**13), outbox=(build.event(2),))])


def under_way(build):
    """A run of a loop, two of whose items are under way, one of them in a loop of its own."""
    inner = build.loop(active=[1])
    loop = replace(build.loop(active=[0, 2]), loop=LoopState(None, 3, (0, 2), redo=(7,), last=one_output()))
    fetching = build.node(attempt=1, phase=Phase.EXECUTING, ready_at=Millis(0), recoveries=1, meta={"tokens": 3})
    items = {
        "loop[0]": build.scope(nodes={"inner": inner}),
        "loop[0].inner[1]": build.scope(nodes={"fetch": fetching}),
        "loop[1]": build.scope(RunStatus.COMPLETED, output=one_output()),
        "loop[2]": build.scope(nodes={"fetch": fetching}),
        "loop-b[0]": build.scope(nodes={"fetch": fetching}),
    }
    nodes = {"loop": loop, "loop-b": build.loop(active=[0]), "wait": build.node(NodeStatus.WAITING, due_at=Millis(9))}
    return build.run(3, nodes=nodes, items=items, deadline_at=10**13, response="wait", inline_bytes=77, hops=2)


def one_output():
    return SingleOutput(NodeId("fetch"), inline(0.1))


@pytest.fixture
async def first(opening_sqlite):
    async with opening_sqlite as opened:
        yield opened


@pytest.fixture
async def second(opening_mongo):
    async with opening_mongo as opened:
        yield opened


@pytest.fixture
async def third(tmp_path):
    async with SqliteStore.open(tmp_path / "third") as opened:
        yield opened


async def test_from_store_to_store_to_store_every_export_is_the_same(first, second, third, build):
    await fill(first, build)
    lines = await exported(first)
    for source, target in pairwise((first, second, third)):
        counts = await take(target, await exported(source))
        assert sum(counts.values()) == len(lines) - 2
        assert await exported(target) == lines


async def test_what_was_filled_by_another_store_is_exported_the_same(first, second, build):
    for store in (first, second):
        await fill(store, build)
    keys = 1
    of_first, of_second = await exported(first), await exported(second)
    assert of_first[0] == of_second[0]
    assert of_first[1 + keys : -1] == of_second[1 + keys : -1]


async def back(store, third, build):
    """What was filled into another store, in each."""
    await fill(third, build)
    await take(store, await exported(third))
    return store


async def test_runs_keep_ids_revisions_and_all_that_they_hold(store, third, build):
    moved = await back(store, third, build)
    for number in range(1, 6):
        found, wanted = [await each.load_run(build.run_id(number)) for each in (moved, third)]
        assert found == wanted
    assert (await moved.load_run(build.run_id(1))).node_revs == {"first": 2, "loop": 1}
    assert set((await moved.load_run(build.run_id(3))).run.scopes) == {
        "",
        "loop[0]",
        "loop[0].inner[1]",
        "loop[2]",
        "loop-b[0]",
    }
    assert await moved.find_start(build.pipeline_id, "key:one") == (build.run_id(1), "abc")
    assert await moved.children_of(build.run_id(1)) == (build.run_id(2),)
    summaries = [(await each.list_runs(RunFilter("default"), limit=10)).items for each in (moved, third)]
    assert summaries[0] == summaries[1]


async def test_items_and_lines_keep_their_order(store, third, build):
    moved = await back(store, third, build)
    for loop in ("loop", "loop[3].inner"):
        found, wanted = [await each.read_items(build.run_id(1), loop, limit=500) for each in (moved, third)]
        assert found == wanted
    lines = (await moved.read_logs(build.run_id(1))).items
    assert [line.fields for line in lines] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [entry.id for entry in await moved.read_inbox(build.run_id(3))] == [f"{1:024x}"]


async def test_a_run_can_be_taken_over_and_goes_on_from_its_revision(store, third, build):
    moved = await back(store, third, build)
    claimed = await moved.claim_runs("new", now=NOW, live_owners=("new",), commit_id="c", limit=10)
    assert set(claimed) == {build.run_id(number) for number in (2, 3, 4)}
    stored = await moved.load_run(build.run_id(3))
    assert (stored.owner, stored.rev) == ("new", 2)
    items = {"loop[2]": build.scope(RunStatus.COMPLETED)}
    (result,) = await moved.commit([build.commit(stored.run, 2, owner="new", items=items)])
    assert result.verdict == "won"
    assert dict(await moved.read_items(build.run_id(3), "loop"))[2].status is RunStatus.COMPLETED


async def test_nobody_is_alive_in_what_was_moved(store, third, build):
    await third.renew_lease(build.replica("old", lease_until=Millis(1)))
    moved = await back(store, third, build)
    assert await moved.list_orchestrators() == []
    assert await moved.take_over_outbox("new", live_owners=("new",)) == 2
    assert len(await moved.read_outbox("new", Audience.HERE, limit=10)) == 2


async def test_a_payload_goes_with_the_last_run_that_keeps_it(store, third, build):
    moved = await back(store, third, build)
    assert await moved.read_payload("e" * 24) == Payload("e" * 24, bytes(range(256)), "image/png")
    await moved.release_payloads(build.run_id(1), ["d" * 24])
    assert (await moved.read_payload("d" * 24)).content == b'{"large": true}'
    await moved.release_payloads(build.run_id(2), ["d" * 24])
    assert await moved.read_payload("d" * 24) is None


async def test_a_run_that_is_never_made_keeps_a_payload_no_longer_than_before(store, third, build):
    await third.commit([build.commit(build.run(), payloads=(Payload("d" * 24, b"1"),))])
    await third.keep_payloads(build.run_id(9), ["d" * 24])
    await take(store, await exported(third))
    await store.release_payloads(build.run_id(1), ["d" * 24])
    assert await store.read_payload("d" * 24) is not None
    await store.delete_expired(NOW, limit=10)
    assert await store.read_payload("d" * 24) is None


async def test_node_types_are_what_they_were(store, third, build):
    moved = await back(store, third, build)
    assert await moved.packaged_type_hashes() == {"crop": "hash of crop", "resize": "hash of resize"}
    assert await moved.read_packaged_types(["resize"]) == (build.packaged_type("resize"),)


async def test_pipelines_versions_and_schedules_are_what_they_were(store, third, build):
    moved = await back(store, third, build)
    everywhere = PipelineFilter(None)
    found, wanted = [(await each.list_pipelines(everywhere, limit=9)).items for each in (moved, third)]
    assert found == wanted
    assert (await moved.pipeline_by_path("default", "in")).name == "demo"
    assert [each.version for each in (await moved.list_versions(build.pipeline_id, limit=9)).items] == [2, 1]
    assert (await moved.read_version(build.other_pipeline_id, 1)).pipeline_id == build.other_pipeline_id
    assert await moved.list_schedules() == await third.list_schedules()
    paused = await moved.read_pipeline("default", "demo")
    assert await moved.replace_pipeline(replace(paused, rev=4, version=3), build.version(3), expected_rev=3)
    assert await moved.secret_key("attempts") == await third.secret_key("attempts")


async def test_a_key_that_the_target_made_before_gives_way(store, third, build):
    await store.secret_key("attempts")
    moved = await back(store, third, build)
    assert await moved.secret_key("attempts") == await third.secret_key("attempts")


async def test_an_import_into_a_store_with_anything_in_it_is_refused(store, third, build):
    await fill(third, build)
    lines = await exported(third)
    await store.append_audit(build.change(1))
    with pytest.raises(ConflictError, match=r"is not empty; set \w+ to a new"):
        await take(store, lines)
    assert not await store.is_empty()
    assert await store.secret_key("attempts") != await third.secret_key("attempts")


async def test_a_store_is_empty_until_something_is_in_it(store, build):
    await store.secret_key("attempts")
    await store.renew_lease(build.replica())
    assert await store.is_empty()
    await store.save_packaged_type(build.packaged_type())
    assert not await store.is_empty()
    await store.delete_packaged_type("resize")
    await store.create_pipeline(build.pipeline(), build.version())
    assert not await store.is_empty()


async def test_a_file_that_was_cut_changes_nothing(store, third, build):
    await fill(third, build)
    lines = await exported(third)
    with pytest.raises(RequestError, match="was cut off"):
        await take(store, lines[:-1])
    assert await store.is_empty()
    await take(store, lines)


async def test_an_orchestrator_at_work_is_told_of_and_nothing_is_written(store, third, build):
    await fill(third, build)
    lines = await exported(third)
    await store.renew_lease(build.replica("one", lease_until=Millis(NOW + 1)))
    with pytest.raises(ConflictError, match="an orchestrator works on the store; stop it"):
        await take(store, lines)
    await store.delete_orchestrator("one")
    await take(store, lines)
    await store.renew_lease(build.replica("one", lease_until=Millis(NOW + 1)))
    with pytest.raises(ConflictError, match="an orchestrator works on the store; stop it"):
        await exported(store)


async def test_an_orchestrator_whose_clock_is_behind_is_seen_to_renew_its_lease(store, build):
    await fill(store, build)
    await store.renew_lease(build.replica("one", lease_until=Millis(NOW - 2)))

    async def renewing(seconds):
        assert seconds > 0
        await store.renew_lease(build.replica("one", lease_until=Millis(NOW - 1)))

    with pytest.raises(ConflictError, match="an orchestrator works on the store; stop it"):
        await quiet(store, renewing).require()
    await quiet(store).require()


async def test_an_orchestrator_that_comes_to_work_meanwhile_leaves_an_export_without_its_last_line(store, build):
    await fill(store, build)

    class Disturbed(Quiet):
        async def require(self):
            await super().require()
            await store.renew_lease(build.replica("one", lease_until=NOW))

    lines = []
    disturbed = Disturbed(store, clock=lambda: NOW)
    with pytest.raises(ConflictError, match="an orchestrator works on the store; stop it"):
        await export_store(store, lines.append, Sealer("1"), quiet=disturbed, warn=pytest.fail)
    with pytest.raises(RequestError, match="was cut off"):
        list(unsealed(lines, "flume.jsonl"))


def opening_of(kind, tmp_path, request):
    """What opens a store again and again."""
    if kind == "sqlite":
        return lambda: SqliteStore.open(tmp_path / "half")
    url, name = request.getfixturevalue("mongodb_url"), f"flume-{uuid4().hex}"
    return lambda: MongoStore.open(url, name)


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_a_store_whose_import_did_not_come_to_its_end_can_not_be_opened(kind, tmp_path, request, build):
    reopen = opening_of(kind, tmp_path, request)
    async with reopen() as store:
        await store.begin_import()
        with pytest.raises(ConflictError, match="already"):
            await store.begin_import()
        await store.restore([build.pipeline()])
        with pytest.raises(StoreError, match="did not come to its end"):
            await store.require_whole()
    with pytest.raises(
        StoreError, match=r"an import that did not come to its end; (delete it|drop the database) and import"
    ):
        async with reopen():
            pytest.fail("opened")


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_a_store_that_refused_an_import_can_be_opened(kind, tmp_path, request, build):
    reopen = opening_of(kind, tmp_path, request)
    async with reopen() as store:
        await store.append_audit(build.change(1))
        with pytest.raises(ConflictError, match="not empty"):
            await store.begin_import()
    async with reopen() as store:
        assert not await store.is_empty()


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_a_store_whose_import_came_to_its_end_can_be_opened(kind, tmp_path, request, third, build):
    await fill(third, build)
    reopen = opening_of(kind, tmp_path, request)
    async with reopen() as store:
        await take(store, await exported(third))
        await store.require_whole()
    async with reopen() as store:
        assert await exported(store) == await exported(third)


class Damaged:
    """A store in which one run can't be read."""

    def __init__(self, store, number):
        self._store, self._number = store, number

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def stored_runs(self):
        async for stored in self._store.stored_runs():
            yield replace(stored, damage="KeyError: 'x'") if int(stored.run.id, 16) == self._number else stored


async def test_a_run_under_way_that_can_not_be_read_stops_an_export(store, build):
    await fill(store, build)
    with pytest.raises(StoreError, match=rf"run {build.run_id(3)} can't be read .* start an orchestrator"):
        await exported(Damaged(store, 3))


async def test_an_ended_run_that_can_not_be_read_is_told_of(store, build):
    await fill(store, build)
    told = []
    await exported(Damaged(store, 1), told.append)
    assert told == [f"run {build.run_id(1)} can't be read (KeyError: 'x'): its nodes and values are left out"]


async def test_more_lines_and_items_than_are_read_at_once_keep_their_order(store, third, build):
    scope = build.scope(RunStatus.COMPLETED)
    await third.commit([build.commit(build.run(items={f"each[{place}]": scope for place in range(128)}))])
    await third.save_logs(build.run_id(1), [build.line(number, at=Millis(9 - number % 3)) for number in range(2000)])
    await take(store, await exported(third))
    assert [place for place, _ in await store.read_items(build.run_id(1), "each", limit=500)] == list(range(128))
    lines = (await store.read_logs(build.run_id(1), limit=3000)).items
    assert [line.sequence for line in lines] == list(range(2000))


@pytest.mark.parametrize("number", [1, 3])
async def test_a_payload_of_several_chunks_is_moved_whole(store, third, build, number):
    content = bytes(number * 8 * 1024 * 1024 - 5)
    await third.commit([build.commit(build.run(), payloads=(Payload("d" * 24, content),))])
    await take(store, await exported(third))
    assert (await store.read_payload("d" * 24)).content == content
