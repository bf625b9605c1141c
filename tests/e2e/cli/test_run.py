import json

import pytest

pytestmark = pytest.mark.slow

ECHO = "  - {id: echo, type: json-transform, config: {mapping: '{{ trigger.data }}'}}"


def test_stdout_holds_the_output_alone_and_stderr_the_steps(flume, hello):
    done = flume("run", hello, "-d", "name=ada")
    assert done.code == 0
    assert json.loads(done.out)["greeting"] == "Hello, Ada!"
    assert "greet: done" in done.err


def test_an_output_that_is_text_is_printed_as_text(flume, write, pipeline):
    file = write("t.yaml", pipeline("  - {id: t, type: template, config: {template: 'plain text'}}"))
    assert flume("run", file).out == "plain text\n"


def test_values_that_are_json_are_taken_as_such_and_all_others_as_text(flume, write, pipeline):
    file = write("e.yaml", pipeline(ECHO, "inputs: {a: {}, b: {}, c: {}, d: {}, e: {}, f: {}, g: {}, h: {}}"))
    pairs = ["a=1.5", "b=true", "c=null", "d=[1]", 'e={"x": 2}', "f=007", 'g="quoted"', "h=x=y"]
    done = flume("run", file, *(part for pair in pairs for part in ("-d", pair)))
    assert json.loads(done.out) == {
        "a": 1.5, "b": True, "c": None, "d": [1], "e": {"x": 2}, "f": "007", "g": '"quoted"', "h": "x=y",
    }  # fmt: skip


def test_data_comes_from_text_from_a_file_or_from_stdin_and_pairs_are_laid_over_it(flume, write, pipeline):
    file = write("e.yaml", pipeline(ECHO, "inputs: {a: {default: null}, b: {default: null}}"))
    data = write("d.json", '{"a": 1, "b": 2}')
    assert json.loads(flume("run", file, "--data", '{"a": 1}').out) == {"a": 1}
    assert json.loads(flume("run", file, "--data", f"@{data}", "-d", "b=3").out) == {"a": 1, "b": 3}
    assert json.loads(flume("run", file, "--data", "@-", stdin='{"a": 5}').out) == {"a": 5}


def test_a_pipeline_is_read_from_stdin(flume, pipeline):
    done = flume("run", "-", stdin=pipeline("  - {id: t, type: template, config: {template: hi}}"))
    assert (done.code, done.out) == (0, "hi\n")


def test_a_pinned_node_is_not_run_and_nothing_runs_behind_the_last_node(flume, write, pipeline):
    nodes = (
        "  - {id: a, type: error, config: {message: never}}\n"
        "  - {id: b, type: template, config: {template: '{{ a.output }}!'}}\n"
        "  - {id: c, type: error, config: {message: never}}"
    )
    file = write("p.yaml", pipeline(nodes, "edges: [{from: a, to: b}, {from: b, to: c}]"))
    done = flume("run", file, "--pin", 'a="given"', "--until", "b")
    assert (done.code, done.out) == (0, "given!\n")


def test_the_whole_run_is_printed_as_json_or_yaml(flume, hello):
    run = json.loads(flume("run", hello, "-o", "json").out)
    assert (run["status"], run["pipeline"], run["nodes"]["greet"]["status"]) == ("completed", "hello", "completed")
    assert run["output"] == run["nodes"]["card"]["output"]
    assert "status: completed\n" in flume("run", hello, "-o", "yaml").out


def test_a_failed_run_names_node_code_message_and_attempts(flume, write, pipeline):
    node = "  - {id: boom, type: error, config: {message: no good, retryable: true}, retry: {attempts: 2, delay: 1ms}}"
    file = write("fails.yaml", pipeline(node))
    done = flume("run", file)
    assert (done.code, done.out) == (1, "")
    assert "run failed: boom: raised: no good (after 2 attempts)" in done.err
    assert "-o json" in done.err
    whole = flume("run", file, "-o", "json")
    assert (whole.code, json.loads(whole.out)["error"]["code"]) == (1, "raised")


