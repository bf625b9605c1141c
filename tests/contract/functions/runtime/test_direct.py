"""`DirectSender` against functions that answer wrongly, late or not at all, and against one in another language."""

import asyncio
import os
import shutil
import socket
import threading
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from eventing.aside import ASIDE_FROM
from eventing.attempts import OpenAttempts
from eventing.cloudevents import MalformedEventError, decode_one, encode_binary, encode_structured
from eventing.direct import DirectSender
from eventing.function_calls import FunctionCalls
from eventing.invocations import Failed, LogRecord
from eventing.messages import Progressed, answer_event, invoke_event, progress_event
from eventing.remote import BusyError, CrashError, DeliveryError, RefusedError, UnreachedError
from flume.nodes.outcomes import Result
from tests.handing_over import Depot, Reports
from tests.servers.own_process import do_without

EXAMPLE = Path(__file__).parents[4] / "examples" / "function-in-javascript" / "function.mjs"


class OnePlace:
    """A function at a fixed address; ``epitaph`` is what it said last if it is dead."""

    def __init__(self, url, epitaph=None):
        self.url = url
        self.headers = {"authorization": "Bearer of this place"}
        self.said = epitaph

    async def epitaph(self):
        return self.said

    @asynccontextmanager
    async def place(self, invocation, on_start):
        yield self


@pytest.fixture
def send(new_invocation):
    """Hands one order to a place; what it was answered."""

    async def run(place, invocation=None, depot=None):
        invocation = invocation or new_invocation()
        with OpenAttempts().open(invocation, Reports()) as attempt:
            async with FunctionCalls(place) as calls:
                await DirectSender(calls, depot or Depot()).send(
                    invoke_event(invocation, datetime.now(UTC) + timedelta(minutes=1)), attempt
                )
            return attempt.answered.result()

    return run


def answering(event, encode=encode_binary):
    """A server that answers with this event."""
    headers, body = encode(event)

    async def answer(asked, writer):
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body)

    return answer


@pytest.mark.parametrize("encode", [encode_binary, encode_structured])
async def test_an_answer_in_either_mode_is_taken(send, serve, new_invocation, encode):
    line = LogRecord(0, "info", "grüße", {}, 0)
    server = await serve(answering(answer_event(new_invocation(), Result("ü"), logs=[line], execute_ms=3), encode))

    answered = await send(OnePlace(server.url))

    assert (answered.answer, answered.logs, answered.execute_ms) == (Result("ü"), (line,), 3)
    [asked] = server.asked
    assert (asked.method, asked.target, asked.headers["ce-id"]) == ("POST", "/", "r.n.1")
    assert asked.headers["authorization"] == "Bearer of this place"
    assert orjson.loads(asked.body)["config"] == {"template": "hi"}


@pytest.mark.parametrize(
    ("status", "headers", "error", "wait_s"),
    [
        ("429 Too Many Requests", {"Retry_After": "7"}, BusyError, 7),
        ("429 Too Many Requests", {"Retry_After": "Wed, 21 Oct 2026 07:28:00 GMT"}, BusyError, 0),
        ("503 Unavailable", {"Retry_After": "1"}, UnreachedError, 1),
        ("500 Error", {}, DeliveryError, 0),
        ("408 Timeout", {}, DeliveryError, 0),
        ("410 Gone", {}, DeliveryError, 0),
    ],
)
async def test_what_may_go_better_later_says_when(send, serve, reply, status, headers, error, wait_s):
    server = await serve(reply(b"why", status, **headers))

    with pytest.raises(error, match=f"the function answered {status[:3]}: why") as failed:
        await send(OnePlace(server.url))

    assert type(failed.value) is error
    assert failed.value.wait == timedelta(seconds=wait_s)


@pytest.mark.parametrize(
    "status", ["400 Bad", "401 No", "404 None", "413 Large", "421 Host", "202 Accepted", "204 None", "302 Found"]
)
async def test_other_statuses_are_final(send, serve, reply, status):
    server = await serve(reply(b"", status, Location="http://127.0.0.1:9/"))

    with pytest.raises(RefusedError, match=f"the function did not take the event; it answered {status[:3]}"):
        await send(OnePlace(server.url))

    assert len(server.asked) == 1


async def test_an_answer_that_is_none_is_a_failure_of_the_function(send, serve, reply, new_invocation):
    ours, other = new_invocation(), new_invocation(attempt=2)
    right = answer_event(ours, Result(1), logs=(), execute_ms=0)
    wrong = [
        reply(b"<h1>hello</h1>", Content_Type="text/html"),
        reply(b""),
        answering(answer_event(other, Result(1), logs=(), execute_ms=0)),
        answering(progress_event(ours, Progressed(None, ours.token))),
        answering(replace(right, type="dev.flume.node.other")),
        answering(replace(right, data={"output": 1})),
        answering(replace(right, data={**right.data, "token": "another's-ü"})),
    ]
    for answer in wrong:
        server = await serve(answer)
        with pytest.raises(RefusedError, match="answered what is no answer") as refused:
            await send(OnePlace(server.url))
        assert refused.value.failed.code == "bad-answer"


