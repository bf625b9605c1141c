import json
import stat

import pytest

pytestmark = pytest.mark.slow

GREET = "  - {id: greet, type: template, config: {template: 'Hello {{ inputs.name }}'}}"
INPUTS = "inputs: {name: {type: string, default: world}}"
TOLD = [("a", "error", "too hot"), ("b", "error", "out of paper"), ("c", "warning", "late")]
BOOM = "  - {id: boom, type: error, config: {message: no good}}"


@pytest.fixture
def greeter(flume, server, write, pipeline):
    """A pipeline that was applied; its file."""
    file = write("greet.yaml", pipeline(GREET, INPUTS, name="greeter"))
    assert flume("apply", "-f", file).out == "pipeline greeter created\n"
    return file


def run_of(done):
    return done.out.strip()


def test_apply_says_what_became_of_each_document(flume, greeter, write, pipeline):
    assert flume("apply", "-f", greeter).out == "pipeline greeter unchanged\n"
    greeter.write_text(greeter.read_text().replace("Hello", "Hi"))
    other = pipeline(BOOM, name="other")
    both = write("both.yaml", f"{greeter.read_text()}---\n{other}")
    assert flume("apply", "-f", both).out == "pipeline greeter configured, version 2\npipeline other created\n"
    assert flume("apply", "-f", both).out == "pipeline greeter unchanged\npipeline other unchanged\n"
    commented = f"# Fails.\n{other}"
    assert flume("apply", "-f", "-", stdin=commented).out == "pipeline other configured, version 1\n"
    assert flume("apply", "-f", "-", stdin=commented).out == "pipeline other unchanged\n"


def test_apply_tells_problems_at_their_place_in_the_file_and_saves_the_rest(flume, server, write, pipeline, tmp_path):
    bad = pipeline("  - {id: a, type: templat}", name="bad")
    write("all/mixed.yaml", f"{pipeline(BOOM, name='fine')}---\n{bad}")
    done = flume("apply", "-f", tmp_path / "all")
    assert done.code == 1
    assert done.out == "pipeline fine created\n"
    line = done.err.split(":", 2)[1]
    assert (tmp_path / "all/mixed.yaml").read_text().splitlines()[int(line) - 1] == "  - {id: a, type: templat}"
    assert "unknown-node-type" in done.err


def test_a_run_under_way_is_described_with_the_last_error_in_its_log(flume, server, write, pipeline):
    told = [
        f"  - {{id: {id}, type: log, config: {{level: {level}}}, inputs: {{message: {text}}}}}"
        for id, level, text in TOLD
    ]
    nap = "  - {id: nap, type: delay, config: {duration: 1h}}"
    edges = "edges: [{from: a, to: b}, {from: b, to: c}, {from: c, to: nap}]"
    flume("apply", "-f", write("told.yaml", pipeline("\n".join([*told, nap]), edges, name="told")))
    run = run_of(flume("invoke", "told"))
    while json.loads(flume("describe", "run", run, "-o", "json").out)["nodes"]["c"]["status"] != "completed":
        pass

    assert "last error told:  b: out of paper" in flume("describe", "run", run).out.splitlines()
    flume("cancel", run)
    assert "last error told" not in flume("describe", "run", run).out


def test_pipelines_are_listed_described_and_deleted(flume, greeter):
    assert flume("get", "pipelines").out.splitlines()[1].split()[:3] == ["greeter", "active", "1"]
    assert [each["name"] for each in json.loads(flume("get", "pipelines", "-o", "json").out)] == ["greeter"]
    described = flume("describe", "pipeline", "greeter").out
    assert "status:" in described
    assert greeter.read_text().strip() in described
    assert flume("delete", "pipeline", "greeter").out == "pipeline greeter deleted\n"
    gone = flume("describe", "pipeline", "greeter")
    assert gone.code == 1
    assert "no pipeline 'greeter'" in gone.err


@pytest.mark.parametrize("arguments", [["timed"], ["timed/often", "often"]])
def test_fire_wants_one_trigger(flume, arguments):
    done = flume("fire", *arguments)

    assert (done.code, "name one trigger: PIPELINE TRIGGER, or PIPELINE/TRIGGER" in done.err) == (2, True)


def test_a_kind_is_listed_by_its_singular_too_and_another_is_refused_in_words(flume, greeter):
    assert flume("get", "pipeline").out == flume("get", "pipelines").out
    done = flume("get", "pipes")
    assert done.code == 2
    assert (
        "expected one of pipelines, runs, triggers, nodes, functions, secrets, orchestrators, and 'pipes' is none"
        in done.err
    )


