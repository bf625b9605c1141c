"""The HTTP face of a function, called as a server calls it; every status that it may answer."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from eventing.cloudevents import MalformedEventError, decode_one, encode_batch, encode_binary, encode_structured
from eventing.message_reading import read_report
from eventing.messages import invoke_event
from flume.errors import NodeError, NotFoundError
from flume.nodes.outcomes import Result
from functions.app import MAX_BODY, MAX_DIRECT_BODY, MAX_HEAD, FunctionApp
from functions.memo import LocalMemo
from functions.runtime import CutShortError, DrainingError, FullError, GoneError, Runtime


class Echo:
    """An executor whose nodes return their config."""

    async def execute(self, invocation, reports):
        return Result(dict(invocation.config))


class Courier:
    """Keeps all data of answers apart; raises what it is told to."""

    def __init__(self):
        self.raises = None

    async def whole(self, event):
        if self.raises:
            raise self.raises
        return event

    async def travelling(self, event):
        return replace(event, extensions={**event.extensions, "dataref": "http://kept"})


@dataclass
class Response:
    status: int = 0
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    @property
    def detail(self):
        assert self.headers["content-type"] == "application/problem+json"
        problem = orjson.loads(self.body)
        assert problem["status"] == self.status
        return problem["detail"]


def runtime_of(node_type):
    def named(name):
        if name != node_type.name:
            raise NotFoundError("node type", name)
        return node_type

    return Runtime(type_named=named, executor=Echo(), memo=LocalMemo(lambda: 0.0), capacity=1)


@pytest.fixture
def runtime(new_invocation):
    return runtime_of(new_invocation().node_type)


@pytest.fixture
def app(runtime):
    return FunctionApp(runtime, None, lambda: True)


@pytest.fixture
def order(new_invocation):
    return invoke_event(new_invocation(), datetime.now(UTC) + timedelta(minutes=1))


async def call(app, method="POST", path="/", headers=(), body=b"", *, chunks=None):
    """What the app answers. ``chunks`` None in the list: the caller goes away."""
    messages = [
        {"type": "http.disconnect"} if chunk is None else {"type": "http.request", "body": chunk, "more_body": True}
        for chunk in (chunks if chunks is not None else [body])
    ]
    messages[-1]["more_body"] = False
    response = Response()

    async def receive():
        return messages.pop(0)

    async def send(message):
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            response.body += message["body"]

    given = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await app({"type": "http", "method": method, "path": path, "headers": given}, receive, send)
    assert int(response.headers["content-length"]) == len(response.body)
    return response


async def send_event(app, event, *, encode=encode_binary, **options):
    headers, body = encode(event)
    return await call(app, headers=[("host", "f"), *headers.items()], body=body, **options)


class Refusing:
    """A runtime that raises this."""

    def __init__(self, error):
        self.error = error
        self.is_draining = False

    async def answer(self, event):
        raise self.error


@pytest.mark.parametrize("encode", [encode_binary, encode_structured, lambda event: encode_batch([event])])
async def test_an_order_in_any_mode_is_answered_with_an_event_in_binary_mode(app, order, encode):
    response = await send_event(app, order, encode=encode)

    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    answer = decode_one(response.headers.items(), response.body)
    assert (answer.id, read_report(answer).answer) == (order.id, Result({"template": "hi"}))


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (FullError("full"), 429, "1"),
        (DrainingError("stopping"), 503, "1"),
        (CutShortError("had to stop"), 500, None),
        (GoneError("unwanted"), 410, None),
        (NotFoundError("node type", "x"), 404, None),
        (MalformedEventError("no such thing"), 400, None),
        (ConnectionError("refused"), 502, "1"),
        (NodeError("refused", code="payload-refused"), 400, None),
        (NodeError("gone", code="payload-gone", retryable=True), 502, "1"),
        (NodeError("too much", code="too-large"), 413, None),
    ],
)
async def test_each_reason_why_an_order_can_not_be_carried_out_has_its_status(order, error, status, retry_after):
    response = await send_event(FunctionApp(Refusing(error), None, lambda: True), order)

    assert response.status == status
    assert str(error) in response.detail
    assert response.headers.get("retry-after") == retry_after


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ([], b"", "this is no CloudEvent"),
        ([("content-type", "application/cloudevents+json")], b"{", "not valid JSON"),
        ([("ce-id", "1"), ("ce-id", "2")], b"", "more than once"),
        (
            [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/"), ("ce-type", "other")],
            b"{}",
            "dev.flume.node.invoke",
        ),
    ],
)
async def test_what_is_no_order_is_400_and_says_why(app, headers, body, reason):
    response = await call(app, headers=headers, body=body)

    assert response.status == 400
    assert reason in response.detail


async def test_an_order_that_asks_for_another_type_is_404(app, order):
    changed = replace(order, extensions={**order.extensions, "flumenodetype": "other"})

    response = await send_event(app, changed)

    assert (response.status, response.detail) == (404, "no node type 'other'")


@pytest.mark.parametrize(("has_courier", "most"), [(True, MAX_BODY), (False, MAX_DIRECT_BODY)])
async def test_a_body_beyond_the_limit_is_413_while_it_comes_in(runtime, has_courier, most):
    app = FunctionApp(runtime, Courier() if has_courier else None, lambda: True)
    part = b"x" * 50_000

    fits = await call(app, chunks=[b"x" * most])
    response = await call(app, chunks=[part] * (most // len(part) + 1))

    assert (fits.status, response.status) == (400, 413)
    assert f"{most:,} bytes" in response.detail


async def test_a_caller_that_goes_away_before_its_event_is_whole_causes_no_work(app, runtime, order):
    headers, body = encode_binary(order)

    response = await call(app, headers=headers.items(), chunks=[body[:10], None])

    assert (response.status, runtime.taken) == (400, 0)


async def test_data_apart_is_fetched_before_the_work_and_kept_after_it(runtime, order):
    courier = Courier()
    app = FunctionApp(runtime, courier, lambda: True)

    response = await send_event(app, order)
    assert response.headers["ce-dataref"] == "http://kept"

    courier.raises = ConnectionError("refused")
    response = await send_event(app, order)
    assert (response.status, response.headers["retry-after"]) == (502, "1")


async def test_headers_beyond_the_limit_are_431(app, order):
    response = await call(app, headers=[("ce-x", "x" * MAX_HEAD)])

    assert response.status == 431


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8080", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:80", 421),
        ("localhost:80:80", 421),
        ("", 421),
        (None, 421),
    ],
)
async def test_on_this_machine_a_page_that_reaches_it_by_a_name_of_its_own_is_421(runtime, host, status):
    app = FunctionApp(runtime, None, lambda: True, hosts={"127.0.0.1", "localhost", "[::1]"})

    headers = [] if host is None else [("host", host)]

    assert (await call(app, "GET", "/healthz", headers)).status == status


async def test_two_host_headers_are_421(runtime):
    app = FunctionApp(runtime, None, lambda: True, hosts={"localhost"})

    assert (await call(app, "GET", "/healthz", [("host", "localhost"), ("host", "localhost")])).status == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("authorization", "Bearer the-key")], 200),
        ([("authorization", "Bearer the-keys")], 401),
        ([("authorization", "the-key")], 401),
        ([("authorization", "Bearer \xfc")], 401),
        ([("authorization", "Bearer the-key"), ("authorization", "Bearer other")], 401),
        ([], 401),
    ],
)
async def test_a_process_with_a_key_takes_orders_that_carry_it_alone(runtime, order, headers, status):
    app = FunctionApp(runtime, None, lambda: True, key="the-key")
    given, body = encode_binary(order)

    response = await call(app, headers=[*given.items(), *headers], body=body)

    assert (response.status, runtime.taken) == (status, int(status == 200))
    if status == 401:
        assert "FLUME_FUNCTION_KEY" in response.detail
        assert response.headers["www-authenticate"] == "Bearer"
    assert (await call(app, "GET", "/healthz")).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_is_ready_between_its_setup_and_its_end(runtime, method):
    is_ready = False
    app = FunctionApp(runtime, None, lambda: is_ready)

    before = await call(app, method, "/readyz")
    is_ready = True
    during = await call(app, method, "/readyz")
    await runtime.drain(0)
    after = await call(app, method, "/readyz")

    assert [each.status for each in (before, during, after)] == [503, 200, 503]
    assert before.headers["retry-after"] == "1"
    assert (await call(app, method, "/healthz")).status == 200


async def test_warming_does_nothing_but_answer(app, runtime):
    response = await call(app, "POST", "/warm")

    assert (response.status, response.body, runtime.taken) == (204, b"", 0)


async def test_metrics_count_what_was_taken(app, order):
    await send_event(app, order)
    await send_event(app, order)

    response = await call(app, "GET", "/metrics")

    lines = response.body.decode().splitlines()
    assert "flume_function_events_total 1" in lines
    assert "flume_function_in_flight 0" in lines
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/", 405, "POST"),
        ("PUT", "/", 405, "POST"),
        ("OPTIONS", "/", 405, "POST"),
        ("GET", "/warm", 405, "POST"),
        ("POST", "/healthz", 405, "GET, HEAD"),
        ("DELETE", "/metrics", 405, "GET, HEAD"),
        ("GET", "/favicon.ico", 404, None),
        ("POST", "//", 404, None),
    ],
)
async def test_other_calls_are_told_what_there_is(app, method, path, status, allow):
    response = await call(app, method, path)

    assert (response.status, response.headers.get("allow")) == (status, allow)
    assert response.detail


async def test_a_websocket_is_no_call(app):
    with pytest.raises(ValueError, match="websocket"):
        await app({"type": "websocket"}, None, None)


async def test_a_defect_is_left_to_the_server(order):
    app = FunctionApp(Refusing(ZeroDivisionError()), None, lambda: True)

    with pytest.raises(ZeroDivisionError):
        await send_event(app, order)


async def test_two_callers_with_the_same_order_get_the_same_answer(app, runtime, order):
    first, second = await asyncio.gather(send_event(app, order), send_event(app, order))

    assert json.loads(first.body) == json.loads(second.body)
    assert runtime.taken == 1
