"""What servers of the OpenAI API send, read leniently, and how the pieces of a stream become one answer.

The client's own models check nothing: a field may be missing or of any type. What is read here has the types it says. Servers
differ in what they leave out, so all is optional; that something essential is missing is found where the answer is put together.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from flume.values import BadValueError, JsonObject, JsonValue, check_value


class BadAnswerError(ValueError):
    """What the server sent is not of the OpenAI API, or the model's text is not what was asked for; says how."""


MAX_NAME_LENGTH = 200
"""Characters of a model's name that are shown; some servers give a file's path."""


class _Sent(BaseModel):
    model_config = ConfigDict(from_attributes=True, extra="ignore", protected_namespaces=())


class SentUsage(_Sent):
    """Tokens that were counted."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None

    def as_json(self) -> JsonObject:
        """For ``meta``: in camelCase, what was not counted left out."""
        counted = {
            "promptTokens": self.prompt_tokens,
            "completionTokens": self.completion_tokens,
            "totalTokens": self.total_tokens,
        }
        return {name: count for name, count in counted.items() if count is not None}


class SentFunction(_Sent):
    """A function to call, or a piece of it."""

    name: str | None = None
    arguments: str | None = None


class SentToolCall(_Sent):
    """A call of a tool, or a piece of it. ``index`` tells to which of several calls a piece belongs."""

    index: int | None = None
    id: str | None = None
    function: SentFunction | None = None


class SentMessage(_Sent):
    """An assistant's message, or a piece of it."""

    content: str | None = None
    tool_calls: list[SentToolCall] | None = None


class SentChoice(_Sent):
    """One of the alternatives that were generated; only one is asked for."""

    message: SentMessage | None = None
    delta: SentMessage | None = None
    finish_reason: str | None = None


class SentCompletion(_Sent):
    """A whole completion, or a piece of one."""

    model: str | None = None
    choices: list[SentChoice] | None = None
    usage: SentUsage | None = None


class SentVector(_Sent):
    """The vector of the text at ``index``."""

    index: int
    embedding: list[float]


class SentEmbeddings(_Sent):
    """The vectors of all texts, in any order."""

    model: str | None = None
    data: list[SentVector]
    usage: SentUsage | None = None

    def in_order(self, count: int) -> list[list[float]]:
        """The vectors by index. Raises `BadAnswerError` unless there is one for each of ``count`` texts."""
        by_index = {each.index: each.embedding for each in self.data}
        if len(self.data) != count or by_index.keys() != set(range(count)):
            raise BadAnswerError(f"{len(self.data)} vectors that don't belong to {count} texts one to one")
        return [by_index[index] for index in range(count)]


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors in the order of the texts."""

    vectors: list[list[float]]
    model: str
    usage: JsonObject | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model generated. ``source`` is the model and the server, for messages; ``ttft_ms`` None: it was not streamed.

    Arguments of tool calls are JSON where they can be, else text.
    """

    source: str
    text: str
    tool_calls: Sequence[JsonObject]
    finish_reason: str | None
    model: str
    usage: JsonObject | None
    ttft_ms: int | None = None


@dataclass(slots=True)
class _ToolCall:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def as_json(self) -> JsonObject:
        text = whole_text("".join(self.arguments))
        try:
            arguments = parse_json(text) if text else {}
        except BadAnswerError:
            arguments = text
        return {"id": self.id, "name": self.name, "arguments": arguments}


class Assembly:
    """Puts an answer together, piece by piece. A whole completion counts as one piece."""

    def __init__(self) -> None:
        self.length = 0
        """Characters so far, arguments of tools included; not 0 once the first piece has come."""
        self.finish_reason: str | None = None
        self._texts: list[str] = []
        self._calls: dict[int, _ToolCall] = {}
        self._model = ""
        self._usage: JsonObject | None = None

    def add(self, sent: SentCompletion) -> str:
        """Take a piece; the text in it."""
        self._model = self._model or sent.model or ""
        if sent.usage is not None:
            self._usage = sent.usage.as_json()
        if not sent.choices:
            return ""
        choice = sent.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        message = choice.message or choice.delta or SentMessage()
        for position, call in enumerate(message.tool_calls or ()):
            self._add_call(position if call.index is None else call.index, call)
        text = message.content or ""
        self._texts.append(text)
        self.length += len(text)
        return text

    def answer(self, source: str, model: str, ttft_ms: int | None) -> Answer:
        """All that came. ``model`` is the name that was asked for, in case the server gave none."""
        return Answer(
            source=source,
            text=whole_text("".join(self._texts)),
            tool_calls=tuple(self._calls[index].as_json() for index in sorted(self._calls)),
            finish_reason=self.finish_reason,
            model=(self._model or model)[:MAX_NAME_LENGTH],
            usage=self._usage,
            ttft_ms=ttft_ms,
        )

    def _add_call(self, index: int, sent: SentToolCall) -> None:
        call = self._calls.setdefault(index, _ToolCall())
        call.id = call.id or sent.id or ""
        function = sent.function or SentFunction()
        call.name = call.name or function.name or ""
        call.arguments.append(function.arguments or "")
        self.length += len(function.name or "") + len(function.arguments or "")


def parse_json(text: str) -> JsonValue:
    """JSON that a store can hold. Raises `BadAnswerError`."""
    try:
        value = json.loads(text)
        check_value(value)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else "too deep"
        raise BadAnswerError(f"not JSON: {reason}") from None
    except BadValueError as error:
        raise BadAnswerError(f"not JSON that can be kept: {error}") from None
    return value


def whole_text(text: str) -> str:
    """The text with halves of surrogate pairs joined, which a server may have sent apart, and lone ones replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
