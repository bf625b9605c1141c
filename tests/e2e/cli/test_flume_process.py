import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HELLO = ROOT / "examples" / "hello.yaml"

pytestmark = pytest.mark.slow


def flume(*arguments, cwd=None, path=None):
    command = [sys.executable, "-P", "-m", "flume", *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FLUME_")}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd, env=environment, check=False)


def pipeline(nodes, edges=""):
    return f"apiVersion: flume/v1\nkind: Pipeline\nmetadata: {{name: sample}}\nnodes:\n{nodes}\n{edges}"


def test_the_script_runs_and_its_output_can_be_piped():
    done = flume("run", HELLO, "-d", "name=ada")
    assert done.returncode == 0
    assert json.loads(done.stdout)["letters"] == 3
    assert "greet: done" in done.stderr


def test_a_foreign_module_in_place_of_ours_stops_the_start(tmp_path):
    (tmp_path / "functions.py").write_text("raise RuntimeError('never imported')\n")
    done = flume("version", path=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / 'functions.py'} is in the way" in done.stderr


def test_modules_of_the_working_folder_are_not_in_the_way(tmp_path):
    for name in ("functions.py", "orchestrator.py", "json.py", "typing.py"):
        (tmp_path / name).write_text("raise RuntimeError('never imported')\n")
    assert flume("version", cwd=tmp_path).returncode == 0


def test_neither_help_nor_validate_nor_run_import_the_web_server():
    for arguments in (["--help"], ["validate", str(HELLO)], ["run", str(HELLO)]):
        code = (
            "import sys\n"
            "from flume.cli.main import main\n"
            f"try:\n    main({arguments!r})\n"
            "except SystemExit: pass\n"
            "sys.exit(bool({'fastapi', 'uvicorn', 'httpx', 'starlette'} & set(sys.modules)))\n"
        )
        done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, arguments


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


STUBBORN = """
import asyncio, hashlib, sys, time
from flume.nodes import Node, NodeInput, registry

@registry.register
class Thread(Node):
    name = "blocks-its-thread"

    def execute(self, input: NodeInput) -> None:
        print("at work", file=sys.stderr, flush=True)
        time.sleep(60)

@registry.register
class Loop(Node):
    name = "blocks-the-loop"

    async def execute(self, input: NodeInput) -> None:
        print("at work", file=sys.stderr, flush=True)
        time.sleep(60)

@registry.register
class Core(Node):
    name = "computes-without-a-pause"

    async def execute(self, input: NodeInput) -> None:
        print("at work", file=sys.stderr, flush=True)
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)

@registry.register
class Deaf(Node):
    name = "ignores-its-cancellation"

    async def execute(self, input: NodeInput) -> None:
        print("at work", file=sys.stderr, flush=True)
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
"""
STUCK = ["blocks-its-thread", "blocks-the-loop", "computes-without-a-pause", "ignores-its-cancellation"]
KEEPS_THE_LOOP = ["blocks-the-loop", "computes-without-a-pause"]


@pytest.fixture
def start_stuck(tmp_path):
    """Starts `flume run` with a node of a type that does not stop; once it is at work."""
    running = []

    def start(node_type, grace):
        (tmp_path / "stubborn.py").write_text(STUBBORN)
        file = tmp_path / "p.yaml"
        file.write_text(pipeline(f"  - {{id: s, type: {node_type}}}"))
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flume", "run", str(file), "--nodes", str(tmp_path / "stubborn.py")],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "FLUME_GRACE": str(grace)},
        )
        running.append(process)
        wait_for_line(process, "at work")
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("node_type", STUCK)
def test_a_second_control_c_leaves_at_once_whatever_a_node_does(start_stuck, node_type):
    process = start_stuck(node_type, grace=1000)
    process.send_signal(signal.SIGINT)
    if node_type not in KEEPS_THE_LOOP:
        wait_for_line(process, "cancelling the run")
    with contextlib.suppress(subprocess.TimeoutExpired):
        # The thread's node alone lets the command end by itself.
        process.wait(0.5)
        assert node_type == "blocks-its-thread"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    # A command that was ending by itself is ended by the system, of which a shell says 130 as well.
    assert process.returncode in ((130, -signal.SIGINT) if node_type == "blocks-its-thread" else (130,))
    assert "Traceback" not in said


@pytest.mark.parametrize("node_type", STUCK)
def test_one_control_c_leaves_after_the_grace_whatever_a_node_does(start_stuck, node_type):
    process = start_stuck(node_type, grace=0)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in said


def wait_for_line(process, text):
    while text not in process.stderr.readline():
        assert process.poll() is None
