import json
import re
import string
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent
from hypothesis import given
from hypothesis import strategies as st

from eventing.cloudevents import (
    BATCH,
    MAX_ATTRIBUTE,
    MAX_ATTRIBUTES,
    MAX_BATCH,
    STRUCTURED,
    CloudEvent,
    MalformedEventError,
    decode,
    decode_one,
    encode_batch,
    encode_binary,
    encode_structured,
    written_time,
)

TIME = datetime(2026, 11, 24, 9, 30, 0, 250_000, tzinfo=UTC)
REQUIRED = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/shop", "ce-type": "order"}

texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=40,
)
names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20).filter(
    lambda name: (
        name
        not in {
            "specversion",
            "id",
            "source",
            "type",
            "subject",
            "time",
            "datacontenttype",
            "dataschema",
            "data",
            "database64",
        }
    )
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
events = st.builds(
    CloudEvent,
    id=texts,
    source=texts,
    type=texts,
    subject=st.none() | texts,
    time=st.none() | st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),
    datacontenttype=st.just("application/json"),
    dataschema=st.none() | texts,
    extensions=st.dictionaries(names, texts, max_size=3),
    data=values,
)


def binary(body=b"", content_type="application/json", **headers):
    """A binary event, with headers changed by name (``_`` for ``-``), and left out if None."""
    given = {**REQUIRED, **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name, value) for name, value in given.items() if value is not None]
    return decode_one([*pairs, *([("content-type", content_type)] if content_type else [])], body)


def structured(**members):
    event = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order", **members}
    given = {name: value for name, value in event.items() if value is not ...}
    return decode_one([("content-type", STRUCTURED)], json.dumps(given).encode())


@given(events)
def test_an_event_is_the_same_after_any_way_of_writing_and_reading_it(event):
    for encoded in (encode_binary(event), encode_structured(event), encode_batch([event])):
        headers, body = encoded
        assert all(value.isascii() and value.isprintable() for value in headers.values())
        # Without data a binary event has no content type either.
        expected = event if event.data is not None or "content-type" in headers else without_content_type(event)
        assert decode(headers.items(), body) == (expected,)


def without_content_type(event):
    return CloudEvent(
        event.id, event.source, event.type, event.subject, event.time, None, event.dataschema, event.extensions, None
    )


@given(st.lists(events, max_size=3))
def test_a_batch_keeps_its_events_in_order(batch):
    headers, body = encode_batch(batch)

    assert decode(headers.items(), body) == tuple(batch)


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("text/plain", "grüße\n"),
        ("text/csv; charset=utf-8", "a,b"),
        ("image/png", b"\x89PNG\x00\xff"),
        ("application/octet-stream", b"\xff"),
        ("text/plain; charset=iso-8859-1", b"gr\xfc\xdfe"),
    ],
)
def test_data_that_is_no_json_is_the_same_in_both_modes(content_type, data):
    event = CloudEvent("1", "/s", "t", datacontenttype=content_type, data=data)

    assert decode_one(encode_binary(event)[0].items(), encode_binary(event)[1]) == event
    assert decode_one(encode_structured(event)[0].items(), encode_structured(event)[1]) == event


def test_json_in_base64_is_read_as_json_as_it_is_in_binary_mode():
    event = structured(datacontenttype="application/json", data_base64=b64encode(b'{"a": 1}').decode())

    assert event.data == {"a": 1}


class SdkFormat(JSONFormat):
    """The SDK's own format, but for JSON data that is a list, text or a number, which it writes wrongly in binary mode."""

    def write_data(self, data, datacontenttype):
        return b"" if data is None else json.dumps(data).encode()


# The SDK makes up a time where there is none.
sdk_events = events.filter(lambda event: event.data is not None).map(
    lambda event: event if event.time else replace(event, time=TIME)
)


@given(sdk_events)
def test_the_sdk_reads_what_we_write(event):
    for headers, body in (encode_binary(event), encode_structured(event)):
        read = from_http_event(HTTPMessage(dict(headers), body), SdkFormat())

        assert read.get_data() == event.data
        assert as_text(read.get_attributes()) == event.attributes