def test_log_lines_and_partial_output_are_shown_on_stderr(flume, write, pipeline):
    node = write(
        "talker.py",
        "from flume.nodes import Node, NodeInput, registry\n"
        "@registry.register\n"
        "class Talker(Node):\n"
        '    name = "talker"\n'
        "    async def execute(self, input: NodeInput) -> str:\n"
        '        self.context.log("began", level="warning", tries=1)\n'
        '        self.context.progress("one\\ntw")\n'
        '        self.context.progress("o")\n'
        '        return "end"\n',
    )
    file = write("talk.yaml", pipeline("  - {id: talk, type: talker}"))
    done = flume("run", file, "--nodes", node)
    assert done.out == "end\n"
    for line in ("talk: warning: began  tries=1", "talk| one", "talk| two"):
        assert f"  {line}\n" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.yaml"], "'missing.yaml' can't be read: No such file"),
        (["{hello}", "-d", "nothing"], "'nothing' is not of the form key=value"),
        (["{hello}", "--data", "{bad"], "--data: not JSON"),
        (["{hello}", "--data", "@none.json"], "'none.json' can't be read"),
        (["{hello}", "--data", "[1]", "-d", "a=1"], "-d needs an object"),
        (["{hello}", "-d", "nam=x"], "did you mean 'name'?"),
        (["{hello}", "--until", "gret"], "gret"),
        (["{hello}", "--pin", "gret=1"], "gret"),
        (["{hello}", "-o", "xml"], "'xml'"),
        (["{hello}", "--colour"], "--colour"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence_and_exits_with_2(flume, hello, arguments, said):
    done = flume("run", *(each.format(hello=hello) if each == "{hello}" else each for each in arguments))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_an_invalid_document_is_told_with_all_positions_and_exits_with_1(flume, write, pipeline):
    file = write("bad.yaml", pipeline("  - {id: a, type: templat}\n  - {id: A, type: log}"))
    done = flume("run", file)
    assert done.code == 1
    assert f"{file}:5:19: unknown-node-type" in done.err
    assert f"{file}:6:" in done.err


def test_text_that_is_no_yaml_is_told_with_its_place(flume, write):
    done = flume("run", write("bad.yaml", "nodes: [\n"))
    assert done.code == 1
    assert "bad.yaml:" in done.err


def test_a_node_file_that_cannot_be_loaded_is_named_with_its_line(flume, write, hello):
    broken = write("broken.py", "import flume\n\nraise ValueError('not today')\n")
    done = flume("run", hello, "--nodes", broken)
    assert done.code == 0
    assert f"{broken}: line 3: ValueError: not today" in done.err


def test_a_wrong_setting_stops_the_start_with_its_name(flume, hello, monkeypatch):
    monkeypatch.setenv("RETENTION_DAYS", "many")
    done = flume("run", hello)
    assert done.code == 2
    assert "RETENTION_DAYS" in done.err


def test_a_secret_is_never_printed(flume, write, pipeline, monkeypatch):
    monkeypatch.setenv("FLUME_SECRET_KEY", "hush-hush")
    nodes = write(
        "show.py",
        "from flume.nodes import Node, NodeInput, registry\n"
        "@registry.register\n"
        "class Show(Node):\n"
        '    name = "show"\n'
        "    class Input(NodeInput):\n"
        "        text: str\n"
        "    async def execute(self, input: Input) -> str:\n"
        "        self.context.progress(input.text)\n"
        "        return input.text\n",
    )
    file = write("s.yaml", pipeline("  - {id: show, type: show, inputs: {text: 'k={{ secrets.KEY }}'}}"))
    done = flume("run", file, "--nodes", nodes)
    assert done.out == "k=•••\n"
    assert "hush" not in done.err
