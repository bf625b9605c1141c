"""What moments are on their way to a function and back."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from eventing.cloudevents import MalformedEventError, decode_one, encode_binary
from eventing.message_reading import read_invoke
from eventing.messages import invoke_event
from eventing.moments import as_text, holds_none, restore
from flume.pipeline import EMPTY

AT = datetime(2026, 1, 31, 9, 5, 7, 45_000, tzinfo=UTC)
DEADLINE = AT + timedelta(hours=1)


def read(invocation):
    headers, body = encode_binary(invoke_event(invocation, DEADLINE))
    return read_invoke(decode_one(headers.items(), body), lambda name: invocation.node_type, AT)


def test_moments_of_an_invocation_arrive_as_moments_wherever_they_stand(new_invocation):
    inputs = {"at": AT, "a/b~c": [{"deep": [AT, "2026-01-31T09:05:07Z"]}], "n": 1, "none": None, "yes": True}

    arrived = read(new_invocation(config={"when": AT}, inputs=inputs))

    assert (arrived.config, arrived.inputs) == ({"when": AT}, inputs)


def test_a_function_that_knows_nothing_of_moments_reads_text(new_invocation):
    _, body = encode_binary(invoke_event(new_invocation(inputs={"at": AT}), DEADLINE))

    assert orjson.loads(body)["inputs"] == {"at": "2026-01-31T09:05:07.045000Z"}
    assert orjson.loads(body)["moments"] == ["/inputs/at"]


def test_an_order_without_moments_does_not_speak_of_them(new_invocation):
    assert "moments" not in invoke_event(new_invocation(), DEADLINE).data


def test_a_value_without_moments_is_sent_itself_and_not_copied(new_invocation):
    value = [{"a": 1}]

    assert invoke_event(new_invocation(inputs={"v": value}), DEADLINE).data["inputs"]["v"] is value


@pytest.mark.parametrize(
    ("value", "is_so"), [({"a": [1, None, "2026-01-31T09:05:07Z"]}, True), ({"a": [AT]}, False), (EMPTY, False)]
)
def test_whether_a_value_holds_no_moment_is_seen_without_going_through_it(value, is_so):
    assert holds_none(value) is is_so


def test_what_is_sent_stays_as_it_was():
    value = {"at": [AT]}

    assert as_text(value, "", []) == {"at": ["2026-01-31T09:05:07.045000Z"]}
    assert value == {"at": [AT]}


@pytest.mark.parametrize(
    ("pointers", "reason"),
    [
        (["/inputs/missing"], "not there"),
        (["/inputs/list/1"], "not there"),
        (["/inputs/list/-1"], "not there"),
        (["/inputs/list/99999999999999999999"], "not there"),
        (["/inputs/list/0/deeper"], "not there"),
        (["/inputs/text"], "no moment"),
        (["/inputs"], "no moment"),
        (["inputs"], "else than JSON pointers"),
        ([7], "else than JSON pointers"),
    ],
)
def test_pointers_that_lead_nowhere_are_malformed(pointers, reason):
    data = {"inputs": {"list": ["2026-01-31T09:05:07Z"], "text": "yesterday"}}

    with pytest.raises(MalformedEventError, match=reason):
        restore(data, pointers)
