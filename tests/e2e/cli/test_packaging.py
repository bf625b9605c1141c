"""``flume nodes manifest`` and ``build``: custom nodes as a cluster has them."""

import sys

import pytest
import yaml

from knative.resources.definitions import spec_schema
from knative.resources.specs import read_node_type
from tests.e2e.cli.test_node_files import SHOUT
from tests.manifests.strict import problems_of

pytestmark = pytest.mark.slow

ENGINE = SHOUT.replace('    run_on = "cpu"\n', '    lanes = ("engine",)\n')
OWN_IMAGE = SHOUT.replace('    run_on = "cpu"\n', '    run_on = "job"\n    image = "registry.example.org/own:1"\n')
TAG = "registry.example.org/shout:1"


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder of programs, the only one; each that is made there notes its arguments and input."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name, code=0):
        file = folder / name
        file.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"open({str(tmp_path / 'called')!r}, 'w').write(repr(sys.argv[1:]) + chr(10) + sys.stdin.read())\n"
            f"sys.exit({code})\n"
        )
        file.chmod(0o755)
        return tmp_path / "called"

    return make


def test_the_manifest_of_a_file_is_a_resource_that_the_cluster_takes_and_says_what_the_class_says(flume, write):
    done = flume("nodes", "manifest", write("shout.py", SHOUT), "--image", TAG, "-n", "flume")

    assert (done.code, done.err) == (0, "")
    [resource] = yaml.safe_load_all(done.out)
    assert (resource["kind"], resource["metadata"]) == ("NodeType", {"name": "shout", "namespace": "flume"})
    assert [*problems_of(resource["spec"], spec_schema("NodeType"))] == []
    node_type = read_node_type(resource).type
    assert (node_type.image, node_type.run_on, [*node_type.input_schema["properties"]]) == (TAG, "cpu", ["text"])


def test_without_an_image_that_is_noted_unless_the_class_names_one(flume, write):
    done = flume("nodes", "manifest", write("shout.py", SHOUT))
    assert done.code == 0
    assert done.err.startswith("note: 'shout' names no image — build one with `flume nodes build`")
    own = flume("nodes", "manifest", write("own.py", OWN_IMAGE))
    assert (own.code, own.err) == (0, "")
    assert "image: registry.example.org/own:1" in own.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ENGINE, "'shout' runs in the engine alone — let its class name another lane: lanes = ('engine', 'cpu')\n"),
        ("x = 1\n", "no node types: a class counts once it is given to registry.register\n"),
        ("import nothing_like_it\n" + SHOUT, "No module named 'nothing_like_it'"),
    ],
)
def test_what_can_not_be_packaged_is_said(flume, write, tools, text, says):
    tools("docker")
    file = write("n.py", text)
    done = flume("nodes", "manifest", file)
    assert done.code == 1
    assert says in done.err
    assert done.out == ""
    assert flume("nodes", "build", file, "--tag", TAG).code == 1
    assert not (file.parent / "called").exists()


def test_an_image_is_built_with_the_builder_that_is_there(flume, write, tools, tmp_path):
    called = tools("podman")
    file = write("nodes/shout.py", SHOUT)

    done = flume("nodes", "build", file, "--tag", TAG, "--base", "flume-function:9")

    assert done.code == 0, done.err
    arguments, _, text = called.read_text().partition("\n")
    assert arguments == repr(["build", "--file", "-", "--tag", TAG, str(tmp_path / "nodes")])
    assert text == "FROM flume-function:9\nCOPY shout.py /nodes/\nENV FLUME_NODES=/nodes\n"
    assert f"flume nodes manifest {file} --image {TAG} | kubectl apply -f -" in done.err


def test_of_a_folder_all_goes_into_the_image_and_print_only_shows_how(flume, write):
    folder = write("nodes/shout.py", SHOUT).parent
    done = flume("nodes", "build", folder, "--print")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == ["FROM", "COPY", "ENV"]
    assert "COPY . /nodes/" in done.out


def test_that_there_is_no_builder_or_that_it_failed_is_said(flume, write, tools):
    file = write("shout.py", SHOUT)
    done = flume("nodes", "build", file, "--tag", TAG)
    assert done.code == 2
    assert "there is no docker, podman or buildah to build with" in done.err
    assert "--print" in done.err
    tools("buildah", code=3)
    failed = flume("nodes", "build", file, "--tag", TAG)
    assert failed.code == 1
    assert f"buildah could not build {TAG}: it ended with exit code 3" in failed.err


def test_a_file_that_is_not_there_and_an_image_without_a_name_are_refused(flume, write):
    assert "no file" in flume("nodes", "manifest", "nowhere.py").err
    assert "no file" in flume("nodes", "build", "nowhere.py", "--tag", TAG).err
    done = flume("nodes", "build", write("shout.py", SHOUT))
    assert done.code == 2
    assert "--tag" in done.err
