"""Node types that make one value out of another."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, model_validator

from flume.errors import DefinitionError, ExpressionError, NodeError
from flume.nodes import Node, NodeConfig, NodeInput, Rendering


class JsonTransform(Node):
    """Picks and reshapes data, by a JMESPath expression or by a mapping of templates."""

    name = "json-transform"
    category = "Transform"
    icon = "braces"
    pure = True
    renderings: ClassVar[Mapping[str, Rendering]] = {
        "expression": Rendering.VERBATIM,
        "mapping": Rendering.SCOPED,
    }

    class Config(NodeConfig):
        """One of the two. Templates of ``mapping`` see ``data`` by name."""

        expression: str | None = None
        mapping: Any = None

        @model_validator(mode="after")
        def _has_one(self) -> "JsonTransform.Config":
            if (self.expression is None) == ("mapping" not in self.model_fields_set):
                raise ValueError("give either 'expression' or 'mapping'")
            return self

    class Input(NodeInput):
        """What the expression searches."""

        data: Any = None

    async def execute(self, input: Input) -> Any:
        """Search the data; a mapping arrives rendered and is the result."""
        if self.config.expression is None:
            return self.config.mapping
        # Here, as the YAML reader below: a function that serves templates starts without either library.
        from functions.nodes.bounded_jmespath import search

        try:
            return search(self.config.expression, input.data)
        except ExpressionError as error:
            raise NodeError(f"/config/expression: {error.reason}", code="template-error", retryable=False) from error


class Template(Node):
    """Fills a text template, and reads the text as JSON or YAML if asked to."""

    name = "template"
    category = "Transform"
    icon = "file-code"
    pure = True
    renderings: ClassVar[Mapping[str, Rendering]] = {"template": Rendering.DOCUMENT}

    class Config(NodeConfig):
        """The template sees this node's inputs by name, beside the names that every template sees."""

        template: str
        format: Literal["text", "json", "yaml"] = "text"

    class Input(NodeInput):
        """Names for the template."""

        model_config = ConfigDict(extra="allow")

    async def execute(self, input: Input) -> Any:
        """Read the text, which arrives rendered."""
        match self.config.format:
            case "json":
                return _read_json(self.config.template)
            case "yaml":
                return _read_yaml(self.config.template)
            case _:
                return self.config.template


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise _not_of_format("JSON", reason) from None


def _read_yaml(text: str) -> Any:
    if not text.strip():
        return None
    from flume.source import read_source

    try:
        return read_source(text, format="yaml").value
    except DefinitionError as error:
        problem = error.problems[0]
        where = f" in line {problem.line}" if problem.line else ""
        raise _not_of_format("YAML", f"{problem.message}{where}") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _not_of_format(name: str, reason: str) -> NodeError:
    return NodeError(f"the rendered template is not {name}: {reason}", code="bad-format", retryable=False)
