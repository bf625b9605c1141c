import asyncio
from dataclasses import replace

import pytest

from flume.errors import ConflictError, RequestError
from flume.ids import PipelineId
from flume.pipeline import PipelineStatus
from orchestrator.state import RunStatus
from orchestrator.store import PipelineFilter


def numbered(number):
    return PipelineId(f"{number:024x}")


async def names(store, wanted, limit=100):
    """``namespace/name`` of all pipelines of a list, page by page."""
    found, cursor = [], None
    while True:
        page = await store.list_pipelines(wanted, limit=limit, cursor=cursor)
        found += [f"{item.namespace}/{item.name}" for item in page.items]
        cursor = page.cursor
        if cursor is None:
            return found


async def test_a_pipeline_comes_back_as_it_was_made(store, build):
    record = build.pipeline(
        description="Every night",
        labels={"team": "data"},
        status=PipelineStatus.PAUSED,
        triggers=({"id": "nightly", "type": "cron"},),
        managed_by="cluster",
        draft="name: dem",
        disabled_triggers=("nightly",),
        source="name: demo # other",
    )
    assert await store.create_pipeline(record, build.version())
    assert await store.read_pipeline("default", "demo") == record
    assert await store.pipeline_by_id(record.id) == record
    assert await store.read_version(record.id, 1) == build.version()


async def test_a_draft_has_no_version(store, build):
    draft = build.pipeline(version=0, status=PipelineStatus.DRAFT, draft="name:")
    assert await store.create_pipeline(draft, None)
    assert await store.read_pipeline("default", "demo") == draft
    assert await store.read_version(draft.id, 0) is None


async def test_a_name_is_taken_once_per_namespace(store, build):
    assert await store.create_pipeline(build.pipeline(), build.version())
    other = build.pipeline(id=numbered(2), description="other")
    assert not await store.create_pipeline(other, build.version(pipeline_id=numbered(2)))
    assert await store.read_version(numbered(2), 1) is None
    assert await store.create_pipeline(replace(other, namespace="blue"), None)
    assert (await store.read_pipeline("default", "demo")).id == build.pipeline_id
    assert (await store.read_pipeline("blue", "demo")).id == numbered(2)


async def test_a_pipeline_that_does_not_exist_is_none(store, build):
    await store.create_pipeline(build.pipeline(), None)
    assert await store.read_pipeline("blue", "demo") is None
    assert await store.read_pipeline("default", "other") is None
    assert await store.pipeline_by_id(numbered(9)) is None


async def test_a_pipeline_is_replaced_at_the_expected_revision(store, build):
    await store.create_pipeline(build.pipeline(), build.version())
    after = build.pipeline(description="new", version=2, rev=2)
    assert await store.replace_pipeline(after, build.version(2), expected_rev=1)
    assert await store.read_pipeline("default", "demo") == after
    assert (await store.read_version(build.pipeline_id, 2)).hash == "hash-2"
    assert (await store.read_version(build.pipeline_id, 1)).hash == "hash-1"


async def test_a_pipeline_may_change_without_a_new_version(store, build):
    await store.create_pipeline(build.pipeline(), build.version())
    assert await store.replace_pipeline(build.pipeline(status=PipelineStatus.PAUSED, rev=2), None, expected_rev=1)
    assert (await store.read_pipeline("default", "demo")).status is PipelineStatus.PAUSED


async def test_a_pipeline_at_another_revision_or_gone_is_not_replaced(store, build):
    await store.create_pipeline(build.pipeline(), build.version())
    late = build.pipeline(description="late", version=2, rev=4)
    assert not await store.replace_pipeline(late, build.version(2), expected_rev=3)
    gone = build.pipeline(name="gone", id=numbered(2), rev=2)
    assert not await store.replace_pipeline(gone, build.version(pipeline_id=numbered(2)), expected_rev=1)
    assert await store.read_pipeline("default", "demo") == build.pipeline()
    assert await store.read_version(build.pipeline_id, 2) is None
    assert await store.read_version(numbered(2), 1) is None


async def test_pipelines_are_listed_by_name_and_by_namespace_where_none_is_named(store, build):
    for number, (namespace, name) in enumerate((("b", "x"), ("a", "z"), ("b", "a"), ("a", "y"), ("c", "m"))):
        await store.create_pipeline(build.pipeline(name, id=numbered(number), namespace=namespace), None)
    for limit in (1, 2, 5):
        assert await names(store, PipelineFilter(None), limit) == ["a/y", "a/z", "b/a", "b/x", "c/m"]
        assert await names(store, PipelineFilter("b"), limit) == ["b/a", "b/x"]
    assert await names(store, PipelineFilter("d")) == []


