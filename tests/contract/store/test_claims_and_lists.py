import pytest

from flume.errors import RequestError
from flume.ids import Millis
from orchestrator.state import RunStatus
from orchestrator.store import PipelineFilter, RunFilter, Schedule


async def test_runs_that_are_due_or_orphaned_are_claimed_once(store, build):
    due, later, orphan, mine = (build.run(number) for number in range(1, 5))
    await store.commit(
        [
            build.commit(due, owner=None, wake_at=Millis(10)),
            build.commit(later, owner=None, wake_at=Millis(99)),
            build.commit(orphan, owner="gone"),
            build.commit(mine, owner="me"),
        ]
    )
    claimed = await store.claim_runs("me", now=Millis(50), live_owners=["me"], commit_id="c", limit=10)
    assert set(claimed) == {due.id, orphan.id}
    assert ((await store.load_run(due.id)).owner, (await store.load_run(due.id)).rev) == ("me", 2)
    assert await store.claim_runs("me", now=Millis(50), live_owners=["me"], commit_id="c", limit=10) == ()


async def test_a_run_with_an_inbox_entry_is_claimed_and_its_commit_empties_the_inbox(store, build):
    run = build.run()
    await store.commit([build.commit(run, owner=None)])
    assert await store.put_inbox(build.inbox(run.id))
    assert not await store.put_inbox(build.inbox(run.id))
    assert await store.claim_runs("me", now=Millis(1), live_owners=["me"], commit_id="c", limit=10) == (run.id,)
    assert await store.inbox_runs("me", limit=10) == (run.id,)
    (entry,) = await store.read_inbox(run.id)
    await store.commit([build.commit(run, rev=2, inbox=(entry.id,))])
    assert await store.read_inbox(run.id) == ()


async def test_an_ended_run_is_not_claimed_and_takes_no_entry(store, build):
    run = build.run(status=RunStatus.COMPLETED)
    await store.commit([build.commit(run, owner=None)])
    assert not await store.claim_run(run.id, "me", live_owners=["me"], commit_id="c")
    assert not await store.put_inbox(build.inbox(run.id))


async def test_runs_are_listed_newest_first_page_by_page(store, build):
    await store.commit([build.commit(build.run(number)) for number in range(1, 8)])
    await store.commit([build.commit(build.run(100, namespace="other"))])
    seen, cursor = [], None
    while True:
        page = await store.list_runs(RunFilter("default"), limit=3, cursor=cursor)
        seen += [summary.id for summary in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [build.run_id(number) for number in range(7, 0, -1)]
    with pytest.raises(RequestError):
        await store.list_runs(RunFilter("default"), limit=3, cursor="no cursor")


async def test_a_run_of_another_namespace_is_not_read(store, build):
    run = build.run(namespace="other")
    await store.commit([build.commit(run)])
    assert await store.read_run("default", run.id) is None
    assert (await store.read_run("other", run.id)).run.id == run.id


async def test_expired_runs_are_deleted_with_what_hangs_on_them(store, build):
    old, kept = build.run(1, status=RunStatus.COMPLETED), build.run(2, status=RunStatus.COMPLETED)
    await store.commit([build.commit(old, expires_at=Millis(10), logs=(build.log(),)), build.commit(kept)])
    assert await store.delete_expired(Millis(11), limit=10) == 1
    assert await store.load_run(old.id) is None
    assert (await store.read_logs(old.id)).items == ()
    assert await store.load_run(kept.id) is not None


async def test_a_pipeline_is_replaced_only_at_the_revision_it_is_at(store, build):
    record = build.pipeline()
    assert await store.create_pipeline(record, build.version())
    assert not await store.create_pipeline(record, build.version())
    changed = build.pipeline(description="new", version=2, rev=2)
    assert await store.replace_pipeline(changed, build.version(2), expected_rev=1)
    assert not await store.replace_pipeline(changed, build.version(2), expected_rev=1)
    assert (await store.read_pipeline("default", "sample")).description == "new"
    versions = await store.list_versions(build.pipeline_id, limit=10)
    assert [version.version for version in versions.items] == [2, 1]
    page = await store.list_pipelines(PipelineFilter("default"), limit=10)
    assert [each.name for each in page.items] == ["sample"]


async def test_a_schedule_is_moved_by_compare_and_swap(store, build):
    await store.create_pipeline(build.pipeline(), build.version())
    made = Schedule(build.pipeline_id, "cron", "digest", Millis(5), rev=1)
    assert await store.save_schedule(made, expected_rev=0)
    assert not await store.save_schedule(made, expected_rev=0)
    moved = Schedule(build.pipeline_id, "cron", "digest", Millis(9), Millis(5), rev=2)
    assert await store.save_schedule(moved, expected_rev=1)
    assert await store.list_schedules() == [moved]
    await store.delete_schedule(build.pipeline_id, "cron")
    assert await store.list_schedules() == []


async def test_a_secret_key_is_made_once(store):
    key = await store.secret_key("tokens")
    assert (len(key), await store.secret_key("tokens"), await store.secret_key("other") != key) == (32, key, True)
