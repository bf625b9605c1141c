import asyncio
from contextlib import asynccontextmanager

import pytest

from flume.errors import StoreError, UnavailableError
from flume.ids import Millis, NodeId
from orchestrator.state import RunStatus
from orchestrator.store import InboxEntry

CALL = {"id": "a", "type": "call", "config": {"do": "work"}}
PURE = {"id": "p", "type": "template", "config": {"template": "x"}}


async def nothing(context, value):
    return "done"


async def test_a_full_disk_refuses_new_runs_with_what_to_do_and_takes_them_again_afterwards(open_world, fragile):
    async with open_world(wrap=fragile) as world:
        record = await world.keep(PURE)
        fragile.store.failing = True
        with pytest.raises(StoreError, match="make room"):
            await world.start(record)
        assert isinstance(world.engine.failure, StoreError)
        fragile.store.failing = False
        await world.end((await world.start(record)).run_id)
        assert world.engine.failure is None
        assert world.engine.active_count == 0


async def test_a_run_under_way_waits_for_the_store_and_loses_nothing(open_world, fragile):
    release, works = asyncio.Event(), []

    async def work(context, value):
        works.append(value)
        await release.wait()
        return "done"

    async with open_world(wrap=fragile, does={"work": work}) as world:
        run_id = await world.begin(CALL, PURE, edges=["a>p"])
        await world.is_true(lambda: works)
        fragile.store.failing = True
        tries = fragile.store.tries
        release.set()
        await world.is_true(lambda: fragile.store.tries > tries + 1)
        assert (await world.store.load_run(run_id)).run.status is RunStatus.RUNNING
        fragile.store.failing = False
        run = await world.end(run_id)
    assert (run.status, len(works)) == (RunStatus.COMPLETED, 1)


async def test_a_start_that_was_stored_although_it_was_refused_goes_on(open_world):
    class Forgetful:
        """Does what it is told and then says that it failed, once."""

        def __init__(self, store):
            self._store = store
            self._fails = True

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def commit(self, commits):
            results = await self._store.commit(commits)
            if self._fails:
                self._fails = False
                self.run_id = commits[0].run.id
                raise StoreError("the connection was lost")
            return results

    made = []

    def wrap(store):
        made.append(Forgetful(store))
        return made[0]

    async with open_world(wrap=wrap, does={"work": nothing}) as world:
        record = await world.keep(CALL)
        with pytest.raises(StoreError, match="connection"):
            await world.start(record, start_key="key:1", body=b"x")
        run = await world.end(made[0].run_id)
        assert run.status is RunStatus.COMPLETED
        assert (await world.start(record, start_key="key:1", body=b"x")).run_id == run.id


async def test_a_step_that_can_never_be_stored_fails_the_run_once(open_world, fragile):
    async with open_world(wrap=fragile, does={"work": nothing}) as world:
        record = await world.keep({**CALL}, PURE, edges=["a>p"])

        def is_last_step(commit):
            state = commit.nodes.get(NodeId("a"))
            return state is not None and state.status.value == "completed"

        run_id = (await world.start(record)).run_id
        fragile.store.refuses = is_last_step
        run = await world.end(run_id)
        assert (run.status, run.root.error.code) == (RunStatus.FAILED, "commit-refused")
        assert "too big" in run.root.error.message
        tries = fragile.store.tries
        await asyncio.sleep(0.05)
        assert fragile.store.tries == tries
        assert not world.engine.is_active(run_id)


@asynccontextmanager
async def run_that_is_let_go_of(open_world, fragile):
    """A world with a run that can neither go on nor be failed: the store refuses all commits from its first answer on."""
    release = asyncio.Event()

    async def work(context, value):
        await release.wait()

    async with open_world(wrap=fragile, does={"work": work}) as world:
        run_id = await world.begin(CALL)
        fragile.store.refuses = lambda commit: True
        release.set()
        await world.is_true(lambda: not world.engine.is_active(run_id))
        yield world, run_id


