import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.tokens import AttemptTokens, PipelineKeys
from flume.errors import RequestError
from flume.ids import Instance, RunId

KEY = bytes(range(32))
RUN, NODE = RunId("65a1b2c3d4e5f60718293a4b"), Instance("each[3].fetch")


def test_a_token_is_good_for_its_own_attempt_alone() -> None:
    tokens = AttemptTokens(KEY)
    token = tokens.make(RUN, NODE, 1)
    assert tokens.check(token, RUN, NODE, 1)
    assert not tokens.check(token, RUN, NODE, 2)
    assert not tokens.check(token, RUN, Instance("each[4].fetch"), 1)
    assert not tokens.check(token, RunId("65a1b2c3d4e5f60718293a4c"), NODE, 1)


def test_a_token_is_the_same_in_every_process_and_void_under_another_key() -> None:
    token = AttemptTokens(KEY).make(RUN, NODE, 1)
    assert AttemptTokens(bytes(range(32))).make(RUN, NODE, 1) == token
    assert not AttemptTokens(bytes(32)).check(token, RUN, NODE, 1)


def test_a_token_fits_into_urls_and_headers() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", AttemptTokens(KEY).make(RUN, NODE, 1))
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", PipelineKeys(KEY).make("default", "기사"))


@pytest.mark.parametrize("forged", ["", "x", "é", "\ud800", "=" * 43, "A" * 100_000])
def test_any_other_text_is_no_token(forged: str) -> None:
    assert not AttemptTokens(KEY).check(forged, RUN, NODE, 1)
    assert not PipelineKeys(KEY).check(forged, "default", "articles")


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_two_pipelines_share_a_key_only_when_they_are_the_same(a: str, b: str, c: str, d: str) -> None:
    keys = PipelineKeys(KEY)
    assert keys.check(keys.make(a, b), c, d) == ((a, b) == (c, d))


def test_a_pipeline_key_is_no_attempt_token() -> None:
    assert AttemptTokens(KEY).make(RunId("a"), Instance("b"), 1) != PipelineKeys(KEY).make("a", "b")


@pytest.mark.parametrize("key", [b"", b"short", bytes(15)])
def test_a_key_that_can_be_guessed_is_refused(key: bytes) -> None:
    with pytest.raises(RequestError, match="16 random bytes"):
        AttemptTokens(key)
    with pytest.raises(RequestError, match="16 random bytes"):
        PipelineKeys(key)
