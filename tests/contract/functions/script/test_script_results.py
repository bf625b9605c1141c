"""What goes into a script, what comes out of it, and what is said when nothing does: with real processes."""

from pathlib import Path
from typing import Any

import pytest

from flume.errors import NodeError
from functions.nodes.script import MAX_LINES, MAX_RESULT_BYTES
from functions.nodes.script_process import MAX_LINE_BYTES

Scripts = Any

pytestmark = pytest.mark.slow


async def test_main_gets_the_inputs_and_its_value_is_the_output(scripts: Scripts) -> None:
    result = await scripts.run(
        """
        def main(inputs):
            return {"sum": sum(inputs["numbers"]), "code": inputs["code"], "none": None, "topic": inputs["topic"]}
        """,
        {"numbers": [1, 2, 3], "code": "an input may be called so", "topic": "바다"},
    )

    assert result.output == {"sum": 6, "code": "an input may be called so", "none": None, "topic": "바다"}
    assert result.meta["exitCode"] == 0
    assert 0 < result.meta["durationMs"] < 60_000
    assert set(result.meta) == {"exitCode", "durationMs"}
    assert scripts.lines == []


async def test_main_may_be_async(scripts: Scripts) -> None:
    result = await scripts.run(
        """
        import asyncio

        async def main(inputs):
            return await asyncio.gather(asyncio.sleep(0, "a"), asyncio.sleep(0, "b"))
        """
    )

    assert result.output == ["a", "b"]


async def test_moments_and_uuids_come_out_as_text_and_members_of_enumerations_as_their_value(scripts: Scripts) -> None:
    result = await scripts.run(
        """
        import datetime, enum, uuid

        class Color(enum.Enum):
            RED = "red"

        def main(inputs):
            return [datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1), uuid.UUID(int=1), Color.RED, (1, 2)]
        """
    )

    assert result.output == ["2026-01-01", "2026-01-01T00:00:00", "00000000-0000-0000-0000-000000000001", "red", [1, 2]]


async def test_what_a_script_prints_is_logged_with_the_last_line_that_has_no_end(scripts: Scripts) -> None:
    result = await scripts.run(
        """
        import sys

        def main(inputs):
            print("grün")
            print("", file=sys.stderr)
            print("careful", file=sys.stderr)
            sys.stdout.buffer.write(b"\\xff no text")
            return print.__name__
        """
    )

    assert result.output == "print"
    assert scripts.texts("info") == ["grün", "\ufffd no text"]
    assert scripts.texts("warning") == ["", "careful"]


async def test_lines_are_logged_while_the_script_runs(scripts: Scripts, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    sink = scripts.lines.append
    scripts.lines = type("Watched", (list,), {"append": lambda self, line: (sink(line), seen.touch())})()

    result = await scripts.run(
        """
        import os, time

        def main(inputs):
            print("begun")
            while not os.path.exists(inputs["seen"]):
                time.sleep(0.01)
            return "seen"
        """,
        {"seen": str(seen)},
        seconds=20,
    )

    assert result.output == "seen"


async def test_a_noisy_script_neither_blocks_nor_floods_the_log(scripts: Scripts) -> None:
    result = await scripts.run(
        """
        import sys

        def main(inputs):
            print("x" * 50_000_000)
            for number in range(200_000):
                print(number)
            print("y" * 1_000_000, file=sys.stderr)
            return "done"
        """
    )

    assert result.output == "done"
    assert len(scripts.lines) == MAX_LINES + 1
    assert scripts.texts("info")[0] == "x" * MAX_LINE_BYTES + "…"
    assert scripts.lines[-1] == (
        "warning",
        f"{200_002 - MAX_LINES:,} further lines that the script printed were left out",
    )


async def test_an_exception_fails_with_its_type_text_and_line_and_its_traceback_is_logged(scripts: Scripts) -> None:
    error = await scripts.fail("import json\ndef main(inputs):\n    return read()\ndef read():\n    json.loads('{')\n")

    assert error.code == "script-failed"
    assert error.retryable is False
    assert str(error).startswith("the script, line 5: JSONDecodeError: Expecting property name")
    (traceback,) = scripts.texts("error")
    assert "script_host" not in traceback
    assert "json.loads('{')" in traceback


@pytest.mark.parametrize(
    ("raised", "retryable"),
    [
        ("Away()", True),
        ("ValueError()", False),
        ("ConnectionResetError()", True),
        ("TimeoutError()", True),
        ("Broken()", False),
    ],
)
async def test_an_exception_says_whether_another_attempt_may_help(
    scripts: Scripts, raised: str, retryable: bool
) -> None:
    error = await scripts.fail(
        f"""
        class Away(Exception):
            retryable = True

        class Broken(ConnectionError):
            retryable = False

        def main(inputs):
            raise {raised}
        """
    )

    assert error.retryable is retryable
    assert str(error) == f"the script, line 9: {raised.removesuffix('()')}"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\ny = (\n", "the script, line 2: SyntaxError: '(' was never closed"),
        ("x = 1\n", "the script: it defines no function main; write `def main(inputs):` and return the result"),
        ("main = 1\n", "the script: it defines no function main; write `def main(inputs):` and return the result"),
        (
            "import nowhere_to_be_found\n",
            "the script, line 1: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        ),
        ("1 / 0\n", "the script, line 1: ZeroDivisionError: division by zero"),
        (
            "import os\ndef main(inputs): os._exit(3)\n",
            "the script ended the process with exit code 3 before main returned; raise an exception to fail, return to succeed",
        ),
        (
            "import sys\ndef main(inputs): sys.exit()\n",
            "the script ended the process with exit code 0 before main returned; raise an exception to fail, return to succeed",
        ),
        (
            "import atexit, os\ndef main(inputs): atexit.register(os._exit, 4)\n",
            "the script ended the process with exit code 4 after main returned; raise an exception to fail, return to succeed",
        ),
        (
            "import os, signal\ndef main(inputs): os.kill(os.getpid(), signal.SIGSEGV)\n",
            "the script was killed by SIGSEGV",
        ),
    ],
)
async def test_a_script_that_gives_no_result_fails_and_says_why(scripts: Scripts, code: str, message: str) -> None:
    error = await scripts.fail(code)

    assert (error.code, error.retryable, str(error)) == ("script-failed", False, message)


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ("{'a': [1, {2}]}", "result['a'][1]: a set is not JSON; return text, numbers, lists and dicts"),
        ("[float('nan')]", "result[0]: nan is not JSON; return None or text"),
        ("{(1, 2): 3}", "result: keys must be str, int, float, bool or None, not tuple"),
        ("endless", "result: it is nested too deeply, or holds itself"),
        ("deep", "result: it is nested too deeply, or holds itself"),
        (
            f"'x' * {MAX_RESULT_BYTES}",
            f"result: it takes {MAX_RESULT_BYTES + 2:,} bytes as JSON, more than {MAX_RESULT_BYTES:,}; "
            "write it to a store instead",
        ),
    ],
)
async def test_a_result_that_is_no_json_names_the_place(scripts: Scripts, result: str, problem: str) -> None:
    error = await scripts.fail(
        f"""
        endless = []
        endless.append(endless)
        deep = set()
        for _ in range(100_000):
            deep = [deep]

        def main(inputs):
            return {result}
        """
    )

    assert (error.code, error.retryable) == ("bad-output", False)
    assert str(error) == f"what main of the script returned is not JSON: {problem}"


