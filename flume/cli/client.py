"""A client of the HTTP API, as small as the commands need it. What the server says is wrong becomes an error of ours."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from flume.cli.absence import PAUSE_S, Absence, Clock, SystemClock
from flume.errors import DefinitionError, FlumeError
from flume.problems import Problem
from flume.values import JsonValue

TIMEOUT_S = 30.0

STREAM_SILENCE_S = 60.0
"""A stream that says nothing for so long is dead: a living one sends a comment every 15 s."""

MAX_LOST = 5
"""How often a call that has a key is made again because its answer was lost."""

AWAY = (502, 503, 504)
"""What is answered for, or by, a server that is away for a while."""


class ServerError(FlumeError):
    """The server refused. ``code`` is its stable code, ``body`` the whole problem."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("code", f"http-{status}"))
        self.hint = str(body.get("hint") or "")
        super().__init__(str(body.get("detail") or body.get("title") or f"the server answered {status}"))


class UnreachableError(FlumeError):
    """No server answers there."""

    code = "unreachable"

    def __init__(self, url: str, reason: str) -> None:
        self.hint = "start one with 'flume dev' or 'flume orchestrator', or name another with --server or ENGINE_URL"
        super().__init__(f"nothing answers at {url}: {reason}")


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One Server-Sent Event."""

    name: str
    data: Any
    id: str | None


class Client:
    """Calls one server about one namespace. Use it in a ``with`` block."""

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        namespace: str = "default",
        transport: httpx.BaseTransport | None = None,
        clock: Clock = SystemClock(),
    ) -> None:
        self.url = url.rstrip("/")
        self.namespace = namespace
        self.clock = clock
        self._has_answered = False
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=TIMEOUT_S,
            transport=transport,
            # A proxy of the environment can't reach this machine's own loopback.
            trust_env=urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1"),
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at an address. Query values None are left out."""
        return self.send("GET", path, query=query).json()

    def wait_for(self, path: str, **query: Any) -> Any:
        """The JSON at an address; a server that has answered once and is away now is waited for.

        Raises `AwayError` when that takes too long.
        """
        absence = Absence(self.url, self.clock)
        while True:
            try:
                return self.get(path, **query)
            except (ServerError, UnreachableError) as error:
                self._bear(error, absence)

    def text(self, path: str, accept: str = "application/yaml", **query: Any) -> str:
        """The text at an address."""
        return self.send("GET", path, query=query, headers={"Accept": accept}).text

    def post(self, path: str, body: JsonValue = None, **query: Any) -> Any:
        """What a POST answers, as JSON; ``body`` None sends none."""
        return self.send("POST", path, body=body, query=query).json()

    def post_once(self, path: str, body: JsonValue = None, *, key: str) -> Any:
        """What a POST answers that is made again where its answer is lost: by its key the server does it once."""
        for lost in range(MAX_LOST):
            try:
                return self.send("POST", path, body=body, headers={"Idempotency-Key": key}).json()
            except UnreachableError as error:
                if lost == 0 and not self._has_answered and isinstance(error.__cause__, httpx.ConnectError):
                    raise
            except ServerError as error:
                if error.status not in AWAY:
                    raise
            self.clock.sleep(PAUSE_S)
        return self.send("POST", path, body=body, headers={"Idempotency-Key": key}).json()

    def send(
        self,
        method: str,
        path: str,
        *,
        body: JsonValue = None,
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """One call; ``body`` is sent as JSON, ``content`` as it is with the content type of ``headers``.

        Raises `DefinitionError` with the server's problems, `ServerError` for other refusals, `UnreachableError`.
        """
        given = dict(headers or {})
        if content is None and body is not None:
            content = json.dumps(body, ensure_ascii=False)
            given["Content-Type"] = "application/json"
        encoded = None if content is None else content.encode()
        with self._reached(TIMEOUT_S):
            response = self._http.request(method, path, content=encoded, headers=given, params=self._query(query))
        self._check(response)
        return response

    def items(self, path: str, *, most: int, **query: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page, up to ``most``."""
        cursor: str | None = None
        while most > 0:
            page = self.get(path, **query, limit=min(most, 200), **({"cursor": cursor} if cursor else {}))
            yield from page["items"][:most]
            most -= len(page["items"])
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def events(self, path: str, *, last: str | None = None, **query: Any) -> Iterator[ServerEvent]:
        """The events of a stream behind the one with the id ``last``; after a break it goes on where it was.

        Ends when the server ends it: it has nothing left to say, or stops. Events without an id may come twice after a
        break. Raises `AwayError` when the server stays away for too long, `UnreachableError` if it has never answered.
        """
        absence = Absence(self.url, self.clock)
        while True:
            try:
                for event in self._stream(path, query, last, absence):
                    last = event.id or last
                    yield event
                return
            except (ServerError, UnreachableError) as error:
                self._bear(error, absence)

    def _stream(self, path: str, query: Mapping[str, Any], last: str | None, absence: Absence) -> Iterator[ServerEvent]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        timeout = httpx.Timeout(TIMEOUT_S, read=STREAM_SILENCE_S)
        given = self._query(query)
        with (
            self._reached(STREAM_SILENCE_S),
            self._http.stream("GET", path, params=given, headers=headers, timeout=timeout) as response,
        ):
            if not response.is_success:
                response.read()
            self._check(response)
            yield from _events(_until_end_of(absence, response.iter_lines()))

    @contextmanager
    def _reached(self, patience_s: float) -> Iterator[None]:
        """Translate what a call raises that has no answer, or no whole one."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise UnreachableError(self.url, f"no answer within {patience_s:g} s") from error
        except httpx.TransportError as error:
            raise UnreachableError(self.url, str(error) or type(error).__name__) from error
        except httpx.InvalidURL as error:
            raise UnreachableError(self.url, str(error)) from error

    def _check(self, response: httpx.Response) -> None:
        if response.status_code not in AWAY:
            self._has_answered = True
        _check(response)

    def _bear(self, error: ServerError | UnreachableError, absence: Absence) -> None:
        """Wait for a server that is away, and raise every other error."""
        is_away = self._has_answered and (isinstance(error, UnreachableError) or error.status in AWAY)
        if not is_away:
            raise error
        absence.bear(error)

    def _query(self, query: Mapping[str, Any] | None) -> dict[str, Any]:
        given = {name: value for name, value in (query or {}).items() if value is not None and value != []}
        return given if self.namespace == "default" else {**given, "namespace": self.namespace}


def new_key() -> str:
    """An ``Idempotency-Key`` that nobody else uses."""
    return uuid4().hex


def _until_end_of(absence: Absence, lines: Iterator[str]) -> Iterator[str]:
    """The lines, each of which is a sign of life: a stream with nothing to say sends comments."""
    for line in lines:
        absence.end()
        yield line


def _events(lines: Iterator[str]) -> Iterator[ServerEvent]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        if "data" in fields:
            yield ServerEvent(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id"))
        fields = {}


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    try:
        body = response.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if body.get("code") == DefinitionError.code and body.get("problems"):
        raise DefinitionError([to_problem(each) for each in body["problems"]])
    raise ServerError(response.status_code, body)


def to_problem(item: Mapping[str, Any]) -> Problem:
    """A problem as the API shows it."""
    return Problem(
        item["code"], item["pointer"], item["message"], item.get("hint") or "", item.get("line"), item.get("column")
    )
