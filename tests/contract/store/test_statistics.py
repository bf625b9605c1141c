from orchestrator.state import NodeStatus, RunStatus
from orchestrator.store import NodeCount, RunCount


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


async def test_runs_of_one_pipeline_are_counted_alone_if_it_is_named(store, build, keep):
    for number, pipeline in ((1, "a"), (2, "b"), (3, "a")):
        await keep(build.run(number, RunStatus.COMPLETED, pipeline=pipeline, started_at=1, completed_at=5))
    counts = await store.count_runs("default", since=0, until=10, interval_ms=10, pipeline="a")
    assert [(each.pipeline, each.count) for each in counts] == [("a", 2)]


def ran(build, status, duration, started_at=10_000):
    return build.node(status, started_at=started_at, completed_at=started_at + duration)


async def test_nodes_are_counted_by_outcome_with_their_durations(store, build, keep):
    done, failed = NodeStatus.COMPLETED, NodeStatus.FAILED
    ends = [
        {"a": ran(build, done, 10), "b": ran(build, failed, 7)},
        {"a": ran(build, done, 20), "b": build.node(NodeStatus.SKIPPED, completed_at=10_000)},
        {"a": ran(build, failed, 30), "c": build.node(NodeStatus.FAILED, completed_at=10_000)},
    ]
    for number, nodes in enumerate(ends, start=1):
        await keep(build.run(number, RunStatus.COMPLETED, nodes, completed_at=10_100))
    assert await store.count_nodes("default", "demo", since=0, until=20_000) == [
        NodeCount("a", 3, 1, (20, 30, 30)),
        NodeCount("b", 1, 1, (7, 7, 7)),
        NodeCount("c", 1, 1, ()),
    ]


async def test_nodes_of_other_pipelines_times_and_runs_under_way_are_not_counted(store, build, keep):
    nodes = {"a": ran(build, NodeStatus.COMPLETED, 5)}
    await keep(build.run(1, RunStatus.COMPLETED, nodes, pipeline="other", completed_at=10_010))
    await keep(build.run(2, RunStatus.COMPLETED, nodes, namespace="blue", completed_at=10_010))
    await keep(build.run(3, RunStatus.COMPLETED, nodes, completed_at=20_000))
    await keep(build.run(4, nodes=nodes))
    assert await store.count_nodes("default", "demo", since=0, until=20_000) == []


async def test_what_a_retry_took_over_is_counted_once(store, build, keep):
    taken_over = ran(build, NodeStatus.COMPLETED, 5, started_at=1_000)
    await keep(build.run(1, RunStatus.FAILED, {"a": taken_over}, completed_at=1_010))
    retried = {"a": taken_over, "b": ran(build, NodeStatus.COMPLETED, 5, started_at=2_000)}
    await keep(build.run(2, RunStatus.COMPLETED, retried, retry_of=build.run_id(1), completed_at=2_010))
    counts = await store.count_nodes("default", "demo", since=0, until=20_000)
    assert [(each.node, each.count) for each in counts] == [("a", 1), ("b", 1)]
