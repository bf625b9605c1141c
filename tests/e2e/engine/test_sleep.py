import asyncio

from flume.ids import NodeId
from orchestrator.state import NodeStatus, RunStatus

HOUR = 3_600_000


def nap(duration, node="nap"):
    return {"id": node, "type": "delay", "config": {"duration": duration}}


def status(run, node="nap"):
    state = run.root.nodes.get(NodeId(node))
    return None if state is None else state.status


async def test_a_run_that_sleeps_five_seconds_leaves_memory_and_its_owner(open_world, clock):
    async with open_world(clock=clock) as world:
        run_id = await world.begin(nap("5s"))
        await world.is_true(lambda: not world.engine.is_active(run_id))
        stored = await world.store.load_run(run_id)
        assert (stored.owner, stored.wake_at, status(stored.run)) == (None, clock() + 5_000, NodeStatus.WAITING)


async def test_a_run_that_sleeps_less_stays(open_world, clock):
    async with open_world(clock=clock) as world:
        run_id = await world.begin(nap("4s"))
        await world.until(run_id, lambda run: status(run) is NodeStatus.WAITING)
        assert world.engine.is_active(run_id)
        assert (await world.store.load_run(run_id)).owner == world.engine.id


async def test_a_short_sleep_ends_by_itself(world):
    run = await world.go(nap("20ms"))
    state = run.root.nodes[NodeId("nap")]
    assert state.completed_at - state.started_at >= 20


async def test_a_clock_that_was_set_back_for_a_while_holds_up_a_short_sleep_no_longer_than_it_is_wrong(
    open_world, clock, monkeypatch
):
    monkeypatch.setattr("orchestrator.engine.LONGEST_TIMER_S", 0.01)
    async with open_world(clock=clock) as world:
        run_id = await world.begin(nap("20ms"))
        await world.until(run_id, lambda run: status(run) is NodeStatus.WAITING)
        clock.forward(-HOUR)
        # Longer than the sleep: it has seen that its moment is an hour away.
        await asyncio.sleep(0.05)
        clock.forward(HOUR + 20)
        async with asyncio.timeout(5):
            assert (await world.end(run_id)).status is RunStatus.COMPLETED


async def test_nobody_wakes_a_run_before_it_is_due(open_world, clock):
    async with open_world(clock=clock) as world:
        run_id = await world.begin(nap("1h"))
        await world.is_true(lambda: not world.engine.is_active(run_id))
        clock.forward(HOUR - 1)
        await world.keeper.round()
        assert not world.engine.is_active(run_id)
        clock.forward(1)
        await world.keeper.round()
        run = await world.end(run_id)
    assert (run.status, run.root.nodes[NodeId("nap")].completed_at) == (RunStatus.COMPLETED, clock())


async def test_a_run_that_slept_through_a_restart_wakes_when_it_is_due(open_world, clock, tmp_path):
    async with open_world(tmp_path, clock=clock) as world:
        run_id = await world.begin(nap("1h"))
        await world.is_true(lambda: not world.engine.is_active(run_id))
    clock.forward(HOUR)
    async with open_world(tmp_path, clock=clock) as world:
        run = await world.end(run_id)
    assert (run.status, run.root.nodes[NodeId("nap")].recoveries) == (RunStatus.COMPLETED, 0)


async def test_a_run_with_work_beside_its_sleep_stays_until_that_is_done(open_world, clock):
    done = asyncio.Event()

    async def work(context, value):
        await done.wait()

    async with open_world(clock=clock, does={"work": work}) as world:
        run_id = await world.begin(nap("1h"), {"id": "a", "type": "call", "config": {"do": "work"}})
        await world.until(run_id, lambda run: status(run) is NodeStatus.WAITING)
        assert world.engine.is_active(run_id)
        done.set()
        await world.is_true(lambda: not world.engine.is_active(run_id))
        stored = await world.store.load_run(run_id)
        assert (stored.owner, status(stored.run, "a")) == (None, NodeStatus.COMPLETED)


async def test_delay_until_a_moment_in_the_past_is_over_at_once(world):
    run = await world.go({"id": "nap", "type": "delay", "config": {"until": "2020-01-01T00:00:00Z"}})
    assert run.status is RunStatus.COMPLETED


async def test_the_earliest_of_several_sleeps_wakes_the_run(open_world, clock):
    async with open_world(clock=clock) as world:
        run_id = await world.begin(nap("2h", "long"), nap("1h", "short"))
        await world.is_true(lambda: not world.engine.is_active(run_id))
        assert (await world.store.load_run(run_id)).wake_at == clock() + HOUR
        clock.forward(HOUR)
        await world.keeper.round()
        await world.is_true(lambda: not world.engine.is_active(run_id))
        stored = await world.store.load_run(run_id)
        assert (status(stored.run, "short"), stored.wake_at) == (NodeStatus.COMPLETED, clock() + HOUR)
