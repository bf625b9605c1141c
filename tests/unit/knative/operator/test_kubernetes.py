"""What the operator says to the API server, to one that answers as a test wants."""

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from flume.errors import SettingError
from knative.manifests.objects import MADE
from knative.operator import kubernetes as module
from knative.operator.connection import Connection
from knative.operator.kinds import OBJECT_KINDS, PIPELINE, Reference
from knative.operator.kubernetes import Kubernetes, KubernetesError
from tests.servers.web_app import served

SERVICE = OBJECT_KINDS[0]
GREET = Reference(PIPELINE, "shop", "greet", "uid-1")
MANIFEST = {
    "apiVersion": SERVICE.api,
    "kind": "Service",
    "metadata": {"name": "fn-a", "namespace": "flume"},
    "spec": {},
}
SERVICES = "/apis/serving.knative.dev/v1/namespaces/flume/services"


class Answers:
    """An API server: ``answers`` are given one after another, the last of them for ever; ``calls`` is what was asked."""

    def __init__(self):
        self.answers = [(200, {})]
        self.calls = []
        self.connected = 0

    async def handle(self, request):
        text = await request.text()
        self.calls.append(
            (
                request.method,
                request.path,
                dict(request.query),
                request.content_type,
                json.loads(text) if text else None,
                request.headers.get("Authorization"),
            )
        )
        status, body = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.json_response(body, status=status)

    @asynccontextmanager
    async def client(self, url):
        def connect():
            self.connected += 1
            return Connection(url, {"Authorization": f"Bearer token-{self.connected}"})

        async with Kubernetes(connect) as made:
            yield made


@pytest.fixture
async def server():
    made = Answers()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with served(app, shutdown_s=0.1) as url, made.client(url) as client:
        yield made, client


def page(*names, more=""):
    return {"items": [{"metadata": {"name": name}} for name in names], "metadata": {"continue": more}}


async def test_a_list_is_read_page_by_page_and_its_items_say_what_they_are(server):
    made, client = server
    made.answers = [(200, page("a", more="p2")), (200, page("b"))]
    found = await client.list(SERVICE, "flume", MADE)
    assert [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in found] == [
        (SERVICE.api, "Service", "a"),
        (SERVICE.api, "Service", "b"),
    ]
    common = {"limit": "500", "labelSelector": "flume.dev/managed-by=operator"}
    assert [(path, query) for _, path, query, *_ in made.calls] == [
        (SERVICES, common),
        (SERVICES, {**common, "continue": "p2"}),
    ]


async def test_a_list_whose_next_page_is_too_old_is_read_from_its_beginning(server):
    made, client = server
    made.answers = [(200, page("a", more="p2")), (410, {"message": "too old"}), (200, page("a", "c"))]
    assert [each["metadata"]["name"] for each in await client.list(PIPELINE, None)] == ["a", "c"]
    assert [path for _, path, *_ in made.calls] == ["/apis/flume.dev/v1/pipelines"] * 3
    assert "continue" not in made.calls[2][2]


async def test_an_object_is_applied_on_the_server_by_its_field_manager(server):
    made, client = server
    await client.apply(MANIFEST)
    await client.apply_status(GREET, {"version": 1})
    as_flume = {"fieldManager": "flume", "force": "true"}
    assert [call[:4] for call in made.calls] == [
        ("PATCH", f"{SERVICES}/fn-a", as_flume, "application/apply-patch+yaml"),
        (
            "PATCH",
            "/apis/flume.dev/v1/namespaces/shop/pipelines/greet/status",
            as_flume,
            "application/apply-patch+yaml",
        ),
    ]
    assert made.calls[1][4]["metadata"] == {"name": "greet", "namespace": "shop", "uid": "uid-1"}


@pytest.mark.parametrize(("status", "raises"), [(200, False), (404, False), (409, False), (403, True)], ids=str)
async def test_what_is_gone_or_another_one_need_not_be_deleted(server, status, raises):
    made, client = server
    made.answers = [(status, {"message": "because"})]
    if raises:
        with pytest.raises(KubernetesError):
            await client.delete(GREET)
    else:
        await client.delete(GREET)
    assert made.calls[0][4] == {"preconditions": {"uid": "uid-1"}, "propagationPolicy": "Background"}


async def test_an_object_that_is_not_there_is_none_and_any_other_answer_an_error(server):
    made, client = server
    made.answers = [(200, MANIFEST), (404, {"message": "not found"}), (403, {"message": "forbidden"})]
    assert await client.read(SERVICE, "flume", "fn-a") == MANIFEST
    assert await client.read(SERVICE, "flume", "fn-a") is None
    with pytest.raises(KubernetesError, match="403: forbidden"):
        await client.read(SERVICE, "flume", "fn-a")


async def test_news_are_an_event_about_the_object(server):
    made, client = server
    await client.tell(GREET, "InvalidDefinition: no", is_warning=True, now=datetime(2026, 11, 25, 1, tzinfo=UTC))
    method, path, _, _, event, _ = made.calls[0]
    assert (method, path) == ("POST", "/api/v1/namespaces/shop/events")
    assert event["involvedObject"]["uid"] == "uid-1"
    assert (event["type"], event["firstTimestamp"]) == ("Warning", "2026-11-25T01:00:00Z")


@pytest.mark.parametrize(
    ("status", "body", "reason", "is_refusal"),
    [
        (422, {"message": "spec.x: bad"}, "spec.x: bad", True),
        (403, {"message": "exceeded quota"}, "exceeded quota", True),
        (500, {"message": "failed calling webhook"}, "failed calling webhook", True),
        (404, "no such page", "no such page", True),
        (503, "", "Service Unavailable", False),
        (429, {"message": "slow down"}, "slow down", False),
        (401, {"message": "Unauthorized"}, "Unauthorized", False),
    ],
    ids=lambda each: str(each) if isinstance(each, int) else None,
)
async def test_an_answer_that_is_no_success_tells_status_and_reason(server, status, body, reason, is_refusal):
    made, client = server
    made.answers = [(status, body)]
    with pytest.raises(KubernetesError) as caught:
        await client.apply(MANIFEST)
    error = caught.value
    assert (error.status, error.reason, error.is_refusal) == (status, reason, is_refusal)
    assert str(error) == f"PATCH {SERVICES}/fn-a: {status}: {reason}"


async def test_a_server_that_is_not_there_has_refused_nothing():
    async with Kubernetes(lambda: Connection("http://127.0.0.1:9")) as client:
        with pytest.raises(KubernetesError) as caught:
            await client.apply(MANIFEST)
    assert (caught.value.status, caught.value.is_refusal) == (0, False)


@pytest.mark.parametrize(
    "error", [SettingError("KUBECONFIG", "expected a file"), OSError("no token")], ids=["kubeconfig", "token"]
)
async def test_an_account_that_can_not_be_read_just_now_is_like_a_server_that_is_not_there(error):
    def connect():
        raise error

    async with Kubernetes(connect) as client:
        with pytest.raises(KubernetesError, match="the API server is not known") as caught:
            await client.list(SERVICE, "flume")
    assert caught.value.status == 0


async def test_a_token_is_read_anew_when_it_was_refused_or_is_old(server, monkeypatch):
    made, client = server
    made.answers = [(401, {"message": "Unauthorized"}), (200, {})]
    with pytest.raises(KubernetesError):
        await client.apply(MANIFEST)
    await client.apply(MANIFEST)
    await client.apply(MANIFEST)
    monkeypatch.setattr(module, "CONNECTION_S", -1)
    await client.apply(MANIFEST)
    assert [call[5] for call in made.calls] == ["Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3"]
