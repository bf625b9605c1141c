from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

import pytest

from flume.errors import ExpressionError, NodeError
from flume.nodes import Iterate, Node, NodeConfig, NodeInput, NodeOutput, Result, Role, Sleep
from flume.nodes.describe import describe
from flume.nodes.invocation import MAX_ITEMS, as_json, failure, prepare, settle
from flume.nodes.types import NodeType
from flume.testing import context_of_test


class Greet(Node):
    name = "greet"
    ports = ("out", "other")

    class Config(NodeConfig):
        max_length: int = 10

    class Input(NodeInput):
        first_name: str
        ages: list[int] = []  # noqa: RUF012

    def execute(self, input: Input) -> str:
        return f"{input.first_name}, {self.config.max_length}"


class Merged(Node):
    name = "merged"

    class Input(NodeInput):
        a: int
        b: int

    async def execute(self, input: Input) -> int:
        return input.a + input.b


class Shaped(Node):
    name = "shaped"

    class Output(NodeOutput):
        full_name: str
        at: datetime | None = None

    def execute(self, input: NodeInput) -> Any:
        return None


class Repeat(Node):
    name = "repeat"
    role = Role.LOOP

    def execute(self, input: NodeInput) -> Any:
        return None


GREET, MERGED, SHAPED, REPEAT = describe(Greet), describe(Merged), describe(Shaped), describe(Repeat)


def refusal(node_type: NodeType, config: dict[str, Any], inputs: dict[str, Any]) -> str:
    with pytest.raises(NodeError) as refused:
        prepare(node_type, config, inputs, context=context_of_test())
    assert (refused.value.code, refused.value.retryable) == ("bad-input", False)
    return str(refused.value)


def bad_output(node_type: NodeType, returned: object) -> str:
    with pytest.raises(NodeError) as refused:
        settle(node_type, {}, returned)
    assert (refused.value.code, refused.value.retryable) == ("bad-output", False)
    return str(refused.value)


def test_camel_case_and_snake_case_keys_are_both_taken() -> None:
    camel = prepare(GREET, {"maxLength": 3}, {"firstName": "Ada"}, context=context_of_test())
    snake = prepare(GREET, {"max_length": 3}, {"first_name": "Ada"}, context=context_of_test())

    assert camel.node.execute(camel.input) == snake.node.execute(snake.input) == "Ada, 3"
    assert not camel.is_async


def test_the_node_sees_its_context_and_what_the_process_shares() -> None:
    context, shared = context_of_test(attempt=2), object()

    prepared = prepare(MERGED, {"a": 1}, {"b": 2}, context=context, shared=shared)

    assert prepared.node.context is context
    assert prepared.node.shared is shared
    assert prepared.node.config is None
    assert prepared.is_async


def test_a_wrong_value_is_named_by_its_pointer_and_not_shown() -> None:
    assert refusal(GREET, {}, {"firstName": "Ada", "ages": [1, "s3cret"]}).startswith("/inputs/ages/1: ")
    assert "s3cret" not in refusal(GREET, {"maxLength": "s3cret"}, {"firstName": "Ada"})
    assert refusal(GREET, {"maxLength": "s3cret"}, {"firstName": "Ada"}).startswith("/config/maxLength: ")
    assert refusal(GREET, {}, {}).startswith("/inputs/firstName: Field required")


def test_unknown_keys_are_refused() -> None:
    assert refusal(GREET, {"maxLenght": 3}, {"firstName": "Ada"}).startswith("/config/maxLenght: ")


def test_merged_fields_are_named_by_where_they_came_from() -> None:
    assert refusal(MERGED, {"a": "x"}, {"b": 1}).startswith("/config/a: ")
    assert refusal(MERGED, {"a": 1}, {"a": "x", "b": 1}).startswith("/inputs/a: ")
    assert refusal(MERGED, {"a": 1}, {}).startswith("/inputs/b: ")


def test_many_problems_are_counted() -> None:
    assert refusal(MERGED, {}, {str(number): 1 for number in range(5)}).endswith("(and 4 more)")


def test_a_type_without_a_class_can_not_run_here() -> None:
    elsewhere = NodeType("far", 1, "", "", GREET.lanes, GREET.run_on, {}, {})

    with pytest.raises(NodeError, match="'far' runs in a function, and not in this process"):
        prepare(elsewhere, {}, {}, context=context_of_test())


@pytest.mark.parametrize(
    ("returned", "output"),
    [
        (None, None),
        ({"a": [1, 2.5, "x", None, True]}, {"a": [1, 2.5, "x", None, True]}),
        (datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9))), "2026-01-01T00:00:00Z"),
        ({"at": [datetime(2026, 1, 1, 0, 0, 0, 5000, tzinfo=UTC)]}, {"at": ["2026-01-01T00:00:00.005Z"]}),
        (date(2026, 1, 1), "2026-01-01"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Shaped.Output(full_name="Ada"), {"fullName": "Ada", "at": None}),
        ([Shaped.Output(full_name="Ada")], [{"fullName": "Ada", "at": None}]),
    ],
)
def test_what_a_node_returns_becomes_json(returned: object, output: object) -> None:
    assert settle(GREET, {}, returned) == Result(output)


