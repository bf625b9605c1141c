"""The LLM nodes against a server that misbehaves on purpose: what each failure is called, and what its message says and hides."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flume.errors import NodeError
from flume.nodes import NodeSettings, Result
from flume.testing import run_node
from functions.nodes import llm_client
from functions.nodes.llm import Embedding, LlmChat, LlmGenerate

Answer = Callable[[Any, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Answer], Awaitable[Any]]
Reply = Callable[..., Answer]

KEY = "key-which-nobody-may-see"
PROMPT = "the patient's name is Kim Min-jun and nobody may know about it"
MESSAGES = {"messages": [{"role": "user", "content": PROMPT}]}
CLOSED = "http://127.0.0.1:9/v1"
"""The discard service, which runs nowhere any more."""


async def generate(url: str, config: dict[str, Any] | None = None, **context: Any) -> Result:
    return await ask(LlmGenerate, url, {"prompt": PROMPT}, config, **context)


async def ask(
    node_class: Any, url: str, inputs: dict[str, Any], config: dict[str, Any] | None = None, **context: Any
) -> Result:
    settings = NodeSettings(llm_url=url, llm_api_key=context.pop("key", KEY))
    return await run_node(node_class, {"model": "tiny", **(config or {})}, inputs, settings=settings, **context)


async def fail(
    url: str, config: dict[str, Any] | None = None, run: Callable[..., Awaitable[Result]] = generate, **context: Any
) -> NodeError:
    with pytest.raises(NodeError) as failed:
        await run(url, config, **context)
    message = str(failed.value)
    assert "Kim Min-jun" not in message
    assert KEY not in message
    return failed.value


def kind(error: NodeError) -> tuple[str, bool | None]:
    return error.code, error.retryable


def piece(text: str | None = None, finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text, **delta}, "finish_reason": finish}
    return event({"object": "chat.completion.chunk", "model": "tiny-1", "choices": [choice]})


def event(value: Any) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def streaming(*parts: bytes, then: Callable[[], Awaitable[Any]] | None = None, breaks: bool = False) -> Answer:
    """A stream whose parts arrive one by one; then ``then`` is awaited, and the stream ends or the connection breaks."""

    async def answer(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for part in parts:
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await writer.drain()
            await asyncio.sleep(0)
        if then is not None:
            await then()
        if breaks:
            writer.transport.abort()
        else:
            writer.write(b"0\r\n\r\n")

    return answer


def answering(status: str, body: Any, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()

    async def answer(asked: Any, writer: asyncio.StreamWriter) -> None:
        fields = {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(content)}\r\n{lines}\r\n".encode() + content)

    return answer


def refusing(status: str, message: str, **error: Any) -> Answer:
    return answering(status, {"error": {"message": message, "type": "error", **error}})


async def test_the_request_says_what_was_configured_and_carries_key_and_trace(serve: Serve) -> None:
    server = await serve(streaming(piece("Hi"), piece(finish="stop"), DONE))

    await generate(
        f"{server.url}/v1",
        {"maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stop": ["END"], "seed": 3},
        idempotency_key="run/each[3].write/1",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )

    (asked,) = server.asked
    assert asked.target == "/v1/chat/completions"
    assert asked.headers["idempotency-key"] == "run/each[3].write/1"
    assert asked.headers["traceparent"] == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(asked.body) == {
        "model": "tiny",
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 3,
        "messages": [{"role": "user", "content": PROMPT}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_without_a_key_none_is_sent(serve: Serve) -> None:
    server = await serve(refusing("404 Not Found", "The model `tiny` does not exist."))

    await fail(f"{server.url}/v1", key="")

    assert [asked.target for asked in server.asked] == ["/v1/chat/completions", "/v1/models"]
    assert all("authorization" not in asked.headers for asked in server.asked)


async def test_chunks_that_split_a_character_lose_nothing(serve: Serve) -> None:
    whole = piece("바다 🌊 ") + piece("깊다") + piece(finish="stop") + DONE
    server = await serve(streaming(*(whole[at : at + 1] for at in range(len(whole)))))
    pieces: list[str] = []

    result = await generate(f"{server.url}/v1", progress_sink=pieces.append)

    assert result.output == "바다 🌊 깊다"
    assert pieces == ["바다 🌊 ", "깊다"]


async def test_halves_of_a_character_that_were_sent_apart_are_joined(serve: Serve) -> None:
    halves = [piece("A").replace(b'"A"', half) for half in (rb'"\ud83c"', rb'"\udf0a"', rb'"\ud83c"')]
    server = await serve(streaming(*halves, piece(finish="stop"), DONE))

    assert (await generate(f"{server.url}/v1")).output == "🌊\ufffd"


async def test_meta_tells_model_usage_reason_and_time_to_the_first_piece(serve: Serve) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}
    server = await serve(streaming(piece(role="assistant"), piece("Hi"), piece(finish="length"), event(usage), DONE))

    meta = (await generate(f"{server.url}/v1")).meta

    assert meta["ttftMs"] >= 0
    assert {**meta, "ttftMs": None} == {
        "model": "tiny-1",
        "usage": {"promptTokens": 7, "completionTokens": 2, "totalTokens": 9},
        "finishReason": "length",
        "ttftMs": None,
    }


async def test_a_model_s_name_is_bounded(serve: Serve) -> None:
    server = await serve(streaming(piece("Hi", finish="stop").replace(b"tiny-1", b"/models" * 100)))

    assert len((await generate(f"{server.url}/v1")).meta["model"]) == 200


async def test_calls_of_tools_come_in_pieces_and_their_arguments_are_parsed(serve: Serve) -> None:
    def call(index: int, **function: str) -> dict[str, Any]:
        return {"index": index, "id": f"call-{index}", "type": "function", "function": function}

    server = await serve(
        streaming(
            piece(tool_calls=[call(0, name="weather", arguments="")]),
            piece(tool_calls=[{"index": 0, "function": {"arguments": '{"city": "Bu'}}]),
            piece(tool_calls=[{"index": 0, "function": {"arguments": 'san"}'}}]),
            piece(tool_calls=[call(1, name="time", arguments="")]),
            piece(tool_calls=[call(2, name="broken", arguments="{oops")]),
            piece(finish="tool_calls"),
            DONE,
        )
    )
    tools = [{"function": {"name": "weather", "parameters": {"type": "object"}}}]

    result = await ask(LlmChat, f"{server.url}/v1", MESSAGES, {"tools": tools})

    assert result.meta["toolCalls"] == [
        {"id": "call-0", "name": "weather", "arguments": {"city": "Busan"}},
        {"id": "call-1", "name": "time", "arguments": {}},
        {"id": "call-2", "name": "broken", "arguments": "{oops"},
    ]
    assert (result.output, result.meta["finishReason"]) == ("", "tool_calls")
    assert json.loads(server.asked[0].body)["tools"] == [{"type": "function", **tools[0]}]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "toolCalls": [{"id": "1", "name": "f", "arguments": {"a": "é"}}]},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a": "é"}'}}]},
    ],
)
async def test_calls_of_tools_go_back_to_the_server_in_its_own_form(serve: Serve, message: dict[str, Any]) -> None:
    server = await serve(streaming(piece("Hi"), piece(finish="stop"), DONE))
    answer = {"role": "tool", "toolCallId": "1", "content": "9", "cached": True}

    await ask(LlmChat, f"{server.url}/v1", {"messages": [message, answer]})

    assert json.loads(server.asked[0].body)["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "é"}'}}],
        },
        {"role": "tool", "content": "9", "tool_call_id": "1", "cached": True},
    ]


async def test_calls_of_tools_that_meta_can_not_hold_are_bad_output(serve: Serve) -> None:
    huge = {"index": 0, "id": "1", "function": {"name": "f", "arguments": json.dumps({"a": "x" * 16_000})}}
    server = await serve(streaming(piece(tool_calls=[huge]), piece(finish="tool_calls"), DONE))

    error = await fail(f"{server.url}/v1", run=chat)

    assert kind(error) == ("bad-model-output", True)


async def chat(url: str, config: dict[str, Any] | None = None, **context: Any) -> Result:
    return await ask(LlmChat, url, MESSAGES, config, **context)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Sure! Here is it", "not JSON: Expecting value at character 0"),
        ('{"n": 1', "not JSON: Expecting ',' delimiter at character 7"),
        ('{"n": NaN}', "NaN and infinity are not JSON"),
        ("[" * 100_000, "too deep"),
        ('{"n": "Kim Min-jun"}', "/n does not fit 'type' of responseFormat"),
        ("{}", "the answer does not fit 'required' of responseFormat: 'n' is missing"),
    ],
)
async def test_an_answer_that_does_not_fit_the_schema_may_be_tried_again(serve: Serve, text: str, problem: str) -> None:
    server = await serve(streaming(piece(text), piece(finish="stop"), DONE))
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    error = await fail(f"{server.url}/v1", {"responseFormat": schema}, run=chat)

    assert kind(error) == ("bad-model-output", True)
    assert problem in str(error)
    assert f"model 'tiny' at {server.url}/v1" in str(error)


async def test_a_model_that_wants_a_tool_first_owes_no_object_yet(serve: Serve) -> None:
    call = {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}
    server = await serve(streaming(piece(tool_calls=[call]), piece(finish="tool_calls"), DONE))

    assert (await chat(f"{server.url}/v1", {"responseFormat": {"type": "object"}})).output is None


@pytest.mark.parametrize("schema", [{"type": "no-such"}, {"type": "json_schema"}])
async def test_a_response_format_that_is_no_schema_is_bad_input(schema: dict[str, Any]) -> None:
    error = await fail(CLOSED, {"responseFormat": schema}, run=chat)

    assert kind(error) == ("bad-input", False)
    assert "/config/responseFormat" in str(error)


async def test_a_schema_is_not_fetched_from_anywhere(serve: Serve) -> None:
    server = await serve(answering("200 OK", {"type": "object"}))

    error = await fail(CLOSED, {"responseFormat": {"$ref": f"{server.url}/schema.json"}}, run=chat)

    assert kind(error) == ("bad-input", False)
    assert server.asked == []


@pytest.mark.parametrize("node_class", [LlmGenerate, LlmChat, Embedding])
async def test_a_refused_connection_names_model_and_url_without_credentials(node_class: Any) -> None:
    inputs = {LlmGenerate: {"prompt": PROMPT}, LlmChat: MESSAGES, Embedding: {"input": PROMPT}}[node_class]

    with pytest.raises(NodeError) as failed:
        await ask(node_class, "http://kim:secret@127.0.0.1:9/v1?token=secret", inputs)

    assert kind(failed.value) == ("connection", True)
    assert str(failed.value) == "model 'tiny' at http://127.0.0.1:9/v1: can't connect: Connection refused"


async def test_a_stream_cut_in_the_middle_is_a_broken_connection(serve: Serve) -> None:
    server = await serve(streaming(piece("Once upon"), breaks=True))
    pieces: list[str] = []

    error = await fail(f"{server.url}/v1", progress_sink=pieces.append)

    assert kind(error) == ("connection", True)
    assert pieces == ["Once upon"]


@pytest.mark.parametrize("parts", [(piece("Once upon"),), (piece("Once upon"), DONE), ()])
async def test_a_stream_that_ends_without_a_finish_is_cut_too(serve: Serve, parts: tuple[bytes, ...]) -> None:
    server = await serve(streaming(*parts))

    error = await fail(f"{server.url}/v1")

    assert kind(error) == ("connection", True)
    assert "ended in the middle" in str(error)


async def test_a_reset_before_the_answer_is_a_broken_connection(serve: Serve) -> None:
    async def reset(asked: Any, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await serve(reset)

    assert kind(await fail(f"{server.url}/v1")) == ("connection", True)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [(), (piece("Once"),)])
async def test_a_silent_server_fails_at_the_deadline_and_its_connection_is_closed(
    serve: Serve, parts: tuple[bytes, ...]
) -> None:
    closed = asyncio.Event()

    async def silent(asked: Any, writer: asyncio.StreamWriter) -> None:
        await streaming(*parts, then=writer_closed(writer, closed))(asked, writer)

    server = await serve(silent)
    deadline = datetime.now(UTC) + timedelta(seconds=0.3)

    error = await fail(f"{server.url}/v1", deadline=deadline, clock=lambda: datetime.now(UTC))

    assert kind(error) == ("timeout", True)
    assert "no complete answer within 0." in str(error)
    async with asyncio.timeout(5):
        await closed.wait()


async def test_cancelling_the_node_closes_the_stream(serve: Serve) -> None:
    closed, begun = asyncio.Event(), asyncio.Event()

    async def endless(asked: Any, writer: asyncio.StreamWriter) -> None:
        await streaming(piece("Once"), then=writer_closed(writer, closed))(asked, writer)

    server = await serve(endless)
    task = asyncio.create_task(generate(f"{server.url}/v1", progress_sink=lambda text: begun.set()))
    async with asyncio.timeout(5):
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed.wait()


def writer_closed(writer: asyncio.StreamWriter, closed: asyncio.Event) -> Callable[[], Awaitable[None]]:
    """Writes comments, which mean nothing to the reader, until the other side is gone."""

    async def wait() -> None:
        try:
            while True:
                writer.write(b"3\r\n:\n\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            closed.set()
            raise

    return wait


@pytest.mark.parametrize(
    ("field", "wait"),
    [
        ("7", timedelta(seconds=7)),
        ("Thu, 01 Jan 2026 00:00:30 GMT", timedelta(seconds=30)),
        ("99999999", timedelta(hours=1)),
        ("soon", None),
    ],
)
async def test_too_many_requests_may_be_tried_again_after_the_wait_that_was_asked_for(
    serve: Serve, field: str, wait: timedelta | None
) -> None:
    body = {"error": {"message": "slow down"}}
    server = await serve(answering("429 Too Many Requests", body, retry_after=field))

    error = await fail(f"{server.url}/v1")

    assert (*kind(error), error.retry_after) == ("http-status", True, wait)
    assert str(error) == f"model 'tiny' at {server.url}/v1: answered 429: slow down"
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "http-status", False),
        (401, "unauthorized", False),
        (403, "unauthorized", False),
        (408, "http-status", True),
        (409, "http-status", True),
        (418, "http-status", False),
        (422, "http-status", False),
        (425, "http-status", True),
        (500, "http-status", True),
        (503, "http-status", True),
    ],
)
async def test_the_status_decides_whether_another_attempt_may_help(
    serve: Serve, status: int, code: str, retryable: bool
) -> None:
    server = await serve(refusing(f"{status} Whatever", "no"))

    error = await fail(f"{server.url}/v1")

    assert kind(error) == (code, retryable)
    assert f"answered {status}: no" in str(error)


async def test_a_wrong_key_is_said_to_be_wrong_and_not_shown(serve: Serve) -> None:
    server = await serve(refusing("401 Unauthorized", f"Incorrect API key provided: {KEY}."))

    error = await fail(f"{server.url}/v1")

    assert "answered 401: Incorrect API key provided: ….; set VLLM_API_KEY" in str(error)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "too long", "code": "context_length_exceeded"},
        {"message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"},
        {"message": "The decoder prompt (length 5000) is longer than the maximum model length of 4096."},
        {"message": "too long", "type": "exceed_context_size_error"},
        {"message": "The input (5000 tokens) is longer than the model's context length (4096 tokens)."},
    ],
)
async def test_a_context_overflow_fails_for_good_however_a_server_says_it(serve: Serve, error: dict[str, Any]) -> None:
    server = await serve(answering("400 Bad Request", {"error": error}))

    failed = await fail(f"{server.url}/v1")

    assert kind(failed) == ("context-overflow", False)
    assert error["message"] in str(failed)
    assert "lower maxTokens" in str(failed)


async def test_a_context_overflow_within_a_stream_is_one_too(serve: Serve) -> None:
    server = await serve(streaming(event({"error": {"code": 400, "message": "the context length is 4096"}})))

    assert kind(await fail(f"{server.url}/v1")) == ("context-overflow", False)


def knowing(*models: str, refusal: Answer) -> Answer:
    """Lists these models, and refuses all else."""
    listing = answering("200 OK", {"object": "list", "data": [{"id": name, "object": "model"} for name in models]})

    async def answer(asked: Any, writer: asyncio.StreamWriter) -> None:
        await (listing if asked.method == "GET" else refusal)(asked, writer)

    return answer


UNKNOWN = refusing("404 Not Found", "The model `tiny` does not exist.", type="NotFoundError", code=404)


async def test_an_unknown_model_fails_for_good_and_names_those_the_server_has(serve: Serve) -> None:
    server = await serve(knowing("llama", "qwen", refusal=UNKNOWN))

    error = await fail(f"{server.url}/v1")

    assert kind(error) == ("unknown-model", False)
    where = f"model 'tiny' at {server.url}/v1"
    assert str(error) == f"{where}: answered 404: The model `tiny` does not exist.; the server has: llama, qwen"


async def test_of_many_models_only_some_are_named(serve: Serve) -> None:
    server = await serve(knowing(*(f"m{number}" for number in range(15)), refusal=UNKNOWN))

    assert "the server has: m0, m1, m2, m3, m4, m5, m6, m7, m8, m9 and 5 more" in str(await fail(f"{server.url}/v1"))


@pytest.mark.parametrize(
    "refusal",
    [refusing("400 Bad Request", "unknown", code="model_not_found"), streaming(event({"error": {"code": 404}}))],
)
async def test_an_unknown_model_is_known_by_its_code_too(serve: Serve, refusal: Answer) -> None:
    server = await serve(knowing("llama", refusal=refusal))

    error = await fail(f"{server.url}/v1")

    assert kind(error) == ("unknown-model", False)
    assert "the server has: llama" in str(error)


async def test_an_unknown_model_is_one_also_where_models_are_not_listed(serve: Serve) -> None:
    server = await serve(UNKNOWN)

    error = await fail(f"{server.url}/v1")

    assert kind(error) == ("unknown-model", False)
    assert "no list of its models" in str(error)


async def test_a_path_that_is_not_there_is_told_from_an_unknown_model(serve: Serve) -> None:
    server = await serve(answering("404 Not Found", {"detail": "Not Found"}))

    error = await fail(server.url)

    assert kind(error) == ("bad-response", False)
    assert "answered 404: Not Found; VLLM_URL has to end before /chat/completions, usually with /v1" in str(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"message": "out of memory", "code": 500}, ("http-status", True)),
        ({"message": "out of memory"}, ("server-error", True)),
        ("out of memory", ("server-error", True)),
        ({"message": "bad tool", "code": 400}, ("http-status", False)),
    ],
)
async def test_an_error_within_a_stream_counts_like_a_status(
    serve: Serve, error: Any, expected: tuple[str, bool]
) -> None:
    server = await serve(streaming(piece("Once"), event({"error": error})))

    failed = await fail(f"{server.url}/v1")

    assert kind(failed) == expected
    assert (error if isinstance(error, str) else error["message"]) in str(failed)


GARBAGE = [
    answering("200 OK", b"<html>Welcome</html>", content_type="text/html"),
    answering("200 OK", b"\xff\xfe\x00", content_type="application/json"),
    answering("200 OK", b"[" * 100_000, content_type="application/json"),
    answering("200 OK", [1, 2]),
    answering("200 OK", {"choices": "none"}),
    answering("200 OK", {"choices": []}),
    answering("200 OK", {"data": [{"index": 0}]}),
    answering("200 OK", {"data": []}),
    answering("200 OK", {"data": [{"index": 1, "embedding": [0.5]}]}),
    answering("200 OK", {"data": [{"index": 0, "embedding": ["x"]}]}),
]


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize("form", ["streamed", "whole", "embedding"])
async def test_what_is_no_answer_of_the_api_fails_for_good(serve: Serve, body: Answer, form: str) -> None:
    server = await serve(body)
    run = {"streamed": generate, "whole": generate, "embedding": embed}[form]

    error = await fail(f"{server.url}/v1", {"stream": False} if form == "whole" else {}, run=run)

    assert kind(error) == ("bad-response", False)
    assert "no answer of the OpenAI API" in str(error)


@pytest.mark.parametrize(
    "data", [b"data: {oops\n\n", b"data: [1, 2]\n\n", b'data: {"choices": 5}\n\n', b"data: \xff\n\n"]
)
async def test_garbage_within_a_stream_fails_for_good(serve: Serve, data: bytes) -> None:
    server = await serve(streaming(piece("Once"), data))

    assert kind(await fail(f"{server.url}/v1")) == ("bad-response", False)


async def embed(url: str, config: dict[str, Any] | None = None, **context: Any) -> Result:
    return await ask(Embedding, url, {"input": PROMPT}, config, **context)


async def test_vectors_come_in_the_order_of_the_texts_whatever_the_server_sends(serve: Serve) -> None:
    data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1]}]
    body = {"model": "tiny-1", "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    server = await serve(answering("200 OK", body))

    result = await ask(Embedding, f"{server.url}/v1", {"input": ["a", "b"]}, {"dimensions": 1})

    assert result.output == [[1.0], [2.0]]
    assert result.meta == {"model": "tiny-1", "usage": {"promptTokens": 4, "totalTokens": 4}}
    assert json.loads(server.asked[0].body) == {
        "model": "tiny",
        "dimensions": 1,
        "input": ["a", "b"],
        "encoding_format": "float",
    }


async def test_no_texts_are_no_vectors_and_no_call() -> None:
    assert (await ask(Embedding, CLOSED, {"input": []})).output == []


async def test_a_redirect_is_not_followed(serve: Serve) -> None:
    target = await serve(streaming(piece("Hi"), piece(finish="stop"), DONE))
    server = await serve(answering("307 Temporary Redirect", b"", location=f"{target.url}/v1/chat/completions"))

    error = await fail(f"{server.url}/v1")

    assert kind(error) == ("http-status", False)
    assert "set VLLM_URL to where it redirects" in str(error)
    assert target.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": f"bad prompt: '{PROMPT}'"}},
        {"error": f"bad prompt: {PROMPT[:30]}"},
        {"detail": [{"loc": ["body"], "msg": f"bad: {PROMPT[9:50]}", "input": PROMPT}]},
        f"bad prompt {PROMPT}".encode(),
    ],
)
async def test_what_a_server_repeats_of_the_prompt_is_not_passed_on(serve: Serve, body: Any) -> None:
    server = await serve(answering("400 Bad Request", body))

    error = await fail(f"{server.url}/v1")

    assert "answered 400: bad" in str(error)
    assert "patient" not in str(error)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": PROMPT},
        {"role": "user", "content": [{"type": "text", "text": PROMPT}]},
        {"role": "assistant", "toolCalls": [{"id": "1", "name": "f", "arguments": {"said": PROMPT}}]},
    ],
)
async def test_what_a_server_repeats_of_a_chat_is_not_passed_on(serve: Serve, message: dict[str, Any]) -> None:
    async def repeating(asked: Any, writer: asyncio.StreamWriter) -> None:
        await refusing("400 Bad Request", f"bad: {asked.body.decode()}")(asked, writer)

    server = await serve(repeating)

    with pytest.raises(NodeError, match="answered 400: bad") as failed:
        await ask(LlmChat, f"{server.url}/v1", {"messages": [message]})

    assert "patient" not in str(failed.value)


async def test_a_long_refusal_is_shortened(serve: Serve) -> None:
    server = await serve(refusing("500 Internal Server Error", "x" * 100_000))

    assert str(await fail(f"{server.url}/v1")).endswith(f"answered 500: {'x' * 499}…")


@pytest.mark.parametrize("url", ["", "vllm:8000/v1", "ftp://vllm/v1", "http://", "http://vllm:99999/v1"])
async def test_without_a_url_the_message_says_which_setting_to_set(url: str) -> None:
    error = await fail(url)

    assert kind(error) == ("no-llm-server", False)
    assert "VLLM_URL" in str(error)


async def test_the_client_is_opened_beside_the_loop_which_its_import_would_hold_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[threading.Thread] = []
    monkeypatch.setattr(llm_client, "open_server", lambda settings: threads.append(threading.current_thread()))

    await LlmGenerate.setup(NodeSettings())

    assert threads != [threading.current_thread()]


@pytest.mark.slow
async def test_an_answer_without_an_end_is_given_up(serve: Serve) -> None:
    server = await serve(streaming(*[piece("x" * 1_000_000)] * 18))

    error = await fail(f"{server.url}/v1")

    assert kind(error) == ("too-large", False)
