"""What a script can't take, and that nothing of it is left: no process, no file, whoever dies first."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flume.errors import NodeError
from functions.nodes import script_process
from functions.nodes.script_process import Bounds, Command, run_command

Scripts = Any
IsAlive = Callable[[int], bool]

FAMILY = """
import os, signal, subprocess, sys, time

def main(inputs):
    signal.signal(signal.SIGTERM, signal.SIG_IGN if inputs["stubborn"] else signal.SIG_DFL)
    child = subprocess.Popen(["sleep", "600"])
    daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
    print(os.getpid(), child.pid, daemon.pid, os.getcwd())
    while inputs["stays"]:
        time.sleep(60)
"""

pytestmark = pytest.mark.slow


def family_of(lines: list[tuple[str, str]]) -> tuple[list[int], str]:
    """The pids of the script and its children, and its folder."""
    *pids, folder = lines[0][1].split()
    return [int(pid) for pid in pids], folder


def is_there(folder: str) -> bool:
    return Path(folder).exists()


def until_gone(pids: list[int], is_alive: IsAlive) -> None:
    """Waits for what the system does in its own time."""
    end = time.monotonic() + 60
    while any(map(is_alive, pids)):
        assert time.monotonic() < end, f"still alive: {[pid for pid in pids if is_alive(pid)]}"
        time.sleep(0.01)


async def test_what_a_script_left_running_is_killed_when_it_ends(scripts: Scripts, is_alive: IsAlive) -> None:
    await scripts.run(FAMILY, {"stubborn": False, "stays": False})

    pids, folder = family_of(scripts.lines)
    assert len(pids) == 3
    assert not any(map(is_alive, pids))
    assert not is_there(folder)


async def test_at_the_deadline_a_script_that_gives_in_is_gone_with_all_it_started_before_its_grace_is_over(
    scripts: Scripts, is_alive: IsAlive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script_process, "GRACE_S", 3_600)

    error = await scripts.fail_at_deadline(FAMILY, {"stubborn": False, "stays": True})

    pids, folder = family_of(scripts.lines)
    assert (error.code, error.retryable) == ("timeout", True)
    assert not any(map(is_alive, pids))
    assert not is_there(folder)


async def test_a_script_that_does_not_give_in_at_the_deadline_is_killed_with_all_it_started_after_a_grace(
    scripts: Scripts, is_alive: IsAlive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script_process, "GRACE_S", 0.5)
    began = time.monotonic()

    error = await scripts.fail_at_deadline(FAMILY, {"stubborn": True, "stays": True})

    pids, folder = family_of(scripts.lines)
    assert (error.code, error.retryable) == ("timeout", True)
    assert time.monotonic() - began >= 0.5
    assert not any(map(is_alive, pids))
    assert not is_there(folder)


async def test_a_cancelled_script_is_gone_before_the_cancellation_gets_through(
    scripts: Scripts, is_alive: IsAlive
) -> None:
    running = asyncio.create_task(scripts.run(FAMILY, {"stubborn": False, "stays": True}))
    await scripts.logged.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    pids, folder = family_of(scripts.lines)
    assert not any(map(is_alive, pids))
    assert not is_there(folder)


async def test_a_script_may_tidy_up_when_its_time_is_over(
    scripts: Scripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script_process, "GRACE_S", 3_600)
    error = await scripts.fail_at_deadline(
        """
        import pathlib, signal, sys, time

        def main(inputs):
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
            try:
                print("begun")
                time.sleep(60)
            finally:
                pathlib.Path(inputs["mark"]).write_text("tidy")
        """,
        {"mark": str(tmp_path / "mark")},
    )

    assert error.code == "timeout"
    assert (tmp_path / "mark").read_text() == "tidy"


PARENT = """
import asyncio, sys
from flume.testing import run_node
from functions.nodes.script import Script

