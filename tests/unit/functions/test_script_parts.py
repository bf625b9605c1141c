"""The parts of the script node that need no process: requirements, quantities, lines, and what is said of failures."""

import json
import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.nodes import NodeError, Registry, Rendering
from flume.nodes.describe import describe
from flume.nodes.registry import installed_node_types
from flume.pipeline import Lane
from flume.testing import run_node
from flume.validation import validate
from functions.nodes.script import Script
from functions.nodes.script_failures import read_answer
from functions.nodes.script_process import MAX_LINE_BYTES, Bounds, Ended, Lines
from functions.nodes.script_requirements import environment_key, last_lines, normalize_requirement
from functions.nodes.script_resources import format_memory, parse_cores, parse_memory

MEMORY = 64 * 1024**2


def ended(status: int = 0, answer: Any = None, peak: int = 10 * 1024**2) -> Ended:
    return Ended(status, peak, 0.1, b"" if answer is None else json.dumps(answer).encode())


def failure_of(found: Ended) -> NodeError:
    failure = read_answer(found, "the script", MEMORY).failure
    assert failure is not None
    return failure


@pytest.mark.parametrize(
    ("line", "normalized"),
    [
        ("pillow", "pillow"),
        ("  Pillow ", "pillow"),
        ("zope.interface", "zope-interface"),
        ("A__b", "a-b"),
        ("pillow>=11,<12", "pillow<12,>=11"),
        ("pillow >= 11 , < 12", "pillow<12,>=11"),
        ("numpy==2.*", "numpy==2.*"),
        ("uvicorn[standard]~=0.30", "uvicorn[standard]~=0.30"),
        ("uvicorn [ B , a ] ", "uvicorn[B,a]"),
        ("tomli ; python_version < '3.11'", "tomli ; python_version < '3.11'"),
        ("x===1.0+local", "x===1.0+local"),
    ],
)
def test_a_requirement_has_one_way_to_be_written(line: str, normalized: str) -> None:
    assert normalize_requirement(line) == normalized
    assert normalize_requirement(normalized) == normalized


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-r requirements.txt", "options of pip are not for a pipeline"),
        ("--index-url=https://evil.example", "options of pip are not for a pipeline"),
        ("-e .", "options of pip are not for a pipeline"),
        ("https://evil.example/x.whl", "an address can't be required"),
        ("git+ssh://example.org/x", "an address can't be required"),
        ("x @ file:///tmp/x", "an address can't be required"),
        ("./x", "a path can't be required"),
        ("../x", "a path can't be required"),
        ("/tmp/x.whl", "a path can't be required"),
        ("folder/x", "a path can't be required"),
        ("c:\\x", "a path can't be required"),
        ("", "a requirement can't be empty"),
        ("x # the best", "a comment can't stand in a requirement"),
        ("x --hash=sha256:00", "is not a requirement; write a name and versions"),
        ("x y", "is not a requirement; write a name and versions"),
        ("x==1\n--pre", "is not a requirement; write a name and versions"),
        ("x==1\ny", "is not a requirement; write a name and versions"),
        ("{{ inputs.package }}", "is not a requirement; write a name and versions"),
        ("x" * 501, "longer than 500 characters"),
    ],
)
def test_what_is_no_plain_requirement_is_refused(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        normalize_requirement(line)


@given(st.text(max_size=40))
def test_no_requirement_that_passes_looks_like_an_option_an_address_or_several(line: str) -> None:
    try:
        normalized = normalize_requirement(line)
    except ValueError:
        return
    assert normalized[0].isalnum()
    assert not {"/", "@", "\n", "\\", "\0"} & set(normalized)
    assert " --" not in normalized.partition(";")[0]


def test_an_environment_is_of_its_requirements_whatever_their_order_and_of_the_circumstances() -> None:
    key = environment_key(["a", "b"], "3.11")

    assert key == environment_key(["b", "a", "a"], "3.11")
    assert (
        len({key, environment_key(["a"], "3.11"), environment_key(["a", "b"], "3.12"), environment_key(["ab"], "3.11")})
        == 4
    )


def test_the_last_lines_are_shown_as_far_as_there_is_room() -> None:
    assert last_lines(["one", "two", "three"], 9) == "two\nthree"
    assert last_lines(["one", "two", "three"], 3) == "thr"
    assert last_lines([], 3) == ""


@pytest.mark.parametrize(
    ("text", "size"),
    [("64Mi", MEMORY), ("1Gi", 1024**3), ("1.5G", 1_500_000_000), (MEMORY, MEMORY), ("50000k", 50_000_000)],
)
def test_memory_is_read_as_kubernetes_writes_it(text: object, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "64 Mi", "64MiB", "-1Gi", "many", True, "31Mi", 1.5, None])
def test_other_amounts_of_memory_and_too_small_ones_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="memory"):
        parse_memory(text)


def test_cores_are_read_as_kubernetes_writes_them() -> None:
    assert [parse_cores(value) for value in ("2", 2, 0.5, "500m")] == [2, 2, 0.5, 0.5]
    for wrong in ("0", "0m", "-1", "two", True):
        with pytest.raises(ValueError, match="CPU"):
            parse_cores(wrong)


def test_memory_is_told_in_a_unit_that_people_write() -> None:
    assert [format_memory(size) for size in (1024**3, MEMORY, 1536 * 1024**2)] == ["1Gi", "64Mi", "1536Mi"]


