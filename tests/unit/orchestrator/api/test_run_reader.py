from flume.ids import Instance, Millis
from orchestrator.api.run_reader import MAX_REMEMBERED, SentLines
from orchestrator.store import LogLine


def line(sequence, *, attempt=1):
    return LogLine(Instance("say"), attempt, sequence, Millis(sequence), "info", "hello")


def test_a_line_that_comes_twice_is_new_once() -> None:
    sent = SentLines()
    assert sent.added([line(0), line(1)]) == [line(0), line(1)]
    assert sent.added([line(1), line(2), line(1, attempt=2)]) == [line(2), line(1, attempt=2)]


def test_the_latest_lines_are_remembered_and_no_more_than_that() -> None:
    sent = SentLines()
    sent.added([line(sequence) for sequence in range(MAX_REMEMBERED + 1)])
    assert sent.added([line(1), line(0)]) == [line(0)]
