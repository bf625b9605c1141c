"""An answer that was acknowledged is in the store, so that whoever owns the run next has it and does not ask again."""

import asyncio
import subprocess
import sys

import pytest

from eventing.invocations import Failed
from flume.ids import Instance, Millis, NodeId
from orchestrator.state import NodeStatus, RunStatus
from orchestrator.store import ANSWER, InboxEntry

LARGE = "x" * 1024 * 1024
NODE = {"id": "a", "type": "call", "config": {"do": "x"}, "runOn": "cpu"}


class Unasked:
    """A store that never tells for which runs entries wait, so that they are found only by who looks before it acts."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def inbox_runs(self, owner, *, limit):
        return ()


@pytest.mark.parametrize("output", ["small", LARGE])
async def test_an_answer_for_a_run_that_is_in_nobodys_memory_waits_for_its_owner(open_site, tmp_path, says, output):
    async with open_site(tmp_path) as site:
        run_id, order = await site.begin()
    async with open_site(tmp_path, is_at_work=False) as site:
        answer = says.answer(order, output, logs=says.lines("a line"))
        posted = await site.post(await site.keep(answer) if output == LARGE else answer)
        assert (posted.status_code, site.world.engine.active_count) == (202, 0)
        assert (await site.post(says.answer(order, "again"))).status_code == 202
    async with open_site(tmp_path, wrap=Unasked) as site:
        async with asyncio.timeout(20):
            run = await site.world.end(run_id)
        assert (run.status, await site.world.value(run, "a")) == (RunStatus.COMPLETED, output)
        assert [line.message for line in await site.world.logs(run_id)] == ["a line"]
        assert site.elsewhere.orders == []
        assert await site.world.store.read_inbox(run_id) == ()


@pytest.mark.parametrize("output", ["small", LARGE])
async def test_what_is_kept_of_an_answer_is_small_and_holds_no_token(open_site, tmp_path, says, output):
    async with open_site(tmp_path) as site:
        run_id, order = await site.begin()
    async with open_site(tmp_path, is_at_work=False) as site:
        await site.post(says.answer(order, output))

        [entry] = await site.world.store.read_inbox(run_id)
        assert order.token not in str(entry.body)
        assert len(str(entry.body)) < 1000


async def test_an_answer_for_a_run_in_memory_is_taken_without_a_look_into_all_inboxes(open_site, says):
    async with open_site(wrap=Unasked) as site:
        run_id, order = await site.begin()

        await site.post(says.answer(order))

        async with asyncio.timeout(20):
            assert (await site.world.end(run_id)).status is RunStatus.COMPLETED


class Busy:
    """A store of which each commit lasts until the run is some stretches ahead; ``act`` is done once in such a moment."""

    def __init__(self, store):
        self._store = store
        self.stretches_ahead = lambda: 0
        self.act = None
        self.removals = []

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def commit(self, commits):
        for _ in range(20):
            await asyncio.sleep(0)
        if self.act is not None and self.stretches_ahead() > 0:
            act, self.act = self.act, None
            await act()
        self.removals += [commit.run.root.nodes["a"].status for commit in commits if commit.inbox]
        return await self._store.commit(commits)


async def test_an_entry_is_removed_by_the_commit_that_holds_its_answer_and_by_none_before(open_site, says):
    stores = []

    def wrap(store):
        stores.append(Busy(store))
        return stores[0]

    chain = [{"id": f"c{each}", "type": "template", "config": {"template": "x"}} for each in range(480)]
    edges = [f"c{each}>c{each + 1}" for each in range(479)]
    async with open_site(wrap=wrap) as site:
        [store] = stores
        run_id, order = await site.begin(NODE, *chain, edges=edges)
        active = site.world.orchestrator.engine.find(run_id)
        posted = asyncio.Event()

        async def post():
            await site.post(says.answer(order))
            posted.set()

        store.stretches_ahead, store.act = (lambda: active.stretches_ahead), post
        async with asyncio.timeout(20):
            run = await site.world.end(run_id)

        assert posted.is_set(), "the run was never ahead of its commit"
        assert (run.status, store.removals) == (RunStatus.COMPLETED, [NodeStatus.COMPLETED])


async def test_a_new_owner_takes_a_failure_from_the_inbox_and_goes_on_by_the_retry_policy(open_site, tmp_path, says):
    async with open_site(tmp_path) as site:
        run_id, order = await site.begin({**NODE, "retry": {"attempts": 2, "delay": "1ms"}})
    async with open_site(tmp_path, is_at_work=False) as site:
        await site.post(says.ended(order, Failed("busy", "come back", retryable=True)))
    async with open_site(tmp_path) as site:
        again = await site.elsewhere.order()
        assert again.attempt == 2
        await site.post(says.answer(again))
        run = await site.world.end(run_id)
        assert run.root.nodes[NodeId("a")].recoveries == 0


async def test_signs_of_a_run_that_is_in_nobodys_memory_are_taken_and_their_lines_kept(open_site, tmp_path, says):
    async with open_site(tmp_path) as site:
        run_id, order = await site.begin()
    async with open_site(tmp_path, is_at_work=False) as site:
        assert (await site.post(says.sign(order, 0, "text", says.lines("one")))).status_code == 202
        assert (await site.post(says.sign(order, logs=says.lines("one", "two")))).status_code == 202
        assert [line.message for line in await site.world.logs(run_id)] == ["one", "two"]


async def test_a_run_whose_commits_fail_when_the_answer_comes_has_it_once_they_succeed(open_site, fragile, says):
    async with open_site(wrap=fragile) as site:
        run_id, order = await site.begin()
        fragile.store.failing = True

        assert (await site.post(says.answer(order))).status_code == 202
        await site.world.is_true(lambda: site.world.engine.failure is not None)
        fragile.store.failing = False

        assert (await site.world.end(run_id)).status is RunStatus.COMPLETED
        assert len(site.elsewhere.orders) == 1


@pytest.mark.parametrize("body", [{"payload": "f" * 24}, {"data": {"output": 1, "logs": 7}}])
async def test_an_entry_that_can_not_be_read_is_told_and_removed_and_its_attempt_goes_on(site, says, caplog, body):
    run_id, order = await site.begin()
    entry = InboxEntry(
        "e" * 24, run_id, Instance("a"), 1, ANSWER, {"type": "dev.flume.node.completed", **body}, Millis(1)
    )
    assert await site.world.store.put_inbox(entry)

    await site.world.keeper.arrived(run_id)

    assert "an answer that was kept can't be read" in caplog.text
    async with asyncio.timeout(20):
        while await site.world.store.read_inbox(run_id):  # noqa: ASYNC110 - a commit that changes no node is told to nobody
            await asyncio.sleep(0.002)
    assert (await site.post(says.answer(order, "read"))).status_code == 202
    assert await site.world.value(await site.world.end(run_id), "a") == "read"


CHILD = '''
import asyncio, os, sys
from pathlib import Path

from eventing.in_process import InProcessExecutor
from eventing.messages import answer_event
from flume.cli.local import make_registry, wall_clock
from flume.ids import Instance, Millis, NodeId
from flume.nodes.node import NodeSettings
from flume.nodes.outcomes import Result
from flume.pipeline import Lane
from flume.source import read_source
from orchestrator.buses.memory import MemoryBus
from orchestrator.runs import Start
from orchestrator.service import Options, Parts, build_orchestrator
from orchestrator.stores.sqlite.store import SqliteStore

folder, point, asked = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[1]) / "asked"
TEXT = """apiVersion: flume/v1
kind: Pipeline
metadata: {name: sample}
nodes:
  - {id: a, type: template, runOn: cpu, config: {template: x}}