async def test_a_run_whose_failure_can_not_be_stored_either_is_let_go_of(open_world, fragile, caplog):
    async with run_that_is_let_go_of(open_world, fragile):
        tries = fragile.store.tries
        await asyncio.sleep(0.05)
        assert fragile.store.tries == tries
    assert "the store refused a commit" in caplog.messages
    assert [message for message in caplog.messages if message.startswith("a run can neither go on nor be failed")]


async def test_a_run_that_stands_still_says_why_in_its_log_and_leaves_a_cancel_for_the_next_start(
    tmp_path, open_world, fragile, caplog
):
    release = asyncio.Event()

    async def work(context, value):
        await release.wait()

    async with open_world(tmp_path, wrap=fragile, does={"work": work}) as world:
        run_id = await world.begin(CALL)
        fragile.store.refuses = lambda commit: True
        release.set()
        await world.is_true(lambda: not world.engine.is_active(run_id))
        stored = await world.store.load_run(run_id)
        tries = fragile.store.tries
        assert await world.runs.cancel(stored, reason="enough", live_owners=())
        for _ in range(3):
            await world.keeper.round()
        assert (fragile.store.tries, world.engine.is_active(run_id)) == (tries, False)
        assert sum("neither go on" in message for message in caplog.messages) == 1
    release.clear()
    async with open_world(tmp_path, does={"work": work}) as world:
        (line,) = await world.logs(run_id)
        assert (line.instance, line.attempt, line.level) == ("a", 1, "error")
        assert "stands still until Flume is started anew" in line.message
        assert "too big for this store" in line.message
        assert (await world.end(run_id)).status is RunStatus.CANCELLED


async def test_a_new_run_that_can_never_be_stored_is_refused(open_world, fragile):
    async with open_world(wrap=fragile) as world:
        record = await world.keep(PURE)
        fragile.store.refuses = lambda commit: True
        with pytest.raises(StoreError, match="too big"):
            await world.start(record)
        assert world.engine.active_count == 0


async def test_a_payload_that_can_not_be_read_just_now_is_waited_for(open_world, fragile):
    release = asyncio.Event()

    async def work(context, value):
        await release.wait()
        return value

    async with open_world(wrap=fragile, does={"work": work}) as world:
        run_id = await world.begin(
            {**CALL},
            {"id": "size", "type": "json-transform", "config": {"mapping": "{{ trigger.data | length }}"}},
            edges=["a>size"],
            data="x" * 100_000,
        )
        fragile.store.broken, fragile.store.failing = {"read_payload"}, True
        release.set()
        await world.until(run_id, lambda run: NodeId("size") in run.root.nodes)
        await asyncio.sleep(0.02)
        fragile.store.failing = False
        run = await world.end(run_id)
        assert await world.output(run) == 100_000


async def test_runs_that_were_claimed_while_the_store_failed_are_taken_up_later(open_world, fragile, clock):
    async with open_world(wrap=fragile, clock=clock) as world:
        nap = {"id": "nap", "type": "delay", "config": {"duration": "1h"}}
        record = await world.keep(nap)
        ids = [(await world.start(record)).run_id for _ in range(3)]
        await world.is_true(lambda: world.engine.active_count == 0)
        clock.forward(3_600_000)
        fragile.store.broken, fragile.store.failing = {"load_run"}, True
        with pytest.raises(StoreError):
            await world.keeper.round()
        fragile.store.failing = False
        await world.keeper.round()
        for run_id in ids:
            assert (await world.end(run_id)).status is RunStatus.COMPLETED


class Unreadable:
    """Never gives the runs in ``unreadable``."""

    def __init__(self, store):
        self._store = store
        self.unreadable = set()
        self.error = StoreError("it can't be read")

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def load_run(self, run_id):
        if run_id in self.unreadable:
            raise self.error
        return await self._store.load_run(run_id)


