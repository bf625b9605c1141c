"""The orchestrator as the console calls it: over HTTP, or an app in the same process, by the same calls.

Every call is made in somebody's name: `EngineCalls` holds the visitor's token, which goes nowhere else.
"""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp

from console.in_process import CLIENT, InProcessTransport
from flume.errors import FlumeError

logger = logging.getLogger(__name__)

TIMEOUT_S = 30.0

STREAM_SILENCE_S = 60.0
"""A stream that says nothing for so long is dead: a living one sends a comment every 15 s."""

JSON_TYPE = "application/json"


class EngineRefusal(FlumeError):
    """The orchestrator said no. ``status`` is that of HTTP, ``problem`` its whole answer, ``code`` the stable part."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", f"http-{status}"))
        self.hint = str(problem.get("hint") or "")
        super().__init__(str(problem.get("detail") or problem.get("title") or f"the orchestrator answered {status}"))

    @property
    def page_status(self) -> int:
        """The status of a page that tells it: a redirection without a target, for one, would be no page."""
        return self.status if 400 <= self.status < 600 else 502

    @property
    def problems(self) -> list[Mapping[str, Any]]:
        """What is wrong with a document, one by one; empty for other refusals."""
        return list(self.problem.get("problems") or ())


class EngineUnreachable(FlumeError):
    """Nothing answers where the orchestrator should be.

    What it says reaches people who have not logged in, so the address is not in it: that is in the console's log.
    """

    code = "unreachable"

    page_status = 502

    hint = "start it with 'flume orchestrator', or name another in ENGINE_URL; the console's log has more"

    def __init__(self) -> None:
        super().__init__("nothing answers where the orchestrator should be")


@dataclass(frozen=True, slots=True)
class Visitor:
    """In whose name calls are made. ``host`` is the name under which the console was called, ``client`` an address."""

    token: str = field(default="", repr=False)
    namespace: str = "default"
    host: str = ""
    client: str = ""


class Engine:
    """One orchestrator. Close it with `close`; calls may be made concurrently."""

    def __init__(self, url: str, http: httpx.AsyncClient, *, is_in_process: bool = False) -> None:
        self.url = url
        self.is_in_process = is_in_process
        self._http = http

    @classmethod
    def at(cls, url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> "Engine":
        """The one that listens at ``url``."""
        url = url.rstrip("/")
        # A proxy of the environment can't reach this machine's own loopback.
        is_remote = urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1")
        limits = httpx.Limits(max_connections=1000, max_keepalive_connections=50)
        return cls(
            url,
            httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, transport=transport, trust_env=is_remote, limits=limits),
        )

    @classmethod
    def in_process(cls, app: ASGIApp) -> "Engine":
        """An API app in this very process: no port, no socket."""
        url = "http://localhost"
        http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, transport=InProcessTransport(app), trust_env=False)
        return cls(url, http, is_in_process=True)

    def calls(self, visitor: Visitor) -> "EngineCalls":
        """Calls in the name of ``visitor``."""
        return EngineCalls(self, self._http, visitor)

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()


class EngineCalls:
    """Calls of one visitor. Each raises `EngineRefusal` for an answer that is none, and `EngineUnreachable`."""

    def __init__(self, engine: Engine, http: httpx.AsyncClient, visitor: Visitor) -> None:
        self._engine = engine
        self._http = http
        self._visitor = visitor

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON at an address. Query values None, "" and [] are left out."""
        return (await self.send("GET", path, query=query)).json()

    async def get_or(self, default: Any, path: str, **query: Any) -> Any:
        """The same of something that may not exist, or not in this version of the API."""
        try:
            return await self.get(path, **query)
        except EngineRefusal as refusal:
            if refusal.status == 404:
                return default
            raise

    async def text(self, path: str, accept: str = "application/yaml", **query: Any) -> httpx.Response:
        """The text at an address, with its ``ETag``."""
        return await self.send("GET", path, query=query, headers={"Accept": accept})

    async def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """What a POST answers, as JSON; ``body`` None sends none."""
        return (await self.send("POST", path, body=body, query=query)).json()

    async def post_once(self, path: str, body: Any = None, *, key: str) -> Any:
        """The same of something that the orchestrator does once by its key, however often the form is sent; "" is no key."""
        headers = {"Idempotency-Key": key} if key else {}
        return (await self.send("POST", path, body=body, headers=headers)).json()

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """One call; ``body`` is sent as JSON, ``content`` as it is, with the content type in ``headers``."""
        given = {**self._headers(), **(headers or {})}
        if content is None and body is not None:
            content = json.dumps(body, ensure_ascii=False).encode()
            given["Content-Type"] = JSON_TYPE
        request = self._http.build_request(
            method,
            path,
            content=content,
            headers=given,
            params=self._query(query),
            extensions=self._extensions(TIMEOUT_S),
        )
        response = await self._call(request, is_stream=False)
        if not response.is_success:
            raise EngineRefusal(response.status_code, _problem_of(response))
        return response

    @asynccontextmanager
    async def passing(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes | None
    ) -> AsyncIterator[httpx.Response]:
        """A call passed on as it came, whatever it answers; the answer is read piece by piece within the block.

        ``target`` is the path with its query.
        """
        request = self._http.build_request(
            method,
            target,
            content=content,
            headers={**self._headers(), **headers},
            extensions=self._extensions(STREAM_SILENCE_S),
        )
        response = await self._call(request, is_stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def _call(self, request: httpx.Request, *, is_stream: bool) -> httpx.Response:
        try:
            return await self._http.send(request, stream=is_stream)
        except httpx.TimeoutException as error:
            raise self._unreachable("no answer in time") from error
        except httpx.TransportError as error:
            raise self._unreachable(str(error) or type(error).__name__) from error

    def _unreachable(self, reason: str) -> EngineUnreachable:
        logger.warning("the orchestrator does not answer", extra={"engine_url": self._engine.url, "reason": reason})
        return EngineUnreachable()

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": JSON_TYPE, "Accept-Encoding": "identity"}
        if self._visitor.token:
            headers["Authorization"] = f"Bearer {self._visitor.token}"
        if self._engine.is_in_process and self._visitor.host:
            # Links to hooks follow the name under which the server was called.
            headers["Host"] = self._visitor.host
        return headers

    def _extensions(self, read_s: float) -> dict[str, Any]:
        timeout = httpx.Timeout(TIMEOUT_S, read=read_s).as_dict()
        return {"timeout": timeout, CLIENT: self._visitor.client}

    def _query(self, query: Mapping[str, Any] | None) -> dict[str, Any]:
        given = {name: value for name, value in (query or {}).items() if value is not None and value not in ("", [])}
        if self._visitor.namespace == "default":
            return given
        return {**given, "namespace": self._visitor.namespace}


def _problem_of(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
