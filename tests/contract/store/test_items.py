from flume.ids import Instance, NodeId
from orchestrator.records import inline
from orchestrator.state import Failure, NodeStatus, RunStatus, SingleOutput

EACH = Instance("each")


async def test_items_come_by_rising_index(store, build, keep):
    items = {f"each[{index}]": build.scope(started_at=index) for index in (10, 2, 0, 1)}
    await keep(build.run(1, items=items))
    found = await store.read_items(build.run_id(1), EACH)
    assert [(index, scope.started_at) for index, scope in found] == [(0, 0), (1, 1), (2, 2), (10, 10)]
    assert [index for index, _ in await store.read_items(build.run_id(1), EACH, after=0, limit=2)] == [1, 2]


async def test_items_of_one_status_come_page_by_page(store, build, keep):
    failed = {f"each[{index}]": build.scope(RunStatus.FAILED) for index in (3, 7, 12)}
    others = {"each[0]": build.scope(), "each[5]": build.scope(RunStatus.COMPLETED)}
    await keep(build.run(1, items={**failed, **others, "each[3].each[1]": build.scope(RunStatus.FAILED)}))

    async def found(status, **page):
        return [index for index, _ in await store.read_items(build.run_id(1), EACH, status=status, **page)]

    assert await found(RunStatus.FAILED) == [3, 7, 12]
    assert await found(RunStatus.FAILED, after=3, limit=1) == [7]
    assert await found(RunStatus.RUNNING) == [0]
    assert await found(RunStatus.COMPLETED) == [5]
    assert await found(RunStatus.CANCELLED) == []


async def test_an_item_comes_back_as_it_was_committed(store, build, keep):
    item = build.scope(
        RunStatus.FAILED,
        {"fetch": build.node(NodeStatus.COMPLETED, output=inline([1]))},
        started_at=1,
        completed_at=2,
        output=SingleOutput(NodeId("fetch"), inline([1])),
        error=Failure("bad", "no"),
    )
    await keep(build.run(1, items={"each[0]": item}))
    assert await store.read_items(build.run_id(1), EACH) == [(0, item)]


async def test_an_item_that_is_committed_again_replaces_itself(store, build, keep):
    await keep(build.run(1, items={"each[0]": build.scope()}))
    await keep(build.run(1, items={"each[0]": build.scope(RunStatus.COMPLETED)}), 1)
    assert await store.read_items(build.run_id(1), EACH) == [(0, build.scope(RunStatus.COMPLETED))]


async def test_items_of_other_loops_and_runs_do_not_show(store, build, keep):
    await keep(
        build.run(1, items={"each[0]": build.scope(), "each[0].each[5]": build.scope(), "eachs[7]": build.scope()})
    )
    await keep(build.run(2, items={"each[9]": build.scope()}))
    assert [index for index, _ in await store.read_items(build.run_id(1), EACH)] == [0]
    assert [index for index, _ in await store.read_items(build.run_id(1), Instance("each[0].each"))] == [5]


async def test_completed_items_are_copied_with_the_items_within_them(store, build, keep):
    done, failed = build.scope(RunStatus.COMPLETED), build.scope(RunStatus.FAILED)
    items = {
        "each[0]": done,
        "each[0].inner[0]": done,
        "each[0].inner[1]": failed,
        "each[1]": failed,
        "each[1].inner[0]": done,
        "each[2]": build.scope(),
        "each[12]": done,
        "each[12].inner[3].deep[4]": done,
        "other[0]": done,
    }
    await keep(build.run(1, items=items))
    assert await store.copy_items(build.run_id(1), build.run_id(2), EACH) == 2
    copied = {
        loop: [(index, scope.status) for index, scope in await store.read_items(build.run_id(2), Instance(loop))]
        for loop in ("each", "each[0].inner", "each[1].inner", "each[12].inner[3].deep", "other")
    }
    assert copied == {
        "each": [(0, RunStatus.COMPLETED), (12, RunStatus.COMPLETED)],
        "each[0].inner": [(0, RunStatus.COMPLETED), (1, RunStatus.FAILED)],
        "each[1].inner": [],
        "each[12].inner[3].deep": [(4, RunStatus.COMPLETED)],
        "other": [],
    }


async def test_copying_again_replaces(store, build, keep):
    await keep(build.run(1, items={"each[0]": build.scope(RunStatus.COMPLETED, started_at=1)}))
    await store.copy_items(build.run_id(1), build.run_id(2), EACH)
    await keep(build.run(1, items={"each[0]": build.scope(RunStatus.COMPLETED, started_at=2)}), 1)
    assert await store.copy_items(build.run_id(1), build.run_id(2), EACH) == 1
    assert [scope.started_at for _, scope in await store.read_items(build.run_id(2), EACH)] == [2]


async def test_copying_from_a_run_without_items_copies_none(store, build):
    assert await store.copy_items(build.run_id(1), build.run_id(2), EACH) == 0
