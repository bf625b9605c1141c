import io
import sys

import pytest
from rich.console import Console

from flume.cli.live_progress import MAX_ROWS, TEXT_LINES, LiveProgress
from flume.cli.printing import print_output
from flume.cli.progress import LINE_WIDTH, PlainProgress, broken
from flume.cli.streamed_text import Piece, StreamedText
from flume.cli.visible import visible

RUNNING, DONE = {"status": "running"}, {"status": "completed"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("한글, “quotes” and 🌊\n\tstay\n", "한글, “quotes” and 🌊\n\tstay\n"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("over\rwritten", "over␍written"),
        ("line\r\n", "line\n"),
        ("\x00\x08\x7f", "␀␈␡"),
        ("\x9b2J \x85", "�2J �"),
        ("user\u202etxt.exe \u2066\u2069\u200f", "user�txt.exe ���"),
        ("one\u2028two", "one�two"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text, shown):
    assert visible(text) == shown
    assert visible(shown) == shown


def pieces(*given):
    return [Piece("write", *each) for each in given]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([(1, 0, "The "), (1, 4, "sea")], "The sea"),
        ([(1, 0, "The "), (1, 0, "The sea"), (1, 7, " is")], "The sea is"),
        ([(1, 0, "The sea"), (1, 2, "e ")], "The sea"),
        ([(1, 0, "The "), (1, 9, "deep")], "The …deep"),
        ([(1, 70_000, "deep")], "…deep"),
        ([(1, 0, "The "), (2, 0, "A "), (1, 4, "sea"), (2, 2, "lake")], "The A lake"),
    ],
)
def test_pieces_make_up_a_text_whether_they_come_twice_late_or_not_at_all(given, text):
    stream = StreamedText()
    assert "".join(stream.add(piece) for piece in pieces(*given)) == text


@pytest.mark.parametrize("line", ["", "short", "word " * 100, "x" * 350, "바다" * 120, f"{'x' * 99} {'y' * 101}"])
def test_a_long_line_is_broken_at_blanks_where_there_are_any_and_nothing_is_lost(line):
    parts = broken(line)
    assert all(len(part) <= LINE_WIDTH for part in parts)
    assert (" " if " " in line else "").join(parts) == line or "".join(parts) == line.replace(" ", "")


def test_lines_are_told_when_they_are_whole_and_the_rest_when_the_node_ends(capsys):
    progress = PlainProgress()
    progress.node("write", RUNNING)
    for piece in pieces((1, 0, "The sea\r\nis"), (1, 11, " deep")):
        progress.text(piece)
    assert capsys.readouterr().err == "  write: running\n  write| The sea\n"
    progress.node("write", DONE)
    progress.close()
    assert capsys.readouterr().err == "  write| is deep\n  write: done\n"


def test_the_rest_of_a_failed_attempt_is_told_before_the_next_attempt_writes(capsys):
    progress = PlainProgress()
    for piece in pieces((1, 0, "The se"), (2, 0, "A lake\n"), (2, 7, "is")):
        progress.text(piece)
    progress.close()
    assert capsys.readouterr().err == "  write| The se\n  write| A lake\n  write| is\n"


def test_the_end_of_a_loop_ends_the_texts_of_its_items_and_no_others(capsys):
    progress = PlainProgress()
    for instance in ("each[0].write", "each[1].write", "each-2"):
        progress.text(Piece(instance, 1, 0, "text"))
    progress.node("each", DONE)
    assert capsys.readouterr().err == "  each[0].write| text\n  each[1].write| text\n  each: done\n"
    progress.close()
    assert capsys.readouterr().err == "  each-2| text\n"


def test_neither_texts_nor_log_lines_nor_errors_carry_control_characters(capsys):
    progress = PlainProgress()
    progress.text(Piece("write", 1, 0, "\x1b[2J\n"))
    progress.log({"node": "write", "level": "info", "message": "\x1b[2J", "fields": {"a": "\x9b"}})
    progress.node("write", {"status": "failed", "error": {"code": "raised", "message": "\x1b[2J"}})
    told = capsys.readouterr().err
    assert told.count("␛[2J") == 3
    assert not {"\x1b", "\x9b"} & set(told)


class Screen:
    """A terminal's width and height, and what `LiveProgress` drew last on it."""

    def __init__(self, width=40, height=24):
        self._size = {"width": width, "height": height}
        self.progress = LiveProgress(self._console())

    def lines(self):
        paper = self._console()
        paper.print(self.progress.draw())
        return [line.rstrip() for line in paper.file.getvalue().splitlines()]

    def _console(self):
        return Console(file=io.StringIO(), color_system=None, **self._size)


@pytest.fixture
def new_screen():
    made = []

    def new(**size):
        made.append(Screen(**size))
        return made[-1]

    yield new
    for screen in made:
        screen.progress.close()


def test_a_terminal_shows_the_last_lines_of_what_a_running_node_writes(new_screen):
    screen = new_screen()
    screen.progress.node("write", RUNNING)
    screen.progress.text(Piece("write", 1, 0, "".join(f"line {number}\n" for number in range(20))))
    screen.progress.text(Piece("write", 1, 150, "\x1b[2J and a long one that goes on and on"))
    lines = screen.lines()
    assert lines[0] == "● write running"
    assert len(lines) == 1 + TEXT_LINES
    assert [line.strip() for line in lines[-3:]] == ["line 19", "␛[2J and a long one that goes on", "and on"]
    screen.progress.node("write", DONE)
    assert screen.lines() == ["✓ write done"]


def test_a_terminal_shows_of_a_loop_the_item_that_wrote_last_and_of_a_new_attempt_nothing_old(new_screen):
    screen = new_screen()
    screen.progress.node("each", RUNNING)
    for piece in (Piece("each[0].write", 1, 0, "first"), Piece("each[1].write", 1, 0, "second")):
        screen.progress.text(piece)
    assert [line.strip() for line in screen.lines()] == ["● each running", "second"]
    screen.progress.text(Piece("each[0].write", 2, 0, "anew"))
    assert [line.strip() for line in screen.lines()] == ["● each running", "anew"]


@pytest.mark.parametrize("height", [10, 24, 80])
def test_what_is_drawn_fits_the_terminal_however_many_nodes_write(new_screen, height):
    screen = new_screen(height=height)
    for number in range(50):
        screen.progress.node(f"n{number}", RUNNING)
        screen.progress.text(Piece(f"n{number}", 1, 0, "text\n" * 30))
    lines = screen.lines()
    assert len(lines) <= min(height, MAX_ROWS + TEXT_LINES + 1)
    assert "more" in lines[-1]


@pytest.mark.parametrize(("is_terminal", "printed"), [(True, "␛[31m\n"), (False, "\x1b[31m\n")])
def test_an_output_is_made_visible_on_a_terminal_and_left_as_it_is_elsewhere(monkeypatch, is_terminal, printed):
    out = io.StringIO()
    out.isatty = lambda: is_terminal
    monkeypatch.setattr(sys, "stdout", out)
    print_output("\x1b[31m")
    assert out.getvalue() == printed
