"""What a model writes is seen while it writes: each piece arrives before the model is allowed to go on to the next one."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import urllib.request
from contextlib import contextmanager

import pytest

from tests.servers.model_dictated import dictating
from tests.servers.own_process import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

WRITE = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: write}
nodes:
  - {id: write, type: llm-generate, config: {model: dictated}, inputs: {prompt: Tell me about the sea.}}
"""

LOOP = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: write}
nodes:
  - id: each
    type: loop
    inputs: {items: [sea]}
    config:
      body:
        nodes:
          - {id: write, type: llm-generate, config: {model: dictated}, inputs: {prompt: "{{ item }}"}}
"""


@pytest.fixture(name="model", scope="module")
def model_fixture():
    with dictating() as model:
        yield model


@pytest.fixture(name="dictated_model")
def dictated_model_fixture(model):
    """One for all tests here, since the server knows one; nothing is left of the test before."""
    model.begin_anew()
    return model


@contextmanager
def starting(folder, model):
    """Starts a command in the folder, beside the model, as a process whose ends are pipes or what is given."""
    running = []

    def start(*arguments, **ends):
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("FLUME_")}
        settings = {"FLUME_DATA": str(folder / "data"), "FLUME_GRACE": "1", "VLLM_URL": model.url}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flume", *map(str, arguments)],
            cwd=folder,
            env=inherited | settings,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **ends},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


@pytest.fixture(name="start")
def start_fixture(tmp_path, dictated_model):
    with starting(tmp_path, dictated_model) as start:
        yield start


@pytest.fixture(name="document")
def document_fixture(tmp_path):
    file = tmp_path / "write.yaml"
    file.write_text(WRITE)
    return file


@pytest.fixture(name="server", scope="module")
def server_fixture(tmp_path_factory, model):
    """The address of a ``flume dev`` that serves the document; each test has runs of its own there."""
    folder = tmp_path_factory.mktemp("server")
    document = folder / "write.yaml"
    document.write_text(WRITE)
    with starting(folder, model) as start:
        url = f"http://127.0.0.1:{(port := free_port())}"
        process = start("dev", document, "--port", port, stderr=subprocess.STDOUT)
        line_with(process.stdout, "Watching for changes")
        yield url


def line_with(stream, text):
    """The first line that holds a text."""
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"the process ended and never said '{text}'")


def events_of(stream):
    """Names and data of a stream of events, as they come."""
    name = ""
    for line in stream:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def invoke(server):
    return post(f"{server}/api/v1/pipelines/write/invoke")["id"]


def post(url):
    with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as answer:
        return json.load(answer)


def test_each_token_reaches_the_events_of_the_run_before_the_next_one_is_generated(server, dictated_model):
    run_id = invoke(server)
    with urllib.request.urlopen(f"{server}/api/v1/runs/{run_id}/events", timeout=30) as stream:
        events, offset = events_of(stream), 0
        for token in ("The ", "sea ", "is ", "deep", "."):
            dictated_model.say(token)
            piece = next(data for name, data in events if name == "progress")
            assert piece == {"instance": "write", "attempt": 1, "offset": offset, "text": token}
            offset += len(token)
        dictated_model.finish()
        assert [data["output"] for name, data in events if name == "run"] == ["The sea is deep."]


def test_one_who_comes_late_gets_all_tokens_so_far_at_once_and_then_each(server, dictated_model):
    run_id = invoke(server)
    for token in ("The ", "sea "):
        dictated_model.say(token)
        with urllib.request.urlopen(f"{server}/api/v1/runs/{run_id}/events", timeout=30) as stream:
            events = events_of(stream)
            text = ""
            while not text.endswith(token):
                text += next(data["text"] for name, data in events if name == "progress")
    assert text == "The sea "
    dictated_model.finish()


@pytest.mark.parametrize("text", [WRITE, LOOP], ids=["node", "loop"])
def test_flume_run_shows_lines_on_stderr_as_they_are_generated_and_the_output_alone_on_stdout(
    start, document, dictated_model, text
):
    document.write_text(text)
    run = start("run", document)
    long_words = "and so on " * 20
    for said, seen in (
        ("The sea\n", "| The sea\n"),
        ("is deep\nand", "| is deep\n"),
        (f" {long_words}", "| and and so on"),
    ):
        dictated_model.say(said)
        assert seen in line_with(run.stderr, seen)
    dictated_model.finish()
    out, err = run.communicate(timeout=30)
    whole = f"The sea\nis deep\nand {long_words}"
    assert (run.returncode, out) == (0, f"{whole}\n" if text == WRITE else json.dumps([whole], indent=2) + "\n")
    assert "write| on \n" in err


def test_flume_invoke_follow_shows_lines_as_they_are_generated(server, start, dictated_model):
    invoked = start("invoke", "write", "--follow", "--server", server)
    for line in ("The sea", "is deep"):
        dictated_model.say(f"{line}\n")
        assert line_with(invoked.stderr, line) == f"  write| {line}\n"
    dictated_model.finish()
    out, _ = invoked.communicate(timeout=30)
    assert (invoked.returncode, out) == (0, "The sea\nis deep\n")


@contextmanager
def terminal():
    """Both ends of a terminal of 80 columns: what is shown there, as a function that reads until a text; and where to show it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen = bytearray()

    def until(text):
        while text.encode() not in seen:
            seen.extend(os.read(ours, 65_536))
        return bytes(seen)

    try:
        yield until, theirs
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("arguments", [("run", "write.yaml"), ("invoke", "write", "--follow")], ids=["run", "invoke"])
def test_a_terminal_shows_each_token_as_it_comes_and_no_control_character_of_the_model(
    start, request, document, dictated_model, arguments
):
    to = ("--server", request.getfixturevalue("server")) if arguments[0] == "invoke" else ()
    with terminal() as (until, end):
        command = start(*arguments, *to, stderr=end)
        for token in ("The ", "sea ", "is ", "deep"):
            dictated_model.say(token)
            until(token.strip())
        dictated_model.say("\x1b]0;owned\x07\x9b31m\u202e")
        until("␛]0;owned␇�31m�")
        dictated_model.finish()
        shown = until("done in")
        out, _ = command.communicate(timeout=30)
    assert b"\x1b]0;" not in shown
    assert "\x9b".encode() not in shown
    # A file or another program gets the text as it is.
    assert (command.returncode, out) == (0, "The sea is deep\x1b]0;owned\x07\x9b31m\u202e\n")


def test_the_output_of_a_run_shows_no_control_character_of_the_model_on_a_terminal(start, document, dictated_model):
    with terminal() as (until, end):
        command = start("run", document, stdout=end)
        dictated_model.say("red: \x1b[31m.")
        dictated_model.finish()
        shown = until("␛[31m.")
        command.communicate(timeout=30)
    assert b"\x1b" not in shown


def test_the_model_is_hung_up_on_when_its_run_is_cancelled(server, dictated_model):
    run_id = invoke(server)
    with urllib.request.urlopen(f"{server}/api/v1/runs/{run_id}/events", timeout=30) as stream:
        dictated_model.say("The sea")
        next(data for name, data in events_of(stream) if name == "progress")
        post(f"{server}/api/v1/runs/{run_id}/cancel")
    while not dictated_model.has_lost_its_caller.wait(0.01):
        # A server learns only by writing that nobody reads any more.
        dictated_model.say("…")
