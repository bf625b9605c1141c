"""Data that is too large for an event: who may fetch and keep it, and what others are told."""

import httpx
import pytest

from eventing.datarefs import INLINE_MOST, payload_id, reference_of
from eventing.messages import attempt_of, invoke_event
from eventing.remote import DeliveryError
from orchestrator.function_endpoints import FunctionEndpoints
from orchestrator.payload_exchange import StoreDepot

LARGE = "x" * (INLINE_MOST + 1)


def address(token, purpose="answer"):
    return f"/api/v1/payloads/{payload_id(token, purpose)}"


def proof(order, token=None):
    return {
        "authorization": f"Bearer {order.token if token is None else token}",
        "flume-attempt": str(attempt_of(order)),
    }


@pytest.fixture
async def ordered(site):
    """A site, and an order whose data is kept apart."""
    _, order = await site.begin(
        {"id": "a", "type": "call", "runOn": "cpu", "config": {"do": "x"}, "inputs": {"value": LARGE}}
    )
    depot = StoreDepot(site.world.orchestrator.payloads, lambda: "http://flume")
    event = await depot.travelling(invoke_event(order, order.now), order)
    assert (event.data, reference_of(event)) == (None, (f"http://flume{address(order.token, 'invoke')}", order.token))
    return site, order


async def test_the_data_of_an_order_is_given_to_who_has_its_token(ordered):
    site, order = ordered

    given = await site.client.get(address(order.token, "invoke"), headers=proof(order))

    assert (given.status_code, given.headers["content-type"]) == (200, "application/json")
    assert (given.json()["inputs"], given.json()["token"]) == ({"value": LARGE}, order.token)


async def test_data_that_is_kept_can_be_fetched_and_replaces_what_was_kept_before(ordered):
    site, order = ordered
    for content in (b'{"output": 1}', b'{"output": 2}'):
        kept = await site.client.put(address(order.token), content=content, headers=proof(order))
        assert (kept.status_code, kept.content) == (204, b"")

    assert (await site.client.get(address(order.token), headers=proof(order))).content == b'{"output": 2}'


async def test_whoever_may_not_and_what_is_not_there_are_answered_alike(ordered, says):
    site, order = ordered
    _, other = await site.begin(name="other")
    await site.keep(says.answer(other, LARGE))
    there, ours = address(order.token, "invoke"), address(order.token)
    tries = [
        ("GET", there, {}),
        ("GET", there, proof(order, "")),
        ("GET", there, proof(order, "x" * 43)),
        ("GET", there, proof(order, other.token)),
        ("GET", there, {**proof(order), "flume-attempt": str(attempt_of(other))}),
        ("GET", there, {**proof(order), "flume-attempt": f"{order.run_id}.a.2"}),
        ("GET", there, {**proof(order), "flume-attempt": "nothing"}),
        ("GET", there, {**proof(order), "authorization": f"Basic {order.token}"}),
        ("GET", there, proof(other)),
        ("GET", address(other.token), proof(order)),
        ("GET", ours, proof(order)),
        ("GET", "/api/v1/payloads/" + "f" * 24, proof(order)),
        ("PUT", there, proof(order)),
        ("PUT", address(other.token), proof(order)),
        ("PUT", ours, proof(order, other.token)),
    ]

    answers = [await site.client.request(method, url, headers=headers, content=b"{}") for method, url, headers in tries]

    assert {answer.status_code for answer in answers} == {404}
    asked = [url.rpartition("/")[2] for _, url, _ in tries]
    details = {answer.json()["detail"].replace(id, "ID") for answer, id in zip(answers, asked, strict=True)}
    assert details == {"no payload 'ID'; or the token and Flume-Attempt are not those of its attempt"}
    assert (await site.client.get(there, headers=proof(order))).status_code == 200


async def test_an_answer_whose_data_another_replica_let_go_of_is_asked_for_again(ordered, says):
    site, order = ordered
    answer = await site.keep(says.answer(order, LARGE))
    ours, theirs = (StoreDepot(site.world.orchestrator.payloads, lambda: "http://flume") for _ in range(2))
    assert (await theirs.whole(answer, order)).data["output"] == LARGE

    with pytest.raises(DeliveryError, match="not there any more"):
        await ours.whole(answer, order)


async def test_a_payload_beyond_the_limit_is_refused_and_nothing_of_it_is_kept(ordered):
    site, order = ordered
    orchestrator = site.world.orchestrator
    endpoints = FunctionEndpoints(orchestrator.node_reports, orchestrator.payloads, payload_most=10)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(endpoints), base_url="http://127.0.0.1") as client:
        refused = await client.put(address(order.token), content=b"x" * 11, headers=proof(order))
        assert (refused.status_code, "larger than the limit of 10 bytes" in refused.json()["detail"]) == (413, True)
        assert (await client.get(address(order.token), headers=proof(order))).status_code == 404
        assert (await client.put(address(order.token), content=b"x" * 10, headers=proof(order))).status_code == 204


async def test_a_store_that_is_full_has_the_function_come_back(open_site, fragile):
    async with open_site(wrap=fragile) as site:
        _, order = await site.begin()
        fragile.store.broken, fragile.store.failing = {"save_payload", "read_payload"}, True

        for method in ("PUT", "GET"):
            refused = await site.client.request(method, address(order.token), content=b"{}", headers=proof(order))
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")

        fragile.store.failing = False
        assert (await site.client.put(address(order.token), content=b"{}", headers=proof(order))).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/events", 405, "POST"),
        ("POST", "/api/v1/payloads/" + "f" * 24, 405, "GET, PUT"),
        ("GET", "/api/v1/runs", 404, None),
        ("POST", "/", 404, None),
    ],
)
async def test_nothing_else_is_served_there(site, method, path, status, allow):
    answer = await site.client.request(method, path)

    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
