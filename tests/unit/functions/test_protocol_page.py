"""What `docs/reference/protocol.md` promises in numbers is what the code does."""

from pathlib import Path

import pytest

from eventing import cloudevents, datarefs, message_reading, messages, node_logs, remote
from flume.nodes.invocation import MAX_META_BYTES
from functions import app, memo, reporter

PAGE = " ".join((Path(__file__).parents[3] / "docs" / "reference" / "protocol.md").read_text().split())


@pytest.mark.parametrize(
    "promise",
    [
        f"an object, {MAX_META_BYTES // 1024} KiB",
        f"`code` is up to {message_reading.MAX_CODE} characters",
        f"A message is cut at {node_logs.MAX_LOG_MESSAGE:,} characters",
        f"fields above {node_logs.MAX_LOG_FIELD_BYTES * 2 // 1024} KiB are dropped",
        f"respected, up to {remote.LONGEST_PAUSE.seconds} s",
        f"{cloudevents.MAX_BATCH:,} events at most",
        f"one at least every {reporter.LONGEST_SILENCE_S:g} s",
        f"after {remote.Patience().silence.seconds} s of silence",
        f"Data above {datarefs.INLINE_MOST // 1024} KiB",
        f"At most {datarefs.PAYLOAD_MOST // 1024 // 1024} MiB",
        f"bodies above {app.MAX_BODY // 1024} KiB",
        f"headers above {app.MAX_HEAD // 1024} KiB",
    ],
)
def test_the_page_says_what_the_code_does(promise):
    assert promise in PAGE


@pytest.mark.parametrize("kind", [messages.INVOKE, messages.COMPLETED, messages.FAILED, messages.PROGRESS])
def test_the_page_names_every_message(kind):
    assert f"`{kind}`" in PAGE


def test_the_numbers_that_are_words_in_the_page_are_right():
    assert (remote.MAX_SENDS, remote.MAX_CRASHES) == (3, 2)
    assert "handed over three times in all" in PAGE
    assert "died over it twice" in PAGE
    assert (reporter.SHORTEST_PAUSE_S, memo.SHORTEST_S) == (0.1, 600)
    assert "Remember each answer for ten minutes" in PAGE
    assert "At most ten calls a second" in PAGE
