"""Nobody reads, starts, hooks, watches or changes anything of a namespace that their token is not bound to, or learns of it.

Every operation of the OpenAPI document is tried by an administrator of another namespace, with the right names and ids. A new one
fails here until the tables say what it answers.
"""

import asyncio
import re
from contextlib import aclosing

import pytest

from orchestrator.api.openapi import describe_api
from orchestrator.api.streams import Interest, namespace_events
from orchestrator.store import RunFilter

TOKENS = "root theirs:theirs:admin"
THEIRS = {"Authorization": "Bearer theirs"}
ROOT = {"Authorization": "Bearer root"}
MARK = "whisper"
"""Stands in everything of our namespace that could be seen."""

OURS = f"""\
apiVersion: flume/v1
kind: Pipeline
metadata: {{name: {MARK}, description: {MARK}}}
triggers:
  - {{id: {MARK}-hook, type: webhook, path: {MARK}, auth: {{type: bearer, secret: "{{{{secrets.{MARK.upper()}}}}}"}}}}
  - {{id: {MARK}-event, type: event, filters: [{{exact: {{type: order}}}}]}}
  - {{id: {MARK}-cron, type: cron, schedule: "0 0 1 1 *"}}
nodes:
  - {{id: big, type: template, config: {{template: "{{{{ trigger.data }}}}"}}}}
  - {{id: tell, type: log, inputs: {{message: {MARK}}}}}
  - {{id: each, type: loop, config: {{times: 2, body: {{nodes: [{{id: {MARK}-b, type: log, inputs: {{message: {MARK}}}}}]}}}}}}
  - {{id: nap, type: delay, config: {{duration: 1h}}}}
"""
DOCUMENT = {
    "apiVersion": "flume/v1",
    "kind": "Pipeline",
    "metadata": {"name": "mine"},
    "nodes": [{"id": "a", "type": "log", "inputs": {"message": "hi"}}],
}
EVENT = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order", "data": 1}

BODIES = {
    "POST /api/v1/pipelines/{name}/invoke": {},
    "POST /api/v1/runs": {"definition": DOCUMENT},
    "POST /api/v1/runs/{run_id}/cancel": {"reason": "enough"},
    "POST /api/v1/runs/{run_id}/rerun": {},
    "POST /api/v1/runs:cancel": {"ids": ["{run_id}"]},
    "POST /api/v1/runs:retry": {"ids": ["{run_id}"]},
    "POST /api/v1/pipelines": DOCUMENT,
    "POST /api/v1/pipelines:validate": DOCUMENT,
    "PUT /api/v1/pipelines/{name}": {**DOCUMENT, "metadata": {"name": MARK}},
    "PATCH /api/v1/pipelines/{name}": {"status": "paused"},
    "PATCH /api/v1/triggers/{pipeline}/{id}": {"enabled": False},
    "POST /api/v1/triggers/{pipeline}/{id}/fire": {},
    "POST /api/v1/nodes/{type}:test": {"config": {"template": "x"}},
    "PUT /api/v1/nodes/{type}": {"image": "registry.example.org/theirs:1"},
    "POST /api/v1/platform-reports": {
        "attempt": {"run": "{run_id}", "node": "nap", "number": 1},
        "code": "evicted",
        "message": "gone",
        "over": True,
    },
    "POST /events": EVENT,
    "POST /events/{namespace}/{pipeline}": EVENT,
    "POST /events/dead-letter": EVENT,
}

OF_NO_NAMESPACE = {
    "GET /api/v1/orchestrator": {"theirs": 200, None: 200},
    "GET /api/v1/caller": {"theirs": 200, None: 200},
    # Of all namespaces, and so for tokens of all of them.
    "GET /api/v1/orchestrators": dict.fromkeys(("ours", "theirs", None), 403),
    "GET /api/v1/cluster/pipelines": dict.fromkeys(("ours", "theirs", None), 403),
    "GET /api/v1/cluster/node-types": dict.fromkeys(("ours", "theirs", None), 403),
    "POST /api/v1/platform-reports": dict.fromkeys(("ours", "theirs", None), 403),
    "GET /metrics": dict.fromkeys(("ours", "theirs", None), 403),
    "GET /healthz": dict.fromkeys(("ours", "theirs", None), 200),
    "GET /readyz": dict.fromkeys(("ours", "theirs", None), 200),
    # The namespace is in the address. Who may call a hook, says its trigger.
    **{
        f"{method} /hooks/{{namespace}}/{{path}}": dict.fromkeys(("ours", "theirs", None), status)
        for method, status in (
            ("GET", 405),
            ("POST", 401),
            ("PUT", 405),
            ("PATCH", 405),
            ("DELETE", 405),
            ("HEAD", 405),
        )
    },
    "OPTIONS /hooks/{namespace}/{path}": dict.fromkeys(("ours", "theirs", None), 204),
    "POST /events/{namespace}/{pipeline}": dict.fromkeys(("ours", "theirs", None), 404),
    # Taken, and heard by those in the sender's namespaces alone.
    "POST /events": dict.fromkeys(("ours", "theirs", None), 202),
    "POST /events/dead-letter": dict.fromkeys(("ours", "theirs", None), 202),
}
"""What operations answer that don't take the namespace as a parameter, or need none."""