async def test_a_run_that_can_not_be_read_keeps_no_other_from_being_taken_up(open_world, clock):
    async with open_world(wrap=Unreadable, clock=clock) as world:
        record = await world.keep({"id": "nap", "type": "delay", "config": {"duration": "1h"}})
        ids = [(await world.start(record)).run_id for _ in range(3)]
        await world.is_true(lambda: world.engine.active_count == 0)
        world.store.unreadable = {ids[0]}
        clock.forward(3_600_000)
        with pytest.raises(StoreError, match=f"1 of the runs to go on with, such as {ids[0]}: it can't be read"):
            await world.keeper.round()
        for run_id in ids[1:]:
            assert (await world.end(run_id)).status is RunStatus.COMPLETED

        world.store.unreadable = set()
        await world.keeper.round()
        assert (await world.end(ids[0])).status is RunStatus.COMPLETED


async def test_however_many_runs_can_not_be_read_in_time_the_others_have_their_turn(open_world, clock):
    async with open_world(wrap=Unreadable, clock=clock) as world:
        record = await world.keep({"id": "nap", "type": "delay", "config": {"duration": "1h"}})
        ids = []
        for _ in range(4):
            ids.append((await world.start(record)).run_id)
            clock.forward(1)
        await world.is_true(lambda: world.engine.active_count == 0)
        world.store.unreadable, world.store.error = set(ids[:3]), UnavailableError("it takes too long")
        clock.forward(3_600_000)
        for _ in range(2):
            with pytest.raises(UnavailableError, match="takes too long"):
                await world.keeper.round()
        assert (await world.end(ids[3])).status is RunStatus.COMPLETED


async def test_a_run_that_can_not_be_read_keeps_what_arrived_for_others_from_nobody(open_world, clock):
    async with open_world(wrap=Unreadable, clock=clock) as world:
        ids = [await sleeping(world) for _ in range(2)]
        for number, run_id in enumerate(ids):
            assert await world.store.claim_run(run_id, world.engine.id, live_owners=(), commit_id=f"{number:024}")
            entry = InboxEntry(f"{number:024}", run_id, "", 0, "cancel", {"reason": "enough"}, Millis(number))
            assert await world.store.put_inbox(entry)
        world.store.unreadable = {ids[0]}
        with pytest.raises(StoreError, match=f"such as {ids[0]}"):
            await world.keeper.round()
        assert (await world.end(ids[1])).status is RunStatus.CANCELLED


async def test_a_cancelled_run_that_can_not_be_loaded_just_now_is_not_lost(open_world, fragile, clock):
    async with open_world(wrap=fragile, clock=clock) as world:
        run_id = await world.begin({"id": "nap", "type": "delay", "config": {"duration": "1h"}})
        await world.is_true(lambda: not world.engine.is_active(run_id))
        fragile.store.broken, fragile.store.failing = {"load_run"}, True
        with pytest.raises(StoreError):
            await world.engine.cancel(run_id)
        fragile.store.failing = False
        await world.is_true(lambda: world.engine.is_active(run_id))
        assert await world.engine.cancel(run_id)
        assert (await world.end(run_id)).status is RunStatus.CANCELLED


async def test_a_claim_of_a_run_to_be_cancelled_that_was_made_although_it_failed_goes_on(open_world, clock):
    class Forgetful:
        """Does what it is told and then says that it failed."""

        def __init__(self, store):
            self._store = store

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def claim_run(self, *arguments, **named):
            await self._store.claim_run(*arguments, **named)
            raise StoreError("the connection was lost")

    async with open_world(wrap=Forgetful, clock=clock) as world:
        run_id = await world.begin({"id": "nap", "type": "delay", "config": {"duration": "1h"}})
        await world.is_true(lambda: not world.engine.is_active(run_id))
        with pytest.raises(StoreError):
            await world.engine.cancel(run_id)
        await world.is_true(lambda: world.engine.is_active(run_id))
        assert await world.engine.cancel(run_id)
        assert (await world.end(run_id)).status is RunStatus.CANCELLED


async def sleeping(world):
    """The id of a run that has left memory."""
    run_id = await world.begin({"id": "nap", "type": "delay", "config": {"duration": "1h"}})
    await world.is_true(lambda: not world.engine.is_active(run_id))
    return run_id