@given(sdk_events)
def test_we_read_what_the_sdk_writes(event):
    attributes = {**event.attributes, **({"time": event.time} if event.time else {})}
    for write in (to_binary_event, to_structured_event):
        message = write(SdkEvent(dict(attributes), event.data), SdkFormat())
        headers = [(name.lower(), value) for name, value in message.headers.items()]

        assert decode_one(headers, message.body) == event


def as_text(attributes):
    return {name: written_time(value) if isinstance(value, datetime) else value for name, value in attributes.items()}


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
@pytest.mark.parametrize("value", [None, ""])
def test_an_event_without_what_every_event_has_is_malformed(name, value):
    with pytest.raises(MalformedEventError, match=f"no '{name}'"):
        binary(**{f"ce_{name}": value})
    with pytest.raises(MalformedEventError, match=f"no '{name}'"):
        structured(**{name: ... if value is None else value})


@pytest.mark.parametrize("version", ["0.3", "1", "2.0", "1.0.2"])
def test_other_versions_are_refused(version):
    with pytest.raises(MalformedEventError, match="specversion"):
        binary(ce_specversion=version)


@pytest.mark.parametrize(
    "time",
    [
        "yesterday",
        "2026-11-24",
        "2026-11-24T09:00:00",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_a_time_that_is_no_moment_is_malformed(time):
    with pytest.raises(MalformedEventError, match="time"):
        binary(ce_time=time)


def test_a_time_of_any_zone_is_read_as_that_moment():
    assert binary(ce_time="2026-11-24T10:30:00.25+01:00").time == TIME
    assert written_time(TIME.astimezone(timezone(timedelta(hours=9)))) == "2026-11-24T09:30:00.250000Z"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"ce_id": "a%00b"}, "'id' holds a control character"),
        ({"ce_subject": "a%0d%0aset-cookie: x"}, "'subject' holds a control character"),
        ({"ce_id": "%ff"}, "ce-id is not UTF-8"),
        ({"ce_id": "\u20ac"}, "ce-id is not UTF-8"),
        ({"ce_my-name": "x"}, "no attribute name"),
        ({"ce_": "x"}, "no attribute name"),
        ({"ce_data": "x"}, "no attribute name"),
        ({"ce_" + "a" * 65: "x"}, "no attribute name"),
        ({"ce_id": "x" * (MAX_ATTRIBUTE + 1)}, "longer than 4,096"),
    ],
)
def test_headers_that_are_no_attributes_are_malformed(headers, reason):
    with pytest.raises(MalformedEventError, match=re.escape(reason)):
        binary(**{name.replace("my-name", "my_name"): value for name, value in headers.items()})


def test_an_attribute_that_comes_twice_is_malformed():
    with pytest.raises(MalformedEventError, match="ce-id comes more than once"):
        decode_one([*REQUIRED.items(), ("ce-id", "2")], b"")


def test_percent_signs_and_quotation_marks_of_other_senders_are_read_as_the_specification_says():
    assert binary(ce_id='"a \\"b\\" %E2%82%AC"').id == 'a "b" €'
    assert binary(ce_id="100%").id == "100%"
    assert binary(ce_id="%zz").id == "%zz"


