"""Flume's API, as the operator calls it: ``ENGINE_URL`` with an administrator's token that is bound to no namespace."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from flume.errors import FlumeError
from flume.problems import Problem
from flume.values import JsonObject, JsonValue
from knative.manifests.objects import Manifest
from knative.operator.world import CLUSTER, SavedPipeline

TIMEOUT_S = 30.0

SILENCE_S = 60.0
"""A stream that says nothing for so long is dead: a living one sends a comment every 15 s."""

_MANAGER = {"Flume-Manager": CLUSTER}

_PASSING = (401, 403, 408, 429)
"""Refusals that say nothing of what was asked for; with 500 and above, it is asked again."""


class EngineError(FlumeError):
    """The API can't be reached, or can't or won't answer the operator just now; it may be asked again later."""

    code = "engine-unreachable"


class RefusedError(FlumeError):
    """The API says no to what it was asked for. ``problems`` are those of a document."""

    def __init__(self, code: str, message: str, problems: tuple[Problem, ...] = ()) -> None:
        self.code = code
        self.problems = problems
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Saved:
    """All pipelines by namespace and name, the hashes of node types by name, and how many runs have not ended."""

    pipelines: Mapping[tuple[str, str], SavedPipeline]
    node_types: Mapping[str, str]
    unfinished_runs: int


