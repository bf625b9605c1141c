"""A stand-in for Kubernetes' API server: real HTTP, real lists and watches, and the semantics that an operator relies on.

It knows resource versions, generations, pages, watches that go on from a version or are too late (410), server-side apply with
field managers, the status subresource, deletion with preconditions and finalizers, and leases by compare-and-swap. Nobody acts on
the objects: no pod starts, nothing becomes ready by itself. ``stop`` and ``start`` are a restart that keeps what it holds.
"""

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import yaml
from aiohttp import web

from tests.servers.own_process import free_port
from tests.servers.rights import Wish

TOKEN = "the-operators-token"

KINDS = {
    ("", "v1", "namespaces"): "Namespace",
    ("", "v1", "events"): "Event",
    ("", "v1", "configmaps"): "ConfigMap",
    ("", "v1", "pods"): "Pod",
    ("", "v1", "secrets"): "Secret",
    ("batch", "v1", "jobs"): "Job",
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions"): "CustomResourceDefinition",
    ("coordination.k8s.io", "v1", "leases"): "Lease",
    ("flume.dev", "v1", "pipelines"): "Pipeline",
    ("flume.dev", "v1", "nodetypes"): "NodeType",
    ("flume.dev", "v1", "models"): "Model",
    ("flume.dev", "v1", "runs"): "Run",
    ("serving.knative.dev", "v1", "services"): "Service",
    ("eventing.knative.dev", "v1", "triggers"): "Trigger",
    ("sources.knative.dev", "v1", "pingsources"): "PingSource",
    ("sinks.knative.dev", "v1alpha1", "jobsinks"): "JobSink",
}
_CLUSTER_WIDE = ("namespaces", "customresourcedefinitions")
_APPLY = "application/apply-patch+yaml"
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

Key = tuple[str, str, str]
"""Plural, namespace, name."""