async def test_filters_narrow_a_list_of_pipelines(store, build):
    records = [
        build.pipeline("etl", id=numbered(1), labels={"team": "data", "tier": "1"}),
        build.pipeline("report", id=numbered(2), description="Nightly ETL summary", labels={"team": "sales"}),
        build.pipeline("draft", id=numbered(3), status=PipelineStatus.DRAFT, labels={"data": "team"}),
    ]
    for record in records:
        await store.create_pipeline(record, None)
    assert await names(store, PipelineFilter("default", text="etl"), limit=1) == ["default/etl", "default/report"]
    assert await names(store, PipelineFilter("default", text="%")) == []
    assert await names(store, PipelineFilter("default", label=("team", "data"))) == ["default/etl"]
    assert await names(store, PipelineFilter("default", label=("team", "nobody"))) == []
    assert await names(store, PipelineFilter("default", status=PipelineStatus.DRAFT)) == ["default/draft"]


async def test_pipelines_are_found_by_the_type_of_a_trigger_that_they_list(store, build):
    event, cron = (
        {"type": "event", "id": "a", "filters": [{"exact": {"type": "cron"}}]},
        {"type": "cron", "id": "event"},
    )
    for number, triggers in enumerate([(cron, event), (cron,), (), (event,)]):
        await store.create_pipeline(build.pipeline(f"p{number}", id=numbered(number), triggers=triggers), None)
    assert await names(store, PipelineFilter(None, trigger_type="event"), limit=1) == ["default/p0", "default/p3"]
    assert await names(store, PipelineFilter("default", trigger_type="cron")) == ["default/p0", "default/p1"]
    assert await names(store, PipelineFilter("default", trigger_type="webhook")) == []


async def test_a_cursor_of_another_kind_is_refused(store, build):
    with pytest.raises(RequestError, match="cursor"):
        await store.list_pipelines(PipelineFilter(None), limit=1, cursor="WzFd")
    with pytest.raises(RequestError, match="cursor"):
        await store.list_versions(build.pipeline_id, limit=1, cursor="x")


async def test_versions_are_listed_the_newest_first(store, build):
    await store.create_pipeline(build.pipeline(), build.version())
    for number in (2, 3, 4):
        await store.replace_pipeline(
            build.pipeline(version=number, rev=number), build.version(number), expected_rev=number - 1
        )
    first = await store.list_versions(build.pipeline_id, limit=3)
    rest = await store.list_versions(build.pipeline_id, limit=3, cursor=first.cursor)
    assert [version.version for version in first.items + rest.items] == [4, 3, 2, 1]
    assert rest.cursor is None


async def test_deleting_a_pipeline_takes_its_schedules_and_unused_versions(store, build, keep):
    await store.create_pipeline(build.pipeline(), build.version())
    await store.replace_pipeline(build.pipeline(version=2, rev=2), build.version(2), expected_rev=1)
    await store.save_schedule(build.schedule(), expected_rev=0)
    await keep(build.run(1, version=1))
    assert await store.delete_pipeline("default", "demo", expected_rev=2)
    assert await store.read_pipeline("default", "demo") is None
    assert await store.list_schedules() == []
    assert await store.read_version(build.pipeline_id, 2) is None
    assert await store.read_version(build.pipeline_id, 1) == build.version()
    assert (await store.load_run(build.run_id(1))).rev == 1


async def test_a_pipeline_at_another_revision_is_not_deleted(store, build):
    await store.create_pipeline(build.pipeline(), build.version())
    assert not await store.delete_pipeline("default", "demo", expected_rev=2)
    assert not await store.delete_pipeline("blue", "demo", expected_rev=1)
    assert await store.read_pipeline("default", "demo") == build.pipeline()


async def test_the_version_of_a_deleted_pipeline_goes_with_its_last_run(store, build, keep):
    await store.create_pipeline(build.pipeline(), build.version())
    for number, expires_at in ((1, 10), (2, 20)):
        await keep(build.run(number, RunStatus.COMPLETED, completed_at=1), expires_at=expires_at)
    await store.delete_pipeline("default", "demo", expected_rev=1)
    await store.delete_expired(10, limit=5)
    assert await store.read_version(build.pipeline_id, 1) == build.version()
    await store.delete_expired(20, limit=5)
    assert await store.read_version(build.pipeline_id, 1) is None


async def test_the_versions_of_a_pipeline_stay_when_its_runs_go(store, build, keep):
    await store.create_pipeline(build.pipeline(), build.version())
    await keep(build.run(1, RunStatus.COMPLETED, completed_at=1), expires_at=10)
    await store.delete_expired(10, limit=5)
    assert await store.read_version(build.pipeline_id, 1) == build.version()


async def test_a_name_can_be_used_again_after_its_pipeline_was_deleted(store, build):
    await store.create_pipeline(build.pipeline(), None)
    await store.delete_pipeline("default", "demo", expected_rev=1)
    assert await store.create_pipeline(build.pipeline(id=numbered(2)), None)
    assert (await store.read_pipeline("default", "demo")).id == numbered(2)


def hooked(build, name, number, *paths, **facts):
    """A pipeline with webhooks at ``paths``."""
    triggers = [{"type": "webhook", "id": f"hook-{place}", "path": path} for place, path in enumerate(paths)]
    return build.pipeline(name, id=numbered(number), triggers=(*triggers, {"type": "cron", "id": "cron"}), **facts)


def taken(path, pipeline):
    """What is raised where a pipeline has a path."""
    return pytest.raises(ConflictError, match=f"pipeline '{pipeline}' has the webhook path '{path}' already")


async def test_a_webhook_path_is_one_pipelines_of_a_namespace(store, build):
    await store.create_pipeline(hooked(build, "first", 1, "in", "also"), None)
    with taken("also", "first"):
        await store.create_pipeline(hooked(build, "second", 2, "own", "also"), build.version(pipeline_id=numbered(2)))
    assert await store.read_pipeline("default", "second") is None
    assert await store.read_version(numbered(2), 1) is None
    assert await store.create_pipeline(hooked(build, "third", 3, "own"), None)
    assert await store.create_pipeline(hooked(build, "second", 4, "also", namespace="blue"), None)


async def test_of_many_who_claim_a_path_at_once_one_has_it(store, build):
    claims = [store.create_pipeline(hooked(build, f"p-{number}", number, "in"), None) for number in range(6)]
    results = await asyncio.gather(*claims, return_exceptions=True)
    assert results.count(True) == 1
    assert [each.code for each in results if each is not True] == ["webhook-path-taken"] * 5


async def test_a_change_claims_new_paths_and_lets_go_of_old_ones(store, build):
    await store.create_pipeline(hooked(build, "first", 1, "a"), None)
    await store.create_pipeline(hooked(build, "second", 2, "b"), None)
    with taken("a", "first"):
        await store.replace_pipeline(hooked(build, "second", 2, "b", "a", rev=2), build.version(2), expected_rev=1)
    assert await store.read_pipeline("default", "second") == hooked(build, "second", 2, "b")
    assert await store.replace_pipeline(hooked(build, "first", 1, "c", "a", "a", rev=2), None, expected_rev=1)
    assert await store.replace_pipeline(hooked(build, "first", 1, "c", rev=3), None, expected_rev=2)
    assert await store.replace_pipeline(hooked(build, "second", 2, "a", rev=2), None, expected_rev=1)


async def test_a_change_at_another_revision_claims_nothing(store, build):
    await store.create_pipeline(hooked(build, "first", 1, "a"), None)
    assert not await store.replace_pipeline(hooked(build, "first", 1, "b", rev=9), None, expected_rev=8)
    assert not await store.create_pipeline(hooked(build, "first", 5, "b"), None)
    assert await store.create_pipeline(hooked(build, "second", 2, "b"), None)
    with taken("a", "first"):
        await store.create_pipeline(hooked(build, "third", 3, "a"), None)


async def test_a_draft_claims_no_path_until_it_is_one_no_more(store, build):
    draft = hooked(build, "draft", 1, "in", status=PipelineStatus.DRAFT)
    assert await store.create_pipeline(draft, None)
    assert await store.create_pipeline(hooked(build, "paused", 2, "in", status=PipelineStatus.PAUSED), None)
    with taken("in", "paused"):
        await store.replace_pipeline(replace(draft, status=PipelineStatus.ACTIVE, rev=2), None, expected_rev=1)
    assert await store.read_pipeline("default", "draft") == draft


async def test_the_paths_of_a_deleted_pipeline_are_free(store, build):
    await store.create_pipeline(hooked(build, "first", 1, "in"), None)
    await store.delete_pipeline("default", "first", expected_rev=1)
    assert await store.create_pipeline(hooked(build, "second", 2, "in"), None)


async def test_a_pipeline_is_found_by_the_path_that_it_claims_as_it_is_now(store, build):
    await store.create_pipeline(hooked(build, "first", 1, "in"), None)
    await store.create_pipeline(hooked(build, "second", 2, "in", namespace="blue"), None)
    assert await store.pipeline_by_path("default", "in") == hooked(build, "first", 1, "in")
    assert (await store.pipeline_by_path("blue", "in")).name == "second"
    assert await store.pipeline_by_path("default", "out") is None
    paused = hooked(build, "first", 1, "out", rev=2, status=PipelineStatus.PAUSED)
    await store.replace_pipeline(paused, None, expected_rev=1)
    assert await store.pipeline_by_path("default", "in") is None
    assert await store.pipeline_by_path("default", "out") == paused


async def test_a_draft_and_a_deleted_pipeline_are_not_found_by_path(store, build):
    await store.create_pipeline(hooked(build, "first", 1, "in"), None)
    draft = hooked(build, "first", 1, "in", rev=2, status=PipelineStatus.DRAFT)
    await store.replace_pipeline(draft, None, expected_rev=1)
    assert await store.pipeline_by_path("default", "in") is None
    await store.create_pipeline(hooked(build, "second", 2, "also"), None)
    await store.delete_pipeline("default", "second", expected_rev=1)
    assert await store.pipeline_by_path("default", "also") is None
