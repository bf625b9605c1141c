import json
import logging
import stat
import sys

import httpx
import pytest

from flume.cli.arguments import read_data, read_pairs, read_pins
from flume.cli.client import Client, ServerError, UnreachableError
from flume.cli.developing import sample_of
from flume.cli.documents import find_documents, is_pipeline_text
from flume.cli.guard import find_intruder
from flume.cli.logging import JsonFormatter, TextFormatter
from flume.cli.problem_lines import line_of
from flume.cli.progress import describe
from flume.cli.settings import Settings
from flume.cli.settings_list import setting_rows
from flume.cli.tokens import store_token, stored_token
from flume.errors import DefinitionError, RequestError
from flume.pipeline import InputDefinition
from flume.problems import Problem


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-1.5e3", -1500.0), ("true", True), ("null", None), ("[1, 2]", [1, 2]), ('{"a": 1}', {"a": 1})]
    + [(text, text) for text in ("007", "True", '"x"', "", "a=b", "NaN", "Infinity", "12345678901234567890123", "1 2")],
)
def test_a_value_is_json_where_it_is_no_text_and_text_otherwise(text, value):
    assert read_pairs([f"key={text}"], "-d") == {"key": value}


def test_nothing_given_is_null_and_pairs_win_over_data():
    assert read_data(None, None) is None
    assert read_data(["a=2"], '{"a": 1, "b": 1}') == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("given", "sample"),
    [
        (InputDefinition("a", {"type": "string"}, required=False, default="x"), "x"),
        (InputDefinition("a", {"type": "string", "enum": ["red", "blue"]}), "red"),
        (InputDefinition("a", {"type": "integer", "minimum": 5}), 5),
        (InputDefinition("a", {"type": "number"}), 1),
        (InputDefinition("a", {"type": "boolean"}), True),
        (InputDefinition("baseUrl", {"type": "string"}), "<baseUrl>"),
        (InputDefinition("any", {}), "<any>"),
    ],
)
def test_a_sample_call_gives_what_an_input_takes_or_a_gap_that_names_it(given, sample):
    assert sample_of(given) == sample


@pytest.mark.parametrize("pins", [["a"], ["=1"], ["a=text"], ["a=@missing.json"]])
def test_pins_that_cannot_be_read_are_told(pins):
    with pytest.raises(RequestError, match="--pin"):
        read_pins(pins)


def test_our_own_packages_are_no_intruders():
    assert find_intruder() is None


def test_a_foreign_package_is_named_and_not_imported(tmp_path, monkeypatch):
    ours = tmp_path / "ours"
    for name in ("parcel", "absent_elsewhere"):
        (ours / name).mkdir(parents=True)
        (ours / name / "__init__.py").touch()
    foreign = tmp_path / "foreign" / "parcel.py"
    foreign.parent.mkdir()
    foreign.write_text("raise RuntimeError('imported')\n")
    monkeypatch.setattr(sys, "path", [str(foreign.parent)])
    found = find_intruder(["parcel"], ours)
    assert found is not None
    assert (found.name, found.origin) == ("parcel", str(foreign))
    assert "rename yours" in str(found)
    assert find_intruder(["not_ours_yet"], ours) is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (b"apiVersion: flume/v1\nkind: Pipeline\n", True),
        (b'{"apiVersion": "flume/v1", "kind": "Pipeline"}', True),
        (b"kind: 'Pipeline'\nnodes: [\n", True),
        (b"kind: Deployment\n", False),
        (b"# kind: Pipeline\n", False),
        (b"kind: PipelineRun\n", False),
    ],
)
def test_a_document_is_known_by_its_kind_even_if_it_is_broken(text, is_one):
    assert is_pipeline_text(text) is is_one


def test_a_file_that_is_named_is_taken_whatever_it_holds_and_once(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\n")
    assert find_documents([file, file, tmp_path]) == [file]


def test_a_problem_is_told_with_its_place_or_with_its_pointer():
    assert line_of(Problem("c", "/nodes/0", "m", "h", 3, 5), "f.yaml") == "f.yaml:3:5: c m — h"
    assert line_of(Problem("c", "/nodes/0", "m"), "f.yaml") == "f.yaml: /nodes/0: c m"
    assert line_of(Problem("c", "", "m")) == "document: c m"


def test_log_lines_hold_message_and_fields_in_both_forms():
    record = logging.makeLogRecord({"name": "n", "levelname": "INFO", "msg": "a sentence", "run": "r1", "count": 2})
    assert TextFormatter().format(record).endswith(" info    a sentence  run=r1  count=2")
    entry = json.loads(JsonFormatter().format(record))
    assert (entry["level"], entry["logger"], entry["message"], entry["run"], entry["count"]) == (
        "info", "n", "a sentence", "r1", 2,
    )  # fmt: skip
    assert entry["time"].endswith("Z")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"status": "running"}, "running"),
        ({"status": "waiting", "dueAt": "2026-01-01T00:00:00Z"}, "asleep until 2026-01-01T00:00:00Z"),
        ({"status": "running", "loop": {"total": 3, "succeeded": 1, "failed": 1}}, "running, 2 of 3 items, 1 failed"),
        ({"status": "running", "loop": {"total": None, "succeeded": 1, "failed": 0}}, "running, 1 items"),
        ({"status": "failed", "attempt": 2, "error": {"code": "c", "message": "m"}}, "failed, attempt 2: c: m"),
        (
            {"status": "completed", "startedAt": "2026-01-01T00:00:00Z", "completedAt": "2026-01-01T00:00:02.500Z"},
            "done in 2.5 s",
        ),
    ],
)
def test_states_are_told_in_words(record, words):
    assert describe(record) == words


