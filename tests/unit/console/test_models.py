from datetime import UTC, datetime

import pytest

from console.models.graph import drawn, graph_of
from console.models.logs import LogFilters, log_line, read_log_filters
from console.models.node_types import by_category, schema_fields, type_text
from console.models.pipelines import curl_line, pipeline_row, sample_inputs, trigger_text
from console.rendering import link_to
from console.starters import STARTERS, starter
from console.statuses import status_view
from flume.nodes import Registry
from flume.nodes.registry import installed_node_types
from flume.validation import validate

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_the_graph_of_a_definition_names_the_ports_that_it_leaves_out():
    definition = {
        "nodes": [{"id": "a", "type": "template"}, {"id": "b", "type": "log", "name": "Tell"}],
        "edges": [{"from": "a", "to": "b"}, {"from": "a", "to": "b", "port": "error"}],
    }
    assert graph_of(definition) == {
        "nodes": [{"id": "a", "type": "template", "name": ""}, {"id": "b", "type": "log", "name": "Tell"}],
        "edges": [{"from": "a", "to": "b", "port": "out"}, {"from": "a", "to": "b", "port": "error"}],
    }


def test_the_graph_of_a_loop_has_its_body():
    body = {"nodes": [{"id": "x", "type": "log"}]}
    (node,) = graph_of({"nodes": [{"id": "each", "type": "loop", "config": {"body": body}}]})["nodes"]
    assert node["body"] == {"nodes": [{"id": "x", "type": "log", "name": ""}], "edges": []}


def test_of_the_graph_of_a_run_its_states_are_left_out():
    body = {"nodes": [{"id": "do", "type": "log", "name": ""}], "edges": []}
    node = {"id": "each", "type": "loop", "name": "Each", "icon": "repeat", "maxAttempts": 1, "body": body}
    edge = {"from": "each", "to": "tell", "port": "success"}
    given = {"id": "r", "status": "failed", "nodes": [{**node, "status": "failed", "attempt": 2}]}
    assert drawn({**given, "edges": [{**edge, "taken": False}]}) == {"nodes": [node], "edges": [edge]}


def test_nodes_of_a_graph_have_the_look_of_their_type():
    types = {"log": {"category": "utility", "icon": "file", "name": "log"}}
    (node,) = graph_of({"nodes": [{"id": "x", "type": "log"}]}, types)["nodes"]
    assert (node["category"], node["icon"]) == ("utility", "file")


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"nodes": None},
        {"nodes": [1, {"type": "log"}], "edges": [{"from": "a"}]},
        {"nodes": [{"id": {"a": "b"}}, {"id": 1}], "edges": [{"from": ["a"], "to": {"b": 1}}]},
    ],
)
def test_the_graph_of_a_draft_leaves_out_what_makes_no_sense(broken):
    assert graph_of(broken) == {"nodes": [], "edges": []}


def test_the_next_firing_of_a_pipeline_is_the_earliest_of_its_triggers():
    pipeline = {"name": "a", "description": "", "status": "active", "version": 1, "triggers": [{"type": "cron"}] * 2}
    triggers = [
        {"pipeline": "a", "nextFiring": "2026-11-25T00:00:00Z"},
        {"pipeline": "a", "nextFiring": "2026-11-24T13:00:00Z"},
        {"pipeline": "b", "nextFiring": "2026-11-24T12:30:00Z"},
        {"pipeline": "a", "nextFiring": None},
    ]
    row = pipeline_row(pipeline, [], triggers, NOW)
    assert (row.next_firing, row.triggers, row.last_run) == ("2026-11-24T13:00:00Z", ("cron",), None)


@pytest.mark.parametrize(
    ("type", "settings", "text"),
    [
        ("cron", {"schedule": "0 7 * * *", "timezone": "Asia/Seoul"}, "0 7 * * * (Asia/Seoul)"),
        ("cron", {"schedule": "0 7 * * *", "timezone": None}, "0 7 * * *"),
        ("interval", {"everySeconds": 5400.0}, "every 1h30m"),
        (
            "webhook",
            {"methods": ["POST"], "auth": "bearer", "response": "wait", "waitSeconds": 30.0},
            "POST; bearer authentication; waits up to 30 s",
        ),
        ("event", {"filters": [{"exact": {"type": "x"}}]}, '{"exact": {"type": "x"}}'),
        ("manual", {}, "by hand, or by the API"),
        ("cron", {}, "by hand, or by the API"),
    ],
)
def test_a_trigger_says_what_it_goes_by(type, settings, text):
    assert trigger_text({"type": type, "settings": settings}) == text


