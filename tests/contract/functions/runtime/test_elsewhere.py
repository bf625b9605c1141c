"""Functions that others keep: services behind an ingress, and sinks that start a job for each order."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from eventing.attempts import OpenAttempts
from eventing.cloudevents import decode_one, encode_binary
from eventing.direct import DirectSender
from eventing.elsewhere import ByLane, FunctionsElsewhere, JobSender, refused_elsewhere
from eventing.function_calls import FunctionCalls
from eventing.invocations import Phase
from eventing.messages import answer_event, invoke_event
from eventing.remote import BusyError, DeliveryError, RefusedError, UnreachedError
from flume.nodes.outcomes import Result
from flume.pipeline import Lane
from tests.handing_over import Depot, Reports


@pytest.fixture
def send(new_invocation):
    """Hands one order over by its lane, to the server with the path that its function's name is; its attempt, and its reports."""

    @asynccontextmanager
    async def senders(url):
        def address_of(invocation):
            return f"{url}/{invocation.function}"

        functions = FunctionsElsewhere(address_of)
        async with FunctionCalls(functions, refused_elsewhere) as calls, JobSender(address_of, Depot()) as jobs:
            yield ByLane(jobs=jobs, others=DirectSender(calls, Depot()))

    async def run(url, lane, invocation=None):
        invocation = replace(invocation or new_invocation(), lane=lane, function=f"fn-template-{lane}")
        reports = Reports()
        with OpenAttempts().open(invocation, reports) as attempt:
            async with senders(url) as sender:
                await sender.send(invoke_event(invocation, datetime.now(UTC) + timedelta(minutes=1)), attempt)
            return attempt.answered.result() if attempt.answered.done() else None, reports.phases

    return run


async def test_an_order_for_a_service_is_posted_to_its_address_and_answered_by_the_reply(send, serve, new_invocation):
    headers, body = encode_binary(answer_event(new_invocation(), Result("hi"), logs=(), execute_ms=3))

    async def answer(asked, writer):
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body)

    server = await serve(answer)
    answered, phases = await send(server.url, Lane.GPU)

    assert (answered.answer, phases) == (Result("hi"), [Phase.EXECUTING])
    [asked] = server.asked
    assert (asked.method, asked.target, asked.headers["ce-flumefunction"]) == (
        "POST",
        "/fn-template-gpu",
        "fn-template-gpu",
    )


async def test_an_order_for_a_job_is_given_to_its_sink_and_a_job_is_being_started_then(send, serve, reply):
    server = await serve(reply(b"", "202 Accepted"))
    answered, phases = await send(server.url, Lane.JOB)

    assert (answered, phases) == (None, [Phase.STARTING])
    [asked] = server.asked
    event = decode_one(asked.headers.items(), asked.body)
    assert (asked.target, event.id, event.extensions["flumefunction"]) == (
        "/fn-template-job",
        "r.n.1",
        "fn-template-job",
    )


@pytest.mark.parametrize(
    ("lane", "status", "headers"),
    [
        (Lane.CPU, "404 Not Found", {}),
        (Lane.CPU, "503 Service Unavailable", {}),
        (Lane.JOB, "400 Bad Request", {}),
        (Lane.JOB, "404 Not Found", {}),
        (Lane.JOB, "503 Service Unavailable", {}),
    ],
)
async def test_what_does_not_serve_yet_costs_no_try(send, serve, reply, lane, status, headers):
    server = await serve(reply(b"", status, **headers))

    with pytest.raises(UnreachedError) as failed:
        await send(server.url, lane)

    assert not isinstance(failed.value, BusyError)


async def test_a_404_of_the_function_itself_is_final(send, serve, reply):
    server = await serve(reply(b'{"detail": "no such type"}', "404 Not Found", Content_Type="application/problem+json"))

    with pytest.raises(RefusedError, match=r"answered 404: .*no such type"):
        await send(server.url, Lane.CPU)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("429 Too Many", BusyError),
        ("500 Error", DeliveryError),
        ("413 Large", RefusedError),
        ("302 Found", RefusedError),
    ],
)
async def test_what_a_sink_answers_else_is_judged_as_that_of_a_function(send, serve, reply, status, error):
    server = await serve(reply(b"why", status))

    with pytest.raises(error, match=f"the sink for jobs .*{status[:3]}") as failed:
        await send(server.url, Lane.JOB)

    assert type(failed.value) is error


async def test_a_sink_that_is_not_there_or_does_not_answer_is_told(send, serve):
    with pytest.raises(UnreachedError, match="the sink for jobs can't be reached"):
        await send("http://127.0.0.1:9", Lane.JOB)

    async def cut(asked, writer):
        writer.transport.abort()

    server = await serve(cut)
    with pytest.raises(DeliveryError, match="the sink for jobs did not answer") as failed:
        await send(server.url, Lane.JOB)
    assert type(failed.value) is DeliveryError
