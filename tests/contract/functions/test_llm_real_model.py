"""The LLM nodes against a real model behind a real server. What it says is nonsense; the form of it is the point."""

import asyncio
import math
from typing import Any

import pytest

from flume.errors import NodeError
from flume.nodes import NodeSettings, Result
from flume.testing import run_node
from functions.nodes.llm import Embedding, LlmChat, LlmGenerate

pytestmark = pytest.mark.slow

SURE = {"temperature": 0, "seed": 7}


@pytest.fixture(name="run")
def run_fixture(model_server):
    """Runs a node against the server."""

    async def run(
        node_class: Any, inputs: dict[str, Any], config: dict[str, Any] | None = None, **context: Any
    ) -> Result:
        settings = NodeSettings(llm_url=model_server.url)
        return await run_node(
            node_class, {"model": model_server.model, **(config or {})}, inputs, settings=settings, **context
        )

    return run


async def test_pieces_are_shown_as_they_come_and_make_up_the_output(run, model_server) -> None:
    pieces: list[str] = []

    result = await run(
        LlmGenerate,
        {"prompt": "Tell me about the sea.", "system": "Answer in one sentence."},
        {"maxTokens": 12, **SURE},
        progress_sink=pieces.append,
    )

    assert len(pieces) > 5
    assert "".join(pieces) == result.output != ""
    assert result.meta["model"] == model_server.model
    assert result.meta["finishReason"] == "length"
    assert result.meta["usage"]["completionTokens"] == 12
    assert result.meta["usage"]["totalTokens"] == result.meta["usage"]["promptTokens"] + 12
    assert result.meta["ttftMs"] > 0
    assert set(result.meta) == {"model", "usage", "finishReason", "ttftMs"}


async def test_an_answer_taken_whole_is_the_same_and_shows_nothing_before(run) -> None:
    pieces: list[str] = []
    asked = {"prompt": "Tell me about the sea."}

    streamed = await run(LlmGenerate, asked, {"maxTokens": 8, **SURE})
    whole = await run(LlmGenerate, asked, {"maxTokens": 8, "stream": False, **SURE}, progress_sink=pieces.append)

    assert whole.output == streamed.output
    assert whole.meta == {**streamed.meta, "ttftMs": None}
    assert pieces == []


async def test_the_system_text_and_the_options_reach_the_model(run) -> None:
    asked = {"prompt": "Count: one, two, three, four, five."}

    result = await run(LlmGenerate, asked, {"maxTokens": 20, "stop": ["e"], "topP": 0.9, **SURE})

    assert result.meta["finishReason"] == "stop"
    assert "e" not in result.output


async def test_a_chat_goes_on_from_its_messages(run) -> None:
    messages = [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "How are you?"}]},
    ]

    result = await run(LlmChat, {"messages": messages}, {"maxTokens": 6, **SURE})

    assert isinstance(result.output, str)
    assert result.output
    assert result.meta["toolCalls"] == []


@pytest.mark.parametrize("stream", [True, False])
async def test_a_schema_makes_the_output_an_object_that_fits_it(run, stream: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"animal": {"enum": ["cat", "dog"]}, "legs": {"type": "integer", "minimum": 2, "maximum": 4}},
        "required": ["animal", "legs"],
        "additionalProperties": False,
    }
    asked = {"messages": [{"role": "user", "content": "Name an animal as JSON."}]}

    result = await run(LlmChat, asked, {"responseFormat": schema, "maxTokens": 60, "stream": stream, **SURE})

    assert result.output["animal"] in ("cat", "dog")
    assert result.output["legs"] in (2, 3, 4)


async def test_json_that_was_cut_off_is_bad_output_that_says_how_to_mend_it(run) -> None:
    schema = {"type": "object", "properties": {"story": {"type": "string", "minLength": 300}}, "required": ["story"]}
    asked = {"messages": [{"role": "user", "content": "Tell a story as JSON."}]}

    with pytest.raises(NodeError, match="raise maxTokens") as failed:
        await run(LlmChat, asked, {"responseFormat": schema, "maxTokens": 5, **SURE})

    assert (failed.value.code, failed.value.retryable) == ("bad-model-output", True)


async def test_tools_are_understood_by_the_server(run) -> None:
    tool = {
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    }
    call = {"id": "1", "name": "weather", "arguments": {"city": "Busan"}}
    messages = [
        {"role": "user", "content": "Weather in Busan?"},
        {"role": "assistant", "toolCalls": [call]},
        {"role": "tool", "toolCallId": "1", "content": "rain"},
    ]

    result = await run(LlmChat, {"messages": messages}, {"tools": [tool], "maxTokens": 4, **SURE})

    assert isinstance(result.output, str)


async def test_a_text_becomes_a_vector_and_a_list_becomes_vectors_in_its_order(run, model_server) -> None:
    texts = ["the sea is deep", "the ocean is deep", "invoice 4711"]

    several = await run(Embedding, {"input": texts})
    single = await run(Embedding, {"input": texts[2]})

    assert [len(vector) for vector in several.output] == [576] * 3
    assert single.output == pytest.approx(several.output[2], abs=1e-3)
    assert likeness(several.output[0], several.output[1]) > likeness(several.output[0], several.output[2])
    assert single.meta["model"] == model_server.model
    assert single.meta["usage"]["promptTokens"] > 0


async def test_a_prompt_longer_than_the_context_fails_for_good_and_is_not_quoted(run, model_server) -> None:
    with pytest.raises(NodeError) as failed:
        await run(LlmGenerate, {"prompt": "confidential " * 1200})

    assert (failed.value.code, failed.value.retryable) == ("context-overflow", False)
    assert f"model '{model_server.model}' at {model_server.url}" in str(failed.value)
    assert "1024 tokens" in str(failed.value)
    assert "confidential" not in str(failed.value)


@pytest.mark.parametrize("option", [{"maxTokens": 0}, {"max_token": 5}, {"temperature": "hot"}, {"topK": 4}])
async def test_an_option_that_is_unknown_or_out_of_range_is_bad_input(run, option: dict[str, Any]) -> None:
    with pytest.raises(NodeError, match=f"/config/{next(iter(option))}") as failed:
        await run(LlmGenerate, {"prompt": "x"}, option)

    assert (failed.value.code, failed.value.retryable) == ("bad-input", False)


async def test_many_nodes_share_the_server_at_the_same_time(run) -> None:
    results = await asyncio.gather(
        *(run(LlmGenerate, {"prompt": f"Say {number}."}, {"maxTokens": 4, **SURE}) for number in range(6))
    )

    assert all(result.meta["usage"]["completionTokens"] <= 4 for result in results)


def likeness(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.hypot(*one) / math.hypot(*other)
