"""Node types that decide where a run goes on, set its variables, and repeat a body."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator

from flume.errors import ExpressionError, NodeError
from flume.expressions import Budget, is_true
from flume.expressions.rendering import equal
from flume.nodes import Iterate, Node, NodeConfig, NodeInput, Rendering, Result, Role
from flume.nodes.invocation import MAX_ITEMS
from flume.nodes.types import ERROR

DEFAULT_PORT = "default"
"""The port of a switch when no case fits."""


class Condition(Node):
    """Goes on by `true` or `false`, as the expression says."""

    name = "condition"
    category = "Logic"
    icon = "git-branch"
    pure = True
    ports = ("true", "false")
    renderings: ClassVar[Mapping[str, Rendering]] = {"expression": Rendering.EXPRESSION}
    Output = bool

    class Config(NodeConfig):
        """The expression; its value is true, false, null, a number or a list. Text is an error."""

        expression: Any

    async def execute(self, input: NodeInput) -> Result:
        """Choose the port."""
        try:
            holds = is_true(self.config.expression)
        except ExpressionError as error:
            raise NodeError(f"/config/expression: {error.reason}", code="bad-input", retryable=False) from error
        return Result(holds, port="true" if holds else "false")


class Switch(Node):
    """Goes on by the port of the first case that equals the value, or by `default`."""

    name = "switch"
    category = "Logic"
    icon = "split"
    pure = True
    renderings: ClassVar[Mapping[str, Rendering]] = {"value": Rendering.EXPRESSION}
    Output = str

    class Config(NodeConfig):
        """``cases`` maps a port's name to the value it stands for, or to a list of such values."""

        value: Any
        cases: dict[str, Any] = Field(min_length=1)

        @field_validator("cases")
        @classmethod
        def _leaves_reserved_ports_alone(cls, cases: dict[str, Any]) -> dict[str, Any]:
            for reserved in (ERROR, DEFAULT_PORT, ""):
                if reserved in cases:
                    raise ValueError(f"a case can't be called '{reserved}'")
            return cases

    @staticmethod
    def ports(config: Mapping[str, Any]) -> tuple[str, ...]:
        """A port per case, and `DEFAULT_PORT`."""
        cases = config.get("cases")
        return (*(cases if isinstance(cases, Mapping) else ()), DEFAULT_PORT)

    async def execute(self, input: NodeInput) -> Result:
        """Choose the port; as in JSON, 1 and 1.0 are equal, 1 and true or "1" are not."""
        budget = Budget()
        for port, wanted in self.config.cases.items():
            values = wanted if isinstance(wanted, list) else [wanted]
            if any(equal(self.config.value, value, budget) for value in values):
                return Result(port, port=port)
        return Result(DEFAULT_PORT, port=DEFAULT_PORT)


class VariableSet(Node):
    """Sets variables for the nodes downstream."""

    name = "variable-set"
    category = "Logic"
    icon = "variable"
    pure = True
    role = Role.VARIABLES

    class Input(NodeInput):
        """Names and values."""

        model_config = ConfigDict(extra="allow")

    async def execute(self, input: Input) -> dict[str, Any]:
        """Give the names and values as they are."""
        return dict(input.model_extra or {})


class Loop(Node):
    """Runs its body for each item of a list, a number of times, or while a condition holds."""

    name = "loop"
    category = "Logic"
    icon = "repeat"
    role = Role.LOOP
    lanes = ("engine",)  # the engine runs the body, wherever the body's nodes run
    renderings: ClassVar[Mapping[str, Rendering]] = {
        "body": Rendering.VERBATIM,
        "while": Rendering.DEFERRED,
        "max": Rendering.CONSTANT,
        "concurrency": Rendering.CONSTANT,
        "onItemError": Rendering.CONSTANT,
    }

    class Config(NodeConfig):
        """How the body is repeated; ``times``, or ``while`` with ``max``, take the place of ``inputs.items``."""

        body: dict[str, Any]
        concurrency: int = Field(default=10, ge=1, le=1000)
        on_item_error: Literal["fail", "collect"] = "fail"
        times: int | None = Field(default=None, ge=0, le=MAX_ITEMS)
        while_: str | bool | None = Field(default=None, alias="while")
        max: int | None = Field(default=None, ge=1, le=MAX_ITEMS)

    class Input(NodeInput):
        """The items, each of which the body sees as ``item``."""

        items: list[Any] | None = Field(default=None, max_length=MAX_ITEMS)

    async def execute(self, input: Input) -> Iterate:
        """Say what to iterate over. Exactly one of ``items``, ``times`` and ``while`` must be given.

        Validation saw to that already, and that ``while`` has its ``max``; a template may have given null since.
        """
        given = {
            "inputs.items": "items" in input.model_fields_set,
            "config.times": self.config.times is not None,
            "config.while": self.config.while_ is not None,
        }
        chosen = [name for name, is_given in given.items() if is_given]
        if len(chosen) != 1:
            found = " and ".join(chosen) or "none"
            raise NodeError(f"give exactly one of {', '.join(given)}; found {found}", code="bad-input", retryable=False)
        if given["inputs.items"] and input.items is None:
            raise NodeError("/inputs/items: null is not a list", code="bad-input", retryable=False)
        return Iterate(items=input.items, times=self.config.times)
