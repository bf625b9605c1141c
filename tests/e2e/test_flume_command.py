import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HELLO = ROOT / "examples" / "hello.yaml"

pytestmark = pytest.mark.slow


def flume(*arguments, cwd=None):
    command = [sys.executable, "-P", "-m", "flume", *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FLUME_")}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd, env=environment, check=False)


def pipeline(nodes, edges=""):
    return f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: sample}}\nnodes:\n{nodes}\n{edges}"


def test_run_prints_the_output_alone_and_the_steps_on_stderr():
    done = flume("run", HELLO, "-d", "name=ada")
    assert done.returncode == 0
    output = json.loads(done.stdout)
    assert (output["greeting"], output["letters"]) == ("Hello, Ada!", 3)
    assert "greet: done" in done.stderr


def test_a_failed_run_names_node_and_error_and_exits_with_1(tmp_path):
    file = tmp_path / "fails.yaml"
    file.write_text(pipeline("  - {id: boom, type: error, config: {message: no good}}"))
    done = flume("run", file)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "boom: raised: no good" in done.stderr


def test_validate_tells_every_problem_with_its_line(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(pipeline("  - {id: a, type: templat}\n  - {id: b, type: log, inputs: {message: '{{ c.output }}'}}"))
    done = flume("validate", file)
    assert done.returncode == 1
    assert f"{file}:5:19: unknown-node-type" in done.stdout
    assert f"{file}:6:" in done.stdout
    assert "unknown-reference" in done.stdout


def test_wrong_usage_exits_with_2(tmp_path):
    assert flume("run", tmp_path / "missing.yaml").returncode == 2
    assert flume("run", HELLO, "-d", "no-equals-sign").returncode == 2
    unknown = flume("run", HELLO, "-d", "nam=x")
    assert unknown.returncode == 2
    assert "did you mean 'name'?" in unknown.stderr


def test_a_custom_node_of_a_file_runs(tmp_path):
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "mine.py").write_text(
        "from flume.nodes import Node, NodeInput, NodeOutput, registry\n"
        "class Repeat(Node):\n"
        '    """Repeats."""\n'
        '    name = "repeat"\n'
        "    class Input(NodeInput):\n"
        "        data: str\n"
        "        count: int = 1\n"
        "    class Output(NodeOutput):\n"
        "        result: list[str]\n"
        "    async def execute(self, input: Input) -> Output:\n"
        "        return self.Output(result=[input.data] * input.count)\n"
        "registry.register(Repeat)\n"
    )
    file = tmp_path / "uses.yaml"
    file.write_text(pipeline("  - {id: r, type: repeat, inputs: {data: x, count: 2}}"))
    done = flume("run", file, "--nodes", tmp_path / "nodes")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"result": ["x", "x"]}


def test_control_c_cancels_the_run_and_exits_with_130(tmp_path):
    file = tmp_path / "sleeps.yaml"
    file.write_text(pipeline("  - {id: nap, type: delay, config: {duration: 1h}}"))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "flume", "run", str(file)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        while "asleep" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "cancelled" in rest