def test_invoke_prints_the_id_or_waits_for_the_output(flume, greeter):
    assert len(run_of(flume("invoke", "greeter"))) == 24
    assert flume("invoke", "greeter", "-d", "name=Ada", "--wait").out == "Hello Ada\n"
    followed = flume("invoke", "greeter", "--follow")
    assert followed.out == "Hello world\n"
    assert "  greet: done" in followed.err
    assert json.loads(flume("invoke", "greeter", "--wait", "-o", "json").out)["status"] == "completed"


def test_the_same_key_gives_the_same_run(flume, greeter):
    first = run_of(flume("invoke", "greeter", "--key", "k", "-d", "name=x"))
    assert run_of(flume("invoke", "greeter", "--key", "k", "-d", "name=x")) == first
    other = flume("invoke", "greeter", "--key", "k", "-d", "name=y")
    assert other.code == 1
    assert "Idempotency-Key" in other.err


def test_a_run_that_fails_gives_exit_code_1_and_can_be_retried_and_run_again(flume, server, write, pipeline):
    nodes = f"  - {{id: first, type: template, config: {{template: one}}}}\n{BOOM}"
    flume("apply", "-f", write("b.yaml", pipeline(nodes, "edges: [{from: first, to: boom}]", name="fails")))
    failed = flume("invoke", "fails", "--follow")
    assert failed.code == 1
    assert "run failed: boom: raised: no good" in failed.err
    run = json.loads(flume("get", "runs", "-o", "json").out)[0]["id"]
    assert f"flume describe run {run}" in failed.err
    assert flume("retry", run, "--follow").code == 1
    assert len(run_of(flume("rerun", run, "--from", "boom"))) == 24
    assert len(run_of(flume("rerun", run))) == 24
    assert len(json.loads(flume("get", "runs", "--pipeline", "fails", "--status", "failed", "-o", "json").out)) >= 2
    again = flume("retry", run, run_of(flume("rerun", run)))
    assert f"run {run} goes on as " in again.out


def test_the_runs_of_a_pipeline_are_retried_once(flume, server, write, pipeline):
    flume("apply", "-f", write("b.yaml", pipeline(BOOM, name="fails")))
    runs = {json.loads(flume("invoke", "fails", "--wait", "-o", "json").out)["id"] for _ in range(2)}
    first = flume("retry", "--pipeline", "fails", "--key", "k")
    assert flume("retry", "--pipeline", "fails", "--key", "k").out == first.out
    assert {line.split()[1] for line in first.out.splitlines()} == runs
    retries = {line.split()[-1] for line in first.out.splitlines()}
    for retry in retries:
        # Until it has ended.
        assert flume("logs", retry, "-f").code == 0
    assert {line.split()[1] for line in flume("retry", "--pipeline", "fails").out.splitlines()} == retries


def test_a_run_is_retried_and_run_again_once_by_a_key(flume, server, write, pipeline):
    flume("apply", "-f", write("b.yaml", pipeline(BOOM, name="fails")))
    run = json.loads(flume("invoke", "fails", "--wait", "-o", "json").out)["id"]
    for act in ("retry", "rerun"):
        first, again, other = (run_of(flume(act, run, *key)) for key in (["--key", "k"], ["--key", "k"], []))
        assert len(first) == 24
        assert (again == first, other == first) == (True, False)


def test_a_run_is_described_with_its_nodes_and_each_node_with_what_it_was_given(flume, greeter):
    run = json.loads(flume("invoke", "greeter", "-d", "name=Ada", "--wait", "-o", "json").out)["id"]
    described = flume("describe", "run", run).out
    assert "greeter (version 1)" in described
    assert "Hello Ada" in described
    node = flume("describe", "run", run, "--node", "greet").out
    assert "Hello Ada" in node
    assert json.loads(flume("describe", "run", run, "--graph").out)["nodes"][0]["id"] == "greet"
    assert flume("describe", "pipeline", "greeter", "--node", "greet").code == 2


def test_items_of_a_loop_are_listed(flume, server, write, pipeline):
    loop = (
        "  - id: each\n    type: loop\n    inputs: {items: [1, 2, 3]}\n    config:\n      body:\n        nodes:\n"
        "          - {id: double, type: json-transform, config: {mapping: '{{ item * 2 }}'}}"
    )
    flume("apply", "-f", write("l.yaml", pipeline(loop, name="looper")))
    run = json.loads(flume("invoke", "looper", "--wait", "-o", "json").out)["id"]
    lines = flume("describe", "run", run, "--node", "each", "--items").out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["0", "completed"], ["1", "completed"], ["2", "completed"]]


