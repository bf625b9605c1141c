"""Files of custom nodes as commands load them: what runs outside the engine is not run in their process."""

import asyncio
import os
import sys

import pytest

from flume.cli.local import Composition, local_orchestrator
from flume.cli.node_files import make_registry, without_own
from flume.cli.settings import Settings
from flume.cli.workspace import Workspace
from flume.nodes.elsewhere import Describer

pytestmark = pytest.mark.slow

SHOUT = (
    "from flume.nodes import Node, NodeInput, registry\n"
    "@registry.register\n"
    "class Shout(Node):\n"
    '    name = "shout"\n'
    '    run_on = "cpu"\n'
    "    class Input(NodeInput):\n"
    "        text: str\n"
    "    def execute(self, input: Input) -> str:\n"
    "        return input.text.upper()\n"
)


def test_a_pipeline_is_checked_against_a_type_that_was_only_described(flume, write, pipeline):
    nodes = write("nodes/shout.py", "import sys\nassert 'pytest' not in sys.modules\n" + SHOUT)
    file = write("p.yaml", pipeline("  - {id: s, type: shout, runOn: engine, inputs: {text: 1, loud: true}}"))
    done = flume("validate", file, "--nodes", nodes)
    assert done.code == 1
    assert [line.split()[1] for line in done.out.splitlines()] == ["lane-not-allowed", "bad-value", "unknown-key"]
    assert "it runs on: cpu, gpu, job" in done.out
    write("p.yaml", pipeline("  - {id: s, type: shout, inputs: {text: hi}}"))
    assert flume("validate", file, "--nodes", nodes).err == f"{file}: valid\n"


def test_a_file_that_can_not_be_described_is_told_and_the_others_are_there(flume, write, tmp_path):
    broken = write("broken.py", "import sys\nsys.exit('no graphics card')\n" + SHOUT)
    write("shout.py", SHOUT)
    done = flume("nodes", "show", "shout", "--nodes", tmp_path)
    assert (done.code, done.err) == (0, f"{broken}: line 2: SystemExit: no graphics card\n")


def test_the_process_that_describes_sees_neither_settings_nor_secrets(write, monkeypatch):
    monkeypatch.setenv("FLUME_SECRET_KEY", "open-sesame")
    monkeypatch.setenv("FLUME_API_TOKEN", "a-token")
    monkeypatch.setenv("MONGODB_URL", "mongodb://user:password@host/")
    monkeypatch.setenv("CUDA_HOME", "/opt/cuda")
    nodes = write("shout.py", "import os\n" + SHOUT + "    __doc__ = ' '.join(os.environ)\n")
    seen = make_registry([nodes]).get("shout").description.split()
    assert {"CUDA_HOME", "PATH"} <= set(seen)
    assert [name for name in seen if name.startswith(("FLUME_", "MONGODB"))] == []


@pytest.fixture
async def workspace(tmp_path):
    lines = []
    describer = Describer(without_own(os.environ), 30.0)
    async with local_orchestrator(Composition(Settings(grace=0), {}, None)) as orchestrator:
        yield Workspace(orchestrator, [tmp_path], lines.append, describer.describe)


async def test_files_are_described_anew_when_they_change(workspace, write):
    file = write("nodes/shout.py", SHOUT)
    workspace.load_nodes()
    registry = workspace.orchestrator.registry
    assert (registry.get("shout").implementation, registry.get("shout").version) == (None, 1)
    write("nodes/shout.py", SHOUT + "    version = 2\n")
    await workspace.update([file])
    assert registry.get("shout").version == 2
    write("nodes/shout.py", SHOUT + "    version = \n")
    await workspace.update([file])
    assert registry.get("shout").version == 2
    file.unlink()
    await workspace.update([file])
    assert "shout" not in registry


async def test_while_a_file_is_described_the_server_goes_on(workspace, write, tmp_path):
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(tmp_path / 'go')!r}).exists(): time.sleep(0.01)\n"
    file = write("shout.py", waits + SHOUT)
    updating = asyncio.create_task(workspace.update([file]))
    await asyncio.sleep(0)
    write("go", "")
    await updating
    assert workspace.orchestrator.registry.get("shout").implementation is None
    assert not [each for each in sys.modules.values() if getattr(each, "__file__", None) == str(file)]
