"""What an orchestrator offers to its functions over HTTP: reports are taken, and large data is kept and given.

A bare ASGI application, so that it can also stand alone beside a single run. Whoever calls shows the token of an attempt: in
the event itself at ``POST /events``, as a Bearer token with ``Flume-Attempt`` at ``/api/v1/payloads/{id}``.
"""

import asyncio
from collections.abc import Mapping

import orjson

from eventing.bare_http import Message, Receive, Send, answer, headers_of, problem, read_body, respond
from eventing.cloudevents import decode
from eventing.datarefs import PAYLOAD_MOST
from flume.errors import NotFoundError, RequestError, StoreError, TooLargeError, UnavailableError
from orchestrator.node_reports import NodeReports
from orchestrator.payload_exchange import PayloadExchange

EVENTS = "/events"
PAYLOADS = "/api/v1/payloads/"

MOST_REPORTS = 8 * 1024 * 1024
"""Bytes of a batch of reports."""

EXCHANGES = 4
"""Payloads that are read or written at a time, since each is in memory as a whole meanwhile."""

BODY_TIMEOUT_S = 120.0


class FunctionEndpoints:
    """Answers functions. ``payload_most`` is how many bytes a payload may have."""

    def __init__(self, reports: NodeReports, exchange: PayloadExchange, *, payload_most: int = PAYLOAD_MOST) -> None:
        self._reports = reports
        self._exchange = exchange
        self._payload_most = payload_most
        self._room = asyncio.Semaphore(EXCHANGES)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            raise ValueError(f"functions call by HTTP alone, not by {scope['type']}")
        path, method = scope["path"], scope["method"]
        try:
            if path == EVENTS and method == "POST":
                await self._take_reports(scope, receive, send)
            elif path.startswith(PAYLOADS) and method in ("GET", "PUT"):
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    await self._exchange_payload(scope, receive, send)
            elif path == EVENTS or path.startswith(PAYLOADS):
                allow = ("POST",) if path == EVENTS else ("GET", "PUT")
                await problem(send, 405, f"{path} takes {' and '.join(allow)}", allow=allow)
            else:
                await problem(send, 404, f"functions call {EVENTS} and {PAYLOADS}")
        except NotFoundError as error:
            await problem(send, 404, str(error))
        except TooLargeError as error:
            await problem(send, 413, str(error))
        except RequestError as error:
            await problem(send, 400, str(error))
        except TimeoutError:
            await problem(send, 408, f"the payload was not whole within {BODY_TIMEOUT_S:g} s")
        except (StoreError, UnavailableError) as error:
            await problem(send, 503, str(error), retry_after="1")

    async def _take_reports(self, scope: Message, receive: Receive, send: Send) -> None:
        events = decode(headers_of(scope), await read_body(receive, MOST_REPORTS, what="the batch"))
        gone = await self._reports.take(events)
        if gone:
            await respond(send, 410, {"content-type": "application/json"}, orjson.dumps({"gone": gone}))
        else:
            await answer(send, 202)

    async def _exchange_payload(self, scope: Message, receive: Receive, send: Send) -> None:
        payload, headers = scope["path"].removeprefix(PAYLOADS), dict(headers_of(scope))
        is_put = scope["method"] == "PUT"
        attempt = self._exchange.admit(headers.get("flume-attempt", ""), _token(headers), payload, writes=is_put)
        async with self._room:
            if is_put:
                content = await read_body(receive, self._payload_most, what="the payload")
                await self._exchange.keep(attempt, payload, content)
                await answer(send, 204)
            else:
                content = await self._exchange.fetch(payload)
                await respond(send, 200, {"content-type": "application/json"}, content)


def _token(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
