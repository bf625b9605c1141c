import json
import runpy
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from flume.nodes import registry

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
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(project)]
    tested = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=project, check=False)
    assert "2 passed" in tested.stdout
    assert "warning" not in (tested.stdout + tested.stderr).lower()


def test_init_overwrites_nothing(flume, write, tmp_path):
    file = write("pytest.ini", "mine")
    done = flume("init", tmp_path)
    assert done.code == 1
    assert f"{file} is there already" in done.err
    assert [each.name for each in tmp_path.iterdir()] == ["pytest.ini"]


def test_a_new_node_can_be_loaded_and_shown(flume, tmp_path):
    assert flume("nodes", "new", "send-mail", "--dir", tmp_path).code == 0
    shown = flume("nodes", "show", "send-mail", "--nodes", tmp_path)
    assert "text  string, required" in shown.out
    described = json.loads(flume("nodes", "describe", "send-mail", "--nodes", tmp_path).out)
    assert described["inputSchema"]["required"] == ["text"]
    assert flume("nodes", "new", "Send_Mail", "--dir", tmp_path).code == 2


def test_the_new_node_leaves_the_global_registry_alone(flume, tmp_path):
    flume("nodes", "new", "lonely", "--dir", tmp_path)
    with registry.collecting() as classes:
        runpy.run_path(str(tmp_path / "lonely.py"))
    assert [each.name for each in classes] == ["lonely"]


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
