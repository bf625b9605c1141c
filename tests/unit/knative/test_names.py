import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knative.names import MOST, label_value, object_name

LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

texts = st.text(alphabet="ab-.A/0é", max_size=80) | st.text(max_size=100)


def test_one_plain_part_is_read_as_it_is():
    assert object_name("fn", "http-request", ending="cpu") == "fn-http-request-cpu"
    assert object_name("model", "phi") == "model-phi"


def test_a_name_stays_the_same_from_one_release_to_the_next():
    # Changing these renames objects of every installation.
    assert object_name("on", "shop", "ship", "orders") == "on-shop-ship-orders-9dc5e505a4"
    assert object_name("model", "llama3.1-70b") == "model-llama3-1-70b-2410d4da4b"


@given(st.lists(texts, max_size=4))
def test_any_parts_give_a_dns_label(parts):
    name = object_name("on", *parts)

    assert LABEL.fullmatch(name)
    assert len(name) <= MOST


@given(st.lists(texts, min_size=1, max_size=3), st.lists(texts, min_size=1, max_size=3))
def test_different_parts_give_different_names(some, others):
    assert (object_name("on", *some) == object_name("on", *others)) == (some == others)


@pytest.mark.parametrize(
    ("some", "others"),
    [
        (("a-b", "c"), ("a", "b-c")),
        (("a.b",), ("a-b",)),
        (("A",), ("a",)),
        (("a" * 80,), ("a" * 81,)),
        (("a",), ("a", "")),
    ],
)
def test_what_reads_alike_is_told_apart(some, others):
    assert object_name("on", *some) != object_name("on", *others)


def test_nobody_can_take_the_name_of_another_by_writing_its_digest():
    theirs = object_name("model", "llama3.1-70b")

    assert object_name("model", theirs.removeprefix("model-")) != theirs


@given(texts)
def test_any_text_gives_a_label_value(text):
    assert re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", label_value(text))


@given(texts, texts)
def test_different_texts_give_different_label_values(one, other):
    assert (label_value(one) == label_value(other)) == (one == other)
