"""What the LLM nodes are configured with and given, and how it goes to the server.

Pipelines write camelCase, the OpenAI API snake_case; messages and tool calls that come from elsewhere may be in the API's form.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import jsonschema_rs
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from flume.nodes import NodeConfig, NodeInput
from flume.problems import join_pointer
from flume.values import JsonObject, JsonValue
from functions.nodes.llm_answers import BadAnswerError, parse_json

_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1_000_000)
"""Regular expressions in linear time: the schema may come from anywhere."""


class GenerationConfig(NodeConfig):
    """What the generating types share. What is left out is up to the server."""

    model: str = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    stop: str | list[str] | None = None
    seed: int | None = None
    stream: bool = True

    def options(self) -> JsonObject:
        """The fields of the request that follow from it."""
        return self.model_dump(
            include={"model", "max_tokens", "temperature", "top_p", "stop", "seed"}, by_alias=False, exclude_none=True
        )


class ToolFunction(NodeConfig):
    """A function that the model may ask for. ``parameters`` is the JSON Schema of its arguments."""

    name: str = Field(pattern="^[A-Za-z0-9_.-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(NodeConfig):
    """A tool in the form of the OpenAI API."""

    type: Literal["function"] = "function"
    function: ToolFunction


def _check_schema(schema: dict[str, Any]) -> dict[str, Any]:
    try:
        _validator(schema)
    except ValueError as error:
        place = join_pointer("", *getattr(error, "instance_path", ()))
        raise ValueError(f"not a JSON Schema that can be used here{f', at {place}' if place else ''}") from None
    return schema


JsonSchema = Annotated[dict[str, Any], AfterValidator(_check_schema)]


class ToolCall(NodeInput):
    """A model's wish to have a tool called, as ``meta.toolCalls`` holds it."""

    id: str
    name: str
    arguments: Any = None

    @model_validator(mode="before")
    @classmethod
    def _from_the_api(cls, given: Any) -> Any:
        """The API's form, ``{id, type, function: {name, arguments}}``, is taken too."""
        if isinstance(given, Mapping) and isinstance(given.get("function"), Mapping):
            return {"id": given.get("id"), **given["function"]}
        return given

    def on_wire(self) -> JsonObject:
        """As the server wants it: arguments are text."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments_text}}

    @property
    def arguments_text(self) -> str:
        """The arguments as the model wrote them, or as JSON."""
        return (
            self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments or {}, ensure_ascii=False)
        )


class Message(NodeInput):
    """A message of a chat. ``content`` is text or a list of parts; further fields go to the server as they are."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None

    def on_wire(self) -> JsonObject:
        """As the server wants it."""
        known = self.model_dump(include={"role", "content", "tool_call_id"}, by_alias=False, exclude_none=True)
        calls = {"tool_calls": [call.on_wire() for call in self.tool_calls]} if self.tool_calls else {}
        return {**(self.model_extra or {}), "content": None, **known, **calls}

    def texts(self) -> Iterator[str]:
        """What it says: nothing of it may show in a message about a failure."""
        yield from _texts_in(self.content)
        for call in self.tool_calls or ():
            yield call.arguments_text


def response_format(schema: JsonObject) -> JsonObject:
    """The field that asks for an answer that fits ``schema``."""
    return {"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}


def read_structured(text: str, schema: JsonObject) -> JsonValue:
    """The value that an answer holds. Raises `BadAnswerError`, which names the place and the rule and shows no value."""
    value = parse_json(text)
    for error in _validator(schema).iter_errors(value):
        place = join_pointer("", *error.instance_path) or "the answer"
        missing = f": '{error.kind.property}' is missing" if error.kind.name == "required" else ""
        raise BadAnswerError(f"{place} does not fit '{error.kind.name}' of responseFormat{missing}")
    return value


def _validator(schema: JsonObject) -> Any:
    return jsonschema_rs.validator_for(dict(schema), pattern_options=_PATTERNS, offline=True)


def _texts_in(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)
