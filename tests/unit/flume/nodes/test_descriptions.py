import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from flume.nodes import Rendering, Role
from flume.nodes.descriptions import BadDescriptionError, as_json, read_description
from flume.nodes.types import NodeType
from flume.pipeline import Lane

WHOLE = NodeType(
    name="whole",
    version=3,
    category="Test",
    description="Does all.",
    lanes=(Lane.GPU, Lane.JOB),
    run_on=Lane.GPU,
    input_schema={"type": "object"},
    output_schema={"type": "string"},
    config_schema={"type": "object", "additionalProperties": False},
    icon="star",
    role=Role.RESPONSE,
    pure=True,
    retryable=False,
    timeout=timedelta(seconds=1.5),
    ports=("yes", "no"),
    renderings={"config.code": Rendering.VERBATIM},
    concurrency=4,
    resources={"gpu": 1},
    image="registry.example.com/whole:1",
    scale={"max": 3},
    secrets=("KEY", "*"),
)
PLAIN = NodeType("plain", 1, "", "", (Lane.CPU,), Lane.CPU, {}, {})


@pytest.mark.parametrize("node_type", [WHOLE, PLAIN], ids=lambda each: each.name)
def test_a_type_is_read_back_as_it_was(node_type: NodeType) -> None:
    assert read_description(json.loads(json.dumps(as_json(node_type)))) == node_type


def test_every_field_that_another_process_could_know_is_described() -> None:
    here_alone = {"implementation", "ports_of_config"}
    named = {"runOn": "run_on", "timeoutSeconds": "timeout"} | {
        f"{part}Schema": f"{part}_schema" for part in ("config", "input", "output")
    }
    told = {named.get(key, key) for key in as_json(WHOLE)}
    assert told == {field.name for field in fields(NodeType)} - here_alone
    # Otherwise the test above would not see that one is lost.
    assert {key for key, value in as_json(WHOLE).items() if value == as_json(PLAIN)[key]} == set()


def test_what_a_newer_flume_says_besides_is_let_pass() -> None:
    assert read_description({**as_json(PLAIN), "color": "blue"}) == PLAIN


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"runOn": "moon"}, "runOn: "), ({"inputSchema": None}, "inputSchema: "), ({"secrets": "KEY"}, "secrets: ")],
)
def test_what_is_no_description_is_refused_with_its_place(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadDescriptionError, match=f"not the description of a node type: {complaint}"):
        read_description({**as_json(PLAIN), **change})
    with pytest.raises(BadDescriptionError, match="the whole: "):
        read_description("plain")


def test_ports_that_follow_from_the_config_show_as_null() -> None:
    assert as_json(replace(PLAIN, ports=None, ports_of_config=lambda config: ("a",)))["ports"] is None
