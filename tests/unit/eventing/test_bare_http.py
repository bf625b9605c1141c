"""The little that a bare ASGI application needs of HTTP."""

import asyncio

import orjson
import pytest

from eventing.bare_http import answer, headers_of, problem, read_body
from eventing.cloudevents import MalformedEventError
from flume.errors import TooLargeError


def receiving(*messages):
    left = list(messages)

    async def receive():
        await asyncio.sleep(0)
        return left.pop(0)

    return receive


def part(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


class Sent:
    """What was sent as a response."""

    def __init__(self):
        self.messages = []

    async def __call__(self, message):
        self.messages.append(message)

    @property
    def status(self):
        return self.messages[0]["status"]

    @property
    def headers(self):
        return dict(headers_of(self.messages[0]))

    @property
    def body(self):
        return b"".join(message["body"] for message in self.messages[1:])


async def test_a_body_in_pieces_is_read_as_one_up_to_the_limit():
    assert await read_body(receiving(part(b"ab"), {"type": "http.request"}), 2) == b"ab"
    assert await read_body(receiving(part(b"ab"), part(b""), part(b"c", more=False)), 3) == b"abc"


async def test_a_body_beyond_the_limit_is_not_read_to_its_end():
    parts = (part(b"ab"), part(b"cd"), part(b"ef", more=False))
    receive = receiving(*parts)

    with pytest.raises(TooLargeError, match="the batch is larger than the limit of 3 bytes"):
        await read_body(receive, 3, what="the batch")

    assert (await receive()) is parts[2]


async def test_a_caller_that_goes_away_leaves_no_half_body():
    with pytest.raises(MalformedEventError, match="the caller went away before the event was whole"):
        await read_body(receiving(part(b"ab"), {"type": "http.disconnect"}), 100)


async def test_a_problem_says_what_and_leaves_out_headers_that_say_nothing():
    sent = Sent()

    await problem(sent, 405, "why", allow=("PUT", "GET"))

    assert (sent.status, orjson.loads(sent.body)) == (405, {"status": 405, "detail": "why"})
    assert sent.headers == {
        "content-type": "application/problem+json",
        "allow": "GET, PUT",
        "content-length": str(len(sent.body)),
    }


async def test_an_answer_without_a_text_has_no_type():
    sent = Sent()

    await answer(sent, 202)

    assert (sent.status, sent.headers, sent.body) == (202, {"content-length": "0"}, b"")
