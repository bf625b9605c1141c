from datetime import timedelta

import pytest

from flume.nodes.context import Secrets
from flume.testing import NOW, context_of_test


def test_secrets_are_found_by_name_and_not_shown() -> None:
    secrets = Secrets({"KEY": "s3cret-value"})

    assert secrets["KEY"] == "s3cret-value"
    assert repr(secrets) == "Secrets(KEY)"
    assert "s3cret-value" not in repr(context_of_test(secrets=secrets))
    with pytest.raises(KeyError, match=r'no secret OTHER for this node; it may use: KEY; .* secrets = \("OTHER",\)'):
        secrets["OTHER"]


def test_the_remaining_time_is_never_negative() -> None:
    assert context_of_test(deadline=NOW + timedelta(seconds=5)).remaining == timedelta(seconds=5)
    assert context_of_test(deadline=NOW - timedelta(seconds=5)).remaining == timedelta(0)


def test_log_and_progress_reach_their_sinks_in_order() -> None:
    seen: list[object] = []
    context = context_of_test(
        log_sink=lambda level, message, fields: seen.append((level, message, dict(fields))), progress_sink=seen.append
    )

    context.log("started", n=1)
    context.progress("Hel")
    context.progress(text="lo")
    context.log("odd", level="warning")

    assert seen == [("info", "started", {"n": 1}), "Hel", "lo", ("warning", "odd", {})]


def test_cancelled_asks_each_time() -> None:
    answers = iter([False, True])

    context = context_of_test(is_cancelled=lambda: next(answers))

    assert [context.cancelled, context.cancelled] == [False, True]