"""
posted = []

def crash(name):
    if name == point and posted:
        os._exit(9)

class Elsewhere:
    def __init__(self):
        self.came = asyncio.get_running_loop().create_future()

    def execute_at_once(self, invocation, reports):
        return None

    async def execute(self, invocation, reports):
        with asked.open("a") as file:
            file.write("x")
        self.came.set_result(invocation)
        await asyncio.Event().wait()

async def main():
    elsewhere = Elsewhere()
    async with SqliteStore.open(folder / "data") as store, InProcessExecutor(NodeSettings(), {}) as inline:
        executors = {**dict.fromkeys(Lane, elsewhere), Lane.ENGINE: inline}
        orchestrator = await build_orchestrator(
            Parts(store, MemoryBus(), make_registry([]), executors, Options(grace_s=0), wall_clock, crash_point=crash)
        )
        async with orchestrator.working():
            record = await store.read_pipeline("default", "sample")
            if record is None:
                record = (await orchestrator.pipelines.save(read_source(TEXT))).record
            started = await orchestrator.runs.start(record, Start(start_key="key:only"))
            if point != "never":
                order = await elsewhere.came
                posted.append(order)
                await orchestrator.node_reports.take([answer_event(order, Result("kept"), logs=(), execute_ms=1)])
                print("acknowledged", flush=True)
                await asyncio.sleep(60)
            while not (run := (await store.load_run(started.run_id)).run).status.is_ended:
                await asyncio.sleep(0.01)
            print(run.status, run.root.nodes[NodeId("a")].output)

asyncio.run(main())
'''


@pytest.mark.slow
@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_an_orchestrator_that_dies_with_an_answer_in_its_hands_does_not_ask_for_it_again(tmp_path, point):
    script = tmp_path / "child.py"
    script.write_text(CHILD)

    def live(point):
        return subprocess.run([sys.executable, script, tmp_path, point], timeout=60, capture_output=True, text=True)

    died = live(point)
    assert died.returncode == 9, died.stderr
    ended = live("never")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("completed")
    assert "kept" in ended.stdout
    assert (tmp_path / "asked").read_text() == "x"
