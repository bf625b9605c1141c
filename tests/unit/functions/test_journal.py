from threading import Thread

import pytest

from eventing.invocations import LogRecord, Phase
from functions.journal import MAX_LINES, MAX_TEXT, Journal

PLENTY = 10_000_000


@pytest.fixture
def journal(new_invocation):
    return Journal(new_invocation())


def log(journal, *texts):
    for text in texts:
        journal.log(LogRecord(0, "info", text))


def test_what_was_told_is_taken_once_and_counted_on(journal):
    log(journal, "a", "b")
    journal.progress("grü")
    journal.progress("ße")
    first = journal.take(PLENTY)
    journal.delivered()
    log(journal, "c")
    journal.progress("!")
    second = journal.take(PLENTY)

    assert (first.offset, first.text, [line.sequence for line in first.logs]) == (0, "grüße", [0, 1])
    assert (second.offset, second.text, [line.sequence for line in second.logs]) == (5, "!", [2])
    assert first.token == journal.invocation.token


def test_there_is_news_until_it_is_taken(journal):
    assert not journal.has_news()
    journal.progress("a")
    assert journal.has_news()
    journal.take(PLENTY)
    assert not journal.has_news()
    log(journal, "a")
    assert journal.has_news()


def test_lines_that_could_not_be_sent_wait_again_before_those_that_came_since(journal):
    log(journal, "a", "b")
    journal.take(PLENTY)
    log(journal, "c")

    journal.put_back()

    assert [line.sequence for line in journal.take(PLENTY).logs] == [0, 1, 2]


def test_partial_output_that_could_not_be_sent_is_a_gap(journal):
    journal.progress("abc")
    journal.take(PLENTY)
    journal.put_back()
    journal.progress("def")

    taken = journal.take(PLENTY)

    assert (taken.offset, taken.text) == (3, "def")


def test_the_answer_takes_the_lines_of_which_nobody_knows_that_they_arrived(journal):
    log(journal, "arrived")
    journal.take(PLENTY)
    journal.delivered()
    log(journal, "on the way")
    journal.take(PLENTY)
    log(journal, "waiting")

    assert [line.message for line in journal.rest()] == ["on the way", "waiting"]


def test_beyond_the_limit_the_newest_lines_are_dropped_and_counted(journal):
    log(journal, *["x"] * (MAX_LINES + 5))

    lines = journal.take(PLENTY).logs
    log(journal, "after")

    assert (len(lines), lines[-1].sequence) == (MAX_LINES, MAX_LINES - 1)
    assert journal.take(PLENTY).logs[0].sequence == MAX_LINES + 5


def test_the_answer_tells_how_many_lines_there_were_although_the_last_ones_were_dropped(journal):
    log(journal, *["x"] * (2 * MAX_LINES))

    rest = journal.rest()

    assert (len(rest), rest[-2].sequence) == (MAX_LINES + 1, MAX_LINES - 1)
    assert (rest[-1].sequence, rest[-1].message) == (2 * MAX_LINES - 1, "")


def test_a_line_that_was_dropped_is_not_told_of_once_a_later_one_was_taken(journal):
    log(journal, *["x"] * (MAX_LINES + 5))
    journal.take(PLENTY)
    journal.delivered()
    log(journal, "after")

    assert [line.sequence for line in journal.rest()] == [MAX_LINES + 5]


def test_lines_that_are_put_back_again_and_again_stay_within_the_limit(journal):
    for _ in range(3):
        log(journal, *["x"] * MAX_LINES)
        journal.take(PLENTY)
        log(journal, *["y"] * MAX_LINES)
        journal.put_back()

    assert len(journal.take(10 * PLENTY).logs) == MAX_LINES


def test_beyond_the_limit_the_oldest_partial_output_goes(journal):
    journal.progress("a" * 10)
    journal.progress("b" * MAX_TEXT)

    taken = journal.take(PLENTY)

    assert (taken.offset, taken.text) == (10, "b" * MAX_TEXT)


def test_no_more_is_taken_than_fits_and_the_rest_waits(journal):
    for _ in range(10):
        journal.log(LogRecord(0, "info", "x" * 400, {"field": "y" * 400}))
    journal.progress("abcdef" * 500)

    first, second = journal.take(2_000), journal.take(2_000)

    assert [len(first.logs), len(second.logs)] == [3, 3]
    assert (len(first.text), second.offset, len(second.text)) == (2_000, 2_000, 1_000)
    assert journal.has_news()


def test_nodes_may_write_from_many_threads(journal):
    threads = [Thread(target=log, args=(journal, *["x"] * 500)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(line.sequence for line in journal.take(PLENTY).logs) == list(range(4_000))


def test_where_the_attempt_is_need_not_be_told(journal):
    journal.phase(Phase.EXECUTING)

    assert not journal.has_news()