def test_a_run_is_cancelled_once(flume, server, write, pipeline):
    nap = "  - {id: nap, type: delay, config: {duration: 1h}}"
    flume("apply", "-f", write("s.yaml", pipeline(nap, name="sleeper")))
    first, second = run_of(flume("invoke", "sleeper")), run_of(flume("invoke", "sleeper"))
    assert flume("cancel", first).out == f"run {first} cancelled\n"
    assert f"run {second} " in flume("cancel", "--pipeline", "sleeper").out
    assert flume("logs", first, "-f").code == 0
    assert flume("cancel").code == 2


def test_logs_of_a_run_are_printed_and_found(flume, server, write, pipeline):
    say = "  - {id: say, type: log, config: {level: warning}, inputs: {message: 'a rare bird'}}"
    flume("apply", "-f", write("s.yaml", pipeline(say, name="talker")))
    run = json.loads(flume("invoke", "talker", "--wait", "-o", "json").out)["id"]
    for done in (flume("logs", run), flume("logs", run, "-f"), flume("logs", "-q", "rare")):
        assert "say: warning: a rare bird" in done.out
    assert flume("logs", run, "--level", "error").out == ""
    assert flume("logs", run, "-q", "rare").code == 2


def test_a_pipeline_is_paused_and_resumed_and_so_is_a_trigger(flume, server, write, pipeline):
    timer = "triggers: [{id: often, type: interval, every: 1h}]"
    flume("apply", "-f", write("t.yaml", pipeline(GREET, f"{INPUTS}\n{timer}", name="timed")))
    assert flume("pause", "timed").out == "pipeline timed is paused\n"
    assert flume("resume", "timed").out == "pipeline timed is active\n"
    assert flume("activate", "timed").out == "pipeline timed is active\n"
    assert flume("pause", "timed", "--trigger", "often").out == "trigger often of timed is off\n"
    assert flume("get", "triggers").out.splitlines()[1].split()[:4] == ["timed", "often", "interval", "no"]
    assert flume("fire", "timed", "often", "-d", "name=you", "--wait").out == "Hello you\n"
    assert flume("fire", "timed/often", "-d", "name=you", "--wait").out == "Hello you\n"
    assert "interval" in flume("describe", "trigger", "timed/often").out
    assert flume("describe", "trigger", "timed").code == 2


def test_versions_are_listed_compared_and_restored(flume, greeter):
    first = greeter.read_text()
    greeter.write_text(first.replace("Hello", "Hi"))
    flume("apply", "-f", greeter)
    assert [line.split()[0] for line in flume("versions", "greeter").out.splitlines()[1:]] == ["2", "1"]
    assert flume("versions", "greeter", "1").out.strip() == first.strip()
    assert "Hello {{ inputs.name }}" in flume("versions", "greeter", "1..2").out
    assert flume("restore", "greeter", "1").out == "pipeline greeter is at version 3, with the text of version 1\n"
    assert flume("versions", "greeter", "one").code == 2


def test_the_audit_log_and_statistics_are_printed(flume, greeter):
    flume("invoke", "greeter", "--wait")
    assert "pipeline" in flume("audit", "--target", "pipelines/greeter").out
    assert flume("stats", "--since", "1h").out.splitlines()[-1].split()[:3] == ["greeter", "completed", "1"]
    heading, *nodes = flume("stats", "--pipeline", "greeter").out.splitlines()[4:]
    assert heading.split()[:3] == ["NODE", "ENDED", "FAILED"]
    assert [line.split()[1:3] for line in nodes] == [["1", "0"]] * len(nodes) != []


def test_node_types_and_the_server_itself_are_listed_and_a_node_is_tried(flume, server):
    assert any(line.startswith("template ") for line in flume("get", "nodes").out.splitlines())
    assert "json-transform" in flume("describe", "node", "json-transform").out
    heading, line = flume("get", "orchestrators", "-o", "wide").out.splitlines()
    assert heading.split() == ["ID", "HOST", "PID", "VERSION", "STARTED", "ALIVE", "LEASE", "RUNS", "URL", "READY"]
    assert (line.split()[5], line.split()[-2:]) == ("yes", [server, "yes"])
    assert flume("get", "secrets").out.split() == ["NAME", "SET", "USED", "BY"]
    assert flume("nodes", "test", "template", "-c", "template=2 is {{ 1 + 1 }}").out == '"2 is 2"\n'
    assert flume("nodes", "test", "error", "-c", "message=bad luck").code == 1