class Engine:
    """A client of the API. Use it in an ``async with`` block."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Engine":
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def pipelines(self) -> Saved:
        """Everything that is saved. Raises `EngineError`."""
        node_types = await self._node_types()
        found: dict[tuple[str, str], SavedPipeline] = {}
        cursor: str | None = None
        while True:
            query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
            page = await self._call("GET", "/api/v1/cluster/pipelines", query=query)
            found |= {(each["namespace"], each["name"]): _saved(each) for each in page["items"]}
            cursor = page["nextCursor"]
            if cursor is None:
                return Saved(found, node_types, int(page["unfinishedRuns"]))

    async def save_node_type(self, name: str, description: JsonObject) -> str:
        """Save a node type; the hash of its description there. Raises `RefusedError` and `EngineError`."""
        answer = await self._call("PUT", f"/api/v1/nodes/{quote(name, safe='')}", body=description, query={})
        return str(answer["hash"])

    async def delete_node_type(self, name: str) -> None:
        """Delete a node type; nothing happens if it is gone. Raises `RefusedError` and `EngineError`."""
        try:
            await self._call("DELETE", f"/api/v1/nodes/{quote(name, safe='')}", query={})
        except RefusedError as refused:
            if refused.code != "not-found":
                raise

    async def save(self, namespace: str, name: str, document: Manifest) -> int:
        """Save a pipeline in the name of its resource; its version. Raises `RefusedError` and `EngineError`."""
        path = f"/api/v1/pipelines/{quote(name, safe='')}"
        answer = await self._call("PUT", path, body=document, query={"namespace": namespace}, headers=_MANAGER)
        return int(answer["version"])

    async def delete(self, namespace: str, name: str) -> None:
        """Delete a pipeline of the cluster's; nothing happens if it is gone. Raises `RefusedError` and `EngineError`."""
        path = f"/api/v1/pipelines/{quote(name, safe='')}"
        try:
            await self._call("DELETE", path, query={"namespace": namespace}, headers=_MANAGER)
        except RefusedError as refused:
            if refused.code != "not-found":
                raise

    async def start(self, namespace: str, pipeline: str, data: JsonValue, key: str) -> str:
        """Start a run, once for each ``key``; its id. Raises `RefusedError` and `EngineError`."""
        path = f"/api/v1/pipelines/{quote(pipeline, safe='')}/invoke"
        answer = await self._call(
            "POST", path, body=data, query={"namespace": namespace}, headers={"Idempotency-Key": key}
        )
        return str(answer["id"])

    async def run(self, namespace: str, run_id: str) -> JsonObject:
        """A run; an empty object if there is none. Raises `EngineError`."""
        try:
            found = await self._call("GET", f"/api/v1/runs/{quote(run_id, safe='')}", query={"namespace": namespace})
        except RefusedError:
            return {}
        return found if isinstance(found, dict) else {}

    async def unfinished(self, namespace: str) -> Counter[tuple[str, int]]:
        """How many runs of a namespace have not ended, by pipeline and version. Raises `EngineError`."""
        found: Counter[tuple[str, int]] = Counter()
        for status in ("pending", "running"):
            cursor: str | None = None
            while True:
                query = {"namespace": namespace, "status": status, "limit": "200"}
                page = await self._call(
                    "GET", "/api/v1/runs", query={**query, **({"cursor": cursor} if cursor else {})}
                )
                found.update((each["pipeline"], each["pipelineVersion"]) for each in page["items"])
                cursor = page["nextCursor"]
                if cursor is None:
                    break
        return found

    async def changes(self, namespace: str) -> AsyncIterator[str]:
        """What changes in a namespace, by kind, as it happens; first an empty text, when nothing is missed any more.

        Ends when the stream does. Raises `EngineError`.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_S, sock_read=SILENCE_S)
        try:
            async with self._open().get(
                f"{self.url}/api/v1/events", params={"namespace": namespace}, timeout=timeout
            ) as answer:
                if answer.status != 200:
                    raise EngineError(f"the stream of changes at {self.url} answered {answer.status}")
                yield ""
                async for line in answer.content:
                    if line.startswith(b"event:"):
                        yield line[6:].strip().decode()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineError(f"the stream of changes at {self.url} broke: {_said(error)}") from error

    async def _node_types(self) -> dict[str, str]:
        try:
            page = await self._call("GET", "/api/v1/cluster/node-types", query={})
        except RefusedError as refused:
            # An orchestrator of the version before, which is about to be replaced.
            raise EngineError(
                f"the orchestrator at {self.url} knows no node types of a cluster: {refused}"
            ) from refused
        return {each["name"]: each["hash"] for each in page["items"]}

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use it in an async with block")
        return self._session

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        body: JsonValue = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        content = None if method == "GET" else orjson.dumps(body, default=dict)
        sent = {**(headers or {}), "Content-Type": "application/json"}
        try:
            async with self._open().request(
                method, self.url + path, params=query, data=content, headers=sent
            ) as answer:
                found = _json_in(await answer.read())
                if answer.status < 400:
                    return found
                raise _refusal(self.url, answer.status, found if isinstance(found, dict) else {})
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineError(f"the orchestrator at {self.url} can't be reached: {_said(error)}") from error


def _refusal(url: str, status: int, problem: Mapping[str, Any]) -> FlumeError:
    message = str(problem.get("detail") or problem.get("title") or f"it answered {status}")
    if status >= 500 or status in _PASSING:
        hint = "; set FLUME_TOKEN to an administrator's token without namespaces" if status in (401, 403) else ""
        return EngineError(f"the orchestrator at {url} says {status}: {message}{hint}")
    problems = tuple(
        Problem(each["code"], each["pointer"], each["message"], each.get("hint") or "")
        for each in problem.get("problems") or ()
        if isinstance(each, dict) and {"code", "pointer", "message"} <= each.keys()
    )
    return RefusedError(str(problem.get("code") or f"http-{status}"), message, problems)


def _saved(item: Mapping[str, Any]) -> SavedPipeline:
    return SavedPipeline(
        namespace=item["namespace"],
        name=item["name"],
        status=item["status"],
        version=item["version"],
        hash=item["hash"],
        manager=item["managedBy"],
        definition=item["definition"],
        key=item["eventKey"],
        disabled=frozenset(item["disabledTriggers"]),
        # None from an orchestrator of the version before, which is there while a new one is rolled out.
        types=item.get("nodeTypes") or {},
    )


def _json_in(content: bytes) -> Any:
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        return None


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