def test_an_empty_optional_attribute_counts_as_none():
    event = binary(ce_subject="", ce_dataschema="")

    assert (event.subject, event.dataschema) == (None, None)


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("application/json", b"{", "not valid JSON"),
        ("application/json", b'"\xff"', "not valid JSON"),
        ("application/json", b"\xef\xbb\xbf{}", "not valid JSON"),
        ("application/json", b'"\\ud800"', "not valid JSON"),
        ("application/json", b"NaN", "not valid JSON"),
        ("application/json", b"9223372036854775808", "beyond 64 bits"),
        ("application/json", b'{"a": [-9223372036854775809]}', "beyond 64 bits"),
        ("application/vnd.x+json", b"[" * 65 + b"]" * 65, "nested deeper"),
        ("application/json", b"[" * 100_000 + b"]" * 100_000, "not valid JSON"),
        ("application/json", b'{"a\\u0000": 1}', "NUL"),
        ("text/plain", b"\xff", "byte 0 of the text is not UTF-8"),
        ("application/cloudevents+xml", b"<event/>", "not known"),
        ("application/cloudevents", b"{}", "not known"),
        (STRUCTURED, b"[]", "is an object"),
        (STRUCTURED, b"", "not valid JSON"),
        (BATCH, b"{}", "is an array"),
        (BATCH, b"[1]", "is an object"),
        (BATCH, b"[" + b",".join([b"{}"] * (MAX_BATCH + 1)) + b"]", "1,000 events at most, not 1,001"),
    ],
)
def test_bodies_that_are_not_what_they_say_are_malformed(content_type, body, reason):
    with pytest.raises(MalformedEventError, match=reason):
        binary(body, content_type)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"data": 1, "data_base64": "YQ=="}, "either 'data' or"),
        ({"data_base64": "%%"}, "not Base64"),
        ({"data_base64": "YQ"}, "not Base64"),
        ({"data_base64": "ä"}, "not Base64"),
        ({"data_base64": 7}, "not Base64"),
        ({"data_base64": "ew==", "datacontenttype": "application/json"}, "not valid JSON"),
        ({"id": ["a"]}, "'id' is neither text"),
        ({"weight": 1.5}, "'weight' is neither text"),
        ({"Weight": 1}, "no attribute name"),
        ({"id": "a\0b"}, "control character"),
        ({"datacontenttype": "tëxt/plain"}, "not ASCII"),
        ({"datacontenttype": "text/plain\r\nx: y"}, "control character"),
    ],
)
def test_structured_events_that_break_the_format_are_malformed(members, reason):
    with pytest.raises(MalformedEventError, match=reason):
        structured(**members)


def test_an_event_has_so_many_attributes_and_no_more():
    most = {f"x{number}": "" for number in range(MAX_ATTRIBUTES - len(REQUIRED))}
    assert structured(**most)
    with pytest.raises(MalformedEventError, match="256 attributes at most, not 257"):
        structured(**most, more="")


@pytest.mark.parametrize(
    ("wrong", "pointer", "reason"),
    [
        ({"specversion": "1.0", "source": "/s", "type": "t"}, "/1", "event 1 of the batch, .*: the event has no 'id'"),
        (1, "/1", "event 1 of the batch, .*an object"),
    ],
)
def test_the_event_of_a_batch_that_is_wrong_is_named(wrong, pointer, reason):
    right = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
    with pytest.raises(MalformedEventError, match=reason) as caught:
        decode([("content-type", BATCH)], json.dumps([right, wrong, {}]).encode())
    assert caught.value.pointer == pointer


def test_booleans_and_integers_become_their_canonical_text_and_null_is_absent():
    event = structured(flag=True, count=-7, gone=None, subject=None)

    assert (dict(event.extensions), event.subject) == ({"flag": "true", "count": "-7"}, None)


def test_a_plain_request_is_told_how_to_become_an_event():
    with pytest.raises(MalformedEventError) as refused:
        decode_one([("content-type", "application/json")], b"{}")

    assert "ce-id" in refused.value.hint


@pytest.mark.parametrize("count", [0, 2])
def test_where_one_event_is_expected_a_batch_of_another_size_is_malformed(count):
    headers, body = encode_batch([CloudEvent("1", "/s", "t")] * count)

    with pytest.raises(MalformedEventError, match=f"batch of {count}"):
        decode_one(headers.items(), body)


@given(
    st.lists(
        st.tuples(st.sampled_from([*REQUIRED, "ce-time", "ce-x", "content-type"]), st.text(max_size=12)), max_size=8
    ),
    st.sampled_from(["application/json", STRUCTURED, BATCH, "text/plain", ""]),
    st.binary(max_size=60),
)
def test_nothing_that_comes_in_raises_anything_but_malformed_event_error(headers, content_type, body):
    with suppress(MalformedEventError):
        decode([("content-type", content_type), *headers], body)


@given(values, st.sampled_from([STRUCTURED, BATCH]))
def test_no_json_in_place_of_an_event_raises_anything_but_malformed_event_error(value, content_type):
    for each in (
        value,
        [value],
        {"specversion": "1.0", "id": value, "source": "s", "type": "t", "time": value, "x": value},
    ):
        with suppress(MalformedEventError):
            decode([("content-type", content_type)], json.dumps(each).encode())