OF_THEIR_OWN = {
    "GET /api/v1/runs": 200,
    "POST /api/v1/runs": 202,
    "POST /api/v1/runs:cancel": 200,
    "POST /api/v1/runs:retry": 200,
    "GET /api/v1/logs": 200,
    "GET /api/v1/stats": 200,
    "GET /api/v1/pipelines": 200,
    "POST /api/v1/pipelines": 201,
    "POST /api/v1/pipelines:validate": 200,
    "PUT /api/v1/pipelines/{name}": 201,
    "GET /api/v1/triggers": 200,
    "GET /api/v1/nodes": 200,
    "GET /api/v1/nodes/{type}": 200,
    "POST /api/v1/nodes/{type}:test": 200,
    # Node types are those of all namespaces.
    "PUT /api/v1/nodes/{type}": 403,
    "DELETE /api/v1/nodes/{type}": 403,
    "GET /api/v1/functions": 200,
    "GET /api/v1/functions/{name}": 200,
    "GET /api/v1/audit": 200,
    "GET /api/v1/secrets": 200,
}
"""What there is to see and do in a namespace of one's own, with nothing of ours in it. All else is not found there."""

ENDLESS = "GET /api/v1/events"


def operations():
    from orchestrator.api.access import Access
    from orchestrator.api.app import create_app

    paths = describe_api(create_app(None, Access(), version="0"))["paths"]
    found = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    # Those that make something under one of our names come last: it would be found by the others.
    return sorted(found, key=lambda each: OF_THEIR_OWN.get(each, 0) in (201, 202))


class Ours:
    """What a guest tries to get at, in the namespace ``ours``."""

    def __init__(self, site, run_id, payload_id):
        self.site = site
        self.names = {
            "name": MARK,
            "pipeline": MARK,
            "id": f"{MARK}-cron",
            "run_id": run_id,
            "payload_id": payload_id,
            "node": "each",
            "version": "1",
            "earlier": "1",
            "later": "1",
            "namespace": "ours",
            "path": MARK,
            "type": "template",
        }

    async def tried(self, operation, namespace):
        """The answer to an operation on what is ours, in the name of another."""
        method, path = operation.split()
        query = {"namespace": namespace} if namespace and "{namespace}" not in path else {}
        if "payloads" in path:
            query["run"] = self.names["run_id"]
        body = BODIES.get(operation)
        if isinstance(body, dict) and "ids" in body:
            body = {"ids": [self.names["run_id"]]}
        path = path.replace("/functions/{name}", "/functions/template").format(**self.names)
        headers = {**THEIRS, **({"Content-Type": "application/cloudevents+json"} if path.startswith("/events") else {})}
        return await self.site.call(
            method, path, params=query, headers=headers, **({} if body is None else {"json": body})
        )

    async def state(self):
        """All that others could change."""
        store = self.site.orchestrator.store
        runs = (await store.list_runs(RunFilter("ours"), limit=100)).items
        record = await store.read_pipeline("ours", MARK)
        audit = (await store.list_audit("ours", limit=100)).items
        stored = [(await store.load_run(run.id)).rev for run in runs]
        return runs, stored, record, audit


@pytest.fixture
async def ours(open_site):
    async with open_site(tokens=TOKENS, secrets={MARK.upper(): "long enough"}) as site:
        yaml = {"Content-Type": "application/yaml", **ROOT}
        saved = await site.call("POST", "/api/v1/pipelines?namespace=ours", content=OURS, headers=yaml)
        assert saved.status_code == 201, saved.text
        started = await site.call(
            "POST", f"/api/v1/pipelines/{MARK}/invoke?namespace=ours", json=MARK * 20_000, headers=ROOT
        )
        run_id = started.json()["id"]
        stored = await site.orchestrator.store.load_run(run_id)
        async with asyncio.timeout(10):
            while site.orchestrator.engine.is_active(run_id):  # noqa: ASYNC110 - it is asleep soon
                await asyncio.sleep(0.01)
        yield Ours(site, run_id, stored.run.origin.trigger.data.id)


def expected(operation, namespace):
    if operation in OF_NO_NAMESPACE:
        return OF_NO_NAMESPACE[operation].get(namespace, 404)
    return OF_THEIR_OWN.get(operation, 404) if namespace == "theirs" else 404