def test_a_bound_that_is_not_given_is_not_set() -> None:
    assert set(Bounds().limits()) == {"RLIMIT_CORE", "RLIMIT_FSIZE"}
    assert Bounds(memory=5, cpu_s=7).limits() | {"RLIMIT_FSIZE": (0, 0)} == {
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_FSIZE": (0, 0),
        "RLIMIT_DATA": (5, 5),
        "RLIMIT_CPU": (7, 9),
    }


@given(st.lists(st.binary(max_size=12).map(lambda chunk: chunk.replace(b"\x00", b"\n"))))
def test_however_a_text_arrives_its_lines_are_the_same(chunks: list[bytes]) -> None:
    lines, whole = Lines(), b"".join(chunks)
    found = [line for chunk in chunks for line in lines.feed(chunk)] + lines.end()

    assert found == [
        line.removesuffix(b"\r").decode(errors="replace") for line in whole.removesuffix(b"\n").split(b"\n")
    ] or (whole == b"" and found == [])


def test_a_long_line_is_cut_between_characters_and_the_next_is_whole() -> None:
    lines = Lines()
    long = "a" + "바" * MAX_LINE_BYTES

    first, second = lines.feed(f"{long}\nshort\n".encode())

    assert first == "a" + "바" * ((MAX_LINE_BYTES - 1) // 3) + "…"
    assert second == "short"
    assert lines.end() == []


@pytest.mark.parametrize(
    ("status", "peak", "code", "message"),
    [
        (-signal.SIGABRT, MEMORY, "out-of-memory", "the script was killed by SIGABRT: out of memory; it may take 64Mi"),
        (-signal.SIGSEGV, MEMORY // 2, "script-failed", "the script was killed by SIGSEGV"),
        (-signal.SIGXCPU, 0, "script-failed", "the script was killed by SIGXCPU: it used more processor time"),
        (-signal.SIGKILL, MEMORY, "script-failed", "the script was killed by SIGKILL, most likely by the system"),
        (-signal.SIGTERM, 0, "script-failed", "the script was killed by SIGTERM"),
        (-(int(signal.SIGRTMIN) + 3), 0, "script-failed", "the script was killed by signal 37"),
        (2, 0, "script-failed", "the script ended the process with exit code 2 before main returned"),
    ],
)
def test_a_script_without_an_answer_is_judged_by_how_its_process_ended(
    status: int, peak: int, code: str, message: str
) -> None:
    failure = failure_of(ended(status, peak=peak))

    assert failure.code == code
    assert str(failure).startswith(message)
    assert failure.retryable is False


def test_a_result_counts_only_if_the_process_ended_well() -> None:
    assert read_answer(ended(0, {"result": None}), "the script", MEMORY).failure is None
    assert "after main returned" in str(failure_of(ended(1, {"result": 1})))
    assert "killed by SIGSEGV" in str(failure_of(ended(-signal.SIGSEGV, {"result": 1})))


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, "give either 'code' or 'file'"),
        ({"code": "x", "file": "x.py"}, "give either 'code' or 'file'"),
        ({"code": "x", "requirements": ["-e ."]}, "options of pip"),
        ({"code": "x", "resources": {"memory": "lots"}}, "an amount of memory"),
        ({"code": "x", "resources": {"gpu": 1}}, "Extra inputs"),
        ({"code": "x", "env": {"A=B": "c"}}, "can't name an environment variable"),
        ({"code": "x", "env": {"A": "b\0c"}}, "holds the NUL character"),
    ],
)
async def test_a_config_that_makes_no_sense_is_refused(config: dict[str, Any], problem: str) -> None:
    with pytest.raises(NodeError, match=problem) as failed:
        await run_node(Script, config)

    assert (failed.value.code, failed.value.retryable) == ("bad-input", False)


def test_a_script_runs_anywhere_but_beside_the_orchestrator() -> None:
    found = Registry(installed_node_types).get("script")

    assert found.implementation is Script
    assert (found.category, found.run_on, set(found.lanes)) == ("Utility", Lane.JOB, {Lane.JOB, Lane.CPU})
    assert (found.pure, found.retryable) == (False, False)


def test_code_is_never_rendered_while_inputs_of_the_same_names_are() -> None:
    found = describe(Script)

    assert found.rendering_of("code", "config") is Rendering.VERBATIM
    assert {found.rendering_of(key, "config") for key in ("file", "requirements")} == {Rendering.CONSTANT}
    assert {found.rendering_of(key, "inputs") for key in ("code", "file", "requirements")} == {Rendering.VALUE}
    assert found.rendering_of("env", "config") is Rendering.VALUE


def problems_of(config: str) -> list[str]:
    text = f"""apiVersion: flume/v1
kind: Pipeline
metadata: {{name: scripted}}
nodes:
  - id: work
    type: script
    config: {config}
    inputs: {{file: "{{{{ trigger.data }}}}"}}
"""
    return [problem.code for problem in validate(text, Registry(installed_node_types)).problems]


def test_braces_in_code_are_code_and_a_template_in_place_of_a_file_is_a_problem() -> None:
    assert problems_of("{code: \"def main(inputs): return {{1, 2}}, f'{{inputs}}' # {% if\"}") == []
    assert problems_of('{file: "{{ inputs.file }}"}') == ["template-not-allowed"]
    assert problems_of('{code: "x", requirements: ["{{ inputs.package }}"]}') == ["template-not-allowed"]
