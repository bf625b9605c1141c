import pytest

from orchestrator.api.pipelines import merge


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({"a": 1}, "whole", "whole"),
        (["a"], {"b": 1}, {"b": 1}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ],
)
def test_a_patch_adds_replaces_and_removes_by_key(target, patch, merged) -> None:
    assert merge(target, patch) == merged


def test_what_is_patched_stays_as_it_was() -> None:
    target = {"a": {"b": 1}}

    merge(target, {"a": {"b": 2}})

    assert target == {"a": {"b": 1}}
