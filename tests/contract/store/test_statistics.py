from orchestrator.state import RunStatus
from orchestrator.store import RunCount


async def test_ended_runs_are_counted_by_interval_pipeline_and_outcome(store, build, keep):
    ends = [(1, "a", RunStatus.COMPLETED, 100), (2, "a", RunStatus.COMPLETED, 109), (3, "a", RunStatus.FAILED, 105)]
    ends += [(4, "b", RunStatus.COMPLETED, 100), (5, "a", RunStatus.COMPLETED, 110)]
    for number, pipeline, status, end in ends:
        await keep(build.run(number, status, pipeline=pipeline, started_at=end - number, completed_at=end))
    assert await store.count_runs("default", since=100, until=120, interval_ms=10) == [
        RunCount(100, "a", RunStatus.COMPLETED, 2, (1, 2, 2)),
        RunCount(100, "a", RunStatus.FAILED, 1, (3, 3, 3)),
        RunCount(100, "b", RunStatus.COMPLETED, 1, (4, 4, 4)),
        RunCount(110, "a", RunStatus.COMPLETED, 1, (5, 5, 5)),
    ]


async def test_percentiles_are_durations_that_occurred(store, build):
    runs = [build.run(number, RunStatus.COMPLETED, started_at=0, completed_at=number) for number in range(1, 201)]
    await store.commit([build.commit(run) for run in runs])
    (count,) = await store.count_runs("default", since=0, until=1000, interval_ms=1000)
    assert (count.count, count.durations_ms) == (200, (100, 180, 198))


async def test_a_run_that_never_started_took_from_its_creation(store, build, keep):
    await keep(build.run(1, RunStatus.CANCELLED, completed_at=1500))
    (count,) = await store.count_runs("default", since=0, until=9000, interval_ms=9000)
    assert count.durations_ms == (500, 500, 500)


async def test_unfinished_runs_other_namespaces_and_other_times_are_not_counted(store, build, keep):
    await keep(build.run(1))
    await keep(build.run(2, RunStatus.COMPLETED, namespace="blue", completed_at=15))
    await keep(build.run(3, RunStatus.COMPLETED, completed_at=9))
    await keep(build.run(4, RunStatus.COMPLETED, completed_at=20))
    assert await store.count_runs("default", since=10, until=20, interval_ms=5) == []