async def test_a_result_that_no_store_could_hold_is_refused_too(scripts: Scripts) -> None:
    assert (await scripts.fail("def main(inputs): return 2 ** 70")).code == "bad-output"
    assert (await scripts.fail("def main(inputs): return '\\ud800'")).code == "bad-output"


async def test_what_a_script_writes_to_the_channel_of_its_result_is_no_result(scripts: Scripts) -> None:
    error = await scripts.fail("import os, sys\ndef main(inputs): os.write(int(sys.argv[1]), b'{')")

    assert str(error) == "the script wrote into the channel of its result, which is not for it to use"


async def test_a_copy_of_the_process_that_a_script_forks_gives_no_result_of_its_own(scripts: Scripts) -> None:
    result = await scripts.run(
        """
        import os

        def main(inputs):
            pid = os.fork()
            if pid:
                os.waitpid(pid, 0)
            return "parent" if pid else "child"
        """
    )

    assert result.output == "parent"


async def test_a_script_sees_an_environment_made_for_it(scripts: Scripts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUME_SECRET_TOKEN", "do-not-hand-on")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")

    result = await scripts.run(
        """
        import os, stat, sys, tempfile

        def main(inputs):
            assert stat.S_ISCHR(os.fstat(0).st_mode), "the request can be read again"
            return {
                "names": sorted(os.environ),
                "values": [os.environ["LEVEL"], os.environ["DEEP"]],
                "stdin": sys.stdin.read(),
                "home": [os.environ["HOME"], os.getcwd(), tempfile.gettempdir()],
                "files": os.listdir(),
            }
        """,
        env={"LEVEL": 3, "DEEP": True},
    )

    assert set(result.output["names"]) - {"LC_CTYPE"} == {"DEEP", "HOME", "LANG", "LEVEL", "PATH", "TMPDIR"}
    assert result.output["values"] == ["3", "true"]
    assert (result.output["stdin"], result.output["files"]) == ("", [])
    assert len(set(result.output["home"])) == 1


async def test_a_file_is_run_with_the_modules_beside_it(
    scripts: Scripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "beside.py").write_text("def twice(number):\n    return number * 2\n")
    (tmp_path / "jobs" / "double.py").write_text(
        "from beside import twice\n\ndef main(inputs):\n    return twice(inputs['number'])\n"
    )

    assert (await scripts.run_config({"file": "jobs/double.py"}, {"number": 4})).output == 8
    with pytest.raises(NodeError, match=r"jobs/double.py, line 4: KeyError: 'number'"):
        await scripts.run_config({"file": "jobs/double.py"})


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("../outside.py", "leads out of the working directory"),
        ("inside/../../outside.py", "leads out of the working directory"),
        ("link.py", "leads out of the working directory"),
        ("/etc/passwd", "leads out of the working directory"),
        ("missing.py", "can't be read (no such file or directory)"),
        ("folder", "can't be read (is a directory)"),
        ("binary.py", "is not UTF-8 text at byte 1"),
        ("huge.py", "is larger than 1,048,576 bytes"),
    ],
)
async def test_a_file_elsewhere_or_unreadable_is_refused(
    scripts: Scripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, message: str
) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "outside.py").write_text("def main(inputs): return 1")
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    (root / "binary.py").write_bytes(b"a\xff")
    (root / "huge.py").write_text("#" * (1024**2 + 1))
    monkeypatch.chdir(root)

    with pytest.raises(NodeError) as failed:
        await scripts.run_config({"file": file})

    assert (failed.value.code, failed.value.retryable) == ("bad-input", False)
    assert f"/config/file: '{file}' {message}" in str(failed.value)
