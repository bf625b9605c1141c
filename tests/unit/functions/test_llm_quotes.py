"""What messages may quote of a model server's answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.nodes.llm_quotes import MAX_QUOTE, quote, shown_url, without_echo

FEW_LETTERS = st.text("abc", max_size=90)


@given(hidden=FEW_LETTERS, before=FEW_LETTERS, after=FEW_LETTERS, data=st.data())
def test_no_long_run_of_what_is_hidden_is_left(hidden: str, before: str, after: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(hidden)))
    end = data.draw(st.integers(start, len(hidden)))

    left = without_echo(before + hidden[start:end] + after, hidden)

    assert [left[at : at + 24] for at in range(len(left) - 23) if left[at : at + 24] in hidden] == []


@pytest.mark.parametrize(
    ("text", "hidden", "left"),
    [
        ("bad name 'Kim Min-jun'", "Kim Min-jun", "bad name '…'"),
        ("too long", "a prompt that has nothing to do with it", "too long"),
        ("the model is away", "model", "the model is away"),
        ("echo: a prompt that is long enough to matter!", "a prompt that is long enough to matter", "echo: …!"),
        ("x", "", "x"),
    ],
)
def test_what_is_hidden_goes_and_the_rest_stays(text: str, hidden: str, left: str) -> None:
    assert without_echo(text, hidden) == left


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        ({"message": "no"}, "no"),
        ({"error": {"message": "no"}}, "no"),
        ({"error": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"detail": [{"loc": ["a"], "msg": "no", "input": "what was sent"}, {"msg": "nor this"}]}, "no; nor this"),
        ("two\n  lines", "two lines"),
        ({"status": 3}, ""),
        (None, ""),
        ([1, None], ""),
    ],
)
def test_the_sentence_is_found_in_what_servers_answer(answered: Any, said: str) -> None:
    assert quote(answered, ()) == said


def test_a_quote_is_bounded() -> None:
    assert len(quote("x " * 1000, ())) == MAX_QUOTE


def test_what_is_hidden_is_not_told_by_where_the_quote_ends() -> None:
    assert "key-which" not in quote(f"{'x' * (MAX_QUOTE - 12)} key-which-nobody-sees", ["key-which-nobody-sees"])


def test_a_prompt_of_several_lines_is_found_in_the_one_line_of_a_quote() -> None:
    prompt = "name:  Kim Min-jun\n\ndisease: gout"

    assert quote(f"invalid: {prompt}", [prompt]) == "invalid: …"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://vllm:8000/v1", "http://vllm:8000/v1"),
        ("https://kim:se@cret@host/v1?key=secret#secret", "https://host/v1"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown
