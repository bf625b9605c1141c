import pytest

from flume.errors import RequestError
from orchestrator.records import inline
from orchestrator.state import Failure, RunStatus, TriggerRecord
from orchestrator.store import RunFilter, RunSummary


async def numbers_of(store, wanted, limit=100):
    """The numbers of all runs of a list, page by page."""
    numbers, cursor = [], None
    while True:
        page = await store.list_runs(wanted, limit=limit, cursor=cursor)
        numbers += [int(item.id, 16) for item in page.items]
        cursor = page.cursor
        if cursor is None:
            return numbers


async def test_a_list_shows_the_facts_of_a_run(store, build, keep):
    run = build.run(
        1,
        RunStatus.FAILED,
        started_at=2,
        completed_at=3,
        error=Failure("timeout", "took too long", retryable=True, node="fetch"),
        trigger=TriggerRecord("cron", "nightly", inline(None)),
        attempt=2,
        retry_of=build.run_id(9),
        test=True,
        version=4,
    )
    await keep(run)
    (item,) = (await store.list_runs(RunFilter("default"), limit=5)).items
    assert item == RunSummary(
        id=build.run_id(1),
        namespace="default",
        pipeline="demo",
        version=4,
        status=RunStatus.FAILED,
        trigger_type="cron",
        trigger_id="nightly",
        created_at=1000,
        started_at=2,
        completed_at=3,
        attempt=2,
        retry_of=build.run_id(9),
        test=True,
        error={"code": "timeout", "message": "took too long", "retryable": True, "node": "fetch"},
    )


async def test_the_newest_run_comes_first_whatever_its_status(store, build, keep):
    for number, status in enumerate(RunStatus, start=1):
        await keep(build.run(number, status))
    assert await numbers_of(store, RunFilter("default")) == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_follow_each_other_without_gap_or_repetition(store, build, limit):
    statuses = list(RunStatus)
    runs = [build.run(number, statuses[number % 5], created_at=number // 3) for number in range(1, 15)]
    await store.commit([build.commit(run) for run in runs])
    assert await numbers_of(store, RunFilter("default"), limit) == list(range(14, 0, -1))


async def test_a_list_that_fits_has_no_cursor(store, build, keep):
    await keep(build.run(1))
    await keep(build.run(2))
    assert (await store.list_runs(RunFilter("default"), limit=2)).cursor is None
    assert (await store.list_runs(RunFilter("default"), limit=1)).cursor is not None


async def test_a_run_that_is_new_does_not_disturb_the_pages_after(store, build, keep):
    for number in (1, 2, 3):
        await keep(build.run(number))
    first = await store.list_runs(RunFilter("default"), limit=2)
    await keep(build.run(4))
    second = await store.list_runs(RunFilter("default"), limit=2, cursor=first.cursor)
    assert [item.id for item in second.items] == [build.run_id(1)]


async def test_a_list_shows_one_namespace(store, build, keep):
    await keep(build.run(1))
    await keep(build.run(2, namespace="blue"))
    assert await numbers_of(store, RunFilter("blue")) == [2]
    assert await numbers_of(store, RunFilter("green")) == []


async def test_filters_narrow_a_list(store, build, keep):
    hook = TriggerRecord("webhook", "hook", inline(None))
    await keep(build.run(1, RunStatus.COMPLETED))
    await keep(build.run(2, RunStatus.FAILED, pipeline="other"))
    await keep(build.run(3, RunStatus.FAILED, trigger=hook))
    await keep(build.run(4, RunStatus.RUNNING, trigger=hook, pipeline="other"))
    both = (RunStatus.FAILED, RunStatus.RUNNING)
    assert await numbers_of(store, RunFilter("default", pipeline="other")) == [4, 2]
    assert await numbers_of(store, RunFilter("default", statuses=(RunStatus.FAILED,))) == [3, 2]
    assert await numbers_of(store, RunFilter("default", statuses=both)) == [4, 3, 2]
    assert await numbers_of(store, RunFilter("default", statuses=both, pipeline="demo")) == [3]
    assert await numbers_of(store, RunFilter("default", trigger="hook")) == [4, 3]
    assert await numbers_of(store, RunFilter("default", trigger="webhook", pipeline="other")) == [4]
    assert await numbers_of(store, RunFilter("default", trigger="nothing")) == []


async def test_a_filter_by_trigger_goes_on_over_pages(store, build, keep):
    hook = TriggerRecord("webhook", "hook", inline(None))
    for number in range(1, 10):
        await keep(build.run(number, **({"trigger": hook} if number % 3 == 0 else {})))
    assert await numbers_of(store, RunFilter("default", trigger="hook"), limit=1) == [9, 6, 3]


async def test_since_is_included_and_until_is_not(store, build, keep):
    for number in (1, 2, 3, 4):
        await keep(build.run(number))
    assert await numbers_of(store, RunFilter("default", since=2000, until=4000), limit=1) == [3, 2]
    assert await numbers_of(store, RunFilter("default", since=4000)) == [4]
    assert await numbers_of(store, RunFilter("default", until=2000)) == [1]


async def test_a_run_moves_to_the_list_of_its_new_status(store, build, keep):
    await keep(build.run(1), owner="me")
    await keep(build.run(1), 1, owner="me")
    await keep(build.run(1, RunStatus.COMPLETED, completed_at=1), 2)
    assert await numbers_of(store, RunFilter("default", statuses=(RunStatus.RUNNING,))) == []
    assert await numbers_of(store, RunFilter("default", statuses=(RunStatus.COMPLETED,))) == [1]


@pytest.mark.parametrize("cursor", ["", "x", "?", "ü", "WzFd", "WyJhIiwxXQ", "bnVsbA", "e30"])
async def test_a_cursor_that_is_none_is_refused(store, cursor):
    with pytest.raises(RequestError) as caught:
        await store.list_runs(RunFilter("default"), limit=1, cursor=cursor)
    assert caught.value.code == "bad-cursor"
