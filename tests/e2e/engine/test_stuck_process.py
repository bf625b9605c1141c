"""A function that never returns must not keep a process that has nothing more to do."""

import subprocess
import sys

import pytest

NODE = '''
import time
from flume.nodes import Node, NodeInput, registry
class Stuck(Node):
    """Never returns."""
    name = "stuck"
    pure = {pure}
    class Input(NodeInput):
        pass
    def execute(self, input):
        time.sleep(600)
registry.register(Stuck)
'''

TEXT = (
    "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: sample}\nnodes:\n  - {id: a, type: stuck, timeout: 200ms}\n"
)


@pytest.mark.slow
@pytest.mark.parametrize("pure", [True, False])
def test_a_run_in_the_foreground_ends_although_its_function_does_not(tmp_path, pure):
    (tmp_path / "stuck.py").write_text(NODE.format(pure=pure))
    (tmp_path / "sample.yaml").write_text(TEXT)
    command = [sys.executable, "-m", "flume", "run", "sample.yaml", "--nodes", "stuck.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "no answer within 0.2 s" in ended.stdout + ended.stderr
