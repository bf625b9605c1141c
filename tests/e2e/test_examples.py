"""Every example runs and gives what stands beside it, in ``NAME.expected.json``: `{"output": …, "nodes": {id: status}}`.

After a wanted change, `FLUME_REWRITE_EXPECTED=1 pytest tests/e2e/test_examples.py` writes those files anew.
"""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from base64 import b64decode
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

from flume.cli.local import Composition, local_orchestrator, make_registry
from flume.cli.settings import Settings
from flume.validation import validate
from orchestrator import runs
from orchestrator.values import RunValues
from tests.servers.answering import answering
from tests.servers.own_process import do_without

EXAMPLES = Path(__file__).parents[2] / "examples"
ALL = sorted(EXAMPLES.rglob("*.yaml"))
IN_NEED = ("aggregate", "article-generator", "retry-across-restart", "write-article")
SELF_CONTAINED = [path for path in ALL if path.stem not in IN_NEED]

pytestmark = pytest.mark.slow


def name_of(path):
    return str(path.relative_to(EXAMPLES).with_suffix(""))


def node_paths_of(path):
    return [place for place in (path.parent / "nodes", *path.parent.glob("flume_*.py")) if place.exists()]


async def run_example(path, data=None, *, model_url="", **test):
    """What the expected file of the example should hold."""
    composition = Composition(
        Settings(grace=0, llm_url=model_url), {}, None, node_paths_of(path), fires_schedules=False
    )
    async with local_orchestrator(composition) as orchestrator:
        started = await orchestrator.runs.test("default", runs.TestRun(path.read_text(), data, **test))
        run = started.run
        if not run.status.is_ended:
            with orchestrator.engine.watch(run.id) as watch:
                run = await watch.until(lambda run: run.status.is_ended)
        if run.root.error is not None and run.root.error.code == "requirements-failed":
            pytest.skip(f"no package index: {run.root.error.message}")
        assert run.root.error is None
        output = await RunValues(orchestrator.store).load_output(run.root.output)
    return {"output": output, "nodes": {node: state.status.value for node, state in run.root.nodes.items()}}


def check_expected(path, found):
    expected = path.with_suffix(".expected.json")
    if os.environ.get("FLUME_REWRITE_EXPECTED"):
        expected.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    assert found == json.loads(expected.read_text())


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_every_example_is_valid_and_says_how_to_run_it(path):
    assert validate(path.read_bytes(), make_registry(node_paths_of(path))).problems == ()
    comment = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert f"flume run {path.relative_to(EXAMPLES.parent)}" in comment


def test_no_two_examples_have_the_same_name_so_that_all_can_be_served_together():
    registry = make_registry([folder for path in ALL for folder in node_paths_of(path)])
    names = [validate(path.read_bytes(), registry).require_plan().name for path in ALL]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", SELF_CONTAINED, ids=name_of)
async def test_an_example_gives_what_stands_beside_it(path):
    check_expected(path, await run_example(path))


async def test_the_aggregate_tries_again_and_goes_on_without_the_service_that_fails():
    answers = {
        "/weather": [(503, "starting"), (200, {"summary": "bright"})],
        "/news?limit=2": [(500, "broken")],
        "/traffic": [(200, {"delays": ["A4", "A10"]})],
    }
    with answering(answers) as url:
        check_expected(EXAMPLES / "aggregate.yaml", await run_example(EXAMPLES / "aggregate.yaml", {"baseUrl": url}))


@pytest.mark.parametrize(
    ("data", "output", "skipped"),
    [
        ({"total": 5, "country": "DE"}, {"total": 5, "shipping": 5, "card": None}, {"free", "europe", "overseas", "card"}),
        ({"total": 5, "country": "FR"}, {"total": 5, "shipping": 9, "card": None}, {"free", "domestic", "overseas", "card"}),
        (
            {"total": 5, "country": "KR", "gift": True},
            {"total": 5, "shipping": 25, "card": "With best wishes"},
            {"free", "domestic", "europe"},
        ),
    ],
)  # fmt: skip
async def test_the_branch_goes_each_way(data, output, skipped):
    found = await run_example(EXAMPLES / "branch.yaml", data)
    assert found["output"] == output
    assert {node for node, status in found["nodes"].items() if status == "skipped"} == skipped


async def test_a_model_writes_an_article_and_then_a_headline_for_it(model_server):
    data = {"topic": "the moon", "maxTokens": 20}
    found = await run_example(EXAMPLES / "write-article.yaml", data, model_url=model_server.url)
    page = found["output"]
    assert set(found["nodes"].values()) == {"completed"}
    assert page["article"]
    assert page["headline"]
    assert page["isCutOff"] == (page["tokens"] == 20)


async def test_the_article_generator_runs_with_a_model_server_alone_as_its_comment_says(dictated_model):
    dictated_model.say("기사")
    dictated_model.finish()
    found = await run_example(
        EXAMPLES / "article-generator.yaml",
        model_url=dictated_model.url,
        pins={"fetch-topic": {"topic": "바다"}},
        until="generate-article",
    )
    assert found == {"output": "기사", "nodes": {"fetch-topic": "completed", "generate-article": "completed"}}
    (asked,) = dictated_model.asked
    assert (asked["model"], asked["max_tokens"]) == ("llama3.1-70b", 4096)
    assert asked["messages"] == [{"role": "user", "content": "주제: 바다\n위 주제로 뉴스 기사를 작성하세요.\n"}]


