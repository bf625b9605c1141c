"""Node types that ask a language model: they speak the OpenAI API to vLLM or whatever server `VLLM_URL` names.

The client takes half a second to import, so the first node's `setup` does that, in a thread; describing the types needs none of
it.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from flume.errors import NodeError
from flume.nodes import ALL_SECRETS, Node, NodeConfig, NodeInput, NodeSettings, Result
from flume.nodes.invocation import MAX_META_BYTES
from flume.values import JsonObject, JsonValue
from functions.nodes.llm_answers import Answer, BadAnswerError
from functions.nodes.llm_requests import (
    GenerationConfig,
    JsonSchema,
    Message,
    Tool,
    read_structured,
    response_format,
)

if TYPE_CHECKING:
    from functions.nodes.llm_client import LlmServer

_META_RESERVE = 2 * 1024
"""Bytes of meta for all but tool calls."""


class _LlmNode(Node):
    category = "AI"
    run_on = "gpu"
    lanes = ("gpu", "cpu", "engine")
    # The server batches what it is asked at the same time: one request after another would waste it.
    concurrency = 64
    secrets = (ALL_SECRETS,)

    @classmethod
    async def setup(cls, settings: NodeSettings) -> Any:
        """One client per process for nodes of this type."""
        return await asyncio.to_thread(_open_server, settings)

    @classmethod
    async def teardown(cls, shared: Any) -> None:
        """Close the connections."""
        await shared.aclose()

    async def _generate(self, body: JsonObject, private: Sequence[str]) -> Answer:
        from functions.nodes.llm_client import Request

        server: LlmServer = self.shared
        ask = server.stream if self.config.stream else server.complete
        return await ask(Request(body, private), self.context)


class LlmGenerate(_LlmNode):
    """Has a language model write text for a prompt. What it writes is shown while it comes."""

    name = "llm-generate"
    icon = "sparkles"
    Output: ClassVar[Any] = str

    class Config(GenerationConfig):
        """Which model, and how it chooses its words."""

    class Input(NodeInput):
        """What to write about; ``system`` says how."""

        prompt: str = Field(min_length=1)
        system: str | None = None

    async def execute(self, input: Input) -> Result:
        """Ask, and give the text."""
        system = [{"role": "system", "content": input.system}] if input.system else []
        messages = [*system, {"role": "user", "content": input.prompt}]
        answer = await self._generate(
            {**self.config.options(), "messages": messages}, (input.prompt, input.system or "")
        )
        return Result(answer.text, meta=_meta_of(answer))


class LlmChat(_LlmNode):
    """Has a language model answer a chat; its output is the text, or the value that the response format asks for."""

    name = "llm-chat"
    icon = "message-square"
    Output: ClassVar[Any] = Any

    class Config(GenerationConfig):
        """Which model, what tools it may ask for, and the JSON Schema that its answer has to fit."""

        tools: list[Tool] = Field(default_factory=list)
        response_format: JsonSchema | None = None

    class Input(NodeInput):
        """The chat so far."""

        messages: list[Message] = Field(min_length=1)

    async def execute(self, input: Input) -> Result:
        """Ask, and give the answer; calls of tools are in ``meta.toolCalls``, for the pipeline to make."""
        answer = await self._generate(self._body(input), [text for each in input.messages for text in each.texts()])
        return Result(self._output(answer), meta={**_meta_of(answer), "toolCalls": _bounded_calls(answer)})

    def _body(self, input: Input) -> JsonObject:
        body = {**self.config.options(), "messages": [message.on_wire() for message in input.messages]}
        if self.config.tools:
            body["tools"] = [tool.model_dump(exclude_none=True) for tool in self.config.tools]
        if self.config.response_format is not None:
            body["response_format"] = response_format(self.config.response_format)
        return body

    def _output(self, answer: Answer) -> JsonValue:
        if self.config.response_format is None:
            return answer.text
        if answer.tool_calls and not answer.text:
            return None
        try:
            return read_structured(answer.text, self.config.response_format)
        except BadAnswerError as error:
            cut = "; it was cut off, so raise maxTokens" if answer.finish_reason == "length" else ""
            raise _bad_model_output(answer, f"{error}{cut}") from None


class Embedding(_LlmNode):
    """Turns text into a vector, or a list of texts into a list of vectors."""

    name = "embedding"
    icon = "binary"
    Output: ClassVar[Any] = list[float] | list[list[float]]

    class Config(NodeConfig):
        """Which model. ``dimensions`` shortens the vectors, if the model can."""

        model: str = Field(min_length=1)
        dimensions: int | None = Field(default=None, ge=1)

    class Input(NodeInput):
        """A text, or a list of texts."""

        input: str | list[str]

    async def execute(self, input: Input) -> Result:
        """Ask, and give the vectors in the order of the texts."""
        texts = [input.input] if isinstance(input.input, str) else input.input
        if not texts:
            return Result([], meta={"model": self.config.model, "usage": None})
        from functions.nodes.llm_client import Request

        server: LlmServer = self.shared
        options = self.config.model_dump(by_alias=False, exclude_none=True)
        embedded = await server.embed(Request({**options, "input": texts}, texts), self.context)
        output = embedded.vectors[0] if isinstance(input.input, str) else embedded.vectors
        return Result(output, meta={"model": embedded.model, "usage": embedded.usage})


def _open_server(settings: NodeSettings) -> "LlmServer":
    from functions.nodes.llm_client import open_server

    return open_server(settings)


def _meta_of(answer: Answer) -> JsonObject:
    return {
        "model": answer.model,
        "usage": answer.usage,
        "finishReason": answer.finish_reason,
        "ttftMs": answer.ttft_ms,
    }


def _bounded_calls(answer: Answer) -> list[JsonValue]:
    size = len(json.dumps(answer.tool_calls, ensure_ascii=False).encode())
    if size > MAX_META_BYTES - _META_RESERVE:
        raise _bad_model_output(answer, f"tool calls of {size:,} bytes, more than meta can hold")
    return list(answer.tool_calls)


def _bad_model_output(answer: Answer, problem: str) -> NodeError:
    """Another attempt may help: models seldom answer twice the same."""
    return NodeError(f"{answer.source}: {problem}", code="bad-model-output", retryable=True)
