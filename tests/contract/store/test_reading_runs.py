from flume.ids import NodeId
from orchestrator.records import inline
from orchestrator.state import ManyOutputs, RunStatus


async def test_a_run_that_does_not_exist_is_none(store, build):
    assert await store.load_run(build.run_id(1)) is None
    assert await store.read_run("default", build.run_id(1)) is None


async def test_a_run_is_not_seen_from_another_namespace(store, build, keep):
    await keep(build.run(1, namespace="blue"))
    assert await store.read_run("default", build.run_id(1)) is None
    assert (await store.read_run("blue", build.run_id(1))).run.id == build.run_id(1)


async def test_a_loaded_run_holds_only_the_items_under_way(store, build, keep):
    items = {
        "each[0]": build.scope(RunStatus.COMPLETED),
        "each[1]": build.scope(),
        "each[2]": build.scope(),
    }
    await keep(build.run(1, nodes={"each": build.loop(active=(1, 2))}, items=items))
    scopes = (await store.load_run(build.run_id(1))).run.scopes
    assert list(scopes) == ["", "each[1]", "each[2]"]


async def test_a_loaded_run_holds_the_items_under_way_within_items(store, build, keep):
    items = {
        "a[1]": build.scope(nodes={"b": build.loop(active=(0, 1))}),
        "a[0].b[0]": build.scope(RunStatus.COMPLETED),
        "a[1].b[0]": build.scope(),
        "a[1].b[1]": build.scope(nodes={"c": build.loop(active=(4,))}),
        "a[1].b[1].c[4]": build.scope(nodes={"d": build.node(attempt=2)}),
    }
    await keep(build.run(1, nodes={"a": build.loop(active=(1,))}, items=items))
    scopes = (await store.load_run(build.run_id(1))).run.scopes
    assert set(scopes) == {"", "a[1]", "a[1].b[0]", "a[1].b[1]", "a[1].b[1].c[4]"}
    assert scopes["a[1].b[1].c[4]"].nodes["d"].attempt == 2


async def test_a_result_of_many_end_nodes_comes_back_whole(store, build, keep):
    output = ManyOutputs({NodeId("a"): inline(1), NodeId("b"): inline(None)})
    await keep(build.run(1, RunStatus.COMPLETED, completed_at=1, output=output))
    assert (await store.load_run(build.run_id(1))).run.root.output == output


async def test_children_are_the_runs_made_from_a_run_the_oldest_first(store, build, keep):
    await keep(build.run(1))
    await keep(build.run(4, retry_of=build.run_id(1)))
    await keep(build.run(3, retry_of=build.run_id(1)))
    await keep(build.run(5, retry_of=build.run_id(3)))
    assert await store.children_of(build.run_id(1)) == (build.run_id(3), build.run_id(4))
    assert await store.children_of(build.run_id(5)) == ()


async def test_unfinished_runs_of_all_namespaces_are_counted(store, build, keep):
    await keep(build.run(1, RunStatus.PENDING))
    await keep(build.run(2, namespace="blue"), owner="me")
    await keep(build.run(3, RunStatus.COMPLETED, completed_at=1))
    await keep(build.run(4))
    await keep(build.run(4, RunStatus.FAILED, completed_at=1), 1)
    assert await store.count_unfinished() == 2


async def test_an_export_goes_through_every_run_the_oldest_first(store, build):
    numbers = range(1, 231)
    await store.commit(
        [build.commit(build.run(number, namespace=f"space-{number % 3}")) for number in reversed(numbers)]
    )
    assert [stored.run.id async for stored in store.stored_runs()] == [build.run_id(number) for number in numbers]