@pytest.mark.slow
async def test_no_operation_shows_or_does_anything_of_another_namespace(ours) -> None:
    before = await ours.state()
    wrong, seen = [], []
    for operation in operations():
        for namespace in ("ours", None, "theirs"):
            if (operation, namespace) == (ENDLESS, "theirs"):
                continue
            answer = await ours.tried(operation, namespace)
            if answer.status_code != expected(operation, namespace):
                wrong.append((operation, namespace, answer.status_code, answer.text[:200]))
            if answer.status_code < 300 and "{name}" not in operation and MARK in answer.text:
                seen.append((operation, namespace, answer.text[:200]))
    assert wrong == []
    assert seen == []
    assert await ours.state() == before


@pytest.mark.slow
async def test_what_exists_elsewhere_is_told_in_the_words_for_what_exists_nowhere(ours) -> None:
    differ = []
    for operation in operations():
        if expected(operation, "theirs") != 404 or operation == ENDLESS:
            continue
        there = (await ours.tried(operation, "theirs")).json()
        names, ours.names = (
            ours.names,
            {**ours.names, "run_id": "0" * 24, "payload_id": "1" * 24, "name": "x", "pipeline": "x"},
        )
        nowhere = (await ours.tried(operation, "theirs")).json()
        ours.names = names
        words = [re.sub(rf"{MARK}|[0-9a-f]{{24}}|\bx\b", "…", str(each)) for each in (there, nowhere)]
        if words[0] != words[1]:
            differ.append((operation, *words))
    assert differ == []


async def test_a_live_stream_of_a_namespace_tells_nothing_of_another(ours) -> None:
    orchestrator, pieces = ours.site.orchestrator, []

    async def listen():
        wanted = Interest("theirs", with_logs=True)
        async with aclosing(namespace_events(orchestrator, wanted, heartbeat_s=60)) as stream:
            async for piece in stream:
                pieces.append(piece)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    for method, path in (
        ("POST", f"/api/v1/pipelines/{MARK}/pause"),
        ("POST", f"/api/v1/pipelines/{MARK}/invoke"),
        ("POST", f"/api/v1/runs/{ours.names['run_id']}/cancel"),
    ):
        assert (await ours.site.call(method, f"{path}?namespace=ours", headers=ROOT)).is_success
    yaml = {"Content-Type": "application/yaml", **THEIRS}
    mine = "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: mine}\nnodes: [{id: a, type: log, inputs: {message: hi}}]\n"
    await ours.site.call("POST", "/api/v1/pipelines?namespace=theirs", content=mine, headers=yaml)
    async with asyncio.timeout(5):
        while b"mine" not in b"".join(pieces):  # noqa: ASYNC110 - told last
            await asyncio.sleep(0.01)
    listening.cancel()

    assert MARK.encode() not in b"".join(pieces)
    assert ours.names["run_id"].encode() not in b"".join(pieces)


async def test_events_start_no_listener_of_another_namespace_and_neither_do_events_about_runs(ours) -> None:
    site = ours.site
    runs = '[{"exact": {"type": "dev.flume.run.cancelled"}}]'
    listener = f"""\
apiVersion: flume/v1
kind: Pipeline
metadata: {{name: listener}}
triggers: [{{id: runs, type: event, filters: {runs}}}]
nodes: [{{id: a, type: log, inputs: {{message: hi}}}}]
"""
    yaml = {"Content-Type": "application/yaml", **ROOT}
    for namespace in ("ours", "theirs"):
        await site.call("POST", f"/api/v1/pipelines?namespace={namespace}", content=listener, headers=yaml)
    before = len((await ours.state())[0])

    sent = await site.call(
        "POST", "/events", json=EVENT, headers={**THEIRS, "Content-Type": "application/cloudevents+json"}
    )
    await site.call("POST", f"/api/v1/runs/{ours.names['run_id']}/cancel?namespace=ours", headers=ROOT)

    async def runs_of(namespace):
        return (await site.orchestrator.store.list_runs(RunFilter(namespace), limit=100)).items

    async with asyncio.timeout(5):
        while len(await runs_of("ours")) == before:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
    # Those of the other namespace would have been started together with it.
    assert sent.status_code == 202
    assert [run.pipeline for run in await runs_of("ours")][:-1] == ["listener"]
    assert await runs_of("theirs") == ()


async def test_a_document_can_not_name_another_namespace_than_the_call(ours) -> None:
    before = await ours.state()
    document = {**DOCUMENT, "metadata": {"name": "mine", "namespace": "ours"}}
    for method, path, body in (
        ("POST", "/api/v1/pipelines", document),
        ("PUT", "/api/v1/pipelines/mine", document),
        ("POST", "/api/v1/runs", {"definition": document}),
    ):
        answer = await ours.site.call(method, f"{path}?namespace=theirs", json=body, headers=THEIRS)
        assert answer.status_code < 500
    assert await ours.state() == before
