"""How long to wait before the next attempt: arithmetic on a retry policy, nothing else."""

from flume.pipeline import Backoff, RetryPolicy

MAX_DELAY_MS = 24 * 3600 * 1000
"""No wait is longer than a day, whatever the policy or the other side says."""


def retry_delay_ms(policy: RetryPolicy, failed_attempt: int, *, jitter: float, retry_after_ms: int = 0) -> int:
    """Milliseconds between the end of attempt ``failed_attempt`` (from 1) and the start of the next.

    ``jitter`` in [0, 1) spreads the wait over its upper half, if the policy wants that, so that many runs that failed
    together do not come back together. What the other side asked for is a floor.
    """
    base = policy.delay.total_seconds() * 1000
    # A shift by more than 40 is beyond any bound already and would only make huge integers.
    growth = {
        Backoff.FIXED: 1,
        Backoff.LINEAR: failed_attempt,
        Backoff.EXPONENTIAL: 1 << min(failed_attempt - 1, 40),
    }[policy.backoff]
    delay = base * growth
    if policy.max_delay is not None:
        delay = min(delay, policy.max_delay.total_seconds() * 1000)
    if policy.jitter:
        delay *= 0.5 + jitter / 2
    return int(min(max(delay, retry_after_ms), MAX_DELAY_MS))
