"""The one client with which the nodes of a type speak to their model server, by the OpenAI API.

Importing this module takes half a second and thirty megabytes, nearly all of it `openai`: only `setup` of the nodes imports it.
The client never retries by itself: a node's own retry does, which waits in the store and is bounded by the pipeline.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai

from flume.errors import NodeError
from flume.nodes import NodeContext, NodeSettings
from flume.values import JsonObject
from functions.nodes.llm_answers import (
    MAX_NAME_LENGTH,
    Answer,
    Assembly,
    BadAnswerError,
    Embedded,
    SentCompletion,
    SentEmbeddings,
)
from functions.nodes.llm_errors import (
    Call,
    cut_short,
    failure_of,
    is_about_model,
    no_api,
    not_found,
    timed_out,
    too_long,
)
from functions.nodes.llm_quotes import shown_url

CONNECT_TIMEOUT_S = 10.0
"""Of a connection alone. How long an answer may take is bounded by the attempt's deadline and nothing else."""

MAX_ANSWER_LENGTH = 16 * 1024 * 1024
"""Characters of a streamed answer."""

_LISTING_TIMEOUT = timedelta(seconds=5)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What the server is sent. ``private`` are the texts in ``body`` that no message may show."""

    body: JsonObject = field(repr=False)
    private: Sequence[str] = field(repr=False)


def open_server(settings: NodeSettings) -> "LlmServer":
    """The server that the settings name. Blocks for half a second at the first call in a process.

    Raises `NodeError` ``no-llm-server`` (permanent) for a URL that is missing or can't be one.
    """
    if not settings.llm_url:
        problem = (
            "there is no model server: set VLLM_URL to one that speaks the OpenAI API, such as http://vllm:8000/v1"
        )
        raise NodeError(problem, code="no-llm-server", retryable=False)
    try:
        parts = urlsplit(settings.llm_url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        problem = "VLLM_URL can't be a server's URL; write it like http://vllm:8000/v1"
        raise NodeError(problem, code="no-llm-server", retryable=False)
    return LlmServer(settings.llm_url, settings.llm_api_key)


class LlmServer:
    """A model server and its pool of connections. May be used by many nodes at once; close it at the end."""

    def __init__(self, url: str, key: str) -> None:
        self._url = shown_url(url)
        self._key = key
        # Redirects are an error: a POST would become a GET, or prompt and key would go where nobody sent them.
        transport = openai.DefaultAsyncHttpx2Client(
            follow_redirects=False, timeout=openai.Timeout(None, connect=CONNECT_TIMEOUT_S)
        )
        self._client = openai.AsyncOpenAI(
            base_url=url,
            api_key=key or "none",  # it insists on one; without a key its header is left out of each call
            max_retries=0,
            timeout=openai.Timeout(None, connect=CONNECT_TIMEOUT_S),
            http_client=transport,
        )
        # The client imports these at their first use; here that happens in the thread that opens it.
        self._completions = self._client.chat.completions
        self._embeddings = self._client.embeddings
        self._models = self._client.models

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def stream(self, request: Request, context: NodeContext) -> Answer:
        """Generate, and report pieces as progress as they come. Raises `NodeError` for every failure."""
        call = self._call(request)
        return await self._within(call, context, lambda: self._stream(request, call, context))

    async def complete(self, request: Request, context: NodeContext) -> Answer:
        """Generate, and take the answer whole. Raises `NodeError` for every failure."""
        call = self._call(request)
        return await self._within(call, context, lambda: self._complete(request, call, context))

    async def embed(self, request: Request, context: NodeContext) -> Embedded:
        """The vectors of the list of texts in ``request.body["input"]``. Raises `NodeError` for every failure."""
        call = self._call(request)
        return await self._within(call, context, lambda: self._embed(request, call, context))

    async def _stream(self, request: Request, call: Call, context: NodeContext) -> Answer:
        began, first = time.monotonic(), None
        stream = await self._completions.create(
            **request.body,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=self._headers(context),
        )
        # Leaving the block closes the connection, by which the server knows that nobody wants the rest.
        async with stream:
            content_type = stream.response.headers.get("content-type", "")
            if "text/event-stream" not in content_type:
                raise no_api(call, f"expected a stream of events, and its type is '{content_type[:100]}'")
            assembly = Assembly()
            async for piece in stream:
                text = assembly.add(SentCompletion.model_validate(piece))
                if first is None and assembly.length:
                    first = time.monotonic()
                if text:
                    context.progress(text)
                if assembly.length > MAX_ANSWER_LENGTH:
                    raise too_long(call, MAX_ANSWER_LENGTH)
        if assembly.finish_reason is None:
            raise cut_short(call)
        return assembly.answer(call.source, call.model, round(((first or time.monotonic()) - began) * 1000))

    async def _complete(self, request: Request, call: Call, context: NodeContext) -> Answer:
        sent = SentCompletion.model_validate(
            await self._completions.create(**request.body, extra_headers=self._headers(context))
        )
        if not sent.choices:
            raise no_api(call, "it holds no 'choices'")
        assembly = Assembly()
        assembly.add(sent)
        return assembly.answer(call.source, call.model, None)

    async def _embed(self, request: Request, call: Call, context: NodeContext) -> Embedded:
        # Without a format the client asks for base64, which not every server can give.
        sent = SentEmbeddings.model_validate(
            await self._embeddings.create(**request.body, encoding_format="float", extra_headers=self._headers(context))
        )
        usage = None if sent.usage is None else sent.usage.as_json()
        vectors = sent.in_order(len(request.body["input"]))
        return Embedded(vectors, (sent.model or call.model)[:MAX_NAME_LENGTH], usage)

    def _call(self, request: Request) -> Call:
        return Call(request.body["model"], self._url, (*request.private, self._key))

    def _headers(self, context: NodeContext) -> Mapping[str, str | openai.Omit]:
        headers: dict[str, str | openai.Omit] = {"Idempotency-Key": context.idempotency_key}
        if context.traceparent:
            headers["traceparent"] = context.traceparent
        return {**headers, **self._no_key()}

    def _no_key(self) -> Mapping[str, openai.Omit]:
        return {} if self._key else {"Authorization": openai.Omit()}

    async def _within(self, call: Call, context: NodeContext, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` gives, within the attempt's time. The client's exceptions may hold prompts, so none is passed on."""
        limit = context.remaining
        try:
            async with asyncio.timeout(limit.total_seconds()):
                return await ask()
        except TimeoutError:
            raise timed_out(call, limit) from None
        except openai.APIError as error:
            if is_about_model(error):
                raise not_found(error, call, await self._names(context)) from None
            raise failure_of(error, call, context.clock()) from None
        except BadAnswerError as error:
            raise no_api(call, str(error)) from None
        except (ValueError, RecursionError) as error:
            # All that reads an answer raises one of these: JSON, UTF-8 and pydantic.
            raise no_api(call, f"it can't be read ({type(error).__name__})") from None

    async def _names(self, context: NodeContext) -> Sequence[str]:
        """The models that the server lists. None if it does not say: this is only for a message."""
        limit = min(context.remaining, _LISTING_TIMEOUT)
        try:
            async with asyncio.timeout(limit.total_seconds()):
                page: Any = await self._models.list(extra_headers=self._no_key())
                return [each.id for each in page.data if isinstance(each.id, str)]
        except (TimeoutError, openai.APIError, ValueError, RecursionError, AttributeError, TypeError):
            return ()
