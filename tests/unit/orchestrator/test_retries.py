"""The arithmetic of waits, by hand."""

from datetime import timedelta

import pytest

from flume.pipeline import Backoff, RetryPolicy
from orchestrator.retries import MAX_DELAY_MS, retry_delay_ms

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (Backoff.FIXED, [1000, 1000, 1000, 1000]),
        (Backoff.LINEAR, [1000, 2000, 3000, 4000]),
        (Backoff.EXPONENTIAL, [1000, 2000, 4000, 8000]),
    ],
)
def test_the_wait_grows_by_the_backoff(backoff: Backoff, waits: list[int]) -> None:
    policy = RetryPolicy(9, SECOND, backoff, jitter=False)
    assert [retry_delay_ms(policy, attempt, jitter=0.7) for attempt in (1, 2, 3, 4)] == waits


def test_the_wait_grows_no_further_than_the_policy_allows() -> None:
    policy = RetryPolicy(9, SECOND, Backoff.EXPONENTIAL, max_delay=timedelta(seconds=3), jitter=False)
    assert [retry_delay_ms(policy, attempt, jitter=0.0) for attempt in (1, 2, 3, 4)] == [1000, 2000, 3000, 3000]


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 500), (0.5, 750), (0.998, 999)])
def test_jitter_spreads_the_wait_over_its_upper_half(jitter: float, wait: int) -> None:
    assert retry_delay_ms(RetryPolicy(9, SECOND), 1, jitter=jitter) == wait


def test_jitter_counts_from_the_bounded_wait() -> None:
    policy = RetryPolicy(9, timedelta(seconds=10), max_delay=timedelta(seconds=4))
    assert retry_delay_ms(policy, 1, jitter=0.0) == 2000


def test_what_the_other_side_asked_for_is_a_floor_not_a_replacement() -> None:
    policy = RetryPolicy(9, SECOND, max_delay=timedelta(seconds=2))
    assert retry_delay_ms(policy, 1, jitter=0.0, retry_after_ms=200) == 500
    assert retry_delay_ms(policy, 1, jitter=0.0, retry_after_ms=30_000) == 30_000


def test_no_wait_is_longer_than_a_day() -> None:
    policy = RetryPolicy(10_000, timedelta(hours=1), Backoff.EXPONENTIAL, jitter=False)
    assert retry_delay_ms(policy, 9_999, jitter=0.0) == MAX_DELAY_MS == 86_400_000
    assert retry_delay_ms(RetryPolicy(2, SECOND), 1, jitter=0.0, retry_after_ms=10**12) == MAX_DELAY_MS


def test_exponential_growth_is_bounded_before_numbers_get_huge() -> None:
    policy = RetryPolicy(10_000, timedelta(microseconds=1), Backoff.EXPONENTIAL, jitter=False)
    assert retry_delay_ms(policy, 31, jitter=0.0) == 1_073_741
    assert retry_delay_ms(policy, 41, jitter=0.0) == retry_delay_ms(policy, 10_000, jitter=0.0) == MAX_DELAY_MS


def test_no_delay_is_no_wait() -> None:
    assert retry_delay_ms(RetryPolicy(2, timedelta()), 1, jitter=0.9) == 0