def pixels_of(png):
    """Width, height and rows of an image of red, green and blue without filters; raises for what is no such PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(png):
        (length,), kind = struct.unpack_from(">I", png, at), png[at + 4 : at + 8]
        chunks[kind] = png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(kind + chunks[kind]),)
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert form == [8, 2, 0, 0, 0]
    rows = zlib.decompress(chunks[b"IDAT"])
    assert len(rows) == height * (1 + 3 * width)
    return width, height, rows


async def paint(prompt):
    found = await run_example(
        EXAMPLES / "image-generate" / "pipeline.yaml", {"prompt": prompt, "size": 16}, until="paint"
    )
    assert found["output"]["contentType"] == "image/png"
    return pixels_of(b64decode(found["output"]["image"], validate=True))


async def test_an_image_is_a_png_of_the_size_that_was_asked_for_and_the_same_for_the_same_prompt():
    night, again, day = await paint("night"), await paint("night"), await paint("day")
    assert night[:2] == day[:2] == (16, 16)
    assert night == again != day


PLUGIN = EXAMPLES / "plugin"

BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.fixture(name="installed", scope="module")
def installed_fixture(tmp_path_factory):
    """A folder into which the plugin was built and installed, as pip would without an index: a wheel is unpacked."""
    if find_spec("hatchling") is None:
        do_without("the plugin can't be built: the package hatchling is not installed")
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PLUGIN, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", BUILD, folder]
    built = subprocess.run(command, cwd=folder / "source", capture_output=True, text=True, timeout=60, check=True)
    with ZipFile(folder / built.stdout.splitlines()[-1]) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def flume(*arguments, site=None):
    environment = {**os.environ, "PYTHONPATH": str(site or "")}
    command = [sys.executable, "-P", "-m", "flume", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_an_installed_plugin_is_found_by_its_entry_point_and_nowhere_without_it(installed):
    expected = json.loads((PLUGIN / "pipeline.expected.json").read_text())["output"]
    done = flume("run", PLUGIN / "pipeline.yaml", site=installed)
    assert (done.returncode, done.stdout) == (0, f"{expected}\n")
    shown = flume("nodes", "show", "reading-time", site=installed)
    assert "flume-reading-time" in shown.stdout
    missing = flume("validate", PLUGIN / "pipeline.yaml")
    assert (missing.returncode, "unknown-node-type" in missing.stderr + missing.stdout) == (1, True)


def test_the_wheel_of_the_plugin_holds_its_module_and_nothing_else(installed):
    # Bytecode comes with the first import, from there.
    assert {each.name for each in installed.iterdir()} - {"__pycache__"} == {
        "flume_reading_time-1.0.0.dist-info",
        "flume_reading_time.py",
    }


CHILD = """
import asyncio, json, sys
from pathlib import Path
from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.runs import Start
from orchestrator.values import RunValues

async def main(folder, text, data):
    async with local_orchestrator(Composition(Settings(grace=0), {}, Path(folder))) as orchestrator:
        pipeline = (await orchestrator.pipelines.save(read_source(text))).record
        started = await orchestrator.runs.start(pipeline, Start(data=data, start_key="key:only"))
        with orchestrator.engine.watch(started.run_id) as watch:
            run = (await orchestrator.store.load_run(started.run_id)).run
            while True:
                state = {node: [each.status.value, each.attempt] for node, each in run.root.nodes.items()}
                print(json.dumps(state), flush=True)
                if run.status.is_ended:
                    break
                run = await watch.next()
        print(json.dumps(await RunValues(orchestrator.store).load_output(run.root.output)), flush=True)

asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_text(), json.loads(sys.argv[3])))
"""


def states_until(process, wanted):
    """Read the states that a child prints until one node is as wanted, as [status, attempt]."""
    node, state = wanted
    for line in process.stdout:
        states = json.loads(line)
        if states.get(node) == state:
            return
    raise AssertionError(f"the process ended before {node} was {state}: {process.stderr.read()}")


def test_a_retry_and_a_pause_survive_that_the_process_is_killed(tmp_path):
    path = EXAMPLES / "retry-across-restart.yaml"
    answers = {"/stock": [(503, "away"), (503, "away"), (200, {"left": 7})]}
    with answering(answers) as url:
        data = json.dumps({"url": f"{url}/stock", "pause": "1s"})
        command = [sys.executable, "-P", "-c", CHILD, tmp_path / "data", path, data]
        for wanted in (("stock", ["retrying", 1]), ("pause", ["waiting", 1])):
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                states_until(process, wanted)
                process.send_signal(signal.SIGKILL)
        last = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    *_, states, output = map(json.loads, last.stdout.splitlines())
    # Three answers for three attempts: none was made again because of a restart.
    assert answers["/stock"] == [(200, {"left": 7})]
    assert states["stock"] == ["completed", 3]
    nodes = {node: status for node, (status, _) in states.items()}
    check_expected(path, {"output": output, "nodes": nodes})
