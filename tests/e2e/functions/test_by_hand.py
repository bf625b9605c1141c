"""``flume function serve`` and ``flume function invoke``: function processes without a pipeline."""

import json
import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

NODE = '''
from flume.nodes import Node, NodeConfig, NodeError, NodeInput, registry


@registry.register
class Shout(Node):
    """Says it louder."""

    name = "shout"
    run_on = "cpu"

    class Config(NodeConfig):
        mark: str = "!"

    class Input(NodeInput):
        text: str

    def execute(self, input):
        self.context.log("at work", size=len(input.text))
        print("printed", flush=True)
        if input.text == "no":
            raise NodeError("not that word", code="refused-text")
        return {"said": input.text.upper() + self.config.mark}
'''


@pytest.fixture
def shout(tmp_path):
    file = tmp_path / "shout.py"
    file.write_text(NODE)
    return file


@pytest.fixture(autouse=True)
def plain(tmp_path, plain_environment, monkeypatch):
    """Commands in this process find what those in their own would: a folder of their own, and none of Flume's settings."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - plain_environment.keys():
        monkeypatch.delenv(name)


@pytest.fixture
def process_of(tmp_path, plain_environment):
    """Runs the command in a process of its own, to its end."""

    def run(*arguments, **settings):
        command = [sys.executable, "-P", "-m", "flume", *map(str, arguments)]
        environment = {**plain_environment, **settings}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment)

    return run


@pytest.fixture
def served(command, shout):
    """The address of ``flume function serve shout``, and its process."""
    process = command("function", "serve", "shout", "--nodes", shout, "--port", 0)
    lines = []
    while "function ready" not in (line := process.stdout.readline()):
        assert line, lines
        lines.append(line)
    # It listens for this machine alone, so that there is nothing to say of a key.
    assert ["ENGINE_URL is not set" in line for line in lines] == [True]
    port = line.split("port=")[1].split()[0]
    return f"http://127.0.0.1:{port}", process


def test_invoke_starts_a_process_and_prints_the_output_alone_on_stdout(process_of, shout):
    done = process_of("function", "invoke", "shout", "-d", "text=hi", "--config", '{"mark": "?"}', "--nodes", shout)

    assert (done.returncode, json.loads(done.stdout)) == (0, {"said": "HI?"})
    assert "node: info: at work  size=2" in done.stderr
    assert "  shout: printed\n" in done.stderr


def test_invoke_takes_inputs_from_a_file_and_prints_the_output_alone_as_json_too(flume, shout, tmp_path):
    (tmp_path / "inputs.json").write_text('{"text": "hi"}')
    done = flume("function", "invoke", "shout", "--data", "@inputs.json", "-o", "json", "--nodes", shout)

    assert (done.code, json.loads(done.out)) == (0, {"said": "HI!"})


def test_a_failed_event_ends_invoke_with_1_and_the_reason(flume, shout):
    done = flume("function", "invoke", "shout", "-d", "text=no", "--nodes", shout)

    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1] == "run failed: node: refused-text: not that word"


def test_text_is_quoted_as_json_and_a_file_that_can_not_be_loaded_is_told_once(flume, tmp_path):
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "broken.py").write_text("import not_there")
    arguments = ["template", "--config", '{"template": "hi"}', "-o", "json", "--nodes", "nodes"]

    done = flume("function", "invoke", *arguments)

    assert (done.code, done.out) == (0, '"hi"\n')
    assert done.err.count("broken.py: line 1: ModuleNotFoundError") == 1
    assert flume("function", "invoke", "nope", "--nodes", "nodes").err.count("broken.py: line 1:") == 1


def says_that_files_are_named_with_nodes(out, err):
    [line] = err.splitlines()
    return (
        out == ""
        and line.startswith("flume: no node type 'my-node'")
        and line.endswith("(types of your own are found with --nodes)")
    )


def test_who_names_no_files_is_told_of_nodes_where_a_type_to_invoke_is_missing(flume):
    done = flume("function", "invoke", "my-node")

    assert says_that_files_are_named_with_nodes(done.out, done.err), done


def test_who_names_no_files_is_told_of_nodes_where_a_type_to_serve_is_missing(process_of):
    done = process_of("function", "serve", "--port", "0", "my-node")

    assert says_that_files_are_named_with_nodes(done.stdout, done.stderr), done


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["shout", "-d", "txt=hi"], 1, "shout: inputs/txt: unknown-key unknown key 'txt' — did you mean 'text'?\n"),
        (["none"], 1, "flume: no node type 'none'"),
        (["delay"], 2, "flume: 'delay' runs in the engine alone; try it with: flume nodes test delay\n"),
        (["shout", "--data", "[1]"], 2, "flume: --data: expected an object"),
        (["shout", "--config", "1"], 2, "flume: --config: expected an object"),
        (["shout", "--url", "somewhere"], 2, "flume: --url: 'somewhere' is not an address"),
        (["shout", "-d", "text=a", "--url", "http://127.0.0.1:9"], 1, "undelivered: the function can't be reached"),
    ],
)
def test_what_can_not_be_invoked_says_why(flume, shout, arguments, code, said):
    done = flume("function", "invoke", *arguments, "--nodes", shout)

    assert (done.code, done.out, said in done.err) == (code, "", True), done.err


def test_a_function_that_is_served_is_asked_at_its_address(flume, served):
    url, process = served

    done = flume("function", "invoke", "shout", "-d", "text={{ hi }}", "--url", url)
    assert (done.code, json.loads(done.out)) == (0, {"said": "{{ HI }}!"})
    assert done.err == "  node: info: at work  size=8\n"
    failed = flume("function", "invoke", "shout", "-d", "text=no", "--url", url)
    assert (failed.code, failed.err.splitlines()[-1]) == (1, "refused-text: not that word")
    other = flume("function", "invoke", "other", "--url", url)
    assert other.code == 1
    assert "no node type 'other'; this process serves shout" in other.err
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_serve_says_which_type_can_not_be_served(process_of, shout):
    done = process_of("function", "serve", "nothing", "--nodes", shout, "--port", "0", ENGINE_URL="http://127.0.0.1:9")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("flume: no node type 'nothing'")
    assert "--nodes" not in done.stderr


@pytest.mark.parametrize(("settings", "is_told"), [({}, True), ({"FLUME_FUNCTION_KEY": "a-key"}, False)])
def test_who_serves_others_without_a_key_is_told(command, settings, is_told):
    process = command("function", "serve", "template", "--host", "0.0.0.0", "--port", 0, **settings)
    lines = []
    while "function ready" not in (line := process.stdout.readline()):
        assert line, lines
        lines.append(line)

    assert ["FLUME_FUNCTION_KEY is not set" in line for line in lines] == ([True, False] if is_told else [False])
