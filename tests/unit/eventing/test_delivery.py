from base64 import b64decode
from datetime import timedelta

import pytest

from eventing.cloudevents import CloudEvent, decode_one, encode_binary
from eventing.delivery import MAX_WAIT, NO_ANSWER, Delivery, Reply, dead_letter
from flume.pipeline import Backoff

EVENT = CloudEvent("1", "/shop", "order", extensions={"size": "5"}, data={"a": 1})


@pytest.mark.parametrize(
    ("status", "success", "later"),
    [
        (200, True, False),
        (202, True, False),
        (204, True, False),
        (302, False, False),
        (400, False, False),
        (403, False, False),
        (404, False, True),
        (408, False, True),
        (409, False, True),
        (410, False, False),
        (429, False, True),
        (500, False, True),
        (503, False, True),
        (NO_ANSWER, False, True),
    ],
)
def test_an_answer_is_taken_tried_again_or_given_up_as_knative_does(status, success, later):
    assert Reply(status).is_success is success
    assert Reply(status).may_succeed_later is later


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [(Backoff.FIXED, [2, 2, 2, 2]), (Backoff.LINEAR, [2, 4, 6, 8]), (Backoff.EXPONENTIAL, [2, 4, 8, 16])],
)
def test_waits_grow_as_the_policy_says(backoff, waits):
    delivery = Delivery(backoff=backoff, delay=timedelta(seconds=2))
    assert [delivery.wait(retry, Reply(500)).total_seconds() for retry in (1, 2, 3, 4)] == waits


def test_what_the_subscriber_asks_for_is_the_least_wait_and_no_wait_is_above_the_bound():
    delivery = Delivery(delay=timedelta(seconds=2))
    assert delivery.wait(1, Reply(429, retry_after=timedelta(seconds=30))) == timedelta(seconds=30)
    assert delivery.wait(4, Reply(429, retry_after=timedelta(seconds=3))) == timedelta(seconds=16)
    assert delivery.wait(1, Reply(503, retry_after=timedelta(days=365))) == MAX_WAIT
    assert delivery.wait(10_000, Reply(500)) == MAX_WAIT
    assert Delivery(delay=timedelta.max, backoff=Backoff.LINEAR).wait(9, Reply(500)) == MAX_WAIT


def test_a_dead_letter_is_the_event_with_what_became_of_it():
    letter = dead_letter(EVENT, "http://shop.example", Reply(422, body=b"no such article " * 100))
    error = letter.extensions["knativeerrordata"]
    assert len(error) == 1024
    assert (b"no such article " * 100).startswith(b64decode(error))
    assert letter.extensions == {
        "size": "5",
        "knativeerrordest": "http://shop.example",
        "knativeerrorcode": "422",
        "knativeerrordata": error,
    }
    assert (letter.id, letter.source, letter.data) == (EVENT.id, EVENT.source, EVENT.data)
    headers, body = encode_binary(letter)
    assert decode_one(headers.items(), body).extensions == letter.extensions


def test_a_dead_letter_that_was_never_answered_tells_no_body():
    assert dead_letter(EVENT, "shop", Reply(NO_ANSWER)).extensions == {
        "size": "5",
        "knativeerrordest": "shop",
        "knativeerrorcode": "-1",
    }
