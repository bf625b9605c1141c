"""Runs that change hands: after an orderly stop, after a death, and when there is no plan any more by which they could go on."""

import asyncio
import sqlite3

import pytest

from flume.errors import ConflictError, StoreError
from flume.ids import Instance, NodeId
from orchestrator.runs import TestRun as Trial
from orchestrator.state import NodeStatus, RunStatus
from orchestrator.store import ANSWER, InboxEntry, RunFilter
from tests.e2e.engine.conftest import opened

CALL = {"id": "a", "type": "call", "config": {"do": "work"}}
TRIAL = (
    "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: trial}\nnodes:\n"
    "  - {id: nap, type: delay, config: {duration: 1h}}\n"
    "  - {id: a, type: call, config: {do: work}, inputs: {value: '{{ secrets.KEY }}'}}\n"
    "edges: [{from: nap, to: a}]\n"
)


class Held:
    """Works until it is released; counts how often it was begun."""

    def __init__(self):
        self.release = asyncio.Event()
        self.begun = 0

    async def __call__(self, context, value):
        self.begun += 1
        await self.release.wait()
        return "done"


@pytest.fixture
def held():
    return Held()


@pytest.fixture
def change_store(tmp_path):
    """Changes what is stored, behind Flume's back, while no process has it open."""

    def change(*statements):
        with sqlite3.connect(next(tmp_path.glob("*.db"))) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    return change


async def test_an_attempt_outlives_any_number_of_orderly_restarts(tmp_path, held):
    async with opened(tmp_path, does={"work": held}) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: held.begun == 1)
    for number in range(2, 7):
        async with opened(tmp_path, does={"work": held}) as world:
            stored = await world.store.load_run(run_id)
            assert (stored.owner, stored.run.status) in [
                (None, RunStatus.RUNNING),
                (world.engine.id, RunStatus.RUNNING),
            ]
            await world.is_true(lambda number=number: held.begun == number)
    held.release.set()
    async with opened(tmp_path, does={"work": held}) as world:
        run = await world.end(run_id)
    assert (run.status, run.root.nodes[NodeId("a")].recoveries) == (RunStatus.COMPLETED, 0)


async def test_a_stopping_process_gives_its_runs_back_so_that_others_need_not_wait_for_its_lease(open_world, held):
    async with open_world(does={"work": held}) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: held.begun == 1)
        await world.engine.stop()
        stored = await world.store.load_run(run_id)
        assert (stored.owner, stored.run.root.nodes[NodeId("a")].released) == (None, True)
        claimed = await world.store.claim_runs(
            "other", now=world.orchestrator.clock(), live_owners=[world.engine.id], commit_id="0" * 24, limit=9
        )
        assert claimed == (run_id,)


async def test_a_store_that_is_imported_into_since_it_was_opened_is_left_alone(open_world):
    async with open_world(is_at_work=False) as world:
        await world.store.begin_import()
        with pytest.raises(StoreError, match="import"):
            async with world.orchestrator.working():
                pytest.fail("at work")
        assert await world.store.list_orchestrators() == []


async def test_what_arrives_in_the_grace_of_a_stopping_process_is_taken(open_world, held):
    async with open_world(does={"work": held}) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: held.begun == 1)
        stopping = asyncio.create_task(world.engine.stop(grace_s=20))
        await world.is_true(lambda: world.engine.is_stopping)
        body = {"type": "dev.flume.node.completed", "data": {"output": "from afar", "meta": {}, "logs": []}}
        entry = InboxEntry("e" * 24, run_id, Instance("a"), 1, ANSWER, body, world.orchestrator.clock())
        assert await world.store.put_inbox(entry)
        await world.keeper.round()
        async with asyncio.timeout(5):
            await stopping
        assert await world.output((await world.store.load_run(run_id)).run) == "from afar"


async def test_a_run_whose_state_is_being_read_when_the_process_stops_is_left_to_others(open_world, held):
    class Slow:
        """Gives what it has read when it is let."""

        def __init__(self, store):
            self._store = store
            self.reading, self.goes_on = asyncio.Event(), asyncio.Event()

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def read_inbox(self, run_id):
            self.reading.set()
            await self.goes_on.wait()
            return await self._store.read_inbox(run_id)

    async with open_world(wrap=Slow, does={"work": held}) as world:
        run_id = await world.begin({"id": "nap", "type": "delay", "config": {"duration": "1h"}})
        await world.is_true(lambda: not world.engine.is_active(run_id))
        assert await world.store.claim_run(run_id, world.engine.id, live_owners=(), commit_id="0" * 24)
        taking = asyncio.create_task(world.engine.take_up(run_id))
        await world.store.reading.wait()
        await world.engine.stop()
        world.store.goes_on.set()
        assert await taking is None
        assert world.engine.active_count == 0


