import json
import os
import runpy
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from flume.nodes import registry
from flume.nodes.describe import describe
from flume.nodes.descriptions import read_description

pytestmark = pytest.mark.slow


def test_validate_tells_every_problem_with_file_line_and_column(flume, write, pipeline):
    nodes = "  - {id: a, type: templat}\n  - {id: b, type: log, inputs: {message: '{{ c.output }}'}}"
    file = write("bad.yaml", pipeline(nodes))
    done = flume("validate", file)
    assert done.code == 1
    assert f"{file}:5:19: unknown-node-type " in done.out
    assert "did you mean 'template'" in done.out
    assert f"{file}:6:" in done.out


def test_validate_looks_for_pipelines_in_folders_and_leaves_other_files_alone(flume, write, pipeline, tmp_path):
    write("a/good.yaml", pipeline("  - {id: l, type: log, inputs: {message: hi}}"))
    write("a/b/bad.yml", pipeline("  - {id: l, type: lo}"))
    write("a/other.yaml", "kind: Deployment\n")
    write("a/.hidden/bad.yaml", pipeline("  - {id: l, type: lo}"))
    done = flume("validate", tmp_path / "a", "-o", "json")
    assert done.code == 1
    found = json.loads(done.out)
    assert not found["valid"]
    assert [(each["file"], each["code"]) for each in found["problems"]] == [
        (str(tmp_path / "a/b/bad.yml"), "unknown-node-type")
    ]


def test_validate_reads_stdin_and_says_when_all_is_well(flume, pipeline):
    done = flume("validate", "-", stdin=pipeline("  - {id: l, type: log, inputs: {message: hi}}"))
    assert (done.code, done.out, done.err) == (0, "", "-: valid\n")


def test_a_secret_that_is_not_set_here_is_noted_and_no_problem(flume, write, pipeline, monkeypatch):
    headers = "{a: '{{ secrets.OURS }}', b: '{{ secrets.THEIRS }}'}"
    node = f"  - {{id: h, type: http-request, config: {{url: 'http://x.test/', headers: {headers}}}}}"
    file = write("s.yaml", pipeline(node))
    monkeypatch.setenv("FLUME_SECRET_OURS", "hush-hush")
    done = flume("validate", file)
    assert (done.code, done.out) == (0, "")
    valid, note = done.err.splitlines()
    assert valid == f"{file}: valid"
    assert note.startswith(f"{file}:5:")
    assert "note: there is no secret 'THEIRS' here" in note
    assert "flume validate --server" in note
    assert json.loads(flume("validate", file, "-o", "json").out) == {"valid": True, "problems": []}


def test_a_file_that_is_missing_is_wrong_usage(flume):
    assert flume("validate", "missing.yaml").code == 2


def test_the_starter_project_runs_and_its_test_passes(flume, tmp_path):
    project = tmp_path / "greeter"
    assert flume("init", project).code == 0
    done = flume("run", project / "pipeline.yaml", "--nodes", project / "nodes", "-d", "name=Ada")
    assert json.loads(done.out) == {"result": "HELLO, ADA! HELLO, ADA!"}
    options = ["-q", *(f"-pno:{each}" for each in ("cacheprovider", "schemathesis", "valkey")), "-W", "error"]
    command = [sys.executable, "-m", "pytest", *options, str(project)]
    tested = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=project, check=False)
    assert "2 passed" in tested.stdout
    assert "warning" not in (tested.stdout + tested.stderr).lower()


def test_init_overwrites_nothing(flume, write, tmp_path):
    file = write("pytest.ini", "mine")
    done = flume("init", tmp_path)
    assert done.code == 1
    assert f"{file} is there already" in done.err
    assert [each.name for each in tmp_path.iterdir()] == ["pytest.ini"]


def test_a_folder_is_described_by_its_bare_name_unless_a_type_has_it(flume, write, monkeypatch, tmp_path):
    write("nodes/empty.py", "")
    write("template/empty.py", "")
    monkeypatch.chdir(tmp_path)

    assert "nodes: no node types" in flume("nodes", "describe", "nodes").err
    assert flume("nodes", "describe", "template").out.startswith("template  (version 1")


def test_a_new_node_is_described_from_its_file_and_shown_by_its_name(flume, tmp_path):
    assert flume("nodes", "new", "send-mail", tmp_path).code == 0
    for done in (
        flume("nodes", "describe", tmp_path / "send_mail.py"),
        flume("nodes", "show", "send-mail", "--nodes", tmp_path),
    ):
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"send-mail  (version 1, custom, from {tmp_path / 'send_mail.py'})")
        assert "runs on cpu; may run on cpu, gpu, job" in done.out
        assert "text  string, required" in done.out


def test_a_description_for_programs_is_whole(flume, tmp_path):
    flume("nodes", "new", "send-mail", tmp_path)
    (described,) = json.loads(flume("nodes", "describe", tmp_path, "-o", "json").out)
    assert read_description(described).input_schema["required"] == ["text"]
    assert json.loads(flume("nodes", "describe", "send-mail", "--nodes", tmp_path, "-o", "json").out) == described


def test_describing_files_tells_what_is_wrong_with_them_and_shows_the_rest(flume, write, tmp_path):
    flume("nodes", "new", "send-mail", tmp_path)
    broken = write("broken.py", "class Broken(Node):\n    run_on = 'cpu'\n")
    done = flume("nodes", "describe", tmp_path)
    assert done.code == 1
    assert done.out.startswith("send-mail ")
    assert done.err == f"{broken}: line 1: NameError: name 'Node' is not defined\n"
    done = flume("nodes", "describe", write("empty.py", ""))
    assert (done.code, done.out) == (1, "")
    assert "no node types: a class counts once it is given to registry.register" in done.err
    done = flume("nodes", "describe", "./missing.py")
    assert (done.code, done.err) == (1, "missing.py: no such file or folder\n")