def test_an_unsaved_document_is_checked_and_run_on_the_server(flume, server, write, pipeline):
    good, bad = write("g.yaml", pipeline(GREET, INPUTS)), write("b.yaml", pipeline("  - {id: a, type: templat}"))
    assert flume("run", good, "--server", server, "-d", "name=Ada").out == "Hello Ada\n"
    assert f"{bad}:5:19: unknown-node-type" in flume("run", bad, "--server", server).err
    assert f"{bad}:5:19: unknown-node-type" in flume("validate", bad, "--server", server).out


def test_every_command_that_changes_something_can_tell_a_program_what_it_did(flume, server, write, pipeline):
    def told(*arguments):
        return json.loads(flume(*arguments, "-o", "json").out)

    nap = "  - {id: nap, type: delay, config: {duration: 1h}}\ntriggers: [{id: often, type: interval, every: 1h}]"
    file = write("s.yaml", pipeline(nap, name="sleeper"))
    created = {"file": str(file), "name": "sleeper", "outcome": "created", "version": 1}
    assert told("apply", "-f", file) == [created]
    assert told("apply", "-f", file) == [{**created, "outcome": "unchanged"}]
    file.write_text(file.read_text().replace("1h}}", "2h}}"))
    assert told("apply", "-f", file) == [{**created, "outcome": "configured", "version": 2}]
    assert told("pause", "sleeper")["status"] == "paused"
    assert told("resume", "sleeper")["status"] == "active"
    assert told("activate", "sleeper")["name"] == "sleeper"
    assert told("pause", "sleeper", "--trigger", "often")["enabled"] is False
    assert told("restore", "sleeper", "1")["version"] == 3
    first, second = told("invoke", "sleeper")["id"], told("invoke", "sleeper")["id"]
    assert told("cancel", first)["status"] == "cancelled"
    assert [each["id"] for each in told("cancel", "--pipeline", "sleeper")["items"]] == [second]
    assert told("retry", first, second)["items"][0]["ok"] is True
    assert told("delete", "pipeline", "sleeper") == [{"name": "sleeper", "outcome": "deleted"}]


def test_what_was_saved_is_told_a_program_although_another_document_was_not(flume, server, write, pipeline):
    file = write("mixed.yaml", f"{pipeline(BOOM, name='fine')}---\n{pipeline('  - {id: a, type: lo}', name='bad')}")
    done = flume("apply", "-f", file, "-o", "yaml")
    assert (done.code, done.out.splitlines()[1]) == (1, "  name: fine")
    assert "unknown-node-type" in done.err


def test_namespaces_are_kept_apart(flume, greeter):
    assert flume("get", "pipelines", "-n", "elsewhere", "-o", "json").out == "[]\n"


def test_where_nothing_listens_one_line_says_what_to_start(flume, monkeypatch):
    monkeypatch.setenv("ENGINE_URL", "http://127.0.0.1:9")
    done = flume("get", "runs")
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert "http://127.0.0.1:9" in done.err
    assert "flume dev" in done.err


def test_a_token_is_kept_for_its_server_by_login_and_readable_by_its_owner_alone(
    flume, start_server, monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    url = start_server("correct-horse-battery")
    monkeypatch.setenv("ENGINE_URL", url)
    refused = flume("get", "runs")
    assert refused.code == 1
    assert "token" in refused.err
    assert flume("login", stdin="wrong-token\n").code == 1
    assert flume("get", "runs").code == 1
    assert flume("login", stdin="correct-horse-battery\n").code == 0
    assert flume("get", "runs").code == 0
    kept = tmp_path / "config" / "flume" / "tokens.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert flume("login", "--forget").code == 0
    assert flume("get", "runs").code == 1
    monkeypatch.setenv("FLUME_TOKEN", "correct-horse-battery")
    assert flume("get", "runs").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["apply"],
        ["get", "things"],
        ["get", "nodes", "--status", "failed"],
        ["get", "runs", "--since", "yesterday"],
        ["delete", "run", "x"],
        ["delete"],
        ["logs", "-f"],
        ["rerun"],
        ["login", "--server"],
    ],
)
def test_wrong_usage_of_a_command_exits_with_2(flume, server, arguments):
    assert flume(*arguments).code == 2
