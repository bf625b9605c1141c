import contextlib
import json
from typing import get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.ids import Instance, Millis, PipelineId, RunId
from orchestrator.bus import (
    AttemptHindered,
    FunctionChanged,
    FunctionHindered,
    InboxGrew,
    LogsWritten,
    Message,
    Overrun,
    PipelineChanged,
    Progress,
    RunChanged,
    RunsReady,
    SignOfLife,
)
from orchestrator.buses.redis.wire import (
    MOST_FRAME,
    MOST_LINES,
    MOST_MESSAGE,
    Ask,
    Beat,
    Bye,
    Heard,
    Hello,
    News,
    Watching,
    WireError,
    is_carried,
    read_frame,
    write_frame,
    write_message,
    write_news,
)
from orchestrator.state import RunStatus
from orchestrator.store import LogLine

RUN = RunId("a" * 24)
LINE = LogLine(Instance("n"), 1, 0, Millis(5), "info", "grüße", {"a": [1, None]})

MESSAGES = (
    RunChanged(RUN, "default", "p", 3, RunStatus.FAILED),
    Progress(RUN, Instance("each[3].n"), 2, 17, "바다"),
    LogsWritten(RUN, (LINE,), "p"),
    PipelineChanged(PipelineId("b" * 24), "default", "p", "saved"),
    InboxGrew(RUN),
    RunsReady(),
    SignOfLife(RUN, Instance("n"), 1, 4, "more"),
    FunctionHindered("fn-resize-gpu", "unschedulable", "waiting for a GPU", Millis(5)),
    AttemptHindered(RUN, Instance("n"), 1, "image-pull", "no such image", Millis(5)),
    Overrun(),
)

FRAMES = (
    Hello("x", 1, ("a", "b")),
    Watching("x", 2, ("a",), ("b",)),
    Watching("x", 3, ("a",), is_whole=True),
    Heard("x", 4),
    Ask("x"),
    Beat("x"),
    Bye("x"),
)


def test_every_kind_of_message_is_either_carried_or_said_not_to_be():
    kinds = {kind for each in get_args(Message) for kind in (get_args(each) or (each,))}
    assert kinds == {type(each) for each in MESSAGES} | {FunctionChanged}
    assert all(map(is_carried, MESSAGES))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda each: type(each).__name__)
def test_a_message_is_read_as_it_was_written(message):
    content = write_news("x", [write_message("topic", message)], has_gap=True)
    assert read_frame(content) == News("x", (("topic", message),), has_gap=True)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda each: type(each).__name__)
def test_a_frame_is_read_as_it_was_written(frame):
    assert read_frame(write_frame(frame)) == frame


TOO_LARGE = (
    Progress(RUN, Instance("n"), 1, 0, "x" * (MOST_MESSAGE + 1)),
    Progress(RUN, Instance("n"), 1, 0, "\N{SNOWMAN}" * (MOST_MESSAGE // 2)),
    LogsWritten(RUN, (LINE,) * (MOST_LINES + 1), "p"),
    LogsWritten(RUN, (LogLine(Instance("n"), 1, 0, Millis(5), "info", "", {"a": "x" * MOST_MESSAGE}),), "p"),
    Progress(RUN, Instance("n"), 1, 0, "\ud800"),
)


@pytest.mark.parametrize("message", TOO_LARGE, ids=["text", "bytes", "lines", "fields", "no text"])
def test_what_is_too_large_or_can_t_be_written_sends_its_watchers_to_the_store(message):
    assert json.loads(write_message("topic", message)) == ["topic", "overrun"]


def test_a_sign_of_life_is_rather_told_without_its_text_than_not_at_all():
    content = write_news("x", [write_message("t", SignOfLife(RUN, Instance("n"), 1, 4, "x" * MOST_MESSAGE))])
    assert read_frame(content) == News("x", (("t", SignOfLife(RUN, Instance("n"), 1, 4, "")),))


def test_a_message_of_a_kind_that_is_not_known_is_counted_and_sends_its_watchers_to_the_store():
    content = b'[1,"news","x",false,[["a","from the future",{}],["a","ready"],3]]'
    assert read_frame(content) == News("x", (("a", Overrun()), ("a", RunsReady())), unread=2)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'[2,"beat","x"]', b'[1,"beat",1]', b"x" * (MOST_FRAME + 1), b"[" * 9999]
)
def test_what_is_no_frame_is_refused_without_being_repeated(content):
    with pytest.raises(WireError) as caught:
        read_frame(content)
    assert len(str(caught.value)) < 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=6) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=12,
)
kinds = st.sampled_from(["hello", "watching", "heard", "ask", "beat", "bye", "news"])
items = st.lists(
    st.tuples(
        st.text(max_size=3), st.sampled_from(["run", "progress", "logs", "alive", "inbox"]), json_values, json_values
    ),
    max_size=3,
)


@given(st.tuples(st.just(1), kinds, st.text(max_size=3), json_values | items, json_values | items, json_values))
def test_nothing_that_comes_raises_anything_but_what_is_announced(fields):
    for length in range(len(fields) + 1):
        with contextlib.suppress(WireError):
            read_frame(orjson.dumps(fields[:length], option=orjson.OPT_NON_STR_KEYS))


@given(st.binary(max_size=50))
def test_no_bytes_do_either(content):
    with contextlib.suppress(WireError):
        read_frame(content)
