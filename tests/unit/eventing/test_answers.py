"""Answers from outside are held to the same rules as those of nodes in this process."""

import pytest

from eventing.answers import settled
from eventing.invocations import MAX_FAILURE_MESSAGE, Failed
from flume.nodes.invocation import MAX_META_BYTES
from flume.nodes.outcomes import Result

PORTS = ("yes", "no")
META = {"": "x" * (MAX_META_BYTES - len('{"":""}'))}


@pytest.mark.parametrize(
    "answer",
    [
        Result(1, {}, "yes"),
        Result(1, {}, "no"),
        Result(1, META, "no"),
        Failed("why", "m"),
        Failed("why", "m" * MAX_FAILURE_MESSAGE, retryable=True, answered=False),
    ],
)
def test_an_answer_that_keeps_to_the_rules_stays_as_it_is(answer):
    assert settled("check", PORTS, answer) is answer


def test_of_a_long_message_of_a_failure_the_beginning_is_kept():
    failed = settled("check", PORTS, Failed("crashed", "killed" + "x" * 100_000, retryable=True, answered=False))

    assert (failed.code, failed.retryable, failed.answered) == ("crashed", True, False)
    assert len(failed.message) == MAX_FAILURE_MESSAGE
    assert (failed.message[:6], failed.message[-1]) == ("killed", "…")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Result(1), "function 'check': left by port 'out'; it has: yes, no"),
        (Result(1, {}, "p" * 10_000), f"function 'check': left by port '{'p' * 100}'; it has: yes, no"),
        (Result(1, {"": META[""] + "x"}, "no"), "function 'check': meta takes 16,385 bytes of JSON, more than 16,384"),
    ],
)
def test_an_answer_that_does_not_is_a_failure_for_good_that_names_the_function(answer, problem):
    failed = settled("check", PORTS, answer)

    assert isinstance(failed, Failed)
    assert (failed.code, failed.retryable, failed.answered) == ("bad-output", False, True)
    assert failed.message.startswith(problem)
