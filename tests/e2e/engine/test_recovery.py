import sys
from subprocess import run as run_process

import pytest

from flume.ids import NodeId, RunId
from orchestrator.state import NodeStatus, RunStatus
from orchestrator.store import RunFilter

CHILD = '''
import asyncio, os, sys
from pathlib import Path
from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.runs import Start

folder, point, passes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
TEXT = """apiVersion: flume/v1
kind: Pipeline
metadata: {name: sample}
nodes:
  - {id: a, type: template, config: {template: x}, durable: true}
  - {id: each, type: loop, config: {times: 3, body: {nodes: [{id: w, type: touch, config: {folder: "%s"}}]}}}
  - {id: b, type: touch, config: {folder: "%s"}}
edges:
  - {from: a, to: each}
  - {from: each, to: b}
""" % (folder / "effects", folder / "effects")
left = [passes]

def crash(name):
    if name == point:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)

async def main():
    parts = Composition(Settings(grace=0), {}, folder / "data", [folder / "nodes"], crash_point=crash)
    async with local_orchestrator(parts) as orchestrator:
        record = await orchestrator.store.read_pipeline("default", "sample")
        if record is None:
            record = (await orchestrator.pipelines.save(read_source(TEXT))).record
        started = await orchestrator.runs.start(record, Start(start_key="key:only"))
        while True:
            with orchestrator.engine.watch(started.run_id) as watch:
                stored = await orchestrator.store.load_run(started.run_id)
                if stored.run.status.is_ended:
                    break
                await watch.until(lambda run: run.status.is_ended)
        print(stored.run.status if stored.run.status.is_ended else "running")

asyncio.run(main())
'''

TOUCH = '''
from pathlib import Path
from flume.nodes import Node, NodeInput, NodeConfig, registry
class Touch(Node):
    """Leaves a line for each time it works."""
    name = "touch"
    class Config(NodeConfig):
        folder: str
    class Input(NodeInput):
        pass
    Output = str
    async def execute(self, input):
        folder = Path(self.config.folder)
        folder.mkdir(exist_ok=True)
        with (folder / self.context.idempotency_key.replace("/", "_")).open("a") as file:
            file.write("x")
        return "done"
registry.register(Touch)
'''


@pytest.mark.slow
@pytest.mark.parametrize("point", ["before-commit", "after-commit", "before-effect", "after-effect"])
@pytest.mark.parametrize("passes", [1, 3])
def test_a_process_that_dies_at_a_named_point_loses_nothing(tmp_path, point, passes):
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "touch.py").write_text(TOUCH)
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    died = run_process(
        [sys.executable, script, tmp_path, point, str(passes)], timeout=60, capture_output=True, text=True
    )
    assert died.returncode == 9, died.stderr
    ended = run_process([sys.executable, script, tmp_path, "never", "1"], timeout=60, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "completed"
    effects = {path.name: len(path.read_text()) for path in (tmp_path / "effects").iterdir()}
    assert len(effects) == 4
    assert max(effects.values()) <= 2


async def test_a_sleeping_run_goes_on_after_a_restart(open_world, tmp_path):
    async with open_world(tmp_path) as world:
        record = await world.save("  - {id: nap, type: delay, config: {duration: 100ms}}")
        started = await world.start(record)
    async with open_world(tmp_path) as world:
        run = await world.end(RunId(started.run_id))
        assert (run.status, run.root.nodes[NodeId("nap")].status) == (RunStatus.COMPLETED, NodeStatus.COMPLETED)
        page = await world.store.list_runs(RunFilter("default"), limit=10)
        assert [summary.id for summary in page.items] == [started.run_id]
