from typing import Any

import jsonschema_rs
import pytest

from flume.schema import pipeline_schema

DOCUMENT: dict[str, Any] = {
    "apiVersion": "flume/v1",
    "kind": "Pipeline",
    "metadata": {"name": "p", "labels": {"a": "b"}},
    "triggers": [
        {"type": "manual"},
        {"type": "webhook", "auth": {"type": "bearer", "secret": "{{secrets.A}}"}},
        {"type": "cron", "schedule": "@daily", "data": None},
        {"type": "interval", "every": 90},
        {"type": "event", "attributes": {"type": "x"}},
    ],
    "inputs": {"topic": {"type": "string", "default": None}, "n": {"type": "array", "items": {"minimum": 1}}},
    "timeout": "1h",
    "nodes": [
        {"id": "a", "type": "x", "when": True, "retry": {"attempts": 2, "delay": "1s"}, "resources": {"cpu": 1}},
        {"id": "each", "type": "loop", "config": {"body": {"nodes": [{"id": "in-1", "type": "x"}]}}},
    ],
    "edges": [{"from": "a", "to": "each", "port": True}],
    "layout": {"a": {"x": 1, "y": 2.5}},
}


def places(document: dict[str, Any]) -> list[str]:
    validator = jsonschema_rs.Draft202012Validator(pipeline_schema())
    return ["/".join(map(str, error.instance_path)) for error in validator.iter_errors(document)]


def test_a_valid_document_passes() -> None:
    assert places(DOCUMENT) == []


def test_its_own_example_passes() -> None:
    (example,) = pipeline_schema()["examples"]
    assert places(example) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"apiVersion": "v1"}, "apiVersion"),
        ({"extra": 1}, ""),
        ({"metadata": {"name": "No"}}, "metadata/name"),
        ({"triggers": [{"type": "cron"}]}, "triggers/0"),
        ({"triggers": [{"type": "nope"}]}, "triggers/0"),
        ({"nodes": [{"id": "a", "type": "x", "retry": {"attempts": 0}}]}, "nodes/0/retry/attempts"),
        ({"nodes": [{"id": "a", "type": "x", "runon": "cpu"}]}, "nodes/0"),
        (
            {"nodes": [{"id": "a", "type": "loop", "config": {"body": {"nodes": [{"id": "b"}]}}}]},
            "nodes/0/config/body/nodes/0",
        ),
        ({"edges": [{"from": "a"}]}, "edges/0"),
    ],
)
def test_what_is_wrong_is_marked_where_it_stands(change: dict[str, Any], place: str) -> None:
    assert places({**DOCUMENT, **change}) == [place]


def test_the_triggers_are_told_apart_by_their_type() -> None:
    schema = pipeline_schema()
    choices = schema["properties"]["triggers"]["items"]["oneOf"]
    types = [schema["$defs"][choice["$ref"].rpartition("/")[2]]["properties"]["type"]["const"] for choice in choices]
    assert types == ["manual", "webhook", "cron", "interval", "event"]


def test_every_key_that_a_person_writes_is_described() -> None:
    schema = pipeline_schema()
    assert "Model" not in str(schema)
    bare = [
        f"{name}.{key}"
        for name, definition in {"Pipeline": schema, **schema["$defs"]}.items()
        for key, declared in definition.get("properties", {}).items()
        if "description" not in declared and "$ref" not in declared and "const" not in declared
    ]
    assert [key for key in bare if not key.startswith(("ValueSchema.", "Input.", "Point."))] == []


def test_each_call_gives_a_schema_of_its_own() -> None:
    pipeline_schema()["$defs"].clear()
    assert pipeline_schema()["$defs"]