def test_every_setting_has_a_name_and_a_meaning():
    for row in setting_rows(Settings()):
        assert row["name"].isupper()
        assert row["description"]


def test_tokens_are_kept_by_server_for_their_owner_alone(tmp_path):
    file = tmp_path / "config" / "tokens.json"
    assert stored_token("http://a", file) == ""
    store_token("http://a/", "one", file)
    store_token("http://b", "two", file)
    assert (stored_token("http://a", file), stored_token("http://b/", file)) == ("one", "two")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    store_token("http://a", "", file)
    assert stored_token("http://a", file) == ""
    file.write_text("{")
    with pytest.raises(RequestError, match=r"tokens\.json"):
        stored_token("http://a", file)


class NoTime:
    """A clock on which nothing takes time."""

    def now(self):
        return 0.0

    def sleep(self, seconds):
        pass


def client(answer):
    transport = httpx.MockTransport(answer)
    return Client("http://server", token="t", namespace="team", transport=transport, clock=NoTime())


def test_calls_carry_token_and_namespace():
    def answer(request):
        assert request.headers["authorization"] == "Bearer t"
        return httpx.Response(200, json=dict(request.url.params))

    assert client(answer).get("/x", a="1", b=None) == {"a": "1", "namespace": "team"}


def test_a_list_is_read_page_by_page_up_to_what_is_wanted():
    def answer(request):
        start = int(request.url.params.get("cursor", 0))
        return httpx.Response(200, json={"items": [start, start + 1], "nextCursor": str(start + 2)})

    assert list(client(answer).items("/x", most=5)) == [0, 1, 2, 3, 4]


def test_a_problem_becomes_an_error_with_its_code_hint_and_positions():
    problem = {"code": "stale", "detail": "changed meanwhile", "hint": "read again"}
    with pytest.raises(ServerError, match="changed meanwhile") as refused:
        client(lambda request: httpx.Response(412, json=problem)).get("/x")
    assert (refused.value.code, refused.value.hint, refused.value.status) == ("stale", "read again", 412)
    item = {"code": "cycle", "pointer": "/edges/0", "message": "m", "hint": "", "line": 7, "column": 3}
    definition = {"code": "invalid-definition", "detail": "d", "problems": [item]}
    with pytest.raises(DefinitionError) as invalid:
        client(lambda request: httpx.Response(422, json=definition)).get("/x")
    assert (invalid.value.problems[0].line, invalid.value.problems[0].code) == (7, "cycle")


def test_an_answer_that_is_no_problem_is_an_error_all_the_same():
    with pytest.raises(ServerError, match="the server answered 502"):
        client(lambda request: httpx.Response(502, text="<html>bad gateway</html>")).get("/x")


def test_a_broken_connection_is_told_with_the_address_and_what_to_do():
    def answer(request):
        raise httpx.ConnectError("refused")

    with pytest.raises(UnreachableError, match="nothing answers at http://server: refused") as broken:
        client(answer).get("/x")
    assert "flume dev" in broken.value.hint


class Breaks(httpx.SyncByteStream):
    """Gives one event, and then the connection breaks."""

    def __iter__(self):
        yield b'id: 3.1\nevent: node\ndata: {"n": 1}\n\n: still here\n\n'
        raise httpx.ReadError("gone")


def test_a_stream_that_breaks_goes_on_behind_the_last_event():
    asked = []

    def answer(request):
        asked.append(request.headers.get("last-event-id"))
        if len(asked) == 1:
            return httpx.Response(200, stream=Breaks())
        return httpx.Response(200, text='id: 4.1\nevent: run\ndata: {"n": 2}\n\n')

    events = list(client(answer).events("/x"))
    assert [(event.name, event.data, event.id) for event in events] == [
        ("node", {"n": 1}, "3.1"),
        ("run", {"n": 2}, "4.1"),
    ]
    assert asked == [None, "3.1"]


def test_a_stream_with_nothing_left_ends_at_once():
    assert list(client(lambda request: httpx.Response(204)).events("/x")) == []
