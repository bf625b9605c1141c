"""``flume dev`` while files with nodes that run in functions are written."""

import pytest

pytestmark = pytest.mark.slow

NODE = '''
import os, time
from pathlib import Path

from flume.nodes import Node, NodeInput, registry


@registry.register
class Work(Node):
    """Tells its process in a file, and works until another one is there if it is to wait."""

    name = "work"
    run_on = "cpu"

    class Input(NodeInput):
        folder: str
        waits: bool

    def execute(self, input):
        with open(Path(input.folder) / "began", "a") as file:
            file.write(f"{os.getpid()} -\\n")
        while input.waits and not (Path(input.folder) / "go").exists():
            time.sleep(0.005)
        return "old"
'''


def lines_until(process, text):
    while text not in (line := process.stdout.readline()):
        assert line, "it ended"


def test_the_next_run_has_the_new_code_and_one_that_is_under_way_finishes_with_the_old(
    command, document, tmp_path, began, eventually, served_at, call, is_alive
):
    file = tmp_path / "w" / "work.py"
    file.parent.mkdir()
    file.write_text(NODE)
    (tmp_path / "w" / "p.json").write_text(
        document("work", {"folder": str(tmp_path), "waits": "{{ trigger.data.waits }}"})
    )
    process = command("dev", "w", "--port", 0, FLUME_GRACE="60")
    url = served_at(process)

    def begin(waits):
        body = b'{"waits": true}' if waits else b'{"waits": false}'
        return call("POST", f"{url}/api/v1/pipelines/work/invoke", body)["id"]

    def output(run_id):
        run = eventually(lambda: (run := call("GET", f"{url}/api/v1/runs/{run_id}"))["status"] != "running" and run)
        return run["output"]

    under_way = begin(waits=True)
    [(old, _)] = eventually(began)
    file.write_text(NODE.replace('return "old"', 'return "new"'))
    lines_until(process, "node type work")

    assert output(begin(waits=False)) == "new"
    assert is_alive(old)
    (tmp_path / "go").touch()
    assert output(under_way) == "old"
    eventually(lambda: not is_alive(old))
    assert len({pid for pid, _ in began()}) == 2
