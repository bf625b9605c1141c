"""What a broker could not deliver, as it comes to the API: orders, answers, and anything else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from eventing.cloudevents import CloudEvent, encode_batch, encode_binary, encode_structured
from eventing.datarefs import payload_id, without_data
from eventing.messages import invoke_event
from flume.ids import NodeId
from orchestrator.api.access import access_for
from orchestrator.api.app import create_app
from orchestrator.api.event_bodies import MAX_LETTER_BYTES
from orchestrator.api.tokens import parse_tokens
from orchestrator.state import NodeStatus, RunStatus

NODE = {"id": "a", "type": "call", "config": {"do": "x"}, "runOn": "cpu", "retry": {"attempts": 2, "delay": "1ms"}}
LARGE = "x" * 1024 * 1024


def order_event(order):
    """The order as it was published."""
    return invoke_event(order, datetime.now(UTC) + timedelta(minutes=5))


def letter(event, destination="http://resize.flume.svc.cluster.local", code="503", **more):
    told = {"knativeerrordest": destination, "knativeerrorcode": code, **more}
    return replace(event, extensions={**event.extensions, **told})


@pytest.fixture
def post(site):
    """Sends dead letters to an API that wants tokens of its callers, without one."""
    access = access_for(listen_host="127.0.0.1", tokens=parse_tokens("a-token-of-the-api"))
    app = create_app(site.world.orchestrator, access, version="1")

    async def send(event, encode=encode_binary):
        headers, body = encode(event)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post("/events/dead-letter", content=body, headers=headers)

    return send


async def error_of_first_attempt(site, says, run_id):
    """How the first attempt failed, once the second was answered."""
    again = await site.elsewhere.order(1)
    await site.post(says.answer(again))
    run = await site.world.end(run_id)
    assert run.status is RunStatus.COMPLETED
    return run.root.nodes[NodeId("a")].attempts[0].error


@pytest.mark.parametrize("encode", [encode_binary, encode_structured, lambda event: encode_batch([event, event])])
async def test_an_order_fails_its_attempt_which_is_tried_again_with_the_same_key(site, says, post, encode):
    run_id, order = await site.begin(NODE)

    posted = await post(letter(order_event(order)), encode)

    assert (posted.status_code, posted.content) == (202, b""), posted.text
    error = await error_of_first_attempt(site, says, run_id)
    assert (error.code, error.retryable) == ("undelivered", True)
    assert error.message == ("the order could not be delivered: http://resize.flume.svc.cluster.local answered 503")
    assert site.elsewhere.orders[1].key == order.key


@pytest.mark.parametrize(
    ("destination", "code", "says_what"),
    [
        ("http://user:word@resize.svc:80/path?key=word#word", "429", "http://resize.svc/path answered 429"),
        ("the function 'resize'", "-1", "the function 'resize' did not answer"),
        ("", "", "its function did not answer"),
        ("http://[", "503", "its function answered 503"),
        ("http://resize.svc", "<b>word</b>", "http://resize.svc did not answer"),
    ],
)
async def test_where_it_went_and_what_came_back_is_told_without_what_may_be_secret(
    site, says, post, destination, code, says_what
):
    run_id, order = await site.begin(NODE)

    assert (await post(letter(order_event(order), destination, code, knativeerrordata="d29yZA=="))).status_code == 202

    error = await error_of_first_attempt(site, says, run_id)
    assert error.message == f"the order could not be delivered: {says_what}"


async def test_an_order_whose_data_is_apart_shows_its_token_beside_it(site, says, post):
    run_id, order = await site.begin(NODE)
    travelling = without_data(order_event(order), f"http://x/api/v1/payloads/{payload_id(order.token, 'invoke')}")

    assert (await post(letter(travelling))).status_code == 202

    assert (await error_of_first_attempt(site, says, run_id)).code == "undelivered"


async def test_who_has_not_the_token_of_the_attempt_can_not_fail_it(site, says, post):
    run_id, order = await site.begin(NODE)
    event = letter(order_event(order))
    apart = without_data(event, "http://x/api/v1/payloads/1")
    wrong = [
        says.with_token(event, ""),
        says.with_token(event, "x" * 43),
        replace(event, data=None),
        replace(event, extensions={**event.extensions, "flumeattempt": "2"}),
        replace(apart, extensions={**apart.extensions, "flumetoken": "x" * 43}),
        says.with_token(says.answer(order), "x" * 43),
    ]

    for each in wrong:
        posted = await post(each)
        assert (posted.status_code, posted.json()["code"]) == (400, "malformed-event"), each
        assert order.token not in posted.text

    state = (await site.world.store.load_run(run_id)).run.root.nodes[NodeId("a")]
    assert (state.status, state.attempt) == (NodeStatus.RUNNING, 1)


async def test_an_answer_is_taken_as_if_it_had_come_by_itself(site, says, post):
    run_id, order = await site.begin(NODE)

    assert (await post(letter(says.answer(order, {"n": 1})))).status_code == 202

    run = await site.world.end(run_id)
    assert await site.world.value(run, "a") == {"n": 1}


async def test_a_large_answer_is_taken_too(site, says, post):
    run_id, order = await site.begin(NODE)

    assert (await post(letter(await site.keep(says.answer(order, LARGE))))).status_code == 202

    assert await site.world.value(await site.world.end(run_id), "a") == LARGE


async def test_an_order_that_was_answered_meanwhile_or_of_an_ended_run_changes_nothing(site, says, post):
    run_id, order = await site.begin(NODE)
    await site.post(says.answer(order))
    assert (await site.world.end(run_id)).status is RunStatus.COMPLETED
    rev = await site.world.rev(run_id)

    assert (await post(letter(order_event(order)))).status_code == 202

    assert await site.world.rev(run_id) == rev
    assert await site.world.store.read_inbox(run_id) == ()


async def test_any_other_event_is_told_in_the_log_without_its_data(site, post, caplog):
    event = CloudEvent("order-7", "/shop", "com.example.order", data={"card": "4111-1111"})

    assert (await post(letter(event))).status_code == 202

    [record] = [record for record in caplog.records if "could not be delivered" in record.message]
    assert (record.type, record.source, record.id) == ("com.example.order", "/shop", "order-7")
    assert "4111" not in str(vars(record))


async def test_all_others_of_a_request_are_one_line_in_the_log(post, caplog):
    letters = [letter(CloudEvent(f"order-{number}", "/shop", "com.example.order")) for number in range(50)]

    assert (await post(letters, encode_batch)).status_code == 202

    [record] = [record for record in caplog.records if "could not be delivered" in record.message]
    assert (record.id, record.count) == ("order-0", 50)


async def test_a_letter_larger_than_any_of_ours_is_refused(post):
    event = CloudEvent("order-7", "/shop", "com.example.order", data="x" * MAX_LETTER_BYTES)

    assert (await post(event)).status_code == 413


async def test_of_a_batch_with_one_that_is_wrong_the_others_are_taken(site, says, post):
    first_id, first = await site.begin(NODE)
    second_id, second = await site.begin(NODE, name="second")
    wrong = says.with_token(says.answer(first), "wrong")
    batch = [says.answer(first, 1), wrong, says.answer(second, 2)]

    posted = await post(batch, encode_batch)

    assert posted.status_code == 400
    assert (await site.world.end(first_id)).status is RunStatus.COMPLETED
    assert (await site.world.end(second_id)).status is RunStatus.COMPLETED


async def test_what_is_no_event_is_malformed(post):
    posted = await post(None, lambda event: ({"content-type": "application/json"}, b"{}"))

    assert (posted.status_code, posted.json()["code"]) == (400, "malformed-event")


async def test_a_store_that_takes_nothing_now_has_the_letter_sent_again(open_site, fragile, says):
    async with open_site(wrap=fragile) as site:
        run_id, order = await site.begin(NODE)
        fragile.store.broken, fragile.store.failing = {"put_inbox"}, True
        app = create_app(site.world.orchestrator, access_for(listen_host="127.0.0.1"), version="1")
        headers, body = encode_binary(letter(order_event(order)))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            posted = await client.post("/events/dead-letter", content=body, headers=headers)
            assert posted.status_code == 503
            assert int(posted.headers["retry-after"]) > 0
            fragile.store.failing = False
            assert (await client.post("/events/dead-letter", content=body, headers=headers)).status_code == 202
        assert (await error_of_first_attempt(site, says, run_id)).code == "undelivered"
