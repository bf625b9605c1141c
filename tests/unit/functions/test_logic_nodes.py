from datetime import UTC, datetime
from typing import Any

import pytest

from flume.errors import NodeError
from flume.nodes import Iterate, Rendering, Role
from flume.nodes.describe import describe
from flume.testing import outcome_of, run_node
from functions.nodes.logic import Condition, Loop, Switch, VariableSet


@pytest.mark.parametrize(
    ("value", "port"),
    [(True, "true"), (False, "false"), (None, "false"), (0, "false"), (2.5, "true"), ([], "false"), ([0], "true")],
)
async def test_a_condition_leaves_by_the_truth_of_its_value(value: object, port: str) -> None:
    result = await run_node(Condition, {"expression": value})

    assert (result.port, result.output) == (port, port == "true")


@pytest.mark.parametrize("value", ["false", "", "yes", datetime(2026, 1, 1, tzinfo=UTC)])
async def test_text_as_a_condition_is_an_error(value: object) -> None:
    with pytest.raises(NodeError, match="/config/expression") as failed:
        await run_node(Condition, {"expression": value})

    assert failed.value.retryable is False


@pytest.mark.parametrize(
    ("value", "port"),
    [
        ("b", "letters"),
        (1, "one"),
        (1.0, "one"),
        (True, "truth"),
        ("1", "default"),
        (None, "nothing"),
        ([1], "default"),
        ({"a": 1}, "object"),
    ],
)
async def test_a_switch_leaves_by_the_first_equal_case(value: object, port: str) -> None:
    cases = {"letters": ["a", "b"], "one": 1, "truth": True, "nothing": None, "object": {"a": 1.0}, "late": "b"}

    result = await run_node(Switch, {"value": value, "cases": cases})

    assert (result.port, result.output) == (port, port)


@pytest.mark.parametrize("reserved", ["error", "default", ""])
async def test_a_case_can_not_take_a_reserved_port(reserved: str) -> None:
    with pytest.raises(NodeError, match="/config/cases"):
        await run_node(Switch, {"value": 1, "cases": {reserved: 1}})


@pytest.mark.parametrize(
    ("config", "ports"),
    [
        ({"cases": {"a": 1, "b": 2}}, ("a", "b", "default")),
        ({"cases": {"a": 1, "error": 2}}, ("a", "default")),
        ({"cases": {1: 2}}, ("default",)),
        ({"cases": "{{ x }}"}, ("default",)),
        ({"cases": None}, ("default",)),
        ({}, ("default",)),
    ],
)
def test_a_switch_has_a_port_per_case_whatever_its_config_holds(config: Any, ports: tuple[str, ...]) -> None:
    assert describe(Switch).ports_for(config) == ports


async def test_variable_set_gives_its_names_and_values() -> None:
    result = await run_node(VariableSet, inputs={"model": "a", "when": datetime(2026, 1, 1, tzinfo=UTC), "deep": [1]})

    assert result.output == {"model": "a", "when": "2026-01-01T00:00:00Z", "deep": [1]}
    assert describe(VariableSet).role is Role.VARIABLES


async def test_a_loop_iterates_over_items_times_or_while() -> None:
    body = {"nodes": [], "edges": []}

    assert await outcome_of(Loop, {"body": body}, {"items": [1, 2]}) == Iterate(items=[1, 2])
    assert await outcome_of(Loop, {"body": body, "times": 3}) == Iterate(times=3)
    assert await outcome_of(Loop, {"body": body, "while": "index < 3", "max": 5}) == Iterate()


@pytest.mark.parametrize(
    ("config", "inputs", "complaint"),
    [
        ({}, {}, "found none"),
        ({"times": 1}, {"items": []}, r"found inputs\.items and config\.times"),
        ({"times": 100_001}, {}, "/config/times"),
        ({"concurrency": 0, "times": 1}, {}, "/config/concurrency"),
        ({"onItemError": "ignore", "times": 1}, {}, "/config/onItemError"),
        ({}, {"items": None}, "/inputs/items"),
        ({}, {"items": "abc"}, "/inputs/items"),
        ({}, {"items": [0] * 100_001}, "/inputs/items"),
    ],
)
async def test_a_loop_without_exactly_one_bounded_source_is_refused(
    config: dict[str, Any], inputs: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(NodeError, match=complaint) as failed:
        await outcome_of(Loop, {"body": {}, **config}, inputs)

    assert (failed.value.code, failed.value.retryable) == ("bad-input", False)


def test_a_loop_keeps_its_body_and_condition_from_being_rendered() -> None:
    loop = describe(Loop)

    assert loop.rendering_of("body") is Rendering.VERBATIM
    assert loop.rendering_of("while") is Rendering.DEFERRED
    assert loop.rendering_of("times") is Rendering.VALUE
    assert {loop.rendering_of(key) for key in ("max", "concurrency", "onItemError")} == {Rendering.CONSTANT}
    assert loop.role is Role.LOOP
    assert loop.lanes == ("engine",)
