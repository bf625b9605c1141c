"""The HTTP face of a function process: a bare ASGI application, since a framework costs more time to start than all else."""

import hmac
import re
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from eventing.bare_http import Message, Receive, Send, answer, headers_of, problem, read_body, respond
from eventing.cloudevents import CloudEvent, MalformedEventError, decode_one, encode_binary
from eventing.datarefs import INLINE_MOST
from flume.errors import NodeError, NotFoundError, TooLargeError
from functions.runtime import CutShortError, DrainingError, FullError, GoneError, Runtime

MAX_BODY = INLINE_MOST + 64 * 1024
"""Bytes of an event that is taken; larger data travels apart."""

MAX_DIRECT_BODY = 8 * 1024 * 1024
"""Bytes of an event that is taken where nothing keeps data apart."""

MAX_HEAD = 32 * 1024
"""Bytes of all headers of a request."""

_PORT = re.compile(r":[0-9]*\Z")

_METHODS = {
    "/": frozenset({"POST"}),
    "/warm": frozenset({"POST"}),
    "/healthz": frozenset({"GET", "HEAD"}),
    "/readyz": frozenset({"GET", "HEAD"}),
    "/metrics": frozenset({"GET", "HEAD"}),
}


class Courier(Protocol):
    """Brings and takes the data of events that is kept apart."""

    async def whole(self, event: CloudEvent) -> CloudEvent:
        """The event with its data."""
        ...

    async def travelling(self, event: CloudEvent) -> CloudEvent:
        """The event as it can travel."""
        ...


class FunctionApp:
    """Serves a runtime.

    ``courier`` None: there is no orchestrator to keep large data, so it travels with the event. ``hosts`` are the names by
    which it may be called, None for any: on a machine with a browser a web page could reach it by a name of its own. ``key`` is
    what orders have to carry as their bearer token, empty for nothing.
    """

    def __init__(
        self,
        runtime: Runtime,
        courier: Courier | None,
        is_ready: Callable[[], bool],
        *,
        hosts: Collection[str] | None = None,
        key: str = "",
    ) -> None:
        self._runtime = runtime
        self._courier = courier
        self._is_ready = is_ready
        self._hosts = hosts
        self._key = key.encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            raise ValueError(f"a function takes HTTP alone, not {scope['type']}")
        head = headers_of(scope)
        if sum(len(name) + len(value) + 4 for name, value in head) > MAX_HEAD:
            await problem(send, 431, f"the headers are larger than {MAX_HEAD:,} bytes")
        elif not self._is_known_as(head):
            await problem(send, 421, "a function on this machine is called by a loopback address or as localhost")
        elif (methods := _METHODS.get(scope["path"])) is None:
            await problem(send, 404, "a function takes events at POST /")
        elif scope["method"] not in methods:
            await problem(send, 405, f"{scope['path']} takes {' and '.join(sorted(methods))}", allow=methods)
        else:
            await self._serve(scope["path"], head, receive, send)

    async def _serve(self, path: str, head: Sequence[tuple[str, str]], receive: Receive, send: Send) -> None:
        match path:
            case "/":
                await self._invoke(head, receive, send)
            case "/warm":
                await answer(send, 204)
            case "/healthz":
                await answer(send, 200, b"ok\n")
            case "/readyz":
                await self._ready(send)
            case _:
                await answer(send, 200, self._metrics(), content_type="text/plain; version=0.0.4")

    def _is_known_as(self, head: Sequence[tuple[str, str]]) -> bool:
        if self._hosts is None:
            return True
        given = [value.lower() for name, value in head if name == "host"]
        return len(given) == 1 and _PORT.sub("", given[0]) in self._hosts

    async def _ready(self, send: Send) -> None:
        if self._is_ready() and not self._runtime.is_draining:
            await answer(send, 200, b"ready\n")
        else:
            await answer(send, 503, b"not ready\n", retry_after="1")

    def _is_allowed(self, head: Sequence[tuple[str, str]]) -> bool:
        if not self._key:
            return True
        given = [value.encode() for name, value in head if name == "authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], b"Bearer " + self._key)

    async def _invoke(self, head: Sequence[tuple[str, str]], receive: Receive, send: Send) -> None:
        if not self._is_allowed(head):
            detail = "an order for this process carries its key: Authorization: Bearer FLUME_FUNCTION_KEY"
            await problem(send, 401, detail, authenticate="Bearer")
            return
        try:
            event = decode_one(head, await read_body(receive, MAX_BODY if self._courier else MAX_DIRECT_BODY))
            headers, body = encode_binary(await self._answer_to(event))
        except TooLargeError as error:
            await problem(send, 413, str(error))
        except (MalformedEventError, NodeError) as error:
            await self._refuse(error, send)
        except NotFoundError as error:
            await problem(send, 404, str(error))
        except GoneError as error:
            await problem(send, 410, str(error))
        except FullError as error:
            await problem(send, 429, str(error), retry_after="1")
        except DrainingError as error:
            await problem(send, 503, str(error), retry_after="1")
        except CutShortError as error:
            # Not 503, which says that it was not begun and so counts as no try.
            await problem(send, 500, str(error))
        except ConnectionError as error:
            await problem(send, 502, f"the data of the event can't be had or kept now: {error}", retry_after="1")
        else:
            await respond(send, 200, headers, body)

    async def _refuse(self, error: MalformedEventError | NodeError, send: Send) -> None:
        if isinstance(error, NodeError) and error.retryable:
            await problem(send, 502, f"the data of the event is not there now: {error}", retry_after="1")
        else:
            await problem(send, 413 if error.code == "too-large" else 400, str(error))

    async def _answer_to(self, event: CloudEvent) -> CloudEvent:
        if self._courier is None:
            return await self._runtime.answer(event)
        answer = await self._runtime.answer(await self._courier.whole(event))
        return await self._courier.travelling(answer)

    def _metrics(self) -> bytes:
        lines = (
            "# TYPE flume_function_events_total counter",
            f"flume_function_events_total {self._runtime.taken}",
            "# TYPE flume_function_in_flight gauge",
            f"flume_function_in_flight {self._runtime.in_flight}",
        )
        return ("\n".join(lines) + "\n").encode()
