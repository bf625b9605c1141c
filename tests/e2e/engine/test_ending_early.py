"""Cancel, shutdown and recovery: runs that do not get to their end undisturbed."""

import asyncio

import pytest

from flume.errors import UnavailableError
from flume.ids import NodeId
from orchestrator.admission import Limits
from orchestrator.state import NodeStatus, RunStatus
from orchestrator.store import InboxEntry

CALL = {"id": "a", "type": "call", "config": {"do": "work"}}


class Held:
    """Works until it is released; counts starts, ends and cancellations."""

    def __init__(self):
        self.release = asyncio.Event()
        self.started = self.ended = self.cancelled = 0
        self.keys = []

    async def __call__(self, context, value):
        self.started += 1
        self.keys.append(context.idempotency_key)
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1
        return "done"


@pytest.fixture
def held():
    return Held()


async def test_cancel_stops_an_attempt_and_ends_the_run_with_its_reason(world, held):
    world.does["work"] = held
    run_id = await world.begin(CALL, {"id": "b", "type": "log", "inputs": {"message": "x"}}, edges=["a>b"])
    await world.is_true(lambda: held.started)
    assert await world.engine.cancel(run_id, reason="enough")
    run = await world.end(run_id)
    assert (run.status, run.root.error.code, run.root.error.message) == (RunStatus.CANCELLED, "cancelled", "enough")
    assert run.root.nodes[NodeId("a")].status is NodeStatus.CANCELLED
    await world.is_true(lambda: held.cancelled == 1)
    assert not world.engine.is_active(run_id)


async def test_cancelling_an_ended_run_is_refused_and_changes_nothing(world):
    run = await world.go({"id": "a", "type": "log", "inputs": {"message": "x"}})
    rev = await world.rev(run.id)
    assert not await world.engine.cancel(run.id)
    stored = await world.store.load_run(run.id)
    assert not await world.runs.cancel(stored, reason="late", live_owners=())
    assert await world.rev(run.id) == rev


async def test_a_run_that_waits_for_its_next_attempt_can_be_cancelled(open_world, clock):
    async def work(context, value):
        raise TimeoutError

    async with open_world(clock=clock, does={"work": work}) as world:
        run_id = await world.begin({**CALL, "retry": {"attempts": 3, "delay": "1h"}})
        await world.is_true(lambda: not world.engine.is_active(run_id))
        assert await world.engine.cancel(run_id)
        run = await world.end(run_id)
    assert (run.status, run.root.nodes[NodeId("a")].status) == (RunStatus.CANCELLED, NodeStatus.CANCELLED)


async def test_a_run_cancelled_while_its_first_commit_is_under_way_starts_no_effect(open_world, held):
    gate, seen = asyncio.Event(), []

    class SlowStore:
        def __init__(self, store):
            self._store = store

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def commit(self, commits):
            seen.extend(commit.run.id for commit in commits)
            await gate.wait()
            return await self._store.commit(commits)

    async with open_world(wrap=SlowStore, does={"work": held}) as world:
        record = await world.keep(CALL)
        starting = asyncio.create_task(world.start(record))
        await world.is_true(lambda: seen)
        run_id = seen[0]
        assert await world.engine.cancel(run_id)
        gate.set()
        await starting
        assert (await world.end(run_id)).status is RunStatus.CANCELLED
    assert held.started == 0


async def test_a_cancel_that_arrived_elsewhere_is_found_in_the_inbox(world, held):
    world.does["work"] = held
    run_id = await world.begin(CALL)
    entry = InboxEntry("a" * 24, run_id, "", 0, "cancel", {"reason": "from afar"}, world.orchestrator.clock())
    assert await world.store.put_inbox(entry)
    await world.keeper.round()
    run = await world.end(run_id)
    assert run.root.error.message == "from afar"
    assert await world.store.read_inbox(run_id) == ()


async def test_what_arrived_of_a_kind_of_a_later_version_is_kept_and_told_once(world, held, caplog):
    world.does["work"] = held
    run_id = await world.begin(CALL)
    later = InboxEntry("a" * 24, run_id, "", 0, "later", {"reason": "unheard of"}, world.orchestrator.clock())
    assert await world.store.put_inbox(later)
    for _ in range(2):
        await world.keeper.round()
    assert await world.store.read_inbox(run_id) == (later,)
    (told,) = [record for record in caplog.records if "of a kind that this version does not know" in record.message]
    assert (told.levelname, told.run, told.kind) == ("WARNING", run_id, "later")
    held.release.set()
    assert (await world.end(run_id)).status is RunStatus.COMPLETED


