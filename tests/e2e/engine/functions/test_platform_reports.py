"""What the platform did to the process of an attempt, as it comes to the API."""

import asyncio

import httpx
import pytest

from flume.ids import NodeId
from orchestrator.api.access import access_for
from orchestrator.api.app import create_app
from orchestrator.api.tokens import parse_tokens
from orchestrator.bus import run_topic
from orchestrator.state import NodeStatus, RunStatus

CALL = {"type": "call", "config": {"do": "x"}, "runOn": "job"}
NODE = {"id": "a", **CALL, "retry": {"attempts": 2, "delay": "1ms"}}
REPORTS = "/api/v1/platform-reports"
TOO_MUCH = "the process was killed because it took more memory than its limit of 2Gi"


def report_of(order, **more):
    named = {"run": order.run_id, "node": order.instance, "number": order.attempt}
    return {"attempt": named, "code": "oom-killed", "message": TOO_MUCH, "over": True, **more}


@pytest.fixture
async def client(site):
    """A client of an API that knows an administrator (root), one of a namespace, and an editor."""
    access = access_for(listen_host="127.0.0.1", tokens=parse_tokens("root bound:default:admin editor:*:edit"))
    app = create_app(site.world.orchestrator, access, version="1", secrets={"KEY": "word-of-mine"})
    headers = {"Authorization": "Bearer root"}
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        yield client


async def told(client, *reports):
    for report in reports:
        answer = await client.post(REPORTS, json=report)
        assert (answer.status_code, answer.content) == (202, b""), answer.text


async def test_an_attempt_that_is_over_fails_with_its_code_and_is_tried_again_by_the_rules_of_its_node(
    site, says, client
):
    run_id, order = await site.begin(NODE)

    await told(client, report_of(order, lines=["loading", "the key is word-of-mine"]))

    again = await site.elsewhere.order(1)
    await site.post(says.answer(again, logs=says.lines("done")))
    run = await site.world.end(run_id)
    error = run.root.nodes[NodeId("a")].attempts[0].error
    assert run.status is RunStatus.COMPLETED
    assert (error.code, error.message, error.retryable) == ("oom-killed", TOO_MUCH, True)
    # Nobody knows whether the work was done, so it is the same work.
    assert again.key == order.key
    lines = [(line.attempt, line.level, line.message) for line in await site.world.logs(run_id)]
    assert lines == [
        (1, "info", "loading"),
        (1, "info", "the key is •••"),
        (1, "error", TOO_MUCH),
        (2, "info", "done"),
    ]
    [entry] = (await site.world.store.list_audit("default", limit=10)).items
    assert (entry.action, entry.target, entry.origin) == ("attempt.fail", f"runs/{run_id}", "192.0.2.7")
    assert entry.after == {"node": "a", "attempt": 1, "code": "oom-killed"}


async def line_shown(world, run_id):
    with world.orchestrator.bus.subscribe(run_topic(run_id)) as subscription:
        async with asyncio.timeout(20):
            while not await world.logs(run_id):
                await subscription.wait()
                subscription.take()


async def test_the_same_report_again_and_one_of_an_attempt_that_has_ended_change_nothing(site, says, client):
    run_id, order = await site.begin(NODE)
    await told(client, report_of(order), report_of(order))
    again = await site.elsewhere.order(1)
    await told(client, report_of(order))
    await site.post(says.answer(again))
    run = await site.world.end(run_id)
    rev = (await site.world.store.load_run(run_id)).rev
    lines = await site.world.logs(run_id)

    await told(client, report_of(order), report_of(again), report_of(again, code="evicted"))

    assert (await site.world.store.load_run(run_id)).rev == rev
    assert await site.world.logs(run_id) == lines
    assert run.root.nodes[NodeId("a")].attempt == 2
    assert [line.message for line in lines] == [TOO_MUCH]


async def test_what_hinders_is_a_line_of_those_who_wait_and_ends_nothing(site, says, client):
    run_id, order = await site.begin(NODE)
    waiting = report_of(order, code="unschedulable", message="waiting for a GPU: none is free", over=False)

    await told(client, waiting, waiting)
    await told(client, {"function": "fn-other-gpu", "code": "image-pull", "message": "no image"})

    await line_shown(site.world, run_id)
    state = (await site.world.store.load_run(run_id)).run.root.nodes[NodeId("a")]
    assert (state.status, state.attempt) == (NodeStatus.RUNNING, 1)
    await site.post(says.answer(order, logs=says.lines("done")))
    await site.world.end(run_id)
    lines = [(line.level, line.message) for line in await site.world.logs(run_id)]
    assert sorted(lines) == [("info", "done"), ("warning", "waiting for a GPU: none is free")]


async def test_only_an_administrator_of_all_namespaces_may_tell(site, client):
    run_id, order = await site.begin(NODE)
    for token, status in (("bound", 403), ("editor", 403), ("nobody", 401)):
        answer = await client.post(REPORTS, json=report_of(order), headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status, answer.text
    state = (await site.world.store.load_run(run_id)).run.root.nodes[NodeId("a")]
    assert (state.status, state.attempt) == (NodeStatus.RUNNING, 1)


@pytest.mark.parametrize(
    ("change", "says_what"),
    [
        ({"function": "fn-a-job"}, "either attempt or function"),
        ({"attempt": None}, "either attempt or function"),
        ({"attempt": None, "function": "fn-a-cpu"}, "only an attempt can be over"),
        ({"code": "burnt"}, "/code"),
        ({"lines": ["x"] * 101}, "/lines"),
        ({"more": 1}, "/more"),
    ],
)
async def test_a_report_that_is_none_is_refused(site, client, change, says_what):
    _, order = await site.begin(NODE)
    answer = await client.post(REPORTS, json=report_of(order) | change)
    assert answer.status_code == 400, answer.text
    assert says_what in str(answer.json())