def test_json_is_passed_on_without_a_copy() -> None:
    value = {"a": [1]}

    outcome = settle(GREET, {}, value)

    assert isinstance(outcome, Result)
    assert outcome.output is value


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        (float("nan"), "NaN"),
        ({"a": {"b": 2**63}}, "output/a/b: an integer beyond 64 bits"),
        ({1: 2}, "key 1"),
        ({"a\0": 1}, "NUL"),
        ({"a": {1, 2}}, "output/a: a set"),
        (object(), "a object"),
        ("\ud800", "surrogate"),
    ],
)
def test_what_no_store_could_hold_is_refused(returned: object, complaint: str) -> None:
    assert complaint in bad_output(GREET, returned)


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    assert "nested deeper" in bad_output(GREET, endless)


def test_an_output_is_held_to_its_declaration() -> None:
    assert settle(SHAPED, {}, {"fullName": "Ada"}) == Result({"fullName": "Ada", "at": None})
    assert settle(SHAPED, {}, None) == Result(None)
    assert "output/fullName" in bad_output(SHAPED, {"name": "s3cret"})
    assert "s3cret" not in bad_output(SHAPED, {"fullName": ["s3cret"]})


def test_a_result_keeps_port_and_meta() -> None:
    returned = Result(1, meta={"at": datetime(2026, 1, 1, tzinfo=UTC)}, port="other")

    assert settle(GREET, {}, returned) == Result(1, meta={"at": "2026-01-01T00:00:00Z"}, port="other")


def test_a_port_that_the_node_does_not_have_is_refused() -> None:
    assert "left by port 'third'; it has: out, other" in bad_output(GREET, Result(port="third"))
    assert "raise NodeError" in bad_output(GREET, Result(port="error"))


def test_meta_is_bounded_in_bytes() -> None:
    fits = {"a": "é" * 8100}
    assert settle(GREET, {}, Result(meta=fits)) == Result(meta=fits)

    assert "16,384" in bad_output(GREET, Result(meta={"a": "é" * 8200}))
    assert "meta/a" in bad_output(GREET, Result(meta={"a": float("inf")}))


def test_a_sleep_needs_a_time_zone() -> None:
    until = datetime(2026, 1, 1, tzinfo=UTC)

    assert settle(GREET, {}, Sleep(until, output={"a": 1})) == Sleep(until, output={"a": 1})
    assert "time zone" in bad_output(GREET, Sleep(until.replace(tzinfo=None)))


def test_only_a_loop_iterates_and_only_so_far() -> None:
    assert settle(REPEAT, {}, Iterate(items=[date(2026, 1, 1)])) == Iterate(items=["2026-01-01"])
    assert settle(REPEAT, {}, Iterate(times=MAX_ITEMS)) == Iterate(times=MAX_ITEMS)
    assert settle(REPEAT, {}, Iterate()) == Iterate()
    assert "only a loop" in bad_output(GREET, Iterate(times=1))
    assert "not 100,001" in bad_output(REPEAT, Iterate(times=MAX_ITEMS + 1))
    assert "not -1" in bad_output(REPEAT, Iterate(times=-1))


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (NodeError("x", code="mine"), "mine", True),
        (NodeError("x", retryable=False), "node-error", False),
        (ExpressionError("x"), "template-error", False),
        (TimeoutError(), "timeout", True),
        (ConnectionResetError("x"), "connection", True),
        (ValueError("x"), "exception", True),
    ],
)
def test_an_exception_becomes_a_failure_of_its_kind(error: Exception, code: str, retryable: bool) -> None:
    recorded = failure(GREET, error)

    assert (recorded.code, recorded.retryable) == (code, retryable)
    assert str(recorded)


def test_a_type_that_is_not_retryable_decides_what_its_errors_leave_open() -> None:
    once = describe(type("Once", (Greet,), {"name": "once", "retryable": False}))

    assert failure(once, ValueError("x")).retryable is False
    assert failure(once, NodeError("x")).retryable is False
    assert failure(once, NodeError("x", retryable=True, retry_after=timedelta(seconds=3))).retry_after == timedelta(
        seconds=3
    )


def test_enum_members_become_their_values() -> None:
    class Color(StrEnum):
        RED = "red"

    class Size(Enum):
        BIG = 3

    assert as_json({"c": Color.RED, "s": Size.BIG}) == {"c": "red", "s": 3}
