"""Notes about runs for which something was saved before they were made: there are no more of them than there is to tell."""

from dataclasses import replace

import pytest

from flume.errors import UnavailableError
from flume.ids import Instance, Millis, ScopePath
from orchestrator.state import RunStatus, Scope
from orchestrator.store import LogLine, Payload, Verdict
from orchestrator.stores.mongo import retention
from orchestrator.stores.mongo.awaited import COLLECTION
from tests.contract.sqlite.building import DAY_MS, commit_of, run_id

LINE = LogLine(Instance("say"), 1, 0, Millis(1), "info", "hello")
PAYLOAD = Payload("d" * 24, b"1")
LATER = Millis(3 * DAY_MS)


@pytest.fixture
def notes(database):
    return lambda: database.collection(COLLECTION).count({})


async def test_a_run_that_is_made_leaves_no_note(store, notes):
    await store.commit([commit_of(1, logs=(LINE,)), commit_of(2, payloads=(PAYLOAD,)), commit_of(3)])
    assert await notes() == 0


async def test_nor_does_one_that_takes_over_from_another(store, notes):
    done = Scope(RunStatus.COMPLETED, {}, {}, 0)
    await store.commit([commit_of(1, items={ScopePath("each[0]"): done})])
    await store.copy_items(run_id(1), run_id(2), Instance("each"))
    assert await notes() == 1
    first = commit_of(2)
    origin = replace(first.run.origin, retry_of=run_id(1))
    await store.commit([replace(first, run=replace(first.run, origin=origin))])
    assert await notes() == 0


async def test_nor_does_a_start_that_was_made_before(store, notes):
    await store.commit([commit_of(1, start_key="k")])
    (result,) = await store.commit([commit_of(2, start_key="k", logs=(LINE,), payloads=(PAYLOAD,))])
    assert result.verdict is Verdict.REPEATED
    assert await notes() == 0
    assert (await store.read_logs(run_id(2))).items == ()


async def test_a_run_that_could_not_be_made_leaves_one_and_all_old_notes_go_together(
    store, database, notes, monkeypatch
):
    monkeypatch.setattr(retention, "DELETED_AT_ONCE", 2)
    database.breaks("runs")
    with pytest.raises(UnavailableError):
        await store.commit([commit_of(number, logs=(LINE,)) for number in range(1, 6)])
    database.mend()
    assert await notes() == 5
    await store.commit([commit_of(3)])
    await store.delete_expired(LATER, limit=1)
    assert await notes() == 0
    assert [bool((await store.read_logs(run_id(number))).items) for number in (1, 3, 5)] == [False, True, False]
