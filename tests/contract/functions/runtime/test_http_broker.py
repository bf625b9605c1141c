"""`HttpBroker` against brokers that take events, refuse them, or do not answer."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from eventing.broker_sender import HttpBroker
from eventing.cloudevents import decode_one
from eventing.messages import invoke_event
from eventing.remote import BusyError, DeliveryError, RefusedError, UnreachedError


@pytest.fixture
def publish(new_invocation):
    """Publishes one order at an address."""

    async def run(url):
        async with HttpBroker(url) as broker:
            await broker.publish(invoke_event(new_invocation(), datetime.now(UTC) + timedelta(minutes=1)))

    return run


@pytest.mark.parametrize("status", ["202 Accepted", "200 OK", "204 No Content"])
async def test_an_event_is_posted_in_binary_mode_to_the_address_of_the_broker(publish, serve, reply, status):
    server = await serve(reply(b"", status))

    await publish(f"{server.url}/default/main")

    [asked] = server.asked
    assert (asked.method, asked.target) == ("POST", "/default/main")
    event = decode_one(asked.headers.items(), asked.body)
    assert (event.id, event.type, event.extensions["flumenodetype"]) == ("r.n.1", "dev.flume.node.invoke", "template")
    assert orjson.loads(asked.body)["config"] == {"template": "hi"}


async def test_events_share_connections(new_invocation, serve, reply):
    connections, accept = set(), reply(b"", "202 Accepted")

    async def count(asked, writer):
        connections.add(writer)
        await accept(asked, writer)

    server = await serve(count)
    async with HttpBroker(server.url) as broker:
        for _ in range(3):
            await broker.publish(invoke_event(new_invocation(), datetime.now(UTC)))

    assert (len(server.asked), len(connections)) == (3, 1)


@pytest.mark.parametrize(
    ("status", "headers", "error", "wait_s"),
    [
        ("429 Too Many Requests", {"Retry_After": "7"}, BusyError, 7),
        ("503 Unavailable", {"Retry_After": "1"}, UnreachedError, 1),
        ("500 Error", {}, DeliveryError, 0),
        ("502 Error", {}, DeliveryError, 0),
        ("404 None", {}, UnreachedError, 0),
        ("408 Timeout", {}, DeliveryError, 0),
        ("409 Conflict", {}, DeliveryError, 0),
    ],
)
async def test_what_may_go_better_later_says_when(publish, serve, reply, status, headers, error, wait_s):
    server = await serve(reply(b"why", status, **headers))

    with pytest.raises(error, match=f"the broker answered {status[:3]}: why") as failed:
        await publish(server.url)

    assert type(failed.value) is error
    assert failed.value.wait == timedelta(seconds=wait_s)


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "403 No", "413 Large", "302 Found"])
async def test_other_statuses_are_final(publish, serve, reply, status):
    server = await serve(reply(b"", status, Location="http://127.0.0.1:9/"))

    with pytest.raises(RefusedError, match=f"the broker did not take the event; it answered {status[:3]}") as refused:
        await publish(server.url)

    assert (refused.value.failed.code, refused.value.failed.retryable) == ("refused", False)
    assert len(server.asked) == 1


async def test_a_broker_that_is_not_there_has_certainly_taken_nothing(publish):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(UnreachedError, match=r"the broker at 127\.0\.0\.1 can't be reached") as failed:
        await publish(f"http://user:secret-word@127.0.0.1:{port}/")

    assert "secret-word" not in str(failed.value)


async def test_a_broker_to_which_no_connection_comes_about_in_time_has_taken_nothing(publish, silent_port, monkeypatch):
    monkeypatch.setattr("eventing.http_calls.CONNECT_S", 0.05)

    with pytest.raises(UnreachedError, match="can't be reached: no connection came about in time") as failed:
        await publish(f"http://user:secret-word@127.0.0.1:{silent_port}/")

    assert "secret-word" not in str(failed.value)


async def test_a_broker_that_breaks_off_may_have_taken_it(publish, serve):
    async def cut(asked, writer):
        writer.transport.abort()

    server = await serve(cut)

    with pytest.raises(DeliveryError, match="did not answer") as failed:
        await publish(server.url)

    assert not isinstance(failed.value, UnreachedError)
    assert len(server.asked) == 1


async def test_a_broker_that_never_answers_may_have_taken_it(publish, serve, monkeypatch):
    monkeypatch.setattr("eventing.broker_sender.PUBLISH_S", 0.05)

    async def silence(asked, writer):
        await asyncio.Event().wait()

    server = await serve(silence)

    with pytest.raises(DeliveryError, match="did not answer: ") as failed:
        await publish(server.url)

    assert not isinstance(failed.value, UnreachedError)