async def test_no_more_runs_are_taken_on_than_the_limit(open_world, held):
    async with open_world(limits=Limits(runs=2), does={"work": held}) as world:
        record = await world.keep(CALL)
        first, second = [(await world.start(record)).run_id for _ in range(2)]
        with pytest.raises(UnavailableError, match="2 runs are under way"):
            await world.start(record)
        held.release.set()
        await world.end(first)
        await world.end(second)
        await world.end((await world.start(record)).run_id)


async def test_stopping_gives_attempts_a_while_to_finish_and_records_them(open_world, tmp_path, held):
    async with open_world(tmp_path, grace_s=20, does={"work": held}) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: held.started)
        asyncio.get_running_loop().call_later(0.02, held.release.set)
    async with open_world(tmp_path, does={"work": held}) as world:
        run = await world.end(run_id)
    assert (run.status, held.started, held.ended) == (RunStatus.COMPLETED, 1, 1)


async def test_stopping_takes_on_nothing_more(open_world, held):
    async with open_world(grace_s=20, does={"work": held}) as world:
        record = await world.keep(CALL)
        await world.start(record)
        await world.is_true(lambda: held.started)
        stopping = asyncio.create_task(world.engine.stop())
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="stopping"):
            await world.start(record)
        held.release.set()
        await stopping


async def test_after_the_grace_attempts_are_cancelled_and_repeated_by_the_next_process(open_world, tmp_path, held):
    async with open_world(tmp_path, does={"work": held}) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: held.started)
    assert held.cancelled == 1
    held.release.set()
    async with open_world(tmp_path, does={"work": held}) as world:
        run = await world.end(run_id)
    state = run.root.nodes[NodeId("a")]
    assert (state.status, state.attempt, len(state.attempts)) == (NodeStatus.COMPLETED, 1, 1)
    assert held.keys[0] == held.keys[1]


async def test_an_answer_that_came_before_the_stop_is_recorded(open_world, tmp_path):
    gate, calls = asyncio.Event(), []

    class SlowStore:
        def __init__(self, store):
            self._store = store

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def commit(self, commits):
            if calls:
                await gate.wait()
            return await self._store.commit(commits)

    async def work(context, value):
        calls.append(value)
        return "done"

    async def hold(context, value):
        await asyncio.Event().wait()

    other = {"id": "b", "type": "call", "config": {"do": "work"}}
    long = {"id": "c", "type": "call", "config": {"do": "hold"}}
    async with open_world(tmp_path, wrap=SlowStore, does={"work": work, "hold": hold}) as world:
        run_id = await world.begin(CALL, other, long)
        await world.is_true(lambda: len(calls) == 2)
        asyncio.get_running_loop().call_later(0.05, gate.set)
    async with open_world(tmp_path, does={"work": work, "hold": hold}) as world:
        stored = await world.store.load_run(run_id)
        assert [stored.run.root.nodes[NodeId(node)].status.value for node in "abc"] == [
            "completed",
            "completed",
            "running",
        ]
        await world.engine.cancel(run_id)
    assert len(calls) == 2


async def test_an_attempt_that_was_under_way_at_three_deaths_fails_as_crashed(
    open_world, tmp_path, held, fragile, monkeypatch
):
    # A process whose store fails while it stops leaves behind what one that dies does.
    monkeypatch.setattr("orchestrator.engine.DRAIN_S", 0.01)
    nodes = [CALL, {"id": "rescue", "type": "template", "config": {"template": "{{ a.error.code }}"}}]
    async with open_world(tmp_path, does={"work": held}, wrap=fragile) as world:
        run_id = await world.begin(*nodes, edges=["a>rescue:error"])
        await world.is_true(lambda: held.started == 1)
        fragile.store.failing = True
    for number in (2, 3):
        async with open_world(tmp_path, does={"work": held}, wrap=fragile) as world:
            await world.is_true(lambda number=number: held.started == number)
            fragile.store.failing = True
    async with open_world(tmp_path, does={"work": held}) as world:
        run = await world.end(run_id)
        assert await world.output(run) == "crashed"
    assert held.started == 3


async def test_cancelled_and_ended_runs_leave_nothing_in_memory(world, held):
    world.does["work"] = held
    run_id = await world.begin(CALL)
    await world.is_true(lambda: held.started)
    await world.engine.cancel(run_id)
    await world.end(run_id)
    await world.go({"id": "a", "type": "log", "inputs": {"message": "x"}}, name="other")
    assert world.engine.active_count == 0
    await world.is_true(lambda: not list(world.engine.attempts_under_way()))