def test_a_curl_line_can_be_pasted_into_a_shell():
    line = curl_line(
        "http://x", "hello", "team", {"who": {"default": "it's me"}, "n": {"type": "integer"}}, needs_token=True
    )
    assert "http://x/api/v1/pipelines/hello/invoke?namespace=team" in line
    assert """-d '{"who": "it'\\''s me", "n": 1}'""" in line
    assert '"Authorization: Bearer $FLUME_TOKEN"' in line


def test_samples_show_what_belongs_where_nothing_is_known():
    assert sample_inputs({"a": {"type": "string"}, "b": {"enum": ["x"]}, "c": None}) == {
        "a": "<a>",
        "b": "x",
        "c": "<c>",
    }


def test_log_filters_are_read_from_an_address():
    filters = read_log_filters({"q": "boom", "level": "error", "period": "1h", "node": " fetch "})
    assert filters == LogFilters(text="boom", level="error", period="1h", node="fetch")
    query = filters.api_query(NOW)
    assert (query["q"], query["since"]) == ("boom", "2026-11-24T11:00:00+00:00")
    assert "period" not in query
    assert read_log_filters({"level": "loud"}).is_empty


def test_fields_of_a_log_line_become_text():
    line = {"at": "t", "level": "info", "message": "m", "node": "n", "attempt": 1, "fields": {"count": 3}}
    assert log_line(line).fields == (("count", "3"),)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, "text"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "whole number or nothing"),
        ({"type": ["string", "number"]}, "text or number"),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"type": "array"}, "list"),
        ({"enum": ["a", 1]}, '"a" or 1'),
        ({"const": True}, "true"),
        ({"$ref": "#/$defs/Point"}, "object"),
        (True, "any"),
        ({}, "any"),
    ],
)
def test_a_schema_is_told_in_words(schema, text):
    assert type_text(schema, {"Point": {"type": "object"}}) == text


def test_fields_of_a_schema_say_whether_they_have_to_be_given():
    schema = {"properties": {"a": {"type": "string"}, "b": {"type": "integer", "default": 3}}, "required": ["a"]}
    first, second = schema_fields(schema)
    assert (first.is_required, second.is_required, second.default) == (True, False, "3")
    assert schema_fields(None) == []


def test_node_types_are_grouped_by_category():
    types = [{"category": "b", "name": "x"}, {"category": "a", "name": "z"}, {"category": "a", "name": "y"}]
    assert [(category, [each["name"] for each in group]) for category, group in by_category(types)] == [
        ("a", ["y", "z"]),
        ("b", ["x"]),
    ]


def test_links_keep_the_namespace_and_leave_out_what_is_empty():
    assert (
        link_to("/runs", "default", {"status": ["failed", "running"], "pipeline": ""})
        == "/runs?status=failed&status=running"
    )
    assert link_to("/runs", "team", {}) == "/runs?namespace=team"
    assert link_to("/", "default", {}) == "/"


def test_a_state_from_a_newer_server_is_shown_by_its_word():
    assert status_view("hibernating").label == "Hibernating"


@pytest.mark.parametrize("name", [name for name in STARTERS if name != "empty"])
def test_examples_for_a_new_pipeline_are_valid(name):
    checked = validate(starter(name).encode(), Registry(installed_node_types))
    assert list(checked.problems) == []


def test_the_empty_example_lacks_nothing_but_nodes():
    checked = validate(starter("empty").encode(), Registry(installed_node_types))
    assert [problem.pointer for problem in checked.problems] == ["/nodes"]


def test_an_unknown_example_gives_the_first_one():
    assert starter("../../etc/passwd") == starter("hello")
