"""Partial output comes out whole and at once, except for what could become a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.node_progress import NodeProgress, StreamMask

SECRET = "s3cret-value"


class Reports:
    def __init__(self):
        self.told = []

    def progress(self, text):
        self.told.append(text)


def told(secrets, *pieces):
    """What was told after each piece, and after the end."""
    reports = Reports()
    progress = NodeProgress(reports, StreamMask(secrets))
    states = []
    for piece in pieces:
        progress(piece)
        states.append("".join(reports.told))
    progress.end()
    return [*states, "".join(reports.told)]


def test_what_can_be_no_secret_is_told_at_once():
    assert told([SECRET], "hello ", "world") == ["hello ", "hello world", "hello world"]


@pytest.mark.parametrize("at", range(1, len(SECRET)))
def test_a_secret_in_two_pieces_is_masked(at):
    assert told([SECRET], "x" + SECRET[:at], SECRET[at:] + "y") == ["x", "x•••y", "x•••y"]


def test_a_secret_that_comes_letter_by_letter_is_masked():
    assert told([SECRET], *SECRET, "y")[-2:] == ["•••y", "•••y"]


def test_what_looked_like_the_beginning_of_a_secret_is_told_with_the_next_piece_or_at_the_end():
    assert told([SECRET], "as3c", "x", "s3cr") == ["a", "as3cx", "as3cx", "as3cxs3cr"]


def test_a_secret_that_begins_with_another_is_masked_whole():
    assert told(["s3cret", "s3cret-value"], "s3cret", "-value") == ["", "•••", "•••"]


def test_a_secret_that_ends_as_another_begins_is_masked_at_once():
    assert told(["abcdab", "abxyz1"], "abcdab", "!") == ["•••", "•••!", "•••!"]


def test_without_secrets_all_is_told_at_once_and_what_can_not_be_encoded_is_replaced():
    assert told([], "a\ud800", "b") == ["a?", "a?b", "a?b"]


def test_nothing_is_told_twice_at_the_end():
    reports = Reports()
    progress = NodeProgress(reports, StreamMask([SECRET]))
    progress("s3c")
    progress.end()
    progress.end()

    assert reports.told == ["s3c"]


@given(
    st.lists(st.text("ab", min_size=2, max_size=5), min_size=1, max_size=3),
    st.lists(st.text("abc", max_size=6), max_size=8),
)
def test_no_secret_is_told_and_the_same_comes_out_however_it_is_cut(secrets, pieces):
    whole = told(secrets, *pieces)[-1]

    assert not [secret for secret in secrets if secret in whole]
    assert whole == StreamMask(secrets).mask("".join(pieces))