async def test_that_an_attempt_was_taken_over_is_durable_before_it_is_made_again(tmp_path, held, fragile, monkeypatch):
    monkeypatch.setattr("orchestrator.engine.DRAIN_S", 0.01)
    async with opened(tmp_path, does={"work": held}, wrap=fragile) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: held.begun == 1)
        fragile.store.failing = True

    def failing(store):
        made = fragile(store)
        made.failing = True
        return made

    async with opened(tmp_path, does={"work": held}, wrap=failing) as world:
        await world.is_true(lambda: fragile.store.tries > 1)
        assert held.begun == 1
        fragile.store.failing = False
        await world.is_true(lambda: held.begun == 2)
        assert (await world.store.load_run(run_id)).run.root.nodes[NodeId("a")].recoveries == 1
        held.release.set()
        assert (await world.end(run_id)).status is RunStatus.COMPLETED


async def test_a_run_whose_version_is_gone_fails_and_says_so(tmp_path, held, change_store, caplog):
    async with opened(tmp_path, does={"work": held}) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: held.begun == 1)
    change_store("DELETE FROM pipeline_versions")
    async with opened(tmp_path, does={"work": held}) as world:
        run = await world.end(run_id)
    assert (run.status, run.root.error.code) == (RunStatus.FAILED, "no-plan")
    assert "version" in run.root.error.message
    assert run.root.nodes[NodeId("a")].status is NodeStatus.CANCELLED
    assert "a run can't go on and fails" in caplog.messages
    assert held.begun == 1


async def test_a_run_with_nodes_that_its_definition_does_not_have_fails_and_names_them(tmp_path, held, change_store):
    async with opened(tmp_path, does={"work": held}) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: held.begun == 1)
    change_store("UPDATE run_nodes SET node = 'nobody' WHERE node = 'a'")
    async with opened(tmp_path, does={"work": held}) as world:
        run = await world.end(run_id)
    assert (run.status, run.root.error.code, "'nobody'" in run.root.error.message) == (
        RunStatus.FAILED,
        "no-plan",
        True,
    )


async def test_a_sleeping_run_that_can_not_go_on_can_be_cancelled_all_the_same(tmp_path, change_store):
    nap = {"id": "nap", "type": "delay", "config": {"duration": "1h"}}
    async with opened(tmp_path) as world:
        by_id = await world.begin(nap)
        by_inbox = await world.begin(nap)
        await world.is_true(lambda: world.engine.active_count == 0)
    change_store("DELETE FROM pipeline_versions")
    async with opened(tmp_path) as world:
        assert await world.engine.cancel(by_id)
        assert (await world.end(by_id)).status.is_ended
        entry = InboxEntry("e" * 24, by_inbox, "", 0, "cancel", {"reason": "enough"}, world.orchestrator.clock())
        assert await world.store.put_inbox(entry)
        await world.keeper.round()
        assert (await world.end(by_inbox)).status.is_ended
        await world.is_true(lambda: world.engine.active_count == 0)


async def test_a_test_run_whose_secret_was_removed_goes_on_to_the_node_that_wants_it(tmp_path, held, clock):
    async with opened(tmp_path, {"KEY": "open-sesame"}, does={"work": held}, clock=clock) as world:
        started = await world.runs.test("default", Trial(TRIAL))
        await world.is_true(lambda: world.engine.active_count == 0)
    clock.forward(3_600_000)
    async with opened(tmp_path, does={"work": held}, clock=clock) as world:
        run = await world.end(started.run_id)
    assert run.root.nodes[NodeId("nap")].status is NodeStatus.COMPLETED
    assert (run.root.error.node, "KEY" in run.root.error.message) == ("a", True)


async def test_plans_of_texts_are_kept_by_their_hash_and_checked_anew_for_each_test_run(world):
    first = await world.runs.test("default", Trial(TRIAL.replace("{{ secrets.KEY }}", "x"), until=NodeId("nap")))
    plans = world.orchestrator.plans
    assert await plans.of_run(first.run.origin) is await plans.of_run(first.run.origin)
    assert set((await plans.of_run(first.run.origin)).root.nodes) == {"nap"}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE run_nodes SET state = 'not json'",
        'UPDATE run_nodes SET state = \'{"status": "unheard of"}\'',
        "UPDATE run_nodes SET state = '[]'",
        "UPDATE run_origins SET origin = '{}'",
    ],
)
async def test_a_damaged_run_fails_and_holds_up_nobody(tmp_path, held, change_store, damage):
    async with opened(tmp_path, does={"work": held}) as world:
        damaged = await world.begin(CALL)
        await world.is_true(lambda: held.begun == 1)
    change_store(damage)
    held.release.set()
    async with opened(tmp_path, does={"work": held}) as world:
        other = await world.go(CALL, name="other")
        assert other.status is RunStatus.COMPLETED
        await world.keeper.round()
        await world.is_true(lambda: world.engine.active_count == 0)
        page = await world.store.list_runs(RunFilter("default", pipeline="sample"), limit=9)
        assert [(each.id, each.status, each.error["code"]) for each in page.items] == [
            (damaged, "failed", "damaged-run")
        ]
        with pytest.raises(ConflictError, match="can't be read"):
            await world.runs.retry(await world.store.load_run(damaged))