class FakeKubernetes:
    """The server and what it holds. ``calls`` are all changes that were asked for, as ``METHOD path``.

    ``refusals`` are what an admission would say no to, by plural and beginning of the name: status and message. Whoever calls
    may do what ``may`` allows; ``denied`` is what it did not.
    """

    def __init__(self, may: Callable[[Wish], bool] = lambda wish: True) -> None:
        self._may = may
        self.denied: list[str] = []
        self.port = free_port()
        # kopf watches the namespaces that there are.
        self.objects: dict[Key, dict[str, Any]] = {
            ("namespaces", "", name): {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "resourceVersion": "100", **_born()},
            }
            for name in ("default", "flume", "shop")
        }
        self.calls: list[str] = []
        self.refusals: dict[tuple[str, str], tuple[int, str]] = {}
        self._version = 100
        self._history: list[tuple[int, str, Key, dict[str, Any]]] = []
        self._oldest = 100
        self._changed = asyncio.Condition()
        self._watches: set[asyncio.Transport] = set()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kubeconfig(self) -> str:
        """For whoever calls this server."""
        name = {"name": "fake"}
        return json.dumps(
            {
                "current-context": "fake",
                "contexts": [{**name, "context": {"cluster": "fake", "user": "fake"}}],
                "clusters": [{**name, "cluster": {"server": self.url}}],
                "users": [{**name, "user": {"token": TOKEN}}],
            }
        )

    async def start(self) -> None:
        app = web.Application(client_max_size=8 * 1024**2)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await self._break_watches()
            await runner.cleanup()

    async def __aenter__(self) -> "FakeKubernetes":
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def apply(self, text: str, manager: str = "kubectl") -> None:
        """As ``kubectl apply`` does it."""
        for body in yaml.safe_load_all(text):
            plural = next(plural for (group, version, plural), kind in KINDS.items() if kind == body["kind"])
            await self._apply((plural, body["metadata"].get("namespace", ""), body["metadata"]["name"]), body, manager)

    async def delete(self, plural: str, namespace: str, name: str) -> None:
        """As ``kubectl delete`` does it."""
        await self._delete((plural, namespace, name))

    async def report(self, plural: str, namespace: str, name: str, status: dict[str, Any]) -> None:
        """As a controller of the cluster would say how an object does."""
        found = copy.deepcopy(self.objects[plural, namespace, name])
        found["status"] = status
        await self._store((plural, namespace, name), found, "MODIFIED")

    def get(self, plural: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.objects.get((plural, namespace, name))

    def named(self, plural: str) -> list[str]:
        return sorted(name for found, _, name in self.objects if found == plural)

    @property
    def watch_count(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    async def forget_history(self) -> None:
        """What etcd does after a while: watches can't go on from an old version any more. All of them break, too."""
        self._history.clear()
        self._version += 10
        self._oldest = self._version
        await self._break_watches()

    async def _break_watches(self) -> None:
        # Those that wait for something to happen notice it with the next write, or when the server ends.
        for each in tuple(self._watches):
            each.abort()
        self._watches.clear()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _failure(401, "Unauthorized")
        if request.method != "GET":
            self.calls.append(f"{request.method} {request.path}")
        discovered = _discovered(request.path)
        if discovered is not None:
            return web.json_response(discovered)
        try:
            group_version, key, subresource = _read_path(request.path)
        except ValueError:
            return _failure(404, "the server could not find the requested resource")
        for wish in self._wishes(request, group_version, key, subresource):
            if not self._may(wish):
                self.denied.append(str(wish))
                return _failure(403, f"the account may not {wish}")
        body = yaml.safe_load(await request.text()) if request.can_read_body else None
        return await self._answer(request, group_version, key, subresource, body)

    async def _answer(
        self, request: web.Request, api: str, key: Key, subresource: str, body: Any
    ) -> web.StreamResponse:
        plural, namespace, name = key
        if request.method != "GET":
            for (refused, beginning), (status, message) in self.refusals.items():
                if plural == refused and name.startswith(beginning):
                    return _failure(status, message)
        match request.method:
            case "GET" if not name and request.query.get("watch") == "true":
                return await self._watch(request, plural, namespace)
            case "GET" if not name:
                return self._list(request, api, plural, namespace)
            case "GET":
                found = self.objects.get(key)
                return _failure(404, f'{plural} "{name}" not found') if found is None else web.json_response(found)
            case "POST":
                return await self._create(key, body)
            case "PUT":
                return await self._replace(key, body)
            case "PATCH":
                return await self._patch(request, key, subresource, body)
            case "DELETE":
                uid = ((body or {}).get("preconditions") or {}).get("uid")
                return await self._delete(key, uid)
        return _failure(405, "method not allowed")

    def _wishes(self, request: web.Request, api: str, key: Key, subresource: str) -> Iterator[Wish]:
        """What has to be allowed for a call to be. An apply where there is nothing is a create, too."""
        plural, namespace, name = key
        resource = f"{plural}/{subresource}" if subresource else plural
        verb = _VERBS[request.method]
        if verb == "get" and not name:
            verb = "watch" if request.query.get("watch") == "true" else "list"
        group = api.partition("/")[0] if "/" in api else ""
        yield Wish(verb, group, resource, namespace, name)
        if verb == "patch" and key not in self.objects and not subresource:
            yield Wish("create", group, resource, namespace, name)

    def _list(self, request: web.Request, api: str, plural: str, namespace: str) -> web.Response:
        found = [self.objects[key] for key in self._keys(plural, namespace)]
        selector = dict(part.split("=") for part in request.query.get("labelSelector", "").split(",") if part)
        found = [each for each in found if selector.items() <= each["metadata"].get("labels", {}).items()]
        begin, most = int(request.query.get("continue") or 0), int(request.query.get("limit") or 10_000)
        more = str(begin + most) if begin + most < len(found) else ""
        items = [
            {key: value for key, value in each.items() if key not in ("apiVersion", "kind")}
            for each in found[begin : begin + most]
        ]
        metadata = {"resourceVersion": str(self._version), **({"continue": more} if more else {})}
        kind = KINDS[(*(api.split("/") if "/" in api else ("", api)), plural)] + "List"  # type: ignore[index]
        return web.json_response({"kind": kind, "apiVersion": api, "metadata": metadata, "items": items})

    def _keys(self, plural: str, namespace: str) -> list[Key]:
        return sorted(key for key in self.objects if key[0] == plural and namespace in ("", key[1]))

    async def _watch(self, request: web.Request, plural: str, namespace: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        connection = request.transport
        assert isinstance(connection, asyncio.Transport)
        self._watches.add(connection)
        since = int(request.query.get("resourceVersion") or self._version)
        try:
            while True:
                if since < self._oldest:
                    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
                    await _send(response, "ERROR", gone)
                    return response
                seen = self._version
                for version, happened, key, found in tuple(self._history):
                    if version > since and key[0] == plural and namespace in ("", key[1]):
                        await _send(response, happened, found)
                since = max(since, seen)
                await self._newer_than(since)
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self._watches.discard(connection)

    async def _newer_than(self, version: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._version > version)

    async def _create(self, key: Key, body: dict[str, Any]) -> web.Response:
        plural, namespace, _ = key
        metadata = body["metadata"]
        name = metadata.get("name") or metadata["generateName"] + uuid4().hex[:5]
        if (plural, namespace, name) in self.objects:
            return _failure(409, f'{plural} "{name}" already exists')
        made = {**body, "metadata": {**metadata, "name": name, "namespace": namespace, **_born()}}
        return web.json_response(await self._store((plural, namespace, name), made, "ADDED"), status=201)

    async def _replace(self, key: Key, body: dict[str, Any]) -> web.Response:
        found = self.objects.get(key)
        if found is None:
            return _failure(404, "not found")
        if body["metadata"].get("resourceVersion") != found["metadata"]["resourceVersion"]:
            return _failure(409, "the object has been modified")
        return web.json_response(await self._store(key, body, "MODIFIED"))

    async def _patch(self, request: web.Request, key: Key, subresource: str, body: Any) -> web.Response:
        if request.content_type != _APPLY or request.query.get("force") != "true":
            return _failure(415, f"only server-side apply is allowed, not {request.content_type}")
        manager = request.query.get("fieldManager")
        if not manager:
            return _failure(422, "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value")
        found = self.objects.get(key)
        uid = body["metadata"].get("uid")
        if found is not None and uid and uid != found["metadata"]["uid"]:
            return _failure(409, "Precondition failed: UID in precondition")
        if subresource == "status":
            if found is None:
                return _failure(404, "not found")
            return web.json_response(await self._apply_status(key, body, manager))
        return web.json_response(await self._apply(key, body, manager))

    async def _apply(self, key: Key, body: dict[str, Any], manager: str) -> dict[str, Any]:
        body = {name: value for name, value in body.items() if name != "status"}
        before = self.objects.get(key)
        if before is None:
            made = copy.deepcopy(body)
            made["metadata"] |= {**_born(), "generation": 1, "managedFields": [_fields(manager, body)]}
            return await self._store(key, made, "ADDED")
        after = self._merged(before, body, manager, "")
        if {**after, "metadata": None} != {**before, "metadata": None}:
            after["metadata"]["generation"] += 1
        return before if after == before else await self._store(key, after, "MODIFIED")

    async def _apply_status(self, key: Key, body: dict[str, Any], manager: str) -> dict[str, Any]:
        before = self.objects[key]
        after = self._merged(before, {"status": body["status"]}, manager, "status")
        return before if after == before else await self._store(key, after, "MODIFIED")

    def _merged(self, before: dict[str, Any], body: dict[str, Any], manager: str, subresource: str) -> dict[str, Any]:
        after = copy.deepcopy(before)
        owned = after["metadata"].setdefault("managedFields", [])
        mine = next((each for each in owned if (each["manager"], each["subresource"]) == (manager, subresource)), None)
        if mine is not None:
            _take_away(after, mine["fields"], body)
            owned.remove(mine)
        _put(after, body)
        owned.append(_fields(manager, body, subresource))
        owned.sort(key=lambda each: (each["manager"], each["subresource"]))
        return after

    async def _delete(self, key: Key, uid: str | None = None) -> web.Response:
        found = self.objects.get(key)
        if found is None:
            return _failure(404, "not found")
        if uid and uid != found["metadata"]["uid"]:
            return _failure(409, "Precondition failed: UID in precondition")
        if found["metadata"].get("finalizers"):
            marked = copy.deepcopy(found)
            marked["metadata"]["deletionTimestamp"] = "2026-11-24T09:00:00Z"
            return web.json_response(await self._store(key, marked, "MODIFIED"))
        del self.objects[key]
        await self._happened("DELETED", key, found)
        for other, each in tuple(self.objects.items()):
            owners = {owner["uid"] for owner in each["metadata"].get("ownerReferences", ())}
            if owners == {found["metadata"]["uid"]}:
                await self._delete(other)
        return web.json_response({"kind": "Status", "status": "Success"})

    async def _store(self, key: Key, found: dict[str, Any], happened: str) -> dict[str, Any]:
        found["metadata"]["resourceVersion"] = str(self._version + 1)
        self.objects[key] = found
        await self._happened(happened, key, found)
        return found

    async def _happened(self, happened: str, key: Key, found: dict[str, Any]) -> None:
        async with self._changed:
            self._version += 1
            self._history.append((self._version, happened, key, copy.deepcopy(found)))
            self._changed.notify_all()


def _born() -> dict[str, Any]:
    return {"uid": str(uuid4()), "creationTimestamp": "2026-11-24T08:00:00Z"}


def _fields(manager: str, body: dict[str, Any], subresource: str = "") -> dict[str, Any]:
    # A real server keeps the places alone; a copy tells the same and is easier to read.
    return {"manager": manager, "subresource": subresource, "fields": copy.deepcopy(body)}


def _put(target: dict[str, Any], given: dict[str, Any]) -> None:
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _put(target[name], value)
        elif name == "conditions":
            by_type = {each["type"]: each for each in [*target.get(name, []), *value]}
            target[name] = list(by_type.values())
        else:
            target[name] = copy.deepcopy(value)


def _take_away(target: Any, mine: dict[str, Any], given: Any) -> None:
    """What a manager has set before and does not set now."""
    for name, value in mine.items():
        if name not in given:
            target.pop(name, None)
        elif isinstance(value, dict) and isinstance(given[name], dict) and isinstance(target.get(name), dict):
            _take_away(target[name], value, given[name])
        elif name == "conditions":
            kept = {each["type"] for each in given[name]}
            gone = {each["type"] for each in value} - kept
            target[name] = [each for each in target[name] if each["type"] not in gone]


async def _send(response: web.StreamResponse, happened: str, found: dict[str, Any]) -> None:
    await response.write(json.dumps({"type": happened, "object": found}).encode() + b"\n")


def _failure(status: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "status": "Failure", "code": status, "message": message}, status=status)


def _read_path(path: str) -> tuple[str, Key, str]:
    parts = path.strip("/").split("/")
    if parts[0] not in ("api", "apis"):
        raise ValueError(path)
    skipped = 2 if parts[0] == "api" else 3
    api, rest = "/".join(parts[1:skipped]), parts[skipped:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    group, version = api.split("/") if "/" in api else ("", api)
    if (group, version, rest[0]) not in KINDS:
        raise ValueError(path)
    return api, (rest[0], namespace, rest[1] if len(rest) > 1 else ""), rest[2] if len(rest) > 2 else ""


def _discovered(path: str) -> dict[str, Any] | None:
    groups = {(group, version) for group, version, _ in KINDS if group}
    parts = tuple(path.strip("/").split("/"))
    match parts:
        case ("version",):
            return {"major": "1", "minor": "36"}
        case ("api",):
            return {"versions": ["v1"]}
        case ("apis",):
            named = [(group, {"groupVersion": f"{group}/{version}", "version": version}) for group, version in groups]
            return {"groups": [{"name": name, "versions": [each], "preferredVersion": each} for name, each in named]}
        case ("api", version):
            return {"resources": list(_resources("", version))}
        case ("apis", group, version) if (group, version) in groups:
            return {"resources": list(_resources(group, version))}
    return None


def _resources(group: str, version: str) -> Iterator[dict[str, Any]]:
    for (of_group, of_version, plural), kind in KINDS.items():
        if (of_group, of_version) == (group, version):
            verbs = ["get", "list", "watch", "create", "update", "patch", "delete"]
            namespaced = plural not in _CLUSTER_WIDE
            names = {"name": plural, "singularName": kind.lower(), "kind": kind, "verbs": verbs}
            yield {**names, "namespaced": namespaced}
            yield {**names, "name": f"{plural}/status", "namespaced": namespaced, "verbs": ["patch"]}
