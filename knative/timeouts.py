"""The time-outs of a function, all from one value: how long an attempt may take.

They are nested: the attempt ends itself first, so that its answer says so; then Knative gives the request up, then the broker.
An order bounds each attempt by its own time-out, which is this one or shorter.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from flume.problems import Problem

ANSWER_MARGIN = timedelta(seconds=10)
"""What a request may take longer than its attempt: the answer has to get out. Given as far as the cluster's maximum allows."""

DELIVERY_MARGIN = timedelta(seconds=60)
"""What a broker waits longer than Knative: a function may have to start first."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Of one function. ``request_s`` is Knative's ``timeoutSeconds`` and ``responseStartTimeoutSeconds``, in whole seconds."""

    attempt: timedelta
    request_s: int

    @property
    def delivery(self) -> str:
        """How long a broker waits for the reply to one delivery, in ISO 8601."""
        return f"PT{self.request_s + int(DELIVERY_MARGIN.total_seconds())}S"


def timeouts_of(attempt: timedelta, most: timedelta) -> Timeouts:
    """The time-outs of a function whose attempts take ``attempt`` at most; ``most`` is what the cluster allows a request."""
    wanted = ceil((attempt + ANSWER_MARGIN).total_seconds())
    return Timeouts(attempt, max(1, min(wanted, int(most.total_seconds()))))


def timeout_problem(node_type: str, attempt: timedelta, most: timedelta) -> Problem | None:
    """What is wrong if attempts of a function take longer than the cluster allows a request to."""
    if attempt <= most:
        return None
    seconds, limit = f"{attempt.total_seconds():g}", f"{most.total_seconds():g}"
    return Problem(
        "timeout-too-long",
        "/spec/timeout",
        f"'{node_type}' may take {seconds} s as a function, and this cluster ends requests after {limit} s",
        f"let it run as a job (runOn: job), or raise max-revision-timeout-seconds in Knative's config-defaults to {seconds} "
        "and FLUME_FUNCTION_TIMEOUT_MAX with it",
    )