asyncio.run(run_node(
    Script,
    {"code": sys.argv[1]},
    {"stubborn": True, "stays": True},
    log_sink=lambda level, message, fields: print(message, flush=True),
))
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process of Flume that runs a script which stays."""
    command = [sys.executable, "-P", "-c", PARENT, FAMILY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        yield process
        process.kill()


def test_a_script_dies_with_the_process_that_runs_it(parent: subprocess.Popen[str], is_alive: IsAlive) -> None:
    assert parent.stdout is not None
    pids, folder = family_of([("info", parent.stdout.readline())])

    parent.kill()
    parent.wait()

    until_gone(pids, is_alive)
    end = time.monotonic() + 60
    while is_there(folder):
        assert time.monotonic() < end
        time.sleep(0.01)


def supervisor_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
async def test_a_script_dies_with_its_supervisor_and_the_run_is_told(scripts: Scripts, is_alive: IsAlive) -> None:
    running = asyncio.create_task(
        scripts.run("import time\ndef main(i):\n  import os; print(os.getpid(), os.getcwd())\n  time.sleep(60)")
    )
    await scripts.logged.wait()
    (pid,), folder = family_of(scripts.lines)

    os.kill(supervisor_of(pid), signal.SIGKILL)

    with pytest.raises(NodeError) as failed:
        await running
    assert (failed.value.code, failed.value.retryable) == ("script-failed", True)
    assert str(failed.value) == "the script could not be run: the process that supervises it was killed"
    until_gone([pid], is_alive)
    shutil.rmtree(folder)  # nobody was left to do it


@pytest.mark.parametrize("piece", ["bytearray(2 ** 20)", "object()"])
async def test_a_script_that_takes_too_much_memory_is_told_so_with_the_line(scripts: Scripts, piece: str) -> None:
    error = await scripts.fail(
        f"def main(inputs):\n    taken = []\n    while True:\n        taken.append({piece})\n",
        resources={"memory": "64Mi"},
    )

    assert (error.code, error.retryable) == ("out-of-memory", False)
    assert str(error) == "the script, line 4: out of memory; it may take 64Mi, which resources.memory sets"


async def test_inputs_or_a_result_that_do_not_fit_into_the_memory_are_told_too(scripts: Scripts) -> None:
    many = {"numbers": list(range(1_000_000))}
    inputs = await scripts.fail("def main(inputs): pass", many, resources={"memory": "32Mi"})
    result = await scripts.fail(
        "def main(inputs):\n    return [[number] for number in range(300_000)]", resources={"memory": "34Mi"}
    )

    assert (inputs.code, result.code) == ("out-of-memory", "out-of-memory")


async def test_memory_that_a_process_has_not_taken_is_not_counted(scripts: Scripts) -> None:
    result = await scripts.run(
        """
        import mmap, threading

        def main(inputs):
            reserved = mmap.mmap(-1, 2 ** 30, prot=mmap.PROT_READ)
            threads = [threading.Thread(target=sum, args=([1, 2],)) for _ in range(4)]
            for thread in threads:
                thread.start()
            return len(reserved)
        """,
        resources={"memory": "128Mi"},
    )

    assert result.output == 2**30


@pytest.mark.parametrize("what", ["SIGKILL", "SIGTERM"])
async def test_a_script_that_somebody_kills_names_the_signal(scripts: Scripts, what: str) -> None:
    error = await scripts.fail(f"import os, signal\ndef main(inputs): os.kill(os.getpid(), signal.{what})")

    assert str(error).startswith(f"the script was killed by {what}")
    assert ("memory ran out on the machine" in str(error)) is (what == "SIGKILL")


async def run_python(code: str, bounds: Bounds) -> int:
    command = Command([sys.executable, "-I", "-S", "-c", code], {}, bounds)
    return (await run_command(command, print, print)).status


async def test_processor_time_is_bounded() -> None:
    assert await run_python("while True: pass", Bounds(cpu_s=1)) == -signal.SIGXCPU


async def test_a_process_leaves_no_core_and_can_not_lift_its_bounds() -> None:
    code = """
import resource
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert resource.getrlimit(resource.RLIMIT_DATA) == (2 ** 26, 2 ** 26)
assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
"""
    assert await run_python(code, Bounds(memory=2**26)) == 0


async def test_a_program_that_is_not_there_is_named() -> None:
    ended = await run_command(Command(["/nowhere/python"], {}), print, print)

    assert ended.problem == "/nowhere/python: No such file or directory"


async def test_many_scripts_run_side_by_side(scripts: Scripts) -> None:
    results = await asyncio.gather(
        *(scripts.run("def main(inputs): return inputs['n']", {"n": number}) for number in range(12))
    )

    assert [result.output for result in results] == list(range(12))
