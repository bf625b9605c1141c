"""The JSON Schema of the flat document, for editors: completion, descriptions, and a first check while typing.

It says less than `flume.document` checks (nothing of dangling edges, cycles or schedules), and forbids only one thing
more: a key that is there but has no value.
"""

from typing import Any

from flume.document_models import BodyModel, PipelineModel
from flume.document_nodes import LOOP

SCHEMA_ID = "https://flume.dev/schemas/pipeline-v1.json"

_EXAMPLE = {
    "apiVersion": "flume/v1",
    "kind": "Pipeline",
    "metadata": {"name": "greeting"},
    "trigger": {"type": "webhook"},
    "nodes": [
        {"id": "fetch", "type": "http-request", "config": {"method": "GET", "url": "https://example.com/name"}},
        {"id": "greet", "type": "template", "config": {"template": "Hello {{ fetch.output }}"}},
    ],
    "edges": [{"from": "fetch", "to": "greet"}],
}


def pipeline_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a ``flume/v1`` document. Each call gives a new dict."""
    schema = PipelineModel.model_json_schema()
    body = BodyModel.model_json_schema()
    body.pop("$defs")
    models = {**schema.pop("$defs"), "BodyModel": body}
    definitions = {_public_name(name): _tidy(value) for name, value in models.items()}
    definitions["Node"]["allOf"] = [_loop_rule()]
    properties = _tidy(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **properties,
        "title": "Flume pipeline",
        "examples": [_EXAMPLE],
        "$defs": definitions,
    }


def _loop_rule() -> dict[str, Any]:
    body = {"properties": {"body": {"$ref": "#/$defs/Body"}}}
    return {
        "if": {"properties": {"type": {"const": LOOP}}, "required": ["type"]},
        "then": {"properties": {"config": body}},
    }


def _public_name(name: str) -> str:
    return name.removesuffix("Model")


def _tidy(value: Any) -> Any:
    """Without the titles that pydantic makes from names, with references by public name, and without null for absence."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _tidy_keyword(key, inner) for key, inner in _without_null(value).items() if not _is_title(key, inner)}


def _is_title(key: str, value: Any) -> bool:
    return key == "title" and isinstance(value, str)


def _tidy_keyword(key: str, value: Any) -> Any:
    match key:
        case "$ref":
            return _public_name(value)
        case "mapping":
            return {name: _public_name(reference) for name, reference in value.items()}
        case "default" | "examples" | "enum" | "const":
            return value
        case "properties":
            return {name: _tidy(declared) for name, declared in value.items()}
        case _:
            return _tidy(value)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a key that may be absent, without the null that stands for its absence in Python."""
    options = schema.get("anyOf", [])
    result = schema
    if len(options) == 2 and options[1] == {"type": "null"}:
        result = {**options[0], **{key: inner for key, inner in schema.items() if key != "anyOf"}}
    if "default" in result and result["default"] in (None, "", {}, []):
        result = {key: inner for key, inner in result.items() if key != "default"}
    return result
