"""``flume init`` and ``flume nodes new``: files to begin with. Nothing that exists is ever overwritten."""

import re
from pathlib import Path

from flume.cli.printing import say
from flume.errors import ConflictError, RequestError
from flume.nodes.node_files import OUR_NAMES
from flume.nodes.registry import Registry, installed_node_types

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z", re.ASCII)

_ODD_CLASSES = frozenset({"none", "true", "false", "node", "node-config", "node-error", "node-input", "node-output"})

_PIPELINE = """\
# Run it:      flume run pipeline.yaml --nodes nodes -d name=Ada
# Check it:    flume validate pipeline.yaml --nodes nodes
# Serve it:    flume dev
apiVersion: flume/v1
kind: Pipeline
metadata:
  name: hello
  description: Greets somebody, loudly.
trigger: {type: webhook, path: hello}
inputs:
  name: {type: string, default: world, description: Who is greeted}
nodes:
  - id: greet
    type: template
    config: {template: "Hello, {{ inputs.name }}!"}
  - id: shout
    type: shout
    inputs: {text: "{{ greet.output }}", times: 2}
edges:
  - {from: greet, to: shout}
"""

_TEST = """\
import asyncio
from pathlib import Path

from flume.testing import run_node, run_pipeline

from nodes.shout import Shout

HERE = Path(__file__).parent.parent


def test_a_text_is_shouted_as_often_as_asked():
    result = asyncio.run(run_node(Shout, inputs={"text": "hi", "times": 2}))
    assert result.output == {"result": "HI HI"}


def test_the_pipeline_greets_loudly():
    text = (HERE / "pipeline.yaml").read_text()
    run = asyncio.run(run_pipeline(text, data={"name": "Ada"}, nodes=[HERE / "nodes"]))
    assert run.output == {"result": "HELLO, ADA! HELLO, ADA!"}
"""

_SHOUT = '''\
from flume.nodes import Node, NodeInput, NodeOutput, registry


@registry.register
class Shout(Node):
    """Says a text in capitals."""

    name = "shout"

    class Input(NodeInput):
        text: str
        times: int = 1

    class Output(NodeOutput):
        result: str

    async def execute(self, input: Input) -> Output:
        return self.Output(result=" ".join([input.text.upper()] * input.times))
'''

_NODE = '''\
from flume.nodes import Node, NodeConfig, NodeError, NodeInput, NodeOutput, registry


@registry.register
class {class_name}(Node):
    """Say here what the node does; the first line stands in lists."""

    name = "{name}"
    # In a process of its own, which starts when it is needed. What is small and only waits may run in the "engine".
    run_on = "cpu"
    # Names of the secrets that the node may use, such as ("API_KEY",).
    secrets = ()

    class Config(NodeConfig):
        # Options that are the same for all data.
        prefix: str = ""

    class Input(NodeInput):
        # The data that the node works on.
        text: str

    class Output(NodeOutput):
        result: str

    # It may block, since it runs in a thread. What waits for others is better an `async def`.
    def execute(self, input: Input) -> Output:
        if not input.text:
            raise NodeError("there is no text", retryable=False)
        return self.Output(result=self.config.prefix + input.text)
'''

_NODE_TEST = '''\
import asyncio
from pathlib import Path

from flume.testing import run_pipeline

NODE = Path(__file__).parent.parent / "{file}"

PIPELINE = """
apiVersion: flume/v1
kind: Pipeline
metadata: {{name: try-{short_name}}}
inputs: {{text: {{type: string}}}}
nodes:
  - id: it
    type: {name}
    config: {{prefix: "> "}}
    inputs: {{text: "{{{{ inputs.text }}}}"}}
"""


def run(text):
    return asyncio.run(run_pipeline(PIPELINE, data={{"text": text}}, nodes=[NODE]))


def test_the_text_gets_its_prefix():
    assert run("hello").output == {{"result": "> hello"}}


def test_an_empty_text_is_refused():
    error = run("").error
    assert error is not None
    assert error.message == "there is no text"
'''

_IGNORED = "flume-data/\n__pycache__/\n"

_PYTEST = """\
[pytest]
# Tests import the node files of this folder.
pythonpath = .
# They start event loops themselves. Where this plugin is installed it would warn that its own have no settings.
addopts = -p no:asyncio
"""


def make_project(folder: Path) -> None:
    """Write a starter project. Raises `ConflictError` if one of its files is there already; then nothing is written."""
    files = {
        "pipeline.yaml": _PIPELINE,
        "nodes/shout.py": _SHOUT,
        "tests/test_pipeline.py": _TEST,
        "pytest.ini": _PYTEST,
        ".gitignore": _IGNORED,
    }
    _write(folder, files)
    place = "" if folder == Path() else f"cd {folder} && "
    say(f"next: {place}flume run pipeline.yaml --nodes nodes -d name=Ada")


def make_node(name: str, folder: Path) -> None:
    """Write the file of a custom node and a test of it.

    Raises `RequestError` for a name that no type of a user may have, `ConflictError` as `make_project` does. The test has a
    folder to itself: test runners put that first where Python looks for modules, and a node may be called ``email``.
    """
    _check_name(name)
    file = f"{name.replace('-', '_')}.py"
    # A class called None or Node would not be what it seems to be.
    class_name = "".join(part.capitalize() for part in name.split("-")) + ("Type" if name in _ODD_CLASSES else "")
    facts = {"name": name, "short_name": name[:59].rstrip("-"), "class_name": class_name, "file": file}
    test = f"tests/test_{file}"
    _write(folder, {file: _NODE.format(**facts), test: _NODE_TEST.format(**facts)})
    say(f"test it:     pytest {folder / test}")
    say(f"look at it:  flume nodes describe {folder / file}")
    say(f"use it:      'type: {name}' in a pipeline, and --nodes {folder} where it is run")


def _check_name(name: str) -> None:
    if not _NAME.match(name):
        raise RequestError(
            f"'{name}' can't be a node type's name: use small letters, digits and hyphens, beginning with a letter",
            hint=_near_name(name),
        )
    if name in Registry(installed_node_types):
        raise RequestError(f"there is a node type '{name}' already; choose another name")
    if name in OUR_NAMES:
        raise RequestError(f"'{name}' is the name of a part of Flume; choose another name")
    if name == "conftest" or name.startswith("test-"):
        raise RequestError(f"the file of '{name}' would be taken for one of tests; choose another name")


def _near_name(name: str) -> str:
    """What the name may be meant to be: ``SendMail`` and ``send_mail`` are send-mail."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name)
    near = "-".join(words).lower()
    return f"perhaps {near}" if _NAME.match(near) else ""


def _write(folder: Path, files: dict[str, str]) -> None:
    taken = [name for name in files if (folder / name).exists()]
    if taken:
        raise ConflictError(f"{folder / taken[0]} is there already", hint="nothing was written; choose another folder")
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            say(f"made {path}")
    except OSError as error:
        raise RequestError(f"{folder} can't be written to: {error.strerror}") from error
