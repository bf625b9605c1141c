import pytest

from flume.values import MAX_DEPTH, BadValueError, check_value


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [None, True, 0, -(2**63), 2**63 - 1, 1.5, "ü", [], {"a": [1, {"b": None}]}, nested(MAX_DEPTH)]
)
def test_json_passes(value):
    check_value(value)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (float("nan"), ""),
        ([1, float("inf")], "/1"),
        ({"a/b": {"~": 2**63}}, "/a~1b/~0"),
        ({"a": {1: 2}}, "/a"),
        ({"a": {"x\0": 2}}, "/a"),
        (["\ud800"], "/0"),
        ({"a": b"bytes"}, "/a"),
        ({"a": {1, 2}}, "/a"),
        (nested(MAX_DEPTH + 1), "/0" * MAX_DEPTH),
    ],
)
def test_what_a_store_could_not_hold_is_refused_with_its_place(value, pointer):
    with pytest.raises(BadValueError) as refused:
        check_value(value)
    assert refused.value.pointer == pointer
