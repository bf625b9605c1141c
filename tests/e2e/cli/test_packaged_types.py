"""Node types that are images, told to a server by hand."""

import json

import pytest

pytestmark = pytest.mark.slow

NODES = """\
from flume.nodes import Node, NodeInput, registry


@registry.register
class Shout(Node):
    "Says it louder."

    name = "shout"
    run_on = "cpu"

    class Input(NodeInput):
        text: str

    def execute(self, input):
        return input.text.upper()
"""


@pytest.fixture
def manifest(flume, write):
    return flume("nodes", "manifest", write("nodes.py", NODES), "--image", "shout:1").out


def test_what_manifest_prints_can_be_saved_listed_described_and_deleted(flume, server, manifest, write, pipeline):
    document = write("p.yaml", pipeline("  - {id: a, type: shout, inputs: {text: hi}}"))
    assert "no node type 'shout'" in flume("apply", "-f", document).err

    assert flume("nodes", "save", "-", stdin=manifest).out == "node type shout saved\n"
    assert flume("nodes", "save", "-", stdin=manifest).out == "node type shout is known as it is now\n"

    assert any(line.startswith("shout ") for line in flume("get", "nodes").out.splitlines())
    described = json.loads(flume("describe", "node", "shout", "-o", "json").out)
    assert (described["image"], described["description"]) == ("shout:1", "Says it louder.")
    assert flume("apply", "-f", document).out == "pipeline sample created\n"
    assert flume("nodes", "delete", "shout").out == "node type shout deleted\n"
    gone = flume("nodes", "delete", "shout")
    assert (gone.code, "no node type 'shout'" in gone.err) == (1, True)


def test_a_wrong_one_is_told_at_its_place_and_nothing_of_its_file_is_saved(flume, server, manifest, write):
    wrong = manifest.replace("name: shout", "name: other").replace("type: string", "type: words")
    file = write("types.yaml", f"{manifest}---\n{wrong}")
    done = flume("nodes", "save", file)
    assert (done.code, done.out) == (1, "")
    line = int(done.err.split(":", 2)[1])
    assert "type: words" in file.read_text().splitlines()[line - 1]
    assert not any(line.startswith("shout ") for line in flume("get", "nodes").out.splitlines())


def test_a_pipeline_and_a_built_in_name_are_refused_with_what_to_do(flume, server, manifest, write, pipeline):
    other = flume("nodes", "save", write("p.yaml", pipeline("  - {id: a, type: log}")))
    assert (other.code, "pipelines are for `flume apply`" in other.err) == (2, True)
    taken = flume("nodes", "save", "-", stdin=manifest.replace("name: shout", "name: template"))
    assert (taken.code, "comes with this installation" in taken.err) == (1, True)