async def test_data_of_an_answer_that_is_not_right_is_a_failure_of_the_function(send, serve, new_invocation):
    server = await serve(answering(answer_event(new_invocation(), Result(1), logs=(), execute_ms=0)))

    with pytest.raises(RefusedError, match="not this attempt's"):
        await send(OnePlace(server.url), depot=Depot(inward=MalformedEventError("the data is not this attempt's")))


async def test_data_that_can_not_be_kept_now_is_tried_again(send):
    with pytest.raises(DeliveryError, match="the store is full"):
        await send(OnePlace("http://127.0.0.1:9/"), depot=Depot(outward=DeliveryError("the store is full")))


async def test_a_large_answer_is_read_beside_the_event_loop(send, serve, new_invocation, monkeypatch):
    threads = []

    def decode(headers, content):
        threads.append(threading.get_ident())
        return decode_one(headers, content)

    monkeypatch.setattr("eventing.function_calls.decode_one", decode)
    output = "x" * ASIDE_FROM
    server = await serve(answering(answer_event(new_invocation(), Result(output), logs=(), execute_ms=0)))

    assert (await send(OnePlace(server.url))).answer == Result(output)
    [thread] = threads
    assert thread != threading.get_ident()


async def test_an_answer_that_is_too_large_is_not_read_to_its_end(send, serve, monkeypatch):
    monkeypatch.setattr("eventing.function_calls.PAYLOAD_MOST", 1_000_000)

    async def endless(asked, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    server = await serve(endless)

    with pytest.raises(RefusedError, match="larger than 1,000,000 bytes"):
        await send(OnePlace(server.url))


async def cut(asked, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.transport.abort()


async def test_a_connection_that_is_lost_may_be_the_way_and_not_the_function(send, serve):
    server = await serve(cut)

    with pytest.raises(DeliveryError, match="the connection was lost") as failed:
        await send(OnePlace(server.url))

    assert not isinstance(failed.value, CrashError)
    assert len(server.asked) == 1


async def test_a_connection_that_is_lost_to_a_dead_process_is_its_crash(send, serve):
    server = await serve(cut)

    with pytest.raises(CrashError, match="killed by SIGKILL"):
        await send(OnePlace(server.url, "killed by SIGKILL"))


async def test_an_order_that_never_reached_a_dead_process_did_not_kill_it(send):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(DeliveryError, match="can't be reached") as failed:
        await send(OnePlace(f"http://127.0.0.1:{port}/", "killed by SIGKILL"))

    assert not isinstance(failed.value, CrashError)


async def test_a_function_to_which_no_connection_comes_about_in_time_has_taken_nothing(send, silent_port, monkeypatch):
    monkeypatch.setattr("eventing.http_calls.CONNECT_S", 0.05)

    with pytest.raises(UnreachedError, match="the function can't be reached: no connection came about in time"):
        await send(OnePlace(f"http://127.0.0.1:{silent_port}/", "killed by SIGKILL"))


async def test_a_function_that_listens_only_a_moment_later_is_reached(send, new_invocation):
    answer = answering(answer_event(new_invocation(), Result(1), logs=(), execute_ms=0))

    async def connected(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await answer(None, writer)
        writer.close()

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        sending = asyncio.create_task(send(OnePlace(f"http://127.0.0.1:{bound.getsockname()[1]}/")))
        await asyncio.sleep(0.03)  # the first try is refused meanwhile; should it come later, nothing is lost
        async with await asyncio.start_server(connected, sock=bound):
            assert (await sending).answer == Result(1)


@pytest.fixture
async def javascript(orchestrator, environment):
    """The address of the example."""
    node = shutil.which("node")
    if node is None:
        do_without("no Node.js to run the example with")
    process = await asyncio.create_subprocess_exec(
        node,
        str(EXAMPLE),
        stdout=asyncio.subprocess.PIPE,
        env={**environment, "PORT": "0", "ENGINE_URL": orchestrator.url},
    )
    try:
        line = (await process.stdout.readline()).decode()
        yield OnePlace(line.split()[-1])
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        async with asyncio.timeout(10):
            await process.communicate()
    assert process.returncode == 0, "it ends in good order"


@pytest.mark.slow
async def test_a_function_in_another_language_follows_the_protocol(javascript, send, order, orchestrator, until):
    count = order("count-words", {"text": "grüße, 바다 and 🌊"}, config={"shortest": 2}, instance="each[3].n")

    assert (await send(javascript, count)).answer == Result({"words": 3})
    assert (await send(javascript, replace(count, attempt=2, token="another"))).token == "another"
    failed = (await send(javascript, replace(count, key="k2", inputs={"text": 7}))).answer
    assert failed == Failed("bad-input", "inputs.text is not text")

    await until(lambda: orchestrator.signs)
    [sign] = orchestrator.signs
    assert (str(sign.attempt), sign.token, sign.text) == ("r.each[3].n.1", count.token, "counting 15 characters")


@pytest.mark.slow
async def test_the_function_in_another_language_refuses_what_is_no_order_for_it(javascript, send, order):
    large = order("count-words", {"text": "x" * 200_000})

    with pytest.raises(RefusedError, match="it answered 413"):
        await send(javascript, large)


def test_the_example_needs_nothing_but_node():
    imports = [line for line in EXAMPLE.read_text().splitlines() if line.startswith("import")]

    assert imports == ['import { createServer } from "node:http";']
    assert os.listdir(EXAMPLE.parent) == [EXAMPLE.name]