async def test_a_run_that_became_ours_by_a_write_of_which_nobody_heard_goes_on(open_world, clock, caplog):
    async with open_world(clock=clock) as world:
        run_id = await sleeping(world)
        # As a claim that was carried out long after it failed, and after we had asked whether it was made.
        assert await world.store.claim_run(run_id, world.engine.id, live_owners=(), commit_id="0" * 24)
        await world.keeper.find_strays()
        await world.keeper.round()
        assert not world.engine.is_active(run_id)
        await world.keeper.find_strays()
        await world.keeper.round()
        assert world.engine.is_active(run_id)
    (record,) = caplog.records
    assert (record.message, record.runs) == ("runs were ours without our knowing; going on with them", 1)


async def test_runs_that_are_looked_for_while_they_move_into_memory_and_out_of_it_are_no_strays(
    open_world, clock, caplog
):
    async with open_world(clock=clock) as world:
        for number in range(3):
            run_id = await sleeping(world)
            assert await world.store.claim_run(run_id, world.engine.id, live_owners=(), commit_id=f"{number:024}")
            await world.keeper.find_strays()
            assert await world.engine.take_up(run_id)
    assert caplog.records == []


async def test_one_that_stops_looks_for_no_strays(open_world, clock, caplog):
    async with open_world(clock=clock) as world:
        run_id = await sleeping(world)
        assert await world.store.claim_run(run_id, world.engine.id, live_owners=(), commit_id="0" * 24)
        await world.keeper.find_strays()
        await world.engine.stop()
        await world.keeper.find_strays()
    assert caplog.records == []


async def test_a_run_that_is_let_go_of_since_its_failure_can_not_be_stored_is_no_stray(open_world, fragile, caplog):
    async with run_that_is_let_go_of(open_world, fragile) as (world, run_id):
        for _ in range(3):
            await world.keeper.find_strays()
        await world.keeper.round()
        assert not world.engine.is_active(run_id)
    assert [message for message in caplog.messages if "without our knowing" in message] == []


async def test_a_run_that_another_owner_advanced_is_read_anew(open_world):
    release, works = asyncio.Event(), []

    async def work(context, value):
        works.append(context.idempotency_key)
        await release.wait()
        return "done"

    async with open_world(does={"work": work}) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: works)
        stored = await world.store.load_run(run_id)
        assert await world.store.claim_run(run_id, "somebody", live_owners=(), commit_id="0" * 24)
        assert await world.store.claim_run(run_id, world.engine.id, live_owners=(), commit_id="1" * 24)
        release.set()
        run = await world.end(run_id)
        assert (run.status, await world.rev(run_id) > stored.rev + 2) == (RunStatus.COMPLETED, True)
        assert len(set(works)) == 1


async def test_a_run_that_another_owner_has_now_is_left_to_it(open_world):
    release, works = asyncio.Event(), []

    async def work(context, value):
        works.append(context.idempotency_key)
        await release.wait()

    async with open_world(does={"work": work}) as world:
        run_id = await world.begin(CALL)
        await world.is_true(lambda: works)
        assert await world.store.claim_run(run_id, "somebody", live_owners=(), commit_id="0" * 24)
        release.set()
        await world.is_true(lambda: not world.engine.is_active(run_id))
        stored = await world.store.load_run(run_id)
        assert (stored.owner, stored.run.status) == ("somebody", RunStatus.RUNNING)


async def test_stopping_with_a_store_that_fails_still_ends(open_world, fragile, monkeypatch, caplog):
    monkeypatch.setattr("orchestrator.engine.DRAIN_S", 0.05)
    release, works = asyncio.Event(), []

    async def work(context, value):
        works.append(value)
        await release.wait()

    async with open_world(wrap=fragile, does={"work": work}) as world:
        await world.begin(CALL)
        await world.is_true(lambda: works)
        fragile.store.broken |= {"delete_orchestrator"}
        fragile.store.failing = True
        release.set()
        await world.is_true(lambda: world.engine.failure)
    assert "stopped with commits that the store did not take" in caplog.messages
