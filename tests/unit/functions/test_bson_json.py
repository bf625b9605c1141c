"""Values on their way to and from MongoDB. What a server keeps of them is shown by ``tests/contract``."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import bson
import pytest
from bson import MaxKey, MinKey, Regex
from bson.datetime_ms import DatetimeMS

from flume.errors import NodeError
from flume.values import check_value
from functions.nodes.bson_json import OPTIONS, to_bson, to_json

UTC_2 = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("extended", "expected"),
    [
        ({"$date": "2026-01-31"}, datetime(2026, 1, 31, tzinfo=UTC)),
        ({"$date": "2026-01-31T09:00:00.120+02:00"}, datetime(2026, 1, 31, 9, 0, 0, 120_000, tzinfo=UTC_2)),
        ({"$date": {"$numberLong": "-1"}}, DatetimeMS(-1)),
        ({"$date": datetime(2026, 1, 1, tzinfo=UTC)}, datetime(2026, 1, 1, tzinfo=UTC)),
        ({"$numberInt": "5"}, 5),
        ({"$numberDouble": "Infinity"}, float("inf")),
        ({"$regularExpression": {"pattern": "^a", "options": "im"}}, Regex("^a", "im")),
        ({"$minKey": 1}, MinKey()),
        ({"$maxKey": 1}, MaxKey()),
        ({"$oid": "x", "more": 1}, {"$oid": "x", "more": 1}),
        ({"$in": [{"$numberInt": "1"}]}, {"$in": [1]}),
        ({"a": ("b", {})}, {"a": ["b", {}]}),
    ],
    ids=str,
)
def test_extended_json_is_read_and_all_else_stays(extended: Any, expected: Any) -> None:
    assert to_bson(extended, "") == expected
    bson.encode({"value": to_bson(extended, "")}, codec_options=OPTIONS)


@pytest.mark.parametrize(
    "extended",
    [
        {"$oid": "s3cret"},
        {"$oid": None},
        {"$oid": b"123456789012"},
        {"$date": "s3cret"},
        {"$date": None},
        {"$date": 2**63},
        {"$date": {"$numberLong": "s3cret"}},
        {"$numberInt": 5},
        {"$numberLong": str(2**63)},
        {"$numberDouble": "s3cret"},
        {"$numberDecimal": "s3cret"},
        {"$numberDecimal": "1" * 7000},
        {"$binary": "s3cret"},
        {"$binary": {"base64": "s3cret!", "subType": "00"}},
        {"$binary": {"base64": "AA==", "subType": "100"}},
        {"$binary": {"base64": "AA=="}},
        {"$uuid": "s3cret"},
        {"$uuid": 5},
        {"$regularExpression": {"pattern": "a\0", "options": ""}},
        {"$regularExpression": {"pattern": "a", "options": "z"}},
        {"$regularExpression": "a"},
    ],
    ids=lambda value: str(value)[:40],
)
def test_extended_json_that_is_none_fails_at_its_place_without_its_value(extended: Any) -> None:
    with pytest.raises(NodeError) as failed:
        to_bson({"a/b": [extended]}, "/inputs/filter")

    assert (failed.value.code, failed.value.retryable) == ("bad-input", False)
    assert str(failed.value).startswith(f"/inputs/filter/a~1b/0/{next(iter(extended))}: ")
    assert "expected" in str(failed.value)
    assert "s3cret" not in str(failed.value)


def test_an_integer_beyond_64_bits_fails_at_its_place() -> None:
    with pytest.raises(NodeError, match=r"^/inputs/document/a/0: an integer beyond 64 bits"):
        to_bson({"a": [2**63]}, "/inputs/document")
    assert to_bson([2**63 - 1, -(2**63), True], "") == [2**63 - 1, -(2**63), True]


def test_every_type_of_bson_becomes_json_that_a_store_can_hold() -> None:
    every = {
        "inf": float("-inf"),
        "nan": float("nan"),
        "at": bson.Timestamp(1_700_000_000, 3),
        "far": DatetimeMS(2**62),
        "code": bson.Code("x", {"a": 1}),
        "int64": bson.Int64(5),
        "nested": [{"id": bson.ObjectId(), "regex": Regex("a", "x")}],
        "old-uuid": bson.Binary(bytes(16), 3),
    }
    plain = to_json(bson.decode(bson.encode(every), OPTIONS))

    check_value(plain)
    assert type(plain["int64"]) is int
    assert (plain["inf"], plain["nan"], plain["at"]) == ("-Infinity", "NaN", "2023-11-14T22:13:20Z")
