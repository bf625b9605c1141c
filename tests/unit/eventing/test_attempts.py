from datetime import timedelta

import pytest

from eventing.attempts import Hindrance, OpenAttempts, line_number
from eventing.invocations import Failed, LogRecord, Phase
from eventing.messages import Answered, Attempt, Progressed
from flume.nodes.outcomes import Result

ATTEMPT = Attempt("r", "n", 1)


class Told:
    """The reports of an attempt, kept."""

    def __init__(self):
        self.lines = []
        self.text = ""
        self.phases = []
        self.ready_ms = []

    def log(self, record):
        self.lines.append(record.message)

    def progress(self, text):
        self.text += text

    def phase(self, phase, *, ago_ms=0):
        self.phases.append((phase, ago_ms))

    def handed_over(self):
        pass

    def ready(self, *, for_ms):
        self.ready_ms.append(for_ms)


@pytest.fixture
def told():
    return Told()


@pytest.fixture
async def attempt(new_invocation, told):
    with OpenAttempts().open(new_invocation(), told) as opened:
        yield opened


def lines(*sequences):
    return tuple(LogRecord(0, "info", f"line {each}", {}, each) for each in sequences)


def progressed(offset=0, text="", logs=()):
    return Progressed(ATTEMPT, "t", offset, text, logs)


def answered(output=1, logs=(), execute_ms=0):
    return Answered(ATTEMPT, "t", Result(output), logs, execute_ms)


async def test_partial_output_that_comes_again_or_overlaps_is_taken_once(attempt, told):
    for offset, text in ((0, "abc"), (0, "abc"), (1, "bcd"), (4, "ef"), (2, "cd"), (3, "")):
        attempt.take(progressed(offset, text))

    assert told.text == "abcdef"


async def test_a_gap_in_partial_output_is_passed_over(attempt, told):
    attempt.take(progressed(0, "abc"))
    attempt.take(progressed(10, "xyz"))
    attempt.take(progressed(3, "late"))

    assert told.text == "abcxyz"


async def test_lines_are_taken_once_and_in_order_whichever_way_they_come(attempt, told):
    attempt.take(progressed(logs=lines(0, 1)))
    attempt.take(progressed(logs=lines(0, 1)))
    attempt.take(progressed(logs=lines(1, 2, 5)))
    attempt.take(progressed(logs=lines(3)))
    attempt.take(answered(logs=lines(2, 5, 6)))

    assert told.lines == ["line 0", "line 1", "line 2", "line 5", "line 6"]


async def test_a_line_without_a_number_is_the_next_one(attempt, told):
    attempt.take(progressed(logs=lines(None, None)))
    attempt.take(progressed(logs=lines(1, 2)))

    assert told.lines == ["line None", "line None", "line 2"]


async def test_the_first_answer_counts(attempt):
    attempt.take(answered("first"))
    attempt.take(answered("second"))

    assert attempt.answered.result().answer == Result("first")


async def test_the_work_began_with_the_first_sign_of_life(attempt, told):
    assert attempt.heard_at is None

    attempt.take(progressed())
    began = attempt.taken_up_at
    attempt.take(progressed())

    assert told.phases == [(Phase.EXECUTING, 0)]
    assert attempt.taken_up_at == began <= attempt.heard_at


async def test_the_answer_tells_how_long_before_the_first_sign_of_life_the_work_began(attempt, told):
    attempt.take(progressed())
    attempt.take(answered(execute_ms=40))

    assert told.phases == [(Phase.EXECUTING, 0), (Phase.EXECUTING, 40)]


async def test_of_work_that_only_its_answer_tells_of_the_begin_lies_back(attempt, told):
    attempt.starting()
    attempt.take(answered(execute_ms=40))

    assert told.phases == [(Phase.STARTING, 0), (Phase.EXECUTING, 40)]


async def test_the_answer_tells_how_long_its_process_had_been_ready(attempt, told):
    attempt.take(progressed())
    attempt.take(Answered(ATTEMPT, "t", Result(1), (), 40, 7))

    assert told.ready_ms == [7]


async def test_an_attempt_is_found_while_it_is_waited_for(new_invocation, told):
    attempts = OpenAttempts()
    with attempts.open(new_invocation(), told) as opened:
        assert attempts.find(ATTEMPT) is opened
        assert attempts.find(Attempt("r", "n", 2)) is None

    assert attempts.find(ATTEMPT) is None


async def test_an_attempt_that_was_opened_anew_is_not_lost_when_the_former_ends(new_invocation, told):
    attempts = OpenAttempts()
    with attempts.open(new_invocation(timeout=timedelta(seconds=1)), told):
        second = attempts.open(new_invocation(), told)
        opened = second.__enter__()

    assert attempts.find(ATTEMPT) is opened
    second.__exit__(None, None, None)


async def test_whoever_waits_for_an_answer_hears_that_nobody_wants_it_any_more(new_invocation, told):
    with OpenAttempts().open(new_invocation(), told) as opened:
        assert not opened.answered.done()

    assert opened.answered.cancelled()
    opened.take(answered())


NO_GPU = Hindrance("unschedulable", "waiting for a GPU")
LOST = Failed("lost", "nothing was heard of it", retryable=True, answered=False)


async def test_what_hinders_an_attempt_is_told_once_and_is_why_it_was_lost(attempt, told):
    assert attempt.explained(LOST) == LOST
    attempt.hinder(NO_GPU, 5)
    attempt.hinder(NO_GPU, 6)
    assert told.lines == ["waiting for a GPU"]
    failed = attempt.explained(LOST)
    assert (failed.code, failed.retryable, failed.answered) == ("unschedulable", True, False)
    assert failed.message == "not begun in all its time to start: waiting for a GPU"
    refused = Failed("refused", "no")
    assert attempt.explained(refused) == refused


async def test_nothing_hinders_an_attempt_that_somebody_is_at_work_on(attempt, told):
    attempt.hinder(NO_GPU, 5)
    attempt.take(progressed(logs=lines(0)))
    attempt.hinder(Hindrance("image-pull", "no image"), 6)
    assert told.lines == ["waiting for a GPU", "line 0"]
    assert attempt.explained(LOST) == LOST


def test_the_numbers_of_such_lines_are_never_those_of_a_function_and_always_the_same():
    assert line_number("a", "b") == line_number("a", "b") < 0
    assert line_number("a", "b") != line_number("a", "c")
