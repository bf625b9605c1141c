from dataclasses import replace

import pytest

from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.datarefs import INLINE_MOST, large_data, payload_id, reference_of, with_data, without_data

URL = "http://flume/api/v1/payloads/0123"


def event(**changes):
    plain = CloudEvent("r.n.1", "/f", "t", extensions={"flumerun": "r"}, data={"token": "tok", "output": "x"})
    return replace(plain, **changes)


def test_data_stays_with_its_event_up_to_the_limit_and_is_sent_apart_beyond():
    frame = len(b'{"output":""}')

    assert large_data(event(data={"output": "x" * (INLINE_MOST - frame)})) is None
    assert large_data(event(data={"output": "x" * (INLINE_MOST - frame + 1)})) is not None


def test_the_limit_counts_bytes_and_not_characters():
    assert large_data(event(data={"output": "ü" * (INLINE_MOST // 2)})) is not None


@pytest.mark.parametrize("data", [None, "x" * (INLINE_MOST + 1), b"x" * (INLINE_MOST + 1), [1]])
def test_data_that_no_message_of_flume_has_is_left_alone(data):
    assert large_data(event(data=data)) is None


def test_an_event_is_the_same_after_its_data_went_apart():
    given = event()
    travelling = without_data(given, URL)

    assert travelling.data is None
    assert reference_of(travelling) == (URL, "tok")
    assert with_data(travelling, b'{"token":"tok","output":"x"}') == given


def test_an_event_with_its_data_has_no_reference():
    assert reference_of(event()) is None


@pytest.mark.parametrize("token", [{}, {"flumetoken": ""}])
def test_a_reference_without_the_token_of_its_attempt_is_malformed(token):
    with pytest.raises(MalformedEventError, match="needs 'flumetoken'"):
        reference_of(event(extensions={"dataref": URL, **token}))


@pytest.mark.parametrize(
    "changes",
    [
        {"extensions": {"dataref": f"{URL}ü", "flumetoken": "tok"}},
        {"extensions": {"dataref": URL, "flumetoken": "tök"}},
        {"extensions": {"dataref": URL, "flumetoken": "tok"}, "id": "r.ñ.1"},
    ],
)
def test_what_can_be_in_no_request_is_malformed(changes):
    with pytest.raises(MalformedEventError, match="ASCII"):
        reference_of(event(**changes))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 70 + b"]" * 70, b"18446744073709551616"])
def test_data_that_was_kept_apart_and_is_no_json_is_malformed(content):
    with pytest.raises(MalformedEventError, match="what 'dataref' refers to is not right"):
        with_data(without_data(event(), URL), content)


@pytest.mark.parametrize("data", [None, [1], {"output": 1}, {"token": ""}, {"token": 7}])
def test_data_without_a_token_can_not_go_apart(data):
    with pytest.raises(MalformedEventError):
        without_data(event(data=data), URL)


def test_the_place_of_data_follows_from_the_token_and_tells_nothing_of_it():
    ids = {payload_id(token, purpose) for token in ("a", "b") for purpose in ("invoke", "answer")}

    assert len(ids) == 4
    assert all(len(each) == 24 and int(each, 16) for each in ids)
    assert payload_id("a", "invoke") == payload_id("a", "invoke")