def test_the_test_of_a_new_node_passes_and_finds_a_fault(flume, tmp_path):
    # The name is that of a module of Python, which the test must not put in its place.
    flume("nodes", "new", "email", tmp_path / "nodes")
    test = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "nodes"]
    # It must work with pytest alone.
    plain = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(test, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, env=plain)
    assert (done.returncode, done.stdout.splitlines()[-1].split(" in ")[0]) == (0, "2 passed")
    file = tmp_path / "nodes" / "email.py"
    file.write_text(file.read_text().replace("self.config.prefix + ", ""))
    done = subprocess.run(test, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, env=plain)
    assert (done.returncode, done.stdout.splitlines()[-1].split(" in ")[0]) == (1, "1 failed, 1 passed")


@pytest.mark.parametrize("name", ["none", "node", "node-input", "class", "x", "a" * 63])
def test_the_file_of_a_new_node_is_right_whatever_its_name(flume, tmp_path, name):
    flume("nodes", "new", name, tmp_path)
    with registry.collecting() as classes:
        runpy.run_path(str(tmp_path / f"{name.replace('-', '_')}.py"))
    assert [describe(each).name for each in classes] == [name]
    assert name not in registry


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("Send_Mail", "use small letters, digits and hyphens, beginning with a letter; perhaps send-mail"),
        ("3d", "use small letters, digits and hyphens, beginning with a letter\n"),
        ("../evil", "can't be a node type's name"),
        ("template", "there is a node type 'template' already"),
        ("functions", "'functions' is the name of a part of Flume"),
        ("test-mail", "would be taken for one of tests"),
    ],
)
def test_a_name_that_a_new_node_can_not_have_is_refused(flume, tmp_path, name, complaint):
    done = flume("nodes", "new", name, tmp_path)
    assert done.code == 2
    assert complaint in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("taken", ["send_mail.py", "tests/test_send_mail.py"])
def test_a_new_node_overwrites_nothing(flume, write, tmp_path, taken):
    file = write(taken, "mine")
    done = flume("nodes", "new", "send-mail", tmp_path)
    assert done.code == 1
    assert f"{file} is there already; nothing was written" in done.err
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [file]
    assert file.read_text() == "mine"


def test_nodes_are_listed_with_what_they_do(flume):
    lines = flume("nodes", "list", "-o", "wide").out.splitlines()
    assert lines[0].split()[:2] == ["NAME", "CATEGORY"]
    assert any(line.startswith("condition ") and "true,false,error" in line for line in lines)
    names = [each["name"] for each in json.loads(flume("nodes", "list", "-o", "json").out)]
    assert {"http-request", "loop", "template"} <= set(names)


def test_an_unknown_node_type_is_told_with_what_is_near(flume):
    done = flume("nodes", "show", "templat")
    assert done.code == 1
    assert done.err.count("did you mean 'template'") == 1


def test_a_graph_is_drawn_as_text_mermaid_and_svg(flume, hello):
    assert "● " in flume("graph", hello).out
    assert flume("graph", hello, "--format", "mermaid").out.startswith("flowchart LR\n")
    picture = ElementTree.fromstring(flume("graph", hello, "--format", "svg").out)
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["greet", "template", "card", "json-transform"]


def test_the_graph_of_a_broken_document_is_its_problems(flume, write):
    done = flume("graph", write("bad.yaml", "kind: Pipeline\n"))
    assert (done.code, done.out) == (1, "")
    assert "bad.yaml:1:" in done.err


def test_the_schema_is_json(flume):
    assert json.loads(flume("schema").out)["title"] == "Flume pipeline"


def test_config_lists_every_setting_and_masks_secrets(flume, monkeypatch):
    monkeypatch.setenv("FLUME_API_TOKEN", "very-secret")
    monkeypatch.setenv("FLUME_SECRET_KEY", "hush-hush")
    monkeypatch.setenv("RETENTION_DAYS", "7")
    for format in ("text", "wide", "json", "yaml"):
        out = flume("config", "-o", format).out
        assert "RETENTION_DAYS" in out
        assert "very-secret" not in out
        assert "hush" not in out
    rows = {row["name"]: row for row in json.loads(flume("config", "-o", "json").out)["settings"]}
    assert rows["RETENTION_DAYS"]["value"] == 7
    assert rows["FLUME_API_TOKEN"]["value"] == "•••"


def test_every_command_has_help_with_an_example(flume):
    pending = [[]]
    while pending:
        path = pending.pop()
        text = flume(*path, "--help").out
        commands = text.partition("\nCommands:\n")[2]
        names = [line.split()[0] for line in commands.splitlines() if line.startswith("  ") and line[2] != " "]
        pending += [[*path, name] for name in names]
        if not names:
            assert f"Example: flume {' '.join(path)}" in " ".join(text.split()) or path == [], path


def test_an_internal_error_is_one_line_unless_all_is_wanted(flume, hello, monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("flume.cli.running.run_file", fail)
    quiet = flume("run", hello)
    assert quiet.code == 1
    assert quiet.err.startswith("flume: internal error: ZeroDivisionError: a bug")
    assert "Traceback" in flume("--debug", "run", hello).err
